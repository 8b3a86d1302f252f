//! The configuration: read, applied, and read again when its files change.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::time::{Instant, sleep_until};

use super::PATIENCE;
use super::clock;
use super::publish::told_by_the_supervisor;
use super::reading::{Answer, Ask, At, Heed, Invalid, News, Next, Offer, Older, Silent, Unread, What, Wish};
use super::requests::{invalid, planned};
use super::signals::{self, Signals};
use super::turn::Driver;
use super::upgrade::Left;
use crate::config::Account;
use crate::control::messages::{FailureKind, Response};
use crate::control::server::{CallId, Replies};
use crate::lifecycle::Time;
use crate::names::ApplicationName;
use crate::plan::Wanted;
use crate::supervisor::core::{Answer as Told, Event, Refusal, RequestId};

/// How far the first configuration is.
#[derive(Debug)]
pub(super) enum First {
    /// It is still to be applied; this is answered then.
    Awaited(RequestId),
    /// It is not valid, so there is nothing to run.
    Invalid(Invalid),
    /// It is applied, or what an earlier program of this process has left runs.
    Over,
}

impl Driver {
    /// Reads the configuration for the first time and applies it. Returns false if the supervisor was
    /// told to stop before it could.
    pub(super) async fn begin(&mut self, signals: &mut Signals) -> Result<bool, Invalid> {
        self.read_for_the_first_time();
        loop {
            self.go_on_reading();
            let at = self.reading.deadline().map(|at| Instant::now() + at.since(clock::now()));
            let due = async {
                match at {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                news = self.reading.next() => self.hear_reader(news),
                wish = signals.next() => match wish {
                    signals::Wish::Stop(who) => {
                        tracing::info!("stopping, on {who}");
                        return Ok(false);
                    }
                    signals::Wish::Child => self.table.reap_strangers(),
                    signals::Wish::Reload(_) | signals::Wish::Reopen => {}
                },
                () = due => self.heed_readers(),
            }
            match std::mem::replace(&mut self.first, First::Over) {
                First::Over => {
                    self.follow_releases();
                    self.go_on_reading();
                    return Ok(true);
                }
                First::Invalid(invalid) => return Err(invalid),
                awaited @ First::Awaited(_) => self.first = awaited,
            }
        }
    }

    fn read_for_the_first_time(&mut self) {
        let request = self.answers.begin();
        self.first = First::Awaited(request);
        self.reading.wishes.add(Wish::Configuration(request));
    }

    /// Takes up what another program of this process has left, and has the configuration applied
    /// as it is now; one that is not valid changes nothing.
    pub(super) fn go_on_after_upgrade(&mut self, left: Left) {
        self.take_up(left);
        let request = self.answers.begin();
        self.reading.wishes.add(Wish::Configuration(request));
        self.go_on_reading();
    }

    /// Has the configuration read again and applied, for `client` if there is one.
    pub(super) fn reload(&mut self, client: Option<(CallId, Replies)>) {
        self.reloading();
        let request = match client {
            Some((call, replies)) => self.answers.open(call, replies, true),
            None => self.answers.begin(),
        };
        self.want(Wish::Configuration(request));
    }

    /// Has something done that takes a reading.
    pub(super) fn want(&mut self, wish: Wish) {
        if self.core.is_leaving() {
            return self.give_up(&wish);
        }
        self.reading.wishes.add(wish);
        self.have_a_reader();
    }

    /// Goes on with what is asked for next. To be called at the end of each turn.
    pub(super) fn go_on_reading(&mut self) {
        if let Some(taken) = self.reading.taken() {
            let _ = taken.send(self.older());
        }
        let Some(wish) = self.reading.next_wish() else { return };
        let ask = match wish {
            Wish::Configuration(_) => Ask::Configuration,
            Wish::Plan(_) => Ask::Plan,
            Wish::Deploy { .. } => Ask::Deployed,
            Wish::Operate(..) => Ask::Users(self.accounts()),
            Wish::Look => Ask::Look(self.reading.silent()),
            Wish::Watch => Ask::Watch(self.older()),
        };
        self.reading.ask(ask);
    }

    /// As whom everything runs that is wanted now.
    fn accounts(&self) -> Vec<Arc<Account>> {
        let accounts: HashSet<Arc<Account>> =
            self.core.wanted().values().map(|spec| spec.daemon.process.account.clone()).collect();
        accounts.into_iter().collect()
    }

    /// The reader has something to say.
    pub(super) fn hear_reader(&mut self, news: News) {
        self.reading.hear(&news);
        match news {
            News::Begun | News::Free => {}
            News::Unwatched(directories) => warn_unwatched(&directories),
            News::Folder(event) => self.decide(event),
            News::Answer(answer) => self.answered(answer),
            News::Changed(what, read) => self.changed(what, read),
        }
    }

    fn answered(&mut self, answer: Result<Answer, Unread>) {
        let wishes = self.reading.wishes.over();
        match answer {
            Ok(Answer::Next(offer)) => self.apply(offer, wishes),
            Ok(Answer::Plan(wanted)) => {
                let plan = planned(&self.core.plan(&wanted));
                for request in wishes.iter().filter_map(Wish::request) {
                    self.answers.reply(request, plan.clone());
                }
            }
            Ok(Answer::Users(users)) => {
                self.spawner.learn(users);
                self.fulfil(wishes);
            }
            Ok(Answer::Done) => {}
            Err(unread) => self.unread(unread, wishes),
        }
    }

    /// What was offered by the reader of its own accord: nobody has asked for it.
    fn changed(&mut self, what: What, read: Result<Offer, Unread>) {
        if self.core.is_leaving() {
            return;
        }
        match what {
            What::Files => tracing::info!("{} has changed", self.reading.place.file.display()),
            What::Deployed => tracing::info!("what is deployed has changed"),
        }
        self.reloading();
        match (read, std::mem::replace(&mut self.first, First::Over)) {
            (Ok(offer), First::Awaited(request)) => self.apply(offer, vec![Wish::Configuration(request)]),
            (Ok(offer), _) => {
                let request = self.answers.begin();
                self.apply(offer, vec![Wish::Configuration(request)]);
            }
            (Err(unread), First::Awaited(request)) => {
                self.first = First::Awaited(request);
                self.unread(unread, vec![Wish::Configuration(request)]);
            }
            (Err(unread), _) => self.refused(&unread.to_string()),
        }
    }

    /// Applies what was read, for those who have asked for it.
    fn apply(&mut self, offer: Offer, wishes: Vec<Wish>) {
        if self.core.is_leaving() {
            for wish in &wishes {
                self.give_up(wish);
            }
            return;
        }
        let Offer { next: Next { seen, warnings, silent, users }, taken } = offer;
        for warning in &warnings {
            tracing::warn!("{warning}");
        }
        for silent in &silent {
            tracing::warn!("{}", left_out(silent));
        }
        self.spawner.learn(users);
        let wanted = Arc::clone(&seen.wanted);
        let budget = seen.config.as_ref().map(|config| config.budget).unwrap_or_default();
        self.spawner.warn_unlimited(&wanted);
        self.reading.take(seen, taken);
        for wish in wishes {
            let wanted = Wanted::clone(&wanted);
            match wish {
                Wish::Configuration(request) => {
                    self.answers.except(request, silent.iter().map(left_out).collect());
                    self.decide(Event::Apply { wanted, budget, request: Some(request) });
                }
                Wish::Deploy { request, application, wait } => {
                    match self.keeps_from_deploy(&application, &silent) {
                        Some(silent) => self.answers.reply(request, vec![not_read(silent)]),
                        None => self.decide(Event::Deploy { application, wanted, request, wait }),
                    }
                }
                _ => {}
            }
        }
        self.first = First::Over;
    }

    /// What of an application does not answer.
    fn keeps_from_deploy<'a>(
        &self,
        application: &ApplicationName,
        silent: &'a [Silent],
    ) -> Option<&'a Silent> {
        let application = self.reading.seen.config.as_ref()?.applications.get(application)?;
        silent.iter().find(|Silent(at)| matches!(at, At::Path(path) if path.starts_with(&application.path) || application.path.starts_with(path)))
    }

    /// What was asked for could not be read.
    fn unread(&mut self, unread: Unread, wishes: Vec<Wish>) {
        let unread = match (unread, &self.first) {
            // There is nothing to run, and nobody to be told but whoever has started this.
            (Unread::Invalid(invalid), First::Awaited(_)) => {
                self.first = First::Invalid(invalid);
                return;
            }
            (unread, _) => unread,
        };
        let text = unread.to_string();
        if wishes.iter().any(|wish| matches!(wish, Wish::Configuration(_))) {
            self.refused(&text);
        }
        let response = match &unread {
            Unread::Invalid(_) => invalid(&text),
            Unread::Silent(silent) => not_read(silent),
        };
        for request in
            wishes.iter().filter(|wish| !matches!(wish, Wish::Operate(..))).filter_map(Wish::request)
        {
            let is_first = matches!(self.first, First::Awaited(first) if first == request);
            if !is_first {
                self.answers.reply(request, vec![response.clone()]);
            }
        }
        self.fulfil(wishes);
    }

    /// Decides what operators asked for, with what is known of users.
    pub(super) fn fulfil(&mut self, wishes: Vec<Wish>) {
        for wish in wishes {
            if let Wish::Operate(request, command) = wish {
                self.decide(Event::Command { request, command });
                self.remember();
            }
        }
    }

    /// Decides at once what operators asked for before: nothing that is asked for later is to be undone by it.
    pub(super) fn fulfil_earlier(&mut self) {
        let earlier = self.reading.wishes.take(|wish| matches!(wish, Wish::Operate(..)));
        self.fulfil(earlier);
    }

    /// A rollback is asked for: a deploy that was asked for before, and is not known yet, is none any more.
    pub(super) fn outdo_deploys(&mut self, of: &ApplicationName) {
        let theirs = |wish: &Wish| matches!(wish, Wish::Deploy { application, .. } if application == of);
        let text = "a rollback was asked for before it was known what is deployed";
        for request in self.reading.wishes.take(theirs).iter().filter_map(Wish::request) {
            let response = Response::Failed { kind: FailureKind::Other, text: text.to_owned() };
            self.answers.reply(request, vec![response]);
        }
    }

    /// What was asked for is not done any more, for the supervisor ends.
    pub(super) fn give_up_readings(&mut self) {
        for wish in self.reading.wishes.take(|_| true) {
            self.give_up(&wish);
        }
    }

    fn give_up(&mut self, wish: &Wish) {
        if let Some(request) = wish.request() {
            self.answers.answer(request, Told::Refused(Refusal::ShuttingDown), |_| Vec::new());
        }
    }

    /// Looks after readers that may hang.
    pub(super) fn heed_readers(&mut self) {
        for heed in self.reading.heed(clock::now()) {
            match heed {
                Heed::Hangs(at) => {
                    let silent = Silent(at);
                    let text = format!("{silent}: what is known of it is left as it was, until it does");
                    tracing::error!("{text}");
                    self.publisher.publish(told_by_the_supervisor(text));
                }
                Heed::Answers(at) => {
                    let text = format!("{at} answers again");
                    tracing::info!("{text}");
                    self.publisher.publish(told_by_the_supervisor(text));
                }
                Heed::Ended => tracing::error!("the thread that reads the configuration has ended"),
            }
            // What has changed meanwhile, and what the next one leaves alone, is found by a look.
            self.reading.wishes.add(Wish::Look);
            self.have_a_reader();
        }
    }

    /// Sees to it that there is a reader, or that nobody waits for one.
    fn have_a_reader(&mut self) {
        if self.reading.has_reader() {
            return;
        }
        if self.reading.may_hang() {
            match self.reading.begin(self.older()) {
                Ok(()) => return,
                Err(error) => tracing::error!(%error, "cannot read anything: there is no other thread"),
            }
        }
        if let Some(at) = self.reading.hangs().cloned() {
            let wishes = self.reading.wishes.take(|_| true);
            self.unread(Silent(at).into(), wishes);
        }
    }

    /// The folders of releases that are not the deployed ones.
    fn older(&self) -> Vec<Older> {
        let releases = self.core.releases().flat_map(|(name, one)| one.all().map(move |kept| (name, kept)));
        let older = releases.filter_map(|(application, kept)| {
            Some(Older {
                application: application.clone(),
                version: kept.version.clone()?,
                path: kept.release()?.path.clone(),
                gone: kept.gone.is_some(),
            })
        });
        older.collect()
    }

    /// Nothing has changed, because the files cannot be used.
    fn refused(&mut self, problem: &str) {
        tracing::error!("the configuration is not applied, nothing changes:\n{problem}");
        let first = problem.lines().next().unwrap_or_default();
        self.publisher.publish(told_by_the_supervisor(format!("the configuration is not applied: {first}")));
    }

    fn reloading(&mut self) {
        if self.told_ready {
            self.told_ready = false;
            let now = clock::now();
            self.systemd.reloading(now.since(Time::default()));
            self.deadlines.patience(Some(now + PATIENCE));
        }
    }
}

/// What was asked for is not done, for it takes what does not answer.
fn not_read(silent: &Silent) -> Response {
    Response::Failed { kind: FailureKind::Other, text: format!("{silent}; nothing changes") }
}

/// A part of what was asked for is not done.
fn left_out(silent: &Silent) -> String {
    format!("{silent}: what is known of it is left as it was")
}

/// Edits there will not be noticed.
fn warn_unwatched(refused: &[String]) {
    for directory in refused {
        tracing::warn!("cannot watch {directory}; after an edit there, use `abaqis-daemons reload`");
    }
}
