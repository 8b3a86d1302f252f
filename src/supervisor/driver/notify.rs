//! Hears what the processes say of themselves: the `sd_notify` protocol, receiver's side.
//!
//! Each instance has a socket of its own, so that nobody has to guess who is spoken of; and
//! the kernel says who spoke: a helper in its session may speak for it, another instance,
//! even of the same user, may not. The socket outlives its processes: to remove one and make the
//! next is among the dearest parts of a restart, on a disk the dearest.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::lifecycle::{Notice, Phase, Watchdog};
use crate::process::peer;

/// The longest message; what is longer is cut off by the kernel.
const MAX_MESSAGE: usize = 4096;

/// How many messages are read from one socket before the others have their turn.
const TURN: usize = 16;

/// How many messages a process that has ended may have left behind.
const LEFT: usize = 1024;

/// The longest text that is kept of what a process says of itself, in bytes: an error with the
/// beginning of its backtrace.
const MAX_TEXT: usize = 1024;

/// The socket of one instance, removed when this is dropped.
#[derive(Debug)]
pub(super) struct NotifySocket {
    socket: UnixDatagram,
    path: PathBuf,
}

impl NotifySocket {
    /// Makes the socket at `path` for a process of this user.
    pub(super) fn bind(path: PathBuf, uid: u32) -> io::Result<Self> {
        let socket = UnixDatagram::bind(&path)?;
        let bound = Self { socket, path };
        peer::ask_for_senders(&bound.socket)?;
        fs::set_permissions(&bound.path, fs::Permissions::from_mode(0o600))?;
        if bound.path.symlink_metadata()?.uid() != uid {
            chown(&bound.path, Some(uid), None)?;
        }
        Ok(bound)
    }

    /// Makes it ready for the next process, of this user: what the one before has said is
    /// thrown away. Returns false if that process needs another socket.
    pub(super) fn is_fit_for(&self, uid: u32) -> bool {
        let ours = |found: fs::Metadata| found.file_type().is_socket() && found.uid() == uid;
        let drained = (0..LEFT).any(|_| peer::receive(self.socket.as_fd(), &mut [0]).is_err());
        drained && self.path.symlink_metadata().is_ok_and(ours)
    }

    /// One that an earlier program of this process has made.
    pub(super) fn adopt(socket: OwnedFd, path: PathBuf) -> Self {
        Self { socket: socket.into(), path }
    }

    /// Where it is: the process's `NOTIFY_SOCKET`.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What the process `leader` and those in its session have said since, in order; some of it,
    /// if there is much.
    pub(super) fn hear(&self, leader: i32) -> Vec<Notice> {
        let mut said = Vec::new();
        let mut buffer = [0; MAX_MESSAGE];
        for _ in 0..TURN {
            let Ok((n, sender)) = peer::receive(self.socket.as_fd(), &mut buffer) else { break };
            match sender {
                Some(sender) if peer::is_in_session(sender, leader) => {
                    said.push(parse(&String::from_utf8_lossy(&buffer[..n])));
                }
                // That it is one of the same user's, and whose, is for whoever looks into it.
                _ => tracing::debug!(sender, leader, "a stranger spoke for another process"),
            }
        }
        said
    }
}

impl AsFd for NotifySocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for NotifySocket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn parse(message: &str) -> Notice {
    let mut notice = Notice::default();
    for (name, value) in message.lines().filter_map(|line| line.split_once('=')) {
        match (name, value) {
            ("READY", "1") => notice.phase = Some(Phase::Ready),
            ("RELOADING", "1") => notice.phase = Some(Phase::Reloading),
            ("STOPPING", "1") => notice.phase = Some(Phase::Stopping),
            ("WATCHDOG", "1") => notice.watchdog = Some(Watchdog::Alive),
            ("WATCHDOG", "trigger") => notice.watchdog = Some(Watchdog::Trigger),
            ("STATUS", text) => notice.status = Some(clean(text)),
            ("X_AYL_JOB", text) => notice.job = Some(clean(text)),
            ("EXTEND_TIMEOUT_USEC", text) => {
                notice.extend = text.trim().parse().ok().map(Duration::from_micros);
            }
            _ => {}
        }
    }
    notice
}

/// What a process says ends up on an operator's terminal: no control characters, and
/// not more than fits.
fn clean(text: &str) -> String {
    let mut clean = String::new();
    for c in text.trim().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }) {
        if clean.len() + c.len_utf8() > MAX_TEXT {
            break;
        }
        clean.push(c);
    }
    clean
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use tempfile::TempDir;

    use super::*;

    /// A socket in a folder of its own, for a process of the user who runs this.
    fn bound() -> (TempDir, u32, NotifySocket) {
        let dir = TempDir::new().unwrap();
        let uid = dir.path().metadata().unwrap().uid();
        let socket = NotifySocket::bind(dir.path().join("7"), uid).unwrap();
        (dir, uid, socket)
    }

    fn own_pid() -> i32 {
        std::process::id().cast_signed()
    }

    #[test]
    fn what_another_says_is_not_heard() {
        let (_dir, _, socket) = bound();
        let other = UnixDatagram::unbound().unwrap();
        other.connect(socket.path()).unwrap();
        other.send(b"READY=1").unwrap();
        // Process 1 leads no session that a test is in.
        assert_eq!(socket.hear(1), []);
        // Read is read: it does not come up again.
        assert_eq!(socket.hear(own_pid()), []);
    }

    #[test]
    fn what_a_process_says_is_heard_in_order() {
        let (_dir, _, socket) = bound();
        let process = UnixDatagram::unbound().unwrap();
        process.connect(socket.path()).unwrap();
        process.send(b"STATUS=booting\nMAINPID=1\nnonsense\nREADY=0\n").unwrap();
        process.send(b"READY=1\nSTATUS=a\x1b[2Jb\nX_AYL_JOB=17").unwrap();
        process.send(b"\xff\xfe=1\nWATCHDOG=1\nSTOPPING=1\nEXTEND_TIMEOUT_USEC=2000000").unwrap();
        process.send(b"WATCHDOG=trigger\nREADY=1\nRELOADING=1\nX_AYL_JOB=").unwrap();
        assert_eq!(
            socket.hear(own_pid()),
            [
                Notice { status: Some("booting".into()), ..Notice::default() },
                Notice {
                    phase: Some(Phase::Ready),
                    status: Some("a\u{fffd}[2Jb".into()),
                    job: Some("17".into()),
                    ..Notice::default()
                },
                Notice {
                    phase: Some(Phase::Stopping),
                    watchdog: Some(Watchdog::Alive),
                    extend: Some(Duration::from_secs(2)),
                    ..Notice::default()
                },
                Notice {
                    phase: Some(Phase::Reloading),
                    watchdog: Some(Watchdog::Trigger),
                    job: Some(String::new()),
                    ..Notice::default()
                },
            ]
        );
        assert_eq!(socket.hear(own_pid()), []);
        let path = socket.path().to_owned();
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn what_the_last_process_said_is_not_heard_of_the_next() {
        let (_dir, uid, socket) = bound();
        let process = UnixDatagram::unbound().unwrap();
        process.send_to(b"READY=1", socket.path()).unwrap();
        assert!(!socket.is_fit_for(uid + 1), "it belongs to another user");
        assert!(socket.is_fit_for(uid));
        assert_eq!(socket.hear(own_pid()), []);
        process.send_to(b"WATCHDOG=1", socket.path()).unwrap();
        assert_eq!(socket.hear(own_pid()).len(), 1);
        fs::remove_file(socket.path()).unwrap();
        assert!(!socket.is_fit_for(uid), "nobody could find it");
    }

    #[test]
    fn one_that_never_stops_talking_has_its_turn_like_any_other() {
        let (_dir, _, socket) = bound();
        let process = UnixDatagram::unbound().unwrap();
        process.set_nonblocking(true).unwrap();
        process.connect(socket.path()).unwrap();
        let mut sent = 0;
        while process.send(b"WATCHDOG=1").is_ok() {
            sent += 1;
        }
        let heard = socket.hear(own_pid()).len();
        assert!(heard <= TURN && heard <= sent, "{heard} of {sent}");
        let long = parse(&format!("STATUS={}", "é".repeat(MAX_TEXT))).status.unwrap();
        assert_eq!(long.len(), MAX_TEXT);
    }
}
