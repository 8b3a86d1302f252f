//! What makes an entry due: a cron expression or a period.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Cron;
use crate::config::write_duration;

/// What makes an entry due.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// By the calendar, on the wall clocks of a zone.
    Cron(Box<Cron>, TimeZone),
    /// Every period of whole seconds, at its multiples since
    /// 1970-01-01T00:00:00Z: the same instants on every host and after every
    /// restart. Never zero.
    Every(Duration),
}

impl Rule {
    /// The next instant strictly after `after` that is due; `None` where the calendar ends.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Cron(cron, zone) => cron.next(zone, after),
            Self::Every(period) => {
                let period = i64::try_from(period.as_secs()).ok().filter(|&seconds| seconds > 0)?;
                let due = after.as_second().div_euclid(period).checked_add(1)?.checked_mul(period)?;
                Timestamp::from_second(due).ok()
            }
        }
    }

    /// The instants due after `after`, in order.
    pub fn after(&self, after: Timestamp) -> impl Iterator<Item = Timestamp> + '_ {
        std::iter::successors(self.next(after), |&due| self.next(due))
    }
}

impl fmt::Display for Rule {
    /// What tells it from another: `0 3 * * * America/Denver`, `every 15m`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cron(cron, zone) => write!(f, "{cron} {}", zone.iana_name().unwrap_or("UTC")),
            Self::Every(period) => write!(f, "every {}", write_duration(*period)),
        }
    }
}

/// How long after its slot an entry is put, to keep many entries of one instant apart.
///
/// Less than `width`, and the same on every host and every time it is asked: it is
/// drawn from the entry's name and its slot alone.
pub fn splay(entry: &str, slot: Timestamp, width: Duration) -> Duration {
    // FNV-1a, then the finaliser of MurmurHash3, so that neighbours differ in every bit.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in entry.bytes().chain(slot.as_second().to_be_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    let width = u64::try_from(width.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(if width == 0 { 0 } else { hash % width })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_period_is_counted_from_the_epoch() {
        let rule = Rule::Every(Duration::from_mins(15));
        assert_eq!(rule.next(at("2026-11-24T06:11:23Z")), Some(at("2026-11-24T06:15:00Z")));
        assert_eq!(rule.next(at("2026-11-24T06:15:00Z")), Some(at("2026-11-24T06:30:00Z")));
        assert_eq!(rule.next(at("1969-12-31T23:59:59Z")), Some(at("1970-01-01T00:00:00Z")));
    }

    #[test]
    fn the_end_of_the_calendar_is_the_end() {
        assert_eq!(Rule::Every(Duration::from_mins(1)).next(Timestamp::MAX), None);
        let cron = Rule::Cron(Box::new("* * * * *".parse().unwrap()), TimeZone::UTC);
        assert_eq!(cron.next(Timestamp::MAX), None);
    }

    #[test]
    fn splay_is_the_same_for_a_slot_and_spreads_over_its_width() {
        let width = Duration::from_mins(1);
        let slots = Rule::Every(Duration::from_mins(1));
        let drawn: Vec<Duration> = slots
            .after(at("2026-01-01T00:00:00Z"))
            .take(1000)
            .map(|slot| splay("census", slot, width))
            .collect();
        assert!(drawn.iter().all(|&delay| delay < width));
        let early = drawn.iter().filter(|&&delay| delay < width / 2).count();
        assert!((400..600).contains(&early), "{early} of 1000 in the first half");
        let slot = at("2026-01-01T00:01:00Z");
        assert_eq!(splay("census", slot, width), splay("census", slot, width));
        assert_eq!(splay("census", slot, Duration::ZERO), Duration::ZERO);
    }
}
