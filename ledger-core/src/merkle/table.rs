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

use super::changes::{Changes, Edits, Slot};
use crate::{
    codec::{Decode, Encode, decode, encode},
    crypto::{Digest, Domain},
};
use imbl::{OrdMap, OrdSet};
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

/// A subtree. What is below a node without a hash has changed since the last commit.
///
/// Two children to a node: a change after a copy copies one small node for each level, and touches one
/// neighbour's count of references each.
#[derive(Debug, Clone)]
enum Tree<K, V> {
    /// No record: a free slot, or nothing but slots that were never there.
    Empty,
    Leaf(Arc<Leaf<K, V>>),
    Inner(Arc<Inner<K, V>>),
}

#[derive(Debug, Clone)]
struct Leaf<K, V> {
    hash: Option<Digest>,
    key: K,
    record: V,
}

#[derive(Debug, Clone)]
struct Inner<K, V> {
    hash: Option<Digest>,
    left: Tree<K, V>,
    right: Tree<K, V>,
}

impl<K, V> Tree<K, V> {
    /// The hash of the last commit; none if something below has changed.
    fn hash(&self) -> Option<Digest> {
        match self {
            Self::Empty => Some(EMPTY),
            Self::Leaf(leaf) => leaf.hash,
            Self::Inner(inner) => inner.hash,
        }
    }

    fn child(&self, is_right: bool) -> &Self {
        match self {
            Self::Inner(inner) if is_right => &inner.right,
            Self::Inner(inner) => &inner.left,
            Self::Empty | Self::Leaf(_) => &Self::Empty,
        }
    }
}

impl<K: Clone + Encode, V: Record> Tree<K, V> {
    /// A node above `left`, with nothing to its right.
    fn above(left: Self) -> Self {
        Self::Inner(Arc::new(Inner { hash: None, left, right: Self::Empty }))
    }

    /// Goes down into a child to change it; makes the node that is not there yet.
    fn child_mut(&mut self, is_right: bool) -> &mut Self {
        if let Self::Empty = self {
            *self = Self::above(Self::Empty);
        }
        let Self::Inner(inner) = self else { unreachable!("leaves are at the lowest level") };
        let inner = Arc::make_mut(inner);
        inner.hash = None;
        if is_right { &mut inner.right } else { &mut inner.left }
    }

    /// Encodes and hashes what has changed below; `place` is the position of this node on its level.
    fn commit(&mut self, place: u32, path: &[u8], writes: &mut Vec<StateWrite>) -> Digest {
        if let Some(hash) = self.hash() {
            return hash;
        }
        match self {
            Self::Empty => EMPTY,
            Self::Leaf(leaf) => {
                let Leaf { hash, key: name, record } = Arc::make_mut(leaf);
                let key = slot_path(path, place);
                let mut bytes = encode(name);
                bytes.extend_from_slice(&record.commit(&key, writes));
                let leaf = Domain::StateLeaf.digest(&[&bytes]);
                writes.push(StateWrite { key, value: Some(bytes) });
                *hash.insert(leaf)
            }
            Self::Inner(inner) => {
                let Inner { hash, left, right } = Arc::make_mut(inner);
                let left = left.commit(2 * place, path, writes);
                let right = right.commit(2 * place + 1, path, writes);
                let node = Domain::StateNode.digest(&[left.as_bytes(), right.as_bytes()]);
                *hash.insert(node)
            }
        }
    }
}

/// Records by key, in slots, with a Merkle commitment.
#[derive(Debug, Clone)]
pub struct Table<K: Ord, V> {
    tree: Tree<K, V>,
    slot_count: u32,
    index: OrdMap<K, u32>,
    free: OrdSet<u32>,
    /// Records taken out since the last commit, whose stored parts must go.
    removed: Vec<(u32, V)>,
    /// None if something has changed since the last commit.
    commitment: Option<Digest>,
}

impl<K: Ord + Clone + Encode, V: Record> Default for Table<K, V> {
    fn default() -> Self {
        Self {
            tree: Tree::Empty,
            slot_count: 0,
            index: OrdMap::new(),
            free: OrdSet::new(),
            removed: Vec::new(),
            commitment: Some(table_commitment(0, &EMPTY)),
        }
    }
}

/// Levels of nodes above the leaves of a table with so many slots.
fn height(slot_count: u32) -> u32 {
    slot_count.saturating_sub(1).checked_ilog2().map_or(0, |log| log + 1)
}

fn is_right(slot: u32, level: u32) -> bool {
    slot >> level & 1 == 1
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
        self.entry(slot).map(|(_, record)| record)
    }

    /// Key and record in a slot.
    #[must_use]
    pub fn entry(&self, slot: u32) -> Option<(&K, &V)> {
        if slot >= self.slot_count {
            return None;
        }
        let mut tree = &self.tree;
        for level in (0..height(self.slot_count)).rev() {
            tree = tree.child(is_right(slot, level));
        }
        match tree {
            Tree::Leaf(leaf) => Some((&leaf.key, &leaf.record)),
            Tree::Empty | Tree::Inner(_) => None,
        }
    }

    /// The record under `key`, to change it; it counts as changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.slot_mut(*self.index.get(key)?)
    }

    /// The record in a slot, to change it; it counts as changed.
    pub fn slot_mut(&mut self, slot: u32) -> Option<&mut V> {
        if slot >= self.slot_count {
            return None;
        }
        match self.leaf_mut(slot) {
            Tree::Leaf(leaf) => {
                let leaf = Arc::make_mut(leaf);
                leaf.hash = None;
                Some(&mut leaf.record)
            }
            Tree::Empty | Tree::Inner(_) => None,
        }
    }

    /// Goes down to a slot that exists; all on the way counts as changed.
    fn leaf_mut(&mut self, slot: u32) -> &mut Tree<K, V> {
        self.commitment = None;
        let mut tree = &mut self.tree;
        for level in (0..height(self.slot_count)).rev() {
            tree = tree.child_mut(is_right(slot, level));
        }
        tree
    }

    /// One slot more, still without the nodes above it.
    fn add_slot(&mut self) -> u32 {
        let slot = self.slot_count;
        self.slot_count = slot.checked_add(1).expect("tables stay below 2^32 slots");
        if height(self.slot_count) > height(slot) {
            self.tree = Tree::above(std::mem::replace(&mut self.tree, Tree::Empty));
        }
        slot
    }

    /// Inserts or replaces the record under `key` and returns its slot.
    ///
    /// # Panics
    /// After 2^32 slots, which no bound of the protocol allows.
    pub fn insert(&mut self, key: K, record: V) -> u32 {
        let slot = match (self.index.get(&key), self.free.get_min()) {
            (Some(slot), _) => *slot,
            (None, Some(slot)) => {
                let slot = *slot;
                self.free.remove(&slot);
                self.index.insert(key.clone(), slot);
                slot
            }
            (None, None) => {
                let slot = self.add_slot();
                self.index.insert(key.clone(), slot);
                slot
            }
        };
        *self.leaf_mut(slot) = Tree::Leaf(Arc::new(Leaf { hash: None, key, record }));
        slot
    }

    /// Takes a record out and frees its slot.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let slot = self.index.remove(key)?;
        self.free.insert(slot);
        let leaf = std::mem::replace(self.leaf_mut(slot), Tree::Empty);
        let Tree::Leaf(leaf) = leaf else { return None };
        let Leaf { record, .. } = Arc::unwrap_or_clone(leaf);
        self.removed.push((slot, record.clone()));
        Some(record)
    }

    /// Makes what was planned with an [`Overlay`](super::Overlay) of this very table.
    pub fn make(&mut self, changes: Changes<K, V>) {
        let Some(edits) = changes.0 else { return };
        let Edits { changed, added, .. } = *edits;
        for (slot, change) in changed.into_sorted() {
            let before = self.entry(slot).map(|(key, _)| key);
            let change = match change {
                Slot::Record(key, record) if Some(&key) == before => {
                    *self.leaf_mut(slot) = Tree::Leaf(Arc::new(Leaf { hash: None, key, record }));
                    continue;
                }
                change => change,
            };
            if let Tree::Leaf(before) = self.put(slot, change) {
                // The key may stand in another slot by now.
                if self.index.get(&before.key) == Some(&slot) {
                    self.index.remove(&before.key);
                }
                let Leaf { record, .. } = Arc::unwrap_or_clone(before);
                self.removed.push((slot, record));
            }
        }
        for change in added {
            let slot = self.add_slot();
            let leaf = self.leaf_of(slot, change);
            *self.leaf_mut(slot) = leaf;
        }
    }

    /// Puts something into a slot that is there; what was there goes out.
    fn put(&mut self, slot: u32, what: Slot<K, V>) -> Tree<K, V> {
        self.free.remove(&slot);
        let leaf = self.leaf_of(slot, what);
        std::mem::replace(self.leaf_mut(slot), leaf)
    }

    /// What a slot will hold; the index says so already.
    fn leaf_of(&mut self, slot: u32, what: Slot<K, V>) -> Tree<K, V> {
        match what {
            Slot::Record(key, record) => {
                self.index.insert(key.clone(), slot);
                Tree::Leaf(Arc::new(Leaf { hash: None, key, record }))
            }
            Slot::Free => {
                self.free.insert(slot);
                Tree::Empty
            }
        }
    }

    /// The smallest free slot from `from` on.
    pub(super) fn free_slot_from(&self, from: u32) -> Option<u32> {
        self.free.range(from..).next().copied()
    }

    /// All records in the order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries().map(|(_, key, record)| (key, record))
    }

    /// All records with their slots.
    pub(super) fn entries(&self) -> impl Iterator<Item = (u32, &K, &V)> {
        // At the lowest level a node's place is its slot.
        let mut ahead = vec![(0u32, &self.tree)];
        std::iter::from_fn(move || {
            loop {
                let (place, tree) = ahead.pop()?;
                match tree {
                    Tree::Empty => {}
                    Tree::Leaf(leaf) => return Some((place, &leaf.key, &leaf.record)),
                    Tree::Inner(inner) => {
                        let (left, right) = (place.wrapping_mul(2), place.wrapping_mul(2) | 1);
                        ahead.extend([(right, &inner.right), (left, &inner.left)]);
                    }
                }
            }
        })
    }

    /// All records in the order of their keys, from `from` on.
    pub fn range(&self, from: K) -> impl Iterator<Item = (&K, &V)> {
        self.index
            .range(from..)
            .filter_map(|(key, slot)| self.slot(*slot).map(|value| (key, value)))
    }

    /// Hashes what has changed, appends it to `writes` under `path`, and returns the commitment.
    pub fn commit(&mut self, path: &[u8], writes: &mut Vec<StateWrite>) -> Digest {
        if let Some(commitment) = self.commitment {
            return commitment;
        }
        for (slot, record) in std::mem::take(&mut self.removed) {
            let key = slot_path(path, slot);
            record.delete_below(&key, writes);
            if self.slot(slot).is_none() {
                writes.push(StateWrite { key, value: None });
            }
        }
        let root = self.tree.commit(0, path, writes);
        *self.commitment.insert(table_commitment(self.slot_count.into(), &root))
    }

    /// The commitment; none if something has changed since the last [`commit`](Self::commit).
    #[must_use]
    pub fn commitment(&self) -> Option<&Digest> {
        self.commitment.as_ref()
    }

    /// Rebuilds a table from stored records; slots that are not given are free.
    ///
    /// The number of slots is that of the last record, so a table whose last slots were freed must be
    /// told its length.
    #[must_use]
    pub fn load(slot_count: u32, records: impl IntoIterator<Item = (u32, K, V)>) -> Self {
        let mut table = Self::default();
        let add_slots = |table: &mut Self, count| {
            while table.slot_count < count {
                let slot = table.add_slot();
                table.leaf_mut(slot);
                table.free.insert(slot);
            }
        };
        for (slot, key, record) in records {
            add_slots(&mut table, slot.saturating_add(1));
            table.free.remove(&slot);
            table.index.insert(key.clone(), slot);
            *table.leaf_mut(slot) = Tree::Leaf(Arc::new(Leaf { hash: None, key, record }));
        }
        add_slots(&mut table, slot_count);
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
        self.slot_count
    }

    /// Adds the deletion of every stored record.
    pub fn delete_all(&self, path: &[u8], writes: &mut Vec<StateWrite>) {
        for slot in self.index.values() {
            writes.push(StateWrite { key: slot_path(path, *slot), value: None });
        }
    }

    /// Proves the record under `key` against the last commitment; not if something has changed since.
    #[must_use]
    pub fn prove(&self, key: &K) -> Option<TableProof> {
        self.commitment?;
        let slot = *self.index.get(key)?;
        let mut siblings = Vec::new();
        let mut tree = &self.tree;
        for level in (0..height(self.slot_count)).rev() {
            siblings.push(tree.child(!is_right(slot, level)).hash()?);
            tree = tree.child(is_right(slot, level));
        }
        siblings.reverse();
        Some(TableProof { slot, slot_count: self.slot_count.into(), siblings })
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
            let mut slots = vec![None; table.slot_count() as usize];
            for (key, value) in table.iter() {
                slots[table.slot_of(key).expect("present") as usize] = Some((*key, *value));
            }
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
