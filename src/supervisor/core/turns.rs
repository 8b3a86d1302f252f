//! Who boots next, when more want to than may.

use std::collections::BTreeMap;

use super::slab::Slot;

/// A queue in which each instance stands at most once.
#[derive(Debug, Clone, Default)]
pub(super) struct Turns {
    by_ticket: BTreeMap<u64, Slot>,
    tickets: BTreeMap<Slot, u64>,
    next: u64,
}

impl Turns {
    /// Goes to the end of the queue, unless it stands in it.
    pub(super) fn push(&mut self, slot: Slot) {
        if self.tickets.contains_key(&slot) {
            return;
        }
        self.by_ticket.insert(self.next, slot);
        self.tickets.insert(slot, self.next);
        self.next += 1;
    }

    /// The first leaves the queue.
    pub(super) fn pop(&mut self) -> Option<Slot> {
        let (_, slot) = self.by_ticket.pop_first()?;
        self.tickets.remove(&slot);
        Some(slot)
    }

    /// Leaves the queue from wherever it stands.
    pub(super) fn remove(&mut self, slot: Slot) {
        if let Some(ticket) = self.tickets.remove(&slot) {
            self.by_ticket.remove(&ticket);
        }
    }

    /// From the first to the last.
    pub(super) fn in_order(&self) -> impl Iterator<Item = Slot> {
        self.by_ticket.values().copied()
    }

    pub(super) fn clear(&mut self) {
        self.by_ticket.clear();
        self.tickets.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_came_is_the_first_that_goes() {
        let mut turns = Turns::default();
        for slot in [3, 1, 2, 1] {
            turns.push(Slot(slot));
        }
        turns.remove(Slot(3));
        turns.push(Slot(3));
        assert_eq!(turns.in_order().map(|slot| slot.0).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(turns.pop(), Some(Slot(1)));
    }
}
