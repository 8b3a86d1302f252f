//! What operators ask for over the control socket.

use super::answers::near;
use super::reading::Wish;
use super::turn::Driver;
use crate::control::messages::{self, FailureKind, Operation, Refusal, Request, Response};
use crate::control::server::{Call, Replies};
use crate::control::status::PlannedChange;
use crate::names::Selector;
use crate::plan::{Plan, Reason};
use crate::supervisor::core::{Command, Event, RequestId, Verb};

impl Driver {
    /// Does, or begins to do, what a client asks for.
    pub(super) fn call(&mut self, call: Call) {
        let Call { id, request, peer, replies } = call;
        match request {
            Request::Status { selector } => {
                let found =
                    self.status(&selector).into_iter().map(|status| Response::Instance(Box::new(status)));
                self.reply(&replies, &selector, found.collect());
            }
            Request::Logs { selector } => {
                let sources = self.log_sources(&selector).into_iter();
                let found = sources.map(|(instance, source)| Response::Log { instance, source });
                self.reply(&replies, &selector, found.collect());
            }
            Request::Events { selector, recent, follow } => {
                self.publisher.answer(id, replies, selector, recent, follow);
            }
            Request::Output { selector } => match self.spawner.follow() {
                Ok(()) => self.publisher.read_along(id, replies, selector),
                Err(error) => {
                    let text = format!("the output cannot be followed: {error}");
                    let _ = replies.send(Response::Failed { kind: FailureKind::Other, text });
                }
            },
            // Taken before.
            Request::Upgrade => {}
            Request::Plan => {
                let request = self.answers.open(id, replies, false);
                self.want(Wish::Plan(request));
            }
            Request::Reload => {
                tracing::info!("reload, as user {} asked", peer.uid);
                self.reload(Some((id, replies)));
            }
            Request::Operate(operation) => {
                let Operation { verb, selector, .. } = &operation;
                tracing::info!("{verb} {selector}, as user {} asked", peer.uid);
                let request = self.answers.open(id, replies, false);
                self.operate(request, operation);
            }
            Request::Releases { application } => {
                let found = self.release_statuses(application.as_ref()).into_iter();
                let found = found.map(|status| Response::Release(Box::new(status))).collect();
                let selector = application.map_or(Selector::All, Selector::from);
                self.reply(&replies, &selector, found);
            }
            Request::Deploy { application, wait } => {
                tracing::info!("deploy {application}, as user {} asked", peer.uid);
                let request = self.answers.open(id, replies, false);
                self.want(Wish::Deploy { request, application, wait });
            }
            Request::Rollback { application, wait } => {
                tracing::info!("rollback {application}, as user {} asked", peer.uid);
                let request = self.answers.open(id, replies, false);
                self.outdo_deploys(&application);
                self.decide(Event::RollBack { application, request, wait });
            }
            Request::Signal { selector, signal } => {
                tracing::info!("{signal} to {selector}, as user {} asked", peer.uid);
                let request = self.answers.open(id, replies, false);
                self.fulfil_earlier();
                let verb = Verb::Signal(signal.number());
                let command = Command { verb, selector, at_once: false, wait: false };
                self.decide(Event::Command { request, command });
            }
        }
    }

    /// Starts, stops or restarts instances.
    fn operate(&mut self, request: RequestId, operation: Operation) {
        let Operation { verb, selector, wait, at_once } = operation;
        let verb = match verb {
            messages::Verb::Start => Verb::Start,
            messages::Verb::Stop => Verb::Stop,
            messages::Verb::Restart => Verb::Restart,
        };
        let command = Command { verb, selector, at_once, wait };
        if verb == Verb::Stop {
            self.fulfil_earlier();
            self.fulfil(vec![Wish::Operate(request, command)]);
        } else {
            // Who has joined a group since is to be in it.
            self.want(Wish::Operate(request, command));
        }
    }

    /// Everything found, or that there is nothing of that name.
    fn reply(&self, replies: &Replies, selector: &Selector, mut found: Vec<Response>) {
        found.push(if found.is_empty() && *selector != Selector::All {
            Response::Refused(Refusal::Nothing { selector: selector.clone(), near: self.near(selector) })
        } else {
            Response::Done { text: None }
        });
        let _ = replies.send_all(found);
    }

    /// Names that `selector` may have been meant for.
    fn near(&self, selector: &Selector) -> Vec<String> {
        near(selector, self.core.status(&Selector::All).map(|status| &status.spec.id))
    }
}

/// The configuration is not valid; nothing has changed.
pub(super) fn invalid(problem: &str) -> Response {
    Response::Failed { kind: FailureKind::Configuration, text: problem.to_owned() }
}

pub(super) fn planned(plan: &Plan) -> Vec<Response> {
    let change = |change: &crate::plan::Change| {
        let reason = if change.reason == Reason::Same { String::new() } else { change.reason.to_string() };
        Response::Change(PlannedChange { instance: change.instance.clone(), action: change.action, reason })
    };
    plan.changes.iter().map(change).chain([Response::Done { text: None }]).collect()
}
