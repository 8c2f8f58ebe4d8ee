//! Money between channels, what they keep, and what is missing in them (rules G43, G44).

use crate::{
    fund::{
        chart::{AccountId, ChannelId, FeePart},
        draft::Draft,
        group_buy::Phase,
        numbers::{Payout, Receipt},
        till::{self, Source},
    },
    refusal::Refusal,
    types::{Fen, GroupBuyId, MemberId},
};

/// From one channel to another (G43).
pub(in crate::fund) fn transfer(
    draft: &mut Draft<'_>,
    from: &Payout,
    to: ChannelId,
) -> Result<(), Refusal> {
    draft.policy().channel(to)?;
    if from.channel == to {
        return Err(Refusal::NoOrders {});
    }
    till::pay(draft, Source::chain(AccountId::Custody(to)), from)
}

/// What a channel kept (G43).
pub(in crate::fund) fn fee(draft: &mut Draft<'_>, fee: &Payout) -> Result<(), Refusal> {
    till::pay(draft, Source::chain(AccountId::ChannelFee(fee.channel)), fee)
}

/// The property company's share of a settled group buy bears a part of it (G43).
pub(in crate::fund) fn bear_fee(
    draft: &mut Draft<'_>,
    group_buy: GroupBuyId,
    channel: ChannelId,
    amount: Fen,
) -> Result<(), Refusal> {
    draft.policy().require_amount(amount)?;
    draft.at_desk(group_buy, |desk| {
        desk.require_phase(Phase::Settled)?;
        desk.book(AccountId::Fee(FeePart::Property), AccountId::ChannelFee(channel), amount)
    })
}

/// The property company pays the rest (G43).
pub(in crate::fund) fn top_up_fee(draft: &mut Draft<'_>, receipt: &Receipt) -> Result<(), Refusal> {
    till::receive(draft, AccountId::ChannelFee(receipt.channel), receipt)
}

/// Less is there than the books say (G44).
pub(in crate::fund) fn difference(draft: &mut Draft<'_>, missing: &Payout) -> Result<(), Refusal> {
    till::pay(draft, Source::chain(AccountId::Difference(missing.channel)), missing)
}

/// A member owes what is missing (G44).
pub(in crate::fund) fn charge_difference(
    draft: &mut Draft<'_>,
    channel: ChannelId,
    member: MemberId,
    amount: Fen,
) -> Result<(), Refusal> {
    draft.view.registry.member(member)?;
    draft.policy().require_amount(amount)?;
    draft.book(AccountId::Receivable(member), AccountId::Difference(channel), amount)
}

/// What was missing is there again (G44).
pub(in crate::fund) fn found_difference(
    draft: &mut Draft<'_>,
    receipt: &Receipt,
) -> Result<(), Refusal> {
    till::receive(draft, AccountId::Difference(receipt.channel), receipt)
}

/// A member pays what it owes (G44).
pub(in crate::fund) fn repay(
    draft: &mut Draft<'_>,
    member: MemberId,
    receipt: &Receipt,
) -> Result<(), Refusal> {
    till::receive(draft, AccountId::Receivable(member), receipt)
}
