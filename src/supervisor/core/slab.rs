//! Things by a small number that stays theirs.

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};

/// The place of an instance in the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Slot(pub(super) u32);

/// The place of a group in the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct GroupSlot(pub(super) u32);

/// A key that is a number.
pub(super) trait Key: Copy {
    fn new(index: u32) -> Self;
    fn index(self) -> usize;
}

impl Key for Slot {
    fn new(index: u32) -> Self {
        Self(index)
    }

    fn index(self) -> usize {
        self.0 as usize
    }
}

impl Key for GroupSlot {
    fn new(index: u32) -> Self {
        Self(index)
    }

    fn index(self) -> usize {
        self.0 as usize
    }
}

/// A vector with holes. The lowest hole is filled first, so that the next number depends on
/// nothing but what is there: a restored supervisor numbers as the old one would have.
#[derive(Debug, Clone)]
pub(super) struct Slab<K, T> {
    items: Vec<Option<T>>,
    holes: BTreeSet<u32>,
    key: PhantomData<K>,
}

impl<K, T> Default for Slab<K, T> {
    fn default() -> Self {
        Self { items: Vec::new(), holes: BTreeSet::new(), key: PhantomData }
    }
}

impl<K: Key, T> Slab<K, T> {
    /// The number the next one gets.
    pub(super) fn insert(&mut self, item: T) -> K {
        let index = self.holes.pop_first().unwrap_or_else(|| {
            self.items.push(None);
            u32::try_from(self.items.len() - 1).unwrap_or(u32::MAX)
        });
        self.items[index as usize] = Some(item);
        K::new(index)
    }

    /// A slab of things whose numbers are known; `None` if two have the same, or one an absurd one.
    pub(super) fn restore(items: impl IntoIterator<Item = (K, T)>) -> Option<Self> {
        const ABSURD: usize = 1 << 24;
        let mut slab = Self::default();
        for (key, item) in items {
            if key.index() >= ABSURD {
                return None;
            }
            while slab.items.len() <= key.index() {
                slab.holes.insert(u32::try_from(slab.items.len()).ok()?);
                slab.items.push(None);
            }
            if slab.items[key.index()].replace(item).is_some() {
                return None;
            }
            slab.holes.remove(&u32::try_from(key.index()).ok()?);
        }
        Some(slab)
    }

    pub(super) fn remove(&mut self, key: K) -> Option<T> {
        let item = self.items.get_mut(key.index())?.take()?;
        self.holes.insert(u32::try_from(key.index()).ok()?);
        // Holes at the end are no holes.
        while let Some(None) = self.items.last() {
            self.items.pop();
            self.holes.remove(&u32::try_from(self.items.len()).ok()?);
        }
        Some(item)
    }

    pub(super) fn get(&self, key: K) -> Option<&T> {
        self.items.get(key.index())?.as_ref()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (K, &T)> + Clone {
        (0..).zip(&self.items).filter_map(|(index, item)| Some((K::new(index), item.as_ref()?)))
    }

    pub(super) fn keys(&self) -> Vec<K> {
        self.iter().map(|(key, _)| key).collect()
    }
}

/// For keys that came out of the slab and were not removed since.
impl<K: Key, T> Index<K> for Slab<K, T> {
    type Output = T;

    fn index(&self, key: K) -> &T {
        self.items[key.index()].as_ref().expect("a number of something that is there")
    }
}

impl<K: Key, T> IndexMut<K> for Slab<K, T> {
    fn index_mut(&mut self, key: K) -> &mut T {
        self.items[key.index()].as_mut().expect("a number of something that is there")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_hole_is_filled_first() {
        let mut slab: Slab<Slot, char> = Slab::default();
        let keys: Vec<Slot> = "abcd".chars().map(|c| slab.insert(c)).collect();
        slab.remove(keys[2]);
        slab.remove(keys[0]);
        assert_eq!(slab.remove(keys[0]), None);
        assert_eq!(slab.insert('e'), keys[0]);
        let copy = Slab::restore(slab.iter().map(|(key, item)| (key, *item))).unwrap();
        for mut slab in [slab, copy] {
            assert_eq!(slab.insert('f'), keys[2]);
            assert_eq!(slab.insert('g'), Slot(4));
            assert_eq!(slab.iter().map(|(_, c)| c).collect::<String>(), "ebfdg");
        }
    }

    #[test]
    fn numbers_that_cannot_be_are_refused() {
        assert!(Slab::<Slot, char>::restore([(Slot(1), 'a'), (Slot(1), 'b')]).is_none());
        assert!(Slab::<Slot, char>::restore([(Slot(u32::MAX), 'a')]).is_none());
    }

    #[test]
    fn what_shrank_takes_no_room() {
        let mut slab: Slab<Slot, char> = Slab::default();
        let keys: Vec<Slot> = "abcd".chars().map(|c| slab.insert(c)).collect();
        for key in keys {
            slab.remove(key);
        }
        assert!(slab.items.is_empty() && slab.holes.is_empty());
    }
}
