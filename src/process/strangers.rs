//! Children that nobody here started: processes whose parents, daemons of this
//! supervisor, have gone.
//!
//! They are found in the kernel's list of our children, never by `waitpid(-1)`, which
//! would take the exits of those that others here wait for.

use std::cell::OnceCell;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use super::group::signal_group;
use super::own;
use super::signal::Signal;

/// A live process that came to us when its parent ended.
#[derive(Debug)]
pub struct Stranger {
    /// Its number.
    pub pid: i32,
    /// Its process group.
    pub group: i32,
    /// Its session.
    pub session: i32,
    instance: OnceCell<Option<String>>,
}

impl Stranger {
    /// The `AYL_INSTANCE` it was started with.
    pub fn instance(&self) -> Option<&str> {
        self.instance.get_or_init(|| cookie(self.pid)).as_deref()
    }

    /// Ends it and its process group, if it leads one. It is our child, so its number is
    /// its own until we reap it.
    pub fn kill(&self) -> io::Result<()> {
        if self.group == self.pid {
            signal_group(self.pid, Signal::KILL)?;
        }
        // SAFETY: no memory is involved.
        match Errno::result(unsafe { libc::kill(self.pid, libc::SIGKILL) }) {
            Ok(_) | Err(Errno::ESRCH) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// How often to look again when something has ended meanwhile.
const LOOKS: usize = 64;

/// How often to look at a process that is between two programs. An exec takes some microseconds, or longer if
/// the process loses its processor meanwhile.
const ON_ITS_WAY: usize = 100;

/// How long to leave the processor to it each time: so it holds us up for some milliseconds at most.
const PAUSE: Duration = Duration::from_micros(100);

/// Bytes: enough for the list of some thousand children, and for most environments.
const ROOM: usize = 32 * 1024;

/// The strangers there are at one moment.
#[derive(Debug, Default)]
pub struct Strangers {
    found: Vec<Stranger>,
    /// There was no end of those that ended; somebody may have been missed.
    unsettled: bool,
}

impl Strangers {
    /// Looks for them, and reaps those that have ended. `is_known` says whether a child
    /// was started here: those are never reaped.
    pub fn look(is_known: impl Fn(i32) -> bool) -> io::Result<Self> {
        let mut strangers = Self::default();
        for _ in 0..LOOKS {
            strangers.unsettled = false;
            strangers.found.clear();
            for pid in children()?.into_iter().filter(|&pid| !is_known(pid)) {
                if reap(pid)? {
                    // Its children have become ours, maybe after the list was read.
                    strangers.unsettled = true;
                } else if let Some((group, session)) = group_and_session(pid) {
                    strangers.found.push(Stranger { pid, group, session, instance: OnceCell::new() });
                }
            }
            if !strangers.unsettled {
                break;
            }
        }
        Ok(strangers)
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Stranger> {
        self.found.iter()
    }

    /// Whether there is none, and surely so.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty() && self.is_settled()
    }

    /// Whether nobody can have been missed.
    pub(super) fn is_settled(&self) -> bool {
        !self.unsettled
    }
}

/// Reaps the strangers that have ended. To be called on SIGCHLD, after the exits of the
/// processes started here have been seen.
pub fn reap_strangers(is_known: impl Fn(i32) -> bool) -> io::Result<()> {
    let peek = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    loop {
        // The cheap question first: whether anything has ended at all.
        match waitid(Id::All, peek) {
            Ok(status) => match status.pid() {
                None => return Ok(()),
                // It hides whatever is behind it in the kernel's list.
                Some(pid) if is_known(pid.as_raw()) => return Strangers::look(is_known).map(drop),
                Some(pid) => drop(reap(pid.as_raw())?),
            },
            Err(Errno::ECHILD) => return Ok(()),
            Err(Errno::EINTR) => {}
            // A signal that nix has no name for ended it.
            Err(_) => return Strangers::look(is_known).map(drop),
        }
    }
}

/// Whether a child of ours runs in this process group. Those that have ended do not count.
pub(super) fn any_in_group(group: i32) -> io::Result<bool> {
    // Asked for what has stopped, the kernel says whether there is anything to wait for, and zombies are not.
    let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    loop {
        match waitid(Id::PGid(Pid::from_raw(group)), flags) {
            Ok(_) => return Ok(true),
            Err(Errno::ECHILD) => return Ok(false),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Takes the exit of a child; false: it has not ended.
fn reap(pid: i32) -> io::Result<bool> {
    match waitid(Id::Pid(Pid::from_raw(pid)), WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG) {
        Ok(status) => Ok(status.pid().is_some()),
        // ECHILD: somebody else was faster. EINVAL: it has been reaped, and was ended by a
        // signal that nix has no name for.
        Err(Errno::ECHILD | Errno::EINVAL) => Ok(true),
        Err(errno) => Err(errno.into()),
    }
}

/// All our children, ended ones included. Those that lose their parents are given to the
/// main thread, as long as it lives; those started on another thread are not listed.
fn children() -> io::Result<Vec<i32>> {
    let pid = own::pid();
    // In large pieces: the kernel looks for its place in the list at each.
    let mut text = String::with_capacity(ROOM);
    File::open(format!("/proc/{pid}/task/{pid}/children"))?.read_to_string(&mut text)?;
    Ok(text.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect())
}

fn group_and_session(pid: i32) -> Option<(i32, i32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // `pid (name) state ppid pgrp session …`: the name may hold anything.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

fn cookie(pid: i32) -> Option<String> {
    let environ = environ(pid)?;
    let value = environ.split(|&byte| byte == 0).find_map(|entry| entry.strip_prefix(b"AYL_INSTANCE="))?;
    String::from_utf8(value.to_owned()).ok()
}

/// What it was started with; `None`: it is gone, or far too long on its way to its next program.
fn environ(pid: i32) -> Option<Vec<u8>> {
    let read = || at_once(&format!("/proc/{pid}/environ")).ok();
    for _ in 0..ON_ITS_WAY {
        let environ = read()?;
        if !environ.is_empty() {
            return Some(environ);
        }
        // On its way from one program to the next it has no environment, and no code but at 0. If it has, and
        // the same a moment later, it was really started without.
        let code = code(pid)?;
        let environ = read()?;
        if !environ.is_empty() || (code != "0" && self::code(pid)? == code) {
            return Some(environ);
        }
        std::thread::sleep(PAUSE);
    }
    None
}

/// A file's bytes by a single read: what two reads see may be of two programs.
fn at_once(path: &str) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let mut bytes = vec![0; ROOM];
    loop {
        let count = file.read_at(&mut bytes, 0)?;
        if count < bytes.len() {
            bytes.truncate(count);
            return Ok(bytes);
        }
        bytes.resize(bytes.len() * 2, 0);
    }
}

/// Where its program begins in memory, which is elsewhere for each that it runs: `startcode` of
/// `proc_pid_stat(5)`, the 26th field.
fn code(pid: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit_once(") ")?.1.split(' ').nth(23)?.to_owned())
}
