//! One server: connect, ask, and connect again.

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::{Instant, sleep_until, timeout};

use super::backoff::{Backoff, others_return};
use super::connection::{Connection, Fault};
use super::error::Error;
use super::options::Options;
use super::stream;
use crate::beanstalk::{Command, Job, Malformed, Refusal, Reply, Verb};
use crate::names::{ServerAddress, Tube};

/// A client of one server. The module's head says what holds for every call; the calls
/// themselves are in `calls.rs` and `pipeline.rs`.
pub struct Client {
    server: ServerAddress,
    options: Options,
    connection: Option<Connection>,
    /// Counts the connections made.
    session: u64,
    backoff: Backoff,
    /// When the next attempt to connect may be made; `None`: at once.
    not_before: Option<Instant>,
    /// Whether this connection answered a call, so that after its end the backoff begins anew.
    proven: bool,
    /// Since when the server is away.
    away: Option<Instant>,
    /// Until when others may come back for their jobs, see [`Client::yields`].
    yields: Option<Instant>,
    /// Jobs that arrived for reserves whose futures were dropped.
    kept: VecDeque<Job>,
}

impl Client {
    /// A client that connects at its first call.
    pub fn new(server: ServerAddress, mut options: Options) -> Self {
        if options.watched.is_empty() {
            options.watched.insert(Tube::default());
        }
        let backoff = Backoff::new(options.backoff_initial, options.backoff_max, options.seed);
        Self {
            server,
            options,
            connection: None,
            session: 0,
            backoff,
            not_before: None,
            proven: false,
            away: None,
            yields: None,
            kept: VecDeque::new(),
        }
    }

    /// A client that is connected.
    ///
    /// # Errors
    /// [`Error::Unreachable`]
    pub async fn connect(server: ServerAddress, options: Options) -> Result<Self, Error> {
        let mut client = Self::new(server, options);
        client.ready().await?;
        Ok(client)
    }

    /// Connects, if there is no connection.
    ///
    /// # Errors
    /// [`Error::Unreachable`]
    pub async fn ready(&mut self) -> Result<(), Error> {
        self.stale().await?;
        self.connected().await.map(|_| ())
    }

    /// Which server this is.
    pub fn server(&self) -> &ServerAddress {
        &self.server
    }

    /// How it behaves, with the tubes now used and watched.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Which connection this is, counted from 1; 0 before the first. A reservation lives
    /// no longer than the connection it was made on.
    pub fn session(&self) -> u64 {
        self.session
    }

    /// Whether there is a connection, as far as is known.
    pub fn is_connected(&self) -> bool {
        self.connection.is_some()
    }

    /// Whether a command is without a reply.
    pub(super) fn is_waiting(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.pending() > 0)
    }

    /// Whether a reserve whose future was dropped is under way, or has brought a job that
    /// nobody has taken yet.
    pub fn is_reserving(&self) -> bool {
        !self.kept.is_empty() || self.is_waiting()
    }

    /// When the next call will try to connect, if it has to wait for that.
    pub fn not_before(&self) -> Option<Instant> {
        self.not_before.filter(|at| self.connection.is_none() && *at > Instant::now())
    }

    /// Until when nothing should be reserved here: the server was away, and those who held its jobs come
    /// back for them one by one. Whoever reserves before that takes a job that may still run elsewhere.
    pub fn yields(&self) -> Option<Instant> {
        self.yields.filter(|at| *at > Instant::now())
    }

    /// Counts an attempt to connect that was given up as one that failed.
    pub(super) fn postpone(&mut self) {
        if self.connection.is_none() {
            self.drop_connection();
        }
    }

    /// Closes the connection, if there is one, as of no use: the next call waits as the backoff says before
    /// it connects again, and longer each time this happens.
    pub fn fail(&mut self) {
        if self.connection.is_some() {
            self.proven = false;
            self.drop_connection();
        }
    }

    /// Closes the connection. The server makes what was reserved on it ready at once; the
    /// next call connects again without waiting.
    pub fn disconnect(&mut self) {
        self.connection = None;
        self.not_before = None;
        self.kept.clear();
    }

    pub(super) fn open_connection(&mut self) -> Option<&mut Connection> {
        self.connection.as_mut()
    }

    pub(super) fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }

    pub(super) fn kept(&mut self) -> &mut VecDeque<Job> {
        &mut self.kept
    }

    /// Sends a command and returns its reply; a refusal is an error.
    pub(super) async fn call(&mut self, command: &Command<'_>) -> Result<Reply, Error> {
        self.settle().await?;
        self.exchange(command).await
    }

    /// The same on the connection that is there, on which no reply may be due.
    pub(super) async fn exchange(&mut self, command: &Command<'_>) -> Result<Reply, Error> {
        if let Some(connection) = &mut self.connection {
            connection.ask(command)?;
        }
        self.finish(command.verb(), Some(self.options.reply_timeout)).await
    }

    /// Waits for the reply to the oldest command, `verb`, for no longer than `patience`.
    pub(super) async fn finish(&mut self, verb: Verb, patience: Option<Duration>) -> Result<Reply, Error> {
        let Some(connection) = &mut self.connection else {
            return Err(self.fault(verb, Fault::Io(io::ErrorKind::NotConnected.into())));
        };
        match connection.answer(patience).await {
            Ok((verb, Reply::Refused(refusal))) => Err(self.refused(verb, refusal)),
            Ok((_, reply)) => {
                self.prove();
                Ok(reply)
            }
            Err(fault) => Err(self.fault(verb, fault)),
        }
    }

    /// A connection on which no reply is due.
    pub(super) async fn settle(&mut self) -> Result<&mut Connection, Error> {
        if let Some(Verb::Reserve | Verb::ReserveWithTimeout) = self.stale().await? {
            return Err(Error::Reserving(self.server.clone()));
        }
        self.connected().await
    }

    /// A connection; one that turns out to be broken before anything is sent is replaced.
    pub(super) async fn connected(&mut self) -> Result<&mut Connection, Error> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.open().await?,
        };
        Ok(self.connection.insert(connection))
    }

    /// Waits until the connection breaks, while nothing is asked; for ever if there is none.
    /// May be dropped at any time.
    pub async fn broken(&mut self) -> Error {
        loop {
            let Some(connection) = self.connection.as_mut().filter(|connection| connection.pending() == 0)
            else {
                return pending().await;
            };
            // Nothing was asked: what comes is the end, or nonsense.
            let heard = connection.turn(None).await.and_then(|()| connection.arrived());
            if let Err(fault) = heard {
                self.drop_connection();
                return self.unreachable(fault);
            }
        }
    }

    /// Takes the replies to calls that were dropped off the connection, up to a reserve
    /// that may still wait, and returns that.
    pub(super) async fn stale(&mut self) -> Result<Option<Verb>, Error> {
        loop {
            let Some(connection) = &mut self.connection else { return Ok(None) };
            // What has come by itself: an end, mostly, while the client was idle.
            if let Some(Err(_)) = connection.turn(None).now_or_never() {
                self.drop_connection();
                return Ok(None);
            }
            let step = match connection.oldest() {
                Some(verb @ (Verb::Reserve | Verb::ReserveWithTimeout)) => match connection.arrived() {
                    Ok(None) => return Ok(Some(verb)),
                    step => step,
                },
                Some(_) => connection.answer(Some(self.options.reply_timeout)).await.map(Some),
                None => connection.arrived(),
            };
            match step {
                Ok(Some((_, Reply::Reserved(job)))) => self.kept.push_back(job),
                Ok(Some((verb, Reply::Refused(refusal)))) if refusal.casts_doubt(verb) => {
                    self.drop_connection();
                }
                Ok(Some(_)) => {}
                Ok(None) => return Ok(None),
                Err(_) => self.drop_connection(),
            }
        }
    }

    /// One attempt to connect, once the backoff allows it.
    async fn open(&mut self) -> Result<Connection, Error> {
        if let Some(at) = self.not_before {
            sleep_until(at).await;
        }
        let attempt = timeout(self.options.connect_timeout, self.attempt()).await.unwrap_or_else(|_| {
            let text = format!("no connection within {} s", self.options.connect_timeout.as_secs_f32());
            Err(Fault::Io(io::Error::new(io::ErrorKind::TimedOut, text)))
        });
        match attempt {
            Ok(connection) => {
                self.session += 1;
                self.proven = false;
                self.yields = self.away.take().map(|since| {
                    let now = Instant::now();
                    now + others_return(now - since, self.options.backoff_max)
                });
                Ok(connection)
            }
            Err(fault) => {
                self.drop_connection();
                Err(self.unreachable(fault))
            }
        }
    }

    /// Connects and chooses the tubes.
    async fn attempt(&self) -> Result<Connection, Fault> {
        let stream = stream::connect(&self.server, self.options.keep_alive).await.map_err(Fault::Io)?;
        let mut connection = Connection::new(stream, self.options.max_body);
        let default = Tube::default();
        let mut commands: Vec<Command<'_>> = Vec::new();
        if self.options.used != default {
            commands.push(Command::Use(&self.options.used));
        }
        commands.extend(self.options.watched.iter().filter(|tube| **tube != default).map(Command::Watch));
        if !self.options.watched.contains(&default) {
            commands.push(Command::Ignore(&default));
        }
        for command in &commands {
            connection.ask(command).map_err(|invalid| Fault::Io(io::Error::other(invalid)))?;
        }
        for _ in &commands {
            if let (verb, Reply::Refused(refusal)) = connection.answer(None).await? {
                let text = format!("the server refused `{}`: {refusal}", verb.word());
                return Err(Fault::Io(io::Error::other(text)));
            }
        }
        Ok(connection)
    }

    /// A reply came: the next connection need not wait long.
    pub(super) fn prove(&mut self) {
        self.proven = true;
    }

    /// The error for a refusal; the connection is closed where it casts doubt.
    pub(super) fn refused(&mut self, verb: Verb, refusal: Refusal) -> Error {
        if refusal.casts_doubt(verb) {
            self.drop_connection();
        }
        Error::Refused { server: self.server.clone(), verb, refusal }
    }

    /// The error for a connection that broke while `verb` was the oldest command.
    pub(super) fn fault(&mut self, verb: Verb, fault: Fault) -> Error {
        let sent = self.connection.as_ref().is_some_and(|connection| connection.sent() > 0);
        // Who speaks something else will do so on the next connection, too.
        self.proven &= !matches!(fault, Fault::Malformed(_));
        self.drop_connection();
        let server = self.server.clone();
        match fault {
            fault if !sent => self.unreachable(fault),
            Fault::Malformed(source) => Error::Malformed { server, verb: Some(verb), source },
            Fault::Io(source) if verb == Verb::Put => Error::Uncertain { server, source: source.into() },
            Fault::Io(source) => Error::Lost { server, verb, source: source.into() },
        }
    }

    /// The error for a reply that fits no branch of its call; the connection is closed.
    pub(super) fn mismatch(&mut self, asked: Verb, reply: &Reply) -> Error {
        self.nonsense(asked, Malformed::Mismatch { asked, reply: reply.word() })
    }

    /// The error for a reply to `verb` that cannot be; the connection is closed.
    pub(super) fn nonsense(&mut self, verb: Verb, source: Malformed) -> Error {
        self.fail();
        Error::Malformed { server: self.server.clone(), verb: Some(verb), source }
    }

    fn unreachable(&self, fault: Fault) -> Error {
        let source = match fault {
            Fault::Io(source) => source,
            Fault::Malformed(malformed) => io::Error::new(io::ErrorKind::InvalidData, malformed),
        };
        Error::Unreachable { server: self.server.clone(), source: source.into() }
    }

    fn drop_connection(&mut self) {
        self.connection = None;
        self.kept.clear();
        let now = Instant::now();
        self.away.get_or_insert(now);
        if std::mem::take(&mut self.proven) {
            self.backoff.reset();
        }
        self.not_before = Some(now + self.backoff.wait());
    }
}
