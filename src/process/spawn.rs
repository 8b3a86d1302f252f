//! Starts a process.

use std::os::fd::AsFd;

use nix::fcntl::OFlag;
use nix::unistd::pipe2;

use super::cgroup::Cgroup;
use super::child::Child;
use super::clone::clone;
use super::command::{Command, Output};
use super::error::{SpawnError, SystemError};
use super::prepare::Prepared;

/// Starts a process: in `cgroup`, if there is one. Never waits for a file system.
///
/// What the child finds wrong on its way to the program, such as a missing file, is
/// told by [`Child::started`].
///
/// To be called on a thread that lives as long as the supervisor: the kernel counts its
/// end as the parent's death.
pub fn spawn(command: &Command, output: Output<'_>, cgroup: Option<&Cgroup>) -> Result<Child, SpawnError> {
    let fork = |errno: nix::Error| SpawnError::Fork(SystemError::from(errno));
    let (status, childs) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).map_err(fork)?;
    let mut prepared = Prepared::new(command, output, childs.as_fd())?;
    let procs = || cgroup.map_or(Err(SystemError::from_raw(libc::ENOENT)), Cgroup::procs);
    let (pid, pidfd) =
        clone(&mut prepared, cgroup.map(Cgroup::directory), procs).map_err(SpawnError::Fork)?;
    Ok(Child::new(pid, pidfd, status, prepared))
}
