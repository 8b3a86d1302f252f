//! The rules about workers whose number goes by the load.

use std::collections::{BTreeMap, BTreeSet};

use abaqis_daemons::config::{Budget, Kind};
use abaqis_daemons::lifecycle::State;
use abaqis_daemons::names::{ApplicationName, InstanceId, Selector};
use abaqis_daemons::supervisor::core::{Action, Core, Event};

/// What is known of pools between two events.
#[derive(Default)]
pub(crate) struct Pools {
    sizes: BTreeMap<ApplicationName, u32>,
    /// Workers that run a job, of the application whose tube is being looked at.
    at_work: BTreeSet<InstanceId>,
    /// What happens is an operator's doing: it may change more than the load does.
    ordered: bool,
    resized: u64,
}

impl Pools {
    pub(crate) fn before(&mut self, core: &Core, event: &Event) {
        self.ordered = matches!(
            event,
            Event::Apply { .. } | Event::Deploy { .. } | Event::RollBack { .. } | Event::Command { .. }
        );
        self.at_work.clear();
        if let Event::Tube { application, .. } = event {
            let selector = Selector::from(application.clone());
            let busy = core.status(&selector).filter(|status| {
                status.job.is_some() && status.spec.id.release.is_none() && status.state == State::Ready
            });
            self.at_work.extend(busy.map(|status| status.spec.id.clone()));
        }
    }

    /// How often one became larger or smaller, and nobody had asked for that.
    pub(crate) fn resized(&self) -> u64 {
        self.resized
    }

    /// Sizes are within their bounds; nobody grows beyond what there is for all; nobody is taken away
    /// that has a job.
    pub(crate) fn after(&mut self, core: &Core, budget: &Budget, actions: &[Action]) {
        if core.is_leaving() {
            return;
        }
        let renamed = actions.iter().any(|action| matches!(action, Action::Renamed { .. }));
        let mut sizes = BTreeMap::new();
        let mut grown = false;
        for (name, application) in core.releases() {
            let current = application.current();
            let (Some(scale), Some(pool)) = (current.scale(), current.pool()) else { continue };
            let size = pool.size();
            assert!((scale.min..=scale.max).contains(&size), "{name} has {size} workers of {scale:?}");
            assert!(
                (scale.min..=scale.max).contains(&pool.wants()),
                "{name} wants {} of {scale:?}",
                pool.wants()
            );
            self.resized +=
                u64::from(!self.ordered && self.sizes.get(name).is_some_and(|before| size != *before));
            grown |= size > scale.min && self.sizes.get(name).is_some_and(|before| size > *before);
            sizes.insert(name.clone(), size);
        }
        self.sizes = sizes;
        if self.ordered || renamed {
            return;
        }
        if let (true, Some(most)) = (grown, budget.workers) {
            let all = core.status(&Selector::All);
            let workers = all.filter(|status| matches!(status.spec.daemon.kind, Kind::Worker(_))).count();
            assert!(workers <= usize::try_from(most).unwrap(), "{workers} workers, and there may be {most}");
        }
        if !self.at_work.is_empty() {
            let wanted = core.wanted();
            for id in &self.at_work {
                assert!(wanted.contains_key(id), "{id} is taken away, and has a job");
            }
        }
    }
}
