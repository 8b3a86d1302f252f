//! What the queue's errors mean to whoever called the tool.

use crate::cli::exit::{Error, Exit};
use crate::queue;

/// The error to report, with its exit code.
pub(super) fn fault(error: &queue::Error) -> Error {
    let exit = match error {
        queue::Error::Unreachable { .. }
        | queue::Error::Lost { .. }
        | queue::Error::Uncertain { .. }
        | queue::Error::Malformed { .. }
        | queue::Error::Statistics { .. } => Exit::Unavailable,
        queue::Error::Invalid(_) | queue::Error::NoServer => Exit::Usage,
        queue::Error::Refused { .. }
        | queue::Error::Buried { .. }
        | queue::Error::NotFound { .. }
        | queue::Error::NotIgnored
        | queue::Error::Reserving(_) => Exit::Failed,
    };
    Error::new(exit, error.to_string())
}

/// The same for a pipeline that ended early.
pub(super) fn broken(broken: &queue::Broken) -> Error {
    fault(&broken.error)
}
