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
mod rule;
pub mod timetable;

#[cfg(test)]
mod hard_cases;

pub use catch_up::{CatchUp, Missed, missed};
pub use cron::{Cron, CronError};
pub use rule::{Rule, splay};
