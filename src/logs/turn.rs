//! Whose turn it is to read a daemon's pipe: two threads may, never both at once.
//!
//! ```text
//!              copy                    read
//!     Idle ───────────► Files ◄─────────────────► Reading     the thread that writes files
//!      ▲                 │ │ └─ closed ─► Ended
//!      │ empty           │ │
//!      ├─────────────────┘ │ its disk hangs
//!      │                   ▼
//!      └───────────────── Taken                               the capturing thread, which drops
//!        it does no more
//! ```

use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::SeqCst;

/// What a pipe's turn can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// Nobody's, until there is something to read.
    Idle,
    /// The file thread's, which may write or have others before it,
    Files,
    /// or reads just now.
    Reading,
    /// The capturing thread's, until the file thread is back.
    Taken,
    /// Nobody's any more: the pipe is closed.
    Ended,
}

/// Shared by both threads.
#[derive(Debug)]
pub(super) struct Turn(AtomicU8);

impl Turn {
    pub(super) fn new() -> Self {
        Self(AtomicU8::new(Holder::Idle as u8))
    }

    pub(super) fn holder(&self) -> Holder {
        let now = self.0.load(SeqCst);
        let all = [Holder::Idle, Holder::Files, Holder::Reading, Holder::Taken];
        all.into_iter().find(|&holder| holder as u8 == now).unwrap_or(Holder::Ended)
    }

    /// The capturing thread asks the file thread to read.
    pub(super) fn give(&self) {
        self.0.store(Holder::Files as u8, SeqCst);
    }

    /// The capturing thread takes the turn from a file thread that does not come to it. Fails while that reads.
    pub(super) fn take(&self) -> bool {
        self.change(Holder::Files, Holder::Taken)
    }

    /// The file thread begins to read, unless the turn was taken from it.
    pub(super) fn begin(&self) -> bool {
        self.change(Holder::Files, Holder::Reading)
    }

    /// The file thread has read.
    pub(super) fn done(&self) {
        self.0.store(Holder::Files as u8, SeqCst);
    }

    /// The file thread has nothing more to do.
    pub(super) fn rest(&self) {
        self.0.store(Holder::Idle as u8, SeqCst);
    }

    /// The file thread found the pipe closed.
    pub(super) fn end(&self) {
        self.0.store(Holder::Ended as u8, SeqCst);
    }

    fn change(&self, from: Holder, to: Holder) -> bool {
        self.0.compare_exchange(from as u8, to as u8, SeqCst, SeqCst).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_that_was_taken_comes_back_when_the_other_rests() {
        let turn = Turn::new();
        turn.give();
        assert!(turn.begin());
        assert!(!turn.take(), "it reads just now");
        turn.done();
        assert!(turn.take());
        assert!(!turn.begin(), "it is no longer its turn");
        assert_eq!(turn.holder(), Holder::Taken);
        turn.rest();
        assert_eq!(turn.holder(), Holder::Idle);
        turn.give();
        turn.end();
        assert!(!turn.take() && !turn.begin());
        assert_eq!(turn.holder(), Holder::Ended);
    }
}
