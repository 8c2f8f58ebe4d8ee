//! What sensible people do next about a group buy, going by its phase.

use super::{
    cast::{HOUSEHOLDS, delivery_code, household},
    generator::{Generator, Idea},
    list,
};
use crate::model::{
    Model, hash, hash_of,
    world::{GroupBuy, Payment, PaymentState},
};
use ledger_core::{
    crypto::Digest,
    fund::{
        AccountId, Action, Confirmation, FeePart, FilingDecision, GoodsNote, LineRequest, Movement,
        OrderRequest, PayTo, PaymentRecord, Payout, Phase, RefundItem, Role, Share,
    },
    types::{DurationMs, Fen, HouseholdTag, MemberId, OrderNo, Quantity, Unit},
};

/// Most orders in a batch here.
const BATCH: u64 = 3;
/// Kinds of goods notes that people sign.
pub(super) const NOTES: u64 = 6;

impl Generator {
    /// What somebody would do next about this group buy; nothing, if they only wait.
    pub(super) fn wish_for(&mut self, model: &Model, buy: &GroupBuy) -> Option<Idea> {
        if self.rng.chance(8) && !has_ended(buy.phase) {
            return Some(self.cancel(buy));
        }
        if self.rng.chance(80)
            && let Some(idea) = self.decide_payment(model, buy)
        {
            return Some(idea);
        }
        match buy.phase {
            Phase::Filed => Some(self.decide_filing(buy)),
            Phase::Open => self.while_open(model, buy),
            Phase::Formed => {
                let action = Action::ConfirmPurchaseOrder {
                    group_buy: buy.id(),
                    total: Fen::ZERO,
                    purchase_order: Digest::default(),
                };
                Some(Idea::of(buy.filing.supplier, action))
            }
            Phase::Ordered => Some(self.take_goods(model, buy)),
            Phase::Received => Some(self.deliver(buy)),
            Phase::Delivered => {
                let held = [AccountId::Payable, AccountId::Retention];
                let payable = held.map(|id| model.in_group_buy(buy.id(), id)).iter().sum();
                let payable = Fen::new(payable);
                let movement = Movement::Settle { group_buy: buy.id(), payable };
                let author = self.one_with(Role::Property);
                Some(Idea::of(author, Action::Propose(movement)))
            }
            Phase::Settled if self.rng.chance(600) => self.pay_out(model, buy),
            Phase::Settled | Phase::Rejected | Phase::Failed | Phase::Cancelled => {
                self.refund(model, buy)
            }
        }
    }

    fn cancel(&mut self, buy: &GroupBuy) -> Idea {
        let author = self.one_of_board();
        Idea::of(author, Action::Propose(Movement::Cancel { group_buy: buy.id() }))
    }

    fn decide_filing(&mut self, buy: &GroupBuy) -> Idea {
        let (decision, author) = match self.rng.below(20) {
            0 => (FilingDecision::Reject(3), self.one_of_board()),
            1..=8 => (FilingDecision::Approve, self.one_with(Role::Property)),
            9..=14 => (FilingDecision::Approve, self.one_with(Role::Committee)),
            _ => (FilingDecision::Accept, buy.filing.supplier),
        };
        let filing = Digest::default();
        Idea::of(author, Action::DecideFiling { group_buy: buy.id(), filing, decision })
    }

    fn while_open(&mut self, model: &Model, buy: &GroupBuy) -> Option<Idea> {
        match self.rng.below(100) {
            0..=39 => Some(self.enter_orders(buy)),
            40..=69 => self.record(model, buy),
            70..=91 => self.decide_payment(model, buy),
            92..=95 => self.identify(model, buy),
            _ => self.refund(model, buy),
        }
    }

    fn enter_orders(&mut self, buy: &GroupBuy) -> Idea {
        let count = if self.rng.chance(700) { 1 } else { self.rng.between(1, BATCH) };
        let orders = (0..count).map(|_| self.order_request(buy)).collect();
        let action =
            Action::Order { group_buy: buy.id(), filing: Digest::default(), orders: list(orders) };
        Idea::of(buy.leader, action)
    }

    fn order_request(&mut self, buy: &GroupBuy) -> OrderRequest {
        let number = self.rng.below(12);
        let order: OrderNo = format!("order-{number}").parse().expect("a code");
        let standing = buy.order(order);
        let of = u8::try_from(self.rng.below(u64::from(HOUSEHOLDS))).expect("few");
        let tag = standing.map_or(household(of), |order| order.household);
        let code = delivery_code(tag);
        let code = hash("delivery-code", &[&tag.as_bytes()[..], &code[..]].concat());
        let withdraws = standing.is_some() && self.rng.chance(150);
        let count = if withdraws { 0 } else { self.rng.between(1, 3) };
        let lines = (0..count).map(|_| self.line_request(buy)).collect();
        OrderRequest {
            order,
            household: tag,
            delivery_code: self.rng.chance(800).then_some(code),
            replaces: standing.map(|order| order.version),
            lines: list(lines),
        }
    }

    fn line_request(&mut self, buy: &GroupBuy) -> LineRequest {
        let position = self.rng.index(buy.filing.offers.len());
        let most = match buy.filing.offers[position].unit {
            Unit::Weight => 4_000,
            Unit::Piece => 5,
        };
        let quantity = u32::try_from(self.rng.between(1, most)).expect("small");
        let offer = u16::try_from(position).expect("few offers");
        LineRequest { offer, quantity: Quantity::new(quantity) }
    }

    /// What is still to be paid for a household, by its orders, its money and what is recorded.
    fn unpaid(model: &Model, buy: &GroupBuy, household: HouseholdTag) -> u64 {
        let cost = u64::try_from(buy.cost_of_household(household)).unwrap_or(u64::MAX);
        let escrow = model.in_group_buy(buy.id(), AccountId::Escrow(household));
        let waiting = buy.payments.iter().filter(|p| p.state == PaymentState::Recorded);
        let waiting = waiting.flat_map(|payment| payment.record.shares.iter());
        let waiting = waiting.filter(|share| share.household == household);
        let recorded: u64 = waiting.map(|share| share.amount.get()).sum();
        cost.saturating_sub(escrow).saturating_sub(recorded)
    }

    fn record(&mut self, model: &Model, buy: &GroupBuy) -> Option<Idea> {
        let households = buy.households();
        let mut shares = Vec::new();
        let count = if self.rng.chance(800) { 1 } else { 2 };
        for _ in 0..count {
            let household = *households.get(self.rng.index(households.len()))?;
            let unpaid = Self::unpaid(model, buy, household);
            let amount = match self.rng.below(20) {
                0 => self.rng.between(1, 5_000),
                1 => unpaid.saturating_sub(1),
                2 => unpaid.saturating_add(1),
                3 => unpaid / 2,
                _ => unpaid,
            };
            let known = shares.iter().any(|share: &Share| share.household == household);
            if amount > 0 && (!known || self.rng.chance(50)) {
                shares.push(Share { household, amount: Fen::new(amount) });
            }
        }
        if shares.is_empty() {
            return None;
        }
        let now = model.world.now;
        let paid_at = match self.rng.below(20) {
            0 => buy.filing.cut_off,
            1 => buy.filing.cut_off.after(DurationMs::new(1)),
            _ => now,
        };
        let record = PaymentRecord {
            number: self.fresh_number("in"),
            channel: self.some_channel(),
            paid_at,
            shares: list(shares),
        };
        let payments = list(vec![record]);
        Some(Idea::of(buy.leader, Action::RecordPayments { group_buy: buy.id(), payments }))
    }

    /// The custodian confirms what is recorded in its channels, or refuses it.
    fn decide_payment(&mut self, model: &Model, buy: &GroupBuy) -> Option<Idea> {
        let waiting: Vec<&Payment> =
            buy.payments.iter().filter(|p| p.state == PaymentState::Recorded).collect();
        let first = waiting.get(self.rng.index(waiting.len()))?;
        let custodian = model.custodian(first.record.channel).ok()?;
        if self.rng.chance(60) {
            let (number, record) = (first.record.number, Digest::default());
            let action = Action::RefusePayment { group_buy: buy.id(), number, record };
            return Some(Idea::of(custodian, action));
        }
        let of_custodian =
            waiting.iter().filter(|p| model.custodian(p.record.channel) == Ok(custodian));
        let most = usize::try_from(self.rng.between(1, 4)).expect("few");
        let confirmations = of_custodian.take(most).map(|payment| Confirmation {
            number: payment.record.number,
            record: Digest::default(),
            amount: Fen::sum(payment.record.shares.iter().map(|share| share.amount))
                .unwrap_or_default(),
        });
        let confirmations = list(confirmations.collect());
        Some(Idea::of(custodian, Action::ConfirmPayments { group_buy: buy.id(), confirmations }))
    }

    /// Leader and custodian say whose money it was.
    fn identify(&mut self, model: &Model, buy: &GroupBuy) -> Option<Idea> {
        let (payment, amount) = self.some_unidentified(model)?;
        let households = buy.households();
        let first = *households.get(self.rng.index(households.len()))?;
        let second = *households.get(self.rng.index(households.len()))?;
        let mut shares = vec![Share { household: first, amount: Fen::new(amount) }];
        if first != second && amount > 1 && self.rng.chance(500) {
            let part = self.rng.between(1, amount - 1);
            shares[0].amount = Fen::new(amount - part);
            shares.push(Share { household: second, amount: Fen::new(part) });
        }
        let group_buy = buy.id();
        let movement = Movement::Identify { payment, group_buy, shares: list(shares) };
        Some(Idea::of(buy.leader, Action::Propose(movement)))
    }

    /// Refunds to households that are owed something, from payments that have something left.
    pub(super) fn refund(&mut self, model: &Model, buy: &GroupBuy) -> Option<Idea> {
        let mut items: Vec<RefundItem> = Vec::new();
        let mut custodian = None;
        let most = usize::try_from(self.rng.between(1, 3)).expect("few");
        for household in buy.households() {
            let owed = model.in_group_buy(buy.id(), AccountId::Refund(household));
            let mut from = buy.payments.iter().filter_map(|payment| {
                let shares = payment.record.shares.iter().zip(&payment.left);
                let left = shares.filter(|(share, _)| share.household == household);
                let left: u64 = left.map(|(_, left)| *left).sum();
                (left > 0).then_some((payment, left))
            });
            if let Some((payment, left)) = from.next()
                && owed > 0
                && items.len() < most
            {
                let keeper = model.custodian(payment.record.channel).ok()?;
                if *custodian.get_or_insert(keeper) == keeper {
                    let whole = owed.min(left);
                    let amount =
                        if self.rng.chance(800) { whole } else { self.rng.between(1, whole) };
                    items.push(RefundItem {
                        household,
                        payment: payment.record.number,
                        amount: Fen::new(amount),
                        number: self.fresh_number("back"),
                    });
                }
            }
        }
        let movement = Movement::Refund { group_buy: buy.id(), items: list(items) };
        Some(Idea::of(custodian?, Action::Propose(movement)))
    }

    /// A goods note of a kind that both sides may come to.
    pub(super) fn note(buy: &GroupBuy, kind: u64) -> GoodsNote {
        let purchased = buy.purchase_order();
        let accepted: Vec<(u16, u64)> = match kind {
            0 => purchased,
            1 => Vec::new(),
            2 => purchased.into_iter().map(|(offer, sum)| (offer, sum.saturating_sub(1))).collect(),
            3 => purchased.into_iter().map(|(offer, sum)| (offer, sum / 2)).collect(),
            4 => purchased.into_iter().skip(1).collect(),
            _ => {
                let offers = (0u16..).zip(buy.filing.offers.iter()).map(|(offer, _)| offer);
                offers.map(|offer| (offer, buy.purchased(offer) * 9 / 10)).collect()
            }
        };
        GoodsNote { group_buy: buy.id(), accepted: list(accepted) }
    }

    fn take_goods(&mut self, model: &Model, buy: &GroupBuy) -> Idea {
        let policy = &model.world.policy;
        let since = buy.note.as_ref().map_or(buy.filing.deliver_by, |half| half.at);
        let overdue = model.world.now >= since.after(policy.goods_note_wait);
        let signed = |kind: &u64| {
            let half = buy.note.as_ref();
            half.is_some_and(|half| half.hash == hash_of("goods-note", &Self::note(buy, *kind)))
        };
        let kind = match (0..NOTES).find(signed) {
            Some(kind) if self.rng.chance(800) => kind,
            _ => self.rng.below(NOTES),
        };
        let note = Self::note(buy, kind);
        if self.rng.chance(if overdue { 600 } else { 50 }) {
            let author = self.one_of_board();
            return Idea::of(author, Action::Propose(Movement::DecideGoods(note)));
        }
        let author = match self.rng.below(5) {
            0 => self.one_with(Role::Property),
            1 | 2 => buy.leader,
            _ => buy.filing.supplier,
        };
        Idea::of(author, Action::SignGoodsNote(note))
    }

    fn deliver(&mut self, buy: &GroupBuy) -> Idea {
        let waiting = buy.households().into_iter().filter(|h| !buy.delivered.contains(h));
        let mut waiting: Vec<HouseholdTag> = waiting.collect();
        let most = usize::try_from(self.rng.between(1, 4)).expect("few");
        let skip = self.rng.index(waiting.len());
        waiting = waiting.into_iter().skip(skip).take(most).collect();
        if self.rng.chance(300) {
            let evidence = Digest::new(self.rng.bytes());
            let households = list(waiting);
            let movement = Movement::Deliver { group_buy: buy.id(), households, evidence };
            return Idea::of(buy.leader, Action::Propose(movement));
        }
        let codes = waiting.into_iter().map(|tag| (tag, delivery_code(tag))).collect();
        Idea::of(buy.leader, Action::Deliver { group_buy: buy.id(), codes: list(codes) })
    }

    fn pay_out(&mut self, model: &Model, buy: &GroupBuy) -> Option<Idea> {
        let group_buy = buy.id();
        let mut owed = vec![(PayTo::Supplier, AccountId::Payable)];
        owed.extend(
            (0u8..).zip(FeePart::ALL).map(|(n, part)| (PayTo::Fee(n), AccountId::Fee(part))),
        );
        owed.retain(|(_, account)| model.in_group_buy(group_buy, *account) > 0);
        if owed.is_empty() {
            return self.refund(model, buy);
        }
        let (to, account) = owed[self.rng.index(owed.len())];
        let held = model.in_group_buy(group_buy, account);
        if account == AccountId::Fee(FeePart::Property) && self.rng.chance(300) {
            let channel = self.some_channel();
            let kept =
                model.balance(&crate::model::Account::of_chain(AccountId::ChannelFee(channel)));
            let amount = Fen::new(kept.min(held));
            let movement = Movement::BearChannelFee { group_buy, channel, amount };
            let author = self.one_with(Role::Property);
            return Some(Idea::of(author, Action::Propose(movement)));
        }
        let amount = if self.rng.chance(850) { held } else { self.rng.between(1, held) };
        let channel = self.channel_with(model, amount);
        let author: MemberId = model.custodian(channel).ok()?;
        let payout = Payout { channel, number: self.fresh_number("out"), amount: Fen::new(amount) };
        Some(Idea::of(author, Action::Propose(Movement::PayOut { group_buy, to, payout })))
    }
}

/// Whether what is left in a group buy is only to be paid out.
fn has_ended(phase: Phase) -> bool {
    matches!(phase, Phase::Settled | Phase::Rejected | Phase::Failed | Phase::Cancelled)
}
