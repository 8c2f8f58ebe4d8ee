//! One whole life of a community: group buys that form, fail, are rejected, cancelled, settled and closed.
//!
//! Every act, every movement and every kind of deadline happens, and the tests below say so by the names that
//! the types themselves have: a new one that never happens here is found out.

use crate::{
    chain::{Agreement, CREATED_MS, Chain, HOUR_MS, voting_key},
    hex,
};
use ledger_core::{
    codec::{Encode, List, encode},
    consensus::{Evidence, Proposal, SignedProposal, SignedVote, Verified, Vote, VoteKind},
    crypto::{BlockHash, Digest, Domain, TransactionId},
    fund::{
        AccountId, Action, Beneficiary, Confirmation, Filing, FilingDecision, GoodsNote, GroupBuy,
        LineRequest, Minimum, Movement, Offer, OrderRequest, PayTo, PaymentRecord, Payout, Phase,
        Receipt, RefundItem, Share, ShortRule, Split,
    },
    ledger::StateHead,
    merkle::{Record, Table},
    types::{
        BusinessDate, Code, DurationMs, Fen, GroupBuyId, Height, HouseholdTag, MemberId, Quantity,
        Round, TimestampMs, Unit, UnitPrice, ValidatorIndex,
    },
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const PROPERTY: u16 = 0;
const COMMITTEE: u16 = 1;
const FARM: u16 = 2;
const BAKERY: u16 = 3;
const LI: u16 = 4;
const WANG: u16 = 5;
const AUDITOR: u16 = 6;

const WECHAT: u8 = 0;
const BANK: u8 = 1;
const CASH: u8 = 2;

/// The story, and what the vectors say of it.
pub(crate) struct Life {
    pub(crate) chain: Chain,
    /// What happens in each block.
    pub(crate) chapters: Vec<&'static str>,
    /// Whole states after some of the blocks.
    pub(crate) states: Vec<Value>,
    /// Where group buys stood after each block.
    phases: BTreeSet<Phase>,
    actions: Vec<Action>,
}

fn code<const N: usize>(text: &str) -> Code<N> {
    text.parse().unwrap()
}

fn list<T: std::fmt::Debug, const MAX: usize>(elements: Vec<T>) -> List<T, MAX> {
    List::new(elements).unwrap()
}

fn at(hours: u64) -> TimestampMs {
    TimestampMs::new(CREATED_MS + hours * HOUR_MS)
}

fn household(number: u8) -> HouseholdTag {
    HouseholdTag::new([number; 16])
}

fn delivery_code(number: u8) -> [u8; 16] {
    [number ^ 0x55; 16]
}

fn offer(item: &str, unit: Unit, quote: u32, parts: [u32; 5]) -> Offer {
    let [goods, leader, property, delivery, packing] = parts.map(UnitPrice::new);
    let price = UnitPrice::new(parts.iter().sum());
    let split = Split { goods, leader, property, delivery, packing };
    Offer {
        item: code(item),
        unit,
        price,
        quote: UnitPrice::new(quote),
        split,
        stock: None,
        cap: None,
    }
}

/// Vegetables by weight with a stock, oranges with a cap, milk that is sold below its quote.
fn filing(group_buy: &str, supplier: u16) -> Filing {
    let spinach = offer("spinach", Unit::Weight, 900, [900, 60, 30, 50, 10]);
    let oranges = offer("oranges-box", Unit::Piece, 1_800, [1_800, 100, 50, 150, 0]);
    Filing {
        group_buy: code(group_buy),
        business_date: BusinessDate::new(20_260_105),
        supplier: MemberId::new(supplier),
        delivery: MemberId::new(LI),
        packing: MemberId::new(FARM),
        property: MemberId::new(PROPERTY),
        offers: list(vec![
            Offer { stock: Some(90_000), ..spinach },
            Offer { cap: Some(3), ..oranges },
            offer("milk", Unit::Piece, 750, [700, 0, 0, 0, 0]),
        ]),
        cut_off: at(24),
        confirm_by: at(30),
        deliver_by: at(72),
        minimum: Minimum { households: 2, amount: Fen::new(1_000) },
        after_sale_window: DurationMs::new(24 * HOUR_MS),
        retention_basis_points: 1_000,
        short_rule: ShortRule::Proportional,
        relation_declared: supplier == BAKERY,
    }
}

fn decision(filing: &Filing, decision: FilingDecision) -> Action {
    Action::DecideFiling { group_buy: filing.group_buy, filing: filing.digest(), decision }
}

fn order(number: &str, who: u8, lines: &[(u16, u32)]) -> OrderRequest {
    let code_hash = Domain::DeliveryCode.digest(&[household(who).as_bytes(), &delivery_code(who)]);
    let line = |(offer, quantity): &(u16, u32)| LineRequest {
        offer: *offer,
        quantity: Quantity::new(*quantity),
    };
    OrderRequest {
        order: code(number),
        household: household(who),
        delivery_code: Some(code_hash),
        replaces: None,
        lines: list(lines.iter().map(line).collect()),
    }
}

fn orders(filing: &Filing, orders: Vec<OrderRequest>) -> Action {
    let orders = list(orders);
    Action::Order { group_buy: filing.group_buy, filing: filing.digest(), orders }
}

fn paid(number: &str, channel: u8, hour: u64, shares: &[(u8, u64)]) -> PaymentRecord {
    let share =
        |(who, amount): &(u8, u64)| Share { household: household(*who), amount: Fen::new(*amount) };
    let shares = list(shares.iter().map(share).collect());
    PaymentRecord { number: code(number), channel, paid_at: at(hour), shares }
}

fn recorded(group_buy: GroupBuyId, payments: &[&PaymentRecord]) -> Action {
    let payments = list(payments.iter().map(|record| (*record).clone()).collect());
    Action::RecordPayments { group_buy, payments }
}

fn confirmed(group_buy: GroupBuyId, payments: &[&PaymentRecord]) -> Action {
    let confirm = |record: &&PaymentRecord| Confirmation {
        number: record.number,
        record: record.digest(),
        amount: record.amount().unwrap(),
    };
    Action::ConfirmPayments {
        group_buy,
        confirmations: list(payments.iter().map(confirm).collect()),
    }
}

fn payout(channel: u8, number: &str, amount: Fen) -> Payout {
    Payout { channel, number: code(number), amount }
}

fn receipt(channel: u8, number: &str, amount: u64) -> Receipt {
    Receipt { channel, number: code(number), amount: Fen::new(amount), received_at: at(9) }
}

fn refund(who: u8, payment: &str, amount: Fen, number: &str) -> RefundItem {
    RefundItem { household: household(who), payment: code(payment), amount, number: code(number) }
}

fn note(group_buy: GroupBuyId, accepted: &[(u16, u64)]) -> GoodsNote {
    GoodsNote { group_buy, accepted: list(accepted.to_vec()) }
}

impl Life {
    fn at(&mut self, hours: u64, minutes: u64) {
        self.chain.next_at(hours * HOUR_MS + minutes * 60_000);
    }

    fn says(&mut self, author: u16, action: Action) -> TransactionId {
        self.actions.push(action.clone());
        self.chain.says(author, action)
    }

    /// One proposes and another agrees, in one block.
    fn moves(&mut self, proposer: u16, approver: u16, movement: Movement) {
        let proposal = self.says(proposer, Action::Propose(movement.clone()));
        self.agrees(approver, proposal, &movement);
    }

    fn agrees(&mut self, approver: u16, proposal: TransactionId, movement: &Movement) {
        self.says(approver, Action::Approve { proposal, movement: movement.digest() });
    }

    fn decide(&mut self, chapter: &'static str) {
        self.decide_as(chapter, &Agreement::default());
    }

    fn decide_as(&mut self, chapter: &'static str, agreement: &Agreement) {
        self.chain.decide_as(agreement);
        self.chapters.push(chapter);
        let group_buys = self.chain.state.fund().group_buys.iter();
        self.phases.extend(group_buys.map(|(_, open)| open.header.phase()));
    }

    fn buy(&self, id: GroupBuyId) -> &GroupBuy {
        self.chain.state.fund().group_buys.get(&id).unwrap()
    }

    fn held(&self, id: GroupBuyId, account: AccountId) -> Fen {
        self.buy(id).balance(&account)
    }

    fn owed(&self, id: GroupBuyId, who: u8) -> Fen {
        self.held(id, AccountId::Refund(household(who)))
    }

    fn purchase(&self, id: GroupBuyId) -> Action {
        let purchase = *self.buy(id).header.stage.purchase().unwrap();
        let (total, purchase_order) = (purchase.total, purchase.order);
        Action::ConfirmPurchaseOrder { group_buy: id, total, purchase_order }
    }

    fn settle(&self, group_buy: GroupBuyId) -> Movement {
        let held =
            [AccountId::Payable, AccountId::Retention].map(|name| self.held(group_buy, name));
        Movement::Settle { group_buy, payable: Fen::sum(held).unwrap() }
    }

    /// What each block is, for the vectors.
    pub(crate) fn told(&self) -> Vec<Value> {
        let blocks = self.chapters.iter().zip(&self.chain.blocks).zip(&self.chain.work);
        let told = blocks.map(|((chapter, decided), work)| {
            let header = &decided.block.header;
            json!({
                "height": header.height,
                "what": chapter,
                "hash": header.hash(),
                "log_root": header.log_root,
                "state_root": header.state_root,
                "work": work,
                "record": hex(ledger_core::audit::record(&encode(decided))),
            })
        });
        told.collect()
    }

    /// Keeps the whole head of the state, and the way from some records up to it.
    fn keep_state(&mut self, group_buy: Option<GroupBuyId>) {
        let head = self.chain.state.clone().stored_head().head;
        let root = Domain::State.digest(&[&encode(&head)]);
        assert_eq!(root, self.chain.state.tip().state_root);
        let fund = self.chain.state.fund();
        let mut proofs = Vec::new();
        let custody = AccountId::Custody(WECHAT);
        if fund.accounts.contains(&custody) {
            proofs.push(self.proof(&head, &[1], &fund.accounts, &custody));
        }
        if let Some(id) = group_buy {
            let open = self.buy(id);
            proofs.push(self.proof(&head, &[2], &fund.group_buys, &id));
            let slot = fund.group_buys.slot_of(&id).unwrap().to_be_bytes();
            let below = |table: u8| [&[2][..], &slot, &[table]].concat();
            let (order, _) = open.orders.iter().next().unwrap();
            proofs.push(self.proof(&head, &below(0), &open.orders, order));
            let (payment, _) = open.payments.iter().last().unwrap();
            proofs.push(self.proof(&head, &below(2), &open.payments, payment));
            let (account, _) = open.accounts.iter().last().unwrap();
            proofs.push(self.proof(&head, &below(3), &open.accounts, account));
        }
        self.states.push(json!({
            "height": self.chain.state.tip().height,
            "head": hex(encode(&head)),
            "terms": head.terms,
            "tables": head.tables.map(|(slots, commitment)| json!([slots, commitment])),
            "permanent": { "size": head.permanent.size(), "root": head.permanent.root() },
            "totals": head.totals,
            "proofs": proofs,
        }));
    }

    /// A record with its neighbours, and what they lead to: the table's commitment.
    fn proof<K: Ord + Clone + Encode, V: Record>(
        &self,
        head: &StateHead,
        path: &[u8],
        table: &Table<K, V>,
        key: &K,
    ) -> Value {
        let proof = table.prove(key).unwrap();
        let bytes = &self.chain.disk[&[path, &proof.slot.to_be_bytes()].concat()];
        let commitment = proof.commitment_of(bytes);
        assert_eq!(Some(&commitment), table.commitment());
        if let [number] = path {
            assert_eq!(head.tables[usize::from(*number)].1, commitment);
        }
        json!({
            "table": path[0],
            "below": path.get(5),
            "slot": proof.slot,
            "slots": proof.slot_count,
            "record": hex(bytes),
            "siblings": proof.siblings,
            "commitment": commitment,
        })
    }
}

fn equivocations(chain: &Chain) -> [Evidence; 2] {
    let (set, id) = (chain.state.validators(), &chain.genesis.chain);
    let validator = ValidatorIndex::new(3);
    let key = voting_key(validator);
    let (height, round) = (Height::new(4), Round::new(1));
    let vote = |block: Option<[u8; 32]>| -> SignedVote {
        let block = block.map(BlockHash::new);
        let vote = Vote { height, round, kind: VoteKind::Prevote, block, validator };
        Verified::sign(vote, &key, id, set).unwrap().signed()
    };
    let proposal = |valid_round: Option<u32>| -> SignedProposal {
        let (block, valid_round) = (BlockHash::new([7; 32]), valid_round.map(Round::new));
        let proposer = validator;
        let proposal = Proposal { height, round, block, valid_round, proposer };
        Verified::sign(proposal, &key, id, set).unwrap().signed()
    };
    [
        Evidence::votes(vote(Some([1; 32])), vote(None)),
        Evidence::proposals(proposal(Some(0)), proposal(None)),
    ]
}

/// The whole story.
pub(crate) fn whole() -> Life {
    let mut life = Life {
        chain: Chain::new(),
        chapters: Vec::new(),
        states: Vec::new(),
        phases: BTreeSet::new(),
        actions: Vec::new(),
    };
    let veg = filing("veg-0105", FARM);
    let bread = filing("bread-0105", BAKERY);
    let rice = Filing { retention_basis_points: 0, ..filing("rice-0105", FARM) };
    let eggs = filing("eggs-0105", BAKERY);
    let fish = filing("fish-0105", FARM);
    let tea = Filing { cut_off: at(5), ..filing("tea-0105", FARM) };
    let nuts = Filing { cut_off: at(6), confirm_by: at(6), ..filing("nuts-0105", FARM) };
    life.keep_state(None);
    opens(&mut life, &[&veg, &bread, &rice, &eggs, &nuts], &fish, &tea);
    orders_and_payments(&mut life, &veg, &bread, &rice, &eggs);
    unknown_payers(&mut life, &veg);
    forms(&mut life, &veg, &bread, &rice, &eggs);
    goods(&mut life, &veg, &eggs);
    settles(&mut life, &veg, &eggs);
    channels_and_reserves(&mut life);
    ends(&mut life, &veg);
    life
}

fn opens(life: &mut Life, open: &[&Filing], fish: &Filing, tea: &Filing) {
    life.at(0, 10);
    for filing in open {
        life.says(LI, Action::File((*filing).clone()));
    }
    life.says(WANG, Action::File(fish.clone()));
    life.says(WANG, Action::File(tea.clone()));
    life.decide("seven filings");
    life.at(0, 20);
    for filing in open {
        // In any order; the last word opens it.
        life.says(COMMITTEE, decision(filing, FilingDecision::Approve));
        life.says(filing.supplier.get(), decision(filing, FilingDecision::Accept));
        life.says(PROPERTY, decision(filing, FilingDecision::Approve));
    }
    life.says(FARM, decision(fish, FilingDecision::Accept));
    life.says(COMMITTEE, decision(fish, FilingDecision::Reject(3)));
    life.says(COMMITTEE, decision(tea, FilingDecision::Approve));
    life.decide("five open, fish is rejected, tea lacks words");
    life.at(0, 30);
    life.decide("fish is sealed and closed");
}

fn orders_and_payments(
    life: &mut Life,
    veg: &Filing,
    bread: &Filing,
    rice: &Filing,
    eggs: &Filing,
) {
    life.at(1, 0);
    let of_veg = vec![
        order("A-1", 1, &[(0, 1_500), (1, 3)]),
        order("A-2", 2, &[(1, 3)]),
        order("A-3", 3, &[(1, 3), (2, 1)]),
        order("A-4", 4, &[(0, 600)]),
        order("A-5", 4, &[(2, 3)]),
        OrderRequest { delivery_code: None, ..order("A-6", 5, &[(0, 500)]) },
        OrderRequest { delivery_code: None, ..order("A-7", 6, &[(2, 1)]) },
        order("A-8", 7, &[(0, 333)]),
    ];
    life.says(LI, orders(veg, of_veg));
    life.says(LI, orders(bread, vec![order("B-1", 1, &[(2, 1)])]));
    life.says(LI, orders(rice, vec![order("R-1", 2, &[(2, 2)]), order("R-2", 3, &[(2, 3)])]));
    life.says(LI, orders(eggs, vec![order("E-1", 1, &[(2, 1)]), order("E-2", 2, &[(2, 1)])]));
    life.decide("orders");

    life.at(2, 0);
    // One payment for two households, of which one is named twice.
    let together = paid("wx-1", WECHAT, 1, &[(1, 7_875), (2, 2_000), (2, 4_300)]);
    let cash = paid("cash-1", CASH, 1, &[(3, 7_000)]);
    let wrong = paid("wx-2", WECHAT, 1, &[(6, 600)]);
    let right = paid("wx-2", WECHAT, 1, &[(6, 700)]);
    let too_much = paid("bank-1", BANK, 1, &[(7, 400)]);
    let never = paid("wx-7", WECHAT, 2, &[(5, 525)]);
    let (for_bread, for_rice) =
        (paid("wx-8", WECHAT, 2, &[(1, 700)]), paid("wx-9", WECHAT, 2, &[(2, 1_400), (3, 2_100)]));
    let for_eggs = paid("wx-10", WECHAT, 2, &[(1, 700), (2, 700)]);
    let all = [&together, &cash, &wrong, &too_much, &never];
    life.says(LI, recorded(veg.group_buy, &all));
    life.says(LI, recorded(bread.group_buy, &[&for_bread]));
    life.says(LI, recorded(rice.group_buy, &[&for_rice]));
    life.says(LI, recorded(eggs.group_buy, &[&for_eggs]));
    life.decide("payments are recorded");

    life.at(3, 0);
    life.says(PROPERTY, confirmed(veg.group_buy, &[&together, &too_much]));
    life.says(COMMITTEE, confirmed(veg.group_buy, &[&cash]));
    let (number, record) = (wrong.number, wrong.digest());
    life.says(PROPERTY, Action::RefusePayment { group_buy: veg.group_buy, number, record });
    life.says(LI, recorded(veg.group_buy, &[&right]));
    life.says(PROPERTY, confirmed(veg.group_buy, &[&right]));
    for (filing, record) in [(bread, &for_bread), (rice, &for_rice), (eggs, &for_eggs)] {
        life.says(PROPERTY, confirmed(filing.group_buy, &[record]));
    }
    life.decide("payments are confirmed, one is refused and recorded anew");

    life.at(4, 0);
    let smaller = OrderRequest { replaces: Some(1), ..order("A-1", 1, &[(0, 1_000), (1, 3)]) };
    let withdrawn = OrderRequest { replaces: Some(1), ..order("A-6", 5, &[]) };
    // The last is there as it is given: it is skipped.
    let same = order("A-2", 2, &[(1, 3)]);
    life.says(LI, orders(veg, vec![smaller, withdrawn, same]));
    life.decide("a smaller order gives back, another is withdrawn");
    life.keep_state(Some(veg.group_buy));

    life.at(5, 0);
    life.decide("nobody has decided on tea: rejected and closed");
    life.at(6, 0);
    life.decide("nobody wanted nuts: failed and closed");
}

fn unknown_payers(life: &mut Life, veg: &Filing) {
    let group_buy = veg.group_buy;
    life.at(10, 0);
    life.says(PROPERTY, Action::ReceiveUnidentified(receipt(WECHAT, "wx-4", 630)));
    life.says(PROPERTY, Action::ReceiveUnidentified(receipt(WECHAT, "wx-5", 1_000)));
    let shares = list(vec![Share { household: household(4), amount: Fen::new(630) }]);
    let identify = Movement::Identify { payment: code("wx-4"), group_buy, shares };
    life.moves(LI, PROPERTY, identify);
    let gives_back = |number: &str, amount| Movement::ReturnUnidentified {
        payment: code("wx-5"),
        payout: payout(WECHAT, number, Fen::new(amount)),
    };
    life.moves(PROPERTY, COMMITTEE, gives_back("ret-1", 400));
    life.moves(PROPERTY, FARM, gives_back("ret-2", 600));
    let equivocations = equivocations(&life.chain);
    equivocations.into_iter().for_each(|evidence| life.chain.convicts(evidence));
    let later =
        Agreement { proposed_in: Round::new(1), decided_in: Round::new(3), signers: vec![0, 1, 2] };
    life.decide_as(
        "one unknown payer is found, another gets its money back; equivocations",
        &later,
    );

    life.at(11, 0);
    let bounce = Movement::Bounce { payout: code("ret-1"), receipt: receipt(BANK, "back-1", 400) };
    life.moves(PROPERTY, AUDITOR, bounce);
    life.moves(PROPERTY, COMMITTEE, gives_back("ret-3", 400));
    life.decide("what was given back bounces and is given back again");

    life.at(25, 0);
    let late = paid("wx-6", WECHAT, 25, &[(2, 100)]);
    life.says(LI, recorded(group_buy, &[&late]));
    life.says(PROPERTY, confirmed(group_buy, &[&late]));
    let payment = code("wx-6");
    let payout = payout(WECHAT, "ret-4", Fen::new(60));
    life.moves(PROPERTY, COMMITTEE, Movement::ReturnUnidentified { payment, payout });
    life.decide("paid too late, and a part of it goes back");
    life.keep_state(Some(group_buy));
}

fn forms(life: &mut Life, veg: &Filing, bread: &Filing, rice: &Filing, eggs: &Filing) {
    life.at(30, 0);
    life.decide("three form, bread fails");
    life.keep_state(Some(veg.group_buy));

    life.at(31, 0);
    for filing in [veg, rice, eggs] {
        let action = life.purchase(filing.group_buy);
        life.says(filing.supplier.get(), action);
    }
    let group_buy = bread.group_buy;
    let items = list(vec![refund(1, "wx-8", life.owed(group_buy, 1), "ref-bread")]);
    life.moves(PROPERTY, COMMITTEE, Movement::Refund { group_buy, items });
    life.decide("purchase orders; bread pays back");

    life.at(32, 0);
    life.says(BAKERY, Action::SignGoodsNote(note(eggs.group_buy, &[(2, 2)])));
    life.moves(COMMITTEE, PROPERTY, Movement::Cancel { group_buy: rice.group_buy });
    life.decide("bread is closed, rice is cancelled");

    life.at(33, 0);
    let group_buy = rice.group_buy;
    let back = |who, number| refund(who, "wx-9", life.owed(group_buy, who), number);
    let items = list(vec![back(2, "ref-rice-2"), back(3, "ref-rice-3")]);
    life.moves(PROPERTY, COMMITTEE, Movement::Refund { group_buy, items });
    life.decide("rice pays back");
}

fn goods(life: &mut Life, veg: &Filing, eggs: &Filing) {
    let group_buy = veg.group_buy;
    life.at(40, 0);
    life.says(LI, Action::SignGoodsNote(note(group_buy, &[(0, 1_933), (1, 5)])));
    life.says(LI, Action::SignGoodsNote(note(group_buy, &[(0, 1_800), (1, 5)])));
    life.says(FARM, Action::SignGoodsNote(note(group_buy, &[(0, 1_800), (1, 5)])));
    life.decide("goods fall short, oranges with ties; rice is closed");
    life.keep_state(Some(group_buy));

    life.at(42, 0);
    let codes = list([1, 2].map(|who| (household(who), delivery_code(who))).to_vec());
    life.says(LI, Action::Deliver { group_buy, codes });
    let (households, evidence) = (list(vec![household(3)]), Digest::new([3; 32]));
    life.moves(LI, COMMITTEE, Movement::Deliver { group_buy, households, evidence });
    life.decide("two households show their codes, of one there is evidence");

    life.at(57, 0);
    let decided = Movement::DecideGoods(note(eggs.group_buy, &[]));
    life.moves(COMMITTEE, PROPERTY, decided);
    life.decide("no second signature: property and committee say that no eggs arrived");

    life.at(88, 0);
    life.decide("whoever has not confirmed has its goods by now");
}

fn settles(life: &mut Life, veg: &Filing, eggs: &Filing) {
    life.at(113, 0);
    let settle = life.settle(veg.group_buy);
    let proposal = life.says(PROPERTY, Action::Propose(settle.clone()));
    let of_eggs = life.settle(eggs.group_buy);
    life.moves(PROPERTY, COMMITTEE, of_eggs);
    let group_buy = eggs.group_buy;
    let back = |who, number| refund(who, "wx-10", life.owed(group_buy, who), number);
    let items = list(vec![back(1, "ref-eggs-1"), back(2, "ref-eggs-2")]);
    life.moves(PROPERTY, COMMITTEE, Movement::Refund { group_buy, items });
    life.decide("eggs are settled with nothing, and pay back");
    life.at(114, 0);
    life.agrees(COMMITTEE, proposal, &settle);
    life.decide("vegetables are settled, eggs are closed");
    life.keep_state(Some(veg.group_buy));

    let group_buy = veg.group_buy;
    let pay = |to, channel, number: &str, amount| Movement::PayOut {
        group_buy,
        to,
        payout: payout(channel, number, amount),
    };
    life.at(115, 0);
    let (fee, bill) = (payout(WECHAT, "fee-1", Fen::new(120)), Digest::new([4; 32]));
    life.moves(PROPERTY, COMMITTEE, Movement::ChannelFee { fee, bill });
    let bear = Movement::BearChannelFee { group_buy, channel: WECHAT, amount: Fen::new(100) };
    life.moves(PROPERTY, COMMITTEE, bear);
    let receipt_of_rest = receipt(WECHAT, "top-1", 20);
    life.moves(PROPERTY, COMMITTEE, Movement::TopUpChannelFee { receipt: receipt_of_rest });
    life.decide("what the channel kept is borne and topped up");

    life.at(116, 0);
    // Orange money is in cash, and oranges are paid by the property company.
    let from = payout(CASH, "tr-0", Fen::new(2_000));
    life.moves(COMMITTEE, PROPERTY, Movement::Transfer { from, to: WECHAT });
    let gift = receipt(WECHAT, "gift-0", 10_000);
    let gift = Movement::GiveReserve { purpose: code("garden"), receipt: gift };
    life.moves(PROPERTY, COMMITTEE, gift);
    let fees = &life.buy(group_buy);
    let [leader, property, delivery, _] =
        ledger_core::fund::FeePart::ALL.map(|part| fees.fee(part));
    let payable = life.held(group_buy, AccountId::Payable);
    let most = payable.checked_sub(Fen::new(500)).unwrap();
    life.moves(PROPERTY, COMMITTEE, pay(PayTo::Supplier, WECHAT, "out-goods", most));
    life.moves(PROPERTY, COMMITTEE, pay(PayTo::Fee(0), WECHAT, "out-leader", leader));
    life.moves(PROPERTY, COMMITTEE, pay(PayTo::Fee(2), WECHAT, "out-delivery", delivery));
    if property > Fen::ZERO {
        life.moves(PROPERTY, COMMITTEE, pay(PayTo::Fee(1), WECHAT, "out-property", property));
    }
    life.decide("payees are paid; packing is not, nor all of the supplier's");

    life.at(117, 0);
    let back = Receipt { amount: leader, ..receipt(BANK, "back-2", 1) };
    let bounce = Movement::Bounce { payout: code("out-leader"), receipt: back };
    life.moves(PROPERTY, COMMITTEE, bounce);
    life.moves(PROPERTY, COMMITTEE, pay(PayTo::Fee(0), BANK, "out-leader-2", leader));
    life.decide("a payout bounces and is paid by another channel");

    life.at(118, 0);
    let owed = [1, 2, 3].map(|who| life.owed(group_buy, who));
    // More than the first of its two shares, so that both shrink.
    let items =
        list(vec![refund(1, "wx-1", owed[0], "ref-1"), refund(2, "wx-1", owed[1], "ref-2")]);
    life.moves(PROPERTY, COMMITTEE, Movement::Refund { group_buy, items });
    let items = list(vec![refund(3, "cash-1", owed[2], "ref-3")]);
    life.moves(COMMITTEE, PROPERTY, Movement::Refund { group_buy, items });
    life.decide("refunds by the channels that the payments came by");

    life.at(119, 0);
    let back = Receipt { amount: owed[1], ..receipt(WECHAT, "back-3", 1) };
    life.moves(PROPERTY, FARM, Movement::Bounce { payout: code("ref-2"), receipt: back });
    let items = list(vec![refund(2, "wx-1", owed[1], "ref-4")]);
    life.moves(PROPERTY, COMMITTEE, Movement::Refund { group_buy, items });
    life.decide("a refund bounces and is paid again");
    life.keep_state(Some(group_buy));
}

fn channels_and_reserves(life: &mut Life) {
    let fen = Fen::new;
    life.at(120, 0);
    let gift = |receipt| Movement::GiveReserve { purpose: code("elders"), receipt };
    life.moves(PROPERTY, COMMITTEE, gift(receipt(WECHAT, "gift-1", 5_000)));
    life.moves(COMMITTEE, PROPERTY, gift(receipt(CASH, "gift-2", 1_000)));
    let spend = |number: &str, amount| Movement::SpendReserve {
        purpose: code("elders"),
        payout: payout(WECHAT, number, amount),
        document: Digest::new([5; 32]),
    };
    life.moves(PROPERTY, COMMITTEE, spend("spend-1", fen(2_000)));
    let back =
        Movement::Bounce { payout: code("spend-1"), receipt: receipt(WECHAT, "back-4", 2_000) };
    life.moves(PROPERTY, COMMITTEE, back);
    life.moves(PROPERTY, COMMITTEE, spend("spend-2", fen(2_000)));
    life.decide("a reserve is given and spent");

    life.at(121, 0);
    let transfer = |from: Payout, to| Movement::Transfer { from, to };
    life.moves(PROPERTY, AUDITOR, transfer(payout(WECHAT, "tr-1", fen(300)), BANK));
    life.moves(PROPERTY, COMMITTEE, transfer(payout(WECHAT, "tr-2", fen(200)), CASH));
    let back = Movement::Bounce { payout: code("tr-1"), receipt: receipt(WECHAT, "back-5", 300) };
    life.moves(PROPERTY, COMMITTEE, back);
    life.decide("money moves between channels, and once comes back");

    life.at(122, 0);
    let document = Digest::new([6; 32]);
    let difference = |channel, number: &str, amount| Movement::Difference {
        missing: payout(channel, number, fen(amount)),
        document,
    };
    life.moves(COMMITTEE, PROPERTY, difference(CASH, "miss-1", 30));
    let found = Movement::FoundDifference { receipt: receipt(CASH, "found-1", 10) };
    life.moves(COMMITTEE, PROPERTY, found);
    let member = MemberId::new(LI);
    let amount = fen(20);
    let charge = Movement::ChargeDifference { channel: CASH, member, amount, document };
    life.moves(COMMITTEE, PROPERTY, charge);
    let repay = Movement::RepayReceivable { member, receipt: receipt(CASH, "repay-1", 20) };
    life.moves(COMMITTEE, PROPERTY, repay);
    life.decide("cash is missing: some is found, a member owes and pays the rest");

    life.at(123, 0);
    let unwanted = difference(WECHAT, "miss-2", 1);
    let proposal = life.says(PROPERTY, Action::Propose(unwanted.clone()));
    let movement = unwanted.digest();
    life.says(PROPERTY, Action::Propose(difference(WECHAT, "miss-3", 2)));
    life.says(COMMITTEE, Action::RejectProposal { proposal, movement });
    life.decide("a proposal is rejected, another waits");
    life.keep_state(None);
    life.at(123 + 168, 0);
    life.decide("nobody approved it: it lapses");
}

fn ends(life: &mut Life, veg: &Filing) {
    let group_buy = veg.group_buy;
    let (supplier, packer) = (MemberId::new(FARM), MemberId::new(FARM));
    let packing = life.buy(group_buy).fee(ledger_core::fund::FeePart::Packing);
    let owed = [4, 6, 7].map(|who| (who, life.owed(group_buy, who)));
    life.at(114 + 720, 0);
    life.decide("what nobody took is unclaimed, vegetables are closed");
    life.keep_state(None);

    life.at(835, 0);
    let pay = |beneficiary, number: &str, amount| Movement::PayUnclaimed {
        group_buy,
        beneficiary,
        payout: payout(WECHAT, number, amount),
    };
    for ((who, amount), number) in owed.into_iter().zip(["late-4", "late-6", "late-7"]) {
        if amount > Fen::ZERO {
            let whose = Beneficiary::Household(household(who));
            life.moves(PROPERTY, COMMITTEE, pay(whose, number, amount));
        }
    }
    let half = Fen::new(200);
    life.moves(PROPERTY, COMMITTEE, pay(Beneficiary::Supplier(supplier), "late-goods", half));
    life.moves(PROPERTY, COMMITTEE, pay(Beneficiary::Payee(packer), "late-packing", packing));
    // Its number was recorded for vegetables and never seen, so it is free again.
    let free_again =
        Movement::GiveReserve { purpose: code("garden"), receipt: receipt(BANK, "wx-7", 700) };
    life.moves(PROPERTY, COMMITTEE, free_again);
    life.decide("unclaimed money is paid, to a part");

    life.at(836, 0);
    let back =
        Movement::Bounce { payout: code("late-goods"), receipt: receipt(BANK, "back-6", 200) };
    life.moves(PROPERTY, COMMITTEE, back);
    life.says(
        PROPERTY,
        Action::Propose(Movement::GiveReserve {
            purpose: code("garden"),
            receipt: receipt(BANK, "gift-3", 100),
        }),
    );
    life.decide("a payout of unclaimed money bounces; a proposal waits at the end");
    life.keep_state(None);
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::tests::variants::names_of;
    use ledger_core::{audit::Verdict, block::Entry, fund::DeadlineKind};
    use serde::Serialize;
    use std::fmt::Debug;

    /// The name of a variant, as it is written in JSON.
    fn name(value: &impl Serialize) -> String {
        match serde_json::to_value(value).unwrap() {
            Value::String(name) => name,
            Value::Object(named) => named.keys().next().unwrap().clone(),
            other => panic!("not a variant: {other}"),
        }
    }

    fn all_of<'de, T: serde::Deserialize<'de>>(but: &[&str]) -> BTreeSet<String> {
        let names = names_of::<T>().iter().filter(|name| !but.contains(name));
        names.map(|name| (*name).to_owned()).collect()
    }

    fn names<T: Serialize + Debug>(values: impl IntoIterator<Item = T>) -> BTreeSet<String> {
        values.into_iter().map(|value| name(&value)).collect()
    }

    #[test]
    fn everything_that_can_happen_happens() {
        let life = whole();
        let blocks = life.chain.blocks.iter().flat_map(|decided| &decided.block.entries);
        let entries: Vec<Entry> = blocks.map(|bytes| bytes.decode().unwrap()).collect();
        assert_eq!(names(&entries), all_of::<Entry>(&[]));
        assert_eq!(names(&life.actions), all_of::<Action>(&[]));
        // A movement that is only proposed has not happened.
        let proposed = |id: &TransactionId| {
            entries.iter().find_map(|entry| match entry {
                Entry::Transaction(signed) if signed.transaction.id() == *id => {
                    match &signed.transaction.action {
                        Action::Propose(movement) => Some(movement.clone()),
                        _ => None,
                    }
                }
                _ => None,
            })
        };
        let approved = life.actions.iter().filter_map(|action| match action {
            Action::Approve { proposal, .. } => proposed(proposal),
            _ => None,
        });
        assert_eq!(names(approved), all_of::<Movement>(&[]));
        let due = entries.iter().filter_map(|entry| match entry {
            Entry::System(system) => Some(system.deadline.kind),
            _ => None,
        });
        assert_eq!(names(due), all_of::<DeadlineKind>(&[]));
        let evidence = entries.iter().filter_map(|entry| match entry {
            Entry::Evidence(evidence) => Some(*evidence),
            _ => None,
        });
        assert_eq!(names(evidence), all_of::<Evidence>(&[]));
        let decisions = life.actions.iter().filter_map(|action| match action {
            Action::DecideFiling { decision, .. } => Some(*decision),
            _ => None,
        });
        assert_eq!(names(decisions), all_of::<FilingDecision>(&[]));
        let booked = life.chain.postings.iter().flatten();
        let accounts = booked.flat_map(|posting| [posting.debit, posting.credit]);
        assert_eq!(names(accounts), all_of::<AccountId>(&["advance", "disputed"]));
    }

    #[test]
    fn every_state_and_every_end_is_reached() {
        let life = whole();
        assert_eq!(names(&life.phases), all_of::<Phase>(&[]));
        let entries = life.chain.blocks.iter().flat_map(|decided| &decided.block.entries);
        let sealed = entries.filter_map(|bytes| match bytes.decode().unwrap() {
            Entry::System(system) => system.seal.map(|seal| seal.phase),
            _ => None,
        });
        let ends: BTreeSet<Phase> = sealed.collect();
        let all = [Phase::Settled, Phase::Rejected, Phase::Failed, Phase::Cancelled];
        assert_eq!(ends, BTreeSet::from(all));
    }

    #[test]
    fn the_auditor_finds_the_whole_life_intact() {
        let chain = whole().chain;
        let records = chain.records();
        assert_eq!(chain.audit(&records, None), Verdict::Intact);
        assert!(records.len() > 24, "{}", records.len());
        for (height, record) in records.iter().enumerate() {
            let mut changed = records[..=height].to_vec();
            // The last byte of the state root in the header.
            let at = 2 + 2 + 32 + 8 + 8 + 2 + 4 + 32 + 8 + 32 + 31;
            changed[height][at] ^= 1;
            assert_ne!(record, &changed[height]);
            assert_eq!(chain.audit(&changed, None), Verdict::Tampered, "block {}", height + 1);
        }
    }
}
