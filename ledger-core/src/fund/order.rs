//! Orders: enter, change, withdraw (rules G22, G23, G24).

use super::{
    account::AccountId,
    draft::Desk,
    filing::OfferIndex,
    group_buy::{
        BATCH_MAX, Cover, GROUP_BUY_LINES_MAX, Household, ORDER_LINES_MAX, Order, OrderLine, Phase,
    },
};
use crate::{
    codec::{Decode, Encode, List},
    crypto::Digest,
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

impl Desk<'_, '_> {
    /// Takes a batch of orders. Orders that stand in the ledger as they are given are skipped; if
    /// that is all of them, the batch is refused as already done.
    pub(super) fn place_orders(
        &mut self,
        filing: &Digest,
        orders: &List<OrderRequest, BATCH_MAX>,
    ) -> Result<(), Refusal> {
        self.require_leader()?;
        self.require_phase(Phase::Open)?;
        self.require_filing(filing)?;
        let cut_off = self.group_buy.filing.cut_off;
        if self.act.now >= cut_off {
            return Err(Refusal::CutOffPassed { cut_off });
        }
        let mut repeated = None;
        let mut changed = false;
        for request in orders {
            if self.place_order(request)? {
                changed = true;
            } else {
                repeated = Some(request.order);
            }
            self.act.require_work_left()?;
        }
        match (changed, repeated) {
            (true, _) => Ok(()),
            (false, Some(order)) => Err(Refusal::OrderExists { order: order.to_string() }),
            (false, None) => Err(Refusal::NoOrders {}),
        }
    }

    /// Whether the order changed anything.
    fn place_order(&mut self, request: &OrderRequest) -> Result<bool, Refusal> {
        self.act.charge(1 + request.lines.len());
        let order = || request.order.to_string();
        let existing = self.group_buy.orders.get(&request.order);
        match (existing, request.replaces) {
            (None, None) if request.lines.is_empty() => return Err(Refusal::NoOrders {}),
            (None, None) => {}
            (None, Some(_)) => return Err(Refusal::OrderUnknown { order: order() }),
            (Some(existing), None) if request.says_the_same(existing) => return Ok(false),
            (Some(_), None) => return Err(Refusal::OrderDiffers { order: order() }),
            (Some(existing), Some(replaces)) => {
                if existing.version == replaces.saturating_add(1) && request.says_the_same(existing)
                {
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
        self.check_lines(request, replaced.as_ref())?;
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
                let slot = self.group_buy.orders.add(request.order, order);
                self.enlist(request.household, slot);
            }
            Some(replaced) => {
                self.group_buy.orders.insert(request.order, order);
                self.refund_reduction(&replaced, request)?;
            }
        }
        Ok(true)
    }

    fn enlist(&mut self, household: HouseholdTag, slot: u32) {
        // One order has at least one line when it is entered, so lines bound orders.
        let households = &mut self.group_buy.households;
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
        &mut self,
        request: &OrderRequest,
        replaced: Option<&Order>,
    ) -> Result<(), Refusal> {
        let filing = self.group_buy.filing.clone();
        let replaced_lines = replaced.map_or(&[][..], |order| &order.lines);
        let line_count = usize::try_from(self.group_buy.header.line_count).unwrap_or(usize::MAX);
        // A withdrawn order keeps its place, so it counts as one line for ever.
        let weight = |lines: usize| lines.max(1);
        let line_count = line_count - replaced.map_or(0, |order| weight(order.lines.len()))
            + weight(request.lines.len());
        let line_count = u32::try_from(line_count).unwrap_or(u32::MAX);
        if line_count > GROUP_BUY_LINES_MAX {
            return Err(Refusal::TooManyLines { max: GROUP_BUY_LINES_MAX });
        }
        for line in replaced_lines {
            let limited =
                filing.offers.get(usize::from(line.offer)).is_some_and(|o| o.stock.is_some());
            if limited && let Some(tally) = self.group_buy.offers.get_mut(&line.offer) {
                tally.ordered = tally.ordered.saturating_sub(u64::from(line.quantity.get()));
            }
        }
        let mut taken = self.taken_elsewhere(request);
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
                if !self.group_buy.offers.contains(&line.offer) {
                    self.group_buy.offers.insert(line.offer, super::OfferTally::default());
                }
                let tally = self.group_buy.offers.get_mut(&line.offer).expect("inserted above");
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
        self.group_buy.header.line_count = line_count;
        Ok(())
    }

    /// What the household's other orders take of each offer, if this order asks for one with a cap.
    fn taken_elsewhere(&mut self, request: &OrderRequest) -> BTreeMap<OfferIndex, u64> {
        let offers = &self.group_buy.filing.offers;
        let capped = |line: &LineRequest| {
            offers.get(usize::from(line.offer)).is_some_and(|offer| offer.cap.is_some())
        };
        let mut taken = BTreeMap::new();
        if !request.lines.iter().any(capped) {
            return taken;
        }
        let household = self.group_buy.households.get(&request.household);
        let own = self.group_buy.orders.slot_of(&request.order);
        let slots = household.map_or(&[][..], |household| &household.orders);
        let mut work = slots.len();
        let others = slots.iter().filter(|slot| Some(**slot) != own);
        for order in others.filter_map(|slot| self.group_buy.orders.slot(*slot)) {
            work += order.lines.len();
            for line in &order.lines {
                let sum = taken.entry(line.offer).or_insert(0u64);
                *sum = sum.saturating_add(u64::from(line.quantity.get()));
            }
        }
        self.act.charge(work);
        taken
    }

    /// Gives back what a smaller order no longer needs of the money that was paid for it (G24).
    fn refund_reduction(
        &mut self,
        replaced: &Order,
        request: &OrderRequest,
    ) -> Result<(), Refusal> {
        let filing = self.group_buy.filing.clone();
        let total = |offer: OfferIndex, quantity| {
            filing.offers.get(usize::from(offer)).map_or(Fen::ZERO, |offer| offer.total(quantity))
        };
        let sum = |amounts: &mut dyn Iterator<Item = Fen>| {
            Fen::sum(amounts).ok_or(Refusal::AmountTooLarge {})
        };
        let before = sum(&mut replaced.lines.iter().map(|l| total(l.offer, l.quantity)))?;
        let after = sum(&mut request.lines.iter().map(|l| total(l.offer, l.quantity)))?;
        let escrow = AccountId::Escrow(request.household);
        let held = self.group_buy.balance(&escrow);
        if after >= before || held == Fen::ZERO {
            return Ok(());
        }
        let excess = held.saturating_sub(self.ordered_total(&request.household));
        let refund = excess.min(before.saturating_sub(after));
        self.book(escrow, AccountId::Refund(request.household), refund)
    }

    /// What all orders of a household cost; the largest amount if that is more than money can say.
    fn ordered_total(&mut self, household: &HouseholdTag) -> Fen {
        let record = self.group_buy.households.get(household);
        let slots = record.map_or(&[][..], |record| &record.orders);
        let mut sum = Fen::ZERO;
        let mut work = slots.len();
        for order in slots.iter().filter_map(|slot| self.group_buy.orders.slot(*slot)) {
            work += order.lines.len();
            sum = sum.saturating_add(self.order_total(order).unwrap_or(Fen::new(u64::MAX)));
        }
        self.act.charge(work);
        sum
    }

    /// What an order costs; `None` if that is more than money can say.
    pub(super) fn order_total(&self, order: &Order) -> Option<Fen> {
        let offers = &self.group_buy.filing.offers;
        Fen::sum(order.lines.iter().filter_map(|line| {
            offers.get(usize::from(line.offer)).map(|offer| offer.total(line.quantity))
        }))
    }
}
