//! Busy polling: for some microseconds the worker looks for what comes next, instead of
//! sleeping until it is woken.
//!
//! To wake a process on an idle processor costs more than a job that does nothing. What a
//! quick job answers, and the queue after it, is there within microseconds: a worker that is
//! still awake saves the wake-up. Where the processors have other things to do, or jobs take
//! their time, staying awake is a waste. A trial now and then shows which of the two it is.
//!
//! ```text
//!     ┌─► TRIAL waits asleep ─► TRIAL waits awake ── not clearly shorter ──► asleep ──┐
//!     │                                └── clearly shorter ──► awake ─ often too long ┤
//!     │                                                          │                    │
//!     └────────────────── after KEPT waits ◄─────────────────────┴────────────────────┘
//! ```

use std::convert::Infallible;
use std::future::pending;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

/// How long a wait is spent awake: some wake-ups' worth.
const LONGEST: Duration = Duration::from_micros(100);

/// How many waits of each sort are compared.
const TRIAL: u32 = 32;

/// How many waits are spent as the last trial showed.
const KEPT: u32 = 4096;

/// So many waits in time outweigh one that takes too long, as one does now and then: Ruby clears up,
/// the processor is needed elsewhere.
const OUTWEIGH: u32 = 8;

/// As many waits in time as are kept in mind.
const IN_MIND: u32 = 64;

/// What one wait counts at most in a trial: a job that takes its time says nothing of waking.
const COUNTED: Duration = Duration::from_millis(1);

/// Whether waits of one kind are spent awake.
#[derive(Debug)]
pub(super) struct BusyPoll {
    stage: Stage,
    /// Waits left of the stage.
    left: u32,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    /// With one processor nobody could answer while we look.
    Never,
    /// `took`: how long the waits of the trial have been so far.
    TrialAsleep {
        took: Duration,
    },
    /// `asleep`: how long they were asleep.
    TrialAwake {
        asleep: Duration,
        took: Duration,
    },
    Asleep,
    /// `in_time`: waits that were, as far as none that took too long has used them up.
    Awake {
        in_time: u32,
    },
}

impl BusyPoll {
    pub(super) fn new() -> Self {
        Self::on(available_parallelism().map_or(1, usize::from))
    }

    fn on(processors: usize) -> Self {
        let stage = if processors > 1 { Self::TRY } else { Stage::Never };
        Self { stage, left: TRIAL }
    }

    const TRY: Stage = Stage::TrialAsleep { took: Duration::ZERO };

    /// A wait begins: until when it is spent awake.
    pub(super) fn begin(&self, now: Instant) -> Option<Instant> {
        match self.stage {
            Stage::TrialAwake { .. } | Stage::Awake { .. } => now.checked_add(LONGEST),
            Stage::Never | Stage::TrialAsleep { .. } | Stage::Asleep => None,
        }
    }

    /// It is over, and was so long.
    pub(super) fn end(&mut self, wait: Duration) {
        self.left = self.left.saturating_sub(1);
        let over = self.left == 0;
        let counted = wait.min(COUNTED);
        let next = match &mut self.stage {
            Stage::Never => None,
            Stage::TrialAsleep { took } => {
                *took += counted;
                over.then_some(Stage::TrialAwake { asleep: *took, took: Duration::ZERO })
            }
            Stage::TrialAwake { asleep, took } => {
                *took += counted;
                let pays = *took * 10 < *asleep * 9;
                over.then_some(if pays { Stage::Awake { in_time: IN_MIND } } else { Stage::Asleep })
            }
            Stage::Awake { in_time } if wait > LONGEST => match in_time.checked_sub(OUTWEIGH) {
                Some(left) => {
                    *in_time = left;
                    over.then_some(Self::TRY)
                }
                None => Some(Stage::Asleep),
            },
            Stage::Awake { in_time } => {
                *in_time = (*in_time + 1).min(IN_MIND);
                over.then_some(Self::TRY)
            }
            Stage::Asleep => over.then_some(Self::TRY),
        };
        if let Some(next) = next {
            self.stage = next;
            self.left = if matches!(next, Stage::Asleep | Stage::Awake { .. }) { KEPT } else { TRIAL };
        }
    }
}

/// Looks again and again until then; never ends. May be dropped at any time.
pub(super) async fn awake(until: Option<Instant>) -> Infallible {
    while until.is_some_and(|until| Instant::now() < until) {
        // The runtime asks the kernel for news, without waiting, and comes back.
        tokio::task::yield_now().await;
    }
    pending().await
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND: u32 = 2 * TRIAL + KEPT;

    /// How many of so many waits were spent awake, if they take so many microseconds awake and asleep.
    fn awake_of(poll: &mut BusyPoll, waits: u32, awake: u64, asleep: u64) -> u32 {
        let mut count = 0;
        for _ in 0..waits {
            let is_awake = poll.begin(Instant::now()).is_some();
            count += u32::from(is_awake);
            poll.end(Duration::from_micros(if is_awake { awake } else { asleep }));
        }
        count
    }

    #[test]
    fn where_it_is_clearly_quicker_waits_are_spent_awake() {
        assert_eq!(awake_of(&mut BusyPoll::on(2), ROUND, 20, 50), TRIAL + KEPT);
    }

    #[test]
    fn where_it_is_not_they_are_spent_asleep_but_for_a_trial() {
        // Processors that have other things to do.
        assert_eq!(awake_of(&mut BusyPoll::on(2), 3 * ROUND, 30, 10), 3 * TRIAL);
        // Jobs that take their time.
        assert_eq!(awake_of(&mut BusyPoll::on(2), 3 * ROUND, 5_000, 5_000), 3 * TRIAL);
        assert_eq!(awake_of(&mut BusyPoll::on(2), 3 * ROUND, 46, 50), 3 * TRIAL);
    }

    #[test]
    fn waits_that_are_often_too_long_put_the_worker_to_sleep() {
        let mut poll = BusyPoll::on(2);
        awake_of(&mut poll, 2 * TRIAL, 20, 50);
        // One now and then does not.
        for _ in 0..100 {
            assert_eq!(awake_of(&mut poll, OUTWEIGH, 20, 50), OUTWEIGH);
            assert_eq!(awake_of(&mut poll, 1, 101, 101), 1);
        }
        assert_eq!(awake_of(&mut poll, IN_MIND / OUTWEIGH, 101, 101), IN_MIND / OUTWEIGH);
        assert_eq!(awake_of(&mut poll, KEPT + TRIAL, 20, 50), 0);
        assert_eq!(awake_of(&mut poll, 100, 20, 50), 100);
    }

    #[test]
    fn one_long_wait_does_not_decide_a_trial() {
        let mut poll = BusyPoll::on(2);
        awake_of(&mut poll, TRIAL, 20, 200);
        awake_of(&mut poll, 1, 60_000_000, 0);
        awake_of(&mut poll, TRIAL - 1, 20, 200);
        assert_eq!(awake_of(&mut poll, 100, 20, 200), 100);
    }

    #[test]
    fn with_one_processor_there_is_no_waiting_awake() {
        assert_eq!(awake_of(&mut BusyPoll::on(1), 2 * ROUND, 20, 50), 0);
    }
}
