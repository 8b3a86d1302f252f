//! What is remembered of an instance's earlier processes: how long to wait before the next, and
//! when to give it up.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Exit, Run, Time};
use crate::config::{Backoff, StartLimit};

/// A process that ended well is followed by the next no sooner than this after its start: one that
/// does so at once, again and again, must not keep the host busy.
const CLEAN_PACE: Duration = Duration::from_secs(1);

/// What happened so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct History {
    /// How many processes there were.
    pub(super) starts: u32,
    /// The last of them.
    pub(super) last_run: Run,
    /// How it ended, once it did.
    pub(super) last_exit: Option<Exit>,
    /// Failures since it last was ready for `reset_after`: the wait grows with them.
    pub(super) failures: u32,
    /// When the failures of the start limit's window were; the oldest first, never more than its
    /// `count`. The same failures, counted another way: being ready for long forgives the wait,
    /// not the window.
    window: Vec<Time>,
}

/// The pause before an instance is started again. It is the length's reasons that are kept, so
/// that a change of `backoff` holds for a pause that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pause {
    /// After so many failures in a row.
    Failure {
        /// How many; at least 1.
        failures: u32,
        /// Where in the range of `jitter` the length lies.
        chance: u32,
    },
    /// After a process that ended well and had lived so long.
    Clean {
        /// From its start to its end.
        lived: Duration,
    },
}

impl Pause {
    /// How long it is.
    pub fn length(self, backoff: &Backoff) -> Duration {
        match self {
            Self::Failure { failures, chance } => failure_wait(backoff, failures, chance),
            Self::Clean { lived } => backoff.initial.max(CLEAN_PACE.saturating_sub(lived)),
        }
    }
}

fn failure_wait(backoff: &Backoff, failures: u32, chance: u32) -> Duration {
    if backoff.initial.is_zero() {
        return Duration::ZERO;
    }
    let power = i32::try_from(failures.saturating_sub(1)).unwrap_or(i32::MAX);
    let wait = backoff.initial.as_secs_f64() * backoff.factor.as_f64().powi(power);
    let wait = wait.min(backoff.max.as_secs_f64());
    // From -1 to 1.
    let side = f64::from(chance) / f64::from(u32::MAX) * 2.0 - 1.0;
    let wait = wait * (1.0 + backoff.jitter.as_f64() * side);
    Duration::try_from_secs_f64(wait).unwrap_or(backoff.max)
}

/// A number that is as good as random and always the same for the same process.
pub(super) fn chance(seed: u64, run: Run) -> u32 {
    // splitmix64: every bit of the input reaches every bit of the output.
    let mut z = seed ^ run.0.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or(u32::MAX)
}

impl History {
    /// A process is started.
    pub(super) fn start(&mut self, run: Run) {
        self.starts = self.starts.saturating_add(1);
        self.last_run = run;
    }

    /// It had been ready for so long when it ended.
    pub(super) fn was_ready(&mut self, span: Duration, backoff: &Backoff) {
        if span >= backoff.reset_after {
            self.failures = 0;
        }
    }

    /// It failed. Returns true if that was once too often.
    pub(super) fn fail(&mut self, now: Time, limit: StartLimit) -> bool {
        self.failures = self.failures.saturating_add(1);
        self.window.retain(|&then| now.since(then) < limit.within);
        self.window.push(now);
        let count = limit.count as usize;
        let surplus = self.window.len().saturating_sub(count);
        self.window.drain(..surplus);
        self.window.len() >= count
    }

    /// An operator or another configuration gives it a fresh start.
    pub(super) fn forgive(&mut self) {
        self.failures = 0;
        self.window = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Milli;

    const BACKOFF: Backoff = Backoff {
        initial: Duration::from_millis(200),
        max: Duration::from_mins(1),
        factor: Milli(2000),
        jitter: Milli(0),
        reset_after: Duration::from_mins(1),
    };

    fn wait(backoff: &Backoff, failures: u32) -> Duration {
        Pause::Failure { failures, chance: 0 }.length(backoff)
    }

    fn at(seconds: u64) -> Time {
        Time::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn the_wait_doubles_up_to_its_maximum() {
        let waits: Vec<u128> = (1..=11).map(|n| wait(&BACKOFF, n).as_millis()).collect();
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000]);
        assert_eq!(wait(&BACKOFF, u32::MAX), BACKOFF.max);
    }

    #[test]
    fn an_initial_wait_of_zero_stays_zero() {
        let none = Backoff { initial: Duration::ZERO, jitter: Milli(1000), ..BACKOFF };
        assert_eq!(wait(&none, 1), Duration::ZERO);
        assert_eq!(wait(&none, u32::MAX), Duration::ZERO);
    }

    #[test]
    fn jitter_moves_the_wait_both_ways_within_its_part() {
        let jitter = Backoff { jitter: Milli(100), ..BACKOFF };
        let wait = |chance| Pause::Failure { failures: 1, chance }.length(&jitter).as_micros();
        assert_eq!((wait(0), wait(u32::MAX)), (180_000, 220_000));
        let spread: Vec<u128> = (0..1000).map(|run| wait(chance(7, Run(run)))).collect();
        assert!(spread.iter().all(|wait| (180_000..=220_000).contains(wait)));
        assert!(spread.iter().any(|&wait| wait < 185_000) && spread.iter().any(|&wait| wait > 215_000));
        assert_eq!(chance(7, Run(3)), chance(7, Run(3)));
    }

    #[test]
    fn a_wait_longer_than_can_be_counted_is_the_maximum() {
        let long = Backoff { initial: Duration::MAX, max: Duration::MAX, jitter: Milli(1000), ..BACKOFF };
        assert_eq!(Pause::Failure { failures: 9, chance: u32::MAX }.length(&long), Duration::MAX);
    }

    #[test]
    fn a_clean_exit_is_paced_to_one_start_a_second_or_the_initial_wait() {
        let pause = |lived| Pause::Clean { lived: Duration::from_millis(lived) };
        assert_eq!(pause(0).length(&BACKOFF).as_millis(), 1000);
        assert_eq!(pause(700).length(&BACKOFF).as_millis(), 300);
        assert_eq!(pause(5000).length(&BACKOFF).as_millis(), 200);
        let none = Backoff { initial: Duration::ZERO, ..BACKOFF };
        assert_eq!(pause(5000).length(&none), Duration::ZERO);
    }

    #[test]
    fn the_window_of_the_start_limit_slides() {
        let limit = StartLimit { count: 3, within: Duration::from_secs(10) };
        let mut history = History::default();
        assert!(!history.fail(at(0), limit));
        assert!(!history.fail(at(9), limit));
        assert!(!history.fail(at(11), limit), "the first one has left the window");
        assert!(history.fail(at(12), limit));
        assert!(history.window.len() <= 3);
        history.forgive();
        assert!(!history.fail(at(13), limit));
    }
}
