//! The rule of two: proposals, approvals, and who may make them (G2 and the table of movements).

use super::{
    Model, hash_of,
    refusals::{
        Answer, NO_ORDERS, PAID_BY_IT, PAYMENT_UNKNOWN, PAYOUT_UNKNOWN, PROPOSAL_DIFFERS,
        PROPOSAL_UNKNOWN, RELATED, SUBMITTER_MAY_NOT_APPROVE, TOO_MANY_PROPOSALS, WRONG_ROLE,
    },
    world::{PaymentState, Proposal, Way},
};
use ledger_core::{
    crypto::{Digest, TransactionId},
    fund::{Beneficiary, ChannelId, Movement, PayTo, Role},
    types::{GroupBuyId, MemberId, PaymentNo},
};

/// G2: proposals that wait at once: all, of one organisation, of one leader.
const PROPOSALS_MAX: usize = 4_096;
const OF_ORGANISATION_MAX: usize = 1_024;
const OF_LEADER_MAX: usize = 256;

/// The two that a movement needs: the columns of the table of movements.
#[derive(Debug, Clone, Copy)]
enum Pair {
    /// The leader of a group buy; the custodian of a payment's channel.
    LeaderAndCustodian(GroupBuyId, PaymentNo),
    /// The leader of a group buy; property or committee.
    LeaderAndBoard(GroupBuyId),
    /// The custodian of a channel; another organisation.
    CustodianAndOther(ChannelId),
    /// The custodian that gives; the custodian that gets.
    Custodians(ChannelId, MemberId),
    /// Property or committee; the other of the two.
    Board,
    /// Property; committee.
    PropertyAndCommittee,
}

impl Model {
    /// Whom a movement takes; its object is looked at only where that depends on it.
    fn pair(&self, movement: &Movement) -> Answer<Pair> {
        Ok(match movement {
            Movement::Identify { payment, group_buy, .. } => {
                self.channel_of_received(*payment)?;
                Pair::LeaderAndCustodian(*group_buy, *payment)
            }
            Movement::Deliver { group_buy, .. } => Pair::LeaderAndBoard(*group_buy),
            Movement::Refund { items, .. } => {
                let first = items.first().ok_or(NO_ORDERS)?;
                let channel = self.channel_of_received(first.payment)?;
                // G38: all of one custodian's channels.
                for item in items {
                    let other = self.channel_of_received(item.payment)?;
                    self.is_custodian(self.custodian(channel)?, other)?;
                }
                Pair::CustodianAndOther(channel)
            }
            Movement::DecideGoods(_)
            | Movement::Cancel { .. }
            | Movement::ChargeDifference { .. } => Pair::Board,
            Movement::Settle { .. }
            | Movement::BearChannelFee { .. }
            | Movement::SpendReserve { .. } => Pair::PropertyAndCommittee,
            Movement::Transfer { from, to } => {
                let gets = self.custodian(*to)?;
                if self.custodian(from.channel)? == gets {
                    Pair::CustodianAndOther(from.channel)
                } else {
                    Pair::Custodians(from.channel, gets)
                }
            }
            Movement::ReturnUnidentified { payout, .. }
            | Movement::PayOut { payout, .. }
            | Movement::PayUnclaimed { payout, .. }
            | Movement::ChannelFee { fee: payout, .. }
            | Movement::Difference { missing: payout, .. } => {
                Pair::CustodianAndOther(payout.channel)
            }
            Movement::Bounce { receipt, .. }
            | Movement::TopUpChannelFee { receipt }
            | Movement::FoundDifference { receipt }
            | Movement::RepayReceivable { receipt, .. }
            | Movement::GiveReserve { receipt, .. } => Pair::CustodianAndOther(receipt.channel),
        })
    }

    /// The channel of money that was received under this number.
    pub(super) fn channel_of_received(&self, payment: PaymentNo) -> Answer<ChannelId> {
        let known = self.number(payment).ok_or(PAYMENT_UNKNOWN)?;
        if matches!(known.way, Way::In(_)) { Ok(known.channel) } else { Err(PAYMENT_UNKNOWN) }
    }

    /// The channel of a payment that counts in a group buy.
    pub(super) fn channel_of_confirmed(
        &self,
        group_buy: GroupBuyId,
        payment: PaymentNo,
    ) -> Answer<ChannelId> {
        let known = self.group_buy(group_buy)?.payment(payment).ok_or(PAYMENT_UNKNOWN)?;
        match known.state {
            PaymentState::Confirmed => Ok(known.record.channel),
            PaymentState::Recorded | PaymentState::Late => Err(PAYMENT_UNKNOWN),
        }
    }

    /// The column "proposed by".
    fn may_propose(&self, pair: Pair, member: MemberId) -> Answer<()> {
        match pair {
            Pair::LeaderAndCustodian(group_buy, _) | Pair::LeaderAndBoard(group_buy) => {
                self.is_leader_of(member, group_buy)
            }
            Pair::CustodianAndOther(channel) | Pair::Custodians(channel, _) => {
                self.is_custodian(member, channel)
            }
            Pair::Board => self.has_role(member, &[Role::Property, Role::Committee]),
            Pair::PropertyAndCommittee => self.has_role(member, &[Role::Property]),
        }
    }

    /// The column "approved by", and what G2 asks of every approver.
    fn may_approve(&self, pair: Pair, by: MemberId, member: MemberId) -> Answer<()> {
        match pair {
            Pair::LeaderAndCustodian(group_buy, payment) => {
                self.group_buy(group_buy)?;
                if self.custodian(self.channel_of_received(payment)?)? != member {
                    return Err(WRONG_ROLE);
                }
            }
            Pair::LeaderAndBoard(group_buy) => {
                self.group_buy(group_buy)?;
                self.has_role(member, &[Role::Property, Role::Committee])?;
            }
            Pair::CustodianAndOther(_) => self.is_organisation(member)?,
            Pair::Custodians(_, gets) => {
                if gets != member {
                    return Err(WRONG_ROLE);
                }
            }
            Pair::Board => {
                self.has_role(member, &[Role::Property, Role::Committee])?;
                if self.role(member) == self.role(by) {
                    return Err(WRONG_ROLE);
                }
            }
            Pair::PropertyAndCommittee => self.has_role(member, &[Role::Committee])?,
        }
        if self.related(member, by) && !self.follows_code { Err(RELATED) } else { Ok(()) }
    }

    /// G2: the member that a movement pays, who may not approve it.
    fn paid_by(&self, movement: &Movement) -> Answer<Option<MemberId>> {
        Ok(match movement {
            Movement::PayOut { group_buy, to, .. } => Some(self.payee(*group_buy, *to)?),
            Movement::PayUnclaimed { beneficiary, .. } => match beneficiary {
                Beneficiary::Household(_) => None,
                Beneficiary::Supplier(member) | Beneficiary::Payee(member) => Some(*member),
            },
            _ => None,
        })
    }

    /// Whom a payout goes to.
    pub(super) fn payee(&self, group_buy: GroupBuyId, to: PayTo) -> Answer<MemberId> {
        let group_buy = self.group_buy(group_buy)?;
        let filing = &group_buy.filing;
        match to {
            PayTo::Supplier => Ok(filing.supplier),
            PayTo::Fee(0) => Ok(group_buy.leader),
            PayTo::Fee(1) => Ok(filing.property),
            PayTo::Fee(2) => Ok(filing.delivery),
            PayTo::Fee(3) => Ok(filing.packing),
            PayTo::Fee(_) => Err(PAYOUT_UNKNOWN),
        }
    }

    /// G2: a proposal is tried when it is made, and the trial leaves no trace.
    pub(super) fn propose(
        &mut self,
        author: MemberId,
        id: TransactionId,
        movement: &Movement,
    ) -> Answer<()> {
        let pair = self.pair(movement)?;
        self.may_propose(pair, author)?;
        let waiting = &self.world.proposals;
        let own = waiting.iter().filter(|proposal| proposal.by == author).count();
        let own_max = match self.role(author) {
            Some(Role::Leader) => OF_LEADER_MAX,
            _ => OF_ORGANISATION_MAX,
        };
        if waiting.len() >= PROPOSALS_MAX || own >= own_max {
            return Err(TOO_MANY_PROPOSALS);
        }
        let before = self.journal.postings().len();
        let world = self.world.clone();
        self.carry_out(movement)?;
        self.world = world;
        self.journal.truncate(before);
        self.world.proposals.push(Proposal {
            id,
            by: author,
            at: self.world.now,
            movement: movement.clone(),
            hash: hash_of("payment", movement),
        });
        Ok(())
    }

    fn proposal(&self, id: TransactionId, movement: Digest) -> Answer<Proposal> {
        let found = self.world.proposals.iter().find(|proposal| proposal.id == id);
        let proposal = found.ok_or(PROPOSAL_UNKNOWN)?;
        if proposal.hash == movement { Ok(proposal.clone()) } else { Err(PROPOSAL_DIFFERS) }
    }

    /// G2: the movement is tried again, for good.
    pub(super) fn approve(
        &mut self,
        author: MemberId,
        id: TransactionId,
        movement: Digest,
    ) -> Answer<()> {
        let proposal = self.proposal(id, movement)?;
        let pair = self.pair(&proposal.movement)?;
        if proposal.by == author {
            return Err(SUBMITTER_MAY_NOT_APPROVE);
        }
        self.may_approve(pair, proposal.by, author)?;
        if self.paid_by(&proposal.movement)? == Some(author) {
            return Err(PAID_BY_IT);
        }
        self.carry_out(&proposal.movement)?;
        self.world.proposals.retain(|waiting| waiting.id != id);
        Ok(())
    }

    /// G2: its proposer, or whoever could approve it, can end a proposal.
    pub(super) fn reject_proposal(
        &mut self,
        author: MemberId,
        id: TransactionId,
        movement: Digest,
    ) -> Answer<()> {
        let proposal = self.proposal(id, movement)?;
        if proposal.by != author {
            let pair = self.pair(&proposal.movement)?;
            self.may_approve(pair, proposal.by, author)?;
        }
        self.world.proposals.retain(|waiting| waiting.id != id);
        Ok(())
    }
}
