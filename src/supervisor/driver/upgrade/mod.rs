//! The upgrade in place: the supervisor becomes another program, and its children do not
//! notice.
//!
//! ```text
//!     asked ─► the program may be trusted? ─► it is run once, to read the state (Check)
//!                                                │ refused, dead, silent ─► nothing changes
//!                                                ▼
//!        nobody reads the log pipes any more (HandOver), what was read is written
//!                                                ▼
//!        no child is on its way to its program, nothing is being read
//!                                                ▼
//!        state in a memfd, signals held ─► exec ─► failed: all as before
//!                                            ▼
//!     the same process: takes everything up again (adopt), answers `RELOADING`, then `READY`
//! ```
//!
//! The process and its children stay what they are, so pids, parents, process groups and
//! zombies do, too. Descriptors that are kept: lock, control socket, notify sockets, both
//! ends of log pipes. What a signal says meanwhile waits until it can be heard again.

mod adopt;
mod binary;
mod state;

use std::ffi::{CString, OsString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::oneshot;

pub use adopt::{Handle, check, understand};
pub(super) use adopt::{Leavings, Left, Rest, take};
use state::{SavedPipe, SavedUser, State};
pub(super) use state::{SavedProcess, SavedStage};

use super::clock;
use super::signals::Wish;
use super::turn::{Driver, Senses};
use crate::control::messages::{FailureKind, Response};
use crate::control::server::Replies;
use crate::lifecycle::Time;
use crate::logs::HandedPipe;
use crate::process;

/// How long the new program may take to say that it understands the state.
const CHECK: Duration = Duration::from_secs(10);

/// How long what was read of log pipes may take to be written, and children to get to
/// their programs.
const SETTLE: Duration = Duration::from_secs(5);

/// Why there is no upgrade during a stop.
const SHUTTING_DOWN: &str = "the supervisor is shutting down";

/// What this process was called as, to be called so again.
#[derive(Debug, Clone)]
pub struct Image {
    /// The program: absolute.
    pub program: PathBuf,
    /// Its arguments, its name first, without what an earlier upgrade added.
    pub arguments: Vec<OsString>,
}

/// An upgrade under way.
pub(super) struct Upgrade {
    client: Replies,
    step: Step,
    /// It is given up then.
    until: Time,
}

enum Step {
    /// The new program reads the state.
    Check(oneshot::Receiver<Result<String, String>>),
    /// The log pipes are being let go of, but for those that were already.
    HandOver(Vec<HandedPipe>, oneshot::Receiver<Vec<HandedPipe>>),
    /// Everything is still, but for children on their way to their programs.
    Settle(Vec<HandedPipe>),
}

/// What is heard of an upgrade.
pub(super) enum Heard {
    Checked(Result<String, String>),
    Handed(Vec<HandedPipe>),
    /// It is to be looked at again.
    Waited,
}

impl Upgrade {
    /// What comes next. Cancel safe.
    pub(super) async fn next(upgrade: &mut Option<Self>) -> Heard {
        let Some(upgrade) = upgrade else { return std::future::pending().await };
        let left = upgrade.until.since(clock::now());
        match &mut upgrade.step {
            Step::Check(checked) => match tokio::time::timeout(left, checked).await {
                Ok(Ok(checked)) => Heard::Checked(checked),
                _ => Heard::Waited,
            },
            Step::HandOver(_, handed) => match tokio::time::timeout(left, handed).await {
                Ok(Ok(handed)) => Heard::Handed(handed),
                _ => Heard::Waited,
            },
            Step::Settle(_) => {
                tokio::time::sleep(Duration::from_millis(1)).await;
                Heard::Waited
            }
        }
    }
}

impl Driver {
    /// Begins an upgrade, or says why not.
    pub(super) fn upgrade(&mut self, client: Replies, senses: &mut Option<Upgrade>) {
        match self.begin_upgrade(senses.is_some()) {
            Ok(checked) => {
                let until = clock::now() + CHECK;
                *senses = Some(Upgrade { client, step: Step::Check(checked), until });
            }
            Err(reason) => refuse(&client, &reason),
        }
    }

    fn begin_upgrade(&self, under_way: bool) -> Result<oneshot::Receiver<Result<String, String>>, String> {
        let Some(image) = &self.image else {
            return Err("this supervisor was not started by `abaqis-daemons run`".to_owned());
        };
        if under_way {
            return Err("another upgrade is under way".to_owned());
        }
        if let Some(reason) = self.keeps_from_upgrade() {
            return Err(reason);
        }
        binary::trusted(&image.program, self.uid)?;
        binary::check(image, &self.state(&[], -1, -1)?)
    }

    /// What goes on that the next program could not go on with.
    fn keeps_from_upgrade(&self) -> Option<String> {
        if self.core.is_leaving() {
            // It would not tell systemd that this takes its time.
            return Some(SHUTTING_DOWN.to_owned());
        }
        if let Some(at) = self.reading.hangs() {
            // To become another program, all threads have to end first; one that waits for a disk may not.
            return Some(format!("{at} does not answer, and a thread waits for it; try again when it does"));
        }
        let moving = "jobs of an older release are being moved; try again in a moment";
        self.tubes.is_moving().then(|| moving.to_owned())
    }

    /// Goes on with an upgrade.
    pub(super) async fn go_on(&mut self, heard: Heard, senses: &mut Senses) {
        let Some(upgrade) = senses.upgrade.take() else { return };
        let Upgrade { client, step, until } = upgrade;
        let late = clock::now() >= until;
        let next = match (step, heard) {
            (Step::Check(_), Heard::Checked(Ok(version))) => {
                tracing::info!("upgrade: version {version} understands the state");
                self.let_go(Vec::new(), clock::now() + SETTLE)
            }
            (Step::Check(_), Heard::Checked(Err(reason))) => Err(reason),
            (Step::Check(_), _) => Err(format!("its self-check said nothing within {} s", CHECK.as_secs())),
            (Step::HandOver(mut pipes, _), Heard::Handed(more)) => {
                pipes.extend(more);
                Ok((Step::Settle(pipes), until))
            }
            (Step::HandOver(pipes, handed), _) => {
                // Dropped, it lets the reading go on.
                drop(handed);
                self.spawner.logs.adopt(pipes);
                Err("the logs cannot be written; is a disk stuck?".to_owned())
            }
            // It may have begun since.
            (Step::Settle(pipes), _) if let Some(reason) = self.keeps_from_upgrade() => {
                self.spawner.logs.adopt(pipes);
                Err(reason)
            }
            (Step::Settle(pipes), _) if self.table.is_starting() && late => {
                self.spawner.logs.adopt(pipes);
                Err("a daemon has not come to its program yet; try again".to_owned())
            }
            (Step::Settle(pipes), _) if self.reading.is_busy() && late => {
                self.spawner.logs.adopt(pipes);
                Err("the configuration is being read; try again".to_owned())
            }
            (Step::Settle(pipes), _) if self.table.is_starting() || self.reading.is_busy() => {
                Ok((Step::Settle(pipes), until))
            }
            // A daemon was started meanwhile.
            (Step::Settle(pipes), _) if self.spawner.logs.reads() => self.let_go(pipes, until),
            (Step::Settle(pipes), _) => {
                let (reason, pipes) = self.become_new(pipes, senses).await;
                self.spawner.logs.adopt(pipes);
                Err(reason)
            }
        };
        match next {
            Ok((step, until)) => senses.upgrade = Some(Upgrade { client, step, until }),
            Err(reason) => refuse(&client, &reason),
        }
    }

    /// Lets go of the log pipes that are read, in addition to `pipes`.
    fn let_go(&mut self, pipes: Vec<HandedPipe>, until: Time) -> Result<(Step, Time), String> {
        match self.spawner.logs.hand_over() {
            Ok(Some(handed)) => Ok((Step::HandOver(pipes, handed), until)),
            Ok(None) => Ok((Step::Settle(pipes), until)),
            Err(error) => {
                self.spawner.logs.adopt(pipes);
                Err(format!("the logs cannot be handed over: {error}"))
            }
        }
    }

    /// Becomes the new program; comes back only if that failed, with why, and the pipes.
    async fn become_new(&mut self, pipes: Vec<HandedPipe>, senses: &mut Senses) -> (String, Vec<HandedPipe>) {
        self.answers.leave_all();
        // They get what they are told before their connections end.
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        // From here on the next program hears them; what was heard before is looked at now.
        process::hold_signals();
        let mut wishes = Vec::new();
        while let Some(wish) = senses.signals.next().now_or_never() {
            wishes.push(wish);
        }
        let reason = if wishes.iter().any(|wish| matches!(wish, Wish::Stop(_))) {
            SHUTTING_DOWN.to_owned()
        } else {
            crate::logs::settle();
            // All other wishes are as good as fulfilled by a program that begins.
            self.exec(&pipes, senses.server.as_fd())
        };
        process::release_signals();
        for wish in wishes {
            self.wish(wish);
        }
        if self.told_ready && !self.core.is_leaving() {
            self.systemd.ready();
        }
        (reason, pipes)
    }

    fn exec(&mut self, pipes: &[HandedPipe], control: BorrowedFd<'_>) -> String {
        let Some(image) = self.image.clone() else { return String::new() };
        let mut kept: Vec<BorrowedFd<'_>> = vec![control, self.runtime.lock()];
        kept.extend(self.table.kept());
        kept.extend(pipes.iter().flat_map(|pipe| {
            [Some(pipe.reader.as_fd()), pipe.writer.as_ref().map(AsFd::as_fd)].into_iter().flatten()
        }));
        let (control, lock) = (control.as_raw_fd(), self.runtime.lock().as_raw_fd());
        let message = match self.state(pipes, control, lock).and_then(|state| {
            process::memory::leave_message(&state)
                .map_err(|error| format!("no memory for the state: {error}"))
        }) {
            Ok(message) => message,
            Err(reason) => return reason,
        };
        let mut arguments = image.arguments.clone();
        arguments.push(format!("--adopt={}:{lock}", message.as_raw_fd()).into());
        let arguments: Result<Vec<CString>, _> =
            arguments.into_iter().map(|argument| CString::new(argument.into_vec())).collect();
        let Ok(arguments) = arguments else { return "its arguments cannot be passed on".to_owned() };
        kept.push(message.as_fd());
        if let Err(error) = kept.iter().try_for_each(|fd| process::keep_over_exec(*fd, true)) {
            return format!("cannot keep what is open: {error}");
        }
        self.systemd.reloading(clock::now().since(Time::default()));
        let error = process::reexec(&image.program, &arguments);
        for fd in kept {
            let _ = process::keep_over_exec(fd, false);
        }
        format!("cannot run {}: {error}", image.program.display())
    }

    /// All that the next program has to know.
    fn state(&self, pipes: &[HandedPipe], control: i32, lock: i32) -> Result<Vec<u8>, String> {
        let users = self.spawner.identities.all().map(|(account, identity)| SavedUser {
            account: account.clone(),
            groups: identity.groups.clone(),
        });
        State {
            form: state::FORM,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            upgrades: self.upgrades,
            core: self.core.snapshot(),
            processes: self.table.saved(),
            applying: self.answers.applying_ones().collect(),
            events: self.publisher.recent().cloned().collect(),
            pipes: pipes.iter().map(SavedPipe::of).collect(),
            users: users.collect(),
            control,
            lock,
        }
        .to_bytes()
        .map_err(|error| format!("the state cannot be written down: {error}"))
    }
}

/// Nothing changes; whoever asked, and the journal, are told why.
fn refuse(client: &Replies, reason: &str) {
    tracing::error!("the upgrade is refused, nothing changes: {reason}");
    let _ = client.send(Response::Failed { kind: FailureKind::Other, text: reason.to_owned() });
}
