//! Waiting for a condition, with an end.

use std::time::{Duration, Instant};

/// Only a test that fails waits for so long.
pub(crate) const LONG: Duration = Duration::from_mins(1);

/// Tries until there is something; panics with `what` when there is nothing for long.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + LONG;
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
