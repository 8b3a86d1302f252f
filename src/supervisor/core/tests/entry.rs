//! Configurations to write a story with.

use std::sync::Arc;
use std::time::Duration;

use crate::config::{
    Account, Backoff, Daemon, Drain, Kill, Kind, Limits, LogTarget, Milli, OnDrainTimeout, Policy, Process,
    Ready, Restart, Scale, Signal, StartLimit,
};
use crate::names::InstanceId;
use crate::plan::{InstanceSpec, Release, Wanted};

/// One daemon of a configuration.
#[derive(Clone)]
pub(super) struct Entry {
    name: String,
    pub(super) count: u32,
    pub(super) command: String,
    pub(super) watchdog: Option<Duration>,
    pub(super) blocked: Option<Arc<str>>,
    pub(super) policy: Policy,
    version: String,
    kind: Kind,
    drain: Drain,
    scale: Option<Scale>,
}

/// `APPLICATION/DAEMON`: one instance that says when it is ready, with the defaults.
pub(super) fn daemon(name: &str) -> Entry {
    Entry {
        name: name.to_owned(),
        count: 1,
        command: "run".to_owned(),
        watchdog: None,
        blocked: None,
        policy: Policy {
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
        },
        version: "1".to_owned(),
        kind: Kind::Other,
        drain: Drain::default(),
        scale: None,
    }
}

impl Entry {
    pub(super) fn count(self, count: u32) -> Self {
        Self { count, ..self }
    }

    pub(super) fn command(self, command: &str) -> Self {
        Self { command: command.to_owned(), ..self }
    }

    /// Of that version of its application.
    pub(super) fn version(self, version: &str) -> Self {
        Self { version: version.to_owned(), ..self }
    }

    pub(super) fn kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    pub(super) fn drain(self, timeout: Duration, on_timeout: OnDrainTimeout) -> Self {
        Self { drain: Drain { timeout, on_timeout }, ..self }
    }

    /// As many as the load wants, between these; `target_wait` is 10 s.
    pub(super) fn scale(self, min: u32, max: u32) -> Self {
        let scale = Scale { min, max, target: Duration::from_secs(10) };
        Self { count: max, scale: Some(scale), ..self }
    }

    pub(super) fn blocked(self, why: &str) -> Self {
        Self { blocked: Some(why.into()), ..self }
    }

    pub(super) fn with(mut self, change: impl FnOnce(&mut Policy)) -> Self {
        change(&mut self.policy);
        self
    }

    pub(super) fn after(self, daemon: &str) -> Self {
        self.with(|policy| policy.after.push(daemon.parse().unwrap()))
    }
}

pub(super) fn wanted(entries: &[Entry]) -> Wanted {
    let mut wanted = Wanted::new();
    for entry in entries {
        let release = Arc::new(Release {
            version: Some(entry.version.parse().unwrap()),
            path: format!("/srv/{}", entry.version).into(),
            tube: Some(format!("tube-{}", entry.version).parse().unwrap()),
            beanstalk: [].into(),
        });
        let daemon = Arc::new(entry.daemon());
        for number in 1..=entry.count {
            let id: InstanceId = format!("{}/{number}", entry.name).parse().unwrap();
            let spec = InstanceSpec {
                id: id.clone(),
                daemon: daemon.clone(),
                release: release.clone(),
                env_file: None,
                blocked: entry.blocked.clone(),
            };
            wanted.insert(id, Arc::new(spec));
        }
    }
    wanted
}

impl Entry {
    fn daemon(&self) -> Daemon {
        let account = Account {
            user: "app".into(),
            uid: 1,
            group: "app".into(),
            gid: 1,
            home: "/".into(),
            shell: "/bin/sh".into(),
        };
        Daemon {
            name: self.name.split_once('/').unwrap().1.parse().unwrap(),
            kind: self.kind.clone(),
            count: self.count,
            scale: self.scale,
            process: Arc::new(Process {
                command: [self.command.parse().unwrap()].into(),
                account: Arc::new(account),
                directory: "/".parse().unwrap(),
                umask: 0o022,
                env: Arc::default(),
                env_file: None,
                nice: 0,
                limits: Arc::new(Limits::default()),
                watchdog: self.watchdog,
                log: LogTarget::Null,
            }),
            policy: Arc::new(self.policy.clone()),
            drain: self.drain,
        }
    }
}
