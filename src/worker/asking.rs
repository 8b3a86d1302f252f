//! What a server is asked about one job, and told.

use super::core::Facts;
use crate::ayl::{Verdict, deaths_before};
use crate::beanstalk::{Command, Delay, JobId, Priority};
use crate::queue::{Client, Error};

/// Carries out a verdict; whether the job was there.
pub(super) async fn settle(
    client: &mut Client,
    id: JobId,
    verdict: &Verdict,
    priority: Priority,
) -> Result<bool, Error> {
    let command = match verdict {
        Verdict::Delete(_) => Command::Delete(id),
        Verdict::Bury(_) => Command::Bury { job: id, priority },
        Verdict::Release { delay, .. } => Command::Release { job: id, priority, delay: Delay(*delay) },
    };
    found(client.carry_out(&command).await)
}

/// What the queue knows of a job; `None` if there is no such job.
pub(super) async fn facts(client: &mut Client, id: JobId) -> Result<Option<Facts>, Error> {
    Ok(client.stats_job(id).await?.map(|statistics| {
        // What ended a reservation is counted, but for the end of a connection.
        let explained = statistics.timeouts + statistics.releases + statistics.buries + 1;
        Facts {
            ttr: statistics.ttr,
            priority: statistics.priority,
            reserves: u32::try_from(statistics.reserves).unwrap_or(u32::MAX),
            deaths: deaths_before(statistics.delay.0),
            worker_deaths: statistics.reserves.saturating_sub(explained),
        }
    }))
}

/// Reserves the job `id` again, if it is free and still the one with that body.
pub(super) async fn regain(client: &mut Client, id: JobId, body: &[u8]) -> Result<bool, Error> {
    let job = match client.reserve_job(id).await {
        Ok(job) => job,
        // Before beanstalkd 1.12 a job cannot be had by its number.
        Err(Error::NotFound { .. } | Error::Refused { .. }) => return Ok(false),
        Err(error) => return Err(error),
    };
    if job.body == body {
        return Ok(true);
    }
    // A server that lost its jobs has given the number to another: that goes back as it was.
    if let Some(statistics) = client.stats_job(id).await? {
        found(client.release(id, statistics.priority, Delay(0)).await)?;
    }
    Ok(false)
}

/// Whether a command found its job. A job that the server buried for want of memory was
/// found, and is not lost.
pub(super) fn found(result: Result<(), Error>) -> Result<bool, Error> {
    match result {
        Ok(()) | Err(Error::Buried { .. }) => Ok(true),
        Err(Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
