//! A job that is ours for now.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::client::Client;
use super::error::Error;
use crate::beanstalk::{Command, Delay, Job, JobId, JobState, JobStatistics, Priority, Verb};
use crate::names::ServerAddress;

/// A reserved job, tied to its server and to the connection it was reserved on.
///
/// When that connection breaks the server makes the job ready again. Each call then first
/// tries, once, to have it back: it connects, looks whether the job with this number is
/// still the same and free, and reserves it by its number. So a short absence of the
/// server costs no second run, unless another worker was quicker, or the server forgot the
/// job: then the call says [`Error::NotFound`].
///
/// A `Held` that is dropped before a [`delete`](Self::delete), [`release`](Self::release)
/// or [`bury`](Self::bury) has succeeded closes the connection, so the job is ready again
/// at once.
pub struct Held<'a> {
    client: &'a mut Client,
    job: Job,
    session: u64,
    /// When it was reserved.
    since: Instant,
    finished: bool,
}

impl<'a> Held<'a> {
    pub(super) fn new(client: &'a mut Client, job: Job) -> Self {
        let session = client.session();
        Self { client, job, session, since: Instant::now(), finished: false }
    }

    /// Its number on its server.
    pub fn id(&self) -> JobId {
        self.job.id
    }

    /// The bytes that were put.
    pub fn body(&self) -> &Bytes {
        &self.job.body
    }

    /// The server it came from.
    pub fn server(&self) -> &ServerAddress {
        self.client.server()
    }

    /// How long ago it was reserved.
    pub fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Its figures.
    ///
    /// # Errors
    /// [`Error::NotFound`] when somebody has deleted it.
    pub async fn statistics(&mut self) -> Result<JobStatistics, Error> {
        self.keep().await?;
        let stats = self.client.stats_job(self.job.id).await?;
        stats.ok_or_else(|| self.gone(Verb::StatsJob))
    }

    /// Starts its time to run again.
    ///
    /// # Errors
    /// [`Error::NotFound`] when its time ran out, or the connection broke and it could not
    /// be had back: then another worker may run it by now.
    pub async fn touch(&mut self) -> Result<(), Error> {
        self.act(&Command::Touch(self.job.id)).await
    }

    /// It is done: removes it.
    ///
    /// # Errors
    /// Those of [`touch`](Self::touch). After [`Error::Lost`] it may be called again; the
    /// job may be gone already, which is [`Error::NotFound`] then.
    pub async fn delete(&mut self) -> Result<(), Error> {
        self.finish(&Command::Delete(self.job.id)).await
    }

    /// Gives it back, to be run again after `delay`.
    ///
    /// # Errors
    /// Those of [`touch`](Self::touch), and [`Error::Buried`] when the server had no memory
    /// to queue it.
    pub async fn release(&mut self, priority: Priority, delay: Delay) -> Result<(), Error> {
        self.finish(&Command::Release { job: self.job.id, priority, delay }).await
    }

    /// Sets it aside until somebody kicks it.
    ///
    /// # Errors
    /// Those of [`touch`](Self::touch).
    pub async fn bury(&mut self, priority: Priority) -> Result<(), Error> {
        self.finish(&Command::Bury { job: self.job.id, priority }).await
    }

    async fn finish(&mut self, command: &Command<'_>) -> Result<(), Error> {
        let outcome = self.act(command).await;
        self.finished = matches!(outcome, Ok(()) | Err(Error::Buried { .. }));
        outcome
    }

    async fn act(&mut self, command: &Command<'_>) -> Result<(), Error> {
        self.keep().await?;
        // On this very connection: on another one the number might be another job's.
        self.client.carry_out(command).await
    }

    /// Makes sure that the connection holds the job, as far as that can be known without
    /// asking.
    async fn keep(&mut self) -> Result<(), Error> {
        self.client.ready().await?;
        if self.client.session() == self.session {
            return Ok(());
        }
        let Some(stats) = self.client.stats_job(self.job.id).await? else {
            return Err(self.gone(Verb::ReserveJob));
        };
        // A server without a binlog numbers its jobs from 1 again: the same number and body
        // may be a younger job.
        let older = Duration::from_secs(stats.age + 1) > self.age();
        let free = stats.state != JobState::Reserved;
        let same = older && free && self.client.peek(self.job.id).await?.is_some_and(|job| job == self.job);
        if !same {
            return Err(self.gone(Verb::ReserveJob));
        }
        self.client.reserve_job(self.job.id).await?;
        self.session = self.client.session();
        Ok(())
    }

    fn gone(&self, verb: Verb) -> Error {
        Error::NotFound { server: self.server().clone(), verb }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.client.disconnect();
        }
    }
}
