//! What is to change about a table: which record each slot will hold.

use std::collections::BTreeMap;

/// What becomes of a slot.
#[derive(Debug, Clone)]
pub(super) enum Slot<K, V> {
    /// It holds this record.
    Record(K, V),
    /// It is free.
    Free,
}

/// What [`Table::make`](super::Table::make) carries out.
#[derive(Debug, Clone)]
pub struct Changes<K, V> {
    pub(super) slots: BTreeMap<u32, Slot<K, V>>,
}

impl<K, V> Default for Changes<K, V> {
    fn default() -> Self {
        Self { slots: BTreeMap::new() }
    }
}

impl<K, V> Changes<K, V> {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The records that are new or changed.
    pub fn records(&self) -> impl Iterator<Item = (&K, &V)> {
        self.slots.values().filter_map(|slot| match slot {
            Slot::Record(key, record) => Some((key, record)),
            Slot::Free => None,
        })
    }

    /// The slots that change, ascending.
    pub fn slots(&self) -> impl Iterator<Item = u32> {
        self.slots.keys().copied()
    }
}
