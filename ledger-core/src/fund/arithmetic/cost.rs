//! What orders cost, and what households' goods cost in the end.

use crate::{
    fund::group_buy::{Filing, GroupBuy, Household, Offer, OfferIndex, Order, OrderLine},
    types::{Fen, Quantity},
};

/// What so much of an offer costs; nothing where there is no such offer.
pub(in crate::fund) fn of_line(filing: &Filing, offer: OfferIndex, quantity: Quantity) -> Fen {
    let offer = filing.offers.get(usize::from(offer));
    offer.map_or(Fen::ZERO, |offer: &Offer| offer.total(quantity))
}

/// What an order costs; `None` if that is more than money can say.
pub(in crate::fund) fn of_order(filing: &Filing, order: &Order) -> Option<Fen> {
    Fen::sum(order.lines.iter().map(|line| of_line(filing, line.offer, line.quantity)))
}

impl GroupBuy {
    /// What a household's goods cost it: what it was allocated, with all parts of the price.
    #[must_use]
    pub fn spent_by(&self, household: &Household) -> Fen {
        let orders = household.orders.iter().filter_map(|slot| self.orders.slot(*slot));
        let cost = |line: &OrderLine| of_line(&self.filing, line.offer, line.allocated);
        orders
            .flat_map(|order| &order.lines)
            .fold(Fen::ZERO, |sum, line| sum.saturating_add(cost(line)))
    }
}
