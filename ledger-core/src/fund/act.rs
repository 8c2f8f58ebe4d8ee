//! The acts: what a member may say about the money, as it is on the wire.
//!
//! What each brings about and who has to agree to it stands in the rows beside (`rows.rs`).

use super::{
    chart::{Beneficiary, ChannelId},
    group_buy::{BATCH_MAX, Filing, PaymentRecord, SHARES_MAX, Share},
    numbers::{Payout, Receipt},
    rules::{
        Confirmation, FilingDecision, GoodsNote, OrderRequest, PayTo, REFUNDS_MAX, RefundItem,
    },
};
use crate::{
    codec::{Decode, Encode, List, encode},
    crypto::{Digest, Domain, TransactionId},
    types::{Code, Fen, GroupBuyId, HouseholdTag, MemberId, PaymentNo},
};
use serde::{Deserialize, Serialize};

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

/// A movement that changes who benefits, or that leaves custody.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Movement {
    /// Unidentified / Escrow: whose payment it was (G29).
    Identify {
        /// The payment.
        payment: PaymentNo,
        /// The group buy it was for.
        group_buy: GroupBuyId,
        /// For whom.
        shares: List<Share, SHARES_MAX>,
    },
    /// Unidentified / Custody: back the way it came (G28, G29).
    ReturnUnidentified {
        /// The payment.
        payment: PaymentNo,
        /// How it goes back.
        payout: Payout,
    },
    /// Refund / Custody: back to households (G38).
    Refund {
        /// Which group buy.
        group_buy: GroupBuyId,
        /// To whom, from which payments.
        items: List<RefundItem, REFUNDS_MAX>,
    },
    /// What arrived, when one side has not signed the note in time (G32).
    DecideGoods(GoodsNote),
    /// Delivery shown by evidence (G35).
    Deliver {
        /// Which group buy.
        group_buy: GroupBuyId,
        /// Who has its goods.
        households: List<HouseholdTag, BATCH_MAX>,
        /// Hash of photographs, signatures or the like.
        evidence: Digest,
    },
    /// Retention / Payable; payees may be paid from now on (G36).
    Settle {
        /// Which group buy.
        group_buy: GroupBuyId,
        /// What the supplier gets in all.
        payable: Fen,
    },
    /// Payable or Fee / Custody (G37).
    PayOut {
        /// Which group buy.
        group_buy: GroupBuyId,
        /// Whom.
        to: PayTo,
        /// How.
        payout: Payout,
    },
    /// Given up before the goods arrived (G41).
    Cancel {
        /// Which group buy.
        group_buy: GroupBuyId,
    },
    /// Custody / the account it was paid from: a payout came back (G42).
    Bounce {
        /// The payout.
        payout: PaymentNo,
        /// How it came back.
        receipt: Receipt,
    },
    /// Unclaimed / Custody: somebody came for it (G39).
    PayUnclaimed {
        /// Which group buy it was.
        group_buy: GroupBuyId,
        /// Whose it is.
        beneficiary: Beneficiary,
        /// How.
        payout: Payout,
    },
    /// Custody / Custody: between channels (G43).
    Transfer {
        /// Where it comes from, and under which number.
        from: Payout,
        /// Where it arrives.
        to: ChannelId,
    },
    /// ChannelFee / Custody: what a channel kept (G43).
    ChannelFee {
        /// Which channel, which bill line, how much.
        fee: Payout,
        /// Hash of the bill.
        bill: Digest,
    },
    /// Fee{property} / ChannelFee: borne as filed (G43).
    BearChannelFee {
        /// Whose property fee bears it.
        group_buy: GroupBuyId,
        /// Which channel's fee.
        channel: ChannelId,
        /// How much.
        amount: Fen,
    },
    /// Custody / ChannelFee: the property company tops up (G43).
    TopUpChannelFee {
        /// How it came.
        receipt: Receipt,
    },
    /// Difference / Custody: less is there than the books say (G44).
    Difference {
        /// Which channel, and how much is missing.
        missing: Payout,
        /// Hash of the count.
        document: Digest,
    },
    /// Receivable / Difference: a member owes it (G44).
    ChargeDifference {
        /// Which channel's difference.
        channel: ChannelId,
        /// Who owes it.
        member: MemberId,
        /// How much.
        amount: Fen,
        /// Hash of the finding.
        document: Digest,
    },
    /// Custody / Difference: it was found again (G44).
    FoundDifference {
        /// Where it was found.
        receipt: Receipt,
    },
    /// Custody / Receivable: a member pays what it owes (G44).
    RepayReceivable {
        /// Who pays.
        member: MemberId,
        /// How it came.
        receipt: Receipt,
    },
    /// Custody / Reserve: a grant or gift with a purpose (G45).
    GiveReserve {
        /// The purpose.
        purpose: Code<16>,
        /// How it came.
        receipt: Receipt,
    },
    /// Reserve / Custody: spent for its purpose (G45).
    SpendReserve {
        /// The purpose.
        purpose: Code<16>,
        /// How it goes.
        payout: Payout,
        /// Hash of the filing that says what for.
        document: Digest,
    },
}

impl Movement {
    /// The hash that an approval names.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Domain::Payment.digest(&[&encode(self)])
    }
}
