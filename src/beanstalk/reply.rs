//! What the server may say.

use bytes::Bytes;
use thiserror::Error;

use super::command::Verb;
use super::value::JobId;
use crate::names::Tube;

/// A job as the server hands it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its number on this server.
    pub id: JobId,
    /// The bytes that were put.
    pub body: Bytes,
}

/// One reply of the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The job was put.
    Inserted(JobId),
    /// The job was buried: asked for, or (with its id, after a put; without one, after a
    /// release) because the server had no memory to queue it.
    Buried(Option<JobId>),
    /// The tube now in use.
    Using(Tube),
    /// A job, now reserved by this connection.
    Reserved(Job),
    /// A job this connection holds has less than a second left, so it may not wait.
    DeadlineSoon,
    /// No job came in the time given.
    TimedOut,
    /// The job is gone.
    Deleted,
    /// The job was given back.
    Released,
    /// The job's time runs from now.
    Touched,
    /// How many tubes are reserved from.
    Watching(u64),
    /// The only tube watched stays watched.
    NotIgnored,
    /// A job that was looked at.
    Found(Job),
    /// No such job, tube, or reservation.
    NotFound,
    /// How many jobs were made ready; nothing after `kick-job`.
    Kicked(Option<u64>),
    /// Figures or a list, as YAML.
    Data(Bytes),
    /// The tube rests.
    Paused,
    /// The server will not do it.
    Refused(Refusal),
}

/// Why the server refuses a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum Refusal {
    /// `OUT_OF_MEMORY`: also when the binlog has no room.
    #[error("the server is out of memory or of binlog space (OUT_OF_MEMORY)")]
    OutOfMemory,
    /// `INTERNAL_ERROR`
    #[error("the server has an internal error (INTERNAL_ERROR)")]
    InternalError,
    /// `BAD_FORMAT`
    #[error("the server does not understand the command's arguments (BAD_FORMAT)")]
    BadFormat,
    /// `UNKNOWN_COMMAND`
    #[error("the server does not know the command, it may be too old (UNKNOWN_COMMAND)")]
    UnknownCommand,
    /// `EXPECTED_CRLF`
    #[error("the server saw no line end behind the job's body (EXPECTED_CRLF)")]
    ExpectedCrlf,
    /// `JOB_TOO_BIG`
    #[error("the job is larger than the server takes, see its option -z (JOB_TOO_BIG)")]
    JobTooBig,
    /// `DRAINING`
    #[error("the server is draining and takes no new jobs (DRAINING)")]
    Draining,
}

impl Refusal {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::OutOfMemory => "OUT_OF_MEMORY",
            Self::InternalError => "INTERNAL_ERROR",
            Self::BadFormat => "BAD_FORMAT",
            Self::UnknownCommand => "UNKNOWN_COMMAND",
            Self::ExpectedCrlf => "EXPECTED_CRLF",
            Self::JobTooBig => "JOB_TOO_BIG",
            Self::Draining => "DRAINING",
        }
    }

    /// Whether the server may have read the command other than it was meant, and so may
    /// take what follows, such as the body of a put, for commands.
    pub fn casts_doubt(self, asked: Verb) -> bool {
        match self {
            Self::BadFormat | Self::ExpectedCrlf => true,
            Self::UnknownCommand => asked == Verb::Put,
            Self::OutOfMemory | Self::InternalError | Self::JobTooBig | Self::Draining => false,
        }
    }

    fn answers(self, verb: Verb) -> bool {
        match self {
            Self::OutOfMemory | Self::InternalError | Self::BadFormat | Self::UnknownCommand => true,
            Self::ExpectedCrlf | Self::JobTooBig | Self::Draining => verb == Verb::Put,
        }
    }
}

impl Reply {
    /// The reply's first word on the wire.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Inserted(_) => "INSERTED",
            Self::Buried(_) => "BURIED",
            Self::Using(_) => "USING",
            Self::Reserved(_) => "RESERVED",
            Self::DeadlineSoon => "DEADLINE_SOON",
            Self::TimedOut => "TIMED_OUT",
            Self::Deleted => "DELETED",
            Self::Released => "RELEASED",
            Self::Touched => "TOUCHED",
            Self::Watching(_) => "WATCHING",
            Self::NotIgnored => "NOT_IGNORED",
            Self::Found(_) => "FOUND",
            Self::NotFound => "NOT_FOUND",
            Self::Kicked(_) => "KICKED",
            Self::Data(_) => "OK",
            Self::Paused => "PAUSED",
            Self::Refused(refusal) => refusal.word(),
        }
    }

    /// Whether this can be the answer to `verb`.
    pub fn answers(&self, verb: Verb) -> bool {
        use Verb as V;
        match self {
            Self::Inserted(_) | Self::Buried(Some(_)) => verb == V::Put,
            Self::Buried(None) => matches!(verb, V::Bury | V::Release),
            Self::Using(_) => matches!(verb, V::Use | V::ListTubeUsed),
            Self::Reserved(_) => matches!(verb, V::Reserve | V::ReserveWithTimeout | V::ReserveJob),
            Self::DeadlineSoon | Self::TimedOut => matches!(verb, V::Reserve | V::ReserveWithTimeout),
            Self::Deleted => verb == V::Delete,
            Self::Released => verb == V::Release,
            Self::Touched => verb == V::Touch,
            Self::Watching(_) => matches!(verb, V::Watch | V::Ignore),
            Self::NotIgnored => verb == V::Ignore,
            Self::Found(_) => matches!(verb, V::Peek | V::PeekReady | V::PeekDelayed | V::PeekBuried),
            Self::NotFound => matches!(
                verb,
                V::ReserveJob
                    | V::Delete
                    | V::Release
                    | V::Bury
                    | V::Touch
                    | V::Peek
                    | V::PeekReady
                    | V::PeekDelayed
                    | V::PeekBuried
                    | V::KickJob
                    | V::StatsJob
                    | V::StatsTube
                    | V::PauseTube
            ),
            Self::Kicked(Some(_)) => verb == V::Kick,
            Self::Kicked(None) => verb == V::KickJob,
            Self::Data(_) => {
                matches!(verb, V::Stats | V::StatsJob | V::StatsTube | V::ListTubes | V::ListTubesWatched)
            }
            Self::Paused => verb == V::PauseTube,
            Self::Refused(refusal) => refusal.answers(verb),
        }
    }
}
