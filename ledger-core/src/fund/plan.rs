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
    group_buy::{GroupBuy, Header, Household, OfferTally, Order, Payment},
    lifecycle::{Deadline, deadline_of},
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
    pub postings: Vec<Posting>,
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
    pub(super) id: GroupBuyId,
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
        let mut draft = Draft::new(self, Act::new(context, author, transaction));
        draft.apply(action)?;
        Ok(draft.into_plan())
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
        let nobody = (MemberId::ZERO, TransactionId::default());
        let mut draft = Draft::new(self, Act::new(context, nobody.0, nobody.1));
        draft.run_deadline(deadline)?;
        // A deadline is work even if it touches nothing.
        draft.act.charge(1);
        Ok(draft.into_plan())
    }

    /// Carries a plan out: nothing else touches a balance, a record or the agenda.
    ///
    /// The plan must have been made of this very fund in this very block, with nothing carried out since.
    pub fn carry_out(&mut self, context: &mut Context<'_>, plan: Plan) {
        self.make_group_buy(plan.group_buy, plan.files, plan.closes.as_ref());
        self.accounts.make(plan.accounts);
        self.recorded.make(plan.recorded);
        self.make_proposals(plan.proposals);
        self.totals = plan.totals;
        context.work = context.work.saturating_add(plan.work);
        context.numbers.extend(plan.numbers);
    }

    fn make_group_buy(
        &mut self,
        changes: Option<GroupBuyChanges>,
        files: Option<GroupBuy>,
        closes: Option<&Seal>,
    ) {
        let id = files.as_ref().map(GroupBuy::id).or(closes.map(|seal| seal.group_buy));
        let Some(id) = id.or(changes.as_ref().map(|changes| changes.id)) else { return };
        let due = |fund: &Self| {
            let open = fund.group_buys.get(&id);
            open.and_then(|group_buy| deadline_of(group_buy, &fund.policy))
        };
        let before = due(self);
        if let Some(group_buy) = files {
            self.group_buys.insert(id, Arc::new(group_buy));
        }
        if let Some(changes) = changes
            && let Some(group_buy) = self.group_buys.get_mut(&id)
        {
            changes.make(Arc::make_mut(group_buy));
        }
        if closes.is_some() {
            self.group_buys.remove(&id);
        }
        let after = due(self);
        if before != after {
            before.map(|deadline| self.deadlines.remove(&deadline));
            after.map(|deadline| self.deadlines.insert(deadline));
        }
    }

    fn make_proposals(&mut self, changes: Changes<TransactionId, PendingMovement>) {
        for slot in changes.slots() {
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
