//! What the core wants done.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::RequestId;
use crate::lifecycle::{Exit, Run, State, Time};
use crate::names::{ApplicationName, InstanceId, Selector, ServerAddress, Tube, Version};
use crate::plan::InstanceSpec;
use crate::releases::{self, News};

/// Something to be done, in the order given.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Start a process, and tell what becomes of it by its number.
    Spawn {
        /// Its number.
        run: Run,
        /// What to start.
        spec: Arc<InstanceSpec>,
    },
    /// Begin, or begin again, to check whether it is ready
    /// ([`Ready::Tcp`](crate::config::Ready::Tcp), `File`, `Exec`), until it is or it is stopped.
    CheckReadiness {
        /// The process.
        run: Run,
        /// How.
        spec: Arc<InstanceSpec>,
    },
    /// Send a signal. A process that is gone by now is no error.
    Signal {
        /// To whom.
        run: Run,
        /// The signal's number.
        signal: i32,
        /// How much of it.
        reach: Reach,
    },
    /// SIGKILL everything that belongs to it: group, cgroup, strays. Asked for again while some
    /// of it is still there.
    Kill {
        /// Whose.
        run: Run,
    },
    /// Tell the journal that a configuration is applied, as somebody asked; what follows from it comes
    /// after.
    Applied {
        /// As many instances change,
        changes: usize,
        /// of so many that are configured.
        of: usize,
    },
    /// Tell whoever listens to `events`, and the journal.
    Publish(StateChange),
    /// Tell the same of a release.
    Tell(ReleaseNews),
    /// A release has become current: its instances have plain names from now on, and those of the
    /// one before the version in theirs. No process is another for it.
    Renamed {
        /// Of which application.
        application: ApplicationName,
        /// The release that was current.
        from: Version,
        /// The one that is.
        to: Version,
    },
    /// Move all ready and delayed jobs from one tube to another, and tell
    /// [`Moved`](super::Event::Moved).
    MoveJobs {
        /// Whose.
        application: ApplicationName,
        /// The release that leaves them behind.
        version: Version,
        /// From there.
        from: Tube,
        /// To there.
        to: Tube,
        /// On each of these.
        servers: Arc<[ServerAddress]>,
    },
    /// Answer a request. Any number of [`Answer::Progress`], then exactly one other; nothing
    /// after a [`Cancel`](super::Event::Cancel).
    Answer {
        /// Which.
        request: RequestId,
        /// What.
        answer: Answer,
    },
    /// After a shutdown: nothing is left.
    Finished,
}

/// Something happened to a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseNews {
    /// When.
    pub at: Time,
    /// Of which application.
    pub application: ApplicationName,
    /// What.
    pub news: News,
}

/// How much of a process a signal is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Its main process alone.
    Main,
    /// Everything that belongs to it: group, cgroup, strays.
    All,
    /// What has not had it yet: strays that came to light since.
    Rest,
}

/// An instance went from one state to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    /// When.
    pub at: Time,
    /// Which.
    pub instance: InstanceId,
    /// What runs, or is to: for its version and tube.
    pub spec: Arc<InstanceSpec>,
    /// The state it left; `None` for one that is new.
    pub from: Option<State>,
    /// The state it is in; `None` for one that is no longer configured, and gone.
    pub to: Option<State>,
    /// Why, where that is not plain.
    pub reason: Option<String>,
    /// Its main process, while there is one and its number is known.
    pub pid: Option<u32>,
    /// How its process ended, when this tells of that.
    pub exit: Option<Exit>,
}

/// An answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// How far it is.
    Progress {
        /// How many instances are through.
        done: u32,
        /// How many there are.
        total: u32,
        /// The one that just was.
        instance: InstanceId,
    },
    /// Done.
    Done {
        /// Instances that were left stopped, because an operator had stopped them by a narrower
        /// name than the one given now.
        left_stopped: Vec<InstanceId>,
    },
    /// Instances are not as they were asked to be.
    Failed(Vec<Failure>),
    /// Nothing was tried.
    Refused(Refusal),
}

/// An instance that is not as it was asked to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Which.
    pub instance: InstanceId,
    /// Why: `exit 1`, `left as it was`.
    pub reason: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.instance, self.reason)
    }
}

/// Why nothing was tried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing is named so.
    #[error("no instance is named {0}")]
    NoSuchInstance(Selector),
    /// A release cannot be gone back to.
    #[error(transparent)]
    Release(#[from] releases::Refusal),
    /// The supervisor is on its way out.
    #[error("the supervisor is shutting down")]
    ShuttingDown,
}
