//! The clock of the machine, in the two forms that are needed.

use std::time::Duration;

use jiff::Timestamp;
use nix::time::{ClockId, clock_gettime};

use crate::lifecycle::Time;

/// Now, by the clock that nobody sets.
pub(super) fn now() -> Time {
    // It fails only for a clock the kernel does not have.
    let since_boot = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from).unwrap_or_default();
    Time::default() + since_boot
}

/// The two clocks read together, to tell an operator when something was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clocks {
    monotonic: Time,
    wall: Timestamp,
}

impl Clocks {
    /// Reads both.
    pub(super) fn read() -> Self {
        Self { monotonic: now(), wall: Timestamp::now() }
    }

    /// What the clock on the wall would have shown at `time`, were it right then as it is now.
    pub(super) fn wall(&self, time: Time) -> Timestamp {
        let shown = self.wall.checked_sub(self.monotonic.since(time));
        shown.unwrap_or(self.wall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_has_its_place_on_the_wall() {
        let clocks = Clocks::read();
        assert_eq!(clocks.wall(clocks.monotonic), clocks.wall);
        assert_eq!(clocks.wall(clocks.monotonic + Duration::from_secs(9)), clocks.wall);
        let boot = clocks.wall(Time::default());
        assert!(boot < clocks.wall, "{boot}");
        assert!(now() >= clocks.monotonic);
    }
}
