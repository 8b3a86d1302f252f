//! When the supervisor has something to do of its own accord.

use std::time::Duration;

use crate::lifecycle::Time;

/// How long a change of the summary waits for more of them.
const STATUS_PAUSE: Duration = Duration::from_millis(200);

/// How long after a configuration is applied what that took is given back.
const REST_PAUSE: Duration = Duration::from_millis(500);

/// The supervisor's own appointments; the core has its own.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    /// Tell systemd the status.
    status: Option<Time>,
    /// Tell systemd that the supervisor lives.
    ping: Option<Time>,
    /// Tell systemd that stopping takes longer.
    extend: Option<Time>,
    /// Tell systemd that it is ready, whatever the first plan or a reload still waits for.
    patience: Option<Time>,
    /// Give back what a configuration took.
    rest: Option<Time>,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// [`Deadlines::status_changed`] was called a moment ago.
    Status,
    /// The watchdog is to be told.
    Ping,
    /// Stopping takes longer.
    Extend,
    /// The start, or a reload, has taken long enough.
    Patience,
    /// A configuration was applied a moment ago.
    Rest,
}

impl Deadlines {
    /// The next of them.
    pub(super) fn next(&self) -> Option<Time> {
        [self.status, self.ping, self.extend, self.patience, self.rest].into_iter().flatten().min()
    }

    /// Takes one that is due.
    pub(super) fn take(&mut self, now: Time) -> Option<Due> {
        let all = [
            (&mut self.status, Due::Status),
            (&mut self.ping, Due::Ping),
            (&mut self.extend, Due::Extend),
            (&mut self.patience, Due::Patience),
            (&mut self.rest, Due::Rest),
        ];
        let (at, due) = all.into_iter().find(|(at, _)| at.is_some_and(|at| at <= now))?;
        *at = None;
        Some(due)
    }

    /// The summary has changed.
    pub(super) fn status_changed(&mut self, now: Time) {
        self.status.get_or_insert(now + STATUS_PAUSE);
    }

    /// A configuration is applied.
    pub(super) fn applied(&mut self, now: Time) {
        self.rest = Some(now + REST_PAUSE);
    }

    /// Ping in so long a time.
    pub(super) fn ping_in(&mut self, now: Time, interval: Duration) {
        self.ping = Some(now + interval);
    }

    /// Ask for more time in so long a time.
    pub(super) fn extend_in(&mut self, now: Time, interval: Duration) {
        self.extend = Some(now + interval);
    }

    /// Be ready in so long a time at the latest; `None`: it is.
    pub(super) fn patience(&mut self, at: Option<Time>) {
        self.patience = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_changes_of_the_status_are_told_once() {
        let mut deadlines = Deadlines::default();
        let start = Time::from_nanos(0);
        assert_eq!(deadlines.next(), None);
        deadlines.status_changed(start);
        deadlines.status_changed(start + STATUS_PAUSE / 2);
        assert_eq!(deadlines.next(), Some(start + STATUS_PAUSE));
        assert_eq!(deadlines.take(start), None);
        assert_eq!(deadlines.take(start + STATUS_PAUSE), Some(Due::Status));
        assert_eq!(deadlines.take(start + STATUS_PAUSE), None);
        assert_eq!(deadlines.next(), None);
    }

    #[test]
    fn what_is_due_is_taken_one_by_one() {
        let mut deadlines = Deadlines::default();
        let start = Time::from_nanos(0);
        deadlines.ping_in(start, Duration::from_secs(15));
        deadlines.extend_in(start, Duration::from_secs(10));
        assert_eq!(deadlines.next(), Some(start + Duration::from_secs(10)));
        let late = start + Duration::from_secs(20);
        assert_eq!([deadlines.take(late), deadlines.take(late)], [Some(Due::Ping), Some(Due::Extend)]);
        assert_eq!(deadlines.take(late), None);
    }
}
