//! When to try again.

use std::time::Duration;

/// Growing waits with jitter, so that a thousand workers do not come back to a restarted
/// server in the same millisecond. Pure: the seed comes in, the waits come out.
#[derive(Debug, Clone)]
pub struct Backoff {
    initial: Duration,
    max: Duration,
    next: Duration,
    random: u64,
}

impl Backoff {
    /// Waits from `initial`, doubling up to `max`, each shortened by up to a half.
    pub fn new(initial: Duration, max: Duration, seed: u64) -> Self {
        Self { initial, max, next: initial.min(max), random: seed }
    }

    /// How long to wait now.
    pub fn wait(&mut self) -> Duration {
        let whole = self.next;
        self.next = whole.saturating_mul(2).min(self.max);
        whole.mul_f64(0.5 + 0.5 * self.fraction())
    }

    /// Things went well: begin at the initial wait again.
    pub fn reset(&mut self) {
        self.next = self.initial.min(self.max);
    }

    /// From 0 to 1, by splitmix64.
    fn fraction(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        f64::from(((z ^ (z >> 31)) >> 32) as u32) / f64::from(u32::MAX)
    }
}

/// How long connecting and asking for one's job may take, after a wait.
const REGAINING: Duration = Duration::from_millis(250);

/// For how long nothing is reserved after an outage of `away`, so that those who held a job of the server
/// can ask for it first: as long as the slowest of them may take to come back.
///
/// Waits double, so the one that a client has just begun is as long as the whole outage before it; with
/// jitter up to twice that, and at most `max`.
pub(super) fn others_return(away: Duration, max: Duration) -> Duration {
    away.saturating_mul(2).min(max) + REGAINING
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_an_outage_those_that_hold_a_job_come_first() {
        for (away, others) in [(0, 0), (500, 1000), (30_000, 2000)] {
            let wait = others_return(Duration::from_millis(away), Duration::from_secs(2));
            assert_eq!(wait, Duration::from_millis(others) + REGAINING);
        }
    }

    #[test]
    fn waits_double_to_the_largest_and_stay_within_their_half() {
        let (initial, max) = (Duration::from_millis(100), Duration::from_secs(1));
        for seed in 0..100 {
            let mut backoff = Backoff::new(initial, max, seed);
            for whole in [100, 200, 400, 800, 1000, 1000].map(Duration::from_millis) {
                let wait = backoff.wait();
                assert!(wait >= whole / 2 && wait <= whole, "{wait:?} of {whole:?}, seed {seed}");
            }
            backoff.reset();
            assert!(backoff.wait() <= initial);
        }
    }

    #[test]
    fn two_seeds_do_not_march_in_step() {
        let wait = |seed| Backoff::new(Duration::from_secs(1), Duration::from_secs(1), seed).wait();
        assert_ne!(wait(1), wait(2));
        assert_eq!(wait(1), wait(1));
    }
}
