//! What an act comes to, and the one place that carries it out.
//!
//! ```text
//!  act, or deadline ──▶ rule (reads the fund, writes a draft) ──▶ Plan ──▶ carry_out ──▶ the fund
//!                              │                                   │
//!                              └── Refusal: nothing has changed    └── dropped: nothing has changed
//! ```

use super::{
    Action, Posting,
    account::AccountId,
    closing::Seal,
    draft::{Act, Draft},
    filing::OfferIndex,
    flows::Cause,
    group_buy::{GroupBuy, Header, Household, OfferTally, Order, Payment},
    lifecycle::{Deadline, DeadlineKind, deadline_of},
    movement::PendingMovement,
    permanent::{PermanentId, PermanentRecord, Reads},
    state::Fund,
};
use crate::{
    accounting::{Account, Totals},
    crypto::{BlockHash, TransactionId},
    merkle::Changes,
    refusal::Refusal,
    types::{GroupBuyId, HouseholdTag, MemberId, OrderNo, PaymentNo, TimestampMs},
};
use std::{collections::BTreeMap, sync::Arc};

/// Most units of work (lines and accounts touched) in one block.
pub const WORK_MAX: u32 = 20_000;

/// What surrounds the execution of a block, and what the plans that were carried out leave for the disk.
pub struct Context<'a> {
    /// Time of the block.
    pub now: TimestampMs,
    /// Hash of the parent block.
    pub parent: BlockHash,
    /// Lines and accounts touched in this block.
    pub work: u32,
    /// Identifiers that this block uses up.
    pub numbers: BTreeMap<PermanentId, PermanentRecord>,
    reads: &'a dyn Reads,
}

impl<'a> Context<'a> {
    /// The context of a block at `now`, child of `parent`.
    #[must_use]
    pub fn new(now: TimestampMs, parent: BlockHash, reads: &'a dyn Reads) -> Self {
        Self { now, parent, work: 0, numbers: BTreeMap::new(), reads }
    }

    /// What is known about an identifier, this block included.
    #[must_use]
    pub fn permanent(&self, id: &PermanentId) -> Option<PermanentRecord> {
        self.numbers.get(id).cloned().or_else(|| self.reads.permanent(id))
    }

    /// The history on disk.
    #[must_use]
    pub fn reads(&self) -> &'a dyn Reads {
        self.reads
    }
}

/// All that an act or a deadline comes to. Nothing of it has happened yet.
#[derive(Debug)]
pub struct Plan {
    /// What is booked, in order.
    pub(super) postings: Vec<Posting>,
    /// Lines and accounts touched.
    pub work: u32,
    /// What remains of a group buy that ends.
    pub closes: Option<Seal>,
    pub(super) numbers: BTreeMap<PermanentId, PermanentRecord>,
    pub(super) group_buy: Option<GroupBuyChanges>,
    pub(super) files: Option<GroupBuy>,
    pub(super) accounts: Changes<AccountId, Account>,
    pub(super) recorded: Changes<PaymentNo, GroupBuyId>,
    pub(super) proposals: Changes<TransactionId, PendingMovement>,
    pub(super) totals: Totals,
}

/// What is to change about one group buy.
#[derive(Debug)]
pub(super) struct GroupBuyChanges {
    /// Where it stands in the table of group buys.
    pub(super) slot: u32,
    pub(super) header: Header,
    pub(super) orders: Changes<OrderNo, Order>,
    pub(super) households: Changes<HouseholdTag, Household>,
    pub(super) payments: Changes<PaymentNo, Payment>,
    pub(super) accounts: Changes<AccountId, Account>,
    pub(super) offers: Changes<OfferIndex, OfferTally>,
}

impl GroupBuyChanges {
    fn make(self, group_buy: &mut GroupBuy) {
        group_buy.header = self.header;
        group_buy.orders.make(self.orders);
        group_buy.households.make(self.households);
        group_buy.payments.make(self.payments);
        group_buy.accounts.make(self.accounts);
        group_buy.offers.make(self.offers);
    }
}

impl Fund {
    /// What an action of `author` comes to; changes nothing.
    ///
    /// # Errors
    /// A [`Refusal`] for the author.
    pub fn plan(
        &self,
        context: &Context<'_>,
        author: MemberId,
        transaction: TransactionId,
        action: &Action,
    ) -> Result<Plan, Refusal> {
        let act = Act::new(context, author, transaction);
        let mut draft = Draft::new(self, Cause::of_action(action), act);
        draft.apply(action)?;
        draft.into_plan()
    }

    /// What a deadline that is due comes to; changes nothing.
    ///
    /// # Errors
    /// A [`Refusal`]: the deadline cannot be carried out, which is a defect of the rules or of the books.
    ///
    /// # Panics
    /// If the deadline is not in [`Fund::deadlines`]: our bug.
    pub fn plan_deadline(
        &self,
        context: &Context<'_>,
        deadline: Deadline,
    ) -> Result<Plan, Refusal> {
        assert!(self.deadlines.contains(&deadline), "only known deadlines fall due");
        let act = Act::new(context, MemberId::ZERO, TransactionId::default());
        let mut draft = Draft::new(self, Cause::of_deadline(deadline.kind), act);
        draft.run_deadline(deadline)?;
        // A deadline is work even if it touches nothing.
        draft.act.charge(1);
        if draft.leaves(deadline) {
            return Err(Refusal::RuleBroken {});
        }
        draft.into_plan()
    }

    /// Carries a plan out and says what was booked. But for [`Fund::hold`] nothing else touches a balance, a record
    /// or the agenda.
    ///
    /// The plan must have been made of this very fund in this very block, with nothing carried out since.
    pub fn carry_out(&mut self, context: &mut Context<'_>, plan: Plan) -> Vec<Posting> {
        if let Some(changes) = plan.group_buy {
            self.make_group_buy(changes);
        }
        if let Some(group_buy) = plan.files {
            self.file(group_buy);
        }
        if let Some(seal) = &plan.closes {
            self.close(&seal.group_buy);
        }
        self.accounts.make(plan.accounts);
        self.recorded.make(plan.recorded);
        self.make_proposals(plan.proposals);
        self.totals = plan.totals;
        context.work = context.work.saturating_add(plan.work);
        context.numbers.extend(plan.numbers);
        plan.postings
    }

    /// Puts off what a deadline could not do, so that all else goes on: time does nothing more to its group buy,
    /// and its entry says so. `why` is the number of the refusal.
    pub fn hold(&mut self, deadline: Deadline, why: u16) {
        self.deadlines.remove(&deadline);
        match deadline.kind {
            DeadlineKind::CutOff(id)
            | DeadlineKind::ConfirmBy(id)
            | DeadlineKind::AutoDelivery(id)
            | DeadlineKind::Unclaimed(id)
            | DeadlineKind::Close(id) => {
                if let Some(group_buy) = self.group_buys.get_mut(&id) {
                    Arc::make_mut(group_buy).header.stuck = Some(why);
                }
            }
            DeadlineKind::ProposalLapses(id) => drop(self.proposals.remove(&id)),
        }
    }

    fn make_group_buy(&mut self, changes: GroupBuyChanges) {
        let shared = self.group_buys.slot_mut(changes.slot);
        let group_buy = Arc::make_mut(shared.expect("the plan was made of this fund"));
        let before = deadline_of(&group_buy.filing, &group_buy.header, &self.policy);
        let held = group_buy.header.held;
        changes.make(group_buy);
        if group_buy.header.held != held {
            // What kept it from going on may be gone.
            group_buy.header.stuck = None;
        }
        let after = deadline_of(&group_buy.filing, &group_buy.header, &self.policy);
        if before != after {
            before.map(|deadline| self.deadlines.remove(&deadline));
            after.map(|deadline| self.deadlines.insert(deadline));
        }
    }

    fn file(&mut self, group_buy: GroupBuy) {
        let due = deadline_of(&group_buy.filing, &group_buy.header, &self.policy);
        self.deadlines.extend(due);
        self.group_buys.insert(group_buy.id(), Arc::new(group_buy));
    }

    fn close(&mut self, id: &GroupBuyId) {
        if let Some(group_buy) = self.group_buys.remove(id)
            && let Some(deadline) = deadline_of(&group_buy.filing, &group_buy.header, &self.policy)
        {
            self.deadlines.remove(&deadline);
        }
    }

    fn make_proposals(&mut self, changes: Changes<TransactionId, PendingMovement>) {
        if changes.is_empty() {
            return;
        }
        for slot in changes.changed() {
            if let Some((id, pending)) = self.proposals.entry(slot) {
                self.deadlines.remove(&self.lapse_of(id, pending));
            }
        }
        for (id, pending) in changes.records() {
            self.deadlines.insert(self.lapse_of(id, pending));
        }
        self.proposals.make(changes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        codec::List,
        fund::Policy,
        ledger::EmptyHistory,
        merkle::Table,
        types::{DurationMs, Fen},
    };

    fn fund() -> Fund {
        let day = DurationMs::new(86_400_000);
        let policy = Policy {
            channels: List::default(),
            auto_delivery_after: day,
            goods_note_wait: day,
            unclaimed_after: day,
            proposal_lapses_after: day,
            transaction_life_max: day,
            heartbeat: day,
            block_time_ahead_max: day,
            block_time_behind_max: day,
            payment_max: Fen::new(1_000_000),
        };
        Fund::new(policy, Table::default())
    }

    #[test]
    fn a_rule_that_books_what_it_may_not_is_refused_and_nothing_has_changed() {
        let fund = fund();
        let context = Context::new(TimestampMs::new(1), BlockHash::default(), &EmptyHistory);
        let books = |cause, debit, credit| {
            let act = Act::new(&context, MemberId::ZERO, TransactionId::default());
            let mut draft = Draft::new(&fund, cause, act);
            draft.book(debit, credit, Fen::new(5))?;
            draft.into_plan()
        };
        let reserve = AccountId::Reserve("elders".parse().expect("a name"));
        let custody = AccountId::Custody(0);
        let plan = books(Cause::GiveReserve, custody, reserve).expect("a gift");
        assert_eq!(plan.postings.len(), 1);
        let wrong = books(Cause::TopUpChannelFee, custody, reserve);
        assert_eq!(wrong.map(drop), Err(Refusal::RuleBroken {}));
        let (owed, missing) = (AccountId::Receivable(MemberId::ZERO), AccountId::Difference(0));
        assert!(books(Cause::ChargeDifference, missing, owed).is_err());
        assert_eq!((fund.balance(&custody), fund.totals), (Fen::ZERO, Totals::default()));
    }

    #[test]
    fn what_is_stuck_is_tried_again_once_its_money_has_moved() {
        let mut fund = fund();
        let at = TimestampMs::new(1_000);
        let group_buy = GroupBuy::failed_holding("t", at, 5);
        let id = group_buy.id();
        fund.group_buys.insert(id, Arc::new(group_buy));
        fund.deadlines = fund.all_deadlines();
        let deadline = *fund.deadlines.get_min().expect("it has one");
        fund.hold(deadline, 600);
        assert!(fund.deadlines.is_empty());
        let mut context = Context::new(at, BlockHash::default(), &EmptyHistory);
        let plan = |fund: &Fund, context: &Context<'_>, held: u64| {
            let act = Act::new(context, MemberId::ZERO, TransactionId::default());
            let mut draft = Draft::new(fund, Cause::Refund, act);
            draft.at_desk(id, |desk| {
                desk.group_buy.header.held = Fen::new(held);
                Ok(())
            })?;
            draft.into_plan()
        };
        let same = plan(&fund, &context, 5).expect("may do that");
        fund.carry_out(&mut context, same);
        assert!(fund.deadlines.is_empty(), "nothing has moved");
        let less = plan(&fund, &context, 0).expect("may do that");
        fund.carry_out(&mut context, less);
        let again = fund.deadlines.get_min().map(|deadline| deadline.kind);
        assert_eq!(again, Some(DeadlineKind::Close(id)));
        assert_eq!(fund.deadlines, fund.all_deadlines());
    }
}
