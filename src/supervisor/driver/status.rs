//! What is told of the instances.

use std::fs;

use super::clock::Clocks;
use super::turn::Driver;
use crate::control::status::{InstanceStatus, LogSource};
use crate::logs::Destination;
use crate::names::{InstanceId, Selector};
use crate::plan::{self, InstanceSpec};
use crate::supervisor::core;

/// What `/proc/PID/statm` counts in.
const PAGE: u64 = 4096;

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
            .map(|status| (status.spec.id.clone(), self.log_source(status.spec)))
            .collect()
    }

    fn log_source(&self, spec: &InstanceSpec) -> LogSource {
        match self.spawner.destination(spec) {
            Ok(Destination::File(file)) => LogSource::File { path: file.path },
            Ok(Destination::Journal) => LogSource::Journal { identifier: spec.id.to_string() },
            Ok(Destination::Terminal | Destination::Null) | Err(_) => LogSource::Terminal,
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

    /// The memory of all its processes, where the kernel counts that; else of the main one.
    fn memory(&self, status: &core::InstanceStatus<'_>) -> Option<u64> {
        let cgroup = status.run.and_then(|run| self.table.get(run)?.cgroup.as_ref()?.memory().ok());
        cgroup.or_else(|| status.pid.and_then(resident))
    }
}

/// The resident memory of a process, in bytes.
fn resident(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages * PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_process_is_read_when_it_is_asked_for() {
        let own = resident(std::process::id()).unwrap();
        assert!(own > PAGE && own < 1 << 40, "{own}");
        assert_eq!(resident(u32::MAX), None);
    }
}
