//! What an entry's past and the clock come to: which slot is to be put now, if any, and
//! when to look again.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::timetable::Entry;
use super::{CatchUp, Past, missed, splay};

/// A slot this late is on time under every policy.
const GRACE: Duration = Duration::from_mins(1);

/// A past further ahead of the clock than this was written by a clock that was wrong: no
/// zone's rules move a clock by more than a day.
const AHEAD: SignedDuration = SignedDuration::from_hours(25);

/// What is to be done for an entry now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// This slot is to be put.
    Slot {
        /// Its instant.
        slot: Timestamp,
        /// Whether earlier ones are dropped for it.
        dropped: bool,
    },
    /// Nothing; every slot up to `until` is dealt with.
    Nothing {
        /// The past's end from now on.
        until: Timestamp,
        /// Whether slots are dropped by this.
        dropped: bool,
    },
}

/// What is due. Slots that were missed while another rule was in force are none of this
/// rule's: after a change of the timetable only what is on time is put.
pub fn due(entry: &Entry, past: &Past, now: Timestamp) -> Due {
    let last = believable(past.last, now);
    let policy = if past.rule == entry.rule.to_string() { entry.catch_up } else { CatchUp::None };
    let until = settled(entry, last, now);
    let grace = GRACE + entry.splay;
    let found = missed(&entry.rule, last, until, grace, policy);
    // Put before the clock went back.
    let slot = found.put.iter().copied().find(|slot| !past.put.contains(slot));
    match slot {
        Some(slot) => Due::Slot { slot, dropped: found.dropped },
        None => Due::Nothing { until: last.max(until), dropped: found.dropped },
    }
}

/// When to look again after every slot up to `last` is dealt with; `None`: never.
pub fn next_look(entry: &Entry, last: Timestamp, now: Timestamp) -> Option<Timestamp> {
    entry.rule.next(believable(last, now)).map(|slot| put_at(entry, slot))
}

/// When a slot's job is put.
pub fn put_at(entry: &Entry, slot: Timestamp) -> Timestamp {
    let splay = splay(entry.name.as_str(), slot, entry.splay);
    slot.checked_add(splay).unwrap_or(Timestamp::MAX)
}

fn believable(last: Timestamp, now: Timestamp) -> Timestamp {
    if last.duration_since(now) > AHEAD { now } else { last }
}

/// Up to when slots may be looked at: `now`, unless the latest one still waits for its splay.
fn settled(entry: &Entry, last: Timestamp, now: Timestamp) -> Timestamp {
    let latest = missed(&entry.rule, last, now, Duration::ZERO, CatchUp::Last).put.pop();
    match latest {
        Some(slot) if put_at(entry, slot) > now => {
            slot.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MIN)
        }
        _ => now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::test_entry;

    fn at(text: &str) -> Timestamp {
        format!("2026-06-01T{text}Z").parse().unwrap()
    }

    /// What is due at `now` when all was put up to `last`: the slot, or the end of the past.
    fn said(entry: &Entry, last: &str, now: &str) -> Due {
        due(entry, &Past::begin(entry, at(last)), at(now))
    }

    fn slot(text: &str, dropped: bool) -> Due {
        Due::Slot { slot: at(text), dropped }
    }

    fn nothing(text: &str, dropped: bool) -> Due {
        Due::Nothing { until: at(text), dropped }
    }

    #[test]
    fn a_slot_is_put_once_its_time_has_come() {
        let entry = test_entry("every: 1h");
        assert_eq!(said(&entry, "02:00:00", "02:59:59"), nothing("02:59:59", false));
        assert_eq!(said(&entry, "02:00:00", "03:00:00"), slot("03:00:00", false));
        assert_eq!(said(&entry, "03:00:00", "03:00:01"), nothing("03:00:01", false));
        assert_eq!(next_look(&entry, at("03:00:00"), at("03:00:01")), Some(at("04:00:00")));
    }

    #[test]
    fn missed_slots_are_put_as_catch_up_says_one_at_a_time() {
        let after = |word| said(&test_entry(&format!("every: 1h, catch_up: {word}")), "02:00:00", "05:30:00");
        assert_eq!(after("none"), nothing("05:30:00", true));
        assert_eq!(after("last"), slot("05:00:00", true));
        assert_eq!(after("all"), slot("03:00:00", false));
    }

    #[test]
    fn a_clock_that_goes_back_puts_nothing_again() {
        let entry = test_entry("every: 1h, catch_up: all");
        assert_eq!(said(&entry, "05:00:00", "03:30:00"), nothing("05:00:00", false));
        assert_eq!(next_look(&entry, at("05:00:00"), at("03:30:00")), Some(at("06:00:00")));
    }

    #[test]
    fn a_past_of_the_far_future_is_not_believed_but_its_slots_are_not_put_again() {
        let entry = test_entry("every: 1h");
        let wrong: Timestamp = "2037-01-01T00:00:00Z".parse().unwrap();
        let past = Past::begin(&entry, wrong).after(at("04:00:00"), None);
        assert_eq!(due(&entry, &past, at("03:30:00")), nothing("03:30:00", false));
        assert_eq!(next_look(&entry, past.last, at("03:30:00")), Some(at("04:00:00")));
        let later = Past { last: at("03:30:00"), ..past };
        assert_eq!(due(&entry, &later, at("04:00:00")), nothing("04:00:00", false));
        assert_eq!(due(&entry, &later, at("05:00:00")), slot("05:00:00", true));
    }

    #[test]
    fn after_a_change_of_the_rule_only_what_is_on_time_is_put() {
        let (old, new) = (test_entry("schedule: 0 3 * * *"), test_entry("schedule: 0 3,5 * * *"));
        let past = Past::begin(&old, at("02:00:00"));
        assert_eq!(due(&new, &past, at("12:00:00")), nothing("12:00:00", true));
        assert_eq!(due(&new, &past, at("03:00:01")), slot("03:00:00", false));
    }

    #[test]
    fn a_slot_waits_for_its_splay() {
        let entry = test_entry("every: 1h, splay: 30m");
        let when = put_at(&entry, at("03:00:00"));
        assert!(when > at("03:00:00") && when < at("03:30:00"), "{when}");
        let past = Past::begin(&entry, at("02:00:00"));
        let before = when.checked_sub(SignedDuration::from_secs(1)).unwrap();
        assert_eq!(due(&entry, &past, before), nothing("02:59:59.999999999", false));
        assert_eq!(due(&entry, &past, when), slot("03:00:00", false));
        assert_eq!(next_look(&entry, at("02:59:59.999999999"), before), Some(when));
    }
}
