//! SHA-256 under domain tags.

use crate::{
    codec::{Decode, Encode},
    types::hex_text,
};
use sha2::{Digest as _, Sha256};

/// What a digest or signature is for. The tag text is part of the wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// Id of an unsigned transaction.
    Transaction,
    /// Signature over a transaction id.
    TransactionSignature,
    /// Hash of a block header.
    Block,
    /// Signature over a proposal.
    Proposal,
    /// Signature over a prevote or precommit.
    Vote,
    /// Signature over a synchronisation message.
    Status,
    /// Signature over a checkpoint of the log.
    Checkpoint,
    /// Hash of the founding name and time.
    Founding,
    /// Hash of the founding document.
    Genesis,
    /// Signature over what a member contributes to the founding.
    Contribution,
    /// Hash, many times over, of a chain id: what people compare by telephone.
    Phrase,
    /// Proof that a key's owner wants it admitted.
    KeyProof,
    /// Hash of a validator set.
    ValidatorSet,
    /// Hash of the evidence in a block.
    Evidence,
    /// A record of the state.
    StateLeaf,
    /// An inner node of a state table.
    StateNode,
    /// Size and root of a state table.
    StateTable,
    /// Root over all state tables.
    State,
    /// Hash of a filing.
    Filing,
    /// Hash of what a payment record says.
    Payment,
    /// Hash of a goods note.
    GoodsNote,
    /// Hash of the lines of a purchase order.
    PurchaseOrder,
    /// Tie-break of a short allocation.
    Tie,
    /// Hash of a household's delivery code.
    DeliveryCode,
    /// Content of a closed group buy's seal.
    Seal,
    /// Seed of the coefficients of a signature batch.
    Batch,
}

impl Domain {
    /// The text that goes before the content.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Transaction => "tuanzhang/v1/transaction",
            Self::TransactionSignature => "tuanzhang/v1/transaction-signature",
            Self::Block => "tuanzhang/v1/block",
            Self::Proposal => "tuanzhang/v1/proposal",
            Self::Vote => "tuanzhang/v1/vote",
            Self::Status => "tuanzhang/v1/status",
            Self::Checkpoint => "tuanzhang/v1/checkpoint",
            Self::Founding => "tuanzhang/v1/founding",
            Self::Genesis => "tuanzhang/v1/genesis",
            Self::Contribution => "tuanzhang/v1/contribution",
            Self::Phrase => "tuanzhang/v1/phrase",
            Self::KeyProof => "tuanzhang/v1/key-proof",
            Self::ValidatorSet => "tuanzhang/v1/validator-set",
            Self::Evidence => "tuanzhang/v1/evidence",
            Self::StateLeaf => "tuanzhang/v1/state-leaf",
            Self::StateNode => "tuanzhang/v1/state-node",
            Self::StateTable => "tuanzhang/v1/state-table",
            Self::State => "tuanzhang/v1/state",
            Self::Filing => "tuanzhang/v1/filing",
            Self::Payment => "tuanzhang/v1/payment",
            Self::GoodsNote => "tuanzhang/v1/goods-note",
            Self::PurchaseOrder => "tuanzhang/v1/purchase-order",
            Self::Tie => "tuanzhang/v1/tie",
            Self::DeliveryCode => "tuanzhang/v1/delivery-code",
            Self::Seal => "tuanzhang/v1/seal",
            Self::Batch => "tuanzhang/v1/batch",
        }
    }

    /// A hasher that has taken the tag and a zero byte.
    #[must_use]
    pub(crate) fn hasher(self) -> Sha256 {
        let mut hasher = Sha256::new();
        hasher.update(self.tag().as_bytes());
        hasher.update([0]);
        hasher
    }

    /// SHA-256 of the tag, a zero byte and the parts, one after the other.
    #[must_use]
    pub fn digest(self, parts: &[&[u8]]) -> Digest {
        let mut hasher = self.hasher();
        for part in parts {
            hasher.update(part);
        }
        Digest(hasher.finalize().into())
    }

    /// The bytes to sign: the tag, a zero byte, the chain, and the message.
    #[must_use]
    pub fn signing_bytes(self, chain: &[u8; 32], message: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.tag().len() + 33 + message.len());
        bytes.extend_from_slice(self.tag().as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(chain);
        bytes.extend_from_slice(message);
        bytes
    }
}

macro_rules! digests {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Encode, Decode)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Wraps a digest.
            #[must_use]
            pub const fn new(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The bytes of the digest.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// The first characters, for people.
            #[must_use]
            pub fn short(&self) -> String {
                hex::encode(&self.0[..6])
            }
        }

        hex_text!($name, 32);
    )*};
}

digests! {
    /// SHA-256 of something that has no type of its own here.
    Digest,
    /// Hash of a header: names a block.
    BlockHash,
    /// Hash of the founding document: names a chain.
    ChainId,
    /// Hash of a chain's name and founding time, which keys are proven for before the chain exists.
    FoundingId,
    /// Hash of an unsigned transaction: what its author and everybody else call it.
    TransactionId,
    /// RFC 6962 leaf hash of an entry as it stands in the log, signature included.
    EntryHash,
}
