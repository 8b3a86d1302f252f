//! What a worker does next: the pure half of `ayl_worker`.
//!
//! Events go in, actions come out; time is an argument. Two things have a life of
//! their own, the connection to the queue and the executor, and between them goes at
//! most one job:
//!
//! ```text
//!   queue       down ⇄ up            executor    absent ─► booting ─► free ⇄ busy
//!                                                   ▲         │          │     │
//!                                                   └─────────┴── died ──┴─────┘
//!
//!   job   none ──reserved──► waiting ──executor free──► running ──answer──► judged ──settled──► none
//!                               │                         │  ▲                 ▲
//!                               │ no message,             │  └── touched,      │ died
//!                               │ signature refused       │      regained      │
//!                               └───────────────────────► │ ──── kill ──► killing
//!                                                 overran, stopped, lost
//! ```
//!
//! A job is *held* while this connection has it reserved. When the connection breaks,
//! or a touch finds the reservation gone, nobody knows whose the job is: it is asked
//! for again by its number (`reserve-job`). If it comes back, all goes on; if not,
//! another worker has it, and this executor is killed rather than left to run the job
//! beside the other. While the queue cannot be reached the executor goes on, since
//! then nobody can be given the job.
//!
//! With several servers, only the one that the job came from can be told what becomes of
//! it. If that is away when the job ends, the job is *owed*: somebody else sees to it
//! ([`Action::Owe`]), and the worker goes on with the jobs of the others.
//!
//! The quick job pays for nothing it does not need: its statistics (time to run,
//! priority, reserves) are asked for only when it has run for [`PATIENCE`], or failed,
//! and its deletion travels together with the next `reserve`.

mod advance;
mod event;
mod job;
mod settings;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

pub use event::{Action, Answer, Ask, Doing, Event, Failure, Report};
pub use job::{Content, Facts, Job};
use job::{Hold, Judgement, Progress, Why};
pub use settings::{Recycle, Settings};

use crate::ayl::{Cause, Outcome, Verdict};
use crate::beanstalk::JobId;

/// How long a job runs before its statistics are asked for, and it is shown.
const PATIENCE: Duration = Duration::from_millis(100);
/// Another SIGTERM within this time is the same one: when a supervisor dies, the kernel
/// sends one for each of its threads.
const ECHO: Duration = Duration::from_millis(300);
/// How long an executor may take to leave when it is asked to.
const GOODBYE: Duration = Duration::from_secs(5);
/// An executor that dies this often without having run a job is not started again.
const IDLE_DEATHS: u32 = 3;
/// A job under whose reservation this many whole workers died is buried unrun.
const WORKER_DEATHS: u64 = 10;
/// How many reports for the application's mailer wait for an executor; more are dropped.
const REPORTS: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Queue {
    Down,
    Up,
}

#[derive(Debug, Clone, PartialEq)]
enum Executor {
    /// There is none; `deaths` in a row without a job.
    Absent { deaths: u32 },
    /// It boots.
    Booting { deaths: u32 },
    /// It waits for work.
    Free(Life),
    /// It runs the job, or tells the mailer.
    Busy(Life),
    /// It was asked to leave; killed then.
    Ending { until: Duration },
}

/// What recycling goes by.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Life {
    since: Duration,
    jobs: u64,
    memory: u64,
    deaths: u32,
}

#[derive(Debug, Clone, PartialEq)]
struct Leaving {
    /// A job that still runs then is given back.
    until: Duration,
    /// When SIGTERM came, if it has.
    told: Option<Duration>,
    status: u8,
    reason: Option<String>,
}

/// One worker.
#[derive(Debug)]
pub struct Core {
    settings: Settings,
    queue: Queue,
    /// The question that is open.
    asked: Option<Ask>,
    executor: Executor,
    job: Option<Job>,
    /// Jobs that ended while their server was away, one a server at most.
    owed: Vec<JobId>,
    reports: VecDeque<Report>,
    leaving: Option<Leaving>,
    /// Whether the next job is looked at before it runs: it may be what ended our predecessor.
    careful: bool,
    shown: Option<Doing>,
}

impl Core {
    /// A worker that has neither queue nor executor yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            queue: Queue::Down,
            asked: None,
            executor: Executor::Absent { deaths: 0 },
            job: None,
            owed: Vec::new(),
            reports: VecDeque::new(),
            leaving: None,
            careful: true,
            shown: None,
        }
    }

    /// Whether an executor has been started and not said yet how its boot went.
    pub fn is_booting(&self) -> bool {
        matches!(self.executor, Executor::Booting { .. })
    }

    /// The job at hand.
    pub fn job(&self) -> Option<&Job> {
        self.job.as_ref()
    }

    /// Takes in what happened at `now` (monotonic) and says what is to be done, in order.
    pub fn handle(&mut self, event: Event, now: Duration, out: &mut Vec<Action>) {
        match event {
            Event::QueueUp => self.queue = Queue::Up,
            Event::QueueDown { heard } => self.disconnected(heard),
            Event::Repaid { job, verdict } => self.repaid(*job, verdict, now, out),
            Event::Servers => {
                if self.shown == Some(Doing::Idle) {
                    self.shown = None;
                }
            }
            Event::Answer(answer) => self.answered(answer, now, out),
            Event::Booted => self.booted(now),
            Event::BootFailed(reason) => {
                self.executor = Executor::Absent { deaths: 0 };
                self.leave(1, Some(format!("the application does not boot: {reason}")), now);
            }
            Event::Ran { outcome, failure, memory } => self.ran(outcome, failure, memory),
            Event::Refused(cause) => self.refused(cause),
            Event::Reported => {
                if let Executor::Busy(life) = self.executor {
                    self.executor = Executor::Free(life);
                }
            }
            Event::Died { how, stderr } => self.died(how, stderr, now),
            Event::Terminate => self.terminate(now),
            Event::Tick => {}
        }
        self.advance(now, out);
    }

    /// When [`Event::Tick`] is due, if nothing else happens before.
    pub fn next_deadline(&self) -> Option<Duration> {
        let ending = match self.executor {
            Executor::Ending { until } => Some(until),
            _ => None,
        };
        let judged = matches!(self.job, Some(Job { progress: Progress::Judged { .. }, .. }));
        let waits_for_queue = (self.queue == Queue::Down && judged) || !self.owed.is_empty();
        let leaving = self.leaving.as_ref().filter(|_| self.is_running() || waits_for_queue);
        let leaving = leaving.map(|leaving| leaving.until);
        let recycling = match &self.executor {
            Executor::Free(life) => self.settings.recycle.at(life.since),
            _ => None,
        };
        let job = self.job.as_ref().and_then(|job| job.next_deadline(self.asked.is_none()));
        let unshown = self.job.as_ref().filter(|job| self.shown != Some(Doing::Running(job.id)));
        let showing = unshown.and_then(Job::show_at);
        [ending, leaving, recycling, job, showing].into_iter().flatten().min()
    }

    fn is_running(&self) -> bool {
        matches!(self.job, Some(Job { progress: Progress::Running { .. }, .. }))
    }

    fn disconnected(&mut self, heard: bool) {
        self.queue = Queue::Down;
        self.asked = None;
        if self.shown == Some(Doing::NoQueue) {
            // Why, is news.
            self.shown = None;
        }
        if let Some(job) = &mut self.job {
            job.hold = Hold::Unsure;
            if let Progress::Judged { told, .. } = &mut job.progress {
                *told &= heard;
            }
        }
    }

    fn booted(&mut self, now: Duration) {
        if let Executor::Booting { deaths } = self.executor {
            self.executor = Executor::Free(Life { since: now, jobs: 0, memory: 0, deaths });
        }
    }

    fn leave(&mut self, status: u8, reason: Option<String>, now: Duration) {
        let until = now + self.settings.stop_timeout;
        self.leaving.get_or_insert(Leaving { until, told: None, status, reason });
    }

    /// The job has ended the worker.
    fn exit(&mut self, status: i32, now: Duration) {
        self.leave(u8::try_from(status & 0xff).unwrap_or(1), None, now);
    }

    fn terminate(&mut self, now: Duration) {
        self.leave(0, None, now);
        let Some(leaving) = &mut self.leaving else { return };
        match leaving.told {
            None => leaving.told = Some(now),
            Some(told) if now < told + ECHO => {}
            Some(_) => leaving.until = now,
        }
    }

    fn answered(&mut self, answer: Answer, now: Duration, out: &mut Vec<Action>) {
        let asked = self.asked.take();
        match (asked, answer) {
            (Some(Ask::Reserve), Answer::Reserved { id, body, content }) => {
                self.job = Some(Job::reserved(id, body, content, now, self.careful));
            }
            (Some(Ask::Facts(_)), Answer::Facts(facts)) => self.learned(facts),
            (Some(Ask::Touch(_)), Answer::Found(found)) => {
                if let Some(job) = &mut self.job {
                    if found { job.touched(now) } else { job.hold = Hold::Unsure }
                }
            }
            (Some(Ask::Regain(_)), Answer::Found(found)) => self.regained(found, now, out),
            (Some(Ask::Settle { reserve, verdict, .. }), Answer::Found(found)) => {
                if reserve {
                    self.asked = Some(Ask::Reserve);
                }
                self.settled(verdict, found, now, out);
            }
            // No job this time, or an answer to what is not asked any more.
            _ => {}
        }
    }

    fn learned(&mut self, facts: Option<Facts>) {
        let Some(job) = &mut self.job else { return };
        let Some(facts) = facts else {
            // There is no such job: it was deleted behind our back.
            job.hold = Hold::Unsure;
            return;
        };
        job.facts = Some(facts);
        self.careful = false;
        if let (Progress::Waiting { .. }, Some(deaths)) = (&job.progress, job.kills_workers()) {
            job.judge(Judgement::Refused(Cause::WorkersDied(deaths)), None);
        }
    }

    fn regained(&mut self, found: bool, now: Duration, out: &mut Vec<Action>) {
        let Some(job) = &mut self.job else { return };
        if found {
            job.hold = Hold::Ours;
            job.touched(now);
            return;
        }
        match job.progress {
            Progress::Running { .. } | Progress::Killing(_) => {
                job.progress = Progress::Killing(Why::Lost);
                out.push(Action::Lost(job.id));
                out.push(Action::KillExecutor);
            }
            Progress::Waiting { .. } | Progress::Judged { .. } => {
                if let Some(job) = self.job.take() {
                    self.gone(job, now, out);
                }
            }
        }
    }

    /// A job that nobody runs any more is not ours any more either.
    fn gone(&mut self, job: Job, now: Duration, out: &mut Vec<Action>) {
        match (&job.progress, job.verdict(self.settings.handler)) {
            // It was told to go: only the answer was lost.
            (Progress::Judged { told: true, .. }, Some((verdict, _))) => self.close(job, verdict, now, out),
            _ => out.push(Action::Lost(job.id)),
        }
    }

    fn settled(&mut self, verdict: Verdict, found: bool, now: Duration, out: &mut Vec<Action>) {
        let Some(job) = self.job.take() else { return };
        if !found {
            out.push(Action::Lost(job.id));
        }
        self.close(job, verdict, now, out);
    }

    /// Its server is back: it was settled, or was another's meanwhile.
    fn repaid(&mut self, job: Job, verdict: Option<Verdict>, now: Duration, out: &mut Vec<Action>) {
        let Some(place) = self.owed.iter().position(|&id| id == job.id) else { return };
        self.owed.swap_remove(place);
        match verdict {
            Some(verdict) => self.close(job, verdict, now, out),
            None => self.gone(job, now, out),
        }
    }

    /// What follows for us from a job that is settled.
    fn close(&mut self, job: Job, verdict: Verdict, now: Duration, out: &mut Vec<Action>) {
        let Progress::Judged { failure, death, .. } = job.progress else { return };
        if let Verdict::Delete(Cause::Exited(status)) = verdict {
            self.exit(status, now);
        }
        if Report::is_due(&verdict) && self.reports.len() < REPORTS {
            let code = match job.content {
                Content::Message(message) => Some(message.code),
                Content::Refused(_) => None,
            };
            let (verdict, failure) = (verdict.clone(), failure.clone());
            self.reports.push_back(Report { id: job.id, verdict, failure, code });
        }
        out.push(Action::Settled { id: job.id, verdict, failure, death });
    }

    fn ran(&mut self, outcome: Outcome, failure: Option<Failure>, memory: Option<u64>) {
        let (Executor::Busy(life), Some(job)) = (&self.executor, &mut self.job) else { return };
        let life = Life { jobs: life.jobs + 1, memory: memory.unwrap_or(life.memory), deaths: 0, ..*life };
        self.executor = match job.progress {
            Progress::Running { .. } => Executor::Free(life),
            // The answer crossed the signal: the job was done in time.
            Progress::Killing(Why::Overran | Why::Stopped) => Executor::Ending { until: Duration::MAX },
            _ => return,
        };
        job.judge(Judgement::Ran(outcome), failure);
    }

    fn refused(&mut self, cause: Cause) {
        let (Executor::Busy(life), Some(job)) = (&self.executor, &mut self.job) else { return };
        self.executor = Executor::Free(*life);
        job.judge(Judgement::Refused(cause), None);
    }

    fn died(&mut self, how: String, stderr: String, now: Duration) {
        let before = std::mem::replace(&mut self.executor, Executor::Absent { deaths: 0 });
        let job = self.job.as_mut().filter(|job| job.is_with_executor());
        match (before, job) {
            (_, Some(job)) => match job.progress {
                Progress::Killing(Why::Lost) => self.job = None,
                Progress::Killing(Why::Overran) => job.judge_dead(Outcome::Overran, how, stderr),
                Progress::Killing(Why::Stopped) => job.judge_dead(Outcome::Stopped, how, stderr),
                _ => job.judge_dead(Outcome::Died, how, stderr),
            },
            (Executor::Booting { .. }, None) => {
                let last = if stderr.is_empty() { String::new() } else { format!("\n{stderr}") };
                self.leave(1, Some(format!("the application does not boot: its executor {how}{last}")), now);
            }
            (Executor::Free(life) | Executor::Busy(life), None) => {
                let deaths = life.deaths + 1;
                self.executor = Executor::Absent { deaths };
                if deaths >= IDLE_DEATHS {
                    let reason = format!("the executor {how} {deaths} times without a job");
                    self.leave(1, Some(reason), now);
                }
            }
            (Executor::Absent { .. } | Executor::Ending { .. }, None) => {}
        }
    }
}
