//! What holds where nothing is configured.

use std::time::Duration;

use super::{Backoff, Drain, Kill, Milli, OnDrainTimeout, Restart, Signal, StartLimit};

/// `user`, when the supervisor runs as root.
pub(super) const USER: &str = "abaqis";
/// `tube`.
pub(super) const TUBE: &str = "{app}-{version}";
/// `directory`.
pub(super) const DIRECTORY: &str = "{path}";
/// `umask`.
pub(super) const UMASK: u16 = 0o022;
/// `restart`.
pub(super) const RESTART: Restart = Restart::Always;
/// `backoff`.
pub(super) const BACKOFF: Backoff = Backoff {
    initial: Duration::from_millis(200),
    max: Duration::from_mins(1),
    factor: Milli(2000),
    jitter: Milli(100),
    reset_after: Duration::from_mins(1),
};
/// `start_limit`.
pub(super) const START_LIMIT: StartLimit = StartLimit { count: 10, within: Duration::from_mins(10) };
/// `ready_timeout`: a Rails application on a busy host takes a while.
pub(super) const READY_TIMEOUT: Duration = Duration::from_secs(90);
/// `stop_signal`.
pub(super) const STOP_SIGNAL: Signal = Signal::TERM;
/// `stop_timeout`.
pub(super) const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// `kill`.
pub(super) const KILL: Kill = Kill::Group;
/// `log.max_size`.
pub(super) const LOG_MAX_SIZE: u64 = 10 << 20;
/// `log.keep`.
pub(super) const LOG_KEEP: u32 = 5;
/// `target_wait`: longer than a job of the web takes, shorter than somebody's patience.
pub(super) const TARGET_WAIT: Duration = Duration::from_secs(10);
/// `drain_timeout` and `on_drain_timeout`.
pub(super) const DRAIN: Drain =
    Drain { timeout: Duration::from_hours(24), on_timeout: OnDrainTimeout::Report };
