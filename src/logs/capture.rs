//! Reads what daemons write into pipes, and lets nobody keep it from that.

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

use super::file::Files;
use super::lines::{Gate, Splitter};
use super::terminal::{Prefix, Terminal, is_colored};
use super::{Destination, HandedPipe};
use crate::process::{Poller, hold_signals};

/// As much is read of one daemon before the others have their turn, in bytes.
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

/// One line of a daemon's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Whose.
    pub instance: Arc<str>,
    /// Without its end.
    pub text: String,
}

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
    last: u64,
    /// Whether something was added since all was let go of.
    reads: bool,
}

impl Capture {
    pub(super) fn begin() -> io::Result<Self> {
        let (bell, ringer) = io::pipe()?;
        let poller = Poller::new()?;
        poller.add(&bell, ORDER)?;
        let (orders, taken) = sync_channel(ORDERS);
        let reader = Reader {
            poller,
            bell: OwnedFd::from(bell).into(),
            closed: false,
            orders: taken,
            sources: HashMap::new(),
            terminal: Terminal::get()?,
            files: None,
            prefix: Prefix::new(is_colored(&io::stdout())),
            follower: None,
        };
        let thread = thread::Builder::new().name("logs".to_owned()).stack_size(256 * 1024);
        thread.spawn(move || {
            // They are the main thread's to hear.
            hold_signals();
            reader.run();
        })?;
        Ok(Self { orders, bell: ringer, last: ORDER, reads: false })
    }

    pub(super) fn add(&mut self, name: &str, to: &Destination, pipe: OwnedFd) {
        self.add_begun(name, to, pipe, &[]);
    }

    /// The same of a pipe from which `partial` was read already, a line without its end.
    pub(super) fn add_begun(&mut self, name: &str, to: &Destination, pipe: OwnedFd, partial: &[u8]) {
        self.last += 1;
        self.reads = true;
        let sink = Sink::new(to, partial);
        let source = Source { pipe: pipe.into(), name: name.into(), to: to.clone(), sink };
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

    fn order(&self, order: Order) {
        // The thread never ends before this does.
        if self.orders.send(order).is_ok() {
            let _ = (&self.bell).write(b"!");
        }
    }
}

/// One pipe.
struct Source {
    pipe: File,
    name: Arc<str>,
    to: Destination,
    sink: Sink,
}

impl Source {
    /// Has it written which lines are missing at the end of its file, if some are.
    fn note_missing(&mut self, token: u64, files: &mut Files) {
        let Sink::File(gate) = &mut self.sink else { return };
        let missing = gate.dropped();
        if let Some(note) = gate.note()
            && files.write(token, note).is_err()
        {
            gate.lose_lines(missing);
        }
    }
}

enum Sink {
    File(Gate),
    Terminal {
        lines: Splitter,
        gate: Gate,
        /// Since when it has held a line without an end.
        since: Option<Instant>,
    },
}

impl Sink {
    /// One for what goes there, with the beginning of a line that was read already.
    fn new(to: &Destination, partial: &[u8]) -> Self {
        if let Destination::File(_) = to {
            return Self::File(Gate::default());
        }
        let mut lines = Splitter::default();
        lines.push(partial, |_| ());
        let since = lines.is_waiting().then(Instant::now);
        Self::Terminal { lines, gate: Gate::default(), since }
    }
}

struct Reader {
    poller: Poller,
    bell: File,
    /// Nobody is left to give orders.
    closed: bool,
    orders: Receiver<Order>,
    sources: HashMap<u64, Box<Source>>,
    terminal: Terminal,
    files: Option<Files>,
    prefix: Prefix,
    follower: Option<Sender<Line>>,
}

impl Reader {
    fn run(mut self) {
        let mut buffer = vec![0; TURN];
        let mut held = false;
        while let Ok(ready) = self.poller.wait(held.then_some(PATIENCE / 2)) {
            for token in ready {
                if token == ORDER {
                    self.take_orders(&mut buffer);
                } else {
                    self.read(token, &mut buffer);
                }
            }
            if self.closed && self.sources.is_empty() {
                return;
            }
            held = self.show_what_was_held();
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
                    if let Some(files) = &mut self.files {
                        files.reopen();
                    }
                }
            }
        }
    }

    fn add(&mut self, token: u64, source: Box<Source>) {
        if let Destination::File(log) = &source.to {
            if self.files.is_none() {
                let begun = Files::begin();
                self.files = begun
                    .inspect_err(|error| tracing::error!(%error, "nothing is written to log files"))
                    .ok();
            }
            if let Some(files) = &mut self.files {
                files.add(token, &source.name, log);
            }
        } else {
            self.prefix.make_room_for(&source.name);
        }
        if self.poller.add(&source.pipe, token).is_ok() {
            self.sources.insert(token, source);
        }
    }

    /// Lets go of the pipes, once what was read of them is written; takes them back if nobody waits for them
    /// any more. If it cannot be written, all stays as it was, and the answer is dropped.
    fn hand_over(&mut self, mut writers: Writers, answer: oneshot::Sender<Vec<HandedPipe>>) {
        if let Some(files) = &mut self.files {
            for (token, source) in &mut self.sources {
                source.note_missing(*token, files);
            }
            if !files.flush(FLUSH) {
                return;
            }
        }
        self.files = None;
        let mut handed = Vec::new();
        for (_, mut source) in std::mem::take(&mut self.sources) {
            let _ = self.poller.remove(&source.pipe);
            let partial = match &mut source.sink {
                Sink::File(_) => Vec::new(),
                Sink::Terminal { lines, .. } => lines.take_partial(),
            };
            let key = (source.name.to_string(), source.to.clone());
            let writer = writers.iter().position(|(of, _)| *of == key).map(|at| writers.swap_remove(at).1);
            let (instance, to) = key;
            handed.push(HandedPipe { instance, to, reader: source.pipe.into(), writer, partial });
        }
        let Err(back) = answer.send(handed) else { return };
        for (token, pipe) in (u64::MAX / 2..).zip(back) {
            let sink = Sink::new(&pipe.to, &pipe.partial);
            let source =
                Source { pipe: pipe.reader.into(), name: pipe.instance.as_str().into(), to: pipe.to, sink };
            self.add(token, Box::new(source));
        }
    }

    fn read(&mut self, token: u64, buffer: &mut [u8]) {
        let Some(source) = self.sources.get_mut(&token) else { return };
        match source.pipe.read(buffer) {
            Ok(0) => self.end(token),
            Ok(n) => self.put(token, &buffer[..n]),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(_) => self.end(token),
        }
    }

    fn put(&mut self, token: u64, bytes: &[u8]) {
        let Some(source) = self.sources.get_mut(&token) else { return };
        match &mut source.sink {
            Sink::File(gate) => {
                let Some(files) = &mut self.files else { return };
                if let Some(mut passed) = gate.pass(bytes, files.has_room(token))
                    && let Err(bytes) = files.write(token, std::mem::take(&mut passed.bytes))
                {
                    passed.bytes = bytes;
                    gate.take_back(&passed);
                }
            }
            Sink::Terminal { lines, gate, since } => {
                let mut text = Text::new(&source.name, &self.prefix, self.follower.as_ref());
                lines.push(bytes, |line| text.line(line));
                *since = lines.is_waiting().then(Instant::now);
                text.send(gate, &self.terminal);
            }
        }
    }

    /// Whether some line is still held back.
    fn show_what_was_held(&mut self) -> bool {
        let mut held = false;
        for source in self.sources.values_mut() {
            let Sink::Terminal { lines, gate, since } = &mut source.sink else { continue };
            match since {
                Some(began) if began.elapsed() >= PATIENCE => {
                    let mut text = Text::new(&source.name, &self.prefix, self.follower.as_ref());
                    lines.flush(|line| text.line(line));
                    *since = None;
                    text.send(gate, &self.terminal);
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
        if let Some(files) = &mut self.files {
            source.note_missing(token, files);
        }
        match &mut source.sink {
            Sink::File(_) => {
                if let Some(files) = &mut self.files {
                    files.end(token);
                }
            }
            Sink::Terminal { lines, gate, .. } => {
                let mut text = Text::new(&source.name, &self.prefix, self.follower.as_ref());
                lines.flush(|line| text.line(line));
                text.send(gate, &self.terminal);
            }
        }
    }
}

/// Lines on their way to the terminal.
struct Text<'a> {
    name: &'a Arc<str>,
    prefix: &'a Prefix,
    follower: Option<&'a Sender<Line>>,
    bytes: Vec<u8>,
}

impl<'a> Text<'a> {
    fn new(name: &'a Arc<str>, prefix: &'a Prefix, follower: Option<&'a Sender<Line>>) -> Self {
        Self { name, prefix, follower, bytes: Vec::new() }
    }

    fn line(&mut self, line: &[u8]) {
        self.prefix.line(self.name, line, &mut self.bytes);
        if let Some(follower) = self.follower {
            let text = String::from_utf8_lossy(line).into_owned();
            // One that does not keep up misses some.
            let _ = follower.try_send(Line { instance: Arc::clone(self.name), text });
        }
    }

    fn send(mut self, gate: &mut Gate, terminal: &Terminal) {
        if self.bytes.is_empty() {
            return;
        }
        let (missing, mut text) = (gate.dropped(), Vec::new());
        if let Some(note) = gate.note() {
            self.prefix.line(self.name, note.trim_ascii_end(), &mut text);
        }
        let note = text.len();
        text.append(&mut self.bytes);
        if let Err(text) = terminal.out(text) {
            gate.lose_lines(missing);
            gate.lose(text.get(note..).unwrap_or_default());
        }
    }
}
