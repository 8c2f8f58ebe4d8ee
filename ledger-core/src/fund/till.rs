//! Money that comes in and goes out by a channel: each movement under a number that is used once.

use super::{
    chart::{AccountId, Beneficiary},
    draft::Draft,
    numbers::{Payout, PermanentRecord, Receipt},
};
use crate::{
    codec::encode,
    crypto::Domain,
    refusal::Refusal,
    types::{GroupBuyId, PaymentNo},
};

/// Where a payout comes from.
pub(super) struct Source {
    /// The group buy whose account it is.
    pub(super) group_buy: Option<GroupBuyId>,
    pub(super) account: AccountId,
    /// The payment that it gives back, if it is a refund.
    pub(super) gives_back: Option<PaymentNo>,
}

impl Source {
    /// An account of the chain.
    pub(super) fn chain(account: AccountId) -> Self {
        Self { group_buy: None, account, gives_back: None }
    }

    /// An account of a group buy.
    pub(super) fn of(group_buy: GroupBuyId, account: AccountId) -> Self {
        Self { group_buy: Some(group_buy), account, gives_back: None }
    }
}

/// The account of the source / Custody.
pub(super) fn pay(draft: &mut Draft<'_>, source: Source, payout: &Payout) -> Result<(), Refusal> {
    let Source { group_buy, account, gives_back } = source;
    let Payout { channel, number, amount } = *payout;
    draft.policy().channel(channel)?;
    draft.policy().require_amount(amount)?;
    let content = Domain::Payment.digest(&[&encode(&(group_buy, account, *payout))]);
    let after_closing = after_closing(draft, group_buy, account)?;
    let record = PermanentRecord::Paid {
        content,
        channel,
        group_buy,
        account,
        after_closing,
        gives_back,
        amount,
    };
    draft.numbers.take(number, record)?;
    let custody = AccountId::Custody(channel);
    match group_buy {
        Some(id) => draft.at_desk(id, |desk| desk.book(account, custody, amount)),
        None => draft.book(account, custody, amount),
    }
}

/// Custody / `account`.
pub(super) fn receive(
    draft: &mut Draft<'_>,
    account: AccountId,
    receipt: &Receipt,
) -> Result<(), Refusal> {
    take_number(draft, receipt)?;
    draft.book(AccountId::Custody(receipt.channel), account, receipt.amount)
}

/// Uses up the number of money that came in.
pub(super) fn take_number(draft: &mut Draft<'_>, receipt: &Receipt) -> Result<(), Refusal> {
    draft.policy().channel(receipt.channel)?;
    draft.policy().require_amount(receipt.amount)?;
    draft.numbers.take(receipt.number, receipt.record())
}

/// Where money that was paid from `account` belongs once its group buy is gone.
fn after_closing(
    draft: &Draft<'_>,
    group_buy: Option<GroupBuyId>,
    account: AccountId,
) -> Result<AccountId, Refusal> {
    let Some(id) = group_buy else { return Ok(account) };
    let open = draft.view.group_buys.get(&id).ok_or(Refusal::GroupBuyUnknown {})?;
    let beneficiary = match account {
        AccountId::Refund(tag) => Beneficiary::Household(tag),
        AccountId::Fee(part) => Beneficiary::Payee(open.filing.payee(part, open.header.leader())),
        _ => Beneficiary::Supplier(open.filing.supplier),
    };
    Ok(AccountId::Unclaimed(id, beneficiary))
}
