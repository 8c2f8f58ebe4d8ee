//! Blocks: a header that commits to everything, and the entries it adds to the log.

use crate::{
    codec::{Decode, DecodeError, Encode, List, decode_within, encode},
    consensus::{Evidence, QuorumCertificate},
    crypto::{BlockHash, ChainId, Digest, Domain, EntryHash},
    fund::{Deadline, Seal},
    transaction::{SignedTransaction, TRANSACTION_BYTES_MAX},
    types::{Height, Round, TimestampMs, ValidatorIndex},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Layout of headers, blocks and archives.
pub const FORMAT_VERSION: u16 = 1;
/// Rules of execution. New rules get a number and an activation height; old ones stay for replay.
pub const RULES_VERSION: u16 = 1;
/// Longest block with all its entries.
pub const BLOCK_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Most transactions in a block, so that checking its signatures takes a bounded time.
pub const BLOCK_TRANSACTIONS_MAX: usize = 2_500;
/// Most entries in a block: transactions, deadlines and evidence.
pub const BLOCK_ENTRIES_MAX: usize = 25_000;
/// Most evidence in a block.
pub const BLOCK_EVIDENCE_MAX: usize = 16;

const _: () = assert!(TRANSACTION_BYTES_MAX * 8 <= BLOCK_BYTES_MAX);
const _: () = assert!(BLOCK_TRANSACTIONS_MAX + BLOCK_EVIDENCE_MAX < BLOCK_ENTRIES_MAX);
// Every deadline is at least one unit of work.
const _: () = assert!(
    crate::fund::WORK_MAX as usize + BLOCK_TRANSACTIONS_MAX + BLOCK_EVIDENCE_MAX
        <= BLOCK_ENTRIES_MAX
);

/// What a quorum signs.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT_VERSION`].
    pub format: u16,
    /// [`RULES_VERSION`] that executed the block.
    pub rules: u16,
    /// Which chain.
    pub chain: ChainId,
    /// Position in the chain; the first block has height 1.
    pub height: Height,
    /// Block time, later than the parent's.
    pub time: TimestampMs,
    /// Who first proposed it.
    pub proposer: ValidatorIndex,
    /// In which round.
    pub round: Round,
    /// The block before; the chain id as a hash for the first block.
    pub parent: BlockHash,
    /// Entries in the log after this block.
    pub log_size: u64,
    /// RFC 6962 root of the log after this block.
    pub log_root: Digest,
    /// Root of the state after this block.
    pub state_root: Digest,
    /// Hash of the validator set that decides this block.
    pub validators: Digest,
    /// Hash of the validator set that decides the next.
    pub next_validators: Digest,
    /// Hash of the evidence in this block.
    pub evidence: Digest,
    /// What later versions commit to beside the rest. Rules 1 knows none.
    pub extensions: Extensions,
}

/// Most extensions of a header.
const EXTENSIONS_MAX: usize = 8;

/// Commitments by number, ascending. Whoever does not know an even number may ignore it, and must not
/// believe a header with an odd one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Extensions(List<(u16, Digest), EXTENSIONS_MAX>);

impl Extensions {
    /// These commitments; `None` if there are too many.
    #[must_use]
    pub fn new(commitments: Vec<(u16, Digest)>) -> Option<Self> {
        List::new(commitments).ok().map(Self)
    }

    /// Whether there are none: what a validator of these rules proposes and votes for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a reader of these rules may believe a header that has them: their numbers ascend, and all are
    /// even.
    #[must_use]
    pub fn may_be_ignored(&self) -> bool {
        let ascending = self.0.windows(2).all(|pair| pair[0].0 < pair[1].0);
        ascending && self.0.iter().all(|(number, _)| number.is_multiple_of(2))
    }
}

impl Header {
    /// The name of the block.
    #[must_use]
    pub fn hash(&self) -> BlockHash {
        BlockHash::new(*Domain::Block.digest(&[&encode(self)]).as_bytes())
    }
}

/// Something that every node derives and nobody signs: what a deadline did.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct SystemEntry {
    /// What fell due.
    pub deadline: Deadline,
    /// What remains of the group buy, if it closed.
    pub seal: Option<Seal>,
    /// Why nothing was done: the number of the refusal. The group buy is stuck then; all others go on.
    pub stuck: Option<u16>,
}

/// What an entry begins with if it is a transaction: the number of that variant of [`Entry`].
const TRANSACTION_ENTRY: [u8; 4] = 0u32.to_le_bytes();

/// One leaf of the log.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// A member said so.
    Transaction(SignedTransaction),
    /// A deadline did so.
    System(SystemEntry),
    /// A validator equivocated.
    Evidence(Evidence),
}

/// The canonical bytes of one entry. Copies share them: an entry is encoded once.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct EntryBytes(Arc<[u8]>);

impl EntryBytes {
    /// Takes the bytes of an entry.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }

    /// The entry that a signed transaction is.
    #[must_use]
    pub(crate) fn of_transaction(signed: &[u8]) -> Self {
        Self::new([&TRANSACTION_ENTRY, signed].concat())
    }

    /// The signed transaction, if the entry is one; the bytes are not read further.
    #[must_use]
    pub fn signed_transaction(&self) -> Option<&[u8]> {
        self.0.strip_prefix(&TRANSACTION_ENTRY)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads the entry.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not canonical.
    pub fn decode(&self) -> Result<Entry, DecodeError> {
        decode_within(&self.0, BLOCK_BYTES_MAX)
    }
}

/// A header and its entries in the order of the log.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Block {
    /// What the quorum signed.
    pub header: Header,
    /// Deadlines first, then evidence, then transactions.
    pub entries: List<EntryBytes, BLOCK_ENTRIES_MAX>,
}

/// A block and the precommits that decided it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CertifiedBlock {
    /// The block.
    pub block: Block,
    /// The precommits.
    pub certificate: QuorumCertificate,
}

/// Longest encoding of a certified block.
pub const CERTIFIED_BLOCK_BYTES_MAX: usize = BLOCK_BYTES_MAX + 64 * 1024;

/// What a proposal lists: the header, and by name what the receiver should have.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct BlockOutline {
    /// The proposed header.
    pub header: Header,
    /// Evidence, whole.
    pub evidence: List<Evidence, BLOCK_EVIDENCE_MAX>,
    /// Leaf hashes of the transactions, in order.
    pub transactions: List<EntryHash, BLOCK_TRANSACTIONS_MAX>,
}

/// The hash of a block's evidence.
#[must_use]
pub fn evidence_hash(evidence: &[Evidence]) -> Digest {
    let bytes: Vec<u8> = evidence.iter().flat_map(encode).collect();
    Domain::Evidence.digest(&[&bytes])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_ignored_is_even_and_ascends() {
        let of = |numbers: &[u16]| {
            let commitments = numbers.iter().map(|number| (*number, Digest::default()));
            Extensions::new(commitments.collect()).expect("few")
        };
        assert!(of(&[]).is_empty() && of(&[]).may_be_ignored());
        assert!(of(&[2, 4, 65_534]).may_be_ignored());
        assert!(!of(&[1]).may_be_ignored(), "an odd one must be known");
        assert!(!of(&[2, 3]).may_be_ignored());
        assert!(!of(&[4, 2]).may_be_ignored() && !of(&[2, 2]).may_be_ignored());
        assert!(Extensions::new(vec![(2, Digest::default()); 9]).is_none());
    }
}
