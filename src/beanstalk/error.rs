//! What cannot be sent, and what cannot have been a reply.

use thiserror::Error;

use super::command::Verb;

/// Why a command is not sent: the server would not understand it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Invalid {
    /// More than the protocol can count.
    #[error("the job's body is {length} bytes long, at most {max}")]
    Body {
        /// How long it is, in bytes.
        length: usize,
        /// How long it may be.
        max: usize,
    },
    /// More seconds than the server takes.
    #[error("a reserve may wait {max} seconds at most, not {seconds}")]
    Timeout {
        /// How long it was to wait.
        seconds: u32,
        /// How long it may.
        max: u32,
    },
}

/// Why the bytes that came are not a reply of beanstalkd to what was asked. Nothing
/// after them can be trusted: the connection is to be closed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Malformed {
    /// No line end where the longest reply would long have had one.
    #[error("the reply has no line end within {max} bytes: {start}")]
    Line {
        /// How it begins, escaped.
        start: String,
        /// The longest line, in bytes.
        max: usize,
    },
    /// Not a reply of the protocol.
    #[error("not a reply of beanstalkd: {line}")]
    Unknown {
        /// The line, escaped.
        line: String,
    },
    /// A number that is none, is negative, or is too large.
    #[error("the reply has {word} where a number belongs: {line}")]
    Number {
        /// What stands there, escaped.
        word: String,
        /// The line, escaped.
        line: String,
    },
    /// A body larger than this client takes.
    #[error("the reply announces a body of {length} bytes, at most {max} are taken: {line}")]
    Body {
        /// The length announced, in bytes.
        length: u64,
        /// The longest taken.
        max: usize,
        /// The line, escaped.
        line: String,
    },
    /// A body that does not end with a line end.
    #[error("the reply's body is not followed by a line end but by {found}")]
    BodyEnd {
        /// The two bytes that are, escaped.
        found: String,
    },
    /// A reply of the protocol, but not to this command.
    #[error("{reply} is no reply to `{}`", asked.word())]
    Mismatch {
        /// What was asked.
        asked: Verb,
        /// The reply's first word.
        reply: &'static str,
    },
    /// The end of a reserve that should have gone on: its time is not over, and nothing is reserved that
    /// would be about to run out of its own.
    #[error("{reply} ended a `{}` before its time", asked.word())]
    Early {
        /// What was asked.
        asked: Verb,
        /// The reply's first word.
        reply: &'static str,
    },
    /// A reply though nothing was asked.
    #[error("{reply} came though nothing had been asked")]
    Unasked {
        /// The reply's first word.
        reply: &'static str,
    },
}

/// Foreign bytes as text for an error: quoted, escaped and cut at 80 bytes.
pub(super) fn shown(bytes: &[u8]) -> String {
    const LONGEST: usize = 80;
    let cut = &bytes[..bytes.len().min(LONGEST)];
    let dots = if bytes.len() > LONGEST { "…" } else { "" };
    format!("\"{}\"{dots}", cut.escape_ascii())
}
