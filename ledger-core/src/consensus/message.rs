//! What validators say to each other, and the proof that they said it.
//!
//! [`Signed`] is what travels; [`Verified`] exists only for a signature that was checked or made here,
//! so nothing behind it is checked twice.

use super::validator::ValidatorSet;
use crate::{
    codec::{self, Decode, Encode},
    crypto::{BlockHash, ChainId, Domain, PublicKey, SecretKey, Signature},
    types::{Height, Round, ValidatorIndex},
};
use serde::{Deserialize, Serialize};

/// A validator says which block to decide in this round.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
pub struct Proposal {
    /// The height to decide.
    pub height: Height,
    /// The round it is proposed in.
    pub round: Round,
    /// The block.
    pub block: BlockHash,
    /// The earlier round in which more than two thirds prevoted this block; `None` for a fresh block.
    pub valid_round: Option<Round>,
    /// Who proposes.
    pub proposer: ValidatorIndex,
}

/// Which of the two votes of a round.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum VoteKind {
    /// The block is acceptable.
    Prevote,
    /// More than two thirds find the block acceptable.
    Precommit,
}

/// A validator's prevote or precommit.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
pub struct Vote {
    /// The height to decide.
    pub height: Height,
    /// The round voted in.
    pub round: Round,
    /// Prevote or precommit.
    pub kind: VoteKind,
    /// The block voted for; `None` is nil, for no block in this round.
    pub block: Option<BlockHash>,
    /// Who votes.
    pub validator: ValidatorIndex,
}

/// What a signed message is, in the order in which a validator signs them within a round.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum MessageKind {
    /// A [`Proposal`].
    Proposal,
    /// A [`Vote`] of [`VoteKind::Prevote`].
    Prevote,
    /// A [`Vote`] of [`VoteKind::Precommit`].
    Precommit,
}

/// When a message is signed: an honest validator signs at strictly rising positions.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
pub struct Position {
    /// The height of the message.
    pub height: Height,
    /// The round of the message.
    pub round: Round,
    /// The message's place in the round.
    pub kind: MessageKind,
}

/// Something that a validator signs.
pub trait Statement: Encode + Copy + Eq + std::fmt::Debug {
    /// The tag its signatures are made under.
    const DOMAIN: Domain;

    /// Whose key must sign it.
    fn signer(&self) -> ValidatorIndex;

    /// Its place among what this validator signs.
    fn position(&self) -> Position;
}

impl Statement for Proposal {
    const DOMAIN: Domain = Domain::Proposal;

    fn signer(&self) -> ValidatorIndex {
        self.proposer
    }

    fn position(&self) -> Position {
        Position { height: self.height, round: self.round, kind: MessageKind::Proposal }
    }
}

impl Statement for Vote {
    const DOMAIN: Domain = Domain::Vote;

    fn signer(&self) -> ValidatorIndex {
        self.validator
    }

    fn position(&self) -> Position {
        let kind = match self.kind {
            VoteKind::Prevote => MessageKind::Prevote,
            VoteKind::Precommit => MessageKind::Precommit,
        };
        Position { height: self.height, round: self.round, kind }
    }
}

/// Why a signed message is not believed.
///
/// Blame: the peer that sent it, since honest nodes pass on only what they verified.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum SignatureError {
    /// The message names a validator that the set does not have.
    #[error("validator {0} is not in the set")]
    UnknownValidator(ValidatorIndex),
    /// The signature is not by the key of the validator that the message names.
    #[error("the signature of validator {0} does not verify")]
    BadSignature(ValidatorIndex),
    /// The key to sign with is not the key of the validator that the message names. Blame: the operator.
    #[error("the signing key is not that of validator {0}")]
    NotOurKey(ValidatorIndex),
}

/// A message and the signature that came with it, not yet checked.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
pub struct Signed<T> {
    /// What is said.
    pub message: T,
    /// By whom, provably.
    pub signature: Signature,
}

/// A proposal as it travels.
pub type SignedProposal = Signed<Proposal>;
/// A vote as it travels.
pub type SignedVote = Signed<Vote>;
/// A proposal whose signature is good.
pub type VerifiedProposal = Verified<Proposal>;
/// A vote whose signature is good.
pub type VerifiedVote = Verified<Vote>;

impl<T: Statement> Signed<T> {
    /// Checks the signature against the key that the set has for the signer.
    ///
    /// # Errors
    /// [`SignatureError::UnknownValidator`] or [`SignatureError::BadSignature`].
    pub fn verify(
        self,
        chain: &ChainId,
        set: &ValidatorSet,
    ) -> Result<Verified<T>, SignatureError> {
        let signer = self.message.signer();
        let validator = set.get(signer).ok_or(SignatureError::UnknownValidator(signer))?;
        if self.is_signed_by(&validator.key, chain) {
            Ok(Verified(self))
        } else {
            Err(SignatureError::BadSignature(signer))
        }
    }

    /// Whether `key` made the signature.
    #[must_use]
    pub fn is_signed_by(&self, key: &PublicKey, chain: &ChainId) -> bool {
        let bytes = T::DOMAIN.signing_bytes(chain.as_bytes(), &codec::encode(&self.message));
        key.verify_strict(&bytes, &self.signature)
    }
}

/// A message whose signature was checked against the validator set, or made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified<T>(Signed<T>);

impl<T: Statement> Verified<T> {
    /// Signs a message with the key that the set has for its signer.
    ///
    /// # Errors
    /// [`SignatureError::UnknownValidator`] or [`SignatureError::NotOurKey`].
    pub fn sign(
        message: T,
        key: &SecretKey,
        chain: &ChainId,
        set: &ValidatorSet,
    ) -> Result<Self, SignatureError> {
        let signer = message.signer();
        let validator = set.get(signer).ok_or(SignatureError::UnknownValidator(signer))?;
        if validator.key != key.public_key() {
            return Err(SignatureError::NotOurKey(signer));
        }
        let signature = key.sign(T::DOMAIN, chain, &codec::encode(&message));
        Ok(Self(Signed { message, signature }))
    }

    /// The message with its signature, to send or store.
    #[must_use]
    pub fn signed(&self) -> Signed<T> {
        self.0
    }
}

impl<T> std::ops::Deref for Verified<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0.message
    }
}

/// A consensus message as it travels.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Message {
    /// A proposal.
    Proposal(SignedProposal),
    /// A prevote or precommit.
    Vote(SignedVote),
}

impl Message {
    /// The height it is about.
    #[must_use]
    pub fn height(&self) -> Height {
        self.position().height
    }

    /// Its place among what its signer signs.
    #[must_use]
    pub fn position(&self) -> Position {
        match self {
            Self::Proposal(signed) => signed.message.position(),
            Self::Vote(signed) => signed.message.position(),
        }
    }

    /// Who should have signed it.
    #[must_use]
    pub fn signer(&self) -> ValidatorIndex {
        match self {
            Self::Proposal(signed) => signed.message.signer(),
            Self::Vote(signed) => signed.message.signer(),
        }
    }

    /// Whether `key` made the signature.
    #[must_use]
    pub fn is_signed_by(&self, key: &PublicKey, chain: &ChainId) -> bool {
        match self {
            Self::Proposal(signed) => signed.is_signed_by(key, chain),
            Self::Vote(signed) => signed.is_signed_by(key, chain),
        }
    }

    /// Checks the signature against the key that the set has for the signer.
    ///
    /// # Errors
    /// As [`Signed::verify`].
    pub fn verify(
        self,
        chain: &ChainId,
        set: &ValidatorSet,
    ) -> Result<VerifiedMessage, SignatureError> {
        match self {
            Self::Proposal(signed) => signed.verify(chain, set).map(VerifiedMessage::Proposal),
            Self::Vote(signed) => signed.verify(chain, set).map(VerifiedMessage::Vote),
        }
    }
}

/// A consensus message whose signature is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifiedMessage {
    /// A proposal.
    Proposal(VerifiedProposal),
    /// A prevote or precommit.
    Vote(VerifiedVote),
}

impl VerifiedMessage {
    /// The message as it travels.
    #[must_use]
    pub fn message(&self) -> Message {
        match self {
            Self::Proposal(verified) => Message::Proposal(verified.signed()),
            Self::Vote(verified) => Message::Vote(verified.signed()),
        }
    }
}

/// A message that the state machine wants signed by this validator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsigned {
    /// A proposal.
    Proposal(Proposal),
    /// A prevote or precommit.
    Vote(Vote),
}

impl Unsigned {
    /// Its place among what this validator signs.
    #[must_use]
    pub fn position(&self) -> Position {
        match self {
            Self::Proposal(proposal) => proposal.position(),
            Self::Vote(vote) => vote.position(),
        }
    }

    /// Signs it.
    ///
    /// # Errors
    /// As [`Verified::sign`].
    pub fn sign(
        self,
        key: &SecretKey,
        chain: &ChainId,
        set: &ValidatorSet,
    ) -> Result<VerifiedMessage, SignatureError> {
        match self {
            Self::Proposal(proposal) => {
                Verified::sign(proposal, key, chain, set).map(VerifiedMessage::Proposal)
            }
            Self::Vote(vote) => Verified::sign(vote, key, chain, set).map(VerifiedMessage::Vote),
        }
    }
}
