//! What the supervisor tells of its instances.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use crate::lifecycle::State;
use crate::names::{ApplicationName, DaemonName, InstanceId, ServerAddress, Tube, Version};
pub use crate::plan::ChangeAction;

/// Every state, in the order in which a summary counts them: `12 ready, 1 failed`.
pub const SUMMED: [State; 9] = [
    State::Ready,
    State::Running,
    State::Starting,
    State::Waiting,
    State::Backoff,
    State::Stopping,
    State::Stopped,
    State::Completed,
    State::Failed,
];

/// One instance, as `status` shows it. The order of the fields is that of `status --json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceStatus {
    /// Its name: `abaqis/worker/2`.
    pub instance: InstanceId,
    /// The application it belongs to.
    pub application: ApplicationName,
    /// Which of the application's daemons.
    pub daemon: DaemonName,
    /// The version of its release, once that is known.
    pub version: Option<Version>,
    /// The tube of its release, once that is known.
    pub tube: Option<Tube>,
    /// What it is doing.
    pub state: State,
    /// Its main process, while there is one.
    pub pid: Option<u32>,
    /// Since when it is in this state.
    #[serde(with = "rfc3339")]
    pub since: Timestamp,
    /// How often it was started again since the supervisor first started it.
    pub restarts: u64,
    /// Memory in bytes: of all its processes where the kernel counts that, else what is resident
    /// of the main one.
    pub memory: Option<u64>,
    /// Its command, quoted as a shell would take it.
    pub command: String,
    /// How its last process ended: `exit 1`, `SIGKILL`.
    pub last_exit: Option<String>,
    /// Why it is in this state, where that is not plain: what it waits for, the error of an
    /// exec, why it was given up.
    pub reason: Option<String>,
    /// What it says of itself (`STATUS=` over its notify socket).
    pub status: Option<String>,
    /// The job it is working on.
    pub job: Option<String>,
    /// Since when it works on that job.
    #[serde(with = "rfc3339::option")]
    pub job_since: Option<Timestamp>,
}

/// One release, as `releases` shows it. The order of the fields is that of `releases --json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseStatus {
    /// Whose.
    pub application: ApplicationName,
    /// Its version, once that is known.
    pub version: Option<Version>,
    /// Its part.
    pub part: Part,
    /// Why it is not as it should be: why its canary is not ready, that its folder has gone.
    pub reason: Option<String>,
    /// Where its code is.
    pub path: Option<std::path::PathBuf>,
    /// Its tube, once that is known.
    pub tube: Option<Tube>,
    /// Where its queue is.
    pub beanstalk: Vec<ServerAddress>,
    /// How many workers it has, those that go not counted.
    pub workers: u32,
    /// How many of them are ready.
    pub workers_ready: u32,
    /// The jobs on its tube, where the supervisor looks at it: while a release drains.
    pub jobs: Option<Jobs>,
    /// Since when it drains.
    #[serde(with = "rfc3339::option")]
    pub draining_since: Option<Timestamp>,
    /// The version that is deployed, where an operator has gone back from it to this release.
    pub pinned_against: Option<Version>,
    /// Between which bounds its workers go by the load, if they do.
    #[serde(default)]
    pub scaling: Option<Scaling>,
}

/// How a release scales.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scaling {
    /// The fewest workers.
    pub min: u32,
    /// The most workers.
    pub max: u32,
    /// How many the load asks for.
    pub wanted: u32,
    /// What a job took lately, in milliseconds, once that is known.
    pub run_time_ms: Option<u64>,
}

/// Workers become more or fewer, or are fewer than wanted: the numbers behind that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resized {
    /// How many there were.
    pub from: u32,
    /// How many there are to be.
    pub to: u32,
    /// Bounds, what the load asks for, and what a job took.
    #[serde(flatten)]
    pub scaling: Scaling,
    /// How long a job may wait, in milliseconds.
    pub target_wait_ms: u64,
    /// What the last look at the tube found.
    pub jobs: Option<Jobs>,
}

/// Which part a release plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// It serves.
    Current,
    /// It is to be current, once its canary is ready.
    Canary,
    /// It is older, and has workers as long as its tube has jobs.
    Draining,
    /// It is older, and about to retire.
    Leaving,
}

impl Part {
    /// The word an operator reads.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Canary => "canary",
            Self::Draining => "draining",
            Self::Leaving => "leaving",
        }
    }
}

/// The jobs on a tube.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jobs {
    /// A worker may have them now.
    pub ready: u64,
    /// A worker has them.
    pub reserved: u64,
    /// They wait for their time.
    pub delayed: u64,
    /// They were set aside.
    pub buried: u64,
}

/// A change of state, or another thing worth telling, as `events` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    #[serde(with = "rfc3339")]
    pub at: Timestamp,
    /// Whose state changed; `None`: the supervisor speaks of itself (a reload, a refusal of one).
    pub instance: Option<InstanceId>,
    /// The state it left.
    pub from: Option<State>,
    /// The state it is in now.
    pub to: Option<State>,
    /// Its main process, while there is one.
    pub pid: Option<u32>,
    /// How its process ended, when this tells of that: `exit 1`, `SIGKILL`.
    pub exit: Option<String>,
    /// Why, or what happened, in words.
    pub reason: Option<String>,
    /// Whose release this tells of, where it is not about one instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<ApplicationName>,
    /// The numbers behind it, where it tells of how many workers a release has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resized: Option<Resized>,
}

/// One line of `plan`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedChange {
    /// Which instance.
    pub instance: InstanceId,
    /// What happens to it.
    pub action: ChangeAction,
    /// Why: `command changed`, `count 4 -> 2`; empty for an untouched one.
    pub reason: String,
}

/// Where the output of an instance is found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum LogSource {
    /// In the journal, under this `SYSLOG_IDENTIFIER`.
    Journal {
        /// `abaqis/worker/2`.
        identifier: String,
    },
    /// In this file, and in the older ones beside it.
    File {
        /// Its absolute path.
        path: std::path::PathBuf,
    },
    /// On the terminal of the running supervisor: ask for it by [`Request::Output`](super::messages::Request::Output).
    Terminal,
    /// It is thrown away.
    Nowhere,
}

/// Instants as RFC 3339 in UTC, to the millisecond: `2026-11-24T06:24:31.125Z`.
pub mod rfc3339 {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// As text.
    pub fn text(at: Timestamp) -> String {
        format!("{at:.3}")
    }

    pub(super) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{at:.3}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }

    pub(super) mod option {
        use jiff::Timestamp;
        use serde::{Deserialize, Deserializer, Serializer, de::Error};

        // Serde hands over `&Option<T>`.
        #[expect(clippy::ref_option)]
        pub(in super::super) fn serialize<S: Serializer>(
            at: &Option<Timestamp>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            match at {
                Some(at) => super::serialize(at, to),
                None => to.serialize_none(),
            }
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<Timestamp>, D::Error> {
            Option::<String>::deserialize(from)?
                .map(|text| text.parse().map_err(D::Error::custom))
                .transpose()
        }
    }
}
