//! Where the output of a daemon goes: journal stream, file, terminal.
//!
//! ```text
//!   journal    daemon ──────────────────────────────► journald      nothing of it passes here
//!
//!   file       daemon ─► pipe ─► files                              one thread copies,
//!   terminal   daemon ─► pipe ─► capture ─► queue ─► terminal       one reads, one writes
//! ```
//!
//! No daemon waits for a terminal, or longer than a moment for a disk, and the supervisor has
//! nothing to do with any of it after it has handed out the pipe. While a terminal is stopped or a
//! disk hangs or is full, whole lines are dropped and counted: `[17 lines dropped]`. The threads are
//! begun when somebody first needs them.
//!
//! A journal that does not take a stream (it is away, or its queue is full) is no reason
//! not to start a daemon: its output then goes where the supervisor's own stdout goes,
//! with its name before each line, until it is started anew.

mod capture;
mod copier;
mod entries;
mod events;
mod file;
mod journal;
mod lines;
mod pace;
mod source;
mod stall;
mod terminal;
mod turn;

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::process::output_pipe;
use capture::Capture;

pub use events::{Events, under_journal};
pub use journal::JournalStreams;
pub use terminal::Line;

/// Bytes in the pipe of a daemon that writes to a file.
const FILE_PIPE: i32 = 256 * 1024;

/// Where the output of a daemon is to go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Destination {
    /// A stream of its own to the journal.
    Journal,
    /// Nowhere.
    Null,
    /// A file that is rotated.
    File(Box<FileLog>),
    /// The terminal, or whatever the supervisor's own stdout is, with the instance's
    /// name before each line.
    Terminal,
}

/// A file and how much of it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FileLog {
    /// Where it is: absolute, and no other daemon's.
    pub path: PathBuf,
    /// Before it would grow beyond this many bytes, a new one is begun.
    pub max_size: u64,
    /// How many old ones are kept beside it: `PATH.1` is the youngest.
    pub keep: u32,
    /// User and group of the daemon. They own the file if they own its folder;
    /// otherwise the group may read it.
    pub owner: Option<(u32, u32)>,
}

/// A pipe that the next program goes on reading.
#[derive(Debug)]
pub struct HandedPipe {
    /// Whose output comes out of it.
    pub instance: String,
    /// Where that goes.
    pub to: Destination,
    /// Its end to read from.
    pub reader: OwnedFd,
    /// The other one, for further processes of the instance; `None`: there are to be none.
    pub writer: Option<OwnedFd>,
    /// What was read of a line that has no end yet.
    pub partial: Vec<u8>,
}

/// Waits a moment until what was said so far is written: before the end, or before another program takes
/// over.
pub fn settle() {
    const MOMENT: Duration = Duration::from_secs(1);
    terminal::flush(MOMENT);
    entries::flush(MOMENT);
}

/// Waits until a thread has done all that waits for it, but no longer than `at_most`; whether it has. `ask`
/// puts a last piece of work into its queue, to be answered when its turn comes; false: there is no room yet.
fn flush(mut ask: impl FnMut(SyncSender<()>) -> bool, at_most: Duration) -> bool {
    let end = Instant::now() + at_most;
    let (done, is_done) = sync_channel(1);
    while !ask(done.clone()) {
        if Instant::now() > end {
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
    is_done.recv_timeout(end.saturating_duration_since(Instant::now())).is_ok()
}

/// Hands out what daemons write to.
#[derive(Debug, Default)]
pub struct Logs {
    journal: JournalStreams,
    capture: Option<Capture>,
    /// The pipe of each instance whose output is captured: it outlives its processes.
    pipes: HashMap<String, Pipe>,
    /// Whether it has been said that the journal takes no streams.
    complained: bool,
    /// Everything goes to the terminal that names no file, whether or not there is a journal.
    terminal: bool,
}

#[derive(Debug)]
struct Pipe {
    to: Destination,
    writer: OwnedFd,
}

impl Logs {
    /// With the journal at its usual place.
    pub fn new() -> Self {
        Self::default()
    }

    /// Without the journal: for somebody who sits before the terminal.
    pub fn on_terminal() -> Self {
        Self { terminal: true, ..Self::default() }
    }

    /// With a journal that listens elsewhere.
    pub fn with_journal(journal: JournalStreams) -> Self {
        Self { journal, ..Self::default() }
    }

    /// Where the journal is, if there is one: the place for what names no other.
    pub fn default_destination(&self) -> Destination {
        if self.journal.is_there() && !self.terminal { Destination::Journal } else { Destination::Terminal }
    }

    /// What a new process of `instance` is to have as stdout and stderr. Never blocks.
    pub fn open(&mut self, instance: &str, to: &Destination) -> io::Result<OwnedFd> {
        match to {
            Destination::Null => Ok(File::options().read(true).write(true).open("/dev/null")?.into()),
            Destination::File(_) | Destination::Terminal => self.captured(instance, to),
            Destination::Journal => match self.journal.open(instance) {
                Ok(stream) => {
                    self.complained = false;
                    // It had none while the journal took no streams, or wrote to a file so far.
                    self.forget(instance);
                    Ok(stream)
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.complained, true) {
                        tracing::warn!(%error, instance, "the journal takes no stream");
                    }
                    self.captured(instance, &Destination::Terminal)
                }
            },
        }
    }

    /// There will be no further process of `instance`. What is still running may write on.
    pub fn forget(&mut self, instance: &str) {
        // The capturing thread lets go at the end of the pipe.
        self.pipes.remove(instance);
    }

    /// Lets go of the pipes, for the next program to go on with, once what was read is
    /// written. A receiver that is dropped before it has heard lets the reading go on.
    /// `None`: there never were any.
    pub fn hand_over(&mut self) -> io::Result<Option<oneshot::Receiver<Vec<HandedPipe>>>> {
        let Some(capture) = &mut self.capture else { return Ok(None) };
        let writers = self
            .pipes
            .iter()
            .map(|(instance, pipe)| Ok(((instance.clone(), pipe.to.clone()), pipe.writer.try_clone()?)))
            .collect::<io::Result<Vec<_>>>()?;
        Ok(Some(capture.hand_over(writers)))
    }

    /// Whether a pipe was added since they were let go of.
    pub fn reads(&self) -> bool {
        self.capture.as_ref().is_some_and(Capture::reads)
    }

    /// Goes on with the pipes of another program, or with those that were handed over in vain.
    pub fn adopt(&mut self, pipes: Vec<HandedPipe>) {
        for HandedPipe { instance, to, reader, writer, partial } in pipes {
            match self.capture() {
                Ok(capture) => capture.add_begun(&instance, &to, reader, &partial),
                Err(error) => tracing::error!(%error, instance, "cannot read the output of {instance}"),
            }
            if let Some(writer) = writer {
                self.pipes.insert(instance, Pipe { to, writer });
            }
        }
    }

    /// Closes all files, to be opened anew by the next line: somebody has renamed them.
    pub fn reopen(&self) {
        if let Some(capture) = &self.capture {
            capture.reopen();
        }
    }

    /// From now on every line for the terminal is sent here, too; those that do not fit
    /// are not. `None`: no longer.
    pub fn follow(&mut self, follower: Option<tokio::sync::mpsc::Sender<Line>>) -> io::Result<()> {
        self.capture()?.follow(follower);
        Ok(())
    }

    /// There will be no further process at all: waits until what they wrote is where it belongs, but no longer
    /// than this.
    pub fn finish(self, at_most: Duration) {
        let Some(capture) = self.capture else { return };
        drop(self.pipes);
        capture.finish(at_most);
        settle();
    }

    fn capture(&mut self) -> io::Result<&mut Capture> {
        if self.capture.is_none() {
            self.capture = Some(Capture::begin()?);
        }
        self.capture.as_mut().ok_or_else(|| io::ErrorKind::Other.into())
    }

    fn captured(&mut self, instance: &str, to: &Destination) -> io::Result<OwnedFd> {
        if let Some(pipe) = self.pipes.get(instance)
            && pipe.to == *to
        {
            return pipe.writer.try_clone();
        }
        let size = matches!(to, Destination::File(_)).then_some(FILE_PIPE);
        let (reader, writer) = output_pipe(size)?;
        self.capture()?.add(instance, to, reader);
        let given = writer.try_clone()?;
        self.pipes.insert(instance.to_owned(), Pipe { to: to.clone(), writer });
        Ok(given)
    }
}
