//! What is to run: one entry for each process.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::{Daemon, ServerAddress};
use crate::names::{InstanceId, Tube, Version};

/// Everything that is to run, by name.
pub type Wanted = BTreeMap<InstanceId, Arc<InstanceSpec>>;

/// The variables of an `env_file`, as read.
pub type EnvFile = BTreeMap<Arc<str>, Arc<str>>;

/// The code an application's processes run: what a deploy changes. One for all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The application's version; `None` while there is none to be found.
    pub version: Option<Version>,
    /// Its path, symlinks resolved; as configured while it is not there.
    pub path: PathBuf,
    /// Its tube; `None` as long as that needs a version nobody knows.
    pub tube: Option<Tube>,
    /// Where its queue is.
    pub beanstalk: Arc<[ServerAddress]>,
}

/// One process that is to run.
///
/// Equality is what a reload goes by. Two that are not equal may still be the same process,
/// only supervised in another way: see [`same_process`](Self::same_process).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceSpec {
    /// Its name.
    pub id: InstanceId,
    /// Its daemon, shared with the others of it. How many there are (`count`) means nothing here.
    pub daemon: Arc<Daemon>,
    /// The code it runs, shared with the others of its application.
    pub release: Arc<Release>,
    /// What its `env_file` holds; `None` if it has none.
    pub env_file: Option<Arc<EnvFile>>,
    /// Why it cannot be started now: no version was found, its path is not there. A process that
    /// runs already goes on.
    pub blocked: Option<Arc<str>>,
}

impl InstanceSpec {
    /// Whether a process of the one is a process of the other, too: nothing differs except how it is supervised.
    pub fn same_process(&self, other: &Self) -> bool {
        let daemon = Arc::ptr_eq(&self.daemon, &other.daemon)
            || self.daemon.kind == other.daemon.kind && same(&self.daemon.process, &other.daemon.process);
        daemon && same(&self.release, &other.release) && self.env_file == other.env_file
    }

    /// Whether nothing differs at all, except how many instances the daemon has.
    pub fn same(&self, other: &Self) -> bool {
        self.same_process(other)
            && same(&self.daemon.policy, &other.daemon.policy)
            && self.blocked == other.blocked
    }
}

/// Equality that looks at the address first: after a reload most is the same allocation.
pub(super) fn same<T: PartialEq>(a: &Arc<T>, b: &Arc<T>) -> bool {
    Arc::ptr_eq(a, b) || a == b
}
