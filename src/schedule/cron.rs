//! A cron expression in a time zone.

use std::str::FromStr;

use croner::Weekday;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::{Date, DateTime, date};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};
use thiserror::Error;

/// Why a text is not a cron expression.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CronError {
    /// It does not follow the syntax.
    #[error("{text:?} is not a cron expression: {reason}")]
    Syntax {
        /// The text.
        text: String,
        /// What the parser says of it.
        reason: String,
    },
    /// One of its fields is wrong.
    #[error("{found:?} is not {name}, expected {expected}")]
    Field {
        /// The field.
        found: String,
        /// What it is to be, as `an hour`.
        name: &'static str,
        /// What may stand there.
        expected: &'static str,
        /// How many characters of the text stand before it.
        before: usize,
    },
    /// It is well formed, and no day is ever like that.
    #[error("{0:?} is never due: there is no such date")]
    Impossible(String),
}

/// A cron expression: five fields, or six with seconds first; names, ranges,
/// steps, `L`, `#`, `W` and the nicknames `@daily`, `@hourly`, ….
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    pattern: croner::Cron,
    text: String,
    /// Due in every hour of the day: follows elapsed time, not the wall clock.
    hourly: bool,
}

impl Cron {
    /// The next instant strictly after `after` that is due on the wall clocks of `zone`.
    ///
    /// `None` where the calendar ends.
    pub fn next(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        if self.hourly { self.next_elapsed(zone, after) } else { self.next_on_the_wall(zone, after) }
    }

    /// Every stretch between two changes of the zone's offset is a plain line of time.
    fn next_elapsed(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        let mut from = after;
        let mut inclusive = false;
        loop {
            let offset = zone.to_offset(from);
            let end = zone.following(from).find(|t| t.offset() != offset).map(|t| t.timestamp());
            let due = offset.to_timestamp(self.match_from(offset.to_datetime(from), inclusive)?).ok()?;
            match end {
                Some(end) if due >= end => (from, inclusive) = (end, true),
                _ => return Some(due),
            }
        }
    }

    /// Wall times in their order, each at its one instant; the order is kept,
    /// since in a fold only the first pass counts.
    fn next_on_the_wall(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        let now = zone.to_datetime(after);
        // Near a change of the offset the wall may show later (after the first pass)
        // or earlier times (before a gap's end) than what was due already.
        let mut wall = match largest_change_near(zone, after) {
            Some(change) => now.checked_sub(change).ok()?,
            None => now,
        };
        let mut inclusive = false;
        loop {
            wall = self.match_from(wall, inclusive)?;
            inclusive = false;
            let due = first_instant(zone, wall)?;
            if due > after {
                return Some(due);
            }
        }
    }

    /// The first matching wall time after `wall`, or at it when `inclusive`.
    fn match_from(&self, wall: DateTime, inclusive: bool) -> Option<DateTime> {
        // croner resolves gaps and folds by rules of its own: it is only asked about
        // UTC, where there are none.
        let start = wall.to_zoned(TimeZone::UTC).ok()?;
        self.pattern.find_next_occurrence(&start, inclusive).ok().map(|found| found.datetime())
    }
}

/// The change of the offset that lies within a day of `at`, if there is one.
///
/// No zone has ever moved by more than a day (Apia left out all of 2011-12-30).
fn largest_change_near(zone: &TimeZone, at: Timestamp) -> Option<SignedDuration> {
    let day = SignedDuration::from_hours(26);
    let (from, to) = (at.checked_sub(day).ok()?, at.checked_add(day).ok()?);
    let mut offset = zone.to_offset(from);
    let mut largest = None;
    for change in zone.following(from).take_while(|change| change.timestamp() <= to) {
        let moved = offset.duration_until(change.offset()).abs();
        offset = change.offset();
        largest = largest.max(Some(moved).filter(|moved| !moved.is_zero()));
    }
    largest
}

/// The instant at which a wall time is due: its own; the first pass in a fold; the
/// first instant after it in a gap.
pub(super) fn first_instant(zone: &TimeZone, wall: DateTime) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(wall).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(wall).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(wall).ok(),
        AmbiguousOffset::Gap { after, .. } => {
            // By the later offset the wall time lies before the change, by the earlier after it.
            let before_change = after.to_timestamp(wall).ok()?;
            zone.following(before_change).next().map(|change| change.timestamp())
        }
    }
}

impl FromStr for Cron {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, CronError> {
        let pattern = parse(text).map_err(|reason| fault(text, reason))?;
        let hourly = (0..24).all(|hour| pattern.pattern.hour_match(hour).unwrap_or(false));
        let cron = Self { pattern, text: text.to_owned(), hourly };
        if is_ever_due(&cron.pattern) { Ok(cron) } else { Err(CronError::Impossible(cron.text)) }
    }
}

/// Whether some day is like that. The parser's own search would look through thousands of years.
///
/// In 28 years each date falls on each day of the week, leap days included.
fn is_ever_due(pattern: &croner::Cron) -> bool {
    let fits = |date: Date| {
        let (year, month, day) = (date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs());
        let weekday =
            Weekday::from_days_from_sunday(date.weekday().to_sunday_zero_offset().unsigned_abs().into());
        let pattern = &pattern.pattern;
        pattern.month_match(month.into()).unwrap_or(false)
            && pattern.day_match(year, month.into(), day.into(), weekday).unwrap_or(false)
    };
    date(2000, 1, 1).series(1.day()).take_while(|date| date.year() < 2028).any(fits)
}

fn parse(text: &str) -> Result<croner::Cron, String> {
    // The parser takes `1,,2` for `1,2`, and `,` for a time that never comes, which is long looked for.
    if text.split_whitespace().flat_map(|field| field.split(',')).any(str::is_empty) {
        return Err("an item of a list is empty".to_owned());
    }
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    parser.parse(text).map_err(|error| error.to_string())
}

/// The fields, each with what may stand there.
const FIELDS: [(&str, &str); 6] = [
    ("a second", "0 to 59"),
    ("a minute", "0 to 59"),
    ("an hour", "0 to 23"),
    ("a day of the month", "1 to 31, or L for the last"),
    ("a month", "1 to 12, or JAN to DEC"),
    ("a day of the week", "0 to 7, or SUN to SAT"),
];

/// What is wrong with `text`, which the parser refuses with `reason`.
fn fault(text: &str, reason: String) -> CronError {
    let syntax = |reason: String| CronError::Syntax { text: text.to_owned(), reason };
    if text.starts_with('@') {
        return syntax("known are @hourly, @daily, @weekly, @monthly and @yearly".to_owned());
    }
    let found: Vec<&str> = text.split_whitespace().collect();
    let missing = match found.len() {
        5 => 1,
        6 => 0,
        count => {
            let fields = if count == 1 { "field" } else { "fields" };
            return syntax(format!("it has {count} {fields}, not 5, or 6 with the second first"));
        }
    };
    for (i, (&field, (name, expected))) in found.iter().zip(&FIELDS[missing..]).enumerate() {
        // The others are replaced by what is right anyway.
        let alone: Vec<&str> = (0..found.len()).map(|other| if other == i { field } else { "*" }).collect();
        if parse(&alone.join(" ")).is_err() {
            let before = text[..field.as_ptr().addr() - text.as_ptr().addr()].chars().count();
            return CronError::Field { found: field.to_owned(), name, expected, before };
        }
    }
    syntax(reason)
}

impl std::fmt::Display for Cron {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.text)
    }
}
