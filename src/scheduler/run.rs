//! The loop: waits for a token, for a change of the timetable, and for the end.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::journal::Journal;
use super::look::{Look, Missing, SETTLE};
use super::memory::Memory;
use super::round::{self, Broken, Patience};
use super::{Options, ReadError, read};
use crate::beanstalk::Job;
use crate::names::{EntryName, Tube};
use crate::queue::{self, Client, Error};
use crate::schedule::timetable::{Entry, Timetable};
use crate::schedule::{Token, next_look, token_tube};
use crate::watch::{Interest, Watcher};
use crate::worker::program;

/// How often all tokens are looked at, and the timetable is read, whether or not a change was seen.
const PERIOD: Duration = Duration::from_mins(1);

/// Runs a scheduler until SIGTERM or SIGINT: what the program does.
///
/// # Errors
/// The timetable is not there or not valid; signals cannot be waited for.
pub fn main(options: Options) -> Result<(), StartError> {
    let timetable = read(&options.file)?;
    program::run(async |ends| {
        Scheduler::new(options, timetable, ends).run(Watcher::new()).await;
        Ok(())
    })?
}

/// Why a scheduler did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no timetable.
    #[error(transparent)]
    Timetable(#[from] ReadError),
    /// The system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

struct Scheduler {
    options: Options,
    timetable: Timetable,
    /// The tubes of the tokens.
    tubes: BTreeMap<Tube, EntryName>,
    client: Client,
    memory: Memory,
    journal: Journal,
    missing: Missing,
    ends: Ends,
    /// On which connection all tokens were looked at, and when they are looked at again.
    looked: (u64, Instant),
}

/// Says when the program is to end.
struct Ends(mpsc::Receiver<()>);

impl Patience for Ends {
    async fn sleep(&mut self, time: Duration) -> bool {
        tokio::select! {
            _ = self.0.recv() => false,
            () = sleep(time) => true,
        }
    }
}

/// What woke the loop.
enum Wake {
    End,
    Changed(Vec<String>),
    Connected,
    Reserved(Result<Option<Job>, Error>),
    Failed(Error),
}

impl Scheduler {
    fn new(options: Options, timetable: Timetable, ends: mpsc::Receiver<()>) -> Self {
        let journal = Journal::new(options.application.clone());
        let (memory, trouble) = Memory::recall(options.memory.clone());
        if let Some(trouble) = trouble {
            journal.trouble(&format!("what was put before is not known: {trouble}"));
        }
        let client = Client::new(options.server.clone(), queue::Options::default());
        let mut scheduler = Self {
            options,
            timetable: Timetable::default(),
            tubes: BTreeMap::new(),
            client,
            memory,
            journal,
            missing: Missing::new(),
            ends: Ends(ends),
            looked: (0, Instant::now()),
        };
        scheduler.follow(timetable);
        scheduler
    }

    /// Goes by another timetable: another connection, which waits for its tokens.
    fn follow(&mut self, timetable: Timetable) {
        let enabled = timetable.entries.iter().filter(|entry| entry.enabled);
        let application = &self.options.application;
        self.tubes = enabled
            .filter_map(|entry| Some((token_tube(application, &entry.name).ok()?, entry.name.clone())))
            .collect();
        let watched = self.tubes.keys().cloned().collect();
        let options = queue::Options { watched, ..queue::Options::default() };
        self.client = Client::new(self.options.server.clone(), options);
        self.journal.reads(timetable.entries.len());
        self.timetable = timetable;
        self.missing.clear();
        self.looked = (0, Instant::now());
    }

    /// Each user has only so many watchers: without one changes are seen a little later.
    async fn run(mut self, watcher: io::Result<Watcher>) {
        let (mut watcher, refused) = match watcher {
            Ok(mut watcher) => {
                let refused = watcher.watch(vec![Interest::Path(self.options.file.clone())]);
                (Some(watcher), refused)
            }
            Err(error) => (None, vec![error.to_string()]),
        };
        self.unwatched(&refused);
        // It may have changed before it was watched.
        self.reread();
        loop {
            let wake = tokio::select! {
                biased;
                _ = self.ends.0.recv() => Wake::End,
                refused = changed(&mut watcher) => Wake::Changed(refused),
                wake = wait(&mut self.client, self.looked, self.tubes.is_empty()) => wake,
            };
            match wake {
                Wake::End => break,
                Wake::Changed(refused) => {
                    self.unwatched(&refused);
                    self.reread();
                }
                Wake::Connected => {
                    self.journal.queue_up();
                    self.look().await;
                    self.reread();
                }
                Wake::Reserved(Ok(Some(job))) => {
                    if self.turn(job).await.is_err() {
                        break;
                    }
                }
                Wake::Reserved(Ok(None)) => {}
                Wake::Reserved(Err(error)) | Wake::Failed(error) => self.failed(&error),
            }
        }
        self.journal.leaves();
    }

    fn unwatched(&self, refused: &[String]) {
        for reason in refused {
            self.journal
                .trouble(&format!("cannot see changes of the timetable: {reason}; it is read once a minute"));
        }
    }

    fn failed(&mut self, error: &Error) {
        self.journal.queue_down(&error.to_string());
    }

    /// Reads the timetable again; one that is not valid changes nothing.
    fn reread(&mut self) {
        match read(&self.options.file) {
            Ok(timetable) => {
                self.journal.accepts();
                if timetable != self.timetable {
                    self.follow(timetable);
                }
            }
            Err(error) => self.journal.keeps(&error.to_string()),
        }
    }

    /// Looks at all tokens.
    async fn look(&mut self) {
        let mut look = Look {
            client: &mut self.client,
            options: &self.options,
            memory: &mut self.memory,
            journal: &mut self.journal,
            missing: &mut self.missing,
        };
        match look.at(&self.timetable).await {
            Ok(()) => {
                let again = if self.missing.is_empty() { PERIOD } else { SETTLE / 4 };
                self.looked = (self.client.session(), Instant::now() + again);
                self.ready();
            }
            Err(error) => self.failed(&error),
        }
    }

    fn ready(&mut self) {
        let now = Timestamp::now();
        let next = |entry: &'_ Entry| {
            let last = self.memory.of(&entry.name).map_or(now, |past| past.last);
            Some((next_look(entry, last, now)?, entry.name.clone()))
        };
        let next = self.timetable.entries.iter().filter(|entry| entry.enabled).filter_map(next).min();
        self.journal.ready(next);
    }

    /// A turn with a token; an error is the end of the program.
    async fn turn(&mut self, job: Job) -> Result<(), ()> {
        let token = Token::parse(&job.body);
        let entry = token.as_ref().and_then(|token| {
            let ours = token.application == self.options.application;
            self.timetable.entries.iter().find(|entry| ours && entry.name == token.entry)
        });
        let (Some(token), Some(entry)) = (token, entry) else {
            self.journal.trouble(&format!("job {} in a tube of tokens is none: removes it", job.id));
            let _ = self.client.delete(job.id).await;
            return Ok(());
        };
        let known = self.memory.of(&entry.name);
        let turn =
            round::take(&mut self.client, &self.options, entry, (job.id, token), known, &mut self.ends);
        let (ended, past) = turn.await;
        if let Some(error) = self.memory.remember(&entry.name, &past) {
            self.journal.trouble(&format!("cannot remember the slots that were put: {error}"));
        }
        match ended {
            Ok(outcome) => {
                let tube = entry.put.tube.as_ref().unwrap_or(&self.options.tube);
                self.journal.outcome(&entry.name, tube, &outcome);
                self.ready();
                Ok(())
            }
            Err(Broken::Leave) => Err(()),
            Err(Broken::Later(reason)) => {
                self.journal.trouble(&reason);
                Ok(())
            }
            Err(Broken::Queue(error)) => {
                self.failed(&error);
                // The token is ready again at once, for whoever can go on.
                self.client.disconnect();
                Ok(())
            }
        }
    }
}

/// Waits for a change of the timetable; without a watcher for ever.
async fn changed(watcher: &mut Option<Watcher>) -> Vec<String> {
    match watcher {
        Some(watcher) => {
            watcher.changed().await;
            watcher.follow()
        }
        None => std::future::pending().await,
    }
}

/// Connects, then waits for a token, or until it is time to look at all of them.
async fn wait(client: &mut Client, (session, again): (u64, Instant), idle: bool) -> Wake {
    if let Err(error) = client.ready().await {
        return Wake::Failed(error);
    }
    let left = again.saturating_duration_since(Instant::now());
    if client.session() != session || left.is_zero() {
        // A reserve that was interrupted is given up: while it waits nothing else is answered.
        if client.is_reserving() {
            client.disconnect();
        }
        return Wake::Connected;
    }
    if idle {
        // It watches no tube of its own, and is not to take what lies in the default one.
        sleep(left).await;
        return Wake::Connected;
    }
    let seconds = u32::try_from(left.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
    Wake::Reserved(client.next_job(Some(seconds)).await)
}
