//! The terminal, behind a queue: whoever writes to it never waits for it.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::Sender;

use super::lines::Missed;

/// How many pieces may wait; each has at most some 64 KiB.
const QUEUE: usize = 128;

/// The least width of the names before the lines: that of the supervisor's own.
const NARROWEST: usize = "abaqis-daemons".len();

/// Longer names are not lined up.
const WIDEST: usize = 32;

/// The colors of names: readable on dark and on light.
const COLORS: [u8; 6] = [36, 32, 33, 35, 34, 31];

/// What the thread at the terminal is given.
enum Piece {
    Out(Vec<u8>),
    Err(Vec<u8>),
    Flush(SyncSender<()>),
}

/// A way to the terminal: the supervisor's stdout and stderr, whatever they are.
#[derive(Debug, Clone)]
pub(super) struct Terminal {
    queue: SyncSender<Piece>,
    /// Lines for stderr that found no room since that was last said.
    dropped: Arc<AtomicU64>,
}

/// The one there is, once somebody has asked for it.
static TERMINAL: OnceLock<Terminal> = OnceLock::new();

/// Waits until all is written that was given to the terminal before, but no longer than this.
pub(super) fn flush(at_most: Duration) {
    if let Some(terminal) = TERMINAL.get() {
        terminal.flush(at_most);
    }
}

impl Terminal {
    /// The one there is; its thread is begun by the first who asks.
    pub(super) fn get() -> io::Result<Self> {
        if let Some(terminal) = TERMINAL.get() {
            return Ok(terminal.clone());
        }
        let (queue, pieces) = sync_channel(QUEUE);
        let terminal = Self { queue, dropped: Arc::default() };
        let dropped = terminal.dropped.clone();
        let thread = thread::Builder::new().name("terminal".to_owned()).stack_size(64 * 1024);
        thread.spawn(move || {
            crate::process::hold_signals();
            write(&pieces, &dropped, &mut io::stdout(), &mut io::stderr());
        })?;
        Ok(TERMINAL.get_or_init(|| terminal).clone())
    }

    /// For its stdout. Given back if there is no room.
    pub(super) fn out(&self, bytes: Vec<u8>) -> Result<(), Vec<u8>> {
        match self.queue.try_send(Piece::Out(bytes)) {
            Err(TrySendError::Full(Piece::Out(bytes)) | TrySendError::Disconnected(Piece::Out(bytes))) => {
                Err(bytes)
            }
            _ => Ok(()),
        }
    }

    /// A line for its stderr; dropped and counted if there is no room.
    pub(super) fn err(&self, line: Vec<u8>) {
        if self.queue.try_send(Piece::Err(line)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until all is written that was given before, but no longer than this.
    fn flush(&self, at_most: Duration) {
        super::flush(|done| self.queue.try_send(Piece::Flush(done)).is_ok(), at_most);
    }
}

fn write(pieces: &Receiver<Piece>, dropped: &AtomicU64, out: &mut impl Write, err: &mut impl Write) {
    while let Ok(first) = pieces.recv() {
        for piece in std::iter::once(first).chain(pieces.try_iter()) {
            // A terminal that has gone away takes nothing any more: there is nobody to tell.
            match piece {
                Piece::Out(bytes) => drop(out.write_all(&bytes).and_then(|()| out.flush())),
                Piece::Err(bytes) => drop(err.write_all(&bytes).and_then(|()| err.flush())),
                Piece::Flush(done) => drop(done.try_send(())),
            }
        }
        // They came after those that found room.
        if let Some(note) = Missed::lines(dropped.swap(0, Ordering::Relaxed)).note(false) {
            drop(err.write_all(&note).and_then(|()| err.flush()));
        }
    }
}

/// Whether something there is to be colored: it is a terminal, and nobody has set `NO_COLOR`.
pub(super) fn is_colored(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// `abaqis/worker/2 | text`
#[derive(Debug)]
pub(super) struct Prefix {
    color: bool,
    width: usize,
}

impl Prefix {
    pub(super) fn new(color: bool) -> Self {
        Self { color, width: NARROWEST }
    }

    /// Lines it up with one more name.
    pub(super) fn make_room_for(&mut self, name: &str) {
        self.width = self.width.max(name.len().min(WIDEST));
    }

    /// A line, with its end, at the end of `text`.
    pub(super) fn line(&self, name: &str, line: &[u8], text: &mut Vec<u8>) {
        let mut before = String::new();
        let width = self.width;
        // Writing to a String does not fail.
        let _ = if self.color {
            let number =
                name.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
            write!(before, "\x1b[{}m{name:<width$} |\x1b[0m ", COLORS[number % COLORS.len()])
        } else {
            write!(before, "{name:<width$} | ")
        };
        text.extend_from_slice(before.as_bytes());
        text.extend_from_slice(line);
        text.extend_from_slice(if self.color { b"\x1b[0m\n" } else { b"\n" });
    }
}

/// One line of a daemon's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Whose.
    pub instance: Arc<str>,
    /// Without its end.
    pub text: String,
}

/// Lines on their way to the terminal.
pub(super) struct Text<'a> {
    name: &'a Arc<str>,
    prefix: &'a Prefix,
    follower: Option<&'a Sender<Line>>,
    bytes: Vec<u8>,
}

impl<'a> Text<'a> {
    pub(super) fn new(name: &'a Arc<str>, prefix: &'a Prefix, follower: Option<&'a Sender<Line>>) -> Self {
        Self { name, prefix, follower, bytes: Vec::new() }
    }

    pub(super) fn line(&mut self, line: &[u8]) {
        self.prefix.line(self.name, line, &mut self.bytes);
        if let Some(follower) = self.follower {
            let text = String::from_utf8_lossy(line).into_owned();
            // One that does not keep up misses some.
            let _ = follower.try_send(Line { instance: Arc::clone(self.name), text });
        }
    }

    pub(super) fn send(mut self, missed: &mut Missed, terminal: &Terminal) {
        if self.bytes.is_empty() {
            return;
        }
        let mut text = Vec::new();
        if let Some(note) = missed.note(false) {
            self.prefix.line(self.name, note.trim_ascii_end(), &mut text);
        }
        let note = text.len();
        text.append(&mut self.bytes);
        match terminal.out(text) {
            Ok(()) => *missed = Missed::default(),
            Err(text) => missed.lose(text.get(note..).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lined_up_and_colored_on_request() {
        let line = |color, name: &str| {
            let mut prefix = Prefix::new(color);
            prefix.make_room_for("abaqis/worker/2 ");
            let mut text = Vec::new();
            prefix.line(name, b"hello", &mut text);
            String::from_utf8(text).unwrap()
        };
        assert_eq!(line(false, "a/b/1"), "a/b/1            | hello\n");
        let colored = line(true, "a/b/1");
        assert!(colored.starts_with("\x1b[3") && colored.ends_with("m hello\x1b[0m\n"), "{colored:?}");
        assert_eq!(colored, line(true, "a/b/1"));
    }

    #[test]
    fn who_writes_to_a_stopped_terminal_does_not_wait_and_what_is_missing_is_said() {
        let (queue, pieces) = sync_channel(2);
        let terminal = Terminal { queue, dropped: Arc::default() };
        assert_eq!(terminal.out(b"one\n".to_vec()), Ok(()));
        terminal.err(b"two\n".to_vec());
        assert_eq!(terminal.out(b"three\n".to_vec()), Err(b"three\n".to_vec()));
        for _ in 0..3 {
            terminal.err(b"dropped\n".to_vec());
        }
        terminal.flush(Duration::from_millis(5));
        // It goes on.
        let dropped = terminal.dropped.clone();
        drop(terminal);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        write(&pieces, &dropped, &mut out, &mut err);
        assert_eq!((out, err), (b"one\n".to_vec(), b"two\n[3 lines dropped]\n".to_vec()));
    }
}
