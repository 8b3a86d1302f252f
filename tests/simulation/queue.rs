//! A queue: tubes with jobs that come as long as somebody runs the version that puts them, workers
//! that run them, outages. It holds the rules that are about jobs.

use std::collections::BTreeMap;
use std::time::Duration;

use abaqis_daemons::config::Kind;
use abaqis_daemons::lifecycle::{State, Time};
use abaqis_daemons::names::{ApplicationName, Selector, Tube, Version};
use abaqis_daemons::releases::{Figures, Look};
use abaqis_daemons::supervisor::core::{Core, WatchedTube};

use crate::random::Random;

/// A release whose tube has jobs is not without a worker of its own for longer: its last look may
/// have been just before they came.
const LONGEST_WITHOUT: Duration = Duration::from_secs(10);

/// A tube.
#[derive(Default)]
struct Jobs {
    ready: u64,
    reserved: u64,
    buried: u64,
    deleted: u64,
    /// Connections that put here.
    users: u64,
    /// Since when it has jobs and no worker of its own is wanted.
    alone: Option<Time>,
}

pub(crate) struct Queue {
    tubes: BTreeMap<Tube, Jobs>,
    next_look: Time,
    away: bool,
}

impl Queue {
    pub(crate) fn new(now: Time) -> Self {
        Self { tubes: BTreeMap::new(), next_look: now, away: false }
    }

    pub(crate) fn next_look(&self) -> Time {
        self.next_look
    }

    /// The next look is due after that pause; a shorter one counts at once.
    pub(crate) fn look_in(&mut self, now: Time, pause: Duration) {
        self.next_look = now + pause;
    }

    pub(crate) fn look(&mut self, tube: &WatchedTube, calm: bool, random: &mut Random) -> Look {
        if self.away && !calm {
            return Look::Away("connection refused".to_owned());
        }
        let jobs = self.tubes.entry(tube.tube.clone()).or_default();
        // A worker's own job may put jobs, and keeps its connection.
        let own = u64::from(random.percent(10));
        let Jobs { ready, reserved, buried, deleted, users, .. } = *jobs;
        Look::Figures(Figures { ready, reserved, buried, deleted, using: users + own, ..Figures::default() })
    }

    /// Time passes: jobs come, workers run them, and the queue may come and go.
    pub(crate) fn work(&mut self, core: &Core, calm: bool, random: &mut Random) {
        if random.percent(5) {
            self.away = !self.away;
        }
        let mut hands: BTreeMap<Tube, u64> = BTreeMap::new();
        for status in core.status(&Selector::All) {
            if let (Kind::Worker(_), State::Ready, Some(tube)) =
                (&status.spec.daemon.kind, status.state, &status.spec.release.tube)
            {
                *hands.entry(tube.clone()).or_default() += 1;
            }
        }
        for (tube, jobs) in &mut self.tubes {
            if calm {
                (jobs.ready, jobs.reserved, jobs.users, jobs.alone) = (0, 0, 0, None);
                continue;
            }
            match random.below(12) {
                0 | 2 => jobs.users = random.below(3),
                1 => jobs.users = 0,
                3 | 5 | 6 | 7 if jobs.users > 0 => {
                    let most = if random.percent(50) { 100 } else { 8 };
                    jobs.ready += random.below(most);
                }
                4 => jobs.buried += u64::from(jobs.ready > 0),
                _ => {}
            }
            let hands = hands.get(tube).copied().unwrap_or_default();
            let run = (hands * random.below(3)).min(jobs.ready);
            jobs.ready -= run;
            jobs.deleted += run;
            jobs.reserved = if jobs.ready > 0 { hands } else { random.below(hands + 1) };
            if jobs.ready == 0 {
                jobs.alone = None;
            }
        }
    }

    /// Everything goes from one tube to another, if it does.
    pub(crate) fn relocate(
        &mut self,
        from: &Tube,
        to: &Tube,
        calm: bool,
        random: &mut Random,
    ) -> Result<u64, String> {
        if !calm && (self.away || random.percent(20)) {
            return Err("connection refused".to_owned());
        }
        let Some(Jobs { ready, buried, .. }) = self.tubes.remove(from) else { return Ok(0) };
        let jobs = self.tubes.entry(to.clone()).or_default();
        jobs.ready += ready;
        jobs.buried += buried;
        Ok(ready + buried)
    }

    /// A tube with jobs has a worker of its own version, as long as that release is known and its
    /// time is not up. There is one current release, and its scheduler.
    pub(crate) fn check(&mut self, core: &Core, tubes: &[WatchedTube], now: Time) {
        if core.is_leaving() {
            return;
        }
        for (name, application) in core.releases() {
            let mut versions: Vec<&Version> =
                application.releases().filter_map(|(kept, _)| kept.version.as_ref()).collect();
            let count = versions.len();
            versions.sort();
            versions.dedup();
            assert_eq!(versions.len(), count, "{name} has a release twice");
        }
        for tube in tubes {
            let Some(jobs) = self.tubes.get_mut(&tube.tube) else { continue };
            if jobs.ready == 0 || self.away || has_worker(core, &tube.application, &tube.version) {
                jobs.alone = None;
                continue;
            }
            let since = *jobs.alone.get_or_insert(now);
            let jumped = now.since(since) > Duration::from_mins(1);
            assert!(
                jumped || now.since(since) < LONGEST_WITHOUT,
                "{} jobs on {} since {since:?} and no worker",
                jobs.ready,
                tube.tube
            );
        }
    }
}

/// Whether a worker of that release is wanted, or its time is up, or it has none.
fn has_worker(core: &Core, application: &ApplicationName, version: &Version) -> bool {
    let mut releases = core.releases().filter(|(name, _)| *name == application);
    let late = |(_, one): (&ApplicationName, &abaqis_daemons::releases::Application)| {
        one.is_late(version) || one.is_without_workers(version)
    };
    if releases.any(late) {
        return true;
    }
    let selector = Selector::from(application.clone());
    core.status(&selector).any(|status| {
        matches!(status.spec.daemon.kind, Kind::Worker(_))
            && status.spec.release.version.as_ref() == Some(version)
    })
}
