//! Jobs from whichever server has one.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{sleep_until, timeout};

use super::client::Client;
use super::error::Error;
use super::options::Options;
use crate::beanstalk::Job;
use crate::names::ServerAddress;

/// How long one server may keep the others' jobs waiting.
const SLOW: Duration = Duration::from_millis(250);

/// Reserves from several servers, one job at a time: whoever takes a job is to be done with
/// it before asking for the next.
///
/// With one server this is a plain reserve. With several each is asked in turn without
/// waiting, and only when none has a job do all wait together; then the reserves that
/// brought nothing are given up by closing their connections, which makes a job that
/// came in that moment ready again, with one more in its count of reserves. Priorities
/// hold within a server, not across them. From one that was away nothing is reserved for a
/// moment, [`Client::yields`].
pub struct Consumer {
    slots: Vec<Slot>,
    /// Counts the reserves.
    turn: usize,
}

/// What a consumer has waited for. Servers are counted as they were given.
#[derive(Debug)]
pub enum Arrival {
    /// A job, reserved on the connection to that server.
    Job {
        /// Which.
        server: usize,
        /// The job.
        job: Job,
    },
    /// A server has gone away while others are there. It is said once, and tried again meanwhile.
    Away {
        /// Which.
        server: usize,
        /// Why it cannot be reached.
        error: Error,
    },
    /// A server that was said to be away is connected again.
    Back {
        /// Which.
        server: usize,
    },
}

struct Slot {
    client: Client,
    /// Why it has no connection.
    trouble: Option<Error>,
    /// Whether that was said.
    told: bool,
    /// Whether nothing is to be reserved from it.
    aside: bool,
}

impl Slot {
    fn new(client: Client) -> Self {
        Self { client, trouble: None, told: false, aside: false }
    }

    fn is_away(&self) -> bool {
        self.trouble.is_some() && !self.client.is_connected()
    }

    async fn connect(&mut self) -> Result<(), Error> {
        self.trouble = self.client.ready().await.err();
        self.trouble.clone().map_or(Ok(()), Err)
    }

    /// Waits for a job, once others have had the time to come back for theirs; `None`: first it
    /// is to be said that the server is back, or that was a dropped reserve which has run out.
    async fn reserve(&mut self) -> Result<Option<Job>, Error> {
        if !self.client.is_waiting() {
            self.connect().await?;
            if self.told {
                return Ok(None);
            }
        }
        if let Some(at) = self.client.yields() {
            sleep_until(at).await;
        }
        self.client.next_job(None).await
    }

    /// A job that is there already.
    async fn reserve_now(&mut self) -> Result<Option<Job>, Error> {
        self.connect().await?;
        match self.client.yields() {
            Some(_) => Ok(None),
            None => self.client.next_job(Some(0)).await,
        }
    }

    /// A reserve under way, or a job that came for one, would be a second job.
    fn give_up(&mut self) {
        if self.client.is_reserving() {
            self.client.disconnect();
        }
    }
}

impl Consumer {
    /// A consumer of the tubes that `options` watch, which connects when it first reserves.
    pub fn new(servers: &[ServerAddress], options: &Options) -> Self {
        Self { slots: options.clients(servers).map(Slot::new).collect(), turn: 0 }
    }

    /// Connects to whichever server answers first; the others are tried when it reserves.
    ///
    /// # Errors
    /// Why the last one failed; [`Error::NoServer`].
    pub async fn connect(&mut self) -> Result<(), Error> {
        let slots = self.slots.iter_mut().filter(|slot| !slot.aside);
        let mut attempts: FuturesUnordered<_> = slots.map(Slot::connect).collect();
        let mut failed = Error::NoServer;
        while let Some(attempt) = attempts.next().await {
            match attempt {
                Ok(()) => return Ok(()),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// Stops reserving from a server (counted as they were given), because somebody else settles a job there
    /// first; with false, begins again.
    pub fn set_aside(&mut self, index: usize, aside: bool) {
        if let Some(slot) = self.slots.get_mut(index) {
            slot.aside = aside;
            if aside {
                slot.client.disconnect();
            }
        }
    }

    /// Waits for a job for as long as it takes, as long as one server can be reached; the
    /// others are tried again meanwhile. When the future is dropped nothing is lost: a job
    /// that arrives is returned by the next call.
    ///
    /// # Errors
    /// The last server's trouble when none can be reached. Whoever calls again waits as
    /// the backoff says.
    pub async fn next(&mut self) -> Result<Arrival, Error> {
        let arrival = self.find().await?;
        if let Arrival::Job { server, .. } = arrival {
            let others = self.slots.iter_mut().enumerate().filter(|(other, _)| *other != server);
            others.for_each(|(_, slot)| slot.give_up());
        }
        Ok(arrival)
    }

    /// The client of one of the servers, counted as they were given.
    ///
    /// # Errors
    /// [`Error::NoServer`] if there is none of that number.
    pub fn client(&mut self, index: usize) -> Result<&mut Client, Error> {
        self.slots.get_mut(index).map(|slot| &mut slot.client).ok_or(Error::NoServer)
    }

    /// How many servers there are.
    pub fn servers(&self) -> usize {
        self.slots.len()
    }

    /// Closes every connection: what is reserved on them is ready again.
    pub fn disconnect(&mut self) {
        for slot in &mut self.slots {
            slot.client.disconnect();
        }
    }

    async fn find(&mut self) -> Result<Arrival, Error> {
        if self.slots.len() > 1
            && let Some((server, job)) = self.ask_in_turn().await
        {
            return Ok(Arrival::Job { server, job });
        }
        loop {
            if let Some(change) = self.change() {
                return Ok(change);
            }
            let (server, outcome) = self.wait_for_any().await?;
            let error = match outcome {
                Ok(Some(job)) => return Ok(Arrival::Job { server, job }),
                Ok(None) => continue,
                Err(error) => error,
            };
            self.slots[server].trouble = Some(error.clone());
            if self.is_cut_off() {
                return Err(error);
            }
        }
    }

    fn is_cut_off(&self) -> bool {
        self.slots.iter().all(|slot| slot.aside || slot.is_away())
    }

    /// What has not been said yet of the servers. That all are away is an error, and not said here.
    fn change(&mut self) -> Option<Arrival> {
        if self.is_cut_off() {
            return None;
        }
        self.slots.iter_mut().enumerate().filter(|(_, slot)| !slot.aside).find_map(|(server, slot)| {
            let away = slot.trouble.clone().filter(|_| slot.is_away());
            let told = std::mem::replace(&mut slot.told, away.is_some());
            match (away, told) {
                (Some(error), false) => Some(Arrival::Away { server, error }),
                (None, true) => Some(Arrival::Back { server }),
                _ => None,
            }
        })
    }

    /// Asks each server without waiting, beginning with another one each time. One that
    /// is slow to connect or to answer is left to [`Self::wait_for_any`].
    async fn ask_in_turn(&mut self) -> Option<(usize, Job)> {
        let count = self.slots.len();
        self.turn = self.turn.wrapping_add(1);
        for step in 0..count {
            let index = self.turn.wrapping_add(step) % count;
            let slot = &mut self.slots[index];
            // A reserve that waits already answers by itself.
            if slot.aside || slot.client.not_before().is_some() || slot.client.is_waiting() {
                continue;
            }
            match timeout(SLOW, slot.reserve_now()).await {
                Ok(Ok(Some(job))) => return Some((index, job)),
                Ok(Ok(None)) => {}
                Ok(Err(error)) => slot.trouble = Some(error),
                Err(_) => slot.client.postpone(),
            }
        }
        None
    }

    /// A reserve of every server at once, until one of them has something to say.
    async fn wait_for_any(&mut self) -> Result<(usize, Result<Option<Job>, Error>), Error> {
        let mut reserves: Vec<(usize, Pin<Box<dyn Future<Output = _> + Send + '_>>)> =
            Vec::with_capacity(self.slots.len());
        for (index, slot) in self.slots.iter_mut().enumerate().filter(|(_, slot)| !slot.aside) {
            reserves.push((index, Box::pin(slot.reserve())));
        }
        if reserves.is_empty() {
            return Err(Error::NoServer);
        }
        Ok(poll_fn(|cx| {
            for (index, reserve) in &mut reserves {
                if let Poll::Ready(outcome) = reserve.as_mut().poll(cx) {
                    return Poll::Ready((*index, outcome));
                }
            }
            Poll::Pending
        })
        .await)
    }
}
