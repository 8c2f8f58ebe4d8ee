//! What an entry is about, in a line: for lists and for whoever watches the chain. No amounts, no
//! households.

use crate::{
    block::Entry,
    crypto::{BlockHash, TransactionId},
    fund::{Action, DeadlineKind, Movement},
    types::{GroupBuyId, Height, LogIndex, MemberId, TimestampMs},
};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// An entry in a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntrySummary {
    /// Its place in the log.
    pub log_index: LogIndex,
    /// Its id, if it is a transaction.
    pub transaction: Option<TransactionId>,
    /// The kind of action or deadline, as in the entry's JSON; `equivocation` for evidence.
    pub kind: Cow<'static, str>,
    /// The group buy that it is about.
    pub group_buy: Option<GroupBuyId>,
    /// Who signed it.
    pub author: Option<MemberId>,
}

/// A block that was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockEvent {
    /// Its height.
    pub height: Height,
    /// Its name.
    pub hash: BlockHash,
    /// Its time.
    pub time: TimestampMs,
    /// How many entries it has.
    pub entry_count: u64,
    /// The entries in the order of the log; the first 1,000 of them if there are more.
    pub entries: Vec<EntrySummary>,
}

impl EntrySummary {
    /// The line of an entry.
    #[must_use]
    pub fn of(log_index: LogIndex, entry: &Entry) -> Self {
        match entry {
            Entry::Transaction(signed) => {
                let transaction = &signed.transaction;
                let (kind, group_buy) = of_action(&transaction.action);
                let author = Some(transaction.author);
                let id = Some(transaction.id());
                Self { log_index, transaction: id, kind: kind.into(), group_buy, author }
            }
            Entry::System(system) => {
                let (kind, group_buy) = of_deadline(&system.deadline.kind);
                let (transaction, author) = (None, None);
                Self { log_index, transaction, kind: kind.into(), group_buy, author }
            }
            Entry::Evidence(_) => Self {
                log_index,
                transaction: None,
                kind: "equivocation".into(),
                group_buy: None,
                author: None,
            },
        }
    }
}

fn of_action(action: &Action) -> (&'static str, Option<GroupBuyId>) {
    match action {
        Action::File(filing) => ("file", Some(filing.group_buy)),
        Action::DecideFiling { group_buy, .. } => ("decide_filing", Some(*group_buy)),
        Action::Order { group_buy, .. } => ("order", Some(*group_buy)),
        Action::RecordPayments { group_buy, .. } => ("record_payments", Some(*group_buy)),
        Action::ConfirmPayments { group_buy, .. } => ("confirm_payments", Some(*group_buy)),
        Action::RefusePayment { group_buy, .. } => ("refuse_payment", Some(*group_buy)),
        Action::ReceiveUnidentified(_) => ("receive_unidentified", None),
        Action::ConfirmPurchaseOrder { group_buy, .. } => {
            ("confirm_purchase_order", Some(*group_buy))
        }
        Action::SignGoodsNote(note) => ("sign_goods_note", Some(note.group_buy)),
        Action::Deliver { group_buy, .. } => ("deliver", Some(*group_buy)),
        Action::Propose(movement) => ("propose", group_buy_of(movement)),
        Action::Approve { .. } => ("approve", None),
        Action::RejectProposal { .. } => ("reject_proposal", None),
    }
}

fn group_buy_of(movement: &Movement) -> Option<GroupBuyId> {
    match movement {
        Movement::Identify { group_buy, .. }
        | Movement::Refund { group_buy, .. }
        | Movement::Deliver { group_buy, .. }
        | Movement::Settle { group_buy, .. }
        | Movement::PayOut { group_buy, .. }
        | Movement::Cancel { group_buy }
        | Movement::PayUnclaimed { group_buy, .. }
        | Movement::BearChannelFee { group_buy, .. } => Some(*group_buy),
        Movement::DecideGoods(note) => Some(note.group_buy),
        Movement::ReturnUnidentified { .. }
        | Movement::Bounce { .. }
        | Movement::Transfer { .. }
        | Movement::ChannelFee { .. }
        | Movement::TopUpChannelFee { .. }
        | Movement::Difference { .. }
        | Movement::ChargeDifference { .. }
        | Movement::FoundDifference { .. }
        | Movement::RepayReceivable { .. }
        | Movement::GiveReserve { .. }
        | Movement::SpendReserve { .. } => None,
    }
}

fn of_deadline(kind: &DeadlineKind) -> (&'static str, Option<GroupBuyId>) {
    match kind {
        DeadlineKind::CutOff(id) => ("cut_off", Some(*id)),
        DeadlineKind::ConfirmBy(id) => ("confirm_by", Some(*id)),
        DeadlineKind::AutoDelivery(id) => ("auto_delivery", Some(*id)),
        DeadlineKind::Unclaimed(id) => ("unclaimed", Some(*id)),
        DeadlineKind::Close(id) => ("close", Some(*id)),
        DeadlineKind::ProposalLapses(_) => ("proposal_lapses", None),
    }
}
