//! When the entries of a timetable are due.
//!
//! A [`Rule`] turns an instant into the next one that is due after it. Rules speak
//! of wall clocks, slots are instants: a slot is known by its instant in UTC, so
//! that every host, whatever its own zone, means the same one.
//!
//! Twice a year a wall clock has hours that come twice, or not at all:
//!
//! ```text
//!     gap   01:30 ─── 02:00┊03:00 ─── 03:30     fold   02:00 ─── 03:00┊02:00 ─── 03:00
//!                          ┊                                 first pass┊second pass
//!     02:10 is due at 03:00, the first instant          02:10 is due in the first pass
//!     there is
//! ```
//!
//! An entry that names hours (`10 2 * * *`, and `*/30 2 * * *`, which only looks
//! wild) is due once on every day it names: in a gap at the first valid instant, in
//! a fold in the first pass. An entry for every hour (`*/15 * * * *`) follows
//! elapsed time instead: it goes on in both passes and has nothing to make up for
//! in a gap. Two wall times that fall on one instant are one slot.

mod catch_up;
mod cron;
mod due;
mod rule;
pub mod timetable;
mod token;
mod turn;

#[cfg(test)]
mod hard_cases;
#[cfg(test)]
mod sweeps;

pub use catch_up::{CatchUp, Missed, missed};
pub use cron::{Cron, CronError};
pub use due::{Due, due, next_look, put_at};
pub use rule::{Rule, splay};
pub use token::{Past, PutJob, Token, entry_of, token_tube};
pub use turn::{Ask, Heard, Outcome, Turn, delay};

/// The entry `e` with these settings, as in `every: 1h, catch_up: all`.
#[cfg(test)]
fn test_entry(settings: &str) -> timetable::Entry {
    let lines = settings.split(", ").map(|setting| {
        let (key, value) = setting.split_once(": ").unwrap();
        let quote = if value.contains('*') { "\"" } else { "" };
        format!("  {key}: {quote}{value}{quote}\n")
    });
    let text = format!("e:\n  code: Resident.census\n{}", lines.collect::<String>());
    let file = crate::config::SourceFile::new("schedule.yml", text.into_bytes());
    timetable::load(&file, jiff::tz::db()).unwrap().entries.remove(0)
}
