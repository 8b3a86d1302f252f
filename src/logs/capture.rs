//! Waits for what daemons write into pipes. What is for the terminal is read here, and put into its queue;
//! what is for files is copied by the thread that writes them, and dropped here while their disk [hangs](Stall).

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, PipeWriter, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;
use tokio::sync::oneshot;

use super::copier::Files;
use super::source::{Sink, Source};
use super::stall::Stall;
use super::terminal::{Line, Prefix, Terminal, Text, is_colored};
use super::turn::{Holder, Turn};
use super::{Destination, FileLog, HandedPipe};
use crate::process::{Poller, hold_signals};

/// How much is read of one daemon before the others have their turn, in bytes.
const TURN: usize = 64 * 1024;

/// Orders that may wait; whoever gives more waits for the thread, which itself waits for nothing but
/// [`FLUSH`].
const ORDERS: usize = 64;

/// When pipes are handed over, what was read of them may take so long to be written. Nothing is read
/// meanwhile.
const FLUSH: Duration = Duration::from_secs(2);

/// After this long a line without an end is shown as it is.
const PATIENCE: Duration = Duration::from_millis(200);

/// The token of the pipe that announces orders.
const ORDER: u64 = 0;

/// What the thread is asked to do.
enum Order {
    Add { token: u64, source: Box<Source> },
    Reopen,
    Follow(Option<Sender<Line>>),
    HandOver { writers: Writers, answer: oneshot::Sender<Vec<HandedPipe>> },
}

/// The other ends of pipes, by what is read from them.
type Writers = Vec<((String, Destination), OwnedFd)>;

/// The thread that reads.
#[derive(Debug)]
pub(super) struct Capture {
    orders: SyncSender<Order>,
    bell: PipeWriter,
    /// Ends with the thread.
    ended: Receiver<()>,
    last: u64,
    /// Whether something was added since all was let go of.
    reads: bool,
}

impl Capture {
    pub(super) fn begin() -> io::Result<Self> {
        Self::with(|_| None)
    }

    /// With files that are written already.
    fn with(files: impl FnOnce(&Arc<Poller>) -> Option<Files>) -> io::Result<Self> {
        let (bell, ringer) = io::pipe()?;
        let poller = Arc::new(Poller::new()?);
        poller.add(&bell, ORDER)?;
        let files = files(&poller);
        let (orders, taken) = sync_channel(ORDERS);
        let reader = Reader {
            poller,
            bell: OwnedFd::from(bell).into(),
            closed: false,
            orders: taken,
            sources: HashMap::new(),
            terminal: Terminal::get()?,
            files,
            stall: Stall::default(),
            prefix: Prefix::new(is_colored(&io::stdout())),
            follower: None,
        };
        let thread = thread::Builder::new().name("logs".to_owned()).stack_size(256 * 1024);
        let (ends, ended) = sync_channel::<()>(0);
        thread.spawn(move || {
            // They are the main thread's to hear.
            hold_signals();
            reader.run();
            drop(ends);
        })?;
        Ok(Self { orders, bell: ringer, ended, last: ORDER, reads: false })
    }

    pub(super) fn add(&mut self, name: &str, to: &Destination, pipe: OwnedFd) {
        self.add_begun(name, to, pipe, &[]);
    }

    /// The same of a pipe from which `partial` was read already, a line without its end.
    pub(super) fn add_begun(&mut self, name: &str, to: &Destination, pipe: OwnedFd, partial: &[u8]) {
        self.last += 1;
        self.reads = true;
        let sink = Sink::new(to, partial);
        let source = Source { pipe: Arc::new(pipe.into()), name: name.into(), to: to.clone(), sink };
        self.order(Order::Add { token: self.last, source: Box::new(source) });
    }

    /// Lets go of all pipes, once what was read of them is written.
    pub(super) fn hand_over(&mut self, writers: Writers) -> oneshot::Receiver<Vec<HandedPipe>> {
        let (answer, handed) = oneshot::channel();
        self.order(Order::HandOver { writers, answer });
        self.reads = false;
        handed
    }

    /// Whether something was added since.
    pub(super) fn reads(&self) -> bool {
        self.reads
    }

    pub(super) fn reopen(&self) {
        self.order(Order::Reopen);
    }

    pub(super) fn follow(&self, follower: Option<Sender<Line>>) {
        self.order(Order::Follow(follower));
    }

    /// Waits until all pipes are closed and all of what came out of them is where it belongs, but no longer
    /// than this.
    pub(super) fn finish(self, at_most: Duration) {
        drop((self.orders, self.bell));
        let _ = self.ended.recv_timeout(at_most);
    }

    fn order(&self, order: Order) {
        // The thread never ends before this does.
        if self.orders.send(order).is_ok() {
            let _ = (&self.bell).write(b"!");
        }
    }
}

struct Reader {
    poller: Arc<Poller>,
    bell: File,
    /// Nobody is left to give orders.
    closed: bool,
    orders: Receiver<Order>,
    sources: HashMap<u64, Box<Source>>,
    terminal: Terminal,
    files: Option<Files>,
    /// Whether it gets on.
    stall: Stall,
    prefix: Prefix,
    follower: Option<Sender<Line>>,
}

impl Reader {
    fn run(mut self) {
        let mut buffer = vec![0; TURN];
        let mut held = false;
        while let Ok(ready) = self.poller.wait(self.pause(held)) {
            for token in ready {
                if token == ORDER {
                    self.take_orders(&mut buffer);
                } else {
                    self.read(token, &mut buffer);
                }
            }
            self.look_at_files();
            if self.closed && self.sources.is_empty() {
                break;
            }
            held = self.show_what_was_held();
        }
        if let Some(files) = self.files {
            files.finish();
        }
    }

    /// How long there is nothing to do if nothing happens.
    fn pause(&self, held: bool) -> Option<Duration> {
        let look = self.stall.end().map(|end| end.saturating_duration_since(Instant::now()));
        look.into_iter().chain(held.then_some(PATIENCE / 2)).min()
    }

    /// If their disk hangs, what is for them is read here.
    fn look_at_files(&mut self) {
        let (busy, steps) = self.files.as_ref().map_or((false, 0), Files::progress);
        if self.stall.look(busy, steps, Instant::now()) {
            tracing::error!("a log file is not written, does its disk hang? What does not fit is dropped");
            for (token, source) in &self.sources {
                if let Sink::File { turn, .. } = &source.sink
                    && turn.take()
                {
                    let _ = self.poller.again(&source.pipe, *token);
                }
            }
        }
    }

    fn take_orders(&mut self, buffer: &mut [u8]) {
        if matches!(self.bell.read(buffer), Ok(0)) {
            let _ = self.poller.remove(&self.bell);
            self.closed = true;
        }
        for order in self.orders.try_iter().collect::<Vec<_>>() {
            match order {
                Order::Add { token, source } => self.add(token, source),
                Order::Follow(follower) => self.follower = follower,
                Order::HandOver { writers, answer } => self.hand_over(writers, answer),
                Order::Reopen => {
                    if let Some(files) = &self.files {
                        files.reopen();
                    }
                }
            }
        }
    }

    fn add(&mut self, token: u64, source: Box<Source>) {
        let added = if let (Destination::File(log), Sink::File { turn, .. }) = (&source.to, &source.sink) {
            self.add_file(token, &source, log, turn).and_then(|()| self.poller.add_once(&source.pipe, token))
        } else {
            self.prefix.make_room_for(&source.name);
            self.poller.add(&source.pipe, token)
        };
        match added {
            Ok(()) => drop(self.sources.insert(token, source)),
            Err(error) => tracing::error!("cannot read the output of {}: {error}", source.name),
        }
    }

    fn add_file(&mut self, token: u64, source: &Source, log: &FileLog, turn: &Arc<Turn>) -> io::Result<()> {
        if self.files.is_none() {
            self.files = Some(Files::begin(&self.poller)?);
        }
        if let Some(files) = &self.files {
            files.add(token, &source.name, log, Arc::clone(&source.pipe), Arc::clone(turn));
        }
        Ok(())
    }

    /// Lets go of the pipes, once what was read of them is written; takes them back if nobody waits for them
    /// any more. If it cannot be written, all stays as it was, and the answer is dropped.
    fn hand_over(&mut self, mut writers: Writers, answer: oneshot::Sender<Vec<HandedPipe>>) {
        if !self.is_written() {
            return;
        }
        if let Some(files) = self.files.take() {
            files.finish();
        }
        let sources = std::mem::take(&mut self.sources);
        let handed = sources.into_values().filter_map(|mut source| {
            let _ = self.poller.remove(&source.pipe);
            let partial = match &mut source.sink {
                Sink::File { .. } => Vec::new(),
                Sink::Terminal { lines, .. } => lines.take_partial(),
            };
            let key = (source.name.to_string(), source.to.clone());
            let writer = writers.iter().position(|(of, _)| *of == key).map(|at| writers.swap_remove(at).1);
            let (instance, to) = key;
            let pipe = Arc::try_unwrap(source.pipe).or_else(|shared| shared.try_clone());
            let reader = pipe.inspect_err(|error| tracing::error!(%error, "a log is let go of")).ok()?.into();
            Some(HandedPipe { instance, to, reader, writer, partial })
        });
        let handed = handed.collect();
        let Err(back) = answer.send(handed) else { return };
        for (token, pipe) in (u64::MAX / 2..).zip(back) {
            let sink = Sink::new(&pipe.to, &pipe.partial);
            let source = Source {
                pipe: Arc::new(pipe.reader.into()),
                name: pipe.instance.as_str().into(),
                to: pipe.to,
                sink,
            };
            self.add(token, Box::new(source));
        }
    }

    /// Whether all that was read for files is in them; then their thread reads nothing until it is asked again.
    fn is_written(&mut self) -> bool {
        let Some(files) = &self.files else { return true };
        for (token, source) in &mut self.sources {
            if let Sink::File { turn, missed } = &mut source.sink {
                files.note(*token, std::mem::take(missed));
                // It reads for a moment only.
                while turn.holder() == Holder::Reading || (turn.holder() == Holder::Files && !turn.take()) {
                    thread::yield_now();
                }
            }
        }
        let written = files.flush(FLUSH);
        if !written {
            let files = self.sources.iter().filter(|(_, source)| matches!(source.sink, Sink::File { .. }));
            for (token, source) in files {
                let _ = self.poller.again(&source.pipe, *token);
            }
        }
        written
    }

    fn read(&mut self, token: u64, buffer: &mut [u8]) {
        let (Some(source), files) = (self.sources.get_mut(&token), &self.files) else { return };
        if let (Sink::File { turn, missed }, Some(files)) = (&mut source.sink, files) {
            match turn.holder() {
                Holder::Ended => return self.end(token),
                Holder::Files | Holder::Reading => return,
                Holder::Taken => {}
                Holder::Idle => {
                    turn.give();
                    files.copy(token, std::mem::take(missed));
                    if !(self.stall.hangs() && turn.take()) {
                        return;
                    }
                }
            }
            let _ = self.poller.again(&source.pipe, token);
        }
        match (&*source.pipe).read(buffer) {
            Ok(0) => self.end(token),
            Ok(n) => self.put(token, &buffer[..n]),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(_) => self.end(token),
        }
    }

    fn put(&mut self, token: u64, bytes: &[u8]) {
        let Some(source) = self.sources.get_mut(&token) else { return };
        match &mut source.sink {
            Sink::File { missed, .. } => missed.lose(bytes),
            Sink::Terminal { lines, missed, since } => {
                let mut text = Text::new(&source.name, &self.prefix, self.follower.as_ref());
                lines.push(bytes, |line| text.line(line));
                *since = lines.is_waiting().then(Instant::now);
                text.send(missed, &self.terminal);
            }
        }
    }

    /// Whether some line is still held back.
    fn show_what_was_held(&mut self) -> bool {
        let mut held = false;
        for source in self.sources.values_mut() {
            let Sink::Terminal { lines, missed, since } = &mut source.sink else { continue };
            match since {
                Some(began) if began.elapsed() >= PATIENCE => {
                    let mut text = Text::new(&source.name, &self.prefix, self.follower.as_ref());
                    lines.flush(|line| text.line(line));
                    *since = None;
                    text.send(missed, &self.terminal);
                }
                Some(_) => held = true,
                None => {}
            }
        }
        held
    }

    fn end(&mut self, token: u64) {
        let Some(mut source) = self.sources.remove(&token) else { return };
        let _ = self.poller.remove(&source.pipe);
        match &mut source.sink {
            Sink::File { missed, .. } => {
                if let Some(files) = &self.files {
                    files.end(token, std::mem::take(missed));
                }
            }
            Sink::Terminal { lines, missed, .. } => {
                let mut text = Text::new(&source.name, &self.prefix, self.follower.as_ref());
                lines.flush(|line| text.line(line));
                text.send(missed, &self.terminal);
            }
        }
    }
}

#[cfg(test)]
mod tests;
