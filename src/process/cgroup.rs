//! A control group for each instance, where the system has delegated a subtree (version 2).
//!
//! ```text
//!   system.slice/abaqis-daemons.service     delegated: Delegate=yes
//!    ├─ supervisor                          this process, out of the way: a group with
//!    ├─ abaqis:worker:1                     groups below it may hold no process itself
//!    └─ abaqis:worker:2
//! ```
//!
//! With it, nothing of an instance can get away, all of it is ended in one call, and
//! `memory` and `cpu` limits hold for all of it together. Nothing here needs controllers
//! but those two.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;

use super::child::{open_pidfd, send_signal};
use super::error::SystemError;
use super::own;
use super::signal::Signal;

/// The group the supervisor itself moves to.
const OWN: &str = "supervisor";

/// The period that `cpu.max` is stated for, in microseconds.
const PERIOD: u64 = 100_000;

/// The control groups of one supervisor.
#[derive(Debug, Clone)]
pub struct Cgroups {
    root: PathBuf,
}

impl Cgroups {
    /// The subtree that this process has been given, this process moved out of its way;
    /// `None`: it has not been given one. To be called before anything is started.
    pub fn take() -> io::Result<Option<Self>> {
        let mounts = fs::read_to_string("/proc/self/mountinfo")?;
        let Some(own) = own_group(&mounts, &fs::read_to_string("/proc/self/cgroup")?) else {
            return Ok(None);
        };
        // After this process has become a newer program it is in its place already.
        let (root, moved) = match own.parent() {
            Some(parent) if own.ends_with(OWN) && is_delegated(parent) => (parent, true),
            _ => (own.as_path(), false),
        };
        if !is_delegated(root) {
            return Ok(None);
        }
        let groups = Self::below(root.to_owned());
        if !moved {
            let leaf = groups.root.join(OWN);
            make(&leaf)?;
            fs::write(leaf.join("cgroup.procs"), own::pid().to_string())?;
        }
        groups.enable_controllers();
        Ok(Some(groups))
    }

    /// Those in the directory `root`, whoever has delegated it.
    pub fn below(root: PathBuf) -> Self {
        Self { root }
    }

    /// The group of an instance, made if it is not there.
    pub fn group(&self, instance: &str) -> io::Result<Cgroup> {
        // An instance has slashes in its name, and no colons.
        let path = self.root.join(instance.replace('/', ":"));
        make(&path)?;
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let directory = open(&path, flags, Mode::empty())?;
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        let events = openat(&directory, "cgroup.events", flags, Mode::empty())?.into();
        Ok(Cgroup { path, directory, events })
    }

    fn enable_controllers(&self) {
        let there = fs::read_to_string(self.root.join("cgroup.controllers")).unwrap_or_default();
        for controller in ["memory", "cpu"] {
            if there.split_ascii_whitespace().any(|found| found == controller) {
                // Refused as long as the group holds another process. Without it, limits
                // are reported as not possible when they are set.
                let _ = fs::write(self.root.join("cgroup.subtree_control"), format!("+{controller}"));
            }
        }
    }
}

fn make(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// The directory of this process's own group: `0::/system.slice/x.service`, below where
/// its hierarchy is mounted.
fn own_group(mounts: &str, groups: &str) -> Option<PathBuf> {
    let own = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    // `30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw`
    let (root, place) = mounts.lines().find_map(|line| {
        let (mount, kind) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(3);
        (kind.split(' ').next() == Some("cgroup2")).then_some((fields.next()?, fields.next()?))
    })?;
    let below = Path::new(own).strip_prefix(root).ok()?;
    Some(Path::new(place).join(below))
}

/// Whether whoever manages the groups has left this one to us: systemd says so in an
/// attribute. That it may be written to is not enough: root may write to the group of its
/// login, and a user to that of its terminal, where others run.
fn is_delegated(group: &Path) -> bool {
    ["trusted.delegate", "user.delegate"].iter().any(|name| attribute(group, name) == Some(b'1'))
}

/// The first byte of an extended attribute.
fn attribute(path: &Path, name: &str) -> Option<u8> {
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    let name = CString::new(name).ok()?;
    let mut value = [0_u8; 8];
    // SAFETY: two texts that end in a NUL byte; the kernel writes into `value` what fits.
    let length =
        unsafe { libc::getxattr(path.as_ptr(), name.as_ptr(), value.as_mut_ptr().cast(), value.len()) };
    (length > 0).then_some(value[0])
}

/// The control group of one instance.
#[derive(Debug)]
pub struct Cgroup {
    path: PathBuf,
    directory: OwnedFd,
    events: File,
}

impl Cgroup {
    /// Its directory.
    pub(super) fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// Opened for writing: who writes `0` enters.
    pub(super) fn procs(&self) -> Result<OwnedFd, SystemError> {
        Ok(openat(&self.directory, "cgroup.procs", OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?)
    }

    /// Ends every process in it, those that are just being started included.
    pub fn kill(&self) -> io::Result<()> {
        match self.write("cgroup.kill", "1") {
            // Before Linux 5.14: one by one, and again by whoever sees that it is not empty.
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.kill_each(),
            result => result,
        }
    }

    fn kill_each(&self) -> io::Result<()> {
        for pid in self.pids()? {
            let pid = nix::unistd::Pid::from_raw(pid);
            match nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL) {
                Ok(()) | Err(nix::Error::ESRCH) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    /// Sends a signal to those of its processes that are `wanted`, by number.
    pub(super) fn signal(&self, signal: Signal, mut wanted: impl FnMut(i32) -> bool) -> io::Result<()> {
        let held = self.pids()?.into_iter().filter_map(|pid| Some((pid, open_pidfd(pid).ok()?)));
        let held: Vec<_> = held.collect();
        // Who is still here is the one that the descriptor means: its number was not another's meanwhile.
        let here = self.pids()?;
        for (pid, pidfd) in held {
            if here.contains(&pid) && wanted(pid) {
                send_signal(pidfd.as_raw_fd(), signal)?;
            }
        }
        Ok(())
    }

    fn pids(&self) -> io::Result<Vec<i32>> {
        Ok(self.read("cgroup.procs")?.lines().filter_map(|line| line.parse().ok()).collect())
    }

    /// Whether a process runs in it; a zombie does not, from a moment after it has ended.
    pub fn is_populated(&self) -> io::Result<bool> {
        // `populated 1` and `frozen 0`, in any order.
        let mut text = [0; 64];
        let n = self.events.read_at(&mut text, 0)?;
        Ok(text[..n].split(|&byte| byte == b'\n').any(|line| line == b"populated 1"))
    }

    /// A descriptor that has urgent news when the answer of [`is_populated`](Self::is_populated)
    /// may have changed, until that is asked again.
    pub fn changes(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }

    /// The bytes of memory all its processes use together. An error without the
    /// controller `memory`.
    pub fn memory(&self) -> io::Result<u64> {
        self.read("memory.current")?.trim().parse().map_err(|_| io::ErrorKind::InvalidData.into())
    }

    /// Limits their memory, in bytes; `None`: no limit. An error without the controller
    /// `memory`.
    pub fn limit_memory(&self, bytes: Option<u64>) -> io::Result<()> {
        self.write("memory.max", &bytes.map_or_else(|| "max".to_owned(), |bytes| bytes.to_string()))
    }

    /// Limits their processor time, in per cent of one core; `None`: no limit. An error
    /// without the controller `cpu`.
    pub fn limit_cpu(&self, percent: Option<u32>) -> io::Result<()> {
        let quota = percent.map_or_else(
            || "max".to_owned(),
            |percent| (u64::from(percent) * PERIOD / 100).max(1000).to_string(),
        );
        self.write("cpu.max", &format!("{quota} {PERIOD}"))
    }

    /// Removes it, once it is empty, with the empty groups its processes have made in it.
    pub fn remove(&self) -> io::Result<()> {
        remove(&self.path)
    }

    fn read(&self, name: &str) -> io::Result<String> {
        let file = openat(&self.directory, name, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
        let mut text = String::new();
        File::from(file).read_to_string(&mut text)?;
        Ok(text)
    }

    fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let file = openat(&self.directory, name, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
        File::from(file).write_all(text.as_bytes())
    }
}

/// From the lowest up; files go with their directory.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir(path) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(_) => {}
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        }
    }
    fs::remove_dir(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_group_is_found_below_its_mount() {
        let mounts =
            "22 1 254:0 / / rw - ext4 /dev/vda rw\n30 22 0:26 / /sys/fs/cgroup rw - cgroup2 none rw\n";
        let groups = "4:memory:/x\n0::/system.slice/abaqis-daemons.service\n";
        assert_eq!(
            own_group(mounts, groups),
            Some("/sys/fs/cgroup/system.slice/abaqis-daemons.service".into())
        );
        // In a container that sees a part of the tree.
        let part = "30 22 0:26 /docker/1 /sys/fs/cgroup rw - cgroup2 none rw\n";
        assert_eq!(own_group(part, "0::/docker/1/a\n"), Some("/sys/fs/cgroup/a".into()));
        assert_eq!(own_group(part, "0::/elsewhere\n"), None);
        assert_eq!(own_group(mounts, "4:memory:/x\n"), None);
        assert_eq!(own_group("22 1 254:0 / / rw - ext4 /dev/vda rw\n", groups), None);
    }
}
