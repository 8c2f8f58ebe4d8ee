//! Identifiers that are used once in the life of the chain.
//!
//! They stay on disk. Execution reads them through [`Reads`], so that memory does not grow with the
//! length of the chain.

use super::{account::AccountId, member::ChannelId};
use crate::{
    codec::{Decode, Encode},
    crypto::{Digest, TransactionId},
    types::{Fen, GroupBuyId, LogIndex, PaymentNo, TimestampMs},
};

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
