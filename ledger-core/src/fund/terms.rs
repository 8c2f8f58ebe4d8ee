//! What the members agreed on: channels, windows, thresholds, by epoch.
//!
//! A record stands under the terms of the epoch that it was made in, so that no later agreement moves its
//! deadlines. Never of an epoch, always of today: who holds a channel, and how much may be moved at once.

use super::chart::ChannelId;
use crate::{
    codec::{Decode, Encode, List, encode},
    crypto::{Digest, Domain},
    merkle::record_by_encoding,
    refusal::Refusal,
    types::{Code, DurationMs, Fen, MemberId},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A way in which money arrives and leaves, and who keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Channel {
    /// Its name, for example `wechat`, `alipay`, `bank`, `cash`.
    pub name: Code<16>,
    /// The organisation that holds the money and says what happened.
    pub custodian: MemberId,
}

/// Durations and thresholds that the members agreed on.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Policy {
    /// The ways of paying.
    pub channels: List<Channel, 16>,
    /// From goods received to automatic delivery.
    pub auto_delivery_after: DurationMs,
    /// How long one signature on a goods note waits for the other.
    pub goods_note_wait: DurationMs,
    /// From the end of a group buy until what could not be paid out becomes unclaimed.
    pub unclaimed_after: DurationMs,
    /// How long a proposal waits for its approval.
    pub proposal_lapses_after: DurationMs,
    /// The longest life of a transaction.
    pub transaction_life_max: DurationMs,
    /// A block is made after this time even if nothing happens.
    pub heartbeat: DurationMs,
    /// How far a fresh block's time may lie ahead of a validator's clock.
    pub block_time_ahead_max: DurationMs,
    /// How far behind, in round 0.
    pub block_time_behind_max: DurationMs,
    /// Largest amount of one payment.
    pub payment_max: Fen,
}

record_by_encoding!(Policy);

impl Policy {
    /// A channel that exists.
    pub(super) fn channel(&self, id: ChannelId) -> Result<&Channel, Refusal> {
        self.channels.get(usize::from(id)).ok_or(Refusal::UnknownChannel { channel: id })
    }

    /// The organisation that holds the money of a channel.
    pub(super) fn custodian(&self, id: ChannelId) -> Result<MemberId, Refusal> {
        self.channel(id).map(|channel| channel.custodian)
    }

    pub(super) fn require_custodian(&self, id: ChannelId, author: MemberId) -> Result<(), Refusal> {
        let custodian = self.custodian(id)?;
        if author == custodian { Ok(()) } else { Err(Refusal::NotTheCustodian { custodian }) }
    }

    /// An amount that may be moved at once.
    pub(super) fn require_amount(&self, amount: Fen) -> Result<(), Refusal> {
        if amount == Fen::ZERO {
            Err(Refusal::ZeroAmount {})
        } else if amount > self.payment_max {
            Err(Refusal::AmountTooLarge {})
        } else {
            Ok(())
        }
    }
}

/// Number of a set of terms; the first, of the founding document, is 0.
pub type Epoch = u16;

/// All terms that ever held, and so those of today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    before: Vec<Arc<Policy>>,
    today: Arc<Policy>,
}

impl Terms {
    /// The terms of the founding document.
    #[must_use]
    pub fn founded(policy: Policy) -> Self {
        Self { before: Vec::new(), today: Arc::new(policy) }
    }

    /// The terms that hold now.
    #[must_use]
    pub fn today(&self) -> &Policy {
        &self.today
    }

    /// Their number.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        Epoch::try_from(self.before.len()).unwrap_or(Epoch::MAX)
    }

    /// The terms of an epoch. A number that never was is in a damaged store only, whose root tells.
    #[must_use]
    pub fn of(&self, epoch: Epoch) -> &Policy {
        self.before.get(usize::from(epoch)).unwrap_or(&self.today)
    }

    /// What the state says of them: H(state-leaf, list of the terms of each epoch).
    pub(crate) fn digest(&self) -> Digest {
        let all = self.before.iter().chain([&self.today]);
        let mut bytes = encode(&(all.clone().count() as u64));
        all.for_each(|policy| bytes.extend(encode(&**policy)));
        Domain::StateLeaf.digest(&[&bytes])
    }
}

#[cfg(test)]
impl Terms {
    /// The members have agreed on something else.
    pub(super) fn then(mut self, policy: Policy) -> Self {
        self.before.push(std::mem::replace(&mut self.today, Arc::new(policy)));
        self
    }
}
