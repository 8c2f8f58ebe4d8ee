//! What happens to a group buy and its money, one story each.

#![allow(clippy::unwrap_used, reason = "a test stops where it is wrong")]

mod support;

use ledger_core::{
    api::GroupBuyHeader,
    crypto::Digest,
    fund::{
        AccountId, Action, Beneficiary, Cover, FeePart, FilingDecision, Minimum, Movement, PayTo,
        PaymentState, PermanentRecord, Phase, Share,
    },
    refusal::Refusal,
    types::{DurationMs, Fen, GroupBuyId, TimestampMs},
};
use support::*;

const NOTHING: Fen = Fen::ZERO;

/// H1 and H2 have paid 42.00 each by WeChat.
fn paid(community: &mut Community) -> GroupBuyId {
    let buy = community.opens(&filing("t"));
    community.households_order(buy, &[(1, 0, 2), (2, 0, 2)]);
    buy
}

fn delivered(community: &mut Community) -> GroupBuyId {
    let buy = paid(community);
    community.goods_arrive(buy, &[(0, 4)]);
    community.does(LEADER, Community::codes(buy, &[1, 2]));
    buy
}

fn settled(community: &mut Community) -> GroupBuyId {
    let buy = delivered(community);
    community.wait(AFTER_SALE);
    community.settles(buy);
    buy
}

/// Pays everything that a settled group buy of four boxes owes to its payees.
fn pay_everybody(community: &mut Community, buy: GroupBuyId) {
    for (to, number, amount) in [
        (PayTo::Supplier, "out-0", "72.00"),
        (PayTo::Fee(0), "out-1", "4.00"),
        (PayTo::Fee(1), "out-2", "2.00"),
        (PayTo::Fee(2), "out-3", "6.00"),
    ] {
        community.moves(PROPERTY, COMMITTEE, &Community::pay_out(buy, to, number, yuan(amount)));
    }
}

fn bounce(payout: &str, number: &str, amount: Fen) -> Movement {
    Movement::Bounce { payout: name(payout), receipt: receipt(WECHAT, number, amount) }
}

fn evidence(group_buy: GroupBuyId, households: &[u8]) -> Movement {
    let households = list(households.iter().map(|who| household(*who)).collect());
    Movement::Deliver { group_buy, households, evidence: Digest::new([3; 32]) }
}

fn identify(group_buy: GroupBuyId, number: &str, who: u8, amount: Fen) -> Movement {
    let shares = list(vec![Share { household: household(who), amount }]);
    Movement::Identify { payment: name(number), group_buy, shares }
}

// What people are shown.

#[test]
fn a_group_buy_is_shown_with_what_its_stage_knows() {
    let mut community = Community::new();
    let shown = |community: &Community, buy| GroupBuyHeader::of(community.buy(buy));
    let filing = filing("t");
    community.files(LEADER, &filing);
    let buy = filing.group_buy;
    community.does(FARM, Community::decide(&filing, FilingDecision::Accept));
    community.does(PROPERTY, Community::decide(&filing, FilingDecision::Approve));
    let filed = shown(&community, buy);
    assert_eq!((filed.leader, filed.filing), (LEADER, filing.digest()));
    assert_eq!(
        (filed.phase, filed.approvals, filed.accepted),
        (Phase::Filed, vec![PROPERTY], true)
    );
    community.does(COMMITTEE, Community::decide(&filing, FilingDecision::Approve));

    community.households_order(buy, &[(1, 0, 2), (2, 0, 2)]);
    assert_eq!(shown(&community, buy).purchase_total, Fen::ZERO, "nothing is bought yet");
    community.wait_until(CONFIRM_BY);
    let formed = shown(&community, buy);
    assert_eq!((formed.phase, formed.purchase_total), (Phase::Formed, yuan("84.00")));
    assert_eq!(formed.approvals, [PROPERTY, COMMITTEE], "who agreed is shown for life");
    community.purchases(buy);
    let arrived = note(buy, &[(0, 4)]);
    community.does(FARM, Action::SignGoodsNote(arrived.clone()));
    let signed = community.now;
    let half = shown(&community, buy).note.unwrap();
    assert_eq!((half.by, half.at, half.note), (FARM, signed, arrived.digest()));
    community.does(LEADER, Action::SignGoodsNote(arrived));
    let received = shown(&community, buy);
    assert_eq!((received.note, received.deliveries_left), (None, 2));
    assert_eq!(received.last_delivery, community.now, "when the goods arrived, before the first");
    community.does(LEADER, Community::codes(buy, &[1]));
    assert_eq!(shown(&community, buy).deliveries_left, 1);
    community.does(LEADER, Community::codes(buy, &[2]));
    let last = community.now;
    community.wait(AFTER_SALE);
    community.settles(buy);
    let settled = shown(&community, buy);
    assert_eq!((settled.phase, settled.last_delivery), (Phase::Settled, last));
    assert_eq!((settled.purchase_total, settled.deliveries_left), (yuan("84.00"), 0));
    assert_eq!(settled.purchase_order, formed.purchase_order);
}

// Filing.

#[test]
fn a_filing_that_nobody_decides_is_rejected_at_its_cut_off() {
    let mut community = Community::new();
    let filing = filing("t");
    community.files(LEADER, &filing);
    community.does(PROPERTY, Community::decide(&filing, FilingDecision::Approve));
    community.wait_until(TimestampMs::new(CUT_OFF.get() - 1));
    assert_eq!(community.phase(filing.group_buy), Phase::Filed);
    community.wait_until(CUT_OFF);
    assert!(community.is_closed(filing.group_buy), "nothing was in it, so it is sealed at once");
    let again = community.refusal(LEADER, Action::File(filing));
    assert_eq!(again, Refusal::GroupBuyExists {}, "a name is used once in the life of the chain");
}

#[test]
fn a_filing_opens_with_property_committee_and_supplier_in_any_order() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let mut community = Community::new();
        let filing = filing("t");
        community.files(LEADER, &filing);
        let says = [
            (PROPERTY, FilingDecision::Approve),
            (COMMITTEE, FilingDecision::Approve),
            (FARM, FilingDecision::Accept),
        ];
        for step in order {
            assert_eq!(community.phase(filing.group_buy), Phase::Filed);
            let (author, decision) = says[step];
            community.does(author, Community::decide(&filing, decision));
        }
        assert_eq!(community.phase(filing.group_buy), Phase::Open);
    }
}

#[test]
fn nobody_else_decides_on_a_filing() {
    let mut community = Community::new();
    let filing = filing("t");
    community.files(LEADER, &filing);
    let approve = Community::decide(&filing, FilingDecision::Approve);
    let accept = Community::decide(&filing, FilingDecision::Accept);
    let reject = Community::decide(&filing, FilingDecision::Reject(1));
    for (author, action, number) in [
        (LEADER, &accept, 202),
        (FARM, &approve, 200),
        (AUDITOR, &approve, 200),
        (NEIGHBOUR, &approve, 200),
        (BAKERY, &accept, 200),
        (PROPERTY, &accept, 200),
        (BAKERY, &reject, 200),
        (NEIGHBOUR, &reject, 200),
    ] {
        assert_eq!(community.refusal(author, action.clone()).number(), number, "{author}");
    }
}

#[test]
fn a_declared_relation_to_the_supplier_may_be_filed_and_only_then() {
    let mut community = Community::with_relations(&[(LEADER, FARM)]);
    let mut filing = filing("t");
    let refusal = community.refusal(LEADER, Action::File(filing.clone()));
    assert_eq!(refusal, Refusal::UndeclaredRelation { supplier: FARM });
    filing.relation_declared = true;
    community.opens(&filing);
}

// Orders.

#[test]
fn a_smaller_order_gives_back_what_was_paid_for_the_difference() {
    let mut community = Community::new();
    let buy = community.opens(&filing("t"));
    community.households_order(buy, &[(1, 0, 3)]);
    let mut request = order("t-1", household(1), &[(0, 1)]);
    request.replaces = Some(1);
    community.orders(buy, vec![request.clone()]);
    assert_eq!(community.escrow(buy, 1), yuan("21.00"));
    assert_eq!(community.refund_of(buy, 1), yuan("42.00"));
    // Withdrawn.
    request.replaces = Some(2);
    request.lines = lines(&[]);
    community.orders(buy, vec![request]);
    assert_eq!(community.escrow(buy, 1), NOTHING);
    assert_eq!(community.refund_of(buy, 1), yuan("63.00"));
    // Refunds need no settlement: they go out at any time, and never more than was paid.
    let back = |amount| vec![refund(household(1), "wx-t-1", amount, "back-1")];
    community.moves(PROPERTY, FARM, &Community::refunds(buy, back(yuan("63.00"))));
    assert_eq!(community.custody(), NOTHING);
}

#[test]
fn stock_freed_by_a_withdrawal_can_be_ordered_again() {
    let mut community = Community::new();
    let mut filing = filing("t");
    let mut offer = tangerines();
    (offer.stock, offer.cap) = (Some(5), Some(4));
    filing.offers = list(vec![offer]);
    let buy = community.opens(&filing);
    community.orders(buy, vec![order("o1", household(1), &[(0, 4)])]);
    let mut withdrawal = order("o1", household(1), &[]);
    withdrawal.replaces = Some(1);
    community.orders(buy, vec![withdrawal]);
    community.orders(buy, vec![order("o2", household(2), &[(0, 3), (0, 1)])]);
    // The cap counts both lines and both orders, the one changed only as it is now.
    let action = community.order_action(buy, vec![order("o3", household(2), &[(0, 1)])]);
    let expected = Refusal::OverCap { order: "o3".to_owned(), position: 0 };
    assert_eq!(community.refusal(LEADER, action), expected);
    let mut smaller = order("o2", household(2), &[(0, 3)]);
    smaller.replaces = Some(1);
    community.orders(buy, vec![smaller, order("o3", household(2), &[(0, 1)])]);
}

#[test]
fn a_line_that_costs_nothing_is_no_order() {
    // A gram of cabbage at 4.99 would be 0.499 fen: a household that pays nothing and counts.
    let mut community = Community::new();
    let mut filing = filing("t");
    let mut offer = cabbage();
    offer.price = ledger_core::types::UnitPrice::new(499);
    offer.split.goods = ledger_core::types::UnitPrice::new(371);
    offer.quote = offer.split.goods;
    filing.offers = list(vec![offer]);
    filing.minimum = Minimum { households: 1, amount: NOTHING };
    let buy = community.opens(&filing);
    let action = community.order_action(buy, vec![order("o1", household(1), &[(0, 1)])]);
    assert_eq!(community.refusal(LEADER, action), Refusal::ZeroAmount {});
    community.orders(buy, vec![order("o1", household(1), &[(0, 2)])]);
}

#[test]
fn an_order_that_no_money_can_pay_is_refused() {
    let mut community = Community::new();
    let mut filing = filing("t");
    let price = ledger_core::types::UnitPrice::new(u32::MAX);
    let split = ledger_core::fund::Split { goods: price, ..Default::default() };
    let offer = ledger_core::fund::Offer { price, quote: price, split, ..tangerines() };
    filing.offers = list(vec![offer]);
    let buy = community.opens(&filing);
    let huge = order("o1", household(1), &[(0, u32::MAX), (0, u32::MAX)]);
    let action = community.order_action(buy, vec![huge]);
    assert_eq!(community.refusal(LEADER, action), Refusal::AmountTooLarge {});
    // Two that each fit do not keep a third from being changed.
    for (number, quantity) in [("o1", u32::MAX), ("o2", u32::MAX), ("o3", 2)] {
        community.orders(buy, vec![order(number, household(1), &[(0, quantity)])]);
    }
    community.pays(buy, "wx-1", WECHAT, 1, PAYMENT_MAX);
    let mut smaller = order("o3", household(1), &[(0, 1)]);
    smaller.replaces = Some(1);
    community.orders(buy, vec![smaller]);
    community.wait_until(CONFIRM_BY);
    assert_eq!(community.phase(buy), Phase::Failed);
    assert_eq!(community.refund_of(buy, 1), PAYMENT_MAX);
}

// Payments.

#[test]
fn one_payment_may_be_for_several_households() {
    let mut community = Community::new();
    let buy = community.opens(&filing("t"));
    let orders = vec![order("o1", household(1), &[(0, 1)]), order("o2", household(2), &[(0, 2)])];
    community.orders(buy, orders);
    let mut record = payment("wx-1", WECHAT, household(1), yuan("21.00"));
    let shares = [(1, "21.00"), (2, "42.00")]
        .map(|(who, amount)| Share { household: household(who), amount: yuan(amount) });
    record.shares = list(shares.to_vec());
    community.records(buy, &record);
    assert_eq!(community.escrow(buy, 1), NOTHING, "the leader's word moves nothing");
    community.does(PROPERTY, Community::confirm(buy, &record));
    assert_eq!(community.escrow(buy, 1), yuan("21.00"));
    assert_eq!(community.escrow(buy, 2), yuan("42.00"));
}

#[test]
fn cash_is_counted_by_leader_and_committee() {
    let mut community = Community::new();
    let buy = community.opens(&filing("t"));
    community.orders(buy, vec![order("o1", household(1), &[(0, 2)])]);
    let record = payment("slip-1", CASH, household(1), yuan("42.00"));
    community.records(buy, &record);
    let custodian = COMMITTEE;
    let refusal = community.refusal(PROPERTY, Community::confirm(buy, &record));
    assert_eq!(refusal, Refusal::NotTheCustodian { custodian });
    community.does(COMMITTEE, Community::confirm(buy, &record));
    assert_eq!(community.balance(AccountId::Custody(CASH)), yuan("42.00"));
    // And it goes back out of the cash box, by the committee's hand.
    let movement = Movement::Cancel { group_buy: buy };
    community.moves(COMMITTEE, PROPERTY, &movement);
    let items = vec![refund(household(1), "slip-1", yuan("42.00"), "slip-2")];
    let movement = Community::refunds(buy, items);
    assert_eq!(community.proposal_refusal(PROPERTY, &movement).number(), 206);
    community.moves(COMMITTEE, AUDITOR, &movement);
    assert_eq!(community.custody(), NOTHING);
}

#[test]
fn a_refund_of_cash_does_not_hide_behind_one_by_wechat() {
    let mut community = Community::new();
    let buy = community.opens(&filing("t"));
    community.households_order(buy, &[(1, 0, 1)]);
    community.orders(buy, vec![order("o2", household(2), &[(0, 1)])]);
    community.pays(buy, "slip-1", CASH, 2, yuan("21.00"));
    community.moves(PROPERTY, COMMITTEE, &Movement::Cancel { group_buy: buy });
    let items = vec![
        refund(household(1), "wx-t-1", yuan("21.00"), "back-1"),
        refund(household(2), "slip-1", yuan("21.00"), "back-2"),
    ];
    let refusal = community.proposal_refusal(PROPERTY, &Community::refunds(buy, items));
    assert_eq!(refusal, Refusal::NotTheCustodian { custodian: COMMITTEE });
}

#[test]
fn a_refused_record_frees_its_number() {
    let mut community = Community::new();
    let buy = community.opens(&filing("t"));
    community.orders(buy, vec![order("o1", household(1), &[(0, 2)])]);
    let wrong = payment("wx-1", WECHAT, household(1), yuan("24.00"));
    community.records(buy, &wrong);
    let right = payment("wx-1", WECHAT, household(1), yuan("42.00"));
    let payments = list(vec![right.clone()]);
    let record = Action::RecordPayments { group_buy: buy, payments };
    assert_eq!(community.refusal(LEADER, record).number(), 501);
    let refuse =
        Action::RefusePayment { group_buy: buy, number: name("wx-1"), record: wrong.digest() };
    assert_eq!(community.refusal(COMMITTEE, refuse.clone()).number(), 206);
    community.does(PROPERTY, refuse);
    community.records(buy, &right);
    community.does(PROPERTY, Community::confirm(buy, &right));
    assert_eq!(community.escrow(buy, 1), yuan("42.00"));
}

#[test]
fn a_payment_number_counts_once_in_all_group_buys_and_for_ever() {
    let mut community = Community::new();
    let first = community.opens(&filing("first"));
    let second_buy = community.opens(&filing("second"));
    for buy in [first, second_buy] {
        community.orders(buy, vec![order("o1", household(1), &[(0, 1)])]);
    }
    let record = payment("wx-1", WECHAT, household(1), yuan("21.00"));
    community.records(first, &record);
    let payments = list(vec![record.clone()]);
    let again = Action::RecordPayments { group_buy: second_buy, payments };
    // Recorded there, confirmed there, and when that group buy is long gone.
    assert_eq!(community.refusal(LEADER, again.clone()).number(), 501);
    let unidentified = Action::ReceiveUnidentified(receipt(WECHAT, "wx-1", yuan("21.00")));
    assert_eq!(community.refusal(PROPERTY, unidentified.clone()).number(), 501);
    community.does(PROPERTY, Community::confirm(first, &record));
    assert_eq!(community.refusal(LEADER, again.clone()).number(), 501);
    community.moves(PROPERTY, COMMITTEE, &Movement::Cancel { group_buy: first });
    let items = vec![refund(household(1), "wx-1", yuan("21.00"), "back-1")];
    community.moves(PROPERTY, COMMITTEE, &Community::refunds(first, items));
    community.wait(1);
    assert!(community.is_closed(first));
    assert_eq!(community.refusal(LEADER, again).number(), 501);
    assert_eq!(community.refusal(PROPERTY, unidentified).number(), 501);
}

#[test]
fn a_late_payment_does_not_count_and_goes_back_the_way_it_came() {
    let mut community = Community::new();
    let buy = community.opens(&filing("t"));
    community.orders(buy, vec![order("o1", household(1), &[(0, 2)])]);
    // Paid after the cut-off.
    let mut record = payment("wx-1", WECHAT, household(1), yuan("42.00"));
    record.paid_at = TimestampMs::new(CUT_OFF.get() + 1);
    community.wait_until(CUT_OFF);
    community.records(buy, &record);
    community.does(PROPERTY, Community::confirm(buy, &record));
    assert_eq!(community.escrow(buy, 1), NOTHING);
    assert_eq!(community.buy(buy).payments.get(&name("wx-1")).unwrap().state, PaymentState::Late);
    let unidentified = AccountId::Unidentified(name("wx-1"));
    assert_eq!(community.balance(unidentified), yuan("42.00"));
    // Not even by saying afterwards whose it was.
    let movement = identify(buy, "wx-1", 1, yuan("42.00"));
    assert_eq!(community.proposal_refusal(LEADER, &movement).number(), 306);
    // Another payment was in time and confirmed too late: the group buy has failed by then.
    let slow = payment("wx-2", WECHAT, household(1), yuan("42.00"));
    community.records(buy, &slow);
    let with_money = payment("wx-3", WECHAT, household(1), yuan("1.00"));
    community.records(buy, &with_money);
    community.does(PROPERTY, Community::confirm(buy, &with_money));
    community.wait_until(CONFIRM_BY);
    assert_eq!(community.phase(buy), Phase::Failed);
    community.does(PROPERTY, Community::confirm(buy, &slow));
    assert_eq!(community.balance(AccountId::Unidentified(name("wx-2"))), yuan("42.00"));
    // Back by another channel is not the way it came.
    let by = |channel, number: &str| Movement::ReturnUnidentified {
        payment: name("wx-1"),
        payout: payout(channel, number, yuan("42.00")),
    };
    assert_eq!(community.proposal_refusal(PROPERTY, &by(BANK, "back-1")).number(), 503);
    community.moves(PROPERTY, COMMITTEE, &by(WECHAT, "back-1"));
    assert_eq!(community.balance(unidentified), NOTHING);
    assert!(!community.state.fund().accounts.contains(&unidentified), "the account is gone");
    assert_eq!(community.proposal_refusal(PROPERTY, &by(WECHAT, "back-2")).number(), 503);
}

#[test]
fn money_of_an_unknown_payer_is_identified_by_leader_and_custodian() {
    let mut community = Community::new();
    let buy = community.opens(&filing("t"));
    community.orders(buy, vec![order("o1", household(1), &[(0, 2)])]);
    let action = Action::ReceiveUnidentified(receipt(WECHAT, "wx-1", yuan("42.00")));
    assert_eq!(community.refusal(COMMITTEE, action.clone()).number(), 206);
    community.does(PROPERTY, action.clone());
    assert_eq!(community.refusal(PROPERTY, action).number(), 502);
    let movement = identify(buy, "wx-1", 1, yuan("42.00"));
    assert_eq!(community.proposal_refusal(PROPERTY, &movement).number(), 201);
    let partly = identify(buy, "wx-1", 1, yuan("21.00"));
    assert_eq!(community.proposal_refusal(LEADER, &partly).number(), 600);
    let proposal = community.proposes(LEADER, &movement);
    let approve = Community::approve(proposal, &movement);
    assert_eq!(community.refusal(COMMITTEE, approve.clone()).number(), 200);
    community.does(PROPERTY, approve);
    assert_eq!(community.escrow(buy, 1), yuan("42.00"));
    assert_eq!(community.balance(AccountId::Unidentified(name("wx-1"))), NOTHING);
    // Identified twice is no money.
    assert_eq!(community.proposal_refusal(LEADER, &movement).number(), 700);
    // It is a payment like any other: it covers, and can be given back.
    community.wait_until(CONFIRM_BY);
    assert_eq!(community.phase(buy), Phase::Formed);
    community.moves(PROPERTY, COMMITTEE, &Movement::Cancel { group_buy: buy });
    let items = vec![refund(household(1), "wx-1", yuan("42.00"), "back-1")];
    community.moves(PROPERTY, COMMITTEE, &Community::refunds(buy, items));
    assert_eq!(community.custody(), NOTHING);
}

// Forming and failing.

#[test]
fn a_group_buy_below_its_minimum_fails_and_owes_everything_back() {
    for minimum in [
        Minimum { households: 3, amount: NOTHING },
        Minimum { households: 0, amount: yuan("84.01") },
    ] {
        let mut community = Community::new();
        let filing = ledger_core::fund::Filing { minimum, ..filing("t") };
        let buy = community.opens(&filing);
        community.households_order(buy, &[(1, 0, 2), (2, 0, 2)]);
        // A third household orders and does not pay: no member at all.
        community.orders(buy, vec![order("o3", household(3), &[(0, 9)])]);
        community.wait_until(CONFIRM_BY);
        assert_eq!(community.phase(buy), Phase::Failed);
        assert_eq!(community.refund_of(buy, 1), yuan("42.00"));
        assert_eq!(community.refund_of(buy, 2), yuan("42.00"));
        let items = [1, 2].map(|who| {
            let (of, back) = (format!("wx-t-{who}"), format!("back-{who}"));
            refund(household(who), &of, yuan("42.00"), &back)
        });
        community.moves(PROPERTY, COMMITTEE, &Community::refunds(buy, items.to_vec()));
        community.wait(1);
        assert!(community.is_closed(buy));
        assert_eq!(community.custody(), NOTHING);
    }
}

#[test]
fn orders_are_covered_in_order_of_entry_and_one_that_is_not_is_skipped() {
    let mut community = Community::new();
    let buy = community.opens(&filing("t"));
    let orders = [("o1", 2), ("o2", 5), ("o3", 1)]
        .map(|(number, quantity)| order(number, household(1), &[(0, quantity)]));
    community.orders(buy, orders.to_vec());
    // Enough for the first and the third, with 7.00 over.
    community.pays(buy, "wx-1", WECHAT, 1, yuan("70.00"));
    community.wait_until(CONFIRM_BY);
    let covers: Vec<_> = community.buy(buy).orders.iter().map(|(_, order)| order.cover).collect();
    assert_eq!(covers, [Cover::Covered, Cover::Dropped, Cover::Covered]);
    assert_eq!(community.buy(buy).header.stage.purchase().unwrap().total, yuan("63.00"));
    assert_eq!(community.escrow(buy, 1), yuan("63.00"));
    assert_eq!(community.refund_of(buy, 1), yuan("7.00"));
}

#[test]
fn nothing_paid_at_all_fails_and_is_sealed() {
    let mut community = Community::new();
    let buy = community.opens(&filing("t"));
    community.orders(buy, vec![order("o1", household(1), &[(0, 2)])]);
    let record = payment("wx-1", WECHAT, household(1), yuan("42.00"));
    community.records(buy, &record);
    community.wait_until(CONFIRM_BY);
    assert!(community.is_closed(buy));
    // The number that was only recorded is free again: the money may still turn up.
    community.does(PROPERTY, Action::ReceiveUnidentified(receipt(WECHAT, "wx-1", yuan("42.00"))));
    let payout = payout(WECHAT, "back-1", yuan("42.00"));
    let movement = Movement::ReturnUnidentified { payment: name("wx-1"), payout };
    community.moves(PROPERTY, COMMITTEE, &movement);
    assert_eq!(community.custody(), NOTHING);
}

#[test]
fn committee_and_property_cancel_before_the_goods_arrive_and_not_after() {
    for stage in 0..4 {
        let mut community = Community::new();
        let buy = paid(&mut community);
        if stage > 0 {
            community.wait_until(CONFIRM_BY);
        }
        if stage > 1 {
            community.purchases(buy);
        }
        let movement = Movement::Cancel { group_buy: buy };
        if stage > 2 {
            community.receives(buy, &[(0, 4)]);
            assert_eq!(community.proposal_refusal(COMMITTEE, &movement).number(), 303);
            continue;
        }
        assert_eq!(community.proposal_refusal(LEADER, &movement).number(), 200);
        let proposal = community.proposes(COMMITTEE, &movement);
        let approve = Community::approve(proposal, &movement);
        for author in [FARM, AUDITOR, LEADER] {
            assert_eq!(community.refusal(author, approve.clone()).number(), 200);
        }
        assert_eq!(community.refusal(COMMITTEE, approve.clone()).number(), 202);
        community.does(PROPERTY, approve);
        assert_eq!(community.phase(buy), Phase::Cancelled);
        assert_eq!(community.refund_of(buy, 1), yuan("42.00"));
        // A payment recorded before is late now.
        assert_eq!(community.escrow(buy, 1), NOTHING);
    }
}

// Goods.

#[test]
fn goods_that_fall_short_are_shared_in_proportion_and_the_rest_is_owed_back() {
    let mut community = Community::new();
    let buy = community.opens(&filing("t"));
    community.households_order(buy, &[(1, 0, 2), (2, 0, 3), (3, 1, 1500)]);
    // Two of five boxes: 0.8 and 1.2, so one each. 1,001 of 1,500 g of cabbage.
    community.goods_arrive(buy, &[(0, 2), (1, 1001)]);
    let allocated: Vec<_> = community
        .buy(buy)
        .orders
        .iter()
        .flat_map(|(_, order)| order.lines.iter().map(|line| line.allocated.get()))
        .collect();
    assert_eq!(allocated, [1, 1, 1001]);
    assert_eq!(community.refund_of(buy, 1), yuan("21.00"));
    assert_eq!(community.refund_of(buy, 2), yuan("42.00"));
    // f(1500 g) = 8.985, half up 8.99; f(1001 g) = 5.99599 -> 6.00.
    assert_eq!(community.refund_of(buy, 3), yuan("2.99"));
}

#[test]
fn nothing_arrives_and_everybody_gets_everything_back() {
    let mut community = Community::new();
    let buy = paid(&mut community);
    community.goods_arrive(buy, &[]);
    assert_eq!(community.phase(buy), Phase::Delivered);
    assert_eq!(community.refund_of(buy, 1), yuan("42.00"));
    community.wait(AFTER_SALE);
    community.settles(buy);
    let items = [1, 2].map(|who| {
        let (of, back) = (format!("wx-t-{who}"), format!("back-{who}"));
        refund(household(who), &of, yuan("42.00"), &back)
    });
    community.moves(PROPERTY, COMMITTEE, &Community::refunds(buy, items.to_vec()));
    community.wait(1);
    assert!(community.is_closed(buy));
}

#[test]
fn two_counts_that_differ_are_decided_by_property_and_committee_after_a_day() {
    let mut community = Community::new();
    let buy = paid(&mut community);
    community.wait_until(CONFIRM_BY);
    community.purchases(buy);
    community.does(FARM, Action::SignGoodsNote(note(buy, &[(0, 4)])));
    let refusal = community.refusal(LEADER, Action::SignGoodsNote(note(buy, &[(0, 3)])));
    assert_eq!(refusal, Refusal::NoteDiffers {});
    let movement = Movement::DecideGoods(note(buy, &[(0, 3)]));
    let first_signed = community.now;
    let at = first_signed.after(DurationMs::new(NOTE_WAIT));
    assert_eq!(community.proposal_refusal(PROPERTY, &movement), Refusal::TooEarly { at });
    // Counting again and again does not put the decision off.
    community.wait(NOTE_WAIT / 2);
    community.does(FARM, Action::SignGoodsNote(note(buy, &[(0, 2)])));
    community.does(FARM, Action::SignGoodsNote(note(buy, &[(0, 4)])));
    assert_eq!(community.proposal_refusal(PROPERTY, &movement), Refusal::TooEarly { at });
    community.wait_until(at);
    assert_eq!(community.proposal_refusal(LEADER, &movement).number(), 200);
    community.moves(COMMITTEE, PROPERTY, &movement);
    assert_eq!(community.phase(buy), Phase::Received);
    assert_eq!(community.buy(buy).offers.get(&0).unwrap().accepted, 3);
    assert_eq!(community.held(buy, AccountId::Payable), yuan("48.60"));
    assert_eq!(community.held(buy, AccountId::Retention), yuan("5.40"));
}

#[test]
fn a_note_that_nobody_signs_is_decided_after_the_delivery_date() {
    let mut community = Community::new();
    let buy = paid(&mut community);
    community.wait_until(CONFIRM_BY);
    community.purchases(buy);
    let movement = Movement::DecideGoods(note(buy, &[(0, 4)]));
    let at = DELIVER_BY.after(DurationMs::new(NOTE_WAIT));
    assert_eq!(community.proposal_refusal(PROPERTY, &movement), Refusal::TooEarly { at });
    community.wait_until(at);
    community.moves(PROPERTY, COMMITTEE, &movement);
    assert_eq!(community.phase(buy), Phase::Received);
}

#[test]
fn a_goods_note_needs_the_supplier_and_somebody_who_received() {
    let mut community = Community::new();
    let buy = paid(&mut community);
    community.wait_until(CONFIRM_BY);
    community.purchases(buy);
    let sign = Action::SignGoodsNote(note(buy, &[(0, 4)]));
    for stranger in [COMMITTEE, BAKERY, NEIGHBOUR, AUDITOR] {
        assert_eq!(community.refusal(stranger, sign.clone()).number(), 200);
    }
    community.does(LEADER, sign.clone());
    assert_eq!(community.refusal(PROPERTY, sign.clone()).number(), 200, "both received");
    community.does(FARM, sign);
    assert_eq!(community.phase(buy), Phase::Received);
    // Property may receive where the leader does not.
    let mut community = Community::new();
    let buy = paid(&mut community);
    community.wait_until(CONFIRM_BY);
    community.purchases(buy);
    let sign = Action::SignGoodsNote(note(buy, &[(0, 4)]));
    community.does(PROPERTY, sign.clone());
    community.does(FARM, sign);
    assert_eq!(community.phase(buy), Phase::Received);
}

// Delivery.

#[test]
fn a_household_s_code_earns_the_fees_of_its_goods() {
    let mut community = Community::new();
    let buy = paid(&mut community);
    community.goods_arrive(buy, &[(0, 4)]);
    assert_eq!(community.refusal(NEIGHBOUR, Community::codes(buy, &[1])).number(), 201);
    community.does(LEADER, Community::codes(buy, &[1]));
    assert_eq!(community.escrow(buy, 1), NOTHING);
    assert_eq!(community.escrow(buy, 2), yuan("6.00"));
    let fees = FeePart::ALL.map(|part| community.buy(buy).fee(part));
    assert_eq!(fees, [yuan("2.00"), yuan("1.00"), yuan("3.00"), NOTHING]);
    assert_eq!(community.phase(buy), Phase::Received);
    // A list with one household of before is taken for the other.
    community.does(LEADER, Community::codes(buy, &[1, 2, 2]));
    assert_eq!(community.phase(buy), Phase::Delivered);
}

#[test]
fn without_a_code_the_leader_shows_evidence_and_property_or_committee_approves() {
    for approver in [PROPERTY, COMMITTEE] {
        let mut community = Community::new();
        let buy = paid(&mut community);
        community.goods_arrive(buy, &[(0, 4)]);
        let movement = evidence(buy, &[1, 2]);
        assert_eq!(community.proposal_refusal(PROPERTY, &movement).number(), 201);
        let proposal = community.proposes(LEADER, &movement);
        let approve = Community::approve(proposal, &movement);
        assert_eq!(community.refusal(LEADER, approve.clone()).number(), 202);
        assert_eq!(community.refusal(FARM, approve.clone()).number(), 200);
        // One of them shows its code while the board sleeps over it.
        community.does(LEADER, Community::codes(buy, &[1]));
        community.does(approver, approve);
        assert_eq!(community.phase(buy), Phase::Delivered);
        assert_eq!(community.proposal_refusal(LEADER, &movement).number(), 303);
    }
}

#[test]
fn whoever_confirms_nothing_has_its_goods_after_two_days() {
    let mut community = Community::new();
    let buy = paid(&mut community);
    community.goods_arrive(buy, &[(0, 4)]);
    community.does(LEADER, Community::codes(buy, &[2]));
    let received = community.buy(buy).header.since;
    let due = received.after(DurationMs::new(AUTO_DELIVERY));
    community.wait_until(TimestampMs::new(due.get() - 1));
    assert_eq!(community.phase(buy), Phase::Received);
    community.wait_until(due);
    assert_eq!(community.phase(buy), Phase::Delivered);
    assert_eq!(community.escrow(buy, 1), NOTHING);
    let delivered = |who| community.buy(buy).households.get(&household(who)).unwrap().delivered_at;
    assert_eq!(delivered(1), Some(due));
    assert!(delivered(2).unwrap() < due, "its own window began earlier");
}

#[test]
fn a_household_that_got_nothing_is_not_delivered_to() {
    let mut community = Community::new();
    let buy = community.opens(&filing("t"));
    community.households_order(buy, &[(1, 0, 2), (2, 1, 1000)]);
    community.goods_arrive(buy, &[(0, 2)]);
    assert_eq!(community.waiting_households(buy), 1);
    assert_eq!(community.refusal(LEADER, Community::codes(buy, &[2])).number(), 412);
    assert_eq!(community.proposal_refusal(LEADER, &evidence(buy, &[2])).number(), 412);
    community.does(LEADER, Community::codes(buy, &[1, 2]));
    assert_eq!(community.phase(buy), Phase::Delivered);
}

// Settlement and payouts.

#[test]
fn nobody_is_paid_before_the_after_sale_window_is_over() {
    let mut community = Community::new();
    let buy = delivered(&mut community);
    let at = community.now.after(DurationMs::new(AFTER_SALE));
    let movement = Movement::Settle { group_buy: buy, payable: yuan("72.00") };
    assert_eq!(community.proposal_refusal(PROPERTY, &movement), Refusal::TooEarly { at });
    let early = Community::pay_out(buy, PayTo::Supplier, "out-1", yuan("1.00"));
    assert_eq!(community.proposal_refusal(PROPERTY, &early).number(), 303);
    community.wait_until(at);
    let wrong = Movement::Settle { group_buy: buy, payable: yuan("72.01") };
    assert_eq!(community.proposal_refusal(PROPERTY, &wrong).number(), 600);
    for author in [COMMITTEE, FARM, LEADER] {
        assert_eq!(community.proposal_refusal(author, &movement).number(), 200);
    }
    let proposal = community.proposes(PROPERTY, &movement);
    let approve = Community::approve(proposal, &movement);
    for author in [AUDITOR, FARM, LEADER] {
        assert_eq!(community.refusal(author, approve.clone()).number(), 200);
    }
    community.does(COMMITTEE, approve.clone());
    assert_eq!(community.refusal(COMMITTEE, approve).number(), 607, "an approval acts once");
}

#[test]
fn the_rule_of_two_holds_for_every_payout() {
    let mut community = Community::with_relations(&[(BAKERY, PROPERTY)]);
    let buy = settled(&mut community);
    let movement = Community::pay_out(buy, PayTo::Supplier, "out-1", yuan("72.00"));
    for author in [COMMITTEE, FARM, LEADER, AUDITOR] {
        assert_eq!(community.proposal_refusal(author, &movement).number(), 206, "no custodian");
    }
    let proposal = community.proposes(PROPERTY, &movement);
    let approve = Community::approve(proposal, &movement);
    for (author, number) in [
        (PROPERTY, 202), // submitted it
        (LEADER, 200),   // no organisation
        (BAKERY, 203),   // related to who submitted it
        (FARM, 204),     // paid by it
    ] {
        assert_eq!(community.refusal(author, approve.clone()).number(), number);
    }
    community.does(AUDITOR, approve);
    assert_eq!(community.held(buy, AccountId::Payable), NOTHING);
    // The property company's own share leaves custody by another organisation's word.
    let own = Community::pay_out(buy, PayTo::Fee(1), "out-2", yuan("2.00"));
    community.moves(PROPERTY, COMMITTEE, &own);
    let unknown = Community::pay_out(buy, PayTo::Fee(4), "out-3", yuan("1.00"));
    assert_eq!(community.proposal_refusal(PROPERTY, &unknown).number(), 610);
}

#[test]
fn two_proposals_of_one_payout_pay_once() {
    let mut community = Community::new();
    let buy = settled(&mut community);
    let movement = Community::pay_out(buy, PayTo::Supplier, "out-1", yuan("36.00"));
    let first = community.proposes(PROPERTY, &movement);
    let second = community.proposes(PROPERTY, &movement);
    community.does(COMMITTEE, Community::approve(first, &movement));
    let refusal = community.refusal(COMMITTEE, Community::approve(second, &movement));
    assert_eq!(refusal.number(), 502);
    assert_eq!(community.held(buy, AccountId::Payable), yuan("36.00"));
}

#[test]
fn a_payout_that_bounces_is_owed_again_and_bounces_once() {
    let mut community = Community::new();
    let buy = settled(&mut community);
    let movement = Community::pay_out(buy, PayTo::Supplier, "out-1", yuan("72.00"));
    community.moves(PROPERTY, COMMITTEE, &movement);
    let wrong = bounce("out-1", "in-1", yuan("71.00"));
    assert_eq!(community.proposal_refusal(PROPERTY, &wrong).number(), 600);
    community.moves(PROPERTY, COMMITTEE, &bounce("out-1", "in-1", yuan("72.00")));
    assert_eq!(community.held(buy, AccountId::Payable), yuan("72.00"));
    // The same payout cannot come back a second time, whatever number is given to it.
    let again = bounce("out-1", "in-2", yuan("72.00"));
    assert_eq!(community.proposal_refusal(PROPERTY, &again).number(), 501);
    let movement = Community::pay_out(buy, PayTo::Supplier, "out-2", yuan("72.00"));
    community.moves(PROPERTY, COMMITTEE, &movement);
    assert_eq!(community.proposal_refusal(PROPERTY, &again).number(), 501);
    community.moves(PROPERTY, COMMITTEE, &bounce("out-2", "in-2", yuan("72.00")));
    assert_eq!(community.custody(), yuan("84.00"));
}

#[test]
fn a_refund_that_bounces_can_be_paid_again_and_the_seal_counts_it_once() {
    let mut community = Community::new();
    let buy = paid(&mut community);
    community.moves(PROPERTY, COMMITTEE, &Movement::Cancel { group_buy: buy });
    let back = |number| {
        let item = refund(household(1), "wx-t-1", yuan("42.00"), number);
        Community::refunds(buy, vec![item])
    };
    community.moves(PROPERTY, COMMITTEE, &back("back-1"));
    assert_eq!(community.proposal_refusal(PROPERTY, &back("back-2")).number(), 508);
    community.moves(PROPERTY, COMMITTEE, &bounce("back-1", "in-1", yuan("42.00")));
    assert_eq!(community.refund_of(buy, 1), yuan("42.00"));
    community.moves(PROPERTY, COMMITTEE, &back("back-2"));
    let item = refund(household(2), "wx-t-2", yuan("42.00"), "back-3");
    community.moves(PROPERTY, COMMITTEE, &Community::refunds(buy, vec![item]));
    community.wait(1);
    assert!(community.is_closed(buy));
    let totals =
        ledger_core::fund::HouseholdTotals { paid: yuan("42.00"), refunded: yuan("42.00") };
    let leaf = |who| (ledger_core::fund::seal_leaf(&household(who), &totals), totals);
    let encoded = ledger_core::codec::encode(&(leaf(1), leaf(2)));
    let seal = ledger_core::fund::Seal {
        group_buy: buy,
        phase: Phase::Cancelled,
        filing: filing("t").digest(),
        totals: ledger_core::fund::HouseholdTotals { paid: yuan("84.00"), refunded: yuan("84.00") },
        households: ledger_core::crypto::Domain::Seal.digest(&[&encoded]),
    };
    assert_eq!(community.seal_of(buy), seal.digest());
}

#[test]
fn a_payout_that_bounces_after_the_group_buy_is_closed_waits_for_its_payee() {
    let mut community = Community::new();
    let buy = settled(&mut community);
    pay_everybody(&mut community, buy);
    community.wait(1);
    assert!(community.is_closed(buy));
    community.moves(PROPERTY, COMMITTEE, &bounce("out-1", "in-1", yuan("4.00")));
    let beneficiary = Beneficiary::Payee(LEADER);
    let unclaimed = AccountId::Unclaimed(buy, beneficiary);
    assert_eq!(community.balance(unclaimed), yuan("4.00"));
    let payout = payout(WECHAT, "out-9", yuan("4.00"));
    let movement = Movement::PayUnclaimed { group_buy: buy, beneficiary, payout };
    community.moves(PROPERTY, FARM, &movement);
    assert_eq!(community.custody(), NOTHING);
    assert!(!community.state.fund().accounts.contains(&unclaimed));
}

#[test]
fn what_nobody_takes_for_a_month_is_unclaimed_and_paid_whenever_somebody_comes() {
    let mut community = Community::new();
    let buy = community.opens(&filing("t"));
    community.households_order(buy, &[(1, 0, 2), (2, 0, 2)]);
    community.goods_arrive(buy, &[(0, 3)]);
    community.does(LEADER, Community::codes(buy, &[1, 2]));
    community.wait(AFTER_SALE);
    community.settles(buy);
    let settled_at = community.buy(buy).header.since;
    community.wait_until(settled_at.after(DurationMs::new(UNCLAIMED)));
    assert!(community.is_closed(buy), "nothing keeps it open for ever");
    assert_eq!(community.custody(), yuan("84.00"));
    let unclaimed = |beneficiary| AccountId::Unclaimed(buy, beneficiary);
    assert_eq!(community.balance(unclaimed(Beneficiary::Supplier(FARM))), yuan("54.00"));
    // The farm is also paid for delivery; that is another claim.
    assert_eq!(community.balance(unclaimed(Beneficiary::Payee(FARM))), yuan("4.50"));
    let households = [1, 2].map(|who| unclaimed(Beneficiary::Household(household(who))));
    let owed = Fen::sum(households.map(|account| community.balance(account)));
    assert_eq!(owed, Some(yuan("21.00")));

    community.wait(1_000_000);
    let beneficiary = Beneficiary::Supplier(FARM);
    let pay = |number, amount| Movement::PayUnclaimed {
        group_buy: buy,
        beneficiary,
        payout: payout(WECHAT, number, yuan(amount)),
    };
    assert_eq!(community.proposal_refusal(PROPERTY, &pay("out-1", "54.01")).number(), 700);
    let movement = pay("out-1", "54.00");
    let proposal = community.proposes(PROPERTY, &movement);
    let approve = Community::approve(proposal, &movement);
    assert_eq!(community.refusal(FARM, approve.clone()).number(), 204);
    community.does(COMMITTEE, approve);
    assert_eq!(community.custody(), yuan("30.00"));
    // It may bounce even then.
    community.moves(PROPERTY, COMMITTEE, &bounce("out-1", "in-1", yuan("54.00")));
    assert_eq!(community.balance(unclaimed(beneficiary)), yuan("54.00"));
}

#[test]
fn a_group_buy_is_not_closed_while_a_fen_is_in_it() {
    let mut community = Community::new();
    let buy = settled(&mut community);
    for (to, number, amount) in [
        (PayTo::Supplier, "out-0", "71.99"),
        (PayTo::Fee(0), "out-1", "4.00"),
        (PayTo::Fee(1), "out-2", "2.00"),
        (PayTo::Fee(2), "out-3", "6.00"),
    ] {
        let movement = Community::pay_out(buy, to, number, yuan(amount));
        community.moves(PROPERTY, COMMITTEE, &movement);
    }
    community.wait(1);
    assert!(!community.is_closed(buy));
    let last = Community::pay_out(buy, PayTo::Supplier, "out-4", yuan("0.01"));
    let proposal = community.proposes(PROPERTY, &last);
    let bounced = bounce("out-1", "in-1", yuan("4.00"));
    let other = community.proposes(PROPERTY, &bounced);
    // In one block the last fen goes out and another payout comes back: it stays open.
    let pay = community.says(COMMITTEE, Community::approve(proposal, &last));
    let back = community.says(COMMITTEE, Community::approve(other, &bounced));
    assert!(community.block(&[pay, back]).is_empty());
    community.wait(1);
    assert!(!community.is_closed(buy));
    let movement = Community::pay_out(buy, PayTo::Fee(0), "out-5", yuan("4.00"));
    community.moves(PROPERTY, COMMITTEE, &movement);
    community.wait(1);
    assert!(community.is_closed(buy));
}

// Channels.

#[test]
fn money_moves_between_channels_with_the_word_of_both_custodians() {
    let mut community = Community::new();
    let buy = paid(&mut community);
    let transfer =
        |number, to| Movement::Transfer { from: payout(WECHAT, number, yuan("60.00")), to };
    community.moves(PROPERTY, COMMITTEE, &transfer("tr-1", BANK));
    assert_eq!(community.balance(AccountId::Custody(WECHAT)), yuan("24.00"));
    assert_eq!(community.balance(AccountId::Custody(BANK)), yuan("60.00"));
    assert_eq!(community.proposal_refusal(PROPERTY, &transfer("tr-2", BANK)).number(), 700);
    assert_eq!(community.proposal_refusal(COMMITTEE, &transfer("tr-2", BANK)).number(), 206);
    assert_eq!(community.proposal_refusal(PROPERTY, &transfer("tr-2", 7)).number(), 500);
    assert_eq!(community.proposal_refusal(PROPERTY, &transfer("tr-2", WECHAT)).number(), 400);
    // Into the committee's cash box only the committee says that it arrived.
    let movement = Movement::Transfer { from: payout(BANK, "tr-2", yuan("60.00")), to: CASH };
    let proposal = community.proposes(PROPERTY, &movement);
    let approve = Community::approve(proposal, &movement);
    assert_eq!(community.refusal(FARM, approve.clone()).number(), 200);
    community.does(COMMITTEE, approve);
    assert_eq!(community.balance(AccountId::Custody(CASH)), yuan("60.00"));
    assert_eq!(community.escrow(buy, 1), yuan("42.00"), "nobody's money changed hands");
}

#[test]
fn a_channel_s_fee_is_borne_by_the_property_share_and_topped_up_where_that_is_not_enough() {
    let mut community = Community::new();
    let buy = settled(&mut community);
    let fee = |number, amount| Movement::ChannelFee {
        fee: payout(WECHAT, number, yuan(amount)),
        bill: Digest::new([1; 32]),
    };
    community.moves(PROPERTY, COMMITTEE, &fee("fee-1", "2.50"));
    let bear =
        |amount| Movement::BearChannelFee { group_buy: buy, channel: WECHAT, amount: yuan(amount) };
    assert_eq!(community.proposal_refusal(PROPERTY, &bear("2.01")).number(), 700);
    community.moves(PROPERTY, COMMITTEE, &bear("2.00"));
    assert_eq!(community.balance(AccountId::ChannelFee(WECHAT)), yuan("0.50"));
    let top_up = |number, amount| Movement::TopUpChannelFee {
        receipt: receipt(WECHAT, number, yuan(amount)),
    };
    assert_eq!(community.proposal_refusal(PROPERTY, &top_up("top-1", "0.51")).number(), 700);
    community.moves(PROPERTY, COMMITTEE, &top_up("top-1", "0.50"));
    assert_eq!(community.balance(AccountId::ChannelFee(WECHAT)), NOTHING);
    assert_eq!(community.custody(), yuan("82.00"));
}

#[test]
fn a_difference_is_found_again_or_owed_by_a_member() {
    let mut community = Community::new();
    paid(&mut community);
    let missing = payout(WECHAT, "diff-1", yuan("10.00"));
    let document = Digest::new([1; 32]);
    community.moves(PROPERTY, COMMITTEE, &Movement::Difference { missing, document });
    assert_eq!(community.balance(AccountId::Difference(WECHAT)), yuan("10.00"));
    let found = receipt(WECHAT, "found-1", yuan("4.00"));
    community.moves(PROPERTY, COMMITTEE, &Movement::FoundDifference { receipt: found });
    let charge = |amount| Movement::ChargeDifference {
        channel: WECHAT,
        member: PROPERTY,
        amount: yuan(amount),
        document,
    };
    assert_eq!(community.proposal_refusal(COMMITTEE, &charge("6.01")).number(), 700);
    community.moves(COMMITTEE, PROPERTY, &charge("6.00"));
    assert_eq!(community.balance(AccountId::Difference(WECHAT)), NOTHING);
    let owed = AccountId::Receivable(PROPERTY);
    assert_eq!(community.balance(owed), yuan("6.00"));
    let repay = |number, amount| Movement::RepayReceivable {
        member: PROPERTY,
        receipt: receipt(BANK, number, yuan(amount)),
    };
    assert_eq!(community.proposal_refusal(PROPERTY, &repay("re-1", "6.01")).number(), 700);
    community.moves(PROPERTY, COMMITTEE, &repay("re-1", "6.00"));
    assert_eq!(community.balance(owed), NOTHING);
    assert_eq!(community.custody(), yuan("84.00"));
}

#[test]
fn a_reserve_is_spent_for_its_purpose_only() {
    let mut community = Community::new();
    let give = Movement::GiveReserve {
        purpose: name("elder-meals"),
        receipt: receipt(BANK, "grant-1", yuan("500.00")),
    };
    assert_eq!(community.proposal_refusal(COMMITTEE, &give).number(), 206);
    community.moves(PROPERTY, AUDITOR, &give);
    let spend = |purpose: &str, number, amount| Movement::SpendReserve {
        purpose: name(purpose),
        payout: payout(BANK, number, yuan(amount)),
        document: Digest::new([1; 32]),
    };
    let other = spend("after-sale", "out-1", "1.00");
    assert_eq!(community.proposal_refusal(PROPERTY, &other).number(), 700);
    let meals = spend("elder-meals", "out-1", "120.00");
    assert_eq!(community.proposal_refusal(COMMITTEE, &meals).number(), 200);
    let proposal = community.proposes(PROPERTY, &meals);
    let approve = Community::approve(proposal, &meals);
    assert_eq!(community.refusal(AUDITOR, approve.clone()).number(), 200);
    community.does(COMMITTEE, approve);
    assert_eq!(community.balance(AccountId::Reserve(name("elder-meals"))), yuan("380.00"));
}

// Proposals.

#[test]
fn a_proposal_that_nobody_approves_lapses() {
    let mut community = Community::new();
    let buy = paid(&mut community);
    let movement = Movement::Cancel { group_buy: buy };
    let proposal = community.proposes(COMMITTEE, &movement);
    let due = community.now.after(DurationMs::new(PROPOSAL_WAIT));
    community.wait_until(TimestampMs::new(due.get() - 10));
    assert!(community.state.fund().proposals.contains(&proposal));
    community.wait_until(due);
    assert!(!community.state.fund().proposals.contains(&proposal));
    let refusal = community.refusal(PROPERTY, Community::approve(proposal, &movement));
    assert_eq!(refusal, Refusal::ProposalUnknown {});
}

#[test]
fn a_proposal_is_ended_by_its_proposer_or_by_whoever_could_approve_it() {
    for author in [COMMITTEE, PROPERTY] {
        let mut community = Community::new();
        let buy = paid(&mut community);
        let movement = Movement::Cancel { group_buy: buy };
        let proposal = community.proposes(COMMITTEE, &movement);
        let reject = Action::RejectProposal { proposal, movement: movement.digest() };
        assert_eq!(community.refusal(FARM, reject.clone()).number(), 200);
        community.does(author, reject);
        let refusal = community.refusal(PROPERTY, Community::approve(proposal, &movement));
        assert_eq!(refusal.number(), 607);
        assert_eq!(community.state.fund().agenda.len(), 1, "only its own of the group buy");
    }
}

#[test]
fn a_proposal_is_tried_before_it_waits_and_leaves_no_trace() {
    let mut community = Community::new();
    let buy = settled(&mut community);
    let movement = Community::pay_out(buy, PayTo::Supplier, "out-1", yuan("72.00"));
    community.proposes(PROPERTY, &movement);
    assert_eq!(community.held(buy, AccountId::Payable), yuan("72.00"));
    let id = ledger_core::fund::PermanentId::Payment(name("out-1"));
    assert!(community.history.record(&id).is_none(), "the number is still free");
    // In the same block another proposal of the same money is tried on its own.
    let other = Community::pay_out(buy, PayTo::Supplier, "out-1", yuan("72.00"));
    community.proposes(PROPERTY, &other);
    community.moves(PROPERTY, COMMITTEE, &movement);
    assert!(matches!(community.history.record(&id), Some(PermanentRecord::Paid { .. })));
}

#[test]
fn a_proposal_about_a_closed_group_buy_says_so() {
    let mut community = Community::new();
    let buy = settled(&mut community);
    let movement = Community::pay_out(buy, PayTo::Supplier, "out-9", yuan("1.00"));
    let proposal = community.proposes(PROPERTY, &movement);
    pay_everybody(&mut community, buy);
    community.wait(1);
    let refusal = community.refusal(COMMITTEE, Community::approve(proposal, &movement));
    assert_eq!(refusal, Refusal::GroupBuyClosed {});
    assert_eq!(community.proposal_refusal(LEADER, &evidence(buy, &[1])), refusal);
}
