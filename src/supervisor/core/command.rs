//! What operators ask for.

use super::RequestId;
use super::requests::{Ask, Want};
use super::roll::{Fate, Why};
use super::slab::Slot;
use super::{Action, Answer, Command, Context, Core, Failure, Reach, Refusal, Verb};
use crate::lifecycle::{Cause, Desired, Life, Run};
use crate::names::InstanceId;

impl Core {
    pub(super) fn command(&mut self, request: RequestId, command: &Command, cx: &mut Context<'_>) {
        let named: Vec<Slot> = self
            .fleet
            .by_id
            .iter()
            .filter(|(id, _)| command.selector.matches(id))
            .map(|(_, slot)| *slot)
            .collect();
        // What is on its way to be forgotten can be waited for, but not started.
        let stays = |slot: &Slot| self.fleet.instances[*slot].life.desired() != Desired::Gone;
        let slots: Vec<Slot> = match command.verb {
            Verb::Start | Verb::Restart => named.into_iter().filter(stays).collect(),
            Verb::Stop | Verb::Signal(_) => named,
        };
        if slots.is_empty() {
            let answer = Answer::Refused(Refusal::NoSuchInstance(command.selector.clone()));
            cx.out.push(Action::Answer { request, answer });
            return;
        }
        let mut left_stopped = Vec::new();
        let asked = match command.verb {
            Verb::Signal(signal) => return self.signal(request, signal, &slots, cx),
            Verb::Start => self.start(command, &slots, cx),
            Verb::Stop => self.stop(command, &slots, cx),
            Verb::Restart => self.restart(request, command, &slots, &mut left_stopped, cx),
        };
        if !command.wait {
            cx.out.push(Action::Answer { request, answer: Answer::Done { left_stopped } });
            return;
        }
        self.requests.open(request, asked.len(), left_stopped, cx.out);
        for (slot, want) in asked {
            self.fleet.instances[slot].asks.push(Ask { request, want });
            self.changed.push_back(slot);
        }
    }

    fn start(&mut self, command: &Command, slots: &[Slot], cx: &mut Context<'_>) -> Vec<(Slot, Want)> {
        self.words.start(&command.selector);
        let mut asked = Vec::new();
        for &slot in slots {
            let life = &self.fleet.instances[slot].life;
            let beyond = if life.is_live() { Run::default() } else { life.last_run() };
            asked.push((slot, Want::Up { beyond }));
            self.step(slot, cx, |life, _, _, _| life.want());
        }
        asked
    }

    fn stop(&mut self, command: &Command, slots: &[Slot], cx: &mut Context<'_>) -> Vec<(Slot, Want)> {
        self.words.stop(&command.selector);
        for &slot in slots {
            if self.fleet.instances[slot].life.desired() != Desired::Gone {
                self.step(slot, cx, |life, _, now, _| life.order(Desired::Stopped, Cause::Stop, now));
            }
        }
        if command.at_once {
            for &slot in slots {
                self.step(slot, cx, Life::release);
            }
        }
        slots.iter().map(|slot| (*slot, Want::Down)).collect()
    }

    fn restart(
        &mut self,
        request: RequestId,
        command: &Command,
        slots: &[Slot],
        left_stopped: &mut Vec<InstanceId>,
        cx: &mut Context<'_>,
    ) -> Vec<(Slot, Want)> {
        let mut asked = Vec::new();
        let mut lifted = false;
        for &slot in slots {
            let instance = &self.fleet.instances[slot];
            if instance.life.desired() == Desired::Stopped {
                if !self.words.lifted_by(&instance.spec.id, &command.selector) {
                    left_stopped.push(instance.spec.id.clone());
                    continue;
                }
                lifted = true;
            }
            let beyond = instance.life.last_run();
            asked.push((slot, Want::Up { beyond }));
            let group = instance.group;
            let roll = &mut self.fleet.groups[group].roll;
            if !instance.life.is_live() {
                if !command.at_once {
                    roll.current.insert(slot, Fate::Underway { beyond });
                }
                self.step(slot, cx, |life, _, _, _| life.want());
            } else if instance.spec.blocked.is_some() {
                // It could not be started again: the answer says so.
            } else if command.at_once {
                roll.pending.remove(&slot);
                self.step(slot, cx, |life, _, now, _| life.order(Desired::Up, Cause::Restart, now));
            } else {
                roll.pending.insert(slot, Why::Restart(request));
            }
            self.stirred.insert(group);
        }
        if lifted {
            self.words.start(&command.selector);
        }
        asked
    }

    fn signal(&mut self, request: RequestId, signal: i32, slots: &[Slot], cx: &mut Context<'_>) {
        let mut failures = Vec::new();
        for &slot in slots {
            let instance = &self.fleet.instances[slot];
            match (instance.life.run(), instance.life.pid()) {
                (Some(run), Some(_)) => cx.out.push(Action::Signal { run, signal, reach: Reach::Main }),
                _ => failures.push(Failure {
                    instance: instance.spec.id.clone(),
                    reason: format!("has no process, it is {}", instance.life.state()),
                }),
            }
        }
        let answer = if failures.is_empty() {
            Answer::Done { left_stopped: Vec::new() }
        } else {
            Answer::Failed(failures)
        };
        cx.out.push(Action::Answer { request, answer });
    }
}
