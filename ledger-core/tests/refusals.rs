//! Every refusal by its number: a situation in which the ledger gives exactly it, and which of two
//! reasons is given.

#![allow(clippy::unwrap_used, reason = "a test stops where it is wrong")]

mod support;

use ledger_core::{
    codec::{Encode, encode},
    crypto::{ChainId, Digest, Domain, TransactionId},
    fund::{Action, Filing, FilingDecision, Minimum, Movement, PayTo, PaymentRecord},
    ledger::LIVE_IDS_PER_AUTHOR_MAX,
    merkle::{Frontier, Record, StateWrite, Table},
    refusal::Refusal,
    types::{DurationMs, Fen, GroupBuyId, MemberId, TimestampMs},
};
use std::collections::BTreeSet;
use support::*;

/// A community with the group buy `t` OPEN.
fn open() -> (Community, GroupBuyId) {
    let mut community = Community::new();
    let buy = community.opens(&filing("t"));
    (community, buy)
}

/// H1 has ordered two boxes under `o1` and not paid.
fn ordered() -> (Community, GroupBuyId) {
    let (mut community, buy) = open();
    community.orders(buy, vec![order("o1", household(1), &[(0, 2)])]);
    (community, buy)
}

/// H1 and H2 have paid two boxes each, as `wx-t-1` and `wx-t-2`.
fn paid() -> (Community, GroupBuyId) {
    let (mut community, buy) = open();
    community.households_order(buy, &[(1, 0, 2), (2, 0, 2)]);
    (community, buy)
}

fn formed() -> (Community, GroupBuyId) {
    let (mut community, buy) = paid();
    community.wait_until(CONFIRM_BY);
    (community, buy)
}

fn purchased() -> (Community, GroupBuyId) {
    let (mut community, buy) = formed();
    community.purchases(buy);
    (community, buy)
}

fn received() -> (Community, GroupBuyId) {
    let (mut community, buy) = purchased();
    community.receives(buy, &[(0, 4)]);
    (community, buy)
}

fn delivered() -> (Community, GroupBuyId) {
    let (mut community, buy) = received();
    community.does(LEADER, Community::codes(buy, &[1, 2]));
    (community, buy)
}

fn settled() -> (Community, GroupBuyId) {
    let (mut community, buy) = delivered();
    community.wait(AFTER_SALE);
    community.settles(buy);
    (community, buy)
}

/// Rejected with nothing in it, and sealed.
fn closed() -> (Community, GroupBuyId) {
    let mut community = Community::new();
    let filing = filing("t");
    community.files(LEADER, &filing);
    community.does(COMMITTEE, Community::decide(&filing, FilingDecision::Reject(1)));
    community.wait(1);
    assert!(community.is_closed(filing.group_buy));
    (community, filing.group_buy)
}

fn cancel(group_buy: GroupBuyId) -> Movement {
    Movement::Cancel { group_buy }
}

fn file_refusal(change: impl FnOnce(&mut Filing)) -> Refusal {
    let mut filing = filing("t");
    change(&mut filing);
    Community::new().refusal(LEADER, Action::File(filing))
}

fn order_refusal(
    (mut community, buy): (Community, GroupBuyId),
    request: ledger_core::fund::OrderRequest,
) -> Refusal {
    let action = community.order_action(buy, vec![request]);
    community.refusal(LEADER, action)
}

/// As `open`, with an offer changed.
fn open_with(change: impl FnOnce(&mut ledger_core::fund::Offer)) -> (Community, GroupBuyId) {
    let mut community = Community::new();
    let mut filing = filing("t");
    let mut offers = filing.offers.to_vec();
    change(&mut offers[0]);
    filing.offers = list(offers);
    let buy = community.opens(&filing);
    (community, buy)
}

fn record_refusal((mut community, buy): (Community, GroupBuyId), record: PaymentRecord) -> Refusal {
    let payments = list(vec![record]);
    community.refusal(LEADER, Action::RecordPayments { group_buy: buy, payments })
}

/// What the ledger keeps of one author's ids that expire in one minute (docs/wire-format.md).
#[derive(Clone, Encode)]
struct LiveBucket {
    ids: Frontier,
}

impl Record for LiveBucket {
    fn commit(&mut self, _: &[u8], _: &mut Vec<StateWrite>) -> Vec<u8> {
        encode(self)
    }
}

/// A chain on whose disk the leader has as many unexpired transactions as it may have.
fn with_many_live_ids() -> Community {
    let mut community = Community::new();
    let bytes =
        [encode(&LIVE_IDS_PER_AUTHOR_MAX), encode(&list::<_, 64>(vec![Digest::new([1; 32])]))];
    let ids: Frontier = ledger_core::codec::decode(&bytes.concat()).unwrap();
    let mut live: Table<(u64, MemberId), LiveBucket> = Table::default();
    let minute = community.now.get() / 60_000 + 30;
    live.insert((minute, LEADER), LiveBucket { ids });
    let mut writes = Vec::new();
    let commitment = live.commit(&[5], &mut writes);
    let mut stored = community.state.clone().stored_head();
    stored.head.tables[5] = (1, commitment);
    stored.tip.state_root = Domain::State.digest(&[&encode(&stored.head)]);
    for write in writes {
        community.disk.insert(write.key, write.value.unwrap());
    }
    community.state = community.loads(stored);
    community
}

type Scenario = (u16, &'static str, fn() -> Refusal);

const SCENARIOS: &[Scenario] = &[
    (101, "a transaction of a version that nobody speaks", || {
        let mut community = Community::new();
        let mut transaction = community.transaction(LEADER, Action::File(filing("t")));
        transaction.version += 1;
        community.refusal_of(&community.sign(transaction))
    }),
    (102, "a transaction for another chain", || {
        let mut community = Community::new();
        let mut transaction = community.transaction(LEADER, Action::File(filing("t")));
        transaction.chain = ChainId::new([9; 32]);
        community.refusal_of(&community.sign(transaction))
    }),
    (103, "a stranger", || Community::new().refusal(MemberId::new(99), Action::File(filing("t")))),
    (105, "signed yesterday", || {
        let mut community = Community::new();
        let mut transaction = community.transaction(LEADER, Action::File(filing("t")));
        transaction.expires = community.now;
        community.refusal_of(&community.sign(transaction))
    }),
    (106, "a clock that runs a day ahead", || {
        let mut community = Community::new();
        let mut transaction = community.transaction(LEADER, Action::File(filing("t")));
        transaction.expires = community.now.after(DurationMs::new(86_400_000));
        community.refusal_of(&community.sign(transaction))
    }),
    (107, "the same transaction sent again", || {
        let mut community = Community::new();
        let transaction = community.says(LEADER, Action::File(filing("t")));
        assert!(community.block(std::slice::from_ref(&transaction)).is_empty());
        community.refusal_of(&transaction)
    }),
    (108, "a million transactions that have not expired", || {
        with_many_live_ids().refusal(LEADER, Action::File(filing("t")))
    }),
    (109, "twenty-one changes of an order of a thousand lines in one batch", || {
        let (mut community, buy) = open();
        let mut request = order("o1", household(1), &vec![(0, 1); 1000]);
        let mut batch = vec![request.clone()];
        for version in 1..21 {
            request.replaces = Some(version);
            request.lines = lines(&vec![(0, version + 1); 1000]);
            batch.push(request.clone());
        }
        let action = community.order_action(buy, batch);
        let transaction = community.says(LEADER, action);
        assert!(transaction.bytes().len() < ledger_core::transaction::TRANSACTION_BYTES_MAX);
        community.refusal_of(&transaction)
    }),
    (200, "a supplier files a group buy", || {
        Community::new().refusal(FARM, Action::File(filing("t")))
    }),
    (201, "another leader enters orders", || {
        let (mut community, buy) = open();
        let action = community.order_action(buy, vec![order("o1", household(1), &[(0, 1)])]);
        community.refusal(NEIGHBOUR, action)
    }),
    (202, "the leader approves its own filing", || {
        let mut community = Community::new();
        let filing = filing("t");
        community.files(LEADER, &filing);
        community.refusal(LEADER, Community::decide(&filing, FilingDecision::Approve))
    }),
    (203, "the leader's brother on the committee approves its filing", || {
        let mut community = Community::with_relations(&[(COMMITTEE, LEADER)]);
        let filing = filing("t");
        community.files(LEADER, &filing);
        community.refusal(COMMITTEE, Community::decide(&filing, FilingDecision::Approve))
    }),
    (204, "the supplier approves its own payout", || {
        let (mut community, buy) = settled();
        let movement = Community::pay_out(buy, PayTo::Supplier, "out-1", yuan("72.00"));
        let proposal = community.proposes(PROPERTY, &movement);
        community.refusal(FARM, Community::approve(proposal, &movement))
    }),
    (205, "the committee approves a filing twice", || {
        let mut community = Community::new();
        let filing = filing("t");
        community.files(LEADER, &filing);
        community.does(COMMITTEE, Community::decide(&filing, FilingDecision::Approve));
        community.refusal(COMMITTEE, Community::decide(&filing, FilingDecision::Approve))
    }),
    (206, "the committee confirms a payment by WeChat", || {
        let (mut community, buy) = ordered();
        let record = payment("wx-1", WECHAT, household(1), yuan("42.00"));
        community.records(buy, &record);
        community.refusal(COMMITTEE, Community::confirm(buy, &record))
    }),
    (207, "a leader files its cousin's goods and does not say so", || {
        let mut community = Community::with_relations(&[(FARM, LEADER)]);
        community.refusal(LEADER, Action::File(filing("t")))
    }),
    (300, "orders for a group buy that nobody filed", || {
        let mut community = Community::new();
        let orders = list(vec![order("o1", household(1), &[(0, 1)])]);
        let action = Action::Order { group_buy: name("x"), filing: Digest::default(), orders };
        community.refusal(LEADER, action)
    }),
    (301, "a name that another filing has", || {
        let (mut community, _) = open();
        let mut other = filing("t");
        other.minimum = Minimum { households: 5, amount: Fen::ZERO };
        community.refusal(LEADER, Action::File(other))
    }),
    (302, "a decision on a filing that has been rejected and sealed", || {
        let (mut community, _) = closed();
        community.refusal(PROPERTY, Community::decide(&filing("t"), FilingDecision::Approve))
    }),
    (303, "a purchase order while orders still come in", || {
        let (mut community, buy) = paid();
        let action = community.purchase_action(buy);
        community.refusal(FARM, action)
    }),
    (304, "orders at the prices of another filing", || {
        let (mut community, buy) = open();
        let orders = list(vec![order("o1", household(1), &[(0, 1)])]);
        let action = Action::Order { group_buy: buy, filing: Digest::default(), orders };
        community.refusal(LEADER, action)
    }),
    (305, "a price that is more than its parts", || {
        file_refusal(|filing| {
            let mut offers = filing.offers.to_vec();
            offers[0].price = ledger_core::types::UnitPrice::new(2200);
            filing.offers = list(offers);
        })
    }),
    (306, "an order at the cut-off", || {
        let (mut community, buy) = open();
        community.wait_until(CUT_OFF);
        order_refusal((community, buy), order("o1", household(1), &[(0, 1)]))
    }),
    (307, "the thousand and first group buy", || {
        let mut community = Community::new();
        community.reload = false;
        let filings: Vec<_> = (0..1000)
            .map(|i| community.says(LEADER, Action::File(filing(&format!("t{i}")))))
            .collect();
        assert!(community.block(&filings).is_empty());
        community.refusal(NEIGHBOUR, Action::File(filing("one-more")))
    }),
    (308, "the same filing sent again, signed anew", || {
        let (mut community, _) = open();
        community.refusal(LEADER, Action::File(filing("t")))
    }),
    (400, "a batch without orders", || {
        let (mut community, buy) = open();
        let action = community.order_action(buy, vec![]);
        community.refusal(LEADER, action)
    }),
    (401, "an order number with other content, naming no version", || {
        order_refusal(ordered(), order("o1", household(1), &[(0, 3)]))
    }),
    (402, "the same order imported again", || {
        order_refusal(ordered(), order("o1", household(1), &[(0, 2)]))
    }),
    (403, "a change of an order that was never entered", || {
        let mut request = order("o2", household(1), &[(0, 1)]);
        request.replaces = Some(1);
        order_refusal(ordered(), request)
    }),
    (404, "a change of a version that is not the current one", || {
        let mut request = order("o1", household(1), &[(0, 1)]);
        request.replaces = Some(7);
        order_refusal(ordered(), request)
    }),
    (405, "a good that was not filed", || {
        order_refusal(open(), order("o1", household(1), &[(2, 1)]))
    }),
    (406, "no boxes", || order_refusal(open(), order("o1", household(1), &[(0, 0)]))),
    (407, "the four thousand and first line", || {
        let (mut community, buy) = open();
        for who in 1..=4 {
            let number = format!("o{who}");
            community.orders(buy, vec![order(&number, household(who), &vec![(0, 1); 1000])]);
        }
        order_refusal((community, buy), order("o5", household(5), &[(0, 1)]))
    }),
    (408, "more boxes than there are", || {
        let (mut community, buy) = open_with(|offer| offer.stock = Some(5));
        community.orders(buy, vec![order("o1", household(1), &[(0, 4)])]);
        order_refusal((community, buy), order("o2", household(2), &[(0, 2)]))
    }),
    (409, "more boxes than one household may take, in two orders", || {
        let (mut community, buy) = open_with(|offer| offer.cap = Some(3));
        community.orders(buy, vec![order("o1", household(1), &[(0, 2)])]);
        order_refusal((community, buy), order("o2", household(1), &[(0, 2)]))
    }),
    (410, "a change that gives an order to another household", || {
        let mut request = order("o1", household(2), &[(0, 1)]);
        request.replaces = Some(1);
        order_refusal(ordered(), request)
    }),
    (411, "a payment for a household without an order", || {
        record_refusal(ordered(), payment("wx-1", WECHAT, household(9), yuan("1.00")))
    }),
    (412, "a household shows its code twice", || {
        let (mut community, buy) = received();
        community.does(LEADER, Community::codes(buy, &[1]));
        community.refusal(LEADER, Community::codes(buy, &[1]))
    }),
    (413, "a guessed code", || {
        let (mut community, buy) = received();
        let codes = list(vec![(household(1), [0; 16])]);
        community.refusal(LEADER, Action::Deliver { group_buy: buy, codes })
    }),
    (500, "a payment by a channel that the policy does not have", || {
        record_refusal(ordered(), payment("p-1", 3, household(1), yuan("42.00")))
    }),
    (501, "a payment number that stands there with another amount", || {
        record_refusal(paid(), payment("wx-t-1", WECHAT, household(1), yuan("1.00")))
    }),
    (502, "the same payment recorded again", || {
        record_refusal(paid(), payment("wx-t-1", WECHAT, household(1), yuan("42.00")))
    }),
    (503, "a confirmation of a payment that nobody recorded", || {
        let (mut community, buy) = ordered();
        let record = payment("wx-1", WECHAT, household(1), yuan("42.00"));
        community.refusal(PROPERTY, Community::confirm(buy, &record))
    }),
    (504, "a confirmed payment is refused", || {
        let (mut community, buy) = paid();
        let record = payment("wx-t-1", WECHAT, household(1), yuan("42.00")).digest();
        let number = name("wx-t-1");
        community.refusal(PROPERTY, Action::RefusePayment { group_buy: buy, number, record })
    }),
    (505, "less arrived than was recorded", || {
        let (mut community, buy) = ordered();
        let record = payment("wx-1", WECHAT, household(1), yuan("42.00"));
        community.records(buy, &record);
        let mut confirmation = confirmation(&record);
        confirmation.amount = yuan("24.00");
        let confirmations = list(vec![confirmation]);
        community.refusal(PROPERTY, Action::ConfirmPayments { group_buy: buy, confirmations })
    }),
    (506, "a payment of nothing", || {
        record_refusal(ordered(), payment("wx-1", WECHAT, household(1), Fen::ZERO))
    }),
    (507, "a payment that no policy allows", || {
        record_refusal(ordered(), payment("wx-1", WECHAT, household(1), Fen::new(u64::MAX)))
    }),
    (508, "a refund of more than the payment", || {
        let (mut community, buy) = paid();
        let items = vec![refund(household(1), "wx-t-1", yuan("42.01"), "back-1")];
        community.proposal_refusal(PROPERTY, &Community::refunds(buy, items))
    }),
    (600, "a purchase order with another total", || {
        let (mut community, buy) = formed();
        let purchase_order = community.buy(buy).header.stage.purchase().unwrap().order;
        let total = yuan("1.00");
        let action = Action::ConfirmPurchaseOrder { group_buy: buy, total, purchase_order };
        community.refusal(FARM, action)
    }),
    (601, "a purchase order with other quantities", || {
        let (mut community, buy) = formed();
        let total = community.buy(buy).header.stage.purchase().unwrap().total;
        let purchase_order = Digest::default();
        let action = Action::ConfirmPurchaseOrder { group_buy: buy, total, purchase_order };
        community.refusal(FARM, action)
    }),
    (602, "more boxes on the goods note than were ordered", || {
        let (mut community, buy) = purchased();
        community.refusal(FARM, Action::SignGoodsNote(note(buy, &[(0, 5)])))
    }),
    (603, "a goods note that lists an offer twice", || {
        let (mut community, buy) = purchased();
        community.refusal(FARM, Action::SignGoodsNote(note(buy, &[(0, 2), (0, 2)])))
    }),
    (604, "the supplier counted four, the leader three", || {
        let (mut community, buy) = purchased();
        community.does(FARM, Action::SignGoodsNote(note(buy, &[(0, 4)])));
        community.refusal(LEADER, Action::SignGoodsNote(note(buy, &[(0, 3)])))
    }),
    (605, "the supplier signs the same note twice", || {
        let (mut community, buy) = purchased();
        community.does(FARM, Action::SignGoodsNote(note(buy, &[(0, 4)])));
        community.refusal(FARM, Action::SignGoodsNote(note(buy, &[(0, 4)])))
    }),
    (606, "settled on the day of delivery", || {
        let (mut community, buy) = delivered();
        let movement = Movement::Settle { group_buy: buy, payable: yuan("72.00") };
        community.proposal_refusal(PROPERTY, &movement)
    }),
    (607, "an approval of nothing", || {
        let (mut community, buy) = paid();
        let nothing = TransactionId::new([7; 32]);
        community.refusal(COMMITTEE, Community::approve(nothing, &cancel(buy)))
    }),
    (608, "an approval of something else", || {
        let (mut community, buy) = paid();
        let proposal = community.proposes(PROPERTY, &cancel(buy));
        community.refusal(COMMITTEE, Community::approve(proposal, &cancel(name("other"))))
    }),
    (609, "a leader's two hundred and fifty-seventh proposal", || {
        let (mut community, buy) = received();
        community.reload = false;
        let movement = evidence(buy, &[1]);
        let proposals: Vec<_> =
            (0..256).map(|_| community.says(LEADER, Action::Propose(movement.clone()))).collect();
        assert!(community.block(&proposals).is_empty());
        let refusal = community.proposal_refusal(LEADER, &movement);
        community.proposes(
            PROPERTY,
            &Movement::GiveReserve {
                purpose: name("after-sale"),
                receipt: receipt(BANK, "grant-1", yuan("1.00")),
            },
        );
        refusal
    }),
    (610, "a payout that was never made comes back", || {
        let (mut community, _) = paid();
        let receipt = receipt(WECHAT, "in-1", yuan("42.00"));
        let movement = Movement::Bounce { payout: name("out-1"), receipt };
        community.proposal_refusal(PROPERTY, &movement)
    }),
    (700, "more than the supplier has earned", || {
        let (mut community, buy) = settled();
        let movement = Community::pay_out(buy, PayTo::Supplier, "out-1", yuan("72.01"));
        community.proposal_refusal(PROPERTY, &movement)
    }),
];

/// What only a node can say, before or beside the ledger, and why.
const GIVEN_BY_NODES: &[(u16, &str)] = &[
    (100, "bytes that are no transaction are refused before there is one to execute"),
    (104, "the ledger takes only transactions whose signature has been verified"),
    (110, "the ledger has no mempool"),
    (111, "no rule is known to be wrong"),
    (800, "evidence comes with the proposal of a block, which is then not valid"),
    (801, "evidence comes with the proposal of a block, which is then not valid"),
];

fn evidence(group_buy: GroupBuyId, households: &[u8]) -> Movement {
    let households = list(households.iter().map(|who| household(*who)).collect());
    Movement::Deliver { group_buy, households, evidence: Digest::new([3; 32]) }
}

#[test]
fn every_refusal_has_a_situation_that_provokes_exactly_it() {
    for (number, situation, refusal) in SCENARIOS {
        let given = refusal();
        assert_eq!(given.number(), *number, "{situation}: {given}");
        assert!(!given.chinese().is_empty() && !given.english().is_empty());
    }
}

#[test]
fn no_refusal_is_forgotten() {
    let ledger: Vec<u16> = SCENARIOS.iter().map(|(number, ..)| *number).collect();
    let nodes = GIVEN_BY_NODES.iter().map(|(number, _)| *number);
    let listed: Vec<u16> = ledger.into_iter().chain(nodes).collect();
    let all: BTreeSet<u16> = Refusal::ALL.iter().map(|(number, _)| *number).collect();
    assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>(), all);
    assert_eq!(listed.len(), all.len(), "no number is listed twice");
}

#[test]
fn form_comes_before_authority() {
    let mut community = Community::new();
    // Of an unknown version, for another chain, by a stranger, expired: each hides the next.
    let mut transaction = community.transaction(MemberId::new(99), Action::File(filing("t")));
    transaction.expires = TimestampMs::ZERO;
    transaction.chain = ChainId::new([9; 32]);
    transaction.version = 9;
    let mut numbers = vec![community.refusal_of(&community.sign(transaction.clone())).number()];
    transaction.version = ledger_core::transaction::TRANSACTION_VERSION;
    numbers.push(community.refusal_of(&community.sign(transaction.clone())).number());
    transaction.chain = *community.state.chain();
    numbers.push(community.refusal_of(&community.sign(transaction.clone())).number());
    transaction.author = FARM;
    numbers.push(community.refusal_of(&community.sign(transaction.clone())).number());
    // In form at last: a supplier may not file.
    transaction.expires = second(10);
    numbers.push(community.refusal_of(&community.sign(transaction)).number());
    assert_eq!(numbers, [101, 102, 103, 105, 200]);
}

#[test]
fn authority_comes_before_state() {
    // The purchase order is not asked for yet, and the leader may never confirm it.
    let (mut community, buy) = paid();
    let action = community.purchase_action(buy);
    assert_eq!(community.refusal(LEADER, action.clone()).number(), 200);
    assert_eq!(community.refusal(FARM, action).number(), 303);
    // Orders are over, and the neighbour may not enter any.
    let (mut community, buy) = formed();
    let action = community.order_action(buy, vec![]);
    assert_eq!(community.refusal(NEIGHBOUR, action.clone()).number(), 201);
    assert_eq!(community.refusal(LEADER, action).number(), 303);
    // Too early to settle, and not the committee's to propose.
    let (mut community, buy) = delivered();
    let movement = Movement::Settle { group_buy: buy, payable: Fen::ZERO };
    assert_eq!(community.proposal_refusal(COMMITTEE, &movement).number(), 200);
    assert_eq!(community.proposal_refusal(PROPERTY, &movement).number(), 606);
}

#[test]
fn state_comes_before_what_the_lines_say() {
    // WrongPhase, then FilingDiffers, then CutOffPassed, then the lines.
    let bad = order("o1", household(1), &[(9, 0)]);
    let (mut community, buy) = formed();
    let orders = list(vec![bad.clone()]);
    let action = Action::Order { group_buy: buy, filing: Digest::default(), orders };
    assert_eq!(community.refusal(LEADER, action.clone()).number(), 303);
    let (mut community, buy) = open();
    community.wait_until(CUT_OFF);
    assert_eq!(community.refusal(LEADER, action).number(), 304);
    let action = community.order_action(buy, vec![bad.clone()]);
    assert_eq!(community.refusal(LEADER, action).number(), 306);
    assert_eq!(order_refusal(open(), bad).number(), 405);
    // Of two bad orders the first one is named.
    let (mut community, buy) = open();
    let batch = vec![order("o1", household(1), &[(0, 0)]), order("o2", household(2), &[(9, 1)])];
    let action = community.order_action(buy, batch);
    assert_eq!(community.refusal(LEADER, action).number(), 406);
}

#[test]
fn state_comes_before_money() {
    // Not settled, and more than there is.
    let (mut community, buy) = delivered();
    let movement = Community::pay_out(buy, PayTo::Supplier, "out-1", yuan("9999.00"));
    assert_eq!(community.proposal_refusal(PROPERTY, &movement).number(), 303);
    // A number that is used, and more than there is.
    let (mut community, buy) = settled();
    let movement = Community::pay_out(buy, PayTo::Supplier, "wx-t-1", yuan("9999.00"));
    assert_eq!(community.proposal_refusal(PROPERTY, &movement).number(), 501);
    // A refund of more than the payment, and more than is owed.
    let items = vec![refund(household(1), "wx-t-1", yuan("9999.00"), "back-1")];
    let movement = Community::refunds(buy, items);
    assert_eq!(community.proposal_refusal(PROPERTY, &movement).number(), 508);
}

#[test]
fn a_refusal_says_by_how_much() {
    let (mut community, buy) = settled();
    let movement = Community::pay_out(buy, PayTo::Supplier, "out-1", yuan("72.01"));
    let refusal = community.proposal_refusal(PROPERTY, &movement);
    let (balance, amount) = (yuan("72.00"), yuan("72.01"));
    let account = "Payable".to_owned();
    assert_eq!(refusal, Refusal::InsufficientFunds { account, balance, amount });
}

/// A way to spoil a filing, and the words that name it.
type Fault = (fn(&mut Filing), &'static str);

#[test]
fn every_fault_of_a_filing_is_named() {
    let detail = |change: fn(&mut Filing)| match file_refusal(change) {
        Refusal::BadFiling { detail } => detail.english(),
        other => panic!("{other}"),
    };
    let faults: [Fault; 10] = [
        (|f| f.supplier = PROPERTY, "supplier"),
        (|f| f.property = COMMITTEE, "property payee"),
        (|f| f.packing = MemberId::new(99), "payee is not a registered member"),
        (|f| f.offers = list(vec![]), "offers nothing"),
        (
            |f| {
                f.offers = list(vec![ledger_core::fund::Offer {
                    price: Default::default(),
                    ..tangerines()
                }])
            },
            "no price",
        ),
        (
            |f| {
                let quote = ledger_core::types::UnitPrice::new(1700);
                f.offers = list(vec![ledger_core::fund::Offer { quote, ..tangerines() }]);
            },
            "goods part must be the quote",
        ),
        (|f| f.offers = list(vec![tangerines(), tangerines()]), "offered twice"),
        (|f| f.cut_off = TimestampMs::new(FOUNDED), "deadlines"),
        (|f| f.deliver_by = f.confirm_by, "deadlines"),
        (|f| f.retention_basis_points = 10_001, "more than everything"),
    ];
    for (change, words) in faults {
        let detail = detail(change);
        assert!(detail.contains(words), "{detail}");
    }
}

#[test]
fn importing_the_same_files_twice_changes_nothing() {
    let (mut community, buy) = paid();
    let root = community.state.tip().state_root;
    let order = community.order_action(buy, vec![order("t-1", household(1), &[(0, 2)])]);
    let record = payment("wx-t-1", WECHAT, household(1), yuan("42.00"));
    let payments = list(vec![record.clone()]);
    let says = [
        (LEADER, Action::File(filing("t"))),
        (FARM, Community::decide(&filing("t"), FilingDecision::Accept)),
        (LEADER, order),
        (LEADER, Action::RecordPayments { group_buy: buy, payments }),
        (PROPERTY, Community::confirm(buy, &record)),
    ];
    for (author, action) in says {
        let refusal = community.refusal(author, action);
        assert!(refusal.is_already_done(), "{refusal}");
    }
    assert_eq!(community.state.tip().state_root, root);
}
