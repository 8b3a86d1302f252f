//! An executor as its worker sees it: a socket, a pidfd, and its standard error.
//!
//! ```text
//!   start ──► spawn, or ask the preloader for a fork ──► boot ─► run, run, … ─► stop
//!                                                                  │
//!                        Said::Frame ◄── socket ───────────────────┤
//!                        Said::Died  ◄── pidfd (all frames first) ─┘
//! ```

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::Child;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::socket::{MsgFlags, recv, send};
use serde::Serialize;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::timeout;

use super::frame::{self, FrameError, FromExecutor};
use super::launch::Launch;
use super::preloader::Fork;
use super::relay::{Log, Relay};
use crate::process::companion::{self, Lifeline};

/// In which environment variable an executor finds the number of its end of the socketpair.
pub(super) const SOCKET: &str = "AYL_EXECUTOR_FD";
/// And of its end of the lifeline.
pub(super) const LIFELINE: &str = "AYL_EXECUTOR_LIFELINE";

/// How long a preloader's last word on an executor is waited for.
const LAST_WORD: Duration = Duration::from_secs(1);

/// How much is read at once, in bytes: more than any answer but an error's.
const READ: usize = 4096;

/// What an executor has to say.
#[derive(Debug)]
pub(super) enum Said {
    /// A frame.
    Frame(FromExecutor),
    /// Something that is no frame, or no more although it lives: it is to be killed.
    Nonsense(String),
    /// It is dead.
    Died {
        /// `was killed by SIGSEGV`, `exited with status 3`.
        how: String,
        /// The last of its standard error.
        stderr: String,
    },
}

/// Whose child an executor is, and so who knows how it ended.
#[derive(Debug)]
enum Origin {
    Spawned(Child),
    Forked(Fork),
}

/// A living executor.
#[derive(Debug)]
pub(super) struct Executor {
    origin: Origin,
    /// It dies with this process, and without it.
    _lifeline: Lifeline,
    pidfd: AsyncFd<OwnedFd>,
    /// Waited for only until it can be read: else the kernel would wake us once more for
    /// each frame, when it has been taken and there is room for others.
    socket: AsyncFd<OwnedFd>,
    /// Whether the socket has come to its end.
    silent: bool,
    inbox: Vec<u8>,
    outbox: Outbox,
    relay: Relay,
    /// Why the preloader did not fork it.
    not_forked: Option<String>,
}

/// What an executor has not taken yet. It reads whenever it is not busy, and nothing is sent while it
/// is: but a large job is more than a socket holds, and an executor may be stopped.
#[derive(Debug, Default)]
struct Outbox {
    bytes: BytesMut,
    /// The same socket, while there is no room in it.
    room: Option<AsyncFd<OwnedFd>>,
}

impl Executor {
    /// Starts one; waits for a preloader as long as it takes. One that a preloader refuses to fork, as
    /// that of another version of this program may, is started without it.
    ///
    /// # Errors
    /// With what could not be started and why.
    pub(super) async fn start(launch: &Launch) -> io::Result<Self> {
        let (errors, stderr) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
        let relay = Relay::new(errors)?;
        let forked = match &launch.preloader {
            None => Err(None),
            Some(preloader) => Fork::request(preloader, launch, &stderr).await.map_err(Some),
        };
        let (not_forked, (origin, pidfd, socket, lifeline)) = match forked {
            Ok((fork, pidfd, socket, lifeline)) => (None, (Origin::Forked(fork), pidfd, socket, lifeline)),
            Err(refused) => (refused, spawn(launch, stderr)?),
        };
        let pidfd = companion::watch(pidfd, Interest::READABLE)
            .map_err(|_| io::Error::other("the kernel does not let a pidfd be waited for"))?;
        let socket = companion::watch(socket.into(), Interest::READABLE)
            .map_err(|_| io::Error::other("the kernel does not let a socket be waited for"))?;
        let (inbox, outbox) = (Vec::new(), Outbox::default());
        Ok(Self {
            origin,
            _lifeline: lifeline,
            pidfd,
            socket,
            silent: false,
            inbox,
            outbox,
            relay,
            not_forked,
        })
    }

    /// Why it was started without the preloader, if it was to be forked.
    pub(super) fn not_forked(&self) -> Option<&str> {
        self.not_forked.as_deref()
    }

    /// Sends a frame, without waiting: what does not fit goes while [`Self::next`] is waited for. An
    /// executor that does not take it is found out by its death.
    ///
    /// # Errors
    /// When the frame cannot be made.
    pub(super) fn send(&mut self, frame: &impl Serialize) -> Result<(), FrameError> {
        let bytes = frame::encode(frame)?;
        self.outbox.bytes.extend_from_slice(&bytes);
        self.outbox.write(self.socket.get_ref());
        Ok(())
    }

    /// Kills it; its death is then heard of.
    pub(super) fn kill(&self) {
        let _ = companion::kill(self.pidfd.get_ref());
    }

    /// The next thing it says. May be dropped at any time.
    pub(super) async fn next(&mut self, log: &mut Log) -> Said {
        loop {
            match frame::decode(&mut self.inbox) {
                Ok(Some(frame)) => return Said::Frame(frame),
                Ok(None) => {}
                Err(error) => {
                    self.inbox.clear();
                    return Said::Nonsense(error.to_string());
                }
            }
            tokio::select! {
                biased;
                read = read(&self.socket, &mut self.inbox), if !self.silent => match read {
                    Ok(0) | Err(_) => {
                        self.silent = true;
                        // Dead, mostly; else it has closed its only ear.
                        if timeout(LAST_WORD, self.pidfd.readable()).await.is_err() {
                            return Said::Nonsense("it closed its socket".to_owned());
                        }
                    }
                    Ok(_) => {}
                },
                _ = self.pidfd.readable() => return self.died(log).await,
                () = self.outbox.flush(self.socket.get_ref()), if !self.outbox.bytes.is_empty() => {}
                () = self.relay.pass(log) => {}
            }
        }
    }

    async fn died(&mut self, log: &mut Log) -> Said {
        let how = match &mut self.origin {
            Origin::Spawned(child) => match child.try_wait() {
                Ok(Some(status)) => ended(status.code(), status.signal()),
                Ok(None) | Err(_) => "ended, nobody knows how".to_owned(),
            },
            Origin::Forked(fork) => match timeout(LAST_WORD, fork.exited()).await {
                Ok(Some((status, signal))) => ended(status, signal),
                Ok(None) | Err(_) => "ended, its preloader is gone and nobody knows how".to_owned(),
            },
        };
        Said::Died { how, stderr: self.relay.tail(log).await }
    }
}

/// Takes in what has come; 0 at the end. May be dropped at any time.
async fn read(socket: &AsyncFd<OwnedFd>, inbox: &mut Vec<u8>) -> io::Result<usize> {
    let mut bytes = [0; READ];
    loop {
        let mut ready = socket.readable().await?;
        match recv(socket.as_raw_fd(), &mut bytes, MsgFlags::MSG_DONTWAIT) {
            Ok(count) => {
                // Less than there was room for: there is no more, and no need to ask.
                if (1..READ).contains(&count) {
                    ready.clear_ready();
                }
                inbox.extend_from_slice(&bytes[..count]);
                return Ok(count);
            }
            Err(Errno::EAGAIN) => ready.clear_ready(),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

impl Outbox {
    /// Writes what the socket has room for, which mostly is all there is. What nobody will read is dropped.
    fn write(&mut self, socket: &OwnedFd) {
        while !self.bytes.is_empty() {
            match send(socket.as_raw_fd(), &self.bytes, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL) {
                Ok(count) => self.bytes.advance(count),
                Err(Errno::EAGAIN) => return,
                Err(Errno::EINTR) => {}
                Err(_) => self.bytes.clear(),
            }
        }
    }

    /// Writes the rest as there is room for it. May be dropped at any time.
    async fn flush(&mut self, socket: &OwnedFd) {
        let room = self.room.take().map_or_else(|| watch_room(socket), Some);
        // A socket that cannot be waited for is as good as closed.
        let Some(room) = room else { return self.bytes.clear() };
        let room = self.room.insert(room);
        if let Ok(mut ready) = room.writable().await {
            ready.clear_ready();
        }
        self.write(socket);
        if self.bytes.is_empty() {
            self.room = None;
        }
    }
}

fn watch_room(socket: &OwnedFd) -> Option<AsyncFd<OwnedFd>> {
    companion::watch(socket.try_clone().ok()?, Interest::WRITABLE).ok()
}

/// Starts an executor of its own.
fn spawn(launch: &Launch, stderr: OwnedFd) -> io::Result<(Origin, OwnedFd, UnixStream, Lifeline)> {
    let mut command = launch.command();
    command.stderr(stderr);
    let program = command.get_program().to_string_lossy().into_owned();
    let (child, socket, lifeline) = companion::spawn_companion(&mut command, SOCKET, LIFELINE)
        .map_err(|error| io::Error::new(error.kind(), format!("cannot run {program}: {error}")))?;
    let pidfd = companion::pidfd(child.id())?;
    Ok((Origin::Spawned(child), pidfd, socket, lifeline))
}

fn ended(status: Option<i32>, signal: Option<i32>) -> String {
    match (status, signal.map(nix::sys::signal::Signal::try_from)) {
        (_, Some(Ok(signal))) => format!("was killed by {signal}"),
        (_, Some(Err(_))) => format!("was killed by signal {}", signal.unwrap_or_default()),
        (Some(status), None) => format!("exited with status {status}"),
        (None, None) => "ended".to_owned(),
    }
}
