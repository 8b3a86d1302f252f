//! The tree -> layers: every setting checked where it stands, nothing inherited yet.
//!
//! ```text
//!     defaults ──────────┐
//!     application ───────┼─► Layer { user: Some(…), nice: None, … }   what this place says
//!     workers, daemons ──┘
//! ```
//!
//! The keys are tables ([`Key`]): what a section knows, what it does with it, what it
//! expects instead of a slip, and what the schema and the manual page have to list
//! cannot differ.

mod application;
mod fields;
mod file;
mod layer;
mod reader;
mod settings;
mod values;

pub(super) use application::{ApplicationLayer, SchedulerLayer, WorkersLayer};
pub(super) use file::{Files, read_files};
pub(super) use layer::{After, Layer, Switch};
pub(super) use reader::{Given, Reader};

use fields::names;

/// Every section of `daemons.yml` with the keys it knows, sorted.
///
/// A section's name is where it stands, with `*` for a name of the operator's; the
/// settings that all daemons have are listed once, as `daemon`.
pub fn sections() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut sections = vec![
        ("file", names(file::FILE)),
        ("application", names(application::APPLICATION)),
        ("drain", names(application::DRAIN)),
        ("workers", names(application::WORKERS)),
        ("scheduler", names(application::SCHEDULER)),
        ("daemon", names(layer::DAEMON)),
        ("backoff", names(settings::BACKOFF)),
        ("start_limit", names(settings::START_LIMIT)),
        ("limits", names(settings::LIMITS)),
        ("ready", names(settings::READY)),
        ("log", names(settings::LOG)),
        ("version", names(application::VERSION)),
    ];
    for (_, keys) in &mut sections {
        keys.sort_unstable();
    }
    sections
}
