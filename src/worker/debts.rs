//! Jobs that ended while their server was away, with several servers.
//!
//! ```text
//!     link ── the job, judged ──► debt: connects to its server until that is back,
//!                                       asks for the job by its number, settles it
//!          ◄── what was done ───┘
//! ```
//!
//! The reservation ended with the connection: once the server is back, the job is anybody's. The
//! debt asks for it first, because everybody else waits a moment ([`Client::yields`]), and this
//! worker reserves nothing else there until it is paid.

use std::future::pending;

use tokio::task::JoinSet;

use super::asking;
use super::core::Job;
use super::link::{Held, RETURN};
use crate::ayl::{Handler, Verdict};
use crate::names::ServerAddress;
use crate::queue::{Client, Error, Options};

/// What is owed, one job a server.
#[derive(Debug, Default)]
pub(super) struct Debts {
    tasks: JoinSet<Repaid>,
    servers: Vec<usize>,
}

/// A debt that is paid.
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
    /// Sees to `job`, which was `held` from the server at `address`; `handler` is that of messages which
    /// name none.
    pub(super) fn take(&mut self, held: Held, address: ServerAddress, job: Box<Job>, handler: Handler) {
        self.servers.push(held.server);
        let client = Client::new(address, Options { backoff_max: RETURN, ..Options::default() });
        self.tasks.spawn(async move {
            let (job, verdict) = repay(client, &held, job, handler).await;
            Repaid { server: held.server, job, verdict }
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

async fn repay(
    mut client: Client,
    held: &Held,
    mut job: Box<Job>,
    handler: Handler,
) -> (Box<Job>, Option<Verdict>) {
    loop {
        match attempt(&mut client, held, &mut job, handler).await {
            Ok(verdict) => return (job, verdict),
            // Asked again, it would refuse again.
            Err(Error::Refused { .. }) => return (job, None),
            // The client waits before it connects again.
            Err(_) => {}
        }
    }
}

async fn attempt(
    client: &mut Client,
    held: &Held,
    job: &mut Job,
    handler: Handler,
) -> Result<Option<Verdict>, Error> {
    if !client.regain(&held.job, held.since.elapsed()).await? {
        return Ok(None);
    }
    if job.facts.is_none() {
        job.facts = asking::facts(client, job.id, false).await?;
    }
    let Some((verdict, priority)) = job.verdict(handler) else { return Ok(None) };
    job.told();
    Ok(asking::settle(client, job.id, &verdict, priority).await?.then_some(verdict))
}
