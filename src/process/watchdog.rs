//! Ends a child that keeps the supervisor standing still.
//!
//! A child on the quick way belongs to its new user for some ten system calls before its
//! exec. That user may stop it (SIGSTOP) just then, and with it the supervisor. A
//! thread that sleeps until a timer runs out kills such a child; the start is tried again the
//! patient way, and from then on no other is used for a change of user.
//!
//! The timer costs two system calls a start, and nobody wakes up unless it runs out. That it has run out is not
//! enough: the supervisor may have been stopped itself, or have got no processor, while the child has long
//! begun its program, and has work in hand. So whoever waits for it has to be waiting even then.

use std::fs;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timer::{Expiration, TimerSetTimeFlags};
use nix::sys::timerfd::{ClockId, TimerFd, TimerFlags};
use nix::unistd::gettid;

use super::child::send_signal;
use super::signal::Signal;

/// How long a child may take from its birth to its program.
const PATIENCE: Duration = Duration::from_millis(250);

/// The thread's stack, in bytes.
const STACK: usize = 64 * 1024;

/// The child that is watched: its descriptor, which the kernel writes here, or one of
/// the states below.
static CHILD: AtomicI32 = AtomicI32::new(NONE);
const NONE: i32 = -1;
const KILLING: i32 = -2;
const KILLED: i32 = -3;

/// The descriptor of a child in the last two states.
static VICTIM: AtomicI32 = AtomicI32::new(NONE);

/// The thread that waits for the child.
static WAITING: AtomicI32 = AtomicI32::new(NONE);

/// One child at a time is watched.
static WATCHING: AtomicBool = AtomicBool::new(false);

/// Set once a child has had to be killed.
static WAS_STUCK: AtomicBool = AtomicBool::new(false);

/// The watch over one child.
pub(super) struct Watch {
    timer: &'static TimerFd,
    child: &'static AtomicI32,
}

impl Watch {
    /// Over the child that is made next. `None`: it cannot be, so it has to go the
    /// patient way.
    pub(super) fn begin() -> Option<Self> {
        if WAS_STUCK.load(Ordering::Acquire) || WATCHING.swap(true, Ordering::AcqRel) {
            return None;
        }
        let watch = timer().map(|timer| Self { timer, child: &CHILD });
        let Some(watch) = watch else {
            WATCHING.store(false, Ordering::Release);
            return None;
        };
        WAITING.store(gettid().as_raw(), Ordering::Release);
        // Again and again: the first time the child may not have been made yet.
        let patience = Expiration::Interval(TimeSpec::from(PATIENCE));
        watch.timer.set(patience, TimerSetTimeFlags::empty()).ok()?;
        Some(watch)
    }

    /// Where the kernel is to put the child's descriptor.
    pub(super) fn pidfd(&self) -> *mut i32 {
        self.child.as_ptr()
    }

    /// The child has begun its program, or has ended. Returns its descriptor, and whether
    /// it has been killed.
    pub(super) fn end(self) -> (i32, bool) {
        loop {
            match self.child.load(Ordering::Acquire) {
                KILLING => thread::yield_now(),
                KILLED => {
                    WAS_STUCK.store(true, Ordering::Release);
                    self.child.store(NONE, Ordering::Release);
                    return (VICTIM.load(Ordering::Acquire), true);
                }
                pidfd => {
                    if self.child.compare_exchange(pidfd, NONE, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                        return (pidfd, false);
                    }
                }
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.timer.unset();
        WATCHING.store(false, Ordering::Release);
    }
}

/// The timer, and with it the thread that waits for it: made when first needed.
fn timer() -> Option<&'static TimerFd> {
    static TIMER: OnceLock<Option<TimerFd>> = OnceLock::new();
    static THREAD: OnceLock<bool> = OnceLock::new();
    let made = TIMER.get_or_init(|| TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC).ok());
    let timer = made.as_ref()?;
    let runs = THREAD.get_or_init(|| {
        let thread = thread::Builder::new().name("spawn-watchdog".to_owned()).stack_size(STACK);
        thread.spawn(|| watch(timer)).is_ok()
    });
    runs.then_some(timer)
}

/// Whether a thread of ours waits for what it has made with `CLONE_VFORK`, which nothing but the child can
/// end: the kernel shows that as `D`. Where it cannot be told, it is taken for so.
fn stands_still(thread: i32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/self/task/{thread}/stat")) else { return true };
    stat.rsplit_once(") ").is_none_or(|(_, state)| state.starts_with('D'))
}

fn watch(timer: &TimerFd) {
    while timer.wait().is_ok() {
        let pidfd = CHILD.load(Ordering::Acquire);
        if pidfd < 0 || !stands_still(WAITING.load(Ordering::Acquire)) {
            continue;
        }
        VICTIM.store(pidfd, Ordering::Release);
        if CHILD.compare_exchange(pidfd, KILLING, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            // Whoever waits for the child cannot go on before this is done, so the
            // descriptor is still the child's.
            let _ = send_signal(pidfd, Signal::KILL);
            CHILD.store(KILLED, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::{IntoRawFd, OwnedFd};
    use std::process::Command;
    use std::sync::mpsc;
    use std::time::Instant;

    use super::*;
    use crate::process::child::open_pidfd;

    #[test]
    fn a_child_that_has_begun_its_program_is_let_live_however_late_that_is_noticed() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let pidfd: OwnedFd = open_pidfd(i32::try_from(child.id()).unwrap()).unwrap();
        // Another test may be at it.
        let end = Instant::now() + Duration::from_secs(30);
        let watch = loop {
            if let Some(watch) = Watch::begin() {
                break watch;
            }
            assert!(Instant::now() < end, "a child is watched all the time");
            thread::sleep(Duration::from_millis(5));
        };
        watch.child.store(pidfd.into_raw_fd(), Ordering::Release);
        // As if the supervisor had been stopped.
        thread::sleep(PATIENCE * 3);
        let (_, killed) = watch.end();
        assert!(!killed);
        assert_eq!(child.try_wait().unwrap(), None);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_thread_stands_still_until_the_child_it_waits_for_has_gone() {
        assert!(!stands_still(gettid().as_raw()));
        let (tell, told) = mpsc::channel();
        let waits = thread::spawn(move || {
            tell.send(gettid().as_raw()).unwrap();
            let flags = libc::CLONE_VFORK | libc::SIGCHLD;
            // SAFETY: a fork; the child does nothing but wait for its end.
            unsafe {
                if libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) == 0 {
                    loop {
                        libc::pause();
                    }
                }
            }
        });
        let thread = told.recv().unwrap();
        let children = format!("/proc/self/task/{thread}/children");
        let end = Instant::now() + Duration::from_secs(30);
        let child: i32 = loop {
            let text = fs::read_to_string(&children).unwrap();
            if let Some(child) = text.split_whitespace().next().and_then(|child| child.parse().ok())
                && stands_still(thread)
            {
                break child;
            }
            assert!(Instant::now() < end, "nobody waits for a child");
            thread::sleep(Duration::from_millis(2));
        };
        let child = nix::unistd::Pid::from_raw(child);
        nix::sys::signal::kill(child, nix::sys::signal::Signal::SIGKILL).unwrap();
        waits.join().unwrap();
        nix::sys::wait::waitpid(child, None).unwrap();
    }
}
