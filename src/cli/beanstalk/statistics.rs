//! `statistics`, `tube_statistics`, `job_statistics`.

use std::io::Write;

use clap::Args;

use super::print;
use super::session::Session;
use crate::beanstalk::{JobId, TubeStatistics};
use crate::cli::exit::{Error, Exit};
use crate::cli::screen::Screen;

/// `statistics`: the server's.
pub(super) fn of_server(session: &mut Session) -> Result<Exit, Error> {
    let json = session.json;
    session.show(
        |session| session.ask(async |client| client.stats().await),
        |screen, server| {
            if json {
                print::json(screen, &print::json_statistics(&server.all))?;
            } else {
                writeln!(screen, "Overall Statistics\n------------------")?;
                print::statistics(screen, &server.all)?;
            }
            Ok(Exit::Success)
        },
    )
}

/// `tube_statistics`: the tube's.
pub(super) fn of_tube(session: &mut Session) -> Result<Exit, Error> {
    let json = session.json;
    session.show(
        |session| {
            let tube = session.tube.clone();
            session
                .ask(async |client| client.stats_tube(&tube).await)?
                .ok_or_else(|| Error::new(Exit::Failed, format!("there is no tube {tube}")))
        },
        |screen, tube| {
            if json {
                let mut all = print::json_statistics(&tube.all);
                all.extend(in_words(&tube).map(|(key, number)| (key.to_owned(), number.into())));
                print::json(screen, &all)?;
            } else {
                of_tube_in_text(screen, &tube)?;
            }
            Ok(Exit::Success)
        },
    )
}

fn of_tube_in_text(screen: &mut Screen<'_>, tube: &TubeStatistics) -> Result<(), Error> {
    writeln!(screen, "Statistics for Tube: {}", tube.name)?;
    print::statistics(screen, &tube.all)?;
    for (key, number) in in_words(tube) {
        print::figure(screen, key, number)?;
    }
    Ok(())
}

/// What one wants to know of a tube, without having to know the protocol's words: a worker
/// that waits for a job is available, one that has a job is busy.
fn in_words(tube: &TubeStatistics) -> [(&'static str, u64); 3] {
    [("workers_available", tube.waiting), ("workers_busy", tube.reserved), ("jobs_ready", tube.ready)]
}

/// The arguments of `job_statistics`.
#[derive(Debug, Args)]
pub(super) struct OfJob {
    /// The job's id
    #[arg(value_name = "JOB")]
    id: JobId,
}

impl OfJob {
    /// Runs the command.
    pub(super) fn run(&self, session: &mut Session) -> Result<Exit, Error> {
        let json = session.json;
        session.show(
            |session| session.ask(async |client| client.stats_job(self.id).await),
            |screen, job| {
                match job {
                    Some(job) if json => print::json(screen, &print::json_statistics(&job.all))?,
                    Some(job) => print::statistics(screen, &job.all)?,
                    None if json => {
                        print::json(screen, &None::<()>)?;
                        return Ok(Exit::Failed);
                    }
                    None => {
                        writeln!(screen, "Unable to find job with id: {}", self.id)?;
                        return Ok(Exit::Failed);
                    }
                }
                Ok(Exit::Success)
            },
        )
    }
}
