//! One entry: its keys by a table, then what they come to together.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::code::{self, Code};
use super::put::{Failed, Put};
use super::reader::{Given, Reader, given};
use super::{Entry, Fault, Overlap, zone};
use crate::config::yaml::{self, Node, Place, Value};
use crate::config::{self, did_you_mean, write_duration};
use crate::names::{EntryName, Tube};
use crate::schedule::{CatchUp, Cron, CronError, Rule};

/// The keys of an entry, read but not yet seen together.
#[derive(Debug, Default)]
struct Keys {
    schedule: Option<Given<Cron>>,
    every: Option<Given<Duration>>,
    timezone: Option<Given<TimeZone>>,
    code: Code,
    priority: Option<u32>,
    delay: Option<u32>,
    time_to_run: Option<u32>,
    tube: Option<Tube>,
    failed: Failed,
    catch_up: CatchUp,
    overlap: Overlap,
    splay: Option<Given<Duration>>,
    enabled: Option<bool>,
}

/// A key of an entry, and what is done with its value.
struct Key {
    name: &'static str,
    read: fn(&mut Keys, &mut Reader<'_>, &yaml::Entry),
}

const KEYS: &[Key] = &[
    Key { name: "schedule", read: |k, r, e| k.schedule = Some(given(e, cron(r, e))) },
    Key { name: "every", read: |k, r, e| k.every = Some(given(e, every(r, e))) },
    Key { name: "timezone", read: |k, r, e| k.timezone = Some(given(e, timezone(r, e))) },
    Key { name: "code", read: |k, r, e| k.code.source = Some(given(e, ruby(r, e))) },
    Key { name: "class", read: |k, r, e| k.code.class = Some(given(e, code::class(r, &e.value))) },
    Key { name: "method", read: |k, r, e| k.code.method = Some(given(e, code::method(r, &e.value))) },
    Key { name: "args", read: |k, r, e| k.code.args = Some(given(e, code::args(r, &e.value))) },
    Key { name: "priority", read: |k, r, e| k.priority = r.number(&e.value) },
    Key { name: "delay", read: |k, r, e| k.delay = r.seconds(&e.value, 0..=u32::MAX, "a duration, as 30s") },
    Key {
        name: "time_to_run",
        read: |k, r, e| k.time_to_run = r.seconds(&e.value, 1..=u32::MAX, "at least 1s"),
    },
    Key { name: "tube", read: |k, r, e| k.tube = tube(r, e) },
    Key {
        name: "failed_job_handler",
        read: |k, r, e| {
            k.failed.handler = Some(given(e, r.word(&e.value, &Failed::WORDS, "delete, bury or decay")));
        },
    },
    Key { name: "failed_job_count", read: |k, r, e| k.failed.count = Some(given(e, r.number(&e.value))) },
    Key {
        name: "failed_job_delay",
        read: |k, r, e| {
            k.failed.delay = Some(given(e, r.seconds(&e.value, 0..=u32::MAX, "a duration, as 1m")));
        },
    },
    Key {
        name: "catch_up",
        read: |k, r, e| {
            let words = [("none", CatchUp::None), ("last", CatchUp::Last), ("all", CatchUp::All)];
            k.catch_up = r.word(&e.value, &words, "none, last or all").unwrap_or_default();
        },
    },
    Key {
        name: "overlap",
        read: |k, r, e| {
            let words = [("allow", Overlap::Allow), ("skip", Overlap::Skip)];
            k.overlap = r.word(&e.value, &words, "allow or skip").unwrap_or_default();
        },
    },
    Key { name: "splay", read: |k, r, e| k.splay = Some(given(e, r.duration(&e.value))) },
    Key { name: "enabled", read: |k, r, e| k.enabled = r.boolean(&e.value) },
];

/// The keys an entry may have, sorted.
pub fn keys() -> Vec<&'static str> {
    let mut names: Vec<&'static str> = KEYS.iter().map(|key| key.name).collect();
    names.sort_unstable();
    names
}

fn cron(reader: &mut Reader<'_>, entry: &yaml::Entry) -> Option<Cron> {
    let text = reader.text(&entry.value, "a cron expression, as \"0 3 * * *\"")?;
    text.parse()
        .map_err(|error| {
            let place = match &error {
                CronError::Field { found, before, .. } => field(&entry.value, text, found, *before),
                _ => entry.value.place,
            };
            reader.error(place, error);
        })
        .ok()
}

/// The place of a field of `text`; that of all of it where the text is not written as it is.
fn field(node: &Node, text: &str, found: &str, before: usize) -> Place {
    let length = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    let quote = u32::from(!matches!(node.value, Value::Scalar { plain: true, .. }));
    let before = u32::try_from(before).unwrap_or(u32::MAX);
    if node.place.width != length(text).saturating_add(2 * quote) {
        return node.place;
    }
    let column = node.place.column.saturating_add(quote).saturating_add(before);
    Place { column, width: length(found), ..node.place }
}

fn every(reader: &mut Reader<'_>, entry: &yaml::Entry) -> Option<Duration> {
    let seconds = reader.seconds(&entry.value, 1..=u32::MAX, "at least 1s")?;
    Some(Duration::from_secs(seconds.into()))
}

fn timezone(reader: &mut Reader<'_>, entry: &yaml::Entry) -> Option<TimeZone> {
    let name = reader.text(&entry.value, "the IANA name of a time zone, as Europe/Berlin")?;
    let zone = zone::zone(reader.zones, name);
    reader.check(&entry.value, zone)
}

fn ruby(reader: &mut Reader<'_>, entry: &yaml::Entry) -> Option<String> {
    reader.text(&entry.value, "Ruby, as Resident.census").map(str::to_owned)
}

fn tube(reader: &mut Reader<'_>, entry: &yaml::Entry) -> Option<Tube> {
    // `1.10` is a number to YAML, and a tube to everybody else.
    let node = &entry.value;
    match &node.value {
        Value::Scalar { text, .. } if node.what() != "nothing" => {
            reader.check(node, text.parse::<Tube>().map_err(config::Fault::from))
        }
        _ => reader.wrong_type(node, "the name of a tube"),
    }
}

/// Reads one entry; `None` if its name, or what it needs, is wrong and reported.
pub(super) fn entry(reader: &mut Reader<'_>, entry: &yaml::Entry) -> Option<Entry> {
    let name: Result<EntryName, _> = entry.key.parse();
    let name = name.map_err(|error| reader.error(entry.place, config::Fault::from(error))).ok();
    let Value::Map(given) = &entry.value.value else {
        return reader.wrong_type(&entry.value, "a map of settings, as {schedule: \"0 3 * * *\", code: …}");
    };
    let mut keys = Keys::default();
    for entry in given {
        reader.at(&entry.key, |reader| match KEYS.iter().find(|key| key.name == entry.key) {
            Some(key) => (key.read)(&mut keys, reader, entry),
            None => unknown(reader, entry),
        });
    }
    let rule = rule(reader, entry, keys.schedule, keys.every, keys.timezone);
    let code = keys.code.ruby(reader, entry.place);
    let handler = keys.failed.handler(reader);
    let splay = splay(reader, rule.as_ref(), keys.splay.as_ref());
    let default = Put::default();
    Some(Entry {
        name: name?,
        rule: rule?,
        code: code?,
        put: Put {
            priority: keys.priority.unwrap_or(default.priority),
            delay: keys.delay.unwrap_or(default.delay),
            time_to_run: keys.time_to_run.unwrap_or(default.time_to_run),
            tube: keys.tube,
            handler: handler?,
        },
        catch_up: keys.catch_up,
        overlap: keys.overlap,
        splay,
        enabled: keys.enabled.unwrap_or(true),
    })
}

/// What the same is called elsewhere: in crontabs' and producers' words.
const SYNONYMS: [(&str, &str); 6] = [
    ("cron", "schedule"),
    ("queue", "tube"),
    ("queue_name", "tube"),
    ("tz", "timezone"),
    ("arguments", "args"),
    ("jitter", "splay"),
];

fn unknown(reader: &mut Reader<'_>, entry: &yaml::Entry) {
    let expected = keys();
    let synonym = SYNONYMS.iter().find(|(other, _)| *other == entry.key).map(|(_, key)| *key);
    let hint = did_you_mean(synonym.unwrap_or(&entry.key), expected.iter().copied());
    reader.error(entry.place, config::Fault::UnknownKey { expected, hint });
}

fn rule(
    reader: &mut Reader<'_>,
    entry: &yaml::Entry,
    schedule: Option<Given<Cron>>,
    every: Option<Given<Duration>>,
    timezone: Option<Given<TimeZone>>,
) -> Option<Rule> {
    match (schedule, every) {
        (None, None) => {
            reader.error(entry.place, Fault::NoRule);
            None
        }
        (Some(_), Some(every)) => {
            reader.at("every", |reader| reader.error(every.key, config::Fault::Both("schedule", "every")));
            None
        }
        (None, Some(every)) => {
            if let Some(timezone) = timezone {
                reader.at("timezone", |reader| reader.error(timezone.key, Fault::ZoneOfPeriod));
            }
            every.value.map(Rule::Every)
        }
        (Some(schedule), None) => {
            let zone = match timezone {
                None => TimeZone::UTC,
                Some(timezone) => timezone.value?,
            };
            Some(Rule::Cron(Box::new(schedule.value?), zone))
        }
    }
}

/// Slots that are looked at for the shortest time between two.
const LOOKED_AT: usize = 400;

/// A splay keeps the order of the slots.
fn splay(reader: &mut Reader<'_>, rule: Option<&Rule>, splay: Option<&Given<Duration>>) -> Duration {
    let Some(&Given { place, value: Some(width), .. }) = splay else { return Duration::ZERO };
    let shortest = rule.and_then(shortest);
    if let Some(shortest) = shortest.filter(|shortest| width > *shortest) {
        let shortest = write_duration(shortest);
        reader.at("splay", |reader| reader.error(place, Fault::Splay { shortest }));
    }
    width
}

/// The shortest time between two slots, as far as it shows in [`LOOKED_AT`] of them.
fn shortest(rule: &Rule) -> Option<Duration> {
    if let Rule::Every(period) = rule {
        return Some(*period);
    }
    // Any year does; the same one whenever the file is read.
    let start = Timestamp::from_second(1_767_225_600).ok()?;
    let slots: Vec<Timestamp> = rule.after(start).take(LOOKED_AT).collect();
    slots.windows(2).filter_map(|pair| pair[1].duration_since(pair[0]).try_into().ok()).min()
}
