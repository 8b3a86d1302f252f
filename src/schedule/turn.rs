//! One turn: what whoever has reserved an entry's token does with it, a step at a time.
//!
//! ```text
//!     reserved ─► Count ──1──► due? ──slot──► Touch ─► Job ─► Token ─► Delete ─► Put
//!                   │ more       │  ╲             (overlap: Unfinished first)
//!                   ▼            │   soon ─► Hold ─► due?
//!                 Look           └─nothing─► Touch ──────────► Token ─► Delete ─► Moved
//!                   │ the other one is free: the worse of the two is deleted
//!                   └ it is reserved: give ours back, look again in a moment
//! ```
//!
//! Nothing is put before it is known that the token is still ours and the only one. The
//! job is put before the next token: a death in between puts the job twice, the other
//! order would lose it.

use jiff::{SignedDuration, Timestamp};

use super::timetable::{Entry, Overlap};
use super::{Due, Past, PutJob, Token, due, next_look};
use crate::beanstalk::JobId;
use crate::names::Tube;

/// A token that is due so soon is held rather than put again: beanstalkd counts whole seconds.
const SOON: SignedDuration = SignedDuration::from_secs(2);

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Count the tokens in the entry's tube, those reserved too.
    Count,
    /// Look for a token in the tube that nobody has reserved.
    Look,
    /// Delete that other token.
    Remove(JobId),
    /// Do nothing until then.
    Hold(Timestamp),
    /// Is that job still to be done?
    Unfinished(PutJob),
    /// Touch the token: is it still ours?
    Touch,
    /// Put the entry's job for this slot.
    Job(Timestamp),
    /// Put this token, to be ready after this many seconds.
    Token(Box<Token>, u32),
    /// Give the token back, to be ready after this many seconds.
    Release(u32),
    /// Delete the token.
    Delete,
    /// The turn has ended.
    End(Outcome),
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// It is done.
    Done,
    /// How many there are.
    Count(u64),
    /// A token that nobody has reserved; `None` inside: a job that is no token.
    Found(JobId, Option<Box<Token>>),
    /// There is none, or it is not ours: `NOT_FOUND`.
    Missing,
    /// It is still to be done.
    Yes,
    /// It was put.
    Put(JobId, Tube),
    /// The queue will never take it.
    Refused(String),
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The slot's job was put.
    Put {
        /// The slot.
        slot: Timestamp,
        /// Its job.
        job: JobId,
        /// Whether earlier slots were dropped.
        dropped: bool,
        /// What is known from now on.
        past: Past,
        /// The token was somebody else's by then, who may have put the slot's job too.
        overtaken: bool,
    },
    /// The slot was dropped.
    Skipped {
        /// The slot.
        slot: Timestamp,
        /// Why.
        reason: String,
        /// What is known from now on.
        past: Past,
    },
    /// Nothing was due.
    Moved {
        /// Whether slots were dropped.
        dropped: bool,
        /// What is known from now on.
        past: Past,
    },
    /// There was another token; this one, or that one's turn, goes on.
    Double,
    /// The token became somebody else's before anything was put.
    Lost,
    /// The entry is never due again: its token is gone.
    Over,
}

/// A turn with a reserved token.
#[derive(Debug)]
pub struct Turn<'e> {
    entry: &'e Entry,
    id: JobId,
    token: Token,
    past: Past,
    by: &'e str,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Counting,
    Looking,
    Removing,
    Releasing,
    Holding,
    /// Is the job before still to be done?
    Asking {
        slot: Timestamp,
        dropped: bool,
    },
    /// The token is touched before anything is put.
    Touching(Plan),
    PuttingJob {
        slot: Timestamp,
        dropped: bool,
    },
    PuttingToken(Done),
    Deleting(Done, JobId),
    /// The next token is removed again: this one was no longer ours.
    Undoing(Done),
    /// The token is deleted for good.
    Ending(Outcome),
}

/// What the touch is for.
#[derive(Debug)]
enum Plan {
    Put { slot: Timestamp, dropped: bool },
    Move(Done),
}

/// What this turn has come to, when the next token is in its tube.
#[derive(Debug)]
enum Done {
    Put { slot: Timestamp, job: JobId, dropped: bool },
    Skipped { slot: Timestamp, reason: String },
    Moved { dropped: bool },
}

impl<'e> Turn<'e> {
    /// A turn with `token`, reserved as job `id`, by whoever is called `by`. `known` is what
    /// this host remembers. The first step is [`Ask::Count`].
    pub fn new(entry: &'e Entry, id: JobId, token: Token, known: Option<&Past>, by: &'e str) -> Self {
        let past = token.past.clone().or_later(known);
        Self { entry, id, token, past, by, stage: Stage::Counting }
    }

    /// What is known so far: a slot whose job was put is in it, whatever becomes of the turn.
    pub fn past(&self) -> &Past {
        &self.past
    }

    /// The next step after what was heard of the last one.
    pub fn step(&mut self, heard: Heard, now: Timestamp) -> Ask {
        match std::mem::replace(&mut self.stage, Stage::Counting) {
            Stage::Counting => match heard {
                Heard::Count(0 | 1) => self.decide(now),
                _ => self.to(Stage::Looking, Ask::Look),
            },
            Stage::Looking => self.compare(heard),
            Stage::Removing => Ask::Count,
            Stage::Releasing => Ask::End(Outcome::Double),
            Stage::Holding => self.decide(now),
            Stage::Asking { slot, dropped } => match heard {
                Heard::Yes => {
                    let reason = "the job of an earlier one is not done".to_owned();
                    self.touch(Plan::Move(Done::Skipped { slot, reason }))
                }
                _ => self.touch(Plan::Put { slot, dropped }),
            },
            Stage::Touching(_) if heard == Heard::Missing => Ask::End(Outcome::Lost),
            Stage::Touching(Plan::Put { slot, dropped }) => {
                self.to(Stage::PuttingJob { slot, dropped }, Ask::Job(slot))
            }
            Stage::Touching(Plan::Move(done)) => self.hand_on(done, now),
            Stage::PuttingJob { slot, dropped } => match heard {
                Heard::Put(job, tube) => {
                    let put = PutJob { id: job, tube, at: now };
                    self.past = self.past.clone().after(slot, Some(put));
                    self.hand_on(Done::Put { slot, job, dropped }, now)
                }
                Heard::Refused(reason) => {
                    self.past = self.past.clone().after(slot, None);
                    self.hand_on(Done::Skipped { slot, reason }, now)
                }
                _ => Ask::End(Outcome::Lost),
            },
            Stage::PuttingToken(done) => match heard {
                Heard::Put(next, _) => self.to(Stage::Deleting(done, next), Ask::Delete),
                _ => Ask::End(Outcome::Lost),
            },
            Stage::Deleting(done, next) => match heard {
                Heard::Missing => self.to(Stage::Undoing(done), Ask::Remove(next)),
                _ => Ask::End(self.outcome(done, false)),
            },
            Stage::Undoing(done) => Ask::End(self.outcome(done, true)),
            Stage::Ending(outcome) => Ask::End(outcome),
        }
    }

    fn to(&mut self, stage: Stage, ask: Ask) -> Ask {
        self.stage = stage;
        ask
    }

    /// Two tokens: the one that knows of the later slot stays, of two alike the older one.
    fn compare(&mut self, heard: Heard) -> Ask {
        let Heard::Found(other, token) = heard else {
            // Reserved by somebody who sees the same: not both come back at once.
            let delay = 1 + u32::try_from(self.id.0 % 3).unwrap_or_default();
            return self.to(Stage::Releasing, Ask::Release(delay));
        };
        let rank = |past: &Past, id: JobId| (past.last, std::cmp::Reverse(id));
        let ours = rank(&self.token.past, self.id);
        if token.is_some_and(|token| rank(&token.past, other) > ours) {
            self.to(Stage::Ending(Outcome::Double), Ask::Delete)
        } else {
            self.to(Stage::Removing, Ask::Remove(other))
        }
    }

    fn decide(&mut self, now: Timestamp) -> Ask {
        if !self.entry.enabled {
            return self.to(Stage::Ending(Outcome::Over), Ask::Delete);
        }
        match due(self.entry, &self.past, now) {
            Due::Slot { slot, dropped } => match &self.past.job {
                Some(job) if self.entry.overlap == Overlap::Skip => {
                    let ask = Ask::Unfinished(job.clone());
                    self.to(Stage::Asking { slot, dropped }, ask)
                }
                _ => self.touch(Plan::Put { slot, dropped }),
            },
            Due::Nothing { until, dropped } => {
                let soon = next_look(self.entry, until, now)
                    .filter(|next| *next > now && next.duration_since(now) <= SOON);
                if let Some(next) = soon {
                    return self.to(Stage::Holding, Ask::Hold(next));
                }
                self.past.last = until;
                self.touch(Plan::Move(Done::Moved { dropped }))
            }
        }
    }

    fn touch(&mut self, plan: Plan) -> Ask {
        if let Plan::Move(Done::Skipped { slot, .. }) = &plan {
            self.past.last = self.past.last.max(*slot);
        }
        self.to(Stage::Touching(plan), Ask::Touch)
    }

    /// The next token, after everything that was due is dealt with.
    fn hand_on(&mut self, done: Done, now: Timestamp) -> Ask {
        self.past.rule = self.entry.rule.to_string();
        let Some(next) = next_look(self.entry, self.past.last, now) else {
            return self.to(Stage::Ending(Outcome::Over), Ask::Delete);
        };
        let Token { application, entry, .. } = &self.token;
        let token = Token::new(application.clone(), entry.clone(), next, self.past.clone(), self.by, now);
        self.to(Stage::PuttingToken(done), Ask::Token(Box::new(token), delay(next, now)))
    }

    fn outcome(&self, done: Done, overtaken: bool) -> Outcome {
        let past = self.past.clone();
        match done {
            Done::Put { slot, job, dropped } => Outcome::Put { slot, job, dropped, past, overtaken },
            Done::Skipped { slot, reason } => Outcome::Skipped { slot, reason, past },
            Done::Moved { dropped } => Outcome::Moved { dropped, past },
        }
    }
}

/// How long a token sleeps that is due at `due`: whole seconds, rather too short.
pub fn delay(due: Timestamp, now: Timestamp) -> u32 {
    u32::try_from(due.duration_since(now).as_secs().max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
