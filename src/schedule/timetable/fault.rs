//! Everything that can be wrong with a timetable, each with its words.
//!
//! What any file can have wrong is in the words of [`config`](crate::config::Fault). The
//! texts are an interface: tests compare them word for word.

use thiserror::Error;

use crate::ayl::CallError;
use crate::config::{self, Words};
use crate::schedule::CronError;

/// One thing that is wrong. Its text completes `FILE:LINE:COL: KEY: …`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Fault {
    /// What can be wrong with any file.
    #[error(transparent)]
    Common(#[from] config::Fault),
    /// Nothing, or nothing but comments.
    #[error("the file is empty, which is taken for an accident; to schedule nothing, write {{}}")]
    EmptyFile,
    /// `<<: *a`.
    #[error("the merge key << is not understood; use a whole value by its alias")]
    MergeKey,
    /// `schedule: * * * * *`.
    #[error("not YAML: {0}")]
    Unquoted(String),

    // When.
    /// Not a cron expression, or one that is never due.
    #[error(transparent)]
    Cron(#[from] CronError),
    /// Never due.
    #[error("schedule (a cron expression) or every (a period) is missing")]
    NoRule,
    /// A zone nobody knows.
    #[error("there is no time zone {name:?}; write an IANA name, as Europe/Berlin")]
    NoZone {
        /// What is written.
        name: String,
        /// What may have been meant.
        hint: Option<String>,
    },
    /// `timezone` beside `every`.
    #[error("means nothing to every, which follows elapsed time")]
    ZoneOfPeriod,
    /// Parts of a second.
    #[error("{0} is not a whole number of seconds")]
    Fraction(String),
    /// `splay` that would mix up the order of the slots.
    #[error("may not be longer than the time between two of its slots, which can be {shortest}")]
    Splay {
        /// As it would be written.
        shortest: String,
    },

    // What.
    /// Nothing to run.
    #[error("code, or class and method, is missing")]
    NoCode,
    /// `method` without `class`, and the like.
    #[error("means nothing without {0}")]
    Without(&'static str),
    /// `class` or `method` that cannot be called so.
    #[error(transparent)]
    Call(#[from] CallError),
    /// A number that YAML's versions read differently.
    #[error("{0} is read as octal by some; quote it, or write it without the zero")]
    LeadingZero(String),
    /// An integer that is too large to be passed on.
    #[error("{0} is too large for a number; quote it")]
    TooLarge(String),

    // How.
    /// A setting of another handler.
    #[error("is a setting of failed_job_handler: decay")]
    DecayOnly,
}

impl Words for Fault {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Common(fault) => fault.hint(),
            Self::NoZone { hint, .. } => hint.clone(),
            Self::Unquoted(_) => Some("what begins with * or @ has to be quoted".to_owned()),
            _ => None,
        }
    }
}
