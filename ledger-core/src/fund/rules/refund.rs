//! Refunds: what is owed back goes back the way it came (rule G38).

use crate::{
    codec::{Decode, Encode, List},
    fund::{
        chart::AccountId,
        draft::Draft,
        group_buy::PaymentState,
        numbers::Payout,
        till::{self, Source},
    },
    refusal::Refusal,
    types::{Fen, GroupBuyId, HouseholdTag, PaymentNo},
};
use serde::{Deserialize, Serialize};

/// Most refunds that one movement pays.
pub const REFUNDS_MAX: usize = 400;

/// One refund, back the way a payment came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct RefundItem {
    /// To whom.
    pub household: HouseholdTag,
    /// The payment that is given back.
    pub payment: PaymentNo,
    /// How much of it.
    pub amount: Fen,
    /// The number that the channel gave to the refund.
    pub number: PaymentNo,
}

/// Pays refunds, each out of what is left of a payment.
pub(in crate::fund) fn refund(
    draft: &mut Draft<'_>,
    group_buy: GroupBuyId,
    items: &List<RefundItem, REFUNDS_MAX>,
) -> Result<(), Refusal> {
    for item in items {
        let channel = draft.numbers.channel_of(&item.payment)?;
        let payout = Payout { channel, number: item.number, amount: item.amount };
        draft.at_desk(group_buy, |desk| {
            let payment = desk.group_buy.payments.get_mut(&item.payment);
            match payment.filter(|payment| payment.state == PaymentState::Confirmed) {
                Some(payment) => payment.take(&item.household, item.amount),
                None => Err(Refusal::PaymentUnknown { number: item.payment.to_string() }),
            }
        })?;
        let source = Source {
            gives_back: Some(item.payment),
            ..Source::of(group_buy, AccountId::Refund(item.household))
        };
        till::pay(draft, source, &payout)?;
    }
    Ok(())
}
