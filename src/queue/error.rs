//! What can go wrong with a server, and what is known afterwards.

use std::io;
use std::sync::Arc;

use thiserror::Error;

use crate::beanstalk::{Invalid, JobId, Malformed, Refusal, StatisticsError, Verb};
use crate::names::ServerAddress;

/// Why a call on a client failed.
#[derive(Debug, Clone, Error)]
pub enum Error {
    /// There was no connection and none could be made; nothing was sent.
    #[error("cannot reach beanstalkd at {server}: {source}")]
    Unreachable {
        /// Which server.
        server: ServerAddress,
        /// Why.
        source: Arc<io::Error>,
    },
    /// The connection broke before the reply came; the command may or may not have been
    /// carried out. Everything reserved on the connection is ready again.
    #[error("lost the connection to beanstalkd at {server} during `{}`: {source}", verb.word())]
    Lost {
        /// Which server.
        server: ServerAddress,
        /// What was under way.
        verb: Verb,
        /// Why.
        source: Arc<io::Error>,
    },
    /// The connection broke after a put had been sent and before its reply came. The job
    /// may be on the server or not: to put it again risks having it twice.
    #[error(
        "lost the connection to beanstalkd at {server} during a put, the job may be there or not: {source}"
    )]
    Uncertain {
        /// Which server.
        server: ServerAddress,
        /// Why.
        source: Arc<io::Error>,
    },
    /// What came is no reply, or none to this command. The connection was closed, with
    /// all that [`Error::Lost`] and [`Error::Uncertain`] say.
    #[error("{server} does not speak beanstalkd's protocol, the connection was closed: {source}")]
    Malformed {
        /// Which server.
        server: ServerAddress,
        /// What was under way.
        verb: Option<Verb>,
        /// What came.
        source: Malformed,
    },
    /// The figures that came are none.
    #[error("beanstalkd at {server} answered `{}` with something else: {source}", verb.word())]
    Statistics {
        /// Which server.
        server: ServerAddress,
        /// What was asked for.
        verb: Verb,
        /// What is wrong with them.
        source: StatisticsError,
    },
    /// The server said no. The job of a refused put is not there.
    #[error("beanstalkd at {server} refused `{}`: {refusal}", verb.word())]
    Refused {
        /// Which server.
        server: ServerAddress,
        /// What it refused.
        verb: Verb,
        /// Why.
        refusal: Refusal,
    },
    /// The server had no memory to queue the job that was put or released. It is kept,
    /// but buried.
    #[error("beanstalkd at {server} was out of memory and buried the job{}", job.map_or(String::new(), |id| format!(" {id}")))]
    Buried {
        /// Which server.
        server: ServerAddress,
        /// The job that was put.
        job: Option<JobId>,
    },
    /// There is no such job, tube, or reservation of this connection.
    #[error("beanstalkd at {server} found nothing to `{}`", verb.word())]
    NotFound {
        /// Which server.
        server: ServerAddress,
        /// What it was to do.
        verb: Verb,
    },
    /// The only tube that is watched cannot be ignored.
    #[error("the only tube that is watched cannot be ignored")]
    NotIgnored,
    /// There is no server to ask.
    #[error("no beanstalkd is configured")]
    NoServer,
    /// The command cannot be sent; nothing was.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A reserve whose future was dropped is still under way on the connection. Reserve
    /// again to get what it brings, or disconnect to give it up.
    #[error("a reserve is still under way on the connection to beanstalkd at {0}")]
    Reserving(ServerAddress),
}

impl Error {
    /// Whether the client has no connection now and the next call will try to make one.
    pub fn is_disconnected(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::Lost { .. }
            | Self::Uncertain { .. }
            | Self::Malformed { .. } => true,
            Self::Refused { verb, refusal, .. } => refusal.casts_doubt(*verb),
            _ => false,
        }
    }

    /// Whether a put that failed so is known not to be on the server.
    pub fn is_certain(&self) -> bool {
        !matches!(
            self,
            Self::Uncertain { .. } | Self::Malformed { .. } | Self::Lost { .. } | Self::Buried { .. }
        )
    }
}

/// How far a pipeline came before it ended early.
#[derive(Debug, Clone, Error)]
#[error("{error} ({answered} answered, {uncertain} without an answer)")]
pub struct Broken {
    /// How many commands, from the first on, were answered; their replies were handed on.
    pub answered: u64,
    /// How many after them were sent whole: they may have been carried out or not. Those
    /// that follow were not.
    pub uncertain: u64,
    /// Why.
    #[source]
    pub error: Error,
}
