//! Who votes, with what weight, and whose turn it is to propose.

use crate::{
    codec::{self, BorrowDecode, Decode, Encode, List},
    crypto::{Digest, Domain, PublicKey, Signature},
    types::{Height, MemberId, Round, ValidatorIndex, VotingPower},
};
use bincode::{
    de::{BorrowDecoder, Decoder},
    enc::Encoder,
    error::{DecodeError, EncodeError},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, sync::Arc};

/// Most validators of a chain: every vote goes from each to each, and a certificate names them in 32 bits.
pub const VALIDATORS_MAX: usize = 31;

/// Most power of one validator, so that the rota of proposers stays short.
pub const VOTING_POWER_MAX: VotingPower = VotingPower::new(1000);

/// A signature and the validator whose key made it.
pub type ValidatorSignature = (ValidatorIndex, Signature);

/// An organisation's vote in consensus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Validator {
    /// Who it is in the registry.
    pub member: MemberId,
    /// The key that signs proposals and votes.
    pub key: PublicKey,
    /// Its weight, from 1 to [`VOTING_POWER_MAX`].
    pub power: VotingPower,
}

/// Why validators do not make a set.
///
/// Blame: whoever proposed the change of validators, or the author of the founding document.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum ValidatorSetError {
    /// There is nobody to vote.
    #[error("a validator set without validators")]
    Empty,
    /// More validators than [`VALIDATORS_MAX`].
    #[error("{count} validators exceed the limit of {VALIDATORS_MAX}")]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// A validator's power is 0 or above [`VOTING_POWER_MAX`].
    #[error("member {member} has voting power {power}, not 1 to {VOTING_POWER_MAX}")]
    PowerOutOfRange {
        /// The validator.
        member: MemberId,
        /// Its power.
        power: VotingPower,
    },
    /// Two validators share a key, so their votes could not be told apart.
    #[error("member {member} has key {key}, which is already in the set")]
    KeyTwice {
        /// The second validator with this key.
        member: MemberId,
        /// The key.
        key: PublicKey,
    },
}

/// The validators of one height, in a fixed order; their positions are [`ValidatorIndex`]es.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Vec<Validator>", into = "Vec<Validator>")]
pub struct ValidatorSet {
    validators: List<Validator, VALIDATORS_MAX>,
    total: VotingPower,
    /// Proposers in turn, one period long; derived from `validators`.
    rota: Arc<[u8]>,
}

impl ValidatorSet {
    /// Takes the validators in this order.
    ///
    /// # Errors
    /// [`ValidatorSetError`], in the order of its variants.
    pub fn new(validators: Vec<Validator>) -> Result<Self, ValidatorSetError> {
        if validators.is_empty() {
            return Err(ValidatorSetError::Empty);
        }
        let validators = List::new(validators)
            .map_err(|list| ValidatorSetError::TooMany { count: list.len() })?;
        let mut keys = BTreeSet::new();
        for &Validator { member, key, power } in &validators {
            if power == VotingPower::ZERO || power > VOTING_POWER_MAX {
                return Err(ValidatorSetError::PowerOutOfRange { member, power });
            }
            if !keys.insert(key) {
                return Err(ValidatorSetError::KeyTwice { member, key });
            }
        }
        let total = VotingPower::new(validators.iter().map(|v| v.power.get()).sum());
        let rota = rota(&validators).into();
        Ok(Self { validators, total, rota })
    }

    /// The validators in order of their index.
    #[must_use]
    pub fn validators(&self) -> &[Validator] {
        &self.validators
    }

    /// The validator at `index`, if there is one.
    #[must_use]
    pub fn get(&self, index: ValidatorIndex) -> Option<&Validator> {
        self.validators.get(usize::from(index.get()))
    }

    /// Every index of the set, ascending.
    pub fn indices(&self) -> impl Iterator<Item = ValidatorIndex> + use<> {
        (0..self.validators.len() as u16).map(ValidatorIndex::new)
    }

    /// Where the validator with this key stands.
    #[must_use]
    pub fn index_of_key(&self, key: &PublicKey) -> Option<ValidatorIndex> {
        self.indices().find(|index| self.get(*index).is_some_and(|v| v.key == *key))
    }

    /// The power of the validator at `index`; none if there is no such validator.
    #[must_use]
    pub fn power(&self, index: ValidatorIndex) -> VotingPower {
        self.get(index).map_or(VotingPower::ZERO, |validator| validator.power)
    }

    /// The power of several validators, each to be named once.
    #[must_use]
    pub fn power_of(&self, indices: impl IntoIterator<Item = ValidatorIndex>) -> VotingPower {
        VotingPower::new(indices.into_iter().map(|index| self.power(index).get()).sum())
    }

    /// The power of all validators together.
    #[must_use]
    pub fn total_power(&self) -> VotingPower {
        self.total
    }

    /// Whether `power` is more than two thirds: any two quorums share an honest validator.
    #[must_use]
    pub fn is_quorum(&self, power: VotingPower) -> bool {
        3 * power.get() > 2 * self.total.get()
    }

    /// Whether `power` is more than one third: at least one honest validator is among them.
    #[must_use]
    pub fn exceeds_f(&self, power: VotingPower) -> bool {
        3 * power.get() > self.total.get()
    }

    /// What names this set in a header.
    #[must_use]
    pub fn hash(&self) -> Digest {
        Domain::ValidatorSet.digest(&[&codec::encode(self)])
    }

    /// Who may propose in `round` of `height`.
    ///
    /// Turns are in proportion to power and spread evenly. The next round has the proposer that the
    /// next height would have, so the rounds of one height reach every validator.
    #[must_use]
    pub fn proposer(&self, height: Height, round: Round) -> ValidatorIndex {
        let period = self.rota.len() as u64;
        let turn = (height.get() % period + u64::from(round.get()) % period) % period;
        let proposer = usize::try_from(turn).ok().and_then(|turn| self.rota.get(turn));
        ValidatorIndex::new(u16::from(*proposer.expect("a turn is less than the period")))
    }
}

/// One period of smooth weighted round robin: in every turn each validator gains its power, and the
/// richest one pays the total and proposes. All are back at zero after `total` turns.
fn rota(validators: &[Validator]) -> Vec<u8> {
    let divisor = validators.iter().fold(0, |divisor, v| gcd(divisor, v.power.get()));
    let powers: Vec<i64> =
        validators.iter().map(|v| i64::try_from(v.power.get() / divisor).unwrap_or(1)).collect();
    let total: i64 = powers.iter().sum();
    let mut credits = vec![0i64; powers.len()];
    (0..total)
        .map(|_| {
            let mut richest = 0;
            for (index, power) in powers.iter().enumerate() {
                credits[index] += power;
                if credits[index] > credits[richest] {
                    richest = index;
                }
            }
            credits[richest] -= total;
            richest as u8
        })
        .collect()
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl PartialEq for ValidatorSet {
    fn eq(&self, other: &Self) -> bool {
        self.validators == other.validators
    }
}

impl Eq for ValidatorSet {}

impl TryFrom<Vec<Validator>> for ValidatorSet {
    type Error = ValidatorSetError;
    fn try_from(validators: Vec<Validator>) -> Result<Self, ValidatorSetError> {
        Self::new(validators)
    }
}

impl From<ValidatorSet> for Vec<Validator> {
    fn from(set: ValidatorSet) -> Self {
        set.validators.into_vec()
    }
}

impl Encode for ValidatorSet {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.validators.encode(encoder)
    }
}

impl<C> Decode<C> for ValidatorSet {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let validators = List::<Validator, VALIDATORS_MAX>::decode(decoder)?;
        Self::new(validators.into_vec())
            .map_err(|error| DecodeError::OtherString(error.to_string()))
    }
}

impl<'de, C> BorrowDecode<'de, C> for ValidatorSet {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(
        decoder: &mut D,
    ) -> Result<Self, DecodeError> {
        Self::decode(decoder)
    }
}
