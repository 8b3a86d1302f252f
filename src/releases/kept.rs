//! One release, with all that could run of it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Look;
use crate::config::{Daemon, Kind};
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
}

impl Kept {
    /// A release, as it was found.
    pub(super) fn new(blueprint: Blueprint) -> Self {
        Self { version: version(&blueprint), blueprint, gone: None, look: None }
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

    /// The numbers that its workers may have.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> {
        self.worker_specs().map(|spec| spec.id.number)
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

    /// What was wrong with what was deployed then is no matter of this release, once another is
    /// deployed. Without its `env_file` nothing is started all the same.
    pub(super) fn unblock(&mut self) {
        for spec in &mut self.blueprint {
            let complete = spec.daemon.process.env_file.is_none() || spec.env_file.is_some();
            if spec.blocked.is_some() && complete && self.version.is_some() {
                Arc::make_mut(spec).blocked = None;
            }
        }
    }

    /// The same settings as `other` has, with the code of this release.
    pub(super) fn with_settings_of(&self, other: &Blueprint, keep_blocked: bool) -> Blueprint {
        let Some(release) = self.release() else { return other.clone() };
        let before = |spec: &InstanceSpec| self.blueprint.iter().find(|old| old.id == spec.id);
        let taken_over = |spec: &Arc<InstanceSpec>| {
            let mut spec = InstanceSpec::clone(spec);
            spec.release = release.clone();
            if let Some(old) = before(&spec) {
                spec.env_file.clone_from(&old.env_file);
            }
            if !keep_blocked {
                spec.blocked = None;
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
