//! Numbers of money that came in and went out, and other names that are used once in the life of the chain.
//!
//! They stay on disk and outlive their group buys. Execution reads them through [`Reads`], so that memory does
//! not grow with the length of the chain. A number is free, or recorded by a group buy whose money has not been
//! seen yet, or used for ever (rule G4).

use super::chart::{AccountId, ChannelId};
use crate::{
    codec::{Decode, Encode, encode},
    crypto::{Digest, Domain, TransactionId},
    merkle::{Changes, Overlay},
    refusal::Refusal,
    types::{Fen, GroupBuyId, LogIndex, PaymentNo, TimestampMs},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Money that came in by a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Receipt {
    /// The way it came.
    pub channel: ChannelId,
    /// The number that the channel gave it.
    pub number: PaymentNo,
    /// How much.
    pub amount: Fen,
    /// When, by the channel.
    pub received_at: TimestampMs,
}

impl Receipt {
    /// What is kept of it for ever.
    pub(super) fn record(&self) -> PermanentRecord {
        let Self { channel, amount, received_at: at, .. } = *self;
        let content = Domain::Payment.digest(&[&encode(self)]);
        PermanentRecord::Received { content, channel, amount, at }
    }
}

/// Money that goes out by a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Payout {
    /// The way it goes.
    pub channel: ChannelId,
    /// The number that the channel gave it.
    pub number: PaymentNo,
    /// How much.
    pub amount: Fen,
}

/// What is used once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum PermanentId {
    /// A group buy that has been closed.
    GroupBuy(GroupBuyId),
    /// A number that a channel gave to money that came or went.
    Payment(PaymentNo),
    /// A payout that came back.
    Bounced(PaymentNo),
}

/// What is known about an identifier for ever.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum PermanentRecord {
    /// Hash of the seal of a closed group buy.
    Seal(Digest),
    /// Money that came in.
    Received {
        /// Hash of what was said about it.
        content: Digest,
        /// The way it came.
        channel: ChannelId,
        /// How much.
        amount: Fen,
        /// When, by the channel.
        at: TimestampMs,
    },
    /// Money that was paid out.
    Paid {
        /// Hash of what was said about it.
        content: Digest,
        /// The way it went.
        channel: ChannelId,
        /// The group buy that it was paid from.
        group_buy: Option<GroupBuyId>,
        /// The account that it was paid from.
        account: AccountId,
        /// The account that it belongs to if it comes back after the group buy has closed.
        after_closing: AccountId,
        /// The payment that it gave back, if it was a refund.
        gives_back: Option<PaymentNo>,
        /// How much.
        amount: Fen,
    },
    /// A payout came back, under this number.
    Bounced(PaymentNo),
}

/// What execution may ask of the history on disk, as it was after the parent block.
///
/// Execution cannot stop in the middle: an implementation whose store cannot be read answers with nothing and
/// remembers that, so that whoever executes throws the outcome away.
pub trait Reads {
    /// What is known about an identifier.
    fn permanent(&self, id: &PermanentId) -> Option<PermanentRecord>;
    /// Where a transaction stands in the log.
    fn transaction(&self, id: &TransactionId) -> Option<LogIndex>;
}

/// The numbers as an act or a deadline sees them, and those that it uses up.
pub(super) struct Numbers<'a> {
    reads: &'a dyn Reads,
    /// Used up earlier in the block.
    block: &'a BTreeMap<PermanentId, PermanentRecord>,
    used: BTreeMap<PermanentId, PermanentRecord>,
    /// Recorded by a group buy, and not seen by a custodian yet.
    pub(super) recorded: Overlay<'a, PaymentNo, GroupBuyId>,
}

impl<'a> Numbers<'a> {
    pub(super) fn new(
        reads: &'a dyn Reads,
        block: &'a BTreeMap<PermanentId, PermanentRecord>,
        recorded: Overlay<'a, PaymentNo, GroupBuyId>,
    ) -> Self {
        Self { reads, block, used: BTreeMap::new(), recorded }
    }

    /// What is known about an identifier, this act included.
    pub(super) fn get(&self, id: &PermanentId) -> Option<PermanentRecord> {
        let in_block = || self.block.get(id).cloned();
        self.used.get(id).cloned().or_else(in_block).or_else(|| self.reads.permanent(id))
    }

    /// Whether money moved under a number.
    pub(super) fn is_used(&self, number: PaymentNo) -> bool {
        self.get(&PermanentId::Payment(number)).is_some()
    }

    /// Uses an identifier up that is known to be free.
    pub(super) fn use_up(&mut self, id: PermanentId, record: PermanentRecord) {
        self.used.insert(id, record);
    }

    /// Uses up a number for money that comes in or goes out; the numbers are idempotency keys (G4).
    ///
    /// # Errors
    /// A [`Refusal`] if the number is not free.
    pub(super) fn take(
        &mut self,
        number: PaymentNo,
        record: PermanentRecord,
    ) -> Result<(), Refusal> {
        let id = PermanentId::Payment(number);
        match self.get(&id) {
            Some(known) if known == record => {
                Err(Refusal::PaymentExists { number: number.to_string() })
            }
            Some(_) => Err(Refusal::PaymentNumberUsed { number: number.to_string() }),
            None if self.recorded.contains(&number) => {
                Err(Refusal::PaymentNumberUsed { number: number.to_string() })
            }
            None => {
                self.use_up(id, record);
                Ok(())
            }
        }
    }

    /// The channel that a payment came by.
    ///
    /// # Errors
    /// [`Refusal::PaymentUnknown`] if no money came in under that number.
    pub(super) fn channel_of(&self, payment: &PaymentNo) -> Result<ChannelId, Refusal> {
        match self.get(&PermanentId::Payment(*payment)) {
            Some(PermanentRecord::Received { channel, .. }) => Ok(channel),
            _ => Err(Refusal::PaymentUnknown { number: payment.to_string() }),
        }
    }

    /// What the act uses up, and which numbers it records or frees.
    pub(super) fn into_changes(
        self,
    ) -> (BTreeMap<PermanentId, PermanentRecord>, Changes<PaymentNo, GroupBuyId>) {
        (self.used, self.recorded.into_changes())
    }
}
