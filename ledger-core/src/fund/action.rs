//! What a member may say about the money.

use super::{
    filing::Filing,
    goods::GoodsNote,
    group_buy::{BATCH_MAX, PaymentRecord},
    movement::{Movement, Receipt},
    order::OrderRequest,
    payment::Confirmation,
};
use crate::{
    codec::{Decode, Encode, List},
    crypto::{Digest, TransactionId},
    types::{Fen, GroupBuyId, HouseholdTag, PaymentNo},
};
use serde::{Deserialize, Serialize};

/// A member's word on a filing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FilingDecision {
    /// Property or committee: it may open.
    Approve,
    /// Property or committee: it may not, for a reason of a published list.
    Reject(u16),
    /// The supplier: the quotes are mine.
    Accept,
}

/// One thing that a transaction does.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A leader files a group buy (G20).
    File(Filing),
    /// Property, committee or supplier decides on it (G21).
    DecideFiling {
        /// Which group buy.
        group_buy: GroupBuyId,
        /// Hash of the filing that was read.
        filing: Digest,
        /// The word.
        decision: FilingDecision,
    },
    /// The leader enters, changes or withdraws orders (G22–G24).
    Order {
        /// Which group buy.
        group_buy: GroupBuyId,
        /// Hash of the filing that the prices are from.
        filing: Digest,
        /// The orders; all are taken or none.
        orders: List<OrderRequest, BATCH_MAX>,
    },
    /// The leader records payments (G25).
    RecordPayments {
        /// Which group buy.
        group_buy: GroupBuyId,
        /// The payments; all are taken or none.
        payments: List<PaymentRecord, BATCH_MAX>,
    },
    /// The custodian confirms recorded payments (G26).
    ConfirmPayments {
        /// Which group buy.
        group_buy: GroupBuyId,
        /// The confirmations; all are taken or none.
        confirmations: List<Confirmation, BATCH_MAX>,
    },
    /// The custodian refuses a record, which frees the number (G27).
    RefusePayment {
        /// Which group buy.
        group_buy: GroupBuyId,
        /// Which payment.
        number: PaymentNo,
        /// Hash of the record refused.
        record: Digest,
    },
    /// The custodian books money whose payer is unknown (G29).
    ReceiveUnidentified(Receipt),
    /// The supplier confirms the purchase order (G31).
    ConfirmPurchaseOrder {
        /// Which group buy.
        group_buy: GroupBuyId,
        /// Sum of the paid lines.
        total: Fen,
        /// Hash of the quantities.
        purchase_order: Digest,
    },
    /// Leader (or property) and supplier each sign the same note (G32).
    SignGoodsNote(GoodsNote),
    /// A household's code shows that it has its goods (G35).
    Deliver {
        /// Which group buy.
        group_buy: GroupBuyId,
        /// Household and code.
        codes: List<(HouseholdTag, [u8; 16]), BATCH_MAX>,
    },
    /// A movement that needs another member's approval (G2).
    Propose(Movement),
    /// The approval; the movement is carried out (G2).
    Approve {
        /// Id of the transaction that proposed it.
        proposal: TransactionId,
        /// Hash of the movement that was read.
        movement: Digest,
    },
    /// The refusal of an approval (G2).
    RejectProposal {
        /// Id of the transaction that proposed it.
        proposal: TransactionId,
        /// Hash of the movement that was read.
        movement: Digest,
    },
}

impl Action {
    /// The group buy that it is about; `None` where only what it refers to has one.
    #[must_use]
    pub fn group_buy(&self) -> Option<GroupBuyId> {
        match self {
            Self::File(filing) => Some(filing.group_buy),
            Self::DecideFiling { group_buy, .. }
            | Self::Order { group_buy, .. }
            | Self::RecordPayments { group_buy, .. }
            | Self::ConfirmPayments { group_buy, .. }
            | Self::RefusePayment { group_buy, .. }
            | Self::ConfirmPurchaseOrder { group_buy, .. }
            | Self::Deliver { group_buy, .. } => Some(*group_buy),
            Self::SignGoodsNote(note) => Some(note.group_buy),
            Self::Propose(movement) => movement.group_buy(),
            Self::ReceiveUnidentified(_) | Self::Approve { .. } | Self::RejectProposal { .. } => {
                None
            }
        }
    }
}
