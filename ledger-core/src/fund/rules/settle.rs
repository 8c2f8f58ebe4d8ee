//! Settlement: the end of the after-sale window (rule G36).

use crate::{
    fund::{chart::AccountId, draft::Desk, group_buy::Phase},
    refusal::Refusal,
    types::Fen,
};

/// Ends the after-sale window: what was held back is the supplier's (G36).
pub(in crate::fund) fn settle(desk: &mut Desk<'_, '_>, payable: Fen) -> Result<(), Refusal> {
    desk.require_phase(Phase::Delivered)?;
    let header = &desk.group_buy.header;
    let at = header.last_delivery.after(desk.group_buy.filing.after_sale_window);
    if desk.act.now < at {
        return Err(Refusal::TooEarly { at });
    }
    let retention = desk.group_buy.balance(&AccountId::Retention);
    let expected = desk
        .group_buy
        .balance(&AccountId::Payable)
        .checked_add(retention)
        .ok_or(Refusal::AmountTooLarge {})?;
    if payable != expected {
        return Err(Refusal::TotalDiffers { expected, given: payable });
    }
    desk.book(AccountId::Retention, AccountId::Payable, retention)?;
    desk.enter(Phase::Settled);
    Ok(())
}
