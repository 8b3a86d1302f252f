//! The worker's end of the queue: a task of its own that answers one question at a time.
//!
//! ```text
//!     loop ── Order ──► link ── commands ──► beanstalkd
//!          ◄── News ──       (connects again with jitter, watches again)
//!                        └─► debts: one for each server that is owed a verdict
//! ```
//!
//! When the queue comes back from an outage, all its workers come back to it one by one. Those that hold a
//! job ask for that at once; for another job each waits ([`Client::yields`]) as long as the
//! slowest of the others may take to come back, so that no job is given to one while
//! it still runs in another.

use std::future::pending;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;

use super::asking::{self, found};
use super::core::{Answer, Ask, Content, Job};
use super::debts::{Debts, Repaid};
use crate::ayl::{Cause, Handler, KeySet, Message, Mode, Trust, Untrusted, Verdict};
use crate::beanstalk::{self, Command, JobId};
use crate::names::{ServerAddress, Tube};
use crate::queue::{Arrival, Client, Consumer, Error, Options};

/// How long a worker at most waits between two attempts to reach the queue.
pub(super) const RETURN: Duration = Duration::from_secs(2);

/// What the link is told to do.
#[derive(Debug)]
pub(super) enum Order {
    /// Answer that, by its number.
    Ask(u64, Ask),
    /// Watch that tube and no other from now on.
    Watch(Tube),
    /// Give up whatever is under way, and everything that is reserved.
    Disconnect,
    /// See to it that the job at hand is settled when its server is back, and leave that server alone until then.
    /// The handler is that of messages which name none.
    Owe(Box<Job>, Handler),
}

/// What the link has to tell.
#[derive(Debug)]
pub(super) enum News {
    /// It is connected.
    Up,
    /// It is not.
    Down {
        /// Why.
        reason: String,
        /// Whether the queue may have heard the open question.
        heard: bool,
    },
    /// One of several servers has gone away, for this reason, or is back; the others are there.
    Server(ServerAddress, Option<String>),
    /// The answer to the question of that number.
    Answer(u64, Answer),
    /// A message is run although its signature is not accepted.
    Untrusted(JobId, Untrusted),
    /// A job that was owed was settled so, or not found.
    Repaid(Box<Job>, Option<Verdict>),
}

/// Which messages are run.
#[derive(Debug)]
pub(super) struct Judge {
    /// What is done about signatures.
    pub mode: Mode,
    /// The application's keys.
    pub keys: KeySet,
}

pub(super) struct Link {
    consumer: Consumer,
    servers: Vec<ServerAddress>,
    tube: Tube,
    judge: Judge,
    orders: mpsc::Receiver<Order>,
    news: mpsc::Sender<News>,
    held: Option<Held>,
    debts: Debts,
}

/// The job at hand.
#[derive(Debug)]
pub(super) struct Held {
    /// The server it came from, as the worker's servers are counted.
    pub server: usize,
    /// The job.
    pub job: beanstalk::Job,
    /// When it was reserved.
    pub since: Instant,
    /// The connection that has it reserved. On another one its number may be another job's.
    session: u64,
}

/// The loop that owns the link has gone.
struct Over;

/// Why the connection is of no use any more.
struct Broken {
    reason: String,
    /// Whether the queue may have heard the open question.
    heard: bool,
}

impl Link {
    pub(super) fn new(
        servers: Vec<ServerAddress>,
        tube: Tube,
        judge: Judge,
        orders: mpsc::Receiver<Order>,
        news: mpsc::Sender<News>,
    ) -> Self {
        let consumer = consumer(&servers, &tube);
        let debts = Debts::default();
        Self { consumer, servers, tube, judge, orders, news, held: None, debts }
    }

    /// Until the loop goes.
    pub(super) async fn run(mut self) {
        while self.connect().await.is_ok() && self.serve().await.is_ok() {}
    }

    async fn tell(&self, news: News) -> Result<(), Over> {
        self.news.send(news).await.map_err(|_| Over)
    }

    /// Tries until there is a connection.
    async fn connect(&mut self) -> Result<(), Over> {
        let mut said = false;
        loop {
            let attempt = tokio::select! {
                biased;
                order = self.orders.recv() => match order {
                    None => return Err(Over),
                    Some(Order::Watch(tube)) => {
                        self.watch_from_now_on(tube);
                        continue;
                    }
                    Some(Order::Owe(job, handler)) => {
                        self.owe(job, handler);
                        continue;
                    }
                    Some(Order::Disconnect) => {
                        self.held = None;
                        continue;
                    }
                    // What was asked before the loop knew that the connection is gone.
                    Some(Order::Ask(..)) => continue,
                },
                repaid = self.debts.next() => {
                    self.repaid(repaid).await?;
                    continue;
                }
                attempt = attempt(&mut self.consumer, self.held.as_ref()) => attempt,
            };
            match attempt {
                Ok(()) => return self.tell(News::Up).await,
                Err(error) if !said => {
                    said = true;
                    self.tell(News::Down { reason: error.to_string(), heard: false }).await?;
                }
                Err(_) => {}
            }
        }
    }

    /// The connection that has the job.
    fn client(&mut self) -> Result<&mut Client, Error> {
        let server = self.held.as_ref().map_or(0, |held| held.server);
        self.consumer.client(server)
    }

    /// Answers until the connection breaks.
    async fn serve(&mut self) -> Result<(), Over> {
        loop {
            let order = tokio::select! {
                biased;
                order = self.orders.recv() => order.ok_or(Over)?,
                repaid = self.debts.next() => {
                    self.repaid(repaid).await?;
                    continue;
                }
                error = broken(&mut self.consumer, self.held.as_ref()) => {
                    return self.tell(News::Down { reason: error.to_string(), heard: false }).await;
                }
            };
            if let Err(Broken { reason, heard }) = self.obey(order).await? {
                return self.tell(News::Down { reason, heard }).await;
            }
        }
    }

    async fn obey(&mut self, order: Order) -> Result<Result<(), Broken>, Over> {
        let (number, ask) = match order {
            Order::Disconnect => {
                self.held = None;
                self.consumer.disconnect();
                return Ok(Ok(()));
            }
            Order::Owe(job, handler) => {
                self.owe(job, handler);
                return Ok(Ok(()));
            }
            Order::Watch(tube) => {
                self.watch_from_now_on(tube);
                return Ok(self.consumer.connect().await.map_err(|error| self.failed(&error)));
            }
            Order::Ask(number, ask) => (number, ask),
        };
        let reserves = matches!(ask, Ask::Reserve | Ask::Settle { reserve: true, .. });
        let answer = match ask {
            Ask::Reserve => return self.reserve(number).await,
            Ask::Regain(_) => self.regain().await.map(Answer::Found),
            _ if !self.is_same_connection().await => {
                let reason = "the connection to the queue was lost".to_owned();
                return Ok(Err(Broken { reason, heard: false }));
            }
            Ask::Settle { id, reserve: true, .. } => self.delete_and_reserve(id).await.map(Answer::Found),
            ask => self.answer(ask).await,
        };
        match answer {
            Ok(answer) => self.tell(News::Answer(number, answer)).await?,
            Err(error) => return Ok(Err(self.failed(&error))),
        }
        if reserves { self.reserve(number).await } else { Ok(Ok(())) }
    }

    /// Whatever is wrong, a new connection is the way out of it, though not at once: what the server
    /// answers may be wrong every time.
    fn failed(&mut self, error: &Error) -> Broken {
        self.client().map(Client::fail).ok();
        Broken { reason: error.to_string(), heard: asking::may_be_done(error) }
    }

    fn watch_from_now_on(&mut self, tube: Tube) {
        if tube != self.tube {
            self.consumer = consumer(&self.servers, &tube);
            for &server in self.debts.servers() {
                self.consumer.set_aside(server, true);
            }
            self.tube = tube;
        }
    }

    fn owe(&mut self, job: Box<Job>, handler: Handler) {
        let Some(held) = self.held.take() else { return };
        let Some(address) = self.servers.get(held.server) else { return };
        self.consumer.set_aside(held.server, true);
        self.debts.take(held, address.clone(), job, handler);
    }

    async fn repaid(&mut self, repaid: Repaid) -> Result<(), Over> {
        self.consumer.set_aside(repaid.server, false);
        self.tell(News::Repaid(repaid.job, repaid.verdict)).await
    }

    /// Whether the job at hand is still the one that its number means.
    async fn is_same_connection(&mut self) -> bool {
        let session = self.held.as_ref().map_or(0, |held| held.session);
        match self.client() {
            Ok(client) => client.ready().await.is_ok() && client.session() == session,
            Err(_) => false,
        }
    }

    /// With one server the next reserve travels with the deletion, unless others come first.
    async fn delete_and_reserve(&mut self, id: JobId) -> Result<bool, Error> {
        let alone = self.consumer.servers() == 1;
        let client = self.client()?;
        let alone = alone && client.yields().is_none();
        found(if alone {
            client.delete_and_reserve(id).await
        } else {
            client.carry_out(&Command::Delete(id)).await
        })
    }

    /// Waits for a job, or for an order to give up; the answer is to question `number`.
    async fn reserve(&mut self, number: u64) -> Result<Result<(), Broken>, Over> {
        self.held = None;
        loop {
            tokio::select! {
                arrival = self.consumer.next() => match arrival {
                    Ok(Arrival::Job { server, job }) => {
                        return self.reserved(number, server, job).await.map(Ok);
                    }
                    Ok(Arrival::Away { server, error }) => self.tell_of(server, Some(error.to_string())).await?,
                    Ok(Arrival::Back { server }) => self.tell_of(server, None).await?,
                    Err(error) => return Ok(Err(self.failed(&error))),
                },
                repaid = self.debts.next() => self.repaid(repaid).await?,
                order = self.orders.recv() => match order.ok_or(Over)? {
                    // An executor that was started anew has chosen another tube: the question is
                    // still open.
                    Order::Watch(tube) => self.watch_from_now_on(tube),
                    // Nothing else is asked while a question is open: it is to be given up.
                    Order::Disconnect | Order::Ask(..) | Order::Owe(..) => {
                        self.consumer.disconnect();
                        return Ok(Ok(()));
                    }
                }
            }
        }
    }

    async fn reserved(&mut self, number: u64, server: usize, job: beanstalk::Job) -> Result<(), Over> {
        let (id, body, content) = (job.id, job.body.clone(), self.content(&job).await?);
        let session = self.consumer.client(server).map_or(0, |client| client.session());
        self.held = Some(Held { server, job, since: Instant::now(), session });
        self.tell(News::Answer(number, Answer::Reserved { id, body, content })).await
    }

    async fn tell_of(&self, server: usize, trouble: Option<String>) -> Result<(), Over> {
        let Some(address) = self.servers.get(server) else { return Ok(()) };
        self.tell(News::Server(address.clone(), trouble)).await
    }

    async fn content(&self, job: &beanstalk::Job) -> Result<Content, Over> {
        let message = match Message::parse(&job.body) {
            Ok(message) => message,
            Err(reason) => return Ok(Content::Refused(Cause::Unreadable(reason))),
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        match self.judge.mode.judge(&message, &self.judge.keys, &self.tube, now) {
            Trust::Run => {}
            Trust::Warn(reason) => self.tell(News::Untrusted(job.id, reason)).await?,
            Trust::Refuse(reason) => return Ok(Content::Refused(Cause::Untrusted(reason))),
        }
        Ok(Content::Message(Box::new(message)))
    }

    async fn answer(&mut self, ask: Ask) -> Result<Answer, Error> {
        Ok(match ask {
            Ask::Reserve | Ask::Regain(_) => Answer::Nothing,
            Ask::Facts(id) => {
                let alone = self.servers.len() == 1;
                Answer::Facts(asking::facts(self.client()?, id, alone).await?)
            }
            Ask::Touch(id) => Answer::Found(found(self.client()?.carry_out(&Command::Touch(id)).await)?),
            Ask::Settle { id, verdict, priority, .. } => {
                Answer::Found(asking::settle(self.client()?, id, &verdict, priority).await?)
            }
        })
    }

    /// Reserves that job again, if it is still the same.
    async fn regain(&mut self) -> Result<bool, Error> {
        let Some(held) = &mut self.held else { return Ok(false) };
        let client = self.consumer.client(held.server)?;
        let found = client.regain(&held.job, held.since.elapsed()).await?;
        held.session = client.session();
        Ok(found)
    }
}

fn consumer(servers: &[ServerAddress], tube: &Tube) -> Consumer {
    Consumer::new(servers, &Options { backoff_max: RETURN, ..Options::watching(tube.clone()) })
}

/// One attempt to connect: to the server of the job at hand, or to any.
async fn attempt(consumer: &mut Consumer, held: Option<&Held>) -> Result<(), Error> {
    match held {
        Some(held) => consumer.client(held.server)?.list_tube_used().await.map(drop),
        None => consumer.connect().await,
    }
}

/// Why the connection that holds the job is gone, as soon as it is: others can then be
/// given the job.
async fn broken(consumer: &mut Consumer, held: Option<&Held>) -> Error {
    match held.map(|held| consumer.client(held.server)) {
        Some(Ok(client)) => client.broken().await,
        Some(Err(error)) => error,
        None => pending().await,
    }
}
