//! One instance: what may be asked of it, and what time does to it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::actual::{Actual, Idle, Ladder, Leave, Process, Stage, Up, Verdict};
use super::history::{History, Pause, chance};
use super::{Cause, Desired, Effect, Exit, Fault, Run, State, Time};
use crate::config::{Policy, Ready, Restart};

/// The longest pause between two SIGKILLs to what will not go.
const KILL_AGAIN_MAX: Duration = Duration::from_mins(1);

/// How an instance is supervised: handed to every step, never remembered, so that a change holds from the
/// next step on.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// The daemon's policy.
    pub policy: &'a Policy,
    /// How often it has to ping; `None`: it need not.
    pub watchdog: Option<Duration>,
    /// Where its jitter comes from.
    pub seed: u64,
}

/// What one instance is, was, and is to be. Every step is given the time, and says what has to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    pub(super) actual: Actual,
    pub(super) history: History,
    /// What the process says; most say nothing.
    pub(super) said: Option<Box<Said>>,
}

/// What is heard of a process in words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Said {
    /// `STATUS=`
    pub(super) status: Option<Box<str>>,
    /// The job it works on, and since when.
    pub(super) job: Option<(Box<str>, Time)>,
    /// Why it is not ready yet.
    pub(super) check: Option<std::sync::Arc<str>>,
}

impl Life {
    /// A new instance, `stopped` or `waiting`.
    pub fn new(stopped: bool) -> Self {
        let idle = if stopped { Idle::Stopped } else { Idle::Waiting };
        Self { actual: Actual::Idle(idle), history: History::default(), said: None }
    }

    /// What an operator calls it. There is no word for one that [is forgotten](Self::is_forgotten).
    pub fn state(&self) -> State {
        match &self.actual {
            Actual::Idle(Idle::Stopped | Idle::Gone) => State::Stopped,
            Actual::Idle(Idle::Waiting) => State::Waiting,
            Actual::Idle(Idle::Backoff { .. }) => State::Backoff,
            Actual::Idle(Idle::Failed { .. }) => State::Failed,
            Actual::Idle(Idle::Completed) => State::Completed,
            Actual::Live(_, Stage::Spawning | Stage::Starting { .. }) => State::Starting,
            Actual::Live(_, Stage::Ready(_)) => State::Ready,
            Actual::Live(_, Stage::Reloading(_)) => State::Running,
            Actual::Leaving(..) => State::Stopping,
        }
    }

    /// What it is to be.
    pub fn desired(&self) -> Desired {
        match &self.actual {
            Actual::Idle(Idle::Stopped) => Desired::Stopped,
            Actual::Idle(Idle::Gone) => Desired::Gone,
            Actual::Idle(_) | Actual::Live(..) => Desired::Up,
            Actual::Leaving(_, leave) => leave.desired,
        }
    }

    fn process(&self) -> Option<&Process> {
        match &self.actual {
            Actual::Idle(_) => None,
            Actual::Live(process, _) | Actual::Leaving(process, _) => Some(process),
        }
    }

    /// Its process, or what is left of it.
    pub fn run(&self) -> Option<Run> {
        self.process().map(|process| process.run)
    }

    /// The number of its main process, while that is there and known.
    pub fn pid(&self) -> Option<u32> {
        match &self.actual {
            Actual::Leaving(_, Leave { exit: Some(_), .. }) => None,
            _ => self.process().and_then(|process| process.pid),
        }
    }

    /// The last process it had or has; 0 before the first.
    pub fn last_run(&self) -> Run {
        self.history.last_run
    }

    /// How its last process ended.
    pub fn last_exit(&self) -> Option<&Exit> {
        self.history.last_exit.as_ref()
    }

    /// How often it was started again.
    pub fn restarts(&self) -> u32 {
        self.history.starts.saturating_sub(1)
    }

    /// What it said of itself last.
    pub fn status(&self) -> Option<&str> {
        self.said.as_ref()?.status.as_deref()
    }

    /// The job it works on, and since when.
    pub fn job(&self) -> Option<(&str, Time)> {
        self.said.as_ref()?.job.as_ref().map(|(job, since)| (&**job, *since))
    }

    /// It was not wanted any longer, and nothing is left of it.
    pub fn is_forgotten(&self) -> bool {
        matches!(self.actual, Actual::Idle(Idle::Gone))
    }

    /// It has a process that is wanted.
    pub fn is_live(&self) -> bool {
        matches!(self.actual, Actual::Live(..))
    }

    /// It has no process.
    pub fn is_idle(&self) -> bool {
        matches!(self.actual, Actual::Idle(_))
    }

    /// It counts as booting, which only so many may do at once. One that asked for time does not: it waits for
    /// something itself.
    pub fn is_booting(&self) -> bool {
        matches!(self.actual, Actual::Live(_, Stage::Spawning | Stage::Starting { extended: None, .. }))
    }

    /// It is to go, and those that come `after` it go first.
    pub fn is_held(&self) -> bool {
        matches!(self.actual, Actual::Leaving(_, Leave { ladder: Ladder::Held, .. }))
    }

    /// Its main process ended and nothing else was there: a state of no length, not worth telling.
    pub fn is_reaping(&self) -> bool {
        matches!(self.actual, Actual::Leaving(_, Leave { ladder: Ladder::Reaping { .. }, .. }))
    }

    /// When [`tick`](Self::tick) has something to do, if nothing happens before.
    pub fn deadline(&self, rules: &Rules<'_>) -> Option<Time> {
        let policy = rules.policy;
        match &self.actual {
            Actual::Idle(Idle::Backoff { from, pause, .. }) => Some(*from + pause.length(&policy.backoff)),
            Actual::Idle(_) => None,
            Actual::Live(process, Stage::Spawning) => Some(process.begun + policy.ready_timeout),
            Actual::Live(process, Stage::Starting { since, extended }) => Some(match policy.ready {
                Ready::Delay(delay) => *since + delay,
                _ => (process.begun + policy.ready_timeout).max(extended.unwrap_or_default()),
            }),
            Actual::Live(_, Stage::Ready(up) | Stage::Reloading(up)) => {
                rules.watchdog.map(|every| up.heard + every)
            }
            Actual::Leaving(_, leave) => match leave.ladder {
                Ladder::Held => None,
                Ladder::Asked { since, extended } => {
                    // However often it asks, it ends.
                    let longest = since + policy.stop_timeout.saturating_mul(10);
                    let asked = extended.unwrap_or_default().min(longest);
                    Some(asked.max(since + policy.stop_timeout))
                }
                Ladder::Reaping { since } => Some(since + policy.stop_timeout),
                Ladder::Killed { since, times } => {
                    let pause = Duration::from_secs(1 << times.min(6));
                    Some(since + pause.min(KILL_AGAIN_MAX))
                }
            },
        }
    }

    /// Its deadline has come; nothing happens if it has not.
    pub fn tick(&mut self, rules: &Rules<'_>, now: Time, out: &mut Vec<Effect>) {
        if self.deadline(rules).is_none_or(|deadline| deadline > now) {
            return;
        }
        match &self.actual {
            Actual::Idle(_) => self.actual = Actual::Idle(Idle::Waiting),
            Actual::Live(_, Stage::Starting { .. }) if matches!(rules.policy.ready, Ready::Delay(_)) => {
                self.ready(now);
            }
            Actual::Live(_, Stage::Spawning | Stage::Starting { .. }) => {
                self.leave(Desired::Up, Cause::Own(Fault::NotReady), Ladder::Held, now);
                self.release(rules, now, out);
            }
            Actual::Live(..) => {
                self.leave(Desired::Up, Cause::Own(Fault::Watchdog), Ladder::Held, now);
                self.kill(now, out);
            }
            Actual::Leaving(..) => self.kill(now, out),
        }
    }

    /// It is to run. One that does, or is about to, stays as it is; one that was given up or waits out a pause
    /// is to start now; one that is stopping is to come back.
    pub fn want(&mut self) {
        match &mut self.actual {
            Actual::Idle(Idle::Waiting) | Actual::Live(..) => {}
            Actual::Idle(idle) => {
                *idle = Idle::Waiting;
                self.history.forgive();
            }
            Actual::Leaving(_, leave) => {
                leave.desired = Desired::Up;
                leave.cause = Cause::Restart;
                self.history.forgive();
            }
        }
    }

    /// Its process has to stop, and `desired` comes after that. Without a process it is so at once; a live
    /// one is held until [`release`](Self::release). One that is stopping goes on stopping.
    pub fn order(&mut self, desired: Desired, cause: Cause, now: Time) {
        match &mut self.actual {
            Actual::Idle(idle) => match desired {
                Desired::Up => self.want(),
                Desired::Stopped => *idle = Idle::Stopped,
                Desired::Gone => *idle = Idle::Gone,
            },
            Actual::Live(..) => self.leave(desired, cause, Ladder::Held, now),
            Actual::Leaving(_, leave) => {
                if leave.desired != desired || desired == Desired::Up {
                    leave.desired = desired;
                    leave.cause = cause;
                }
            }
        }
    }

    /// Its process may be asked to stop now.
    pub fn release(&mut self, rules: &Rules<'_>, now: Time, out: &mut Vec<Effect>) {
        let Actual::Leaving(_, Leave { ladder: ladder @ Ladder::Held, .. }) = &mut self.actual else {
            return;
        };
        if rules.policy.stop_timeout.is_zero() {
            self.kill(now, out);
            return;
        }
        *ladder = Ladder::Asked { since: now, extended: None };
        out.push(Effect::AskToStop);
    }

    /// Sends SIGKILL to all of its process, if that is stopping.
    pub fn kill(&mut self, now: Time, out: &mut Vec<Effect>) {
        let Actual::Leaving(_, Leave { ladder, .. }) = &mut self.actual else { return };
        let times = match ladder {
            Ladder::Killed { times, .. } => times.saturating_add(1),
            _ => 0,
        };
        *ladder = Ladder::Killed { since: now, times };
        out.push(Effect::Kill);
    }

    /// It is started. It has to be [`Waiting`](State::Waiting).
    pub fn begin(&mut self, run: Run, now: Time) {
        if self.actual == Actual::Idle(Idle::Waiting) {
            self.history.start(run);
            self.said = None;
            self.actual = Actual::Live(Process { run, pid: None, begun: now }, Stage::Spawning);
        }
    }

    /// Another configuration: what it failed at before means nothing now. `again` says that it
    /// should run even if it had completed.
    pub fn reconfigured(&mut self, again: bool) {
        match &self.actual {
            Actual::Idle(Idle::Completed) if !again => {}
            Actual::Idle(Idle::Stopped | Idle::Gone | Idle::Waiting) => {}
            Actual::Idle(_) => self.want(),
            Actual::Live(..) | Actual::Leaving(..) => self.history.forgive(),
        }
    }

    /// How it shows that it is ready may have changed while it was starting.
    pub fn look_again(&mut self, rules: &Rules<'_>, now: Time, out: &mut Vec<Effect>) {
        if let Actual::Live(_, Stage::Starting { .. }) = self.actual {
            self.look(rules, now, out);
        }
    }

    /// Its program runs: when will it be ready?
    pub(super) fn look(&mut self, rules: &Rules<'_>, now: Time, out: &mut Vec<Effect>) {
        match rules.policy.ready {
            Ready::None => self.ready(now),
            Ready::Tcp(_) | Ready::File(_) | Ready::Exec(_) => out.push(Effect::CheckReadiness),
            Ready::Notify | Ready::Delay(_) => {}
        }
    }

    /// It is ready.
    pub(super) fn ready(&mut self, now: Time) {
        let Actual::Live(_, stage) = &mut self.actual else { return };
        *stage = match *stage {
            Stage::Spawning | Stage::Starting { .. } => Stage::Ready(Up { first: now, heard: now }),
            Stage::Ready(up) | Stage::Reloading(up) => Stage::Ready(up),
        };
        if let Some(said) = &mut self.said {
            said.check = None;
        }
    }

    /// A live process begins to stop.
    pub(super) fn leave(&mut self, desired: Desired, cause: Cause, ladder: Ladder, now: Time) {
        let Actual::Live(process, stage) = &self.actual else { return };
        let ready_for = match stage {
            Stage::Spawning | Stage::Starting { .. } => Duration::ZERO,
            Stage::Ready(up) | Stage::Reloading(up) => now.since(up.first),
        };
        let leave = Leave { desired, cause, ladder, exit: None, ready_for };
        self.actual = Actual::Leaving(process.clone(), leave);
    }

    /// Nothing is left of a stopping process: what comes after it.
    pub(super) fn gone(&mut self, rules: &Rules<'_>, now: Time) {
        let Actual::Leaving(process, leave) = &self.actual else { return };
        let exit = leave.exit.clone().unwrap_or(Exit::Unknown);
        let (begun, run) = (process.begun, process.run);
        let idle = match (leave.desired, &leave.cause) {
            (Desired::Stopped, _) => Idle::Stopped,
            (Desired::Gone, _) => Idle::Gone,
            (Desired::Up, Cause::Own(fault)) => {
                let (fault, ready_for) = (*fault, leave.ready_for);
                self.history.was_ready(ready_for, &rules.policy.backoff);
                if fault == Fault::Exit && exit.is_success() {
                    after_success(rules, now.since(begun), now)
                } else {
                    self.after_failure(rules, fault, run, now)
                }
            }
            (Desired::Up, _) => Idle::Waiting,
        };
        self.history.last_exit = Some(exit);
        if let Some(said) = &mut self.said {
            said.job = None;
        }
        self.actual = Actual::Idle(idle);
    }

    fn after_failure(&mut self, rules: &Rules<'_>, fault: Fault, run: Run, now: Time) -> Idle {
        let limit = rules.policy.start_limit;
        let too_many = self.history.fail(now, limit);
        if rules.policy.restart == Restart::Never {
            return Idle::Failed { fault, verdict: Verdict::Never };
        }
        if too_many {
            return Idle::Failed { fault, verdict: Verdict::Limit(limit.count) };
        }
        let pause = Pause::Failure { failures: self.history.failures, chance: chance(rules.seed, run) };
        Idle::Backoff { from: now, pause, fault }
    }
}

fn after_success(rules: &Rules<'_>, lived: Duration, now: Time) -> Idle {
    match rules.policy.restart {
        Restart::Always => Idle::Backoff { from: now, pause: Pause::Clean { lived }, fault: Fault::Exit },
        Restart::OnFailure | Restart::Never => Idle::Completed,
    }
}
