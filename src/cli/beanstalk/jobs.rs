//! The jobs of a tube that are not reserved, as far as the server hands them out: it shows
//! the next of each state, and no more.

use clap::ValueEnum;

use crate::beanstalk::{Job, JobId, JobState, JobStatistics, TubeStatistics};
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

/// The figures of each job; `None` where it is gone.
pub(super) async fn statistics(
    client: &mut Client,
    ids: impl IntoIterator<Item = JobId>,
) -> Result<Vec<Option<JobStatistics>>, Error> {
    use crate::beanstalk::{Command, Reply, Verb};
    let mut found = Vec::new();
    let mut wrong = None;
    client
        .pipeline(ids.into_iter().map(Command::StatsJob), |_, reply| match reply {
            Reply::Data(data) => match JobStatistics::parse(&data) {
                Ok(job) => found.push(Some(job)),
                Err(error) => {
                    found.push(None);
                    wrong = Some(error);
                }
            },
            _ => found.push(None),
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
