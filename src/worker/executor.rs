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
use std::os::unix::process::ExitStatusExt;
use std::process::Child;
use std::time::Duration;

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
    relay: Relay,
}

impl Executor {
    /// Starts one; waits for a preloader as long as it takes.
    ///
    /// # Errors
    /// With what could not be started and why.
    pub(super) async fn start(launch: &Launch) -> io::Result<Self> {
        let (errors, stderr) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
        let relay = Relay::new(errors)?;
        let (origin, pidfd, socket, lifeline) = if let Some(preloader) = &launch.preloader {
            let (fork, pidfd, socket, lifeline) = Fork::request(preloader, launch, stderr).await?;
            (Origin::Forked(fork), pidfd, socket, lifeline)
        } else {
            let mut command = launch.command();
            command.stderr(stderr);
            let program = command.get_program().to_string_lossy().into_owned();
            let (child, socket, lifeline) = companion::spawn_companion(&mut command, SOCKET, LIFELINE)
                .map_err(|error| io::Error::new(error.kind(), format!("cannot run {program}: {error}")))?;
            let pidfd = companion::pidfd(child.id())?;
            (Origin::Spawned(child), pidfd, socket, lifeline)
        };
        let pidfd = companion::watch(pidfd, Interest::READABLE)
            .map_err(|_| io::Error::other("the kernel does not let a pidfd be waited for"))?;
        let socket = companion::watch(socket.into(), Interest::READABLE)
            .map_err(|_| io::Error::other("the kernel does not let a socket be waited for"))?;
        Ok(Self { origin, _lifeline: lifeline, pidfd, socket, silent: false, inbox: Vec::new(), relay })
    }

    /// Sends a frame. An executor that does not take it is found out by its death.
    ///
    /// # Errors
    /// When the frame cannot be made.
    pub(super) async fn send(&mut self, frame: &impl Serialize) -> Result<(), FrameError> {
        let bytes = frame::encode(frame)?;
        // It reads whenever it is not busy, and nothing is sent while it is.
        let _ = write_all(self.socket.get_ref(), &bytes).await;
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

/// Writes all of it, which seldom takes more than one call.
async fn write_all(socket: &OwnedFd, mut bytes: &[u8]) -> io::Result<()> {
    let mut room = None;
    while !bytes.is_empty() {
        match send(socket.as_raw_fd(), bytes, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::EAGAIN) => {
                let watched = match room.take() {
                    Some(watched) => watched,
                    None => companion::watch(socket.try_clone()?, Interest::WRITABLE)
                        .map_err(|_| io::ErrorKind::Unsupported)?,
                };
                watched.writable().await?.clear_ready();
                room = Some(watched);
            }
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn ended(status: Option<i32>, signal: Option<i32>) -> String {
    match (status, signal.map(nix::sys::signal::Signal::try_from)) {
        (_, Some(Ok(signal))) => format!("was killed by {signal}"),
        (_, Some(Err(_))) => format!("was killed by signal {}", signal.unwrap_or_default()),
        (Some(status), None) => format!("exited with status {status}"),
        (None, None) => "ended".to_owned(),
    }
}
