//! A table of the state: records in dense slots under a binary Merkle tree.
//!
//! A record gets the smallest free slot when it is inserted and keeps it. Copies share what they have
//! in common, so a block can be executed on a copy of the state and dropped. [`Table::commit`] encodes
//! and hashes each changed record once, each node above it once, and yields the same bytes for the
//! disk.
//!
//! The commitment of a table with `n` slots (occupied or free) is
//! `H(state-table, n as u64 ‖ root)`, where a leaf is `H(state-leaf, key ‖ record)`, a free slot 32
//! zero bytes, a node `H(state-node, left ‖ right)`, a missing right sibling 32 zero bytes, and the
//! root of no slots 32 zero bytes.
//!
//! Source: DESIGN D8; docs/wire-format.md section 6.

use crate::{
    codec::{Decode, Encode, decode, encode},
    crypto::{Digest, Domain},
};
use imbl::{OrdMap, OrdSet, Vector};
use std::sync::Arc;

/// A change to the stored state: `None` deletes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateWrite {
    /// Path of the table and slot.
    pub key: Vec<u8>,
    /// Key and record in canonical bytes.
    pub value: Option<Vec<u8>>,
}

/// A path below a table, or below whatever is being loaded, and the bytes stored there.
pub type StoredRecord = (Vec<u8>, Vec<u8>);

/// What a table can hold.
pub trait Record: Clone {
    /// The bytes of the record that are hashed and stored, after committing whatever lies below it.
    fn commit(&mut self, path: &[u8], writes: &mut Vec<StateWrite>) -> Vec<u8>;

    /// Adds the deletions of whatever the record has stored below itself.
    fn delete_below(&self, path: &[u8], writes: &mut Vec<StateWrite>) {
        let _ = (path, writes);
    }
}

/// Makes types records whose bytes are their canonical encoding.
macro_rules! record_by_encoding {
    ($($name:ty),* $(,)?) => {$(
        impl $crate::merkle::Record for $name {
            fn commit(&mut self, _: &[u8], _: &mut Vec<$crate::merkle::StateWrite>) -> Vec<u8> {
                $crate::codec::encode(self)
            }
        }
    )*};
}
pub(crate) use record_by_encoding;

const EMPTY: Digest = Digest::new([0; 32]);

/// Records by key, in slots, with a Merkle commitment.
#[derive(Debug, Clone)]
pub struct Table<K: Ord, V> {
    /// Behind pointers, since a change after a copy copies its neighbours in the vector.
    slots: Vector<Option<Arc<(K, V)>>>,
    index: OrdMap<K, u32>,
    free: OrdSet<u32>,
    /// The nodes of the tree in order from left to right ([`place`]): a growing tree moves none of them,
    /// and a leaf has most of its path beside it.
    nodes: Vector<Digest>,
    /// Slots that may have changed since the last commit, perhaps several times.
    dirty: Vec<u32>,
    /// Records taken out since the last commit, whose stored parts must go.
    removed: Vec<(u32, V)>,
    commitment: Digest,
}

impl<K: Ord + Clone + Encode, V: Record> Default for Table<K, V> {
    fn default() -> Self {
        Self {
            slots: Vector::new(),
            index: OrdMap::new(),
            free: OrdSet::new(),
            nodes: Vector::new(),
            dirty: Vec::new(),
            removed: Vec::new(),
            commitment: table_commitment(0, &EMPTY),
        }
    }
}

impl<K: Ord + Clone + Encode, V: Record> Table<K, V> {
    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The record under `key`.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.slot(*self.index.get(key)?)
    }

    /// Whether there is a record under `key`.
    #[must_use]
    pub fn contains(&self, key: &K) -> bool {
        self.index.contains_key(key)
    }

    /// The slot of `key`, which says when it was entered where nothing is ever removed.
    #[must_use]
    pub fn slot_of(&self, key: &K) -> Option<u32> {
        self.index.get(key).copied()
    }

    /// The record in a slot.
    #[must_use]
    pub fn slot(&self, slot: u32) -> Option<&V> {
        self.entry(slot).map(|(_, value)| value)
    }

    fn entry(&self, slot: u32) -> Option<&(K, V)> {
        self.slots.get(usize::try_from(slot).ok()?)?.as_deref()
    }

    /// The record under `key`, to change it; it counts as changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.slot_mut(*self.index.get(key)?)
    }

    /// The record in a slot, to change it; it counts as changed.
    pub fn slot_mut(&mut self, slot: u32) -> Option<&mut V> {
        let entry = self.slots.get_mut(usize::try_from(slot).ok()?)?.as_mut()?;
        self.dirty.push(slot);
        Some(&mut Arc::make_mut(entry).1)
    }

    /// Inserts or replaces the record under `key` and returns its slot.
    ///
    /// # Panics
    /// After 2^32 slots, which no bound of the protocol allows.
    pub fn insert(&mut self, key: K, value: V) -> u32 {
        let slot = match (self.index.get(&key), self.free.get_min()) {
            (Some(slot), _) => *slot,
            (None, Some(slot)) => {
                let slot = *slot;
                self.free.remove(&slot);
                slot
            }
            (None, None) => {
                self.slots.push_back(None);
                u32::try_from(self.slots.len() - 1).expect("tables stay below 2^32 slots")
            }
        };
        self.index.insert(key.clone(), slot);
        self.slots.set(slot as usize, Some(Arc::new((key, value))));
        self.dirty.push(slot);
        slot
    }

    /// Takes a record out and frees its slot.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let slot = self.index.remove(key)?;
        self.free.insert(slot);
        self.dirty.push(slot);
        let entry = self.slots.set(slot as usize, None)?;
        let (_, value) = Arc::unwrap_or_clone(entry);
        self.removed.push((slot, value.clone()));
        Some(value)
    }

    /// All records in the order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.slots.iter().flatten().map(|entry| (&entry.0, &entry.1))
    }

    /// All records in the order of their keys, from `from` on.
    pub fn range(&self, from: K) -> impl Iterator<Item = (&K, &V)> {
        self.index
            .range(from..)
            .filter_map(|(key, slot)| self.slot(*slot).map(|value| (key, value)))
    }

    /// Hashes what has changed, appends it to `writes` under `path`, and returns the commitment.
    pub fn commit(&mut self, path: &[u8], writes: &mut Vec<StateWrite>) -> Digest {
        if self.dirty.is_empty() {
            return self.commitment;
        }
        for (slot, record) in std::mem::take(&mut self.removed) {
            record.delete_below(&slot_path(path, slot), writes);
        }
        let mut changed = std::mem::take(&mut self.dirty);
        changed.sort_unstable();
        changed.dedup();
        for slot in &changed {
            let key = slot_path(path, *slot);
            let leaf = match &mut self.slots[*slot as usize] {
                None => {
                    writes.push(StateWrite { key, value: None });
                    EMPTY
                }
                Some(entry) => {
                    let (name, record) = Arc::make_mut(entry);
                    let mut bytes = encode(name);
                    bytes.extend_from_slice(&record.commit(&key, writes));
                    let leaf = Domain::StateLeaf.digest(&[&bytes]);
                    writes.push(StateWrite { key, value: Some(bytes) });
                    leaf
                }
            };
            self.set_node(0, *slot as usize, leaf);
        }
        self.hash_above(changed);
        self.commitment
    }

    /// Recomputes the nodes above the changed leaves, each once.
    fn hash_above(&mut self, mut changed: Vec<u32>) {
        let mut level = 0;
        let mut width = self.slots.len();
        while width > 1 {
            for node in &mut changed {
                *node /= 2;
            }
            changed.dedup();
            for node in &changed {
                let left = *node as usize * 2;
                let (left, right) = (self.node(level, left), self.node(level, left + 1));
                let hash = Domain::StateNode.digest(&[left.as_bytes(), right.as_bytes()]);
                self.set_node(level + 1, *node as usize, hash);
            }
            level += 1;
            width = width.div_ceil(2);
        }
        self.commitment = table_commitment(self.slots.len() as u64, self.node(level, 0));
    }

    /// The node at a place of a level; nothing was ever put where there is no subtree.
    fn node(&self, level: u32, index: usize) -> &Digest {
        self.nodes.get(place(level, index)).unwrap_or(&EMPTY)
    }

    fn set_node(&mut self, level: u32, index: usize, hash: Digest) {
        let at = place(level, index);
        while self.nodes.len() <= at {
            self.nodes.push_back(EMPTY);
        }
        self.nodes.set(at, hash);
    }

    /// Rebuilds a table from stored records; slots that are not given are free.
    ///
    /// The number of slots is that of the last record, so a table whose last slots were freed must be
    /// told its length.
    #[must_use]
    pub fn load(slot_count: u32, records: impl IntoIterator<Item = (u32, K, V)>) -> Self {
        let mut table = Self::default();
        for (slot, key, value) in records {
            while table.slots.len() <= slot as usize {
                table.slots.push_back(None);
            }
            table.index.insert(key.clone(), slot);
            table.slots.set(slot as usize, Some(Arc::new((key, value))));
        }
        while table.slots.len() < slot_count as usize {
            table.slots.push_back(None);
        }
        for (slot, record) in table.slots.iter().enumerate() {
            let slot = u32::try_from(slot).unwrap_or(u32::MAX);
            table.dirty.push(slot);
            if record.is_none() {
                table.free.insert(slot);
            }
        }
        table
    }

    /// Rebuilds a table from what [`commit`](Self::commit) wrote: paths below the table, and bytes.
    ///
    /// # Errors
    /// What is wrong with the first record that is not one of this table.
    pub fn from_stored(slot_count: u32, records: Vec<StoredRecord>) -> Result<Self, &'static str>
    where
        K: Decode<()>,
        V: Encode + Decode<()>,
    {
        let mut loaded = Vec::with_capacity(records.len());
        for (path, value) in records {
            let (slot, rest) = split_slot(&path)?;
            if slot >= slot_count || !rest.is_empty() {
                return Err("a record outside its table");
            }
            let (key, record) = decode(&value).map_err(|_| "a malformed record")?;
            loaded.push((slot, key, record));
        }
        Ok(Self::load(slot_count, loaded))
    }

    /// How many slots there are, free ones included.
    #[must_use]
    pub fn slot_count(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    /// Adds the deletion of every stored record.
    pub fn delete_all(&self, path: &[u8], writes: &mut Vec<StateWrite>) {
        for (slot, record) in self.slots.iter().enumerate() {
            if record.is_some() {
                let slot = u32::try_from(slot).unwrap_or(u32::MAX);
                writes.push(StateWrite { key: slot_path(path, slot), value: None });
            }
        }
    }

    /// Proves the record under `key` against the last commitment.
    #[must_use]
    pub fn prove(&self, key: &K) -> Option<TableProof> {
        let slot = *self.index.get(key)?;
        let mut node = slot as usize;
        let mut width = self.slots.len();
        let mut siblings = Vec::new();
        for level in 0.. {
            if width <= 1 {
                break;
            }
            siblings.push(*self.node(level, node ^ 1));
            node /= 2;
            width = width.div_ceil(2);
        }
        Some(TableProof { slot, slot_count: self.slots.len() as u64, siblings })
    }
}

/// The way from one record up to the commitment of its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableProof {
    /// Where the record stands.
    pub slot: u32,
    /// How many slots the table has.
    pub slot_count: u64,
    /// The neighbours, leaf upwards.
    pub siblings: Vec<Digest>,
}

impl TableProof {
    /// The commitment of the table that holds `bytes` (key and record) where this proof says.
    #[must_use]
    pub fn commitment_of(&self, bytes: &[u8]) -> Digest {
        let mut node = self.slot;
        let mut hash = Domain::StateLeaf.digest(&[bytes]);
        for sibling in &self.siblings {
            let (left, right) =
                if node.is_multiple_of(2) { (&hash, sibling) } else { (sibling, &hash) };
            hash = Domain::StateNode.digest(&[left.as_bytes(), right.as_bytes()]);
            node /= 2;
        }
        table_commitment(self.slot_count, &hash)
    }
}

fn table_commitment(slots: u64, root: &Digest) -> Digest {
    Domain::StateTable.digest(&[&slots.to_le_bytes(), root.as_bytes()])
}

fn slot_path(path: &[u8], slot: u32) -> Vec<u8> {
    [path, &slot.to_be_bytes()].concat()
}

/// Takes the slot off the front of a path below a table.
///
/// # Errors
/// If the path is too short to name one.
pub(crate) fn split_slot(path: &[u8]) -> Result<(u32, &[u8]), &'static str> {
    let (slot, rest) = path.split_first_chunk::<4>().ok_or("a path without a slot")?;
    Ok((u32::from_be_bytes(*slot), rest))
}

/// Where a node of the tree stands when all are written from left to right, a parent between its
/// children: leaves at the even places, their parents at every second odd one, and so on.
fn place(level: u32, index: usize) -> usize {
    ((2 * index + 1) << level) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    record_by_encoding!(u64);

    fn from_scratch(slots: &[Option<(u16, u64)>]) -> Digest {
        let mut level: Vec<Digest> = slots
            .iter()
            .map(|slot| slot.map_or(EMPTY, |pair| Domain::StateLeaf.digest(&[&encode(&pair)])))
            .collect();
        while level.len() > 1 {
            level = level
                .chunks(2)
                .map(|pair| {
                    let right = pair.get(1).unwrap_or(&EMPTY);
                    Domain::StateNode.digest(&[pair[0].as_bytes(), right.as_bytes()])
                })
                .collect();
        }
        table_commitment(slots.len() as u64, level.first().unwrap_or(&EMPTY))
    }

    proptest! {
        #[test]
        fn the_commitment_is_that_of_the_slots_however_they_came_about(
            changes in prop::collection::vec((0u16..40, prop::option::of(any::<u64>()), any::<bool>()), 0..150)
        ) {
            let mut table: Table<u16, u64> = Table::default();
            let mut stored = std::collections::BTreeMap::new();
            for (key, value, commit) in changes {
                match value {
                    Some(value) => { table.insert(key, value); }
                    None => { table.remove(&key); }
                }
                if commit {
                    let mut writes = Vec::new();
                    table.commit(b"t", &mut writes);
                    for write in writes { stored.insert(write.key, write.value); }
                }
            }
            let mut writes = Vec::new();
            let commitment = table.commit(b"t", &mut writes);
            for write in writes { stored.insert(write.key, write.value); }
            let slots: Vec<_> = table.slots.iter().map(|slot| slot.as_deref().copied()).collect();
            prop_assert_eq!(commitment, from_scratch(&slots));
            for (key, value) in table.iter() {
                let proof = table.prove(key).expect("present");
                prop_assert_eq!(proof.commitment_of(&encode(&(*key, *value))), commitment);
                prop_assert_ne!(proof.commitment_of(&encode(&(*key, value ^ 1))), commitment);
            }
            let records = stored.into_iter().filter_map(|(path, value)| {
                let slot = u32::from_be_bytes(path[1..].try_into().expect("four bytes"));
                let (key, value): (u16, u64) = crate::codec::decode(&value?).expect("decodes");
                Some((slot, key, value))
            });
            let mut loaded: Table<u16, u64> = Table::load(table.slot_count(), records);
            prop_assert_eq!(loaded.commit(b"t", &mut Vec::new()), commitment);
        }
    }
}
