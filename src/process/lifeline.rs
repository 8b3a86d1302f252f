//! What ends a child when its parent ends, whoever the child has become meanwhile.
//!
//! ```text
//!     parent ── writing end ───── a pipe in which nothing is ever written ───── reading end ── child
//!               (closed by its death, however it dies)      O_ASYNC, F_SETOWN = child, F_SETSIG = SIGKILL
//! ```
//!
//! The kernel can be asked for the same with `PR_SET_PDEATHSIG`, and is. But it forgets that
//! when the child changes its user, and does not know it of a child's child. Whether
//! a signal for a descriptor may be sent depends on who asked for it: a process that was root
//! then and is `nobody` by now still gets it. One that has become root since, by `sudo` for
//! instance, is out of reach for an owner who is not.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// The reading end gets this number or a higher one, out of the way of what scripts do with
/// descriptors. Where so many are not allowed it stays where it was.
const OUT_OF_THE_WAY: RawFd = 100;

/// `F_SETSIG` of fcntl(2), which the C library's headers have only on wish.
const F_SETSIG: libc::c_int = 10;

/// The parent's end. The child gets SIGKILL when it is dropped.
#[derive(Debug)]
pub struct Lifeline {
    _writing: OwnedFd,
}

/// A lifeline and the end for the child, which is to `arm` it, or whatever is done
/// in its place where the child is another's.
///
/// # Errors
/// What pipe2(2) said.
pub fn lifeline() -> io::Result<(Lifeline, OwnedFd)> {
    let (reading, writing) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    // SAFETY: numbers go in, a new descriptor or -1 comes out.
    let moved = unsafe { libc::fcntl(reading.as_raw_fd(), libc::F_DUPFD_CLOEXEC, OUT_OF_THE_WAY) };
    // SAFETY: the kernel has just made it, and nobody else knows it.
    let reading = if moved < 0 { reading } else { unsafe { OwnedFd::from_raw_fd(moved) } };
    Ok((Lifeline { _writing: writing }, reading))
}

/// In the child, between fork and exec: from now on it dies with the other end, and what
/// it executes keeps the descriptor. System calls alone.
pub(super) fn arm(reading: RawFd) -> io::Result<()> {
    // SAFETY: system calls with numbers, allowed between fork and exec.
    let done = unsafe {
        libc::fcntl(reading, libc::F_SETFD, 0) != -1
            && libc::fcntl(reading, libc::F_SETOWN, libc::getpid()) != -1
            && libc::fcntl(reading, F_SETSIG, libc::SIGKILL) != -1
            && libc::fcntl(reading, libc::F_SETFL, libc::O_ASYNC) != -1
    };
    // A parent that is dead already has left its end open in this process alone: exec closes it.
    if done { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Closes the descriptor whose number stands in the environment variable `variable` to
/// what is started from here; without one there is nothing to do.
pub fn keep_to_myself(variable: &str) {
    let number = std::env::var(variable).ok().and_then(|number| number.parse::<RawFd>().ok());
    if let Some(number) = number.filter(|&number| number > 2) {
        // SAFETY: a system call with numbers; a descriptor that is not open is an error that harms nobody.
        unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}
