//! Configurations, made up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use abaqis_daemons::config::{
    Backoff, Budget, Daemon, Drain, Kill, Kind, Milli, OnDrainTimeout, Policy, Ready, Restart, Scale,
    Scheduler, StartLimit, Worker,
};
use abaqis_daemons::plan::{Release, Wanted};

use crate::made_up;
use crate::random::Random;

/// The daemons an application may have, and what each is `after`.
const DAEMONS: [(&str, &[&str]); 5] = [
    ("solr", &[]),
    ("preloader", &["solr"]),
    ("worker", &["preloader", "solr"]),
    ("scheduler", &["worker"]),
    ("clock", &[]),
];
const APPLICATIONS: [&str; 3] = ["abaqis", "rqi", "web"];

/// The longest `stop_timeout` there is.
pub(crate) const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// One daemon, before it is written as the configuration has it.
#[derive(Clone)]
struct Choice {
    count: u32,
    scale: Option<Scale>,
    command: u64,
    policy: Policy,
    watchdog: Option<Duration>,
}

/// What is configured: edited at random, part by part.
pub(crate) struct Settings {
    choices: BTreeMap<(usize, usize), Choice>,
    versions: [u64; APPLICATIONS.len()],
    blocked: [bool; APPLICATIONS.len()],
    max_workers: Option<u32>,
}

impl Settings {
    pub(crate) fn new(random: &mut Random) -> Self {
        let mut settings = Self {
            choices: BTreeMap::new(),
            versions: Default::default(),
            blocked: Default::default(),
            max_workers: None,
        };
        for application in 0..APPLICATIONS.len() {
            for daemon in 0..DAEMONS.len() {
                settings.choices.insert((application, daemon), choice(daemon, random));
            }
        }
        settings
    }

    /// One or a few things become others.
    pub(crate) fn edit(&mut self, random: &mut Random) {
        for _ in 0..=random.below(3) {
            let application = usize::try_from(random.below(APPLICATIONS.len() as u64)).unwrap();
            let daemon = usize::try_from(random.below(DAEMONS.len() as u64)).unwrap();
            let key = (application, daemon);
            if random.percent(10) {
                self.max_workers = random.percent(70).then(|| u32::try_from(6 + random.below(12)).unwrap());
            }
            match random.below(10) {
                // A deploy, or back to the one before.
                0 if random.percent(70) => self.versions[application] += 1,
                0 => self.versions[application] = self.versions[application].saturating_sub(1),
                1 => self.blocked[application] = !self.blocked[application],
                2 => drop(self.choices.remove(&key)),
                3 => drop(self.choices.insert(key, choice(daemon, random))),
                what => {
                    let new = choice(daemon, random);
                    let old = self.choices.entry(key).or_insert_with(|| new.clone());
                    match what {
                        4..=6 => (old.count, old.scale) = (new.count, new.scale),
                        7 => old.command = new.command,
                        _ => old.policy = new.policy,
                    }
                }
            }
        }
    }

    /// What all workers together may take.
    pub(crate) fn budget(&self) -> Budget {
        Budget { workers: self.max_workers, memory: None }
    }

    pub(crate) fn unblock(&mut self) {
        self.blocked = Default::default();
    }

    pub(crate) fn wanted(&self) -> Wanted {
        let mut wanted = Wanted::new();
        for (application, name) in APPLICATIONS.iter().enumerate() {
            let release = Arc::new(Release {
                version: Some(self.versions[application].to_string().parse().unwrap()),
                path: format!("/srv/{}", self.versions[application]).into(),
                tube: Some(format!("{name}-{}", self.versions[application]).parse().unwrap()),
                beanstalk: [].into(),
            });
            let blocked = self.blocked[application].then(|| "no version".into());
            for ((_, daemon), choice) in self.choices.iter().filter(|((of, _), _)| *of == application) {
                let daemon = write(DAEMONS[*daemon].0, choice);
                made_up::add_to(&mut wanted, name, daemon, &release, blocked.as_ref());
            }
        }
        wanted
    }
}

fn choice(daemon: usize, random: &mut Random) -> Choice {
    let small = |random: &mut Random, below| u32::try_from(random.below(below)).unwrap();
    let scales = DAEMONS[daemon].0 == "worker" && random.percent(60);
    let scale = scales.then(|| {
        let min = 1 + small(random, 3);
        Scale { min, max: min + small(random, 6), target: Duration::from_secs(2) }
    });
    let count = small(random, if DAEMONS[daemon].0 == "scheduler" { 2 } else { 5 });
    Choice {
        count: scale.map_or(count, |scale| scale.max),
        scale,
        command: random.below(1000),
        policy: policy(daemon, random),
        watchdog: random.percent(20).then(|| Duration::from_secs(2 + random.below(5))),
    }
}

fn policy(daemon: usize, random: &mut Random) -> Policy {
    let initial = *random.pick(&[0, 100, 200, 1000]);
    let ready = match random.below(6) {
        0 | 1 => Ready::None,
        2 | 3 => Ready::Notify,
        4 => Ready::Tcp(80),
        _ => Ready::Delay(random.millis(500)),
    };
    Policy {
        restart: *random.pick(&[Restart::Always, Restart::Always, Restart::OnFailure, Restart::Never]),
        backoff: Backoff {
            initial: Duration::from_millis(initial),
            max: Duration::from_millis(initial.max(3000)),
            factor: Milli(2000),
            jitter: Milli(100),
            reset_after: Duration::from_secs(10),
        },
        start_limit: StartLimit { count: 5, within: Duration::from_mins(1) },
        ready,
        ready_timeout: Duration::from_secs(2 + random.below(3)),
        after: DAEMONS[daemon].1.iter().map(|name| name.parse().unwrap()).collect(),
        stop_timeout: *random.pick(&[Duration::ZERO, Duration::from_millis(300), STOP_TIMEOUT]),
        kill: *random.pick(&[Kill::Group, Kill::Process]),
        ..made_up::policy()
    }
}

fn write(name: &str, choice: &Choice) -> Daemon {
    let command = format!("bin/{name}-{}", choice.command);
    Daemon {
        name: name.parse().unwrap(),
        kind: match name {
            "worker" => Kind::Worker(Worker::Own),
            "preloader" => Kind::Preloader,
            "scheduler" => Kind::Scheduler(Scheduler::Own),
            _ => Kind::Other,
        },
        count: choice.count,
        scale: choice.scale,
        process: Arc::new(made_up::process(&command, choice.watchdog)),
        policy: Arc::new(choice.policy.clone()),
        drain: Drain {
            timeout: Duration::from_mins(10),
            on_timeout: if choice.command.is_multiple_of(2) {
                OnDrainTimeout::Report
            } else {
                OnDrainTimeout::Move
            },
        },
    }
}
