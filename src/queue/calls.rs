//! Every command of the protocol as a call.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::client::Client;
use super::error::Error;
use super::pipeline::{Ask, NewJob};
use crate::beanstalk::{
    Command, Delay, Job, JobId, JobStatistics, Malformed, Priority, Reply, ServerStatistics, StatisticsError,
    TubeStatistics, Verb, tube_list,
};
use crate::names::Tube;

/// What a reserve brought.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Reservation {
    /// A job, reserved by this connection.
    Job(Job),
    /// None came in time.
    TimedOut,
    /// A job this connection holds has less than a second left: touch it or let it go
    /// before reserving another.
    DeadlineSoon,
}

impl Client {
    /// Chooses the tube of later puts, peeks and kicks; free where it is in use already.
    pub async fn use_tube(&mut self, tube: &Tube) -> Result<(), Error> {
        self.settle().await?;
        if self.options().used != *tube {
            self.call(&Command::Use(tube)).await?;
            self.options_mut().used = tube.clone();
        }
        Ok(())
    }

    /// Puts a job on the tube in use.
    ///
    /// # Errors
    /// [`Error::Uncertain`] when the connection broke before the reply came,
    /// [`Error::Buried`] when the server kept it but could not queue it.
    pub async fn put<B: AsRef<[u8]>>(&mut self, job: &NewJob<B>) -> Result<JobId, Error> {
        match self.call(&job.command()).await? {
            Reply::Inserted(id) => Ok(id),
            Reply::Buried(job) => Err(Error::Buried { server: self.server().clone(), job }),
            other => Err(self.mismatch(Verb::Put, &other)),
        }
    }

    /// Waits for a job for as long as it takes.
    ///
    /// When the future is dropped the reserve goes on, see the module's head.
    pub async fn reserve(&mut self) -> Result<Reservation, Error> {
        self.wait_for_job(&Command::Reserve, None).await
    }

    /// Waits for a job for `seconds` at most; 0 asks without waiting. A call that finishes
    /// a dropped one keeps that one's timeout.
    pub async fn reserve_with_timeout(&mut self, seconds: u32) -> Result<Reservation, Error> {
        let patience = Duration::from_secs(seconds.into()) + self.options().reply_timeout;
        self.wait_for_job(&Command::ReserveWithTimeout(seconds), Some(patience)).await
    }

    /// Waits for a job for `seconds` at most, or for as long as it takes; for one who has nothing reserved on
    /// this connection. When the future is dropped the reserve goes on, see the module's head.
    ///
    /// # Errors
    /// [`Error::Malformed`] also when the server says that there is none before half the time is over: asked
    /// again at once, it would say so again at once.
    pub async fn next_job(&mut self, seconds: Option<u32>) -> Result<Option<Job>, Error> {
        let (begun, resumed) = (Instant::now(), self.is_waiting());
        let (asked, found) = match seconds {
            None => (Verb::Reserve, self.reserve().await?),
            Some(seconds) => (Verb::ReserveWithTimeout, self.reserve_with_timeout(seconds).await?),
        };
        let in_time = || seconds.is_some_and(|most| begun.elapsed() * 2 >= Duration::from_secs(most.into()));
        let reply = match found {
            Reservation::Job(job) => return Ok(Some(job)),
            // A reserve that was under way already had a time of its own.
            Reservation::TimedOut if resumed || in_time() => return Ok(None),
            Reservation::TimedOut => Reply::TimedOut.word(),
            Reservation::DeadlineSoon => Reply::DeadlineSoon.word(),
        };
        Err(self.nonsense(asked, Malformed::Early { asked, reply }))
    }

    async fn wait_for_job(
        &mut self,
        command: &Command<'_>,
        patience: Option<Duration>,
    ) -> Result<Reservation, Error> {
        let under_way = self.stale().await?;
        if let Some(job) = self.kept().pop_front() {
            return Ok(Reservation::Job(job));
        }
        let (verb, patience) = if let Some(verb) = under_way {
            (verb, None)
        } else {
            self.connected().await?.ask(command)?;
            (command.verb(), patience)
        };
        match self.finish(verb, patience).await? {
            Reply::Reserved(job) => Ok(Reservation::Job(job)),
            Reply::TimedOut => Ok(Reservation::TimedOut),
            Reply::DeadlineSoon => Ok(Reservation::DeadlineSoon),
            other => Err(self.mismatch(verb, &other)),
        }
    }

    /// Reserves this job, be it ready, delayed or buried.
    ///
    /// # Errors
    /// [`Error::NotFound`] also when somebody has reserved it.
    pub async fn reserve_job(&mut self, id: JobId) -> Result<Job, Error> {
        self.settle().await?;
        if let Some(at) = self.kept().iter().position(|job| job.id == id) {
            return self.kept().remove(at).ok_or_else(|| self.not_found(Verb::ReserveJob));
        }
        match self.call(&Command::ReserveJob(id)).await? {
            Reply::Reserved(job) => Ok(job),
            Reply::NotFound => Err(self.not_found(Verb::ReserveJob)),
            other => Err(self.mismatch(Verb::ReserveJob, &other)),
        }
    }

    /// Removes a job that this connection has reserved, or that nobody has.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not there or another connection has it.
    pub async fn delete(&mut self, id: JobId) -> Result<(), Error> {
        self.act(&Command::Delete(id)).await
    }

    /// Deletes, with a `reserve` sent in the same breath: the next call of
    /// [`Client::reserve`] brings what that finds. Like [`Client::carry_out`] on the
    /// connection that is there.
    ///
    /// # Errors
    /// Those of [`Client::delete`]; unless the connection broke, the reserve is under way.
    pub async fn delete_and_reserve(&mut self, id: JobId) -> Result<(), Error> {
        let Some(connection) = self.open_connection() else { return Err(self.not_found(Verb::Delete)) };
        connection.ask(&Command::Delete(id))?;
        connection.ask(&Command::Reserve)?;
        match self.finish(Verb::Delete, Some(self.options().reply_timeout)).await? {
            Reply::NotFound => Err(self.not_found(Verb::Delete)),
            _ => Ok(()),
        }
    }

    /// Gives a reservation of this connection back, with a new priority.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is no reservation of this connection (any more),
    /// [`Error::Buried`] when the server had no memory to queue it.
    pub async fn release(&mut self, id: JobId, priority: Priority, delay: Delay) -> Result<(), Error> {
        self.act(&Command::Release { job: id, priority, delay }).await
    }

    /// Sets a reservation of this connection aside until somebody kicks it.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is no reservation of this connection (any more).
    pub async fn bury(&mut self, id: JobId, priority: Priority) -> Result<(), Error> {
        self.act(&Command::Bury { job: id, priority }).await
    }

    /// Starts the time to run of a reservation of this connection again.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is no reservation of this connection (any more).
    pub async fn touch(&mut self, id: JobId) -> Result<(), Error> {
        self.act(&Command::Touch(id)).await
    }

    /// Adds a tube to those reserved from; returns how many they are.
    pub async fn watch(&mut self, tube: &Tube) -> Result<u64, Error> {
        let count = self.count(&Command::Watch(tube)).await?;
        self.options_mut().watched.insert(tube.clone());
        Ok(count)
    }

    /// Takes a tube from those reserved from; returns how many are left.
    ///
    /// # Errors
    /// [`Error::NotIgnored`] for the last one.
    pub async fn ignore(&mut self, tube: &Tube) -> Result<u64, Error> {
        let count = self.count(&Command::Ignore(tube)).await?;
        self.options_mut().watched.remove(tube);
        Ok(count)
    }

    /// Looks at a job without reserving it.
    pub async fn peek(&mut self, id: JobId) -> Result<Option<Job>, Error> {
        self.look(&Command::Peek(id)).await
    }

    /// Looks at the next ready job of the tube in use.
    pub async fn peek_ready(&mut self) -> Result<Option<Job>, Error> {
        self.look(&Command::PeekReady).await
    }

    /// Looks at the delayed job of the tube in use that is due first.
    pub async fn peek_delayed(&mut self) -> Result<Option<Job>, Error> {
        self.look(&Command::PeekDelayed).await
    }

    /// Looks at the buried job of the tube in use that a kick would take first.
    pub async fn peek_buried(&mut self) -> Result<Option<Job>, Error> {
        self.look(&Command::PeekBuried).await
    }

    /// Makes at most `bound` buried jobs of the tube in use ready, or delayed ones where
    /// none is buried; returns how many.
    pub async fn kick(&mut self, bound: u32) -> Result<u64, Error> {
        self.count(&Command::Kick(bound)).await
    }

    /// Makes this buried or delayed job ready.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is neither.
    pub async fn kick_job(&mut self, id: JobId) -> Result<(), Error> {
        self.act(&Command::KickJob(id)).await
    }

    /// The figures of a job, if it is there.
    pub async fn stats_job(&mut self, id: JobId) -> Result<Option<JobStatistics>, Error> {
        self.figures(&Command::StatsJob(id), JobStatistics::parse).await
    }

    /// The figures of a tube, if it is there.
    pub async fn stats_tube(&mut self, tube: &Tube) -> Result<Option<TubeStatistics>, Error> {
        self.figures(&Command::StatsTube(tube), TubeStatistics::parse).await
    }

    /// The figures of the server.
    pub async fn stats(&mut self) -> Result<ServerStatistics, Error> {
        let stats = self.figures(&Command::Stats, ServerStatistics::parse).await?;
        stats.ok_or_else(|| self.not_found(Verb::Stats))
    }

    /// The tubes that exist: those with jobs, those somebody uses or watches, `default`.
    pub async fn list_tubes(&mut self) -> Result<Vec<Tube>, Error> {
        Ok(self.figures(&Command::ListTubes, tube_list).await?.unwrap_or_default())
    }

    /// The tubes this connection reserves from, as the server has them.
    pub async fn list_tubes_watched(&mut self) -> Result<Vec<Tube>, Error> {
        Ok(self.figures(&Command::ListTubesWatched, tube_list).await?.unwrap_or_default())
    }

    /// The tube in use, as the server has it.
    pub async fn list_tube_used(&mut self) -> Result<Tube, Error> {
        match self.call(&Command::ListTubeUsed).await? {
            Reply::Using(tube) => Ok(tube),
            other => Err(self.mismatch(Verb::ListTubeUsed, &other)),
        }
    }

    /// Lets nobody reserve from a tube for a while. The server makes a second of 0, so a
    /// pause is lifted with 0.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such tube.
    pub async fn pause_tube(&mut self, tube: &Tube, delay: Delay) -> Result<(), Error> {
        self.act(&Command::PauseTube { tube, delay }).await
    }

    /// Says goodbye and waits until the server has closed the connection, and so made
    /// ready what was reserved on it.
    pub async fn quit(mut self) {
        let patience = self.options().reply_timeout;
        if let Some(connection) = self.open_connection()
            && connection.ask(&Command::Quit).is_ok()
        {
            while connection.turn(Some(patience)).await.is_ok() {}
        }
    }

    /// A command that is carried out or finds nothing.
    async fn act(&mut self, command: &Command<'_>) -> Result<(), Error> {
        self.settle().await?;
        self.carry_out(command).await
    }

    /// A command about a reservation, on the connection that is there and no other: on
    /// another one its number might be another job's. Right after [`Client::ready`], with
    /// [`Client::session`] as it was when the job was reserved.
    ///
    /// # Errors
    /// Those of [`Client::delete`] and [`Client::release`].
    pub async fn carry_out(&mut self, command: &Command<'_>) -> Result<(), Error> {
        let verb = command.verb();
        match self.exchange(command).await? {
            Reply::NotFound => Err(self.not_found(verb)),
            Reply::Buried(job) if verb == Verb::Release => {
                Err(Error::Buried { server: self.server().clone(), job })
            }
            _ => Ok(()),
        }
    }

    /// A command that is answered with a number.
    async fn count(&mut self, command: &Command<'_>) -> Result<u64, Error> {
        match self.call(command).await? {
            Reply::Watching(count) | Reply::Kicked(Some(count)) => Ok(count),
            Reply::NotIgnored => Err(Error::NotIgnored),
            other => Err(self.mismatch(command.verb(), &other)),
        }
    }

    async fn look(&mut self, command: &Command<'_>) -> Result<Option<Job>, Error> {
        match self.call(command).await? {
            Reply::Found(job) => Ok(Some(job)),
            Reply::NotFound => Ok(None),
            other => Err(self.mismatch(command.verb(), &other)),
        }
    }

    async fn figures<T>(
        &mut self,
        command: &Command<'_>,
        parse: impl FnOnce(&[u8]) -> Result<T, StatisticsError>,
    ) -> Result<Option<T>, Error> {
        let verb = command.verb();
        let data: Bytes = match self.call(command).await? {
            Reply::Data(data) => data,
            Reply::NotFound => return Ok(None),
            other => return Err(self.mismatch(verb, &other)),
        };
        match parse(&data) {
            Ok(figures) => Ok(Some(figures)),
            Err(source) => Err(Error::Statistics { server: self.server().clone(), verb, source }),
        }
    }

    fn not_found(&self, verb: Verb) -> Error {
        Error::NotFound { server: self.server().clone(), verb }
    }
}
