//! Makes a pool as large as it wants to be, as far as there is room, and tells of it with the numbers.

use std::fmt;
use std::time::Duration;

use super::application::Application;
use super::news::{News, Outcome, named};
use super::scale::Reason;
use super::{Claim, Figures, Look, WorkerStatus};
use crate::config::{Scale, write_duration, write_size};
use crate::lifecycle::Time;

/// How long a pool that had to give up a worker because of memory stays smaller.
const SMALLER: Duration = Duration::from_mins(1);

/// What there is for a pool, beyond the workers that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// How many it may have in all, so that the others get theirs.
    pub share: u32,
    /// How many more processes there may be now.
    pub workers: u32,
    /// For how many more there is memory now.
    pub in_memory: u32,
}

/// What the whole host has for workers, to be told with a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// `max_workers`.
    pub workers: Option<u32>,
    /// `max_workers_memory`, and how much of it the workers hold, both in bytes.
    pub memory: Option<(u64, u64)>,
}

/// A pool has changed its size, or does not get the size it wants: what `events --json` shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resize {
    /// How many workers it had.
    pub from: u32,
    /// How many it has now.
    pub to: u32,
    /// How many its load asks for.
    pub wanted: u32,
    /// Its bounds and its target.
    pub scale: Scale,
    /// What the last look at its tube found.
    pub figures: Option<Figures>,
    /// How long a job took lately.
    pub run_time: Option<Duration>,
}

impl Application {
    /// How many workers its pool claims, if it scales.
    pub fn claim(&self) -> Option<Claim> {
        let (scale, pool) = (self.current.scale()?, self.current.pool.as_ref()?);
        let most = pool.cap.map_or(u32::MAX, |(most, _)| most);
        Some(Claim { floor: scale.min, wants: pool.wants().min(most).max(scale.min) })
    }

    /// Lets its pool grow or shrink. Returns whether it is not yet where it should be only because of workers
    /// that are at work, or on their way out: then try again once one of them changes.
    pub fn resize(
        &mut self,
        room: Room,
        limits: Limits,
        workers: &[WorkerStatus],
        now: Time,
        out: &mut Vec<Outcome>,
    ) -> bool {
        let figures = match &self.current.look {
            Some(Look::Figures(figures)) => Some(*figures),
            _ => None,
        };
        let (Some(scale), version) = (self.current.scale(), self.current.version.clone()) else {
            return false;
        };
        let Some(pool) = &mut self.current.pool else { return false };
        let (from, goal) = (pool.size(), room.share.max(scale.min));
        if from > goal {
            pool.shrink(goal, workers);
        } else {
            pool.grow(goal.min(from.saturating_add(room.workers.min(room.in_memory))));
        }
        let (to, wanted) = (pool.size(), pool.wants());
        let capped = pool.cap.is_some_and(|(most, _)| wanted > most);
        pool.cap = pool.cap.filter(|(most, since)| to > *most || now.since(*since) < SMALLER);
        let no_memory = capped || to < goal && room.in_memory < room.workers;
        let less = wanted > to && (room.share < wanted || no_memory);
        let told = pool.short;
        pool.short = less;
        if to != from || less && !told {
            let change = if to == from { format!("stay {to}") } else { format!("{from} -> {to}") };
            let words = Words { reason: pool.reason(), wanted, less, no_memory, limits };
            let text = format!("{}: workers {change}{words}", named(version.as_ref()));
            let resize = Resize { from, to, wanted, scale, figures, run_time: pool.run_time() };
            out.push(Outcome::Told(News { version, text, grave: false, resize: Some(resize) }));
        }
        to > goal || to < goal && room.workers < goal - from
    }

    /// All workers together hold too much memory: one of its pool's has to go. Returns false if it has none to
    /// spare, or one is on its way out already.
    pub fn give_up_one(&mut self, workers: &[WorkerStatus], now: Time) -> bool {
        let Some((scale, pool)) = self.current.scale().zip(self.current.pool.as_mut()) else { return false };
        let size = pool.size();
        let on_its_way =
            pool.cap.is_some_and(|(most, _)| most < size) || workers.len() > pool.numbers().len();
        if size <= scale.min || on_its_way {
            return false;
        }
        pool.cap = Some((size - 1, now));
        true
    }
}

/// Why, for the end of a sentence.
struct Words {
    reason: Option<Reason>,
    wanted: u32,
    /// It does not get what it wants.
    less: bool,
    /// Because of memory.
    no_memory: bool,
    limits: Limits,
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(reason) = self.reason {
            write!(f, ": {reason}")?;
        }
        if !self.less {
            return Ok(());
        }
        let dash = if self.reason.is_some() { "; " } else { ": " };
        write!(f, "{dash}{} wanted", self.wanted)?;
        match self.limits {
            Limits { memory: Some((most, held)), .. } if self.no_memory => {
                write!(f, ", the workers hold {}MiB, max_workers_memory is {}", held >> 20, write_size(most))
            }
            Limits { workers: Some(most), .. } => write!(f, ", max_workers is {most}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Work { ready, run_time, workers, target } => {
                let (run_time, target) = (brief(*run_time), write_duration(*target));
                let (jobs, workers) = (plural(*ready, "ready job"), plural(*workers, "worker"));
                write!(f, "{jobs} of {run_time} for {workers}, target_wait is {target}")
            }
            Self::HeldUp { ready, since } => {
                let jobs = plural(*ready, "ready job");
                write!(f, "{jobs}, and no worker has taken one for {}", brief(*since))
            }
            Self::Idle { peak: 0, window } => write!(f, "none had anything to do for {}", brief(*window)),
            Self::Idle { peak, window } => {
                write!(f, "no more than {peak} had something to do for {}", brief(*window))
            }
            Self::Follows => f.write_str("as many as the release before had"),
            Self::Bounds(Scale { min, max, .. }) => write!(f, "min is {min}, max is {max}"),
        }
    }
}

fn plural(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// A measured time, no longer than its worth.
fn brief(time: Duration) -> String {
    match time.as_millis() {
        0..1000 => format!("{}ms", time.as_millis()),
        1000..60_000 => format!("{:.1}s", time.as_secs_f64()).replace(".0s", "s"),
        _ => write_duration(Duration::from_secs(time.as_secs())),
    }
}
