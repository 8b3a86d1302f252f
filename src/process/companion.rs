//! A child that this process talks to over a socketpair: a worker's executor.
//!
//! Unlike a daemon it stays in its parent's session, so that what is sent to the
//! parent's group reaches it as well, and the kernel kills it when its parent dies:
//! beanstalkd then gives the job to another worker at once. The kernel is told so twice,
//! since it forgets the first when the child changes its user (`lifeline`).

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::child::{open_pidfd, send_signal};
use super::lifeline::arm;
pub use super::lifeline::{Lifeline, keep_to_myself, lifeline};
use super::memory::inherited;
use super::signal::Signal;

/// A child that was started, the other end of its socketpair, and what it dies with.
pub type Companion = (Child, UnixStream, Lifeline);

/// Starts `command` with one end of a new socketpair, whose number it finds in the
/// environment variable `variable`; the other end is returned, non-blocking. In the variable
/// `bond` it finds the number of its end of the lifeline.
///
/// The child's signal mask is empty and SIGPIPE is at its default. It gets SIGKILL when
/// the thread that called this ends, or the lifeline is dropped.
///
/// # Errors
/// What socketpair(2), pipe2(2), fork(2) or execve(2) said.
pub fn spawn_companion(command: &mut Command, variable: &str, bond: &str) -> io::Result<Companion> {
    let (ours, theirs) = UnixStream::pair()?;
    let descriptor = theirs.as_raw_fd();
    command.env(variable, descriptor.to_string());
    let (lifeline, reading) = die_with_parent(command)?;
    command.env(bond, reading.to_string());
    let keep = move || {
        // SAFETY: a system call with numbers, allowed between fork and exec.
        match unsafe { libc::fcntl(descriptor, libc::F_SETFD, 0) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    };
    // SAFETY: `keep` allocates nothing and takes no lock: a system call alone.
    unsafe { command.pre_exec(keep) };
    let child = command.spawn()?;
    ours.set_nonblocking(true)?;
    Ok((child, ours, lifeline))
}

/// Has the kernel send `command` SIGKILL when the thread that spawns it ends, or the
/// lifeline is dropped, and gives it an empty signal mask. Returned with the lifeline
/// is the number of the child's end of it.
///
/// # Errors
/// What pipe2(2) said.
pub fn die_with_parent(command: &mut Command) -> io::Result<(Lifeline, RawFd)> {
    let parent = std::process::id();
    let (lifeline, reading) = lifeline()?;
    let number = reading.as_raw_fd();
    let prepare = move || {
        arm(reading.as_raw_fd())?;
        // SAFETY: plain system calls with numbers, allowed between fork and exec.
        let done = unsafe {
            let mut none: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut none);
            libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) == 0
        };
        if !done {
            return Err(io::Error::last_os_error());
        }
        // The parent may have died before the kernel was told what to do then.
        if std::os::unix::process::parent_id() != parent {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
        Ok(())
    };
    // SAFETY: `prepare` allocates nothing and takes no lock: system calls alone.
    unsafe { command.pre_exec(prepare) };
    Ok((lifeline, number))
}

/// The socket whose number stands in the environment variable `variable`; what is
/// started from here does not inherit it.
///
/// Not to be called twice: the second caller would own what the first one does.
///
/// # Errors
/// When there is no such variable, or no such descriptor.
pub fn inherited_socket(variable: &str) -> io::Result<UnixStream> {
    let number = std::env::var(variable).ok().and_then(|number| number.parse::<RawFd>().ok());
    let number = number.filter(|&number| number > 2).ok_or(io::ErrorKind::NotFound)?;
    Ok(inherited(number)?.into())
}

/// A descriptor that becomes readable when the process ends, and stands for that
/// process alone, whoever gets its number afterwards.
///
/// # Errors
/// What `pidfd_open(2)` said: `ESRCH` if there is no such process any more.
pub fn pidfd(pid: u32) -> io::Result<OwnedFd> {
    open_pidfd(pid.cast_signed())
}

/// Lets the runtime wait for `descriptor`. A plain file cannot be waited for and comes
/// back as it went in.
///
/// # Errors
/// The descriptor itself, when the kernel does not take it.
pub fn watch(descriptor: OwnedFd, interest: Interest) -> Result<AsyncFd<OwnedFd>, OwnedFd> {
    // SAFETY: an `OwnedFd` is the same open descriptor for as long as the `AsyncFd` has it.
    let registered = unsafe { AsyncFd::register_with_interest(descriptor, interest) };
    registered.map_err(|error| error.into_parts().0)
}

/// Sends SIGKILL to the process behind a [`pidfd`]; one that is gone is no error.
///
/// # Errors
/// What `pidfd_send_signal(2)` said.
pub fn kill(pidfd: impl AsFd) -> io::Result<()> {
    send_signal(pidfd.as_fd().as_raw_fd(), Signal::KILL)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::process::ExitStatusExt;
    use std::process::Stdio;

    use super::*;

    #[test]
    fn a_companion_speaks_over_the_descriptor_it_is_told() {
        let mut command = Command::new("/bin/bash");
        command.args(["-c", "read -u $TALK line; echo \"heard $line\" >&$TALK"]).stdin(Stdio::null());
        let (mut child, mut socket, _lifeline) = spawn_companion(&mut command, "TALK", "BOND").unwrap();
        socket.set_nonblocking(false).unwrap();
        socket.write_all(b"hello\n").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "heard hello\n");
        assert!(child.wait().unwrap().success());
    }

    #[test]
    fn it_is_killed_by_its_descriptor_and_killing_the_dead_is_harmless() {
        let mut command = Command::new("/bin/sleep");
        let (mut child, _socket, _lifeline) = spawn_companion(command.arg("1000"), "TALK", "BOND").unwrap();
        let descriptor = pidfd(child.id()).unwrap();
        kill(&descriptor).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
        kill(&descriptor).unwrap();
        assert_eq!(pidfd(child.id()).unwrap_err().raw_os_error(), Some(libc::ESRCH));
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        let error = spawn_companion(&mut Command::new("/no/such/program"), "TALK", "BOND").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
    #[test]
    fn it_dies_with_its_lifeline() {
        let mut command = Command::new("/bin/sleep");
        let (mut child, _socket, lifeline) = spawn_companion(command.arg("1000"), "TALK", "BOND").unwrap();
        drop(command);
        drop(lifeline);
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
    }
}
