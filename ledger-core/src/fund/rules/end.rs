//! The end of a group buy: given up, what nobody claims, the seal (rules G21, G39, G40, G41).

use crate::{
    fund::{
        chart::{AccountId, Beneficiary, FeePart},
        draft::{Desk, Draft},
        group_buy::{
            GroupBuy, HouseholdTotals, PaymentState, Phase, Seal, Stage, seal_leaf, sum_root,
        },
        numbers::{PermanentId, PermanentRecord},
    },
    refusal::Refusal,
    types::{Fen, GroupBuyId},
};

/// Nobody opened it in time (G21).
pub(in crate::fund) fn lapse(desk: &mut Desk<'_, '_>) -> Result<(), Refusal> {
    desk.enter(Stage::Rejected);
    Ok(())
}

/// Gives a group buy up before its goods arrived (G41).
pub(in crate::fund) fn cancel(desk: &mut Desk<'_, '_>) -> Result<(), Refusal> {
    let phase = desk.group_buy.header.phase();
    let before_arrival = [Phase::Filed, Phase::Open, Phase::Formed, Phase::Ordered];
    if !before_arrival.contains(&phase) {
        return Err(Refusal::WrongPhase { phase, needed: before_arrival.to_vec() });
    }
    desk.refund_all_escrow()?;
    let purchase = desk.group_buy.header.stage.purchase().copied();
    desk.enter(Stage::Cancelled(purchase));
    Ok(())
}

/// What could not be paid out for long enough waits outside the group buy (G39).
pub(in crate::fund) fn sweep_unclaimed(desk: &mut Desk<'_, '_>) -> Result<(), Refusal> {
    let id = desk.group_buy.id();
    let supplier = desk.group_buy.filing.supplier;
    let leader = desk.group_buy.header.leader();
    let mut owed: Vec<(AccountId, Beneficiary)> = desk
        .group_buy
        .households
        .iter()
        .map(|(tag, _)| (AccountId::Refund(*tag), Beneficiary::Household(*tag)))
        .collect();
    owed.push((AccountId::Payable, Beneficiary::Supplier(supplier)));
    for part in FeePart::ALL {
        let payee = desk.group_buy.filing.payee(part, leader);
        owed.push((AccountId::Fee(part), Beneficiary::Payee(payee)));
    }
    for (account, beneficiary) in owed {
        let balance = desk.group_buy.balance(&account);
        desk.act.charge(1);
        desk.book(account, AccountId::Unclaimed(id, beneficiary), balance)?;
    }
    // Or the deadline would fall due again and again.
    require_nothing_held(desk.group_buy.header.held)
}

/// Closed means zero; anything else is a mistake in the books, which keeps this one group buy open.
fn require_nothing_held(held: Fen) -> Result<(), Refusal> {
    if held == Fen::ZERO {
        Ok(())
    } else {
        Err(Refusal::TotalDiffers { expected: Fen::ZERO, given: held })
    }
}

/// Seals a group buy whose accounts are all zero and forgets the rest (G40).
pub(in crate::fund) fn close(draft: &mut Draft<'_>, id: GroupBuyId) -> Result<(), Refusal> {
    let group_buy = draft.standing(id)?;
    require_nothing_held(group_buy.header.held)?;
    let pending = group_buy.payments.iter().filter(|(_, p)| p.state == PaymentState::Recorded);
    for (number, _) in pending {
        draft.numbers.recorded.remove(number);
    }
    let seal = seal(group_buy);
    let lines = usize::try_from(group_buy.header.line_count).unwrap_or(usize::MAX);
    draft.act.charge(1 + group_buy.households.len() + lines);
    draft.numbers.use_up(PermanentId::GroupBuy(id), PermanentRecord::Seal(seal.digest()));
    draft.closes = Some(Box::new(seal));
    Ok(())
}

/// What remains of a group buy.
fn seal(group_buy: &GroupBuy) -> Seal {
    let leaves: Vec<_> = group_buy
        .households
        .iter()
        .map(|(tag, household)| {
            // Not what was credited to Refund: a refund that bounced was credited twice.
            let refunded = household.paid.saturating_sub(group_buy.spent_by(household));
            let totals = HouseholdTotals { paid: household.paid, refunded };
            (seal_leaf(tag, &totals), totals)
        })
        .collect();
    let (households, totals) = sum_root(leaves);
    Seal {
        group_buy: group_buy.id(),
        phase: group_buy.header.phase(),
        filing: group_buy.header.filing(),
        totals,
        households,
    }
}
