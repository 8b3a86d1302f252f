//! The one job a worker has at hand.

use std::time::Duration;

use bytes::Bytes;

use super::{Ask, Failure, PATIENCE, WORKER_DEATHS};
use crate::ayl::{Cause, Handler, Message, Outcome, Tries, Verdict, decide};
use crate::beanstalk::{JobId, Priority, Ttr};

/// What a job's body turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A message that may run.
    Message(Box<Message>),
    /// Nothing that is run, and why.
    Refused(Cause),
}

/// What the queue knows of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// How long a reservation lasts.
    pub ttr: Ttr,
    /// Kept when the job is released or buried.
    pub priority: Priority,
    /// How often it was reserved, this time included; with several servers not counting reservations that
    /// ended with their connection.
    pub reserves: u32,
    /// How many executors died over it before this run.
    pub deaths: u32,
    /// How many connections ended while they had it reserved: workers that died whole. With several servers
    /// nobody knows.
    pub worker_deaths: u64,
}

/// Whose the job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    /// Reserved by this connection.
    Ours,
    /// Perhaps nobody's, perhaps another worker's.
    Unsure,
}

/// How far the job has come.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Progress {
    /// For the executor; when `look_first`, for its statistics before that.
    Waiting { look_first: bool },
    /// In the executor.
    Running {
        since: Duration,
        /// `max_runtime`.
        until: Option<Duration>,
    },
    /// The executor has been killed and is not dead yet.
    Killing(Why),
    /// Done with; the queue is to be told.
    Judged {
        judgement: Judgement,
        failure: Option<Failure>,
        /// How the executor died, if it did, and the last of its standard error.
        death: Option<(String, String)>,
        /// Whether the queue has been told, and only the answer is missing.
        told: bool,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Judgement {
    /// By how it ran.
    Ran(Outcome),
    /// It does not run.
    Refused(Cause),
}

/// Why an executor is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// The job ran longer than `max_runtime`.
    Overran,
    /// The worker has to leave.
    Stopped,
    /// Another worker has the job.
    Lost,
}

/// The one job a worker has at hand.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its number.
    pub id: JobId,
    /// Its bytes, as they were put.
    pub body: Bytes,
    /// What they turned out to be.
    pub content: Content,
    /// What the queue knows of it, if it was asked.
    pub facts: Option<Facts>,
    pub(super) hold: Hold,
    pub(super) progress: Progress,
    /// When the reservation began, or began anew.
    reserved: Duration,
}

impl Job {
    pub(super) fn reserved(
        id: JobId,
        body: Bytes,
        content: Content,
        now: Duration,
        look_first: bool,
    ) -> Self {
        Self {
            id,
            body,
            content,
            facts: None,
            hold: Hold::Ours,
            progress: Progress::Waiting { look_first },
            reserved: now,
        }
    }

    /// What is known of how it went wrong: the executor's error, or how the executor
    /// died with the last of its standard error.
    pub fn trouble(&self) -> (Option<&Failure>, Option<&(String, String)>) {
        match &self.progress {
            Progress::Judged { failure, death, .. } => (failure.as_ref(), death.as_ref()),
            _ => (None, None),
        }
    }

    /// Whether the executor has it.
    pub(super) fn is_with_executor(&self) -> bool {
        matches!(self.progress, Progress::Running { .. } | Progress::Killing(_))
    }

    pub(super) fn touched(&mut self, now: Duration) {
        self.reserved = now;
    }

    /// A third of the time to run: two more chances if one touch is late.
    fn touch_at(&self) -> Option<Duration> {
        self.facts.map(|facts| self.reserved + Duration::from_secs(facts.ttr.seconds().into()) / 3)
    }

    /// When it has run for so long that it is worth showing; `None` while it does not run.
    pub(super) fn show_at(&self) -> Option<Duration> {
        match self.progress {
            Progress::Running { since, .. } => Some(since + PATIENCE),
            Progress::Waiting { .. } | Progress::Killing(_) | Progress::Judged { .. } => None,
        }
    }

    /// When its statistics are asked for at the latest.
    fn facts_at(&self) -> Duration {
        self.reserved + PATIENCE
    }

    /// When it next needs something by itself. The queue cannot be asked while a
    /// question is open.
    pub(super) fn next_deadline(&self, may_ask: bool) -> Option<Duration> {
        let overrun = match self.progress {
            Progress::Running { until, .. } => until,
            Progress::Waiting { .. } | Progress::Killing(_) | Progress::Judged { .. } => None,
        };
        let upkeep =
            Some(self.touch_at().unwrap_or(self.facts_at())).filter(|_| may_ask && self.hold == Hold::Ours);
        [overrun, upkeep].into_iter().flatten().min()
    }

    pub(super) fn judge(&mut self, judgement: Judgement, failure: Option<Failure>) {
        self.progress = Progress::Judged { judgement, failure, death: None, told: false };
    }

    pub(super) fn judge_dead(&mut self, outcome: Outcome, how: String, stderr: String) {
        let judgement = Judgement::Ran(outcome);
        self.progress =
            Progress::Judged { judgement, failure: None, death: Some((how, stderr)), told: false };
    }

    /// The verdict on a judged job, once all is known that it takes.
    ///
    /// `handler` is that of a message which names none.
    pub fn verdict(&self, handler: Handler) -> Option<(Verdict, Priority)> {
        let Progress::Judged { judgement, .. } = &self.progress else { return None };
        let outcome = match judgement {
            Judgement::Refused(cause) => {
                let facts = self.facts?;
                return Some((Verdict::Bury(cause.clone()), facts.priority));
            }
            Judgement::Ran(outcome) => *outcome,
        };
        let handler = match &self.content {
            Content::Message(message) => message.handler.unwrap_or(handler),
            Content::Refused(_) => handler,
        };
        let (tries, priority) = match self.facts {
            Some(facts) => {
                let died = u32::from(outcome == Outcome::Died);
                let tries = Tries { reserves: facts.reserves, deaths: facts.deaths + died };
                (tries, facts.priority)
            }
            // Deleting asks for neither.
            None => (Tries { reserves: 0, deaths: 0 }, Priority::default()),
        };
        match decide(outcome, handler, tries) {
            Verdict::Delete(cause) => Some((Verdict::Delete(cause), priority)),
            verdict => self.facts.map(|_| (verdict, priority)),
        }
    }

    /// What the queue is to be asked about it now.
    ///
    /// `reserve` says whether the next job may be asked for in the same breath.
    pub(super) fn question(&self, now: Duration, handler: Handler, reserve: bool) -> Option<Ask> {
        if self.hold == Hold::Unsure {
            return (self.progress != Progress::Killing(Why::Lost)).then_some(Ask::Regain(self.id));
        }
        if let Some((verdict, priority)) = self.verdict(handler) {
            let reserve = reserve && verdict == Verdict::Delete(Cause::Done);
            return Some(Ask::Settle { id: self.id, verdict, priority, reserve });
        }
        let wants_facts = match self.progress {
            Progress::Waiting { look_first } => look_first || now >= self.facts_at(),
            Progress::Running { .. } | Progress::Killing(_) => now >= self.facts_at(),
            Progress::Judged { .. } => true,
        };
        match self.touch_at() {
            None => wants_facts.then_some(Ask::Facts(self.id)),
            Some(at) => (now >= at).then_some(Ask::Touch(self.id)),
        }
    }

    /// The queue is being told the verdict: if the job is gone afterwards, it was by that.
    pub fn told(&mut self) {
        if let Progress::Judged { told, .. } = &mut self.progress {
            *told = true;
        }
    }

    /// How many whole workers died over it, once they are too many for another try.
    pub(super) fn kills_workers(&self) -> Option<u64> {
        self.facts.map(|facts| facts.worker_deaths).filter(|&deaths| deaths >= WORKER_DEATHS)
    }
}
