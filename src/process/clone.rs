//! Makes the new process.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use super::child_side;
use super::error::SystemError;
use super::prepare::Prepared;

/// Set once the kernel, or a filter of system calls, has said that it knows no clone3(2).
static NO_CLONE3: AtomicBool = AtomicBool::new(false);

/// A set of all signals, for the kernel.
static ALL_SIGNALS: u64 = u64::MAX;

/// Starts a child that does what `prepared` says, in the control group whose directory
/// `cgroup` is. Gives its number, and a descriptor for it.
pub(super) fn clone(
    prepared: &mut Prepared,
    cgroup: Option<BorrowedFd<'_>>,
    procs: impl FnOnce() -> Result<OwnedFd, SystemError>,
) -> Result<(i32, OwnedFd), SystemError> {
    let _blocked = Blocked::new();
    if !NO_CLONE3.load(Ordering::Relaxed) {
        match clone3(prepared, cgroup) {
            Err(error) if [libc::ENOSYS, libc::EPERM, libc::EINVAL].contains(&error.raw()) => {}
            result => return result,
        }
        NO_CLONE3.store(true, Ordering::Relaxed);
    }
    let procs = cgroup.map(|_| procs()).transpose()?;
    prepared.fds.cgroup = procs.as_ref().map(AsRawFd::as_raw_fd);
    clone_older(prepared)
}

fn clone3(prepared: &Prepared, cgroup: Option<BorrowedFd<'_>>) -> Result<(i32, OwnedFd), SystemError> {
    let mut pidfd = -1;
    // SAFETY: a struct of integers, for which zero means "not used".
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = flag(libc::CLONE_PIDFD);
    args.pidfd = (&raw mut pidfd) as u64;
    args.exit_signal = flag(libc::SIGCHLD);
    if let Some(cgroup) = cgroup {
        args.flags |= INTO_CGROUP;
        args.cgroup = u64::from(cgroup.as_raw_fd().unsigned_abs());
    }
    // SAFETY: without shared memory this is fork(2): the child goes on with a copy of
    // everything, does not return from here, and keeps to what one thread of many may do.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of_val(&args)) };
    parent_or_child(pid, &mut pidfd, prepared)
}

/// The same by clone(2), for seccomp filters older than clone3.
fn clone_older(prepared: &Prepared) -> Result<(i32, OwnedFd), SystemError> {
    let mut pidfd = -1;
    let flags = libc::CLONE_PIDFD | libc::SIGCHLD;
    let none = std::ptr::null_mut::<i32>();
    // SAFETY: as for clone3.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, none, &raw mut pidfd, none, none) };
    parent_or_child(pid, &mut pidfd, prepared)
}

fn parent_or_child(
    pid: libc::c_long,
    pidfd: &mut i32,
    prepared: &Prepared,
) -> Result<(i32, OwnedFd), SystemError> {
    match i32::try_from(pid) {
        // SAFETY: this is the new process, all signals are blocked, and its memory is its own.
        Ok(0) => unsafe { child_side::run(prepared) },
        Ok(pid) if pid > 0 => {
            // SAFETY: the kernel has just opened it for us.
            let pidfd = unsafe { OwnedFd::from_raw_fd(*pidfd) };
            Ok((pid, pidfd))
        }
        _ => Err(SystemError::last()),
    }
}

/// `CLONE_INTO_CGROUP`: the constant of the libc crate is too narrow for it.
const INTO_CGROUP: u64 = 0x2_0000_0000;

fn flag(value: libc::c_int) -> u64 {
    u64::from(value.unsigned_abs())
}

/// All signals held back in this thread, so that no handler of the supervisor runs in a
/// child that has not set its own dispositions yet.
struct Blocked(u64);

impl Blocked {
    fn new() -> Self {
        Self(set_mask(ALL_SIGNALS))
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        set_mask(self.0);
    }
}

/// The C library's own would leave out the signals it keeps for itself.
fn set_mask(mask: u64) -> u64 {
    let mut old = 0u64;
    // SAFETY: the kernel reads one set and writes one.
    unsafe {
        let (new, old) = (&raw const mask, &raw mut old);
        libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, new, old, size_of::<u64>());
    }
    old
}
