//! Which slots are put after nobody was there to put them.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Rule;

/// What happens with slots that were missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CatchUp {
    /// They are dropped.
    None,
    /// The last of them is put.
    #[default]
    Last,
    /// Each of them is put, in order, at most the latest 1000 of them.
    All,
}

/// The most slots `all` puts after one outage: the latest ones.
const MOST: usize = 1000;

/// What a look at the past found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Missed {
    /// The slots to put now, in order.
    pub put: Vec<Timestamp>,
    /// Whether earlier ones were due as well, which are dropped.
    pub dropped: bool,
}

/// The slots of `rule` due after `last` (the last one put) and up to `now`.
///
/// A slot that is at most `grace` late is on time and put under every policy: no
/// scheduler is ever exact to the second.
pub fn missed(rule: &Rule, last: Timestamp, now: Timestamp, grace: Duration, policy: CatchUp) -> Missed {
    let between = |from: Timestamp| rule.after(from.max(last)).take_while(move |&slot| slot <= now);
    let put = match policy {
        CatchUp::None => between(earlier(now, grace)).collect(),
        CatchUp::Last => latest(1, last, now, between),
        CatchUp::All => latest(MOST, last, now, between),
    };
    let first = put.first().copied().unwrap_or(now);
    let dropped = between(last).next().is_some_and(|slot| slot < first);
    Missed { put, dropped }
}

/// The latest `most` slots: looks back over ever longer spans, so that an entry of
/// every second that was silent for a year costs no more than one of every day.
fn latest<I>(most: usize, last: Timestamp, now: Timestamp, between: impl Fn(Timestamp) -> I) -> Vec<Timestamp>
where
    I: Iterator<Item = Timestamp>,
{
    let mut span = Duration::from_mins(1);
    loop {
        let from = earlier(now, span);
        let mut found: Vec<Timestamp> = between(from).collect();
        if found.len() >= most || from <= last {
            found.drain(..found.len().saturating_sub(most));
            return found;
        }
        span *= 2;
    }
}

fn earlier(now: Timestamp, by: Duration) -> Timestamp {
    now.checked_sub(by).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn hourly(last: &str, now: &str, policy: CatchUp) -> (Vec<String>, bool) {
        let rule = Rule::Every(Duration::from_hours(1));
        let missed = missed(&rule, at(last), at(now), Duration::from_mins(1), policy);
        (missed.put.iter().map(ToString::to_string).collect(), missed.dropped)
    }

    #[test]
    fn a_slot_that_is_a_little_late_is_put_under_every_policy() {
        for policy in [CatchUp::None, CatchUp::Last, CatchUp::All] {
            let found = hourly("2026-01-01T02:00:00Z", "2026-01-01T03:00:05Z", policy);
            assert_eq!(found, (vec!["2026-01-01T03:00:00Z".to_owned()], false), "{policy:?}");
        }
    }

    #[test]
    fn each_policy_after_four_hours_of_silence() {
        let after = |policy| hourly("2026-01-01T02:00:00Z", "2026-01-01T06:30:00Z", policy);
        assert_eq!(after(CatchUp::None), (vec![], true));
        assert_eq!(after(CatchUp::Last), (vec!["2026-01-01T06:00:00Z".to_owned()], true));
        assert_eq!(after(CatchUp::All).0.len(), 4);
        assert!(!after(CatchUp::All).1);
    }

    #[test]
    fn a_clock_set_back_puts_nothing() {
        let found = hourly("2026-01-01T05:00:00Z", "2026-01-01T03:30:00Z", CatchUp::All);
        assert_eq!(found, (vec![], false));
    }

    #[test]
    fn a_long_outage_puts_no_more_than_the_latest_thousand() {
        let (put, dropped) = hourly("2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z", CatchUp::All);
        assert_eq!((put.len(), dropped), (MOST, true));
        assert_eq!(put.last().unwrap(), "2026-01-01T00:00:00Z");
    }

    #[test]
    fn a_century_of_seconds_is_looked_at_in_no_time() {
        let rule = Rule::Every(Duration::from_secs(1));
        let found = missed(
            &rule,
            at("1950-01-01T00:00:00Z"),
            at("2050-01-01T00:00:00Z"),
            Duration::ZERO,
            CatchUp::Last,
        );
        assert_eq!(found, Missed { put: vec![at("2050-01-01T00:00:00Z")], dropped: true });
    }
}
