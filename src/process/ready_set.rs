//! Thousands of descriptors behind one.
//!
//! ```text
//!     pidfd of a/worker/1 ─┐
//!     pidfd of a/worker/2 ─┼─► epoll of this set ─► tokio's epoll
//!     notify socket …     ─┘
//! ```
//!
//! Tokio's own registration costs some 300 bytes and a task for each descriptor; an
//! epoll of one's own costs the supervisor nothing for those that stay silent.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// How many are reported at a time; the rest stay ready for the next call.
const BATCH: usize = 64;

/// Descriptors that are waited for together, each under a number of the caller's.
#[derive(Debug)]
pub struct ReadySet(AsyncFd<Inner>);

#[derive(Debug)]
struct Inner(Epoll);

impl AsRawFd for Inner {
    fn as_raw_fd(&self) -> RawFd {
        self.0.0.as_raw_fd()
    }
}

impl ReadySet {
    /// An empty set. Needs a tokio runtime.
    pub fn new() -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        // SAFETY: `Inner` owns its epoll and gives away nothing that could close it, so
        // its descriptor is the same open one for as long as the `AsyncFd` has it.
        let registered = unsafe { AsyncFd::register_with_interest(Inner(epoll), Interest::READABLE) };
        Ok(Self(registered?))
    }

    /// Waits for `fd` to become readable, too; it is reported as `token`, again and again until it
    /// has been read or removed.
    pub fn add(&self, fd: impl AsFd, token: u64) -> io::Result<()> {
        Ok(self.0.get_ref().0.add(fd, EpollEvent::new(EpollFlags::EPOLLIN, token))?)
    }

    /// Waits for `fd` to have urgent news, too; it is reported as `token`, again and again until it
    /// has been read or removed.
    pub fn add_urgent(&self, fd: impl AsFd, token: u64) -> io::Result<()> {
        Ok(self.0.get_ref().0.add(fd, EpollEvent::new(EpollFlags::EPOLLPRI, token))?)
    }

    /// Waits for it no longer. Closing every copy of it does the same.
    pub fn remove(&self, fd: impl AsFd) -> io::Result<()> {
        Ok(self.0.get_ref().0.delete(fd)?)
    }

    /// The tokens of those that are ready, one at least. Cancel safe.
    pub async fn ready(&self) -> io::Result<Vec<u64>> {
        loop {
            let mut guard = self.0.readable().await?;
            let taken = guard.try_io(|epoll| {
                let mut events = [EpollEvent::empty(); BATCH];
                match epoll.get_ref().0.wait(&mut events, EpollTimeout::ZERO)? {
                    0 => Err(io::ErrorKind::WouldBlock.into()),
                    n => Ok(events[..n].iter().map(EpollEvent::data).collect()),
                }
            });
            if let Ok(taken) = taken {
                return taken;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    #[test]
    fn those_that_are_ready_are_told_until_they_are_read() {
        block_on(async {
            let set = ReadySet::new().unwrap();
            let mut pairs: Vec<_> = (0..200).map(|_| UnixStream::pair().unwrap()).collect();
            for (token, (_, reader)) in pairs.iter().enumerate() {
                set.add(reader, token as u64).unwrap();
            }
            for wanted in [3, 150, 3] {
                pairs[wanted].0.write_all(b"x").unwrap();
                assert_eq!(set.ready().await.unwrap(), [wanted as u64]);
                assert_eq!(set.ready().await.unwrap(), [wanted as u64]);
                pairs[wanted].1.read_exact(&mut [0]).unwrap();
            }
            set.remove(&pairs[3].1).unwrap();
            pairs[3].0.write_all(b"x").unwrap();
            pairs[7].0.write_all(b"x").unwrap();
            assert_eq!(set.ready().await.unwrap(), [7]);
        });
    }

    #[test]
    fn it_waits_again_after_it_was_dropped_while_waiting() {
        block_on(async {
            let set = ReadySet::new().unwrap();
            let (mut writer, reader) = UnixStream::pair().unwrap();
            set.add(&reader, 1).unwrap();
            assert!(futures_util::poll!(std::pin::pin!(set.ready())).is_pending());
            writer.write_all(b"x").unwrap();
            assert_eq!(set.ready().await.unwrap(), [1]);
        });
    }
}
