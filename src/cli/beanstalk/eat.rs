//! `eat_job`, `eat_all_jobs`: show jobs and delete them.
//!
//! A job is deleted only once its line has been written out, so whatever ends the tool
//! meanwhile, every job is either on the queue or on the output. Ready jobs are reserved
//! for it: no worker runs a job that is about to be deleted.

use std::io::Write;

use clap::Args;
use serde_json::json;

use super::fault::fault;
use super::jobs::State;
use super::print::{self, JobJson};
use super::progress::{Bar, confirm};
use super::relocate::{give_back, take};
use super::say;
use super::session::{Interrupt, Session};
use crate::beanstalk::Job;
use crate::cli::exit::{Error, Exit};
use crate::cli::screen::Screen;
use crate::names::Tube;
use crate::queue::{self, Client};

/// How many jobs are held at once. Their time to run goes on while they are written.
const BATCH: usize = 64;

/// `eat_job`.
pub(super) fn one(session: &mut Session) -> Result<Exit, Error> {
    let (tube, json) = (session.tube.clone(), session.json);
    let mut screen = Screen::stdout();
    let eaten = session.with(async |client| {
        let mut mouth = Mouth { screen: &mut screen, json, quiet: false, eaten: 0 };
        next(client, &tube, State::Ready, &mut mouth).await
    })?;
    match eaten {
        Next::Empty if json => print::json(&mut screen, &None::<()>)?,
        Next::Empty => writeln!(screen, "No job to eat")?,
        Next::Eaten => {}
    }
    screen.flush()?;
    Ok(Exit::Success)
}

/// The arguments of `eat_all_jobs`.
#[derive(Debug, Args)]
pub(super) struct EatAllJobs {
    /// Which jobs of the tube
    #[arg(value_enum, default_value_t = State::Ready)]
    state: State,
    /// Do not show the jobs, only how many they were
    #[arg(long, short)]
    quiet: bool,
}

impl EatAllJobs {
    /// Runs the command.
    pub(super) fn run(&self, session: &mut Session) -> Result<Exit, Error> {
        let tube = session.tube.clone();
        let figures = session.ask(async |client| client.stats_tube(&tube).await)?;
        let there = figures.as_ref().map_or(0, |tube| self.state.count(tube));
        let paused = figures.is_some_and(|tube| tube.pause_left > 0);
        if there > 0 {
            let jobs = if there == 1 { "job" } else { "jobs" };
            confirm(&format!("Delete {there} {} {jobs} of tube {tube}", self.state.word()), session.yes)?;
        }
        let interrupt = Interrupt::watch()?;
        let bar = if self.quiet { Bar::new(there) } else { Bar::beside_output(there) };
        let mut screen = Screen::stdout();
        let json = session.json;
        let eaten = session.with(async |client| {
            let mut mouth = Mouth { screen: &mut screen, json, quiet: self.quiet, eaten: 0 };
            // Nobody can reserve from a paused tube, but single jobs can be taken from it.
            if self.state == State::Ready && !paused {
                all_ready(client, &tube, &mut mouth, &interrupt, &bar).await?;
            } else {
                while !interrupt.came() {
                    bar.show(mouth.eaten);
                    if let Next::Empty = next(client, &tube, self.state, &mut mouth).await? {
                        break;
                    }
                }
            }
            Ok::<u64, Error>(mouth.eaten)
        })?;
        bar.end();
        if self.quiet && json {
            print::json(&mut screen, &json!({"deleted": eaten}))?;
        } else if self.quiet {
            writeln!(screen, "Deleted {eaten} {}", if eaten == 1 { "job" } else { "jobs" })?;
        }
        screen.flush()?;
        Ok(interrupt.exit(&format!("{eaten} jobs were deleted, the others are still there")))
    }
}

/// Where eaten jobs go.
struct Mouth<'a, 's> {
    screen: &'a mut Screen<'s>,
    json: bool,
    quiet: bool,
    eaten: u64,
}

impl Mouth<'_, '_> {
    /// Shows the job; what is shown is written out when this returns.
    fn show(&mut self, job: &Job) -> Result<(), Error> {
        if self.quiet {
            return Ok(());
        }
        if self.json {
            print::json(self.screen, &JobJson::new(job))?;
        } else {
            print::job(self.screen, job)?;
        }
        Ok(self.screen.flush()?)
    }

    /// The job was deleted.
    fn swallow(&mut self) -> Result<(), Error> {
        self.eaten += 1;
        if !self.quiet && !self.json {
            writeln!(self.screen, "Deleted job")?;
        }
        Ok(())
    }

    /// The job could not be deleted: its time to run ended while it was written.
    fn lose(job: &Job) {
        say(&format!("job {} was taken by a worker before it could be deleted", job.id));
    }
}

enum Next {
    Eaten,
    Empty,
}

/// Eats the next job in `state`.
async fn next(
    client: &mut Client,
    tube: &Tube,
    state: State,
    mouth: &mut Mouth<'_, '_>,
) -> Result<Next, Error> {
    let ask = |error: queue::Error| fault(&error);
    client.use_tube(tube).await.map_err(ask)?;
    loop {
        let Some(job) = client.peek_next(state.into()).await.map_err(ask)? else { return Ok(Next::Empty) };
        if state == State::Ready {
            match client.reserve_job(job.id).await {
                Ok(_) => {}
                // A worker was faster.
                Err(queue::Error::NotFound { .. }) => continue,
                Err(error) => return Err(fault(&error)),
            }
        }
        mouth.show(&job)?;
        match client.delete(job.id).await {
            Ok(()) => {
                mouth.swallow()?;
                return Ok(Next::Eaten);
            }
            Err(queue::Error::NotFound { .. }) => Mouth::lose(&job),
            Err(error) => return Err(fault(&error)),
        }
    }
}

/// Eats ready jobs, many at a time, until there are none.
async fn all_ready(
    client: &mut Client,
    tube: &Tube,
    mouth: &mut Mouth<'_, '_>,
    interrupt: &Interrupt,
    bar: &Bar,
) -> Result<(), Error> {
    let default = Tube::default();
    client.watch(tube).await.map_err(|error| fault(&error))?;
    if *tube != default {
        client.ignore(&default).await.map_err(|error| fault(&error))?;
    }
    let batch = if mouth.quiet { BATCH * 8 } else { BATCH };
    loop {
        let held = take(client, batch).await?;
        if held.is_empty() {
            return Ok(());
        }
        if mouth.quiet {
            mouth.eaten += delete_all(client, &held).await?;
        } else {
            for (at, job) in held.iter().enumerate() {
                if interrupt.came() {
                    return give_back(client, &held[at..]).await;
                }
                mouth.show(job)?;
                match client.delete(job.id).await {
                    Ok(()) => mouth.swallow()?,
                    Err(queue::Error::NotFound { .. }) => Mouth::lose(job),
                    Err(error) => return Err(fault(&error)),
                }
            }
        }
        bar.show(mouth.eaten);
        if interrupt.came() {
            return Ok(());
        }
    }
}

/// Deletes the jobs and returns how many were still there.
async fn delete_all(client: &mut Client, held: &[Job]) -> Result<u64, Error> {
    use crate::beanstalk::{Command, Reply};
    let mut deleted = 0;
    client
        .pipeline(held.iter().map(|job| Command::Delete(job.id)), |_, reply| {
            deleted += u64::from(reply == Reply::Deleted);
        })
        .await
        .map_err(|error| fault(&error.error))?;
    Ok(deleted)
}
