//! Starts a process.

use std::os::fd::AsFd;

use nix::fcntl::OFlag;
use nix::unistd::pipe2;

use super::cgroup::Cgroup;
use super::child::Child;
use super::clone::{CloneError, Way, clone};
use super::command::{Command, Output};
use super::error::SpawnError;
use super::prepare::Prepared;

/// Starts a process: in `cgroup`, if there is one. Never waits for a file system.
///
/// What the child finds wrong on its way to the program, such as a missing file, is
/// told by [`Child::started`].
///
/// To be called on a thread that lives as long as the supervisor: the kernel counts its
/// end as the parent's death.
pub fn spawn(command: &Command, output: Output<'_>, cgroup: Option<&Cgroup>) -> Result<Child, SpawnError> {
    let mut way = Way::Any;
    loop {
        let (status, childs) =
            pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).map_err(|errno| SpawnError::Fork(errno.into()))?;
        let mut prepared = Prepared::new(command, output, childs.as_fd())?;
        match clone(&mut prepared, cgroup, way) {
            Ok((pid, pidfd)) => return Ok(Child::new(pid, pidfd, status, prepared)),
            Err(CloneError::Refused(reason)) => return Err(SpawnError::Fork(reason)),
            // All over again: it may have left a report.
            Err(CloneError::Stuck) => way = Way::Patient,
        }
    }
}
