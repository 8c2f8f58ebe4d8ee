//! What nodes say to each other.

use ledger_core::{
    block::{BLOCK_TRANSACTIONS_MAX, BlockOutline},
    codec::{Decode, Encode, List},
    consensus::{Message, View},
    crypto::{BlockHash, EntryHash},
    types::{Height, TimestampMs},
};

/// Most transactions that one message carries.
pub(crate) const PUSH_MAX: usize = 1_024;
/// Most bytes of transactions that one message carries.
pub(crate) const PUSH_BYTES_MAX: usize = 900 * 1024;
/// Most blocks that one answer carries.
pub(crate) const BLOCKS_MAX: usize = 256;
/// Most bytes of blocks that one answer carries, but for a first block that is larger.
pub(crate) const BLOCKS_BYTES_MAX: usize = 4 * 1024 * 1024;

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
    /// Asks for decided blocks from a height on.
    GetBlocks(Height),
    /// Decided blocks, each the bytes of a certified block, in order.
    Blocks(List<Vec<u8>, BLOCKS_MAX>),
    /// A validator that has started asks what was seen of it.
    RecoveryQuestion,
    /// The latest message seen from the one that asked.
    RecoveryAnswer(Option<Message>),
}

impl PeerMessage {
    /// The road that it takes.
    #[must_use]
    pub fn road(&self) -> Road {
        match self {
            Self::Consensus(_)
            | Self::View { .. }
            | Self::RecoveryQuestion
            | Self::RecoveryAnswer(_) => Road::Consensus,
            Self::Outline(_) | Self::GetOutline { .. } | Self::GetTransactions(_) => Road::Bodies,
            Self::Transactions(_) => Road::Transactions,
            Self::GetBlocks(_) | Self::Blocks(_) => Road::Sync,
        }
    }
}
