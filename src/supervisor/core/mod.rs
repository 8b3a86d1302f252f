//! Decides: an event and the time go in, actions come out.
//!
//! ```text
//!     Event ─► handle ─┬─ apply     a configuration: what changes           (plan::diff)
//!                      ├─ command   an operator: start, stop, restart
//!                      ├─ life      a process or a deadline: one instance    (lifecycle)
//!                      │
//!                      └─ settle    what follows from that for others, until nothing does:
//!                            order     who may start, who may stop          `after`, the herd
//!                            roll      whose turn it is to be replaced
//!                            requests  who can be answered
//!                                                                  └─► Action
//! ```
//!
//! There is no clock, no I/O and no randomness here: the time comes with each event, jitter from
//! a seed. So the whole supervisor runs in a test, millions of events, with no process started;
//! and what it is can be written down ([`Core::snapshot`]) and go on in another program image.
//!
//! An event costs what it changes: instances and groups are found by maps, deadlines by an
//! ordered set, and what a change means for others is counted, not walked.

mod action;
mod answer;
mod apply;
mod command;
mod deploy;
mod deployments;
mod event;
mod fleet;
mod order;

mod requests;
mod roll;
mod rolling;
mod scaling;
mod settle;
mod slab;
mod snapshot;
mod status;
mod timers;
mod turns;
mod workers;
mod words;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

pub use crate::lifecycle::{Cause, Desired, Effect, Life, ProcessEvent, Run, Time};
pub use action::{Action, Answer, Failure, Reach, Refusal, ReleaseNews, StateChange};
use deployments::Deployments;
pub use event::{Command, Event, RequestId, Verb};
use fleet::Fleet;
use requests::Requests;
use slab::{GroupSlot, Slot};
pub use snapshot::{RestoreError, Snapshot};
pub use status::{InstanceStatus, Summary};
use timers::Timers;
use turns::Turns;
pub use words::Words;
pub use workers::WatchedTube;

/// What the core is told once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How many instances may be booting at once; at least 1.
    pub herd: usize,
    /// Where jitter comes from.
    pub seed: u64,
}

/// The supervisor's mind.
#[derive(Debug)]
pub struct Core {
    settings: Settings,
    mode: Mode,
    fleet: Fleet,
    timers: Timers,
    /// Those that could start, were it not for the herd.
    turns: Turns,
    requests: Requests,
    words: Words,
    deployments: Deployments,
    last_run: Run,
    /// How many are booting.
    booting: usize,
    summary: Summary,
    /// Instances that changed, where what follows from that was not acted upon yet.
    changed: VecDeque<Slot>,
    /// The same of groups.
    stirred: BTreeSet<GroupSlot>,
    /// Kept for its room.
    effects: Vec<Effect>,
}

/// How far the supervisor itself is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Mode {
    Running,
    /// Nothing starts any more.
    Leaving,
    /// Nothing is left.
    Finished,
}

/// The time, and where actions go.
struct Context<'a> {
    now: Time,
    out: &'a mut Vec<Action>,
}

impl Core {
    /// Nothing runs and nothing is wanted.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings: Settings { herd: settings.herd.max(1), ..settings },
            mode: Mode::Running,
            fleet: Fleet::default(),
            timers: Timers::default(),
            turns: Turns::default(),
            requests: Requests::default(),
            words: Words::default(),
            deployments: Deployments::default(),
            last_run: Run::default(),
            booting: 0,
            summary: Summary::default(),
            changed: VecDeque::new(),
            stirred: BTreeSet::new(),
            effects: Vec::new(),
        }
    }

    /// Something happened at `now`; what is to be done is added to `out`. `now` never runs backwards.
    pub fn handle(&mut self, event: Event, now: Time, out: &mut Vec<Action>) {
        if let Some(request) = event.request() {
            self.requests.saw(request);
        }
        if self.mode == Mode::Finished {
            return refuse(&event, out);
        }
        let cx = &mut Context { now, out };
        match event {
            Event::Process(run, news) => self.hear(run, news, cx),
            Event::Tick => self.tick(cx),
            Event::Cancel { request } => self.cancel(request),
            Event::Shutdown if self.mode == Mode::Running => self.shut_down(cx),
            Event::Shutdown | Event::ShutdownNow => self.shut_down_now(cx),
            _ if self.mode == Mode::Leaving => refuse(&event, cx.out),
            Event::Apply { wanted, budget, request } => {
                self.deployments.budget = budget;
                self.apply(&wanted, request, cx);
            }
            Event::Deploy { application, wanted, request, wait } => {
                self.deploy(&application, &wanted, request, wait, cx);
            }
            Event::RollBack { application, request, wait } => {
                self.roll_back(&application, request, wait, cx);
            }
            Event::Tube { application, version, look } => self.look(&application, &version, look, cx),
            Event::Weighed { memory } => self.weighed(&memory, cx),
            Event::Folder { application, version, why } => {
                self.deployments.folder(&application, &version, why.as_deref());
            }
            Event::Moved { application, version, result } => {
                self.moved(&application, &version, result, cx);
            }
            Event::Command { request, command } => self.command(request, &command, cx),
        }
        self.settle(cx);
        if self.mode == Mode::Leaving && self.fleet.by_id.is_empty() {
            self.mode = Mode::Finished;
            cx.out.push(Action::Finished);
        }
    }

    /// When to send [`Event::Tick`], if nothing happens before. Never earlier than needed by more
    /// than a watchdog's period.
    pub fn next_deadline(&self) -> Option<Time> {
        [self.timers.next(), self.deployments.deadline()].into_iter().flatten().min()
    }

    /// Whether a shutdown has begun.
    pub fn is_leaving(&self) -> bool {
        self.mode != Mode::Running
    }

    /// The highest number of a request so far; 0 before the first.
    pub fn last_request(&self) -> RequestId {
        self.requests.last()
    }

    /// The requests that are not answered yet.
    pub fn open_requests(&self) -> Vec<RequestId> {
        self.requests.unanswered()
    }

    /// What operators said of instances and holds still: it outlives the supervisor, not a boot.
    pub fn words(&self) -> &Words {
        &self.words
    }

    /// What operators said to an earlier supervisor. To be told before anything is applied.
    pub fn recall(&mut self, words: Words) {
        self.words = words;
    }

    fn hear(&mut self, run: Run, news: ProcessEvent, cx: &mut Context<'_>) {
        let Some(slot) = self.fleet.by_run.get(&run).copied() else { return };
        let job = matches!(&news, ProcessEvent::Notify(notice) if notice.job.as_ref().is_some_and(|job| !job.is_empty()));
        if job && !self.deployments.pools.is_empty() {
            self.wake_pool(slot);
        }
        self.step(slot, cx, |life, rules, now, out| life.hear(news, rules, now, out));
    }

    fn tick(&mut self, cx: &mut Context<'_>) {
        self.deployments.tick(cx.now);
        while let Some(slot) = self.timers.pop_due(cx.now) {
            self.fleet.instances[slot].armed = None;
            self.step(slot, cx, Life::tick);
        }
    }

    fn cancel(&mut self, request: RequestId) {
        self.requests.cancel(request);
        for slot in self.fleet.instances.keys() {
            self.fleet.instances[slot].asks.retain(|ask| ask.request != request);
        }
    }

    fn shut_down(&mut self, cx: &mut Context<'_>) {
        self.mode = Mode::Leaving;
        self.requests.refuse_all(cx.out);
        self.turns.clear();
        self.deployments = Deployments::default();
        for group in self.fleet.groups.keys() {
            let group = &mut self.fleet.groups[group];
            group.roll = roll::Roll::default();
            group.waiting.clear();
        }
        for slot in self.fleet.instances.keys() {
            self.fleet.instances[slot].asks.clear();
            self.step(slot, cx, |life, _, now, _| life.order(Desired::Gone, Cause::Shutdown, now));
        }
    }

    fn shut_down_now(&mut self, cx: &mut Context<'_>) {
        if self.mode == Mode::Running {
            self.shut_down(cx);
        }
        for slot in self.fleet.instances.keys() {
            self.step(slot, cx, |life, _, now, out| life.kill(now, out));
        }
    }
}

/// The answer of a supervisor that is on its way out.
fn refuse(event: &Event, out: &mut Vec<Action>) {
    if let Some(request) = event.request() {
        out.push(Action::Answer { request, answer: Answer::Refused(Refusal::ShuttingDown) });
    }
}
