//! What `ayl_worker`, its preloader and `ayl_scheduler` are told beside their command lines: things only
//! the supervisor knows.
//!
//! | variable | for | |
//! |---|---|---|
//! | `AYL_STOP_TIMEOUT` | workers | when a job that still runs is given back to the queue |
//! | `AYL_READY_TIMEOUT` | workers | how long the application may take to boot once there is a queue |
//! | `AYL_PRELOADER` | preloaders, and the workers of them | the socket between them |
//! | `AYL_SCHEDULE_MEMORY` | schedulers | the file that outlives a queue that forgets |

use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::{Kind, Scheduler, Worker, write_duration};
use crate::plan::{InstanceSpec, Release};

/// The most that a worker has less than the supervisor gives it.
const MARGIN: Duration = Duration::from_secs(2);

/// The variables for a process of `spec`, which runs as user `uid`; `folder` holds the
/// sockets of preloaders, `state` what is to outlive a reboot.
pub(super) fn variables(
    spec: &InstanceSpec,
    (folder, state): (&Path, &Path),
    uid: u32,
) -> io::Result<Vec<(OsString, OsString)>> {
    let preloader = || ("AYL_PRELOADER".into(), socket(folder, spec).into_os_string());
    Ok(match &spec.daemon.kind {
        Kind::Worker(Worker::Ayl { preload, .. }) => {
            let policy = &spec.daemon.policy;
            let mut all = vec![
                ("AYL_STOP_TIMEOUT".into(), write_duration(worker_timeout(policy.stop_timeout)).into()),
                ("AYL_READY_TIMEOUT".into(), write_duration(policy.ready_timeout).into()),
            ];
            all.extend(preload.then(preloader));
            all
        }
        Kind::Preloader => {
            let (name, socket) = preloader();
            make(folder, None)?;
            make(&folder.join(key(spec)), Some(uid))?;
            vec![(name, socket)]
        }
        Kind::Scheduler(Scheduler::Ayl { .. }) => {
            // It does without: that is better than not to run.
            memory(state, spec, uid)
                .map(|path| ("AYL_SCHEDULE_MEMORY".into(), path.into()))
                .into_iter()
                .collect()
        }
        Kind::Worker(Worker::Own) | Kind::Scheduler(Scheduler::Own) | Kind::Other => Vec::new(),
    })
}

/// A worker gives its job back before it is killed with it: a tenth earlier, at most two
/// seconds.
fn worker_timeout(stop_timeout: Duration) -> Duration {
    stop_timeout.saturating_sub((stop_timeout / 10).min(MARGIN))
}

/// Where the preloader of this process's release listens.
fn socket(folder: &Path, spec: &InstanceSpec) -> PathBuf {
    folder.join(key(spec)).join("s")
}

/// Where the schedulers of this application remember what they have put, in a folder of
/// their user's; none where it cannot be made.
fn memory(state: &Path, spec: &InstanceSpec, uid: u32) -> Option<PathBuf> {
    let schedule = state.join("schedule");
    let folder = schedule.join(spec.id.application.as_str());
    let made = make(state, None).and_then(|()| make(&schedule, None)).and_then(|()| make(&folder, Some(uid)));
    made.ok().map(|()| folder.join("memory.json"))
}

/// Of each release of each application another one. Short, for a socket's address holds
/// 108 bytes; the same in every build, for a process may outlive its supervisor's.
fn key(spec: &InstanceSpec) -> String {
    let Release { version, path, .. } = &*spec.release;
    let version = version.as_ref().map(ToString::to_string).unwrap_or_default();
    let text = format!("{}\0{version}\0{}", spec.id.application, path.display());
    // FNV-1a.
    let hash =
        text.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("{hash:08x}")
}

/// A folder that its owner alone can write to; `owner`: and look into.
fn make(path: &Path, owner: Option<u32>) -> io::Result<()> {
    let mode = if owner.is_some() { 0o700 } else { 0o755 };
    match DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    // The folder above is the supervisor's alone: nobody can have put a link there.
    owner.map_or(Ok(()), |uid| chown(path, Some(uid), None))
}

/// Removes what an earlier supervisor has left.
pub(super) fn clear(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_duration;

    #[test]
    fn a_worker_has_a_little_less_time_than_the_supervisor_gives_it() {
        let seconds = |text: &str| {
            let time = worker_timeout(parse_duration(text).unwrap());
            write_duration(time)
        };
        assert_eq!(seconds("5m"), "4m58s");
        assert_eq!(seconds("30s"), "28s");
        assert_eq!(seconds("10s"), "9s");
        assert_eq!(seconds("500ms"), "450ms");
        assert_eq!(worker_timeout(Duration::ZERO), Duration::ZERO);
    }
}
