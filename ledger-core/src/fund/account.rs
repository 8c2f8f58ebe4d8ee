//! The chart of accounts (rule G10).

use super::member::ChannelId;
use crate::{
    accounting::{Account, AccountName, Side},
    codec::{Decode, Encode},
    merkle::record_by_encoding,
    types::{Code, GroupBuyId, HouseholdTag, MemberId, PaymentNo},
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A part of a price besides the goods.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum FeePart {
    /// The leader's commission.
    Leader,
    /// The property company's share.
    Property,
    /// Carrying it to the door.
    Delivery,
    /// Packing.
    Packing,
}

impl FeePart {
    /// All parts, in the order of a split.
    pub const ALL: [Self; 4] = [Self::Leader, Self::Property, Self::Delivery, Self::Packing];

    /// The part as it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Leader => "leader",
            Self::Property => "property",
            Self::Delivery => "delivery",
            Self::Packing => "packing",
        }
    }
}

/// Whom an unclaimed amount belongs to.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Beneficiary {
    /// A household's refund.
    Household(HouseholdTag),
    /// The supplier's payable.
    Supplier(MemberId),
    /// A payee's fee.
    Payee(MemberId),
}

/// The name of an account. Those of a group buy live and end with it; the others are the chain's.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum AccountId {
    /// Money really in a channel.
    Custody(ChannelId),
    /// Owed to the fund by a member.
    Receivable(MemberId),
    /// What a channel kept.
    ChannelFee(ChannelId),
    /// A difference that must be explained.
    Difference(ChannelId),
    /// Received, not yet matched to an order.
    Unidentified(PaymentNo),
    /// Could not be paid out; claimable for ever.
    Unclaimed(GroupBuyId, Beneficiary),
    /// Community funds with one purpose.
    Reserve(Code<16>),
    /// Paid to the group buy's supplier ahead.
    Advance,
    /// Paid, still the household's.
    Escrow(HouseholdTag),
    /// Owed back to the household.
    Refund(HouseholdTag),
    /// Earned by the supplier.
    Payable,
    /// Earned by the supplier, held back for claims.
    Retention,
    /// Earned by a payee.
    Fee(FeePart),
    /// Frozen until a claim is decided.
    Disputed(u32),
}

impl AccountId {
    /// Whether the account lives and ends with a group buy.
    #[must_use]
    pub const fn of_group_buy(&self) -> bool {
        match self {
            Self::Custody(_)
            | Self::Receivable(_)
            | Self::ChannelFee(_)
            | Self::Difference(_)
            | Self::Unidentified(_)
            | Self::Unclaimed(..)
            | Self::Reserve(_) => false,
            Self::Advance
            | Self::Escrow(_)
            | Self::Refund(_)
            | Self::Payable
            | Self::Retention
            | Self::Fee(_)
            | Self::Disputed(_) => true,
        }
    }

    /// Whether the account is dropped once its balance is zero: those for which new names keep coming.
    #[must_use]
    pub const fn ends_at_zero(&self) -> bool {
        matches!(self, Self::Unidentified(_) | Self::Unclaimed(..))
    }
}

impl AccountName for AccountId {
    fn side(&self) -> Side {
        match self {
            Self::Custody(_)
            | Self::Receivable(_)
            | Self::ChannelFee(_)
            | Self::Difference(_)
            | Self::Advance => Side::Debit,
            Self::Unidentified(_)
            | Self::Unclaimed(..)
            | Self::Reserve(_)
            | Self::Escrow(_)
            | Self::Refund(_)
            | Self::Payable
            | Self::Retention
            | Self::Fee(_)
            | Self::Disputed(_) => Side::Credit,
        }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Custody(channel) => write!(f, "Custody/{channel}"),
            Self::Receivable(member) => write!(f, "Receivable/{member}"),
            Self::ChannelFee(channel) => write!(f, "ChannelFee/{channel}"),
            Self::Difference(channel) => write!(f, "Difference/{channel}"),
            Self::Unidentified(number) => write!(f, "Unidentified/{number}"),
            Self::Unclaimed(group_buy, Beneficiary::Household(tag)) => {
                write!(f, "Unclaimed/{group_buy}/household/{tag}")
            }
            Self::Unclaimed(group_buy, Beneficiary::Supplier(member)) => {
                write!(f, "Unclaimed/{group_buy}/supplier/{member}")
            }
            Self::Unclaimed(group_buy, Beneficiary::Payee(member)) => {
                write!(f, "Unclaimed/{group_buy}/payee/{member}")
            }
            Self::Reserve(purpose) => write!(f, "Reserve/{purpose}"),
            Self::Advance => f.write_str("Advance"),
            Self::Escrow(tag) => write!(f, "Escrow/{tag}"),
            Self::Refund(tag) => write!(f, "Refund/{tag}"),
            Self::Payable => f.write_str("Payable"),
            Self::Retention => f.write_str("Retention"),
            Self::Fee(part) => write!(f, "Fee/{}", part.name()),
            Self::Disputed(claim) => write!(f, "Disputed/{claim}"),
        }
    }
}

record_by_encoding!(Account);
