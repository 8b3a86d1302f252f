//! What to run, and as what.

use std::ffi::OsString;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::sync::Arc;

use super::users::Identity;

/// One process to start. A child gets what stands here and nothing else: it inherits no descriptor, no
/// signal mask and no ignored signal.
#[derive(Debug, Clone)]
pub struct Command {
    /// The program and its arguments. A program without a slash is looked for in the
    /// `PATH` of `env`; a relative one with a slash is relative to `directory`.
    pub argv: Vec<OsString>,
    /// The whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// Its working directory.
    pub directory: PathBuf,
    /// Whom to become; `None`: it stays what the supervisor is, which it has to be if
    /// the supervisor is not root.
    pub identity: Option<Arc<Identity>>,
    /// Its file mode creation mask.
    pub umask: u32,
    /// Its niceness, -20 to 19; `None`: the supervisor's.
    pub nice: Option<i32>,
    /// Its resource limits; those that are not named are the ones the supervisor was
    /// started with.
    pub limits: Vec<(Resource, Limit)>,
    /// Send it SIGTERM when the supervisor dies. Not wanted under systemd, which ends
    /// the whole control group itself.
    pub die_with_parent: bool,
    /// A variable to be set to the child's own pid, as `WATCHDOG_PID` is; `env` must not have it.
    pub pid_variable: Option<&'static str>,
}

impl Command {
    /// A program with its arguments, in `/` and with an empty environment. What it becomes and what limits it
    /// has are the supervisor's.
    pub fn new<A: Into<OsString>>(argv: impl IntoIterator<Item = A>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            env: Vec::new(),
            directory: "/".into(),
            identity: None,
            umask: 0o022,
            nice: None,
            limits: Vec::new(),
            die_with_parent: false,
            pid_variable: None,
        }
    }
}

/// Where a child's output goes. Its stdin is `/dev/null`.
#[derive(Debug, Clone, Copy)]
pub struct Output<'fd> {
    /// Its descriptor 1.
    pub stdout: BorrowedFd<'fd>,
    /// Its descriptor 2.
    pub stderr: BorrowedFd<'fd>,
}

/// A limit of setrlimit(2); `None`: unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limit {
    /// What applies. The process may raise it up to `hard`.
    pub soft: Option<u64>,
    /// The most it may set for itself.
    pub hard: Option<u64>,
}

impl Limit {
    /// The same for both.
    pub fn both(value: Option<u64>) -> Self {
        Self { soft: value, hard: value }
    }
}

/// What a limit is on. Units are those of setrlimit(2): bytes, seconds, or a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Bytes of address space.
    As,
    /// Bytes of a core file.
    Core,
    /// Seconds of processor time.
    Cpu,
    /// Bytes of data segment.
    Data,
    /// Bytes of one file.
    Fsize,
    /// Bytes of locked memory.
    Memlock,
    /// Bytes of POSIX message queues.
    Msgqueue,
    /// 20 less the lowest niceness it may ask for.
    Nice,
    /// Descriptors.
    Nofile,
    /// Processes and threads of its user.
    Nproc,
    /// The highest real-time priority.
    Rtprio,
    /// Microseconds of real-time processor time without a blocking call.
    Rttime,
    /// Signals that are queued.
    Sigpending,
    /// Bytes of the main thread's stack.
    Stack,
}

impl Resource {
    /// Each of them with its name in a configuration.
    pub const ALL: [(Self, &'static str); 14] = [
        (Self::As, "as"),
        (Self::Core, "core"),
        (Self::Cpu, "cpu"),
        (Self::Data, "data"),
        (Self::Fsize, "fsize"),
        (Self::Memlock, "memlock"),
        (Self::Msgqueue, "msgqueue"),
        (Self::Nice, "nice"),
        (Self::Nofile, "nofile"),
        (Self::Nproc, "nproc"),
        (Self::Rtprio, "rtprio"),
        (Self::Rttime, "rttime"),
        (Self::Sigpending, "sigpending"),
        (Self::Stack, "stack"),
    ];

    /// The number setrlimit(2) knows it by.
    pub(super) fn raw(self) -> libc::__rlimit_resource_t {
        match self {
            Self::As => libc::RLIMIT_AS,
            Self::Core => libc::RLIMIT_CORE,
            Self::Cpu => libc::RLIMIT_CPU,
            Self::Data => libc::RLIMIT_DATA,
            Self::Fsize => libc::RLIMIT_FSIZE,
            Self::Memlock => libc::RLIMIT_MEMLOCK,
            Self::Msgqueue => libc::RLIMIT_MSGQUEUE,
            Self::Nice => libc::RLIMIT_NICE,
            Self::Nofile => libc::RLIMIT_NOFILE,
            Self::Nproc => libc::RLIMIT_NPROC,
            Self::Rtprio => libc::RLIMIT_RTPRIO,
            Self::Rttime => libc::RLIMIT_RTTIME,
            Self::Sigpending => libc::RLIMIT_SIGPENDING,
            Self::Stack => libc::RLIMIT_STACK,
        }
    }
}
