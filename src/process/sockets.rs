//! Sockets and pipes for others, where the standard library does not go far enough.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use nix::unistd::pipe2;

/// A connection to a Unix socket, non-blocking. If whoever listens there has no room
/// for another at this moment, that is an error: the standard library would wait.
pub fn connect_now(path: &Path) -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let stream = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    connect(stream.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(stream)
}

/// A pipe for the output of a process: the end to read from does not block, the other
/// does. `size`: the bytes it is to hold, if the system allows so many.
pub fn output_pipe(size: Option<i32>) -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC)?;
    fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    if let Some(size) = size {
        // A user has only so much for all pipes; then the usual size will do.
        let _ = fcntl(&reader, FcntlArg::F_SETPIPE_SZ(size));
    }
    Ok((reader, writer))
}

/// How many bytes a pipe holds, from one of its ends; of what is no pipe, as many as a pipe usually does.
pub fn pipe_room(pipe: impl AsFd) -> usize {
    const USUAL: usize = 64 * 1024;
    fcntl(pipe, FcntlArg::F_GETPIPE_SZ).ok().and_then(|room| room.try_into().ok()).unwrap_or(USUAL)
}
