//! Instants that survive a new program image.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_does_not_run_over() {
        let late = Time::from_nanos(u64::MAX - 1);
        assert_eq!(late + Duration::MAX, Time::from_nanos(u64::MAX));
        assert_eq!(Time::from_nanos(5).since(late), Duration::ZERO);
        assert_eq!((Time::from_nanos(5) + Duration::from_nanos(2)).since(Time::from_nanos(5)).as_nanos(), 2);
    }
}
