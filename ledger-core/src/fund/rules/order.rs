//! Orders: enter, change, withdraw (rules G22, G23, G24).

use crate::{
    codec::{Decode, Encode, List},
    crypto::Digest,
    fund::{
        arithmetic::cost,
        chart::AccountId,
        draft::Desk,
        group_buy::{
            BATCH_MAX, Cover, GROUP_BUY_LINES_MAX, Household, ORDER_LINES_MAX, OfferIndex,
            OfferTally, Order, OrderLine, Phase,
        },
    },
    refusal::Refusal,
    types::{Fen, HouseholdTag, OrderNo, Quantity},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One good on an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct LineRequest {
    /// Which offer of the filing.
    pub offer: OfferIndex,
    /// How much.
    pub quantity: Quantity,
}

/// What one household takes. A change names the version it replaces; without lines it withdraws.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct OrderRequest {
    /// Its number, unique in the group buy.
    pub order: OrderNo,
    /// Whose it is.
    pub household: HouseholdTag,
    /// Hash of the code that the household shows when it takes the goods.
    pub delivery_code: Option<Digest>,
    /// The version that this replaces.
    pub replaces: Option<u32>,
    /// The lines; an order is identified by its number, a line by its position.
    pub lines: List<LineRequest, ORDER_LINES_MAX>,
}

impl OrderRequest {
    fn says_the_same(&self, order: &Order) -> bool {
        self.household == order.household
            && self.delivery_code == order.delivery_code
            && self.lines.len() == order.lines.len()
            && self.lines.iter().zip(&order.lines).all(|(request, line)| {
                (request.offer, request.quantity) == (line.offer, line.quantity)
            })
    }
}

/// Takes a batch of orders. Orders that stand in the ledger as they are given are skipped; if
/// that is all of them, the batch is refused as already done.
pub(in crate::fund) fn place(
    desk: &mut Desk<'_, '_>,
    filing: &Digest,
    orders: &List<OrderRequest, BATCH_MAX>,
) -> Result<(), Refusal> {
    desk.require_phase(Phase::Open)?;
    desk.require_filing(filing)?;
    let cut_off = desk.group_buy.filing.cut_off;
    if desk.act.now >= cut_off {
        return Err(Refusal::CutOffPassed { cut_off });
    }
    let mut repeated = None;
    let mut changed = false;
    for request in orders {
        if place_order(desk, request)? {
            changed = true;
        } else {
            repeated = Some(request.order);
        }
        desk.act.require_work_left()?;
    }
    match (changed, repeated) {
        (true, _) => Ok(()),
        (false, Some(order)) => Err(Refusal::OrderExists { order: order.to_string() }),
        (false, None) => Err(Refusal::NoOrders {}),
    }
}

/// Whether the order changed anything.
fn place_order(desk: &mut Desk<'_, '_>, request: &OrderRequest) -> Result<bool, Refusal> {
    desk.act.charge(1 + request.lines.len());
    let order = || request.order.to_string();
    let existing = desk.group_buy.orders.get(&request.order);
    match (existing, request.replaces) {
        (None, None) if request.lines.is_empty() => return Err(Refusal::NoOrders {}),
        (None, None) => {}
        (None, Some(_)) => return Err(Refusal::OrderUnknown { order: order() }),
        (Some(existing), None) if request.says_the_same(existing) => return Ok(false),
        (Some(_), None) => return Err(Refusal::OrderDiffers { order: order() }),
        (Some(existing), Some(replaces)) => {
            if existing.version == replaces.saturating_add(1) && request.says_the_same(existing) {
                return Ok(false);
            }
            if existing.version != replaces {
                let version = existing.version;
                return Err(Refusal::StaleVersion { order: order(), version });
            }
            if existing.household != request.household {
                return Err(Refusal::OtherHousehold { order: order() });
            }
        }
    }
    let replaced = existing.cloned();
    check_lines(desk, request, replaced.as_ref())?;
    let version = replaced.as_ref().map_or(1, |replaced| replaced.version.saturating_add(1));
    let lines: Vec<_> = request
        .lines
        .iter()
        .map(|line| OrderLine {
            offer: line.offer,
            quantity: line.quantity,
            allocated: Quantity::ZERO,
        })
        .collect();
    let order = Order {
        household: request.household,
        version,
        delivery_code: request.delivery_code,
        lines: List::new(lines).unwrap_or_default(),
        cover: Cover::Open,
    };
    match replaced {
        None => {
            let slot = desk.group_buy.orders.add(request.order, order);
            enlist(desk, request.household, slot);
        }
        Some(replaced) => {
            desk.group_buy.orders.insert(request.order, order);
            refund_reduction(desk, &replaced, request)?;
        }
    }
    Ok(true)
}

fn enlist(desk: &mut Desk<'_, '_>, household: HouseholdTag, slot: u32) {
    // One order has at least one line when it is entered, so lines bound orders.
    let households = &mut desk.group_buy.households;
    match households.get_mut(&household) {
        Some(record) => {
            let mut orders = std::mem::take(&mut record.orders).into_vec();
            orders.push(slot);
            record.orders = List::new(orders).unwrap_or_default();
        }
        None => {
            let orders = List::new(vec![slot]).unwrap_or_default();
            households.add(household, Household { orders, ..Household::default() });
        }
    }
}

fn check_lines(
    desk: &mut Desk<'_, '_>,
    request: &OrderRequest,
    replaced: Option<&Order>,
) -> Result<(), Refusal> {
    let filing = desk.group_buy.filing.clone();
    let replaced_lines = replaced.map_or(&[][..], |order| &order.lines);
    let line_count = usize::try_from(desk.group_buy.header.line_count).unwrap_or(usize::MAX);
    // A withdrawn order keeps its place, so it counts as one line for ever.
    let weight = |lines: usize| lines.max(1);
    let line_count = line_count - replaced.map_or(0, |order| weight(order.lines.len()))
        + weight(request.lines.len());
    let line_count = u32::try_from(line_count).unwrap_or(u32::MAX);
    if line_count > GROUP_BUY_LINES_MAX {
        return Err(Refusal::TooManyLines { max: GROUP_BUY_LINES_MAX });
    }
    for line in replaced_lines {
        let limited = filing.offers.get(usize::from(line.offer)).is_some_and(|o| o.stock.is_some());
        if limited && let Some(tally) = desk.group_buy.offers.get_mut(&line.offer) {
            tally.ordered = tally.ordered.saturating_sub(u64::from(line.quantity.get()));
        }
    }
    let mut taken = taken_elsewhere(desk, request);
    let mut total = Fen::ZERO;
    for (position, line) in (0u16..).zip(&request.lines) {
        let order = || request.order.to_string();
        let quantity = u64::from(line.quantity.get());
        let Some(offer) = filing.offers.get(usize::from(line.offer)) else {
            return Err(Refusal::UnknownOffer { order: order(), position });
        };
        if quantity == 0 {
            return Err(Refusal::ZeroQuantity { order: order(), position });
        }
        // A line that rounds to nothing would be covered without a payment.
        let cost = offer.total(line.quantity);
        if cost == Fen::ZERO {
            return Err(Refusal::ZeroAmount {});
        }
        total = total.checked_add(cost).ok_or(Refusal::AmountTooLarge {})?;
        if let Some(stock) = offer.stock {
            if !desk.group_buy.offers.contains(&line.offer) {
                desk.group_buy.offers.insert(line.offer, OfferTally::default());
            }
            let tally = desk.group_buy.offers.get_mut(&line.offer).expect("inserted above");
            tally.ordered = tally.ordered.saturating_add(quantity);
            if tally.ordered > stock {
                return Err(Refusal::OverStock { order: order(), position });
            }
        }
        if let Some(cap) = offer.cap {
            let taken = taken.entry(line.offer).or_default();
            *taken = taken.saturating_add(quantity);
            if *taken > cap {
                return Err(Refusal::OverCap { order: order(), position });
            }
        }
    }
    desk.group_buy.header.line_count = line_count;
    Ok(())
}

/// What the household's other orders take of each offer, if this order asks for one with a cap.
fn taken_elsewhere(desk: &mut Desk<'_, '_>, request: &OrderRequest) -> BTreeMap<OfferIndex, u64> {
    let offers = &desk.group_buy.filing.offers;
    let capped = |line: &LineRequest| {
        offers.get(usize::from(line.offer)).is_some_and(|offer| offer.cap.is_some())
    };
    let mut taken = BTreeMap::new();
    if !request.lines.iter().any(capped) {
        return taken;
    }
    let household = desk.group_buy.households.get(&request.household);
    let own = desk.group_buy.orders.slot_of(&request.order);
    let slots = household.map_or(&[][..], |household| &household.orders);
    let mut work = slots.len();
    let others = slots.iter().filter(|slot| Some(**slot) != own);
    for order in others.filter_map(|slot| desk.group_buy.orders.slot(*slot)) {
        work += order.lines.len();
        for line in &order.lines {
            let sum = taken.entry(line.offer).or_insert(0u64);
            *sum = sum.saturating_add(u64::from(line.quantity.get()));
        }
    }
    desk.act.charge(work);
    taken
}

/// Gives back what a smaller order no longer needs of the money that was paid for it (G24).
fn refund_reduction(
    desk: &mut Desk<'_, '_>,
    replaced: &Order,
    request: &OrderRequest,
) -> Result<(), Refusal> {
    let filing = desk.group_buy.filing.clone();
    let total = |offer, quantity| cost::of_line(&filing, offer, quantity);
    let sum = |amounts: &mut dyn Iterator<Item = Fen>| {
        Fen::sum(amounts).ok_or(Refusal::AmountTooLarge {})
    };
    let before = sum(&mut replaced.lines.iter().map(|l| total(l.offer, l.quantity)))?;
    let after = sum(&mut request.lines.iter().map(|l| total(l.offer, l.quantity)))?;
    let escrow = AccountId::Escrow(request.household);
    let held = desk.group_buy.balance(&escrow);
    if after >= before || held == Fen::ZERO {
        return Ok(());
    }
    let excess = held.saturating_sub(ordered_total(desk, &request.household));
    let refund = excess.min(before.saturating_sub(after));
    desk.book(escrow, AccountId::Refund(request.household), refund)
}

/// What all orders of a household cost; the largest amount if that is more than money can say.
fn ordered_total(desk: &mut Desk<'_, '_>, household: &HouseholdTag) -> Fen {
    let record = desk.group_buy.households.get(household);
    let slots = record.map_or(&[][..], |record| &record.orders);
    let mut sum = Fen::ZERO;
    let mut work = slots.len();
    for order in slots.iter().filter_map(|slot| desk.group_buy.orders.slot(*slot)) {
        work += order.lines.len();
        sum = sum.saturating_add(
            cost::of_order(desk.group_buy.filing, order).unwrap_or(Fen::new(u64::MAX)),
        );
    }
    desk.act.charge(work);
    sum
}
