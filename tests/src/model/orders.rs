//! Orders, changes and withdrawals (G22 to G24).

use super::{
    Model, prices,
    refusals::{
        AMOUNT_TOO_LARGE, Answer, CUT_OFF_PASSED, NO_ORDERS, ORDER_DIFFERS, ORDER_EXISTS,
        ORDER_UNKNOWN, OTHER_HOUSEHOLD, OVER_CAP, OVER_STOCK, STALE_VERSION, TOO_MANY_LINES,
        UNKNOWN_OFFER, ZERO_AMOUNT, ZERO_QUANTITY,
    },
    world::{GroupBuy, Line, Order},
};
use ledger_core::{
    crypto::Digest,
    fund::{AccountId, OrderRequest, Phase},
    types::{GroupBuyId, HouseholdTag, MemberId, OrderNo},
};

/// G6: lines in a group buy, a withdrawn order counting as one.
const LINES_MAX: usize = 4_000;

impl GroupBuy {
    /// What the orders of a household cost, or one of its orders.
    fn cost<'a>(&self, orders: impl Iterator<Item = &'a Order>) -> u128 {
        let lines = orders.flat_map(|order| &order.lines);
        lines.map(|line| u128::from(self.price_of(line))).sum()
    }

    pub(crate) fn price_of(&self, line: &Line) -> u64 {
        prices::line_price(&self.filing.offers[usize::from(line.offer)], line.quantity)
    }

    /// What a household's orders cost.
    pub(crate) fn cost_of_household(&self, household: HouseholdTag) -> u128 {
        self.cost(self.orders_of(household))
    }

    pub(crate) fn cost_of_order(&self, order: &Order) -> u128 {
        self.cost(std::iter::once(order))
    }

    /// How much of an offer is on these orders.
    fn ordered<'a>(&self, orders: impl Iterator<Item = &'a Order>, offer: u16) -> u64 {
        let lines = orders.flat_map(|order| &order.lines);
        lines.filter(|line| line.offer == offer).map(|line| u64::from(line.quantity)).sum()
    }

    /// How much room is left in it: a withdrawn order counts as one line.
    fn line_count(&self) -> usize {
        self.orders.iter().map(|order| order.lines.len().max(1)).sum()
    }
}

impl Model {
    /// G22.
    pub(super) fn order(
        &mut self,
        author: MemberId,
        id: GroupBuyId,
        filing: Digest,
        requests: &[OrderRequest],
    ) -> Answer<()> {
        self.is_leader_of(author, id)?;
        self.in_phase(id, &[Phase::Open])?;
        self.names_filing(id, filing)?;
        if self.world.now >= self.group_buy(id)?.filing.cut_off {
            return Err(CUT_OFF_PASSED);
        }
        if requests.is_empty() {
            return Err(NO_ORDERS);
        }
        let mut news = false;
        for request in requests {
            news |= self.enter_order(id, request)?;
        }
        // G22: a batch that has nothing new is answered as already done.
        if news { Ok(()) } else { Err(ORDER_EXISTS) }
    }

    /// Enters or changes one order; `false` if it stands as given.
    fn enter_order(&mut self, id: GroupBuyId, request: &OrderRequest) -> Answer<bool> {
        let group_buy = self.group_buy(id)?;
        let version = match (group_buy.order(request.order), request.replaces) {
            (None, None) if request.lines.is_empty() => return Err(NO_ORDERS),
            (None, None) => 1,
            (None, Some(_)) => return Err(ORDER_UNKNOWN),
            (Some(standing), None) if says_the_same(standing, request) => return Ok(false),
            (Some(_), None) => return Err(ORDER_DIFFERS),
            // The change has been made.
            (Some(standing), Some(replaced))
                if standing.version == replaced.saturating_add(1)
                    && says_the_same(standing, request) =>
            {
                return Ok(false);
            }
            // G23: a change names the version that it replaces and the same household.
            (Some(standing), Some(replaced)) => {
                if standing.version != replaced {
                    return Err(STALE_VERSION);
                }
                if standing.household != request.household {
                    return Err(OTHER_HOUSEHOLD);
                }
                standing.version + 1
            }
        };
        check_lines(group_buy, request)?;
        // An order is an amount that the books can say.
        let lines = request.lines.iter();
        let prices = lines.map(|line| {
            let offer = &group_buy.filing.offers[usize::from(line.offer)];
            u128::from(prices::line_price(offer, line.quantity.get()))
        });
        if prices.sum::<u128>() > u128::from(u64::MAX) {
            return Err(AMOUNT_TOO_LARGE);
        }
        self.replace_order(id, request, version)?;
        Ok(true)
    }

    /// G23, G24: puts the order in its place, and what it makes cheaper from Escrow to Refund.
    fn replace_order(
        &mut self,
        id: GroupBuyId,
        request: &OrderRequest,
        version: u32,
    ) -> Answer<()> {
        let household = request.household;
        let group_buy = self.group_buy_mut(id);
        let cost_before = group_buy.cost_of_household(household);
        let lines = request.lines.iter().map(|line| Line {
            offer: line.offer,
            quantity: line.quantity.get(),
            allocated: 0,
        });
        let order = Order {
            number: request.order,
            household,
            version,
            delivery_code: request.delivery_code,
            lines: lines.collect(),
            covered: false,
        };
        match group_buy.orders.iter_mut().find(|standing| standing.number == request.order) {
            Some(place) => *place = order,
            None => group_buy.orders.push(order),
        }
        let cost = group_buy.cost_of_household(household);
        let cheaper = cost_before.saturating_sub(cost);
        let escrow = AccountId::Escrow(household);
        let not_needed = u128::from(self.in_group_buy(id, escrow)).saturating_sub(cost);
        let back = u64::try_from(cheaper.min(not_needed)).expect("no more than the Escrow");
        self.post_own(id, escrow, AccountId::Refund(household), back);
        Ok(())
    }
}

fn says_the_same(standing: &Order, request: &OrderRequest) -> bool {
    let pairs = || standing.lines.iter().zip(request.lines.iter());
    standing.household == request.household
        && standing.delivery_code == request.delivery_code
        && standing.lines.len() == request.lines.len()
        && pairs()
            .all(|(line, asked)| line.offer == asked.offer && line.quantity == asked.quantity.get())
}

/// G22: each line names an offer and a quantity that costs something, and is there to be had.
fn check_lines(group_buy: &GroupBuy, request: &OrderRequest) -> Answer<()> {
    let number: OrderNo = request.order;
    let replaced = group_buy.order(number).map_or(0, |order| order.lines.len().max(1));
    if group_buy.line_count() - replaced + request.lines.len().max(1) > LINES_MAX {
        return Err(TOO_MANY_LINES);
    }
    let others = || group_buy.orders.iter().filter(|order| order.number != number);
    for (position, line) in request.lines.iter().enumerate() {
        let filed = group_buy.filing.offers.get(usize::from(line.offer));
        let Some(offer) = filed else { return Err(UNKNOWN_OFFER) };
        if line.quantity.get() == 0 {
            return Err(ZERO_QUANTITY);
        }
        if prices::line_price(offer, line.quantity.get()) == 0 {
            return Err(ZERO_AMOUNT);
        }
        let here = request.lines[..=position].iter().filter(|other| other.offer == line.offer);
        let here: u64 = here.map(|other| u64::from(other.quantity.get())).sum();
        // Stock is counted over all orders, a cap over all orders of the household.
        let ordered = group_buy.ordered(others(), line.offer);
        if offer.stock.is_some_and(|stock| ordered + here > stock) {
            return Err(OVER_STOCK);
        }
        let own = others().filter(|order| order.household == request.household);
        if offer.cap.is_some_and(|cap| group_buy.ordered(own, line.offer) + here > cap) {
            return Err(OVER_CAP);
        }
    }
    Ok(())
}
