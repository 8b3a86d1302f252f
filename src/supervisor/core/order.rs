//! Who may start, and who may stop.

use super::slab::{GroupSlot, Slot};
use super::{Action, Context, Core, Mode};
use crate::lifecycle::{Life, State};

/// Why a waiting instance does not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// Its specification says why.
    Blocked,
    /// This group, which it is `after`, is not ready.
    After(GroupSlot),
    /// Enough others boot.
    Herd,
}

impl Core {
    /// What keeps an instance from starting, if it waits.
    pub(super) fn obstacle(&self, slot: Slot) -> Option<Obstacle> {
        let instance = &self.fleet.instances[slot];
        if instance.spec.blocked.is_some() {
            return Some(Obstacle::Blocked);
        }
        let after = &self.fleet.groups[instance.group].after;
        if let Some(group) = after.iter().find(|group| !self.fleet.groups[**group].is_ready()) {
            return Some(Obstacle::After(*group));
        }
        (self.booting >= self.settings.herd).then_some(Obstacle::Herd)
    }

    /// Starts an instance that waits, or has it wait where it is found when it may start.
    pub(super) fn try_start(&mut self, slot: Slot, cx: &mut Context<'_>) {
        let Some(instance) = self.fleet.instances.get(slot) else { return };
        if instance.life.state() != State::Waiting || self.mode != Mode::Running {
            return;
        }
        let group = instance.group;
        match self.obstacle(slot) {
            Some(Obstacle::Blocked) => {}
            Some(Obstacle::After(_)) => {
                self.fleet.groups[group].waiting.insert(slot);
            }
            Some(Obstacle::Herd) => self.turns.push(slot),
            None => {
                let run = self.next_run();
                self.fleet.by_run.insert(run, slot);
                let spec = self.fleet.instances[slot].spec.clone();
                cx.out.push(Action::Spawn { run, spec });
                self.step(slot, cx, |life, _, now, _| life.begin(run, now));
            }
        }
    }

    /// Asks an instance to stop, if those that come `after` it are gone.
    pub(super) fn try_release(&mut self, slot: Slot, cx: &mut Context<'_>) {
        if self.fleet.may_stop(self.fleet.instances[slot].group) {
            self.step(slot, cx, Life::release);
        }
    }

    /// Why the waiting instance will not start before an operator or a configuration does
    /// something; `None` if it may.
    pub(super) fn hopeless(&self, slot: Slot) -> Option<String> {
        match self.obstacle(slot)? {
            Obstacle::Blocked => self.fleet.instances[slot].spec.blocked.as_deref().map(str::to_owned),
            Obstacle::After(_) => {
                let group = self.fleet.instances[slot].group;
                self.hopeless_dependency(group, 0)
            }
            Obstacle::Herd => None,
        }
    }

    /// Which instance that `group` is `after` will not become ready by itself, and why.
    pub(super) fn hopeless_dependency(&self, group: GroupSlot, depth: usize) -> Option<String> {
        // There is no cycle; but a recursion that cannot end is not worth trusting that.
        const DEEPEST: usize = 64;
        let unready =
            self.fleet.groups[group].after.iter().filter(|other| !self.fleet.groups[**other].is_ready());
        for other in unready {
            let mut stopped = None;
            for member in &self.fleet.groups[*other].members {
                let instance = &self.fleet.instances[*member];
                let stuck = match instance.life.state() {
                    State::Failed => true,
                    State::Stopped => {
                        stopped = Some(&instance.spec.id);
                        false
                    }
                    State::Waiting if instance.spec.blocked.is_some() => true,
                    State::Waiting => {
                        depth < DEEPEST && self.hopeless_dependency(*other, depth + 1).is_some()
                    }
                    _ => false,
                };
                if stuck {
                    return Some(waits_for(&instance.spec.id, instance.life.state()));
                }
            }
            let tally = self.fleet.groups[*other].tally;
            if let Some(id) = stopped
                && tally.good + tally.lagging == 0
            {
                return Some(waits_for(id, State::Stopped));
            }
        }
        None
    }
}

/// Why an instance waits that is `after` another.
pub(super) fn waits_for(id: &crate::names::InstanceId, state: State) -> String {
    format!("waits for {id}, which is {state}")
}
