//! Starts processes, and checks whether they are ready.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::identities::Identities;
use super::notify::NotifySocket;
use super::readiness;
use super::reading::Identified;
use super::table::{Process, names};
use super::turn::Driver;
use crate::config::{Account, Bound, Limits, LogTarget, Ready, Template, Variable};
use crate::lifecycle::{ProcessEvent, Run};
use crate::logs::{Destination, FileLog, Line, Logs};
use crate::plan::{Inherited, InstanceSpec, Wanted, complete, render};
use crate::process::{self, Cgroup, Cgroups, Command, Identity, Limit, Output, Resource};
use crate::releases::is_of_release;

/// What is needed to start a process.
pub(super) struct Spawner {
    pub(super) logs: Logs,
    /// What is passed on of the supervisor's environment.
    inherited: Inherited,
    /// Whether processes are started as their users: only root can.
    root: bool,
    /// Whether processes end with the supervisor; systemd sees to that itself.
    die_with_parent: bool,
    /// The control groups of this service, where it has some.
    cgroups: Option<Cgroups>,
    /// The users, with all their groups.
    pub(super) identities: Identities,
    /// Where checks give their answers.
    checks: mpsc::Sender<(Run, ProcessEvent)>,
    /// Where lines for the terminal go, too, while somebody reads along.
    lines: mpsc::Sender<Line>,
    followed: bool,
}

impl Spawner {
    /// `checks` gets what the readiness checks find, `lines` what is followed.
    pub(super) fn new(
        logs: Logs,
        root: bool,
        die_with_parent: bool,
        cgroups: Option<Cgroups>,
        checks: mpsc::Sender<(Run, ProcessEvent)>,
        lines: mpsc::Sender<Line>,
    ) -> Self {
        let variable = |name| std::env::var(name).ok();
        let inherited = Inherited { path: variable("PATH"), lang: variable("LANG"), tz: variable("TZ") };
        let identities = Identities::default();
        Self { logs, inherited, root, die_with_parent, cgroups, identities, checks, lines, followed: false }
    }

    /// From now on somebody reads along.
    pub(super) fn follow(&mut self) -> io::Result<()> {
        if !self.followed {
            self.logs.follow(Some(self.lines.clone()))?;
            self.followed = true;
        }
        Ok(())
    }

    /// Nobody does any longer.
    pub(super) fn unfollow(&mut self) {
        if std::mem::take(&mut self.followed) {
            // Then lines go on coming, and are dropped.
            let _ = self.logs.follow(None);
        }
    }

    /// Takes note of who everything runs as, so that a start never waits for a directory service.
    pub(super) fn learn(&mut self, users: Identified) {
        self.identities.learn(users);
    }

    /// Says which limits nothing here can keep.
    pub(super) fn warn_unlimited(&self, wanted: &Wanted) {
        if self.cgroups.is_some() {
            return;
        }
        let limited = wanted.values().filter(|spec| {
            let limits = &spec.daemon.process.limits;
            limits.cpu.is_some() || matches!(limits.memory, Some(Bound::At(_)))
        });
        let daemons: BTreeSet<_> = limited.map(|spec| (&spec.id.application, &spec.id.daemon)).collect();
        for (application, daemon) in daemons {
            tracing::warn!(
                "limits.memory and limits.cpu of {application}/{daemon} have no effect: they need control groups, \
                 as a systemd service with Delegate=yes has"
            );
        }
    }

    fn identity(&self, account: &Account) -> Result<Option<Arc<Identity>>, String> {
        if !self.root {
            return Ok(None);
        }
        let known = self.identities.of(account).map(Some);
        known.ok_or_else(|| format!("the groups of user {} are not known", account.user))
    }

    /// Where the output of an instance goes.
    pub(super) fn destination(&self, spec: &InstanceSpec) -> Result<Destination, Variable> {
        Ok(match &spec.daemon.process.log {
            LogTarget::Journal => self.logs.default_destination(),
            LogTarget::Null => Destination::Null,
            LogTarget::File { path, max_size, keep } => Destination::File(Box::new(FileLog {
                path: complete(spec, path)?.into(),
                max_size: *max_size,
                keep: *keep,
                owner: Some((spec.daemon.process.account.uid, spec.daemon.process.account.gid)),
            })),
        })
    }

    /// The control group of an instance, with its limits. Without one it runs all the same.
    pub(super) fn cgroup(&self, spec: &InstanceSpec) -> Option<Cgroup> {
        let cgroups = self.cgroups.as_ref()?;
        let refused = |what| {
            let instance = &spec.id;
            move |error: io::Error| tracing::warn!(%error, %instance, "cannot {what} of {instance}")
        };
        let cgroup = cgroups.group(&spec.id.to_string()).map_err(refused("make the control group")).ok()?;
        let limits = &spec.daemon.process.limits;
        if let Some(Bound::At(bytes)) = limits.memory {
            let _ = cgroup.limit_memory(Some(bytes)).map_err(refused("limit the memory"));
        }
        if let Some(share) = limits.cpu {
            let _ = cgroup.limit_cpu(Some(share.0)).map_err(refused("limit the processor time"));
        }
        Some(cgroup)
    }

    /// The command of `spec`, or another that runs as it does.
    fn command(&self, spec: &InstanceSpec, argv: Option<&[Template]>) -> Result<Command, String> {
        let process = &spec.daemon.process;
        let rendered = render(spec, &self.inherited).map_err(unknown)?;
        let argv = match argv {
            None => rendered.argv,
            Some(words) => {
                words.iter().map(|word| complete(spec, word)).collect::<Result<_, _>>().map_err(unknown)?
            }
        };
        Ok(Command {
            argv: argv.into_iter().map(OsString::from).collect(),
            env: rendered.env.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            directory: rendered.directory,
            identity: self.identity(&process.account)?,
            umask: u32::from(process.umask),
            nice: (process.nice != 0).then(|| i32::from(process.nice)),
            limits: limits(&process.limits),
            die_with_parent: self.die_with_parent,
            pid_variable: None,
        })
    }
}

fn unknown(variable: Variable) -> String {
    format!("{variable} is used, and not known")
}

fn limits(limits: &Limits) -> Vec<(Resource, Limit)> {
    let all = [
        (Resource::Nofile, limits.nofile),
        (Resource::Nproc, limits.nproc),
        (Resource::Core, limits.core),
        (Resource::Stack, limits.stack),
        (Resource::Fsize, limits.fsize),
        (Resource::Memlock, limits.memlock),
    ];
    let set = all.into_iter().filter_map(|(resource, bound)| Some((resource, bound?)));
    set.map(|(resource, bound)| match bound {
        Bound::At(most) => (resource, Limit::both(Some(most))),
        Bound::Unlimited => (resource, Limit::both(None)),
    })
    .collect()
}

impl Driver {
    /// Starts a process, or says why it cannot.
    pub(super) fn spawn(&mut self, run: Run, spec: &Arc<InstanceSpec>) -> Result<(), String> {
        let spec = &self.called(spec);
        if is_of_release(&spec.daemon.kind) {
            // By its other name nothing is started any more.
            for other in names(spec).iter().filter(|name| **name != spec.id) {
                self.spawner.logs.forget(&other.to_string());
            }
        }
        let mut command = self.spawner.command(spec, None)?;
        let destination = self.spawner.destination(spec).map_err(unknown)?;
        let uid = command.identity.as_ref().map_or(self.uid, |identity| identity.uid);
        let notify = match self.table.socket(spec, uid) {
            Some(notify) => notify,
            None => NotifySocket::bind(self.runtime.notify_socket(run.0), uid)
                .map_err(|error| format!("cannot make its notify socket: {error}"))?,
        };
        command.env.push(("NOTIFY_SOCKET".into(), notify.path().into()));
        let told = super::ayl::variables(spec, (&self.runtime.preload(), &self.runtime.state()), uid)
            .map_err(|error| format!("cannot make the folder of its socket: {error}"))?;
        command.env.extend(told);
        if let Some(period) = spec.daemon.process.watchdog {
            command.env.push(("WATCHDOG_USEC".into(), period.as_micros().to_string().into()));
            // Not what it starts in turn, which inherits that.
            command.pid_variable = Some("WATCHDOG_PID");
        }
        let output = self
            .spawner
            .logs
            .open(&spec.id.to_string(), &destination)
            .map_err(|error| format!("cannot open its log: {error}"))?;
        let output = Output { stdout: output.as_fd(), stderr: output.as_fd() };
        let cgroup = self.spawner.cgroup(spec);
        let child = process::spawn(&command, output, cgroup.as_ref()).map_err(|error| {
            let _ = cgroup.as_ref().map(Cgroup::remove);
            error.to_string()
        })?;
        let process = Process { child, spec: spec.clone(), cgroup, notify: Some(notify) };
        self.table.insert(run, process).map_err(|error| format!("cannot wait for its process: {error}"))
    }

    /// What a process is called for as long as it lives: as its instance is now, unless one of an
    /// older release, which was called so when it started, still is there.
    fn called(&self, spec: &Arc<InstanceSpec>) -> Arc<InstanceSpec> {
        if !is_of_release(&spec.daemon.kind) || !self.table.has(&spec.id) {
            return spec.clone();
        }
        let mut spec = InstanceSpec::clone(spec);
        spec.id.release.clone_from(&spec.release.version);
        Arc::new(spec)
    }

    /// Begins to check whether a process is ready.
    pub(super) fn check(&mut self, run: Run, spec: &Arc<InstanceSpec>) {
        let answers = readiness::Answers { run, to: self.spawner.checks.clone() };
        let task = match &spec.daemon.policy.ready {
            Ready::None | Ready::Notify | Ready::Delay(_) => return,
            Ready::Tcp(port) => {
                let port = *port;
                tokio::spawn(readiness::until(move || readiness::tcp(port), answers))
            }
            Ready::File(template) => {
                let path = complete(spec, template).map_err(|variable| unknown(variable).into());
                let look = move || readiness::file(path.as_ref().map_err(Arc::clone)?);
                tokio::spawn(readiness::until(move || std::future::ready(look()), answers))
            }
            Ready::Exec(words) => {
                let command = Arc::new(self.spawner.command(spec, Some(words)));
                let run = move || {
                    let command = command.clone();
                    async move {
                        match &*command {
                            Ok(command) => readiness::exec(command).await,
                            Err(reason) => Err(reason.as_str().into()),
                        }
                    }
                };
                tokio::spawn(readiness::until(run, answers))
            }
        };
        self.table.check(run, AbortOnDropHandle::new(task));
    }
}
