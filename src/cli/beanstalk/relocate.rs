//! `move_jobs`: from one tube to another, without losing one.
//!
//! ```text
//!   ready             reserve ─► stats-job ─► put on the other tube ─► delete
//!   delayed, buried      peek ─► stats-job ─► put on the other tube ─► delete
//! ```
//!
//! A job is deleted only once the server has confirmed its copy. Whatever ends the tool in
//! between, the original is still there: a job can be there twice then, as many as were on
//! their way together, but never not at all. Ready jobs are reserved, so that no worker runs
//! the original meanwhile; of the others, one that a worker gets hold of (its delay ended,
//! somebody kicked it) keeps its original, and the copy is taken back.
//!
//! The copy has the original's priority and time to run, a delayed one what is left of its
//! delay, and a buried one is buried. Its id is new, and its counters begin anew.

use std::io::Write;

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde_json::json;

use super::fault::{broken, fault};
use super::import::bury;
use super::jobs::{self, State, Terms};
use super::progress::Bar;
use super::session::{Interrupt, Session};
use super::target::tubes;
use super::{print, say};
use crate::beanstalk::{Command, Delay, Job, JobId, Priority, Reply, Ttr};
use crate::cli::exit::{Error, Exit};
use crate::cli::screen::Screen;
use crate::names::Tube;
use crate::queue::{self, Client, NewJob};

/// So many jobs are on their way together.
const BATCH: usize = 500;

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
        let result = session.with(async |client| {
            if self.state == State::Ready {
                self.ready(client, &from, &interrupt, |count| {
                    moved += count;
                    bar.show(moved);
                })
                .await
            } else {
                while !interrupt.came() && self.one(client, &from).await? {
                    moved += 1;
                    bar.show(moved);
                }
                Ok(())
            }
        });
        bar.end();
        if let Err(error) = result {
            say(&format!("{moved} jobs were moved, the others are still on tube {from}"));
            return Err(error);
        }
        report(session, moved)?;
        Ok(interrupt.exit(&format!("{moved} jobs were moved, the others are still on tube {from}")))
    }

    /// Moves ready jobs, many at a time, until there are none.
    async fn ready(
        &self,
        client: &mut Client,
        from: &Tube,
        interrupt: &Interrupt,
        mut moved: impl FnMut(u64),
    ) -> Result<(), Error> {
        let default = Tube::default();
        client.watch(from).await.map_err(|error| fault(&error))?;
        if *from != default {
            client.ignore(&default).await.map_err(|error| fault(&error))?;
        }
        client.use_tube(&self.to).await.map_err(|error| fault(&error))?;
        while !interrupt.came() {
            let held = take(client, BATCH).await?;
            if held.is_empty() {
                break;
            }
            moved(self.batch(client, &held).await?);
        }
        Ok(())
    }

    /// Moves jobs that are reserved; those that the server does not take are given back.
    async fn batch(&self, client: &mut Client, held: &[Job]) -> Result<u64, Error> {
        let figures = jobs::terms(client, held.iter().map(|job| job.id)).await;
        let figures = figures.map_err(|error| fault(&error))?;
        // One that is gone ran out of its time, and a worker has finished it.
        let there: Vec<(&Job, &Terms)> =
            held.iter().zip(&figures).filter_map(|(job, figures)| Some((job, figures.as_ref()?))).collect();
        let copies = there.iter().map(|(job, figures)| NewJob {
            priority: figures.priority,
            delay: Delay(0),
            ttr: figures.ttr,
            body: &job.body,
        });
        let (mut put, mut refused, mut refusal) = (Vec::new(), Vec::new(), None);
        let mut due = there.iter();
        client
            .put_many(copies, |_, result| match (due.next(), result) {
                // Buried for want of memory, but there.
                (Some((job, _)), Ok(_) | Err(queue::Error::Buried { .. })) => put.push(job.id),
                (Some((job, figures)), Err(error)) => {
                    refused.push((job.id, figures.priority));
                    refusal.get_or_insert(error);
                }
                (None, _) => {}
            })
            .await
            .map_err(|error| broken(&error))?;
        let mut doubled = 0;
        client
            .pipeline(put.iter().map(|id| Command::Delete(*id)), |_, reply| {
                doubled += u64::from(reply != Reply::Deleted);
            })
            .await
            .map_err(|error| broken(&error))?;
        if doubled > 0 {
            say(&format!("{doubled} jobs ran out of their time meanwhile: they are on both tubes"));
        }
        release(client, &refused).await?;
        match refusal {
            None => Ok(put.len() as u64),
            Some(error) => Err(fault(&error)),
        }
    }

    /// Moves the next delayed or buried job; false where there is none.
    async fn one(&self, client: &mut Client, from: &Tube) -> Result<bool, Error> {
        let ask = |error: queue::Error| fault(&error);
        loop {
            client.use_tube(from).await.map_err(ask)?;
            let Some(job) = jobs::peek(client, self.state).await.map_err(ask)? else { return Ok(false) };
            let Some(figures) = client.stats_job(job.id).await.map_err(ask)? else { continue };
            if !self.state.is(figures.state) {
                continue;
            }
            let delay = match self.state {
                State::Buried => u32::MAX,
                _ => u32::try_from(figures.time_left.max(0)).unwrap_or(u32::MAX),
            };
            client.use_tube(&self.to).await.map_err(ask)?;
            let (priority, ttr): (Priority, Ttr) = (figures.priority, figures.ttr);
            let copy = NewJob { priority, delay: Delay(delay), ttr, body: &job.body };
            let copy = client.put(&copy).await.map_err(ask)?;
            if self.state == State::Buried {
                bury(client, &[(copy, priority)]).await?;
            }
            match client.delete(job.id).await {
                Ok(()) => return Ok(true),
                // A worker has the original, so it is not to be there twice.
                Err(queue::Error::NotFound { .. }) => match client.delete(copy).await {
                    Ok(()) => {}
                    Err(queue::Error::NotFound { .. }) => {
                        say(&format!("job {} was taken by a worker and is on both tubes", job.id));
                    }
                    Err(error) => return Err(fault(&error)),
                },
                Err(error) => return Err(fault(&error)),
            }
        }
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
    let mut held = Vec::new();
    // Behind the first that finds none, or a job that has to be let go first, the others
    // find the same and cost nothing.
    let commands = std::iter::repeat_n(Command::ReserveWithTimeout(0), most);
    client
        .pipeline(commands, |_, reply| {
            if let Reply::Reserved(job) = reply {
                held.push(job);
            }
        })
        .await
        .map_err(|error| broken(&error))?;
    Ok(held)
}

/// Gives reserved jobs back as they were.
pub(super) async fn give_back(client: &mut Client, held: &[Job]) -> Result<(), Error> {
    let figures = jobs::terms(client, held.iter().map(|job| job.id)).await;
    let figures = figures.map_err(|error| fault(&error))?;
    let held: Vec<(JobId, Priority)> =
        figures.into_iter().flatten().map(|figures| (figures.id, figures.priority)).collect();
    release(client, &held).await
}

async fn release(client: &mut Client, held: &[(JobId, Priority)]) -> Result<(), Error> {
    let commands = held.iter().map(|&(job, priority)| Command::Release { job, priority, delay: Delay(0) });
    client.pipeline(commands, |_, _| {}).await.map_err(|error| broken(&error))
}
