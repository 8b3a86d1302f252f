//! What a reload does to each instance, and why.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::names::InstanceId;

/// What happens to every instance, in the order in which it happens: what is kept first, then
/// what stops (dependants before what they are `after`), then what is replaced, then what
/// starts (dependants last).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// One for each instance that runs or is to run.
    pub changes: Vec<Change>,
}

/// What happens to one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub instance: InstanceId,
    /// What.
    pub action: ChangeAction,
    /// Why; for an untouched one it is [`Reason::Same`].
    pub reason: Reason,
}

/// What a reload does to an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeAction {
    /// Nothing: it keeps its pid.
    Untouched,
    /// How it is kept changes: it keeps its pid.
    Live,
    /// It is no longer wanted.
    Stop,
    /// What the process is changes: a new one takes the place of the old.
    Replace,
    /// It is new.
    Start,
}

/// Why something happens to an instance. The text is what `plan` prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Nothing about it changed.
    Same,
    /// The application, or its daemon, is new.
    New,
    /// The application, or its daemon, is no longer there.
    Removed,
    /// Its release is older, and drains no longer.
    Retired,
    /// There are to be more or fewer of them.
    Count {
        /// How many there are.
        from: u32,
        /// How many there are to be.
        to: u32,
    },
    /// These settings differ.
    Settings(Vec<&'static str>),
    /// The version differs.
    Version {
        /// What runs.
        from: String,
        /// What is to run.
        to: String,
    },
    /// It could not be started now, so it is left alone.
    Blocked(String),
    /// It can be started now.
    Unblocked,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same => f.write_str("nothing changed"),
            Self::New => f.write_str("new"),
            Self::Retired => f.write_str("its release drains no longer"),
            Self::Removed => f.write_str("no longer configured"),
            Self::Count { from, to } => write!(f, "count {from} -> {to}"),
            Self::Settings(names) => write!(f, "{} changed", names.join(", ")),
            Self::Version { from, to } => write!(f, "version {from} -> {to}"),
            Self::Blocked(why) => write!(f, "kept as it is: {why}"),
            Self::Unblocked => f.write_str("can be started now"),
        }
    }
}

impl Plan {
    /// Whether nothing happens to any instance.
    pub fn is_empty(&self) -> bool {
        self.changes.iter().all(|change| change.action == ChangeAction::Untouched)
    }

    /// The changes that do something.
    pub fn effective(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.action != ChangeAction::Untouched)
    }
}
