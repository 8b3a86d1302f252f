//! Jobs from one tube to another, without losing one.
//!
//! ```text
//!   ready             reserve ─► stats-job ─► put on the other tube ─► delete
//!   delayed, buried      peek ─► stats-job ─► put on the other tube ─► delete
//! ```
//!
//! A job is deleted only once the server has confirmed its copy. Whatever ends the move in
//! between, the original is still there: a job can be there twice then, as many as were on
//! their way together, but never not at all. Ready jobs are reserved, so that no worker runs
//! the original meanwhile; of the others, one that a worker gets hold of (its delay ended,
//! somebody kicked it) keeps its original, and the copy is taken back.
//!
//! The copy has the original's priority and time to run, a delayed one what is left of its
//! delay, and a buried one is buried. Its id is new, and its counters begin anew.

use super::client::Client;
use super::error::{Broken, Error};
use super::pipeline::NewJob;
use crate::beanstalk::{Command, Delay, Job, JobBrief, JobId, JobState, Priority, Reply, Ttr, Verb};
use crate::names::Tube;

/// How many jobs are on their way together.
const BATCH: usize = 500;

/// How a job was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The job.
    pub id: JobId,
    /// Its priority as last set.
    pub priority: Priority,
    /// How long a reservation of it lasts.
    pub ttr: Ttr,
}

/// What became of jobs that were to be moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    /// How many are on the other tube alone.
    pub jobs: u64,
    /// How many are on both: somebody got hold of the original meanwhile.
    pub doubled: u64,
}

impl Client {
    /// How each job was put; `None` where it is gone.
    pub async fn terms(&mut self, ids: impl IntoIterator<Item = JobId>) -> Result<Vec<Option<Terms>>, Error> {
        let mut found = Vec::new();
        let mut wrong = None;
        let commands = ids.into_iter().map(Command::StatsJob);
        self.pipeline(commands, |_, reply| {
            let brief = match &reply {
                Reply::Data(data) => JobBrief::parse(data).map_err(|error| wrong = Some(error)).ok(),
                _ => None,
            };
            found.push(brief.map(|job| Terms { id: job.id, priority: job.priority, ttr: job.ttr }));
        })
        .await
        .map_err(|broken| broken.error)?;
        match wrong {
            None => Ok(found),
            Some(source) => {
                Err(Error::Statistics { server: self.server().clone(), verb: Verb::StatsJob, source })
            }
        }
    }

    /// The next job of the tube in use that is in `state`; of reserved ones there is none to see.
    pub async fn peek_next(&mut self, state: JobState) -> Result<Option<Job>, Error> {
        match state {
            JobState::Ready => self.peek_ready().await,
            JobState::Delayed => self.peek_delayed().await,
            JobState::Buried => self.peek_buried().await,
            JobState::Reserved => Ok(None),
        }
    }

    /// Reserves up to `most` jobs of the tubes watched, without waiting for any.
    pub async fn take(&mut self, most: usize) -> Result<Vec<Job>, Broken> {
        let mut held = Vec::new();
        // Behind the first that finds none, or a job that has to be let go first, the others
        // find the same and cost nothing.
        let commands = std::iter::repeat_n(Command::ReserveWithTimeout(0), most);
        self.pipeline(commands, |_, reply| {
            if let Reply::Reserved(job) = reply {
                held.push(job);
            }
        })
        .await?;
        Ok(held)
    }

    /// Gives jobs back that this connection holds.
    pub async fn give_back(&mut self, held: &[(JobId, Priority)]) -> Result<(), Broken> {
        // Gathered before: what is lazy and borrows cannot be moved to another thread.
        let mut commands = Vec::with_capacity(held.len());
        for &(job, priority) in held {
            commands.push(Command::Release { job, priority, delay: Delay(0) });
        }
        self.pipeline(commands, |_, _| {}).await
    }

    /// Buries jobs that nobody has. Whoever deleted one meanwhile is not contradicted.
    pub async fn bury_each(&mut self, jobs: &[(JobId, Priority)]) -> Result<(), Broken> {
        let mut commands = Vec::with_capacity(2 * jobs.len());
        for &(job, priority) in jobs {
            commands.extend([Command::ReserveJob(job), Command::Bury { job, priority }]);
        }
        self.pipeline(commands, |_, _| {}).await
    }

    /// Moves ready jobs of `from` to `to`, as many as are on their way together; none where there
    /// are none. From now on this connection watches `from` alone and uses `to`.
    ///
    /// # Errors
    /// One that the server does not take stays where it is, and is the error.
    pub async fn move_ready(&mut self, from: &Tube, to: &Tube) -> Result<Moved, Error> {
        let default = Tube::default();
        self.watch(from).await?;
        if *from != default {
            self.ignore(&default).await?;
        }
        self.use_tube(to).await?;
        let held = self.take(BATCH).await.map_err(|broken| broken.error)?;
        if held.is_empty() { Ok(Moved::default()) } else { self.move_held(&held).await }
    }

    /// Moves jobs that are reserved to the tube in use; those that the server does not take are
    /// given back.
    async fn move_held(&mut self, held: &[Job]) -> Result<Moved, Error> {
        let ids: Vec<JobId> = held.iter().map(|job| job.id).collect();
        let figures = self.terms(ids).await?;
        // One that is gone ran out of its time, and a worker has finished it.
        let there: Vec<(&Job, &Terms)> =
            held.iter().zip(&figures).filter_map(|(job, figures)| Some((job, figures.as_ref()?))).collect();
        let mut copies = Vec::with_capacity(there.len());
        for (job, figures) in &there {
            let (priority, ttr) = (figures.priority, figures.ttr);
            copies.push(NewJob { priority, delay: Delay(0), ttr, body: &job.body });
        }
        let (mut put, mut refused, mut refusal) = (Vec::new(), Vec::new(), None);
        let mut due = there.iter();
        self.put_many(copies, |_, result| match (due.next(), result) {
            // Buried for want of memory, but there.
            (Some((job, _)), Ok(_) | Err(Error::Buried { .. })) => put.push(job.id),
            (Some((job, figures)), Err(error)) => {
                refused.push((job.id, figures.priority));
                refusal.get_or_insert(error);
            }
            (None, _) => {}
        })
        .await
        .map_err(|broken| broken.error)?;
        let mut doubled = 0;
        let deletes: Vec<Command<'_>> = put.iter().copied().map(Command::Delete).collect();
        self.pipeline(deletes, |_, reply| {
            doubled += u64::from(reply != Reply::Deleted);
        })
        .await
        .map_err(|broken| broken.error)?;
        self.give_back(&refused).await.map_err(|broken| broken.error)?;
        match refusal {
            None => Ok(Moved { jobs: put.len() as u64, doubled }),
            Some(error) => Err(error),
        }
    }

    /// Moves the next delayed or buried job of `from` to `to`; nothing where there is none.
    pub async fn move_next(&mut self, from: &Tube, to: &Tube, state: JobState) -> Result<Moved, Error> {
        loop {
            self.use_tube(from).await?;
            let Some(job) = self.peek_next(state).await? else { return Ok(Moved::default()) };
            let Some(figures) = self.stats_job(job.id).await? else { continue };
            if figures.state != state {
                continue;
            }
            let delay = match state {
                JobState::Buried => u32::MAX,
                _ => u32::try_from(figures.time_left.max(0)).unwrap_or(u32::MAX),
            };
            self.use_tube(to).await?;
            let (priority, ttr) = (figures.priority, figures.ttr);
            let copy = NewJob { priority, delay: Delay(delay), ttr, body: &job.body };
            let copy = self.put(&copy).await?;
            if state == JobState::Buried {
                self.bury_each(&[(copy, priority)]).await.map_err(|broken| broken.error)?;
            }
            match self.delete(job.id).await {
                Ok(()) => return Ok(Moved { jobs: 1, doubled: 0 }),
                // A worker has the original, so it is not to be there twice.
                Err(Error::NotFound { .. }) => match self.delete(copy).await {
                    Ok(()) => {}
                    Err(Error::NotFound { .. }) => return Ok(Moved { jobs: 1, doubled: 1 }),
                    Err(error) => return Err(error),
                },
                Err(error) => return Err(error),
            }
        }
    }
}
