//! `daemons.yml`: text in, a validated [`Config`] out, every error with its place.
//!
//! ```text
//!     bytes ─► yaml (tree with places) ─► read (layers: what each place says)
//!                                               │
//!                 Config ◄─ resolve (inheritance, defaults, users, `after`)
//! ```
//!
//! Pure: what has to be asked of the machine is asked through [`Host`], and files come
//! in as [`SourceFile`]s. [`load`] is total: any bytes give a [`Config`] or
//! [`Problems`].

mod defaults;
mod fault;
mod host;
mod model;
mod problem;
mod quantity;
mod read;
mod resolve;
mod show;
mod signal;
mod template;
pub mod yaml;

pub use crate::names::ServerAddress;
pub use fault::{Fault, did_you_mean};
pub use host::{Group, Host, Privilege, User};
pub use model::*;
pub use problem::{Problem, Problems, Severity, Sources, Words};
pub use quantity::{QuantityError, parse_duration, parse_size, write_duration, write_size};
pub use read::sections;
pub use signal::{Signal, SignalError};
pub use template::{Template, TemplateError, Variable};

use std::path::PathBuf;

use read::Reader;
use yaml::Place;

/// One file of the configuration.
///
/// Whoever reads it sees to it that nobody but its owner can have changed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its path, as it is shown in messages.
    pub path: PathBuf,
    /// All of its bytes.
    pub text: Vec<u8>,
}

impl SourceFile {
    /// A file of that path, with that in it.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), text: text.into() }
    }
}

/// A configuration that can be used, and what may not be meant about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// In the order of the files.
    pub warnings: Vec<Problem>,
}

/// Reads the configuration: `files[0]` is the main file, the others are those of
/// `daemons.d`, in the order of their names.
///
/// # Errors
/// All that is wrong, in the order of the files. No files at all is an empty
/// configuration's error.
pub fn load(files: &[SourceFile], host: &dyn Host) -> Result<Loaded, Problems> {
    let sources = Sources::new(files.iter().map(|file| (file.path.clone(), file.text.as_slice())));
    let mut reader = Reader::new(host, &sources);
    let read = read::read_files(&mut reader, files);
    let config = resolve::resolve(&mut reader, &read);
    finish(reader, &read, config)
}

/// Parts errors from warnings, and adds what can only be said at the end.
fn finish(mut reader: Reader<'_>, files: &read::Files, config: Config) -> Result<Loaded, Problems> {
    let any_error = |reader: &Reader<'_>| reader.problems.iter().any(|p| p.severity == Severity::Error);
    match files.listed {
        None if !any_error(&reader) => reader.error(Place::start_of(0), Fault::NoApplications),
        Some(place) if files.applications.is_empty() && !any_error(&reader) => {
            reader.at("applications", |reader| reader.warn(place, Fault::NothingToRun));
        }
        _ => {}
    }
    let mut ignored = std::mem::take(&mut reader.ignored_users);
    ignored.sort();
    if let Some(place) = ignored.first().map(|(place, _)| *place) {
        let mut others: Vec<String> = ignored.into_iter().map(|(_, user)| user).collect();
        others.sort();
        others.dedup();
        let me = reader.host.me().name.to_string();
        reader.warn(place, Fault::AllAsMe { me, others: others.join(", ") });
    }
    let mut problems = reader.problems;
    problems.sort_by_key(|problem| problem.place);
    // What is inherited is wrong once, not once for every daemon.
    problems.dedup();
    let (errors, warnings): (Vec<_>, Vec<_>) =
        problems.into_iter().partition(|problem| problem.severity == Severity::Error);
    if errors.is_empty() { Ok(Loaded { config, warnings }) } else { Err(Problems(errors)) }
}
