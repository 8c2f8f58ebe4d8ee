//! A map that mostly holds one or two entries and may hold thousands.
//!
//! Most acts change a record or two of a table, where looking through a short vector is cheaper than
//! keeping a tree; a goods note changes thousands.

use smallvec::SmallVec;
use std::collections::BTreeMap;

/// Up to so many entries are looked through one by one.
const FEW: usize = 8;

#[derive(Debug, Clone)]
pub(super) struct SmallMap<K, V> {
    /// In the order in which they came.
    entries: SmallVec<[(K, V); 1]>,
    /// Where each key stands, once there are more than a few.
    index: BTreeMap<K, usize>,
}

impl<K, V> Default for SmallMap<K, V> {
    fn default() -> Self {
        Self { entries: SmallVec::new(), index: BTreeMap::new() }
    }
}

impl<K: Ord + Clone, V> SmallMap<K, V> {
    fn position(&self, key: &K) -> Option<usize> {
        if self.index.is_empty() {
            self.entries.iter().position(|(known, _)| known == key)
        } else {
            self.index.get(key).copied()
        }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.position(key).map(|position| &self.entries[position].1)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.position(key).map(|position| &mut self.entries[position].1)
    }

    /// Inserts or replaces; returns what was there.
    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        if let Some(position) = self.position(&key) {
            return Some(std::mem::replace(&mut self.entries[position].1, value));
        }
        self.entries.push((key, value));
        let last = self.entries.len() - 1;
        if last == FEW {
            let keys = self.entries.iter().map(|(key, _)| key.clone());
            self.index = keys.zip(0..).collect();
        } else if last > FEW {
            self.index.insert(self.entries[last].0.clone(), last);
        }
        None
    }

    /// The entries in the order of their keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let mut order: Vec<usize> = self.index.values().copied().collect();
        if order.is_empty() {
            order = (0..self.entries.len()).collect();
            order.sort_unstable_by(|a, b| self.entries[*a].0.cmp(&self.entries[*b].0));
        }
        order.into_iter().map(|position| (&self.entries[position].0, &self.entries[position].1))
    }

    /// The keys in the order in which they came.
    pub(super) fn keys(&self) -> impl Iterator<Item = &K> {
        self.entries.iter().map(|(key, _)| key)
    }

    /// The values in the order in which they came.
    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.iter().map(|(_, value)| value)
    }

    /// The entries in the order of their keys.
    pub(super) fn into_sorted(mut self) -> SmallVec<[(K, V); 1]> {
        self.entries.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    proptest! {
        #[test]
        fn it_is_a_map_whether_it_holds_few_or_many(steps in vec((0u8..40, any::<u32>()), 0..80)) {
            let mut map = SmallMap::default();
            let mut expected = BTreeMap::new();
            for (key, value) in steps {
                prop_assert_eq!(map.insert(key, value), expected.insert(key, value));
                if let Some(value) = map.get_mut(&(key / 2)) {
                    *value ^= 1;
                }
                if let Some(value) = expected.get_mut(&(key / 2)) {
                    *value ^= 1;
                }
                prop_assert!(map.iter().eq(expected.iter()));
                prop_assert!((0..40).all(|key| map.get(&key) == expected.get(&key)));
            }
            prop_assert!(map.into_sorted().into_iter().eq(expected));
        }
    }
}
