//! The thread that reads, and watches what it has read.
//!
//! ```text
//!     Ask ────────────► a pass ─► Answer ──────────────┐
//!     an edit is seen ─► a pass ─► Begun, Changed ─────┤       Taken
//!                                                      └─ wait ──────► watch, and look once more ─► Free
//! ```
//!
//! What is offered counts as applied once it is taken: until then the next pass compares with what was
//! applied before.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot, watch};

use super::looking::{At, Look, Looking};
use super::pass::{Identified, Invalid, Next, Pass, Place, Seen, Unread};
use crate::config::{Account, SourceFile};
use crate::names::{ApplicationName, Version};
use crate::plan::Wanted;
use crate::process::hold_signals;
use crate::supervisor::core::Event;
use crate::supervisor::driver::releases::interests;
use crate::supervisor::sources;
use crate::watch::{Interest, Watcher};

/// The thread's stack, in bytes: a name service may come as a library, and use as much as it likes.
const STACK: usize = 1024 * 1024;

/// How many asks may wait: one, and that other folders are to be watched.
const ASKS: usize = 2;

/// The folder of a release that is not the deployed one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Older {
    pub(in super::super) application: ApplicationName,
    pub(in super::super) version: Version,
    pub(in super::super) path: PathBuf,
    /// Whether it is known to have gone.
    pub(in super::super) gone: bool,
}

/// What a reader is asked for.
#[derive(Debug)]
pub(in super::super) enum Ask {
    /// The configuration, read anew.
    Configuration,
    /// The same, which will not be applied.
    Plan,
    /// What the configuration that is applied means now.
    Deployed,
    /// All the groups of these users.
    Users(Vec<Arc<Account>>),
    /// What has changed, now that these alone do not answer.
    Look(Vec<At>),
    /// To watch these as well.
    Watch(Vec<Older>),
}

/// What a reader tells.
#[derive(Debug)]
pub(in super::super) enum News {
    /// It looks of its own accord: something may have changed.
    Begun,
    /// Directories that cannot be watched.
    Unwatched(Vec<String>),
    /// The folder of an older release has gone, or is back.
    Folder(Event),
    /// What it was asked for.
    Answer(Result<Answer, Unread>),
    /// The configuration's files have changed, or what is deployed has.
    Changed(What, Result<Offer, Unread>),
    /// It has nothing to do any more.
    Free,
}

/// What has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum What {
    Files,
    Deployed,
}

/// What a reader answers.
#[derive(Debug)]
pub(in super::super) enum Answer {
    /// To [`Ask::Configuration`] and [`Ask::Deployed`].
    Next(Offer),
    /// To [`Ask::Plan`].
    Plan(Arc<Wanted>),
    /// To [`Ask::Users`].
    Users(Identified),
    /// To the others.
    Done,
}

/// Something to be applied.
#[derive(Debug)]
pub(in super::super) struct Offer {
    pub(in super::super) next: Next,
    /// Told what to watch as well, once it is applied. Dropped, it was not.
    pub(in super::super) taken: oneshot::Sender<Vec<Older>>,
}

/// The owner's end of a reader.
pub(super) struct Handle {
    pub(super) asks: mpsc::Sender<Ask>,
    pub(super) look: watch::Receiver<Look>,
}

/// How a reader begins.
pub(super) struct Beginning {
    pub(super) place: Arc<Place>,
    pub(super) seen: Seen,
    pub(super) older: Vec<Older>,
    /// What others wait for.
    pub(super) silent: Vec<At>,
    /// Where it tells its news, and by which number.
    pub(super) tell: mpsc::Sender<(u64, News)>,
    pub(super) number: u64,
}

/// Begins one.
pub(super) fn begin(beginning: Beginning) -> io::Result<Handle> {
    let (asks, asked) = mpsc::channel(ASKS);
    let (tell, look) = watch::channel(None);
    thread::Builder::new().name("reading".to_owned()).stack_size(STACK).spawn(move || {
        hold_signals();
        // Timers are all it needs of a runtime: a descriptor less.
        match Builder::new_current_thread().enable_time().build() {
            Ok(runtime) => runtime.block_on(Reader::new(beginning, asked, tell).run()),
            Err(error) => tracing::error!(%error, "cannot read the configuration"),
        }
    })?;
    Ok(Handle { asks, look })
}

struct Reader {
    place: Arc<Place>,
    seen: Seen,
    looking: Looking,
    watcher: Option<Watcher>,
    older: Vec<Older>,
    asked: mpsc::Receiver<Ask>,
    tell: mpsc::Sender<(u64, News)>,
    number: u64,
}

/// Nobody listens any more.
struct Gone;

impl Reader {
    fn new(beginning: Beginning, asked: mpsc::Receiver<Ask>, look: watch::Sender<Look>) -> Self {
        let Beginning { place, seen, older, silent, tell, number } = beginning;
        let looking = Looking::new(look, silent);
        let watcher = Watcher::new()
            .inspect_err(
                |error| tracing::warn!(%error, "cannot watch for edits; use `abaqis-daemons reload`"),
            )
            .ok();
        let mut reader = Self { place, seen, looking, watcher, older, asked, tell, number };
        reader.leave_alone_what_is_silent();
        reader
    }

    async fn run(mut self) {
        // Before anything is read: what changes from then on is noticed.
        let mut told = self.watch().await;
        while told.is_ok() {
            told = tokio::select! {
                biased;
                ask = self.asked.recv() => match ask {
                    Some(ask) => self.answer(ask).await,
                    None => Err(Gone),
                },
                () = changed(&mut self.watcher) => self.look_of_its_own_accord().await,
            };
            self.looking.rest();
            if told.is_ok() {
                told = self.tell(News::Free).await;
            }
        }
    }

    async fn tell(&self, news: News) -> Result<(), Gone> {
        self.tell.send((self.number, news)).await.map_err(|_| Gone)
    }

    fn pass(&self) -> Pass<'_> {
        Pass { place: &self.place, looking: &self.looking, before: &self.seen }
    }

    async fn answer(&mut self, ask: Ask) -> Result<(), Gone> {
        let next = |offer| News::Answer(Ok(Answer::Next(offer)));
        let answer = match ask {
            Ask::Configuration => match self.pass().files().and_then(|files| self.read(files)) {
                Ok(read) => return self.offer(read, next).await,
                Err(unread) => Err(unread),
            },
            Ask::Deployed => return self.offer(self.pass().deployed(), next).await,
            Ask::Plan => {
                let read = self.pass().files().and_then(|files| self.pass().configuration(files));
                read.map(|next| Answer::Plan(next.seen.wanted))
            }
            Ask::Users(accounts) => Ok(Answer::Users(self.pass().users(accounts.iter()))),
            Ask::Look(silent) => {
                self.looking.leave_alone(silent);
                self.leave_alone_what_is_silent();
                self.watch().await?;
                self.look().await?;
                Ok(Answer::Done)
            }
            Ask::Watch(older) => {
                self.older = older;
                self.watch().await?;
                self.look_at_folders().await?;
                Ok(Answer::Done)
            }
        };
        self.tell(News::Answer(answer)).await
    }

    /// What is in the configuration's files, which were read now.
    fn read(&mut self, files: Arc<Vec<SourceFile>>) -> Result<Next, Unread> {
        let next = self.pass().configuration(files.clone());
        if let Err(Unread::Invalid(_)) = next {
            // It is said once what is wrong with them.
            self.seen.files = files;
        }
        next
    }

    async fn look_of_its_own_accord(&mut self) -> Result<(), Gone> {
        self.tell(News::Begun).await?;
        self.watch().await?;
        self.look().await
    }

    /// A watched file may have changed: offers what is other than before.
    async fn look(&mut self) -> Result<(), Gone> {
        self.look_at_folders().await?;
        let files = match self.pass().files() {
            Ok(files) => files,
            // An editor may be about to put another in its place.
            Err(Unread::Invalid(Invalid::Unreadable(error))) if error.is_missing() => return Ok(()),
            Err(unread) => return self.tell(News::Changed(What::Files, Err(unread))).await,
        };
        if files != self.seen.files {
            if !self.watches() {
                return Ok(());
            }
            return match self.read(files) {
                Ok(next) => self.offer(next, |offer| News::Changed(What::Files, Ok(offer))).await,
                Err(unread) => self.tell(News::Changed(What::Files, Err(unread))).await,
            };
        }
        self.offer_what_is_deployed().await
    }

    /// Whether edits are to be applied without being asked to.
    fn watches(&self) -> bool {
        self.seen.config.as_ref().is_none_or(|config| config.watch)
    }

    /// Offers something. Once it is applied, looks once more: what changed before it was watched is seen now.
    async fn offer(&mut self, next: Next, news: impl FnOnce(Offer) -> News) -> Result<(), Gone> {
        if self.is_taken(next, news).await? {
            self.offer_what_is_deployed().await?;
        }
        Ok(())
    }

    /// Offers what the configuration that is applied means now, if that is other than before.
    async fn offer_what_is_deployed(&mut self) -> Result<(), Gone> {
        while self.seen.config.as_ref().is_some_and(|config| config.watch) {
            let next = self.pass().deployed();
            let offer = |offer| News::Changed(What::Deployed, Ok(offer));
            if next.seen.wanted == self.seen.wanted || !self.is_taken(next, offer).await? {
                break;
            }
        }
        Ok(())
    }

    /// Offers something, and watches what it names if it is applied. Whether it is.
    async fn is_taken(&mut self, next: Next, news: impl FnOnce(Offer) -> News) -> Result<bool, Gone> {
        let seen = next.seen.clone();
        let (taken, is_taken) = oneshot::channel();
        self.looking.rest();
        self.tell(news(Offer { next, taken })).await?;
        let Ok(older) = is_taken.await else { return Ok(false) };
        (self.seen, self.older) = (seen, older);
        self.watch().await?;
        Ok(true)
    }

    /// The folders of releases that are not deployed any longer, and whether they are there.
    async fn look_at_folders(&mut self) -> Result<(), Gone> {
        for mut older in std::mem::take(&mut self.older) {
            if self.looking.at_path(&older.path).is_ok() && older.path.is_dir() == older.gone {
                older.gone = !older.gone;
                let why = older.gone.then(|| format!("{}: the folder has gone", older.path.display()));
                let (application, version) = (older.application.clone(), older.version.clone());
                self.tell(News::Folder(Event::Folder { application, version, why })).await?;
            }
            self.older.push(older);
        }
        Ok(())
    }

    /// Watches what matters now.
    async fn watch(&mut self) -> Result<(), Gone> {
        let interests = self.interests();
        let Some(watcher) = &mut self.watcher else { return Ok(()) };
        let refused = watcher.watch(interests);
        if refused.is_empty() { Ok(()) } else { self.tell(News::Unwatched(refused)).await }
    }

    /// What to watch, to learn that another pass would find something else.
    fn interests(&self) -> Vec<Interest> {
        let file = &self.place.file;
        let mut all = vec![Interest::Whole(file.clone()), Interest::Entries(sources::directory(file))];
        let applications = self.seen.config.iter().flat_map(|config| config.applications.values());
        all.extend(applications.flat_map(|application| interests(application)));
        all.extend(self.older.iter().map(|older| Interest::Path(older.path.clone())));
        all
    }

    fn leave_alone_what_is_silent(&mut self) {
        let looking = self.looking.clone();
        if let Some(watcher) = &mut self.watcher {
            watcher.ask(move |path| looking.at_path(path).is_ok());
        }
    }
}

/// Waits until something that is watched may have changed; without a watcher for ever.
async fn changed(watcher: &mut Option<Watcher>) {
    match watcher {
        Some(watcher) => watcher.changed().await,
        None => std::future::pending().await,
    }
}
