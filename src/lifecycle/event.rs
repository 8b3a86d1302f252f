//! What a process can be seen to do.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The number of a process: every one that is spawned has another, also after an upgrade of
/// the supervisor. What is heard of a process carries it, so that late news of an earlier one
/// is never taken for news of the present one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Run(pub u64);

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It never came to be: the fork or the exec failed. The text names the path and the error.
    SpawnFailed(Arc<str>),
    /// It is gone, and nobody saw how.
    Unknown,
}

impl Exit {
    /// Whether it ended by itself and without complaint.
    pub fn is_success(&self) -> bool {
        *self == Self::Code(0)
    }
}

/// `exit 1`, `SIGKILL`, or the error of the exec.
impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit {code}"),
            Self::Signal(number) => match nix::sys::signal::Signal::try_from(*number) {
                Ok(signal) => f.write_str(signal.as_str()),
                Err(_) => write!(f, "signal {number}"),
            },
            Self::SpawnFailed(reason) => f.write_str(reason),
            Self::Unknown => f.write_str("vanished"),
        }
    }
}

/// News of a process, told by the driver.
///
/// ```text
///     Spawn ─► Spawned ─► [Ready | NotReady | Notify]* ─► Exited ─► Gone
///        └───► SpawnFailed: nothing is left, and no Gone follows
/// ```
///
/// `Spawned` and `SpawnFailed` may come either way round: a fork that worked and an exec that
/// did not are told as `SpawnFailed`, whether or not `Spawned` was told before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProcessEvent {
    /// Its program runs. For a daemon that does not tell when it is ready, it is so from now on;
    /// so this comes once the exec succeeded.
    Spawned {
        /// Its main process.
        pid: u32,
    },
    /// There is no process.
    SpawnFailed {
        /// Why: `/srv/app/bin/solr: No such file or directory (os error 2)`.
        reason: Arc<str>,
    },
    /// Its main process ended and is not reaped yet: its pid still means nobody else.
    Exited {
        /// How.
        exit: Exit,
        /// Whether others of its group are still there.
        survivors: bool,
    },
    /// After `Exited`: others of it have come to light, who were not asked to go.
    Found,
    /// Nothing of its group is left, and it is reaped.
    Gone,
    /// The readiness check asked for succeeded.
    Ready,
    /// The readiness check did not succeed yet; it is tried again until the process is ready or
    /// stopped. Only told when the reason changed.
    NotReady {
        /// Why: `nothing listens on port 8983`.
        reason: Arc<str>,
    },
    /// A message over its notify socket.
    Notify(Box<Notice>),
}

/// A message of a daemon over its notify socket; every part may be absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notice {
    /// `READY=1`, `RELOADING=1`, `STOPPING=1`: the last of them in the message.
    pub phase: Option<Phase>,
    /// `STATUS=`: what it does, in a line.
    pub status: Option<String>,
    /// `WATCHDOG=`
    pub watchdog: Option<Watchdog>,
    /// `EXTEND_TIMEOUT_USEC=`: its start or stop may take so much longer from now.
    pub extend: Option<Duration>,
    /// `X_AYL_JOB=`: the job it works on; empty when it has none any longer.
    pub job: Option<String>,
}

/// What a daemon says it is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Up and working.
    Ready,
    /// Reading its configuration again; it says `Ready` afterwards.
    Reloading,
    /// On its way to its exit.
    Stopping,
}

/// What a daemon says to its watchdog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watchdog {
    /// `WATCHDOG=1`: it is alive.
    Alive,
    /// `WATCHDOG=trigger`: it found itself broken and asks for what a missed ping brings.
    Trigger,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_reads_as_an_operator_would_say_it() {
        assert_eq!(Exit::Code(1).to_string(), "exit 1");
        assert_eq!(Exit::Signal(9).to_string(), "SIGKILL");
        assert_eq!(Exit::Signal(40).to_string(), "signal 40");
        assert_eq!(Exit::SpawnFailed("/x: No such file".into()).to_string(), "/x: No such file");
        assert_eq!(Exit::Unknown.to_string(), "vanished");
    }
}
