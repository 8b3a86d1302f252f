//! What a server is asked about one job, and told.

use super::core::Facts;
use crate::ayl::{Verdict, deaths_before};
use crate::beanstalk::{Command, Delay, JobId, JobStatistics, Priority};
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

/// What the queue knows of a job; `None` if there is no such job. `alone` says whether this is the only server.
pub(super) async fn facts(client: &mut Client, id: JobId, alone: bool) -> Result<Option<Facts>, Error> {
    Ok(client.stats_job(id).await?.map(|statistics| told_by(&statistics, alone)))
}

/// What ended a reservation is counted, but for the end of its connection. With one server that is a worker's
/// death. With several, a worker that waits at all of them and gets two jobs at once gives one back
/// so ([`Consumer`](crate::queue::Consumer)): that says nothing of the job, and is no try.
fn told_by(statistics: &JobStatistics, alone: bool) -> Facts {
    let explained = statistics.timeouts + statistics.releases + statistics.buries + 1;
    let (reserves, worker_deaths) = if alone {
        (statistics.reserves, statistics.reserves.saturating_sub(explained))
    } else {
        (statistics.reserves.min(explained), 0)
    };
    Facts {
        ttr: statistics.ttr,
        priority: statistics.priority,
        reserves: u32::try_from(reserves).unwrap_or(u32::MAX),
        deaths: deaths_before(statistics.delay.0),
        worker_deaths,
    }
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
    fn with_several_servers_a_reservation_that_ended_with_its_connection_is_neither_a_try_nor_a_death() {
        let yaml = "---\nid: 1\ntube: t\nstate: reserved\npri: 5\nage: 9\ndelay: 13\nttr: 60\ntime-left: 59\n\
                    file: 0\nreserves: 7\ntimeouts: 1\nreleases: 2\nburies: 0\nkicks: 0\n";
        let statistics = JobStatistics::parse(yaml.as_bytes()).unwrap();
        let facts = told_by(&statistics, true);
        assert_eq!((facts.reserves, facts.worker_deaths, facts.deaths), (7, 3, 2));
        let facts = told_by(&statistics, false);
        assert_eq!((facts.reserves, facts.worker_deaths, facts.deaths), (4, 0, 2));
    }

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
