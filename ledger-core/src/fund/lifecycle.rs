//! A group buy from filing to purchase order, and what its deadlines do (rules G20, G21, G30, G31).

use super::{
    account::AccountId,
    action::{Action, FilingDecision},
    draft::{Desk, Draft},
    filing::{Filing, OfferIndex},
    group_buy::{APPROVALS_MAX, Cover, GroupBuy, Header, OfferTally, Phase},
    member::{Policy, Role},
    permanent::PermanentId,
    state::{Fund, GROUP_BUYS_MAX},
};
use crate::{
    codec::{Decode, Encode, List, encode},
    crypto::{Digest, Domain, TransactionId},
    merkle::Table,
    refusal::{Party, Refusal},
    types::{Fen, GroupBuyId, MemberId, TimestampMs},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a deadline does.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum DeadlineKind {
    /// Still filed at the cut-off: rejected.
    CutOff(GroupBuyId),
    /// Formed or failed (G30).
    ConfirmBy(GroupBuyId),
    /// Whoever has not confirmed has its goods by now (G35).
    AutoDelivery(GroupBuyId),
    /// What could not be paid out becomes unclaimed (G39).
    Unclaimed(GroupBuyId),
    /// Every account is zero: sealed and closed (G40).
    Close(GroupBuyId),
    /// Nobody approved it (G2).
    ProposalLapses(TransactionId),
}

/// Something that falls due; ordered by time, kind and id.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
pub struct Deadline {
    /// From this block time on; zero is at once.
    pub at: TimestampMs,
    /// What happens.
    pub kind: DeadlineKind,
}

/// The next deadline of a group buy. There is never more than one.
pub(super) fn deadline_of(filing: &Filing, header: &Header, policy: &Policy) -> Option<Deadline> {
    let id = filing.group_buy;
    if header.stuck.is_some() {
        return None;
    }
    let (at, kind) = match header.phase {
        Phase::Filed => (filing.cut_off, DeadlineKind::CutOff(id)),
        Phase::Open => (filing.confirm_by, DeadlineKind::ConfirmBy(id)),
        Phase::Received => {
            (header.since.after(policy.auto_delivery_after), DeadlineKind::AutoDelivery(id))
        }
        Phase::Formed | Phase::Ordered | Phase::Delivered => return None,
        Phase::Settled | Phase::Rejected | Phase::Failed | Phase::Cancelled => {
            if header.held == Fen::ZERO {
                (TimestampMs::ZERO, DeadlineKind::Close(id))
            } else {
                (header.since.after(policy.unclaimed_after), DeadlineKind::Unclaimed(id))
            }
        }
    };
    Some(Deadline { at, kind })
}

impl Draft<'_> {
    /// Applies the rule of one action of the author.
    pub(super) fn apply(&mut self, action: &Action) -> Result<(), Refusal> {
        match action {
            Action::File(filing) => self.file(filing),
            Action::DecideFiling { group_buy, filing, decision } => {
                self.at_desk(*group_buy, |desk| desk.decide_filing(filing, *decision))
            }
            Action::Order { group_buy, filing, orders } => {
                self.at_desk(*group_buy, |desk| desk.place_orders(filing, orders))
            }
            Action::RecordPayments { group_buy, payments } => {
                self.at_desk(*group_buy, |desk| desk.record_payments(payments))
            }
            Action::ConfirmPayments { group_buy, confirmations } => {
                self.at_desk(*group_buy, |desk| desk.confirm_payments(confirmations))
            }
            Action::RefusePayment { group_buy, number, record } => {
                self.at_desk(*group_buy, |desk| desk.refuse_payment(*number, record))
            }
            Action::ReceiveUnidentified(receipt) => self.receive_unidentified(receipt),
            Action::ConfirmPurchaseOrder { group_buy, total, purchase_order } => {
                self.at_desk(*group_buy, |desk| desk.confirm_purchase_order(*total, purchase_order))
            }
            Action::SignGoodsNote(note) => {
                self.at_desk(note.group_buy, |desk| desk.sign_goods_note(note))
            }
            Action::Deliver { group_buy, codes } => {
                self.at_desk(*group_buy, |desk| desk.deliver_by_code(codes))
            }
            Action::Propose(movement) => self.propose(movement),
            Action::Approve { proposal, movement } => self.approve(proposal, movement),
            Action::RejectProposal { proposal, movement } => {
                self.reject_proposal(proposal, movement)
            }
        }
    }

    /// Applies the rule of what the clock asks for.
    pub(super) fn run_deadline(&mut self, deadline: Deadline) -> Result<(), Refusal> {
        match deadline.kind {
            DeadlineKind::CutOff(id) => self.at_desk(id, |desk| {
                desk.enter(Phase::Rejected);
                Ok(())
            }),
            DeadlineKind::ConfirmBy(id) => self.at_desk(id, |desk| desk.form_or_fail()),
            DeadlineKind::AutoDelivery(id) => self.at_desk(id, |desk| desk.deliver_the_rest()),
            DeadlineKind::Unclaimed(id) => self.at_desk(id, |desk| desk.sweep_unclaimed()),
            DeadlineKind::Close(id) => self.close(id),
            DeadlineKind::ProposalLapses(id) => {
                self.proposals.remove(&id);
                Ok(())
            }
        }
    }

    fn file(&mut self, filing: &Filing) -> Result<(), Refusal> {
        self.fund.require_role(self.act.author, &[Role::Leader], Party::Leader)?;
        let id = filing.group_buy;
        let digest = filing.digest();
        self.act.charge(1 + filing.offers.len());
        if let Some(open) = self.fund.group_buys.get(&id) {
            let same = open.header.filing == digest && open.header.leader == self.act.author;
            return Err(if same { Refusal::FilingExists {} } else { Refusal::GroupBuyExists {} });
        }
        if self.act.permanent(&PermanentId::GroupBuy(id)).is_some() {
            return Err(Refusal::GroupBuyExists {});
        }
        if self.fund.group_buys.len() >= GROUP_BUYS_MAX as usize {
            return Err(Refusal::TooManyGroupBuys { max: GROUP_BUYS_MAX });
        }
        filing.check(&self.fund.members, self.act.author, self.act.now)?;
        self.files = Some(GroupBuy::filed(filing.clone(), self.act.author, self.act.now));
        Ok(())
    }
}

impl Fund {
    pub(super) fn are_related(&self, one: MemberId, other: MemberId) -> bool {
        related(&self.members, one, other)
    }
}

/// Whether either member declares a relation to the other.
pub(super) fn related(
    members: &Table<MemberId, super::Member>,
    one: MemberId,
    other: MemberId,
) -> bool {
    let names = |a: MemberId, b: MemberId| members.get(&a).is_some_and(|m| m.related.contains(&b));
    names(one, other) || names(other, one)
}

impl Desk<'_, '_> {
    fn decide_filing(&mut self, filing: &Digest, decision: FilingDecision) -> Result<(), Refusal> {
        let author = self.act.author;
        let leader = self.group_buy.header.leader;
        if author == leader {
            return Err(Refusal::SubmitterMayNotApprove {});
        }
        let role = self.members.get(&author).map(|member| member.role);
        let on_board = matches!(role, Some(Role::Property | Role::Committee));
        let supplier = self.group_buy.filing.supplier;
        match decision {
            FilingDecision::Accept if author != supplier => {
                return Err(Refusal::WrongRole { needed: Party::FiledSupplier });
            }
            FilingDecision::Approve if !on_board => {
                return Err(Refusal::WrongRole { needed: Party::Board });
            }
            FilingDecision::Reject(_) if !on_board && author != supplier => {
                return Err(Refusal::WrongRole { needed: Party::BoardOrFiledSupplier });
            }
            FilingDecision::Approve if related(self.members, author, leader) => {
                return Err(Refusal::Related { other: leader });
            }
            FilingDecision::Accept | FilingDecision::Approve | FilingDecision::Reject(_) => {}
        }
        self.require_filing(filing)?;
        let header = &self.group_buy.header;
        let again = match decision {
            FilingDecision::Accept => header.accepted,
            FilingDecision::Approve => {
                header.approvals.contains(&author) || header.approvals.len() >= APPROVALS_MAX
            }
            FilingDecision::Reject(_) => false,
        };
        if again {
            return Err(Refusal::AlreadyApproved {});
        }
        self.require_phase(Phase::Filed)?;
        self.act.charge(1);
        match decision {
            FilingDecision::Reject(_) => {
                self.enter(Phase::Rejected);
                return Ok(());
            }
            FilingDecision::Accept => self.group_buy.header.accepted = true,
            FilingDecision::Approve => {
                let approvals = &mut self.group_buy.header.approvals;
                let mut members = std::mem::take(approvals).into_vec();
                members.push(author);
                *approvals = List::new(members).unwrap_or_default();
            }
        }
        let header = &self.group_buy.header;
        let approved = |role| {
            let has = |id: &MemberId| self.members.get(id).is_some_and(|m| m.role == role);
            header.approvals.iter().any(has)
        };
        if header.accepted && approved(Role::Property) && approved(Role::Committee) {
            self.enter(Phase::Open);
        }
        Ok(())
    }

    /// Decides at `confirm_by` which orders are covered and whether the group buy forms (G30).
    fn form_or_fail(&mut self) -> Result<(), Refusal> {
        let mut households_covered = 0u32;
        let mut purchased: BTreeMap<OfferIndex, u64> = BTreeMap::new();
        let mut total = Fen::ZERO;
        let households: Vec<_> =
            self.group_buy.households.iter().map(|(tag, h)| (*tag, h.orders.clone())).collect();
        let mut excess = Vec::with_capacity(households.len());
        for (tag, slots) in &households {
            let mut left = self.group_buy.balance(&AccountId::Escrow(*tag));
            let mut has_cover = false;
            for slot in slots {
                let Some(order) = self.group_buy.orders.slot(*slot) else { continue };
                let cost = self.order_total(order).filter(|cost| *cost <= left);
                self.act.charge(1 + order.lines.len());
                let lines = order.lines.clone();
                let cover = match cost {
                    // What costs nothing (a withdrawn order) is covered by nothing.
                    Some(cost) if cost > Fen::ZERO => {
                        left = left.saturating_sub(cost);
                        total = total.checked_add(cost).ok_or(Refusal::AmountTooLarge {})?;
                        has_cover = true;
                        for line in &lines {
                            *purchased.entry(line.offer).or_default() +=
                                u64::from(line.quantity.get());
                        }
                        Cover::Covered
                    }
                    Some(_) | None => Cover::Dropped,
                };
                if let Some(order) = self.group_buy.orders.slot_mut(*slot) {
                    order.cover = cover;
                }
            }
            households_covered += u32::from(has_cover);
            excess.push((*tag, left));
        }
        let minimum = self.group_buy.filing.minimum;
        let formed = total > Fen::ZERO
            && households_covered >= minimum.households
            && total >= minimum.amount;
        if !formed {
            for slot in households.iter().flat_map(|(_, slots)| slots) {
                if let Some(order) = self.group_buy.orders.slot_mut(*slot) {
                    order.cover = Cover::Dropped;
                }
            }
            self.refund_all_escrow()?;
            self.enter(Phase::Failed);
            return Ok(());
        }
        for (tag, left) in excess {
            self.book(AccountId::Escrow(tag), AccountId::Refund(tag), left)?;
        }
        let quantities: Vec<_> = purchased.iter().map(|(offer, sum)| (*offer, *sum)).collect();
        for (offer, purchased) in purchased {
            let ordered = self.group_buy.offers.get(&offer).map_or(0, |tally| tally.ordered);
            let tally = OfferTally { ordered, purchased, accepted: 0 };
            self.group_buy.offers.insert(offer, tally);
        }
        self.group_buy.header.purchase_total = total;
        self.group_buy.header.purchase_order =
            Domain::PurchaseOrder.digest(&[&encode(&quantities)]);
        self.enter(Phase::Formed);
        Ok(())
    }

    /// Everything still in escrow is owed back.
    pub(super) fn refund_all_escrow(&mut self) -> Result<(), Refusal> {
        let tags: Vec<_> = self.group_buy.households.iter().map(|(tag, _)| *tag).collect();
        for tag in tags {
            let left = self.group_buy.balance(&AccountId::Escrow(tag));
            self.act.charge(1);
            self.book(AccountId::Escrow(tag), AccountId::Refund(tag), left)?;
        }
        Ok(())
    }

    fn confirm_purchase_order(&mut self, total: Fen, order: &Digest) -> Result<(), Refusal> {
        if self.act.author != self.group_buy.filing.supplier {
            return Err(Refusal::WrongRole { needed: Party::FiledSupplier });
        }
        self.require_phase(Phase::Formed)?;
        let expected = self.group_buy.header.purchase_total;
        if total != expected {
            return Err(Refusal::TotalDiffers { expected, given: total });
        }
        if *order != self.group_buy.header.purchase_order {
            return Err(Refusal::PurchaseOrderDiffers {});
        }
        self.act.charge(1);
        self.enter(Phase::Ordered);
        Ok(())
    }
}
