//! The releases of every application: which instances are wanted of each, and how far a deploy is.
//!
//! ```text
//!     Apply ─► see ─┐
//!     a worker's state, a look at a tube, a deadline ─► step ─► renamed? ─► conform (apply.rs)
//! ```

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::scaling::Weight;
use super::slab::Slot;
use super::{Action, Context, Core, ReleaseNews, RequestId};
use crate::config::{Budget, Kind};
use crate::lifecycle::{Cause, Desired, Time};
use crate::names::{ApplicationName, InstanceId, Version};
use crate::plan::Wanted;
use crate::releases::{Application, Blueprint, Kept, Outcome, is_of_release};

/// All applications with their releases.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Deployments {
    pub(super) applications: BTreeMap<ApplicationName, Application>,
    /// Who waits for the end of a deploy.
    pub(super) waiting: BTreeMap<ApplicationName, Vec<RequestId>>,
    /// Those of which something changed that was not acted upon yet.
    pub(super) dirty: BTreeSet<ApplicationName>,
    /// Those that want other instances, which was not acted upon yet.
    restless: BTreeSet<ApplicationName>,
    /// What all workers together may take.
    #[serde(default)]
    pub(super) budget: Budget,
    /// What they hold.
    #[serde(default)]
    pub(super) weight: Weight,
    /// What there is for the pools is to be shared out again.
    #[serde(default)]
    pub(super) uneven: bool,
    /// The same, as soon as a worker changes.
    #[serde(default)]
    pub(super) unsettled: bool,
    /// How often anything of this changed.
    #[serde(skip)]
    generation: u64,
    /// When the next of them has something to do.
    #[serde(skip)]
    deadline: Option<Time>,
    /// Those for whom the state of their workers matters.
    #[serde(skip)]
    pub(super) flux: BTreeSet<ApplicationName>,
    /// Those whose current release scales.
    #[serde(skip)]
    pub(super) pools: BTreeSet<ApplicationName>,
}

/// The applications whose instances get other names: the release that was current, and the one that is.
pub(super) struct Renamed(BTreeMap<ApplicationName, (Version, Version)>);

impl Renamed {
    /// The name that an instance will have.
    pub(super) fn name(&self, id: InstanceId, kind: &Kind) -> InstanceId {
        let Some((from, to)) = self.0.get(&id.application) else { return id };
        match &id.release {
            None if is_of_release(kind) => InstanceId { release: Some(from.clone()), ..id },
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

    /// All that is wanted is about to be done.
    pub(super) fn is_conformed_to(&mut self) {
        self.restless.clear();
    }

    /// Works out what follows from the rest.
    pub(super) fn count(&mut self) {
        self.generation += 1;
        self.deadline = self.applications.values().filter_map(Application::deadline).min();
        let flux = self.applications.iter().filter(|(_, one)| one.is_in_flux());
        self.flux = flux.map(|(name, _)| name.clone()).collect();
        let pools = self.applications.iter().filter(|(_, one)| one.claim().is_some());
        self.pools = pools.map(|(name, _)| name.clone()).collect();
    }

    /// How often tubes are to be looked at may be another.
    pub(super) fn changed(&mut self) {
        self.generation += 1;
    }

    /// Whether a release of any application is on its way.
    pub(super) fn in_flux(&self) -> bool {
        !self.flux.is_empty()
    }

    /// An application wants other instances, and nothing else of it has changed.
    pub(super) fn want_others(&mut self, application: &ApplicationName) {
        self.restless.insert(application.clone());
        self.generation += 1;
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

    /// All that is to run now, by its names.
    pub fn wanted(&self) -> Wanted {
        self.deployments.wanted(|_| true)
    }

    /// Grows whenever [`releases`](Self::releases) or [`tubes`](Self::tubes) may have changed.
    pub fn releases_changed(&self) -> u64 {
        self.deployments.generation
    }

    /// What would be wanted if this were applied, and who would be renamed at once.
    pub(super) fn preview(&self, wanted: &Wanted) -> (Wanted, Renamed) {
        let mut preview = self.deployments.clone();
        // It is a look, not a step: of the time nothing more is needed than that it goes on.
        preview.see(wanted, Time::default());
        let mut renamed = BTreeMap::new();
        for (name, application) in &mut preview.applications {
            let mut outcomes = Vec::new();
            let workers_of = |label: Option<&Version>, kept: &Kept| self.workers_of(name, label, kept);
            application.step(&workers_of, self.room(), Time::default(), &mut outcomes);
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
        if self.deployments.unsettled {
            let kind = &self.fleet.instances[slot].spec.daemon.kind;
            self.deployments.uneven |= matches!(kind, Kind::Worker(_));
        }
    }

    /// Sees to the releases of which something changed. Returns false if there were none.
    pub(super) fn follow_releases(&mut self, cx: &mut Context<'_>) -> bool {
        let uneven = std::mem::take(&mut self.deployments.uneven);
        if self.deployments.dirty.is_empty() && !uneven {
            return false;
        }
        self.step_releases(cx);
        self.conform_restless(cx);
        if uneven {
            // Of what there is nothing is on its way to be there by now.
            self.share_out(cx);
            self.conform_restless(cx);
        }
        true
    }

    fn conform_restless(&mut self, cx: &mut Context<'_>) {
        let changed = std::mem::take(&mut self.deployments.restless);
        if !changed.is_empty() {
            let of = |name: &ApplicationName| changed.contains(name);
            let wanted = self.deployments.wanted(of);
            let plan = self.difference(&wanted, of);
            self.conform(&plan, &wanted, of, None, cx);
        }
    }

    /// Has the releases of which something changed go on.
    pub(super) fn step_releases(&mut self, cx: &mut Context<'_>) {
        let dirty = std::mem::take(&mut self.deployments.dirty);
        if dirty.is_empty() {
            return;
        }
        for name in dirty {
            while let Some(mut application) = self.deployments.applications.remove(&name) {
                let mut outcomes = Vec::new();
                let workers_of = |label: Option<&Version>, kept: &Kept| self.workers_of(&name, label, kept);
                let other = application.step(&workers_of, self.room(), cx.now, &mut outcomes);
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
        self.deployments.uneven |= !self.deployments.pools.is_empty();
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
