//! Where the output of a daemon goes: journal stream, file, terminal.

mod journal;

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

pub use journal::JournalStreams;

/// Where the output of a daemon is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A stream of its own to the journal.
    Journal,
    /// A file that is rotated.
    File(FileLog),
    /// The terminal, or whatever the supervisor's own stdout is, with the instance's
    /// name before each line.
    Terminal,
}

/// A file and how much of it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FileLog {
    /// Where it is.
    pub path: PathBuf,
    /// From this many bytes on a new one is begun.
    pub max_size: u64,
    /// As many old ones stay beside it: `PATH.1` is the youngest.
    pub keep: u32,
}

/// Hands out what daemons write to.
#[derive(Debug)]
pub struct Logs {
    journal: JournalStreams,
}

impl Logs {
    /// With the journal at its usual place.
    pub fn new() -> Self {
        Self { journal: JournalStreams::new() }
    }

    /// Where the journal is, if there is one: the place for what names no other.
    pub fn default_destination(&self) -> Destination {
        if self.journal.is_there() { Destination::Journal } else { Destination::Terminal }
    }

    /// What a new process of `instance` is to have as stdout and stderr. Never blocks;
    /// nor will whoever writes to it wait for a slow reader, but for the journal.
    pub fn open(&mut self, instance: &str, to: &Destination) -> io::Result<OwnedFd> {
        match to {
            Destination::Journal => self.journal.open(instance),
            // Until it has a reader of its own.
            Destination::File(_) | Destination::Terminal => crate::process::duplicate_stderr(),
        }
    }
}

impl Default for Logs {
    fn default() -> Self {
        Self::new()
    }
}
