//! Who is at the other end of a Unix socket, beyond what `SO_PEERCRED` says.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use libc::ucred;
use nix::cmsg_space;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::unistd::{Pid, getsid};

/// Has the kernel say of each message who sent it, for [`receive`].
pub fn ask_for_senders(socket: &impl AsFd) -> io::Result<()> {
    Ok(setsockopt(socket, sockopt::PassCred, &true)?)
}

/// The next message's length, cut off at the end of `buffer`, and the process that sent it by
/// the kernel's word, if the kernel was asked and the process has a number here. Descriptors
/// that come along are closed: there is no room for them.
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<(usize, Option<i32>)> {
    let mut space = cmsg_space!(ucred);
    let mut parts = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut space), flags)?;
    let sender = message.cmsgs().ok().into_iter().flatten().find_map(|with| match with {
        ControlMessageOwned::ScmCredentials(sender) => Some(sender.pid()).filter(|&pid| pid > 0),
        _ => None,
    });
    Ok((message.bytes, sender))
}

/// Whether a process is the leader of this session, or one of those in it. What has ended and been
/// reaped is in none.
pub fn is_in_session(pid: i32, leader: i32) -> bool {
    pid == leader || getsid(Some(Pid::from_raw(pid))).is_ok_and(|session| session.as_raw() == leader)
}

/// The supplementary groups the peer of `socket` had when it connected (`SO_PEERGROUPS`).
///
/// The kernel kept them with the connection: unlike a look at `/proc/PID`, this cannot
/// meet another process that has the number by now, and it asks no name service.
pub fn peer_groups(socket: BorrowedFd<'_>) -> io::Result<Vec<u32>> {
    // No process has more than NGROUPS_MAX; most have a few, so it grows on ERANGE.
    let mut groups: Vec<libc::gid_t> = vec![0; 32];
    loop {
        let mut bytes = libc::socklen_t::try_from(size_of_val(groups.as_slice()))
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        // SAFETY: the kernel writes at most `bytes` bytes, the size of `groups`, and puts into
        // `bytes` how many there are; both outlive the call.
        let result = unsafe {
            libc::getsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERGROUPS,
                groups.as_mut_ptr().cast(),
                &raw mut bytes,
            )
        };
        if result == 0 {
            groups.truncate(bytes as usize / size_of::<libc::gid_t>());
            return Ok(groups);
        }
        let error = io::Error::last_os_error();
        let needed = bytes as usize / size_of::<libc::gid_t>();
        if error.raw_os_error() != Some(libc::ERANGE) || needed <= groups.len() {
            return Err(error);
        }
        groups.resize(needed, 0);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixDatagram, UnixStream};

    use super::*;

    #[test]
    fn the_groups_of_a_peer_in_this_process_are_its_own() {
        let (one, _other) = UnixStream::pair().unwrap();
        let mut own: Vec<u32> = nix::unistd::getgroups().unwrap().iter().map(|gid| gid.as_raw()).collect();
        let mut seen = peer_groups(one.as_fd()).unwrap();
        own.sort_unstable();
        seen.sort_unstable();
        assert_eq!(seen, own);
    }

    #[test]
    fn the_kernel_says_who_sent_a_message() {
        let (one, other) = UnixDatagram::pair().unwrap();
        let mut buffer = [0; 8];
        assert_eq!(receive(one.as_fd(), &mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        other.send(b"unasked").unwrap();
        assert_eq!(receive(one.as_fd(), &mut buffer).unwrap(), (7, None));
        ask_for_senders(&one).unwrap();
        other.send(b"hello").unwrap();
        let own = std::process::id().cast_signed();
        assert_eq!(receive(one.as_fd(), &mut buffer).unwrap(), (5, Some(own)));
        assert_eq!(buffer[..5], *b"hello");
    }

    #[test]
    fn a_process_is_in_its_session_and_in_no_other() {
        let own = std::process::id().cast_signed();
        let session = getsid(None).unwrap().as_raw();
        assert!(is_in_session(own, own) && is_in_session(own, session));
        assert!(!is_in_session(own, 1) && !is_in_session(i32::MAX, session));
    }

    #[test]
    fn what_is_no_unix_socket_is_an_error() {
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(peer_groups(file.as_fd()).is_err());
    }
}
