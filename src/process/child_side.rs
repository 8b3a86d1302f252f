//! What happens between fork and exec, in the child.
//!
//! It may share the supervisor's memory while the supervisor stands still, so it does
//! nothing but system calls: it allocates nothing, frees nothing, locks nothing,
//! cannot panic. The wrappers of the C library for changes of user are not used: they
//! would tell the supervisor's other threads to follow.
//!
//! ```text
//!   own descriptors ─ session ─ dispositions ─ cgroup ─ stdio ─ descriptors closed ─ limits
//!        ─ umask ─ nice ─ oom ─ groups ─ gid ─ uid ─ parent's death ─ directory ─ signal mask ─ exec
//! ```
//!
//! The order matters: limits and niceness want root; the change of user clears the
//! request to be told of the parent's death, and has to come before the directory,
//! which the user must be able to enter; a signal that was held back since before the
//! fork may only arrive when its disposition is the default.

use std::ffi::c_char;

use super::prepare::Prepared;

/// One step of a child, as it is named in what it reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Step {
    Session = 1,
    Cgroup,
    Stdio,
    Limit,
    Nice,
    Groups,
    Gid,
    Uid,
    ParentDeath,
    Directory,
    Exec,
}

impl Step {
    const ALL: [Self; 11] = [
        Self::Session,
        Self::Cgroup,
        Self::Stdio,
        Self::Limit,
        Self::Nice,
        Self::Groups,
        Self::Gid,
        Self::Uid,
        Self::ParentDeath,
        Self::Directory,
        Self::Exec,
    ];
}

/// What went wrong in a child. Written in one piece to the status pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) step: Step,
    /// Which limit or which path, by its place in the preparation.
    pub(super) which: u8,
    pub(super) errno: i32,
}

impl Failure {
    pub(super) const SIZE: usize = 6;

    fn to_bytes(self) -> [u8; Self::SIZE] {
        let [a, b, c, d] = self.errno.to_ne_bytes();
        [self.step as u8, self.which, a, b, c, d]
    }

    pub(super) fn from_bytes(bytes: [u8; Self::SIZE]) -> Option<Self> {
        let [step, which, errno @ ..] = bytes;
        let step = Step::ALL.into_iter().find(|&known| known as u8 == step)?;
        Some(Self { step, which, errno: i32::from_ne_bytes(errno) })
    }
}

/// The descriptor on which the child reports, once it is set up; closed by exec.
const STATUS: i32 = 3;

/// Where descriptors are moved out of the way of 0 to 3.
const ASIDE: i32 = 16;

/// A signal set of the kernel's, with nothing in it.
static NO_SIGNALS: u64 = 0;

/// Becomes the program, or reports why not.
///
/// # Safety
///
/// Only in a new process with one thread and its own table of descriptors, with all
/// signals blocked. If it shares memory with its parent, the parent must stand still
/// until this process has begun the program or ended.
pub(super) unsafe extern "C" fn enter(prepared: *const Prepared) -> ! {
    // SAFETY: it is kept for as long as this process needs it.
    let prepared = unsafe { &*prepared };
    let mut status = prepared.fds.status;
    let errno = errno_of_this_thread();
    // SAFETY: as for this function.
    let failure = unsafe { steps(prepared, &mut status, errno) }.to_bytes();
    // SAFETY: write(2) reads the bytes of an array; then the process ends.
    unsafe {
        libc::syscall(libc::SYS_write, status, failure.as_ptr(), failure.len());
        loop {
            libc::syscall(libc::SYS_exit_group, 127);
        }
    }
}

/// Where this thread keeps the reason of its last failed call.
fn errno_of_this_thread() -> *const i32 {
    // SAFETY: it gives an address, always.
    unsafe { libc::__errno_location() }
}

unsafe fn steps(prepared: &Prepared, status: &mut i32, errno: *const i32) -> Failure {
    macro_rules! check {
        ($step:expr, $which:expr, $call:expr) => {
            if $call < 0 {
                return Failure { step: $step, which: $which, errno: *errno };
            }
        };
    }
    let fds = prepared.fds;
    // SAFETY: each is a system call that reads only what `prepared` keeps alive, or
    // local values; `errno` is this thread's.
    unsafe {
        if let Some(highest) = fds.shared_above {
            check!(Step::Stdio, 0, own_descriptors(highest));
        }
        check!(Step::Session, 0, libc::syscall(libc::SYS_setsid));
        default_dispositions();
        if let Some(cgroup) = fds.cgroup {
            check!(Step::Cgroup, 0, libc::syscall(libc::SYS_write, cgroup, c"0".as_ptr(), 1));
        }
        let aside = |fd: i32| libc::syscall(libc::SYS_fcntl, fd, libc::F_DUPFD_CLOEXEC, ASIDE);
        let (stdout, stderr, own) = (aside(fds.stdout), aside(fds.stderr), aside(*status));
        check!(Step::Stdio, 0, stdout.min(stderr).min(own));
        check!(Step::Stdio, 0, libc::syscall(libc::SYS_dup3, aside(fds.null), 0, 0));
        check!(Step::Stdio, 1, libc::syscall(libc::SYS_dup3, stdout, 1, 0));
        check!(Step::Stdio, 2, libc::syscall(libc::SYS_dup3, stderr, 2, 0));
        check!(Step::Stdio, 3, libc::syscall(libc::SYS_dup3, own, STATUS, libc::O_CLOEXEC));
        *status = STATUS;
        close_from(STATUS + 1, fds.highest);

        for (n, (resource, limit)) in (0u8..).zip(&prepared.limits) {
            let limit: *const libc::rlimit64 = limit;
            let old = std::ptr::null_mut::<libc::rlimit64>();
            check!(Step::Limit, n, libc::syscall(libc::SYS_prlimit64, 0, resource.raw(), limit, old));
        }
        libc::syscall(libc::SYS_umask, prepared.umask);
        if let Some(nice) = prepared.nice {
            check!(Step::Nice, 0, libc::syscall(libc::SYS_setpriority, libc::PRIO_PROCESS, 0, nice));
        }
        if prepared.reset_oom {
            reset_oom_score();
        }
        if let Some(identity) = &prepared.identity {
            let (groups, uid, gid) = (&identity.groups, identity.uid, identity.gid);
            check!(Step::Groups, 0, libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()));
            check!(Step::Gid, 0, libc::syscall(libc::SYS_setresgid, gid, gid, gid));
            check!(Step::Uid, 0, libc::syscall(libc::SYS_setresuid, uid, uid, uid));
        }
        if let Some(parent) = prepared.parent {
            let signal = libc::SIGTERM;
            check!(
                Step::ParentDeath,
                0,
                libc::syscall(libc::SYS_prctl, libc::PR_SET_PDEATHSIG, signal, 0, 0, 0)
            );
            if libc::syscall(libc::SYS_getppid) != i64::from(parent) {
                // It died before it could be asked to tell us.
                libc::syscall(libc::SYS_exit_group, 0);
            }
        }
        prepared.set_pid(u32::try_from(libc::syscall(libc::SYS_getpid)).unwrap_or_default());
        check!(Step::Directory, 0, libc::syscall(libc::SYS_chdir, prepared.directory()));
        let none: *const u64 = &raw const NO_SIGNALS;
        let old = std::ptr::null_mut::<u64>();
        libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, none, old, size_of::<u64>());
        exec(prepared, errno)
    }
}

/// Tries each path in turn, as execvp(3) does: one that is refused does not keep a
/// later one from being run, but is what is reported if there is none.
unsafe fn exec(prepared: &Prepared, errno: *const i32) -> Failure {
    let mut failure = Failure { step: Step::Exec, which: 0, errno: libc::ENOENT };
    for (which, &program) in (0u8..).zip(prepared.programs()) {
        // SAFETY: `program` and both lists are NUL-terminated and kept by `prepared`.
        let errno = unsafe {
            libc::syscall(libc::SYS_execve, program, prepared.argv(), prepared.envp());
            *errno
        };
        match errno {
            libc::ENOENT | libc::ENOTDIR => {}
            libc::EACCES => failure = Failure { step: Step::Exec, which, errno },
            _ => return Failure { step: Step::Exec, which, errno },
        }
    }
    failure
}

/// `struct sigaction` as the kernel has it, all zero: the default.
#[repr(C)]
struct KernelSigaction {
    handler: usize,
    flags: u64,
    restorer: usize,
    mask: u64,
}

unsafe fn default_dispositions() {
    let default = KernelSigaction { handler: libc::SIG_DFL, flags: 0, restorer: 0, mask: 0 };
    for signal in 1..=64 {
        if signal != libc::SIGKILL && signal != libc::SIGSTOP {
            // SAFETY: the kernel reads one sigaction; its smaller form on some machines
            // is a prefix of this one in which everything is zero, too.
            unsafe {
                let new: *const KernelSigaction = &raw const default;
                let old = std::ptr::null_mut::<KernelSigaction>();
                libc::syscall(libc::SYS_rt_sigaction, signal, new, old, size_of::<u64>());
            }
        }
    }
}

/// From here on nothing that is done to descriptors is done to the supervisor's.
unsafe fn own_descriptors(highest: i32) -> i64 {
    // SAFETY: no memory is involved.
    unsafe {
        let unshare = libc::CLOSE_RANGE_UNSHARE;
        match libc::syscall(libc::SYS_close_range, highest + 1, u32::MAX, unshare) {
            // A filter of system calls: a copy of all.
            result if result < 0 => libc::syscall(libc::SYS_unshare, libc::CLONE_FILES),
            result => result,
        }
    }
}

/// Closes every descriptor from `first` on; where the kernel is not allowed to do so in
/// one call, one by one up to the highest the supervisor had.
unsafe fn close_from(first: i32, highest: i32) {
    // SAFETY: this process has its own table of descriptors.
    unsafe {
        if libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) < 0 {
            for fd in first..=highest.max(ASIDE + 8) {
                libc::syscall(libc::SYS_close, fd);
            }
        }
    }
}

/// A failure leaves it as it is: a daemon that is spared when memory runs out is better
/// than none.
unsafe fn reset_oom_score() {
    let path: *const c_char = c"/proc/self/oom_score_adj".as_ptr();
    // SAFETY: constant texts; the descriptor is this process's own.
    unsafe {
        let flags = libc::O_WRONLY | libc::O_CLOEXEC;
        let fd = libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path, flags, 0);
        if fd >= 0 {
            libc::syscall(libc::SYS_write, fd, c"0".as_ptr(), 1);
            libc::syscall(libc::SYS_close, fd);
        }
    }
}
