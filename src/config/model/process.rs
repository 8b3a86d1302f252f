//! What a daemon's process is: all that can only change by replacing it.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::Template;

/// A program and its arguments; never empty.
///
/// The program may be absolute, relative to the process's directory (with a `/` in
/// it), or a bare name to be found in `PATH`.
pub type Command = Arc<[Template]>;

/// The configured part of a process's environment.
pub type Environment = BTreeMap<Arc<str>, Template>;

/// What a process is. A change of any of it replaces the process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// `command`.
    pub command: Command,
    /// `user` and `group`.
    pub account: Arc<Account>,
    /// `directory`: where it runs; absolute once rendered.
    pub directory: Template,
    /// `umask`: 0 to 0o777.
    pub umask: u16,
    /// `env`.
    pub env: Arc<Environment>,
    /// `env_file`: `NAME=VALUE` lines, read when a release starts; `env` wins over it.
    pub env_file: Option<Template>,
    /// `nice`: -20 to 19.
    pub nice: i8,
    /// `limits`.
    pub limits: Arc<Limits>,
    /// `watchdog`: it has to ping at least this often. Here, because the process is
    /// told at its start (`WATCHDOG_USEC`) and could not learn of a change.
    pub watchdog: Option<Duration>,
    /// `log`: where its stdout and stderr go.
    pub log: LogTarget,
}

/// By its command, which is what tells one from another: to hash all of it was a tenth of the
/// time it takes to read a configuration.
impl Hash for Process {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.command.hash(state);
    }
}

/// Who a process runs as. Supplementary groups are looked up when it starts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Account {
    /// The user's name.
    pub user: Arc<str>,
    /// The user's number.
    pub uid: u32,
    /// The name of the group: `group`, else the user's own.
    pub group: Arc<str>,
    /// The group's number.
    pub gid: u32,
    /// The user's home.
    pub home: PathBuf,
    /// The user's shell.
    pub shell: PathBuf,
}

/// `limits`: `None` leaves what the supervisor itself was started with.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Limits {
    /// `nofile`: open files (`RLIMIT_NOFILE`).
    pub nofile: Option<Bound>,
    /// `nproc`: processes of its user (`RLIMIT_NPROC`).
    pub nproc: Option<Bound>,
    /// `core`: size of a core dump in bytes (`RLIMIT_CORE`).
    pub core: Option<Bound>,
    /// `stack`: size of the stack in bytes (`RLIMIT_STACK`).
    pub stack: Option<Bound>,
    /// `fsize`: size of a file it writes, in bytes (`RLIMIT_FSIZE`).
    pub fsize: Option<Bound>,
    /// `memlock`: locked memory in bytes (`RLIMIT_MEMLOCK`).
    pub memlock: Option<Bound>,
    /// `memory`: of the whole instance, in bytes (its cgroup's `memory.max`).
    pub memory: Option<Bound>,
    /// `cpu`: of the whole instance (its cgroup's `cpu.max`).
    pub cpu: Option<CpuShare>,
}

/// The value of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Bound {
    /// At most this many, of the limit's unit.
    At(u64),
    /// `unlimited`.
    Unlimited,
}

/// Processor time: per cent of one core; 150 is one and a half cores. At least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CpuShare(pub u32);

/// `log`: where stdout and stderr go.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LogTarget {
    /// A journal stream of its own; where there is no journal, the terminal.
    Journal,
    /// Nowhere.
    Null,
    /// A file that is rotated.
    File {
        /// `file`: absolute once rendered; different for every instance.
        path: Template,
        /// `max_size`: rotated when it has grown to this many bytes.
        max_size: u64,
        /// `keep`: how many rotated files are kept beside it.
        keep: u32,
    },
}
