//! Asking a preloader for an executor: it forks one from the booted application.
//!
//! The executor is the preloader's child, not the worker's. The worker holds a pidfd of
//! it, taken before the preloader may reap it, and learns how it ended from the
//! preloader.

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net;
use std::path::Path;
use std::time::Duration;

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::time::sleep;

use super::frame::{self, PROTOCOL};
use super::launch::Launch;
use crate::process::companion::{self, Lifeline};

/// How long a preloader that is not there is left alone before it is tried again.
const AGAIN: Duration = Duration::from_millis(50);

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ToPreloader<'a> {
    Fork {
        protocol: u32,
        instance: Option<&'a str>,
        path: &'a str,
        require: &'a str,
        environment: Option<&'a str>,
        env: BTreeMap<&'a str, Option<String>>,
    },
    Watched,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum FromPreloader {
    Forked {
        pid: u32,
    },
    Refused {
        message: String,
    },
    Exited {
        #[serde(default)]
        status: Option<i32>,
        #[serde(default)]
        signal: Option<i32>,
    },
}

/// The connection that stands for one forked executor.
#[derive(Debug)]
pub(super) struct Fork {
    connection: UnixStream,
    inbox: Vec<u8>,
}

impl Fork {
    /// Waits for the preloader at `path` and has it fork; `stderr` becomes the
    /// executor's. Returns the executor's pidfd, the worker's end of its socketpair, and what it
    /// dies with.
    ///
    /// # Errors
    /// When the preloader refuses.
    pub(super) async fn request(
        path: &Path,
        launch: &Launch,
        stderr: OwnedFd,
    ) -> io::Result<(Self, OwnedFd, net::UnixStream, Lifeline)> {
        let (ours, theirs) = net::UnixStream::pair()?;
        let (lifeline, reading) = companion::lifeline()?;
        let descriptors =
            [theirs.as_raw_fd(), io::stdout().as_raw_fd(), stderr.as_raw_fd(), reading.as_raw_fd()];
        ours.set_nonblocking(true)?;
        loop {
            // A preloader that goes in the middle is one that is not there.
            let attempt = match UnixStream::connect(path).await {
                Ok(connection) => Self::ask(connection, launch, &descriptors).await,
                Err(error) => Err(error),
            };
            match attempt {
                Ok((fork, pidfd)) => return Ok((fork, pidfd, ours, lifeline)),
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
                Err(_) => sleep(AGAIN).await,
            }
        }
    }

    async fn ask(
        connection: UnixStream,
        launch: &Launch,
        descriptors: &[RawFd; 4],
    ) -> io::Result<(Self, OwnedFd)> {
        let mut fork = Self { connection, inbox: Vec::new() };
        fork.send_request(launch, descriptors).await?;
        let pid = match fork.hear().await? {
            Some(FromPreloader::Forked { pid }) => pid,
            Some(FromPreloader::Refused { message }) => {
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
            }
            Some(FromPreloader::Exited { .. }) | None => return Err(io::ErrorKind::UnexpectedEof.into()),
        };
        let pidfd = companion::pidfd(pid)?;
        let watched = frame::encode(&ToPreloader::Watched).map_err(io::Error::other)?;
        fork.connection.write_all(&watched).await?;
        Ok((fork, pidfd))
    }

    /// The request with its descriptors, in one message.
    async fn send_request(&self, launch: &Launch, descriptors: &[RawFd; 4]) -> io::Result<()> {
        let own = ["AYL_INSTANCE", "AYL_TUBE", "AYL_BEANSTALK"];
        let env = own.into_iter().map(|name| (name, std::env::var(name).ok())).collect();
        let request = ToPreloader::Fork {
            protocol: PROTOCOL,
            instance: launch.instance.as_deref(),
            path: launch.path.to_str().unwrap_or_default(),
            require: &launch.require,
            environment: launch.environment.as_deref(),
            env,
        };
        let bytes = frame::encode(&request).map_err(io::Error::other)?;
        let sent = self
            .connection
            .async_io(Interest::WRITABLE, || {
                let descriptor = self.connection.as_raw_fd();
                let rights = [ControlMessage::ScmRights(descriptors)];
                let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
                Ok(sendmsg::<()>(descriptor, &[IoSlice::new(&bytes)], &rights, flags, None)?)
            })
            .await?;
        if sent == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }

    /// How the executor ended, exit status or signal; `None` when the preloader is gone.
    pub(super) async fn exited(&mut self) -> Option<(Option<i32>, Option<i32>)> {
        match self.hear().await {
            Ok(Some(FromPreloader::Exited { status, signal })) => Some((status, signal)),
            _ => None,
        }
    }

    async fn hear(&mut self) -> io::Result<Option<FromPreloader>> {
        loop {
            if let Some(frame) = frame::decode(&mut self.inbox).map_err(io::Error::other)? {
                return Ok(Some(frame));
            }
            if self.connection.read_buf(&mut self.inbox).await? == 0 {
                return Ok(None);
            }
        }
    }
}
