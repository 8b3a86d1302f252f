//! What the supervisor asks and does about its own process.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::OnceLock;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl, open};
use nix::sys::signal::SigSet;
use nix::sys::stat::Mode;

use super::command::{Limit, Resource};
use super::error::SystemError;

/// The limit on descriptors this process was started with, once it has been raised.
static STARTED_WITH: OnceLock<libc::rlimit64> = OnceLock::new();

/// This process.
pub(super) fn pid() -> i32 {
    nix::unistd::getpid().as_raw()
}

/// `/dev/null`, opened once.
pub(super) fn dev_null() -> Result<BorrowedFd<'static>, SystemError> {
    static NULL: OnceLock<OwnedFd> = OnceLock::new();
    if let Some(null) = NULL.get() {
        return Ok(null.as_fd());
    }
    let opened = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?;
    Ok(NULL.get_or_init(|| opened).as_fd())
}

/// The highest descriptor that is open, if descriptors have to be closed one by one
/// because a filter of system calls does not know `close_range`; else 0.
pub(super) fn highest_descriptor() -> i32 {
    static BY_RANGE: OnceLock<bool> = OnceLock::new();
    let by_range = BY_RANGE.get_or_init(|| {
        // SAFETY: there is no descriptor of that number to close.
        unsafe { libc::syscall(libc::SYS_close_range, u32::MAX, u32::MAX, 0) == 0 }
    });
    if *by_range {
        return 0;
    }
    let Ok(open) = fs::read_dir("/proc/self/fd") else { return 1024 };
    open.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).max().unwrap_or(1024)
}

/// Whether this process has been made a less likely victim of the kernel when memory
/// runs out, which its children are not to inherit.
pub(super) fn is_hard_to_kill() -> bool {
    static NEGATIVE: OnceLock<bool> = OnceLock::new();
    *NEGATIVE.get_or_init(|| {
        fs::read_to_string("/proc/self/oom_score_adj")
            .is_ok_and(|text| text.trim().parse::<i32>().is_ok_and(|score| score < 0))
    })
}

/// Whether this process's memory is open to core dumps and debuggers. Its own children,
/// while they share it, make the kernel close it.
pub(super) fn is_dumpable() -> bool {
    nix::sys::prctl::get_dumpable().unwrap_or(false)
}

/// Opens it again.
pub(super) fn become_dumpable() {
    let _ = nix::sys::prctl::set_dumpable(true);
}

/// Every process that has lost its parent below this one becomes its child, not init's.
pub fn become_subreaper() -> io::Result<()> {
    Ok(nix::sys::prctl::set_child_subreaper(true)?)
}

/// Raises the limit on descriptors as far as it goes: a supervisor needs some for each daemon. Its
/// children get the limit it was started with. Returns the new limit.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    let now = limit(libc::RLIMIT_NOFILE)?;
    let started_with = STARTED_WITH.get_or_init(|| now);
    set_limit(
        libc::RLIMIT_NOFILE,
        libc::rlimit64 { rlim_cur: now.rlim_max, rlim_max: started_with.rlim_max },
    )?;
    Ok(now.rlim_max)
}

/// The limits to set in a child: those asked for, and what was raised here taken back.
pub(super) fn limits_for_child(asked: &[(Resource, Limit)]) -> Vec<(Resource, libc::rlimit64)> {
    let number = |value: Option<u64>| value.unwrap_or(libc::RLIM64_INFINITY);
    let mut limits: Vec<_> = asked
        .iter()
        .map(|&(resource, limit)| {
            let raw = libc::rlimit64 { rlim_cur: number(limit.soft), rlim_max: number(limit.hard) };
            (resource, raw)
        })
        .collect();
    if let Some(&started_with) = STARTED_WITH.get()
        && !asked.iter().any(|(resource, _)| *resource == Resource::Nofile)
    {
        limits.push((Resource::Nofile, started_with));
    }
    limits
}

fn limit(resource: libc::__rlimit_resource_t) -> io::Result<libc::rlimit64> {
    let mut limit = libc::rlimit64 { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes one rlimit64 to where there is one.
    Errno::result(unsafe { libc::getrlimit64(resource, &raw mut limit) })?;
    Ok(limit)
}

fn set_limit(resource: libc::__rlimit_resource_t, limit: libc::rlimit64) -> io::Result<()> {
    // SAFETY: the kernel reads one rlimit64 from where there is one.
    Errno::result(unsafe { libc::setrlimit64(resource, &raw const limit) })?;
    Ok(())
}

/// Becomes another program: same process, same children. Returns only if that failed.
/// Descriptors that are not close-on-exec stay open.
pub fn reexec(program: &Path, argv: &[CString]) -> io::Error {
    let Ok(program) = CString::new(program.as_os_str().as_bytes()) else {
        return io::ErrorKind::InvalidInput.into();
    };
    // The next one has to find, and to give to its children, what this one found.
    if let Some(&started_with) = STARTED_WITH.get()
        && let Err(error) = set_limit(libc::RLIMIT_NOFILE, started_with)
    {
        return error;
    }
    let Err(errno) = nix::unistd::execv(&program, argv);
    let _ = raise_descriptor_limit();
    errno.into()
}

/// Holds every signal back until [`release_signals`], also over exec: none is lost.
pub fn hold_signals() {
    // It fails only for a call that is not well formed.
    let _ = SigSet::all().thread_block();
}

/// Lets them come.
pub fn release_signals() {
    let _ = SigSet::all().thread_unblock();
}

/// Whether a descriptor is to stay open over exec.
pub fn keep_over_exec(fd: BorrowedFd<'_>, keep: bool) -> io::Result<()> {
    let flags = if keep { FdFlag::empty() } else { FdFlag::FD_CLOEXEC };
    fcntl(fd, FcntlArg::F_SETFD(flags))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_on_descriptors_is_raised_for_us_and_not_for_children() {
        let before = limit(libc::RLIMIT_NOFILE).unwrap();
        assert_eq!(raise_descriptor_limit().unwrap(), before.rlim_max);
        let again = raise_descriptor_limit().unwrap();
        assert_eq!(limit(libc::RLIMIT_NOFILE).unwrap().rlim_cur, again);
        let children = limits_for_child(&[(Resource::Core, Limit::both(None))]);
        assert_eq!(children.len(), 2);
        assert_eq!(children[0].1.rlim_cur, libc::RLIM64_INFINITY);
        assert_eq!((children[1].0, children[1].1.rlim_cur), (Resource::Nofile, before.rlim_cur));
        let own = limits_for_child(&[(Resource::Nofile, Limit::both(Some(64)))]);
        assert_eq!(own.len(), 1);
    }
}
