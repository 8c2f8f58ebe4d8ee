//! Records of payments.

use crate::{
    codec::{Decode, Encode, List, encode},
    crypto::{Digest, Domain},
    fund::chart::ChannelId,
    merkle::record_by_encoding,
    refusal::Refusal,
    types::{Fen, HouseholdTag, PaymentNo, TimestampMs},
};
use serde::{Deserialize, Serialize};

/// Most households that one payment is for.
pub const SHARES_MAX: usize = 200;

/// A household's part of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Share {
    /// The household.
    pub household: HouseholdTag,
    /// How much of the payment is for it.
    pub amount: Fen,
}

/// What a leader or a custodian says about a payment.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct PaymentRecord {
    /// The number that the channel gave it.
    pub number: PaymentNo,
    /// The way it came.
    pub channel: ChannelId,
    /// When it was made, by the channel.
    pub paid_at: TimestampMs,
    /// For whom.
    pub shares: List<Share, SHARES_MAX>,
}

impl PaymentRecord {
    /// The whole payment, if it fits.
    #[must_use]
    pub fn amount(&self) -> Option<Fen> {
        Fen::sum(self.shares.iter().map(|share| share.amount))
    }

    /// The hash that a confirmation names.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Domain::Payment.digest(&[&encode(self)])
    }
}

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PaymentState {
    /// The leader said so.
    Recorded,
    /// The custodian has the money, and it counts.
    Confirmed,
    /// The custodian has the money, but it came too late to count.
    Late,
}

/// A payment in the books.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Payment {
    /// What was said about it; the amounts shrink as they are given back.
    pub record: PaymentRecord,
    /// Hash of the record as it was entered.
    pub entered: Digest,
    /// Where it stands.
    pub state: PaymentState,
}

record_by_encoding!(Payment);

impl Payment {
    /// Gives back to a household out of what is left of its part.
    ///
    /// # Errors
    /// [`Refusal::PaymentShareExceeded`] if less than that is left.
    pub(in crate::fund) fn take(
        &mut self,
        household: &HouseholdTag,
        amount: Fen,
    ) -> Result<(), Refusal> {
        let mut shares = std::mem::take(&mut self.record.shares).into_vec();
        let own = |share: &&mut Share| share.household == *household;
        let left = Fen::sum(shares.iter_mut().filter(own).map(|share| share.amount));
        let left = left.unwrap_or_default();
        if amount > left {
            let number = self.record.number.to_string();
            return Err(Refusal::PaymentShareExceeded { number, left });
        }
        let mut wanted = amount;
        for share in shares.iter_mut().filter(own) {
            let taken = share.amount.min(wanted);
            share.amount = share.amount.saturating_sub(taken);
            wanted = wanted.saturating_sub(taken);
        }
        self.record.shares = List::new(shares).unwrap_or_default();
        Ok(())
    }

    /// What was given back to a household came back.
    pub(in crate::fund) fn put_back(&mut self, household: &HouseholdTag, amount: Fen) {
        let mut shares = std::mem::take(&mut self.record.shares).into_vec();
        if let Some(share) = shares.iter_mut().find(|share| share.household == *household) {
            share.amount = share.amount.saturating_add(amount);
        }
        self.record.shares = List::new(shares).unwrap_or_default();
    }
}
