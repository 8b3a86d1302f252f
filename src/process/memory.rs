//! Memory: that of a process, and memory that is handed to the next program.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::unistd::{SysconfVar, sysconf};

/// Bytes of memory that a process holds, pages it shares with others included.
pub fn resident(pid: i32) -> io::Result<u64> {
    let invalid = || io::Error::from(io::ErrorKind::InvalidData);
    let statm = fs::read_to_string(format!("/proc/{pid}/statm"))?;
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).ok_or_else(invalid)?;
    Ok(pages * page_size()?)
}

fn page_size() -> io::Result<u64> {
    let page = sysconf(SysconfVar::PAGE_SIZE)?.and_then(|page| u64::try_from(page).ok());
    page.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Bytes of memory of all processes, by the session they are in; pages that several share are counted
/// for each.
pub fn of_sessions() -> io::Result<HashMap<i32, u64>> {
    let page = page_size()?;
    let mut sessions = HashMap::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())) else {
            continue;
        };
        // It may have ended by now.
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        let Some((session, pages)) = session_and_pages(&stat) else { continue };
        *sessions.entry(session).or_default() += pages * page;
    }
    Ok(sessions)
}

/// `pid (name) state ppid pgrp session …`, and the 24th is `rss`: the name may hold anything.
fn session_and_pages(stat: &str) -> Option<(i32, u64)> {
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let session = fields.nth(3)?.parse().ok()?;
    Some((session, fields.nth(17)?.parse().ok()?))
}

/// A message to the program this process becomes next: in memory, sealed, and open
/// across exec. The next one finds it by its number.
pub fn leave_message(bytes: &[u8]) -> io::Result<OwnedFd> {
    // SAFETY: a constant text.
    let fd = Errno::result(unsafe { libc::memfd_create(c"abaqis-state".as_ptr(), libc::MFD_ALLOW_SEALING) })?;
    // SAFETY: the kernel has just opened it for us.
    let mut file = File::from(unsafe { OwnedFd::from_raw_fd(fd) });
    file.write_all(bytes)?;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals()))?;
    Ok(file.into())
}

/// What the program before this one has left, by the number of its descriptor, which is
/// closed. An error if it is anything but a sealed message.
pub fn take_message(number: RawFd) -> io::Result<Vec<u8>> {
    let mut file = File::from(inherited(number)?);
    let sealed = fcntl(&file, FcntlArg::F_GET_SEALS)?;
    if sealed & seals().bits() != seals().bits() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is not sealed"));
    }
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A descriptor that the program before this one has left open: from now on
/// close-on-exec, and the caller's. To be called once for a number, before anything else
/// opens descriptors.
pub fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    if number <= 2 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: no memory is involved; a number that is not open is an error.
    Errno::result(unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    // SAFETY: it is open, and whoever gave its number has left it to us.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

fn seals() -> SealFlag {
    SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_SEAL
}

#[cfg(test)]
mod tests {
    use std::os::fd::IntoRawFd;

    use super::*;

    #[test]
    fn this_process_uses_memory() {
        let pid = nix::unistd::getpid().as_raw();
        assert!(resident(pid).unwrap() > 100_000);
        assert!(resident(-1).is_err());
    }

    #[test]
    fn a_session_has_the_memory_of_its_processes() {
        let session = nix::unistd::getsid(None).unwrap().as_raw();
        let own = resident(nix::unistd::getpid().as_raw()).unwrap();
        assert!(of_sessions().unwrap()[&session] >= own / 2);
        let stat = "7 (a) b) S 1 7 5 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 77 1000 300 1844 1";
        assert_eq!(session_and_pages(stat), Some((5, 300)));
    }

    #[test]
    fn a_message_is_read_once_and_cannot_be_changed() {
        let message = leave_message(b"state").unwrap();
        assert!(File::from(message.try_clone().unwrap()).write_all(b"x").is_err());
        assert_eq!(take_message(message.into_raw_fd()).unwrap(), b"state");
        let other = File::open("/dev/null").unwrap();
        assert!(take_message(other.into_raw_fd()).is_err());
        assert!(take_message(1).is_err());
    }
}
