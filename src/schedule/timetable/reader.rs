//! What the reading of every value shares: where it is, what is wrong so far.

use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::tz::TimeZoneDatabase;

use super::Fault;
use crate::config::yaml::{Entry, Node, Place, ScalarKind, Value};
use crate::config::{self, Problem, Severity, Sources, parse_duration, write_duration};

/// A key that is there, and its value unless that is wrong and reported.
#[derive(Debug)]
pub(super) struct Given<T> {
    /// Where the key stands.
    pub(super) key: Place,
    /// Where the value stands.
    pub(super) place: Place,
    pub(super) value: Option<T>,
}

/// The value of `entry`, as it was read.
pub(super) fn given<T>(entry: &Entry, value: Option<T>) -> Given<T> {
    Given { key: entry.place, place: entry.value.place, value }
}

/// Reads values, and remembers the key it is at and the problems it met.
pub(super) struct Reader<'a> {
    pub(super) zones: &'a TimeZoneDatabase,
    pub(super) problems: Vec<Problem<Fault>>,
    sources: &'a Sources<'a>,
    key: String,
}

impl<'a> Reader<'a> {
    pub(super) fn new(zones: &'a TimeZoneDatabase, sources: &'a Sources<'a>) -> Self {
        Self { zones, problems: Vec::new(), sources, key: String::new() }
    }

    /// Does `what` with `key` added to the key that problems are about. A list's items
    /// are `[0]`, `[1]`, ….
    pub(super) fn at<R>(&mut self, key: &str, what: impl FnOnce(&mut Self) -> R) -> R {
        let before = self.key.len();
        if before > 0 && !key.starts_with('[') {
            self.key.push('.');
        }
        self.key.push_str(key);
        let result = what(self);
        self.key.truncate(before);
        result
    }

    pub(super) fn error(&mut self, place: Place, fault: impl Into<Fault>) {
        self.problems.push(self.sources.problem(Severity::Error, place, self.key.clone(), fault.into()));
    }

    pub(super) fn wrong_type<T>(&mut self, node: &Node, expected: &'static str) -> Option<T> {
        self.error(node.place, config::Fault::wrong_type(node, expected));
        None
    }

    /// What `result` holds; its error is reported.
    pub(super) fn check<T>(&mut self, node: &Node, result: Result<T, impl Into<Fault>>) -> Option<T> {
        result.map_err(|error| self.error(node.place, error)).ok()
    }

    /// Text that is not empty.
    pub(super) fn text<'n>(&mut self, node: &'n Node, expected: &'static str) -> Option<&'n str> {
        let text = node.text().or_else(|| self.wrong_type(node, expected))?;
        let fault = match text.trim() {
            "" => config::Fault::EmptyText,
            _ if text.contains('\0') => config::Fault::Zero,
            _ => return Some(text),
        };
        self.error(node.place, fault);
        None
    }

    pub(super) fn boolean(&mut self, node: &Node) -> Option<bool> {
        node.boolean().or_else(|| self.wrong_type(node, "true or false"))
    }

    /// A whole number from 0 that beanstalkd can take.
    pub(super) fn number(&mut self, node: &Node) -> Option<u32> {
        const EXPECTED: &str = "a whole number from 0 to 4294967295";
        let text = node.number().or_else(|| self.wrong_type(node, EXPECTED))?;
        let range = || config::Fault::Range { value: text.to_owned(), expected: EXPECTED };
        self.check(node, text.parse().map_err(|_| range()))
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(
        &mut self,
        node: &Node,
        words: &[(&'static str, T)],
        expected: &'static str,
    ) -> Option<T> {
        let text = self.text(node, expected)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        self.error(node.place, config::Fault::wrong_word(expected, text, words));
        None
    }

    pub(super) fn duration(&mut self, node: &Node) -> Option<Duration> {
        match (&node.value, node.scalar_kind()) {
            (Value::Scalar { text, .. }, Some(ScalarKind::Number | ScalarKind::Text)) => {
                self.check(node, parse_duration(text).map_err(config::Fault::from))
            }
            _ => self.wrong_type(node, "a duration, as 15m"),
        }
    }

    /// A duration of whole seconds within `range`.
    pub(super) fn seconds(
        &mut self,
        node: &Node,
        range: RangeInclusive<u32>,
        expected: &'static str,
    ) -> Option<u32> {
        let duration = self.duration(node)?;
        if duration.subsec_nanos() > 0 {
            self.error(node.place, Fault::Fraction(write_duration(duration)));
            return None;
        }
        let seconds = u32::try_from(duration.as_secs()).ok().filter(|seconds| range.contains(seconds));
        let value = || write_duration(duration);
        self.check(node, seconds.ok_or_else(|| config::Fault::Range { value: value(), expected }))
    }
}
