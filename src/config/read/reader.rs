//! What the reading of every value shares: where it is, what is wrong so far.

use std::collections::HashSet;

use crate::config::fault::Fault;
use crate::config::host::Host;
use crate::config::problem::{Problem, Severity, Sources};
use crate::config::yaml::Place;
use crate::config::{Template, TemplateError};

/// A setting whose absence is an error, but not if it is there and wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::config) enum Given<T> {
    #[default]
    Absent,
    /// There, and reported.
    Wrong,
    Is(T),
}

impl<T> From<Option<T>> for Given<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Wrong, Self::Is)
    }
}

impl<T> Given<T> {
    pub(in crate::config) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

/// Reads values, and remembers the key it is at and the problems it met.
pub(in crate::config) struct Reader<'a> {
    pub(in crate::config) host: &'a dyn Host,
    pub(in crate::config) sources: &'a Sources<'a>,
    pub(in crate::config) problems: Vec<Problem>,
    /// Users that `dev` does not become.
    pub(in crate::config) ignored_users: Vec<(Place, String)>,
    key: Vec<String>,
    /// Every template once, for the same words come a thousand times.
    templates: HashSet<Template>,
}

impl<'a> Reader<'a> {
    pub(in crate::config) fn new(host: &'a dyn Host, sources: &'a Sources<'a>) -> Self {
        Self {
            host,
            sources,
            problems: Vec::new(),
            ignored_users: Vec::new(),
            key: Vec::new(),
            templates: HashSet::new(),
        }
    }

    /// Does `what` with `key` added to the key that problems are about. A list's items
    /// are `[0]`, `[1]`, ….
    pub(in crate::config) fn at<R>(&mut self, key: &str, what: impl FnOnce(&mut Self) -> R) -> R {
        self.key.push(key.to_owned());
        let result = what(self);
        self.key.pop();
        result
    }

    fn key(&self) -> String {
        let mut key = String::new();
        for part in &self.key {
            if !key.is_empty() && !part.is_empty() && !part.starts_with('[') {
                key.push('.');
            }
            key.push_str(part);
        }
        key
    }

    pub(in crate::config) fn error(&mut self, place: Place, fault: impl Into<Fault>) {
        let problem = self.sources.problem::<Fault>(Severity::Error, place, self.key(), fault.into());
        self.problems.push(problem);
    }

    pub(in crate::config) fn warn(&mut self, place: Place, fault: impl Into<Fault>) {
        let problem = self.sources.problem::<Fault>(Severity::Warning, place, self.key(), fault.into());
        self.problems.push(problem);
    }

    /// The template of `text`, one allocation for equal ones.
    pub(in crate::config) fn template(&mut self, text: &str) -> Result<Template, TemplateError> {
        if let Some(known) = self.templates.get(text) {
            return Ok(known.clone());
        }
        let template: Template = text.parse()?;
        self.templates.insert(template.clone());
        Ok(template)
    }
}
