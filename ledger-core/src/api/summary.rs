//! What an entry is about, in a line: for lists and for whoever watches the chain. No amounts, no
//! households.

use crate::{
    block::Entry,
    crypto::{BlockHash, TransactionId},
    fund::{Action, DeadlineKind},
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
                let kind = kind_of(&transaction.action);
                let group_buy = transaction.action.group_buy();
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

fn kind_of(action: &Action) -> &'static str {
    match action {
        Action::File(_) => "file",
        Action::DecideFiling { .. } => "decide_filing",
        Action::Order { .. } => "order",
        Action::RecordPayments { .. } => "record_payments",
        Action::ConfirmPayments { .. } => "confirm_payments",
        Action::RefusePayment { .. } => "refuse_payment",
        Action::ReceiveUnidentified(_) => "receive_unidentified",
        Action::ConfirmPurchaseOrder { .. } => "confirm_purchase_order",
        Action::SignGoodsNote(_) => "sign_goods_note",
        Action::Deliver { .. } => "deliver",
        Action::Propose(_) => "propose",
        Action::Approve { .. } => "approve",
        Action::RejectProposal { .. } => "reject_proposal",
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
