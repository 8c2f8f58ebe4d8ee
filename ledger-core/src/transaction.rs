//! What a member says, signed.

use crate::{
    block::EntryBytes,
    codec::{Decode, DecodeError, Encode, decode_within, encode},
    crypto::{
        BatchItem, ChainId, Domain, EntryHash, PublicKey, SecretKey, Signature, TransactionId,
    },
    fund::Action,
    merkle::entry_hash,
    types::{MemberId, TimestampMs},
};
use serde::{Deserialize, Serialize};
use std::{ops::Deref, sync::Arc};

/// The transaction layout that this code writes and reads.
pub const TRANSACTION_VERSION: u16 = 1;

/// Longest signed transaction: a leader's batch of 1,000 order lines fits.
pub const TRANSACTION_BYTES_MAX: usize = 128 * 1024;

/// An unsigned transaction: one action of one member on one chain.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Transaction {
    /// [`TRANSACTION_VERSION`].
    pub version: u16,
    /// The chain that it is for.
    pub chain: ChainId,
    /// Who says it.
    pub author: MemberId,
    /// From this block time on it cannot enter the ledger.
    pub expires: TimestampMs,
    /// Tells apart transactions that otherwise say the same.
    pub nonce: u64,
    /// What it does.
    pub action: Action,
}

/// A transaction and its author's signature, as they stand in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct SignedTransaction {
    /// What is said.
    pub transaction: Transaction,
    /// The author's signature over the id.
    pub signature: Signature,
}

impl Transaction {
    /// The id: hash of the canonical bytes.
    #[must_use]
    pub fn id(&self) -> TransactionId {
        transaction_id(&encode(self))
    }

    /// Signs the transaction.
    #[must_use]
    pub fn sign(self, key: &SecretKey) -> ReceivedTransaction {
        let body = encode(&self);
        let id = transaction_id(&body);
        let signature = key.sign(Domain::TransactionSignature, &self.chain, id.as_bytes());
        let signed = SignedTransaction { transaction: self, signature };
        let bytes = [body, encode(&signature)].concat();
        ReceivedTransaction::assemble(signed, EntryBytes::of_transaction(&bytes))
    }
}

fn transaction_id(body: &[u8]) -> TransactionId {
    TransactionId::new(*Domain::Transaction.digest(&[body]).as_bytes())
}

/// A transaction in canonical form, with its bytes and names; its signature has not been checked.
///
/// The bytes are kept as they came: they are what is hashed, passed on and stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedTransaction(Arc<Received>);

#[derive(Debug, PartialEq, Eq)]
struct Received {
    signed: SignedTransaction,
    bytes: EntryBytes,
    id: TransactionId,
    entry: EntryHash,
}

impl ReceivedTransaction {
    /// Reads signed bytes.
    ///
    /// # Errors
    /// [`DecodeError`] if they are too long or not canonical.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let signed: SignedTransaction = decode_within(bytes, TRANSACTION_BYTES_MAX)?;
        Ok(Self::assemble(signed, EntryBytes::of_transaction(bytes)))
    }

    /// Reads the bytes of an entry; `None` if it is no transaction.
    ///
    /// # Errors
    /// As [`Self::decode`].
    pub fn of_entry(bytes: &EntryBytes) -> Option<Result<Self, DecodeError>> {
        let signed = bytes.signed_transaction()?;
        let read = decode_within::<SignedTransaction>(signed, TRANSACTION_BYTES_MAX);
        Some(read.map(|signed| Self::assemble(signed, bytes.clone())))
    }

    fn assemble(signed: SignedTransaction, bytes: EntryBytes) -> Self {
        let whole = bytes.signed_transaction().unwrap_or_default();
        let body = &whole[..whole.len() - Signature::ENCODED_BYTES];
        let id = transaction_id(body);
        let entry = entry_hash(bytes.as_bytes());
        Self(Arc::new(Received { signed, bytes, id, entry }))
    }

    /// What is said.
    #[must_use]
    pub fn transaction(&self) -> &Transaction {
        &self.0.signed.transaction
    }

    /// What is said, and the signature.
    #[must_use]
    pub fn signed(&self) -> &SignedTransaction {
        &self.0.signed
    }

    /// The signed bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes.signed_transaction().unwrap_or_default()
    }

    /// The bytes of the log entry ([`Entry::Transaction`](crate::block::Entry)) that it is.
    #[must_use]
    pub fn entry_bytes(&self) -> &EntryBytes {
        &self.0.bytes
    }

    /// The id: hash of the unsigned body.
    #[must_use]
    pub fn id(&self) -> TransactionId {
        self.0.id
    }

    /// The leaf hash in the log: covers the signature, so it names these very bytes.
    #[must_use]
    pub fn entry(&self) -> EntryHash {
        self.0.entry
    }

    /// What a batch verification needs, under the key that the registry has for the author.
    #[must_use]
    pub fn batch_item(&self, key: PublicKey) -> BatchItem {
        let chain = &self.transaction().chain;
        BatchItem {
            key,
            message: Domain::TransactionSignature
                .signing_bytes(chain.as_bytes(), self.id().as_bytes()),
            signature: self.0.signed.signature,
        }
    }

    /// Checks the signature alone.
    #[must_use]
    pub fn verify(self, key: &PublicKey) -> Option<VerifiedTransaction> {
        let item = self.batch_item(*key);
        key.verify_zip215(&item.message, &item.signature).then_some(VerifiedTransaction(self))
    }

    /// Takes the answer of a batch verification of [`Self::batch_item`].
    #[must_use]
    pub fn verified_in_batch(self, valid: bool) -> Option<VerifiedTransaction> {
        valid.then_some(VerifiedTransaction(self))
    }
}

/// A transaction whose signature matches its author's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedTransaction(ReceivedTransaction);

impl Deref for VerifiedTransaction {
    type Target = ReceivedTransaction;
    fn deref(&self) -> &ReceivedTransaction {
        &self.0
    }
}
