//! A process that was started here, until it has been reaped.
//!
//! ```text
//!   spawn ─► started() ─► running ─► exit seen ─► its group signalled ─► reap()
//!              │ the status pipe          │ the pidfd is readable; it is a zombie, so
//!              ▼ is readable              ▼ its number cannot be given to another
//! ```

use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;

use super::child_side::{Failure, Step};
use super::command::Resource;
use super::error::{SpawnError, SystemError, explain};
use super::prepare::Prepared;
use super::signal::Signal;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exit {
    /// By itself, with this status.
    Code(i32),
    /// By a signal.
    Signal {
        /// Which.
        signal: Signal,
        /// Whether it left a core file.
        core: bool,
    },
}

impl Exit {
    /// Whether it ended by itself, with status 0.
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }
}

/// `exited with status 1`, `killed by SIGSEGV (core dumped)`.
impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with status {code}"),
            Self::Signal { signal, core } => {
                write!(f, "killed by {signal}{}", if *core { " (core dumped)" } else { "" })
            }
        }
    }
}

/// A process that was started here. Dropping it neither ends nor reaps it.
#[derive(Debug)]
pub struct Child {
    pid: i32,
    pidfd: OwnedFd,
    /// While it is on its way to the program.
    starting: Option<Box<Starting>>,
}

#[derive(Debug)]
struct Starting {
    status: OwnedFd,
    prepared: Prepared,
}

impl Child {
    pub(super) fn new(pid: i32, pidfd: OwnedFd, status: OwnedFd, prepared: Prepared) -> Self {
        Self { pid, pidfd, starting: Some(Box::new(Starting { status, prepared })) }
    }

    /// A child that an earlier program of this same process has started.
    pub fn adopt(pid: i32) -> io::Result<Self> {
        let child = Self { pid, pidfd: open_pidfd(pid)?, starting: None };
        // Fails if it is no child of ours.
        child.exit()?;
        Ok(child)
    }

    /// Its number: also that of its session and of its process group.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Readable once it has ended.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Readable once [`started`](Self::started) has something to say; `None`: it has
    /// been said.
    pub fn status(&self) -> Option<BorrowedFd<'_>> {
        self.starting.as_ref().map(|starting| starting.status.as_fd())
    }

    /// Whether it runs its program: `None`: not yet. After an error it still has to be
    /// reaped. Does not block.
    pub fn started(&mut self) -> Option<Result<(), SpawnError>> {
        let Some(starting) = &self.starting else { return Some(Ok(())) };
        let mut report = [0; Failure::SIZE];
        let result = match nix::unistd::read(&starting.status, &mut report) {
            Err(Errno::EAGAIN | Errno::EINTR) => return None,
            Ok(Failure::SIZE) => match Failure::from_bytes(report) {
                Some(failure) => Err(what_failed(failure, &starting.prepared)),
                None => Ok(()),
            },
            // Closed by exec; or by a death on the way, which its exit will tell.
            _ => Ok(()),
        };
        self.starting = None;
        Some(result)
    }

    /// How it ended; `None`: it has not. It stays a zombie.
    pub fn exit(&self) -> io::Result<Option<Exit>> {
        wait(self.pidfd.as_fd(), libc::WNOWAIT | libc::WNOHANG)
    }

    /// Takes its exit off the system's hands; `None`: it has not ended. Its number may
    /// be another's afterwards: signal its group first.
    pub fn reap(&self) -> io::Result<Option<Exit>> {
        wait(self.pidfd.as_fd(), libc::WNOHANG)
    }

    /// Sends it, and nobody else, a signal. That it has ended is no error.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        send_signal(self.pidfd.as_raw_fd(), signal)
    }
}

/// A descriptor for the process that has this number now.
pub(super) fn open_pidfd(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: no memory is involved.
    let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    let fd = i32::try_from(fd).map_err(|_| io::ErrorKind::InvalidData)?;
    // SAFETY: the kernel has just opened it for us, close-on-exec.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sends the process behind a pidfd a signal. That it has ended is no error.
pub(super) fn send_signal(pidfd: RawFd, signal: Signal) -> io::Result<()> {
    let info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: a null pointer stands for what kill(2) would send along.
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd, signal.raw(), info, 0) };
    match Errno::result(sent) {
        Ok(_) | Err(Errno::ESRCH) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// waitid(2) on one process.
pub(super) fn wait(pidfd: BorrowedFd<'_>, options: i32) -> io::Result<Option<Exit>> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let id = pidfd.as_raw_fd().unsigned_abs();
    loop {
        // SAFETY: the kernel writes one siginfo_t, or leaves it zero.
        match Errno::result(unsafe {
            libc::waitid(libc::P_PIDFD, id, info.as_mut_ptr(), libc::WEXITED | options)
        }) {
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
            Ok(_) => break,
        }
    }
    // SAFETY: zero is a valid siginfo_t, and for waitid its fields are those of a child.
    let (pid, status, code) = unsafe {
        let info = info.assume_init();
        (info.si_pid(), info.si_status(), info.si_code)
    };
    if pid == 0 {
        return Ok(None);
    }
    Ok(Some(match Signal::from_raw(status) {
        Some(signal) if code != libc::CLD_EXITED => Exit::Signal { signal, core: code == libc::CLD_DUMPED },
        _ => Exit::Code(status),
    }))
}

/// What a child reported, in words.
fn what_failed(failure: Failure, prepared: &Prepared) -> SpawnError {
    let program = prepared.program();
    let source = SystemError::from_raw(failure.errno);
    let which = usize::from(failure.which);
    let step = match failure.step {
        Step::Directory => {
            let directory = prepared.text(prepared.directory()).into();
            return SpawnError::Directory { program, directory, source };
        }
        Step::Exec => return exec_failed(which, source, prepared),
        Step::Session => "cannot begin a session".to_owned(),
        Step::Cgroup => "cannot enter its control group".to_owned(),
        Step::Stdio => "cannot set up its stdin, stdout and stderr".to_owned(),
        Step::Limit => {
            let resource = prepared.limits.get(which).map(|(resource, _)| *resource);
            let name = Resource::ALL.iter().find(|(known, _)| Some(*known) == resource);
            format!("cannot set its limit {}", name.map_or("", |(_, name)| name))
        }
        Step::Nice => format!("cannot set its niceness to {}", prepared.nice.unwrap_or_default()),
        Step::Groups | Step::Gid | Step::Uid => {
            let (uid, gid) =
                prepared.identity.as_ref().map_or((0, 0), |identity| (identity.uid, identity.gid));
            match failure.step {
                Step::Groups => format!("cannot take the groups of user {uid}"),
                Step::Gid => format!("cannot become group {gid}"),
                _ => format!("cannot become user {uid}"),
            }
        }
        Step::ParentDeath => "cannot ask to end with the supervisor".to_owned(),
    };
    SpawnError::Prepare { program, step, source }
}

fn exec_failed(which: usize, source: SystemError, prepared: &Prepared) -> SpawnError {
    let tried = |n: usize| {
        let program = prepared.tried(n)?;
        let hint = explain(&program, source.raw());
        Some((program, hint))
    };
    if source.raw() == libc::ENOENT && prepared.was_searched() {
        // One that is there and still "not there" lacks its interpreter.
        let there = (0..prepared.programs().len()).filter_map(tried).find(|(_, hint)| hint.is_some());
        return match there {
            Some((program, hint)) => SpawnError::Exec { program, source, hint },
            None => SpawnError::NotFound { program: prepared.program(), path: prepared.searched() },
        };
    }
    let (program, hint) = tried(which).unwrap_or_else(|| (prepared.program(), None));
    SpawnError::Exec { program, source, hint }
}
