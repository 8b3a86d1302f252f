//! Instants that survive a new program image.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An instant of `CLOCK_MONOTONIC`, in nanoseconds since boot.
///
/// `std::time::Instant` can neither be written down nor made up. This can: a re-executed
/// supervisor goes on with the instants of the old one, and a test invents its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(u64);

impl Time {
    /// An instant by its nanoseconds since boot.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since boot.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How much time passed since `earlier`; none if that is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    /// The instant so much later; for ever stays for ever.
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// A span as it is written in `daemons.yml`: `200ms`, `1.5s`, `30s`, `5m`, `1h30m`.
pub struct Span(pub Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.0.as_secs(), self.0.subsec_millis());
        if seconds == 0 {
            return write!(f, "{millis}ms");
        }
        if seconds < 60 && millis >= 100 {
            return write!(f, "{seconds}.{}s", millis / 100);
        }
        let parts = [
            (seconds / 86_400, 'd'),
            (seconds / 3600 % 24, 'h'),
            (seconds / 60 % 60, 'm'),
            (seconds % 60, 's'),
        ];
        parts.iter().filter(|(n, _)| *n > 0).try_for_each(|(n, unit)| write!(f, "{n}{unit}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_reads_as_it_is_written() {
        let text = |millis| Span(Duration::from_millis(millis)).to_string();
        assert_eq!([0, 200, 1000, 1550, 30_000].map(text), ["0ms", "200ms", "1s", "1.5s", "30s"]);
        assert_eq!([300_000, 5_400_000, 90_061_500].map(text), ["5m", "1h30m", "1d1h1m1s"]);
    }

    #[test]
    fn time_does_not_run_over() {
        let late = Time::from_nanos(u64::MAX - 1);
        assert_eq!(late + Duration::MAX, Time::from_nanos(u64::MAX));
        assert_eq!(Time::from_nanos(5).since(late), Duration::ZERO);
        assert_eq!((Time::from_nanos(5) + Duration::from_nanos(2)).since(Time::from_nanos(5)).as_nanos(), 2);
    }
}
