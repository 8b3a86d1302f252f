//! What a program says with its exit code (sysexits), and the errors that lead there.

use std::io;
use std::process::ExitCode;

use thiserror::Error;

use crate::control::client::ClientError;
use crate::control::messages::{FailureKind, Refusal};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// As asked.
    Success = 0,
    /// The thing asked for failed.
    Failed = 1,
    /// The command line is wrong.
    Usage = 64,
    /// No such file, no such instance.
    NoInput = 66,
    /// The supervisor is not running, or another version.
    Unavailable = 69,
    /// A file or a lock could not be made: already running.
    CannotCreate = 73,
    /// Reading or writing failed.
    Io = 74,
    /// Timed out waiting.
    TimedOut = 75,
    /// Not permitted.
    NotPermitted = 77,
    /// The configuration is not valid.
    Configuration = 78,
    /// The operator pressed Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command failed.
#[derive(Debug, Error)]
pub enum Error {
    /// The supervisor could not be asked, or refused.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The supervisor tried and failed.
    #[error("{what} failed{}", below(text))]
    Failed {
        /// In which way.
        kind: FailureKind,
        /// What was tried: `the restart`.
        what: String,
        /// What it says.
        text: String,
    },
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    /// Another program that is needed does not start.
    #[error("cannot run {program}: {source}")]
    Program {
        /// Its name.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// Anything that has its own words and its own exit code.
    #[error("{text}")]
    Other {
        /// What to tell the operator.
        text: String,
        /// How the program ends.
        exit: Exit,
    },
}

/// One line goes on in the same, more stand below.
fn below(text: &str) -> String {
    let text = text.trim_end();
    if text.contains('\n') { format!(":\n    {}", text.replace('\n', "\n    ")) } else { format!(": {text}") }
}

impl Error {
    /// An error of these words, with this exit code.
    pub fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self::Other { text: text.into(), exit }
    }

    /// How the program ends.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Client(error) => match error {
                ClientError::NotRunning { .. } | ClientError::Protocol { .. } | ClientError::Ended => {
                    Exit::Unavailable
                }
                ClientError::NotPermitted(_) => Exit::NotPermitted,
                ClientError::Silent { .. } => Exit::TimedOut,
                ClientError::Foreign { .. } | ClientError::Io { .. } => Exit::Io,
                ClientError::Refused(refusal) => match refusal {
                    Refusal::Stranger { .. } | Refusal::NotPermitted { .. } => Exit::NotPermitted,
                    Refusal::Nothing { .. } => Exit::NoInput,
                    Refusal::Busy { .. } => Exit::TimedOut,
                    Refusal::Unknown { .. } | Refusal::Leaving => Exit::Unavailable,
                    Refusal::Malformed { .. } => Exit::Io,
                },
            },
            Self::Failed { kind: FailureKind::Configuration, .. } => Exit::Configuration,
            Self::Failed { kind: FailureKind::Instances | FailureKind::Other, .. } => Exit::Failed,
            Self::Output(_) => Exit::Io,
            Self::Program { .. } => Exit::Unavailable,
            Self::Other { exit, .. } => *exit,
        }
    }

    /// Whoever read the output has seen enough, as in `… | head`: nothing to report.
    pub(super) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
