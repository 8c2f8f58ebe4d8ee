//! One row for each act and deadline: what it brings about, who has to agree, and the rule that does it.
//!
//! Adding a movement is an act ([`Movement`]), a rule, its flows ([`super::chart`]) and a row here.

use super::{
    act::{Action, Movement},
    agenda::DeadlineKind,
    cause::Cause,
    chart::ChannelId,
    draft::{Desk, Draft},
    parties::{Role, mandate::Mandate},
    rules::{
        FilingDecision, channel, deliver, end, file, form, goods, order, pay, pay_out, refund,
        reserve, settle,
    },
};
use crate::{
    crypto::{Digest, TransactionId},
    refusal::{Party, Refusal},
    types::{GroupBuyId, MemberId},
};

/// What an act is, seen by who has to agree.
pub(super) enum Step<'a> {
    /// Its author's word was enough, and the rule is done.
    Done(Cause),
    /// Somebody else has to agree.
    Propose(&'a Movement),
    /// Somebody agrees to a movement with this hash.
    Approve(&'a TransactionId, &'a Digest),
    /// Somebody ends a proposal of a movement with this hash.
    Reject(&'a TransactionId, &'a Digest),
}

/// Does what one member may do alone; who that is stands first in each row, but where it depends on what the
/// act is about.
pub(super) fn act<'a>(draft: &mut Draft<'_>, action: &'a Action) -> Result<Step<'a>, Refusal> {
    use {Action as A, Cause as C};
    let cause = match action {
        A::File(filing) => {
            let author = draft.act.author;
            draft.view.registry.require_role(author, Role::Leader, Party::Leader)?;
            file::file(draft, filing)?;
            C::File
        }
        // Whose word it is depends on the decision; the rule asks.
        A::DecideFiling { group_buy, filing, decision } => {
            draft.at_desk(*group_buy, |desk| file::decide(desk, filing, *decision))?;
            match decision {
                FilingDecision::Reject(_) => C::Reject,
                FilingDecision::Approve | FilingDecision::Accept => C::Approve,
            }
        }
        A::Order { group_buy, filing, orders } => {
            draft.at_desk(*group_buy, |desk| {
                desk.require_leader()?;
                order::place(desk, filing, orders)
            })?;
            C::Order
        }
        A::RecordPayments { group_buy, payments } => {
            draft.at_desk(*group_buy, |desk| {
                desk.require_leader()?;
                pay::record(desk, payments)
            })?;
            C::RecordPayments
        }
        // Each payment has a custodian of its own; the rule asks it.
        A::ConfirmPayments { group_buy, confirmations } => {
            draft.at_desk(*group_buy, |desk| pay::confirm(desk, confirmations))?;
            C::ConfirmPayments
        }
        // As there.
        A::RefusePayment { group_buy, number, record } => {
            draft.at_desk(*group_buy, |desk| pay::refuse(desk, *number, record))?;
            C::RefusePayment
        }
        A::ReceiveUnidentified(receipt) => {
            draft.policy().require_custodian(receipt.channel, draft.act.author)?;
            pay::receive_unidentified(draft, receipt)?;
            C::ReceiveUnidentified
        }
        A::ConfirmPurchaseOrder { group_buy, total, purchase_order } => {
            draft.at_desk(*group_buy, |desk| {
                require_supplier(desk)?;
                form::confirm_purchase_order(desk, *total, purchase_order)
            })?;
            C::ConfirmPurchaseOrder
        }
        // Either side may sign first; the rule asks for the other.
        A::SignGoodsNote(note) => {
            draft.at_desk(note.group_buy, |desk| goods::sign(desk, note))?;
            C::SignGoodsNote
        }
        A::Deliver { group_buy, codes } => {
            draft.at_desk(*group_buy, |desk| {
                desk.require_leader()?;
                deliver::by_code(desk, codes)
            })?;
            C::Deliver
        }
        A::Propose(movement) => return Ok(Step::Propose(movement)),
        A::Approve { proposal, movement } => return Ok(Step::Approve(proposal, movement)),
        A::RejectProposal { proposal, movement } => return Ok(Step::Reject(proposal, movement)),
    };
    Ok(Step::Done(cause))
}

fn require_supplier(desk: &Desk<'_, '_>) -> Result<(), Refusal> {
    if desk.act.author == desk.group_buy.filing.supplier {
        Ok(())
    } else {
        Err(Refusal::WrongRole { needed: Party::FiledSupplier })
    }
}

/// Does what the clock asks for; a proposal that lapses is none of the rules' business.
pub(super) fn fall_due(draft: &mut Draft<'_>, kind: DeadlineKind) -> Result<Cause, Refusal> {
    match kind {
        DeadlineKind::CutOff(id) => draft.at_desk(id, end::lapse).map(|()| Cause::CutOff),
        DeadlineKind::ConfirmBy(id) => {
            draft.at_desk(id, form::form_or_fail).map(|()| Cause::ConfirmBy)
        }
        DeadlineKind::AutoDelivery(id) => {
            draft.at_desk(id, deliver::the_rest).map(|()| Cause::AutoDelivery)
        }
        DeadlineKind::Unclaimed(id) => {
            draft.at_desk(id, end::sweep_unclaimed).map(|()| Cause::Unclaimed)
        }
        DeadlineKind::Close(id) => end::close(draft, id).map(|()| Cause::Close),
        DeadlineKind::ProposalLapses(_) => Ok(Cause::ProposalLapses),
    }
}

type Mandating<'m> = Box<dyn Fn(&Draft<'_>) -> Result<Mandate, Refusal> + 'm>;
type Paying<'m> = Box<dyn Fn(&Draft<'_>) -> Result<Option<MemberId>, Refusal> + 'm>;
type Rule<'m> = Box<dyn Fn(&mut Draft<'_>) -> Result<(), Refusal> + 'm>;

/// The row of a movement.
pub(super) struct Row<'m> {
    pub(super) cause: Cause,
    /// The group buy that it belongs to.
    group_buy: Option<GroupBuyId>,
    /// Neither a number nor a state of the books keeps it from being carried out twice.
    repeats: bool,
    /// Who has to agree.
    pub(super) mandate: Mandating<'m>,
    /// The member that it pays, if it pays one.
    pub(super) pays: Paying<'m>,
    pub(super) rule: Rule<'m>,
}

impl<'m> Row<'m> {
    /// Of money that belongs to no group buy, or to several.
    fn chain(
        cause: Cause,
        mandate: impl Fn(&Draft<'_>) -> Result<Mandate, Refusal> + 'm,
        rule: impl Fn(&mut Draft<'_>) -> Result<(), Refusal> + 'm,
    ) -> Self {
        Self {
            cause,
            group_buy: None,
            repeats: false,
            mandate: Box::new(mandate),
            pays: Box::new(|_| Ok(None)),
            rule: Box::new(rule),
        }
    }

    /// Of the money of one group buy.
    fn of(
        group_buy: GroupBuyId,
        cause: Cause,
        mandate: impl Fn(&Draft<'_>) -> Result<Mandate, Refusal> + 'm,
        rule: impl Fn(&mut Draft<'_>) -> Result<(), Refusal> + 'm,
    ) -> Self {
        Self { group_buy: Some(group_buy), ..Self::chain(cause, mandate, rule) }
    }

    fn repeats(self) -> Self {
        Self { repeats: true, ..self }
    }

    fn paying(self, pays: impl Fn(&Draft<'_>) -> Result<Option<MemberId>, Refusal> + 'm) -> Self {
        Self { pays: Box::new(pays), ..self }
    }
}

fn custodian_of(channel: ChannelId) -> impl Fn(&Draft<'_>) -> Result<Mandate, Refusal> {
    move |d| d.policy().custodian(channel).map(Mandate::custodian)
}

fn property_then_committee(_: &Draft<'_>) -> Result<Mandate, Refusal> {
    Ok(Mandate::property_then_committee())
}

fn board(_: &Draft<'_>) -> Result<Mandate, Refusal> {
    Ok(Mandate::board())
}

/// The row of each movement.
#[expect(clippy::too_many_lines, reason = "one table")]
pub(super) fn movement(movement: &Movement) -> Row<'_> {
    use {Cause as C, Movement as M};
    match movement {
        M::Identify { payment, group_buy, shares } => Row::of(
            *group_buy,
            C::Identify,
            move |d| {
                let channel = d.numbers.channel_of(payment)?;
                let leader = d.standing(*group_buy)?.header.leader();
                let custodian = d.policy().custodian(channel)?;
                Ok(Mandate::leader_then_custodian(leader, custodian))
            },
            move |d| d.at_desk(*group_buy, |desk| pay::identify(desk, *payment, shares)),
        ),
        M::ReturnUnidentified { payment, payout } => {
            Row::chain(C::ReturnUnidentified, custodian_of(payout.channel), move |d| {
                pay::give_back(d, payment, payout)
            })
        }
        M::Refund { group_buy, items } => Row::of(
            *group_buy,
            C::Refund,
            move |d| {
                let custodian = |payment| d.policy().custodian(d.numbers.channel_of(payment)?);
                let first = items.first().ok_or(Refusal::NoOrders {})?;
                let custodian_of_all = custodian(&first.payment)?;
                // Nobody empties another custodian's box behind a first item of its own.
                for item in items {
                    let channel = d.numbers.channel_of(&item.payment)?;
                    d.policy().require_custodian(channel, custodian_of_all)?;
                }
                Ok(Mandate::custodian(custodian_of_all))
            },
            move |d| refund::refund(d, *group_buy, items),
        ),
        M::DecideGoods(note) => Row::of(note.group_buy, C::DecideGoods, board, move |d| {
            d.at_desk(note.group_buy, |desk| goods::decide(desk, note))
        }),
        M::Deliver { group_buy, households, .. } => Row::of(
            *group_buy,
            C::DeliverByEvidence,
            move |d| Ok(Mandate::leader_then_board(d.standing(*group_buy)?.header.leader())),
            move |d| d.at_desk(*group_buy, |desk| deliver::by_evidence(desk, households)),
        ),
        M::Settle { group_buy, payable } => {
            Row::of(*group_buy, C::Settle, property_then_committee, move |d| {
                d.at_desk(*group_buy, |desk| settle::settle(desk, *payable))
            })
        }
        M::PayOut { group_buy, to, payout } => {
            Row::of(*group_buy, C::PayOut, custodian_of(payout.channel), move |d| {
                pay_out::pay_out(d, *group_buy, *to, payout)
            })
            .paying(move |d| d.standing(*group_buy).map(|open| to.payee(open)))
        }
        M::Cancel { group_buy } => {
            Row::of(*group_buy, C::Cancel, board, move |d| d.at_desk(*group_buy, end::cancel))
        }
        M::Bounce { payout, receipt } => {
            Row::chain(C::Bounce, custodian_of(receipt.channel), move |d| {
                pay_out::bounce(d, *payout, receipt)
            })
        }
        M::PayUnclaimed { group_buy, beneficiary, payout } => {
            Row::of(*group_buy, C::PayUnclaimed, custodian_of(payout.channel), move |d| {
                pay_out::pay_unclaimed(d, *group_buy, *beneficiary, payout)
            })
            .paying(|_| Ok(beneficiary.member()))
        }
        M::Transfer { from, to } => Row::chain(
            C::Transfer,
            move |d| {
                let custodian = |channel| d.policy().custodian(channel);
                Ok(Mandate::custodians(custodian(from.channel)?, custodian(*to)?))
            },
            move |d| channel::transfer(d, from, *to),
        ),
        M::ChannelFee { fee, .. } => {
            Row::chain(C::ChannelFee, custodian_of(fee.channel), move |d| channel::fee(d, fee))
        }
        M::BearChannelFee { group_buy, channel, amount } => {
            Row::of(*group_buy, C::BearChannelFee, property_then_committee, move |d| {
                channel::bear_fee(d, *group_buy, *channel, *amount)
            })
            .repeats()
        }
        M::TopUpChannelFee { receipt } => {
            Row::chain(C::TopUpChannelFee, custodian_of(receipt.channel), move |d| {
                channel::top_up_fee(d, receipt)
            })
        }
        M::Difference { missing, .. } => {
            Row::chain(C::Difference, custodian_of(missing.channel), move |d| {
                channel::difference(d, missing)
            })
        }
        M::ChargeDifference { channel, member, amount, .. } => {
            Row::chain(C::ChargeDifference, board, move |d| {
                channel::charge_difference(d, *channel, *member, *amount)
            })
            .repeats()
        }
        M::FoundDifference { receipt } => {
            Row::chain(C::FoundDifference, custodian_of(receipt.channel), move |d| {
                channel::found_difference(d, receipt)
            })
        }
        M::RepayReceivable { member, receipt } => {
            Row::chain(C::RepayReceivable, custodian_of(receipt.channel), move |d| {
                channel::repay(d, *member, receipt)
            })
        }
        M::GiveReserve { purpose, receipt } => {
            Row::chain(C::GiveReserve, custodian_of(receipt.channel), move |d| {
                reserve::give(d, *purpose, receipt)
            })
        }
        M::SpendReserve { purpose, payout, .. } => {
            Row::chain(C::SpendReserve, property_then_committee, move |d| {
                reserve::spend(d, *purpose, payout)
            })
        }
    }
}

impl Movement {
    /// The group buy that it belongs to; `None` for money that belongs to none, or to several.
    #[must_use]
    pub fn group_buy(&self) -> Option<GroupBuyId> {
        movement(self).group_buy
    }

    /// Whether it could be carried out a second time, because neither a number nor a state of the books
    /// rules that out.
    #[must_use]
    pub fn may_repeat(&self) -> bool {
        movement(self).repeats
    }
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
