//! What the tests of processes share.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use abaqis_daemons::process::{Child, Command, Exit, Output, SpawnError, spawn};

/// How long anything may take here before it counts as never.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) use crate::wait::until;

/// A plain command: nothing asked for but the program.
pub(crate) fn command(argv: &[&str]) -> Command {
    Command { env: vec![("PATH".into(), "/usr/bin:/bin".into())], ..Command::new(argv) }
}

/// A child with its output in a pipe.
pub(crate) fn start(command: &Command) -> (Child, OwnedFd) {
    let (reader, writer) = std::io::pipe().unwrap();
    let output = Output { stdout: writer.as_fd(), stderr: writer.as_fd() };
    (spawn(command, output, None).unwrap(), reader.into())
}

/// How it began.
pub(crate) fn started(child: &mut Child) -> Result<(), SpawnError> {
    loop {
        if let Some(result) = child.started() {
            return result;
        }
        wait_for("it starts or fails", child.status().unwrap());
    }
}

/// How it ended; reaped.
pub(crate) fn end(child: &Child) -> Exit {
    wait_for("it ends", child.pidfd());
    child.reap().unwrap().unwrap()
}

fn wait_for(what: &str, fd: BorrowedFd<'_>) {
    let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
    let ready = poll(&mut fds, PollTimeout::try_from(DEADLINE).unwrap()).unwrap();
    assert_eq!(ready, 1, "never: {what}");
}

/// All that it writes until it ends.
pub(crate) fn output_of(command: &Command) -> (Exit, String) {
    let (mut child, reader) = start(command);
    started(&mut child).unwrap();
    let mut text = String::new();
    File::from(reader).read_to_string(&mut text).unwrap();
    (end(&child), text)
}
