//! The jobs of a tube that are not reserved, as far as the server hands them out: it shows
//! the next of each state, and no more.

use clap::ValueEnum;

use crate::beanstalk::{JobState, TubeStatistics};

/// A state in which nobody has the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum State {
    /// A worker may have it now
    Ready,
    /// It waits for its time
    Delayed,
    /// It was set aside until somebody kicks it
    Buried,
}

impl State {
    /// Its word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Delayed => "delayed",
            Self::Buried => "buried",
        }
    }

    /// How many jobs of the tube are in it.
    pub(super) fn count(self, tube: &TubeStatistics) -> u64 {
        match self {
            Self::Ready => tube.ready,
            Self::Delayed => tube.delayed,
            Self::Buried => tube.buried,
        }
    }
}

impl From<State> for JobState {
    fn from(state: State) -> Self {
        match state {
            State::Ready => Self::Ready,
            State::Delayed => Self::Delayed,
            State::Buried => Self::Buried,
        }
    }
}
