//! The loop: wait, tell the core, do what it decides, tell the world.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::answers::{Answers, near};
use super::clock::{self, Clocks};
use super::deadline::{Deadlines, Due};
use super::publish::Publisher;
use super::reading::Reading;
use super::reload::First;
use super::runtime::RuntimeDirectory;
use super::signals::{Signals, Wish};
use super::spawn::Spawner;
use super::systemd::Systemd;
use super::table::Table;
use super::tubes::Tubes;
use super::upgrade::{Image, Upgrade};
use crate::control::messages::Request;
use crate::control::server::{Call, Incoming, Server};
use crate::control::status::SUMMED;
use crate::lifecycle::{ProcessEvent, Run, Time};
use crate::logs::Line;
use crate::names::Selector;
use crate::process::slim;
use crate::supervisor::core::{Action, Core, Event};

/// For how many actions room is kept from one event to the next: a configuration brings thousands, what
/// comes after it a few.
const ROOM: usize = 16;

/// After this many turns that went to processes everybody else has one. By then a thousand processes have
/// been heard, so that no deadline overtakes the word that would have met it.
const MOST_TURNS: u32 = 16;

/// How long the last words of those that were stopped may take to their files, and to the terminal.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Everything the supervisor has.
pub(super) struct Driver {
    pub(super) core: Core,
    pub(super) reading: Reading,
    pub(super) first: First,
    pub(super) table: Table,
    pub(super) spawner: Spawner,
    pub(super) answers: Answers,
    pub(super) publisher: Publisher,
    pub(super) systemd: Systemd,
    pub(super) deadlines: Deadlines,
    pub(super) tubes: Tubes,
    /// Kept for its room.
    pub(super) actions: Vec<Action>,
    /// What could not be done, and the core is still to be told.
    pub(super) undone: Vec<(Run, ProcessEvent)>,
    /// Systemd has been told that it is ready, and that no reload goes on.
    pub(super) told_ready: bool,
    pub(super) finished: bool,
    /// Who runs the supervisor.
    pub(super) uid: u32,
    /// What it was called as, if it can be upgraded.
    pub(super) image: Option<Image>,
    /// How often it was.
    pub(super) upgrades: u32,
    // Last, for it is dropped last: its lock keeps a second supervisor away.
    pub(super) runtime: RuntimeDirectory,
}

/// What it waits for, apart from its processes.
pub(super) struct Senses {
    pub(super) signals: Signals,
    pub(super) server: Server,
    pub(super) checks: mpsc::Receiver<(Run, ProcessEvent)>,
    pub(super) lines: mpsc::Receiver<Line>,
    pub(super) looks: mpsc::Receiver<Event>,
    /// The upgrade that is under way.
    pub(super) upgrade: Option<Upgrade>,
}

impl Driver {
    /// Runs until nothing is left after a stop.
    pub(super) async fn run(mut self, mut senses: Senses) {
        let timer = sleep_until(Instant::now());
        tokio::pin!(timer);
        let mut armed: Option<Time> = None;
        let mut turns = 0;
        while !self.finished {
            let others_first = turns >= MOST_TURNS;
            if others_first {
                // One that never stops talking would keep the control socket's tasks from running, too.
                turns = 0;
                tokio::task::yield_now().await;
            }
            let next = [self.core.next_deadline(), self.deadlines.next(), self.reading.deadline()];
            let next = next.into_iter().flatten().min();
            if next != armed {
                armed = next;
                if let Some(next) = next {
                    timer.as_mut().reset(Instant::now() + next.since(clock::now()));
                }
            }
            // What happened comes before what did not happen in time: the timer is last.
            tokio::select! {
                biased;
                ready = self.table.ready(), if !others_first => {
                    turns += 1;
                    match ready {
                        Ok(tokens) => {
                            let news = self.table.hear(&tokens);
                            self.tell(news);
                        }
                        Err(error) => tracing::error!(%error, "cannot wait for processes"),
                    }
                }
                wish = senses.signals.next() => self.wish(wish),
                news = self.reading.next() => self.hear_reader(news),
                Some((run, news)) = senses.checks.recv() => self.tell([(run, news)]),
                Some(seen) = senses.looks.recv() => self.looked(seen),
                incoming = senses.server.next() => {
                    self.incoming(incoming, &mut senses.upgrade);
                }
                heard = Upgrade::next(&mut senses.upgrade) => {
                    self.go_on(heard, &mut senses).await;
                }
                Some(line) = senses.lines.recv() => self.publisher.line(&line),
                () = std::future::ready(()), if !self.undone.is_empty() => {
                    let undone = std::mem::take(&mut self.undone);
                    self.tell(undone);
                }
                () = &mut timer, if armed.is_some() => {
                    armed = None;
                    self.due(clock::now());
                }
                // Nobody else had anything to say.
                () = std::future::ready(()), if others_first => {}
            }
            self.follow_releases();
            self.after_turn();
        }
        self.table.end_strangers().await;
        std::mem::take(&mut self.spawner.logs).finish(LAST_WORDS);
    }

    /// Tells the core, and does what it decides.
    pub(super) fn decide(&mut self, event: Event) {
        let now = clock::now();
        let mut actions = std::mem::take(&mut self.actions);
        self.core.handle(event, now, &mut actions);
        for action in actions.drain(..) {
            self.act(action);
        }
        actions.shrink_to(ROOM);
        self.actions = actions;
    }

    /// Tells the core news of processes.
    fn tell(&mut self, news: impl IntoIterator<Item = (Run, ProcessEvent)>) {
        for (run, news) in news {
            if let ProcessEvent::Notify(notice) = &news
                && let Some(job) = &notice.job
                && let Some(instance) = self.core.instance(run)
            {
                self.publisher.job(instance, job);
            }
            self.decide(Event::Process(run, news));
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Spawn { run, spec } => {
                if let Err(reason) = self.spawn(run, &spec) {
                    self.undone.push((run, ProcessEvent::SpawnFailed { reason: reason.into() }));
                }
            }
            Action::CheckReadiness { run, spec } => self.check(run, &spec),
            Action::Signal { run, signal, reach } => {
                if let Err(error) = self.table.signal(run, signal, reach) {
                    tracing::warn!(%error, "cannot send signal {signal}");
                }
            }
            Action::Kill { run } => {
                if let Err(error) = self.table.kill(run) {
                    tracing::warn!(%error, "cannot kill all of a process group");
                }
            }
            Action::Applied { changes, of } => {
                tracing::info!("the configuration is applied: {changes} of {of} instances change");
            }
            Action::Publish(change) => {
                self.deadlines.status_changed(change.at);
                if change.to.is_none() {
                    self.forget(&change);
                }
                self.publisher.change(&change, Clocks::read());
            }
            Action::Tell(told) => self.publisher.release(&told, Clocks::read()),
            Action::Renamed { .. } => {}
            Action::MoveJobs { application, version, from, to, servers } => {
                self.tubes.relocate(application, version, from, to, servers);
            }
            Action::Answer { request, answer } => {
                let core = &self.core;
                self.answers.answer(request, answer, |selector| {
                    near(selector, core.status(&Selector::All).map(|status| &status.spec.id))
                });
            }
            Action::Finished => self.finished = true,
        }
    }

    /// Does what a signal asks for.
    pub(super) fn wish(&mut self, wish: Wish) {
        match wish {
            Wish::Child => {
                let news = self.table.child_ended();
                self.tell(news);
            }
            Wish::Reload(who) => {
                tracing::info!("reload, on {who}");
                self.reload(None);
            }
            Wish::Reopen => self.spawner.logs.reopen(),
            Wish::Stop(who) => self.stop(&who),
        }
    }

    /// Stops everything; asked for again, kills everything.
    fn stop(&mut self, who: &str) {
        if self.core.is_leaving() {
            tracing::warn!("killing what is left, on a second {who}");
            self.decide(Event::ShutdownNow);
            return;
        }
        tracing::info!("stopping, on {who}");
        self.systemd.stopping();
        self.give_up_readings();
        self.deadlines.extend_in(clock::now(), Duration::ZERO);
        self.decide(Event::Shutdown);
    }

    fn incoming(&mut self, incoming: Incoming, upgrade: &mut Option<Upgrade>) {
        match incoming {
            Incoming::Call(Call { request: Request::Upgrade, peer, replies, .. }) => {
                tracing::info!("upgrade, as user {} asked", peer.uid);
                self.upgrade(replies, upgrade);
            }
            Incoming::Call(call) => self.call(call),
            Incoming::Gone(call) => {
                self.publisher.gone(call);
                if let Some(request) = self.answers.gone(call) {
                    self.decide(Event::Cancel { request });
                }
            }
        }
    }

    fn due(&mut self, now: Time) {
        while let Some(due) = self.deadlines.take(now) {
            match due {
                Due::Status => {
                    self.systemd.set_status(self.summary());
                    self.systemd.flush();
                }
                Due::Ping => {
                    self.systemd.ping();
                    self.arm_watchdog();
                }
                Due::Extend => {
                    self.systemd.extend();
                    self.deadlines.extend_in(now, Systemd::EXTEND_EVERY);
                }
                Due::Patience => self.ready(),
                Due::Rest => slim(),
            }
        }
        self.heed_readers();
        if self.core.next_deadline().is_some_and(|deadline| deadline <= now) {
            self.decide(Event::Tick);
        }
    }

    pub(super) fn arm_watchdog(&mut self) {
        if let Some(interval) = self.systemd.watchdog() {
            self.deadlines.ping_in(clock::now(), interval);
        }
    }

    fn after_turn(&mut self) {
        self.table.next_turn();
        self.go_on_reading();
        self.publisher.flush();
        if !self.publisher.has_readers() {
            self.spawner.unfollow();
        }
        if !self.told_ready && !self.answers.applying() {
            self.ready();
        }
    }

    /// Writes down what operators said last.
    pub(super) fn remember(&mut self) {
        let written = serde_json::to_string(self.core.words()).map_err(Into::into);
        if let Err(error) = written.and_then(|words| self.runtime.remember(words)) {
            tracing::warn!(%error, "cannot remember what operators have stopped");
        }
    }

    /// The first plan is applied, or a reload is over.
    fn ready(&mut self) {
        if !self.told_ready && !self.core.is_leaving() {
            self.told_ready = true;
            self.deadlines.patience(None);
            self.deadlines.applied(clock::now());
            self.systemd.set_status(self.summary());
            self.systemd.ready();
        }
    }

    /// `12 ready, 1 failed`.
    fn summary(&self) -> String {
        let summary = self.core.summary();
        let counted = SUMMED.iter().map(|&state| (summary.count(state), state));
        let words: Vec<String> = counted
            .filter(|(count, _)| *count > 0)
            .map(|(count, state)| format!("{count} {state}"))
            .collect();
        if words.is_empty() { "nothing to run".to_owned() } else { words.join(", ") }
    }
}
