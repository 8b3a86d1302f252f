//! The rules, each found out from what goes in and comes out alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use abaqis_daemons::config::{Backoff, Ready};
use abaqis_daemons::lifecycle::{ProcessEvent, Run, State, Time};
use abaqis_daemons::names::{ApplicationName, InstanceId, Selector, Version};
use abaqis_daemons::plan::{InstanceSpec, Wanted};
use abaqis_daemons::supervisor::core::{Action, Answer, Core, Event, RequestId, StateChange, Verb};

use crate::settings::STOP_TIMEOUT;

/// No stop takes longer: four daemons one after the other, each with ten times its timeout, asked
/// and then its survivors asked, and a slow death.
const LONGEST_STOP: Duration = Duration::from_secs(4 * 2 * 10 * STOP_TIMEOUT.as_secs() + 60);

/// What is known of an instance.
#[derive(Default)]
struct Known {
    state: Option<State>,
    run: Run,
    /// An operator stopped it last.
    stopped: bool,
    /// Failures since it was ready for long, by our own count.
    failures: u32,
    ready_since: Option<Time>,
    /// Not to be started before, unless somebody says so.
    not_before: Option<Time>,
}

/// A request that is not answered.
struct Open {
    since: Duration,
    stop: bool,
    text: String,
}

pub(crate) struct Checks {
    herd: usize,
    instances: BTreeMap<InstanceId, Known>,
    starting: BTreeSet<InstanceId>,
    extended: BTreeSet<Run>,
    wanted: Wanted,
    /// What was wanted when the event began: what follows from it may change that more than once.
    before: Wanted,
    /// Instances get other names in the course of it.
    renaming: bool,
    /// Those nobody wants, and since when (in time that was lived through).
    unwanted: BTreeMap<InstanceId, Duration>,
    open: BTreeMap<RequestId, Open>,
    cancelled: BTreeSet<RequestId>,
    /// Time the clock jumped over.
    jumped: Duration,
    leaving: bool,
}

impl Checks {
    pub(crate) fn new(herd: usize) -> Self {
        Self {
            herd,
            instances: BTreeMap::new(),
            starting: BTreeSet::new(),
            extended: BTreeSet::new(),
            wanted: Wanted::new(),
            before: Wanted::new(),
            renaming: false,
            unwanted: BTreeMap::new(),
            open: BTreeMap::new(),
            cancelled: BTreeSet::new(),
            jumped: Duration::ZERO,
            leaving: false,
        }
    }

    pub(crate) fn jumped(&mut self, span: Duration) {
        self.jumped += span;
    }

    pub(crate) fn cancelled(&mut self, request: RequestId) {
        if self.open.remove(&request).is_some() {
            self.cancelled.insert(request);
        }
    }

    pub(crate) fn open_requests(&self) -> usize {
        self.open.len()
    }

    pub(crate) fn describe_open(&self) -> String {
        let lines: Vec<String> =
            self.open.iter().map(|(request, open)| format!("{request:?} {}", open.text)).collect();
        lines.join("\n")
    }

    /// Time as the world lived through it.
    fn lived(&self, now: Time) -> Duration {
        now.since(Time::default()).saturating_sub(self.jumped)
    }

    fn opens(&mut self, request: RequestId, stop: bool, text: String, now: Time) {
        let since = self.lived(now);
        assert!(self.open.insert(request, Open { since, stop, text }).is_none());
    }

    pub(crate) fn before(&mut self, event: &Event, now: Time) {
        match event {
            Event::Apply { request: Some(request), .. } => {
                self.opens(*request, false, "apply".to_owned(), now);
            }
            Event::Deploy { request, .. } | Event::RollBack { request, .. } => {
                self.opens(*request, false, "a deploy".to_owned(), now);
                // What waits out a pause may start at once.
                self.instances.values_mut().for_each(Known::forgive);
            }
            Event::Command { request, command } => {
                let stop = command.verb == Verb::Stop;
                self.opens(*request, stop, format!("{command:?}"), now);
                for (_, known) in self.instances.iter_mut().filter(|(id, _)| command.selector.matches(id)) {
                    match command.verb {
                        Verb::Start | Verb::Restart => known.forgive(),
                        Verb::Stop => known.stopped = true,
                        Verb::Signal(_) => {}
                    }
                    known.stopped &= command.verb != Verb::Start;
                }
            }
            Event::Process(run, ProcessEvent::Notify(notice)) if notice.extend.is_some() => {
                self.extended.insert(*run);
            }
            Event::Process(run, ProcessEvent::Exited { .. }) => {
                // What ended does not boot, though that is told only once all of it is gone.
                self.starting.retain(|id| self.instances[id].run != *run);
            }
            Event::Shutdown | Event::ShutdownNow => self.leaving = true,
            _ => {}
        }
    }

    /// This is to run from now on, by its names then.
    pub(crate) fn wants(&mut self, wanted: Wanted, now: Time) {
        let lived = self.lived(now);
        for id in self.instances.keys() {
            if wanted.contains_key(id) {
                self.unwanted.remove(id);
            } else {
                self.unwanted.entry(id.clone()).or_insert(lived);
            }
        }
        // Another configuration may start what waits out a pause.
        for (id, known) in &mut self.instances {
            let (old, new) = (self.wanted.get(id), wanted.get(id));
            if old.zip(new).is_none_or(|(old, new)| !old.same(new)) {
                known.forgive();
            }
        }
        self.before = std::mem::replace(&mut self.wanted, wanted);
    }

    /// What is about to be done; that something starts is looked at with this in mind.
    pub(crate) fn about_to(&mut self, actions: &[Action]) {
        self.renaming = actions.iter().any(|action| matches!(action, Action::Renamed { .. }));
    }

    /// Instances of releases have other names from now on.
    fn renamed(&mut self, application: &ApplicationName, from: &Version, to: &Version) {
        let name = |id: InstanceId| {
            let theirs =
                id.application == *application && matches!(id.daemon.as_str(), "worker" | "preloader");
            match &id.release {
                None if theirs => InstanceId { release: Some(from.clone()), ..id },
                Some(version) if theirs && version == to => InstanceId { release: None, ..id },
                _ => id,
            }
        };
        // What an operator stopped by a plain name is to be stopped, whoever has that name.
        let stopped: Vec<InstanceId> = self
            .instances
            .iter()
            .filter(|(id, known)| known.stopped && id.release.is_none())
            .map(|(id, _)| id.clone())
            .collect();
        let instances = std::mem::take(&mut self.instances);
        self.instances = instances.into_iter().map(|(id, known)| (name(id), known)).collect();
        for id in stopped {
            self.instances.entry(id).and_modify(|known| known.stopped = true);
        }
        self.starting = std::mem::take(&mut self.starting).into_iter().map(name).collect();
        let unwanted = std::mem::take(&mut self.unwanted);
        self.unwanted = unwanted.into_iter().map(|(id, since)| (name(id), since)).collect();
    }

    pub(crate) fn action(&mut self, action: &Action, now: Time) {
        match action {
            Action::Spawn { run, spec } => self.spawned(*run, spec, now),
            Action::Publish(change) => self.published(change),
            Action::Renamed { application, from, to } => self.renamed(application, from, to),
            Action::Answer { request, answer } => {
                assert!(!self.cancelled.contains(request), "an answer nobody waits for");
                if matches!(answer, Answer::Progress { .. }) {
                    assert!(self.open.contains_key(request), "progress after the answer");
                } else {
                    assert!(self.open.remove(request).is_some(), "{request:?} is answered twice");
                }
            }
            _ => {}
        }
    }

    fn spawned(&mut self, run: Run, spec: &InstanceSpec, now: Time) {
        assert!(!self.leaving, "{} starts during a shutdown", spec.id);
        let is_wanted = self.wanted.contains_key(&spec.id) || self.before.contains_key(&spec.id);
        assert!(is_wanted || self.renaming, "{} starts, which nobody wants", spec.id);
        assert!(spec.blocked.is_none(), "{} starts, which is blocked", spec.id);
        if !self.renaming {
            for daemon in &spec.daemon.policy.after {
                self.dependency_is_ready(spec, daemon);
            }
        }
        let known = self.instances.entry(spec.id.clone()).or_default();
        if let Some(time) = known.not_before {
            assert!(now >= time, "{} starts {:?} too early", spec.id, time.since(now));
        }
        known.run = run;
        known.not_before = None;
        known.ready_since = None;
    }

    fn dependency_is_ready(&self, spec: &InstanceSpec, daemon: &abaqis_daemons::names::DaemonName) {
        let own = daemon.as_str() == "preloader" || daemon.as_str() == "worker";
        let release = spec.id.release.as_ref().filter(|_| own);
        let of_it = |id: &InstanceId| {
            id.application == spec.id.application && id.daemon == *daemon && id.release.as_ref() == release
        };
        // One that its load has called in the same moment came after that.
        let there = |id: &&InstanceId| self.instances.contains_key(*id) || self.before.contains_key(*id);
        let wanted: Vec<&InstanceId> = self.wanted.keys().filter(|id| of_it(id)).filter(there).collect();
        let state = |id: &InstanceId| self.instances.get(id).and_then(|known| known.state);
        let good = |state| matches!(state, Some(State::Ready | State::Completed));
        // One that an operator stopped is in nobody's way, as long as there are others.
        let stopped = |id| self.instances.get(id).is_some_and(|known| known.stopped);
        let in_the_way = |id| match state(id) {
            Some(State::Stopped) => false,
            Some(State::Stopping) => !stopped(id),
            state => !good(state),
        };
        if let Some(id) = wanted.iter().find(|id| in_the_way(id)) {
            let known = &self.instances[id];
            panic!("{} starts before {id}, which is {:?} ({:?})", spec.id, state(id), known.run);
        }
        assert!(
            wanted.is_empty() || wanted.iter().any(|id| good(state(id))),
            "{} starts before any {daemon}",
            spec.id
        );
    }

    fn published(&mut self, change: &StateChange) {
        let now = change.at;
        let known = self.instances.entry(change.instance.clone()).or_default();
        assert_eq!(known.state, change.from, "{} was in another state", change.instance);
        assert_ne!(change.from, change.to);
        known.state = change.to;
        if change.to == Some(State::Starting) {
            self.starting.insert(change.instance.clone());
            let crowd = self.starting.iter().filter(|id| !self.extended.contains(&self.instances[*id].run));
            assert!(crowd.count() <= self.herd, "more than {} are starting", self.herd);
        } else {
            self.starting.remove(&change.instance);
        }
        let known = self.instances.entry(change.instance.clone()).or_default();
        match change.to {
            Some(State::Ready) => {
                known.ready_since.get_or_insert(now);
            }
            Some(State::Backoff) => known.backs_off(change, now),
            None => {
                self.instances.remove(&change.instance);
                self.unwanted.remove(&change.instance);
            }
            _ => {}
        }
    }

    pub(crate) fn after(&mut self, core: &Core, now: Time, events: u64) {
        let lived = self.lived(now);
        if let Some((request, open)) = self.open.first_key_value() {
            let longest = if open.stop { LONGEST_STOP } else { Duration::from_hours(2) };
            assert!(
                lived.saturating_sub(open.since) < longest,
                "{request:?} waits since {:?}: {}",
                open.since,
                open.text
            );
        }
        if events.is_multiple_of(64) {
            for (id, since) in &self.unwanted {
                assert!(lived.saturating_sub(*since) < LONGEST_STOP, "{id} is still there");
            }
            for open in self.open.values().filter(|open| open.stop) {
                assert!(
                    lived.saturating_sub(open.since) < LONGEST_STOP,
                    "a stop does not end: {}",
                    open.text
                );
            }
        }
        if events.is_multiple_of(1024) {
            Self::counts(core);
        }
    }

    fn counts(core: &Core) {
        let mut counted = [0; State::ALL.len()];
        for status in core.status(&Selector::All) {
            counted[status.state as usize] += 1;
        }
        for state in State::ALL {
            assert_eq!(core.summary().count(state), counted[state as usize], "{state} is counted wrong");
        }
    }
}

impl Known {
    fn forgive(&mut self) {
        self.not_before = None;
        self.failures = 0;
    }

    /// It is in backoff: how long has it to stay there at least?
    fn backs_off(&mut self, change: &StateChange, now: Time) {
        let policy = &change.spec.daemon.policy;
        let ready_for = self.ready_since.map_or(Duration::ZERO, |since| now.since(since));
        let failed = change.exit.as_ref().is_none_or(|exit| !exit.is_success())
            || change.reason.as_ref().is_some_and(|reason| !reason.starts_with("exit 0"));
        // Less than it takes to go, which counts for it too.
        if ready_for >= policy.backoff.reset_after {
            self.failures = 0;
        }
        self.not_before = Some(if failed {
            self.failures += 1;
            now + shortest(&policy.backoff, self.failures)
        } else {
            now + policy.backoff.initial
        });
        if policy.ready == Ready::None {
            self.ready_since = None;
        }
    }
}

/// The shortest pause after so many failures.
fn shortest(backoff: &Backoff, failures: u32) -> Duration {
    let times = 1 << (failures - 1).min(20);
    let full = backoff.initial.saturating_mul(times).min(backoff.max);
    full.mul_f64(1.0 - backoff.jitter.as_f64() - 1e-6)
}
