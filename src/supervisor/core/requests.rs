//! Who waits for what.
//!
//! A request is open until every instance it asks something of has settled: come up, gone, or
//! turned out not to. An instance's outcome is decided by its first attempt after the request:
//! one that fails and is tried again later did not come up.
//!
//! When requests contradict each other, the later one is done, and of the earlier one those
//! instances fail that it concerns:
//!
//! | under way   | then          | the instance                            | the earlier request's part |
//! |-------------|---------------|-----------------------------------------|----------------------------|
//! | start       | stop          | goes                                    | fails: stopped             |
//! | stop        | start         | goes all the way, then starts           | fails: started again       |
//! | stop        | restart       | the same, if named as closely; else stays stopped | fails, or goes on |
//! | stop, start, restart | the same again | as the first was going to be     | both are answered          |
//! | restart     | start         | goes on being restarted                 | goes on                    |
//! | restart     | stop          | goes, and is out of the roll            | fails: stopped             |
//! | restart     | restart       | once more, if its turn was over         | goes on                    |
//! | restart     | restart at once | goes now                              | goes on                    |
//! | any of them | reload without it | goes, and is forgotten              | a stop is done, others fail |
//! | restart     | reload with another process | its successor is the new process | goes on             |
//! | reload      | reload        | becomes what the later one says         | goes on                    |
//! | any of them | shutdown      | goes, and is forgotten                  | refused: shutting down     |

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Action, Answer, Failure, Refusal, RequestId};
use crate::lifecycle::Run;
use crate::names::InstanceId;

/// What a request waits for at one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ask {
    pub(super) request: RequestId,
    pub(super) want: Want,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Want {
    /// That a process later than this one is ready.
    Up {
        /// The last one that does not count.
        beyond: Run,
    },
    /// The same, but waiting for something that does not come is all right: a configuration may
    /// name what is not deployed yet.
    Applied {
        /// The last one that does not count.
        beyond: Run,
    },
    /// That nothing of its process is left.
    Down,
}

/// A request that is not answered yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Open {
    done: u32,
    total: u32,
    failures: Vec<Failure>,
    left_stopped: Vec<InstanceId>,
}

/// All requests that are not answered yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Requests {
    open: BTreeMap<RequestId, Open>,
    last: RequestId,
}

impl Requests {
    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The highest number there was.
    pub(super) fn last(&self) -> RequestId {
        self.last
    }

    /// Those that are not answered.
    pub(super) fn unanswered(&self) -> Vec<RequestId> {
        self.open.keys().copied().collect()
    }

    /// Takes note of a number.
    pub(super) fn saw(&mut self, request: RequestId) {
        self.last = self.last.max(request);
    }

    /// A request that asks something of `total` instances. With none it is done at once.
    pub(super) fn open(
        &mut self,
        request: RequestId,
        total: usize,
        left_stopped: Vec<InstanceId>,
        out: &mut Vec<Action>,
    ) {
        if total == 0 {
            out.push(Action::Answer { request, answer: Answer::Done { left_stopped } });
            return;
        }
        let total = u32::try_from(total).unwrap_or(u32::MAX);
        self.open.insert(request, Open { done: 0, total, failures: Vec::new(), left_stopped });
    }

    /// One instance of it has settled.
    pub(super) fn settle(
        &mut self,
        request: RequestId,
        instance: &InstanceId,
        outcome: Result<(), String>,
        out: &mut Vec<Action>,
    ) {
        let Some(open) = self.open.get_mut(&request) else { return };
        open.done += 1;
        if let Err(reason) = outcome {
            open.failures.push(Failure { instance: instance.clone(), reason });
        }
        if open.done < open.total {
            let answer = Answer::Progress { done: open.done, total: open.total, instance: instance.clone() };
            out.push(Action::Answer { request, answer });
            return;
        }
        let Some(mut open) = self.open.remove(&request) else { return };
        let answer = if open.failures.is_empty() {
            Answer::Done { left_stopped: open.left_stopped }
        } else {
            open.failures.sort_by(|a, b| a.instance.cmp(&b.instance));
            Answer::Failed(open.failures)
        };
        out.push(Action::Answer { request, answer });
    }

    /// Nobody waits for it any longer.
    pub(super) fn cancel(&mut self, request: RequestId) {
        self.open.remove(&request);
    }

    /// Refuses everything that is open.
    pub(super) fn refuse_all(&mut self, out: &mut Vec<Action>) {
        for request in std::mem::take(&mut self.open).into_keys() {
            out.push(Action::Answer { request, answer: Answer::Refused(Refusal::ShuttingDown) });
        }
    }
}
