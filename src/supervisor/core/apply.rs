//! A configuration: what changes for each instance.

use std::sync::Arc;

use super::RequestId;
use super::fleet::Instance;
use super::requests::{Ask, Want};
use super::roll::{Fate, Why};
use super::slab::Slot;
use super::{Action, Context, Core};
use crate::lifecycle::{Cause, Desired, State};
use crate::names::ApplicationName;
use crate::plan::{self, Change, ChangeAction, InstanceSpec, Plan, Wanted};

impl Core {
    /// What [`Event::Apply`](super::Event::Apply) with this would do at once; what follows from how
    /// the canary of a new release does, comes later.
    pub fn plan(&self, wanted: &Wanted) -> Plan {
        let (wanted, renamed) = self.preview(wanted);
        let running = self.running(|_| true).into_iter();
        let running = running.map(|(id, spec)| (renamed.name(id, &spec.daemon.kind), spec));
        plan::diff(&running.collect(), &wanted)
    }

    /// What runs, or is about to: of a process that goes it does not matter what it was.
    fn running(&self, of: impl Fn(&ApplicationName) -> bool) -> Wanted {
        let instances = self.fleet.instances.iter().map(|(_, instance)| instance);
        let instances = instances.filter(|instance| of(&instance.spec.id.application));
        let stay = instances.filter(|instance| instance.life.desired() != Desired::Gone);
        let now = |instance: &Instance| {
            let spec = if instance.life.is_live() { instance.running() } else { &instance.spec };
            (spec.id.clone(), spec.clone())
        };
        stay.map(now).collect()
    }

    /// This is configured and deployed from now on.
    pub(super) fn apply(&mut self, wanted: &Wanted, request: Option<RequestId>, cx: &mut Context<'_>) {
        self.see(wanted, cx);
        self.step_releases(cx);
        self.deployments.is_conformed_to();
        let of = wanted.len();
        let wanted = self.deployments.wanted(|_| true);
        let plan = self.difference(&wanted, |_| true);
        if request.is_some() {
            cx.out.push(Action::Applied { changes: plan.effective().count(), of });
        }
        self.conform(&plan, &wanted, |_| true, request, cx);
    }

    /// What has to happen for what runs of these applications to become `wanted`.
    pub(super) fn difference(&self, wanted: &Wanted, of: impl Fn(&ApplicationName) -> bool) -> Plan {
        plan::diff(&self.running(of), wanted)
    }

    /// Of these applications this is to run from now on, and nothing else: for what runs, `plan` is the
    /// [`difference`](Self::difference).
    pub(super) fn conform(
        &mut self,
        plan: &Plan,
        wanted: &Wanted,
        of: impl Fn(&ApplicationName) -> bool,
        request: Option<RequestId>,
        cx: &mut Context<'_>,
    ) {
        for group in self.fleet.groups.keys() {
            // Who is to be replaced is found out anew.
            let group = &mut self.fleet.groups[group];
            if of(&group.name.0) {
                group.roll.pending.retain(|_, why| matches!(why, Why::Restart(_)));
            }
        }
        let mut asked = Vec::new();
        for change in &plan.changes {
            let Some(spec) = wanted.get(&change.instance) else {
                asked.extend(self.take_away(change, cx));
                continue;
            };
            let slot = match self.fleet.by_id.get(&change.instance) {
                Some(slot) => *slot,
                None => self.add(spec, cx),
            };
            asked.extend(self.adopt(slot, spec, change, cx));
        }
        let ids = &self.fleet.by_id;
        self.words.forget_releases(|selector| wanted.keys().chain(ids.keys()).any(|id| selector.matches(id)));
        self.fleet.link();
        self.stirred.extend(self.fleet.groups.keys());
        if let Some(request) = request {
            self.requests.open(request, asked.len(), Vec::new(), cx.out);
            for (slot, want) in asked {
                self.fleet.instances[slot].asks.push(Ask { request, want });
                self.changed.push_back(slot);
            }
        }
    }

    fn add(&mut self, spec: &Arc<InstanceSpec>, cx: &mut Context<'_>) -> Slot {
        let stopped = self.words.stopped(&spec.id);
        let slot = self.fleet.insert(spec.clone(), stopped, cx.now);
        self.summary.0[self.fleet.instances[slot].life.state() as usize] += 1;
        self.step(slot, cx, |_, _, _, _| {});
        slot
    }

    fn take_away(&mut self, change: &Change, cx: &mut Context<'_>) -> Option<(Slot, Want)> {
        let slot = *self.fleet.by_id.get(&change.instance)?;
        let cause = Cause::Removed(change.reason.to_string().into());
        self.step(slot, cx, |life, _, now, _| life.order(Desired::Gone, cause, now));
        Some((slot, Want::Down))
    }

    /// An instance is to be `spec` from now on.
    fn adopt(
        &mut self,
        slot: Slot,
        spec: &Arc<InstanceSpec>,
        change: &Change,
        cx: &mut Context<'_>,
    ) -> Option<(Slot, Want)> {
        let instance = &mut self.fleet.instances[slot];
        let running = instance.running().clone();
        instance.outdated = (!instance.life.is_idle() && !running.same_process(spec)).then_some(running);
        instance.spec = spec.clone();
        if instance.life.desired() == Desired::Gone {
            return self.call_back(slot, cx);
        }
        match change.action {
            ChangeAction::Untouched | ChangeAction::Stop => return None,
            ChangeAction::Live => {
                self.step(slot, cx, |life, rules, now, out| {
                    life.reconfigured(rules.policy.restart == crate::config::Restart::Always);
                    life.look_again(rules, now, out);
                });
            }
            ChangeAction::Start | ChangeAction::Replace => {
                self.step(slot, cx, |life, _, _, _| life.reconfigured(true));
            }
        }
        let instance = &self.fleet.instances[slot];
        let beyond = instance.life.last_run();
        let roll = &mut self.fleet.groups[instance.group].roll;
        if let Some(fate) = roll.current.get_mut(&slot)
            && !instance.life.is_live()
        {
            *fate = Fate::Underway { beyond };
        }
        if change.action == ChangeAction::Live {
            return None;
        }
        match (instance.life.is_live(), instance.life.desired()) {
            (true, _) => {
                // If it is somebody's successor itself, nobody waits for it to be ready any more.
                roll.current.remove(&slot);
                let why = Why::Config(change.reason.to_string().into());
                roll.pending.entry(slot).or_insert(why);
            }
            (false, Desired::Up) if change.action == ChangeAction::Replace => {
                roll.current.insert(slot, Fate::Underway { beyond });
            }
            (false, Desired::Up) => {}
            (false, Desired::Stopped | Desired::Gone) => return None,
        }
        Some((slot, Want::Applied { beyond }))
    }

    /// An instance that was about to be forgotten is wanted again.
    fn call_back(&mut self, slot: Slot, cx: &mut Context<'_>) -> Option<(Slot, Want)> {
        let instance = &self.fleet.instances[slot];
        let beyond = instance.life.last_run();
        if self.words.stopped(&instance.spec.id) {
            self.step(slot, cx, |life, _, now, _| life.order(Desired::Stopped, Cause::Stop, now));
            return None;
        }
        self.step(slot, cx, |life, _, _, _| life.want());
        debug_assert_ne!(self.fleet.instances[slot].life.state(), State::Failed);
        Some((slot, Want::Applied { beyond }))
    }
}
