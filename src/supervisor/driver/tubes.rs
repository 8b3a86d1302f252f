//! Looks at the tubes of releases, and moves what is left on one.
//!
//! ```text
//!     core.tubes() ─► follow ─► task: stats-tube of each, now and then ─► Event::Tube ─► core
//!     Action::MoveJobs ───────► task: move, once ────────────────────────► Event::Moved ─► core
//! ```
//!
//! While no release drains and none scales, there is no task and no connection, and nothing wakes up. How
//! often it looks, is for the core to say.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use super::clock;
use super::reading::Wish;
use super::table::names;
use super::turn::Driver;
use crate::beanstalk::{JobState, TubeStatistics};
use crate::lifecycle::Time;
use crate::names::{ApplicationName, ServerAddress, Tube, Version};
use crate::queue::{Client, Error, Moved, Options};
use crate::releases::{Figures, Look};
use crate::supervisor::core::{Event, StateChange, WatchedTube};

/// The longest pause before a connection that broke is made again.
const RETRY: Duration = Duration::from_secs(2);

/// What workers hold is not measured again within this time.
const WEIGHED_FOR: Duration = Duration::from_secs(1);

/// How long a queue may take to answer before it counts as away.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks that wait to be heard, at most.
pub(super) const LOOKS: usize = 16;

/// Who looks, and at what.
pub(super) struct Tubes {
    tell: mpsc::Sender<Event>,
    watched: Vec<WatchedTube>,
    /// Ends with the last tube.
    looking: Option<AbortOnDropHandle<()>>,
    moving: BTreeMap<(ApplicationName, Version), AbortOnDropHandle<()>>,
    /// What was followed last.
    generation: u64,
    /// Between two looks.
    every: watch::Sender<Duration>,
    /// When the memory of workers was measured last.
    weighed: Time,
}

impl Tubes {
    /// `tell` gets what is seen.
    pub(super) fn new(tell: mpsc::Sender<Event>) -> Self {
        Self {
            tell,
            watched: Vec::new(),
            looking: None,
            moving: BTreeMap::new(),
            generation: 0,
            every: watch::Sender::new(Duration::ZERO),
            weighed: Time::default(),
        }
    }

    /// Whether jobs are being moved.
    pub(super) fn is_moving(&self) -> bool {
        self.moving.values().any(|task| !task.is_finished())
    }

    /// From now on these are looked at, with such a pause between two looks.
    fn follow(&mut self, tubes: Vec<WatchedTube>, every: Duration) {
        self.every.send_if_modified(|old| std::mem::replace(old, every) != every);
        if self.watched == tubes {
            return;
        }
        self.watched.clone_from(&tubes);
        self.looking = None;
        if !tubes.is_empty() {
            let tell = self.tell.clone();
            let looking = look_again_and_again(tubes, tell, self.every.subscribe());
            self.looking = Some(AbortOnDropHandle::new(tokio::spawn(looking)));
        }
    }

    /// Moves all jobs of a tube to another.
    pub(super) fn relocate(
        &mut self,
        application: ApplicationName,
        version: Version,
        from: Tube,
        to: Tube,
        servers: Arc<[ServerAddress]>,
    ) {
        let tell = self.tell.clone();
        self.moving.retain(|_, task| !task.is_finished());
        let key = (application.clone(), version.clone());
        let task = tokio::spawn(async move {
            let mut jobs = 0;
            let mut result = Ok(());
            for server in servers.iter() {
                result = move_all(server, &from, &to, &mut jobs).await;
                if result.is_err() {
                    break;
                }
            }
            let result = result.map(|()| jobs).map_err(|error| error.to_string());
            // The supervisor ends with its receiver.
            let _ = tell.send(Event::Moved { application, version, result }).await;
        });
        self.moving.insert(key, AbortOnDropHandle::new(task));
    }
}

fn options() -> Options {
    Options { connect_timeout: PATIENCE, reply_timeout: PATIENCE, backoff_max: RETRY, ..Options::default() }
}

async fn look_again_and_again(
    tubes: Vec<WatchedTube>,
    tell: mpsc::Sender<Event>,
    mut every: watch::Receiver<Duration>,
) {
    let mut clients: BTreeMap<ServerAddress, Client> = BTreeMap::new();
    for server in tubes.iter().flat_map(|tube| tube.servers.iter()) {
        clients.entry(server.clone()).or_insert_with(|| Client::new(server.clone(), options()));
    }
    loop {
        for WatchedTube { application, version, tube, servers } in &tubes {
            let look = match figures(&mut clients, tube, servers).await {
                Ok(figures) => Look::Figures(figures),
                Err(error) => Look::Away(error.to_string()),
            };
            let (application, version) = (application.clone(), version.clone());
            if tell.send(Event::Tube { application, version, look }).await.is_err() {
                return;
            }
        }
        let looked = Instant::now();
        loop {
            let pause = *every.borrow_and_update();
            tokio::select! {
                () = sleep_until(looked + pause) => break,
                // The supervisor ends this task before it drops the other end.
                Ok(()) = every.changed() => {}
            }
        }
    }
}

/// The figures of a tube on all of its servers together; a tube that does not exist is empty.
async fn figures(
    clients: &mut BTreeMap<ServerAddress, Client>,
    tube: &Tube,
    servers: &[ServerAddress],
) -> Result<Figures, Error> {
    let mut sum = Figures::default();
    for server in servers {
        let Some(client) = clients.get_mut(server) else { continue };
        if let Some(found) = client.stats_tube(tube).await? {
            let TubeStatistics {
                ready, reserved, delayed, buried, deleted, using, watching, waiting, ..
            } = found;
            sum.ready += ready;
            sum.reserved += reserved;
            sum.delayed += delayed;
            sum.buried += buried;
            sum.deleted += deleted;
            sum.using += using;
            sum.watching += watching;
            sum.waiting += waiting;
        }
    }
    Ok(sum)
}

/// Moves everything that nobody has.
async fn move_all(server: &ServerAddress, from: &Tube, to: &Tube, jobs: &mut u64) -> Result<(), Error> {
    let mut client = Client::new(server.clone(), options());
    let mut count = |moved: Moved| {
        *jobs += moved.jobs;
        moved.jobs > 0
    };
    while count(client.move_ready(from, to).await?) {}
    for state in [JobState::Delayed, JobState::Buried] {
        while count(client.move_next(from, to, state).await?) {}
    }
    Ok(())
}

impl Driver {
    /// A tube was looked at, or a move is over. If it may matter whether there is memory for more workers, what
    /// they hold is measured first.
    pub(super) fn looked(&mut self, seen: Event) {
        let now = clock::now();
        if self.core.weighs() && now.since(self.tubes.weighed) >= WEIGHED_FOR {
            self.tubes.weighed = now;
            let memory = self.memory_of_workers();
            self.decide(Event::Weighed { memory });
        }
        self.decide(seen);
    }

    /// Looks at the tubes, and watches the folders, that matter now.
    pub(super) fn follow_releases(&mut self) {
        let generation = self.core.releases_changed();
        if self.tubes.generation == generation {
            return;
        }
        self.tubes.generation = generation;
        self.tubes.follow(self.core.tubes(), self.core.look_every());
        // What is being applied tells what to watch itself.
        if !self.reading.is_taken() && !self.core.is_leaving() {
            self.reading.wishes.add(Wish::Watch);
        }
    }

    /// Nothing of an instance is left: what is kept for it goes, under both of its names.
    pub(super) fn forget(&mut self, change: &StateChange) {
        for name in names(&change.spec) {
            self.spawner.logs.forget(&name.to_string());
        }
        self.table.forget(&change.spec);
    }
}
