//! The slots of a span of time, of all entries together.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use jiff::{SignedDuration, Timestamp};

use super::{Entry, Timetable};

/// A slot of an entry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slot<'t> {
    /// The entry.
    pub entry: &'t Entry,
    /// Its instant.
    pub due: Timestamp,
}

/// The slots of a span, in order; those of one instant in the order of the file.
#[derive(Debug, Clone)]
pub struct Slots<'t> {
    entries: &'t [Entry],
    /// The next slot of each entry that has one, with the entry's place in `entries`.
    next: BinaryHeap<Reverse<(Timestamp, usize)>>,
    to: Timestamp,
}

impl Timetable {
    /// The slots from `from` on and before `to` of the entries that are enabled.
    pub fn slots(&self, from: Timestamp, to: Timestamp) -> Slots<'_> {
        let before = from.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MIN);
        let next = self.entries.iter().enumerate().filter(|(_, entry)| entry.enabled);
        let next = next.filter_map(|(i, entry)| Some(Reverse((entry.rule.next(before)?, i))));
        Slots { entries: &self.entries, next: next.collect(), to }
    }
}

impl<'t> Iterator for Slots<'t> {
    type Item = Slot<'t>;

    fn next(&mut self) -> Option<Slot<'t>> {
        let Reverse((due, i)) = self.next.pop()?;
        if due >= self.to {
            // All others are later still.
            self.next.clear();
            return None;
        }
        let entry = self.entries.get(i)?;
        if let Some(after) = entry.rule.next(due) {
            self.next.push(Reverse((after, i)));
        }
        Some(Slot { entry, due })
    }
}
