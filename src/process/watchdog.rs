//! Ends a child that keeps the supervisor standing still.
//!
//! A child on the quick way belongs to its new user for some ten system calls before its
//! exec. That user may stop it (SIGSTOP) just then, and with it the supervisor. A
//! thread that sleeps until a timer runs out kills such a child; the start is tried again the
//! patient way, and from then on no other is used for a change of user.
//!
//! The timer costs two system calls a start, and nobody wakes up unless it runs out.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timer::{Expiration, TimerSetTimeFlags};
use nix::sys::timerfd::{ClockId, TimerFd, TimerFlags};

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

fn watch(timer: &TimerFd) {
    while timer.wait().is_ok() {
        let pidfd = CHILD.load(Ordering::Acquire);
        if pidfd < 0 {
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
