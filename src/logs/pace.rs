//! When a pipe is read again (pure).
//!
//! Whoever takes each of many short lines as it comes is woken by each, writes each on, and keeps the
//! daemon from its pipe meanwhile: that costs more than the line. So one whose lines come in quick
//! succession is read after a breath, all at once; that is so long that the pipe is not full by then.
//!
//! ```text
//!                    a line soon after another
//!     ┌──► Wait ────────────────────────────────► Breathe ◄─┐ found some: the next is
//!     │      ▲                                    │  │ ▲ └──┘ longer or shorter by that
//!     └──────┘ a line now and then                │  │ └──────────────┐
//!            └────────────── found nothing ───────┘  │ found much     │ less
//!                                                    └────────► Again ┘
//! ```

use std::time::{Duration, Instant};

/// The shortest breath.
const SHORTEST: Duration = Duration::from_micros(50);

/// The longest, and so how long a line may have to wait. Who writes less often than this is read at once.
const LONGEST: Duration = Duration::from_micros(400);

/// When to read next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Once there is something to read.
    Wait,
    /// After so long.
    Breathe(Duration),
    /// At once, when the others had their turn.
    Again,
}

/// How one daemon writes.
#[derive(Debug)]
pub(super) struct Pace {
    /// Bytes its pipe holds.
    room: usize,
    /// When something was found last.
    last: Option<Instant>,
    breath: Duration,
    /// Whether a breath was taken just now.
    breathed: bool,
}

impl Pace {
    /// Of one whose pipe holds so many bytes.
    pub(super) fn new(room: usize) -> Self {
        Self { room, last: None, breath: SHORTEST, breathed: false }
    }

    /// How much is read before the others have their turn, in bytes.
    pub(super) fn turn(&self) -> usize {
        self.room
    }

    /// What to do now that so many bytes were found.
    pub(super) fn after(&mut self, found: usize, now: Instant) -> Next {
        if std::mem::take(&mut self.breathed) {
            self.breath = self.fitting(found);
        }
        if found == 0 {
            return Next::Wait;
        }
        let soon =
            self.last.replace(now).is_some_and(|last| now.duration_since(last) < self.breath + LONGEST);
        if found >= self.room / 4 * 3 {
            return Next::Again;
        }
        if !soon {
            self.breath = SHORTEST;
            return Next::Wait;
        }
        self.breathed = true;
        Next::Breathe(self.breath)
    }

    /// How long the breath should have been to find 3/8 of what the pipe holds: far from nothing, and far
    /// from all. At most twice as long as it was, and at least half.
    fn fitting(&self, found: usize) -> Duration {
        let share = |bytes: usize| u32::try_from(bytes / 64).unwrap_or(u32::MAX).max(1);
        let fitting = self.breath * share(self.room / 8 * 3) / share(found);
        fitting.clamp(self.breath / 2, self.breath * 2).clamp(SHORTEST, LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: usize = 256 * 1024;

    fn at(begin: Instant, micros: u64) -> Instant {
        begin + Duration::from_micros(micros)
    }

    #[test]
    fn who_writes_a_line_now_and_then_is_read_at_once() {
        let (mut pace, begin) = (Pace::new(ROOM), Instant::now());
        for line in 0..10 {
            assert_eq!(pace.after(200, at(begin, line * 1000)), Next::Wait);
        }
    }

    #[test]
    fn whose_lines_come_in_quick_succession_is_given_time_until_nothing_comes() {
        let (mut pace, begin) = (Pace::new(ROOM), Instant::now());
        assert_eq!(pace.after(200, begin), Next::Wait);
        assert_eq!(pace.after(200, at(begin, 20)), Next::Breathe(SHORTEST));
        assert_eq!(pace.after(400, at(begin, 90)), Next::Breathe(SHORTEST * 2));
        assert_eq!(pace.after(800, at(begin, 200)), Next::Breathe(SHORTEST * 4));
        assert_eq!(pace.after(0, at(begin, 400)), Next::Wait);
        // It has paused: the next line is one on its own.
        assert_eq!(pace.after(200, at(begin, 5000)), Next::Wait);
        assert_eq!(pace.after(200, at(begin, 5020)), Next::Breathe(SHORTEST));
    }

    #[test]
    fn where_much_is_found_no_breath_is_taken() {
        let (mut pace, begin) = (Pace::new(ROOM), Instant::now());
        assert_eq!(pace.after(ROOM, begin), Next::Again);
        assert_eq!(pace.after(ROOM / 4 * 3, at(begin, 50)), Next::Again);
        assert_eq!(pace.after(4000, at(begin, 55)), Next::Breathe(SHORTEST));
    }

    #[test]
    fn at_every_rate_the_pipe_has_room_and_little_is_done_for_much() {
        // In bytes a microsecond, which is megabytes a second; with what a system adds to each breath.
        for (rate, room) in [(1, ROOM), (50, ROOM), (300, ROOM), (700, ROOM), (100, 64 * 1024)] {
            let (mut pace, begin, mut now, mut filled) = (Pace::new(room), Instant::now(), 0, 0);
            let (mut reads, mut most) = (0, 0);
            while now < 1_000_000 {
                let found = (now - filled) * rate;
                filled = now;
                if now > 10_000 {
                    most = most.max(found);
                    reads += 1;
                }
                now += match pace.after(usize::try_from(found).unwrap(), at(begin, now)) {
                    Next::Wait | Next::Again => 5,
                    Next::Breathe(breath) => u64::try_from(breath.as_micros()).unwrap() + 60,
                };
            }
            assert!(most < room as u64 / 4 * 3, "{rate} MB/s: {most} of {room} bytes were found");
            assert!(reads < 10_000, "{rate} MB/s: {reads} times");
        }
    }
}
