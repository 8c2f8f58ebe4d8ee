//! What brings about a change of the books: one name for each act, approved movement and deadline.

/// What brings about a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    /// A filing.
    File,
    /// A yes to a filing, of the board or the supplier.
    Approve,
    /// A no to a filing.
    Reject,
    /// Orders, changes, withdrawals.
    Order,
    /// What the leader says was paid.
    RecordPayments,
    /// What the custodian says arrived.
    ConfirmPayments,
    /// A record that the custodian refuses.
    RefusePayment,
    /// Money of unknown payers.
    ReceiveUnidentified,
    /// The supplier's word on the purchase order.
    ConfirmPurchaseOrder,
    /// A signature under the goods note.
    SignGoodsNote,
    /// Codes of households.
    Deliver,
    /// A proposal: it only waits.
    Propose,
    /// A no to a proposal.
    RejectProposal,
    /// The approval of `Movement::Identify`, and so on in the order of that type.
    Identify,
    /// `Movement::ReturnUnidentified`.
    ReturnUnidentified,
    /// `Movement::Refund`.
    Refund,
    /// `Movement::DecideGoods`.
    DecideGoods,
    /// `Movement::Deliver`.
    DeliverByEvidence,
    /// `Movement::Settle`.
    Settle,
    /// `Movement::PayOut`.
    PayOut,
    /// `Movement::Cancel`.
    Cancel,
    /// `Movement::Bounce`.
    Bounce,
    /// `Movement::PayUnclaimed`.
    PayUnclaimed,
    /// `Movement::Transfer`.
    Transfer,
    /// `Movement::ChannelFee`.
    ChannelFee,
    /// `Movement::BearChannelFee`.
    BearChannelFee,
    /// `Movement::TopUpChannelFee`.
    TopUpChannelFee,
    /// `Movement::Difference`.
    Difference,
    /// `Movement::ChargeDifference`.
    ChargeDifference,
    /// `Movement::FoundDifference`.
    FoundDifference,
    /// `Movement::RepayReceivable`.
    RepayReceivable,
    /// `Movement::GiveReserve`.
    GiveReserve,
    /// `Movement::SpendReserve`.
    SpendReserve,
    /// The cut-off of a filing that nobody opened.
    CutOff,
    /// The end of confirming.
    ConfirmBy,
    /// The end of waiting for codes.
    AutoDelivery,
    /// The end of waiting for refunds and payouts.
    Unclaimed,
    /// Nothing is left.
    Close,
    /// Nobody approved it.
    ProposalLapses,
}
