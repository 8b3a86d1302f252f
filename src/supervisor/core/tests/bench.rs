//! A core, a clock, and words to write a story with.

use std::collections::BTreeMap;
use std::time::Duration;

pub(super) use super::entry::{Entry, daemon, wanted};
use crate::config::Budget;
use crate::lifecycle::{Exit, Notice, ProcessEvent, Run, Time};
use crate::releases::{Figures, Look};
use crate::supervisor::core::{
    Action, Answer, Command, Core, Event, Reach, RequestId, Settings, StateChange, Verb,
};

pub(super) struct Bench {
    pub(super) core: Core,
    /// What is applied has this.
    pub(super) budget: Budget,
    now: Time,
    runs: BTreeMap<String, Run>,
    requests: u64,
    /// What was asked to be done and is not looked at yet.
    log: Vec<String>,
    pub(super) changes: Vec<StateChange>,
    /// What was told of releases.
    pub(super) told: Vec<String>,
    answers: BTreeMap<u64, String>,
}

impl Bench {
    /// A supervisor that applied this.
    pub(super) fn with(entries: &[Entry]) -> Self {
        let mut bench = Self {
            core: Core::new(Settings { herd: 4, seed: 1 }),
            budget: Budget::default(),
            now: Time::from_nanos(1),
            runs: BTreeMap::new(),
            requests: 0,
            log: Vec::new(),
            changes: Vec::new(),
            told: Vec::new(),
            answers: BTreeMap::new(),
        };
        bench.apply(entries);
        bench
    }

    /// The same, with everything up.
    pub(super) fn up(entries: &[Entry]) -> Self {
        let mut bench = Self::with(entries);
        bench.all_ready();
        bench.log.clear();
        bench
    }

    /// Whatever starts becomes ready, until nothing does.
    pub(super) fn all_ready(&mut self) {
        while let Some(id) = self.in_state("starting").first().cloned() {
            self.ready(&id);
        }
    }

    fn in_state(&self, state: &str) -> Vec<String> {
        let all = "all".parse().unwrap();
        let named = self.core.status(&all).filter(|status| status.state.word() == state);
        named.map(|status| status.spec.id.to_string()).collect()
    }

    pub(super) fn handle(&mut self, event: Event) {
        let mut out = Vec::new();
        self.core.handle(event, self.now, &mut out);
        for action in out {
            let id =
                |run: Run| self.runs.iter().find(|(_, of)| **of == run).map(|(id, _)| id.clone()).unwrap();
            let line = match action {
                Action::Spawn { run, spec } => {
                    self.runs.insert(spec.id.to_string(), run);
                    format!("spawn {}", spec.id)
                }
                Action::Signal { run, signal, reach: Reach::All } => {
                    format!("signal {signal} group {}", id(run))
                }
                Action::Signal { run, signal, reach: Reach::Main } => format!("signal {signal} {}", id(run)),
                Action::Signal { run, reach: Reach::Rest, .. } => format!("signal rest of {}", id(run)),
                Action::Kill { run } => format!("kill {}", id(run)),
                Action::CheckReadiness { run, .. } => format!("check {}", id(run)),
                Action::Finished => "finished".to_owned(),
                Action::Applied { .. } => continue,
                Action::Tell(told) => {
                    self.told.push(told.news.text);
                    continue;
                }
                Action::Renamed { application, from, to } => {
                    let (from, to) = (format!("{application}@{from}/"), format!("{application}@{to}/"));
                    let plain = format!("{application}/");
                    let renamed = |id: String| match id.strip_prefix(&to) {
                        Some(rest) => plain.clone() + rest,
                        None if id.starts_with(&plain) && id.contains("/worker/") => {
                            from.clone() + &id[plain.len()..]
                        }
                        None => id,
                    };
                    self.runs = std::mem::take(&mut self.runs)
                        .into_iter()
                        .map(|(id, run)| (renamed(id), run))
                        .collect();
                    continue;
                }
                Action::MoveJobs { from, to, .. } => format!("move {from} to {to}"),
                Action::Publish(change) => {
                    self.changes.push(change);
                    continue;
                }
                Action::Answer { request, answer } => {
                    if let Some(text) = told(answer) {
                        let twice = self.answers.insert(request.0, text);
                        assert_eq!(twice, None, "answered once");
                    }
                    continue;
                }
            };
            self.log.push(line);
        }
    }

    /// What was done since it was last asked.
    pub(super) fn done(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    pub(super) fn apply(&mut self, entries: &[Entry]) -> u64 {
        self.requests += 1;
        let request = Some(RequestId(self.requests));
        self.handle(Event::Apply { wanted: wanted(entries), budget: self.budget, request });
        self.requests
    }

    pub(super) fn deploy(&mut self, application: &str, entries: &[Entry]) -> u64 {
        self.requests += 1;
        let request = RequestId(self.requests);
        let application = application.parse().unwrap();
        self.handle(Event::Deploy { application, wanted: wanted(entries), request, wait: true });
        self.requests
    }

    pub(super) fn roll_back(&mut self, application: &str) -> u64 {
        self.requests += 1;
        let request = RequestId(self.requests);
        self.handle(Event::RollBack { application: application.parse().unwrap(), request, wait: true });
        self.requests
    }

    /// A look at the tube of a release finds so many jobs, and so many that use it.
    pub(super) fn look(&mut self, version: &str, ready: u64, using: u64) {
        self.look_at("a", version, Figures { ready, using, ..Figures::default() });
    }

    pub(super) fn look_at(&mut self, application: &str, version: &str, figures: Figures) {
        let (application, version) = (application.parse().unwrap(), version.parse().unwrap());
        self.handle(Event::Tube { application, version, look: Look::Figures(figures) });
    }

    fn command(&mut self, verb: Verb, selector: &str, at_once: bool) -> u64 {
        self.requests += 1;
        let command = Command { verb, selector: selector.parse().unwrap(), at_once, wait: true };
        self.handle(Event::Command { request: RequestId(self.requests), command });
        self.requests
    }

    pub(super) fn start(&mut self, selector: &str) -> u64 {
        self.command(Verb::Start, selector, false)
    }

    pub(super) fn stop(&mut self, selector: &str) -> u64 {
        self.command(Verb::Stop, selector, false)
    }

    pub(super) fn restart(&mut self, selector: &str) -> u64 {
        self.command(Verb::Restart, selector, false)
    }

    pub(super) fn restart_at_once(&mut self, selector: &str) -> u64 {
        self.command(Verb::Restart, selector, true)
    }

    /// The answer to a request; empty as long as there is none.
    pub(super) fn answer(&self, request: u64) -> &str {
        self.answers.get(&request).map_or("", String::as_str)
    }

    /// The process of an instance.
    pub(super) fn run(&self, id: &str) -> Run {
        self.runs[id]
    }

    pub(super) fn hear(&mut self, id: &str, news: ProcessEvent) {
        self.handle(Event::Process(self.run(id), news));
    }

    pub(super) fn spawned(&mut self, id: &str) {
        self.hear(id, ProcessEvent::Spawned { pid: 7 });
    }

    pub(super) fn notify(&mut self, id: &str, notice: Notice) {
        self.hear(id, ProcessEvent::Notify(Box::new(notice)));
    }

    pub(super) fn ready(&mut self, id: &str) {
        self.spawned(id);
        self.notify(id, Notice { phase: Some(crate::lifecycle::Phase::Ready), ..Notice::default() });
    }

    pub(super) fn exited(&mut self, id: &str, exit: Exit, survivors: bool) {
        self.hear(id, ProcessEvent::Exited { exit, survivors });
    }

    /// All of its process is gone.
    pub(super) fn gone(&mut self, id: &str) {
        self.hear(id, ProcessEvent::Gone);
    }

    /// It ends with this exit code, and nothing is left.
    pub(super) fn ends(&mut self, id: &str, code: i32) {
        self.exited(id, Exit::Code(code), false);
        self.gone(id);
    }

    /// Time passes, and every deadline on the way is kept.
    pub(super) fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(deadline) = self.core.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(deadline);
            self.handle(Event::Tick);
        }
        self.now = end;
    }

    pub(super) fn seconds(&mut self, seconds: u64) {
        self.pass(Duration::from_secs(seconds));
    }

    pub(super) fn millis(&mut self, millis: u64) {
        self.pass(Duration::from_millis(millis));
    }

    /// `ready`, or `waiting: waits for a/solr/1, which is starting`.
    pub(super) fn state(&self, id: &str) -> String {
        let selector = id.parse().unwrap();
        let status = self.core.status(&selector).next();
        status.map_or_else(String::new, |status| match status.reason {
            None => status.state.to_string(),
            Some(reason) => format!("{}: {reason}", status.state),
        })
    }

    pub(super) fn states(&self) -> String {
        let all = "all".parse().unwrap();
        let words: Vec<String> =
            self.core.status(&all).map(|status| format!("{} {}", status.spec.id, status.state)).collect();
        words.join(", ")
    }
}

fn told(answer: Answer) -> Option<String> {
    match answer {
        Answer::Progress { .. } => None,
        Answer::Done { left_stopped } if left_stopped.is_empty() => Some("done".to_owned()),
        Answer::Done { left_stopped } => Some(format!(
            "done, left stopped: {}",
            left_stopped.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        )),
        Answer::Failed(failures) => {
            Some(failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        }
        Answer::Refused(refusal) => Some(refusal.to_string()),
    }
}
