//! The jobs of a tube that are not reserved, as far as the server hands them out: it shows
//! the next of each state, and no more.

use clap::ValueEnum;

use crate::beanstalk::{Command, Job, JobBrief, JobId, JobState, Priority, Reply, Ttr, TubeStatistics, Verb};
use crate::queue::{Client, Error};

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

    /// Whether it is this state.
    pub(super) fn is(self, state: JobState) -> bool {
        matches!(
            (self, state),
            (Self::Ready, JobState::Ready)
                | (Self::Delayed, JobState::Delayed)
                | (Self::Buried, JobState::Buried)
        )
    }
}

/// The next job of the tube in use that is in `state`.
pub(super) async fn peek(client: &mut Client, state: State) -> Result<Option<Job>, Error> {
    match state {
        State::Ready => client.peek_ready().await,
        State::Delayed => client.peek_delayed().await,
        State::Buried => client.peek_buried().await,
    }
}

/// How a job was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) id: JobId,
    pub(super) priority: Priority,
    pub(super) ttr: Ttr,
}

/// How each job was put; `None` where it is gone.
pub(super) async fn terms(
    client: &mut Client,
    ids: impl IntoIterator<Item = JobId>,
) -> Result<Vec<Option<Terms>>, Error> {
    let mut found = Vec::new();
    let mut wrong = None;
    client
        .pipeline(ids.into_iter().map(Command::StatsJob), |_, reply| {
            let brief = match &reply {
                Reply::Data(data) => JobBrief::parse(data).map_err(|error| wrong = Some(error)).ok(),
                _ => None,
            };
            found.push(brief.map(|job| Terms { id: job.id, priority: job.priority, ttr: job.ttr }));
        })
        .await
        .map_err(|broken| broken.error)?;
    match wrong {
        None => Ok(found),
        Some(source) => {
            Err(Error::Statistics { server: client.server().clone(), verb: Verb::StatsJob, source })
        }
    }
}
