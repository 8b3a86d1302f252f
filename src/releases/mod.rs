//! The releases of one application, from the moment one is deployed until nothing of it is left.
//!
//! ```text
//!     another version          canary ready             its pool is up
//!     ───────────────► candidate ─────────► current ──────────────────► current
//!                          ▲        the one that was current                │
//!                          │                  ▼                             ▼
//!       deployed again,    │   draining: serving at full strength ─► shrinking: idle ones go, one stays
//!       or rolled back to  └──────────────────┴─────────────────────────────┤
//!                                                                           ▼ its tube is empty and
//!                               retired ◄── (its jobs are moved) ◄── leaving  unused, or time is up
//! ```
//!
//! | kind of daemon | on a deploy |
//! |---|---|
//! | workers, their preloader | each release has its own: they belong to its tube, or to its code |
//! | scheduler, all others | one for the application: replaced, one after the other, once the canary is ready |
//!
//! So there are never two schedulers: the new one is the same instance, and an instance has one
//! process. The current release's instances have plain names, `abaqis/worker/1`, those of the others
//! the version in theirs, `abaqis@4.1.0/worker/1`; a release that becomes current, or is so no longer,
//! is renamed with its processes.
//!
//! The current release has as many workers as are configured, or as its load asks for ([`Pool`]), within what
//! all applications together may have ([`share`]).
//!
//! Pure: [`Application`] is told what was seen, what becomes of its workers ([`WorkerStatus`]) and what is
//! on its tubes ([`Look`]), and says which instances are wanted.

mod application;
mod drain;
mod environment;
mod kept;
mod news;
mod resize;
mod scale;
mod seen;
mod share;
mod step;
#[cfg(test)]
mod tests;

pub use application::{Application, Refusal, Role};
pub use drain::Draining;
pub(crate) use kept::is_of_release;
pub use kept::{Blueprint, Kept};
pub use news::{News, Outcome};
pub use resize::{Limits, Resize, Room};
pub use scale::{Pool, Reason};
pub use share::{Claim, share};
pub use step::FindWorkers;

use serde::{Deserialize, Serialize};

use crate::lifecycle::Time;

/// One worker of a release, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerStatus {
    /// Which of them, from 1.
    pub number: u32,
    /// How it does.
    pub state: WorkerState,
    /// Since when it runs a job.
    pub busy: Option<Time>,
}

/// How a worker does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkerState {
    /// It takes jobs.
    Ready,
    /// It is on its way to be ready.
    Coming,
    /// It is not, and this is why.
    Failing(String),
    /// An operator stopped it.
    Stopped,
    /// It is on its way to be forgotten.
    Leaving,
}

/// What is on a tube, and who is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Jobs a worker may have now.
    pub ready: u64,
    /// Jobs that a worker has.
    pub reserved: u64,
    /// Jobs that wait for their time.
    pub delayed: u64,
    /// Jobs set aside.
    pub buried: u64,
    /// Jobs deleted there since the tube was made.
    #[serde(default)]
    pub deleted: u64,
    /// Connections that would put here.
    pub using: u64,
    /// Connections that reserve from here.
    pub watching: u64,
    /// Those of them that wait for a job now.
    pub waiting: u64,
}

impl Figures {
    /// The jobs that a worker would run sooner or later.
    pub fn open(&self) -> u64 {
        self.ready + self.reserved + self.delayed
    }
}

/// A look at a tube.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Look {
    /// What is there.
    Figures(Figures),
    /// The queue could not be asked, and why.
    Away(String),
}
