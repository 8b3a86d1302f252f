//! What the scheduler writes down, and tells its supervisor.

use std::time::Duration;

use jiff::Timestamp;
use sd_notify::NotifyState;

use crate::names::{ApplicationName, EntryName, Tube};
use crate::schedule::Outcome;
use crate::worker::notify;

/// How long it may wait for the queue before it is ready: as long as it takes.
const PATIENCE: Duration = Duration::from_hours(24 * 365);

/// The scheduler's voice.
#[derive(Debug)]
pub(super) struct Journal {
    application: ApplicationName,
    /// Whether the queue was away when it was last asked.
    down: bool,
    /// What the supervisor was told last.
    status: String,
    /// What is wrong with the timetable's file, once that was said.
    refused: Option<String>,
}

macro_rules! say {
    ($level:ident, $journal:expr, $($rest:tt)*) => {
        tracing::$level!(application = %$journal.application, $($rest)*)
    };
}

impl Journal {
    pub(super) fn new(application: ApplicationName) -> Self {
        Self { application, down: false, status: String::new(), refused: None }
    }

    pub(super) fn reads(&self, entries: usize) {
        say!(info, self, "the timetable has {entries} {}", if entries == 1 { "entry" } else { "entries" });
    }

    /// The file is valid.
    pub(super) fn accepts(&mut self) {
        self.refused = None;
    }

    /// A bad edit: the timetable stays as it was. Said once.
    pub(super) fn keeps(&mut self, error: &str) {
        if self.refused.as_deref() == Some(error) {
            return;
        }
        self.refused = Some(error.to_owned());
        say!(error, self, "the timetable stays as it was: {error}");
        self.tell(&format!("keeps the timetable as it was: {}", error.lines().next().unwrap_or_default()));
    }

    pub(super) fn trouble(&self, what: &str) {
        say!(warn, self, "{what}");
    }

    pub(super) fn queue_down(&mut self, reason: &str) {
        if !std::mem::replace(&mut self.down, true) {
            say!(warn, self, "{reason}; trying again until it is there");
        }
        let extend = format!("EXTEND_TIMEOUT_USEC={}", PATIENCE.as_micros());
        notify::tell(&[NotifyState::Custom(&extend)]);
        self.tell(reason);
    }

    pub(super) fn queue_up(&mut self) {
        if std::mem::replace(&mut self.down, false) {
            say!(info, self, "the queue is back");
        }
    }

    pub(super) fn ready(&mut self, next: Option<(Timestamp, EntryName)>) {
        notify::tell(&[NotifyState::Ready]);
        self.tell(&match next {
            Some((at, entry)) => format!("next: {entry} at {at:.0}"),
            None => "nothing is due".to_owned(),
        });
    }

    fn tell(&mut self, status: &str) {
        if self.status != status {
            status.clone_into(&mut self.status);
            notify::tell(&[NotifyState::Status(status)]);
        }
    }

    pub(super) fn seeds(&self, entry: &EntryName) {
        say!(info, self, "entry {entry} has no token in the queue: puts one");
    }

    pub(super) fn removes(&self, entry: &EntryName) {
        say!(info, self, "entry {entry} is no longer in the timetable: removes its token");
    }

    pub(super) fn outcome(&self, entry: &EntryName, tube: &Tube, outcome: &Outcome) {
        let earlier =
            |dropped: bool| if dropped { "; earlier slots were missed and are dropped" } else { "" };
        match outcome {
            Outcome::Put { slot, job, dropped, overtaken, .. } => {
                say!(info, self, job = %job, tube = %tube, "entry {entry}: job {job} is put for {slot}{}", earlier(*dropped));
                if *overtaken {
                    say!(warn, self, job = %job, tube = %tube, "entry {entry}: the token went to another scheduler meanwhile, the job for {slot} may be there twice");
                }
            }
            Outcome::Skipped { slot, reason, .. } => {
                say!(warn, self, tube = %tube, "entry {entry}: nothing is put for {slot}: {reason}");
            }
            Outcome::Moved { dropped: true, .. } => {
                say!(warn, self, tube = %tube, "entry {entry}: slots were missed and are dropped");
            }
            Outcome::Moved { .. } | Outcome::Double | Outcome::Lost | Outcome::Over => {
                say!(debug, self, tube = %tube, "entry {entry}: {outcome:?}");
            }
        }
    }

    pub(super) fn leaves(&self) {
        say!(info, self, "leaves");
    }
}
