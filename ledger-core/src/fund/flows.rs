//! What may book what, and what may bring a group buy where: two tables that every plan is held against.
//!
//! A rule that books something else than its rows allow is our bug. The plan is not carried out then: a
//! mistake in a rule can stop one act, and cannot move money that nobody meant to move.
//!
//! Source: docs/fund-rules.md rule G13.

use super::{
    Action, DeadlineKind, FilingDecision, Movement, Posting, account::AccountId, group_buy::Phase,
};

/// What brings about a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
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
    /// The approval of [`Movement::Identify`], and so on in the order of that type.
    Identify,
    /// [`Movement::ReturnUnidentified`].
    ReturnUnidentified,
    /// [`Movement::Refund`].
    Refund,
    /// [`Movement::DecideGoods`].
    DecideGoods,
    /// [`Movement::Deliver`].
    DeliverByEvidence,
    /// [`Movement::Settle`].
    Settle,
    /// [`Movement::PayOut`].
    PayOut,
    /// [`Movement::Cancel`].
    Cancel,
    /// [`Movement::Bounce`].
    Bounce,
    /// [`Movement::PayUnclaimed`].
    PayUnclaimed,
    /// [`Movement::Transfer`].
    Transfer,
    /// [`Movement::ChannelFee`].
    ChannelFee,
    /// [`Movement::BearChannelFee`].
    BearChannelFee,
    /// [`Movement::TopUpChannelFee`].
    TopUpChannelFee,
    /// [`Movement::Difference`].
    Difference,
    /// [`Movement::ChargeDifference`].
    ChargeDifference,
    /// [`Movement::FoundDifference`].
    FoundDifference,
    /// [`Movement::RepayReceivable`].
    RepayReceivable,
    /// [`Movement::GiveReserve`].
    GiveReserve,
    /// [`Movement::SpendReserve`].
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

impl Cause {
    /// What an action brings about by itself; an approval brings about [`Cause::of_movement`].
    pub(super) fn of_action(action: &Action) -> Self {
        match action {
            Action::File(_) => Self::File,
            Action::DecideFiling { decision: FilingDecision::Reject(_), .. } => Self::Reject,
            Action::DecideFiling { .. } => Self::Approve,
            Action::Order { .. } => Self::Order,
            Action::RecordPayments { .. } => Self::RecordPayments,
            Action::ConfirmPayments { .. } => Self::ConfirmPayments,
            Action::RefusePayment { .. } => Self::RefusePayment,
            Action::ReceiveUnidentified(_) => Self::ReceiveUnidentified,
            Action::ConfirmPurchaseOrder { .. } => Self::ConfirmPurchaseOrder,
            Action::SignGoodsNote(_) => Self::SignGoodsNote,
            Action::Deliver { .. } => Self::Deliver,
            Action::Propose(_) | Action::Approve { .. } => Self::Propose,
            Action::RejectProposal { .. } => Self::RejectProposal,
        }
    }

    /// What an approved movement brings about.
    pub(super) fn of_movement(movement: &Movement) -> Self {
        match movement {
            Movement::Identify { .. } => Self::Identify,
            Movement::ReturnUnidentified { .. } => Self::ReturnUnidentified,
            Movement::Refund { .. } => Self::Refund,
            Movement::DecideGoods(_) => Self::DecideGoods,
            Movement::Deliver { .. } => Self::DeliverByEvidence,
            Movement::Settle { .. } => Self::Settle,
            Movement::PayOut { .. } => Self::PayOut,
            Movement::Cancel { .. } => Self::Cancel,
            Movement::Bounce { .. } => Self::Bounce,
            Movement::PayUnclaimed { .. } => Self::PayUnclaimed,
            Movement::Transfer { .. } => Self::Transfer,
            Movement::ChannelFee { .. } => Self::ChannelFee,
            Movement::BearChannelFee { .. } => Self::BearChannelFee,
            Movement::TopUpChannelFee { .. } => Self::TopUpChannelFee,
            Movement::Difference { .. } => Self::Difference,
            Movement::ChargeDifference { .. } => Self::ChargeDifference,
            Movement::FoundDifference { .. } => Self::FoundDifference,
            Movement::RepayReceivable { .. } => Self::RepayReceivable,
            Movement::GiveReserve { .. } => Self::GiveReserve,
            Movement::SpendReserve { .. } => Self::SpendReserve,
        }
    }

    /// What a deadline brings about.
    pub(super) fn of_deadline(kind: DeadlineKind) -> Self {
        match kind {
            DeadlineKind::CutOff(_) => Self::CutOff,
            DeadlineKind::ConfirmBy(_) => Self::ConfirmBy,
            DeadlineKind::AutoDelivery(_) => Self::AutoDelivery,
            DeadlineKind::Unclaimed(_) => Self::Unclaimed,
            DeadlineKind::Close(_) => Self::Close,
            DeadlineKind::ProposalLapses(_) => Self::ProposalLapses,
        }
    }
}

/// An account of the chart without whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Custody,
    Receivable,
    ChannelFee,
    Difference,
    Unidentified,
    Unclaimed,
    Reserve,
    Advance,
    Escrow,
    Refund,
    Payable,
    Retention,
    Fee,
    Disputed,
}

impl Name {
    fn of(account: &AccountId) -> Self {
        match account {
            AccountId::Custody(_) => Self::Custody,
            AccountId::Receivable(_) => Self::Receivable,
            AccountId::ChannelFee(_) => Self::ChannelFee,
            AccountId::Difference(_) => Self::Difference,
            AccountId::Unidentified(_) => Self::Unidentified,
            AccountId::Unclaimed(..) => Self::Unclaimed,
            AccountId::Reserve(_) => Self::Reserve,
            AccountId::Advance => Self::Advance,
            AccountId::Escrow(_) => Self::Escrow,
            AccountId::Refund(_) => Self::Refund,
            AccountId::Payable => Self::Payable,
            AccountId::Retention => Self::Retention,
            AccountId::Fee(_) => Self::Fee,
            AccountId::Disputed(_) => Self::Disputed,
        }
    }
}

/// Which cause may debit what and credit what: (cause, debit, credit). What is not here books nothing.
pub(super) const FLOWS: &[(Cause, Name, Name)] = {
    use Cause as C;
    use Name::{
        ChannelFee, Custody, Difference, Escrow, Fee, Payable, Receivable, Refund, Reserve,
        Retention, Unclaimed, Unidentified,
    };
    &[
        (C::Order, Escrow, Refund),
        (C::ConfirmPayments, Custody, Escrow),
        (C::ConfirmPayments, Custody, Unidentified),
        (C::ReceiveUnidentified, Custody, Unidentified),
        (C::SignGoodsNote, Escrow, Retention),
        (C::SignGoodsNote, Escrow, Payable),
        (C::SignGoodsNote, Escrow, Refund),
        (C::Deliver, Escrow, Fee),
        (C::Identify, Unidentified, Escrow),
        (C::ReturnUnidentified, Unidentified, Custody),
        (C::Refund, Refund, Custody),
        (C::DecideGoods, Escrow, Retention),
        (C::DecideGoods, Escrow, Payable),
        (C::DecideGoods, Escrow, Refund),
        (C::DeliverByEvidence, Escrow, Fee),
        (C::Settle, Retention, Payable),
        (C::PayOut, Payable, Custody),
        (C::PayOut, Fee, Custody),
        (C::Cancel, Escrow, Refund),
        // Whatever was paid out may come back.
        (C::Bounce, Custody, Refund),
        (C::Bounce, Custody, Payable),
        (C::Bounce, Custody, Fee),
        (C::Bounce, Custody, Unclaimed),
        (C::Bounce, Custody, Unidentified),
        (C::Bounce, Custody, Reserve),
        (C::Bounce, Custody, ChannelFee),
        (C::Bounce, Custody, Difference),
        (C::Bounce, Custody, Custody),
        (C::PayUnclaimed, Unclaimed, Custody),
        (C::Transfer, Custody, Custody),
        (C::ChannelFee, ChannelFee, Custody),
        (C::BearChannelFee, Fee, ChannelFee),
        (C::TopUpChannelFee, Custody, ChannelFee),
        (C::Difference, Difference, Custody),
        (C::ChargeDifference, Receivable, Difference),
        (C::FoundDifference, Custody, Difference),
        (C::RepayReceivable, Custody, Receivable),
        (C::GiveReserve, Custody, Reserve),
        (C::SpendReserve, Reserve, Custody),
        (C::ConfirmBy, Escrow, Refund),
        (C::AutoDelivery, Escrow, Fee),
        (C::Unclaimed, Refund, Unclaimed),
        (C::Unclaimed, Payable, Unclaimed),
        (C::Unclaimed, Fee, Unclaimed),
    ]
};

/// Every way from one state of a group buy to another. `None` is before the filing and after the end.
pub(super) const WAYS: &[(Option<Phase>, Cause, Option<Phase>)] = {
    use Cause as C;
    use Phase::{
        Cancelled, Delivered, Failed, Filed, Formed, Open, Ordered, Received, Rejected, Settled,
    };
    &[
        (None, C::File, Some(Filed)),
        (Some(Filed), C::Approve, Some(Open)),
        (Some(Filed), C::Reject, Some(Rejected)),
        (Some(Filed), C::CutOff, Some(Rejected)),
        (Some(Filed), C::Cancel, Some(Cancelled)),
        (Some(Open), C::ConfirmBy, Some(Formed)),
        (Some(Open), C::ConfirmBy, Some(Failed)),
        (Some(Open), C::Cancel, Some(Cancelled)),
        (Some(Formed), C::ConfirmPurchaseOrder, Some(Ordered)),
        (Some(Formed), C::Cancel, Some(Cancelled)),
        (Some(Ordered), C::SignGoodsNote, Some(Received)),
        (Some(Ordered), C::SignGoodsNote, Some(Delivered)),
        (Some(Ordered), C::DecideGoods, Some(Received)),
        (Some(Ordered), C::DecideGoods, Some(Delivered)),
        (Some(Ordered), C::Cancel, Some(Cancelled)),
        (Some(Received), C::Deliver, Some(Delivered)),
        (Some(Received), C::DeliverByEvidence, Some(Delivered)),
        (Some(Received), C::AutoDelivery, Some(Delivered)),
        (Some(Delivered), C::Settle, Some(Settled)),
        (Some(Rejected), C::Close, None),
        (Some(Failed), C::Close, None),
        (Some(Cancelled), C::Close, None),
        (Some(Settled), C::Close, None),
    ]
};

/// A plan that the tables do not allow: a rule of ours is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    /// It books what its cause may not book.
    #[error("{cause:?} may not book {debit} / {credit}")]
    Flow {
        /// Of the plan.
        cause: Cause,
        /// Debited.
        debit: AccountId,
        /// Credited.
        credit: AccountId,
    },
    /// It brings a group buy where its cause may not bring it.
    #[error("{cause:?} may not lead from {from:?} to {to:?}")]
    Way {
        /// Of the plan.
        cause: Cause,
        /// Where the group buy stands.
        from: Option<Phase>,
        /// Where it would stand.
        to: Option<Phase>,
    },
}

/// Holds postings against [`FLOWS`].
pub(super) fn check_flows(cause: Cause, postings: &[Posting]) -> Result<(), Defect> {
    // Thousands of postings of one plan are of two or three kinds.
    let mut known: Option<(Name, Name)> = None;
    for Posting { debit, credit, .. } in postings {
        let flow = (Name::of(debit), Name::of(credit));
        if known == Some(flow) {
            continue;
        }
        if !FLOWS.contains(&(cause, flow.0, flow.1)) {
            let (debit, credit) = (*debit, *credit);
            return Err(Defect::Flow { cause, debit, credit });
        }
        known = Some(flow);
    }
    Ok(())
}

/// Holds a change of state against [`WAYS`].
pub(super) fn check_way(
    cause: Cause,
    from: Option<Phase>,
    to: Option<Phase>,
) -> Result<(), Defect> {
    if from == to || WAYS.contains(&(from, cause, to)) {
        Ok(())
    } else {
        Err(Defect::Way { cause, from, to })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Fen, HouseholdTag};
    use std::collections::BTreeSet;

    const PHASES: [Phase; 10] = [
        Phase::Filed,
        Phase::Open,
        Phase::Formed,
        Phase::Ordered,
        Phase::Received,
        Phase::Delivered,
        Phase::Settled,
        Phase::Rejected,
        Phase::Failed,
        Phase::Cancelled,
    ];

    /// Who has to speak for a cause; nobody for what time alone brings about.
    fn speakers(cause: Cause) -> &'static [&'static str] {
        match cause {
            Cause::CutOff | Cause::ConfirmBy | Cause::AutoDelivery | Cause::Close => &[],
            Cause::Approve => &["property", "committee", "supplier"],
            // Any one of the three is enough.
            Cause::Reject => &[],
            Cause::Cancel | Cause::DecideGoods | Cause::Settle => &["property", "committee"],
            Cause::ConfirmPurchaseOrder => &["supplier"],
            // Property can receive as well as the leader.
            Cause::SignGoodsNote => &["supplier"],
            Cause::Deliver => &["leader"],
            Cause::DeliverByEvidence => &["leader"],
            other => panic!("{other:?} leads nowhere"),
        }
    }

    /// States that wait for ever for one member, and for whom: known, until somebody can step in.
    const WAITS_FOR: [(Phase, &str); 2] =
        [(Phase::Delivered, "committee"), (Phase::Delivered, "property")];

    #[test]
    fn every_state_has_a_way_out_whoever_falls_silent() {
        let mut stuck = BTreeSet::new();
        for phase in PHASES {
            let ways: Vec<_> = WAYS.iter().filter(|(from, ..)| *from == Some(phase)).collect();
            assert!(!ways.is_empty(), "{phase:?} never ends");
            for silent in ["property", "committee", "supplier", "leader"] {
                if ways.iter().all(|(_, cause, _)| speakers(*cause).contains(&silent)) {
                    stuck.insert((phase, silent));
                }
            }
        }
        assert_eq!(stuck, BTreeSet::from(WAITS_FOR));
    }

    #[test]
    fn every_state_is_reached_and_no_row_stands_twice() {
        for phase in PHASES {
            assert!(WAYS.iter().any(|(.., to)| *to == Some(phase)), "nothing leads to {phase:?}");
        }
        for (i, way) in WAYS.iter().enumerate() {
            assert!(!WAYS[..i].contains(way), "{way:?}");
        }
        for (i, flow) in FLOWS.iter().enumerate() {
            assert!(!FLOWS[..i].contains(flow), "{flow:?}");
        }
    }

    #[test]
    fn reserves_leave_by_one_act_and_custody_is_credited_only_by_what_two_have_signed() {
        let of =
            |credit: Name| FLOWS.iter().filter(move |flow| flow.2 == credit).map(|flow| flow.0);
        let spends: Vec<_> = FLOWS.iter().filter(|flow| flow.1 == Name::Reserve).collect();
        assert_eq!(spends, [&(Cause::SpendReserve, Name::Reserve, Name::Custody)]);
        // A movement is carried out by its approval; these are all movements.
        let movements = Cause::Identify..=Cause::SpendReserve;
        assert!(of(Name::Custody).all(|cause| movements.contains(&cause)));
    }

    #[test]
    fn what_the_tables_do_not_allow_is_a_defect() {
        let tag = HouseholdTag::new([1; 16]);
        let posting = Posting {
            debit: AccountId::Escrow(tag),
            credit: AccountId::Custody(0),
            amount: Fen::new(1),
        };
        let wrong = check_flows(Cause::Order, std::slice::from_ref(&posting));
        assert!(matches!(wrong, Err(Defect::Flow { cause: Cause::Order, .. })));
        let right = Posting { credit: AccountId::Refund(tag), ..posting.clone() };
        assert_eq!(check_flows(Cause::Order, &[right.clone(), right.clone()]), Ok(()));
        assert!(check_flows(Cause::Order, &[right, posting]).is_err(), "each of them is looked at");
        let (open, settled) = (Some(Phase::Open), Some(Phase::Settled));
        assert!(check_way(Cause::Settle, open, settled).is_err());
        assert_eq!(check_way(Cause::Order, open, open), Ok(()));
        assert_eq!(check_way(Cause::Close, settled, None), Ok(()));
    }
}
