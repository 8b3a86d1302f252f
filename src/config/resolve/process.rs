//! One daemon's process and policy, out of the layers around it.

use std::sync::Arc;

use super::intern::Interner;
use crate::config::host::{Host, Privilege};
use crate::config::read::{Given, Layer, Switch};
use crate::config::{
    Account, Command, Environment, Kill, Limits, LogTarget, Policy, Process, Ready, Template, defaults,
};
use crate::names::DaemonName;

/// What is the same for many daemons, once.
pub(super) struct Shared<'a> {
    host: &'a dyn Host,
    accounts: Interner<Account>,
    environments: Interner<Environment>,
    limits: Interner<Limits>,
    policies: Interner<Policy>,
    processes: Interner<Process>,
}

/// The layers a daemon's settings come from, the nearest first.
pub(super) type Layers<'l> = [&'l Layer; 3];

/// What depends on the kind of daemon.
pub(super) struct Own {
    /// Its command, if no layer is to be asked for one.
    pub(super) command: Option<Command>,
    /// How it shows that it is ready unless a layer says.
    pub(super) ready: Ready,
    /// Resolved by `after`.
    pub(super) after: Vec<DaemonName>,
    /// Whether it is a preloader. Its settings are its workers', except where it is not like
    /// them: it says itself that it is ready, knows no watchdog, and what was forked from it
    /// works on when it is stopped.
    pub(super) preloader: bool,
}

/// Why there is no process.
pub(super) enum NoProcess {
    /// No layer has a command.
    Command,
    /// The command is wrong, which has been said.
    Said,
    /// The default user is not there.
    User,
}

/// The nearest layer's value.
pub(super) fn nearest<'l, T>(layers: &Layers<'l>, get: impl Fn(&'l Layer) -> Option<T>) -> Option<T> {
    layers.iter().find_map(|layer| get(layer))
}

/// The nearest layer's command.
pub(super) fn command<'l>(layers: &Layers<'l>) -> &'l Given<Command> {
    let given = layers.iter().map(|layer| &layer.command).find(|command| !command.is_absent());
    given.unwrap_or(&Given::Absent)
}

impl<'a> Shared<'a> {
    pub(super) fn new(host: &'a dyn Host) -> Self {
        Self {
            host,
            accounts: Interner::new(),
            environments: Interner::new(),
            limits: Interner::new(),
            policies: Interner::new(),
            processes: Interner::new(),
        }
    }

    pub(super) fn process(&mut self, layers: &Layers<'_>, own: &Own) -> Result<Arc<Process>, NoProcess> {
        let command = match (&own.command, command(layers)) {
            (Some(command), _) | (None, Given::Is(command)) => Arc::clone(command),
            (None, Given::Absent) => return Err(NoProcess::Command),
            (None, Given::Wrong) => return Err(NoProcess::Said),
        };
        let account = self.account(layers).ok_or(NoProcess::User)?;
        let mut env = Environment::new();
        for layer in layers.iter().rev() {
            env.extend(layer.env.iter().map(|(name, value)| (Arc::clone(name), value.clone())));
        }
        let limits = nearest(layers, |l| l.limits.clone()).unwrap_or_default();
        Ok(self.processes.share(Process {
            command,
            account: self.accounts.share(account),
            directory: nearest(layers, |l| l.directory.clone())
                .unwrap_or_else(|| template(defaults::DIRECTORY)),
            umask: nearest(layers, |l| l.umask).unwrap_or(defaults::UMASK),
            env: self.environments.share(env),
            env_file: nearest(layers, |l| l.env_file.clone()).and_then(Switch::on),
            nice: nearest(layers, |l| l.nice).unwrap_or(0),
            limits: self.limits.share(limits),
            watchdog: nearest(layers, |l| l.watchdog.clone()).and_then(Switch::on).filter(|_| !own.preloader),
            log: nearest(layers, |l| l.log.as_ref().map(|(log, _)| log.clone()))
                .unwrap_or(LogTarget::Journal),
        }))
    }

    pub(super) fn policy(&mut self, layers: &Layers<'_>, own: Own) -> Arc<Policy> {
        self.policies.share(Policy {
            restart: nearest(layers, |l| l.restart).unwrap_or(defaults::RESTART),
            backoff: nearest(layers, |l| l.backoff).unwrap_or(defaults::BACKOFF),
            start_limit: nearest(layers, |l| l.start_limit).unwrap_or(defaults::START_LIMIT),
            ready: nearest(layers, |l| l.ready.clone()).filter(|_| !own.preloader).unwrap_or(own.ready),
            ready_timeout: nearest(layers, |l| l.ready_timeout).unwrap_or(defaults::READY_TIMEOUT),
            after: own.after,
            stop_signal: nearest(layers, |l| l.stop_signal).unwrap_or(defaults::STOP_SIGNAL),
            stop_timeout: nearest(layers, |l| l.stop_timeout).unwrap_or(defaults::STOP_TIMEOUT),
            kill: if own.preloader {
                Kill::Process
            } else {
                nearest(layers, |l| l.kill).unwrap_or(defaults::KILL)
            },
        })
    }

    /// `None` if nobody is configured and the default is not there.
    fn account(&self, layers: &Layers<'_>) -> Option<Account> {
        let user = match nearest(layers, |l| l.user.clone()) {
            Some(user) => user,
            None if self.host.privilege() == Privilege::Root => self.host.user(defaults::USER)?,
            None => self.host.me(),
        };
        let group = nearest(layers, |l| l.group.clone()).unwrap_or(user.group);
        Some(Account {
            user: user.name,
            uid: user.uid,
            group: group.name,
            gid: group.gid,
            home: user.home,
            shell: user.shell,
        })
    }
}

/// A template of ours.
pub(super) fn template(text: &str) -> Template {
    text.parse().unwrap_or_else(|_| Template::literal(text))
}
