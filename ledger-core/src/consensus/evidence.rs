//! Equivocation: one validator, one position, two messages.

use super::{
    message::{MessageKind, SignatureError, SignedProposal, SignedVote, Statement as _},
    validator::ValidatorSet,
};
use crate::{
    codec::{Decode, Encode},
    crypto::ChainId,
    types::{Height, Round, ValidatorIndex},
};
use serde::{Deserialize, Serialize};

/// Two messages that an honest validator never signs both. The lesser one comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Evidence {
    /// Two votes of one kind in one round.
    Votes(SignedVote, SignedVote),
    /// Two proposals in one round.
    Proposals(SignedProposal, SignedProposal),
}

/// What an equivocation is about; one piece of evidence for each key is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct EvidenceKey {
    /// Who equivocated.
    pub validator: ValidatorIndex,
    /// At which height.
    pub height: Height,
    /// In which round.
    pub round: Round,
    /// With which kind of message.
    pub kind: MessageKind,
}

/// Why a pair of messages convicts nobody.
///
/// Blame: whoever presents it.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum EvidenceError {
    /// The messages are about different positions or by different validators.
    #[error("the messages are not for one position of one validator")]
    Unrelated,
    /// The messages agree, or the greater one comes first.
    #[error("the messages do not differ in ascending order")]
    NotAscending,
    /// A signature is wrong.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

impl Evidence {
    /// The pair of votes in canonical order.
    #[must_use]
    pub fn votes(a: SignedVote, b: SignedVote) -> Self {
        Self::Votes(a.min(b), a.max(b))
    }

    /// The pair of proposals in canonical order.
    #[must_use]
    pub fn proposals(a: SignedProposal, b: SignedProposal) -> Self {
        Self::Proposals(a.min(b), a.max(b))
    }

    /// Whose fault it is, if the evidence verifies.
    #[must_use]
    pub fn offender(&self) -> ValidatorIndex {
        match self {
            Self::Votes(first, _) => first.message.validator,
            Self::Proposals(first, _) => first.message.proposer,
        }
    }

    /// What the equivocation is about.
    #[must_use]
    pub fn key(&self) -> EvidenceKey {
        let position = match self {
            Self::Votes(first, _) => first.message.position(),
            Self::Proposals(first, _) => first.message.position(),
        };
        EvidenceKey {
            validator: self.offender(),
            height: position.height,
            round: position.round,
            kind: position.kind,
        }
    }

    /// Checks that one validator of `set` signed both messages and that they conflict.
    ///
    /// # Errors
    /// [`EvidenceError`], in the order of its variants.
    pub fn verify(&self, chain: &ChainId, set: &ValidatorSet) -> Result<(), EvidenceError> {
        match *self {
            Self::Votes(a, b) => {
                check_pair(
                    (a.message.validator, a.message.position())
                        == (b.message.validator, b.message.position()),
                    a.message < b.message,
                )?;
                a.verify(chain, set)?;
                b.verify(chain, set)?;
            }
            Self::Proposals(a, b) => {
                check_pair(
                    (a.message.proposer, a.message.position())
                        == (b.message.proposer, b.message.position()),
                    a.message < b.message,
                )?;
                a.verify(chain, set)?;
                b.verify(chain, set)?;
            }
        }
        Ok(())
    }
}

fn check_pair(related: bool, ascending: bool) -> Result<(), EvidenceError> {
    if !related {
        Err(EvidenceError::Unrelated)
    } else if !ascending {
        Err(EvidenceError::NotAscending)
    } else {
        Ok(())
    }
}
