//! What operators ask of releases: `deploy`, `rollback`, and when that is answered.

use super::slab::Slot;
use super::{Action, Answer, Context, Core, Refusal, RequestId};
use crate::lifecycle::Desired;
use crate::names::{ApplicationName, InstanceId, Version};
use crate::plan::Wanted;
use crate::releases::Role;

/// There is no such application.
fn unknown(name: &ApplicationName, request: RequestId) -> Action {
    Action::Answer { request, answer: Answer::Refused(Refusal::NoSuchInstance(name.clone().into())) }
}

impl Core {
    /// An operator wants what is deployed.
    pub(super) fn deploy(
        &mut self,
        name: &ApplicationName,
        wanted: &Wanted,
        request: RequestId,
        wait: bool,
        cx: &mut Context<'_>,
    ) {
        let Some(application) = self.deployments.applications.get_mut(name) else {
            return cx.out.push(unknown(name, request));
        };
        application.deploy();
        let refused = application.releases().find(|(_, role)| *role == Role::Canary);
        let canary = refused.and_then(|(kept, _)| kept.version.clone());
        let again = |id: &InstanceId| id.application == *name && canary.is_some() && id.release == canary;
        let slots: Vec<Slot> =
            self.fleet.by_id.iter().filter(|(id, _)| again(id)).map(|(_, slot)| *slot).collect();
        for slot in slots {
            if self.fleet.instances[slot].life.desired() == Desired::Up {
                self.step(slot, cx, |life, _, _, _| {
                    if life.is_idle() {
                        life.want();
                    }
                });
            }
        }
        self.apply(wanted, None, cx);
        self.open_deploy(name, request, wait, cx);
    }

    /// An operator wants the earlier release.
    pub(super) fn roll_back(
        &mut self,
        name: &ApplicationName,
        request: RequestId,
        wait: bool,
        cx: &mut Context<'_>,
    ) {
        let Some(application) = self.deployments.applications.get_mut(name) else {
            return cx.out.push(unknown(name, request));
        };
        let mut outcomes = Vec::new();
        if let Err(refusal) = application.roll_back(cx.now, &mut outcomes) {
            let answer = Answer::Refused(Refusal::Release(refusal));
            cx.out.push(Action::Answer { request, answer });
            return;
        }
        for outcome in outcomes {
            self.come_about(name, outcome, cx);
        }
        self.deployments.stir(name);
        self.deployments.count();
        self.open_deploy(name, request, wait, cx);
    }

    fn open_deploy(&mut self, name: &ApplicationName, request: RequestId, wait: bool, cx: &mut Context<'_>) {
        self.requests.open(request, usize::from(wait), Vec::new(), cx.out);
        if wait {
            self.deployments.waiting.entry(name.clone()).or_default().push(request);
            self.deployments.dirty.insert(name.clone());
        }
    }

    /// Answers those that wait for the end of a deploy, if it has come.
    pub(super) fn answer_deploys(&mut self, name: &ApplicationName, cx: &mut Context<'_>) {
        let Some(application) = self.deployments.applications.get(name) else {
            self.end_deploys(name, &Err("no longer configured".to_owned()), None, cx);
            return;
        };
        let Some(outcome) = application.outcome() else { return };
        let version = application.releases().find(|(_, role)| matches!(role, Role::Refused(_)));
        let version = version.and_then(|(kept, _)| kept.version.clone());
        self.end_deploys(name, &outcome, version, cx);
    }

    fn end_deploys(
        &mut self,
        name: &ApplicationName,
        outcome: &Result<(), String>,
        release: Option<Version>,
        cx: &mut Context<'_>,
    ) {
        let Some(waiting) = self.deployments.waiting.remove(name) else { return };
        let Ok(daemon) = "worker".parse() else { return };
        let id = InstanceId { application: name.clone(), release, daemon, number: 1 };
        for request in waiting {
            self.requests.settle(request, &id, outcome.clone(), cx.out);
        }
    }
}
