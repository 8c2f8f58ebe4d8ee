//! Movements without knowing each: what they are called, and what many of them hold, as one may change it.
//!
//! A new movement has one arm here, in [`parts`]. Mischief, shrinking and stories then handle its group
//! buy and its money as they do everybody's, and its name comes from the type itself. What else it holds
//! is bent by an arm of its own in mischief, and told by one in stories, where that is worth it. Nothing
//! makes it happen but the generator; [`names`] sees to it that one which never happens is found out.

use super::list;
use crate::variants::names_of;
use ledger_core::{
    codec::List,
    fund::{Movement, Payout, REFUNDS_MAX, Receipt, RefundItem, SHARES_MAX, Share},
    types::{Fen, GroupBuyId},
};

/// What many movements hold.
pub(super) struct Parts<'a> {
    /// The group buy that it belongs to.
    pub(super) group_buy: Option<&'a mut GroupBuyId>,
    /// The money that it moves.
    pub(super) money: Option<Money<'a>>,
}

/// In which form a movement holds its money.
pub(super) enum Money<'a> {
    /// It goes out by a channel.
    Payout(&'a mut Payout),
    /// It came in by a channel.
    Receipt(&'a mut Receipt),
    /// It stays in custody.
    Amount(&'a mut Fen),
    /// Of a payment, to households.
    Shares(&'a mut List<Share, SHARES_MAX>),
    /// From payments, back to households.
    Refunds(&'a mut List<RefundItem, REFUNDS_MAX>),
}

/// The group buy and the money of a movement.
pub(super) fn parts(movement: &mut Movement) -> Parts<'_> {
    let (group_buy, money) = match movement {
        Movement::Identify { group_buy, shares, .. } => {
            (Some(group_buy), Some(Money::Shares(shares)))
        }
        Movement::ReturnUnidentified { payout, .. } => (None, Some(Money::Payout(payout))),
        Movement::Refund { group_buy, items } => (Some(group_buy), Some(Money::Refunds(items))),
        Movement::DecideGoods(note) => (Some(&mut note.group_buy), None),
        Movement::Deliver { group_buy, .. } | Movement::Cancel { group_buy } => {
            (Some(group_buy), None)
        }
        Movement::Settle { group_buy, payable } => (Some(group_buy), Some(Money::Amount(payable))),
        Movement::PayOut { group_buy, payout, .. }
        | Movement::PayUnclaimed { group_buy, payout, .. } => {
            (Some(group_buy), Some(Money::Payout(payout)))
        }
        Movement::Bounce { receipt, .. }
        | Movement::TopUpChannelFee { receipt }
        | Movement::FoundDifference { receipt }
        | Movement::RepayReceivable { receipt, .. }
        | Movement::GiveReserve { receipt, .. } => (None, Some(Money::Receipt(receipt))),
        Movement::Transfer { from: payout, .. }
        | Movement::ChannelFee { fee: payout, .. }
        | Movement::Difference { missing: payout, .. }
        | Movement::SpendReserve { payout, .. } => (None, Some(Money::Payout(payout))),
        Movement::BearChannelFee { group_buy, amount, .. } => {
            (Some(group_buy), Some(Money::Amount(amount)))
        }
        Movement::ChargeDifference { amount, .. } => (None, Some(Money::Amount(amount))),
    };
    Parts { group_buy, money }
}

impl Money<'_> {
    /// Changes every amount.
    pub(super) fn change_amounts(self, mut change: impl FnMut(&mut Fen)) {
        match self {
            Self::Payout(payout) => change(&mut payout.amount),
            Self::Receipt(receipt) => change(&mut receipt.amount),
            Self::Amount(amount) => change(amount),
            Self::Shares(shares) => {
                let mut changed = shares.to_vec();
                changed.iter_mut().for_each(|share| change(&mut share.amount));
                *shares = list(changed);
            }
            Self::Refunds(items) => {
                let mut changed = items.to_vec();
                changed.iter_mut().for_each(|item| change(&mut item.amount));
                *items = list(changed);
            }
        }
    }
}

/// The name of a movement, as docs/fund-rules.md has it.
pub(super) fn name(movement: &Movement) -> String {
    let mut whole = format!("{movement:?}");
    let end = whole.find(|next: char| !next.is_alphanumeric());
    whole.truncate(end.unwrap_or(whole.len()));
    whole
}

/// The names of all movements that there are, made or not.
pub(super) fn names() -> Vec<String> {
    let names = names_of::<Movement>().iter();
    names.map(|name| name.split('_').map(capitalised).collect()).collect()
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_ascii_uppercase() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_core::fund::GoodsNote;

    #[test]
    fn a_movement_is_named_among_all() {
        let group_buy = "veg".parse().expect("a code");
        for movement in [
            Movement::Cancel { group_buy },
            Movement::Settle { group_buy, payable: Fen::new(1) },
            Movement::DecideGoods(GoodsNote { group_buy, accepted: List::default() }),
        ] {
            assert!(names().contains(&name(&movement)), "{movement:?} of {:?}", names());
        }
        assert_eq!(names().first().map(String::as_str), Some("Identify"));
    }
}
