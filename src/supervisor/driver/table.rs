//! The processes that are there, by the number of their run, and what is heard of them.
//!
//! ```text
//!     status pipe   readable: the exec succeeded or failed     ─► Spawned, SpawnFailed
//!     notify socket readable: it says something                ─► Notify
//!     pidfd         readable: it has ended, and is not reaped  ─► Exited
//!                             nothing of its group is left     ─► Gone
//!     its cgroup    urgent: it has become empty                ─► Gone
//! ```

mod strays;

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;

use tokio_util::task::AbortOnDropHandle;

use super::notify::NotifySocket;
use super::token::{Source, of_token, token};
use super::upgrade::{SavedProcess, SavedStage};
use crate::lifecycle::{Exit, ProcessEvent, Run};
use crate::names::InstanceId;
use crate::plan::InstanceSpec;
use crate::process::ready_set::ReadySet;
use crate::process::{self, Cgroup, Child, Group, Signal, Strangers};
use crate::supervisor::core::Reach;

/// One process, or what is left of it.
pub(super) struct Process {
    /// The process itself.
    pub(super) child: Child,
    /// What it was started as.
    pub(super) spec: Arc<InstanceSpec>,
    /// Its control group, where it has one.
    pub(super) cgroup: Option<Cgroup>,
    /// Its notify socket.
    pub(super) notify: Option<NotifySocket>,
}

/// A process in the table.
struct Entry {
    process: Process,
    /// The check whether it is ready, while there is one.
    check: Option<AbortOnDropHandle<()>>,
    stage: Stage,
    /// Those outside of its process group that had the signal to stop, by number.
    told: BTreeSet<i32>,
}

/// How far a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It is on its way to its program.
    Starting,
    /// It runs.
    Running,
    /// It never got to its program, which was told; it is still to be reaped.
    Failed,
    /// It has ended; others of its group have not.
    Survived,
}

/// The processes that are there.
pub(super) struct Table {
    set: ReadySet,
    /// Boxed: a table of large things is mostly room for more of them.
    entries: HashMap<Run, Box<Entry>>,
    /// The numbers of their main processes: whatever else is our child is a stranger.
    pids: HashSet<i32>,
    /// Those that have ended, of whose group something may be left.
    ended: BTreeSet<Run>,
    /// The strangers, once they have been looked up in this turn of the loop.
    strangers: OnceCell<Strangers>,
    /// The notify sockets of instances that have no process just now, for the next one, by what
    /// the last one was started as.
    sockets: HashMap<InstanceId, NotifySocket>,
}

/// News of processes.
pub(super) type News = Vec<(Run, ProcessEvent)>;

impl Table {
    /// An empty table. Needs a tokio runtime.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            set: ReadySet::new()?,
            entries: HashMap::new(),
            pids: HashSet::new(),
            ended: BTreeSet::new(),
            strangers: OnceCell::new(),
            sockets: HashMap::new(),
        })
    }

    /// Takes a process in that was just started. One that cannot be waited for is killed: then this is why it
    /// was not started, and nothing else is heard of it.
    pub(super) fn insert(&mut self, run: Run, process: Process) -> io::Result<()> {
        let child = &process.child;
        let mut stage = if child.status().is_some() { Stage::Starting } else { Stage::Running };
        let mut added = self.set.add(child.pidfd(), token(run, Source::Exit));
        if let Some(status) = child.status() {
            added = added.and(self.set.add(status, token(run, Source::Status)));
        }
        if let Some(notify) = &process.notify {
            added = added.and(self.set.add(notify, token(run, Source::Notify)));
        }
        if added.is_err() {
            let _ = child.signal(Signal::KILL);
            stage = Stage::Failed;
            self.ended.insert(run);
        }
        self.pids.insert(child.pid());
        let entry = Entry { process, check: None, stage, told: BTreeSet::new() };
        self.entries.insert(run, Box::new(entry));
        added
    }

    /// Whether there is a process that was started by this name.
    pub(super) fn has(&self, id: &InstanceId) -> bool {
        self.entries.values().any(|entry| entry.process.spec.id == *id)
    }

    /// Whether one of them is on its way to its program.
    pub(super) fn is_starting(&self) -> bool {
        self.entries.values().any(|entry| entry.stage == Stage::Starting)
    }

    /// What the next program has to know of them.
    pub(super) fn saved(&self) -> Vec<SavedProcess> {
        let mut saved: Vec<SavedProcess> = self
            .entries
            .iter()
            .map(|(&run, entry)| SavedProcess {
                run,
                name: entry.process.spec.id.clone(),
                pid: entry.process.child.pid(),
                stage: match entry.stage {
                    Stage::Starting | Stage::Running => SavedStage::Running,
                    Stage::Failed => SavedStage::Failed,
                    Stage::Survived => SavedStage::Survived,
                },
                notify: (entry.process.notify.as_ref())
                    .map(|notify| (notify.as_fd().as_raw_fd(), notify.path().to_owned())),
            })
            .collect();
        saved.sort_by_key(|process| process.pid);
        saved
    }

    /// The descriptors that the next program goes on with.
    pub(super) fn kept(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.entries.values().filter_map(|entry| Some(entry.process.notify.as_ref()?.as_fd()))
    }

    /// Takes a process in that an earlier program of this process has started.
    pub(super) fn adopt(&mut self, run: Run, process: Process, stage: SavedStage) -> io::Result<()> {
        self.insert(run, process)?;
        let Some(entry) = self.entries.get_mut(&run) else { return Ok(()) };
        entry.stage = match stage {
            SavedStage::Running => return Ok(()),
            SavedStage::Failed => Stage::Failed,
            SavedStage::Survived => Stage::Survived,
        };
        self.ended.insert(run);
        if entry.stage == Stage::Survived {
            self.set.remove(entry.process.child.pidfd())?;
            if let Some(group) = &entry.process.cgroup {
                self.set.add_urgent(group.changes(), token(run, Source::Group))?;
            }
        }
        Ok(())
    }

    /// The process of that run.
    pub(super) fn get(&self, run: Run) -> Option<&Process> {
        self.entries.get(&run).map(|entry| &entry.process)
    }

    /// Begins a check, in place of an earlier one. It ends with the process.
    pub(super) fn check(&mut self, run: Run, check: AbortOnDropHandle<()>) {
        if let Some(entry) = self.entries.get_mut(&run) {
            entry.check = Some(check);
        }
    }

    /// Waits until something is heard of some of them. Cancel safe.
    pub(super) async fn ready(&self) -> io::Result<Vec<u64>> {
        self.set.ready().await
    }

    /// What was found out in one turn of the loop is old news in the next.
    pub(super) fn next_turn(&mut self) {
        self.strangers.take();
    }

    /// The notify socket of an earlier process of this instance, if it is fit for one of user `uid`. Others
    /// that it had are removed.
    pub(super) fn socket(&mut self, spec: &InstanceSpec, uid: u32) -> Option<NotifySocket> {
        let left = names(spec).map(|name| self.sockets.remove(&name));
        left.into_iter().flatten().find(|socket| socket.is_fit_for(uid))
    }

    /// There will be no further process of it.
    pub(super) fn forget(&mut self, spec: &InstanceSpec) {
        for name in names(spec) {
            self.sockets.remove(&name);
        }
    }

    /// What is heard, by the tokens of [`ready`](Self::ready).
    pub(super) fn hear(&mut self, tokens: &[u64]) -> News {
        let mut news = News::new();
        let mut ended = false;
        for &token in tokens {
            match of_token(token) {
                (run, Source::Status) => self.started(run, &mut news),
                (run, Source::Notify) => self.said(run, &mut news),
                (run, Source::Exit) => {
                    self.ended.insert(run);
                    ended = true;
                }
                // It is watched only once its process has ended.
                (_, Source::Group) => ended = true,
            }
        }
        if ended {
            self.look_at_ended(&mut news);
        }
        news
    }

    /// A child has ended: perhaps a stranger, perhaps the last of an instance.
    pub(super) fn child_ended(&mut self) -> News {
        let mut news = News::new();
        self.reap_strangers();
        if !self.ended.is_empty() {
            self.look_at_ended(&mut news);
        }
        news
    }

    fn started(&mut self, run: Run, news: &mut News) {
        let Some(entry) = self.entries.get_mut(&run) else { return };
        if entry.stage != Stage::Starting {
            return;
        }
        let child = &mut entry.process.child;
        match child.started() {
            None => {}
            Some(Ok(())) => {
                entry.stage = Stage::Running;
                news.push((run, ProcessEvent::Spawned { pid: child.pid().unsigned_abs() }));
            }
            Some(Err(error)) => {
                entry.stage = Stage::Failed;
                news.push((run, ProcessEvent::SpawnFailed { reason: error.to_string().into() }));
            }
        }
    }

    fn said(&mut self, run: Run, news: &mut News) {
        let Some(entry) = self.entries.get(&run) else { return };
        let leader = entry.process.child.pid();
        for notice in entry.process.notify.iter().flat_map(|socket| socket.hear(leader)) {
            news.push((run, ProcessEvent::Notify(Box::new(notice))));
        }
    }

    /// Tells of those that have just ended, and of those of which nothing is left now.
    /// The strangers are looked up once for all of them, and only for those without a control group.
    fn look_at_ended(&mut self, news: &mut News) {
        self.strangers.take();
        for run in self.ended.clone() {
            self.exited(run, news);
        }
    }

    fn exited(&mut self, run: Run, news: &mut News) {
        // What it did and said before comes first.
        self.started(run, news);
        self.said(run, news);
        let Some(entry) = self.entries.get_mut(&run) else {
            self.ended.remove(&run);
            return;
        };
        let instance = entry.process.spec.id.to_string();
        let strangers = || self.strangers.get_or_init(|| strays::look(&self.pids));
        let empty = entry.process.group(&instance).is_empty(strangers).unwrap_or(true);
        if matches!(entry.stage, Stage::Starting | Stage::Running) {
            let exit = match entry.process.child.exit() {
                Ok(Some(exit)) => outcome(exit),
                _ => Exit::Unknown,
            };
            let _ = self.set.remove(entry.process.child.pidfd());
            if let Some(cgroup) = &entry.process.cgroup
                && !empty
                && let Err(error) = self.set.add_urgent(cgroup.changes(), token(run, Source::Group))
            {
                tracing::error!(%error, instance, "cannot wait for the control group of {instance}");
            }
            entry.check = None;
            if let Some(notify) = entry.process.notify.take() {
                let _ = self.set.remove(&notify);
                self.sockets.insert(entry.process.spec.id.clone(), notify);
            }
            entry.stage = Stage::Survived;
            news.push((run, ProcessEvent::Exited { exit, survivors: !empty }));
        } else if !empty
            && entry.process.cgroup.is_none()
            && entry.process.group(&instance).has_untold(strangers(), &entry.told)
        {
            news.push((run, ProcessEvent::Found));
        }
        if !empty {
            return;
        }
        self.ended.remove(&run);
        let Some(entry) = self.entries.remove(&run) else { return };
        self.pids.remove(&entry.process.child.pid());
        if let Err(error) = entry.process.child.reap() {
            let pid = entry.process.child.pid();
            tracing::warn!(%error, pid, instance, "cannot reap process {pid} of {instance}");
        }
        if let Some(Err(error)) = entry.process.cgroup.as_ref().map(Cgroup::remove) {
            tracing::warn!(%error, instance, "cannot remove the control group of {instance}");
        }
        if entry.stage == Stage::Survived {
            news.push((run, ProcessEvent::Gone));
        }
    }

    /// Sends a signal. A process that is gone is no error.
    pub(super) fn signal(&mut self, run: Run, signal: i32, reach: Reach) -> io::Result<()> {
        let (Some(entry), Some(signal)) = (self.entries.get_mut(&run), Signal::from_raw(signal)) else {
            return Ok(());
        };
        if reach == Reach::Main {
            return entry.process.child.signal(signal);
        }
        let instance = entry.process.spec.id.to_string();
        let group = entry.process.group(&instance);
        if reach == Reach::All {
            group.signal(signal)?;
        }
        let strangers = self.strangers.get_or_init(|| strays::look(&self.pids));
        group.signal_strays(strangers, signal, &mut entry.told)
    }

    /// Kills all that belongs to a process.
    pub(super) fn kill(&self, run: Run) -> io::Result<()> {
        let Some(process) = self.get(run) else { return Ok(()) };
        process.group(&process.spec.id.to_string()).kill(self.strangers())
    }
}

/// The names by which processes of this instance may have been started: the one with the version, while its
/// release was not current, and the plain one. By the plain one a process of another release may have been
/// started; what that left behind serves as well.
pub(super) fn names(spec: &InstanceSpec) -> [InstanceId; 2] {
    let plain = InstanceId { release: None, ..spec.id.clone() };
    [InstanceId { release: spec.release.version.clone(), ..plain.clone() }, plain]
}

impl Process {
    /// All of it; `instance`: its name.
    fn group<'a>(&'a self, instance: &'a str) -> Group<'a> {
        Group::new(&self.child, instance, self.cgroup.as_ref())
    }
}

fn outcome(exit: process::Exit) -> Exit {
    match exit {
        process::Exit::Code(code) => Exit::Code(code),
        process::Exit::Signal { signal, .. } => Exit::Signal(signal.raw()),
    }
}

#[cfg(test)]
mod tests;
