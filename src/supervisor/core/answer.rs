//! Whether what was asked of an instance has come about.

use std::collections::BTreeSet;

use super::order::Obstacle;
use super::requests::{Ask, Want};
use super::roll::{Fate, Why};
use super::rolling::left_as_it_was;
use super::slab::{GroupSlot, Slot};
use super::{Context, Core};
use crate::lifecycle::{Desired, Run, State};

impl Ask {
    /// Whether a process up to `last` is not what it waits for.
    pub(super) fn is_for_later_than(&self, last: Run) -> bool {
        match self.want {
            Want::Up { beyond } | Want::Applied { beyond } => last <= beyond,
            Want::Down => false,
        }
    }
}

impl Core {
    /// Answers whoever waits for an instance, as far as it has settled.
    pub(super) fn answer(&mut self, slot: Slot, cx: &mut Context<'_>) {
        let instance = &mut self.fleet.instances[slot];
        if instance.asks.is_empty() {
            return;
        }
        let group = instance.group;
        for ask in std::mem::take(&mut instance.asks) {
            let Some(outcome) = self.outcome(slot, ask.want) else {
                self.fleet.instances[slot].asks.push(ask);
                continue;
            };
            let failed = outcome.is_err();
            self.requests.settle(ask.request, &self.fleet.instances[slot].spec.id, outcome, cx.out);
            if failed {
                let roll = &mut self.fleet.groups[group].roll;
                if roll.pending.get(&slot) == Some(&Why::Restart(ask.request)) {
                    roll.pending.remove(&slot);
                    self.stirred.insert(group);
                }
                if matches!(roll.current.get(&slot), Some(Fate::Underway { .. })) {
                    self.give_up(slot, cx);
                }
            }
        }
    }

    /// Answers those that wait for instances that wait for this group, which is not ready.
    pub(super) fn tell_dependants(&mut self, group: GroupSlot, cx: &mut Context<'_>) {
        if self.requests.is_empty() {
            return;
        }
        let mut seen = BTreeSet::new();
        let mut next = vec![group];
        while let Some(group) = next.pop() {
            for other in self.fleet.groups[group].before.clone() {
                if seen.insert(other) {
                    next.push(other);
                    for slot in self.fleet.groups[other].members.clone() {
                        self.answer(slot, cx);
                    }
                }
            }
        }
    }

    /// How what is wanted of an instance came out; `None` as long as it may go either way.
    fn outcome(&self, slot: Slot, want: Want) -> Option<Result<(), String>> {
        let instance = &self.fleet.instances[slot];
        let life = &instance.life;
        let (beyond, lenient) = match want {
            Want::Down if life.is_idle() => return Some(Ok(())),
            Want::Down if life.desired() == Desired::Up => return Some(Err("started again".to_owned())),
            Want::Down => return None,
            Want::Up { beyond } => (beyond, false),
            Want::Applied { beyond } => (beyond, true),
        };
        match life.desired() {
            Desired::Up => {}
            Desired::Stopped => return Some(Err("stopped by an operator".to_owned())),
            Desired::Gone => return Some(Err("no longer configured".to_owned())),
        }
        let is_late = life.last_run() > beyond;
        let reason = || Some(Err(self.reason(slot).unwrap_or_else(|| life.state().to_string())));
        match life.state() {
            State::Completed => Some(Ok(())),
            State::Failed => reason(),
            State::Backoff if is_late => reason(),
            State::Ready | State::Running if is_late => Some(Ok(())),
            State::Waiting => match (self.hopeless(slot)?, lenient) {
                (_, true) => Some(Ok(())),
                (why, false) => Some(Err(why)),
            },
            _ if life.is_live() && !is_late => self.why_not_replaced(slot).map(Err),
            _ => None,
        }
    }

    /// Why a live instance that was to be replaced will not be, if so.
    fn why_not_replaced(&self, slot: Slot) -> Option<String> {
        let instance = &self.fleet.instances[slot];
        let roll = &self.fleet.groups[instance.group].roll;
        let Some(why) = roll.pending.get(&slot) else {
            let blocked = instance.spec.blocked.as_deref();
            return Some(blocked.unwrap_or("left as it was").to_owned());
        };
        if let Why::Config(_) = why
            && let Some(other) = self.held_by(instance.group, 0)
        {
            return Some(left_as_it_was(other));
        }
        self.hopeless_dependency(instance.group, 0)
    }

    /// Why an instance is in its state, in words.
    pub(super) fn reason(&self, slot: Slot) -> Option<String> {
        let instance = &self.fleet.instances[slot];
        if instance.life.state() == State::Waiting {
            return match self.obstacle(slot)? {
                Obstacle::Blocked => instance.spec.blocked.as_deref().map(str::to_owned),
                Obstacle::After(group) => Some(self.unready_member(group)),
                Obstacle::Herd => Some(format!("waits for its turn: {} others are starting", self.booting)),
            };
        }
        let reason = instance.life.reason(&instance.rules(self.settings.seed))?;
        if instance.life.is_held() {
            let before = self.fleet.groups[instance.group].before.iter();
            let mut going = before.flat_map(|group| &self.fleet.groups[*group].members);
            if let Some(other) = going.find(|slot| self.fleet.instances[**slot].standing().leaving > 0) {
                let other = &self.fleet.instances[*other].spec.id;
                return Some(format!("{reason}; waits for {other} to stop first"));
            }
        }
        Some(reason)
    }

    fn unready_member(&self, group: GroupSlot) -> String {
        let members = || {
            let members = self.fleet.groups[group].members.iter();
            members.map(|slot| &self.fleet.instances[*slot])
        };
        let lagging = members().find(|instance| instance.standing().lagging > 0);
        match lagging.or_else(|| members().next()) {
            Some(instance) => super::order::waits_for(&instance.spec.id, instance.life.state()),
            None => format!("waits for {}", self.fleet.groups[group].name.2),
        }
    }
}
