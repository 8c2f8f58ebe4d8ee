//! A group buy forms or fails, and its purchase order is confirmed (rules G30, G31).

use crate::{
    codec::encode,
    crypto::{Digest, Domain},
    fund::{
        arithmetic::cost,
        chart::AccountId,
        draft::{Desk, wrong_phase},
        group_buy::{Cover, OfferIndex, OfferTally, Phase, Purchase, Stage},
    },
    refusal::Refusal,
    types::Fen,
};
use std::collections::BTreeMap;

/// Decides at `confirm_by` which orders are covered and whether the group buy forms (G30).
pub(in crate::fund) fn form_or_fail(desk: &mut Desk<'_, '_>) -> Result<(), Refusal> {
    let mut households_covered = 0u32;
    let mut purchased: BTreeMap<OfferIndex, u64> = BTreeMap::new();
    let mut total = Fen::ZERO;
    let households: Vec<_> =
        desk.group_buy.households.iter().map(|(tag, h)| (*tag, h.orders.clone())).collect();
    let mut excess = Vec::with_capacity(households.len());
    for (tag, slots) in &households {
        let mut left = desk.group_buy.balance(&AccountId::Escrow(*tag));
        let mut has_cover = false;
        for slot in slots {
            let Some(order) = desk.group_buy.orders.slot(*slot) else { continue };
            let cost = cost::of_order(desk.group_buy.filing, order).filter(|cost| *cost <= left);
            desk.act.charge(1 + order.lines.len());
            let lines = order.lines.clone();
            let cover = match cost {
                // What costs nothing (a withdrawn order) is covered by nothing.
                Some(cost) if cost > Fen::ZERO => {
                    left = left.saturating_sub(cost);
                    total = total.checked_add(cost).ok_or(Refusal::AmountTooLarge {})?;
                    has_cover = true;
                    for line in &lines {
                        *purchased.entry(line.offer).or_default() += u64::from(line.quantity.get());
                    }
                    Cover::Covered
                }
                Some(_) | None => Cover::Dropped,
            };
            if let Some(order) = desk.group_buy.orders.slot_mut(*slot) {
                order.cover = cover;
            }
        }
        households_covered += u32::from(has_cover);
        excess.push((*tag, left));
    }
    let minimum = desk.group_buy.filing.minimum;
    let formed =
        total > Fen::ZERO && households_covered >= minimum.households && total >= minimum.amount;
    if !formed {
        for slot in households.iter().flat_map(|(_, slots)| slots) {
            if let Some(order) = desk.group_buy.orders.slot_mut(*slot) {
                order.cover = Cover::Dropped;
            }
        }
        desk.refund_all_escrow()?;
        desk.enter(Stage::Failed);
        return Ok(());
    }
    for (tag, left) in excess {
        desk.book(AccountId::Escrow(tag), AccountId::Refund(tag), left)?;
    }
    let quantities: Vec<_> = purchased.iter().map(|(offer, sum)| (*offer, *sum)).collect();
    for (offer, purchased) in purchased {
        let ordered = desk.group_buy.offers.get(&offer).map_or(0, |tally| tally.ordered);
        let tally = OfferTally { ordered, purchased, accepted: 0 };
        desk.group_buy.offers.insert(offer, tally);
    }
    let order = Domain::PurchaseOrder.digest(&[&encode(&quantities)]);
    desk.enter(Stage::Formed(Purchase { total, order }));
    Ok(())
}

/// The supplier confirms total and quantities (G31).
pub(in crate::fund) fn confirm_purchase_order(
    desk: &mut Desk<'_, '_>,
    total: Fen,
    order: &Digest,
) -> Result<(), Refusal> {
    let Stage::Formed(purchase) = desk.group_buy.header.stage else {
        return Err(wrong_phase(desk.group_buy.header.phase(), Phase::Formed));
    };
    if total != purchase.total {
        return Err(Refusal::TotalDiffers { expected: purchase.total, given: total });
    }
    if *order != purchase.order {
        return Err(Refusal::PurchaseOrderDiffers {});
    }
    desk.act.charge(1);
    desk.enter(Stage::Ordered { purchase, note: None });
    Ok(())
}
