//! What the model remembers: plain lists, searched from the beginning.

use super::books::Account;
use ledger_core::{
    crypto::{BlockHash, Digest, TransactionId},
    fund::{ChannelId, Filing, Member, Movement, PaymentRecord, Phase, Policy},
    types::{GroupBuyId, HouseholdTag, MemberId, OrderNo, PaymentNo, TimestampMs},
};

/// Everything but the money.
#[derive(Debug, Clone)]
pub(crate) struct World {
    /// Time of the block.
    pub(crate) now: TimestampMs,
    /// Hash of the block before.
    pub(crate) parent: BlockHash,
    pub(crate) policy: Policy,
    pub(crate) members: Vec<Member>,
    /// In order of filing.
    pub(crate) group_buys: Vec<GroupBuy>,
    /// Names of group buys that have been closed.
    pub(crate) closed: Vec<GroupBuyId>,
    /// Every number that money came or went under.
    pub(crate) numbers: Vec<Number>,
    pub(crate) proposals: Vec<Proposal>,
    /// Transactions in the ledger.
    pub(crate) transactions: Vec<TransactionId>,
}

#[derive(Debug, Clone)]
pub(crate) struct GroupBuy {
    pub(crate) filing: Filing,
    pub(crate) filing_hash: Digest,
    pub(crate) leader: MemberId,
    pub(crate) phase: Phase,
    /// When it came into its phase.
    pub(crate) since: TimestampMs,
    /// Property companies and committees that have approved it.
    pub(crate) approvals: Vec<MemberId>,
    pub(crate) accepted: bool,
    /// In order of entry; one that is withdrawn stays without lines.
    pub(crate) orders: Vec<Order>,
    /// In order of entry.
    pub(crate) payments: Vec<Payment>,
    pub(crate) note: Option<HalfNote>,
    /// Who has its goods.
    pub(crate) delivered: Vec<HouseholdTag>,
    pub(crate) last_delivery: TimestampMs,
}

#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) number: OrderNo,
    pub(crate) household: HouseholdTag,
    pub(crate) version: u32,
    pub(crate) delivery_code: Option<Digest>,
    pub(crate) lines: Vec<Line>,
    /// Covered by money at `confirm_by`: part of the purchase order.
    pub(crate) covered: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    pub(crate) offer: u16,
    pub(crate) quantity: u32,
    /// What it got of the goods.
    pub(crate) allocated: u32,
}

#[derive(Debug, Clone)]
pub(crate) struct Payment {
    /// As it was entered.
    pub(crate) record: PaymentRecord,
    /// Hash of the record, if the leader made one.
    pub(crate) hash: Option<Digest>,
    pub(crate) state: PaymentState,
    /// What has not been given back, by share.
    pub(crate) left: Vec<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PaymentState {
    Recorded,
    Confirmed,
    Late,
}

/// A goods note with one signature.
#[derive(Debug, Clone)]
pub(crate) struct HalfNote {
    pub(crate) by: MemberId,
    /// When it was first signed.
    pub(crate) at: TimestampMs,
    pub(crate) hash: Digest,
}

/// G4: a number, which is used once.
#[derive(Debug, Clone)]
pub(crate) struct Number {
    pub(crate) number: PaymentNo,
    /// Hash of what was said with it.
    pub(crate) content: Digest,
    /// Hash of what it says of the money alone, which is what the code compares.
    pub(crate) of_money: Digest,
    pub(crate) channel: ChannelId,
    pub(crate) amount: u64,
    pub(crate) way: Way,
}

#[derive(Debug, Clone)]
pub(crate) enum Way {
    /// Money came in, when the channel says.
    In(TimestampMs),
    /// Money went out.
    Out(Out),
}

#[derive(Debug, Clone)]
pub(crate) struct Out {
    /// Whether somebody was paid, so that it can come back (G42).
    pub(crate) pays: bool,
    /// The account that it was paid from.
    pub(crate) from: Account,
    /// Whose it is when it comes back after the group buy is closed.
    pub(crate) after_closing: Account,
    /// The payment that it gave back, and to whom.
    pub(crate) gives_back: Option<(PaymentNo, HouseholdTag)>,
    /// The number under which it came back.
    pub(crate) bounced: Option<PaymentNo>,
}

#[derive(Debug, Clone)]
pub(crate) struct Proposal {
    pub(crate) id: TransactionId,
    pub(crate) by: MemberId,
    pub(crate) at: TimestampMs,
    pub(crate) movement: Movement,
    pub(crate) hash: Digest,
}

impl GroupBuy {
    pub(crate) fn id(&self) -> GroupBuyId {
        self.filing.group_buy
    }

    pub(crate) fn order(&self, number: OrderNo) -> Option<&Order> {
        self.orders.iter().find(|order| order.number == number)
    }

    pub(crate) fn payment(&self, number: PaymentNo) -> Option<&Payment> {
        self.payments.iter().find(|payment| payment.record.number == number)
    }

    /// The households that have an order, in order of entry.
    pub(crate) fn households(&self) -> Vec<HouseholdTag> {
        let mut households = Vec::new();
        for order in &self.orders {
            if !households.contains(&order.household) {
                households.push(order.household);
            }
        }
        households
    }

    pub(crate) fn orders_of(&self, household: HouseholdTag) -> impl Iterator<Item = &Order> {
        self.orders.iter().filter(move |order| order.household == household)
    }

    /// Whether some of the goods are for this household.
    pub(crate) fn gets_goods(&self, household: HouseholdTag) -> bool {
        self.orders_of(household).any(|order| order.lines.iter().any(|line| line.allocated > 0))
    }
}
