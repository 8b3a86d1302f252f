//! What a worker is told once, at its start.

use std::time::Duration;

use crate::ayl::Handler;

/// What a worker is told once, at its start.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// How long a job may go on after SIGTERM before it is given back.
    pub stop_timeout: Duration,
    /// How long a job may run; `None`: as long as it likes.
    pub max_runtime: Option<Duration>,
    /// The handler of messages that name none.
    pub handler: Handler,
    /// When an executor makes room for a fresh one.
    pub recycle: Recycle,
    /// Whether there are other servers to go on with when one is away.
    pub others: bool,
}

/// When an executor makes room for a fresh one, always between two jobs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recycle {
    /// After this many jobs.
    pub max_jobs: Option<u64>,
    /// When its resident memory is larger, in bytes, shared pages counted too.
    pub max_memory: Option<u64>,
    /// When it is older; already jittered, so that a pool does not go all at once.
    pub max_age: Option<Duration>,
}

impl Recycle {
    /// Whether an executor that booted at `since`, ran `jobs` and has `memory` bytes is to go.
    pub(super) fn is_due(&self, since: Duration, jobs: u64, memory: u64, now: Duration) -> bool {
        self.max_jobs.is_some_and(|most| jobs >= most)
            || self.max_memory.is_some_and(|most| memory > most)
            || self.at(since).is_some_and(|at| now >= at)
    }

    /// When an executor that booted at `since` is too old.
    pub(super) fn at(&self, since: Duration) -> Option<Duration> {
        self.max_age.map(|most| since.saturating_add(most))
    }
}
