//! Who is at the other end of a Unix socket, beyond what `SO_PEERCRED` says.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

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
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

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
    fn what_is_no_unix_socket_is_an_error() {
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(peer_groups(file.as_fd()).is_err());
    }
}
