//! A small community for tests: its members, its history on disk, and what they say, block by block.
//!
//! After every block it checks what must always hold: the books add up when they are counted anew, a
//! validator that executes the same transactions gets the same header, and what was written to the
//! disk loads to the same state.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test stops where it is wrong")]
#![allow(unreachable_pub, reason = "shared by several test binaries")]

use ledger_core::{
    codec::List,
    consensus::{Validator, ValidatorSet},
    crypto::{ChainId, Digest, Domain, SecretKey, TransactionId},
    fund::{
        AccountId, Action, Channel, Confirmation, Filing, FilingDecision, GoodsNote, GroupBuy,
        LineRequest, Member, Minimum, Movement, Offer, OrderRequest, PayTo, PaymentRecord, Payout,
        PermanentId, PermanentRecord, Phase, Policy, Reads, Receipt, RefundItem, Role, Share,
        ShortRule, Split, Stage,
    },
    ledger::{self, Executed, OnRefusal, Proposed, State, StoredHead},
    refusal::Refusal,
    transaction::{TRANSACTION_VERSION, Transaction, VerifiedTransaction},
    types::{
        BusinessDate, Code, DurationMs, Fen, GroupBuyId, HouseholdTag, LogIndex, MemberId,
        Quantity, Round, TimestampMs, Unit, UnitPrice, ValidatorIndex, VotingPower,
    },
};
use std::collections::BTreeMap;

/// 物业: custodian of `wechat` and `bank`.
pub const PROPERTY: MemberId = MemberId::new(0);
/// 居委会: custodian of `cash`.
pub const COMMITTEE: MemberId = MemberId::new(1);
/// 供应商.
pub const FARM: MemberId = MemberId::new(2);
/// Another supplier.
pub const BAKERY: MemberId = MemberId::new(3);
/// 团长.
pub const LEADER: MemberId = MemberId::new(4);
/// Another leader.
pub const NEIGHBOUR: MemberId = MemberId::new(5);
/// 审计.
pub const AUDITOR: MemberId = MemberId::new(6);

/// Channel of the property company.
pub const WECHAT: u8 = 0;
/// Channel of the property company.
pub const BANK: u8 = 1;
/// Channel of the committee.
pub const CASH: u8 = 2;

/// When the chain was founded.
pub const FOUNDED: u64 = 1_000_000;
/// Orders and payments end here.
pub const CUT_OFF: TimestampMs = second(100);
/// Confirmations end here.
pub const CONFIRM_BY: TimestampMs = second(120);
/// Goods must have arrived.
pub const DELIVER_BY: TimestampMs = second(300);
/// From delivery to settlement.
pub const AFTER_SALE: u64 = 20_000;
/// From the goods note to automatic delivery.
pub const AUTO_DELIVERY: u64 = 48_000;
/// How long half a goods note waits.
pub const NOTE_WAIT: u64 = 24_000;
/// From the end of a group buy until what is left becomes unclaimed.
pub const UNCLAIMED: u64 = 30_000;
/// How long a proposal waits.
pub const PROPOSAL_WAIT: u64 = 72_000;
/// Largest amount of one payment.
pub const PAYMENT_MAX: Fen = Fen::new(100_000_000);

/// So many seconds after the founding.
pub const fn second(second: u64) -> TimestampMs {
    TimestampMs::new(FOUNDED + second * 1000)
}

/// An amount in yuan.
pub fn yuan(text: &str) -> Fen {
    Fen::from_yuan(text).unwrap()
}

/// The tag of household `number`.
pub fn household(number: u8) -> HouseholdTag {
    HouseholdTag::new([number; 16])
}

/// A short name: of a group buy, an order, a payment number, a purpose.
pub fn name<const N: usize>(text: &str) -> Code<N> {
    text.parse().unwrap()
}

/// A list that is known to fit.
pub fn list<T: std::fmt::Debug, const MAX: usize>(elements: Vec<T>) -> List<T, MAX> {
    List::new(elements).unwrap()
}

/// The code that a household shows when it takes its goods.
pub fn delivery_code(tag: &HouseholdTag) -> [u8; 16] {
    let mut code = *tag.as_bytes();
    code.reverse();
    code[0] ^= 0x55;
    code
}

/// The hash of that code, as it stands in the order.
pub fn delivery_code_hash(tag: &HouseholdTag) -> Digest {
    Domain::DeliveryCode.digest(&[tag.as_bytes(), &delivery_code(tag)])
}

/// Lines of an order, from pairs of offer and quantity.
pub fn lines(of: &[(u16, u32)]) -> List<LineRequest, 1000> {
    let line = |(offer, quantity): &(u16, u32)| LineRequest {
        offer: *offer,
        quantity: Quantity::new(*quantity),
    };
    list(of.iter().map(line).collect())
}

/// A first order with the household's delivery code.
pub fn order(number: &str, tag: HouseholdTag, of: &[(u16, u32)]) -> OrderRequest {
    OrderRequest {
        order: name(number),
        household: tag,
        delivery_code: Some(delivery_code_hash(&tag)),
        replaces: None,
        lines: lines(of),
    }
}

/// A payment for one household, made before the cut-off.
pub fn payment(number: &str, channel: u8, tag: HouseholdTag, amount: Fen) -> PaymentRecord {
    PaymentRecord {
        number: name(number),
        channel,
        paid_at: second(1),
        shares: list(vec![Share { household: tag, amount }]),
    }
}

/// The custodian's word for a record.
pub fn confirmation(record: &PaymentRecord) -> Confirmation {
    Confirmation {
        number: record.number,
        record: record.digest(),
        amount: record.amount().unwrap(),
    }
}

/// Money on its way out.
pub fn payout(channel: u8, number: &str, amount: Fen) -> Payout {
    Payout { channel, number: name(number), amount }
}

/// Money that came in.
pub fn receipt(channel: u8, number: &str, amount: Fen) -> Receipt {
    Receipt { channel, number: name(number), amount, received_at: second(2) }
}

/// One refund.
pub fn refund(tag: HouseholdTag, of: &str, amount: Fen, number: &str) -> RefundItem {
    RefundItem { household: tag, payment: name(of), amount, number: name(number) }
}

/// The worked example's box: 21.00 = goods 18.00 + leader 1.00 + delivery 1.50 + property 0.50.
pub fn tangerines() -> Offer {
    let price = UnitPrice::new;
    Offer {
        item: name("tangerines-box"),
        unit: Unit::Piece,
        price: price(2100),
        quote: price(1800),
        split: Split {
            goods: price(1800),
            leader: price(100),
            property: price(50),
            delivery: price(150),
            packing: price(0),
        },
        stock: None,
        cap: None,
    }
}

/// Sold by the gram at 5.99 a kilogram, so that every part has to be rounded.
pub fn cabbage() -> Offer {
    let price = UnitPrice::new;
    Offer {
        item: name("cabbage"),
        unit: Unit::Weight,
        price: price(599),
        quote: price(471),
        split: Split {
            goods: price(471),
            leader: price(53),
            property: price(29),
            delivery: price(33),
            packing: price(13),
        },
        stock: None,
        cap: None,
    }
}

/// A filing of tangerines (offer 0) and cabbage (offer 1) by the farm.
pub fn filing(group_buy: &str) -> Filing {
    Filing {
        group_buy: name(group_buy),
        business_date: BusinessDate::new(20_260_301),
        supplier: FARM,
        delivery: FARM,
        packing: FARM,
        property: PROPERTY,
        offers: list(vec![tangerines(), cabbage()]),
        cut_off: CUT_OFF,
        confirm_by: CONFIRM_BY,
        deliver_by: DELIVER_BY,
        minimum: Minimum::default(),
        after_sale_window: DurationMs::new(AFTER_SALE),
        retention_basis_points: 1000,
        short_rule: ShortRule::Proportional,
        relation_declared: false,
    }
}

/// What was written to the disk: identifiers, positions in the log.
#[derive(Debug, Clone, Default)]
pub struct History {
    permanent: BTreeMap<PermanentId, PermanentRecord>,
    transactions: BTreeMap<TransactionId, LogIndex>,
}

impl History {
    pub fn record(&self, id: &PermanentId) -> Option<&PermanentRecord> {
        self.permanent.get(id)
    }
}

impl Reads for History {
    fn permanent(&self, id: &PermanentId) -> Option<PermanentRecord> {
        self.permanent.get(id).cloned()
    }
    fn transaction(&self, id: &TransactionId) -> Option<LogIndex> {
        self.transactions.get(id).copied()
    }
}

/// A chain and everybody's keys.
#[derive(Debug, Clone)]
pub struct Community {
    pub state: State,
    pub history: History,
    /// The stored tables, by path.
    pub disk: BTreeMap<Vec<u8>, Vec<u8>>,
    pub now: TimestampMs,
    /// Whether every block is also loaded from the disk; off where there is very much of it.
    pub reload: bool,
    chain: ChainId,
    validators: ValidatorSet,
    policy: Policy,
    nonce: u64,
}

fn key_of(member: MemberId) -> SecretKey {
    SecretKey::from_seed(&[u8::try_from(member.get()).unwrap() + 1; 32])
}

impl Community {
    /// A community in which nobody is related to anybody.
    pub fn new() -> Self {
        Self::with_relations(&[])
    }

    /// A community in which the first of each pair declares a relation to the second.
    pub fn with_relations(relations: &[(MemberId, MemberId)]) -> Self {
        let member = |id: MemberId, called: &str, role| Member {
            name: name(called),
            role,
            key: key_of(id).public_key(),
            related: list(relations.iter().filter(|(of, _)| *of == id).map(|r| r.1).collect()),
            equivocations: 0,
        };
        let members = vec![
            member(PROPERTY, "sunshine-property", Role::Property),
            member(COMMITTEE, "third-committee", Role::Committee),
            member(FARM, "riverside-farm", Role::Supplier),
            member(BAKERY, "corner-bakery", Role::Supplier),
            member(LEADER, "leader-zhang", Role::Leader),
            member(NEIGHBOUR, "leader-li", Role::Leader),
            member(AUDITOR, "auditor", Role::Auditor),
        ];
        let channel = |called: &str, custodian| Channel { name: name(called), custodian };
        let policy = Policy {
            channels: list(vec![
                channel("wechat", PROPERTY),
                channel("bank", PROPERTY),
                channel("cash", COMMITTEE),
            ]),
            auto_delivery_after: DurationMs::new(AUTO_DELIVERY),
            goods_note_wait: DurationMs::new(NOTE_WAIT),
            unclaimed_after: DurationMs::new(UNCLAIMED),
            proposal_lapses_after: DurationMs::new(PROPOSAL_WAIT),
            transaction_life_max: DurationMs::new(3_600_000),
            heartbeat: DurationMs::new(3_600_000),
            block_time_ahead_max: DurationMs::new(10_000),
            block_time_behind_max: DurationMs::new(15_000),
            payment_max: PAYMENT_MAX,
        };
        let power = VotingPower::new(1);
        let validator = |member| Validator { member, key: key_of(member).public_key(), power };
        let validators =
            ValidatorSet::new([PROPERTY, COMMITTEE, FARM, BAKERY].map(validator).to_vec()).unwrap();
        let chain = ChainId::new([42; 32]);
        let now = TimestampMs::new(FOUNDED);
        let (state, writes) =
            State::genesis(chain, now, validators.clone(), members, policy.clone());
        let disk = writes.into_iter().filter_map(|write| Some((write.key, write.value?))).collect();
        Self {
            state,
            history: History::default(),
            disk,
            now,
            reload: true,
            chain,
            validators,
            policy,
            nonce: 0,
        }
    }

    // What members say, and blocks.

    /// An unsigned transaction as `author`'s client would build it.
    pub fn transaction(&mut self, author: MemberId, action: Action) -> Transaction {
        self.nonce += 1;
        Transaction {
            version: TRANSACTION_VERSION,
            chain: self.chain,
            author,
            expires: self.now.after(DurationMs::new(3_000_000)),
            nonce: self.nonce,
            action,
        }
    }

    /// Signs with the author's key; a stranger signs with one that the registry does not know.
    pub fn sign(&self, transaction: Transaction) -> VerifiedTransaction {
        let key = key_of(transaction.author);
        transaction.sign(&key).verify(&key.public_key()).unwrap()
    }

    pub fn says(&mut self, author: MemberId, action: Action) -> VerifiedTransaction {
        let transaction = self.transaction(author, action);
        self.sign(transaction)
    }

    fn execute(
        &self,
        time: TimestampMs,
        transactions: &[VerifiedTransaction],
        on_refusal: OnRefusal,
    ) -> Executed {
        let proposed = Proposed::new(time, ValidatorIndex::ZERO, Round::ZERO);
        ledger::execute(self.state.clone(), &self.history, proposed, &[], transactions, on_refusal)
            .unwrap()
    }

    /// Decides a block of these transactions 10 ms later and gives back what was left out.
    pub fn block(&mut self, transactions: &[VerifiedTransaction]) -> Vec<(usize, Refusal)> {
        self.block_at(self.now.after(DurationMs::new(10)), transactions)
    }

    /// Decides a block at `time`, checks it in every way there is, and stores it.
    pub fn block_at(
        &mut self,
        time: TimestampMs,
        transactions: &[VerifiedTransaction],
    ) -> Vec<(usize, Refusal)> {
        let built = self.execute(time, transactions, OnRefusal::LeaveOut);
        let accepted: Vec<_> = (0..built.considered)
            .filter(|position| built.refused.iter().all(|(refused, _)| refused != position))
            .map(|position| transactions[position].clone())
            .collect();
        let judged = self.execute(time, &accepted, OnRefusal::Fail);
        assert_eq!(judged.header, built.header, "a validator gets the same header");
        assert_eq!(built.stuck, [], "every deadline can be carried out");
        let fund = built.state.fund();
        assert_eq!(fund.agenda, fund.agenda_anew(), "the agenda is that of the tables");
        assert!(fund.totals.conserved(), "what the fund has is what it owes");
        assert_eq!(fund.recompute_totals(), Some(fund.totals), "counted anew");
        for (position, entry) in (0u64..).zip(&built.entries) {
            if let Some(id) = entry.transaction {
                let index = LogIndex::new(built.first_index.get() + position);
                self.history.transactions.insert(id, index);
            }
        }
        self.history.permanent.extend(built.permanent);
        for write in built.writes {
            match write.value {
                Some(value) => self.disk.insert(write.key, value),
                None => self.disk.remove(&write.key),
            };
        }
        self.state = built.state;
        self.now = time;
        if self.reload {
            let loaded = self.restart();
            assert_eq!(loaded.fund().agenda, self.state.fund().agenda);
        }
        built.refused
    }

    /// The state as a node finds it when it starts.
    pub fn restart(&self) -> State {
        self.loads(self.state.clone().stored_head())
    }

    /// The state that this head and the disk give.
    pub fn loads(&self, head: StoredHead) -> State {
        ledger::load(
            self.chain,
            head,
            self.policy.clone(),
            self.validators.clone(),
            self.disk.clone(),
        )
        .unwrap()
    }

    /// Lets time pass until all that falls due by `time` has been done.
    pub fn wait_until(&mut self, time: TimestampMs) {
        self.block_at(time, &[]);
        while self.state.next_deadline().is_some_and(|at| at <= self.now) {
            self.block(&[]);
        }
    }

    /// Lets so many milliseconds pass.
    pub fn wait(&mut self, ms: u64) {
        self.wait_until(self.now.after(DurationMs::new(ms)));
    }

    /// A block with this one action, which must be accepted.
    #[track_caller]
    pub fn does(&mut self, author: MemberId, action: Action) -> TransactionId {
        let transaction = self.says(author, action);
        let refused = self.block(std::slice::from_ref(&transaction));
        assert!(refused.is_empty(), "{refused:?}");
        transaction.id()
    }

    /// Why this action is refused now. The community goes on as if it had not been said.
    #[track_caller]
    pub fn refusal(&mut self, author: MemberId, action: Action) -> Refusal {
        let transaction = self.says(author, action);
        self.refusal_of(&transaction)
    }

    #[track_caller]
    pub fn refusal_of(&self, transaction: &VerifiedTransaction) -> Refusal {
        let time = self.now.after(DurationMs::new(10));
        let transactions = std::slice::from_ref(transaction);
        let mut built = self.execute(time, transactions, OnRefusal::LeaveOut);
        assert_eq!(built.refused.len(), 1, "the ledger took it");
        let refusal = built.refused.remove(0).1;
        assert_eq!(self.state.check(transaction, time, &self.history), Err(refusal.clone()));
        refusal
    }

    // The course of a group buy.

    pub fn files(&mut self, leader: MemberId, filing: &Filing) {
        self.does(leader, Action::File(filing.clone()));
    }

    pub fn decide(filing: &Filing, decision: FilingDecision) -> Action {
        let digest = filing.digest();
        Action::DecideFiling { group_buy: filing.group_buy, filing: digest, decision }
    }

    /// Filed, approved by property and committee, accepted by the supplier: OPEN.
    pub fn opens(&mut self, filing: &Filing) -> GroupBuyId {
        self.files(LEADER, filing);
        self.does(PROPERTY, Self::decide(filing, FilingDecision::Approve));
        self.does(COMMITTEE, Self::decide(filing, FilingDecision::Approve));
        self.does(filing.supplier, Self::decide(filing, FilingDecision::Accept));
        assert_eq!(self.phase(filing.group_buy), Phase::Open);
        filing.group_buy
    }

    pub fn order_action(&self, buy: GroupBuyId, orders: Vec<OrderRequest>) -> Action {
        let filing = self.buy(buy).header.filing();
        Action::Order { group_buy: buy, filing, orders: list(orders) }
    }

    pub fn orders(&mut self, buy: GroupBuyId, orders: Vec<OrderRequest>) {
        let action = self.order_action(buy, orders);
        self.does(LEADER, action);
    }

    pub fn records(&mut self, buy: GroupBuyId, record: &PaymentRecord) {
        let payments = list(vec![record.clone()]);
        self.does(LEADER, Action::RecordPayments { group_buy: buy, payments });
    }

    pub fn confirm(buy: GroupBuyId, record: &PaymentRecord) -> Action {
        let confirmations = list(vec![confirmation(record)]);
        Action::ConfirmPayments { group_buy: buy, confirmations }
    }

    /// A household pays: recorded by the leader, confirmed by the channel's custodian.
    pub fn pays(&mut self, buy: GroupBuyId, number: &str, channel: u8, who: u8, amount: Fen) {
        let record = payment(number, channel, household(who), amount);
        self.records(buy, &record);
        let custodian = self.policy.channels[usize::from(channel)].custodian;
        self.does(custodian, Self::confirm(buy, &record));
    }

    /// Orders of single households, each paid in full by WeChat under the number `wx-<household>`.
    pub fn households_order(&mut self, buy: GroupBuyId, of: &[(u8, u16, u32)]) {
        for (who, offer, quantity) in of {
            let number = format!("{buy}-{who}");
            let request = order(&number, household(*who), &[(*offer, *quantity)]);
            self.orders(buy, vec![request]);
            let price = self.buy(buy).filing.offers[usize::from(*offer)].clone();
            let amount = price.total(Quantity::new(*quantity));
            self.pays(buy, &format!("wx-{buy}-{who}"), WECHAT, *who, amount);
        }
    }

    /// The supplier confirms what was formed.
    pub fn purchases(&mut self, buy: GroupBuyId) {
        let action = self.purchase_action(buy);
        self.does(self.buy(buy).filing.supplier, action);
    }

    /// Households that have not got their goods yet.
    pub fn waiting_households(&self, buy: GroupBuyId) -> u32 {
        match self.buy(buy).header.stage {
            Stage::Received { left, .. } => left,
            _ => 0,
        }
    }

    pub fn purchase_action(&self, buy: GroupBuyId) -> Action {
        // Nothing was bought yet where it is tried too early.
        let purchase = self.buy(buy).header.stage.purchase();
        let total = purchase.map_or(Fen::ZERO, |purchase| purchase.total);
        let purchase_order = purchase.map_or(Digest::default(), |purchase| purchase.order);
        Action::ConfirmPurchaseOrder { group_buy: buy, total, purchase_order }
    }

    /// Leader and supplier sign the same note.
    pub fn receives(&mut self, buy: GroupBuyId, accepted: &[(u16, u64)]) {
        let note = note(buy, accepted);
        self.does(LEADER, Action::SignGoodsNote(note.clone()));
        self.does(self.buy(buy).filing.supplier, Action::SignGoodsNote(note));
    }

    pub fn codes(buy: GroupBuyId, households: &[u8]) -> Action {
        let codes = households.iter().map(|who| household(*who));
        let codes = codes.map(|tag| (tag, delivery_code(&tag))).collect();
        Action::Deliver { group_buy: buy, codes: list(codes) }
    }

    /// From OPEN to RECEIVED: formed, ordered, received as given.
    pub fn goods_arrive(&mut self, buy: GroupBuyId, accepted: &[(u16, u64)]) {
        self.wait_until(CONFIRM_BY);
        assert_eq!(self.phase(buy), Phase::Formed);
        self.purchases(buy);
        self.receives(buy, accepted);
    }

    // Movements that need two.

    pub fn proposes(&mut self, author: MemberId, movement: &Movement) -> TransactionId {
        self.does(author, Action::Propose(movement.clone()))
    }

    pub fn approve(proposal: TransactionId, movement: &Movement) -> Action {
        Action::Approve { proposal, movement: movement.digest() }
    }

    /// One proposes, the other approves.
    #[track_caller]
    pub fn moves(&mut self, proposer: MemberId, approver: MemberId, movement: &Movement) {
        let proposal = self.proposes(proposer, movement);
        self.does(approver, Self::approve(proposal, movement));
    }

    /// Why a proposal is refused.
    #[track_caller]
    pub fn proposal_refusal(&mut self, author: MemberId, movement: &Movement) -> Refusal {
        self.refusal(author, Action::Propose(movement.clone()))
    }

    /// Property settles, committee approves, once the window is over.
    pub fn settles(&mut self, buy: GroupBuyId) {
        let payable =
            self.held(buy, AccountId::Payable).get() + self.held(buy, AccountId::Retention).get();
        let payable = Fen::new(payable);
        self.moves(PROPERTY, COMMITTEE, &Movement::Settle { group_buy: buy, payable });
    }

    pub fn pay_out(buy: GroupBuyId, to: PayTo, number: &str, amount: Fen) -> Movement {
        Movement::PayOut { group_buy: buy, to, payout: payout(WECHAT, number, amount) }
    }

    pub fn refunds(buy: GroupBuyId, items: Vec<RefundItem>) -> Movement {
        Movement::Refund { group_buy: buy, items: list(items) }
    }

    // What stands in the ledger.

    #[track_caller]
    pub fn buy(&self, buy: GroupBuyId) -> &GroupBuy {
        self.state.fund().group_buys.get(&buy).expect("the group buy is open")
    }

    #[track_caller]
    pub fn phase(&self, buy: GroupBuyId) -> Phase {
        self.buy(buy).header.phase()
    }

    /// An account of a group buy.
    #[track_caller]
    pub fn held(&self, buy: GroupBuyId, account: AccountId) -> Fen {
        self.buy(buy).balance(&account)
    }

    pub fn escrow(&self, buy: GroupBuyId, who: u8) -> Fen {
        self.held(buy, AccountId::Escrow(household(who)))
    }

    pub fn refund_of(&self, buy: GroupBuyId, who: u8) -> Fen {
        self.held(buy, AccountId::Refund(household(who)))
    }

    /// An account of the chain.
    pub fn balance(&self, account: AccountId) -> Fen {
        self.state.fund().balance(&account)
    }

    pub fn custody(&self) -> Fen {
        let channels = [WECHAT, BANK, CASH].map(|id| self.balance(AccountId::Custody(id)));
        Fen::sum(channels).unwrap()
    }

    pub fn is_closed(&self, buy: GroupBuyId) -> bool {
        self.history.permanent.contains_key(&PermanentId::GroupBuy(buy))
            && !self.state.fund().group_buys.contains(&buy)
    }

    /// What the seal of a closed group buy must hash to.
    pub fn seal_of(&self, buy: GroupBuyId) -> Digest {
        match self.history.permanent.get(&PermanentId::GroupBuy(buy)) {
            Some(PermanentRecord::Seal(digest)) => *digest,
            other => panic!("{buy} is not sealed: {other:?}"),
        }
    }
}

/// A goods note.
pub fn note(buy: GroupBuyId, accepted: &[(u16, u64)]) -> GoodsNote {
    GoodsNote { group_buy: buy, accepted: list(accepted.to_vec()) }
}
