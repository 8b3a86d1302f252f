//! The scheduler: puts an application's jobs on the queue when they are due.
//!
//! ```text
//!     timetable ─► watch ──┐                 ┌─► look: seeds missing tokens, wakes stale ones
//!                          ├─► run (one task)┤
//!     beanstalkd: tokens ──┘                 └─► round: one turn with a reserved token
//!                                                 (schedule::Turn decides each step)
//! ```
//!
//! Any number of schedulers of an application may run, on any number of hosts and for any
//! of its releases: whoever reserves an entry's token puts its job. What is guaranteed
//! stands in docs/scheduler.md.

mod file;
mod journal;
mod look;
mod memory;
mod round;
mod run;

use std::path::PathBuf;
use std::sync::Arc;

pub use file::{ReadError, read};
pub use memory::read as remembered;
pub use round::put;
pub use run::{StartError, main};

use crate::ayl::KeySet;
use crate::names::{ApplicationName, ServerAddress, Tube};

/// Everything a scheduler is told at its start.
#[derive(Debug)]
pub struct Options {
    /// Whose timetable it is.
    pub application: ApplicationName,
    /// The timetable.
    pub file: PathBuf,
    /// Where jobs go whose entries name no tube.
    pub tube: Tube,
    /// The queue: tokens and jobs are on this one server.
    pub server: ServerAddress,
    /// How it is called in tokens: host and instance.
    pub name: String,
    /// The keys, if jobs are signed.
    pub keys: Option<Arc<KeySet>>,
    /// Where the slots put last are remembered.
    pub memory: Option<PathBuf>,
}
