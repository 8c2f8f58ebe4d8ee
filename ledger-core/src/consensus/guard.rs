//! What a validator must not forget, and the order that keeps it: first the disk, then the network.
//!
//! ```text
//! Effects.sign: ToSign ──sign()──▶ ToPersist ──record() to disk, fdatasync──▶ persisted() ──▶ messages
//! ```

use super::{
    certificate::{CertificateError, verify_votes},
    message::{
        Message, Position, SignatureError, Signed, Unsigned, VerifiedMessage, Vote, VoteKind,
    },
    validator::{VALIDATORS_MAX, ValidatorSet, ValidatorSignature},
};
use crate::{
    codec::{Decode, Encode, List},
    crypto::{BlockHash, ChainId, SecretKey},
    types::Round,
};

/// The layout of [`GuardRecord`] that this version writes and reads.
pub const GUARD_VERSION: u16 = 1;

/// No record is longer: a polka of 31 signatures takes 2,098 bytes and the rest less than 250.
pub const GUARD_BYTES_MAX: usize = 3000;

/// Prevotes of more than two thirds for a block. The guard keeps them because, after a power failure of
/// every node, they may be nowhere else, and a block locked without them could never be proposed again.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Polka {
    /// The round of the prevotes.
    pub round: Round,
    /// The block prevoted.
    pub block: BlockHash,
    /// Who prevoted it, in strictly ascending order.
    pub signatures: List<ValidatorSignature, VALIDATORS_MAX>,
}

/// What outlives a crash: the last signed message, and what it promised.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct GuardRecord {
    /// [`GUARD_VERSION`].
    pub version: u16,
    /// The chain that the votes are for.
    pub chain: ChainId,
    /// The last message signed, exactly; height, round and step follow from it.
    pub last: Message,
    /// The round and block that this validator is locked on.
    pub locked: Option<(Round, BlockHash)>,
    /// The most recent block that it may propose again, with the proof.
    pub valid: Option<Polka>,
}

/// Why a guard record cannot be used.
///
/// Blame: the operator, or the disk. The validator must not sign until a person has decided.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum GuardError {
    /// Written by another version of the program.
    #[error("guard record has version {found}, not {GUARD_VERSION}")]
    UnknownVersion {
        /// What the record says.
        found: u16,
    },
    /// The record belongs to another chain.
    #[error("guard record is for chain {found}, not {expected}")]
    OtherChain {
        /// The chain of the record.
        found: ChainId,
        /// The chain of this node.
        expected: ChainId,
    },
    /// The last message is by another validator, or its signature is wrong.
    #[error("the last message of the guard record is not ours")]
    LastNotOurs(#[source] SignatureError),
    /// The prevotes for the valid block do not prove it.
    #[error("the prevotes of the guard record prove nothing")]
    BadPolka(#[source] CertificateError),
}

impl GuardRecord {
    /// When the last message was signed.
    #[must_use]
    pub fn position(&self) -> Position {
        self.last.position()
    }

    /// The prevotes of the polka, checked.
    pub(super) fn verified_polka(
        &self,
        chain: &ChainId,
        set: &ValidatorSet,
    ) -> Result<Vec<super::VerifiedVote>, CertificateError> {
        let Some(polka) = &self.valid else { return Ok(Vec::new()) };
        let vote = |validator| Vote {
            height: self.last.height(),
            round: polka.round,
            kind: VoteKind::Prevote,
            block: Some(polka.block),
            validator,
        };
        verify_votes(&polka.signatures, chain, set, vote)?;
        let signed = |&(validator, signature): &ValidatorSignature| {
            Signed { message: vote(validator), signature }.verify(chain, set)
        };
        Ok(polka.signatures.iter().map(signed).collect::<Result<_, _>>()?)
    }
}

/// Messages that the state machine wants signed, and what must be durable before they are sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ToSign {
    pub(super) messages: Vec<Unsigned>,
    pub(super) locked: Option<(Round, BlockHash)>,
    pub(super) valid: Option<Polka>,
}

impl ToSign {
    /// The messages, in the order they are signed.
    #[must_use]
    pub fn messages(&self) -> &[Unsigned] {
        &self.messages
    }

    /// The block that the guard record will name valid; its body must be durable first.
    #[must_use]
    pub fn valid_block(&self) -> Option<BlockHash> {
        self.valid.as_ref().map(|polka| polka.block)
    }

    /// Signs the messages. They stay inside until the record is durable.
    ///
    /// # Errors
    /// [`SignatureError::NotOurKey`] if `key` is not this validator's.
    ///
    /// # Panics
    /// Never: the state machine hands out this value only with a message in it.
    pub fn sign(
        self,
        key: &SecretKey,
        chain: &ChainId,
        set: &ValidatorSet,
    ) -> Result<ToPersist, SignatureError> {
        let messages = self
            .messages
            .into_iter()
            .map(|message| message.sign(key, chain, set))
            .collect::<Result<Vec<_>, _>>()?;
        let last = messages.last().expect("there is a message to sign").message();
        let (locked, valid) = (self.locked, self.valid);
        let record = GuardRecord { version: GUARD_VERSION, chain: *chain, last, locked, valid };
        Ok(ToPersist { record, messages })
    }
}

/// Signed messages that nobody may see yet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct ToPersist {
    record: GuardRecord,
    messages: Vec<VerifiedMessage>,
}

impl ToPersist {
    /// The record to make durable now.
    #[must_use]
    pub fn record(&self) -> &GuardRecord {
        &self.record
    }

    /// The messages, once [`record`](Self::record) is durable: send them to every validator, and feed
    /// them to [`step`](super::step), where only now they count.
    #[must_use]
    pub fn persisted(self) -> Vec<VerifiedMessage> {
        self.messages
    }
}
