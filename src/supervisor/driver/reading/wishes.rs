//! What readings are asked for, in which order (pure).
//!
//! ```text
//!     reload 1 · reload 2 · plan 3 · reload 4        one after another, as they were asked for;
//!     └── one reading ────┘ └─ one ┘ └─ one ─┘       neighbours that want the same share one
//! ```
//!
//! A reading that is under way answers nobody who asks later: what he has just changed may have been
//! read already.

use std::collections::VecDeque;

use crate::names::ApplicationName;
use crate::supervisor::core::{Command, RequestId};

/// What somebody wants that takes a reading.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Wish {
    /// The configuration is to be applied as it is now; this is answered then.
    Configuration(RequestId),
    /// What that would change.
    Plan(RequestId),
    /// What is deployed is to be had of an application.
    Deploy {
        /// Answered by the core.
        request: RequestId,
        /// Of which one.
        application: ApplicationName,
        /// Whether to answer when it is up, or at once.
        wait: bool,
    },
    /// Processes are to be started, by those who are in a group by now as well.
    Operate(RequestId, Command),
    /// What has changed, is to be applied.
    Look,
    /// Other folders are to be watched.
    Watch,
}

impl Wish {
    /// Who is to be answered.
    pub(in super::super) fn request(&self) -> Option<RequestId> {
        match self {
            Self::Configuration(request)
            | Self::Plan(request)
            | Self::Deploy { request, .. }
            | Self::Operate(request, _) => Some(*request),
            Self::Look | Self::Watch => None,
        }
    }

    fn shares_a_reading_with(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// Those that wait for the next readings, and those whose reading is under way.
#[derive(Debug, Default)]
pub(in super::super) struct Wishes {
    waiting: VecDeque<Wish>,
    under_way: Vec<Wish>,
    /// Whether a reading is under way, though perhaps nobody waits for it any more.
    reading: bool,
}

impl Wishes {
    /// One more.
    pub(in super::super) fn add(&mut self, wish: Wish) {
        // Those that nobody waits for are fulfilled by the reading that is to come.
        if wish.request().is_some() || !self.waiting.contains(&wish) {
            self.waiting.push_back(wish);
        }
    }

    /// Those of the next reading, which is under way from now on. None while one is.
    pub(super) fn next(&mut self) -> Option<&Wish> {
        if self.reading {
            return None;
        }
        while let Some(wish) = self.waiting.front()
            && self.under_way.last().is_none_or(|last| last.shares_a_reading_with(wish))
        {
            self.under_way.extend(self.waiting.pop_front());
        }
        self.reading = !self.under_way.is_empty();
        self.under_way.first()
    }

    /// Whether a reading is under way.
    pub(super) fn is_under_way(&self) -> bool {
        self.reading
    }

    /// Whether none is under way or waited for.
    pub(super) fn is_empty(&self) -> bool {
        !self.reading && self.waiting.is_empty()
    }

    /// The one under way is over: those it was for.
    pub(in super::super) fn over(&mut self) -> Vec<Wish> {
        self.reading = false;
        std::mem::take(&mut self.under_way)
    }

    /// The one under way has to be begun anew.
    pub(super) fn again(&mut self) {
        self.reading = false;
        for wish in self.under_way.drain(..).rev() {
            self.waiting.push_front(wish);
        }
    }

    /// Takes those out that need no reading any more, the oldest first. The one that is under way goes on.
    pub(in super::super) fn take(&mut self, of: impl Fn(&Wish) -> bool) -> Vec<Wish> {
        let (mut taken, under_way): (Vec<_>, _) = self.under_way.drain(..).partition(&of);
        self.under_way = under_way;
        let (more, waiting): (Vec<_>, _) = self.waiting.drain(..).partition(&of);
        self.waiting = VecDeque::from(waiting);
        taken.extend(more);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Selector;
    use crate::supervisor::core::Verb;

    fn reload(n: u64) -> Wish {
        Wish::Configuration(RequestId(n))
    }

    fn restart(n: u64) -> Wish {
        let command = Command { verb: Verb::Restart, selector: Selector::All, at_once: false, wait: true };
        Wish::Operate(RequestId(n), command)
    }

    fn wishes(of: &[Wish]) -> Wishes {
        let mut wishes = Wishes::default();
        for wish in of {
            wishes.add(wish.clone());
        }
        wishes
    }

    #[test]
    fn neighbours_share_a_reading_and_nobody_overtakes() {
        let plan = Wish::Plan(RequestId(3));
        let mut wishes = wishes(&[reload(1), reload(2), plan.clone(), reload(4)]);
        assert_eq!(wishes.next(), Some(&reload(1)));
        wishes.add(reload(5));
        assert_eq!(wishes.next(), None, "one is under way");
        assert_eq!(wishes.over(), [reload(1), reload(2)]);
        assert_eq!(wishes.next(), Some(&plan));
        assert_eq!(wishes.over(), [plan]);
        assert_eq!(wishes.next(), Some(&reload(4)));
        assert_eq!(wishes.over(), [reload(4), reload(5)]);
        assert_eq!(wishes.next(), None);
    }

    #[test]
    fn one_that_is_begun_anew_has_its_place_and_newcomers_join_it() {
        let mut wishes = wishes(&[reload(1), reload(2), restart(3)]);
        wishes.next();
        wishes.again();
        wishes.next();
        assert_eq!(wishes.over(), [reload(1), reload(2)]);
        wishes.next();
        assert_eq!(wishes.over(), [restart(3)]);
    }

    #[test]
    fn what_needs_no_reading_any_more_is_taken_out_in_order() {
        let mut wishes = wishes(&[restart(1), reload(2), restart(3), Wish::Watch, Wish::Watch]);
        wishes.next();
        assert_eq!(wishes.take(|wish| matches!(wish, Wish::Operate(..))), [restart(1), restart(3)]);
        assert_eq!(wishes.next(), None, "it goes on, though nobody waits for it");
        assert_eq!(wishes.over(), []);
        wishes.next();
        assert_eq!(wishes.over(), [reload(2)]);
        wishes.next();
        assert_eq!(wishes.over(), [Wish::Watch]);
    }
}
