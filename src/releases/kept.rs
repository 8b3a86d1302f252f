//! One release, with all that could run of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::news::{Outcome, named};
use super::{Look, Pool, WorkerStatus, environment};
use crate::config::{Daemon, Kind, Scale};
use crate::lifecycle::Time;
use crate::names::{DaemonName, Version};
use crate::plan::{InstanceSpec, Release, Wanted};

/// What runs of a release at full strength, by plain names and in their order.
pub type Blueprint = Vec<Arc<InstanceSpec>>;

/// A release that is kept, in whichever part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Its version; `None` only while none was found yet.
    pub version: Option<Version>,
    /// All that could run of it. Written down apart, for instances share most of it.
    #[serde(skip)]
    pub blueprint: Blueprint,
    /// Why nothing of it can be started any more: its folder has gone.
    pub gone: Option<Arc<str>>,
    /// The latest look at its tube, if there was one.
    pub look: Option<Look>,
    /// Which of its workers it has, if that depends on the load; otherwise it has all of the blueprint's.
    #[serde(default)]
    pub(super) pool: Option<Pool>,
}

impl Kept {
    /// A release, as it was found.
    pub(super) fn new(blueprint: Blueprint) -> Self {
        let mut kept = Self { version: version(&blueprint), blueprint, gone: None, look: None, pool: None };
        kept.keep_within_bounds(BTreeSet::new());
        kept
    }

    /// Its code; `None` when nothing is to run of it.
    pub fn release(&self) -> Option<&Arc<Release>> {
        self.blueprint.first().map(|spec| &spec.release)
    }

    /// The daemon whose instances take its jobs.
    pub(super) fn workers(&self) -> Option<&Arc<Daemon>> {
        self.worker_specs().next().map(|spec| &spec.daemon)
    }

    /// The name of that daemon.
    pub fn worker_name(&self) -> Option<&DaemonName> {
        self.workers().map(|daemon| &daemon.name)
    }

    fn worker_specs(&self) -> impl Iterator<Item = &Arc<InstanceSpec>> {
        self.blueprint.iter().filter(|spec| matches!(spec.daemon.kind, Kind::Worker(_)))
    }

    /// The numbers of the workers it is to have while it is current.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> {
        self.worker_specs().map(|spec| spec.id.number).filter(|number| self.has(*number))
    }

    /// Whether a worker of this number is one of them.
    pub(super) fn has(&self, number: u32) -> bool {
        self.pool.as_ref().is_none_or(|pool| pool.numbers().contains(&number))
    }

    /// Its bounds, if it scales.
    pub fn scale(&self) -> Option<Scale> {
        self.workers().and_then(|daemon| daemon.scale)
    }

    /// Which of its workers it has, if that depends on the load.
    pub fn pool(&self) -> Option<&Pool> {
        self.pool.as_ref()
    }

    /// It has another blueprint, and maybe other bounds, or none any more. Those of its workers that are within
    /// them stay.
    pub(super) fn rebuild(&mut self, blueprint: Blueprint) {
        let before: BTreeSet<u32> = self.numbers().collect();
        self.blueprint = blueprint;
        self.keep_within_bounds(before);
    }

    fn keep_within_bounds(&mut self, before: BTreeSet<u32>) {
        match (self.scale(), &mut self.pool) {
            (None, pool) => *pool = None,
            (Some(scale), Some(pool)) => pool.keep_within(scale),
            (Some(scale), pool) => *pool = Some(Pool::new(before, scale)),
        }
    }

    /// Whether its jobs are on another tube than those of `other`.
    pub(super) fn has_own_tube(&self, other: &Self) -> bool {
        let tube =
            |kept: &Self| kept.release().map(|release| (release.tube.clone(), release.beanstalk.clone()));
        match (tube(self), tube(other)) {
            (Some((Some(one), at)), Some(other)) => (Some(one), at) != other,
            _ => false,
        }
    }

    /// Its tube was looked at, and its workers are these: so its pool may want to be of another size.
    pub(super) fn look_at_pool(
        &mut self,
        look: &Look,
        workers: &[WorkerStatus],
        now: Time,
        out: &mut Vec<Outcome>,
    ) {
        let scale = self.scale();
        let (Some(pool), Some(scale)) = (&mut self.pool, scale) else { return };
        let version = self.version.as_ref();
        match look {
            Look::Figures(figures) => {
                if pool.look(scale, figures, workers, now) {
                    let text = format!("{}: its tube can be looked at again", named(version));
                    out.push(Outcome::told(version, text));
                }
            }
            Look::Away(why) => {
                if pool.lost() {
                    let size = pool.size();
                    let text = format!(
                        "{}: workers stay {size}, its tube cannot be looked at: {why}",
                        named(version)
                    );
                    out.push(Outcome::grave(version, text));
                }
            }
        }
    }

    /// It becomes current in the place of `old`, and wants as many workers; of those that are missing, as many
    /// as there is `room` for come at once.
    pub(super) fn take_on(&mut self, numbers: BTreeSet<u32>, old: &Self, room: u32, now: Time) {
        let Some(scale) = self.scale() else {
            self.pool = None;
            return;
        };
        let wants = u32::try_from(old.numbers().count()).unwrap_or(u32::MAX);
        let pool = self.pool.get_or_insert_with(|| Pool::new(BTreeSet::new(), scale));
        pool.follow(numbers, wants, scale, now);
        pool.grow(pool.wants().min(pool.size().saturating_add(room)));
    }

    /// Adds what is to run: `all` of it, or what each release has of its own, under the name of
    /// its version. Of the workers those that `wants` says.
    pub(super) fn add_to(&self, wanted: &mut Wanted, as_current: bool, wants: impl Fn(u32) -> bool) {
        let label = if as_current { None } else { self.version.as_ref() };
        for spec in &self.blueprint {
            let wants = match spec.daemon.kind {
                Kind::Worker(_) => wants(spec.id.number),
                Kind::Preloader => true,
                Kind::Scheduler(_) | Kind::Other => as_current,
            };
            if wants {
                let spec = self.named(spec, label);
                wanted.insert(spec.id.clone(), spec);
            }
        }
    }

    fn named(&self, spec: &Arc<InstanceSpec>, label: Option<&Version>) -> Arc<InstanceSpec> {
        if spec.id.release.as_ref() == label && self.gone.is_none() {
            return spec.clone();
        }
        let mut spec = InstanceSpec::clone(spec);
        spec.id.release = label.cloned();
        spec.blocked = self.gone.clone().or(spec.blocked);
        Arc::new(spec)
    }

    /// Another release is deployed now, so what was wrong with the deployed one does not concern this one any
    /// longer. Without its `env_file` it still cannot be started.
    pub(super) fn unblock(&mut self) {
        for spec in &mut self.blueprint {
            if spec.blocked.is_some() && environment::is_complete(spec) && self.version.is_some() {
                Arc::make_mut(spec).blocked = None;
            }
        }
    }

    /// Another release is deployed: what this one could not read is taken from there.
    pub(super) fn complete(&mut self, deployed: &Blueprint) {
        for spec in self.blueprint.iter_mut().filter(|spec| !environment::is_complete(spec)) {
            let daemon = spec.id.daemon.clone();
            let same = deployed.iter().filter(|new| new.id.daemon == daemon).map(AsRef::as_ref);
            environment::take(Arc::make_mut(spec), same);
        }
        self.unblock();
    }

    /// The same settings as `other` has, with the code of this release.
    pub(super) fn with_settings_of(&self, other: &Blueprint, keep_blocked: bool) -> Blueprint {
        let Some(release) = self.release() else { return other.clone() };
        let before = |spec: &InstanceSpec| self.blueprint.iter().find(|old| old.id == spec.id);
        let taken_over = |new: &Arc<InstanceSpec>| {
            let mut spec = InstanceSpec::clone(new);
            spec.release = release.clone();
            environment::take(&mut spec, [Some(new), before(new)].into_iter().flatten().map(AsRef::as_ref));
            if !keep_blocked {
                let complete = environment::is_complete(&spec);
                spec.blocked = (!complete).then(|| environment::unread(&spec).into());
            }
            Arc::new(spec)
        };
        other.iter().map(taken_over).collect()
    }
}

/// The version of what was found.
pub(super) fn version(blueprint: &Blueprint) -> Option<Version> {
    blueprint.first().and_then(|spec| spec.release.version.clone())
}

/// Whether each release has its own of this.
pub(crate) fn is_of_release(kind: &Kind) -> bool {
    matches!(kind, Kind::Worker(_) | Kind::Preloader)
}
