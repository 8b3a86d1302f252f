//! Jobs from whichever server has one.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{sleep_until, timeout};

use super::calls::Reservation;
use super::client::Client;
use super::error::Error;
use super::held::Held;
use super::options::Options;
use crate::beanstalk::Job;
use crate::names::ServerAddress;

/// How long one server may keep the others' jobs waiting.
const SLOW: Duration = Duration::from_millis(250);

/// Reserves from several servers, one job at a time: a [`Held`] borrows the consumer, so
/// nothing is reserved while it is there.
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

struct Slot {
    client: Client,
    /// Why it has no connection.
    trouble: Option<Error>,
    /// Whether nothing is to be reserved from it.
    aside: bool,
}

impl Slot {
    async fn connect(&mut self) -> Result<(), Error> {
        self.trouble = self.client.ready().await.err();
        self.trouble.clone().map_or(Ok(()), Err)
    }

    /// Waits for a job, once others have had the time to come back for theirs.
    async fn reserve(&mut self) -> Result<Reservation, Error> {
        if !self.client.is_waiting() {
            self.client.ready().await?;
        }
        if let Some(at) = self.client.yields() {
            sleep_until(at).await;
        }
        self.client.reserve().await
    }

    /// A job that is there already.
    async fn reserve_now(&mut self) -> Result<Reservation, Error> {
        self.client.ready().await?;
        match self.client.yields() {
            Some(_) => Ok(Reservation::TimedOut),
            None => self.client.reserve_with_timeout(0).await,
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
        let slots =
            options.clients(servers).map(|client| Slot { client, trouble: None, aside: false }).collect();
        Self { slots, turn: 0 }
    }

    /// What is wrong with the servers that are not connected, as far as they were tried.
    pub fn troubles(&self) -> impl Iterator<Item = &Error> {
        self.slots.iter().filter(|slot| !slot.client.is_connected()).filter_map(|slot| slot.trouble.as_ref())
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

    /// Leaves a server, counted as they were given, to somebody else, or is told that it may be reserved
    /// from again.
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
    /// that arrives is returned by the next reserve.
    ///
    /// # Errors
    /// The last server's trouble when none can be reached. Whoever calls again waits as
    /// the backoff says.
    pub async fn reserve(&mut self) -> Result<Held<'_>, Error> {
        let (index, job) = self.take().await?;
        let Some(slot) = self.slots.get_mut(index) else { return Err(Error::NoServer) };
        Ok(Held::new(&mut slot.client, job))
    }

    /// [`Consumer::reserve`] for whoever looks after the reservation by itself: which
    /// server the job came from, for [`Consumer::client`], and the job.
    pub async fn take(&mut self) -> Result<(usize, Job), Error> {
        let (index, job) = self.find().await?;
        for (other, slot) in self.slots.iter_mut().enumerate() {
            if other != index {
                slot.give_up();
            }
        }
        if let Some(slot) = self.slots.get_mut(index) {
            slot.trouble = None;
        }
        Ok((index, job))
    }

    /// The client of one of the servers, counted as they were given.
    ///
    /// # Errors
    /// [`Error::NoServer`] if there are not so many.
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

    async fn find(&mut self) -> Result<(usize, Job), Error> {
        if self.slots.len() > 1
            && let Some(found) = self.ask_in_turn().await
        {
            return Ok(found);
        }
        loop {
            let (index, outcome) = self.wait_for_any().await?;
            let error = match outcome {
                Ok(Reservation::Job(job)) => return Ok((index, job)),
                // A dropped reserve with a timeout, or one that a dying server let go.
                Ok(Reservation::TimedOut | Reservation::DeadlineSoon) => continue,
                Err(error) => error,
            };
            self.slots[index].trouble = Some(error.clone());
            if self
                .slots
                .iter()
                .all(|slot| slot.aside || (slot.trouble.is_some() && !slot.client.is_connected()))
            {
                return Err(error);
            }
        }
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
                Ok(Ok(Reservation::Job(job))) => return Some((index, job)),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => slot.trouble = Some(error),
                Err(_) => slot.client.postpone(),
            }
        }
        None
    }

    /// A reserve of every server at once, until one of them has something to say.
    async fn wait_for_any(&mut self) -> Result<(usize, Result<Reservation, Error>), Error> {
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
