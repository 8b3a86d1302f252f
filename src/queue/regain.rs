//! Taking a job back after the connection it was reserved on broke.
//!
//! The server made the job ready when it noticed. Nobody may have taken it yet, so it is asked
//! for by its number before it is given up. The number alone proves nothing: a server without a
//! binlog counts from 1 again after a restart.

use std::time::Duration;

use super::client::Client;
use super::error::Error;
use crate::beanstalk::{Job, JobState};

impl Client {
    /// Reserves `job` again, which was reserved `age` ago on a connection that is gone; false if
    /// it is not there, or somebody else has it.
    ///
    /// Another job that has its number by now is left as it is, even one with the same body: a
    /// job that was put after ours was reserved is not ours.
    ///
    /// # Errors
    /// Those of any call. A server before 1.12, which cannot reserve by number, is none: false.
    pub async fn regain(&mut self, job: &Job, age: Duration) -> Result<bool, Error> {
        let Some(statistics) = self.stats_job(job.id).await? else { return Ok(false) };
        // The server counts whole seconds.
        let is_older = Duration::from_secs(statistics.age.saturating_add(1)) > age;
        if !is_older
            || statistics.state == JobState::Reserved
            || self.peek(job.id).await?.as_ref() != Some(job)
        {
            return Ok(false);
        }
        match self.reserve_job(job.id).await {
            Ok(_) => Ok(true),
            // Somebody was faster.
            Err(Error::NotFound { .. } | Error::Refused { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
