//! Memory: that of a process, and memory that is handed to the next program.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::unistd::{SysconfVar, sysconf};

/// Bytes of memory that a process holds, pages it shares with others included.
pub fn resident(pid: i32) -> io::Result<u64> {
    let invalid = || io::Error::from(io::ErrorKind::InvalidData);
    let statm = fs::read_to_string(format!("/proc/{pid}/statm"))?;
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).ok_or_else(invalid)?;
    let page =
        sysconf(SysconfVar::PAGE_SIZE)?.and_then(|page| u64::try_from(page).ok()).ok_or_else(invalid)?;
    Ok(pages * page)
}

/// Bytes of memory of a process, each page it shares counted by its share. Slower.
pub fn proportional(pid: i32) -> io::Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let kib = rollup.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB"));
    let kib: u64 = kib.and_then(|kib| kib.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    Ok(kib * 1024)
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

/// Leaves a descriptor open across exec. Gives its number.
pub fn leave_open(fd: &OwnedFd) -> io::Result<RawFd> {
    fcntl(fd, FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty()))?;
    Ok(fd.as_raw_fd())
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
        assert!(proportional(pid).unwrap() > 100_000);
        assert!(resident(-1).is_err());
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
