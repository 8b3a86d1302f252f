//! How long to wait before a pipe is read again (pure).
//!
//! Whoever takes each of many short lines as it comes is woken by each, and writes each on: that costs
//! more than the line. So one who reads little again and again takes a breath, while the pipe holds
//! what comes; unless another daemon waits to be read.

use std::time::{Duration, Instant};

/// Less than this, in bytes, is little.
const LITTLE: usize = 16 * 1024;

/// Sooner than this after the time before is again.
const SOON: Duration = Duration::from_millis(1);

/// Some hundred lines of a daemon that does nothing but write lines.
const BREATH: Duration = Duration::from_micros(50);

/// When something was read last.
#[derive(Debug, Default)]
pub(super) struct Pace(Option<Instant>);

impl Pace {
    /// How long to wait now that so many bytes were read. `alone`: nobody else waits.
    pub(super) fn after(&mut self, bytes: usize, alone: bool, now: Instant) -> Option<Duration> {
        let again = self.0.replace(now).is_some_and(|last| now.duration_since(last) < SOON);
        (again && alone && bytes < LITTLE).then_some(BREATH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_writes_line_by_line_is_read_at_once_unless_that_is_often() {
        let (mut pace, begin) = (Pace::default(), Instant::now());
        let mut after = |bytes, alone, ms| pace.after(bytes, alone, begin + Duration::from_millis(ms));
        assert_eq!(after(200, true, 0), None);
        assert_eq!(after(200, true, 2), None);
        assert_eq!(after(200, true, 2), Some(BREATH));
        assert_eq!(after(64 * 1024, true, 2), None, "there may be more");
        assert_eq!(after(200, false, 2), None, "another waits");
    }
}
