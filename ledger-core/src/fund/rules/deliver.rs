//! Delivery: by a household's code, by evidence, or by time (rule G35).

use crate::{
    codec::List,
    crypto::Domain,
    fund::{
        chart::{AccountId, FeePart},
        draft::{Desk, wrong_phase},
        group_buy::{BATCH_MAX, Phase, Stage},
    },
    refusal::Refusal,
    types::{Fen, HouseholdTag, Quantity},
};

/// Households show their codes (G35). Codes of households that have their goods are skipped.
pub(in crate::fund) fn by_code(
    desk: &mut Desk<'_, '_>,
    codes: &List<(HouseholdTag, [u8; 16]), BATCH_MAX>,
) -> Result<(), Refusal> {
    desk.require_phase(Phase::Received)?;
    let mut repeated = None;
    let mut changed = false;
    for (tag, code) in codes {
        let household = || tag.to_string();
        let Some(record) = desk.group_buy.households.get(tag) else {
            return Err(Refusal::UnknownHousehold { household: household() });
        };
        desk.act.charge(1 + record.orders.len());
        let hash = Domain::DeliveryCode.digest(&[tag.as_bytes(), code]);
        let orders = record.orders.iter().filter_map(|s| desk.group_buy.orders.slot(*s));
        if !orders.into_iter().any(|order| order.delivery_code == Some(hash)) {
            return Err(Refusal::WrongDeliveryCode { household: household() });
        }
        if hand_over(desk, tag)? {
            changed = true;
        } else {
            repeated = Some(household());
        }
        desk.act.require_work_left()?;
    }
    match (changed, repeated) {
        (true, _) => Ok(()),
        (false, Some(household)) => Err(Refusal::AlreadyDelivered { household }),
        (false, None) => Err(Refusal::NoOrders {}),
    }
}

/// The leader shows by evidence who has its goods (G35). Households that have them are skipped.
pub(in crate::fund) fn by_evidence(
    desk: &mut Desk<'_, '_>,
    households: &List<HouseholdTag, BATCH_MAX>,
) -> Result<(), Refusal> {
    desk.require_phase(Phase::Received)?;
    let mut repeated = None;
    let mut changed = false;
    for tag in households {
        if hand_over(desk, tag)? {
            changed = true;
        } else {
            repeated = Some(tag.to_string());
        }
    }
    match (changed, repeated) {
        (true, _) => Ok(()),
        (false, Some(household)) => Err(Refusal::AlreadyDelivered { household }),
        (false, None) => Err(Refusal::NoOrders {}),
    }
}

/// Hands over to one household: its fees are earned (G35). Says whether it still waited.
fn hand_over(desk: &mut Desk<'_, '_>, tag: &HouseholdTag) -> Result<bool, Refusal> {
    let filing = desk.group_buy.filing.clone();
    let Some(household) = desk.group_buy.households.get(tag) else {
        return Err(Refusal::UnknownHousehold { household: tag.to_string() });
    };
    if household.delivered_at.is_some() {
        return Ok(false);
    }
    let mut fees = [Fen::ZERO; 4];
    let mut waits = false;
    let mut work = 1;
    for order in household.orders.iter().filter_map(|s| desk.group_buy.orders.slot(*s)) {
        work += order.lines.len();
        for line in order.lines.iter().filter(|line| line.allocated > Quantity::ZERO) {
            let Some(offer) = filing.offers.get(usize::from(line.offer)) else { continue };
            waits = true;
            for (sum, fee) in fees.iter_mut().zip(offer.money(line.allocated).fees) {
                *sum = sum.saturating_add(fee);
            }
        }
    }
    desk.act.charge(work);
    if !waits {
        return Ok(false);
    }
    for (part, fee) in FeePart::ALL.into_iter().zip(fees) {
        desk.book(AccountId::Escrow(*tag), AccountId::Fee(part), fee)?;
    }
    let now = desk.act.now;
    if let Some(household) = desk.group_buy.households.get_mut(tag) {
        household.delivered_at = Some(now);
    }
    let Stage::Received { purchase, left, .. } = desk.group_buy.header.stage else {
        return Err(wrong_phase(desk.group_buy.header.phase(), Phase::Received));
    };
    match left.saturating_sub(1) {
        0 => desk.enter(Stage::Delivered { purchase, last: now }),
        left => desk.group_buy.header.stage = Stage::Received { purchase, left, last: now },
    }
    Ok(true)
}

/// Automatic delivery to every household that still waits (G35).
pub(in crate::fund) fn the_rest(desk: &mut Desk<'_, '_>) -> Result<(), Refusal> {
    let waiting: Vec<_> = desk
        .group_buy
        .households
        .iter()
        .filter(|(_, household)| household.delivered_at.is_none())
        .map(|(tag, _)| *tag)
        .collect();
    for tag in waiting {
        hand_over(desk, &tag)?;
    }
    Ok(())
}
