//! Jobs to whichever server takes them.

use super::client::Client;
use super::error::Error;
use super::options::Options;
use super::pipeline::NewJob;
use crate::beanstalk::{JobId, Refusal, Verb};
use crate::names::{ServerAddress, Tube};

/// Puts jobs on several servers in turn, and on the next one where a server is away,
/// drains, or has no room. It goes on only where the job is known not to be there, so no
/// job is put twice: [`Error::Uncertain`] goes to the caller.
pub struct Producer {
    clients: Vec<Client>,
    /// Counts the puts.
    turn: usize,
}

impl Producer {
    /// A producer for `servers`, which connects when it first puts.
    pub fn new(servers: &[ServerAddress], options: &Options) -> Self {
        Self { clients: options.clients(servers).collect(), turn: 0 }
    }

    /// Puts a job on `tube` of one server; returns which, and the job's id there.
    ///
    /// A server that could not be reached is left out until its backoff has passed. When
    /// all are in that state the call waits for the first of them.
    ///
    /// # Errors
    /// That of the last server tried; [`Error::NoServer`].
    pub async fn put<B: AsRef<[u8]>>(
        &mut self,
        tube: &Tube,
        job: &NewJob<B>,
    ) -> Result<(ServerAddress, JobId), Error> {
        let mut failed = Err(Error::NoServer);
        for index in self.order() {
            let client = &mut self.clients[index];
            match put_on(client, tube, job).await {
                Ok(id) => return Ok((client.server().clone(), id)),
                Err(error) if is_elsewhere_welcome(&error) => failed = Err(error),
                Err(error) => return Err(error),
            }
        }
        failed
    }

    /// The servers to try, beginning with another one at each call.
    fn order(&mut self) -> Vec<usize> {
        let count = self.clients.len();
        self.turn = self.turn.wrapping_add(1);
        let waits = |index: &usize| self.clients[*index].not_before();
        let turn = (0..count).map(|step| self.turn.wrapping_add(step) % count);
        let mut order: Vec<usize> = turn.filter(|index| waits(index).is_none()).collect();
        if order.is_empty() {
            order.extend((0..count).min_by_key(waits));
        }
        order
    }
}

async fn put_on<B: AsRef<[u8]>>(client: &mut Client, tube: &Tube, job: &NewJob<B>) -> Result<JobId, Error> {
    client.use_tube(tube).await?;
    client.put(job).await
}

/// Whether the job is surely not on the server that said so, and another may take it. An
/// internal error is not among them: a server whose binlog fails says so with the job queued.
fn is_elsewhere_welcome(error: &Error) -> bool {
    match error {
        Error::Unreachable { .. } | Error::Lost { verb: Verb::Use, .. } => true,
        Error::Refused { refusal, .. } => matches!(refusal, Refusal::Draining | Refusal::OutOfMemory),
        _ => false,
    }
}
