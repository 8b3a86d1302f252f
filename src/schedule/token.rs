//! The token of an entry: the one job in a tube of its own that says whose turn it is.
//!
//! ```text
//!     tube schedule/abaqis/nightly_census:  [token, delayed until 03:00]
//!                                              │ reserved by whoever comes first
//!                                              ▼
//!     tube abaqis-4.2.0:  [the entry's job]    a new token, delayed until 03:00 tomorrow
//! ```
//!
//! The tube is named after application and entry, not after the version: schedulers of
//! two releases, and those of all hosts, wait for the same token.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::timetable::Entry;
use crate::beanstalk::JobId;
use crate::names::{ApplicationName, EntryName, Tube, TubeError};

/// How many of the slots put last are remembered one by one.
const REMEMBERED: usize = 16;

/// The `type` of a token: no message of a worker, which would bury it.
const TYPE: &str = "ayl_schedule";

/// What has become of an entry's slots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// Every slot up to here is dealt with: put, or dropped.
    pub last: Timestamp,
    /// The rule that was in force, see [`Rule`](super::Rule)'s text.
    pub rule: String,
    /// The slots put last, in order.
    #[serde(default)]
    pub put: Vec<Timestamp>,
    /// The job put last.
    #[serde(default)]
    pub job: Option<PutJob>,
}

/// A job that was put for a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutJob {
    /// Its number.
    pub id: JobId,
    /// Its tube.
    pub tube: Tube,
    /// When it was put.
    pub at: Timestamp,
}

impl Past {
    /// That of an entry of which nothing is known: it begins at `now`.
    pub fn begin(entry: &Entry, now: Timestamp) -> Self {
        Self { last: now, rule: entry.rule.to_string(), put: Vec::new(), job: None }
    }

    /// The one that knows more, with the slots put of both.
    #[must_use]
    pub fn or_later(mut self, other: Option<&Self>) -> Self {
        let Some(other) = other else { return self };
        let mut put: Vec<Timestamp> = self.put.iter().chain(&other.put).copied().collect();
        put.sort_unstable();
        put.dedup();
        if other.last > self.last {
            self = other.clone();
        }
        self.put = latest(put);
        self
    }

    /// The same after `slot` was put as `job`.
    #[must_use]
    pub fn after(mut self, slot: Timestamp, job: Option<PutJob>) -> Self {
        self.last = self.last.max(slot);
        self.put.push(slot);
        self.put.sort_unstable();
        self.put = latest(self.put);
        self.job = job.or(self.job);
        self
    }
}

fn latest(mut slots: Vec<Timestamp>) -> Vec<Timestamp> {
    slots.drain(..slots.len().saturating_sub(REMEMBERED));
    slots
}

/// A token, as it lies in its tube.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    #[serde(rename = "type")]
    kind: String,
    /// Whose entry.
    pub application: ApplicationName,
    /// Which entry.
    pub entry: EntryName,
    /// When it is to be reserved: the next slot and its splay.
    pub due: Timestamp,
    /// The slots before.
    #[serde(flatten)]
    pub past: Past,
    /// Who put it: host and instance.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl Token {
    /// A token of an entry.
    pub fn new(
        application: ApplicationName,
        entry: EntryName,
        due: Timestamp,
        past: Past,
        by: &str,
        at: Timestamp,
    ) -> Self {
        Self { kind: TYPE.to_owned(), application, entry, due, past, by: by.to_owned(), at }
    }

    /// The token that `body` holds; `None` if that is something else.
    pub fn parse(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok().filter(|token: &Self| token.kind == TYPE)
    }

    /// Its bytes.
    pub fn to_body(&self) -> String {
        // Only a map key that is no string could make this fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The tube of an entry's token.
///
/// # Errors
/// Never for names as long as [`ApplicationName`] and [`EntryName`] allow.
pub fn token_tube(application: &ApplicationName, entry: &EntryName) -> Result<Tube, TubeError> {
    format!("{PREFIX}{application}/{entry}").parse()
}

/// The entry whose token lies in `tube`, if it is one of `application`'s.
pub fn entry_of(application: &ApplicationName, tube: &Tube) -> Option<EntryName> {
    let (of, entry) = tube.as_str().strip_prefix(PREFIX)?.split_once('/')?;
    entry.parse().ok().filter(|_| of == application.as_str())
}

const PREFIX: &str = "schedule/";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::test_entry;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_token_is_read_as_it_was_written() {
        let entry = test_entry("every: 15m");
        let past = Past::begin(&entry, at("2026-11-24T03:00:00Z"));
        let put = PutJob { id: JobId(7), tube: "a-1".parse().unwrap(), at: at("2026-11-24T03:15:00.5Z") };
        let past = past.after(at("2026-11-24T03:15:00Z"), Some(put));
        let due = at("2026-11-24T03:30:00Z");
        let token = Token::new("a".parse().unwrap(), entry.name, due, past, "host/a/scheduler/1", due);
        let body = token.to_body();
        assert_eq!(
            body,
            concat!(
                r#"{"type":"ayl_schedule","application":"a","entry":"e","due":"2026-11-24T03:30:00Z","#,
                r#""last":"2026-11-24T03:15:00Z","rule":"every 15m","put":["2026-11-24T03:15:00Z"],"#,
                r#""job":{"id":7,"tube":"a-1","at":"2026-11-24T03:15:00.5Z"},"by":"host/a/scheduler/1","#,
                r#""at":"2026-11-24T03:30:00Z"}"#
            )
        );
        assert_eq!(Token::parse(body.as_bytes()), Some(token));
        assert_eq!(Token::parse(body.replace("ayl_schedule", "ayl").as_bytes()), None);
        assert_eq!(Token::parse(b"{}"), None);
    }

    #[test]
    fn of_two_pasts_the_later_one_counts_and_no_slot_is_forgotten() {
        let entry = test_entry("every: 1m");
        let first = Past::begin(&entry, at("2026-01-01T00:00:00Z")).after(at("2026-01-01T00:01:00Z"), None);
        let second = Past::begin(&entry, at("2026-01-01T00:00:00Z")).after(at("2026-01-01T00:02:00Z"), None);
        let both = first.clone().or_later(Some(&second));
        assert_eq!(both, second.clone().or_later(Some(&first)));
        assert_eq!((both.last, both.put.len()), (at("2026-01-01T00:02:00Z"), 2));
        assert_eq!(first.clone().or_later(None), first);
    }

    #[test]
    fn a_tube_names_application_and_entry() {
        let (application, entry) = ("abaqis".parse().unwrap(), "nightly".parse().unwrap());
        let tube = token_tube(&application, &entry).unwrap();
        assert_eq!(tube.as_str(), "schedule/abaqis/nightly");
        assert_eq!(entry_of(&application, &tube), Some(entry));
        assert_eq!(entry_of(&"rqi".parse().unwrap(), &tube), None);
        let longest = "x".repeat(64);
        assert!(token_tube(&longest.parse().unwrap(), &longest.parse().unwrap()).is_ok());
    }
}
