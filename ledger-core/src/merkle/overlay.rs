//! Changes to a table that have not been made yet.
//!
//! A rule looks at the overlay as if it were the table, and what it changes stays here until somebody
//! carries it out ([`Table::make`]) or drops it. Slots are given out as the table itself would.

use super::{
    changes::{Changes, Edits, Slot, position},
    table::{Record, Table},
};
use crate::codec::Encode;

/// A table, and what is to change about it.
///
/// An act touches few of the tables it can see: as long as nothing changes, an overlay is two words.
#[derive(Debug)]
pub struct Overlay<'a, K: Ord, V> {
    table: &'a Table<K, V>,
    edits: Option<Box<Edits<K, V>>>,
}

impl<'a, K: Ord + Clone + Encode, V: Record> Overlay<'a, K, V> {
    /// A table of which nothing is to change yet.
    #[must_use]
    pub fn new(table: &'a Table<K, V>) -> Self {
        Self { table, edits: None }
    }

    /// What is to change.
    #[must_use]
    pub fn into_changes(self) -> Changes<K, V> {
        Changes(self.edits)
    }

    fn edits(&mut self) -> &mut Edits<K, V> {
        self.edits.get_or_insert_with(|| Box::new(Edits::none(self.table.len())))
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.edits.as_ref().map_or_else(|| self.table.len(), |edits| edits.len)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The slot of `key`.
    #[must_use]
    pub fn slot_of(&self, key: &K) -> Option<u32> {
        match self.edits.as_ref().and_then(|edits| edits.keys.get(key)) {
            Some(slot) => *slot,
            None => self.table.slot_of(key),
        }
    }

    /// Whether there is a record under `key`.
    #[must_use]
    pub fn contains(&self, key: &K) -> bool {
        self.slot_of(key).is_some()
    }

    /// The record under `key`.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.slot(self.slot_of(key)?)
    }

    /// The record in a slot.
    #[must_use]
    pub fn slot(&self, slot: u32) -> Option<&V> {
        let Some(edits) = &self.edits else { return self.table.slot(slot) };
        let ours = match position(self.table.slot_count(), slot) {
            Some(position) => edits.added.get(position),
            None => match edits.changed.get(&slot) {
                None => return self.table.slot(slot),
                ours => ours,
            },
        };
        ours.and_then(Slot::record)
    }

    /// The record under `key`, to change it.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.slot_mut(self.slot_of(key)?)
    }

    /// The record in a slot, to change it.
    pub fn slot_mut(&mut self, slot: u32) -> Option<&mut V> {
        let table = self.table;
        let edits = self.edits();
        if let Some(position) = position(table.slot_count(), slot) {
            return edits.added.get_mut(position).and_then(Slot::record_mut);
        }
        if edits.changed.get(&slot).is_none() {
            let (key, record) = table.entry(slot)?;
            edits.changed.insert(slot, Slot::Record(key.clone(), record.clone()));
        }
        edits.changed.get_mut(&slot).and_then(Slot::record_mut)
    }

    /// Inserts or replaces the record under `key` and returns its slot.
    pub fn insert(&mut self, key: K, record: V) -> u32 {
        match self.slot_of(&key) {
            None => self.add(key, record),
            Some(slot) => {
                let slots = self.table.slot_count();
                self.edits().put(slots, slot, Slot::Record(key, record));
                slot
            }
        }
    }

    /// Inserts a record under a key that has none, and returns its slot: the smallest free one, or a new one,
    /// as [`Table::insert`] takes it.
    pub fn add(&mut self, key: K, record: V) -> u32 {
        let table = self.table;
        let edits = self.edits();
        let of_table = table.free_slot_from(edits.free_from);
        let slot = match (edits.freed.first().copied(), of_table) {
            (Some(freed), other) if other.is_none_or(|other| freed < other) => {
                edits.freed.remove(&freed);
                freed
            }
            (_, Some(free)) => {
                edits.free_from = free.saturating_add(1);
                free
            }
            (_, None) => {
                let added = u32::try_from(edits.added.len()).unwrap_or(u32::MAX);
                let slot = table.slot_count().checked_add(added);
                slot.expect("tables stay below 2^32 slots")
            }
        };
        edits.keys.insert(key.clone(), Some(slot));
        edits.len += 1;
        edits.put(table.slot_count(), slot, Slot::Record(key, record));
        slot
    }

    /// Takes a record out and frees its slot.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let slot = self.slot_of(key)?;
        let table = self.table;
        let edits = self.edits();
        let record = match edits.put(table.slot_count(), slot, Slot::Free) {
            Some(Slot::Record(_, record)) => Some(record),
            Some(Slot::Free) => None,
            None => table.slot(slot).cloned(),
        };
        edits.keys.insert(key.clone(), None);
        edits.freed.insert(slot);
        edits.len -= 1;
        record
    }

    /// All records in the order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let mut table = self.table.entries().peekable();
        let edits = self.edits.as_deref();
        let mut ours = edits.into_iter().flat_map(|edits| edits.changed.iter()).peekable();
        let of_table = std::iter::from_fn(move || {
            loop {
                let theirs = table.peek().map(|(slot, ..)| *slot);
                match ours.peek().map(|(slot, _)| **slot) {
                    Some(slot) if theirs.is_none_or(|theirs| slot <= theirs) => {
                        if theirs == Some(slot) {
                            table.next();
                        }
                        if let Some((_, Slot::Record(key, record))) = ours.next() {
                            return Some((key, record));
                        }
                    }
                    _ => return table.next().map(|(_, key, record)| (key, record)),
                }
            }
        });
        let added =
            edits.into_iter().flat_map(|edits| &edits.added).filter_map(|slot| match slot {
                Slot::Record(key, record) => Some((key, record)),
                Slot::Free => None,
            });
        of_table.chain(added)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{merkle::StateWrite, types::Fen};
    use proptest::{collection::vec, prelude::*};
    use std::collections::BTreeMap;

    crate::merkle::record_by_encoding!(Fen);

    #[derive(Debug, Clone)]
    enum Op {
        Insert(u8, u64),
        Change(u8, u64),
        Remove(u8),
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            (0u8..24, any::<u64>()).prop_map(|(key, value)| Op::Insert(key, value)),
            (0u8..24, any::<u64>()).prop_map(|(key, value)| Op::Change(key, value)),
            (0u8..24).prop_map(Op::Remove),
        ]
    }

    fn change(table: &mut Table<u8, Fen>, op: &Op) {
        match *op {
            Op::Insert(key, value) => drop(table.insert(key, Fen::new(value))),
            Op::Change(key, value) => {
                if let Some(record) = table.get_mut(&key) {
                    *record = Fen::new(value);
                }
            }
            Op::Remove(key) => drop(table.remove(&key)),
        }
    }

    fn store(disk: &mut BTreeMap<Vec<u8>, Vec<u8>>, writes: Vec<StateWrite>) {
        for StateWrite { key, value } in writes {
            match value {
                Some(value) => drop(disk.insert(key, value)),
                None => drop(disk.remove(&key)),
            }
        }
    }

    proptest! {
        /// Whatever is done to an overlay and then carried out leaves the table as if it had been done to
        /// it at once: the same records in the same slots, the same bytes on disk, the same commitment.
        #[test]
        fn what_is_carried_out_is_what_the_table_would_have_become(
            before in vec(op(), 0..60),
            plans in vec(vec(op(), 0..20), 1..4),
        ) {
            let mut table = Table::default();
            for op in &before {
                change(&mut table, op);
            }
            let mut disk = BTreeMap::new();
            let mut written = Vec::new();
            table.commit(b"t", &mut written);
            store(&mut disk, written);
            let mut expected = table.clone();
            for plan in &plans {
                let mut overlay = Overlay::new(&table);
                for op in plan {
                    change(&mut expected, op);
                    match *op {
                        Op::Insert(key, value) => {
                            let slot = overlay.insert(key, Fen::new(value));
                            prop_assert_eq!(Some(slot), expected.slot_of(&key));
                        }
                        Op::Change(key, value) => {
                            if let Some(record) = overlay.get_mut(&key) {
                                *record = Fen::new(value);
                            }
                        }
                        Op::Remove(key) => drop(overlay.remove(&key)),
                    }
                    prop_assert_eq!(overlay.len(), expected.len());
                    prop_assert!(overlay.iter().eq(expected.iter()));
                    for key in 0..24 {
                        prop_assert_eq!(overlay.get(&key), expected.get(&key));
                        prop_assert_eq!(overlay.slot_of(&key), expected.slot_of(&key));
                    }
                }
                let changes = overlay.into_changes();
                table.make(changes);
            }
            let (mut writes, mut expected_writes) = (Vec::new(), Vec::new());
            let commitment = table.commit(b"t", &mut writes);
            prop_assert_eq!(commitment, expected.commit(b"t", &mut expected_writes));
            let mut expected_disk = disk.clone();
            store(&mut disk, writes);
            store(&mut expected_disk, expected_writes);
            prop_assert_eq!(disk, expected_disk);
        }
    }
}
