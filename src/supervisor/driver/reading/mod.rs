//! Reads files, and the directory of users, beside the loop: they may lie on another machine, which may
//! not answer.
//!
//! ```text
//!     wishes ──► the owner ── Ask ──► reader (a thread) ──► daemons.yml, daemons.d, VERSION, current,
//!                  ▲   ▲               │         │          env_file, users and their groups
//!                  │   └── Answer ─────┘         └──► watcher: an edit is read without being asked to
//!                  └────── Changed ────┘
//! ```
//!
//! There is one reader, kept for the next time, and asked for one thing at a time ([`wishes`]). It says what
//! it looks at ([`looking`]); if that takes longer than [`PATIENCE`], it is left to itself and another one
//! begins the reading anew, leaving alone what the first waits for:
//!
//! ```text
//!     reader 1 ── /net/a/current … … … … … … … … … … … answers ─► ends; what it read is not used
//!     reader 2      └─ 10 s ─► all the rest, a as it was           └─► all is looked at once more
//! ```
//!
//! So what hangs holds up one thread and nobody else, and what is applied was read after it was asked for. Of
//! readers that hang there are [`MOST`] at most; after that who asks is told at once.

mod looking;
mod pass;
mod reader;
mod wishes;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use self::reader::{Beginning, Handle};
use self::wishes::Wishes;
use super::clock;
use crate::lifecycle::Time;

pub(super) use self::looking::{At, Looking, Silent};
pub(super) use self::pass::{Identified, Next, Place, Seen, Unread};
pub use self::pass::{Invalid, wanted};
pub(super) use self::reader::{Answer, Ask, News, Offer, Older, What};
pub(super) use self::wishes::Wish;

/// How long one file, or one question to the directory of users, may take: longer than a disk that spins up or
/// a server that fails over, shorter than somebody waits at a prompt;
const PATIENCE: Duration = Duration::from_secs(10);

/// while something else hangs already. It may be of the same disk, and there may be many.
const LESS_PATIENCE: Duration = Duration::from_secs(1);

/// How many readers may hang.
const MOST: usize = 8;

/// News that wait to be heard, at most.
const NEWS: usize = 16;

/// The owner's side.
pub(super) struct Reading {
    pub(super) place: Arc<Place>,
    /// What is applied.
    pub(super) seen: Seen,
    pub(super) wishes: Wishes,
    /// Told once what was offered is applied.
    taken: Option<oneshot::Sender<Vec<Older>>>,
    reader: Option<Handle>,
    /// Whether the reader has something to do.
    busy: bool,
    /// When that is to be looked at.
    check: Option<Time>,
    /// Readers that wait for what does not answer.
    hung: Vec<(At, Handle)>,
    /// The number of the reader, to tell it from those before.
    number: u64,
    tell: mpsc::Sender<(u64, News)>,
    news: mpsc::Receiver<(u64, News)>,
}

/// What has become of something that was looked at.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heed {
    /// It does not answer.
    Hangs(At),
    /// It has answered after all.
    Answers(At),
    /// The reader has ended, which none does of itself.
    Ended,
}

impl Reading {
    /// Nothing is read yet. An error if there can be no thread.
    pub(super) fn new(place: Place) -> io::Result<Self> {
        let (tell, news) = mpsc::channel(NEWS);
        let mut reading = Self {
            place: Arc::new(place),
            seen: Seen::default(),
            wishes: Wishes::default(),
            taken: None,
            reader: None,
            busy: false,
            check: None,
            hung: Vec::new(),
            number: 0,
            tell,
            news,
        };
        reading.begin(Vec::new())?;
        Ok(reading)
    }

    /// Begins a reader.
    pub(super) fn begin(&mut self, older: Vec<Older>) -> io::Result<()> {
        self.number += 1;
        let (place, seen, tell) = (Arc::clone(&self.place), self.seen.clone(), self.tell.clone());
        let (silent, number) = (self.silent(), self.number);
        self.reader = Some(reader::begin(Beginning { place, seen, older, silent, tell, number })?);
        Ok(())
    }

    /// What readers wait for.
    pub(super) fn silent(&self) -> Vec<At> {
        self.hung.iter().map(|(at, _)| at.clone()).collect()
    }

    /// What does not answer, if there is such a thing.
    pub(super) fn hangs(&self) -> Option<&At> {
        self.hung.first().map(|(at, _)| at)
    }

    /// Whether a reading is under way, or asked for.
    pub(super) fn is_busy(&self) -> bool {
        self.busy || !self.wishes.is_empty()
    }

    /// Whether there is somebody to read.
    pub(super) fn has_reader(&self) -> bool {
        self.reader.is_some()
    }

    /// The next news. Cancel safe.
    pub(super) async fn next(&mut self) -> News {
        loop {
            match self.news.recv().await {
                Some((number, news)) if number == self.number => return news,
                // Of one that has been left to itself.
                Some(_) => {}
                // This has a sender itself.
                None => std::future::pending().await,
            }
        }
    }

    /// Takes note of the news that are its own affair.
    pub(super) fn hear(&mut self, news: &News) {
        match news {
            News::Begun if !self.busy => self.is_at_work(),
            News::Free if !self.wishes.is_under_way() => {
                self.busy = false;
                self.check = (!self.hung.is_empty()).then(|| clock::now() + LESS_PATIENCE);
            }
            _ => {}
        }
    }

    fn is_at_work(&mut self) {
        self.busy = true;
        self.check = Some(clock::now() + self.patience());
    }

    fn patience(&self) -> Duration {
        if self.hung.is_empty() { PATIENCE } else { LESS_PATIENCE }
    }

    /// What was offered is applied.
    pub(super) fn take(&mut self, seen: Seen, taken: oneshot::Sender<Vec<Older>>) {
        self.seen = seen;
        self.taken = Some(taken);
    }

    /// Whether what was offered has been applied in this turn.
    pub(super) fn is_taken(&self) -> bool {
        self.taken.is_some()
    }

    /// Who is to be told what to watch, once what was offered is applied.
    pub(super) fn taken(&mut self) -> Option<oneshot::Sender<Vec<Older>>> {
        self.taken.take()
    }

    /// What is to be asked for next, if nothing is under way.
    pub(super) fn next_wish(&mut self) -> Option<&Wish> {
        if self.has_reader() { self.wishes.next() } else { None }
    }

    /// Asks the reader.
    pub(super) fn ask(&mut self, ask: Ask) {
        self.is_at_work();
        if let Some(reader) = &self.reader {
            // There is room for it, as it is the only one. That the thread has ended is seen later.
            let _ = reader.asks.try_send(ask);
        }
    }

    /// When [`heed`](Self::heed) is to be called.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.check
    }

    /// Looks after readers: one that hangs is left to itself, one that has come back let go.
    pub(super) fn heed(&mut self, now: Time) -> Vec<Heed> {
        if self.check.is_none_or(|check| check > now) {
            return Vec::new();
        }
        let come_back = |(_, handle): &mut (At, Handle)| !matches!(handle.look.has_changed(), Ok(false));
        let mut heed: Vec<Heed> =
            self.hung.extract_if(.., come_back).map(|(at, _)| Heed::Answers(at)).collect();
        self.check = None;
        if self.reader.as_ref().is_some_and(|reader| reader.look.has_changed().is_err()) {
            heed.push(Heed::Ended);
            self.leave_reader();
        }
        let look = self.reader.as_mut().and_then(|reader| reader.look.borrow_and_update().clone());
        if let Some((at, since)) = look
            && self.busy
        {
            let until = since + self.patience();
            if until <= now {
                let reader = self.leave_reader();
                self.hung.extend(reader.map(|reader| (at.clone(), reader)));
                heed.push(Heed::Hangs(at));
            } else {
                self.check = Some(until);
            }
        } else if self.busy {
            self.check = Some(now + self.patience());
        }
        if self.check.is_none() && !self.hung.is_empty() {
            self.check = Some(now + LESS_PATIENCE);
        }
        heed
    }

    /// Nothing is heard of the reader any more; what it was asked for is to be read anew.
    fn leave_reader(&mut self) -> Option<Handle> {
        self.busy = false;
        self.number += 1;
        self.wishes.again();
        self.reader.take()
    }

    /// Whether another reader may hang.
    pub(super) fn may_hang(&self) -> bool {
        self.hung.len() < MOST
    }
}
