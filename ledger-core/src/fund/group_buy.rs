//! The records of one group buy.

use super::{
    account::{AccountId, FeePart},
    filing::{Filing, OfferIndex},
    member::ChannelId,
};
use crate::{
    accounting::{Account, AccountName as _},
    codec::{Decode, Encode, List, decode, encode},
    crypto::{Digest, Domain},
    merkle::{Record, StateWrite, StoredRecord, Table, record_by_encoding},
    types::{Fen, GroupBuyId, HouseholdTag, MemberId, OrderNo, PaymentNo, Quantity, TimestampMs},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Most lines in one group buy.
pub const GROUP_BUY_LINES_MAX: u32 = 4_000;
/// Most lines in one order.
pub const ORDER_LINES_MAX: usize = 1_000;
/// Most orders or payments that one transaction lists.
pub const BATCH_MAX: usize = 1_000;
/// Most members that a filing keeps the approvals of.
pub const APPROVALS_MAX: usize = 8;
/// Most households that one payment is for.
pub const SHARES_MAX: usize = 200;

/// Where a group buy stands (docs/fund-rules.md has the diagram).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Phase {
    /// Filed, waiting for approvals.
    Filed,
    /// Approved and accepted: orders and payments come in.
    Open,
    /// Formed: enough came together, the purchase order stands.
    Formed,
    /// The supplier confirmed the purchase order.
    Ordered,
    /// Goods received and shared out.
    Received,
    /// Every household has its goods.
    Delivered,
    /// Payees may be paid.
    Settled,
    /// Not approved.
    Rejected,
    /// Too little came together.
    Failed,
    /// Given up by committee and property.
    Cancelled,
}

impl Phase {
    /// The phase as it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Filed => "FILED",
            Self::Open => "OPEN",
            Self::Formed => "FORMED",
            Self::Ordered => "ORDERED",
            Self::Received => "RECEIVED",
            Self::Delivered => "DELIVERED",
            Self::Settled => "SETTLED",
            Self::Rejected => "REJECTED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// The phase as people in China say it.
    #[must_use]
    pub const fn chinese(self) -> &'static str {
        match self {
            Self::Filed => "已报备",
            Self::Open => "开团中",
            Self::Formed => "已成团",
            Self::Ordered => "已下单",
            Self::Received => "已到货",
            Self::Delivered => "已交付",
            Self::Settled => "已结算",
            Self::Rejected => "已驳回",
            Self::Failed => "未成团",
            Self::Cancelled => "已取消",
        }
    }

    /// Whether nothing can happen any more but paying out what is owed.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Settled | Self::Rejected | Self::Failed | Self::Cancelled)
    }
}

/// A goods note that waits for its second signature.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct HalfSignedNote {
    /// Who signed first.
    pub by: MemberId,
    /// When, in block time.
    pub at: TimestampMs,
    /// Hash of the note.
    pub note: Digest,
}

/// What changes often about a group buy.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Header {
    /// Who filed it.
    pub leader: MemberId,
    /// Hash of the filing.
    pub filing: Digest,
    /// Where it stands.
    pub phase: Phase,
    /// Since when, in block time.
    pub since: TimestampMs,
    /// Who approved the filing.
    pub approvals: List<MemberId, APPROVALS_MAX>,
    /// The supplier accepted the filing.
    pub accepted: bool,
    /// Lines on all orders.
    pub line_count: u32,
    /// Confirmed payments so far.
    pub paid: Fen,
    /// Sum of the covered lines, once formed.
    pub purchase_total: Fen,
    /// Hash of the covered quantities, once formed.
    pub purchase_order: Digest,
    /// A goods note with one signature.
    pub note: Option<HalfSignedNote>,
    /// Households that still wait for their goods.
    pub deliveries_left: u32,
    /// When the last household got its goods.
    pub last_delivery: TimestampMs,
    /// Sum of the balances of the accounts of this group buy.
    pub held: Fen,
    /// Why its next deadline could not be carried out, by the number of the refusal. Time does nothing more to
    /// the group buy until an act of a member moves its money or its state.
    pub stuck: Option<u16>,
}

/// What a line on an order says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct OrderLine {
    /// Which offer.
    pub offer: OfferIndex,
    /// How much was ordered.
    pub quantity: Quantity,
    /// How much arrived for this line, once goods were received.
    pub allocated: Quantity,
}

/// Whether an order is part of the purchase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cover {
    /// Not decided before `confirm_by`.
    Open,
    /// Paid in full: part of the purchase order.
    Covered,
    /// Not paid in full: dropped.
    Dropped,
}

/// What one household takes; withdrawn when it has no lines.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Order {
    /// Whose it is.
    pub household: HouseholdTag,
    /// Counts the changes, from 1.
    pub version: u32,
    /// Hash of the household's delivery code, if it has one.
    pub delivery_code: Option<Digest>,
    /// The lines.
    pub lines: List<OrderLine, ORDER_LINES_MAX>,
    /// Whether it is part of the purchase.
    pub cover: Cover,
}

/// What the ledger knows of a household in this group buy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode, Serialize, Deserialize)]
pub struct Household {
    /// Slots of its orders, in order of entry.
    pub orders: List<u32, 4_000>,
    /// Confirmed payments.
    pub paid: Fen,
    /// When it got its goods.
    pub delivered_at: Option<TimestampMs>,
}

/// A household's part of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Share {
    /// The household.
    pub household: HouseholdTag,
    /// How much of the payment is for it.
    pub amount: Fen,
}

/// What a leader or a custodian says about a payment.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct PaymentRecord {
    /// The number that the channel gave it.
    pub number: PaymentNo,
    /// The way it came.
    pub channel: ChannelId,
    /// When it was made, by the channel.
    pub paid_at: TimestampMs,
    /// For whom.
    pub shares: List<Share, SHARES_MAX>,
}

impl PaymentRecord {
    /// The whole payment, if it fits.
    #[must_use]
    pub fn amount(&self) -> Option<Fen> {
        Fen::sum(self.shares.iter().map(|share| share.amount))
    }

    /// The hash that a confirmation names.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Domain::Payment.digest(&[&encode(self)])
    }
}

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PaymentState {
    /// The leader said so.
    Recorded,
    /// The custodian has the money, and it counts.
    Confirmed,
    /// The custodian has the money, but it came too late to count.
    Late,
}

/// A payment in the books.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Payment {
    /// What was said about it; the amounts shrink as they are given back.
    pub record: PaymentRecord,
    /// Hash of the record as it was entered.
    pub entered: Digest,
    /// Where it stands.
    pub state: PaymentState,
}

/// How much of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode, Serialize, Deserialize)]
pub struct OfferTally {
    /// On orders (kept only for offers with limited stock until the purchase is formed).
    pub ordered: u64,
    /// On covered orders: the purchase order.
    pub purchased: u64,
    /// Accepted on the goods note.
    pub accepted: u64,
}

record_by_encoding!(Order, Household, Payment, OfferTally);

/// One group buy with all its records and accounts.
#[derive(Debug, Clone)]
pub struct GroupBuy {
    /// What changes often.
    pub header: Header,
    /// What was filed. Stored once, and committed to by its hash in the header.
    pub filing: Arc<Filing>,
    /// Whether the filing has been handed out to be stored.
    pub(crate) filing_stored: bool,
    /// Orders in order of entry.
    pub orders: Table<OrderNo, Order>,
    /// Households in order of entry.
    pub households: Table<HouseholdTag, Household>,
    /// Payments in order of entry.
    pub payments: Table<PaymentNo, Payment>,
    /// Accounts of this group buy.
    pub accounts: Table<AccountId, Account>,
    /// Quantities by offer.
    pub offers: Table<OfferIndex, OfferTally>,
}

/// The stored head of a group buy: what its tables are loaded and checked by.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct StoredGroupBuy {
    pub(crate) header: Header,
    /// Slot count and commitment of orders, households, payments, accounts and offers.
    pub(crate) tables: [(u32, Digest); 5],
}

impl GroupBuy {
    /// A group buy that its leader has just filed.
    pub(crate) fn filed(filing: Filing, leader: MemberId, now: TimestampMs) -> Self {
        let header = Header {
            leader,
            filing: filing.digest(),
            phase: Phase::Filed,
            since: now,
            approvals: List::default(),
            accepted: false,
            line_count: 0,
            paid: Fen::ZERO,
            purchase_total: Fen::ZERO,
            purchase_order: Digest::default(),
            note: None,
            deliveries_left: 0,
            last_delivery: TimestampMs::ZERO,
            held: Fen::ZERO,
            stuck: None,
        };
        Self {
            header,
            filing: Arc::new(filing),
            filing_stored: false,
            orders: Table::default(),
            households: Table::default(),
            payments: Table::default(),
            accounts: Table::default(),
            offers: Table::default(),
        }
    }

    /// The balance of one of its accounts.
    #[must_use]
    pub fn balance(&self, account: &AccountId) -> Fen {
        self.accounts.get(account).map_or(Fen::ZERO, |held| held.balance(account.side()))
    }

    /// What a payee has earned and not been paid.
    #[must_use]
    pub fn fee(&self, part: FeePart) -> Fen {
        self.balance(&AccountId::Fee(part))
    }

    /// What a household's goods cost it: what it was allocated, with all parts of the price.
    #[must_use]
    pub fn spent_by(&self, household: &Household) -> Fen {
        let orders = household.orders.iter().filter_map(|slot| self.orders.slot(*slot));
        let cost = |line: &OrderLine| {
            let offer = self.filing.offers.get(usize::from(line.offer));
            offer.map_or(Fen::ZERO, |offer| offer.total(line.allocated))
        };
        orders
            .flat_map(|order| &order.lines)
            .fold(Fen::ZERO, |sum, line| sum.saturating_add(cost(line)))
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> GroupBuyId {
        self.filing.group_buy
    }
}

/// Names of the tables below a group buy, in storage paths.
pub(crate) const GROUP_BUY_TABLES: [u8; 5] = [0, 1, 2, 3, 4];
/// Name of the filing in storage paths.
pub(crate) const FILING: u8 = 5;

/// Slots and commitment of a table of a group buy.
fn commit_below<K: Ord + Clone + Encode, V: Record>(
    table: &mut Table<K, V>,
    path: &[u8],
    name: u8,
    writes: &mut Vec<StateWrite>,
) -> (u32, Digest) {
    let below = || [path, &[name]].concat();
    let committed = table.commitment().copied();
    let commitment = committed.unwrap_or_else(|| table.commit(&below(), writes));
    (table.slot_count(), commitment)
}

impl Record for Arc<GroupBuy> {
    fn commit(&mut self, path: &[u8], writes: &mut Vec<StateWrite>) -> Vec<u8> {
        let group_buy = Arc::make_mut(self);
        let [orders, households, payments, accounts, offers] = GROUP_BUY_TABLES;
        let tables = [
            commit_below(&mut group_buy.orders, path, orders, writes),
            commit_below(&mut group_buy.households, path, households, writes),
            commit_below(&mut group_buy.payments, path, payments, writes),
            commit_below(&mut group_buy.accounts, path, accounts, writes),
            commit_below(&mut group_buy.offers, path, offers, writes),
        ];
        if !group_buy.filing_stored {
            group_buy.filing_stored = true;
            let value = Some(encode(&*group_buy.filing));
            writes.push(StateWrite { key: [path, &[FILING]].concat(), value });
        }
        encode(&(&group_buy.header, tables))
    }

    fn delete_below(&self, path: &[u8], writes: &mut Vec<StateWrite>) {
        let below = |table: u8| [path, &[table]].concat();
        self.orders.delete_all(&below(GROUP_BUY_TABLES[0]), writes);
        self.households.delete_all(&below(GROUP_BUY_TABLES[1]), writes);
        self.payments.delete_all(&below(GROUP_BUY_TABLES[2]), writes);
        self.accounts.delete_all(&below(GROUP_BUY_TABLES[3]), writes);
        self.offers.delete_all(&below(GROUP_BUY_TABLES[4]), writes);
        writes.push(StateWrite { key: below(FILING), value: None });
    }
}

/// Puts a stored group buy together; `records` are all below its slot, the head under the empty path.
pub(crate) fn load_group_buy(records: Vec<StoredRecord>) -> Result<GroupBuy, &'static str> {
    let mut head = None;
    let mut filing = None;
    let mut tables: [Vec<StoredRecord>; 5] = Default::default();
    for (path, value) in records {
        match path.split_first() {
            None => head = Some(value),
            Some((&FILING, [])) => filing = Some(value),
            Some((table, rest)) => tables
                .get_mut(usize::from(*table))
                .ok_or("a table that a group buy does not have")?
                .push((rest.to_vec(), value)),
        }
    }
    let head = head.ok_or("a group buy without a head")?;
    let filing = filing.ok_or("a group buy without a filing")?;
    let (_, head): (GroupBuyId, StoredGroupBuy) =
        decode(&head).map_err(|_| "a malformed group buy")?;
    let filing: Filing = decode(&filing).map_err(|_| "a malformed filing")?;
    if filing.digest() != head.header.filing {
        return Err("a filing other than that of its group buy");
    }
    let [orders, households, payments, accounts, offers] = tables;
    let slots = head.tables.map(|(slots, _)| slots);
    Ok(GroupBuy {
        header: head.header,
        filing: Arc::new(filing),
        filing_stored: true,
        orders: Table::from_stored(slots[0], orders)?,
        households: Table::from_stored(slots[1], households)?,
        payments: Table::from_stored(slots[2], payments)?,
        accounts: Table::from_stored(slots[3], accounts)?,
        offers: Table::from_stored(slots[4], offers)?,
    })
}

#[cfg(test)]
impl GroupBuy {
    /// A group buy that has failed, whose books say that it holds so much.
    pub(crate) fn failed_holding(name: &str, at: TimestampMs, held: u64) -> Self {
        use super::{Minimum, Offer, ShortRule, Split};
        use crate::types::{BusinessDate, DurationMs, Unit, UnitPrice};
        let price = UnitPrice::new;
        let filing = Filing {
            group_buy: name.parse().expect("a name"),
            business_date: BusinessDate::new(20_260_105),
            supplier: MemberId::ZERO,
            delivery: MemberId::ZERO,
            packing: MemberId::ZERO,
            property: MemberId::ZERO,
            offers: List::new(vec![Offer {
                item: "apples".parse().expect("a name"),
                unit: Unit::Piece,
                price: price(100),
                quote: price(100),
                split: Split {
                    goods: price(100),
                    leader: price(0),
                    property: price(0),
                    delivery: price(0),
                    packing: price(0),
                },
                stock: None,
                cap: None,
            }])
            .expect("one offer"),
            cut_off: at,
            confirm_by: at,
            deliver_by: at,
            minimum: Minimum::default(),
            after_sale_window: DurationMs::new(1),
            retention_basis_points: 0,
            short_rule: ShortRule::Proportional,
            relation_declared: false,
        };
        let mut group_buy = Self::filed(filing, MemberId::new(1), at);
        group_buy.header.phase = Phase::Failed;
        group_buy.header.held = Fen::new(held);
        group_buy
    }
}
