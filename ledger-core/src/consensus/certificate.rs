//! The proof that a block was decided.

use super::{
    message::{SignatureError, Signed, Vote, VoteKind},
    validator::{VALIDATORS_MAX, ValidatorSet, ValidatorSignature},
};
use crate::{
    codec::{Always, Decode, Encode, List},
    crypto::{BlockHash, ChainId},
    types::{Height, Round, ValidatorIndex, VotingPower},
};
use serde::{Deserialize, Serialize};

/// Precommits of more than two thirds of the voting power for one block in one round.
///
/// Two certificates for one block may hold different signatures; compare block hashes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct QuorumCertificate {
    /// Of which kind the certificate is: 1, the precommits of one round, is the only one.
    #[serde(skip)]
    pub kind: Always<1>,
    /// The height decided.
    pub height: Height,
    /// The round of the precommits.
    pub round: Round,
    /// The block decided.
    pub block: BlockHash,
    /// Who precommitted, in strictly ascending order.
    pub signatures: List<ValidatorSignature, VALIDATORS_MAX>,
}

/// Why a certificate proves nothing.
///
/// Blame: whoever presents it.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum CertificateError {
    /// A validator stands twice or out of order.
    #[error("validator {0} is out of order")]
    NotAscending(ValidatorIndex),
    /// A validator is unknown, or its signature is wrong; one such signature spoils the certificate.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The signatures are good but too few.
    #[error("signed by voting power {power} of {total}, which is no quorum")]
    NoQuorum {
        /// Power of those who signed.
        power: VotingPower,
        /// Power of all.
        total: VotingPower,
    },
}

impl QuorumCertificate {
    /// Checks the order, every signature, and that the signers are a quorum of `set`.
    ///
    /// # Errors
    /// [`CertificateError`] for the first validator, in order, that is at fault.
    pub fn verify(&self, chain: &ChainId, set: &ValidatorSet) -> Result<(), CertificateError> {
        let kind = VoteKind::Precommit;
        verify_votes(&self.signatures, chain, set, |validator| Vote {
            height: self.height,
            round: self.round,
            kind,
            block: Some(self.block),
            validator,
        })
    }
}

/// Checks that a quorum of `set`, in ascending order, signed `vote`, and that nobody else stands there.
pub(super) fn verify_votes(
    signatures: &[ValidatorSignature],
    chain: &ChainId,
    set: &ValidatorSet,
    vote: impl Fn(ValidatorIndex) -> Vote,
) -> Result<(), CertificateError> {
    let mut previous = None;
    for &(validator, signature) in signatures {
        if previous.replace(validator) >= Some(validator) {
            return Err(CertificateError::NotAscending(validator));
        }
        Signed { message: vote(validator), signature }.verify(chain, set)?;
    }
    let power = set.power_of(signatures.iter().map(|(validator, _)| *validator));
    if set.is_quorum(power) {
        Ok(())
    } else {
        Err(CertificateError::NoQuorum { power, total: set.total_power() })
    }
}
