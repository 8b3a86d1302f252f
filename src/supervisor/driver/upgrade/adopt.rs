//! The new program's side: takes up what the old one has left.
//!
//! It has said before that it understands the state. If it does not all the same, then the
//! least bad is done: what runs is ended, for nobody knows what it is, and everything is
//! started anew. So there are never two of an instance.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use super::binary::UNDERSTOOD;
use super::state::{self, SavedPipe, SavedProcess, SavedUser};
use crate::control::status::Event;
use crate::lifecycle::{Exit, ProcessEvent, Run, State};
use crate::logs::HandedPipe;
use crate::names::Selector;
use crate::plan::InstanceSpec;
use crate::process::memory::{inherited, take_message};
use crate::process::{Child, Identity};
use crate::supervisor::core::{self, Core, RequestId, Settings, Snapshot};
use crate::supervisor::driver::answers::Answers;
use crate::supervisor::driver::identities::Identities;
use crate::supervisor::driver::notify::NotifySocket;
use crate::supervisor::driver::publish::Publisher;
use crate::supervisor::driver::table::Process;
use crate::supervisor::driver::turn::Driver;

/// The largest state that is looked at in a check, in bytes.
const MOST: u64 = 1 << 30;

/// What the old program has said of where its state is: `--adopt=STATE:LOCK`, two descriptors.
#[derive(Debug, Clone, Copy)]
pub struct Handle {
    state: i32,
    lock: i32,
}

impl std::str::FromStr for Handle {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers =
            text.split_once(':').and_then(|(state, lock)| Some((state.parse().ok()?, lock.parse().ok()?)));
        let (state, lock) = numbers.ok_or_else(|| format!("{text:?} is not what an upgrade passes on"))?;
        Ok(Self { state, lock })
    }
}

/// What the old program has left.
pub(in super::super) enum Leavings {
    /// There was none.
    Nothing,
    /// It cannot be gone on with.
    Unreadable,
    /// All that it knew.
    All { core: Box<Core>, control: OwnedFd, rest: Box<Left> },
}

/// The same without what the driver is made of.
pub(in super::super) enum Rest {
    Nothing,
    Unreadable,
    All(Box<Left>),
}

/// What is taken up once there is a driver.
pub(in super::super) struct Left {
    applying: Vec<RequestId>,
    events: Vec<Event>,
    pipes: Vec<HandedPipe>,
    upgrades: u32,
    /// The version of the old program.
    from: String,
    processes: Vec<(SavedProcess, Option<NotifySocket>)>,
    users: Vec<SavedUser>,
}

/// Takes the lock and what else there is.
///
/// # Errors
/// The lock is not there: then it is no upgrade.
pub(in super::super) fn take(handle: Handle, settings: Settings) -> io::Result<(OwnedFd, Leavings)> {
    let lock = inherited(handle.lock)?;
    let left = left(handle.state, settings).unwrap_or_else(|reason| {
        tracing::error!("the upgrade has failed: {reason}; all that runs is ended, and started anew");
        Leavings::Unreadable
    });
    Ok((lock, left))
}

fn left(state: i32, settings: Settings) -> Result<Leavings, String> {
    let bytes = take_message(state).map_err(|error| format!("the state cannot be read: {error}"))?;
    let state = state::State::parse(&bytes)?;
    let open = |number: i32| inherited(number).map_err(|error| format!("descriptor {number}: {error}"));
    let pipe = |saved: SavedPipe| {
        let SavedPipe { instance, to, reader, writer, partial } = saved;
        Ok(HandedPipe { instance, to, reader: open(reader)?, writer: writer.map(open).transpose()?, partial })
    };
    let process = |mut saved: SavedProcess| {
        let notify = saved.notify.take();
        let notify = notify.map(|(number, path)| Ok::<_, String>(NotifySocket::adopt(open(number)?, path)));
        Ok((saved, notify.transpose()?))
    };
    Ok(Leavings::All {
        core: Box::new(restore(state.core, settings)?),
        control: open(state.control)?,
        rest: Box::new(Left {
            pipes: state.pipes.into_iter().map(pipe).collect::<Result<_, String>>()?,
            processes: state.processes.into_iter().map(process).collect::<Result<_, String>>()?,
            users: state.users,
            applying: state.applying,
            events: state.events,
            upgrades: state.upgrades + 1,
            from: state.version,
        }),
    })
}

/// The self-check: whether the state in the file at `path` is understood. Returns the words for
/// the old program.
///
/// # Errors
/// Why not.
pub fn check(path: &Path) -> Result<String, String> {
    let size = fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?.len();
    if size > MOST {
        return Err(format!("the state is {size} bytes long"));
    }
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    understand(&bytes, Settings { herd: 1, seed: 0 })?;
    Ok(format!("{UNDERSTOOD}{}", env!("CARGO_PKG_VERSION")))
}

/// The core that goes on from a state.
///
/// # Errors
/// Why none does.
pub fn understand(state: &[u8], settings: Settings) -> Result<Core, String> {
    restore(state::State::parse(state)?.core, settings)
}

fn restore(snapshot: Snapshot, settings: Settings) -> Result<Core, String> {
    Core::restore(snapshot, settings).map_err(|error| error.to_string())
}

impl Driver {
    /// Takes the processes up, and what was being done with them.
    pub(in super::super) fn take_up(&mut self, left: Left) {
        let Left { pipes, processes, users, from, applying, events, upgrades } = left;
        self.answers = Answers::adopt(self.core.last_request(), &applying);
        self.publisher = Publisher::adopt(events);
        self.upgrades = upgrades;
        self.spawner.logs.adopt(pipes);
        self.spawner.identities =
            Identities::adopt(users.into_iter().map(|SavedUser { account, groups }| {
                let identity = Identity { uid: account.uid, gid: account.gid, groups };
                (account, identity)
            }));
        let count = processes.len();
        let specs = self.core.processes().map(|(run, _, spec)| (run, spec.clone()));
        let specs: HashMap<Run, InstanceSpec> = specs.collect();
        let starting = self.core.status(&Selector::All).filter(|status| status.state == State::Starting);
        let starting: HashSet<Run> = starting.filter_map(|status| status.run).collect();
        let sockets = processes.iter().filter_map(|(_, notify)| Some(notify.as_ref()?.path().to_owned()));
        self.runtime.keep_notify_sockets(&sockets.collect());
        for (saved, notify) in processes {
            let run = saved.run;
            let Some(spec) = specs.get(&run) else { continue };
            let spec = Arc::new(InstanceSpec { id: saved.name, ..spec.clone() });
            match Child::adopt(saved.pid) {
                Ok(child) => {
                    let cgroup = self.spawner.cgroup(&spec);
                    let process = Process { child, spec: spec.clone(), cgroup, notify };
                    if let Err(error) = self.table.adopt(run, process, saved.stage) {
                        tracing::error!(%error, "cannot wait for process {} of {}: it is killed", saved.pid, spec.id);
                        let reason = format!("cannot wait for its process: {error}").into();
                        self.undone.push((run, ProcessEvent::SpawnFailed { reason }));
                    }
                    if starting.contains(&run) {
                        self.check(run, &spec);
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "process {} of {} is not there any more", saved.pid, spec.id);
                    self.undone.push((run, ProcessEvent::Exited { exit: Exit::Unknown, survivors: false }));
                    self.undone.push((run, ProcessEvent::Gone));
                }
            }
        }
        for request in self.core.open_requests() {
            if !self.answers.is_waiting(request) {
                self.decide(core::Event::Cancel { request });
            }
        }
        let own = env!("CARGO_PKG_VERSION");
        tracing::info!("upgraded from version {from} to {own}: {count} processes go on");
    }
}
