//! Settlement: the end of the after-sale window (rule G36).

use crate::{
    fund::{
        chart::AccountId,
        draft::{Desk, wrong_phase},
        group_buy::{Phase, Stage},
    },
    refusal::Refusal,
    types::Fen,
};

/// Ends the after-sale window: what was held back is the supplier's (G36).
pub(in crate::fund) fn settle(desk: &mut Desk<'_, '_>, payable: Fen) -> Result<(), Refusal> {
    let Stage::Delivered { purchase, last } = desk.group_buy.header.stage else {
        return Err(wrong_phase(desk.group_buy.header.phase(), Phase::Delivered));
    };
    let at = last.after(desk.group_buy.filing.after_sale_window);
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
    desk.enter(Stage::Settled { purchase, last });
    Ok(())
}
