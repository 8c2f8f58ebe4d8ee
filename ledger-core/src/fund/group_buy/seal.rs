//! What remains of a closed group buy (rule G40).

use super::stage::Phase;
use crate::{
    codec::{Decode, Encode, encode},
    crypto::{Digest, Domain},
    types::{Fen, GroupBuyId, HouseholdTag},
};
use serde::{Deserialize, Serialize};

/// What remains of a closed group buy.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Seal {
    /// Which group buy.
    pub group_buy: GroupBuyId,
    /// How it ended.
    pub phase: Phase,
    /// Hash of its filing.
    pub filing: Digest,
    /// What all households paid, got back and spent.
    pub totals: HouseholdTotals,
    /// Root of the Merkle-sum tree over the households, in order of entry.
    pub households: Digest,
}

/// Sums of one household, or of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode, Serialize, Deserialize)]
pub struct HouseholdTotals {
    /// Confirmed payments.
    pub paid: Fen,
    /// Owed back (and paid back, or unclaimed).
    pub refunded: Fen,
}

impl HouseholdTotals {
    fn plus(self, other: Self) -> Self {
        Self {
            paid: self.paid.saturating_add(other.paid),
            refunded: self.refunded.saturating_add(other.refunded),
        }
    }
}

impl Seal {
    /// The hash that the state keeps for ever.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Domain::Seal.digest(&[&encode(self)])
    }
}

/// Root of a binary Merkle tree whose nodes carry the sums below them; an odd node moves up.
pub(in crate::fund) fn sum_root(
    mut level: Vec<(Digest, HouseholdTotals)>,
) -> (Digest, HouseholdTotals) {
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => {
                    let hash = Domain::Seal.digest(&[&encode(&(*left, *right))]);
                    (hash, left.1.plus(right.1))
                }
                odd => odd[0],
            })
            .collect();
    }
    level.first().copied().unwrap_or_default()
}

/// The leaf of a household in the tree of a seal, for proving one's own line.
#[must_use]
pub fn seal_leaf(tag: &HouseholdTag, totals: &HouseholdTotals) -> Digest {
    Domain::Seal.digest(&[&encode(&(*tag, *totals))])
}
