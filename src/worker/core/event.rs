//! What a worker hears, and what it wants done.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::job::{Content, Facts, Job};
use crate::ayl::{Cause, Handler, Outcome, Verdict};
use crate::beanstalk::{JobId, Priority};

/// What happened, told by the shell.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The queue is connected and watches the tube.
    QueueUp,
    /// The connection is gone, and with it the question that was open.
    QueueDown {
        /// Whether the queue may have heard that question.
        heard: bool,
    },
    /// One of several servers went away, or is back. Which, and why, is the shell's to say: the
    /// worker is shown anew.
    Servers,
    /// The answer to the open [`Ask`].
    Answer(Answer),
    /// The server of a job that was owed is back.
    Repaid {
        /// Which.
        job: Box<Job>,
        /// What was done with it; `None`: it was not there, or another's.
        verdict: Option<Verdict>,
    },
    /// The executor has booted the application.
    Booted,
    /// It could not, or died over it: what it says, with its backtrace.
    BootFailed(String),
    /// The executor has run the job.
    Ran {
        /// How it ended.
        outcome: Outcome,
        /// What it says of an error: class, message, backtrace.
        failure: Option<Failure>,
        /// The executor's memory, in bytes, if it said.
        memory: Option<u64>,
    },
    /// The executor cannot be given the job, and has got nothing of it: why it never can.
    Refused(Cause),
    /// The executor has told the application's mailer.
    Reported,
    /// The executor is dead.
    Died {
        /// `was killed by SIGSEGV`, `exited with status 3`.
        how: String,
        /// The last of what it wrote to its standard error.
        stderr: String,
    },
    /// SIGTERM: finish what is held, take nothing new, leave. The second time, a moment
    /// later: at once.
    Terminate,
    /// A deadline has come.
    Tick,
}

/// What the queue is asked. One question at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// The next job, for as long as it takes.
    Reserve,
    /// The job's statistics.
    Facts(JobId),
    /// That the reservation begins anew.
    Touch(JobId),
    /// That the job is deleted, buried or released.
    Settle {
        /// Which.
        id: JobId,
        /// What is done with it.
        verdict: Verdict,
        /// The priority it keeps.
        priority: Priority,
        /// Whether the next job is asked for in the same breath; then the answer is
        /// followed by one to [`Ask::Reserve`].
        reserve: bool,
    },
    /// That exact job again, if nobody else has it.
    Regain(JobId),
}

/// What the queue answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// A job, to [`Ask::Reserve`].
    Reserved {
        /// Its number.
        id: JobId,
        /// Its bytes.
        body: Bytes,
        /// What they turned out to be.
        content: Content,
    },
    /// No job this time, to [`Ask::Reserve`].
    Nothing,
    /// To [`Ask::Facts`]; `None`: there is no such job.
    Facts(Option<Facts>),
    /// Whether it was there: to [`Ask::Touch`], [`Ask::Settle`] and [`Ask::Regain`].
    Found(bool),
}

/// An error as the executor tells it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Failure {
    /// The class of the exception.
    #[serde(default)]
    pub class: String,
    /// Its message.
    #[serde(default)]
    pub message: String,
    /// Where it was raised, innermost first.
    #[serde(default)]
    pub backtrace: Vec<String>,
}

/// What the shell has to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Ask the queue.
    Ask(Ask),
    /// Give the open question up and close the connection: whatever `reserve` may just have brought
    /// goes back, and its answer, if that is on its way, is nobody's. The next question connects again.
    Disconnect,
    /// See to it that the job is settled when its server is back, and go on with the others.
    Owe {
        /// Which, judged.
        job: Box<Job>,
        /// The handler of messages that name none.
        handler: Handler,
    },
    /// Start an executor and boot the application in it.
    StartExecutor,
    /// Ask it to leave.
    StopExecutor,
    /// Kill it.
    KillExecutor,
    /// Have it run the job.
    Run(JobId),
    /// Have it tell the application's mailer.
    Report(Report),
    /// Write that a job was settled, and why.
    Settled {
        /// Which.
        id: JobId,
        /// What was done.
        verdict: Verdict,
        /// What the executor said of its error.
        failure: Option<Failure>,
        /// How the executor died, if it did, with the last of its standard error.
        death: Option<(String, String)>,
    },
    /// Write that the job was lost to another worker, which may have run it as well.
    Lost(JobId),
    /// Show what the worker does now.
    Show(Doing),
    /// Leave with that status, and that reason if it is an error.
    Exit(u8, Option<String>),
}

/// What a worker does, for `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// It waits for the queue.
    NoQueue,
    /// It waits for the application to boot.
    Booting,
    /// It waits for a job.
    Idle,
    /// It runs one.
    Running(JobId),
    /// It is about to leave.
    Leaving,
}

/// What the application's mailer is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The job.
    pub id: JobId,
    /// What was done with it.
    pub verdict: Verdict,
    /// The error, if there was one.
    pub failure: Option<Failure>,
    /// The job's code, if it was a message.
    pub code: Option<String>,
}

impl Report {
    /// Whether the old worker told the application's mailer of such a verdict.
    pub(super) fn is_due(verdict: &Verdict) -> bool {
        match verdict {
            Verdict::Delete(cause) | Verdict::Bury(cause) => {
                cause.is_failure() && *cause != Cause::AskedToBury
            }
            Verdict::Release { .. } => false,
        }
    }
}
