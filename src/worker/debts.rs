//! Jobs that ended while their server was away, with several servers.
//!
//! ```text
//!     link ── the job, judged ──► debt: connects to its server until that is back,
//!                                       asks for the job by its number, settles it
//!          ◄── what was done ───┘
//! ```
//!
//! The server has given up the reservation with the connection: when it is back it has the job
//! for whoever asks. The debt asks first, since all others let pass a moment
//! ([`Client::yields`]); nothing else of the server is reserved by this worker before.

use std::future::pending;

use tokio::task::JoinSet;

use super::asking;
use super::core::Job;
use super::link::RETURN;
use crate::ayl::{Handler, Verdict};
use crate::names::ServerAddress;
use crate::queue::{Client, Error, Options};

/// What is owed, one job a server.
#[derive(Debug, Default)]
pub(super) struct Debts {
    tasks: JoinSet<Repaid>,
    servers: Vec<usize>,
}

/// A debt that is none any more.
#[derive(Debug)]
pub(super) struct Repaid {
    /// Whose it was, as the worker's servers are counted.
    pub server: usize,
    /// The job.
    pub job: Box<Job>,
    /// What was done with it; `None`: it was not there, or another's.
    pub verdict: Option<Verdict>,
}

impl Debts {
    /// Sees to `job`, whose server is number `server`; `handler` is that of messages which name none.
    pub(super) fn take(&mut self, server: usize, address: ServerAddress, job: Box<Job>, handler: Handler) {
        self.servers.push(server);
        let client = Client::new(address, Options { backoff_max: RETURN, ..Options::default() });
        self.tasks.spawn(async move {
            let (job, verdict) = repay(client, job, handler).await;
            Repaid { server, job, verdict }
        });
    }

    /// Whose jobs are owed.
    pub(super) fn servers(&self) -> &[usize] {
        &self.servers
    }

    /// The next one that is repaid; waits as long as it takes. May be dropped at any time.
    pub(super) async fn next(&mut self) -> Repaid {
        match self.tasks.join_next().await {
            Some(Ok(repaid)) => {
                self.servers.retain(|&server| server != repaid.server);
                repaid
            }
            // Tasks are neither aborted nor do they panic.
            Some(Err(_)) | None => pending().await,
        }
    }
}

async fn repay(mut client: Client, mut job: Box<Job>, handler: Handler) -> (Box<Job>, Option<Verdict>) {
    loop {
        match attempt(&mut client, &mut job, handler).await {
            Ok(verdict) => return (job, verdict),
            // Asked again, it would refuse again.
            Err(Error::Refused { .. }) => return (job, None),
            // The client waits before it connects again.
            Err(_) => {}
        }
    }
}

async fn attempt(client: &mut Client, job: &mut Job, handler: Handler) -> Result<Option<Verdict>, Error> {
    if !asking::regain(client, job.id, &job.body).await? {
        return Ok(None);
    }
    if job.facts.is_none() {
        job.facts = asking::facts(client, job.id).await?;
    }
    let Some((verdict, priority)) = job.verdict(handler) else { return Ok(None) };
    job.told();
    Ok(asking::settle(client, job.id, &verdict, priority).await?.then_some(verdict))
}
