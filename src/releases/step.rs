//! What follows from how the workers do, and from the time.

use std::collections::BTreeSet;

use super::application::{Application, Candidate};
use super::drain::{Draining, Stage, Why};
use super::kept::Kept;
use super::news::{Outcome, named};
use super::{Figures, Look, WorkerState, WorkerStatus};
use crate::config::{OnDrainTimeout, write_duration};
use crate::lifecycle::Time;
use crate::names::Version;

/// Finds the workers of a release: of the current one by `None`, of another by its version.
pub type FindWorkers<'a> = dyn Fn(Option<&Version>, &Kept) -> Vec<WorkerStatus> + 'a;

impl Application {
    /// Goes on as far as it can. Returns whether other instances are wanted than before. If the last outcome
    /// is [`Outcome::Promoted`], call it again with the new names. `room`: how many more workers there may
    /// be now.
    pub fn step(
        &mut self,
        workers_of: &FindWorkers<'_>,
        room: u32,
        now: Time,
        out: &mut Vec<Outcome>,
    ) -> bool {
        if self.promote(workers_of, room, now, out) {
            return true;
        }
        let mut changed = self.settle(workers_of, out);
        let mut draining = std::mem::take(&mut self.draining);
        draining.retain_mut(|one| {
            let workers = workers_of(one.kept.version.as_ref(), &one.kept);
            changed |= self.drain(one, &workers, now, out);
            !self.retire(one, &workers, out)
        });
        self.draining = draining;
        changed
    }

    /// The candidate becomes current, if its canary is ready or there is none to wait for; or if no
    /// worker of the current release serves or is about to: then nothing is risked.
    fn promote(
        &mut self,
        workers_of: &FindWorkers<'_>,
        room: u32,
        now: Time,
        out: &mut Vec<Outcome>,
    ) -> bool {
        let serves = |worker: &WorkerStatus| matches!(worker.state, WorkerState::Ready | WorkerState::Coming);
        let serves = workers_of(None, &self.current).iter().any(serves);
        let Some(candidate) = &mut self.candidate else { return false };
        let workers = workers_of(candidate.kept.version.as_ref(), &candidate.kept);
        let workers: Vec<&WorkerStatus> =
            workers.iter().filter(|worker| candidate.numbers.contains(&worker.number)).collect();
        let is_fine =
            |worker: &&WorkerStatus| matches!(worker.state, WorkerState::Ready | WorkerState::Stopped);
        if serves && !candidate.numbers.is_empty() && !workers.iter().any(is_fine) {
            let why = workers.iter().find_map(|worker| match &worker.state {
                WorkerState::Failing(why) => Some(why.clone()),
                _ => None,
            });
            if let (Some(why), None) = (why, &candidate.refused) {
                let current = named(self.current.version.as_ref());
                let version = candidate.kept.version.as_ref();
                let text =
                    format!("{} did not become ready: {why}; {current} goes on serving", named(version));
                out.push(Outcome::grave(version, text));
                candidate.refused = Some(why);
            }
            return false;
        }
        let Some(Candidate { mut kept, numbers, .. }) = self.candidate.take() else { return false };
        kept.take_on(numbers, &self.current, room, now);
        let old = std::mem::replace(&mut self.current, kept);
        let (Some(from), Some(to)) = (old.version.clone(), self.current.version.clone()) else {
            return false;
        };
        let text = format!("{} is current now; {} drains", named(Some(&to)), named(Some(&from)));
        out.push(Outcome::told(Some(&to), text));
        self.settling = true;
        let numbers: BTreeSet<u32> = old.numbers().collect();
        if numbers.is_empty() {
            self.previous = Some(old);
        } else {
            self.draining.push(Draining::new(old, numbers, now));
        }
        out.push(Outcome::Promoted { from, to });
        true
    }

    /// Once every worker of the current release has become ready, or has shown that it does not.
    fn settle(&mut self, workers_of: &FindWorkers<'_>, out: &mut Vec<Outcome>) -> bool {
        if !self.settling {
            return false;
        }
        let workers = workers_of(None, &self.current);
        let settled =
            |number: u32| workers.iter().any(|worker| worker.number == number && worker.is_settled());
        if !self.current.numbers().all(settled) {
            return false;
        }
        self.settling = false;
        let ready = workers.iter().filter(|worker| worker.state == WorkerState::Ready).count();
        let version = self.current.version.as_ref();
        if !workers.is_empty() {
            let text = format!("{} is up: {ready} of {} workers are ready", named(version), workers.len());
            out.push(Outcome::told(version, text));
        }
        true
    }

    fn drain(&self, one: &mut Draining, workers: &[WorkerStatus], now: Time, out: &mut Vec<Outcome>) -> bool {
        let mut changed = false;
        if self.deadline_of(one).is_some_and(|deadline| deadline <= now) {
            out.extend(late(one));
            one.stage = Stage::Leaving(Why::Late);
            one.numbers.clear();
            changed = true;
        }
        if one.stage == Stage::Serving && !self.settling {
            one.stage = Stage::Shrinking;
        }
        if one.stage == Stage::Shrinking {
            // One that shares its tube with the current one has nothing of its own to wait for.
            let own = one.kept.has_own_tube(&self.current);
            let before = one.numbers.len();
            if one.shrink(workers, own) {
                let version = one.kept.version.as_ref();
                let text = format!("{}: workers {before} -> {}", named(version), one.numbers.len());
                out.push(Outcome::told(version, text));
                changed = true;
            }
        }
        changed
    }

    /// Whether nothing is left of an older release; it can be gone back to.
    fn retire(&mut self, one: &mut Draining, workers: &[WorkerStatus], out: &mut Vec<Outcome>) -> bool {
        if !workers.is_empty() || !one.numbers.is_empty() {
            return false;
        }
        let own = one.kept.has_own_tube(&self.current);
        let version = one.kept.version.as_ref();
        let over = match one.stage {
            Stage::Serving | Stage::Moving => false,
            Stage::Shrinking => !own,
            Stage::Leaving(Why::Empty) => one.is_over() || !own,
            Stage::Leaving(Why::Late) | Stage::Stranded => {
                let moves = one.kept.workers().is_some_and(|it| it.drain.on_timeout == OnDrainTimeout::Move);
                let order = if moves && own { self.order_move(&one.kept) } else { None };
                if let Some(order) = order {
                    one.stage = Stage::Moving;
                    out.push(order);
                    return false;
                }
                true
            }
        };
        if over {
            let empty = one.stage == Stage::Leaving(Why::Empty) && own;
            let why = if empty { ": its tube is empty, and nobody uses it" } else { "" };
            let buried = match one.kept.look {
                Some(Look::Figures(Figures { buried, .. })) if buried > 0 && own => {
                    format!("; {buried} buried jobs stay there")
                }
                _ => String::new(),
            };
            out.push(Outcome::told(version, format!("{} has retired{why}{buried}", named(version))));
            self.previous = Some(one.kept.clone());
        }
        over
    }

    fn order_move(&self, kept: &Kept) -> Option<Outcome> {
        let (from, to) = (kept.release()?, self.current.release()?);
        Some(Outcome::Move {
            version: kept.version.clone()?,
            from: from.tube.clone()?,
            to: to.tube.clone()?,
            servers: from.beanstalk.clone(),
        })
    }

    /// The move that a step ordered is over: how many jobs were moved, or why they could not be.
    pub fn moved(&mut self, version: &Version, result: Result<u64, String>, out: &mut Vec<Outcome>) {
        let to = self.current.version.clone();
        let Some(place) = self.draining.iter().position(|one| one.kept.version.as_ref() == Some(version))
        else {
            return;
        };
        match result {
            Ok(jobs) => {
                let one = self.draining.remove(place);
                let text = format!(
                    "release {version} has retired: {jobs} jobs were moved to {}",
                    named(to.as_ref())
                );
                out.push(Outcome::told(Some(version), text));
                self.previous = Some(one.kept);
            }
            Err(why) => {
                self.draining[place].stage = Stage::Stranded;
                out.push(Outcome::grave(
                    Some(version),
                    format!("the jobs of release {version} could not be moved: {why}"),
                ));
            }
        }
    }
}

/// What is to be told of a release whose time is up.
fn late(one: &Draining) -> Option<Outcome> {
    let version = one.kept.version.as_ref();
    let drain = one.kept.workers()?.drain;
    let left = match &one.kept.look {
        Some(Look::Figures(Figures { ready, reserved, delayed, buried, .. })) => {
            format!("{ready} ready, {reserved} reserved, {delayed} delayed, {buried} buried jobs are left")
        }
        Some(Look::Away(why)) => format!("what is left is not known: {why}"),
        None => "what is left is not known".to_owned(),
    };
    let tube = one.kept.release()?.tube.as_ref().map_or_else(String::new, |tube| format!(" on tube {tube}"));
    let then = match drain.on_timeout {
        OnDrainTimeout::Report => "they stay there",
        OnDrainTimeout::Move => "they are moved to the current release",
    };
    let text =
        format!("{} has drained for {}: {left}{tube}, {then}", named(version), write_duration(drain.timeout));
    Some(Outcome::grave(version, text))
}
