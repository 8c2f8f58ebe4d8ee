//! What holds whatever people do: nothing is lost, nobody is paid twice, everything ends at zero.

#![allow(clippy::unwrap_used, reason = "a test stops where it is wrong")]

mod support;

use ledger_core::{
    accounting::AccountName as _,
    crypto::{Digest, Domain},
    fund::{
        AccountId, Action, Beneficiary, Cover, FeePart, Filing, GroupBuy, Minimum, Movement, Offer,
        OrderRequest, PayTo, PaymentRecord, PaymentState, Phase, Share,
    },
    types::{Fen, GroupBuyId, MemberId, Quantity, TimestampMs, Unit},
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use support::*;

/// f(quantity) again, in other words than the ledger's.
fn cost(offer: &Offer, quantity: u32) -> u64 {
    let (price, quantity) = (u128::from(offer.price.get()), u128::from(quantity));
    let fen = match offer.unit {
        Unit::Piece => price * quantity,
        Unit::Weight => (2 * price * quantity + 1000) / 2000,
    };
    u64::try_from(fen).unwrap()
}

fn sum(amounts: impl Iterator<Item = Fen>) -> u64 {
    amounts.map(Fen::get).sum()
}

// Everything at once.

/// Something that somebody tries; most of it is allowed at some time and refused at others.
#[derive(Debug, Clone)]
enum Attempt {
    Order { buy: usize, who: u8, offer: u16, quantity: u32 },
    Change { buy: usize, order: usize, quantity: u32 },
    Pay { buy: usize, who: u8, exactly: bool, fen: u64, late: bool },
    Refuse { buy: usize, who: u8 },
    Unidentified { buy: usize, who: u8, fen: u64 },
    Refund { buy: usize, who: u8, fen: u64 },
    Bounce,
    Cancel { buy: usize },
    NextStep { buy: usize, tenths: u64 },
    Approve,
    Wait { ms: u64 },
}

fn attempt() -> impl Strategy<Value = Attempt> {
    let (buy, who) = (0usize..3, 1u8..=4);
    prop_oneof![
        6 => (buy.clone(), who.clone(), 0u16..2, 1u32..=6).prop_map(|(buy, who, offer, n)| {
            Attempt::Order { buy, who, offer, quantity: n * [1, 357][usize::from(offer)] }
        }),
        3 => (buy.clone(), 0usize..8, 0u32..=5)
            .prop_map(|(buy, order, quantity)| Attempt::Change { buy, order, quantity }),
        8 => (buy.clone(), who.clone(), any::<bool>(), 1u64..20_000, prop::bool::weighted(0.1))
            .prop_map(|(buy, who, exactly, fen, late)| Attempt::Pay { buy, who, exactly, fen, late }),
        1 => (buy.clone(), who.clone()).prop_map(|(buy, who)| Attempt::Refuse { buy, who }),
        1 => (buy.clone(), who.clone(), 1u64..9_000)
            .prop_map(|(buy, who, fen)| Attempt::Unidentified { buy, who, fen }),
        4 => (buy.clone(), who, 1u64..9_000)
            .prop_map(|(buy, who, fen)| Attempt::Refund { buy, who, fen }),
        2 => Just(Attempt::Bounce),
        1 => buy.clone().prop_map(|buy| Attempt::Cancel { buy }),
        8 => (buy, 0u64..=10).prop_map(|(buy, tenths)| Attempt::NextStep { buy, tenths }),
        6 => Just(Attempt::Approve),
        4 => (1u64..40_000).prop_map(|ms| Attempt::Wait { ms }),
    ]
}

/// The community, and what the test remembers of it.
struct Story {
    community: Community,
    buys: Vec<GroupBuyId>,
    counter: u64,
    /// Payments as they were confirmed, before anything was given back.
    entered: BTreeMap<(GroupBuyId, String), PaymentRecord>,
    /// Numbers and amounts of payouts.
    paid_out: Vec<(String, Fen)>,
}

impl Story {
    fn begin() -> Self {
        let mut community = Community::new();
        let mut buys = Vec::new();
        for (name, cut_off, retention) in [("a", 60, 0), ("b", 100, 1000), ("c", 140, 3333)] {
            let filing = Filing {
                cut_off: second(cut_off),
                confirm_by: second(cut_off + 20),
                deliver_by: second(cut_off + 100),
                retention_basis_points: retention,
                minimum: Minimum { households: 1, amount: yuan("10.00") },
                ..filing(name)
            };
            buys.push(community.opens(&filing));
        }
        Self { community, buys, counter: 0, entered: BTreeMap::new(), paid_out: Vec::new() }
    }

    fn fresh(&mut self, prefix: &str) -> String {
        self.counter += 1;
        format!("{prefix}-{}", self.counter)
    }

    fn open(&self, buy: GroupBuyId) -> Option<&GroupBuy> {
        self.community.state.fund().group_buys.get(&buy).map(|group_buy| &**group_buy)
    }

    fn try_all(&mut self, says: Vec<(MemberId, Action)>) {
        let signed: Vec<_> =
            says.into_iter().map(|(author, action)| self.community.says(author, action)).collect();
        self.community.block(&signed);
        self.remember();
    }

    fn propose(&mut self, author: MemberId, movement: Movement) {
        self.try_all(vec![(author, Action::Propose(movement))]);
    }

    fn approve_everything(&mut self) {
        let waiting: Vec<_> = self
            .community
            .state
            .fund()
            .proposals
            .iter()
            .map(|(id, matter)| (*id, matter.clone()))
            .collect();
        for (id, matter) in waiting {
            let approver = match matter.act {
                Movement::Identify { .. } => PROPERTY,
                _ => COMMITTEE,
            };
            let approve = self.community.says(approver, Community::approve(id, &matter.act));
            if self.community.block(&[approve]).is_empty() {
                match matter.act {
                    Movement::PayOut { payout, .. } => {
                        self.paid_out.push((payout.number.to_string(), payout.amount));
                    }
                    Movement::Refund { items, .. } => {
                        let item =
                            |i: &ledger_core::fund::RefundItem| (i.number.to_string(), i.amount);
                        self.paid_out.extend(items.iter().map(item));
                    }
                    _ => {}
                }
            }
            self.remember();
        }
    }

    fn remember(&mut self) {
        for buy in &self.buys {
            let Some(open) = self.community.state.fund().group_buys.get(buy) else { continue };
            for (number, payment) in open.payments.iter() {
                if payment.state == PaymentState::Confirmed {
                    let known = (*buy, number.to_string());
                    self.entered.entry(known).or_insert_with(|| payment.record.clone());
                }
            }
        }
    }

    fn goes_on(&mut self, attempt: Attempt) {
        match attempt {
            Attempt::Order { buy, who, offer, quantity } => {
                let number = self.fresh("o");
                let request = order(&number, household(who), &[(offer, quantity)]);
                self.order(buy, request);
            }
            Attempt::Change { buy, order: nth, quantity } => {
                let Some(open) = self.open(self.buys[buy]) else { return };
                let Some((number, existing)) = open.orders.iter().nth(nth) else { return };
                let offer = existing.lines.first().map_or(0, |line| line.offer);
                let quantity = quantity * [1, 357][usize::from(offer)];
                let changed = if quantity == 0 { vec![] } else { vec![(offer, quantity)] };
                let request = OrderRequest {
                    replaces: Some(existing.version),
                    ..order(number.as_str(), existing.household, &changed)
                };
                self.order(buy, request);
            }
            Attempt::Pay { buy, who, exactly, fen, late } => self.pay(buy, who, exactly, fen, late),
            Attempt::Refuse { buy, who } => {
                let record = payment(&self.fresh("p"), WECHAT, household(who), yuan("1.00"));
                let group_buy = self.buys[buy];
                let payments = list(vec![record.clone()]);
                let (number, digest) = (record.number, record.digest());
                self.try_all(vec![
                    (LEADER, Action::RecordPayments { group_buy, payments }),
                    (PROPERTY, Action::RefusePayment { group_buy, number, record: digest }),
                ]);
            }
            Attempt::Unidentified { buy, who, fen } => {
                let number = self.fresh("u");
                let receipt = receipt(WECHAT, &number, Fen::new(fen));
                self.try_all(vec![(PROPERTY, Action::ReceiveUnidentified(receipt))]);
                let shares = list(vec![Share { household: household(who), amount: Fen::new(fen) }]);
                let (group_buy, payment) = (self.buys[buy], name(&number));
                self.propose(LEADER, Movement::Identify { payment, group_buy, shares });
            }
            Attempt::Refund { buy, who, fen } => self.refund(self.buys[buy], who, fen),
            Attempt::Bounce => {
                let Some((payout, amount)) = self.paid_out.last().cloned() else { return };
                let receipt = receipt(WECHAT, &self.fresh("in"), amount);
                self.propose(PROPERTY, Movement::Bounce { payout: name(&payout), receipt });
            }
            Attempt::Cancel { buy } => {
                self.propose(PROPERTY, Movement::Cancel { group_buy: self.buys[buy] });
            }
            Attempt::NextStep { buy, tenths } => self.next_step(self.buys[buy], tenths),
            Attempt::Approve => self.approve_everything(),
            Attempt::Wait { ms } => self.community.wait(ms),
        }
    }

    fn order(&mut self, buy: usize, request: OrderRequest) {
        let group_buy = self.buys[buy];
        let Some(filing) = self.open(group_buy).map(|open| open.header.filing()) else { return };
        let orders = list(vec![request]);
        self.try_all(vec![(LEADER, Action::Order { group_buy, filing, orders })]);
    }

    fn pay(&mut self, buy: usize, who: u8, exactly: bool, fen: u64, late: bool) {
        let group_buy = self.buys[buy];
        let Some(open) = self.open(group_buy) else { return };
        let ordered: u64 = open
            .orders
            .iter()
            .filter(|(_, order)| order.household == household(who))
            .flat_map(|(_, order)| &order.lines)
            .map(|line| cost(&open.filing.offers[usize::from(line.offer)], line.quantity.get()))
            .sum();
        let due = ordered.saturating_sub(open.balance(&AccountId::Escrow(household(who))).get());
        let amount = if exactly && due > 0 { due } else { fen };
        let cut_off = open.filing.cut_off;
        let mut record = payment(&self.fresh("p"), WECHAT, household(who), Fen::new(amount));
        if late {
            record.paid_at = TimestampMs::new(cut_off.get() + 1);
        }
        let payments = list(vec![record.clone()]);
        self.try_all(vec![
            (LEADER, Action::RecordPayments { group_buy, payments }),
            (PROPERTY, Community::confirm(group_buy, &record)),
        ]);
    }

    fn refund(&mut self, group_buy: GroupBuyId, who: u8, fen: u64) {
        let Some(open) = self.open(group_buy) else { return };
        let owed = open.balance(&AccountId::Refund(household(who))).get();
        let left = |record: &PaymentRecord| {
            sum(record.shares.iter().filter(|s| s.household == household(who)).map(|s| s.amount))
        };
        let payments: Vec<_> = open
            .payments
            .iter()
            .filter(|(_, payment)| payment.state == PaymentState::Confirmed)
            .map(|(number, payment)| (number.to_string(), left(&payment.record)))
            .filter(|(_, left)| *left > 0)
            .collect();
        for (number, left) in payments {
            // Now and then a little more than there is.
            let amount = Fen::new(fen.min(left + 1).min(owed + 1).max(1));
            let item = refund(household(who), &number, amount, &self.fresh("back"));
            self.propose(PROPERTY, Community::refunds(group_buy, vec![item]));
        }
    }

    /// What would ordinarily happen next.
    fn next_step(&mut self, group_buy: GroupBuyId, tenths: u64) {
        let Some(open) = self.open(group_buy) else { return };
        match open.header.phase() {
            Phase::Filed | Phase::Open | Phase::Rejected | Phase::Failed | Phase::Cancelled => {}
            Phase::Formed => {
                let purchase = self.community.purchase_action(group_buy);
                self.try_all(vec![(FARM, purchase)]);
            }
            Phase::Ordered => {
                let arrived =
                    |offer| Some((offer, open.offers.get(&offer)?.purchased * tenths / 10));
                let accepted: Vec<_> = (0..2).filter_map(arrived).collect();
                let note = note(group_buy, &accepted);
                self.try_all(vec![
                    (LEADER, Action::SignGoodsNote(note.clone())),
                    (FARM, Action::SignGoodsNote(note)),
                ]);
            }
            Phase::Received => {
                let who = u8::try_from(tenths % 4).unwrap() + 1;
                self.try_all(vec![(LEADER, Community::codes(group_buy, &[who]))]);
            }
            Phase::Delivered => {
                let balance = |account| open.balance(&account).get();
                let payable = balance(AccountId::Payable) + balance(AccountId::Retention);
                let payable = Fen::new(payable);
                self.propose(PROPERTY, Movement::Settle { group_buy, payable });
            }
            Phase::Settled => {
                let mut owed = vec![(PayTo::Supplier, open.balance(&AccountId::Payable))];
                for (i, part) in (0u8..).zip(FeePart::ALL) {
                    owed.push((PayTo::Fee(i), open.fee(part)));
                }
                for (to, amount) in owed.into_iter().filter(|(_, amount)| *amount > Fen::ZERO) {
                    let number = self.fresh("out");
                    self.propose(PROPERTY, Community::pay_out(group_buy, to, &number, amount));
                }
            }
        }
    }

    /// What must hold after every block, beyond what the community checks itself.
    fn check(&self) {
        for buy in &self.buys {
            let Some(open) = self.open(*buy) else { continue };
            let balances = sum(open.accounts.iter().map(|(id, held)| held.balance(id.side())));
            assert_eq!(open.header.held.get(), balances);
            assert_eq!(open.header.paid.get(), sum(open.households.iter().map(|(_, h)| h.paid)));
            self.check_households(*buy, open);
            check_goods(open);
        }
    }

    fn check_households(&self, buy: GroupBuyId, open: &GroupBuy) {
        let has_goods =
            matches!(open.header.phase(), Phase::Received | Phase::Delivered | Phase::Settled);
        for (tag, record) in open.households.iter() {
            let of = |shares: &[Share]| {
                sum(shares.iter().filter(|share| share.household == *tag).map(|s| s.amount))
            };
            let entered: u64 = self
                .entered
                .iter()
                .filter(|((of_buy, _), _)| *of_buy == buy)
                .map(|(_, record)| of(&record.shares))
                .sum();
            let left: u64 = open
                .payments
                .iter()
                .filter(|(_, payment)| payment.state == PaymentState::Confirmed)
                .map(|(_, payment)| of(&payment.record.shares))
                .sum();
            assert_eq!(record.paid.get(), entered, "every payment counts once");
            let given_back = entered.checked_sub(left).expect("refunds never exceed payments");
            let escrow = open.balance(&AccountId::Escrow(*tag)).get();
            let owed = open.balance(&AccountId::Refund(*tag)).get();
            let kept = if has_goods { open.spent_by(record).get() } else { escrow };
            assert_eq!(
                record.paid.get(),
                kept + owed + given_back,
                "{tag} in {:?}",
                open.header.phase()
            );
            let fees_wait = open.header.phase() == Phase::Received && record.delivered_at.is_none();
            if open.header.phase().is_final() || has_goods && !fees_wait {
                assert_eq!(escrow, 0, "{tag} in {:?}", open.header.phase());
            }
        }
    }

    /// Everybody does its part until all group buys are closed.
    fn comes_to_an_end(&mut self) {
        for _ in 0..40 {
            self.approve_everything();
            for buy in self.buys.clone() {
                self.next_step(buy, 7);
                self.check();
            }
            self.community.wait(20_000);
            self.check();
        }
        assert!(self.buys.iter().all(|buy| self.community.is_closed(*buy)));
        let fund = self.community.state.fund();
        let waiting = fund
            .accounts
            .iter()
            .filter(|(id, _)| matches!(id, AccountId::Unidentified(_) | AccountId::Unclaimed(..)));
        let waiting = sum(waiting.map(|(id, account)| account.balance(id.side())));
        assert_eq!(self.community.custody().get(), waiting, "the rest is somebody's, by name");
        for (id, _) in fund.accounts.iter() {
            if let AccountId::Unclaimed(buy, Beneficiary::Household(_)) = id {
                assert!(self.buys.contains(buy));
            }
        }
    }
}

fn check_goods(open: &GroupBuy) {
    let mut allocated: BTreeMap<u16, u64> = BTreeMap::new();
    let mut purchased: BTreeMap<u16, u64> = BTreeMap::new();
    for (_, order) in open.orders.iter() {
        for line in &order.lines {
            assert!(line.allocated <= line.quantity);
            assert!(order.cover == Cover::Covered || line.allocated == Quantity::ZERO);
            *allocated.entry(line.offer).or_default() += u64::from(line.allocated.get());
            if order.cover == Cover::Covered {
                *purchased.entry(line.offer).or_default() += u64::from(line.quantity.get());
            }
        }
    }
    for (offer, tally) in open.offers.iter() {
        assert_eq!(tally.purchased, purchased.get(offer).copied().unwrap_or(0));
        assert_eq!(tally.accepted, allocated.get(offer).copied().unwrap_or(0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_people_try_not_a_fen_is_lost(attempts in prop::collection::vec(attempt(), 20..90)) {
        let mut story = Story::begin();
        for attempt in attempts {
            story.goes_on(attempt);
            story.check();
        }
        story.comes_to_an_end();
    }
}

// Forming.

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn orders_are_covered_by_confirmed_money_in_order_of_entry(
        orders in prop::collection::vec((1u8..=5, 0u16..2, 1u32..=4), 1..12),
        payments in prop::collection::vec((1u8..=5, 1u64..15_000), 0..8),
        households in 0u32..4,
        minimum in 0u64..20_000,
    ) {
        let mut community = Community::new();
        let filing = Filing {
            minimum: Minimum { households, amount: Fen::new(minimum) },
            ..filing("t")
        };
        let buy = community.opens(&filing);
        let orders: Vec<_> = orders
            .into_iter()
            .map(|(who, offer, n)| (who, offer, n * [1, 777][usize::from(offer)]))
            .collect();
        let requests = orders.iter().enumerate().map(|(i, (who, offer, quantity))| {
            order(&format!("o{i}"), household(*who), &[(*offer, *quantity)])
        });
        let requests = requests.collect();
        community.orders(buy, requests);
        let mut left: BTreeMap<u8, u64> = BTreeMap::new();
        for (i, (who, fen)) in payments.iter().enumerate() {
            if orders.iter().any(|(of, ..)| of == who) {
                community.pays(buy, &format!("p{i}"), WECHAT, *who, Fen::new(*fen));
                *left.entry(*who).or_default() += fen;
            }
        }
        let paid = left.clone();
        let mut covered = Vec::new();
        let (mut total, mut members) = (0, std::collections::BTreeSet::new());
        for (who, offer, quantity) in &orders {
            let cost = cost(&filing.offers[usize::from(*offer)], *quantity);
            let money = left.entry(*who).or_default();
            covered.push(*money >= cost);
            if *money >= cost {
                *money -= cost;
                total += cost;
                members.insert(*who);
            }
        }
        let forms = total > 0 && total >= minimum && members.len() >= households as usize;

        community.wait_until(TimestampMs::new(CONFIRM_BY.get()));
        if forms {
            prop_assert_eq!(community.phase(buy), Phase::Formed);
            prop_assert_eq!(community.buy(buy).header.stage.purchase().unwrap().total.get(), total);
            let covers = community.buy(buy).orders.iter();
            let covers: Vec<_> = covers.map(|(_, o)| o.cover == Cover::Covered).collect();
            prop_assert_eq!(covers, covered);
            for (who, excess) in &left {
                prop_assert_eq!(community.refund_of(buy, *who).get(), *excess);
            }
        } else if paid.is_empty() {
            prop_assert!(community.is_closed(buy));
        } else {
            prop_assert_eq!(community.phase(buy), Phase::Failed);
            for (who, all) in &paid {
                prop_assert_eq!(community.refund_of(buy, *who).get(), *all);
            }
        }
    }
}

// Sharing out.

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn short_goods_go_to_the_largest_remainders_and_ties_to_the_smaller_hash(
        quantities in prop::collection::vec(1u32..=9, 1..14),
        weight: bool,
        part in 0u64..=1000,
    ) {
        let mut community = Community::new();
        let buy = community.opens(&filing("t"));
        let (offer, unit) = if weight { (1, 250) } else { (0, 1) };
        let of: Vec<_> =
            (1u8..).zip(&quantities).map(|(who, n)| (who, offer, n * unit)).collect();
        community.households_order(buy, &of);
        let ordered: u64 = of.iter().map(|(.., quantity)| u64::from(*quantity)).sum();
        let accepted = ordered * part / 1000;
        community.wait_until(CONFIRM_BY);
        community.purchases(buy);
        let note = note(buy, &[(offer, accepted)]);
        community.does(LEADER, Action::SignGoodsNote(note.clone()));
        let parent = community.state.tip().hash;
        community.does(FARM, Action::SignGoodsNote(note));

        let open = community.buy(buy);
        let allocated: Vec<u64> = open
            .orders
            .iter()
            .map(|(_, order)| u64::from(order.lines[0].allocated.get()))
            .collect();
        prop_assert_eq!(allocated.iter().sum::<u64>(), accepted);
        // Key of a line: its remainder, largest first, then the hash that nobody can steer.
        let mut keys: Vec<(u64, Digest, bool)> = Vec::new();
        for (slot, ((.., quantity), share)) in (0u32..).zip(of.iter().zip(&allocated)) {
            let scaled = u64::from(*quantity) * accepted;
            let floor = scaled / ordered;
            prop_assert!(*share == floor || *share == floor + 1, "{share} of {floor}");
            prop_assert!(*share <= u64::from(*quantity));
            let tie = Domain::Tie.digest(&[
                parent.as_bytes(),
                buy.as_bytes(),
                &slot.to_le_bytes(),
                &0u64.to_le_bytes(),
            ]);
            keys.push((ordered - scaled % ordered, tie, *share > floor));
        }
        keys.sort_unstable();
        let raised = keys.iter().take_while(|(.., raised)| *raised).count();
        prop_assert!(keys[raised..].iter().all(|(.., raised)| !raised), "{keys:?}");

        // Whatever was short, the parts add up to the payments.
        let retention = open.balance(&AccountId::Retention).get();
        let goods = open.balance(&AccountId::Payable).get() + retention;
        prop_assert_eq!(retention, goods * 1000 / 10_000);
        for who in 1..=u8::try_from(of.len()).unwrap() {
            let line = usize::from(who) - 1;
            let price = &open.filing.offers[usize::from(offer)];
            let share = u32::try_from(allocated[line]).unwrap();
            let short = cost(price, of[line].2) - cost(price, share);
            prop_assert_eq!(community.refund_of(buy, who).get(), short);
            let money = price.money(Quantity::new(share));
            prop_assert_eq!(community.escrow(buy, who), Fen::sum(money.fees).unwrap());
        }
    }
}

// Rounding.

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn steps_down_give_back_exactly_what_one_step_would(
        mut grams in prop::collection::vec(2u32..5_000, 2..8),
    ) {
        grams.sort_unstable_by(|a, b| b.cmp(a));
        grams.dedup();
        let mut community = Community::new();
        let buy = community.opens(&filing("t"));
        community.households_order(buy, &[(1, 1, grams[0])]);
        let paid = cost(&cabbage(), grams[0]);
        for (version, quantity) in (1u32..).zip(&grams[1..]) {
            let mut request = order("t-1", household(1), &[(1, *quantity)]);
            request.replaces = Some(version);
            community.orders(buy, vec![request]);
            let needed = cost(&cabbage(), *quantity);
            prop_assert_eq!(community.escrow(buy, 1).get(), needed);
            prop_assert_eq!(community.refund_of(buy, 1).get(), paid - needed);
        }
        let mut request = order("t-1", household(1), &[]);
        request.replaces = Some(u32::try_from(grams.len()).unwrap());
        community.orders(buy, vec![request]);
        prop_assert_eq!(community.refund_of(buy, 1).get(), paid);
    }

    #[test]
    fn steps_up_and_down_never_lose_a_fen(
        grams in prop::collection::vec(0u32..5_000, 1..10),
        first in 2u32..5_000,
    ) {
        let mut community = Community::new();
        let buy = community.opens(&filing("t"));
        community.households_order(buy, &[(1, 1, first)]);
        let paid = cost(&cabbage(), first);
        let mut held = paid;
        for (version, quantity) in (1u32..).zip(grams) {
            let of = if quantity < 2 { vec![] } else { vec![(1, quantity)] };
            let mut request = order("t-1", household(1), &of);
            request.replaces = Some(version);
            let action = community.order_action(buy, vec![request]);
            let signed = community.says(LEADER, action);
            prop_assert!(community.block(&[signed]).is_empty());
            let (escrow, owed) = (community.escrow(buy, 1).get(), community.refund_of(buy, 1).get());
            prop_assert_eq!(escrow + owed, paid);
            // A smaller order gives back what it no longer costs, a larger one takes nothing back.
            let needed = if quantity < 2 { 0 } else { cost(&cabbage(), quantity) };
            held = held.min(needed);
            prop_assert_eq!(escrow, held);
        }
    }
}
