//! Configurations to write a story with.

use std::sync::Arc;
use std::time::Duration;

use crate::config::{Daemon, Drain, Kind, OnDrainTimeout, Policy, Scale};
use crate::plan::{Release, Wanted, made_up};

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
        policy: made_up::policy(),
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
        let (application, _) = entry.name.split_once('/').unwrap();
        made_up::add_to(&mut wanted, application, entry.daemon(), &release, entry.blocked.as_ref());
    }
    wanted
}

impl Entry {
    fn daemon(&self) -> Daemon {
        Daemon {
            name: self.name.split_once('/').unwrap().1.parse().unwrap(),
            kind: self.kind.clone(),
            count: self.count,
            scale: self.scale,
            process: Arc::new(made_up::process(&self.command, self.watchdog)),
            policy: Arc::new(self.policy.clone()),
            drain: self.drain,
        }
    }
}
