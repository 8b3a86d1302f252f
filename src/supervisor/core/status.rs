//! What the core tells of its instances.

use super::Core;
use super::slab::Slot;
use crate::lifecycle::{Exit, Run, State, Time};
use crate::names::{InstanceId, Selector};
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

impl Core {
    /// The instances named, in the order of their names.
    pub fn status<'a>(&'a self, selector: &'a Selector) -> impl Iterator<Item = InstanceStatus<'a>> {
        let named = self.fleet.by_id.iter().filter(|(id, _)| selector.matches(id));
        named.map(|(_, slot)| self.status_of(*slot))
    }

    fn status_of(&self, slot: Slot) -> InstanceStatus<'_> {
        let instance = &self.fleet.instances[slot];
        let life = &instance.life;
        InstanceStatus {
            spec: instance.running(),
            state: life.state(),
            since: instance.since,
            reason: self.reason(slot),
            run: life.run(),
            pid: life.pid(),
            restarts: life.restarts(),
            last_exit: life.last_exit(),
            status: life.status(),
            job: life.job(),
        }
    }

    /// The processes there are, or of which something is left, with what they were started as.
    pub fn processes(&self) -> impl Iterator<Item = (Run, Option<u32>, &InstanceSpec)> {
        self.fleet.by_run.iter().map(|(run, slot)| {
            let instance = &self.fleet.instances[*slot];
            (*run, instance.life.pid(), instance.running().as_ref())
        })
    }

    /// What the instance is called now whose process this is.
    pub fn instance(&self, run: Run) -> Option<&InstanceId> {
        self.fleet.by_run.get(&run).map(|slot| &self.fleet.instances[*slot].spec.id)
    }

    /// How many instances are in each state.
    pub fn summary(&self) -> Summary {
        self.summary
    }
}
