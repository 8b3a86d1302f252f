//! What becomes of a job, as one table.
//!
//! ```text
//!   outcome of the run        handler   reserves      verdict
//!   ───────────────────────────────────────────────────────────────────────────────
//!   returned                  any       any           delete
//!   raised, overran           delete    any           delete
//!                             bury      any           bury
//!                             decay     < count       release after the handler's delay
//!                                       >= count      bury
//!   asked to decay(d)         any       any           release after d
//!   asked to decay(nil)       any       any           release after the handler's delay, >= 1 s
//!   asked to bury             any       any           bury
//!   exit(n)                   any       any           delete (then the worker exits n)
//!   executor died, deaths < 3 any       any           release after 7 s, 13 s
//!                 deaths >= 3 any       any           bury
//!   worker has to stop        any       any           release at once, unpunished
//!   body unreadable           -         -             bury
//!   signature refused         -         -             bury
//!   too large for an executor -         -             bury
//! ```

use std::fmt;

use super::{Handler, Unreadable, Untrusted};

/// A job whose executor died this often is buried.
pub const MAX_DEATHS: u32 = 3;

/// The delay, in seconds, with which a job is released after its executor died for the
/// `deaths`th time.
///
/// It grows, and it is also the memory of the queue: beanstalkd keeps the delay of the
/// last release, through restarts too, and nothing else that a worker could write to.
/// Primes, so that a delay some application asks for is rarely taken for one of ours.
pub fn death_delay(deaths: u32) -> u32 {
    DEATH_DELAYS[(deaths.max(1) as usize - 1).min(DEATH_DELAYS.len() - 1)]
}

/// How many executors have died over a job whose last release had this delay.
pub fn deaths_before(delay: u32) -> u32 {
    DEATH_DELAYS.iter().zip(1..).find(|&(&known, _)| known == delay).map_or(0, |(_, deaths)| deaths)
}

const DEATH_DELAYS: [u32; MAX_DEATHS as usize - 1] = [7, 13];

/// How a run of a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The code returned.
    Returned,
    /// It raised, could not be parsed, or ran out of stack.
    Raised,
    /// It ran longer than it may, and the executor was killed for it.
    Overran,
    /// It raised `RequiresJobDecay`, with a delay in seconds or nil.
    Decay(Option<u32>),
    /// It raised `RequiresJobBury`.
    Bury,
    /// It called `exit`.
    Exited(i32),
    /// The executor went away under it: `exit!`, a signal, out of memory.
    Died,
    /// The worker had to stop and killed the executor; the job is not to blame.
    Stopped,
}

/// How often a job has been tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tries {
    /// `reserves` of beanstalkd, this run included.
    pub reserves: u32,
    /// How many of them ended with the executor's death, this run included.
    pub deaths: u32,
}

/// What is done with a job, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is deleted. If it failed, its whole body goes to the journal first.
    Delete(Cause),
    /// It is buried, with its own priority.
    Bury(Cause),
    /// It goes back to its tube, with its own priority.
    Release {
        /// Seconds before it may be reserved again.
        delay: u32,
        /// Why.
        cause: Cause,
    },
}

/// Why a job meets its verdict; its text is for the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// It is done.
    Done,
    /// It raised, and its handler says so.
    Raised(Handler),
    /// It raised under `decay`, and was reserved often enough.
    TriedOften {
        /// How often.
        reserves: u32,
        /// How often it may be.
        count: u32,
    },
    /// It ran too long; what happens otherwise is as if it had raised.
    Overran(Box<Cause>),
    /// It asked to be tried later.
    AskedToDecay,
    /// It asked to be buried.
    AskedToBury,
    /// It ended the worker with that status.
    Exited(i32),
    /// Its executor died; so often already, this time included.
    Died(u32),
    /// That many workers died while they had it.
    WorkersDied(u64),
    /// The worker has to stop.
    Stopped,
    /// Its body is no message.
    Unreadable(Unreadable),
    /// Its signature is not accepted.
    Untrusted(Untrusted),
    /// It is more than an executor can be given.
    TooLarge {
        /// All that would go to the executor, in bytes.
        bytes: usize,
        /// How much of that may be.
        most: usize,
    },
}

impl Cause {
    /// Whether the job itself went wrong, so that its body belongs in the journal.
    pub fn is_failure(&self) -> bool {
        !matches!(self, Self::Done | Self::AskedToDecay | Self::Exited(_) | Self::Stopped)
    }
}

/// The table above: what becomes of a job whose run ended with `outcome`.
pub fn decide(outcome: Outcome, handler: Handler, tries: Tries) -> Verdict {
    match outcome {
        Outcome::Returned => Verdict::Delete(Cause::Done),
        Outcome::Raised => handle(handler, tries.reserves),
        Outcome::Overran => match handle(handler, tries.reserves) {
            Verdict::Delete(cause) => Verdict::Delete(Cause::Overran(cause.into())),
            Verdict::Bury(cause) => Verdict::Bury(Cause::Overran(cause.into())),
            Verdict::Release { delay, cause } => {
                Verdict::Release { delay, cause: Cause::Overran(cause.into()) }
            }
        },
        Outcome::Decay(Some(delay)) => Verdict::Release { delay, cause: Cause::AskedToDecay },
        Outcome::Decay(None) => {
            let delay = match handler {
                Handler::Decay { delay, .. } => delay.max(1),
                Handler::Delete | Handler::Bury => Handler::DEFAULT_DELAY,
            };
            Verdict::Release { delay, cause: Cause::AskedToDecay }
        }
        Outcome::Bury => Verdict::Bury(Cause::AskedToBury),
        Outcome::Exited(status) => Verdict::Delete(Cause::Exited(status)),
        Outcome::Died if tries.deaths >= MAX_DEATHS => Verdict::Bury(Cause::Died(tries.deaths)),
        Outcome::Died => {
            Verdict::Release { delay: death_delay(tries.deaths), cause: Cause::Died(tries.deaths) }
        }
        Outcome::Stopped => Verdict::Release { delay: 0, cause: Cause::Stopped },
    }
}

fn handle(handler: Handler, reserves: u32) -> Verdict {
    match handler {
        Handler::Delete => Verdict::Delete(Cause::Raised(handler)),
        Handler::Bury => Verdict::Bury(Cause::Raised(handler)),
        Handler::Decay { count, delay } if reserves < count => {
            Verdict::Release { delay, cause: Cause::Raised(handler) }
        }
        Handler::Decay { count, .. } => Verdict::Bury(Cause::TriedOften { reserves, count }),
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Raised(handler) => write!(f, "it raised, its handler is {}", handler.as_str()),
            Self::TriedOften { reserves, count } => {
                write!(f, "it raised and was reserved {reserves} times, at most {count}")
            }
            Self::Overran(then) => write!(f, "it ran longer than max_runtime; as if {then}"),
            Self::AskedToDecay => f.write_str("it asked to be tried later"),
            Self::AskedToBury => f.write_str("it asked to be buried"),
            Self::Exited(status) => write!(f, "it ended the worker with status {status}"),
            Self::Died(deaths) => write!(f, "its executor died, {deaths} of {MAX_DEATHS} times"),
            Self::WorkersDied(deaths) => write!(f, "{deaths} workers died while they had it"),
            Self::Stopped => f.write_str("the worker has to stop"),
            Self::Unreadable(reason) => reason.fmt(f),
            Self::Untrusted(reason) => reason.fmt(f),
            Self::TooLarge { bytes, most } => write!(
                f,
                "it is too large to run: {bytes} bytes would go to the executor, at most {most}; \
                 put less into the message, such as where the rest is to be found"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DECAY: Handler = Handler::Decay { count: 3, delay: 60 };
    const ALL: [Handler; 3] = [Handler::Delete, Handler::Bury, DECAY];

    fn tries(reserves: u32, deaths: u32) -> Tries {
        Tries { reserves, deaths }
    }

    fn release(delay: u32, cause: Cause) -> Verdict {
        Verdict::Release { delay, cause }
    }

    #[test]
    fn what_returned_is_deleted() {
        for handler in ALL {
            assert_eq!(decide(Outcome::Returned, handler, tries(9, 9)), Verdict::Delete(Cause::Done));
        }
    }

    #[test]
    fn what_raised_goes_by_its_handler() {
        let raised = |handler, reserves| decide(Outcome::Raised, handler, tries(reserves, 0));
        assert_eq!(raised(Handler::Delete, 1), Verdict::Delete(Cause::Raised(Handler::Delete)));
        assert_eq!(raised(Handler::Bury, 1), Verdict::Bury(Cause::Raised(Handler::Bury)));
        assert_eq!(raised(DECAY, 1), release(60, Cause::Raised(DECAY)));
        assert_eq!(raised(DECAY, 2), release(60, Cause::Raised(DECAY)));
        assert_eq!(raised(DECAY, 3), Verdict::Bury(Cause::TriedOften { reserves: 3, count: 3 }));
        assert_eq!(
            raised(Handler::Decay { count: 0, delay: 0 }, 1),
            Verdict::Bury(Cause::TriedOften { reserves: 1, count: 0 })
        );
    }

    #[test]
    fn what_ran_too_long_goes_by_its_handler_and_says_so() {
        let verdict = decide(Outcome::Overran, DECAY, tries(3, 0));
        let Verdict::Bury(cause) = verdict else { panic!("{verdict:?}") };
        assert_eq!(
            cause.to_string(),
            "it ran longer than max_runtime; as if it raised and was reserved 3 times, at most 3"
        );
    }

    #[test]
    fn a_job_that_asks_is_heard() {
        for handler in ALL {
            assert_eq!(
                decide(Outcome::Decay(Some(0)), handler, tries(99, 0)),
                release(0, Cause::AskedToDecay)
            );
            assert_eq!(decide(Outcome::Bury, handler, tries(1, 0)), Verdict::Bury(Cause::AskedToBury));
        }
        let without = |handler| decide(Outcome::Decay(None), handler, tries(99, 0));
        assert_eq!(without(DECAY), release(60, Cause::AskedToDecay));
        assert_eq!(without(Handler::Decay { count: 1, delay: 0 }), release(1, Cause::AskedToDecay));
        assert_eq!(without(Handler::Bury), release(60, Cause::AskedToDecay));
    }

    #[test]
    fn the_job_that_ends_the_worker_is_deleted() {
        for handler in ALL {
            assert_eq!(decide(Outcome::Exited(3), handler, tries(1, 0)), Verdict::Delete(Cause::Exited(3)));
        }
    }

    #[test]
    fn a_job_that_kills_its_executor_is_buried_the_third_time() {
        for handler in ALL {
            let died = |deaths| decide(Outcome::Died, handler, tries(deaths, deaths));
            assert_eq!(died(1), release(7, Cause::Died(1)));
            assert_eq!(died(2), release(13, Cause::Died(2)));
            assert_eq!(died(3), Verdict::Bury(Cause::Died(3)));
            assert_eq!(died(4), Verdict::Bury(Cause::Died(4)));
        }
    }

    #[test]
    fn the_delay_of_the_last_release_tells_the_deaths() {
        for deaths in 1..MAX_DEATHS {
            assert_eq!(deaths_before(death_delay(deaths)), deaths);
        }
        assert_eq!((deaths_before(0), deaths_before(60)), (0, 0));
    }

    #[test]
    fn a_worker_that_stops_gives_the_job_back_unpunished() {
        for handler in ALL {
            assert_eq!(decide(Outcome::Stopped, handler, tries(99, 2)), release(0, Cause::Stopped));
        }
    }

    #[test]
    fn failures_are_told_from_what_went_as_it_should() {
        assert!(!Cause::Done.is_failure() && !Cause::Stopped.is_failure());
        assert!(Cause::Raised(Handler::Delete).is_failure() && Cause::Died(1).is_failure());
    }
}
