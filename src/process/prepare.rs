//! Everything a child needs, laid out before there is a child.
//!
//! After the fork the child may neither allocate nor look anything up: what it does
//! is system calls with what stands here.

use std::ffi::{OsStr, OsString, c_char};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::command::{Command, Output, Resource};
use super::error::SpawnError;
use super::own;
use super::users::Identity;

/// Where a program without a slash is looked for if there is no `PATH`.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// What the child works from. Its texts lie NUL-terminated in one piece.
#[derive(Debug)]
pub(super) struct Prepared {
    texts: Vec<u8>,
    /// Pointers into `texts`, and `pid_variable`, a null pointer at the end.
    argv: Vec<*const c_char>,
    envp: Vec<*const c_char>,
    /// The paths to try in turn.
    programs: Vec<*const c_char>,
    directory: *const c_char,
    pid_variable: Option<PidVariable>,
    pub(super) limits: Vec<(Resource, libc::rlimit64)>,
    pub(super) identity: Option<Arc<Identity>>,
    pub(super) umask: u32,
    pub(super) nice: Option<i32>,
    /// The process the child has to be a child of, if it is to die with it.
    pub(super) parent: Option<i32>,
    /// Whether its `oom_score_adj` has to be set back to 0.
    pub(super) reset_oom: bool,
    pub(super) fds: Fds,
}

/// The descriptors of the supervisor that a child starts from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fds {
    pub(super) null: RawFd,
    pub(super) stdout: RawFd,
    pub(super) stderr: RawFd,
    /// Written to when something goes wrong; closed by a successful exec.
    pub(super) status: RawFd,
    /// The `cgroup.procs` to enter, for a kernel that cannot do so in clone.
    pub(super) cgroup: Option<RawFd>,
    /// The highest descriptor that is open, where they cannot be closed by the range.
    pub(super) highest: RawFd,
    /// The child shares the supervisor's descriptors until it has a copy of its own, of those
    /// up to this number. `None`: it has one from the start.
    pub(super) shared_above: Option<RawFd>,
}

/// `NAME=` with room for the number that only the child knows; `envp` points to it, too.
#[derive(Debug)]
struct PidVariable {
    /// Ends in more NUL bytes than a number has digits.
    text: Box<[AtomicU8]>,
    /// Where the number begins.
    number: usize,
}

impl PidVariable {
    fn new(name: &str) -> Self {
        let text = name.bytes().chain([b'=']).chain([0; 11]).map(AtomicU8::new).collect();
        Self { text, number: name.len() + 1 }
    }

    /// Allocates nothing and cannot panic: this is for the child.
    fn set(&self, pid: u32) {
        let mut power = 1;
        while pid / power > 9 {
            power *= 10;
        }
        for place in self.text.iter().skip(self.number) {
            let digit = u8::try_from(pid / power % 10).unwrap_or_default();
            place.store(b'0' + digit, Ordering::Relaxed);
            power /= 10;
            if power == 0 {
                break;
            }
        }
    }
}

/// Texts one after another, and where each begins.
struct Texts {
    bytes: Vec<u8>,
}

impl Texts {
    fn push(&mut self, parts: &[&[u8]], what: impl FnOnce() -> SpawnError) -> Result<usize, SpawnError> {
        let start = self.bytes.len();
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        if self.bytes.iter().skip(start).any(|&byte| byte == 0) {
            return Err(what());
        }
        self.bytes.push(0);
        Ok(start)
    }
}

// SAFETY: its pointers point into `texts`, which it owns and which nobody writes to, and
// into `pid_variable`, which it owns and whose bytes are atomic.
unsafe impl Send for Prepared {}

impl Prepared {
    pub(super) fn new(
        command: &Command,
        output: Output<'_>,
        status: BorrowedFd<'_>,
    ) -> Result<Self, SpawnError> {
        let program = command.argv.first().filter(|program| !program.is_empty()).ok_or(SpawnError::Empty)?;
        let nul = |what: String| SpawnError::Nul { program: PathBuf::from(program), what };
        let mut texts = Texts { bytes: Vec::with_capacity(4096) };

        let mut argv = Vec::with_capacity(command.argv.len() + 1);
        for (n, argument) in command.argv.iter().enumerate() {
            argv.push(texts.push(&[argument.as_bytes()], || nul(format!("argument {n}")))?);
        }
        let mut envp = Vec::with_capacity(command.env.len() + 1);
        for (name, value) in &command.env {
            let parts = [name.as_bytes(), b"=", value.as_bytes()];
            envp.push(texts.push(&parts, || nul(format!("the variable {}", name.display())))?);
        }
        let mut programs = Vec::new();
        if program.as_bytes().contains(&b'/') {
            programs.extend(argv.first().copied());
        } else {
            for directory in search_path(command).as_bytes().split(|&byte| byte == b':') {
                // An empty entry would be the working directory: not for a daemon.
                if !directory.is_empty() {
                    let parts = [directory, b"/", program.as_bytes()];
                    programs.push(texts.push(&parts, || nul("its PATH".to_owned()))?);
                }
            }
        }
        let directory =
            texts.push(&[command.directory.as_os_str().as_bytes()], || nul("its directory".to_owned()))?;

        let texts = texts.bytes;
        // From here on `texts` does not grow, so its bytes stay where they are.
        let at = |start: usize| texts.as_ptr().wrapping_add(start).cast::<c_char>();
        let pointers = |starts: &[usize]| -> Vec<*const c_char> {
            starts.iter().map(|&start| at(start)).chain([std::ptr::null()]).collect()
        };
        let (argv, mut envp, programs) = (pointers(&argv), pointers(&envp), pointers(&programs));
        let pid_variable = command.pid_variable.map(PidVariable::new);
        if let Some(variable) = &pid_variable {
            envp.insert(0, variable.text.as_ptr().cast::<c_char>());
        }
        let directory = at(directory);
        Ok(Self {
            argv,
            envp,
            programs,
            directory,
            pid_variable,
            texts,
            limits: own::limits_for_child(&command.limits),
            identity: command.identity.clone(),
            umask: command.umask,
            nice: command.nice,
            parent: command.die_with_parent.then(own::pid),
            reset_oom: own::is_hard_to_kill(),
            fds: Fds {
                null: own::dev_null().map_err(SpawnError::Fork)?.as_raw_fd(),
                stdout: output.stdout.as_raw_fd(),
                stderr: output.stderr.as_raw_fd(),
                status: status.as_raw_fd(),
                cgroup: None,
                highest: own::highest_descriptor(),
                shared_above: None,
            },
        })
    }

    /// For execve(2).
    pub(super) fn argv(&self) -> *const *const c_char {
        self.argv.as_ptr()
    }

    /// For execve(2).
    pub(super) fn envp(&self) -> *const *const c_char {
        self.envp.as_ptr()
    }

    /// The paths to try in turn, without the null pointer at the end.
    pub(super) fn programs(&self) -> &[*const c_char] {
        self.programs.split_last().map_or(&[], |(_, programs)| programs)
    }

    /// Tells the child its own number, in the variable that is for that. Only the child
    /// calls it: it neither allocates nor can it panic.
    pub(super) fn set_pid(&self, pid: u32) {
        if let Some(variable) = &self.pid_variable {
            variable.set(pid);
        }
    }

    /// For chdir(2).
    pub(super) fn directory(&self) -> *const c_char {
        self.directory
    }

    /// The text that one of the pointers points to.
    pub(super) fn text(&self, pointer: *const c_char) -> &OsStr {
        let start = (pointer as usize).wrapping_sub(self.texts.as_ptr() as usize);
        let text = self.texts.get(start..).unwrap_or_default();
        OsStr::from_bytes(text.split(|&byte| byte == 0).next().unwrap_or_default())
    }

    /// What was asked for, as it was written.
    pub(super) fn program(&self) -> PathBuf {
        self.argv.first().map_or_else(PathBuf::new, |&argument| PathBuf::from(self.text(argument)))
    }

    /// The path that was tried, from where the supervisor stands.
    pub(super) fn tried(&self, n: usize) -> Option<PathBuf> {
        let program = Path::new(self.text(*self.programs().get(n)?));
        Some(Path::new(self.text(self.directory)).join(program))
    }

    /// The directories a bare name was looked for in.
    pub(super) fn searched(&self) -> OsString {
        let mut path = Vec::new();
        for &program in self.programs() {
            let directory = Path::new(self.text(program)).parent().unwrap_or(Path::new(""));
            if !path.is_empty() {
                path.push(b':');
            }
            path.extend_from_slice(directory.as_os_str().as_bytes());
        }
        OsString::from_vec(path)
    }

    /// Whether the program was a bare name.
    pub(super) fn was_searched(&self) -> bool {
        !self.program().as_os_str().as_bytes().contains(&b'/')
    }
}

fn search_path(command: &Command) -> &OsStr {
    let path = command.env.iter().find(|(name, _)| name == "PATH");
    path.map_or(OsStr::new(DEFAULT_PATH), |(_, value)| value)
}
