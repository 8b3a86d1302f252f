//! The releases of every application: which instances are wanted of each, and how far a deploy is.
//!
//! ```text
//!     Apply ─► see ─┐
//!     a worker's state, a look at a tube, a deadline ─► step ─► renamed? ─► conform (apply.rs)
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::slab::Slot;
use super::{Action, Context, Core, ReleaseNews, RequestId};
use crate::lifecycle::{Cause, Desired, State, Time};
use crate::names::{ApplicationName, InstanceId, ServerAddress, Tube, Version};
use crate::plan::Wanted;
use crate::releases::{Application, Blueprint, Hand, HandState, Kept, Look, Outcome};

/// All applications with their releases.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Deployments {
    pub(super) applications: BTreeMap<ApplicationName, Application>,
    /// Who waits for the end of a deploy.
    pub(super) waiting: BTreeMap<ApplicationName, Vec<RequestId>>,
    /// Those of which something changed that is not seen to yet.
    pub(super) dirty: BTreeSet<ApplicationName>,
    /// Those that want other instances, which is not seen to yet.
    restless: BTreeSet<ApplicationName>,
    /// How often anything of this changed.
    #[serde(skip)]
    generation: u64,
    /// When the next of them has something to do.
    #[serde(skip)]
    deadline: Option<Time>,
    /// Those for whom the state of their workers matters.
    #[serde(skip)]
    flux: BTreeSet<ApplicationName>,
}

/// A tube to look at again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedTube {
    /// Whose.
    pub application: ApplicationName,
    /// Of which release.
    pub version: Version,
    /// The tube.
    pub tube: Tube,
    /// Where it is.
    pub servers: Arc<[ServerAddress]>,
}

/// How instances of some applications are to be named.
pub(super) struct Renamed(BTreeMap<ApplicationName, (Version, Version)>);

impl Renamed {
    /// The name that an instance will have.
    pub(super) fn name(&self, id: InstanceId) -> InstanceId {
        let Some((from, to)) = self.0.get(&id.application) else { return id };
        let of_release = matches!(id.daemon.as_str(), "worker" | "preloader");
        match &id.release {
            None if of_release => InstanceId { release: Some(from.clone()), ..id },
            Some(version) if version == to => InstanceId { release: None, ..id },
            _ => id,
        }
    }
}

impl Deployments {
    /// All that is to run of these applications.
    pub(super) fn wanted(&self, of: impl Fn(&ApplicationName) -> bool) -> Wanted {
        let mut wanted = Wanted::new();
        for (_, application) in self.applications.iter().filter(|(name, _)| of(name)) {
            application.add_to(&mut wanted);
        }
        wanted
    }

    /// When the next of them has something to do.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.deadline
    }

    /// Takes note of those whose deadline has come.
    pub(super) fn tick(&mut self, now: Time) {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            let due = self.applications.iter().filter(|(_, one)| one.deadline().is_some_and(|at| at <= now));
            self.dirty.extend(due.map(|(name, _)| name.clone()));
        }
    }

    /// The folder of a release has gone, or is there again.
    pub(super) fn folder(&mut self, application: &ApplicationName, version: &Version, why: Option<&str>) {
        if let Some(one) = self.applications.get_mut(application)
            && one.folder(version, why)
        {
            self.stir(application);
        }
    }

    /// An application wants other instances.
    pub(super) fn stir(&mut self, application: &ApplicationName) {
        self.dirty.insert(application.clone());
        self.restless.insert(application.clone());
    }

    /// All that is wanted is about to be.
    pub(super) fn is_conformed_to(&mut self) {
        self.restless.clear();
    }

    /// What can be counted from the rest.
    pub(super) fn count(&mut self) {
        self.generation += 1;
        self.deadline = self.applications.values().filter_map(Application::deadline).min();
        let flux = self.applications.iter().filter(|(_, one)| one.is_in_flux());
        self.flux = flux.map(|(name, _)| name.clone()).collect();
    }

    fn see(&mut self, wanted: &Wanted, now: Time) -> Vec<(ApplicationName, Outcome)> {
        let mut seen: BTreeMap<&ApplicationName, Blueprint> = BTreeMap::new();
        for (id, spec) in wanted {
            seen.entry(&id.application).or_default().push(spec.clone());
        }
        self.applications.retain(|name, _| seen.contains_key(name));
        let mut all = Vec::new();
        for (name, blueprint) in seen {
            let mut outcomes = Vec::new();
            match self.applications.get_mut(name) {
                Some(application) => application.see(blueprint, now, &mut outcomes),
                None => drop(self.applications.insert(name.clone(), Application::new(blueprint))),
            }
            all.extend(outcomes.into_iter().map(|outcome| (name.clone(), outcome)));
            self.dirty.insert(name.clone());
        }
        all
    }
}

impl Core {
    /// The releases of an application of which something runs or is to, and their parts.
    pub fn releases(&self) -> impl Iterator<Item = (&ApplicationName, &Application)> {
        self.deployments.applications.iter()
    }

    /// How many workers a release has, those that go not counted, and how many are ready.
    pub fn workers(&self, application: &ApplicationName, kept: &Kept, current: bool) -> (u32, u32) {
        let label = kept.version.as_ref().filter(|_| !current);
        let hands = self.crew(application, label, kept);
        let count = |of: &dyn Fn(&HandState) -> bool| hands.iter().filter(|hand| of(&hand.state)).count();
        let all = count(&|state| *state != HandState::Leaving);
        let ready = count(&|state| *state == HandState::Ready);
        (u32::try_from(all).unwrap_or(u32::MAX), u32::try_from(ready).unwrap_or(u32::MAX))
    }

    /// All that is to run now, by its names.
    pub fn wanted(&self) -> Wanted {
        self.deployments.wanted(|_| true)
    }

    /// Grows whenever [`releases`](Self::releases) or [`tubes`](Self::tubes) may have changed.
    pub fn releases_changed(&self) -> u64 {
        self.deployments.generation
    }

    /// The tubes to look at again and again: none while nothing depends on them.
    pub fn tubes(&self) -> Vec<WatchedTube> {
        let flux =
            self.deployments.flux.iter().filter_map(|name| self.deployments.applications.get_key_value(name));
        let releases = flux.flat_map(|(name, one)| one.releases().map(move |(kept, _)| (name, kept)));
        releases.filter_map(|(name, kept)| watched(name, kept)).collect()
    }

    /// What would be wanted if this were applied, and who would be renamed at once.
    pub(super) fn preview(&self, wanted: &Wanted) -> (Wanted, Renamed) {
        let mut preview = self.deployments.clone();
        // It is a look, not a step: of the time nothing more is needed than that it goes on.
        preview.see(wanted, Time::default());
        let mut renamed = BTreeMap::new();
        for (name, application) in &mut preview.applications {
            let mut outcomes = Vec::new();
            application.step(&|label, kept| self.crew(name, label, kept), Time::default(), &mut outcomes);
            for outcome in outcomes {
                if let Outcome::Promoted { from, to } = outcome {
                    renamed.insert(name.clone(), (from, to));
                }
            }
        }
        (preview.wanted(|_| true), Renamed(renamed))
    }

    /// This is configured and deployed.
    pub(super) fn see(&mut self, wanted: &Wanted, cx: &mut Context<'_>) {
        for (application, outcome) in self.deployments.see(wanted, cx.now) {
            self.come_about(&application, outcome, cx);
        }
        self.deployments.count();
    }

    /// Takes note of a worker that changed, where that matters to its release.
    pub(super) fn note_release(&mut self, slot: Slot) {
        if !self.deployments.flux.is_empty() {
            let application = &self.fleet.instances[slot].spec.id.application;
            if self.deployments.flux.contains(application) {
                self.deployments.dirty.insert(application.clone());
            }
        }
    }

    /// Sees to the releases of which something changed. False if there were none.
    pub(super) fn follow_releases(&mut self, cx: &mut Context<'_>) -> bool {
        if self.deployments.dirty.is_empty() {
            return false;
        }
        self.step_releases(cx);
        let changed = std::mem::take(&mut self.deployments.restless);
        if !changed.is_empty() {
            let of = |name: &ApplicationName| changed.contains(name);
            let wanted = self.deployments.wanted(of);
            self.conform(&wanted, of, None, cx);
        }
        true
    }

    /// Has the releases of which something changed go on.
    pub(super) fn step_releases(&mut self, cx: &mut Context<'_>) {
        for name in std::mem::take(&mut self.deployments.dirty) {
            while let Some(mut application) = self.deployments.applications.remove(&name) {
                let mut outcomes = Vec::new();
                let crew = |label: Option<&Version>, kept: &Kept| self.crew(&name, label, kept);
                let other = application.step(&crew, cx.now, &mut outcomes);
                self.deployments.applications.insert(name.clone(), application);
                let promoted = matches!(outcomes.last(), Some(Outcome::Promoted { .. }));
                for outcome in outcomes {
                    self.come_about(&name, outcome, cx);
                }
                if other {
                    self.deployments.restless.insert(name.clone());
                }
                if !promoted {
                    break;
                }
            }
            self.answer_deploys(&name, cx);
        }
        self.deployments.count();
    }

    /// The workers of a release that is named so.
    fn crew(&self, application: &ApplicationName, label: Option<&Version>, kept: &Kept) -> Vec<Hand> {
        let group = kept
            .worker_name()
            .and_then(|daemon| self.fleet.group(&(application.clone(), label.cloned(), daemon.clone())));
        group.into_iter().flat_map(|group| &group.members).map(|slot| self.hand(*slot)).collect()
    }

    fn hand(&self, slot: Slot) -> Hand {
        let instance = &self.fleet.instances[slot];
        let life = &instance.life;
        let why = || self.reason(slot).unwrap_or_else(|| life.state().to_string());
        let state = match (life.desired(), life.state()) {
            (Desired::Gone, _) => HandState::Leaving,
            (Desired::Stopped, _) => HandState::Stopped,
            (Desired::Up, State::Ready | State::Running | State::Completed) => HandState::Ready,
            (Desired::Up, State::Failed | State::Backoff) => HandState::Failing(why()),
            (Desired::Up, State::Waiting) => {
                self.hopeless(slot).map_or(HandState::Coming, HandState::Failing)
            }
            (Desired::Up, State::Starting | State::Stopping | State::Stopped) => HandState::Coming,
        };
        Hand { number: instance.spec.id.number, state, busy: life.is_live() && life.job().is_some() }
    }

    pub(super) fn come_about(
        &mut self,
        application: &ApplicationName,
        outcome: Outcome,
        cx: &mut Context<'_>,
    ) {
        let application = application.clone();
        match outcome {
            Outcome::Told(news) => cx.out.push(Action::Tell(ReleaseNews { at: cx.now, application, news })),
            Outcome::Move { version, from, to, servers } => {
                cx.out.push(Action::MoveJobs { application, version, from, to, servers });
            }
            Outcome::Promoted { from, to } => {
                let renamed = self.fleet.rename(&application, &from, &to);
                cx.out.push(Action::Renamed { application, from, to });
                self.fleet.link();
                for slot in renamed {
                    // By its new name an operator may have had it stopped.
                    let instance = &self.fleet.instances[slot];
                    if instance.life.desired() == Desired::Up && self.words.stopped(&instance.spec.id) {
                        self.step(slot, cx, |life, _, now, _| life.order(Desired::Stopped, Cause::Stop, now));
                    }
                }
            }
        }
    }

    /// The tube of a release was looked at.
    pub(super) fn look(
        &mut self,
        name: &ApplicationName,
        version: &Version,
        look: Look,
        cx: &mut Context<'_>,
    ) {
        let Some(mut application) = self.deployments.applications.remove(name) else { return };
        let kept = application.all().find(|kept| kept.version.as_ref() == Some(version));
        let workers = kept.map_or(0, |kept| self.crew(name, Some(version), kept).len());
        if application.look(version, look, workers, cx.now) {
            self.deployments.stir(name);
        }
        self.deployments.applications.insert(name.clone(), application);
    }

    /// The jobs of a release were moved, or could not be.
    pub(super) fn moved(
        &mut self,
        name: &ApplicationName,
        version: &Version,
        result: Result<u64, String>,
        cx: &mut Context<'_>,
    ) {
        let Some(application) = self.deployments.applications.get_mut(name) else { return };
        let mut outcomes = Vec::new();
        application.moved(version, result, &mut outcomes);
        for outcome in outcomes {
            self.come_about(name, outcome, cx);
        }
        self.deployments.count();
    }
}

fn watched(application: &ApplicationName, kept: &Kept) -> Option<WatchedTube> {
    let release = kept.release()?;
    Some(WatchedTube {
        application: application.clone(),
        version: kept.version.clone()?,
        tube: release.tube.clone()?,
        servers: release.beanstalk.clone(),
    })
}
