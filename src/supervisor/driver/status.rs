//! What is told of the instances.

use std::collections::BTreeMap;
use std::time::Duration;

use super::clock::Clocks;
use super::turn::Driver;
use crate::config::{Kind, Scale};
use crate::control::status::{InstanceStatus, Jobs, LogSource, Part, ReleaseStatus, Scaling};
use crate::lifecycle::Run;
use crate::logs::Destination;
use crate::names::{ApplicationName, InstanceId, Selector};
use crate::plan::{self, InstanceSpec};
use crate::process::memory::{of_sessions, resident};
use crate::releases::{Application, Figures, Kept, Look, Role};
use crate::supervisor::core;

impl Driver {
    /// The instances named, in order.
    pub(super) fn status(&self, selector: &Selector) -> Vec<InstanceStatus> {
        let clocks = Clocks::read();
        self.core.status(selector).map(|status| self.told(&status, clocks)).collect()
    }

    /// Where the output of the instances named is.
    pub(super) fn log_sources(&self, selector: &Selector) -> Vec<(InstanceId, LogSource)> {
        self.core
            .status(selector)
            .map(|status| {
                // A process writes where it did when it was called otherwise, too.
                let started_as = status.run.and_then(|run| self.table.get(run)).map(|process| &*process.spec);
                let spec = started_as.unwrap_or(status.spec);
                // Without what its path is made of it has not been started yet, and has written nothing.
                let to = self.spawner.destination(spec).unwrap_or(Destination::Null);
                (status.spec.id.clone(), log_source(&spec.id, &to))
            })
            .collect()
    }

    /// The releases of an application, or of all.
    pub(super) fn release_statuses(&self, of: Option<&ApplicationName>) -> Vec<ReleaseStatus> {
        let clocks = Clocks::read();
        let applications = self.core.releases().filter(|(name, _)| of.is_none_or(|of| of == *name));
        let releases = applications.flat_map(|(name, application)| {
            application.releases().map(move |(kept, role)| (name, application, kept, role))
        });
        releases.map(|(name, one, kept, role)| self.release(name, one, kept, &role, clocks)).collect()
    }

    fn release(
        &self,
        name: &ApplicationName,
        application: &Application,
        kept: &Kept,
        role: &Role,
        clocks: Clocks,
    ) -> ReleaseStatus {
        let (part, trouble) = match role {
            Role::Current => (Part::Current, None),
            Role::Settling => (Part::Current, Some("its workers start".to_owned())),
            Role::Canary => (Part::Canary, None),
            Role::Refused(why) => (Part::Canary, Some(format!("did not become ready: {why}"))),
            Role::Draining => (Part::Draining, None),
            Role::Leaving => (Part::Leaving, None),
        };
        let (jobs, away) = match &kept.look {
            Some(Look::Figures(figures)) => (Some(jobs(*figures)), None),
            Some(Look::Away(why)) => (None, Some(why.clone())),
            None => (None, None),
        };
        let (workers, workers_ready) = self.core.workers(name, kept, part == Part::Current);
        let release = kept.release();
        let since = kept.version.as_ref().and_then(|version| application.drains_since(version));
        ReleaseStatus {
            application: name.clone(),
            version: kept.version.clone(),
            part,
            reason: kept.gone.as_deref().map(str::to_owned).or(trouble).or(away),
            path: release.map(|release| release.path.clone()),
            tube: release.and_then(|release| release.tube.clone()),
            beanstalk: release.map(|release| release.beanstalk.to_vec()).unwrap_or_default(),
            workers,
            workers_ready,
            jobs,
            draining_since: since.map(|since| clocks.wall(since)),
            scaling: kept
                .scale()
                .zip(kept.pool())
                .filter(|_| part == Part::Current)
                .map(|(scale, pool)| scaling(scale, pool.wants(), pool.run_time())),
            pinned_against: application.pin().filter(|_| part == Part::Current).cloned(),
        }
    }

    fn told(&self, status: &core::InstanceStatus<'_>, clocks: Clocks) -> InstanceStatus {
        let spec = status.spec;
        InstanceStatus {
            instance: spec.id.clone(),
            application: spec.id.application.clone(),
            daemon: spec.id.daemon.clone(),
            version: spec.release.version.clone(),
            tube: spec.release.tube.clone(),
            state: status.state,
            pid: status.pid,
            since: clocks.wall(status.since),
            restarts: u64::from(status.restarts),
            memory: self.memory(status),
            command: plan::command_line(spec),
            last_exit: status.last_exit.map(ToString::to_string),
            reason: status.reason.clone(),
            status: status.status.map(ToOwned::to_owned),
            job: status.job.map(|(job, _)| job.to_owned()),
            job_since: status.job.map(|(_, since)| clocks.wall(since)),
        }
    }

    /// The memory of all workers, and of what their executors are forked from: of a control group where they
    /// have one, else of their sessions.
    pub(super) fn memory_of_workers(&self) -> BTreeMap<Run, u64> {
        let takes_part = |spec: &InstanceSpec| matches!(spec.daemon.kind, Kind::Worker(_) | Kind::Preloader);
        let workers = || self.core.processes().filter(|(_, _, spec)| takes_part(spec));
        let of_group = |run| self.table.get(run)?.cgroup.as_ref()?.memory().ok();
        let mut memory: BTreeMap<Run, u64> =
            workers().filter_map(|(run, _, _)| Some((run, of_group(run)?))).collect();
        if workers().any(|(run, _, _)| !memory.contains_key(&run)) {
            let sessions = of_sessions().unwrap_or_default();
            let of_session = |pid: Option<u32>| sessions.get(&pid?.try_into().ok()?).copied();
            for (run, pid, _) in workers() {
                if let Some(bytes) = of_session(pid) {
                    memory.entry(run).or_insert(bytes);
                }
            }
        }
        memory
    }

    /// The memory of all its processes, where the kernel counts that; else of the main one.
    fn memory(&self, status: &core::InstanceStatus<'_>) -> Option<u64> {
        let cgroup = status.run.and_then(|run| self.table.get(run)?.cgroup.as_ref()?.memory().ok());
        cgroup.or_else(|| resident(status.pid?.cast_signed()).ok())
    }
}

/// Where an operator finds what an instance, which was started by that name, writes.
fn log_source(name: &InstanceId, to: &Destination) -> LogSource {
    match to {
        Destination::Journal => LogSource::Journal { identifier: name.to_string() },
        Destination::File(file) => LogSource::File { path: file.path.clone() },
        Destination::Terminal => LogSource::Terminal,
        Destination::Null => LogSource::Nowhere,
    }
}

/// The jobs that a look found.
pub(super) fn jobs(figures: Figures) -> Jobs {
    let Figures { ready, reserved, delayed, buried, .. } = figures;
    Jobs { ready, reserved, delayed, buried }
}

/// How a release scales.
pub(super) fn scaling(scale: Scale, wanted: u32, run_time: Option<Duration>) -> Scaling {
    Scaling { min: scale.min, max: scale.max, wanted, run_time_ms: run_time.map(millis) }
}

/// Whole milliseconds.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_output_goes_is_told_as_it_is() {
        let id: InstanceId = "a/s/1".parse().unwrap();
        let identifier = "a/s/1".to_owned();
        assert_eq!(log_source(&id, &Destination::Journal), LogSource::Journal { identifier });
        assert_eq!(log_source(&id, &Destination::Terminal), LogSource::Terminal);
        assert_eq!(log_source(&id, &Destination::Null), LogSource::Nowhere);
    }
}
