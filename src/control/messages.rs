//! The words on the control socket: one JSON value a line.
//!
//! The protocol has a number. Keys may be added to a message without changing it: what a
//! reader does not know, it skips. A request the supervisor does not know is refused with
//! its version, so that a newer program and an older supervisor can say what is the matter.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::status::{Event, InstanceStatus, LogSource, PlannedChange, ReleaseStatus};
use crate::config::Signal;
use crate::names::{ApplicationName, InstanceId, Selector};

/// The protocol this code speaks.
pub const PROTOCOL: u32 = 1;

/// The first line on a connection the supervisor takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Always `abaqis-daemons`.
    pub hello: String,
    /// The protocol it speaks.
    pub protocol: u32,
    /// Its version.
    pub version: String,
    /// The supervisor's process.
    pub pid: u32,
    /// How often it was upgraded in place.
    #[serde(default)]
    pub upgrades: u32,
}

impl Hello {
    /// What this process says.
    pub fn of_this_process() -> Self {
        Self {
            hello: "abaqis-daemons".to_owned(),
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            upgrades: 0,
        }
    }
}

/// What an operator asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "lowercase")]
pub enum Request {
    /// The instances: an [`Response::Instance`] each, in order, then done.
    Status {
        /// Which.
        selector: Selector,
    },
    /// What a reload would do: a [`Response::Change`] each, then done; failed with
    /// [`FailureKind::Configuration`] when the file is not valid.
    Plan,
    /// Read the configuration again and apply it; done when it is applied.
    Reload,
    /// Become the program that is installed now. Failed when nothing changes; otherwise the
    /// connection ends, and the next one is greeted by the new program.
    Upgrade,
    /// Start, stop or restart instances.
    Operate(Operation),
    /// Send a signal to the main process of instances; done when it is sent.
    Signal {
        /// Which.
        selector: Selector,
        /// What.
        signal: Signal,
    },
    /// What happened: a [`Response::Event`] each.
    Events {
        /// Whose; with [`Selector::All`] the supervisor's own too.
        selector: Selector,
        /// How many past ones to begin with, at most, the oldest first.
        recent: u32,
        /// Go on as they happen; otherwise done after the past ones.
        follow: bool,
    },
    /// The releases that are there: a [`Response::Release`] each, the current one of each
    /// application first, then done.
    Releases {
        /// Of this application; otherwise of all.
        application: Option<ApplicationName>,
    },
    /// What is deployed of an application is to be current: takes a rollback back, and tries a
    /// release again that did not become ready.
    Deploy {
        /// Which.
        application: ApplicationName,
        /// Answer when it is up, or its canary is not ready; otherwise as soon as it is begun.
        wait: bool,
    },
    /// The release before the current one is to be current again, until another is deployed.
    Rollback {
        /// Of which application.
        application: ApplicationName,
        /// As with [`Deploy`](Self::Deploy).
        wait: bool,
    },
    /// Where the output of instances is: a [`Response::Log`] each, then done.
    Logs {
        /// Which.
        selector: Selector,
    },
    /// The output of instances that goes to the terminal of the supervisor: a
    /// [`Response::Line`] each, as they are written. Ends with the supervisor.
    Output {
        /// Which.
        selector: Selector,
    },
}

/// What is done to instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Start, stop, restart.
    pub verb: Verb,
    /// Which instances.
    pub selector: Selector,
    /// Answer when it is through, with [`Response::Progress`] on the way; otherwise as soon
    /// as it is begun.
    pub wait: bool,
    /// All together instead of one after the other.
    pub at_once: bool,
}

/// The three operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// Have it running; also clears `failed`.
    Start,
    /// Have it stopped, until started again.
    Stop,
    /// Have a new process in its place.
    Restart,
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
        })
    }
}

/// What the supervisor answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "lowercase")]
pub enum Response {
    /// To [`Request::Status`].
    Instance(Box<InstanceStatus>),
    /// To [`Request::Plan`].
    Change(PlannedChange),
    /// To [`Request::Events`].
    Event(Event),
    /// To [`Request::Releases`].
    Release(Box<ReleaseStatus>),
    /// To [`Request::Logs`].
    Log {
        /// Whose.
        instance: InstanceId,
        /// Where it is.
        source: LogSource,
    },
    /// To [`Request::Output`].
    Line {
        /// Whose.
        instance: InstanceId,
        /// The line, without its end.
        text: String,
    },
    /// How far it is.
    Progress {
        /// How many are through.
        done: u32,
        /// How many there are.
        total: u32,
        /// What is going on: `waiting for abaqis/worker/2`.
        text: String,
    },
    /// The end: it was done.
    Done {
        /// What to tell the operator, if anything beyond that.
        text: Option<String>,
    },
    /// The end: it was tried, and failed.
    Failed {
        /// In which way.
        kind: FailureKind,
        /// For the operator, possibly of many lines.
        text: String,
    },
    /// The end: nothing was tried.
    Refused(Refusal),
}

impl Response {
    /// Nothing comes after it.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::Failed { .. } | Self::Refused(_))
    }
}

/// The ways in which what was asked for can fail; each has its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailureKind {
    /// Instances are not as they were asked to be (exit 1).
    Instances,
    /// The configuration is not valid; nothing changed (exit 78).
    Configuration,
    /// Something else went wrong (exit 1).
    Other,
}

/// Why nothing was tried.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(tag = "refusal", rename_all = "lowercase")]
pub enum Refusal {
    /// The peer may not connect at all.
    #[error(
        "user {uid} may not use the control socket: only root, user {owner} and members of the group abaqis may"
    )]
    Stranger {
        /// The peer's user id.
        uid: u32,
        /// The supervisor's user id.
        owner: u32,
    },
    /// The peer may look and restart, not this.
    #[error("user {uid} may look and restart, but not {what}: that is for root and user {owner}")]
    NotPermitted {
        /// The peer's user id.
        uid: u32,
        /// The supervisor's user id.
        owner: u32,
        /// What was asked for, in one word.
        what: String,
    },
    /// A request this version does not know.
    #[error(
        "the running supervisor is version {version} and does not know the request {request:?}: restart it to have the installed version running"
    )]
    Unknown {
        /// The request's word.
        request: String,
        /// The supervisor's version.
        version: String,
    },
    /// Not a request.
    #[error("not a request: {reason}")]
    Malformed {
        /// In which way.
        reason: String,
    },
    /// No instance is named so.
    #[error("{}", nothing(selector, near))]
    Nothing {
        /// What was asked for.
        selector: Selector,
        /// What may have been meant, likeliest first.
        near: Vec<String>,
    },
    /// There are as many connections as there may be.
    #[error("the supervisor has {0} control connections open and takes no more for now", connections)]
    Busy {
        /// How many.
        connections: usize,
    },
    /// It is about to end.
    #[error("the supervisor is shutting down")]
    Leaving,
}

fn nothing(selector: &Selector, near: &[String]) -> String {
    let mut text = format!("no instance is named {selector}");
    if !near.is_empty() {
        text.push_str("; there is ");
        text.push_str(&near.join(", "));
    }
    text
}
