//! Daemons that no configuration was written for, for tests of what follows from one.

use std::sync::Arc;
use std::time::Duration;

use abaqis_daemons::config::{
    Account, Backoff, Daemon, Kill, Limits, LogTarget, Milli, Policy, Process, Ready, Restart, Signal,
    StartLimit,
};
use abaqis_daemons::names::InstanceId;
use abaqis_daemons::plan::{InstanceSpec, Release, Wanted};

/// A user of no host.
pub(crate) fn account() -> Account {
    Account {
        user: "app".into(),
        uid: 1,
        group: "app".into(),
        gid: 1,
        home: "/".into(),
        shell: "/bin/sh".into(),
    }
}

/// A process that runs `command`.
pub(crate) fn process(command: &str, watchdog: Option<Duration>) -> Process {
    Process {
        command: [command.parse().unwrap()].into(),
        account: Arc::new(account()),
        directory: "/".parse().unwrap(),
        umask: 0o022,
        env: Arc::default(),
        env_file: None,
        nice: 0,
        limits: Arc::new(Limits::default()),
        watchdog,
        log: LogTarget::Null,
    }
}

/// The defaults, without jitter, of a daemon that says when it is ready.
pub(crate) fn policy() -> Policy {
    Policy {
        restart: Restart::Always,
        backoff: Backoff {
            initial: Duration::from_millis(200),
            max: Duration::from_mins(1),
            factor: Milli(2000),
            jitter: Milli(0),
            reset_after: Duration::from_mins(1),
        },
        start_limit: StartLimit { count: 10, within: Duration::from_mins(10) },
        ready: Ready::Notify,
        ready_timeout: Duration::from_mins(1),
        after: Vec::new(),
        stop_signal: Signal::TERM,
        stop_timeout: Duration::from_secs(30),
        kill: Kill::Group,
    }
}

/// Adds the instances of a daemon of `application`: as many as its count says.
pub(crate) fn add_to(
    wanted: &mut Wanted,
    application: &str,
    daemon: Daemon,
    release: &Arc<Release>,
    blocked: Option<&Arc<str>>,
) {
    let daemon = Arc::new(daemon);
    for number in 1..=daemon.count {
        let id = InstanceId {
            application: application.parse().unwrap(),
            release: None,
            daemon: daemon.name.clone(),
            number,
        };
        let spec = InstanceSpec {
            id: id.clone(),
            daemon: daemon.clone(),
            release: release.clone(),
            env_file: None,
            blocked: blocked.cloned(),
        };
        wanted.insert(id, Arc::new(spec));
    }
}
