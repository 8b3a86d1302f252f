//! A stream of the journal for each process: what it writes goes to journald without
//! passing through here.
//!
//! The protocol is that of systemd-cat(1) and of systemd itself: a connection to the
//! socket `stdout`, begun by seven lines.
//!
//! ```text
//!     abaqis/worker/2    SYSLOG_IDENTIFIER
//!                        unit: only root's systemd may name another
//!     6                  priority: info
//!     1                  a line may begin with its own, as in "<3>"
//!     0 0 0              not to syslog, not to the kernel's log, not to the console
//! ```

use std::io::{self, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use crate::process::connect_now;

/// Where journald listens.
const SOCKET: &str = "/run/systemd/journal/stdout";

/// Makes streams of the journal.
#[derive(Debug, Clone)]
pub struct JournalStreams {
    socket: PathBuf,
}

impl JournalStreams {
    /// Of this host's journal.
    pub fn new() -> Self {
        Self::at(SOCKET.into())
    }

    /// Of one that listens at `socket`.
    pub fn at(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Whether there is a journal. It may have stopped listening.
    pub fn is_there(&self) -> bool {
        self.socket.exists()
    }

    /// A stream for `identifier`, to be a process's stdout and stderr. An error, at once, if
    /// the journal does not take it.
    pub fn open(&self, identifier: &str) -> io::Result<OwnedFd> {
        let mut stream: UnixStream = connect_now(&self.socket)?.into();
        let header = format!("{identifier}\n\n6\n1\n0\n0\n0\n");
        // A fresh connection has room for it.
        stream.write_all(header.as_bytes())?;
        stream.shutdown(Shutdown::Read)?;
        stream.set_nonblocking(false)?;
        Ok(stream.into())
    }
}

impl Default for JournalStreams {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_stream_begins_with_who_writes_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stdout");
        let journald = UnixListener::bind(&path).unwrap();
        let stream = JournalStreams::at(path).open("abaqis/worker/2").unwrap();
        UnixStream::from(stream).write_all(b"hello\n").unwrap();
        let mut text = String::new();
        journald.accept().unwrap().0.read_to_string(&mut text).unwrap();
        assert_eq!(text, "abaqis/worker/2\n\n6\n1\n0\n0\n0\nhello\n");
    }

    #[test]
    fn a_journal_that_does_not_answer_is_an_error_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stdout");
        let streams = JournalStreams::at(path.clone());
        assert_eq!(streams.open("a").unwrap_err().kind(), io::ErrorKind::NotFound);
        let _journald = UnixListener::bind(&path).unwrap();
        let taken: Vec<_> = (0..10_000).map_while(|_| streams.open("a").ok()).collect();
        assert!(taken.len() < 10_000);
    }
}
