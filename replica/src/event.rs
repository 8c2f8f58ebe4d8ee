//! What comes in and what goes out: the whole of what a replica and the world say to each other.
//!
//! Data and nothing else. An [`Event`] is what has happened, an [`Action`] what is to be done about it; a
//! replica has no other way to the world but to read its own store.

use crate::{
    chain_store::{ChainStore, ChainStoreError},
    message::Road,
    node::NodeId,
    store::Change,
};
use genesis::Genesis;
use ledger_core::{
    consensus::{GuardError, GuardRecord},
    crypto::{BatchItem, BlockHash, SecretKey, TransactionId},
    ledger::State,
    refusal::Refusal,
    types::{Height, LogIndex},
};
use std::sync::Arc;

/// Names a submission, so that its answer finds back.
pub type RequestId = u64;
/// Names something to make durable.
pub type JobId = u64;

/// What a replica is told at its start.
pub struct Config {
    /// The founding document.
    pub genesis: Genesis,
    /// Which of its nodes this is.
    pub me: NodeId,
    /// The key that votes; `None` for a node that only follows.
    pub key: Option<SecretKey>,
    /// Random bytes that nobody else knows.
    pub entropy: [u8; 32],
}

/// What can happen to a node.
#[derive(Debug)]
pub enum Event {
    /// Time has passed.
    Tick,
    /// A client hands in a transaction.
    Submit {
        /// To find back.
        request: RequestId,
        /// The signed bytes.
        bytes: Vec<u8>,
    },
    /// A connection to a node stands.
    Connected(NodeId),
    /// The last connection to a node is gone.
    Disconnected(NodeId),
    /// A node says something.
    Received {
        /// Which node.
        from: NodeId,
        /// The bytes of a [`PeerMessage`](crate::PeerMessage).
        bytes: Vec<u8>,
    },
    /// Somebody says that a height is decided. Only a hint: blocks are asked for and checked.
    Announced(Height),
    /// The answer to [`Action::CheckSignatures`].
    SignaturesChecked(Vec<bool>),
    /// [`Action::Persist`] is durable.
    Persisted(JobId),
}

/// Something to make durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Into the store, as one atomic batch.
    Store(Vec<Change>),
    /// Into the vote guard.
    Guard(Vec<u8>),
}

/// The answer to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Taken in; decided later.
    Pending(TransactionId),
    /// In the ledger.
    Decided {
        /// Which.
        id: TransactionId,
        /// Its block.
        height: Height,
        /// Its place in the log.
        log_index: LogIndex,
    },
    /// Not taken, or dropped later.
    Refused(Refusal),
}

/// What a node must do.
#[derive(Debug)]
pub enum Action {
    /// Send a message to a node. It may get lost.
    Send {
        /// To whom.
        to: NodeId,
        /// On which road.
        road: Road,
        /// The bytes of a [`PeerMessage`](crate::PeerMessage).
        bytes: Arc<[u8]>,
    },
    /// Verify signatures, then [`Event::SignaturesChecked`]. Only one batch is out at a time.
    CheckSignatures(Vec<BatchItem>),
    /// Make durable, in order, then [`Event::Persisted`].
    Persist {
        /// To find back.
        job: JobId,
        /// What.
        writes: Vec<Write>,
    },
    /// Tell a client. A request gets [`Outcome::Pending`] first and a final outcome later, or only that.
    Answer {
        /// Which request.
        request: RequestId,
        /// What.
        outcome: Outcome,
    },
    /// Tell every node that a height is decided ([`Event::Announced`] there).
    Announce(Height),
    /// A block is applied: tell whoever follows here.
    Applied {
        /// Its height.
        height: Height,
        /// Its name.
        hash: BlockHash,
        /// How many entries it has.
        entries: usize,
    },
    /// Tell the operator.
    Alarm(String),
    /// The disk cannot be read, or does not hold what was written: tell the operator what to do, and stop. It is the
    /// last action; nothing right can follow, so from now on every event leads to nothing.
    DiskFailed(ChainStoreError),
}

/// Why a replica cannot start.
///
/// Blame: the operator, or the disk.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The guard cannot be believed: the node must not run.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// The chain on disk cannot be read.
    #[error(transparent)]
    Disk(#[from] ChainStoreError),
}

/// What a replica starts from.
pub struct Start {
    /// The chain on disk.
    pub chain: ChainStore,
    /// The state on disk.
    pub state: State,
    /// The guard record on disk.
    pub guard: Option<GuardRecord>,
    /// Without a record: whether the guard says that nothing was ever signed. Else it is lost, and what was
    /// signed is forgotten.
    pub nothing_signed: bool,
}
