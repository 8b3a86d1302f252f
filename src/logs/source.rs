//! A pipe that output comes out of, and how what came out of it so far stands.

use std::fs::File;
use std::sync::Arc;
use std::time::Instant;

use super::Destination;
use super::lines::{Missed, Splitter};
use super::turn::Turn;

/// One pipe.
pub(super) struct Source {
    /// Of one number in both threads: that is what a poller knows it by.
    pub(super) pipe: Arc<File>,
    pub(super) name: Arc<str>,
    pub(super) to: Destination,
    pub(super) sink: Sink,
}

pub(super) enum Sink {
    File {
        turn: Arc<Turn>,
        missed: Missed,
    },
    Terminal {
        lines: Splitter,
        missed: Missed,
        /// Since when it has held a line without an end.
        since: Option<Instant>,
    },
}

impl Sink {
    /// One for what goes there, with the beginning of a line that was read already.
    pub(super) fn new(to: &Destination, partial: &[u8]) -> Self {
        if let Destination::File(_) = to {
            return Self::File { turn: Arc::new(Turn::new()), missed: Missed::default() };
        }
        let mut lines = Splitter::default();
        lines.push(partial, |_| ());
        let since = lines.is_waiting().then(Instant::now);
        Self::Terminal { lines, missed: Missed::default(), since }
    }
}
