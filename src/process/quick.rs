//! Whether a program can be begun without waiting for a disk, a network or another
//! process: asked before the supervisor stands still for its child.
//!
//! The kernel answers from what it has in memory alone (`RESOLVE_CACHED`): a path that is not there means
//! "not now". And what it finds has to lie on a local file system.

use std::cell::RefCell;
use std::ffi::{CStr, c_char};
use std::fs;
use std::mem::{MaybeUninit, zeroed};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use super::prepare::Prepared;

/// File systems without a device of their own that are local all the same.
const LOCAL: [&str; 10] =
    ["bcachefs", "btrfs", "erofs", "overlay", "proc", "ramfs", "rootfs", "squashfs", "tmpfs", "zfs"];

/// Whether the child that `prepared` describes would not be kept waiting.
pub(super) fn is_quick(prepared: &Prepared) -> bool {
    let Found::There(directory) = look(libc::AT_FDCWD, prepared.directory(), libc::O_DIRECTORY) else {
        return false;
    };
    if !is_local(&directory) {
        return false;
    }
    for &program in prepared.programs() {
        match look(directory.as_raw_fd(), program, 0) {
            Found::There(program) => return is_local(&program),
            Found::Nothing => {}
            Found::NotNow => return false,
        }
    }
    // None is there, and the kernel knows it.
    true
}

enum Found {
    There(OwnedFd),
    Nothing,
    NotNow,
}

fn look(at: RawFd, path: *const c_char, flags: i32) -> Found {
    // SAFETY: a struct of integers, for which zero means "not used".
    let mut how: libc::open_how = unsafe { zeroed() };
    how.flags = u64::from((libc::O_PATH | libc::O_CLOEXEC | flags).unsigned_abs());
    how.resolve = libc::RESOLVE_CACHED;
    // SAFETY: `path` ends in a NUL byte and is kept by the caller; the kernel reads `how`.
    let fd = unsafe { libc::syscall(libc::SYS_openat2, at, path, &raw const how, size_of_val(&how)) };
    match i32::try_from(fd) {
        // SAFETY: the kernel has just opened it for us.
        Ok(fd) if fd >= 0 => Found::There(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ if nix::errno::Errno::last() == nix::errno::Errno::ENOENT => Found::Nothing,
        // Not in memory, not allowed, or no such call: there is the other way.
        _ => Found::NotNow,
    }
}

fn is_local(fd: &OwnedFd) -> bool {
    const EMPTY: &CStr = c"";
    let mut stat = MaybeUninit::<libc::statx>::zeroed();
    let flags = libc::AT_EMPTY_PATH | libc::AT_STATX_DONT_SYNC;
    let mask = libc::STATX_TYPE | libc::STATX_MNT_ID;
    // SAFETY: a constant text; the kernel writes one statx.
    let result = unsafe { libc::statx(fd.as_raw_fd(), EMPTY.as_ptr(), flags, mask, stat.as_mut_ptr()) };
    if result < 0 {
        return false;
    }
    // SAFETY: written by the kernel, and zero is a valid one.
    let stat = unsafe { stat.assume_init() };
    // A device of its own: a disk, or what looks like one.
    stat.stx_dev_major != 0 || is_local_mount(stat.stx_mnt_id, stat.stx_dev_minor)
}

/// The kinds of mounts do not change, but their numbers are used again: the device goes
/// with them.
fn is_local_mount(id: u64, minor: u32) -> bool {
    thread_local! {
        static KNOWN: RefCell<Vec<(u64, u32, bool)>> = const { RefCell::new(Vec::new()) };
    }
    KNOWN.with_borrow_mut(|known| {
        if let Some(&(_, _, local)) = known.iter().find(|entry| (entry.0, entry.1) == (id, minor)) {
            return local;
        }
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let local = kind_of_mount(&mounts, id).is_some_and(|kind| LOCAL.contains(&kind));
        if known.len() == 64 {
            known.clear();
        }
        known.push((id, minor, local));
        local
    })
}

/// `36 35 0:31 / /mnt rw,noatime master:1 - tmpfs tmpfs rw`
fn kind_of_mount(mounts: &str, id: u64) -> Option<&str> {
    let line = mounts.lines().find(|line| line.split(' ').next().and_then(|n| n.parse().ok()) == Some(id))?;
    line.split_once(" - ")?.1.split(' ').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_a_mount_stands_after_the_dash() {
        let mounts = "22 1 254:0 / / rw shared:1 - ext4 /dev/vda rw\n36 22 0:31 / /home rw - nfs4 h:/ rw\n";
        assert_eq!(kind_of_mount(mounts, 22), Some("ext4"));
        assert_eq!(kind_of_mount(mounts, 36), Some("nfs4"));
        assert_eq!(kind_of_mount(mounts, 3), None);
    }

    #[test]
    fn proc_is_local_though_it_has_no_device() {
        assert!(is_local(&fs::File::open("/proc/self/stat").unwrap().into()));
    }
}
