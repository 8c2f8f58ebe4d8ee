//! The chart of accounts, and which cause may book between which of them (rules G10, G13).
//!
//! A rule that books something else than its rows of [`FLOWS`] allow is our bug. Its plan is not carried out
//! then: a mistake in a rule can stop one act, and cannot move money that nobody meant to move.

use super::cause::Cause;
use crate::{
    accounting::{Account, AccountName, Side},
    codec::{Decode, Encode},
    merkle::record_by_encoding,
    types::{Code, GroupBuyId, HouseholdTag, MemberId, PaymentNo},
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A booking between two accounts of the chart.
pub type Posting = crate::accounting::Posting<AccountId>;

/// Position of a channel in the policy.
pub type ChannelId = u8;

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

impl Beneficiary {
    /// The member that it is; `None` for a household.
    pub(super) fn member(&self) -> Option<MemberId> {
        match self {
            Self::Household(_) => None,
            Self::Supplier(member) | Self::Payee(member) => Some(*member),
        }
    }
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
        matches!(Name::of(self).row().2, Life::GroupBuy)
    }

    /// Whether the account is dropped once its balance is zero: those for which new names keep coming.
    #[must_use]
    pub const fn ends_at_zero(&self) -> bool {
        matches!(Name::of(self).row().2, Life::WhileHeld)
    }
}

impl AccountName for AccountId {
    fn side(&self) -> Side {
        Name::of(self).row().1
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

/// An account of the chart without whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Custody,
    Receivable,
    ChannelFee,
    Difference,
    Unidentified,
    Unclaimed,
    Reserve,
    Advance,
    Escrow,
    Refund,
    Payable,
    Retention,
    Fee,
    Disputed,
}

/// How long an account lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// As long as the chain.
    Chain,
    /// Until it is empty.
    WhileHeld,
    /// As long as its group buy.
    GroupBuy,
}

/// The chart: each account's side and life, in the order of [`Name`].
const CHART: [(Name, Side, Life); 14] = {
    use Side::{Credit, Debit};
    [
        (Name::Custody, Debit, Life::Chain),
        (Name::Receivable, Debit, Life::Chain),
        (Name::ChannelFee, Debit, Life::Chain),
        (Name::Difference, Debit, Life::Chain),
        (Name::Unidentified, Credit, Life::WhileHeld),
        (Name::Unclaimed, Credit, Life::WhileHeld),
        (Name::Reserve, Credit, Life::Chain),
        (Name::Advance, Debit, Life::GroupBuy),
        (Name::Escrow, Credit, Life::GroupBuy),
        (Name::Refund, Credit, Life::GroupBuy),
        (Name::Payable, Credit, Life::GroupBuy),
        (Name::Retention, Credit, Life::GroupBuy),
        (Name::Fee, Credit, Life::GroupBuy),
        (Name::Disputed, Credit, Life::GroupBuy),
    ]
};

impl Name {
    const fn row(self) -> &'static (Self, Side, Life) {
        &CHART[self as usize]
    }

    const fn of(account: &AccountId) -> Self {
        match account {
            AccountId::Custody(_) => Self::Custody,
            AccountId::Receivable(_) => Self::Receivable,
            AccountId::ChannelFee(_) => Self::ChannelFee,
            AccountId::Difference(_) => Self::Difference,
            AccountId::Unidentified(_) => Self::Unidentified,
            AccountId::Unclaimed(..) => Self::Unclaimed,
            AccountId::Reserve(_) => Self::Reserve,
            AccountId::Advance => Self::Advance,
            AccountId::Escrow(_) => Self::Escrow,
            AccountId::Refund(_) => Self::Refund,
            AccountId::Payable => Self::Payable,
            AccountId::Retention => Self::Retention,
            AccountId::Fee(_) => Self::Fee,
            AccountId::Disputed(_) => Self::Disputed,
        }
    }
}

/// Which cause may debit what and credit what: (cause, debit, credit). What is not here books nothing.
pub(super) const FLOWS: &[(Cause, Name, Name)] = {
    use Cause as C;
    use Name::{
        ChannelFee, Custody, Difference, Escrow, Fee, Payable, Receivable, Refund, Reserve,
        Retention, Unclaimed, Unidentified,
    };
    &[
        (C::Order, Escrow, Refund),
        (C::ConfirmPayments, Custody, Escrow),
        (C::ConfirmPayments, Custody, Unidentified),
        (C::ReceiveUnidentified, Custody, Unidentified),
        (C::SignGoodsNote, Escrow, Retention),
        (C::SignGoodsNote, Escrow, Payable),
        (C::SignGoodsNote, Escrow, Refund),
        (C::Deliver, Escrow, Fee),
        (C::Identify, Unidentified, Escrow),
        (C::ReturnUnidentified, Unidentified, Custody),
        (C::Refund, Refund, Custody),
        (C::DecideGoods, Escrow, Retention),
        (C::DecideGoods, Escrow, Payable),
        (C::DecideGoods, Escrow, Refund),
        (C::DeliverByEvidence, Escrow, Fee),
        (C::Settle, Retention, Payable),
        (C::PayOut, Payable, Custody),
        (C::PayOut, Fee, Custody),
        (C::Cancel, Escrow, Refund),
        // Whatever was paid out may come back.
        (C::Bounce, Custody, Refund),
        (C::Bounce, Custody, Payable),
        (C::Bounce, Custody, Fee),
        (C::Bounce, Custody, Unclaimed),
        (C::Bounce, Custody, Unidentified),
        (C::Bounce, Custody, Reserve),
        (C::Bounce, Custody, ChannelFee),
        (C::Bounce, Custody, Difference),
        (C::Bounce, Custody, Custody),
        (C::PayUnclaimed, Unclaimed, Custody),
        (C::Transfer, Custody, Custody),
        (C::ChannelFee, ChannelFee, Custody),
        (C::BearChannelFee, Fee, ChannelFee),
        (C::TopUpChannelFee, Custody, ChannelFee),
        (C::Difference, Difference, Custody),
        (C::ChargeDifference, Receivable, Difference),
        (C::FoundDifference, Custody, Difference),
        (C::RepayReceivable, Custody, Receivable),
        (C::GiveReserve, Custody, Reserve),
        (C::SpendReserve, Reserve, Custody),
        (C::ConfirmBy, Escrow, Refund),
        (C::AutoDelivery, Escrow, Fee),
        (C::Unclaimed, Refund, Unclaimed),
        (C::Unclaimed, Payable, Unclaimed),
        (C::Unclaimed, Fee, Unclaimed),
    ]
};

/// Whether a cause may book all of these.
pub(super) fn may_book(cause: Cause, postings: &[Posting]) -> bool {
    // Thousands of postings of one plan are of two or three kinds.
    let mut known: Option<(Name, Name)> = None;
    postings.iter().all(|Posting { debit, credit, .. }| {
        let flow = (Name::of(debit), Name::of(credit));
        known == Some(flow) || {
            known = Some(flow);
            FLOWS.contains(&(cause, flow.0, flow.1))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Fen;

    #[test]
    fn reserves_leave_by_one_act_and_custody_is_credited_only_by_what_two_have_signed() {
        let of =
            |credit: Name| FLOWS.iter().filter(move |flow| flow.2 == credit).map(|flow| flow.0);
        let spends: Vec<_> = FLOWS.iter().filter(|flow| flow.1 == Name::Reserve).collect();
        assert_eq!(spends, [&(Cause::SpendReserve, Name::Reserve, Name::Custody)]);
        // A movement is carried out by its approval; these are all movements.
        let movements = Cause::Identify..=Cause::SpendReserve;
        assert!(of(Name::Custody).all(|cause| movements.contains(&cause)));
    }

    #[test]
    fn each_account_finds_its_own_row_of_the_chart() {
        for (name, ..) in CHART {
            assert_eq!(name.row().0, name);
        }
    }

    #[test]
    fn no_flow_stands_twice() {
        for (i, flow) in FLOWS.iter().enumerate() {
            assert!(!FLOWS[..i].contains(flow), "{flow:?}");
        }
    }

    #[test]
    fn every_posting_is_held_against_the_flows() {
        let tag = HouseholdTag::new([1; 16]);
        let amount = Fen::new(1);
        let wrong =
            Posting { debit: AccountId::Escrow(tag), credit: AccountId::Custody(0), amount };
        let right = Posting { credit: AccountId::Refund(tag), ..wrong.clone() };
        assert!(!may_book(Cause::Order, std::slice::from_ref(&wrong)));
        assert!(may_book(Cause::Order, &[right.clone(), right.clone()]));
        assert!(!may_book(Cause::Order, &[right.clone(), wrong, right]), "each of them is held");
    }
}
