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

/// Whether a command found its job. A job that the server buried for want of memory was
/// found, and is not lost.
pub(super) fn found(result: Result<(), Error>) -> Result<bool, Error> {
    match result {
        Ok(()) | Err(Error::Buried { .. }) => Ok(true),
        Err(Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether a command that failed so may have been carried out. What the server refused was not.
pub(super) fn may_be_done(error: &Error) -> bool {
    !matches!(error, Error::Refused { .. } | Error::Invalid(_) | Error::Unreachable { .. })
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use super::*;
    use crate::beanstalk::{Refusal, Verb};
    use crate::names::ServerAddress;

    #[test]
    fn what_was_refused_or_never_sent_is_not_taken_for_done() {
        let server = ServerAddress::default;
        let source = || Arc::new(io::Error::from(io::ErrorKind::ConnectionReset));
        let refusal = Refusal::OutOfMemory;
        assert!(!may_be_done(&Error::Refused { server: server(), verb: Verb::Bury, refusal }));
        assert!(!may_be_done(&Error::Unreachable { server: server(), source: source() }));
        assert!(may_be_done(&Error::Lost { server: server(), verb: Verb::Bury, source: source() }));
    }
}
