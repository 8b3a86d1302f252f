//! What the core tells of its instances.

use crate::lifecycle::{Exit, Run, State, Time};
use crate::plan::InstanceSpec;

/// One instance, as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct InstanceStatus<'a> {
    /// What runs, or is to: its name, daemon, version, tube.
    pub spec: &'a InstanceSpec,
    /// What it is doing.
    pub state: State,
    /// Since when.
    pub since: Time,
    /// Why, where that is not plain: what it waits for, why it was given up.
    pub reason: Option<String>,
    /// Its process, while there is one.
    pub run: Option<Run>,
    /// The number of its main process, while there is one and it is known.
    pub pid: Option<u32>,
    /// How often it was started again since the supervisor first started it.
    pub restarts: u32,
    /// How its last process ended.
    pub last_exit: Option<&'a Exit>,
    /// What it said of itself last (`STATUS=`).
    pub status: Option<&'a str>,
    /// The job it works on, and since when.
    pub job: Option<(&'a str, Time)>,
}

/// How many instances are in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary(pub(super) [u32; State::ALL.len()]);

impl Summary {
    /// How many are in `state`.
    pub fn count(&self, state: State) -> u32 {
        self.0[state as usize]
    }

    /// How many there are.
    pub fn total(&self) -> u32 {
        self.0.iter().sum()
    }
}
