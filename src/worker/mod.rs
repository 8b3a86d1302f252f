//! The worker: takes jobs from one tube, has an executor run them, and decides what
//! becomes of each.
//!
//! ```text
//!     beanstalkd ◄── link ──► run ◄── executor ──► ruby, python, …
//!                              │
//!                             core: every decision, without I/O
//! ```
//!
//! The application's code runs in another process, the executor, which knows nothing of
//! the queue. So the executor may crash, hang or run out of memory, and the worker
//! still holds the job and says what becomes of it.

mod asking;
mod busy_poll;
mod core;
mod debts;
mod exec;
mod executor;
pub mod frame;
mod hooks;
mod journal;
mod launch;
mod link;
pub(crate) mod notify;
mod preloader;
pub(crate) mod program;
mod relay;
mod run;

use std::fmt;

pub use core::{
    Action, Answer, Ask, Content, Core, Doing, Event, Facts, Failure, Job, Recycle, Report, Settings,
};
pub use exec::exec_executor;
pub use launch::{Launch, Runtime};
pub use run::{Status, main};

use crate::ayl::{KeySet, Mode};
use crate::names::ServerAddress;

/// Everything a worker is told at its start.
#[derive(Debug)]
pub struct Options {
    /// Which application, and what runs its code.
    pub launch: Launch,
    /// What the core goes by.
    pub settings: Settings,
    /// Where the queue is: jobs come from all of them.
    pub servers: Vec<ServerAddress>,
    /// What is done about signatures.
    pub signing: Mode,
    /// The application's keys.
    pub keys: KeySet,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.class.as_str(), self.message.as_str()) {
            ("", message) => f.write_str(message)?,
            (class, "") => f.write_str(class)?,
            (class, message) => write!(f, "{class}: {message}")?,
        }
        self.backtrace.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}
