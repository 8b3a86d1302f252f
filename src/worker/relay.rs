//! An executor's standard error on its way to the worker's own.
//!
//! It passes through the worker only so that the last of it is at hand when the
//! executor dies. A log that takes nothing for a while holds up the executor, as it
//! would without the worker between, but never the worker.

use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use nix::sys::socket::{MsgFlags, send};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, Interest, ReadBuf};
use tokio::net::unix::pipe::Receiver;

use crate::process::companion;

/// How much of the end is kept, in bytes.
const TAIL: usize = 4096;
/// What a pipe that is writable takes at once without blocking (`PIPE_BUF`), in bytes.
const ATOMIC: usize = 4096;
/// How much may wait for the log before the executor has to, in bytes.
const WAITING: usize = 64 * 1024;

/// The worker's own standard error, without blocking.
#[derive(Debug)]
pub(super) struct Log {
    /// What can be waited for; a file cannot, and need not.
    descriptor: Result<AsyncFd<OwnedFd>, OwnedFd>,
    waiting: VecDeque<u8>,
}

/// Where an executor's standard error arrives.
#[derive(Debug)]
pub(super) struct Relay {
    source: Option<Receiver>,
    tail: VecDeque<u8>,
}

impl Log {
    /// A second descriptor for descriptor 2.
    pub(super) fn stderr() -> io::Result<Self> {
        let descriptor = io::stderr().as_fd().try_clone_to_owned()?;
        Ok(Self { descriptor: companion::watch(descriptor, Interest::WRITABLE), waiting: VecDeque::new() })
    }

    fn is_full(&self) -> bool {
        self.waiting.len() >= WAITING
    }

    /// Writes what waits; ready when nothing does.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.waiting.is_empty() {
            let (bytes, _) = self.waiting.as_slices();
            let bytes = &bytes[..bytes.len().min(ATOMIC)];
            let written = match &self.descriptor {
                Err(file) => write(file, bytes),
                Ok(descriptor) => {
                    let Ok(mut guard) = ready!(descriptor.poll_write_ready(cx)) else {
                        self.waiting.clear();
                        break;
                    };
                    match guard.try_io(|descriptor| write(descriptor.get_ref(), bytes)) {
                        Ok(written) => written,
                        Err(_) => continue,
                    }
                }
            };
            match written {
                Ok(count) => drop(self.waiting.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Nobody reads the log any more.
                Err(_) => self.waiting.clear(),
            }
        }
        Poll::Ready(())
    }
}

/// One write that does not block: a socket is told so, a pipe was found writable.
fn write(descriptor: &OwnedFd, bytes: &[u8]) -> io::Result<usize> {
    match send(descriptor.as_raw_fd(), bytes, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL) {
        Err(nix::Error::ENOTSOCK) => Ok(nix::unistd::write(descriptor, bytes)?),
        sent => Ok(sent?),
    }
}

impl Relay {
    /// A relay for the reading end of a pipe.
    pub(super) fn new(source: OwnedFd) -> io::Result<Self> {
        Ok(Self { source: Some(Receiver::from_owned_fd(source)?), tail: VecDeque::new() })
    }

    /// Passes on what arrives. Never ends; may be dropped at any time.
    pub(super) async fn pass(&mut self, log: &mut Log) {
        poll_fn(|cx| self.poll_pass(log, cx)).await;
        pending::<()>().await;
    }

    fn poll_pass(&mut self, log: &mut Log, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let flushed = log.poll_flush(cx);
            if log.is_full() {
                return Poll::Pending;
            }
            if ready!(self.poll_take(log, cx)) == 0 {
                return flushed;
            }
        }
    }

    /// Takes in what has arrived; 0 at the end.
    fn poll_take(&mut self, log: &mut Log, cx: &mut Context<'_>) -> Poll<usize> {
        let Some(source) = &mut self.source else { return Poll::Ready(0) };
        let mut bytes = [0; ATOMIC];
        let mut buffer = ReadBuf::new(&mut bytes);
        let end = !matches!(ready!(Pin::new(source).poll_read(cx, &mut buffer)), Ok(()));
        let bytes = buffer.filled();
        if end || bytes.is_empty() {
            self.source = None;
            return Poll::Ready(0);
        }
        log.waiting.extend(bytes);
        self.tail.extend(bytes);
        self.tail.drain(..self.tail.len().saturating_sub(TAIL));
        Poll::Ready(bytes.len())
    }

    /// The last 4 KiB, after whatever is there still has been taken in.
    pub(super) async fn tail(&mut self, log: &mut Log) -> String {
        poll_fn(|cx| {
            while let Poll::Ready(1..) = self.poll_take(log, cx) {}
            let _ = log.poll_flush(cx);
            Poll::Ready(())
        })
        .await;
        let bytes: Vec<u8> = self.tail.drain(..).collect();
        String::from_utf8_lossy(&bytes).trim_end().to_owned()
    }
}
