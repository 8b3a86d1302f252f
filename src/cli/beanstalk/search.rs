//! Which ids are looked at in the search for every job, and when it is over.
//!
//! ```text
//!     1 ………………………… low ◄──── downwards ──── high | newer ones, once there was a recount
//!                        found: 17, 42, …
//! ```
//!
//! It is over when as many jobs are found as there are. But jobs that were counted go away, and then the
//! rest of the ids, millions perhaps, would be looked at for nothing. So after many in vain there is a
//! recount: the jobs found are looked at again, the ids given meanwhile for the first time, and what was
//! found then is held against a new count.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// How many ids are looked at together, and at least in vain before a recount.
const STRETCH: u64 = 20_000;

/// The state of a search whose finds are `T`.
#[derive(Debug)]
pub(super) struct Search<T> {
    /// The ids from here up to `high` have been looked at.
    low: u64,
    high: u64,
    found: BTreeMap<u64, T>,
    /// How many jobs there are, as last counted.
    expected: u64,
    /// How many were seen that cannot be read.
    unreadable: u64,
    /// How many ids were looked at in vain, one after the other.
    in_vain: u64,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// To look at these ids, from the last to the first.
    Look(RangeInclusive<u64>),
    /// To look at what [`Search::again`] says, and count the jobs afterwards.
    Recount,
    /// All is found that is to be found.
    Over,
}

impl<T> Search<T> {
    /// A search for jobs that are not counted yet, whose ids are at most `newest`.
    pub(super) fn new(newest: u64) -> Self {
        Self {
            low: newest.saturating_add(1),
            high: newest,
            found: BTreeMap::new(),
            expected: u64::MAX,
            unreadable: 0,
            in_vain: 0,
        }
    }

    pub(super) fn next(&self) -> Step {
        if self.has_all() || self.low <= 1 {
            Step::Over
        } else if self.in_vain >= STRETCH.max(self.found.len() as u64) {
            Step::Recount
        } else {
            Step::Look(self.low.saturating_sub(STRETCH).max(1)..=self.low - 1)
        }
    }

    /// Whether there is nothing more to look for.
    pub(super) fn has_all(&self) -> bool {
        self.found.len() as u64 + self.unreadable >= self.expected
    }

    /// How many are found.
    pub(super) fn found(&self) -> u64 {
        self.found.len() as u64
    }

    /// `id` was looked at; what was found.
    pub(super) fn note(&mut self, id: u64, found: Option<T>) {
        if id < self.low {
            self.low = id;
            self.in_vain = if found.is_some() { 0 } else { self.in_vain + 1 };
        }
        if let Some(found) = found {
            self.found.insert(id, found);
        }
    }

    /// For a recount: the ids to look at, all of them, now that ids up to `newest` have been given.
    pub(super) fn again(&mut self, newest: u64) -> Vec<u64> {
        let fresh = self.high + 1..=newest;
        self.high = self.high.max(newest);
        self.in_vain = 0;
        // Not known before it is counted.
        self.expected = u64::MAX;
        std::mem::take(&mut self.found).into_keys().chain(fresh).collect()
    }

    /// There is a job that cannot be read.
    pub(super) fn unreadable(&mut self) {
        self.unreadable += 1;
    }

    /// So many jobs are there now.
    pub(super) fn counted(&mut self, expected: u64) {
        self.expected = expected;
    }

    /// What was found, oldest first.
    pub(super) fn into_found(self) -> Vec<T> {
        self.found.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Plays a search in which the jobs are `there` all along but for those that `change` makes go or come
    /// before each step; returns what it found, and how many ids it looked at.
    fn search(
        there: &mut BTreeSet<u64>,
        newest: &mut u64,
        mut change: impl FnMut(&mut BTreeSet<u64>, &mut u64),
    ) -> (Vec<u64>, u64) {
        let mut search = Search::new(*newest);
        search.counted(there.len() as u64);
        let mut asked = 0;
        loop {
            change(there, newest);
            match search.next() {
                Step::Over => return (search.into_found(), asked),
                Step::Look(ids) => {
                    for id in ids.rev() {
                        if search.has_all() {
                            break;
                        }
                        asked += 1;
                        search.note(id, there.get(&id).copied());
                    }
                }
                Step::Recount => {
                    for id in search.again(*newest) {
                        asked += 1;
                        search.note(id, there.get(&id).copied());
                    }
                    search.counted(there.len() as u64);
                }
            }
        }
    }

    #[test]
    fn while_nothing_changes_it_ends_with_the_last_job() {
        let mut there = BTreeSet::from([70_000, 99_000, 100_000]);
        let (found, asked) = search(&mut there, &mut 100_000, |_, _| {});
        assert_eq!(found, [70_000, 99_000, 100_000]);
        assert_eq!(asked, 30_001);
    }

    #[test]
    fn jobs_that_went_away_do_not_have_it_look_at_every_id_there_was() {
        let mut newest = 1_000_000_000_000;
        let mut there = BTreeSet::from([newest - 5, newest - 1, newest]);
        let (found, asked) = search(&mut there, &mut newest, |there, newest| {
            there.remove(&(*newest - 5));
        });
        assert_eq!(found, [newest - 1, newest]);
        assert!(asked < 50_000, "{asked}");
    }

    #[test]
    fn where_jobs_come_and_go_all_the_time_it_ends_soon_too() {
        let mut newest = 1_000_000_000_000;
        let mut there: BTreeSet<u64> = (newest - 9..=newest).collect();
        let (found, asked) = search(&mut there, &mut newest, |there, newest| {
            there.pop_first();
            *newest += 1;
            there.insert(*newest);
        });
        assert!(found.len() >= 10, "{found:?}");
        assert!(asked < 50_000, "{asked}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50))]
        #[test]
        fn what_is_there_all_along_is_found_if_nothing_changes_while_it_is_counted(
            old in proptest::collection::btree_set(1_u64..50_000, 0..20),
            gone in proptest::collection::btree_set(1_u64..50_000, 0..20),
            fresh in 0_u64..20,
        ) {
            let mut newest = 50_000;
            let mut there: BTreeSet<u64> = &old | &gone;
            let mut steps = 0;
            let (found, _) = search(&mut there, &mut newest, |there, newest| {
                steps += 1;
                if steps == 1 {
                    there.retain(|id| old.contains(id));
                    there.extend(*newest + 1..=*newest + fresh);
                    *newest += fresh;
                }
            });
            let seen: Vec<u64> = found.into_iter().filter(|&id| id <= 50_000).collect();
            prop_assert_eq!(seen, old.into_iter().collect::<Vec<_>>());
        }
    }
}
