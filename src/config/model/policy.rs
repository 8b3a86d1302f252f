//! How a daemon's processes are kept running: what a reload may change under a
//! live process.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Command;
use crate::config::{Signal, Template};
use crate::names::DaemonName;

/// How a process is started, restarted and stopped. A change applies live.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Policy {
    /// `restart`: whether it comes back after an exit.
    pub restart: Restart,
    /// `backoff`: how long it stays away before it does.
    pub backoff: Backoff,
    /// `start_limit`: when to give it up.
    pub start_limit: StartLimit,
    /// `ready`: how it shows that it is ready.
    pub ready: Ready,
    /// `ready_timeout`: how long that may take; then it is stopped, which is a failure.
    pub ready_timeout: Duration,
    /// `after`: daemons of the same application that are ready before it starts, and
    /// stopped after it. Sorted, each once; there is no cycle.
    pub after: Vec<DaemonName>,
    /// `stop_signal`: what asks it to stop.
    pub stop_signal: Signal,
    /// `stop_timeout`: how long it has for that before SIGKILL.
    pub stop_timeout: Duration,
    /// `kill`: who gets those signals.
    pub kill: Kill,
}

/// `restart`: whether a process comes back after an exit that nobody asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Restart {
    /// After every exit.
    Always,
    /// After an exit other than 0; with 0 it is `completed`.
    OnFailure,
    /// Never.
    Never,
}

/// `backoff`: the wait before a restart is `initial × factor ^ failures`, at most
/// `max`, give or take `jitter` of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Backoff {
    /// The first wait; may be zero.
    pub initial: Duration,
    /// The longest; not below `initial`.
    pub max: Duration,
    /// What each wait is multiplied by for the next: 1 to 100.
    pub factor: Milli,
    /// The part of a wait that is random: 0 to 1.
    pub jitter: Milli,
    /// How long it has to be ready for the next wait to be `initial` again.
    pub reset_after: Duration,
}

/// A number in thousandths, so that equal text is an equal number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Milli(pub u32);

impl Milli {
    /// The number.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 1000.0
    }
}

/// `start_limit`: with `count` failures in any span of `within` it is `failed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StartLimit {
    /// How many failures; at least 1.
    pub count: u32,
    /// In how long a time; more than zero.
    pub within: Duration,
}

/// `ready`: how a process shows that it is ready.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Ready {
    /// By having been started.
    None,
    /// By `READY=1` on its notify socket.
    Notify,
    /// By accepting connections on this port of the host itself.
    Tcp(u16),
    /// By this file's being there.
    File(Template),
    /// By this command's exit 0; it runs as the daemon's user, in its directory.
    Exec(Command),
    /// By still running after this time.
    Delay(Duration),
}

/// `kill`: who gets the signals of a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kill {
    /// Its whole process group.
    Group,
    /// The process alone; what it leaves behind is still killed once it is gone.
    Process,
}
