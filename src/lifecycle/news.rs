//! What a process does, and what that makes of its instance.

use super::actual::{Actual, Ladder, Leave, Stage};
use super::life::{Life, Rules, Said};
use super::{Cause, Desired, Effect, Exit, Fault, Notice, Phase, ProcessEvent, State, Time, Watchdog};
use crate::config::{Kill, Ready};

/// The most that is kept of what a process says, in bytes.
const LONGEST: usize = 1024;

impl Life {
    /// Its present process did something; the caller has made sure that it was that one.
    pub fn hear(&mut self, event: ProcessEvent, rules: &Rules<'_>, now: Time, out: &mut Vec<Effect>) {
        match event {
            ProcessEvent::Spawned { pid } => self.spawned(pid, rules, now, out),
            ProcessEvent::SpawnFailed { reason } => {
                self.leave(Desired::Up, Cause::Own(Fault::Exit), Ladder::Held, now);
                self.ended(Exit::SpawnFailed(reason));
                self.gone(rules, now);
            }
            ProcessEvent::Exited { exit, survivors } => self.exited(exit, survivors, rules, now, out),
            ProcessEvent::Found => match &self.actual {
                Actual::Leaving(_, Leave { ladder: Ladder::Asked { .. }, .. }) => out.push(Effect::AskRest),
                Actual::Leaving(_, Leave { ladder: Ladder::Killed { .. }, .. }) => out.push(Effect::Kill),
                _ => {}
            },
            ProcessEvent::Gone => {
                self.leave(Desired::Up, Cause::Own(Fault::Exit), Ladder::Held, now);
                self.gone(rules, now);
            }
            ProcessEvent::Ready => {
                if matches!(rules.policy.ready, Ready::Tcp(_) | Ready::File(_) | Ready::Exec(_)) {
                    self.ready(now);
                }
            }
            ProcessEvent::NotReady { reason } => {
                if self.state() == State::Starting {
                    self.said().check = Some(reason);
                }
            }
            ProcessEvent::Notify(notice) => self.notified(*notice, rules, now, out),
        }
    }

    fn spawned(&mut self, new: u32, rules: &Rules<'_>, now: Time, out: &mut Vec<Effect>) {
        match &mut self.actual {
            Actual::Idle(_) => {}
            Actual::Leaving(process, _) => process.pid = Some(new),
            Actual::Live(process, stage) => {
                process.pid = Some(new);
                if *stage == Stage::Spawning {
                    *stage = Stage::Starting { since: now, extended: None };
                    self.look(rules, now, out);
                }
            }
        }
    }

    /// Notes how the main process ended, unless that is known already.
    fn ended(&mut self, how: Exit) {
        let Actual::Leaving(_, leave) = &mut self.actual else { return };
        leave.exit.get_or_insert(how);
        self.history.last_exit.clone_from(&leave.exit);
    }

    fn exited(&mut self, how: Exit, survivors: bool, rules: &Rules<'_>, now: Time, out: &mut Vec<Effect>) {
        self.leave(Desired::Up, Cause::Own(Fault::Exit), Ladder::Held, now);
        let Actual::Leaving(_, Leave { ladder, exit: None, cause, .. }) = &mut self.actual else { return };
        // What the main process leaves behind has to go before the next can come. It has been
        // asked already if the whole group was, but for those that only now are seen to belong to it;
        // one that stops by itself was asked nothing.
        let asked = match ladder {
            Ladder::Held => false,
            Ladder::Asked { .. } => rules.policy.kill == Kill::Group && *cause != Cause::Own(Fault::Exit),
            Ladder::Killed { .. } | Ladder::Reaping { .. } => true,
        };
        match (survivors, *ladder) {
            (_, Ladder::Killed { .. }) => {}
            (false, _) => *ladder = Ladder::Reaping { since: now },
            (true, _) if asked => out.push(Effect::AskRest),
            (true, _) if rules.policy.stop_timeout.is_zero() => self.kill(now, out),
            (true, _) => {
                *ladder = Ladder::Asked { since: now, extended: None };
                out.push(Effect::AskSurvivors);
            }
        }
        self.ended(how);
    }

    fn said(&mut self) -> &mut Said {
        self.said.get_or_insert_default()
    }

    fn notified(&mut self, notice: Notice, rules: &Rules<'_>, now: Time, out: &mut Vec<Effect>) {
        if self.is_idle() {
            return;
        }
        if let Some(status) = notice.status {
            self.said().status = short(status);
        }
        if let Some(job) = notice.job {
            self.said().job = short(job).map(|job| (job, now));
        }
        if let Some(span) = notice.extend {
            match &mut self.actual {
                Actual::Live(_, Stage::Starting { extended, .. })
                | Actual::Leaving(_, Leave { ladder: Ladder::Asked { extended, .. }, .. }) => {
                    *extended = Some(now + span);
                }
                _ => {}
            }
        }
        match (notice.phase, &self.actual) {
            (Some(Phase::Ready), Actual::Live(_, Stage::Reloading(_))) => self.ready(now),
            (Some(Phase::Ready), _) if rules.policy.ready == Ready::Notify => self.ready(now),
            (Some(Phase::Reloading), Actual::Live(process, Stage::Ready(up))) => {
                self.actual = Actual::Live(process.clone(), Stage::Reloading(*up));
            }
            (Some(Phase::Stopping), Actual::Live(..)) => {
                let ladder = Ladder::Asked { since: now, extended: None };
                self.leave(Desired::Up, Cause::Own(Fault::Exit), ladder, now);
            }
            _ => {}
        }
        self.watched(notice.watchdog, rules, now, out);
    }

    fn watched(&mut self, ping: Option<Watchdog>, rules: &Rules<'_>, now: Time, out: &mut Vec<Effect>) {
        let Actual::Live(_, Stage::Ready(up) | Stage::Reloading(up)) = &mut self.actual else { return };
        match ping {
            Some(Watchdog::Alive) => up.heard = now,
            Some(Watchdog::Trigger) if rules.watchdog.is_some() => {
                self.leave(Desired::Up, Cause::Own(Fault::Watchdog), Ladder::Held, now);
                self.kill(now, out);
            }
            None | Some(Watchdog::Trigger) => {}
        }
    }
}

/// What is kept of a text; nothing of an empty one.
fn short(mut text: String) -> Option<Box<str>> {
    text.truncate(text.floor_char_boundary(LONGEST));
    (!text.is_empty()).then(|| text.into_boxed_str())
}
