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
use thiserror::Error;
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

/// Why an attempt has brought no executor.
#[derive(Debug, Error)]
enum Failed {
    /// The preloader will not, and would not if it was asked again.
    #[error("{0}")]
    Refused(String),
    /// It is not there, or goes in the middle.
    #[error(transparent)]
    Away(#[from] io::Error),
}

/// What a fork comes with: the executor's pidfd, the worker's end of its socketpair, and what it dies with.
pub(super) type Forked = (Fork, OwnedFd, net::UnixStream, Lifeline);

/// The connection that stands for one forked executor.
#[derive(Debug)]
pub(super) struct Fork {
    connection: UnixStream,
    inbox: Vec<u8>,
}

impl Fork {
    /// Waits for the preloader at `path` and has it fork; `stderr` becomes the executor's.
    ///
    /// # Errors
    /// When the preloader refuses, with its reason.
    pub(super) async fn request(path: &Path, launch: &Launch, stderr: &OwnedFd) -> Result<Forked, String> {
        let mut said = false;
        loop {
            match Self::attempt(path, launch, stderr).await {
                Ok(forked) => return Ok(forked),
                Err(Failed::Refused(reason)) => {
                    return Err(format!("the preloader at {} refuses: {reason}", path.display()));
                }
                Err(Failed::Away(_)) if said => {}
                Err(Failed::Away(error)) => {
                    said = true;
                    tracing::warn!(
                        tube = %launch.tube, application = launch.application.as_deref().unwrap_or_default(),
                        "waits for the preloader at {}: {error}", path.display()
                    );
                }
            }
            sleep(AGAIN).await;
        }
    }

    /// Each attempt has a socketpair and a lifeline of its own: one that failed may have left an
    /// executor that nobody knows of, which then comes to its end, and shares no job with the next.
    async fn attempt(path: &Path, launch: &Launch, stderr: &OwnedFd) -> Result<Forked, Failed> {
        let mut fork = Self { connection: UnixStream::connect(path).await?, inbox: Vec::new() };
        let (ours, theirs) = net::UnixStream::pair()?;
        let (lifeline, reading) = companion::lifeline()?;
        let descriptors =
            [theirs.as_raw_fd(), io::stdout().as_raw_fd(), stderr.as_raw_fd(), reading.as_raw_fd()];
        ours.set_nonblocking(true)?;
        fork.send_request(launch, &descriptors).await?;
        let pid = match fork.hear().await? {
            Some(FromPreloader::Forked { pid }) => pid,
            Some(FromPreloader::Refused { message }) => return Err(Failed::Refused(message)),
            Some(FromPreloader::Exited { .. }) | None => {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        };
        let pidfd = companion::pidfd(pid)?;
        let watched = frame::encode(&ToPreloader::Watched).map_err(io::Error::other)?;
        fork.connection.write_all(&watched).await?;
        Ok((fork, pidfd, ours, lifeline))
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

    /// What it says next; `None` at the end. What is no frame here it may say in another version.
    async fn hear(&mut self) -> Result<Option<FromPreloader>, Failed> {
        loop {
            match frame::decode(&mut self.inbox) {
                Ok(None) => {}
                Ok(frame) => return Ok(frame),
                Err(error) => return Err(Failed::Refused(error.to_string())),
            }
            if self.connection.read_buf(&mut self.inbox).await? == 0 {
                return Ok(None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{IoSliceMut, Write};
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::net::UnixListener;
    use std::thread;

    use nix::sys::socket::{ControlMessageOwned, recv, recvmsg};
    use nix::unistd::close;
    use tempfile::TempDir;

    use super::*;
    use crate::worker::Runtime;

    fn launch() -> Launch {
        Launch {
            runtime: Runtime::Ruby,
            path: "/".into(),
            require: "config/environment".to_owned(),
            rails: false,
            environment: None,
            tube: "a-1".parse().unwrap(),
            application: None,
            version: None,
            instance: None,
            memory: false,
            preloader: None,
            command: Vec::new(),
        }
    }

    /// The next worker that asks, and the numbers of what it has sent along.
    fn asked(listener: &UnixListener) -> (net::UnixStream, Vec<RawFd>) {
        let (connection, _) = listener.accept().unwrap();
        let (mut bytes, mut room) = ([0; 4096], nix::cmsg_space!([RawFd; 4]));
        let mut into = [IoSliceMut::new(&mut bytes)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let message = recvmsg::<()>(connection.as_raw_fd(), &mut into, Some(&mut room), flags).unwrap();
        let given = message.cmsgs().unwrap().flat_map(|control| match control {
            ControlMessageOwned::ScmRights(descriptors) => descriptors,
            _ => Vec::new(),
        });
        let given = given.collect();
        (connection, given)
    }

    fn is_same(one: RawFd, other: RawFd) -> bool {
        let inode = |number: RawFd| fs::metadata(format!("/proc/self/fd/{number}")).unwrap().ino();
        inode(one) == inode(other)
    }

    #[tokio::test]
    async fn what_a_preloader_left_when_it_went_shares_nothing_with_the_next_executor() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("preloader");
        let listener = UnixListener::bind(&path).unwrap();
        let preloader = thread::spawn(move || {
            // It forks, and is killed before it can say so.
            let (connection, left) = asked(&listener);
            drop(connection);
            let (mut connection, given) = asked(&listener);
            let pid = std::process::id();
            connection
                .write_all(&frame::encode(&serde_json::json!({"type": "forked", "pid": pid})).unwrap())
                .unwrap();
            (connection, left, given)
        });
        let (_, stderr) = io::pipe().unwrap();
        let _forked = Fork::request(&path, &launch(), &stderr.into()).await.unwrap();
        let (_connection, left, given) = preloader.join().unwrap();
        assert_eq!((left.len(), given.len()), (4, 4));
        for end in [0, 3] {
            assert!(!is_same(left[end], given[end]), "descriptor {end}");
        }
        assert_eq!(recv(left[0], &mut [0], MsgFlags::MSG_DONTWAIT), Ok(0), "its worker is gone");
        assert!(recv(given[0], &mut [0], MsgFlags::MSG_DONTWAIT).is_err(), "this one's is there");
        for descriptor in left.into_iter().chain(given) {
            close(descriptor).unwrap();
        }
    }
}
