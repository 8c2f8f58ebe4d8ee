//! The append-only log over every entry since genesis: an RFC 6962 Merkle tree.
//!
//! The tree is grown from its frontier (the roots of its perfect subtrees); each append yields the
//! nodes of the perfect subtrees that it completes, which never change again and are all that is
//! stored. Proofs for any past size are made from them. Verification is `ct-merkle`'s.
//!
//! Source: RFC 6962 section 2.1; docs/wire-format.md section 5.

use crate::{
    codec::{BorrowDecode, Decode, Encode, List},
    crypto::{Digest, EntryHash},
};
use bincode::{
    de::{BorrowDecoder, Decoder},
    error::DecodeError,
};
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use sha2::{Digest as _, Sha256};

/// Place of a perfect subtree: its height and its position among those of that height.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeAt {
    /// 0 for a leaf; the subtree has `2^level` leaves.
    pub level: u8,
    /// Position from the left, from 0.
    pub index: u64,
}

/// A node that an append completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogNode {
    /// Where it stands.
    pub at: NodeAt,
    /// Its hash.
    pub hash: Digest,
}

/// The leaf hash of an entry's bytes: `SHA-256(0x00 ‖ entry)`.
#[must_use]
pub fn entry_hash(entry: &[u8]) -> EntryHash {
    let mut hasher = Sha256::new();
    hasher.update([0]);
    hasher.update(entry);
    EntryHash::new(hasher.finalize().into())
}

fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update([1]);
    hasher.update(left.as_bytes());
    hasher.update(right.as_bytes());
    Digest::new(hasher.finalize().into())
}

/// More entries than any log will have. Beyond twice as many the arithmetic of trees overflows, here and in
/// `ct-merkle`, so that sizes above are refused wherever somebody else names them.
const LOG_SIZE_MAX: u64 = 1 << 62;

/// Size of a log and the roots of its perfect subtrees, largest first: as many as the size has binary ones.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode)]
pub struct Frontier {
    size: u64,
    peaks: List<Digest, 64>,
}

impl Frontier {
    /// How many entries the log has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf hash and returns the nodes that it completes, the leaf itself first.
    ///
    /// # Panics
    /// After 2^64 entries.
    pub fn append(&mut self, leaf: EntryHash) -> Vec<LogNode> {
        let mut peaks = std::mem::take(&mut self.peaks).into_vec();
        let mut hash = Digest::new(*leaf.as_bytes());
        let mut at = NodeAt { level: 0, index: self.size };
        let mut completed = vec![LogNode { at, hash }];
        while at.index % 2 == 1 {
            let left = peaks.pop().expect("an odd node has a left sibling");
            hash = node_hash(&left, &hash);
            at = NodeAt { level: at.level + 1, index: at.index / 2 };
            completed.push(LogNode { at, hash });
        }
        peaks.push(hash);
        self.peaks = List::new(peaks).expect("a log of 2^64 entries has at most 64 peaks");
        self.size = self.size.checked_add(1).expect("log indexes do not run out");
        completed
    }

    /// The Merkle tree hash of the log; SHA-256 of nothing while it is empty.
    #[must_use]
    pub fn root(&self) -> Digest {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            None => Digest::new(Sha256::digest([]).into()),
            Some(last) => peaks.fold(*last, |right, left| node_hash(left, &right)),
        }
    }
}

impl<C> Decode<C> for Frontier {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let frontier = Self { size: Decode::decode(decoder)?, peaks: Decode::decode(decoder)? };
        let fits = u32::try_from(frontier.peaks.len()) == Ok(frontier.size.count_ones());
        if frontier.size <= LOG_SIZE_MAX && fits {
            Ok(frontier)
        } else {
            Err(DecodeError::OtherString("peaks that are of no log of this size".to_owned()))
        }
    }
}

impl<'de, C> BorrowDecode<'de, C> for Frontier {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(
        decoder: &mut D,
    ) -> Result<Self, DecodeError> {
        Self::decode(decoder)
    }
}

/// Hash of leaves `start..end`, from stored nodes of perfect subtrees.
fn range_hash<E>(
    node: &mut impl FnMut(NodeAt) -> Result<Digest, E>,
    start: u64,
    end: u64,
) -> Result<Digest, E> {
    let length = end - start;
    if length.is_power_of_two() && start.is_multiple_of(length) {
        let level = length.trailing_zeros();
        let level = u8::try_from(level).unwrap_or(u8::MAX);
        return node(NodeAt { level, index: start / length });
    }
    let middle = start + split(length);
    Ok(node_hash(&range_hash(node, start, middle)?, &range_hash(node, middle, end)?))
}

/// The largest power of two below `length`.
fn split(length: u64) -> u64 {
    1 << (63 - (length - 1).leading_zeros())
}

/// The audit path of leaf `index` in the log of `size` entries, leaf upwards.
///
/// # Errors
/// Those of `node`, which looks stored nodes up.
///
/// # Panics
/// If `index` is not below `size`.
pub fn inclusion_proof<E>(
    mut node: impl FnMut(NodeAt) -> Result<Digest, E>,
    index: u64,
    size: u64,
) -> Result<Vec<Digest>, E> {
    assert!(index < size, "entry {index} is not in a log of {size}");
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(range_hash(&mut node, middle, end)?);
            end = middle;
        } else {
            path.push(range_hash(&mut node, start, middle)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The proof that the log of `size` entries begins with the log of `old_size`.
///
/// # Errors
/// Those of `node`.
///
/// # Panics
/// If `old_size` is zero or above `size`.
pub fn consistency_proof<E>(
    mut node: impl FnMut(NodeAt) -> Result<Digest, E>,
    old_size: u64,
    size: u64,
) -> Result<Vec<Digest>, E> {
    assert!((1..=size).contains(&old_size), "a log of {old_size} is no beginning of one of {size}");
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    // Descend to the subtree that ends where the old log ended.
    while old_size != end {
        let middle = start + split(end - start);
        if old_size <= middle {
            path.push(range_hash(&mut node, middle, end)?);
            end = middle;
        } else {
            path.push(range_hash(&mut node, start, middle)?);
            start = middle;
        }
    }
    if start != 0 {
        path.push(range_hash(&mut node, start, end)?);
    }
    path.reverse();
    Ok(path)
}

/// Whether `proof` shows that the log of `size` entries with this `root` has `entry` at `index`.
#[must_use]
pub fn verify_inclusion(
    entry: &[u8],
    index: u64,
    size: u64,
    root: &Digest,
    proof: &[Digest],
) -> bool {
    let bytes: Vec<u8> = proof.iter().flat_map(|d| *d.as_bytes()).collect();
    index < size
        && size <= LOG_SIZE_MAX
        && InclusionProof::<Sha256>::try_from_bytes(bytes).is_ok_and(|proof| {
            RootHash::<Sha256>::new((*root.as_bytes()).into(), size)
                .verify_inclusion(&entry, index, &proof)
                .is_ok()
        })
}

/// Whether `proof` shows that the log (`size`, `root`) begins with the log (`old_size`, `old_root`).
#[must_use]
pub fn verify_consistency(
    (old_size, old_root): (u64, &Digest),
    (size, root): (u64, &Digest),
    proof: &[Digest],
) -> bool {
    if old_size == 0 || old_size > size || size > LOG_SIZE_MAX {
        return false;
    }
    if old_size == size {
        return old_root == root && proof.is_empty();
    }
    let bytes: Vec<u8> = proof.iter().flat_map(|d| *d.as_bytes()).collect();
    ConsistencyProof::<Sha256>::try_from_bytes(bytes).is_ok_and(|proof| {
        let old = RootHash::<Sha256>::new((*old_root.as_bytes()).into(), old_size);
        RootHash::<Sha256>::new((*root.as_bytes()).into(), size)
            .verify_consistency(&old, &proof)
            .is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use std::{collections::BTreeMap, convert::Infallible};

    #[test]
    fn sizes_that_no_log_has_prove_nothing_and_no_number_stops_the_program() {
        use crate::codec::{decode, encode};
        let edges = [0, 1, 2, 3, 1 << 31, 1 << 32, 1 << 53, 1 << 62, 1 << 63, u64::MAX];
        let numbers: Vec<u64> =
            edges.iter().flat_map(|n: &u64| [n.wrapping_sub(1), *n, n.wrapping_add(1)]).collect();
        let digest = Digest::new([7; 32]);
        for &size in &numbers {
            for &index in &numbers {
                for length in [0, 1, 31, 32, 61, 62, 63, 64, 65] {
                    let proof = vec![digest; length];
                    assert!(!verify_inclusion(b"entry", index, size, &digest, &proof));
                    let (old, new) = ((index, &digest), (size, &digest));
                    let same = index == size && (1..=LOG_SIZE_MAX).contains(&size) && length == 0;
                    assert_eq!(verify_consistency(old, new, &proof), same, "{index} of {size}");
                }
            }
            for peaks in [size.count_ones() as usize, 0, 1, 64] {
                let peaks = List::new(vec![digest; peaks]).expect("at most 64");
                let fits = peaks.len() == size.count_ones() as usize && size <= LOG_SIZE_MAX;
                let read = decode::<Frontier>(&encode(&Frontier { size, peaks }));
                assert_eq!(read.is_ok(), fits, "{size}");
                if let Ok(mut log) = read {
                    log.append(entry_hash(b"entry"));
                    assert_eq!(log.size(), size + 1);
                }
            }
        }
    }

    #[test]
    fn roots_and_proofs_agree_with_an_independent_tree_at_every_size() {
        const SIZE: u64 = 70;
        let mut oracle = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        let mut log = Frontier::default();
        let mut nodes = BTreeMap::new();
        let mut roots = vec![log.root()];
        let entry = |i: u64| i.to_le_bytes().to_vec();
        for i in 0..SIZE {
            oracle.push(entry(i));
            for node in log.append(entry_hash(&entry(i))) {
                nodes.insert(node.at, node.hash);
            }
            assert_eq!(log.root().as_bytes()[..], oracle.root().as_bytes()[..], "size {}", i + 1);
            roots.push(log.root());
        }
        let node = |at| Ok::<_, Infallible>(nodes[&at]);
        for size in 1..=SIZE {
            let root = &roots[usize::try_from(size).expect("small")];
            for index in 0..size {
                let Ok(proof) = inclusion_proof(node, index, size);
                assert!(verify_inclusion(&entry(index), index, size, root, &proof));
                assert!(!verify_inclusion(&entry(index + 1), index, size, root, &proof));
                assert!(!verify_inclusion(&entry(index), index + 1, size, root, &proof));
            }
            for old in 1..=size {
                let Ok(proof) = consistency_proof(node, old, size);
                let old_root = &roots[usize::try_from(old).expect("small")];
                assert!(verify_consistency((old, old_root), (size, root), &proof));
                if old < size {
                    assert!(!verify_consistency((old, root), (size, root), &proof));
                }
            }
        }
    }
}
