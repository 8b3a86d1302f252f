//! A worker whose queue and executor are played by hand.

use std::time::Duration;

use bytes::Bytes;

use super::super::*;
use crate::ayl::{Handler, Message};
use crate::beanstalk::{JobId, Priority, Ttr};

pub(super) const ID: JobId = JobId(7);

/// A worker, what it has said, and what time it is.
pub(super) struct Play {
    pub(super) core: Core,
    pub(super) now: Duration,
    pub(super) said: Vec<Action>,
}

pub(super) fn settings() -> Settings {
    Settings {
        stop_timeout: Duration::from_secs(30),
        max_runtime: None,
        handler: Handler::Delete,
        recycle: Recycle::default(),
        others: false,
    }
}

pub(super) fn facts() -> Facts {
    Facts { ttr: Ttr(120), priority: Priority(512), reserves: 1, deaths: 0, worker_deaths: 0 }
}

pub(super) fn message(handler: Option<Handler>) -> Content {
    Content::Message(Box::new(Message::new("Resident.census", handler)))
}

impl Play {
    pub(super) fn with(settings: Settings) -> Self {
        Self { core: Core::new(settings), now: Duration::ZERO, said: Vec::new() }
    }

    /// A worker that waits for its first job.
    pub(super) fn idle(settings: Settings) -> Self {
        let mut play = Self::with(settings);
        play.tell(Event::QueueUp);
        play.tell(Event::Booted);
        play
    }

    /// A worker whose executor runs a job.
    pub(super) fn running(settings: Settings, handler: Option<Handler>) -> Self {
        let mut play = Self::idle(settings);
        play.reserved(message(handler));
        play.answer(Answer::Facts(Some(facts())));
        assert!(play.said.contains(&Action::Run(ID)), "{:?}", play.said);
        play
    }

    pub(super) fn tell(&mut self, event: Event) -> &[Action] {
        self.said.clear();
        self.core.handle(event, self.now, &mut self.said);
        &self.said
    }

    pub(super) fn answer(&mut self, answer: Answer) -> &[Action] {
        self.tell(Event::Answer(answer))
    }

    pub(super) fn reserved(&mut self, content: Content) -> &[Action] {
        self.answer(Answer::Reserved { id: ID, body: Bytes::new(), content })
    }

    /// Lets time go on to the worker's next deadline; that on which a job is shown does not count.
    pub(super) fn wait(&mut self) -> &[Action] {
        self.now = self.core.next_deadline().expect("a deadline");
        if self.tell(Event::Tick) == [Action::Show(Doing::Running(ID))] {
            return self.wait();
        }
        &self.said
    }

    pub(super) fn ran(&mut self, outcome: Outcome) -> &[Action] {
        self.tell(Event::Ran { outcome, failure: None, memory: None })
    }

    pub(super) fn died(&mut self) -> &[Action] {
        self.tell(Event::Died { how: "was killed by SIGSEGV".into(), stderr: "boom".into() })
    }

    /// The verdict that the queue is being told.
    pub(super) fn verdict(&self) -> Option<(&Verdict, bool)> {
        self.said.iter().find_map(|action| match action {
            Action::Ask(Ask::Settle { verdict, reserve, .. }) => Some((verdict, *reserve)),
            _ => None,
        })
    }

    pub(super) fn asks(&self, ask: &Ask) -> bool {
        self.said.contains(&Action::Ask(ask.clone()))
    }
}
