//! What is wrong with a configuration, and how it is said.
//!
//! ```text
//!     daemons.yml:12:7: applications.rqi.workers.coutn: unknown key, expected one of after, …
//!      12 |       coutn: 4
//!         |       ^^^^^ did you mean count?
//! ```
//!
//! The first line alone is a whole message: what goes to the journal, and what an
//! editor jumps to. Source lines are shown without what could confuse a terminal.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::fault::Fault;
use super::yaml::Place;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can, but may not do what was meant.
    Warning,
}

/// What is wrong, in words.
pub trait Words: fmt::Debug + fmt::Display {
    /// What may have been meant, in words that stand behind the caret.
    fn hint(&self) -> Option<String>;
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem<F = Fault> {
    /// The file.
    pub file: Arc<Path>,
    /// The place in it.
    pub place: Place,
    /// The key it is about, as `applications.rqi.workers.count`; empty if it is the file.
    pub key: String,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub fault: F,
    /// The source line, or the part of it that is shown, and how many characters of
    /// it stand before the place.
    snippet: Option<(String, usize)>,
}

/// A configuration that cannot be used: all that is wrong with it, in the order of
/// the files. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems<F = Fault>(pub Vec<Problem<F>>);

impl<F: Words> std::error::Error for Problems<F> {}

/// The files that problems are about, numbered as in [`Place::file`].
pub struct Sources<'a> {
    files: Vec<(Arc<Path>, &'a [u8])>,
}

/// The most characters of a source line that are shown.
const SHOWN: usize = 100;
/// How many of them stand before the place in a line that is longer.
const BEFORE: usize = 60;
/// The most problems that are written out.
const MAX_WRITTEN: usize = 200;

impl<'a> Sources<'a> {
    /// Each with its path, as it is shown, and its bytes.
    pub fn new(files: impl Iterator<Item = (PathBuf, &'a [u8])>) -> Self {
        Self { files: files.map(|(path, text)| (path.into(), text)).collect() }
    }

    pub(super) fn path(&self, file: u16) -> &Path {
        self.files.get(usize::from(file)).map_or(Path::new(""), |(path, _)| path)
    }

    /// The problem at `place`, with its line of the source.
    pub fn problem<F>(&self, severity: Severity, place: Place, key: String, fault: F) -> Problem<F> {
        let (file, text) = match self.files.get(usize::from(place.file)) {
            Some((file, text)) => (Arc::clone(file), *text),
            None => (Path::new("").into(), &b""[..]),
        };
        let line = text.split(|b| *b == b'\n').nth(place.line as usize - 1);
        let snippet =
            line.and_then(|line| snippet(&String::from_utf8_lossy(line), place.column as usize - 1));
        Problem { file, place, key, severity, fault, snippet }
    }
}

/// What is shown of a line with a place after `before` characters.
fn snippet(line: &str, before: usize) -> Option<(String, usize)> {
    let line = line.strip_prefix('\u{feff}').unwrap_or(line).trim_end();
    if line.is_empty() {
        return None;
    }
    let skip = if line.chars().count() <= SHOWN { 0 } else { before.saturating_sub(BEFORE) };
    let shown = line.chars().skip(skip).take(SHOWN).map(|c| match c {
        '\t' => ' ',
        c if is_harmless(c) => c,
        _ => '\u{fffd}',
    });
    Some((shown.collect(), before - skip))
}

/// Whether a character may be written to a terminal: no control characters, and none
/// that turn the order of the others around.
fn is_harmless(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// `text` with what is not harmless escaped.
fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_harmless(c) { out.push(c) } else { out.extend(c.escape_unicode()) }
    }
    out
}

impl<F: Words> Problem<F> {
    /// The message with the source line and a caret below it.
    pub fn with_source(&self) -> impl fmt::Display + '_ {
        WithSource(self)
    }
}

impl<F: Words> fmt::Display for Problem<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file.display(), self.place.line, self.place.column)?;
        if self.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", harmless(&self.key))?;
        }
        f.write_str(&harmless(&self.fault.to_string()))
    }
}

struct WithSource<'a, F>(&'a Problem<F>);

impl<F: Words> fmt::Display for WithSource<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problem = self.0;
        write!(f, "{problem}")?;
        let hint = problem.fault.hint();
        if let Some((line, before)) = &problem.snippet {
            let number = problem.place.line.to_string();
            let room = line.chars().count().saturating_sub(*before).max(1);
            let carets = "^".repeat((problem.place.width.max(1) as usize).min(room));
            let margin = " ".repeat(number.len());
            write!(f, "\n {number} | {line}\n {margin} | {:before$}{carets}", "")?;
            if let Some(hint) = hint {
                write!(f, " {}", harmless(&hint))?;
            }
        } else if let Some(hint) = hint {
            write!(f, "\n   | {}", harmless(&hint))?;
        }
        Ok(())
    }
}

impl<F: Words> fmt::Display for Problems<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().take(MAX_WRITTEN).enumerate() {
            let line_end = if i == 0 { "" } else { "\n" };
            write!(f, "{line_end}{}", problem.with_source())?;
        }
        match self.0.len().saturating_sub(MAX_WRITTEN) {
            0 => Ok(()),
            more => write!(f, "\n… and {more} more"),
        }
    }
}
