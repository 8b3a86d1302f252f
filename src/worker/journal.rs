//! What a worker writes down, each line with its job and tube as fields.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::core::{Ask, Failure, Job};
use crate::ayl::{Cause, Untrusted, Verdict};
use crate::beanstalk::JobId;
use crate::names::{ServerAddress, Tube};

/// The worker's voice in the journal.
#[derive(Debug)]
pub(super) struct Journal {
    application: String,
    tube: Tube,
    /// Why the queue cannot be reached, while it cannot.
    queue: Option<String>,
    /// Of several servers those that cannot be reached, and why.
    away: BTreeMap<ServerAddress, String>,
}

impl Journal {
    pub(super) fn new(application: Option<String>, tube: Tube) -> Self {
        Self { application: application.unwrap_or_default(), tube, queue: None, away: BTreeMap::new() }
    }

    /// Why the queue cannot be reached, while it cannot.
    pub(super) fn queue_reason(&self) -> Option<&str> {
        self.queue.as_deref()
    }

    pub(super) fn queue_up(&mut self) {
        if self.queue.take().is_some() {
            tracing::info!(tube = %self.tube, application = self.application, "the queue is back");
        }
    }

    pub(super) fn queue_down(&mut self, reason: &str) {
        tracing::warn!(tube = %self.tube, application = self.application, "{reason}; trying again until it is there");
        self.queue = Some(reason.to_owned());
    }

    /// One of several servers is away, for this reason, or is back.
    pub(super) fn server(&mut self, server: ServerAddress, trouble: Option<String>) {
        if let Some(reason) = trouble {
            tracing::warn!(tube = %self.tube, application = self.application, "{reason}; the jobs of the other servers go on");
            self.away.insert(server, reason);
        } else {
            tracing::info!(tube = %self.tube, application = self.application, "beanstalkd at {server} is back");
            self.away.remove(&server);
        }
    }

    /// What the worker waits for when it has nothing to do, and what is missing from that.
    pub(super) fn idle(&self) -> String {
        let missing = self.away.values().map(|reason| format!("; {reason}"));
        format!("waits for a job{}", missing.collect::<String>())
    }

    pub(super) fn booted(&self, runtime: &str) {
        tracing::info!(tube = %self.tube, application = self.application, "the application has booted ({runtime})");
    }

    pub(super) fn watches(&mut self, tube: &Tube) {
        tracing::info!(tube = %tube, application = self.application, "the application has chosen the tube {tube}");
        self.tube = tube.clone();
        // All of them are connected to anew.
        self.away.clear();
    }

    pub(super) fn nonsense(&self, what: &str) {
        tracing::error!(tube = %self.tube, application = self.application, "the executor is killed: {what}");
    }

    /// The preloader would not fork an executor.
    pub(super) fn not_forked(&self, reason: &str) {
        tracing::warn!(tube = %self.tube, application = self.application, "{reason}; the executor boots the application by itself (a preloader of an older version has to be restarted)");
    }

    pub(super) fn untrusted(&self, id: JobId, reason: &Untrusted) {
        tracing::warn!(job = %id, tube = %self.tube, application = self.application, "job {id} runs although {reason}");
    }

    /// The whole job and what it came to, since the server may forget it.
    pub(super) fn owes(&self, job: &Job) {
        let (failure, death) = job.trouble();
        let error = failure.map(|failure| format!("\n{failure}")).unwrap_or_default();
        let death = death.map(|(how, _)| format!("\nits executor {how}")).unwrap_or_default();
        let body = String::from_utf8_lossy(&job.body);
        tracing::warn!(job = %job.id, tube = %self.tube, application = self.application, "job {} has ended while its server is away, which is told when it is back; the jobs of others go on: {body}{error}{death}", job.id);
    }

    /// Before the queue is told: the whole job, if it is about to be gone for a failure.
    pub(super) fn verdict(&self, job: &Job, ask: &Ask) {
        let Ask::Settle { verdict: Verdict::Delete(cause), .. } = ask else { return };
        if !cause.is_failure() {
            return;
        }
        let (failure, _) = job.trouble();
        let error = failure.map(|failure| format!("\n{failure}")).unwrap_or_default();
        let body = String::from_utf8_lossy(&job.body);
        tracing::error!(job = %job.id, tube = %self.tube, application = self.application, "job {} is deleted, {cause}: {body}{error}", job.id);
    }

    pub(super) fn settled(
        &self,
        id: JobId,
        verdict: &Verdict,
        failure: Option<&Failure>,
        death: Option<&(String, String)>,
    ) {
        let (done, cause) = match verdict {
            Verdict::Delete(cause) => ("deleted".to_owned(), cause),
            Verdict::Bury(cause) => ("buried".to_owned(), cause),
            Verdict::Release { delay, cause } => (format!("released for {delay} s"), cause),
        };
        let mut text = format!("job {id} {done}: {cause}");
        if let Some((how, stderr)) = death {
            let _ = write!(text, "; the executor {how}");
            if !stderr.is_empty() {
                let _ = write!(text, ", its last words:\n{stderr}");
            }
        }
        match verdict {
            Verdict::Delete(Cause::Done) => {
                tracing::debug!(job = %id, tube = %self.tube, application = self.application, "{text}");
            }
            // What was deleted for a failure stands there already, with all of it.
            Verdict::Delete(cause) if cause.is_failure() => {}
            _ => {
                if let Some(failure) = failure {
                    let _ = write!(text, "\n{failure}");
                }
                if cause.is_failure() {
                    tracing::error!(job = %id, tube = %self.tube, application = self.application, "{text}");
                } else {
                    tracing::info!(job = %id, tube = %self.tube, application = self.application, "{text}");
                }
            }
        }
    }

    pub(super) fn lost(&self, id: JobId) {
        tracing::warn!(
            job = %id, tube = %self.tube, application = self.application,
            "job {id} is no longer this worker's: its reservation ended (time to run, connection, or server), \
             so it may run again"
        );
    }

    pub(super) fn leaves(&self, reason: Option<&str>) {
        if let Some(reason) = reason {
            tracing::error!(tube = %self.tube, application = self.application, "{reason}");
        } else {
            tracing::info!(tube = %self.tube, application = self.application, "the worker leaves");
        }
    }
}
