//! What is wrong, in one line: where, what, how to mend it.

use std::io;

use serde::Serialize;

use crate::cli::screen::{Screen, Tone};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// Which check found it, in a word that stays the same.
    pub(super) check: &'static str,
    /// An instance, a tube, a file, a unit of systemd.
    #[serde(rename = "where")]
    pub(super) place: String,
    /// What is wrong there.
    pub(super) what: String,
    /// How to mend it.
    pub(super) mend: String,
}

impl Finding {
    /// Of the check with this name.
    pub(super) fn new(
        check: &'static str,
        place: impl Into<String>,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self { check, place: place.into(), what: what.into(), mend: mend.into() }
    }

    /// Writes its line, never cut: half of a command mends nothing.
    pub(super) fn write(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        screen.line(&[
            (Tone::Strong, &self.place),
            (Tone::Plain, ": "),
            (Tone::Bad, &self.what),
            (Tone::Plain, "; "),
            (Tone::Plain, &self.mend),
        ])
    }
}

/// `1 job`, `3 jobs`.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// The first line of a text that may have more.
pub(super) fn first_line(text: &str) -> &str {
    text.trim().lines().next().unwrap_or_default()
}
