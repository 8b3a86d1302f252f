//! How many workers a release has, where that depends on the load of its tube.
//!
//! ```text
//!     work  =  jobs that are ready × what a job took lately
//!
//!     work > target × workers   ─► more at once: as many as do it within the target
//!     fewer had something to do,
//!     for a whole window        ─► fewer: half of those too many, idle ones first
//!     anything else             ─► as many as there are
//! ```
//!
//! Growing and shrinking ask different questions, and the window begins anew after each change. So under a
//! constant load a pool comes to rest at a size, and stays there.
//!
//! How long a job takes is the time that workers spent, divided by the jobs that they finished; both come from
//! the queue's figures, because workers say nothing of quick jobs. They do tell of a job that takes longer:
//! when all workers are held up by such jobs, whatever is ready waits for at least as long as they were.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Figures, WorkerState, WorkerStatus};
use crate::config::Scale;
use crate::lifecycle::Time;

/// The length of a window, in `target_wait`s.
const WINDOW: u32 = 6;

/// For every so many workers that are busy on average, one more is not too many.
const SPARE: u32 = 4;

/// How many finished jobs weigh as much as all those before them.
const MEMORY: u32 = 4;

/// The workers of a release that scales.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pool {
    /// The workers there should be, by their numbers.
    numbers: BTreeSet<u32>,
    /// How many the load asks for; the budget may not have them.
    wants: u32,
    /// Why.
    reason: Option<Reason>,
    /// The most workers that had something to do at once in this window.
    peak: u32,
    /// For how long workers had something to do in this window, added up.
    busy: Duration,
    /// When its tube was last looked at.
    looked: Time,
    /// When the window began.
    since: Time,
    /// How long a job takes, once that is known.
    run_time: Option<Duration>,
    /// What workers spent on jobs of which none is finished yet.
    spent: Duration,
    /// The look before.
    seen: Option<Seen>,
    /// It has been told that the queue is away.
    away: bool,
    /// It has been told that the budget does not have what it wants.
    pub(super) short: bool,
    /// The most workers it may have because of memory, and since when.
    pub(super) cap: Option<(u32, Time)>,
    /// The last look found nothing to do, and no job was heard of since.
    resting: bool,
}

/// What a look showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    at: Time,
    reserved: u64,
    deleted: u64,
}

/// Why a pool asks for another size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// What is ready would take too long.
    Work {
        /// Jobs that are ready.
        ready: u64,
        /// What a job takes.
        run_time: Duration,
        /// Workers that would do them.
        workers: u64,
        /// How long it may take.
        target: Duration,
    },
    /// All are held up, and jobs are ready.
    HeldUp {
        /// Jobs that are ready.
        ready: u64,
        /// For how long no worker has taken a job.
        since: Duration,
    },
    /// Some had nothing to do.
    Idle {
        /// The most that had.
        peak: u32,
        /// For so long.
        window: Duration,
    },
    /// It is a release that has just become current: as many as the one before had.
    Follows,
    /// Its bounds are others.
    Bounds(Scale),
}

impl Pool {
    /// A pool that begins with these workers, as far as its bounds allow.
    pub fn new(numbers: BTreeSet<u32>, scale: Scale) -> Self {
        let mut pool = Self {
            wants: 0,
            numbers,
            reason: None,
            peak: 0,
            busy: Duration::ZERO,
            looked: Time::default(),
            since: Time::default(),
            run_time: None,
            spent: Duration::ZERO,
            seen: None,
            away: false,
            short: false,
            cap: None,
            resting: false,
        };
        pool.wants = u32::try_from(pool.numbers.len()).unwrap_or(u32::MAX);
        pool.keep_within(scale);
        pool.reason = None;
        pool
    }

    /// The numbers of its workers.
    pub fn numbers(&self) -> &BTreeSet<u32> {
        &self.numbers
    }

    /// How many there are to be.
    pub fn size(&self) -> u32 {
        u32::try_from(self.numbers.len()).unwrap_or(u32::MAX)
    }

    /// How many its load asks for.
    pub fn wants(&self) -> u32 {
        self.wants
    }

    /// Why.
    pub fn reason(&self) -> Option<Reason> {
        self.reason
    }

    /// How long a job takes, once that is known.
    pub fn run_time(&self) -> Option<Duration> {
        self.run_time
    }

    /// Whether nothing is to be expected of it soon.
    pub fn is_resting(&self) -> bool {
        self.resting
    }

    /// One of its workers has a job. Returns whether that is news.
    pub fn wake(&mut self) -> bool {
        std::mem::take(&mut self.resting)
    }

    /// Its bounds are these from now on. Workers with a number above the maximum go, as with a smaller `count`.
    pub fn keep_within(&mut self, scale: Scale) {
        let wants = self.wants.clamp(scale.min, scale.max);
        if wants != self.wants {
            self.reason = Some(Reason::Bounds(scale));
        }
        self.wants = wants;
        self.numbers.retain(|number| *number <= scale.max);
        self.grow(scale.min);
    }

    /// It takes the place of another, and takes on its load.
    pub(super) fn follow(&mut self, numbers: BTreeSet<u32>, wants: u32, scale: Scale, now: Time) {
        self.numbers = numbers;
        self.wants = wants;
        self.keep_within(scale);
        self.reason = Some(Reason::Follows);
        self.begin_window(0, now);
        (self.seen, self.spent) = (None, Duration::ZERO);
        (self.short, self.cap, self.resting) = (false, None, false);
    }

    /// Grows to that size, taking the lowest numbers that are free.
    pub fn grow(&mut self, to: u32) {
        let mut number = 1;
        while self.size() < to {
            self.numbers.insert(number);
            number += 1;
        }
    }

    /// Lets go of idle workers until it has that size, or none is idle: first those that are not ready, then
    /// those with the highest numbers.
    pub fn shrink(&mut self, to: u32, workers: &[WorkerStatus]) {
        let idle = |worker: &&WorkerStatus| worker.busy.is_none() && worker.state != WorkerState::Leaving;
        let mut idle: Vec<&WorkerStatus> = workers.iter().filter(idle).collect();
        idle.sort_by_key(|worker| (worker.state == WorkerState::Ready, std::cmp::Reverse(worker.number)));
        for worker in idle {
            if self.size() <= to {
                return;
            }
            self.numbers.remove(&worker.number);
        }
    }

    /// The queue could not be asked: all workers stay. Returns whether that is news.
    pub(super) fn lost(&mut self) -> bool {
        self.seen = None;
        self.spent = Duration::ZERO;
        self.resting = false;
        self.wants = self.wants.min(self.size());
        !std::mem::replace(&mut self.away, true)
    }

    /// Its tube was looked at. Returns whether the queue was away before.
    pub(super) fn look(
        &mut self,
        scale: Scale,
        figures: &Figures,
        workers: &[WorkerStatus],
        now: Time,
    ) -> bool {
        self.measure(figures, now);
        let back = std::mem::take(&mut self.away);
        if back {
            self.begin_window(0, now);
        }
        let load = Load::of(figures, workers, now);
        if let Some((wants, reason)) = self.more(scale, &load) {
            self.wants = wants;
            self.reason = Some(reason);
            self.begin_window(load.at_work, now);
        } else {
            self.fewer(scale, &load, now);
        }
        self.looked = now;
        self.resting = self.size() == scale.min && load.at_work == 0 && figures.ready == 0;
        back
    }

    /// What a job takes: an average that forgets.
    fn measure(&mut self, figures: &Figures, now: Time) {
        let Figures { reserved, deleted, .. } = *figures;
        let seen = self.seen.replace(Seen { at: now, reserved, deleted });
        let at_work = |seen: &Seen| seen.reserved > 0 && reserved > 0 && seen.deleted <= deleted;
        let Some(seen) = seen.filter(at_work) else {
            self.spent = Duration::ZERO;
            return;
        };
        let both = now.since(seen.at).saturating_mul(saturate(seen.reserved.saturating_add(reserved)));
        self.spent = self.spent.saturating_add(both / 2);
        let finished = saturate(deleted - seen.deleted);
        if finished > 0 {
            let (before, weight) = self.run_time.map_or((Duration::ZERO, 0), |before| (before, MEMORY));
            let all = before.saturating_mul(weight).saturating_add(self.spent);
            self.run_time = Some(all / finished.saturating_add(weight));
            self.spent = Duration::ZERO;
        }
    }

    /// How many it needs, if that is more than there are.
    fn more(&self, scale: Scale, load: &Load) -> Option<(u32, Reason)> {
        // Those that were started last are not there yet; and of a tube that is paused nobody takes.
        if load.ready == 0 || load.serving == 0 || load.coming || load.waiting {
            return None;
        }
        let known = self.run_time.unwrap_or_default();
        let run_time = known.max(load.held_up);
        let work = run_time.saturating_mul(saturate(load.ready));
        let workers = load.serving.saturating_add(load.others);
        if work <= scale.target.saturating_mul(saturate(workers)) {
            return None;
        }
        let need = work.as_nanos().div_ceil(scale.target.as_nanos().max(1));
        let need = u64::try_from(need).unwrap_or(u64::MAX);
        // More workers than jobs are of no use.
        let need = need.min(load.reserved.saturating_add(load.ready)).saturating_sub(load.others);
        let idle = u64::from(self.size()).saturating_sub(load.serving);
        let wants = saturate(need.saturating_add(idle)).min(scale.max);
        let reason = if known >= load.held_up {
            Reason::Work { ready: load.ready, run_time, workers, target: scale.target }
        } else {
            Reason::HeldUp { ready: load.ready, since: load.held_up }
        };
        (wants > self.size()).then_some((wants, reason))
    }

    /// Lets some go, if the window shows that they are not needed.
    fn fewer(&mut self, scale: Scale, load: &Load, now: Time) {
        let size = self.size();
        // What the budget did not have is not missed any longer.
        self.wants = self.wants.min(size);
        self.short &= load.ready > 0;
        let at_work = if load.ready > 0 { size } else { load.at_work.min(size) };
        if load.coming {
            self.begin_window(at_work, now);
            return;
        }
        self.peak = self.peak.max(at_work);
        self.busy = self.busy.saturating_add(now.since(self.looked.max(self.since)).saturating_mul(at_work));
        let window = now.since(self.since);
        if window < scale.target.saturating_mul(WINDOW) {
            return;
        }
        // With no more than they need on average, they would fall behind again and again.
        let average =
            self.busy.saturating_add(self.busy / SPARE).as_nanos().div_ceil(window.as_nanos().max(1));
        let average = u32::try_from(average).unwrap_or(u32::MAX);
        let needed = self.peak.max(average).max(scale.min);
        if needed < size {
            self.wants = size - (size - needed).div_ceil(2);
            self.reason = Some(Reason::Idle { peak: self.peak, window });
        }
        self.begin_window(at_work, now);
    }

    fn begin_window(&mut self, at_work: u32, now: Time) {
        self.peak = at_work;
        self.busy = Duration::ZERO;
        self.since = now;
    }
}

/// What a look says of the load.
struct Load {
    ready: u64,
    reserved: u64,
    /// Own workers that have something to do.
    at_work: u32,
    /// Own workers that take jobs.
    serving: u64,
    /// Workers of other hosts on the same tube.
    others: u64,
    /// Some are on their way to be ready.
    coming: bool,
    /// Some wait for a job.
    waiting: bool,
    /// For how long no own worker took a job, if all have one.
    held_up: Duration,
}

impl Load {
    fn of(figures: &Figures, workers: &[WorkerStatus], now: Time) -> Self {
        let ready = || workers.iter().filter(|worker| worker.state == WorkerState::Ready);
        let serving = ready().count() as u64;
        let busy = ready().filter(|worker| worker.busy.is_some()).count() as u64;
        let others = figures.watching.saturating_sub(workers.len() as u64);
        // Of what is reserved, others have their share.
        let reserved = figures.reserved;
        let own = reserved.saturating_mul(serving).div_ceil(serving.saturating_add(others).max(1));
        let latest = ready().filter_map(|worker| worker.busy).max();
        Self {
            ready: figures.ready,
            reserved,
            at_work: saturate(own.max(busy)),
            serving,
            others,
            coming: workers.iter().any(|worker| worker.state == WorkerState::Coming),
            waiting: figures.waiting > 0,
            held_up: latest.filter(|_| busy == serving).map_or(Duration::ZERO, |latest| now.since(latest)),
        }
    }
}

fn saturate(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
