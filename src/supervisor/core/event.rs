//! What the core hears.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::Budget;
use crate::lifecycle::{ProcessEvent, Run};
use crate::names::{ApplicationName, Selector, Version};
use crate::plan::Wanted;
use crate::releases::Look;

/// The number of a request. Whoever asks chooses it, each time another; after an upgrade they go
/// on above [`Core::last_request`](super::Core::last_request).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(pub u64);

/// Something happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// This is configured and deployed from now on, and nothing else. Of an application whose
    /// version is another than before it is a new release, which waits for its canary.
    Apply {
        /// All of it, by plain names.
        wanted: Wanted,
        /// What all workers together may take.
        budget: Budget,
        /// Who is answered once every changed instance is up, gone or failed; `None`: nobody
        /// waits for it.
        request: Option<RequestId>,
    },
    /// An operator asks for something; answered with
    /// [`Action::Answer`](super::Action::Answer).
    Command {
        /// Who asks.
        request: RequestId,
        /// For what.
        command: Command,
    },
    /// Nobody waits for this answer any longer. What was asked for goes on.
    Cancel {
        /// The request.
        request: RequestId,
    },
    /// An operator wants what is deployed: a word that pinned an earlier release is taken back, and
    /// a release that did not become ready is tried again.
    Deploy {
        /// Which application.
        application: ApplicationName,
        /// What is deployed of all of them, by plain names.
        wanted: Wanted,
        /// Who asks.
        request: RequestId,
        /// Answer when its pool is up or its canary is not ready; otherwise at once.
        wait: bool,
    },
    /// An operator wants the release before the current one, until another version is deployed.
    RollBack {
        /// Of which application.
        application: ApplicationName,
        /// Who asks.
        request: RequestId,
        /// As with [`Deploy`](Self::Deploy).
        wait: bool,
    },
    /// The tube of a release was looked at.
    Tube {
        /// Whose.
        application: ApplicationName,
        /// Which release of it.
        version: Version,
        /// What was seen.
        look: Look,
    },
    /// The memory that processes hold was measured, because [`Core::weighs`](super::Core::weighs).
    Weighed {
        /// Bytes of each worker.
        memory: BTreeMap<Run, u64>,
    },
    /// The folder of a release that is not the deployed one has gone, or is there again.
    Folder {
        /// Whose.
        application: ApplicationName,
        /// Which release of it.
        version: Version,
        /// Why nothing can be started there; `None`: it can.
        why: Option<String>,
    },
    /// What [`MoveJobs`](super::Action::MoveJobs) asked for is over.
    Moved {
        /// Whose.
        application: ApplicationName,
        /// The release whose jobs were to be moved.
        version: Version,
        /// How many were, or why they could not be.
        result: Result<u64, String>,
    },
    /// News of a process; ignored if it is not the present one of its instance.
    Process(Run, ProcessEvent),
    /// Stop everything, in order, and be [`Finished`](super::Action::Finished). A second one is
    /// a [`ShutdownNow`](Self::ShutdownNow).
    Shutdown,
    /// Kill everything at once.
    ShutdownNow,
    /// The deadline given by [`Core::next_deadline`](super::Core::next_deadline) has come. Other
    /// events leave deadlines alone: tell what happened before what did not happen.
    Tick,
}

impl Event {
    /// The request that is to be answered, if it is one.
    pub(super) fn request(&self) -> Option<RequestId> {
        match self {
            Self::Apply { request, .. } => *request,
            Self::Command { request, .. } | Self::Deploy { request, .. } | Self::RollBack { request, .. } => {
                Some(*request)
            }
            _ => None,
        }
    }
}

/// What an operator asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What to do.
    pub verb: Verb,
    /// With which instances.
    pub selector: Selector,
    /// `restart`: all together instead of one after the other; `stop`: without waiting for
    /// dependants.
    pub at_once: bool,
    /// Answer when it is through; otherwise as soon as it is begun.
    pub wait: bool,
}

/// What is done to instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Have it running; clears `failed` and an earlier stop.
    Start,
    /// Have it stopped, until it is started again.
    Stop,
    /// Have a new process in its place. One that an operator stopped stays so, unless it is
    /// named as closely as the stop named it.
    Restart,
    /// Send this signal (by its number) to its main process.
    Signal(i32),
}
