//! Tells the world what happened: a ring of recent events, and those who follow it.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::clock::Clocks;
use super::status::{jobs, millis, scaling};
use crate::control::messages::Response;
use crate::control::server::{CallId, Replies};
use crate::control::status::{Event, Resized};
use crate::lifecycle::{Exit, State};
use crate::logs::Line;
use crate::names::{InstanceId, Selector};
use crate::releases::Resize;
use crate::supervisor::core::{ReleaseNews, StateChange};

/// How many events are kept for `abaqis-daemons events`.
const RECENT: usize = 1000;

/// Somebody who wants to hear what happens from now on.
struct Follower {
    call: CallId,
    selector: Selector,
    replies: Replies,
}

/// What happened, and who hears of it.
#[derive(Default)]
pub(super) struct Publisher {
    recent: VecDeque<Event>,
    /// Those at the end of `recent` that followers have not been sent yet.
    unsent: usize,
    followers: Vec<Follower>,
    /// Those who read along what daemons write to the terminal.
    readers: Vec<Follower>,
}

impl Publisher {
    /// The events that are kept.
    pub(super) fn recent(&self) -> impl Iterator<Item = &Event> {
        self.recent.iter()
    }

    /// With the events of an earlier program.
    pub(super) fn adopt(events: Vec<Event>) -> Self {
        Self { recent: events.into(), ..Self::default() }
    }

    /// Somebody wants to read along what daemons write to the terminal.
    pub(super) fn read_along(&mut self, call: CallId, replies: Replies, selector: Selector) {
        self.readers.push(Follower { call, selector, replies });
    }

    /// Whether anybody reads along.
    pub(super) fn has_readers(&self) -> bool {
        !self.readers.is_empty()
    }

    /// Passes on what a daemon wrote. A reader that does not keep up is let go.
    pub(super) fn line(&mut self, line: &Line) {
        let Ok(instance) = line.instance.parse() else { return };
        self.readers.retain(|reader| {
            let text = || Response::Line { instance: InstanceId::clone(&instance), text: line.text.clone() };
            !reader.selector.matches(&instance) || reader.replies.send(text()).is_ok()
        });
    }

    /// An instance has gone from one state to another.
    pub(super) fn change(&mut self, change: &StateChange, clocks: Clocks) {
        journal(change);
        self.publish(Event {
            at: clocks.wall(change.at),
            instance: Some(change.instance.clone()),
            from: change.from,
            to: change.to,
            pid: change.pid,
            exit: change.exit.as_ref().map(Exit::to_string),
            reason: change.reason.clone(),
            application: None,
            resized: None,
        });
    }

    /// Something happened to a release.
    pub(super) fn release(&mut self, told: &ReleaseNews, clocks: Clocks) {
        let ReleaseNews { at, application, news } = told;
        let version = news.version.as_ref().map(tracing::field::display);
        if news.grave {
            tracing::warn!(application = application.as_str(), version, "{application}: {}", news.text);
        } else {
            tracing::info!(application = application.as_str(), version, "{application}: {}", news.text);
        }
        self.publish(Event {
            application: Some(application.clone()),
            at: clocks.wall(*at),
            reason: Some(news.text.clone()),
            resized: news.resize.as_ref().map(resized),
            ..told_by_the_supervisor(String::new())
        });
    }

    /// A worker has begun a job, or has none any more: told to those who follow, and not kept,
    /// for a worker may have thousands in a second.
    pub(super) fn job(&mut self, worker: &InstanceId, job: &str) {
        if self.followers.is_empty() {
            return;
        }
        // What happened before is told before.
        self.flush();
        let what = match job.split_once(' ') {
            Some((id, code)) => format!("runs job {id}: {code}"),
            None if job.is_empty() => "runs no job".to_owned(),
            None => format!("runs job {job}"),
        };
        let event = Event { instance: Some(worker.clone()), ..told_by_the_supervisor(what) };
        self.followers.retain(|follower| {
            let told = || follower.replies.send(Response::Event(event.clone()));
            !concerns(&follower.selector, &event) || told().is_ok()
        });
    }

    /// Takes note of an event. Followers get it with the next [`flush`](Self::flush),
    /// together with the others of the same turn.
    pub(super) fn publish(&mut self, event: Event) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(event);
        self.unsent = (self.unsent + 1).min(RECENT);
    }

    /// Sends what is new. A follower that does not keep up is let go, never waited for.
    pub(super) fn flush(&mut self) {
        let new = self.recent.len() - self.unsent;
        let recent = &self.recent;
        self.followers.retain(|follower| {
            let events: Vec<Response> = recent
                .range(new..)
                .filter(|event| concerns(&follower.selector, event))
                .cloned()
                .map(Response::Event)
                .collect();
            events.is_empty() || follower.replies.send_all(events).is_ok()
        });
        self.unsent = 0;
    }

    /// Answers a request for events: the last `recent` of them, then, if `follow`, each
    /// as it happens.
    pub(super) fn answer(
        &mut self,
        call: CallId,
        replies: Replies,
        selector: Selector,
        recent: u32,
        follow: bool,
    ) {
        self.flush();
        let most = usize::try_from(recent).unwrap_or(usize::MAX);
        let mut past: Vec<Response> = self
            .recent
            .iter()
            .rev()
            .filter(|event| concerns(&selector, event))
            .take(most)
            .cloned()
            .map(Response::Event)
            .collect();
        past.reverse();
        if !follow {
            past.push(Response::Done { text: None });
        }
        if replies.send_all(past).is_ok() && follow {
            self.followers.push(Follower { call, selector, replies });
        }
    }

    /// A client has left.
    pub(super) fn gone(&mut self, call: CallId) {
        self.followers.retain(|follower| follower.call != call);
        self.readers.retain(|reader| reader.call != call);
    }
}

/// An event of the supervisor itself, now.
pub(super) fn told_by_the_supervisor(what: String) -> Event {
    Event {
        at: Timestamp::now(),
        instance: None,
        from: None,
        to: None,
        pid: None,
        exit: None,
        reason: Some(what),
        application: None,
        resized: None,
    }
}

fn resized(resize: &Resize) -> Resized {
    let Resize { from, to, wanted, scale, figures, run_time } = *resize;
    Resized {
        from,
        to,
        scaling: scaling(scale, wanted, run_time),
        target_wait_ms: millis(scale.target),
        jobs: figures.map(jobs),
    }
}

/// A line for the journal, with fields to search by.
fn journal(change: &StateChange) {
    macro_rules! line {
        ($level:ident, $($text:tt)+) => {
            tracing::$level!(
                application = change.instance.application.as_str(),
                daemon = change.instance.daemon.as_str(),
                instance = %change.instance,
                version = change.spec.release.version.as_ref().map(tracing::field::display),
                tube = change.spec.release.tube.as_ref().map(tracing::field::display),
                pid = change.pid,
                exit = change.exit.as_ref().map(tracing::field::display),
                $($text)+
            )
        };
    }
    let state = change.to.map_or("gone", State::word);
    let reason = change.reason.as_deref().unwrap_or_default();
    let dash = if reason.is_empty() { "" } else { ": " };
    match change.to {
        Some(State::Failed) => line!(error, "{} {state}{dash}{reason}", change.instance),
        Some(State::Backoff) => line!(warn, "{} {state}{dash}{reason}", change.instance),
        _ => line!(info, "{} {state}{dash}{reason}", change.instance),
    }
}

fn concerns(selector: &Selector, event: &Event) -> bool {
    match (&event.instance, &event.application) {
        (Some(instance), _) => selector.matches(instance),
        (None, Some(named)) => match selector {
            Selector::All => true,
            Selector::Only { application, daemon, .. } => application == named && daemon.is_none(),
        },
        (None, None) => *selector == Selector::All,
    }
}
