//! Payouts to payees, what comes back of them, and what waited unclaimed (rules G37, G39, G42).

use crate::{
    codec::{Decode, Encode},
    fund::{
        chart::{AccountId, Beneficiary, FeePart},
        draft::Draft,
        group_buy::{GroupBuy, Phase},
        numbers::{Payout, PermanentId, PermanentRecord, Receipt},
        till::{self, Source},
    },
    refusal::Refusal,
    types::{GroupBuyId, MemberId, PaymentNo},
};
use serde::{Deserialize, Serialize};

/// Whom a settled group buy pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PayTo {
    /// The supplier, from Payable.
    Supplier,
    /// A payee, from its fee; in the order of [`FeePart::ALL`].
    Fee(u8),
}

impl PayTo {
    fn part(part: u8) -> Option<FeePart> {
        FeePart::ALL.get(usize::from(part)).copied()
    }

    /// The member that is paid; `None` if there is no such payee.
    pub(in crate::fund) fn payee(self, group_buy: &GroupBuy) -> Option<MemberId> {
        match self {
            Self::Supplier => Some(group_buy.filing.supplier),
            Self::Fee(part) => {
                let leader = group_buy.header.leader();
                Self::part(part).map(|part| group_buy.filing.payee(part, leader))
            }
        }
    }
}

/// Pays supplier or payee once settled (G37).
pub(in crate::fund) fn pay_out(
    draft: &mut Draft<'_>,
    group_buy: GroupBuyId,
    to: PayTo,
    payout: &Payout,
) -> Result<(), Refusal> {
    let account = match to {
        PayTo::Supplier => AccountId::Payable,
        PayTo::Fee(part) => PayTo::part(part)
            .map(AccountId::Fee)
            .ok_or(Refusal::PayoutUnknown { number: payout.number.to_string() })?,
    };
    draft.at_desk(group_buy, |desk| desk.require_phase(Phase::Settled))?;
    till::pay(draft, Source::of(group_buy, account), payout)
}

/// Somebody came for what nobody had claimed (G39).
pub(in crate::fund) fn pay_unclaimed(
    draft: &mut Draft<'_>,
    group_buy: GroupBuyId,
    beneficiary: Beneficiary,
    payout: &Payout,
) -> Result<(), Refusal> {
    till::pay(draft, Source::chain(AccountId::Unclaimed(group_buy, beneficiary)), payout)
}

/// A payout came back: to the account it was paid from, or to Unclaimed once that is gone (G42).
pub(in crate::fund) fn bounce(
    draft: &mut Draft<'_>,
    payout: PaymentNo,
    receipt: &Receipt,
) -> Result<(), Refusal> {
    let known = draft.numbers.get(&PermanentId::Payment(payout));
    let Some(PermanentRecord::Paid {
        group_buy, account, after_closing, gives_back, amount, ..
    }) = known
    else {
        return Err(Refusal::PayoutUnknown { number: payout.to_string() });
    };
    if receipt.amount != amount {
        return Err(Refusal::TotalDiffers { expected: amount, given: receipt.amount });
    }
    // Once: or the same payout could be paid again and again, from money that never came back.
    let bounced = PermanentId::Bounced(payout);
    if draft.numbers.get(&bounced).is_some() {
        return Err(Refusal::PaymentNumberUsed { number: payout.to_string() });
    }
    till::take_number(draft, receipt)?;
    draft.numbers.use_up(bounced, PermanentRecord::Bounced(receipt.number));
    let custody = AccountId::Custody(receipt.channel);
    match group_buy.filter(|id| draft.view.group_buys.contains(id)) {
        Some(id) => draft.at_desk(id, |desk| {
            if let (AccountId::Refund(tag), Some(payment)) = (account, gives_back)
                && let Some(payment) = desk.group_buy.payments.get_mut(&payment)
            {
                payment.put_back(&tag, amount);
            }
            desk.book(custody, account, amount)
        }),
        None => draft.book(custody, after_closing, amount),
    }
}
