//! What releases are judged by: how their workers do, and what is on their tubes.

use std::sync::Arc;

use super::deployments::Deployments;
use super::slab::Slot;
use super::{Context, Core};
use crate::lifecycle::{Desired, State};
use crate::names::{ApplicationName, ServerAddress, Tube, Version};
use crate::releases::{Application, Kept, Look, Pool, WorkerState, WorkerStatus};

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

impl Core {
    /// How many workers a release has, those that go not counted, and how many are ready.
    pub fn workers(&self, application: &ApplicationName, kept: &Kept, current: bool) -> (u32, u32) {
        let label = kept.version.as_ref().filter(|_| !current);
        let workers = self.workers_of(application, label, kept);
        let count =
            |of: &dyn Fn(&WorkerState) -> bool| workers.iter().filter(|worker| of(&worker.state)).count();
        let all = count(&|state| *state != WorkerState::Leaving);
        let ready = count(&|state| *state == WorkerState::Ready);
        (u32::try_from(all).unwrap_or(u32::MAX), u32::try_from(ready).unwrap_or(u32::MAX))
    }

    /// The tubes to look at again and again: none while nothing depends on them.
    pub fn tubes(&self) -> Vec<WatchedTube> {
        let Deployments { applications, flux, pools, .. } = &self.deployments;
        let all = flux.union(pools).filter_map(|name| applications.get_key_value(name));
        let releases = all.flat_map(|(name, one)| one.releases().map(move |(kept, _)| (name, kept)));
        releases.filter_map(|(name, kept)| watched(name, kept)).collect()
    }

    /// The workers of a release that is named so.
    pub(super) fn workers_of(
        &self,
        application: &ApplicationName,
        label: Option<&Version>,
        kept: &Kept,
    ) -> Vec<WorkerStatus> {
        let group = kept
            .worker_name()
            .and_then(|daemon| self.fleet.group(&(application.clone(), label.cloned(), daemon.clone())));
        group.into_iter().flat_map(|group| &group.members).map(|slot| self.worker(*slot)).collect()
    }

    fn worker(&self, slot: Slot) -> WorkerStatus {
        let instance = &self.fleet.instances[slot];
        let life = &instance.life;
        let why = || self.reason(slot).unwrap_or_else(|| life.state().to_string());
        let state = match (life.desired(), life.state()) {
            (Desired::Gone, _) => WorkerState::Leaving,
            (Desired::Stopped, _) => WorkerState::Stopped,
            (Desired::Up, State::Ready | State::Running | State::Completed) => WorkerState::Ready,
            (Desired::Up, State::Failed | State::Backoff) => WorkerState::Failing(why()),
            (Desired::Up, State::Waiting) => {
                self.hopeless(slot).map_or(WorkerState::Coming, WorkerState::Failing)
            }
            (Desired::Up, State::Starting | State::Stopping | State::Stopped) => WorkerState::Coming,
        };
        let busy = life.job().filter(|_| life.is_live()).map(|(_, since)| since);
        WorkerStatus { number: instance.spec.id.number, state, busy }
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
        let label = Some(version).filter(|_| application.current().version.as_ref() != Some(version));
        let workers = kept.map_or_else(Vec::new, |kept| self.workers_of(name, label, kept));
        let rests = |one: &Application| one.current().pool().is_some_and(Pool::is_resting);
        let rested = rests(&application);
        let mut outcomes = Vec::new();
        if application.look(version, look, &workers, cx.now, &mut outcomes) {
            self.deployments.stir(name);
        }
        if rests(&application) != rested {
            self.deployments.changed();
        }
        self.deployments.applications.insert(name.clone(), application);
        for outcome in outcomes {
            self.come_about(name, outcome, cx);
        }
        self.deployments.uneven |= self.deployments.pools.contains(name);
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
