//! What the workers of all applications together may take.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::fault::Fault;
use crate::config::read::{Files, Reader};
use crate::config::{Application, Budget, Kind};
use crate::names::ApplicationName;

/// What all workers together may take; it has to be enough for those that run in any case.
pub(super) fn budget(
    reader: &mut Reader<'_>,
    files: &Files,
    applications: &BTreeMap<ApplicationName, Arc<Application>>,
) -> Budget {
    if let Some((most, place)) = files.max_workers {
        let daemons = applications.values().flat_map(|application| application.daemons.values());
        let workers = daemons.filter(|daemon| matches!(daemon.kind, Kind::Worker(_)));
        let least = workers.map(|daemon| u64::from(daemon.scale.map_or(daemon.count, |scale| scale.min)));
        let least = least.sum();
        if least > u64::from(most) {
            reader.at("max_workers", |reader| reader.error(place, Fault::SmallBudget(least)));
        }
    }
    Budget { workers: files.max_workers.map(|(most, _)| most), memory: files.max_workers_memory }
}
