//! `peek_job`, `peek_ready`, `peek_delayed`, `peek_buried`.

use std::io::Write;

use clap::Args;

use super::jobs::State;
use super::print::{self, JobJson};
use super::session::Session;
use crate::beanstalk::{Job, JobId};
use crate::cli::exit::{Error, Exit};
use crate::cli::screen::Screen;

/// The arguments of `peek_job`.
#[derive(Debug, Args)]
pub(super) struct PeekJob {
    /// The job's id
    #[arg(value_name = "JOB")]
    id: JobId,
}

impl PeekJob {
    /// Runs the command.
    pub(super) fn run(&self, session: &mut Session) -> Result<Exit, Error> {
        let json = session.json;
        session.show(
            |session| session.ask(async |client| client.peek(self.id).await),
            |screen, job| {
                draw(screen, json, job.as_ref())?;
                // A job that was named and is not there is a failure; a tube may be empty.
                Ok(if job.is_some() { Exit::Success } else { Exit::Failed })
            },
        )
    }
}

/// `peek_ready` and its like: the next job of the tube in `state`.
pub(super) fn next(session: &mut Session, state: State) -> Result<Exit, Error> {
    let json = session.json;
    session.show(
        |session| {
            let tube = session.tube.clone();
            session.ask(async |client| {
                client.use_tube(&tube).await?;
                client.peek_next(state.into()).await
            })
        },
        |screen, job| {
            draw(screen, json, job.as_ref())?;
            Ok(Exit::Success)
        },
    )
}

fn draw(screen: &mut Screen<'_>, json: bool, job: Option<&Job>) -> Result<(), Error> {
    match job {
        job if json => print::json(screen, &job.map(JobJson::new))?,
        Some(job) => print::job(screen, job)?,
        None => writeln!(screen, "No job...")?,
    }
    Ok(())
}
