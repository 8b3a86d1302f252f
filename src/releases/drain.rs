//! A release that is no longer current, and has jobs left.
//!
//! ```text
//!     serving ──► shrinking ──► leaving: empty ──► retired
//!       the new     │   ▲            │
//!       pool is up  │   └─ a job came, or somebody uses the tube after all
//!                   └─ time is up ─► leaving: late ─► (moving) ─► retired
//! ```
//!
//! The last look is taken once its last worker is gone: only then it is certain that a connection
//! that uses the tube is not that worker's own (a job may put jobs), and that no job came meanwhile.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::kept::Kept;
use super::{Figures, Look, WorkerState, WorkerStatus};
use crate::lifecycle::Time;

/// How many looks in a row have to find nothing before the last worker goes.
const QUIET_LOOKS: u32 = 2;

/// When an empty tube turns out to be used by somebody else than the worker, the worker comes back. After
/// this pause it is taken away again to see; the pause doubles each time.
const FIRST_PROBE: Duration = Duration::from_mins(1);

/// The longest such pause.
const LAST_PROBE: Duration = Duration::from_hours(1);

/// An older release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Draining {
    /// The release.
    pub kept: Kept,
    /// Since when it is not current.
    pub since: Time,
    /// The workers it still has.
    pub numbers: BTreeSet<u32>,
    pub(super) stage: Stage,
    /// How many looks in a row found nothing to do.
    quiet: u32,
    /// When the worker may be taken away to see whether it is the one that uses the tube.
    probe_at: Time,
    probe_pause: Duration,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stage {
    /// All its workers go on, until the current release's are there.
    Serving,
    /// It goes down to one worker, and waits for its tube to be empty.
    Shrinking,
    /// Its last worker goes.
    Leaving(Why),
    /// What was left is being moved.
    Moving,
    /// That could not be done; it is tried again with the next look.
    Stranded,
}

/// Why the last worker goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Why {
    /// There is nothing left to do.
    Empty,
    /// `drain_timeout` has passed.
    Late,
}

impl Draining {
    pub(super) fn new(kept: Kept, numbers: BTreeSet<u32>, now: Time) -> Self {
        Self {
            kept,
            since: now,
            numbers,
            stage: Stage::Serving,
            quiet: 0,
            probe_at: now + FIRST_PROBE,
            probe_pause: FIRST_PROBE,
        }
    }

    /// When it waits no longer; `None`: that is past.
    pub(super) fn deadline(&self) -> Option<Time> {
        let timeout = self.kept.workers().map(|daemon| daemon.drain.timeout)?;
        matches!(self.stage, Stage::Serving | Stage::Shrinking | Stage::Leaving(Why::Empty))
            .then(|| self.since + timeout)
    }

    /// Its tube was looked at. `workers`: how many of its workers are there. Returns whether that
    /// changes anything.
    pub(super) fn look(&mut self, look: Look, workers: usize, now: Time) -> bool {
        let figures = match &look {
            Look::Figures(figures) => Some(*figures),
            Look::Away(_) => None,
        };
        self.kept.look = Some(look);
        // Of a queue that is away nothing is known.
        let Some(figures) = figures else {
            self.quiet = 0;
            return false;
        };
        match self.stage {
            Stage::Shrinking => self.quiet_after(figures, now),
            Stage::Leaving(Why::Empty) if figures.open() > 0 || workers == 0 && figures.using > 0 => {
                self.stage = Stage::Shrinking;
                self.quiet = 0;
                self.probe_at = now + self.probe_pause;
                self.probe_pause = (self.probe_pause * 2).min(LAST_PROBE);
                true
            }
            Stage::Leaving(Why::Empty) => {
                self.quiet += u32::from(workers == 0);
                workers == 0
            }
            Stage::Stranded => true,
            Stage::Serving | Stage::Leaving(Why::Late) | Stage::Moving => false,
        }
    }

    fn quiet_after(&mut self, figures: Figures, now: Time) -> bool {
        // One that uses it may be the worker itself.
        let unused = figures.using == 0 || figures.using <= self.numbers.len() as u64 && now >= self.probe_at;
        self.quiet = if figures.open() == 0 && unused { self.quiet + 1 } else { 0 };
        if self.quiet < QUIET_LOOKS {
            return false;
        }
        self.stage = Stage::Leaving(Why::Empty);
        self.quiet = 0;
        self.numbers.clear();
        true
    }

    /// Whether nothing came to its tube after its last worker had gone.
    pub(super) fn is_over(&self) -> bool {
        self.quiet > 0
    }

    /// Which workers stay: those that run a job, else one, if `last` is to stay.
    pub(super) fn shrink(&mut self, workers: &[WorkerStatus], last: bool) -> bool {
        let here = |worker: &&WorkerStatus| self.numbers.contains(&worker.number);
        let mut stay: BTreeSet<u32> = workers
            .iter()
            .filter(here)
            .filter(|worker| worker.busy.is_some())
            .map(|worker| worker.number)
            .collect();
        if stay.is_empty() && last {
            let best = workers.iter().filter(here).min_by_key(|worker| (rank(worker), worker.number));
            let first = || self.numbers.first().copied().or_else(|| self.kept.numbers().next());
            stay.extend(best.map(|worker| worker.number).or_else(first));
        }
        let changed = stay != self.numbers;
        self.numbers = stay;
        changed
    }
}

/// One that works is worth more than one that does not; one that was stopped serves nobody.
fn rank(worker: &WorkerStatus) -> u8 {
    match worker.state {
        WorkerState::Ready => 0,
        WorkerState::Coming => 1,
        WorkerState::Failing(_) => 2,
        WorkerState::Stopped => 3,
        WorkerState::Leaving => 4,
    }
}
