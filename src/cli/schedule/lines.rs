//! The rows of `schedule`.

use std::io;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::tokens::Seen;
use crate::cli::human::age;
use crate::cli::screen::{Screen, Tone};
use crate::cli::table::{Column, Fit, Row, Table};
use crate::names::ApplicationName;
use crate::schedule::timetable::Entry;
use crate::schedule::{Past, next_look};

/// One entry, as other programs read it. Times are in UTC, and as its zone has them.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    application: String,
    entry: String,
    enabled: bool,
    rule: String,
    timezone: String,
    /// The last slot that was put.
    last: Option<Timestamp>,
    last_local: Option<String>,
    /// When it is put next.
    next: Option<Timestamp>,
    next_local: Option<String>,
    /// Seconds since it was due, while it was not put.
    lag: Option<i64>,
    /// Host and instance that put its token.
    holder: Option<String>,
    /// `waiting`, `held`, `missing`, or `off` of an entry that is not enabled.
    token: &'static str,
}

impl Line {
    /// What is known of an entry: by its token if that can be seen, else by `past`.
    pub(super) fn of(
        application: &ApplicationName,
        entry: &Entry,
        seen: Option<&Seen>,
        past: Option<&Past>,
        now: Timestamp,
    ) -> Self {
        let zone = entry.zone();
        let (past, due, holder, token) = match seen {
            Some(Seen::Waiting(token)) => {
                (Some(&token.past), Some(token.due), Some(token.by.clone()), "waiting")
            }
            Some(Seen::Held) => (past, None, None, "held"),
            None => (past, None, None, if entry.enabled { "missing" } else { "off" }),
        };
        let last = past.and_then(|past| past.put.last().copied());
        let after = past.map_or(now, |past| past.last);
        let next = due.or_else(|| next_look(entry, after, now)).filter(|_| entry.enabled);
        let lag = next.filter(|next| *next <= now && token != "missing");
        let local = |at: Option<Timestamp>| at.map(|at| local(at, &zone));
        Self {
            application: application.to_string(),
            entry: entry.name.to_string(),
            enabled: entry.enabled,
            rule: entry.rule.to_string(),
            timezone: zone.iana_name().unwrap_or("UTC").to_owned(),
            last,
            last_local: local(last),
            next,
            next_local: local(next),
            lag: lag.map(|next| now.as_second().saturating_sub(next.as_second())),
            holder,
            token,
        }
    }

    fn cells(&self, now: Timestamp) -> Row {
        let plain = |text: Option<String>| (Tone::Plain, text.unwrap_or_else(|| "-".to_owned()));
        let utc = |at: Option<Timestamp>| plain(at.map(|at| local(at, &TimeZone::UTC)));
        let late = self.next.filter(|_| self.lag.is_some()).map(|next| age(next, now));
        let holder = match self.token {
            "waiting" => plain(self.holder.clone()),
            "held" => (Tone::Good, "(at it now)".to_owned()),
            "missing" => (Tone::Bad, "(no token)".to_owned()),
            _ => (Tone::Faint, "(not enabled)".to_owned()),
        };
        let cells = vec![
            plain(Some(format!("{}/{}", self.application, self.entry))),
            plain(Some(self.timezone.clone())),
            plain(self.last_local.clone()),
            utc(self.last),
            plain(self.next_local.clone()),
            utc(self.next),
            (if late.is_some() { Tone::Bad } else { Tone::Plain }, late.unwrap_or_else(|| "-".to_owned())),
            holder,
        ];
        Row { cells, notes: Vec::new() }
    }
}

/// To the second: the fraction of a splay says nothing to an operator.
fn local(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%F %T").to_string()
}

const COLUMNS: [Column; 8] = [
    Column::left("ENTRY", Fit::Cut),
    Column::left("TIMEZONE", Fit::Drop(1)),
    Column::left("LAST", Fit::Drop(2)),
    Column::left("LAST UTC", Fit::Drop(4)),
    Column::left("NEXT", Fit::Whole),
    Column::left("NEXT UTC", Fit::Drop(3)),
    Column::right("LAG", Fit::Whole),
    Column::left("HOLDER", Fit::Cut),
];

/// All of them as a table.
pub(super) fn table(screen: &mut Screen<'_>, lines: &[Line]) -> io::Result<()> {
    let now = Timestamp::now();
    let mut table = Table::new(COLUMNS);
    for line in lines {
        table.push(line.cells(now));
    }
    table.print(screen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SourceFile;
    use crate::schedule::Token;
    use crate::schedule::timetable::load;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn entry(settings: &str) -> Entry {
        let text = format!("census: {{schedule: 0 3 * * *, timezone: America/Denver, code: x{settings}}}");
        load(&SourceFile::new("schedule.yml", text), jiff::tz::db()).unwrap().entries.remove(0)
    }

    fn token(entry: &Entry, last: &str, due: &str) -> Seen {
        let past = Past::begin(entry, at(last)).after(at(last), None);
        let token = Token::new(
            "a".parse().unwrap(),
            entry.name.clone(),
            at(due),
            past,
            "web1/a/scheduler/1",
            at(last),
        );
        Seen::Waiting(Box::new(token))
    }

    #[test]
    fn a_token_says_when_the_entry_ran_runs_and_who_holds_it() {
        let entry = entry("");
        let seen = token(&entry, "2026-11-23T10:00:00Z", "2026-11-24T10:00:00Z");
        let line = Line::of(&"a".parse().unwrap(), &entry, Some(&seen), None, at("2026-11-24T09:00:00Z"));
        assert_eq!(
            serde_json::to_string(&line).unwrap(),
            concat!(
                r#"{"application":"a","entry":"census","enabled":true,"rule":"0 3 * * * America/Denver","#,
                r#""timezone":"America/Denver","last":"2026-11-23T10:00:00Z","#,
                r#""last_local":"2026-11-23 03:00:00","next":"2026-11-24T10:00:00Z","#,
                r#""next_local":"2026-11-24 03:00:00","lag":null,"holder":"web1/a/scheduler/1","token":"waiting"}"#
            )
        );
        let late = Line::of(&"a".parse().unwrap(), &entry, Some(&seen), None, at("2026-11-24T10:01:30Z"));
        assert_eq!((late.lag, late.token), (Some(90), "waiting"));
    }

    #[test]
    fn without_a_token_the_timetable_and_the_disk_say_what_they_can() {
        let (now, name) = (at("2026-11-24T09:00:00Z"), "a".parse().unwrap());
        let entry = entry("");
        let none = Line::of(&name, &entry, None, None, now);
        assert_eq!((none.last, none.next, none.token), (None, Some(at("2026-11-24T10:00:00Z")), "missing"));
        let past = Past::begin(&entry, at("2026-11-23T10:00:00Z")).after(at("2026-11-23T10:00:00Z"), None);
        let held = Line::of(&name, &entry, Some(&Seen::Held), Some(&past), now);
        assert_eq!((held.last, held.token), (Some(at("2026-11-23T10:00:00Z")), "held"));
        let off = Line::of(&name, &self::entry(", enabled: false"), None, None, now);
        assert_eq!((off.next, off.token), (None, "off"));
    }
}
