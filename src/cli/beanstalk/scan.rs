//! Every job of a tube, which the protocol has no command for: it shows one job by its
//! id, or the next of each state.
//!
//! ```text
//!    newest id ──── stats-job, stats-job, … downwards ────► until as many are found as
//!        ▲                                                  the tube is said to have
//!    a job of our own, put and deleted: its id is the newest
//! ```
//!
//! Ids are given in order and never again, so most of them are of jobs long gone. Jobs that
//! are there are mostly recent: from the newest downwards they are found soon, and the
//! count says when to stop ([`Search`]). Nothing is reserved, so workers go on; jobs that come
//! or go meanwhile may be seen or not.

use std::cell::Cell;
use std::io;

use bytes::Bytes;

use super::fault::{broken, fault};
use super::progress::Bar;
use super::say;
use super::search::{Search, Step};
use super::session::Interrupt;
use crate::beanstalk::{
    Command, Delay, JobBrief, JobId, JobState, Priority, Refusal, Reply, StatisticsError, Ttr,
};
use crate::cli::exit::Error;
use crate::names::Tube;
use crate::queue::{self, Client, NewJob};

/// A tube of our own, for the job whose id is the newest.
const PROBE: &str = "ayl_beanstalk.probe";
/// How far above the ids that can be seen one has to look when no probe can be put.
const BEYOND: u64 = 100_000;

/// Where jobs are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scope {
    /// In one tube.
    Tube(Tube),
    /// In all of them.
    Server,
}

/// What is known of a job without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) id: JobId,
    pub(super) tube: Tube,
    pub(super) state: JobState,
    pub(super) priority: Priority,
    /// Seconds until a delayed job is ready; 0 for the others.
    pub(super) delay: Delay,
    pub(super) ttr: Ttr,
    /// Seconds since it was put.
    pub(super) age: u64,
}

impl Found {
    fn new(job: &JobBrief<'_>, tube: Tube) -> Self {
        Self {
            id: job.id,
            tube,
            state: job.state,
            priority: job.priority,
            delay: job.due_in,
            ttr: job.ttr,
            age: job.age,
        }
    }
}

/// The jobs of `scope`, oldest first.
pub(super) async fn find(
    client: &mut Client,
    scope: &Scope,
    interrupt: &Interrupt,
) -> Result<Vec<Found>, Error> {
    let first = count(client, scope).await?;
    if first == 0 {
        return Ok(Vec::new());
    }
    let newest = newest(client).await?;
    let bar = Bar::new(first);
    let mut looker = Looker { scope, tubes: Vec::new(), wrong: None, search: Search::new(newest) };
    // Again, since what was put before the newest id was known is found as well.
    looker.search.counted(count(client, scope).await?);
    while !interrupt.came() {
        match looker.search.next() {
            Step::Over => break,
            Step::Look(ids) => {
                looker.look(client, &ids.rev().collect::<Vec<_>>(), interrupt).await?;
                bar.show(looker.search.found());
            }
            Step::Recount => {
                let ids = looker.search.again(self::newest(client).await?);
                looker.look(client, &ids, interrupt).await?;
                looker.search.counted(count(client, scope).await?);
            }
        }
    }
    bar.end();
    if let Some(error) = looker.wrong {
        say(&format!("a job was left out, its statistics are of another form: {error}"));
    }
    let found = looker.search.into_found();
    if found.len() as u64 != first && !interrupt.came() {
        let last = found.len();
        say(&format!("jobs came or went while they were looked for: {first} at first, {last} at last"));
    }
    Ok(found)
}

/// Looks for the jobs that a search asks for.
struct Looker<'a> {
    scope: &'a Scope,
    /// A million jobs share a few names.
    tubes: Vec<Tube>,
    wrong: Option<StatisticsError>,
    search: Search<Found>,
}

impl Looker<'_> {
    /// Looks at the jobs of `ids`, in this order, until all are found.
    async fn look(&mut self, client: &mut Client, ids: &[u64], interrupt: &Interrupt) -> Result<(), Error> {
        let all_found = Cell::new(false);
        let asked = ids.iter().take_while(|_| !all_found.get() && !interrupt.came());
        let mut due = ids.iter();
        let looked = client.pipeline(asked.map(|&id| Command::StatsJob(JobId(id))), |_, reply| {
            let Some(&id) = due.next() else { return };
            let found = self.found(&reply);
            self.search.note(id, found);
            all_found.set(self.search.has_all());
        });
        looked.await.map_err(|error| broken(&error))
    }

    /// The job that the server tells of, if it is one of those looked for.
    fn found(&mut self, reply: &Reply) -> Option<Found> {
        let Reply::Data(data) = reply else { return None };
        match JobBrief::parse(data) {
            Ok(job) if matches!(self.scope, Scope::Tube(tube) if tube.as_str() != job.tube) => None,
            Ok(job) => {
                let tube = shared(&mut self.tubes, job.tube)?;
                Some(Found::new(&job, tube))
            }
            Err(error) => {
                self.wrong = Some(error);
                self.search.unreadable();
                None
            }
        }
    }
}

/// Hands each job and its body to `take`; a job that has gone meanwhile is left out.
///
/// A search that was interrupted has still found these jobs, so they are handed over too:
/// where jobs come and go, interrupting it is the way to see anything soon.
pub(super) async fn with_bodies(
    client: &mut Client,
    jobs: &[Found],
    interrupt: &Interrupt,
    mut take: impl FnMut(&Found, &Bytes) -> io::Result<()>,
) -> Result<(), Error> {
    let failed = Cell::new(false);
    let mut failure = None;
    let cut_short = interrupt.came();
    let asked = jobs.iter().take_while(|_| !failed.get() && (cut_short || !interrupt.came()));
    let mut due = jobs.iter();
    let looked = client.pipeline(asked.map(|job| Command::Peek(job.id)), |_, reply| {
        if let (Some(job), Reply::Found(found), false) = (due.next(), reply, failed.get())
            && let Err(error) = take(job, &found.body)
        {
            failed.set(true);
            failure = Some(error);
        }
    });
    looked.await.map_err(|error| broken(&error))?;
    failure.map_or(Ok(()), |error| Err(error.into()))
}

fn shared(tubes: &mut Vec<Tube>, name: &str) -> Option<Tube> {
    if let Some(known) = tubes.iter().rev().find(|known| known.as_str() == name) {
        return Some(known.clone());
    }
    let tube: Tube = name.parse().ok()?;
    tubes.push(tube.clone());
    Some(tube)
}

/// How many jobs there are.
async fn count(client: &mut Client, scope: &Scope) -> Result<u64, Error> {
    let counted = match scope {
        Scope::Tube(tube) => client
            .stats_tube(tube)
            .await
            .map(|tube| tube.map_or(0, |tube| tube.ready + tube.reserved + tube.delayed + tube.buried)),
        Scope::Server => {
            client.stats().await.map(|server| server.ready + server.reserved + server.delayed + server.buried)
        }
    };
    counted.map_err(|error| fault(&error))
}

/// The highest id that a job can have.
async fn newest(client: &mut Client) -> Result<u64, Error> {
    probe(client).await.map_err(|error| fault(&error))
}

async fn probe(client: &mut Client) -> Result<u64, queue::Error> {
    if let Ok(probe) = PROBE.parse() {
        client.use_tube(&probe).await?;
    }
    // Delayed, so that nobody can take it before it is deleted.
    let job = NewJob { priority: Priority(u32::MAX), delay: Delay(u32::MAX), ttr: Ttr(1), body: "" };
    match client.put(&job).await {
        Ok(id) => {
            client.delete(id).await?;
            Ok(id.0)
        }
        Err(queue::Error::Refused { refusal: Refusal::Draining | Refusal::OutOfMemory, .. }) => {
            highest_seen(client).await
        }
        Err(error) => Err(error),
    }
}

/// Where nothing can be put: above what can be seen of the server.
async fn highest_seen(client: &mut Client) -> Result<u64, queue::Error> {
    let mut highest = client.stats().await?.total;
    for tube in client.list_tubes().await? {
        client.use_tube(&tube).await?;
        for job in [client.peek_ready().await?, client.peek_delayed().await?, client.peek_buried().await?] {
            highest = highest.max(job.map_or(0, |job| job.id.0));
        }
    }
    Ok(highest + BEYOND)
}
