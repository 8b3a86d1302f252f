//! `preview`: the slots of a span of time, as the timetable's zones and UTC have them.

use std::io::{Write, stderr};
use std::path::PathBuf;

use clap::{Args, ValueHint};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use serde::Serialize;

use super::run::unreadable;
use crate::cli::exit::{Error, Exit};
use crate::cli::json;
use crate::cli::screen::{Screen, Tone};
use crate::cli::table::{Column, Fit, Row, Table};
use crate::schedule::timetable::Slot;
use crate::scheduler;

/// The arguments of `preview`.
#[derive(Debug, Args)]
pub(super) struct Preview {
    /// The timetable
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// From that time on: 2026-11-24, `2026-11-24T06:00:00-07:00` or `2026-11-24T06:00[America/Denver]`, without a zone in UTC [default: now]
    #[arg(long, value_name = "TIME", value_parser = instant)]
    from: Option<Timestamp>,
    /// Before that time [default: a day after --from]
    #[arg(long, value_name = "TIME", value_parser = instant)]
    to: Option<Timestamp>,
    /// At most this many slots
    #[arg(long, value_name = "SLOTS", default_value_t = 1000)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// One slot, as other programs read it.
#[derive(Debug, Serialize)]
struct Line {
    entry: String,
    due: String,
    local: String,
    timezone: String,
}

impl Line {
    fn of(slot: &Slot<'_>) -> Self {
        let zone = slot.entry.zone();
        let local = slot.due.to_zoned(zone.clone());
        Self {
            entry: slot.entry.name.to_string(),
            due: slot.due.to_string(),
            local: local.strftime("%F %T %:z").to_string(),
            timezone: zone.iana_name().unwrap_or("UTC").to_owned(),
        }
    }

    fn cells(self) -> Row {
        let cells = [self.entry, self.local, self.timezone, self.due];
        Row { cells: cells.map(|text| (Tone::Plain, text)).into(), notes: Vec::new() }
    }
}

const COLUMNS: [Column; 4] = [
    Column::left("ENTRY", Fit::Cut),
    Column::left("LOCAL", Fit::Whole),
    Column::left("TIMEZONE", Fit::Drop(1)),
    Column::left("UTC", Fit::Whole),
];

impl Preview {
    pub(super) fn run(&self) -> Result<Exit, Error> {
        let from = self.from.unwrap_or_else(Timestamp::now);
        let to = self.to.unwrap_or_else(|| from.saturating_add(DAY).unwrap_or(Timestamp::MAX));
        if to <= from {
            return Err(Error::new(Exit::Usage, format!("--to ({to}) has to be later than --from ({from})")));
        }
        let timetable = scheduler::read(&self.file).map_err(|error| unreadable(&error))?;
        let mut slots = timetable.slots(from, to);
        let shown: Vec<Slot<'_>> = slots.by_ref().take(self.limit as usize).collect();
        let lines = shown.iter().map(Line::of);
        let mut screen = Screen::stdout();
        if self.json {
            json::array(&mut screen, &lines.collect::<Vec<_>>())?;
        } else if !shown.is_empty() {
            let mut table = Table::new(COLUMNS);
            lines.for_each(|line| table.push(line.cells()));
            table.print(&mut screen)?;
        }
        screen.flush()?;
        let note = match (shown.last(), slots.next()) {
            (None, _) => format!("nothing is due from {from} to {to}"),
            (Some(_), None) => return Ok(Exit::Success),
            (Some(last), Some(_)) => {
                format!("these are the first {}, up to {}; --limit shows more", shown.len(), last.due)
            }
        };
        // The answer is written; a closed standard error takes nothing from it.
        let _ = writeln!(stderr(), "ayl_scheduler: {note}");
        Ok(Exit::Success)
    }
}

/// The default span.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// An instant: with an offset, with a zone, or in UTC.
fn instant(text: &str) -> Result<Timestamp, String> {
    let utc = |wall: DateTime| wall.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let zoned = || text.parse::<Zoned>().ok().map(|zoned| zoned.timestamp());
    let civil = || text.parse::<DateTime>().ok().and_then(utc);
    text.parse::<Timestamp>().ok().or_else(zoned).or_else(civil).ok_or_else(|| {
        "write it as 2026-11-24, 2026-11-24T06:00:00Z or 2026-11-24T06:00[America/Denver]".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_may_have_an_offset_a_zone_or_neither() {
        let at = |text: &str| instant(text).map(|instant| instant.to_string());
        for text in [
            "2026-11-24T13:00:00Z",
            "2026-11-24T06:00:00-07:00",
            "2026-11-24T06:00[America/Denver]",
            "2026-11-24T13:00",
        ] {
            assert_eq!(at(text).as_deref(), Ok("2026-11-24T13:00:00Z"), "{text}");
        }
        assert_eq!(at("2026-11-24").as_deref(), Ok("2026-11-24T00:00:00Z"));
        for text in ["", "now", "tomorrow", "2026-02-30", "24.11.2026"] {
            assert!(at(text).unwrap_err().starts_with("write it as 2026-11-24"), "{text}");
        }
    }
}
