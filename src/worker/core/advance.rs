//! What follows from the state alone, looked at after every event.

use std::time::Duration;

use super::job::{Hold, Judgement, Progress, Why};
use super::{Action, Ask, Content, Core, Doing, Executor, GOODBYE, Job, Queue};
use crate::ayl::Outcome;

impl Core {
    /// Does whatever the state asks for now; every rule looks at the state alone.
    pub(super) fn advance(&mut self, now: Duration, out: &mut Vec<Action>) {
        self.advance_executor(now, out);
        self.advance_job(now, out);
        self.owe(now, out);
        self.advance_queue(now, out);
        self.advance_leaving(now, out);
        self.show(now, out);
    }

    fn advance_executor(&mut self, now: Duration, out: &mut Vec<Action>) {
        match self.executor {
            // The application boots when the queue has been seen once: then the worker is of use.
            Executor::Absent { deaths } if self.leaving.is_none() && self.has_seen_queue() => {
                self.executor = Executor::Booting { deaths };
                out.push(Action::StartExecutor);
            }
            Executor::Ending { until } if now >= until => {
                self.executor = Executor::Ending { until: Duration::MAX };
                out.push(Action::KillExecutor);
            }
            Executor::Free(life) if self.job.is_none() => {
                if let Some(report) = self.reports.pop_front() {
                    self.executor = Executor::Busy(life);
                    out.push(Action::Report(report));
                } else if self.settings.recycle.is_due(life.since, life.jobs, life.memory, now) {
                    self.executor = Executor::Ending { until: now + GOODBYE };
                    out.push(Action::StopExecutor);
                }
            }
            _ => {}
        }
    }

    /// Whether the queue was reached at least once.
    fn has_seen_queue(&self) -> bool {
        self.queue == Queue::Up || !matches!(self.shown, None | Some(Doing::NoQueue))
    }

    /// A job that has ended while its server is away does not keep the worker from the jobs of others.
    fn owe(&mut self, now: Duration, out: &mut Vec<Action>) {
        if self.queue == Queue::Up || !self.settings.others {
            return;
        }
        let has_no_server = |job: &mut Job| job.hold == Hold::Unsure && !job.is_with_executor();
        let Some(job) = self.job.take_if(has_no_server) else { return };
        match &job.progress {
            Progress::Judged { judgement, .. } => {
                if let Judgement::Ran(Outcome::Exited(status)) = *judgement {
                    self.exit(status, now);
                }
                self.owed.push(job.id);
                out.push(Action::Owe { job: Box::new(job), handler: self.settings.handler });
            }
            // It has not run: its server gives it to whom it likes.
            _ => out.push(Action::Disconnect),
        }
    }

    fn advance_job(&mut self, now: Duration, out: &mut Vec<Action>) {
        let leaving = self.leaving.as_ref();
        let Some(job) = &mut self.job else { return };
        match &job.progress {
            // Without its reservation it is everybody's already.
            Progress::Waiting { .. } if leaving.is_some() && job.hold == Hold::Unsure => self.job = None,
            Progress::Waiting { .. } if leaving.is_some() => {
                job.judge(Judgement::Ran(Outcome::Stopped), None);
            }
            Progress::Waiting { look_first } => {
                if let Content::Refused(cause) = &job.content {
                    let cause = cause.clone();
                    job.judge(Judgement::Refused(cause), None);
                } else if (!look_first || job.facts.is_some())
                    && job.hold == Hold::Ours
                    && let Executor::Free(life) = self.executor
                {
                    self.executor = Executor::Busy(life);
                    let until = self.settings.max_runtime.map(|most| now + most);
                    job.progress = Progress::Running { since: now, until };
                    self.careful = false;
                    out.push(Action::Run(job.id));
                }
            }
            Progress::Running { until, .. } => {
                let why = if leaving.is_some_and(|leaving| now >= leaving.until) {
                    Why::Stopped
                } else if until.is_some_and(|until| now >= until) {
                    Why::Overran
                } else {
                    return;
                };
                job.progress = Progress::Killing(why);
                out.push(Action::KillExecutor);
            }
            Progress::Killing(_) | Progress::Judged { .. } => {}
        }
    }

    fn advance_queue(&mut self, now: Duration, out: &mut Vec<Action>) {
        let reserve = self.may_reserve(now);
        // What it brings could not run: the executor died, or makes room, while the worker waits.
        if self.asked == Some(Ask::Reserve) && !reserve {
            self.asked = None;
            out.push(Action::Disconnect);
        }
        if self.queue == Queue::Down || self.asked.is_some() {
            return;
        }
        let ask = match &mut self.job {
            None => reserve.then_some(Ask::Reserve),
            Some(job) => {
                let ask = job.question(now, self.settings.handler, reserve);
                if let (Some(Ask::Settle { .. }), Progress::Judged { told, .. }) = (&ask, &mut job.progress) {
                    *told = true;
                }
                ask
            }
        };
        if let Some(ask) = ask {
            self.asked = Some(ask.clone());
            out.push(Action::Ask(ask));
        }
    }

    /// A job is taken only when it can run at once.
    fn may_reserve(&self, now: Duration) -> bool {
        let Executor::Free(life) = &self.executor else { return false };
        self.leaving.is_none()
            && self.reports.is_empty()
            && !self.settings.recycle.is_due(life.since, life.jobs, life.memory, now)
    }

    fn advance_leaving(&mut self, now: Duration, out: &mut Vec<Action>) {
        let Some(leaving) = &self.leaving else { return };
        match &self.job {
            // A verdict that cannot be told: the reservation went with the connection, so
            // the job is everybody's again.
            Some(Job { id, progress: Progress::Judged { .. }, .. })
                if self.queue == Queue::Down && now >= leaving.until =>
            {
                out.push(Action::Lost(*id));
                self.job = None;
            }
            Some(_) => return,
            None => {}
        }
        if now >= leaving.until {
            out.extend(self.owed.drain(..).map(Action::Lost));
        }
        if !self.owed.is_empty() {
            return;
        }
        match self.executor {
            Executor::Absent { .. } => out.push(Action::Exit(leaving.status, leaving.reason.clone())),
            Executor::Booting { .. } => {
                self.executor = Executor::Ending { until: Duration::MAX };
                out.push(Action::KillExecutor);
            }
            Executor::Free(_) if self.reports.is_empty() => {
                self.executor = Executor::Ending { until: now + GOODBYE };
                out.push(Action::StopExecutor);
            }
            Executor::Free(_) | Executor::Busy(_) | Executor::Ending { .. } => {}
        }
    }

    fn show(&mut self, now: Duration, out: &mut Vec<Action>) {
        let doing = match (&self.job, &self.executor) {
            // Its last word is said already.
            (None, Executor::Absent { .. }) if self.leaving.is_some() => return,
            _ if self.leaving.is_some() && !self.is_running() => Doing::Leaving,
            (Some(job), _) if job.is_with_executor() => match job.show_at() {
                Some(at) if now >= at => Doing::Running(job.id),
                // Quick jobs would only make the supervisor busy.
                _ => return,
            },
            (_, Executor::Absent { .. }) if !self.has_seen_queue() => Doing::NoQueue,
            (_, Executor::Absent { .. } | Executor::Booting { .. } | Executor::Ending { .. }) => {
                Doing::Booting
            }
            _ if self.queue == Queue::Down => Doing::NoQueue,
            (Some(_), _) => return,
            (None, _) => Doing::Idle,
        };
        if self.shown != Some(doing) {
            self.shown = Some(doing);
            out.push(Action::Show(doing));
        }
    }
}
