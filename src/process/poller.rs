//! Waits for descriptors on a thread of its own, without a runtime.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

/// How many are reported at a time.
const BATCH: usize = 64;

/// Descriptors that are waited for together, each under a number of the caller's.
#[derive(Debug)]
pub struct Poller(Epoll);

impl Poller {
    /// An empty one.
    pub fn new() -> io::Result<Self> {
        Ok(Self(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?))
    }

    /// Waits for `fd` to become readable, too.
    pub fn add(&self, fd: impl AsFd, token: u64) -> io::Result<()> {
        Ok(self.0.add(fd, EpollEvent::new(EpollFlags::EPOLLIN, token))?)
    }

    /// Waits for `fd` to become readable, and then no more until it is asked to [wait again](Self::again).
    pub fn add_once(&self, fd: impl AsFd, token: u64) -> io::Result<()> {
        Ok(self.0.add(fd, EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT, token))?)
    }

    /// Waits for one that was added for once. Any thread may ask.
    pub fn again(&self, fd: impl AsFd, token: u64) -> io::Result<()> {
        let mut event = EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT, token);
        Ok(self.0.modify(fd, &mut event)?)
    }

    /// Waits for it no longer.
    pub fn remove(&self, fd: impl AsFd) -> io::Result<()> {
        Ok(self.0.delete(fd)?)
    }

    /// The tokens of those that are readable or closed; none after `timeout`.
    pub fn wait(&self, timeout: Option<Duration>) -> io::Result<Vec<u64>> {
        let timeout = timeout
            .map_or(EpollTimeout::NONE, |time| EpollTimeout::try_from(time).unwrap_or(EpollTimeout::MAX));
        let mut events = [EpollEvent::empty(); BATCH];
        loop {
            match self.0.wait(&mut events, timeout) {
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
                Ok(n) => return Ok(events.iter().take(n).map(EpollEvent::data).collect()),
            }
        }
    }
}
