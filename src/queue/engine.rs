//! Where the jobs of an [`Engine`](crate::ayl::Engine) go.

use std::hash::{BuildHasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

use super::client::Client;
use super::error::Error;
use super::pipeline::NewJob;
use super::producer::Producer;
use crate::ayl::{Queue, Stamp, Submission};
use crate::beanstalk::{Delay, JobId, Priority, Ttr};
use crate::names::ServerAddress;

impl Queue for Client {
    type Receipt = JobId;
    type Error = Error;

    async fn put(&mut self, job: Submission) -> Result<JobId, Error> {
        self.use_tube(&job.tube).await?;
        Self::put(self, &new(&job)).await
    }

    fn stamp(&mut self) -> Stamp {
        stamp()
    }
}

impl Queue for Producer {
    type Receipt = (ServerAddress, JobId);
    type Error = Error;

    async fn put(&mut self, job: Submission) -> Result<Self::Receipt, Error> {
        Self::put(self, &job.tube, &new(&job)).await
    }

    fn stamp(&mut self) -> Stamp {
        stamp()
    }
}

fn new(job: &Submission) -> NewJob<&[u8]> {
    NewJob {
        priority: Priority(job.priority),
        delay: Delay(job.delay),
        ttr: Ttr(job.time_to_run),
        body: &job.body,
    }
}

/// The number has to be one that no other message has, not one that nobody can guess: the
/// standard library's seeds, which the kernel's random numbers are, are enough.
fn stamp() -> Stamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seeds = RandomState::new();
    let half = |which: u8| u128::from(seeds.hash_one((which, since, std::process::id())));
    Stamp { now: since.as_secs(), number: half(0) << 64 | half(1) }
}
