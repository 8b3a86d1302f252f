//! How a roll goes on.

use super::RequestId;
use super::roll::{Fate, Why};
use super::slab::{GroupSlot, Slot};
use super::{Context, Core};
use crate::lifecycle::{Cause, Desired, State};
use crate::names::InstanceId;

impl Core {
    /// Lets the next member of a group go, if its turn has come: those it is `after` are ready and
    /// are not being replaced themselves, and its own successors are up. Those that do not work
    /// anyway go first.
    pub(super) fn roll(&mut self, group: GroupSlot, cx: &mut Context<'_>) {
        loop {
            let members = &self.fleet.groups[group];
            if members.roll.pending.is_empty() || !self.may_roll(group) {
                return;
            }
            let allowed = members.roll.pending.iter().filter(|(_, why)| members.roll.lets(why));
            let next = allowed
                .min_by_key(|(slot, _)| (self.fleet.instances[**slot].life.state() == State::Ready, **slot));
            let Some((slot, why)) = next.map(|(slot, why)| (*slot, why.clone())) else { return };
            let roll = &mut self.fleet.groups[group].roll;
            roll.pending.remove(&slot);
            let instance = &self.fleet.instances[slot];
            if instance.spec.blocked.is_some() {
                // It could not be started again.
                self.changed.push_back(slot);
                continue;
            }
            roll.current.insert(slot, Fate::Underway { beyond: instance.life.last_run() });
            let cause = match why {
                Why::Restart(_) => Cause::Restart,
                Why::Config(reason) => Cause::Replaced(reason),
            };
            self.step(slot, cx, |life, _, now, _| life.order(Desired::Up, cause, now));
        }
    }

    fn may_roll(&self, group: GroupSlot) -> bool {
        let mut after = self.fleet.groups[group].after.iter().map(|other| &self.fleet.groups[*other]);
        after.all(|other| other.is_ready() && other.roll.is_over())
    }

    /// Takes note of what an instance's state means for the roll of its group.
    pub(super) fn note_roll(&mut self, slot: Slot, cx: &mut Context<'_>) {
        let instance = &self.fleet.instances[slot];
        let (life, group) = (&instance.life, instance.group);
        let (desired, state, last) = (life.desired(), life.state(), life.last_run());
        let is_live = life.is_live();
        let roll = &mut self.fleet.groups[group].roll;
        if roll.is_over() {
            return;
        }
        if !is_live && roll.pending.remove(&slot).is_some() && desired == Desired::Up {
            // It went before its turn came; what comes next is its successor all the same.
            roll.current.insert(slot, Fate::Underway { beyond: last });
        }
        if let Some(fate) = roll.current.get(&slot).copied() {
            let is_late = match fate {
                Fate::Underway { beyond } => last > beyond,
                Fate::Failed => true,
            };
            match (desired, state) {
                (Desired::Stopped | Desired::Gone, _) => {
                    roll.current.remove(&slot);
                    if fate == Fate::Failed {
                        // The one that would have shown that the configuration works is taken away.
                        roll.pending.retain(|_, why| matches!(why, Why::Restart(_)));
                    }
                }
                (Desired::Up, State::Completed) => {
                    roll.current.remove(&slot);
                }
                (Desired::Up, State::Ready) if is_late => {
                    roll.current.remove(&slot);
                }
                (Desired::Up, State::Failed) if fate != Fate::Failed => self.give_up(slot, cx),
                (Desired::Up, State::Backoff) if is_late && fate != Fate::Failed => self.give_up(slot, cx),
                _ => {}
            }
        }
        self.stirred.insert(group);
    }

    /// The successor in `slot` did not come up: nothing else is risked.
    pub(super) fn give_up(&mut self, slot: Slot, cx: &mut Context<'_>) {
        let instance = &self.fleet.instances[slot];
        let (group, id) = (instance.group, instance.spec.id.clone());
        let mut requests: Vec<RequestId> = instance.asks.iter().map(|ask| ask.request).collect();
        let roll = &mut self.fleet.groups[group].roll;
        roll.current.insert(slot, Fate::Failed);
        requests.extend(roll.pending.values().filter_map(|why| match why {
            Why::Restart(request) => Some(*request),
            Why::Config(_) => None,
        }));
        for group in self.fleet.groups.keys() {
            let roll = &mut self.fleet.groups[group].roll;
            let given_up: Vec<Slot> = roll
                .pending
                .extract_if(.., |_, why| matches!(why, Why::Restart(request) if requests.contains(request)))
                .map(|(slot, _)| slot)
                .collect();
            for slot in given_up {
                self.leave_alone(slot, &id, cx);
            }
        }
        // Those that are held are answered too.
        let pending: Vec<Slot> = self.fleet.groups[group].roll.pending.keys().copied().collect();
        self.changed.extend(pending);
        self.stirred.insert(group);
    }

    /// What was asked of an instance is given up because of another.
    fn leave_alone(&mut self, slot: Slot, other: &InstanceId, cx: &mut Context<'_>) {
        let instance = &mut self.fleet.instances[slot];
        let last = instance.life.last_run();
        let asks: Vec<_> = instance.asks.extract_if(.., |ask| ask.is_for_later_than(last)).collect();
        for ask in asks {
            let outcome = Err(left_as_it_was(other));
            self.requests.settle(ask.request, &self.fleet.instances[slot].spec.id, outcome, cx.out);
        }
        self.stirred.insert(self.fleet.instances[slot].group);
    }

    /// The successor whose failure holds the roll of a group, or of one that it is `after`.
    pub(super) fn held_by(&self, group: GroupSlot, depth: usize) -> Option<&InstanceId> {
        const DEEPEST: usize = 64;
        let members = &self.fleet.groups[group];
        let failed = members.roll.current.iter().find(|(_, fate)| **fate == Fate::Failed);
        if let Some((slot, _)) = failed {
            return Some(&self.fleet.instances[*slot].spec.id);
        }
        if depth >= DEEPEST {
            return None;
        }
        members.after.iter().find_map(|other| self.held_by(*other, depth + 1))
    }
}

/// Why an instance was not replaced.
pub(super) fn left_as_it_was(other: &InstanceId) -> String {
    format!("left as it was, because {other} did not come up")
}
