//! Why a process did not start.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use thiserror::Error;

/// A reason the system gave, in its words: `No such file or directory`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SystemError(i32);

impl SystemError {
    /// By its number, such as `ENOENT`.
    pub fn from_raw(errno: i32) -> Self {
        Self(errno)
    }

    /// What the last call that failed in this thread left behind.
    pub(super) fn last() -> Self {
        Self(Errno::last_raw())
    }

    /// Its number.
    pub fn raw(self) -> i32 {
        self.0
    }
}

impl fmt::Display for SystemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&plain(&io::Error::from_raw_os_error(self.0)))
    }
}

/// An error in the system's words, without the number that Rust puts behind them:
/// `No such file or directory`.
pub fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error ").next().unwrap_or_default().to_owned()
}

impl std::error::Error for SystemError {}

impl From<Errno> for SystemError {
    fn from(errno: Errno) -> Self {
        Self(errno as i32)
    }
}

/// Why a process did not start, or why what was started never became the program.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SpawnError {
    /// No program is named.
    #[error("cannot run anything: the command is empty")]
    Empty,
    /// A text with a NUL byte cannot be handed over.
    #[error("cannot run {}: {} has a NUL byte in it", .program.display(), .what)]
    Nul {
        /// The program.
        program: PathBuf,
        /// An argument, a variable, the directory.
        what: String,
    },
    /// The system starts no further process: too many of them, no memory.
    #[error("cannot start another process: {0}")]
    Fork(SystemError),
    /// What the child had to become before it could run the program was refused.
    #[error("cannot run {}: {step}: {source}", .program.display())]
    Prepare {
        /// The program.
        program: PathBuf,
        /// What was refused: `cannot set its limit nofile`.
        step: String,
        /// The system's reason.
        source: SystemError,
    },
    /// It could not be entered.
    #[error("cannot run {}: cannot enter its directory {}: {source}", .program.display(), .directory.display())]
    Directory {
        /// The program.
        program: PathBuf,
        /// The directory.
        directory: PathBuf,
        /// The system's reason.
        source: SystemError,
    },
    /// A program without a slash in its name is in none of the directories of `PATH`.
    #[error("cannot run {}: it is in no directory of its PATH ({})", .program.display(), .path.display())]
    NotFound {
        /// The program.
        program: PathBuf,
        /// The directories that were tried.
        path: OsString,
    },
    /// The program was refused.
    #[error("cannot run {}: {source}{}", .program.display(), in_brackets(.hint.as_deref()))]
    Exec {
        /// The program, by the path that was tried.
        program: PathBuf,
        /// The system's reason.
        source: SystemError,
        /// What that means here, if a look at the file says more.
        hint: Option<String>,
    },
}

fn in_brackets(hint: Option<&str>) -> String {
    hint.map_or_else(String::new, |hint| format!(" ({hint})"))
}

/// What a look at the file adds to the reason that exec gave.
pub(super) fn explain(program: &Path, errno: i32) -> Option<String> {
    let found = std::fs::metadata(program).ok()?;
    let text = match errno {
        libc::EACCES if found.is_dir() => "it is a directory".to_owned(),
        libc::EACCES if found.permissions().mode() & 0o111 == 0 => "it is not executable".to_owned(),
        libc::ENOENT if found.is_file() => match first_line(program)?.strip_prefix("#!") {
            Some(rest) => {
                let interpreter = rest.split_whitespace().next()?;
                let ending = if rest.ends_with('\r') { ", and the line ends in CR LF" } else { "" };
                format!("it is there, but the interpreter in its first line, {interpreter}, is not{ending}")
            }
            None => "it is there, but the loader it was linked for is not".to_owned(),
        },
        libc::ENOEXEC => "it is no program for this machine, and its first line has no #!".to_owned(),
        _ => return None,
    };
    Some(text)
}

fn first_line(path: &Path) -> Option<String> {
    let mut head = Vec::new();
    // Whatever it is by now, opening it must not block.
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path).ok()?;
    file.take(256).read_to_end(&mut head).ok()?;
    let line = head.split(|&byte| byte == b'\n').next()?;
    Some(String::from_utf8_lossy(line).into_owned())
}
