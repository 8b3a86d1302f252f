//! One allocation for equal values.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

/// Values that have been seen.
pub(super) struct Interner<T> {
    all: HashSet<Arc<T>>,
    /// Most daemons have what the one before them has: to compare is cheaper than to hash.
    last: Option<Arc<T>>,
}

impl<T: Hash + Eq> Interner<T> {
    pub(super) fn new() -> Self {
        Self { all: HashSet::new(), last: None }
    }

    /// `value`, shared with the equal ones before it.
    pub(super) fn share(&mut self, value: T) -> Arc<T> {
        if let Some(last) = self.last.as_ref().filter(|last| ***last == value) {
            return Arc::clone(last);
        }
        let shared = if let Some(known) = self.all.get(&value) {
            Arc::clone(known)
        } else {
            let value = Arc::new(value);
            self.all.insert(Arc::clone(&value));
            value
        };
        self.last = Some(Arc::clone(&shared));
        shared
    }
}
