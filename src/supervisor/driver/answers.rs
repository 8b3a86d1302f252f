//! Who waits for what: requests to the core, and how its answers reach those who asked.
//!
//! ```text
//!     Call ─► open ─► RequestId ─► core ─► Answer ─► close ─► Response
//!     reload by signal or edit ─► begin ──┘      └─► the supervisor itself
//! ```

use std::collections::HashMap;

use crate::control::messages::{FailureKind, Refusal, Response};
use crate::control::server::{CallId, Replies};
use crate::names::{InstanceId, Selector};
use crate::supervisor::core::{self, Answer, RequestId};

/// The most failures told one by one.
const MAX_FAILURES: usize = 20;

/// Somebody who waits for the end of a request.
struct Waiting {
    /// Who asked over the control socket; `None`: the supervisor itself did.
    client: Option<(CallId, Replies)>,
    /// Part of the start or of a reload: systemd wants to know when it is over.
    applies: bool,
    /// What is left out of it, one a line.
    except: Vec<String>,
}

/// The requests that are not answered yet.
#[derive(Default)]
pub(super) struct Answers {
    last: u64,
    waiting: HashMap<RequestId, Waiting>,
}

impl Answers {
    /// A number for a client's request. `applies`: whether it is a reload.
    pub(super) fn open(&mut self, call: CallId, replies: Replies, applies: bool) -> RequestId {
        self.number(Waiting { client: Some((call, replies)), applies, except: Vec::new() })
    }

    /// A number for a reload of the supervisor's own.
    pub(super) fn begin(&mut self) -> RequestId {
        self.number(Waiting { client: None, applies: true, except: Vec::new() })
    }

    fn number(&mut self, waiting: Waiting) -> RequestId {
        self.last += 1;
        self.waiting.insert(RequestId(self.last), waiting);
        RequestId(self.last)
    }

    /// The supervisor becomes another program: all who wait are told.
    pub(super) fn leave_all(&mut self) {
        for waiting in self.waiting.values_mut() {
            if let Some((_, replies)) = waiting.client.take() {
                let text =
                    "the supervisor is being upgraded; what was begun goes on, see `abaqis-daemons status`";
                let _ = replies.send(Response::Failed { kind: FailureKind::Other, text: text.to_owned() });
            }
        }
    }

    /// The requests that are part of the start or of a reload.
    pub(super) fn applying_ones(&self) -> impl Iterator<Item = RequestId> {
        self.waiting.iter().filter(|(_, waiting)| waiting.applies).map(|(request, _)| *request)
    }

    /// Whether somebody waits for that.
    pub(super) fn is_waiting(&self, request: RequestId) -> bool {
        self.waiting.contains_key(&request)
    }

    /// Goes on after `last`, with reloads that an earlier program has begun.
    pub(super) fn adopt(last: RequestId, applying: &[RequestId]) -> Self {
        let waiting = || Waiting { client: None, applies: true, except: Vec::new() };
        let waiting = applying.iter().map(|request| (*request, waiting()));
        Self { last: last.0, waiting: waiting.collect() }
    }

    /// Whether the start or a reload is still going on.
    pub(super) fn applying(&self) -> bool {
        self.waiting.values().any(|waiting| waiting.applies)
    }

    /// Something is left out of what was asked for: it is not done until whoever asked knows that.
    pub(super) fn except(&mut self, request: RequestId, what: Vec<String>) {
        if let Some(waiting) = self.waiting.get_mut(&request) {
            waiting.except = what;
        }
    }

    /// Answers what the core knows nothing of.
    pub(super) fn reply(&mut self, request: RequestId, responses: Vec<Response>) {
        let waiting = self.waiting.remove(&request);
        if let Some((_, replies)) = waiting.and_then(|waiting| waiting.client) {
            let _ = replies.send_all(responses);
        }
    }

    /// Passes an answer of the core on. `near` finds what a name may have meant.
    pub(super) fn answer(
        &mut self,
        request: RequestId,
        answer: Answer,
        near: impl Fn(&Selector) -> Vec<String>,
    ) {
        if let Answer::Progress { done, total, instance } = answer {
            let client = self.waiting.get(&request).and_then(|waiting| waiting.client.as_ref());
            if let Some((_, replies)) = client {
                // One that does not read is let go with the last answer.
                let _ = replies.send(Response::Progress { done, total, text: instance.to_string() });
            }
            return;
        }
        let Some(Waiting { client, except, .. }) = self.waiting.remove(&request) else { return };
        if let Some((_, replies)) = client {
            let _ = replies.send(but(last_word(answer, near), &except));
        }
    }

    /// A client has left: the request it waited for.
    pub(super) fn gone(&mut self, call: CallId) -> Option<RequestId> {
        let theirs = |waiting: &Waiting| waiting.client.as_ref().is_some_and(|(id, _)| *id == call);
        let request =
            self.waiting.iter().find(|(_, waiting)| theirs(waiting)).map(|(&request, _)| request)?;
        let waiting = self.waiting.get_mut(&request)?;
        if waiting.applies {
            // Systemd still waits.
            waiting.client = None;
            return None;
        }
        self.waiting.remove(&request);
        Some(request)
    }
}

fn last_word(answer: Answer, near: impl Fn(&Selector) -> Vec<String>) -> Response {
    match answer {
        Answer::Progress { .. } => Response::Done { text: None },
        Answer::Done { left_stopped } if left_stopped.is_empty() => Response::Done { text: None },
        Answer::Done { left_stopped } => {
            let text = format!("left stopped, as an operator wanted it: {}", list(&left_stopped));
            Response::Done { text: Some(text) }
        }
        Answer::Failed(failures) => {
            let mut lines: Vec<String> =
                failures.iter().take(MAX_FAILURES).map(ToString::to_string).collect();
            if failures.len() > MAX_FAILURES {
                lines.push(format!("and {} more", failures.len() - MAX_FAILURES));
            }
            Response::Failed { kind: FailureKind::Instances, text: lines.join("\n") }
        }
        Answer::Refused(core::Refusal::NoSuchInstance(selector)) => {
            let near = near(&selector);
            Response::Refused(Refusal::Nothing { selector, near })
        }
        Answer::Refused(core::Refusal::Release(refusal)) => {
            Response::Failed { kind: FailureKind::Instances, text: refusal.to_string() }
        }
        Answer::Refused(core::Refusal::ShuttingDown) => Response::Refused(Refusal::Leaving),
    }
}

/// The same answer, if nothing was left out.
fn but(answer: Response, except: &[String]) -> Response {
    let said = match &answer {
        _ if except.is_empty() => return answer,
        Response::Done { text } => text.as_deref(),
        Response::Failed { text, .. } => Some(text.as_str()),
        _ => return answer,
    };
    let lines: Vec<&str> = said.into_iter().chain(except.iter().map(String::as_str)).collect();
    Response::Failed { kind: FailureKind::Instances, text: lines.join("\n") }
}

fn list(instances: &[InstanceId]) -> String {
    let names: Vec<String> = instances.iter().map(ToString::to_string).collect();
    names.join(", ")
}

/// The names among `all` that `wanted` may have been meant for, likeliest first.
pub(super) fn near<'a>(wanted: &Selector, all: impl Iterator<Item = &'a InstanceId>) -> Vec<String> {
    let wanted = wanted.to_string();
    let mut names: Vec<String> = all
        .flat_map(|id| {
            let daemon = format!("{}/{}", id.application, id.daemon);
            [id.application.to_string(), daemon, id.to_string()]
        })
        .collect();
    names.sort();
    names.dedup();
    let mut scored: Vec<(f64, String)> =
        names.into_iter().map(|name| (strsim::jaro_winkler(&wanted, &name), name)).collect();
    scored.retain(|(score, _)| *score > 0.85);
    scored.sort_by(|(a, x), (b, y)| b.total_cmp(a).then_with(|| x.cmp(y)));
    scored.into_iter().take(3).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::core::Failure;

    fn id(text: &str) -> InstanceId {
        text.parse().unwrap()
    }

    fn failed(failures: usize) -> String {
        let failure = |n| Failure { instance: id(&format!("a/b/{n}")), reason: "exit 1".into() };
        match last_word(Answer::Failed((1..=failures).map(failure).collect()), |_| Vec::new()) {
            Response::Failed { text, .. } => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn failures_are_told_one_a_line_and_not_without_end() {
        assert_eq!(failed(2), "a/b/1: exit 1\na/b/2: exit 1");
        assert!(failed(25).ends_with("a/b/20: exit 1\nand 5 more"));
    }

    #[test]
    fn what_is_left_stopped_is_said() {
        let answer = Answer::Done { left_stopped: vec![id("a/b/1"), id("a/b/2")] };
        let text = "left stopped, as an operator wanted it: a/b/1, a/b/2".to_owned();
        assert_eq!(last_word(answer, |_| Vec::new()), Response::Done { text: Some(text) });
    }

    #[test]
    fn a_slip_in_a_name_finds_what_was_meant() {
        let all = ["abaqis/worker/1", "abaqis/worker/2", "rqi/solr/1"].map(id);
        let near = |text: &str| near(&text.parse().unwrap(), all.iter());
        assert_eq!(near("abaqsi")[0], "abaqis");
        assert_eq!(near("abaqis/wroker")[0], "abaqis/worker");
        assert_eq!(near("something/else"), Vec::<String>::new());
    }
}
