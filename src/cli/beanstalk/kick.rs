//! `kick`, `delete`, `pause`, `resume`.

use std::io::Write;

use clap::Args;
use serde_json::json;

use super::progress::Bar;
use super::session::{Interrupt, Session};
use super::{print, say};
use crate::beanstalk::{Delay, JobId, JobState, JobStatistics};
use crate::cli::exit::{Error, Exit};
use crate::cli::screen::Screen;
use crate::queue;

/// The most that are kicked by one command: the server does nothing else meanwhile.
const AT_ONCE: u32 = 10_000;

/// The arguments of `kick`.
#[derive(Debug, Args)]
pub(super) struct Kick {
    /// How many at most [default: 1]
    #[arg(value_name = "N")]
    bound: Option<u32>,
}

impl Kick {
    /// Runs the command.
    pub(super) fn run(&self, session: &mut Session) -> Result<Exit, Error> {
        let tube = session.tube.clone();
        let bound = self.bound.unwrap_or(1);
        let interrupt = Interrupt::watch()?;
        let figures = session.ask(async |client| client.stats_tube(&tube).await)?;
        // As one command would do it: delayed jobs only where none is buried.
        let there = figures.map_or(0, |tube| if tube.buried > 0 { tube.buried } else { tube.delayed });
        let mut left = bound.min(u32::try_from(there).unwrap_or(u32::MAX));
        let bar = Bar::new(left.into());
        let mut kicked = 0;
        while left > 0 && !interrupt.came() {
            let part = left.min(AT_ONCE);
            let count = session.ask(async |client| {
                client.use_tube(&tube).await?;
                client.kick(part).await
            })?;
            kicked += count;
            bar.show(kicked);
            left = if count < part.into() { 0 } else { left - part };
        }
        bar.end();
        let mut screen = Screen::stdout();
        if session.json {
            print::json(&mut screen, &json!({"kicked": kicked}))?;
        } else if self.bound.is_some() {
            writeln!(screen, "Kicked {kicked} {}", if kicked == 1 { "job" } else { "jobs" })?;
        }
        screen.flush()?;
        Ok(interrupt.exit("the other jobs stay as they are"))
    }
}

/// The arguments of `delete`.
#[derive(Debug, Args)]
pub(super) struct Delete {
    /// The jobs' ids
    #[arg(value_name = "JOB", required = true)]
    ids: Vec<JobId>,
}

impl Delete {
    /// Runs the command.
    pub(super) fn run(&self, session: &mut Session) -> Result<Exit, Error> {
        let mut screen = Screen::stdout();
        let mut exit = Exit::Success;
        for &id in &self.ids {
            // Found and not deleted: somebody has it.
            let deleted = session.ask(async |client| match client.delete(id).await {
                Ok(()) => Ok(Ok(())),
                Err(queue::Error::NotFound { .. }) => Ok(Err(client.stats_job(id).await?)),
                Err(error) => Err(error),
            })?;
            let ok = deleted.is_ok();
            if let Err(Some(JobStatistics { state: JobState::Reserved, .. })) = deleted {
                say(&format!("job {id} was not deleted: a worker has it"));
            } else if !ok && !session.json {
                writeln!(screen, "Unable to find job with ID: {id}")?;
            }
            if session.json {
                print::json(&mut screen, &json!({"id": id, "deleted": ok}))?;
            }
            if !ok {
                exit = Exit::Failed;
            }
        }
        screen.flush()?;
        Ok(exit)
    }
}

/// The arguments of `pause`.
#[derive(Debug, Args)]
pub(super) struct Pause {
    /// For how long [default: until it is resumed]
    #[arg(value_name = "SECONDS")]
    seconds: Option<Delay>,
}

impl Pause {
    /// Runs the command.
    pub(super) fn run(&self, session: &mut Session) -> Result<Exit, Error> {
        let seconds = self.seconds.unwrap_or(Delay(u32::MAX));
        rest(session, seconds)?;
        let said = match self.seconds {
            None => format!("Paused tube: {}", session.tube),
            Some(seconds) => format!("Paused tube: {} for {seconds} seconds", session.tube),
        };
        tell(session, &said, seconds)
    }
}

/// `resume`.
pub(super) fn resume(session: &mut Session) -> Result<Exit, Error> {
    rest(session, Delay(0))?;
    let said = format!("Resumed tube: {}", session.tube);
    tell(session, &said, Delay(0))
}

fn rest(session: &mut Session, delay: Delay) -> Result<(), Error> {
    let tube = session.tube.clone();
    let there = session.ask(async |client| match client.pause_tube(&tube, delay).await {
        Err(queue::Error::NotFound { .. }) => Ok(false),
        result => result.map(|()| true),
    })?;
    if there { Ok(()) } else { Err(Error::new(Exit::Failed, format!("there is no tube {tube}"))) }
}

fn tell(session: &Session, said: &str, delay: Delay) -> Result<Exit, Error> {
    let mut screen = Screen::stdout();
    if session.json {
        print::json(&mut screen, &json!({"tube": session.tube, "pause": delay}))?;
    } else {
        writeln!(screen, "{said}")?;
    }
    screen.flush()?;
    Ok(Exit::Success)
}
