//! Makes the new process: the quick way, or the patient one.
//!
//! ```text
//!   quick:    clone3(VM | VFORK) on a stack of its own ─► this thread stands still
//!                                                         until the child has begun its program
//!   patient:  clone3()            on a copy of our memory ─► this thread goes on at once
//! ```
//!
//! Quick is what `posix_spawn` does. Copying the page tables of the supervisor, and
//! breaking the copies again, costs more than all the rest of a start. But whoever has a
//! child that shares its memory waits for it, and it must not be made to wait by a file
//! system that hangs: so it is taken only where the kernel has directory and program at
//! hand (`quick`), and watched (`watchdog`) when the child changes its user, who could
//! stop it on its way. Its descriptors are shared, too, until it has copied the few it needs (`slots`).
//!
//! Sharing memory without standing still (`CLONE_VM` alone) is not sound: until its exec
//! the child counts as a part of us. When a control group runs out of memory, the kernel kills
//! everyone who shares the victim's memory, which would include the supervisor; and the child's
//! write to its `oom_score_adj` would change ours. A child in vfork is exempt from both.

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use super::cgroup::Cgroup;
use super::child::wait;
use super::child_side;
use super::error::SystemError;
use super::own;
use super::prepare::Prepared;
use super::quick::is_quick;
use super::slots::with_low;
use super::stack::stack;
use super::watchdog::Watch;

/// Set once the kernel, or a filter of system calls, has said that it knows no clone3(2).
static NO_CLONE3: AtomicBool = AtomicBool::new(false);

/// A set of all signals, for the kernel.
static ALL_SIGNALS: u64 = u64::MAX;

/// How a process is to be made, or has been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// The quick way, if it is open.
    Any,
    /// The patient way.
    Patient,
}

/// Why there is no process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CloneError {
    /// The system makes none.
    Refused(SystemError),
    /// It did not get to its program in time on the quick way, and is no more.
    Stuck,
}

impl From<SystemError> for CloneError {
    fn from(error: SystemError) -> Self {
        Self::Refused(error)
    }
}

/// Starts a child that does what `prepared` says, in `cgroup` if there is one. Returns its
/// pid, and a descriptor for it.
pub(super) fn clone(
    prepared: &mut Prepared,
    cgroup: Option<&Cgroup>,
    way: Way,
) -> Result<(i32, OwnedFd), CloneError> {
    let _blocked = Blocked::new();
    if !NO_CLONE3.load(Ordering::Relaxed) {
        let quick = way == Way::Any && HAS_QUICK_WAY && is_quick(prepared);
        let made = if quick { clone_quick(prepared, cgroup) } else { None };
        match made.unwrap_or_else(|| clone_patient(prepared, cgroup)) {
            Err(CloneError::Refused(error))
                if [libc::ENOSYS, libc::EPERM, libc::EINVAL].contains(&error.raw()) => {}
            result => return result,
        }
        NO_CLONE3.store(true, Ordering::Relaxed);
    }
    let procs = cgroup.map(Cgroup::procs).transpose()?;
    prepared.fds.cgroup = procs.as_ref().map(AsRawFd::as_raw_fd);
    clone_older(prepared)
}

/// What clone3(2) is asked for in any case.
fn arguments(pidfd: *mut i32, cgroup: Option<&Cgroup>) -> libc::clone_args {
    // SAFETY: a struct of integers, for which zero means "not used".
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = flag(libc::CLONE_PIDFD);
    args.pidfd = pidfd as u64;
    args.exit_signal = flag(libc::SIGCHLD);
    if let Some(cgroup) = cgroup {
        args.flags |= INTO_CGROUP;
        args.cgroup = u64::from(cgroup.directory().as_raw_fd().unsigned_abs());
    }
    args
}

/// Shares memory and waits. `None`: that way is not open now.
fn clone_quick(
    prepared: &mut Prepared,
    cgroup: Option<&Cgroup>,
) -> Option<Result<(i32, OwnedFd), CloneError>> {
    let fds = prepared.fds;
    let made = with_low(fds, |low| {
        prepared.fds = low;
        clone_sharing(prepared, cgroup)
    });
    prepared.fds = fds;
    made?
}

fn clone_sharing(prepared: &Prepared, cgroup: Option<&Cgroup>) -> Option<Result<(i32, OwnedFd), CloneError>> {
    let (lowest, size) = stack().ok()?;
    let share = |pidfd: *mut i32| {
        let mut args = arguments(pidfd, cgroup);
        args.flags |= flag(libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_FILES);
        args.stack = lowest;
        args.stack_size = size;
        // SAFETY: the stack is this thread's, which stands still until the child has no
        // more use for it; all signals are blocked.
        unsafe { clone3_on_stack(&args, child_side::enter, prepared) }
    };
    if prepared.identity.is_none() {
        let mut pidfd = -1;
        let pid = share(&raw mut pidfd);
        return Some(parent(pid, pidfd));
    }
    let watch = Watch::begin()?;
    let dumpable = own::is_dumpable();
    let pid = share(watch.pidfd());
    let (pidfd, killed) = watch.end();
    if dumpable {
        // The change of user has closed the memory it was done in.
        own::become_dumpable();
    }
    let made = parent(pid, pidfd);
    if killed && let Ok((_, pidfd)) = &made {
        // It has let go of our memory, so its end is a matter of microseconds.
        let _ = wait(pidfd.as_fd(), 0);
        return Some(Err(CloneError::Stuck));
    }
    Some(made)
}

/// Copies memory and goes on.
fn clone_patient(prepared: &Prepared, cgroup: Option<&Cgroup>) -> Result<(i32, OwnedFd), CloneError> {
    let mut pidfd = -1;
    let args = arguments(&raw mut pidfd, cgroup);
    // SAFETY: without shared memory this is fork(2): the child goes on with a copy of
    // everything, does not return from here, and keeps to what one thread of many may do.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of_val(&args)) };
    parent_or_child(pid, pidfd, prepared)
}

/// The same by clone(2), for seccomp filters older than clone3.
fn clone_older(prepared: &Prepared) -> Result<(i32, OwnedFd), CloneError> {
    let mut pidfd = -1;
    let flags = libc::CLONE_PIDFD | libc::SIGCHLD;
    let none = std::ptr::null_mut::<i32>();
    // SAFETY: as for clone3.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, none, &raw mut pidfd, none, none) };
    parent_or_child(pid, pidfd, prepared)
}

/// Whether [`clone3_on_stack`] is written for this machine.
const HAS_QUICK_WAY: bool = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));

/// Never asked for.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
unsafe fn clone3_on_stack(
    _: &libc::clone_args,
    _: unsafe extern "C" fn(*const Prepared) -> !,
    _: &Prepared,
) -> i64 {
    -i64::from(libc::ENOSYS)
}

/// clone3(2) with a stack: the parent returns, the child calls `entry`. Returns the child's
/// pid, or an error's number, negated.
///
/// # Safety
///
/// `args` has to name a stack that is the child's alone for as long as it needs it, and
/// ask for `CLONE_VFORK`, so that `prepared` outlives that, too.
#[cfg(target_arch = "x86_64")]
unsafe fn clone3_on_stack(
    args: &libc::clone_args,
    entry: unsafe extern "C" fn(*const Prepared) -> !,
    prepared: &Prepared,
) -> i64 {
    let result: i64;
    // SAFETY: after the call the parent goes on behind it with its own stack untouched;
    // the child, on the top of its own, calls a function that does not return.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r13",
            "call r12",
            "ud2",
            "2:",
            inlateout("rax") libc::SYS_clone3 => result,
            in("rdi") args,
            in("rsi") size_of_val(args),
            in("r12") entry,
            in("r13") prepared,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    result
}

/// clone3(2) with a stack, as above.
#[cfg(target_arch = "aarch64")]
unsafe fn clone3_on_stack(
    args: &libc::clone_args,
    entry: unsafe extern "C" fn(*const Prepared) -> !,
    prepared: &Prepared,
) -> i64 {
    let result: i64;
    // SAFETY: as above.
    unsafe {
        std::arch::asm!(
            "svc #0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x30, xzr",
            "mov x0, x21",
            "blr x20",
            "brk #1",
            "2:",
            inlateout("x0") args => result,
            in("x1") size_of_val(args),
            in("x8") libc::SYS_clone3,
            in("x20") entry,
            in("x21") prepared,
        );
    }
    result
}

/// What clone gave its caller.
fn parent(pid: i64, pidfd: i32) -> Result<(i32, OwnedFd), CloneError> {
    match i32::try_from(pid) {
        // SAFETY: the kernel has just opened it for us.
        Ok(pid) if pid > 0 => Ok((pid, unsafe { OwnedFd::from_raw_fd(pidfd) })),
        Ok(error) => Err(SystemError::from_raw(-error).into()),
        Err(_) => Err(SystemError::from_raw(libc::EINVAL).into()),
    }
}

fn parent_or_child(pid: libc::c_long, pidfd: i32, prepared: &Prepared) -> Result<(i32, OwnedFd), CloneError> {
    match pid {
        // SAFETY: this is the new process, all signals are blocked, and its memory is its own.
        0 => unsafe { child_side::enter(prepared) },
        1.. => parent(pid, pidfd),
        _ => Err(SystemError::last().into()),
    }
}

/// `CLONE_INTO_CGROUP`: the constant of the libc crate is too narrow for it.
const INTO_CGROUP: u64 = 0x2_0000_0000;

fn flag(value: libc::c_int) -> u64 {
    u64::from(value.unsigned_abs())
}

/// All signals held back in this thread, so that no handler of the supervisor runs in a
/// child that has not set its own dispositions yet.
struct Blocked(u64);

impl Blocked {
    fn new() -> Self {
        Self(set_mask(ALL_SIGNALS))
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        set_mask(self.0);
    }
}

/// The C library's own would leave out the signals it keeps for itself.
fn set_mask(mask: u64) -> u64 {
    let mut old = 0u64;
    // SAFETY: the kernel reads one set and writes one.
    unsafe {
        let (new, old) = (&raw const mask, &raw mut old);
        libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, new, old, size_of::<u64>());
    }
    old
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use nix::unistd::pipe;

    use super::super::child::{Child, Exit};
    use super::super::command::{Command, Output};
    use super::*;

    /// Runs `true` by a way of making processes.
    fn runs(way: impl FnOnce(&mut Prepared) -> Result<(i32, OwnedFd), CloneError>) {
        let env = vec![("PATH".into(), "/usr/bin:/bin".into())];
        let command = Command { env, ..Command::new(["true"]) };
        let null = File::options().write(true).open("/dev/null").unwrap();
        let output = Output { stdout: null.as_fd(), stderr: null.as_fd() };
        let (status, childs) = pipe().unwrap();
        let mut prepared = Prepared::new(&command, output, childs.as_fd()).unwrap();
        let made = {
            let _blocked = Blocked::new();
            way(&mut prepared)
        };
        drop(childs);
        let (pid, pidfd) = made.unwrap();
        let mut child = Child::new(pid, pidfd, status, prepared);
        // The pipe blocks here: until exec closes it.
        assert_eq!(child.started(), Some(Ok(())));
        assert_eq!(wait(child.pidfd(), 0).unwrap(), Some(Exit::Code(0)));
    }

    #[test]
    fn every_way_leads_to_the_program() {
        runs(|prepared| clone_patient(prepared, None));
        runs(|prepared| clone_older(prepared));
        if HAS_QUICK_WAY {
            runs(|prepared| clone_quick(prepared, None).unwrap());
        }
    }
}
