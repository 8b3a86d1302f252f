//! Replacing the members of a group one after the other.
//!
//! ```text
//!     pending: 2 3 4        current: 1            done
//!                 │  the next goes when  ▲   ready  ▲
//!                 └──────────────────────┴──────────┘
//! ```
//!
//! A member in `current` has been told to go, and its successor is not ready yet. When that
//! successor fails, the roll stops: what an operator asked for is given up, and the rest are left
//! as they were; what a configuration asked for is held until the successor becomes ready after
//! all, or another configuration comes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::RequestId;
use super::slab::Slot;
use crate::lifecycle::Run;

/// Why a member is to be replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Why {
    /// An operator asked for it.
    Restart(RequestId),
    /// Its process is not what is configured.
    Config(Arc<str>),
}

/// How the replacing of a member goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Fate {
    /// A process later than this one is awaited.
    Underway {
        /// The one that is replaced.
        beyond: Run,
    },
    /// Its successor failed.
    Failed,
}

/// The members that are being replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Roll {
    /// Those whose turn has not come.
    pub(super) pending: BTreeMap<Slot, Why>,
    /// Those whose turn it is.
    pub(super) current: BTreeMap<Slot, Fate>,
}

impl Roll {
    /// Whether nothing is being replaced, nor will be.
    pub(super) fn is_over(&self) -> bool {
        self.pending.is_empty() && self.current.is_empty()
    }

    /// How many successors are awaited.
    pub(super) fn underway(&self) -> usize {
        self.current.values().filter(|fate| matches!(fate, Fate::Underway { .. })).count()
    }

    /// Whether the next one may go for `why`.
    pub(super) fn lets(&self, why: &Why) -> bool {
        match why {
            Why::Restart(_) => self.underway() == 0,
            Why::Config(_) => self.current.is_empty(),
        }
    }

    /// Forgets members that are not there.
    pub(super) fn keep(&mut self, is_there: impl Fn(Slot) -> bool) {
        self.pending.retain(|slot, _| is_there(*slot));
        self.current.retain(|slot, _| is_there(*slot));
    }
}
