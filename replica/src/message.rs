//! What nodes say to each other.

use ledger_core::{
    block::{BLOCK_TRANSACTIONS_MAX, BlockOutline},
    codec::{Decode, Encode, List},
    consensus::{Message, QuorumCertificate, View},
    crypto::{BlockHash, EntryHash},
    receipt::CertifiedHeader,
    types::{Height, TimestampMs},
};

/// Most transactions that one message carries.
pub(crate) const PUSH_MAX: usize = 1_024;
/// Most bytes of transactions that one message carries.
pub(crate) const PUSH_BYTES_MAX: usize = 900 * 1024;
/// Most blocks that one answer carries.
pub(crate) const BLOCKS_MAX: usize = 64;
/// Most bytes of blocks that one answer carries, but for a first block that is larger.
pub(crate) const BLOCKS_BYTES_MAX: usize = 1024 * 1024;
/// How many heights ahead messages are kept, and how many blocks back decisions are passed on: a node
/// whose disk is slow for a moment loses nothing.
pub(crate) const EARLY_HEIGHTS_MAX: usize = 4;

/// A road of its own for each kind of traffic, so that votes never queue behind bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Road {
    /// Votes, proposals, views.
    Consensus,
    /// Outlines and bodies of proposed blocks.
    Bodies,
    /// Decided blocks.
    Sync,
    /// New transactions.
    Transactions,
}

/// The signed bytes of one transaction.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TransactionBytes(pub Vec<u8>);

/// A decided block by the names of its transactions.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Decided {
    /// Proves that it is decided.
    pub certificate: QuorumCertificate,
    /// What the receiver completes from what it has, and asks for the rest.
    pub outline: BlockOutline,
}

/// One message between two nodes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum PeerMessage {
    /// A proposal or a vote.
    Consensus(Message),
    /// What the sender has of the height it is at, and what its clock says.
    View {
        /// What it has.
        view: View,
        /// Its clock.
        clock: TimestampMs,
    },
    /// A proposed block by the names of its transactions.
    Outline(Box<BlockOutline>),
    /// Asks for an outline.
    GetOutline {
        /// The height being decided.
        height: Height,
        /// The block.
        block: BlockHash,
    },
    /// New transactions, or those that were asked for.
    Transactions(List<TransactionBytes, PUSH_MAX>),
    /// Asks for transactions of a proposed block.
    GetTransactions(List<EntryHash, BLOCK_TRANSACTIONS_MAX>),
    /// Asks for decided blocks.
    GetBlocks {
        /// The first.
        first: Height,
        /// The last.
        last: Height,
    },
    /// The answer: what the sender has, and as much of it as one answer carries.
    Blocks {
        /// The first height that was asked for.
        first: Height,
        /// The newest block that the sender has, with its proof; nothing before the first block.
        tip: Option<Box<CertifiedHeader>>,
        /// From `first` on, in order, each the bytes of a certified block.
        blocks: List<Vec<u8>, BLOCKS_MAX>,
    },
    /// What has been decided at the height that the receiver still decides, sent unasked.
    Decided(Box<Decided>),
    /// A validator that has started asks what was seen of it.
    RecoveryQuestion,
    /// The latest message seen from the one that asked.
    RecoveryAnswer(Option<Message>),
}

impl PeerMessage {
    /// Transactions as messages of bounded size.
    pub(crate) fn transactions<'a>(transactions: impl Iterator<Item = &'a [u8]>) -> Vec<Self> {
        let mut batches = vec![Vec::new()];
        let mut bytes = 0;
        for transaction in transactions {
            let full = batches.last().is_some_and(|batch: &Vec<_>| batch.len() == PUSH_MAX);
            if full || bytes + transaction.len() > PUSH_BYTES_MAX {
                batches.push(Vec::new());
                bytes = 0;
            }
            bytes += transaction.len();
            if let Some(batch) = batches.last_mut() {
                batch.push(TransactionBytes(transaction.to_vec()));
            }
        }
        let batches = batches.into_iter().filter(|batch| !batch.is_empty());
        batches.map(|batch| Self::Transactions(List::new(batch).unwrap_or_default())).collect()
    }

    /// The road that it takes.
    #[must_use]
    pub fn road(&self) -> Road {
        match self {
            Self::Consensus(_)
            | Self::View { .. }
            | Self::RecoveryQuestion
            | Self::RecoveryAnswer(_) => Road::Consensus,
            Self::Outline(_)
            | Self::GetOutline { .. }
            | Self::GetTransactions(_)
            | Self::Decided(_) => Road::Bodies,
            Self::Transactions(_) => Road::Transactions,
            Self::GetBlocks { .. } | Self::Blocks { .. } => Road::Sync,
        }
    }
}
