//! What the members of a community do: group buys from filing to closing, as its clients would.
//!
//! Clients look at the ledger on some node, see what is to be done next, sign it and hand it to some
//! node. Whoever gets no answer hands the very same transaction to another one. Nothing is remembered
//! about the ledger, so a client that saw an old state does things twice, which the ledger must bear.

use crate::{
    clock::{MILLISECOND, Micros, SECOND},
    community::{COMMITTEE, Community, FARM, PROPERTY, START},
    rng::Rng,
};
use ledger_core::{
    api::GroupBuyHeader,
    codec::List,
    crypto::{Digest, Domain, TransactionId},
    fund::{
        AccountId, Action, Confirmation, FeePart, Filing, FilingDecision, GoodsNote, GroupBuy,
        LineRequest, Minimum, Movement, Offer, OrderRequest, PayTo, PaymentRecord, PaymentState,
        Payout, Phase, RefundItem, Share, ShortRule, Split,
    },
    ledger::State,
    transaction::{ReceivedTransaction, TRANSACTION_VERSION, Transaction},
    types::{
        BusinessDate, Code, DurationMs, Fen, GroupBuyId, HouseholdTag, MemberId, Quantity,
        TimestampMs, Unit, UnitPrice,
    },
};
use replica::{Outcome, RequestId};
use std::collections::{BTreeMap, BTreeSet};

/// The one channel.
const WECHAT: u8 = 0;
/// Most transactions that wait for an answer.
const WAITING_MAX: usize = 16;
/// A client that has heard nothing for so long tries another node.
const PATIENCE: Micros = 3 * SECOND;
/// How long claims would be possible.
const AFTER_SALE: DurationMs = DurationMs::new(2_000);

/// How much is done.
#[derive(Debug, Clone, Copy)]
pub struct WorkProfile {
    /// A new group buy is filed this often.
    pub filing_interval: Micros,
    /// Most group buys.
    pub group_buys_max: u64,
    /// Households of each.
    pub households: u8,
    /// Nonsense among the transactions, of a thousand looks at the ledger.
    pub nonsense_permille: u64,
}

/// A transaction to hand to a node.
#[derive(Debug)]
pub struct Submission {
    /// To find the answer back.
    pub request: RequestId,
    /// The signed bytes.
    pub bytes: Vec<u8>,
}

/// A transaction that waits for its final answer.
#[derive(Debug)]
struct Waiting {
    transaction: ReceivedTransaction,
    submitted_at: Micros,
    tries: u32,
}

/// All clients.
#[derive(Debug)]
pub struct Workload {
    profile: WorkProfile,
    rng: Rng,
    nonce: u64,
    next_request: RequestId,
    /// By what is being done, so that nothing is done twice at once.
    waiting: BTreeMap<String, Waiting>,
    requests: BTreeMap<RequestId, String>,
    seen: BTreeSet<GroupBuyId>,
    paused: bool,
    /// Transactions that some node refused for good.
    told_refused: BTreeSet<TransactionId>,
    /// How many transactions were decided.
    pub decided: u64,
    /// How many were refused.
    pub refused: u64,
}

fn list<T: std::fmt::Debug, const MAX: usize>(elements: Vec<T>) -> List<T, MAX> {
    List::new(elements).unwrap_or_default()
}

fn code<const N: usize>(text: &str) -> Code<N> {
    text.parse().expect("a short name")
}

fn household(buy: u64, number: u8) -> HouseholdTag {
    let mut tag = [number; 16];
    tag[..8].copy_from_slice(&buy.to_le_bytes());
    HouseholdTag::new(tag)
}

fn delivery_code(tag: &HouseholdTag) -> [u8; 16] {
    tag.as_bytes().map(|byte| byte ^ 0x55)
}

fn offers() -> Vec<Offer> {
    let price = UnitPrice::new;
    let box_of_tangerines = Offer {
        item: code("tangerines-box"),
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
    };
    let cabbage = Offer {
        item: code("cabbage"),
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
    };
    vec![box_of_tangerines, cabbage]
}

impl Workload {
    /// Clients that have done nothing yet.
    #[must_use]
    pub fn new(profile: WorkProfile, rng: Rng) -> Self {
        Self {
            profile,
            rng,
            nonce: 0,
            next_request: 0,
            waiting: BTreeMap::new(),
            requests: BTreeMap::new(),
            seen: BTreeSet::new(),
            paused: false,
            told_refused: BTreeSet::new(),
            decided: 0,
            refused: 0,
        }
    }

    /// Nobody begins anything new, or they do again; what waits is still asked for.
    pub fn pause(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// What waits for its final answer.
    #[must_use]
    pub fn waiting(&self) -> Vec<String> {
        self.waiting.keys().cloned().collect()
    }

    /// Transactions that some node refused for good.
    pub fn told_refused(&self) -> impl Iterator<Item = &TransactionId> {
        self.told_refused.iter()
    }

    /// The group buys that some client has seen in the ledger.
    pub fn group_buys(&self) -> impl Iterator<Item = GroupBuyId> + '_ {
        self.seen.iter().copied()
    }

    /// The clients look at `state` and act.
    pub fn look(&mut self, community: &Community, state: &State, now: Micros) -> Vec<Submission> {
        let clock = TimestampMs::new(START.get() + now / MILLISECOND);
        let mut submissions = Vec::new();
        let late: Vec<_> = self
            .waiting
            .iter()
            .filter(|(_, waiting)| waiting.submitted_at + PATIENCE <= now)
            .map(|(label, _)| label.clone())
            .collect();
        for label in late {
            let expired = self.waiting.get(&label).is_none_or(|waiting| {
                waiting.transaction.transaction().expires.get() + 10_000 < clock.get()
            });
            if expired {
                // What a client does not know any more it looks up, and signs again if need be.
                self.waiting.remove(&label);
            } else {
                submissions.push(self.submit(&label, now));
            }
        }
        if self.paused {
            return submissions;
        }
        if self.rng.chance(self.profile.nonsense_permille) {
            submissions.push(self.nonsense(community, clock));
        }
        let mut wanted = Vec::new();
        let due = (now / self.profile.filing_interval.max(1) + 1).min(self.profile.group_buys_max);
        for buy in 0..due {
            self.wants(community, state, clock, buy, &mut wanted);
        }
        for (label, author, action) in wanted {
            if self.waiting.len() >= WAITING_MAX {
                break;
            }
            if !self.waiting.contains_key(&label) {
                let life = if self.rng.chance(50) { 2_000 } else { 60_000 };
                let transaction = self.sign(community, author, action, clock, life);
                let waiting = Waiting { transaction, submitted_at: now, tries: 0 };
                self.waiting.insert(label.clone(), waiting);
                submissions.push(self.submit(&label, now));
            }
        }
        submissions
    }

    /// A node answers. Returns what it promised, if it says that the transaction is in the ledger.
    pub fn answered(&mut self, request: RequestId, outcome: &Outcome) -> Option<TransactionId> {
        let label = self.requests.get(&request)?.clone();
        match outcome {
            Outcome::Pending(_) => return None,
            Outcome::Decided { id, .. } => {
                let waits = self.waiting.get(&label).is_some_and(|w| w.transaction.id() == *id);
                if waits {
                    self.waiting.remove(&label);
                    self.decided += 1;
                }
                return Some(*id);
            }
            Outcome::Refused(_) => {
                self.refused += 1;
                let waiting = self.waiting.remove(&label);
                self.told_refused.extend(waiting.map(|waiting| waiting.transaction.id()));
            }
        }
        None
    }

    fn submit(&mut self, label: &str, now: Micros) -> Submission {
        self.next_request += 1;
        let request = self.next_request;
        self.requests.insert(request, label.to_owned());
        let waiting = self.waiting.get_mut(label).expect("only what waits is submitted");
        waiting.submitted_at = now;
        waiting.tries += 1;
        Submission { request, bytes: waiting.transaction.bytes().to_vec() }
    }

    fn sign(
        &mut self,
        community: &Community,
        author: MemberId,
        action: Action,
        clock: TimestampMs,
        life_ms: u64,
    ) -> ReceivedTransaction {
        self.nonce += 1;
        let transaction = Transaction {
            version: TRANSACTION_VERSION,
            chain: community.genesis.chain,
            author,
            expires: clock.after(DurationMs::new(life_ms)),
            nonce: self.nonce,
            action,
        };
        transaction.sign(community.key(author))
    }

    /// Something that no honest client sends.
    fn nonsense(&mut self, community: &Community, clock: TimestampMs) -> Submission {
        self.next_request += 1;
        let request = self.next_request;
        let leader = community.leaders()[0];
        let action = Action::Deliver { group_buy: code("nowhere"), codes: list(Vec::new()) };
        let good = self.sign(community, leader, action, clock, 30_000);
        let mut bytes = good.bytes().to_vec();
        match self.rng.below(4) {
            0 => bytes.truncate(self.rng.index(bytes.len())),
            1 => {
                let last = bytes.len() - 1;
                bytes[last] ^= 1;
            }
            2 => {
                let at = self.rng.index(bytes.len());
                bytes[at] ^= 0x10;
            }
            _ => {}
        }
        Submission { request, bytes }
    }

    /// What is to be done about one group buy.
    fn wants(
        &mut self,
        community: &Community,
        state: &State,
        clock: TimestampMs,
        number: u64,
        wanted: &mut Vec<(String, MemberId, Action)>,
    ) {
        let leaders = community.leaders();
        let leader = leaders[usize::try_from(number).unwrap_or(0) % leaders.len()];
        let id: GroupBuyId = code(&format!("buy-{number}"));
        let Some(buy) = state.fund().group_buys.get(&id) else {
            // Once seen, it is closed; or this node lags, and another look shows it again.
            if !self.seen.contains(&id) {
                let filing = self.filing(id, clock);
                wanted.push((format!("{id} file"), leader, Action::File(filing)));
            }
            return;
        };
        self.seen.insert(id);
        let mut want = |what: &str, author, action| {
            wanted.push((format!("{id} {what}"), author, action));
        };
        let header = GroupBuyHeader::of(buy);
        match header.phase {
            Phase::Filed => {
                let decide = |decision| Action::DecideFiling {
                    group_buy: id,
                    filing: header.filing,
                    decision,
                };
                for board in [PROPERTY, COMMITTEE] {
                    if !header.approvals.contains(&board) {
                        let what = format!("approve {board}");
                        want(&what, board, decide(FilingDecision::Approve));
                    }
                }
                if !header.accepted {
                    want("accept", FARM, decide(FilingDecision::Accept));
                }
            }
            Phase::Open => self.wants_while_open(buy, number, leader, clock, wanted),
            Phase::Formed => {
                let action = Action::ConfirmPurchaseOrder {
                    group_buy: id,
                    total: header.purchase_total,
                    purchase_order: header.purchase_order,
                };
                want("purchase", FARM, action);
            }
            Phase::Ordered => {
                let short = number % 2;
                let accepted = buy.offers.iter().filter(|(_, tally)| tally.purchased > 0);
                let accepted =
                    accepted.map(|(offer, tally)| (*offer, tally.purchased.saturating_sub(short)));
                let mut accepted: Vec<_> = accepted.collect();
                accepted.sort_unstable();
                let note = GoodsNote { group_buy: id, accepted: list(accepted) };
                for author in [leader, FARM] {
                    if header.note.as_ref().is_none_or(|half| half.by != author) {
                        let what = format!("note {author}");
                        want(&what, author, Action::SignGoodsNote(note.clone()));
                    }
                }
            }
            Phase::Received => {
                let waits = |tag: &HouseholdTag| tag.as_bytes()[8].is_multiple_of(2);
                let codes: Vec<_> = buy
                    .households
                    .iter()
                    .filter(|(tag, record)| record.delivered_at.is_none() && waits(tag))
                    .filter(|(_, record)| {
                        let orders = record.orders.iter().filter_map(|slot| buy.orders.slot(*slot));
                        orders.into_iter().any(|order| {
                            order.lines.iter().any(|line| line.allocated > Quantity::ZERO)
                        })
                    })
                    .map(|(tag, _)| (*tag, delivery_code(tag)))
                    .collect();
                if !codes.is_empty() {
                    let action = Action::Deliver { group_buy: id, codes: list(codes) };
                    want("deliver", leader, action);
                }
            }
            Phase::Delivered => {
                if clock > header.last_delivery.after(AFTER_SALE) {
                    let held = [AccountId::Payable, AccountId::Retention].map(|a| buy.balance(&a));
                    let payable = Fen::sum(held).unwrap_or_default();
                    let movement = Movement::Settle { group_buy: id, payable };
                    self.wants_movement(state, id, "settle", &movement, wanted);
                }
            }
            Phase::Settled => {
                let mut pays = vec![(PayTo::Supplier, buy.balance(&AccountId::Payable))];
                for (position, part) in (0u8..).zip(FeePart::ALL) {
                    pays.push((PayTo::Fee(position), buy.fee(part)));
                }
                for (to, amount) in pays {
                    if amount > Fen::ZERO {
                        let name = match to {
                            PayTo::Supplier => "goods".to_owned(),
                            PayTo::Fee(part) => format!("fee{part}"),
                        };
                        let payout = Payout {
                            channel: WECHAT,
                            number: code(&format!("out-{number}-{name}")),
                            amount,
                        };
                        let movement = Movement::PayOut { group_buy: id, to, payout };
                        self.wants_movement(state, id, &format!("pay {name}"), &movement, wanted);
                    }
                }
                self.wants_refunds(state, buy, number, wanted);
            }
            Phase::Rejected | Phase::Failed | Phase::Cancelled => {
                self.wants_refunds(state, buy, number, wanted);
            }
        }
    }

    fn filing(&mut self, id: GroupBuyId, clock: TimestampMs) -> Filing {
        let after = |ms| clock.after(DurationMs::new(ms));
        let open = self.rng.between(5_000, 10_000);
        Filing {
            group_buy: id,
            business_date: BusinessDate::new(20_260_301),
            supplier: FARM,
            delivery: FARM,
            packing: FARM,
            property: PROPERTY,
            offers: list(offers()),
            cut_off: after(open),
            confirm_by: after(open + 1_000),
            deliver_by: after(open + 60_000),
            minimum: Minimum::default(),
            after_sale_window: AFTER_SALE,
            retention_basis_points: 1_000,
            short_rule: ShortRule::Proportional,
            relation_declared: false,
        }
    }

    fn wants_while_open(
        &mut self,
        buy: &GroupBuy,
        number: u64,
        leader: MemberId,
        clock: TimestampMs,
        wanted: &mut Vec<(String, MemberId, Action)>,
    ) {
        let id = buy.id();
        for position in 0..self.profile.households {
            let tag = household(number, position);
            let order_no = code(&format!("o-{number}-{position}"));
            let payment_no = code(&format!("wx-{number}-{position}"));
            let mut want = |what: &str, author, action| {
                wanted.push((format!("{id} {what} {position}"), author, action));
            };
            let Some(order) = buy.orders.get(&order_no) else {
                let quantity = Quantity::new(u32::from(position) % 3 + 1);
                let line = LineRequest { offer: 0, quantity };
                let weighed = LineRequest { offer: 1, quantity: Quantity::new(733) };
                let request = OrderRequest {
                    order: order_no,
                    household: tag,
                    delivery_code: Some(
                        Domain::DeliveryCode.digest(&[tag.as_bytes(), &delivery_code(&tag)]),
                    ),
                    replaces: None,
                    lines: list(vec![line, weighed]),
                };
                let filing = buy.header.filing();
                let orders = list(vec![request]);
                want("order", leader, Action::Order { group_buy: id, filing, orders });
                continue;
            };
            let total = order.lines.iter().filter_map(|line| {
                let offer = buy.filing.offers.get(usize::from(line.offer))?;
                Some(offer.total(line.quantity))
            });
            let total = Fen::sum(total).unwrap_or_default();
            match buy.payments.get(&payment_no) {
                None => {
                    // Now and then somebody pays a fen too little, and the order is dropped.
                    let little = Fen::new(u64::from(position % 5 == 4));
                    let amount = total.saturating_sub(little);
                    let share = Share { household: tag, amount };
                    let record = PaymentRecord {
                        number: payment_no,
                        channel: WECHAT,
                        paid_at: clock,
                        shares: list(vec![share]),
                    };
                    let payments = list(vec![record]);
                    want("record", leader, Action::RecordPayments { group_buy: id, payments });
                }
                Some(payment) if payment.state == PaymentState::Recorded => {
                    let confirmation = Confirmation {
                        number: payment_no,
                        record: payment.entered,
                        amount: payment.record.amount().unwrap_or_default(),
                    };
                    let confirmations = list(vec![confirmation]);
                    let action = Action::ConfirmPayments { group_buy: id, confirmations };
                    want("confirm", PROPERTY, action);
                }
                Some(_) => {}
            }
        }
    }

    fn wants_refunds(
        &mut self,
        state: &State,
        buy: &GroupBuy,
        number: u64,
        wanted: &mut Vec<(String, MemberId, Action)>,
    ) {
        for position in 0..self.profile.households {
            let tag = household(number, position);
            let amount = buy.balance(&AccountId::Refund(tag));
            if amount > Fen::ZERO {
                let item = RefundItem {
                    household: tag,
                    payment: code(&format!("wx-{number}-{position}")),
                    amount,
                    number: code(&format!("back-{number}-{position}")),
                };
                let movement = Movement::Refund { group_buy: buy.id(), items: list(vec![item]) };
                let what = format!("refund {position}");
                self.wants_movement(state, buy.id(), &what, &movement, wanted);
            }
        }
    }

    /// Property proposes, the committee approves.
    fn wants_movement(
        &mut self,
        state: &State,
        id: GroupBuyId,
        what: &str,
        movement: &Movement,
        wanted: &mut Vec<(String, MemberId, Action)>,
    ) {
        let movement_hash: Digest = movement.digest();
        let mut proposals = state.fund().proposals.iter();
        let waiting = proposals.find(|(_, matter)| matter.act == *movement);
        match waiting {
            None => wanted.push((
                format!("{id} propose {what}"),
                PROPERTY,
                Action::Propose(movement.clone()),
            )),
            Some((proposal, _)) => wanted.push((
                format!("{id} approve {what}"),
                COMMITTEE,
                Action::Approve { proposal: *proposal, movement: movement_hash },
            )),
        }
    }
}
