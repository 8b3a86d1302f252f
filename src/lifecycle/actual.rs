//! The parts of a life, as types that hold only what can be.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::history::Pause;
use super::{Exit, Run, Time};

/// What an instance is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Desired {
    /// Running.
    Up,
    /// Not running, because an operator said so.
    Stopped,
    /// Not there: no configuration wants it any longer, or the supervisor shuts down.
    Gone,
}

/// What an instance is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Actual {
    /// There is no process.
    Idle(Idle),
    /// There is one, and it is wanted.
    Live(Process, Stage),
    /// There is one, or something of its group, and it has to go.
    Leaving(Process, Leave),
}

/// Why there is no process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Idle {
    /// An operator stopped it.
    Stopped,
    /// It is to be started as soon as it may be.
    Waiting,
    /// It is to be started after a pause.
    Backoff {
        /// When the last process ended.
        from: Time,
        /// How long it waits from there.
        pause: Pause,
        /// What that process did.
        fault: Fault,
    },
    /// It is not started again.
    Failed {
        /// What its last process did.
        fault: Fault,
        /// Why that was the last.
        verdict: Verdict,
    },
    /// It has done what it was for.
    Completed,
    /// It was not wanted any longer and is to be forgotten.
    Gone,
}

/// A process, as the supervisor knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    pub(super) run: Run,
    /// Known once it was spawned.
    pub(super) pid: Option<u32>,
    /// When it was asked for.
    pub(super) begun: Time,
}

/// How far a process that is wanted has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stage {
    /// Asked for; nothing was heard of it yet.
    Spawning,
    /// Its program runs.
    Starting {
        /// Since when.
        since: Time,
        /// It asked for time until then.
        extended: Option<Time>,
    },
    /// It is ready.
    Ready(Up),
    /// It was ready, and reads its configuration again.
    Reloading(Up),
}

/// A process that has been ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Up {
    /// When it was first.
    pub(super) first: Time,
    /// When it last gave a sign of life.
    pub(super) heard: Time,
}

/// How a process goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Leave {
    /// What comes after.
    pub(super) desired: Desired,
    /// Why it goes.
    pub(super) cause: Cause,
    /// How it is made to.
    pub(super) ladder: Ladder,
    /// How its main process ended, once it has.
    pub(super) exit: Option<Exit>,
    /// How long it had been ready.
    pub(super) ready_for: Duration,
}

/// Why a process has to go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// An operator stopped it.
    Stop,
    /// An operator wants a new process in its place.
    Restart,
    /// The configuration does not have it any longer.
    Removed(Arc<str>),
    /// The configuration has another process in its place.
    Replaced(Arc<str>),
    /// The supervisor shuts down.
    Shutdown,
    /// Something it did itself.
    Own(Fault),
}

/// What a process did without being told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// It ended, or never came to be; the exit says how.
    Exit,
    /// It was not ready within `ready_timeout`.
    NotReady,
    /// It did not ping within `watchdog`, or said that it is broken.
    Watchdog,
}

/// Why an instance is not started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Verdict {
    /// There were this many failures within the start limit's window.
    Limit(u32),
    /// `restart: never`.
    Never,
}

/// The steps by which a process is made to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Ladder {
    /// Nothing yet: those that come `after` it stop first.
    Held,
    /// It was asked to by `stop_signal`, or set about it by itself.
    Asked {
        /// When.
        since: Time,
        /// It asked for time until then.
        extended: Option<Time>,
    },
    /// Its main process ended, nothing else is left; that it is gone is told at any moment.
    Reaping {
        /// Since when.
        since: Time,
    },
    /// SIGKILL went to all of it.
    Killed {
        /// When.
        since: Time,
        /// How often already.
        times: u32,
    },
}

/// What has to be done to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Send `stop_signal` by the rule of `kill`.
    AskToStop,
    /// Send `stop_signal` to what the main process left behind.
    AskSurvivors,
    /// Send `stop_signal` to what of it has not had it yet.
    AskRest,
    /// Send SIGKILL to everything.
    Kill,
    /// Find out when it is ready.
    CheckReadiness,
}
