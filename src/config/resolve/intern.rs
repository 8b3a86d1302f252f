//! One allocation for equal values.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

/// Values that have been seen.
pub(super) struct Interner<T>(HashSet<Arc<T>>);

impl<T: Hash + Eq> Interner<T> {
    pub(super) fn new() -> Self {
        Self(HashSet::new())
    }

    /// `value`, shared with the equal ones before it.
    pub(super) fn share(&mut self, value: T) -> Arc<T> {
        if let Some(known) = self.0.get(&value) {
            return Arc::clone(known);
        }
        let value = Arc::new(value);
        self.0.insert(Arc::clone(&value));
        value
    }
}
