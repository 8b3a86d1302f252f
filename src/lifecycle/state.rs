//! The states as an operator sees them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What an instance is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Not running, as the operator asked.
    Stopped,
    /// Wanted, but something has to come first: the reason says what.
    Waiting,
    /// Its process is there and not yet ready.
    Starting,
    /// Its process runs and does not say any longer that it is ready: it is reloading.
    Running,
    /// Up and doing its work.
    Ready,
    /// It ended and is started again when its time has come.
    Backoff,
    /// Told to stop, or ended and survived by others of its group, which is not empty yet.
    Stopping,
    /// Given up after too many failures.
    Failed,
    /// It ended well and is not to be started again.
    Completed,
}

impl State {
    /// Every state, in the order they are declared: `State::ALL[i] as usize == i`.
    pub const ALL: [Self; 9] = [
        Self::Stopped,
        Self::Waiting,
        Self::Starting,
        Self::Running,
        Self::Ready,
        Self::Backoff,
        Self::Stopping,
        Self::Failed,
        Self::Completed,
    ];

    /// The word an operator reads.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Waiting => "waiting",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Ready => "ready",
            Self::Backoff => "backoff",
            Self::Stopping => "stopping",
            Self::Failed => "failed",
            Self::Completed => "completed",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
