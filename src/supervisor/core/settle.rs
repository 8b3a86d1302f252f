//! One step of one instance, and what follows from it for others.

use super::slab::{GroupSlot, Slot};
use super::{Action, Context, Core, Reach, StateChange};
use crate::config::Kill;
use crate::lifecycle::{Effect, Life, Rules, Run, State, Time};

/// To whom the word to stop goes.
fn reach(kill: Kill) -> Reach {
    match kill {
        Kill::Group => Reach::All,
        Kill::Process => Reach::Main,
    }
}

impl Core {
    /// Lets something happen to one instance, and keeps everything that is counted and filed by
    /// its state up to date. This is the only way a life changes.
    pub(super) fn step(
        &mut self,
        slot: Slot,
        cx: &mut Context<'_>,
        happen: impl FnOnce(&mut Life, &Rules<'_>, Time, &mut Vec<Effect>),
    ) {
        let instance = &mut self.fleet.instances[slot];
        let (standing, state, run) = (instance.standing(), instance.life.state(), instance.life.run());
        let running = instance.outdated.as_ref().unwrap_or(&instance.spec);
        let rules = super::fleet::rules(running, self.settings.seed);
        happen(&mut instance.life, &rules, cx.now, &mut self.effects);
        for effect in self.effects.drain(..) {
            // What has no process any more needs nothing.
            let Some(run) = run else { continue };
            let signal = rules.policy.stop_signal.number();
            cx.out.push(match effect {
                Effect::AskToStop => Action::Signal { run, signal, reach: reach(rules.policy.kill) },
                Effect::AskSurvivors => Action::Signal { run, signal, reach: Reach::All },
                Effect::AskRest => Action::Signal { run, signal, reach: Reach::Rest },
                Effect::Kill => Action::Kill { run },
                Effect::CheckReadiness => Action::CheckReadiness { run, spec: running.clone() },
            });
        }
        if instance.life.is_idle() {
            instance.outdated = None;
            if let Some(run) = run {
                self.fleet.by_run.remove(&run);
            }
        }
        self.refile(slot);
        let instance = &self.fleet.instances[slot];
        let new = instance.standing();
        if new != standing {
            let group = &mut self.fleet.groups[instance.group];
            group.tally.subtract(standing);
            group.tally.add(new);
            self.booting = self.booting + new.booting - standing.booting;
            self.stirred.insert(instance.group);
        }
        if instance.life.state() != state {
            self.summary.0[state as usize] -= 1;
            self.summary.0[instance.life.state() as usize] += 1;
        }
        self.publish(slot, cx);
        self.changed.push_back(slot);
    }

    /// Files an instance under its deadline. One that moved away is left where it is: an
    /// instance that pings a hundred times costs one look, not a hundred.
    pub(super) fn refile(&mut self, slot: Slot) {
        let instance = &mut self.fleet.instances[slot];
        let deadline = instance.life.deadline(&instance.rules(self.settings.seed));
        let later = matches!((instance.armed, deadline), (Some(armed), Some(deadline)) if armed <= deadline);
        if !(later && instance.life.is_live()) {
            self.timers.set(slot, &mut instance.armed, deadline);
        }
    }

    /// Tells of a change of state. Two are kept back: that it waits, for it may start in this
    /// very moment, and that its end is being noted, which is over in the next.
    fn publish(&mut self, slot: Slot, cx: &mut Context<'_>) {
        let life = &self.fleet.instances[slot].life;
        if life.state() != State::Waiting && !life.is_reaping() && !life.is_forgotten() {
            self.show(slot, cx);
        }
    }

    /// Tells of a change of state, if there is one to tell.
    fn show(&mut self, slot: Slot, cx: &mut Context<'_>) {
        let life = &self.fleet.instances[slot].life;
        let to = (!life.is_forgotten()).then(|| life.state());
        let instance = &self.fleet.instances[slot];
        let from = instance.shown;
        if from == to {
            return;
        }
        let had_process =
            matches!(from, Some(State::Starting | State::Ready | State::Running | State::Stopping));
        let ended = life.is_idle() || from == Some(State::Stopping);
        let exit = if had_process && ended { life.last_exit().cloned() } else { None };
        let change = StateChange {
            at: cx.now,
            instance: instance.spec.id.clone(),
            spec: instance.running().clone(),
            from,
            to,
            reason: self.reason(slot),
            pid: life.pid(),
            exit,
        };
        cx.out.push(Action::Publish(change));
        let instance = &mut self.fleet.instances[slot];
        instance.shown = to;
        instance.since = cx.now;
    }

    /// Sees to everything that follows from what changed, until nothing does.
    pub(super) fn settle(&mut self, cx: &mut Context<'_>) {
        loop {
            if let Some(slot) = self.changed.pop_front() {
                if self.fleet.instances.get(slot).is_some() {
                    self.settle_instance(slot, cx);
                }
            } else if let Some(group) = self.stirred.pop_first() {
                if self.fleet.groups.get(group).is_some() {
                    self.settle_group(group, cx);
                }
            } else if self.booting < self.settings.herd
                && let Some(slot) = self.turns.pop()
            {
                self.changed.push_back(slot);
            } else if !self.follow_releases(cx) {
                return;
            }
        }
    }

    fn settle_instance(&mut self, slot: Slot, cx: &mut Context<'_>) {
        let instance = &self.fleet.instances[slot];
        if instance.life.is_forgotten() {
            self.forget(slot, cx);
            return;
        }
        let group = instance.group;
        match instance.life.state() {
            State::Backoff => {
                // A pause of no length ends where it begins.
                let due = instance.life.deadline(&instance.rules(self.settings.seed));
                if due.is_some_and(|due| due <= cx.now) {
                    self.step(slot, cx, Life::tick);
                    return;
                }
            }
            State::Waiting => self.try_start(slot, cx),
            State::Stopping if instance.life.is_held() => {
                self.fleet.groups[group].held.insert(slot);
                self.try_release(slot, cx);
            }
            _ => {}
        }
        let instance = &self.fleet.instances[slot];
        if instance.life.state() == State::Waiting {
            self.show(slot, cx);
        } else {
            self.fleet.groups[group].waiting.remove(&slot);
            self.turns.remove(slot);
        }
        if !self.fleet.instances[slot].life.is_held() {
            self.fleet.groups[group].held.remove(&slot);
        }
        self.note_roll(slot, cx);
        self.note_release(slot);
        self.answer(slot, cx);
    }

    fn settle_group(&mut self, slot: GroupSlot, cx: &mut Context<'_>) {
        let group = &self.fleet.groups[slot];
        let (before, after) = (group.before.clone(), group.after.clone());
        if group.is_ready() {
            for other in &before {
                for waiting in std::mem::take(&mut self.fleet.groups[*other].waiting) {
                    self.try_start(waiting, cx);
                }
            }
        } else {
            self.tell_dependants(slot, cx);
        }
        if group_rests(self, slot) {
            for other in &after {
                for held in self.fleet.groups[*other].held.clone() {
                    self.try_release(held, cx);
                }
            }
        }
        self.roll(slot, cx);
        for other in before {
            self.roll(other, cx);
        }
        if self.fleet.groups[slot].members.is_empty() {
            self.fleet.remove_group(slot);
        }
    }

    /// Removes an instance of which nothing is left.
    fn forget(&mut self, slot: Slot, cx: &mut Context<'_>) {
        self.show(slot, cx);
        let instance = &mut self.fleet.instances[slot];
        let group = instance.group;
        self.timers.set(slot, &mut instance.armed, None);
        self.summary.0[State::Stopped as usize] -= 1;
        self.turns.remove(slot);
        self.note_roll(slot, cx);
        self.note_release(slot);
        self.answer(slot, cx);
        self.fleet.remove(slot);
        self.stirred.insert(group);
    }

    /// The number of the next process.
    pub(super) fn next_run(&mut self) -> Run {
        self.last_run.0 += 1;
        self.last_run
    }
}

/// Whether no member of it has a process that is stopping.
fn group_rests(core: &Core, group: GroupSlot) -> bool {
    core.fleet.groups[group].tally.leaving == 0
}
