//! `move_jobs`: from one tube to another, without losing one. How that is done, and what
//! becomes of what: `queue/relocate.rs`.

use std::io::Write;

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde_json::json;

use super::fault::{broken, fault};
use super::jobs::State;
use super::progress::Bar;
use super::session::{Interrupt, Session};
use super::target::tubes;
use super::{print, say};
use crate::beanstalk::{Job, JobId, Priority};
use crate::cli::exit::{Error, Exit};
use crate::cli::screen::Screen;
use crate::names::Tube;
use crate::queue::Client;

/// The arguments of `move_jobs`.
#[derive(Debug, Args)]
pub(super) struct MoveJobs {
    /// The tube they go to
    #[arg(value_name = "TO", add = ArgValueCompleter::new(tubes))]
    to: Tube,
    /// Which jobs
    #[arg(value_enum, default_value_t = State::Ready)]
    state: State,
}

impl MoveJobs {
    /// Runs the command.
    pub(super) fn run(&self, session: &mut Session) -> Result<Exit, Error> {
        let from = session.tube.clone();
        if from == self.to {
            return Err(Error::new(Exit::Usage, format!("the jobs are on tube {from} already")));
        }
        let figures = session.ask(async |client| client.stats_tube(&from).await)?;
        let Some(figures) = figures else { return report(session, 0) };
        if self.state == State::Ready && figures.pause_left > 0 {
            let text = format!("tube {from} is paused, nothing can be reserved from it: resume it first");
            return Err(Error::new(Exit::Failed, text));
        }
        let interrupt = Interrupt::watch()?;
        let bar = Bar::new(self.state.count(&figures));
        let mut moved = 0;
        let mut doubled = 0;
        let result = session.with(async |client| {
            while !interrupt.came() {
                let step = if self.state == State::Ready {
                    client.move_ready(&from, &self.to).await
                } else {
                    client.move_next(&from, &self.to, self.state.into()).await
                };
                let step = step.map_err(|error| fault(&error))?;
                if step.jobs == 0 {
                    break;
                }
                moved += step.jobs;
                doubled += step.doubled;
                bar.show(moved);
            }
            Ok::<_, Error>(())
        });
        bar.end();
        if doubled > 0 {
            say(&format!("{doubled} jobs were taken by workers meanwhile: they are on both tubes"));
        }
        if let Err(error) = result {
            say(&format!("{moved} jobs were moved, the others are still on tube {from}"));
            return Err(error);
        }
        report(session, moved)?;
        Ok(interrupt.exit(&format!("{moved} jobs were moved, the others are still on tube {from}")))
    }
}

fn report(session: &Session, moved: u64) -> Result<Exit, Error> {
    if session.json {
        let mut screen = Screen::stdout();
        print::json(&mut screen, &json!({"moved": moved}))?;
        screen.flush()?;
    }
    Ok(Exit::Success)
}

/// Reserves up to `most` jobs without waiting for any.
pub(super) async fn take(client: &mut Client, most: usize) -> Result<Vec<Job>, Error> {
    client.take(most).await.map_err(|error| broken(&error))
}

/// Gives reserved jobs back as they were.
pub(super) async fn give_back(client: &mut Client, held: &[Job]) -> Result<(), Error> {
    let figures = client.terms(held.iter().map(|job| job.id)).await;
    let figures = figures.map_err(|error| fault(&error))?;
    let held: Vec<(JobId, Priority)> =
        figures.into_iter().flatten().map(|figures| (figures.id, figures.priority)).collect();
    client.give_back(&held).await.map_err(|error| broken(&error))
}
