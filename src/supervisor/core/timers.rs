//! Which instance's deadline comes next.

use std::collections::BTreeSet;

use super::slab::Slot;
use crate::lifecycle::Time;

/// One deadline for each instance that has one, the next first. An instance remembers the one it
/// is filed under.
#[derive(Debug, Clone, Default)]
pub(super) struct Timers(BTreeSet<(Time, Slot)>);

impl Timers {
    /// The next deadline.
    pub(super) fn next(&self) -> Option<Time> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Takes out an instance whose deadline has come.
    pub(super) fn pop_due(&mut self, now: Time) -> Option<Slot> {
        let (at, slot) = *self.0.first()?;
        (at <= now).then(|| {
            self.0.pop_first();
            slot
        })
    }

    /// Files `slot` again under what it is `armed` with.
    pub(super) fn put_back(&mut self, slot: Slot, armed: Option<Time>) {
        self.0.extend(armed.map(|at| (at, slot)));
    }

    /// Files `slot` under `deadline` instead of what it is `armed` with.
    pub(super) fn set(&mut self, slot: Slot, armed: &mut Option<Time>, deadline: Option<Time>) {
        if *armed == deadline {
            return;
        }
        if let Some(old) = *armed {
            self.0.remove(&(old, slot));
        }
        if let Some(new) = deadline {
            self.0.insert((new, slot));
        }
        *armed = deadline;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_instance_is_filed_once_and_the_next_comes_first() {
        let at = Time::from_nanos;
        let mut timers = Timers::default();
        let (mut a, mut b) = (None, None);
        timers.set(Slot(0), &mut a, Some(at(30)));
        timers.set(Slot(1), &mut b, Some(at(20)));
        timers.set(Slot(0), &mut a, Some(at(10)));
        assert_eq!((timers.next(), timers.0.len()), (Some(at(10)), 2));
        assert_eq!(timers.pop_due(at(9)), None);
        assert_eq!(timers.pop_due(at(25)), Some(Slot(0)));
        timers.set(Slot(1), &mut b, None);
        assert_eq!((timers.next(), timers.pop_due(at(99))), (None, None));
    }
}
