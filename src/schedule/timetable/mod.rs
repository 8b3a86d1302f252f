//! The timetable's file (`schedule.yml`): text in, a validated [`Timetable`] out, every
//! error with its place.
//!
//! ```text
//!     bytes ─► config::yaml ─► entry (each key by a table) ─► Timetable
//!                                │
//!                  code: Ruby ◄──┼──► rule: Cron in a zone, or a period
//!                     put: how ◄─┘
//! ```
//!
//! Pure: the time zones come in as an argument. [`load`] is total: any bytes give a
//! [`Timetable`] or problems.

mod code;
mod entry;
mod fault;
mod put;
mod reader;
mod slots;
mod zone;

use std::time::Duration;

use jiff::tz::{TimeZone, TimeZoneDatabase};

pub use entry::keys;
pub use fault::Fault;
pub use put::Put;
pub use slots::{Slot, Slots};

use super::{CatchUp, Rule};
use crate::config::yaml::{self, Place, Value, YamlError};
use crate::config::{Problems, SourceFile, Sources};
use crate::names::EntryName;
use reader::Reader;

/// The entries of a file, in its order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Timetable {
    /// No name twice.
    pub entries: Vec<Entry>,
}

/// One entry: what is put, when, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its key.
    pub name: EntryName,
    /// When it is due.
    pub rule: Rule,
    /// The Ruby its jobs run.
    pub code: String,
    /// How its jobs are put.
    pub put: Put,
    /// What becomes of slots that nobody was there to put.
    pub catch_up: CatchUp,
    /// What becomes of a slot while the job of an earlier one is not done.
    pub overlap: Overlap,
    /// Its jobs are put less than so long after their slots, hence before the next one.
    pub splay: Duration,
    /// Whether it is due at all.
    pub enabled: bool,
}

/// What becomes of a slot while the entry's last job is in the queue or running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overlap {
    /// It is put all the same.
    #[default]
    Allow,
    /// It is dropped.
    Skip,
}

impl Entry {
    /// The zone its times are meant in: UTC for a period, which knows none.
    pub fn zone(&self) -> TimeZone {
        match &self.rule {
            Rule::Cron(_, zone) => zone.clone(),
            Rule::Every(_) => TimeZone::UTC,
        }
    }
}

/// Reads a timetable; `zones` are the time zones it may name.
///
/// # Errors
/// All that is wrong, in the order of the file.
pub fn load(file: &SourceFile, zones: &TimeZoneDatabase) -> Result<Timetable, Problems<Fault>> {
    let sources = Sources::new(std::iter::once((file.path.clone(), file.text.as_slice())));
    let mut reader = Reader::new(zones, &sources);
    let timetable = read(&mut reader, &file.text);
    let mut problems = reader.problems;
    problems.sort_by_key(|problem| problem.place);
    // What an alias stands for is wrong once.
    problems.dedup();
    if problems.is_empty() { Ok(timetable) } else { Err(Problems(problems)) }
}

fn read(reader: &mut Reader<'_>, text: &[u8]) -> Timetable {
    let mut faults = Vec::new();
    let root = yaml::parse(0, text, &mut |place, key, error| faults.push((place, key, error)));
    for (place, key, error) in faults {
        // Those speak of daemons.yml.
        let fault = match error {
            YamlError::Empty => Fault::EmptyFile,
            YamlError::MergeKey => Fault::MergeKey,
            YamlError::Syntax(reason) if is_unquoted(text, place) => Fault::Unquoted(reason),
            other => crate::config::Fault::Yaml(other).into(),
        };
        reader.at(&key, |reader| reader.error(place, fault));
    }
    let Some(root) = root else { return Timetable::default() };
    let Value::Map(entries) = &root.value else {
        reader.wrong_type::<()>(&root, "a map of entries, as {census: {schedule: \"0 3 * * *\", code: …}}");
        return Timetable::default();
    };
    let read = |entry: &yaml::Entry| reader.at(&entry.key, |reader| entry::entry(reader, entry));
    Timetable { entries: entries.iter().filter_map(read).collect() }
}

/// Whether a `*` or `@` stands there, which in a timetable is meant to begin a cron expression.
fn is_unquoted(text: &[u8], place: Place) -> bool {
    let line = text.split(|byte| *byte == b'\n').nth(place.line as usize - 1).unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    line.chars().skip(place.column as usize - 1).take(1).any(|c| matches!(c, '*' | '@'))
}

#[cfg(test)]
mod tests;
