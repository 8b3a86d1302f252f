//! The validated configuration: what everything outside `config` sees.
//!
//! ```text
//!     Config ─► Application ─► Daemon ─┬─ count      how many        (a change only adds or removes)
//!                                      ├─ Policy     how it is kept  (a change applies live)
//!                                      └─ Process    what it *is*    (a change replaces it)
//! ```
//!
//! The three parts of a [`Daemon`] are three fields, because equality on each of
//! them is what a reload goes by. Everything is resolved: inheritance is done,
//! defaults are filled in, users are looked up. Equal parts are one allocation
//! (`Arc`): a thousand daemons that differ in their command share the rest.

mod policy;
mod process;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use policy::{Backoff, Kill, Milli, Policy, Ready, Restart, StartLimit};
pub use process::{Account, Bound, Command, CpuShare, Environment, Limits, LogTarget, Process};

use super::{ServerAddress, Template};
use crate::names::{ApplicationName, DaemonName, Version};

/// All of `daemons.yml` and `daemons.d`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// `beanstalk`: where the queue is; never empty.
    pub beanstalk: Vec<ServerAddress>,
    /// `watch`: whether an edit of the files is applied without being asked to.
    pub watch: bool,
    /// What all workers of the host together may take.
    pub budget: Budget,
    /// `applications`, by name.
    pub applications: BTreeMap<ApplicationName, Arc<Application>>,
}

/// One entry under `applications:`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// Its key.
    pub name: ApplicationName,
    /// `path`: absolute; symlinks in it are resolved when a release starts.
    pub path: PathBuf,
    /// `version`: where its version is found.
    pub version: VersionSource,
    /// `tube`: may use `{app}` and `{version}`. The result is to be checked again as a
    /// [`Tube`](crate::names::Tube), for it holds a version nobody has seen yet.
    pub tube: Template,
    /// `workers`, `scheduler`, the preloader and what stands under `daemons`, by name.
    pub daemons: BTreeMap<DaemonName, Arc<Daemon>>,
    /// How its older releases drain.
    pub drain: Drain,
}

/// How an older release drains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Drain {
    /// `drain_timeout`: how long it waits for its tube to empty.
    pub timeout: Duration,
    /// `on_drain_timeout`: what then happens to the jobs that are left.
    pub on_timeout: OnDrainTimeout,
}

impl Default for Drain {
    fn default() -> Self {
        super::defaults::DRAIN
    }
}

/// Where an application's version is found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum VersionSource {
    /// Not configured: the first of the files `VERSION` and `REVISION` in the application's path.
    Found,
    /// `{file: NAME}`: absolute, or relative to the application's path.
    File(PathBuf),
    /// The version itself.
    Literal(Version),
}

/// What happens to the jobs of an older release whose `drain_timeout` has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OnDrainTimeout {
    /// They stay on their tube and are reported.
    Report,
    /// They are moved to the current release's tube.
    Move,
}

/// What the workers of all applications together may take. Those that run in any case (a `count`,
/// a `min`, the last worker of an older release) do so all the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Budget {
    /// `max_workers`: how many there may be.
    pub workers: Option<u32>,
    /// `max_workers_memory`: how many bytes they may hold before no more are started.
    pub memory: Option<u64>,
}

/// How many workers there are, where that goes by what waits on their tube.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Scale {
    /// `min`: never fewer; at least 1.
    pub min: u32,
    /// `max`: never more; not below `min`.
    pub max: u32,
    /// `target_wait`: how long what is ready may take to be begun; more than zero.
    pub target: Duration,
}

/// One daemon of an application: `count` processes alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Daemon {
    /// Its name: `worker`, `scheduler`, `preloader`, or its key under `daemons:`.
    pub name: DaemonName,
    /// What kind of daemon it is. Its settings are in `process.command` already.
    pub kind: Kind,
    /// How many processes of it there are, or may be with a `scale`; 0 to [`MAX_COUNT`].
    pub count: u32,
    /// `min` and `max` of workers; then `count` is the latter.
    #[serde(default)]
    pub scale: Option<Scale>,
    /// What each of them is.
    pub process: Arc<Process>,
    /// How each of them is kept running.
    pub policy: Arc<Policy>,
    /// How older releases of its application drain. No process is another for it.
    pub drain: Drain,
}

/// The most processes of one daemon.
pub const MAX_COUNT: u32 = 10_000;

/// What a daemon is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Takes jobs from the release's tube. Waits for a version to be there.
    Worker(Worker),
    /// Puts jobs on it when they are due; one per application. Waits for a version to be there.
    Scheduler(Scheduler),
    /// Boots the application once, for workers to be forked from.
    Preloader,
    /// Any other command.
    Other,
}

impl Kind {
    /// Whether it can only run once the application's version (and so its tube) is known.
    pub fn needs_version(&self) -> bool {
        !matches!(self, Self::Other)
    }
}

/// The settings of `workers:`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Worker {
    /// A `command` of the application's own, which finds its tube in `AYL_TUBE`.
    Own,
    /// `ayl_worker`.
    Ayl {
        /// `runtime`: what runs the application's code.
        runtime: Runtime,
        /// `command`, with the runtime exec: what is started for each job.
        job: Option<Command>,
        /// `require`: what is loaded of the application; `None`: `config/environment`.
        require: Option<PathBuf>,
        /// `preload`: whether executors are forked from a preloader.
        preload: bool,
        /// `max_jobs`: recycled after that many; `None`: never.
        max_jobs: Option<u64>,
        /// `max_memory`: recycled once it holds that many bytes.
        max_memory: Option<u64>,
        /// `max_age`: recycled after that time.
        max_age: Option<Duration>,
        /// `max_runtime`: a job that takes longer is killed.
        max_runtime: Option<Duration>,
        /// `signing`: what is asked of a job's signature.
        signing: Signing,
    },
}

/// The settings of `scheduler:`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scheduler {
    /// A `command` of the application's own.
    Own,
    /// `ayl_scheduler` with this timetable: absolute, or relative to the application's path.
    Ayl {
        /// `file`.
        file: PathBuf,
    },
}

/// `runtime`: what runs the application's code in a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Runtime {
    /// Evaluates it in a Ruby process that has booted the application.
    Ruby,
    /// Evaluates it in the application's Python module.
    Python,
    /// Starts a command for each job.
    Exec,
}

/// `signing`: what is asked of a job's signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Signing {
    /// Nothing.
    Off,
    /// A job without a good one is run, and reported.
    Warn,
    /// A job without a good one is buried.
    Require,
}
