//! `check`: whether a timetable can be used, with everything that is wrong.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::run::unreadable;
use crate::cli::exit::{Error, Exit};
use crate::cli::screen::Screen;
use crate::schedule::timetable::Timetable;
use crate::scheduler;

/// The arguments of `check`.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// The timetable
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
}

impl Check {
    pub(super) fn run(&self) -> Result<Exit, Error> {
        let timetable = scheduler::read(&self.file).map_err(|error| unreadable(&error))?;
        let mut screen = Screen::stdout();
        writeln!(screen, "{}: {}", self.file.display(), summary(&timetable))?;
        screen.flush()?;
        Ok(Exit::Success)
    }
}

/// What it holds: `3 entries, 1 of them not enabled`.
fn summary(timetable: &Timetable) -> String {
    let count = timetable.entries.len();
    let off = timetable.entries.iter().filter(|entry| !entry.enabled).count();
    let entries = if count == 1 { "entry" } else { "entries" };
    match off {
        0 => format!("{count} {entries}"),
        _ => format!("{count} {entries}, {off} of them not enabled"),
    }
}
