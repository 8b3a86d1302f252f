//! What a child needs of the supervisor's descriptors, under low numbers.
//!
//! ```text
//!     supervisor:  0 1 2 … [null stdout stderr status] … 3000 more: pidfds, sockets, pipes
//!                           └────── slots ──────┘    ▲
//!     child:       shares this table ─► takes a copy of what is below here ─► drops the slots
//! ```
//!
//! A supervisor of a thousand daemons has thousands of descriptors. A child that is given a copy of
//! them all, only to close them, spends more time on that than on the rest of its start. So it
//! shares the table at first, and `close_range` with `CLOSE_RANGE_UNSHARE` copies the few that
//! are kept.

use std::cell::OnceCell;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;

use super::own;
use super::prepare::Fds;

/// Numbers that this thread has set apart, each open on `/dev/null` between two starts.
struct Slots([OwnedFd; 4]);

impl Slots {
    fn new() -> Option<Self> {
        let null = own::dev_null().ok()?.as_raw_fd();
        let slot = || {
            // SAFETY: no memory is involved.
            let fd = unsafe { libc::fcntl(null, libc::F_DUPFD_CLOEXEC, 0) };
            // SAFETY: the kernel has just opened it for us.
            Errno::result(fd).ok().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })
        };
        Some(Self([slot()?, slot()?, slot()?, slot()?]))
    }

    fn fill(&self, n: usize, fd: RawFd) -> Option<RawFd> {
        let slot = self.0.get(n)?.as_raw_fd();
        // SAFETY: the slot is ours, and open, so nobody else's is replaced.
        Errno::result(unsafe { libc::dup3(fd, slot, libc::O_CLOEXEC) }).ok()
    }

    fn fill_all(&self, fds: Fds) -> Option<Fds> {
        let highest = self.0.iter().map(AsRawFd::as_raw_fd).max()?;
        Some(Fds {
            // The slots are open on it until they are filled.
            null: self.0.first()?.as_raw_fd(),
            stdout: self.fill(1, fds.stdout)?,
            stderr: self.fill(2, fds.stderr)?,
            status: self.fill(3, fds.status)?,
            shared_above: Some(highest),
            ..fds
        })
    }
}

/// Calls `run` with `fds` under low numbers: the child need not look above those. `None`: there are none.
pub(super) fn with_low<T>(fds: Fds, run: impl FnOnce(Fds) -> T) -> Option<T> {
    thread_local! {
        static SLOTS: OnceCell<Option<Slots>> = const { OnceCell::new() };
    }
    SLOTS.with(|slots| {
        let slots = slots.get_or_init(Slots::new).as_ref()?;
        let done = slots.fill_all(fds).map(run);
        // A pipe that is left in a slot would never come to its end.
        for n in 1..slots.0.len() {
            slots.fill(n, fds.null);
        }
        done
    })
}

#[cfg(test)]
mod tests {
    use std::fs::{File, read_link};
    use std::os::fd::AsFd;

    use nix::unistd::{pipe, read, write};

    use super::*;

    #[test]
    fn slots_lead_where_they_should_and_nowhere_afterwards() {
        let (reader, writer) = pipe().unwrap();
        let (log, null) = (tempfile::tempfile().unwrap(), File::open("/dev/null").unwrap());
        let fds = Fds {
            null: null.as_raw_fd(),
            stdout: log.as_raw_fd(),
            stderr: log.as_raw_fd(),
            status: writer.as_raw_fd(),
            cgroup: None,
            highest: 0,
            shared_above: None,
        };
        let target = |fd: RawFd| read_link(format!("/proc/self/fd/{fd}")).unwrap();
        for _ in 0..3 {
            let used = with_low(fds, |low| {
                assert_eq!(target(low.stdout), target(log.as_raw_fd()));
                assert_eq!(target(low.stderr), target(log.as_raw_fd()));
                assert_eq!(target(low.status), target(writer.as_raw_fd()));
                assert_eq!(target(low.null), target(null.as_raw_fd()));
                let used = [low.null, low.stdout, low.stderr, low.status];
                assert_eq!(low.shared_above, used.into_iter().max());
                used
            });
            assert!(used.unwrap().into_iter().all(|fd| target(fd) == target(null.as_raw_fd())));
        }
        write(writer.as_fd(), b"x").unwrap();
        drop(writer);
        let mut bytes = [0; 2];
        assert_eq!(read(reader.as_fd(), &mut bytes), Ok(1));
        assert_eq!(read(reader.as_fd(), &mut bytes), Ok(0), "a slot still holds the pipe");
    }
}
