//! Many commands on their way at once.

use super::client::Client;
use super::error::{Broken, Error};
use crate::beanstalk::{Command, Delay, JobId, Malformed, Priority, Reply, Ttr, TubeStatistics, Verb};

/// How many bytes are written before the replies are looked at again.
const BATCH: usize = 64 << 10;

/// What can be sent: a command, or something that owns what a command borrows.
pub trait Ask {
    /// The command.
    fn command(&self) -> Command<'_>;
}

impl Ask for Command<'_> {
    fn command(&self) -> Command<'_> {
        *self
    }
}

/// A job to be put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewJob<B> {
    /// Its urgency.
    pub priority: Priority,
    /// How long it waits before it is ready.
    pub delay: Delay,
    /// How long a reservation of it lasts.
    pub ttr: Ttr,
    /// What it says: any bytes.
    pub body: B,
}

impl<B: AsRef<[u8]>> Ask for NewJob<B> {
    fn command(&self) -> Command<'_> {
        Command::Put { priority: self.priority, delay: self.delay, ttr: self.ttr, body: self.body.as_ref() }
    }
}

impl Client {
    /// The figures of every tube there is.
    pub async fn stats_tubes(&mut self) -> Result<Vec<TubeStatistics>, Error> {
        let names = self.list_tubes().await?;
        let mut tubes = Vec::with_capacity(names.len());
        let mut wrong = None;
        // A tube that is gone by now has no figures.
        let each = |_, reply| {
            if let Reply::Data(data) = reply {
                match TubeStatistics::parse(&data) {
                    Ok(tube) => tubes.push(tube),
                    Err(error) => wrong = Some(error),
                }
            }
        };
        let done = self.pipeline(names.iter().map(Command::StatsTube), each).await;
        done.map_err(|broken| broken.error)?;
        match wrong {
            None => Ok(tubes),
            Some(source) => {
                let server = self.server().clone();
                Err(Error::Statistics { server, verb: Verb::StatsTube, source })
            }
        }
    }

    /// Sends `commands` without waiting for each reply, and hands the replies on in their
    /// order, each with the number of its command from 0. To end early, end `commands`.
    ///
    /// At most [`Options::window`](super::Options::window) of them are without a reply at
    /// once. A reserve that may wait holds up all behind it.
    ///
    /// # Errors
    /// A refusal that leaves the connection in order, such as `NOT_FOUND` or
    /// `JOB_TOO_BIG`, is handed on like any reply. Everything else is [`Broken`], which
    /// says how far it came.
    pub async fn pipeline<A: Ask>(
        &mut self,
        commands: impl IntoIterator<Item = A>,
        mut each: impl FnMut(u64, Reply),
    ) -> Result<(), Broken> {
        let none = |error| Broken { answered: 0, uncertain: 0, error };
        self.settle().await.map_err(none)?;
        let window = self.options().window.max(1);
        let patience = Some(self.options().reply_timeout);
        let mut commands = commands.into_iter().fuse();
        let (mut answered, mut invalid, mut done) = (0, None, false);
        loop {
            let connection = self.connected().await.map_err(none)?;
            while !done && connection.pending() < window && connection.unwritten() < BATCH {
                let Some(command) = commands.next() else {
                    done = true;
                    break;
                };
                if let Err(error) = connection.ask(&command.command()) {
                    invalid = Some(error);
                    done = true;
                }
            }
            let Some(oldest) = connection.oldest() else { break };
            let step = match connection.arrived() {
                Ok(None) => connection.turn(patience).await.map(|()| None),
                step => step,
            };
            // Counted after the step, which may have sent some and failed in one.
            let uncertain = connection.sent() as u64;
            match step {
                Ok(None) => {}
                Ok(Some((verb, reply))) => {
                    match reply {
                        Reply::Refused(refusal) if refusal.casts_doubt(verb) => {
                            let error = self.refused(verb, refusal);
                            return Err(Broken { answered, uncertain, error });
                        }
                        reply => each(answered, reply),
                    }
                    answered += 1;
                    self.prove();
                }
                Err(fault) => {
                    return Err(Broken { answered, uncertain, error: self.fault(oldest, fault) });
                }
            }
        }
        match invalid {
            None => Ok(()),
            Some(invalid) => Err(Broken { answered, uncertain: 0, error: invalid.into() }),
        }
    }

    /// Puts `jobs` on the tube in use without waiting for each reply, and hands on what
    /// became of each, in their order with their number from 0: its id,
    /// [`Error::Buried`], or [`Error::Refused`].
    pub async fn put_many<B: AsRef<[u8]>>(
        &mut self,
        jobs: impl IntoIterator<Item = NewJob<B>>,
        mut each: impl FnMut(u64, Result<JobId, Error>),
    ) -> Result<(), Broken> {
        let server = self.server().clone();
        self.pipeline(jobs, |number, reply| {
            each(
                number,
                match reply {
                    Reply::Inserted(id) => Ok(id),
                    Reply::Buried(job) => Err(Error::Buried { server: server.clone(), job }),
                    Reply::Refused(refusal) => {
                        Err(Error::Refused { server: server.clone(), verb: Verb::Put, refusal })
                    }
                    // The conversation lets no other reply to a put through.
                    other => Err(Error::Malformed {
                        server: server.clone(),
                        verb: Some(Verb::Put),
                        source: Malformed::Mismatch { asked: Verb::Put, reply: other.word() },
                    }),
                },
            );
        })
        .await
    }
}
