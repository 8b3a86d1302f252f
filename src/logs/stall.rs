//! Whether the disk hangs (pure): there is something to write, and for a while nothing was.
//!
//! A disk that is merely slow holds up who writes that much, as it would if the file were the daemon's
//! own, so no burst costs a line. For one that hangs no daemon waits longer than this.

use std::time::{Duration, Instant};

/// How long.
const PATIENCE: Duration = Duration::from_millis(100);

/// What was seen of the writing thread.
#[derive(Debug, Default)]
pub(super) struct Stall {
    /// How much it had done when it was last seen to do something, and when that was.
    seen: Option<(u64, Instant)>,
    hangs: bool,
}

impl Stall {
    /// Looks at a thread that has done so many `steps`, and is `busy` if something is left to do. Whether it
    /// has just begun to hang.
    pub(super) fn look(&mut self, busy: bool, steps: u64, now: Instant) -> bool {
        match self.seen {
            Some((before, since)) if busy && steps == before => {
                let hung = self.hangs;
                self.hangs = now.duration_since(since) >= PATIENCE;
                self.hangs && !hung
            }
            _ => {
                self.seen = busy.then_some((steps, now));
                self.hangs = false;
                false
            }
        }
    }

    /// Whether it hangs.
    pub(super) fn hangs(&self) -> bool {
        self.hangs
    }

    /// When to look again, even if nothing happens.
    pub(super) fn end(&self) -> Option<Instant> {
        self.seen.filter(|_| !self.hangs).map(|(_, since)| since + PATIENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_hangs_that_has_work_and_does_nothing_for_a_while() {
        let (mut stall, begin) = (Stall::default(), Instant::now());
        let at = |ms| begin + Duration::from_millis(ms);
        assert!(!stall.look(false, 5, at(0)));
        assert_eq!(stall.end(), None, "nothing is to be done");
        assert!(!stall.look(true, 5, at(10)));
        assert_eq!(stall.end(), Some(at(110)));
        assert!(!stall.look(true, 6, at(100)), "it has done something");
        assert!(!stall.look(true, 6, at(199)));
        assert!(stall.look(true, 6, at(200)));
        assert!(!stall.look(true, 6, at(201)), "it has begun only once");
        assert!(stall.hangs());
        assert_eq!(stall.end(), None);
        assert!(!stall.look(true, 7, at(202)));
        assert!(!stall.hangs());
        assert!(!stall.look(false, 7, at(400)));
        assert!(!stall.look(true, 7, at(800)), "it was idle, and did not hang");
    }
}
