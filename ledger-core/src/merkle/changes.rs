//! What is to change about a table: which record each slot will hold.

use super::small_map::SmallMap;
use smallvec::SmallVec;
use std::collections::BTreeSet;

/// What becomes of a slot.
#[derive(Debug, Clone)]
pub(super) enum Slot<K, V> {
    /// It holds this record.
    Record(K, V),
    /// It is free.
    Free,
}

impl<K, V> Slot<K, V> {
    pub(super) fn record(&self) -> Option<&V> {
        match self {
            Self::Record(_, record) => Some(record),
            Self::Free => None,
        }
    }

    pub(super) fn record_mut(&mut self) -> Option<&mut V> {
        match self {
            Self::Record(_, record) => Some(record),
            Self::Free => None,
        }
    }
}

/// What is known of a table that changes.
#[derive(Debug, Clone)]
pub(super) struct Edits<K: Ord, V> {
    /// Slots that the table has.
    pub(super) changed: SmallMap<u32, Slot<K, V>>,
    /// Slots that it will have, in their order: most of what is new is found without looking for it.
    pub(super) added: SmallVec<[Slot<K, V>; 1]>,
    /// Keys whose slot is not what the table says.
    pub(super) keys: SmallMap<K, Option<u32>>,
    /// Slots that were freed here and not taken again.
    pub(super) freed: BTreeSet<u32>,
    /// Free slots of the table below this one have been taken.
    pub(super) free_from: u32,
    pub(super) len: usize,
}

impl<K: Ord + Clone, V> Edits<K, V> {
    /// Nothing has changed in a table of so many records.
    pub(super) fn none(len: usize) -> Self {
        Self {
            changed: SmallMap::default(),
            added: SmallVec::new(),
            keys: SmallMap::default(),
            freed: BTreeSet::new(),
            free_from: 0,
            len,
        }
    }

    /// Puts something into a slot of a table that has `slots` of them; returns what was to be there.
    pub(super) fn put(&mut self, slots: u32, slot: u32, what: Slot<K, V>) -> Option<Slot<K, V>> {
        match position(slots, slot) {
            None => self.changed.insert(slot, what),
            Some(position) if position < self.added.len() => {
                Some(std::mem::replace(&mut self.added[position], what))
            }
            Some(_) => {
                self.added.push(what);
                None
            }
        }
    }
}

/// The position in `added` of a slot that a table with so many slots does not have.
pub(super) fn position(slots: u32, slot: u32) -> Option<usize> {
    slot.checked_sub(slots).and_then(|beyond| usize::try_from(beyond).ok())
}

/// What [`Table::make`](super::Table::make) carries out.
#[derive(Debug, Clone)]
pub struct Changes<K: Ord, V>(pub(super) Option<Box<Edits<K, V>>>);

impl<K: Ord + Clone, V> Changes<K, V> {
    /// Whether nothing was touched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The records that are new or changed, in no particular order.
    pub fn records(&self) -> impl Iterator<Item = (&K, &V)> {
        let edits = self.0.as_deref().into_iter();
        let slots = edits.flat_map(|edits| edits.changed.values().chain(&edits.added));
        slots.filter_map(|slot| match slot {
            Slot::Record(key, record) => Some((key, record)),
            Slot::Free => None,
        })
    }

    /// The slots that change and that the table has, in no particular order.
    pub fn changed(&self) -> impl Iterator<Item = u32> {
        let edits = self.0.as_deref().into_iter();
        edits.flat_map(|edits| edits.changed.keys().copied())
    }
}
