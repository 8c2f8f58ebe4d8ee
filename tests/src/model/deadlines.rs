//! What block time alone causes (G5), and the deadlines of a group buy's life (G2, G21, G30, G35, G39, G40).

use super::{Model, books::Posting};
use ledger_core::{
    fund::{AccountId, Deadline, DeadlineKind, Phase, Seal},
    types::{GroupBuyId, TimestampMs},
};

/// A deadline that fell due, and what it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// What fell due.
    pub deadline: Deadline,
    /// What it posted.
    pub postings: Vec<Posting>,
    /// What remains of the group buy, if it closed.
    pub seal: Option<Seal>,
}

impl Model {
    /// Everything that will fall due as things stand, in the order of time, kind and name (G5).
    pub(crate) fn deadlines_ahead(&self) -> Vec<Deadline> {
        let policy = &self.world.policy;
        let mut ahead = Vec::new();
        for group_buy in &self.world.group_buys {
            let id = group_buy.id();
            let filing = &group_buy.filing;
            let (at, kind) = match group_buy.phase {
                // G21: what is still FILED at cut_off is rejected.
                Phase::Filed => (filing.cut_off, DeadlineKind::CutOff(id)),
                // G30.
                Phase::Open => (filing.confirm_by, DeadlineKind::ConfirmBy(id)),
                // G35: by itself some time after the goods note.
                Phase::Received => {
                    let at = group_buy.since.after(policy.auto_delivery_after);
                    (at, DeadlineKind::AutoDelivery(id))
                }
                Phase::Formed | Phase::Ordered | Phase::Delivered => continue,
                Phase::Settled | Phase::Rejected | Phase::Failed | Phase::Cancelled => {
                    // G40: in the first block that finds all its accounts at zero.
                    if self.journal.is_empty(id) {
                        (TimestampMs::ZERO, DeadlineKind::Close(id))
                    } else {
                        // G39.
                        let at = group_buy.since.after(policy.unclaimed_after);
                        (at, DeadlineKind::Unclaimed(id))
                    }
                }
            };
            ahead.push(Deadline { at, kind });
        }
        for proposal in &self.world.proposals {
            // G2: it lapses.
            let at = proposal.at.after(policy.proposal_lapses_after);
            ahead.push(Deadline { at, kind: DeadlineKind::ProposalLapses(proposal.id) });
        }
        ahead.sort_unstable();
        ahead
    }

    /// G5: a deadline falls due in the first block whose time has reached it.
    pub(super) fn deadlines(&mut self) -> Vec<Due> {
        let mut done = Vec::new();
        loop {
            let ahead = self.deadlines_ahead();
            let Some(next) = ahead.first().filter(|next| next.at <= self.world.now) else {
                return done;
            };
            let before = self.journal.postings().len();
            self.act_number += 1;
            let seal = self.run(next.kind);
            let postings = self.journal.postings()[before..].to_vec();
            done.push(Due { deadline: *next, postings, seal });
        }
    }

    fn run(&mut self, kind: DeadlineKind) -> Option<Seal> {
        match kind {
            DeadlineKind::CutOff(id) => self.enter_phase(id, Phase::Rejected),
            DeadlineKind::ConfirmBy(id) => self.form_or_fail(id),
            DeadlineKind::AutoDelivery(id) => {
                let group_buy = self.group_buy(id).expect("its deadline");
                let households = group_buy.households();
                // G35: whoever has not confirmed has its goods by now.
                let delivered = self.deliver_all(id, &households);
                assert_eq!(delivered, Ok(()), "somebody was waiting");
            }
            DeadlineKind::Unclaimed(id) => self.make_unclaimed(id),
            DeadlineKind::Close(id) => return Some(self.close(id)),
            DeadlineKind::ProposalLapses(id) => {
                self.world.proposals.retain(|proposal| proposal.id != id);
            }
        }
        None
    }

    /// G30: each household's money covers its orders in order of entry; an order that is not fully
    /// covered is skipped and dropped.
    fn form_or_fail(&mut self, id: GroupBuyId) {
        let mut group_buy = self.group_buy(id).expect("its deadline").clone();
        let minimum = group_buy.filing.minimum;
        let (mut households_covered, mut covered) = (0u64, 0u128);
        let mut not_needed = Vec::new();
        for household in group_buy.households() {
            let mut money = self.in_group_buy(id, AccountId::Escrow(household));
            let mut is_covered = false;
            let prices: Vec<u128> =
                group_buy.orders.iter().map(|order| group_buy.cost_of_order(order)).collect();
            for (order, price) in group_buy.orders.iter_mut().zip(prices) {
                if order.household != household || order.lines.is_empty() {
                    continue;
                }
                if let Ok(price) = u64::try_from(price)
                    && price <= money
                {
                    money -= price;
                    covered += u128::from(price);
                    order.covered = true;
                    is_covered = true;
                }
            }
            households_covered += u64::from(is_covered);
            not_needed.push((household, money));
        }
        // It is not nothing, and the minimum of households and of money is reached.
        let forms = households_covered > 0
            && households_covered >= u64::from(minimum.households)
            && covered >= u128::from(minimum.amount.get());
        if forms {
            for (household, amount) in not_needed {
                let escrow = AccountId::Escrow(household);
                self.post_own(id, escrow, AccountId::Refund(household), amount);
            }
            *self.group_buy_mut(id) = group_buy;
            self.enter_phase(id, Phase::Formed);
        } else {
            self.owe_back_all(id);
            self.enter_phase(id, Phase::Failed);
        }
    }
}
