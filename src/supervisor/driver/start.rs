//! From the command line to the loop.

use std::io;
use std::path::PathBuf;

use thiserror::Error;
use tokio::sync::mpsc;

use super::answers::Answers;
use super::clock;
use super::deadline::Deadlines;
use super::publish::Publisher;
use super::reading::{Invalid, Place, Reading};
use super::reload::First;
use super::runtime::{RuntimeDirectory, RuntimeError};
use super::signals::{Hangup, Signals};
use super::spawn::Spawner;
use super::systemd::{Environment, Systemd};
use super::table::Table;
use super::tubes::{LOOKS, Tubes};
use super::turn::{Driver, Senses};
use super::upgrade::{self, Handle, Image, Leavings, Rest};
use crate::config::{Host, Privilege};
use crate::control::SOCKET;
use crate::control::access::Access;
use crate::control::messages::Hello;
use crate::control::server::{Server, SocketError, listen};
use crate::logs::Logs;
use crate::names::ServerAddress;
use crate::process::host::System;
use crate::process::users::own_uid;
use crate::process::{self, Cgroups};
use crate::supervisor::core::{Core, Settings, Words};

/// Answers of readiness checks that wait to be heard, at most.
const CHECKS: usize = 16;

/// Lines of output that wait to be passed on, at most.
const LINES: usize = 256;

/// How the supervisor is to run.
#[derive(Debug)]
pub struct Options {
    /// The configuration's main file; absolute.
    pub config: PathBuf,
    /// The runtime directory; absolute.
    pub runtime: PathBuf,
    /// The machine, and as whom things run on it.
    pub host: System,
    /// Where the queue is, whatever the configuration says.
    pub beanstalk: Option<Vec<ServerAddress>>,
    /// What SIGHUP means.
    pub hangup: Hangup,
    /// Where output goes.
    pub logs: Logs,
    /// What this process was called as, if it is to be upgraded in place.
    pub image: Option<Image>,
    /// What the program has left that was here before.
    pub adopt: Option<Handle>,
}

/// Why the supervisor does not run.
#[derive(Debug, Error)]
pub enum StartError {
    /// The runtime directory cannot be used, or another has it.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// There is no configuration that could be applied.
    #[error(transparent)]
    Configuration(#[from] Invalid),
    /// Nobody could talk to it.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The system refused something.
    #[error("cannot start: {0}")]
    Io(#[from] io::Error),
}

/// Runs the supervisor until it is told to stop and nothing is left. Needs a tokio runtime
/// of the current thread, which has to be the program's main thread.
pub async fn run(options: Options) -> Result<(), StartError> {
    let environment = Environment::from_process();
    let root = options.host.privilege() == Privilege::Root;
    let uid = own_uid();
    let (runtime, left) = match options.adopt {
        None => (RuntimeDirectory::take(&options.runtime, uid)?, Leavings::Nothing),
        Some(handle) => {
            let (lock, left) = upgrade::take(handle, settings())?;
            (RuntimeDirectory::adopt(&options.runtime, lock), left)
        }
    };
    let cgroups = cgroups(&environment);
    process::become_subreaper()?;
    // Each instance needs a few. With less than it could have it still runs.
    if let Err(error) = process::raise_descriptor_limit() {
        tracing::warn!(%error, "cannot raise the limit on open files");
    }
    process::hold_signals();
    let signals = Signals::new(options.hangup)?;
    let access = Access::of_this_process();
    let (core, control, left) = match left {
        Leavings::All { core, control, rest } => (*core, Some(control), Rest::All(rest)),
        Leavings::Nothing => (core(&runtime), None, Rest::Nothing),
        Leavings::Unreadable => (core(&runtime), None, Rest::Unreadable),
    };
    let (listener, socket) = match control {
        Some(control) => (control.into(), runtime.path().join(SOCKET)),
        None => listen(runtime.path(), access)?,
    };
    let (sender, checks) = mpsc::channel(CHECKS);
    let (writer, lines) = mpsc::channel(LINES);
    let (looker, looks) = mpsc::channel(LOOKS);
    let place = Place { file: options.config, host: options.host, beanstalk: options.beanstalk };
    let reading = Reading::new(place)?;
    // Those that were held back over an upgrade can be heard now; by no thread but this.
    process::release_signals();
    let mut driver = Driver {
        core,
        reading,
        first: First::Over,
        table: Table::new()?,
        spawner: Spawner::new(options.logs, root, environment.socket.is_none(), cgroups, sender, writer),
        answers: Answers::default(),
        publisher: Publisher::default(),
        systemd: Systemd::new(&environment, std::process::id())?,
        deadlines: Deadlines::default(),
        tubes: Tubes::new(looker),
        actions: Vec::new(),
        undone: Vec::new(),
        told_ready: false,
        finished: false,
        uid,
        image: options.image,
        upgrades: 0,
        runtime,
    };
    let mut signals = signals;
    let begun = match left {
        Rest::All(left) => {
            driver.go_on_after_upgrade(*left);
            true
        }
        Rest::Nothing => driver.begin(&mut signals).await?,
        Rest::Unreadable => {
            // Nobody knows what they are, and there are never to be two of one.
            driver.table.end_strangers().await;
            driver.begin(&mut signals).await?
        }
    };
    if !begun {
        return Ok(());
    }
    // Only now: whoever asks finds what is configured.
    let hello = Hello { upgrades: driver.upgrades, ..Hello::of_this_process() };
    let server = Server::start(listener, &socket, access, hello)?;
    driver.deadlines.patience(Some(clock::now() + super::PATIENCE));
    driver.arm_watchdog();
    driver.run(Senses { signals, server, checks, lines, looks, upgrade: None }).await;
    tracing::info!("everything is stopped");
    Ok(())
}

/// The control groups that systemd has left to this service. Whoever runs the supervisor in
/// a terminal, be it root, keeps the groups of that terminal as they are.
fn cgroups(environment: &Environment) -> Option<Cgroups> {
    environment.socket.as_ref()?;
    Cgroups::take().unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot use the control groups of this service; its daemons run in its own");
        None
    })
}

fn settings() -> Settings {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Settings { herd: 2 * cores, seed: clock::now().as_nanos() ^ u64::from(std::process::id()) }
}

fn core(runtime: &RuntimeDirectory) -> Core {
    let mut core = Core::new(settings());
    if !runtime.words().is_empty() {
        match serde_json::from_str::<Words>(runtime.words()) {
            Ok(words) => core.recall(words),
            Err(error) => {
                tracing::warn!(%error, "what operators had stopped is not understood: all is started");
            }
        }
    }
    core
}
