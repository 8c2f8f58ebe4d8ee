//! What an act comes to, and the one place that carries it out.
//!
//! ```text
//!  act, or deadline ──▶ rule (reads the fund, writes a draft) ──▶ Plan ──▶ carry_out ──▶ the fund
//!                              │                                   │
//!                              └── Refusal: nothing has changed    └── dropped: nothing has changed
//! ```

use super::{
    act::{Action, Movement},
    agenda::{Deadline, DeadlineKind, Due as _},
    cause::Cause,
    chart::{AccountId, Posting},
    consent::{self, Proposals},
    draft::{Draft, OpenGroupBuy, View},
    group_buy::{GroupBuy, Header, Household, OfferIndex, OfferTally, Order, Payment, Seal},
    matter::Matter,
    numbers::{PermanentId, PermanentRecord, Reads},
    parties::Registry,
    rows::{self, Step},
    state::Fund,
};
use crate::{
    accounting::{Account, Totals},
    crypto::{BlockHash, TransactionId},
    merkle::{Changes, Overlay},
    refusal::Refusal,
    types::{GroupBuyId, HouseholdTag, MemberId, OrderNo, PaymentNo, TimestampMs},
};
use std::{collections::BTreeMap, sync::Arc};

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
    postings: Vec<Posting>,
    /// Lines and accounts touched.
    pub work: u32,
    /// What remains of a group buy that ends.
    pub closes: Option<Box<Seal>>,
    numbers: BTreeMap<PermanentId, PermanentRecord>,
    group_buy: Option<GroupBuyChanges>,
    files: Option<Box<GroupBuy>>,
    accounts: Changes<AccountId, Account>,
    recorded: Changes<PaymentNo, GroupBuyId>,
    proposals: Changes<TransactionId, Matter<Movement>>,
    totals: Totals,
}

/// What is to change about one group buy.
#[derive(Debug)]
struct GroupBuyChanges {
    /// Where it stands in the table of group buys.
    slot: u32,
    header: Header,
    orders: Changes<OrderNo, Order>,
    households: Changes<HouseholdTag, Household>,
    payments: Changes<PaymentNo, Payment>,
    accounts: Changes<AccountId, Account>,
    offers: Changes<OfferIndex, OfferTally>,
}

impl GroupBuyChanges {
    fn of(open: OpenGroupBuy<'_>) -> Self {
        Self {
            slot: open.slot,
            header: open.header,
            orders: open.orders.into_changes(),
            households: open.households.into_changes(),
            payments: open.payments.into_changes(),
            accounts: open.accounts.into_changes(),
            offers: open.offers.into_changes(),
        }
    }

    fn make(self, group_buy: &mut GroupBuy) {
        group_buy.header = self.header;
        group_buy.orders.make(self.orders);
        group_buy.households.make(self.households);
        group_buy.payments.make(self.payments);
        group_buy.accounts.make(self.accounts);
        group_buy.offers.make(self.offers);
    }
}

impl Plan {
    /// All that a draft comes to.
    ///
    /// # Errors
    /// As [`Draft::check`].
    fn of(draft: Draft<'_>, proposals: Proposals<'_>, cause: Cause) -> Result<Self, Refusal> {
        draft.check(cause)?;
        let (numbers, recorded) = draft.numbers.into_changes();
        Ok(Self {
            postings: draft.act.postings,
            work: draft.act.work,
            numbers,
            group_buy: draft.group_buy.map(GroupBuyChanges::of),
            files: draft.files,
            closes: draft.closes,
            accounts: draft.accounts.into_changes(),
            recorded,
            proposals: proposals.into_changes(),
            totals: draft.totals,
        })
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
        let mut draft = Draft::new(self.view(context), author);
        let mut proposals = Overlay::new(&self.proposals);
        let cause = match rows::act(&mut draft, action)? {
            Step::Done(cause) => cause,
            Step::Propose(movement) => {
                consent::propose(&mut draft, &mut proposals, transaction, movement)?
            }
            Step::Approve(id, movement) => {
                consent::approve(&mut draft, &mut proposals, id, movement)?
            }
            Step::Reject(id, movement) => {
                consent::reject(&mut draft, &mut proposals, id, movement)?
            }
        };
        Plan::of(draft, proposals, cause)
    }

    /// What a deadline that is due comes to; changes nothing.
    ///
    /// # Errors
    /// A [`Refusal`]: the deadline cannot be carried out, which is a defect of the rules or of the books.
    ///
    /// # Panics
    /// If the deadline is not in [`Fund::agenda`]: our bug.
    pub fn plan_deadline(
        &self,
        context: &Context<'_>,
        deadline: Deadline,
    ) -> Result<Plan, Refusal> {
        assert!(self.agenda.contains(&deadline), "only known deadlines fall due");
        let mut draft = Draft::new(self.view(context), MemberId::ZERO);
        let mut proposals = Overlay::new(&self.proposals);
        let cause = rows::fall_due(&mut draft, deadline.kind)?;
        if let DeadlineKind::ProposalLapses(id) = deadline.kind {
            proposals.remove(&id);
        }
        // A deadline is work even if it touches nothing.
        draft.act.charge(1);
        if self.would_stand(deadline, &draft, &proposals) {
            return Err(Refusal::RuleBroken {});
        }
        Plan::of(draft, proposals, cause)
    }

    /// Whether a deadline would fall due again after this.
    fn would_stand(
        &self,
        deadline: Deadline,
        draft: &Draft<'_>,
        proposals: &Proposals<'_>,
    ) -> bool {
        match deadline.kind {
            DeadlineKind::ProposalLapses(id) => proposals.contains(&id),
            DeadlineKind::Close(_) => draft.closes.is_none(),
            DeadlineKind::CutOff(_)
            | DeadlineKind::ConfirmBy(_)
            | DeadlineKind::AutoDelivery(_)
            | DeadlineKind::Unclaimed(_) => {
                let next = draft.group_buy.as_ref().map(|open| open.due(&self.terms));
                next.is_none_or(|due| due == Some(deadline))
            }
        }
    }

    fn view<'a>(&'a self, context: &'a Context<'_>) -> View<'a> {
        View {
            terms: &self.terms,
            registry: Registry(&self.members),
            accounts: &self.accounts,
            group_buys: &self.group_buys,
            recorded: &self.recorded,
            totals: self.totals,
            now: context.now,
            parent: context.parent,
            reads: context.reads,
            used: &context.numbers,
        }
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
            self.file(*group_buy);
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
        self.agenda.replace(Some(deadline), None);
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
        let before = group_buy.due(&self.terms);
        let held = group_buy.header.held;
        changes.make(group_buy);
        if group_buy.header.held != held {
            // What kept it from going on may be gone.
            group_buy.header.stuck = None;
        }
        self.agenda.replace(before, group_buy.due(&self.terms));
    }

    fn file(&mut self, group_buy: GroupBuy) {
        self.agenda.replace(None, group_buy.due(&self.terms));
        self.group_buys.insert(group_buy.id(), Arc::new(group_buy));
    }

    fn close(&mut self, id: &GroupBuyId) {
        if let Some(group_buy) = self.group_buys.remove(id) {
            self.agenda.replace(group_buy.due(&self.terms), None);
        }
    }

    fn make_proposals(&mut self, changes: Changes<TransactionId, Matter<Movement>>) {
        if changes.is_empty() {
            return;
        }
        for slot in changes.changed() {
            let before = self.proposals.entry(slot).and_then(|row| row.due(&self.terms));
            self.agenda.replace(before, None);
        }
        for row in changes.records() {
            self.agenda.replace(None, row.due(&self.terms));
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
            let mut draft = Draft::new(fund.view(&context), MemberId::ZERO);
            draft.book(debit, credit, Fen::new(5))?;
            Plan::of(draft, Overlay::new(&fund.proposals), cause)
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
        fund.agenda = fund.agenda_anew();
        let deadline = *fund.agenda.next().expect("it has one");
        fund.hold(deadline, 600);
        assert!(fund.agenda.is_empty());
        let mut context = Context::new(at, BlockHash::default(), &EmptyHistory);
        let plan = |fund: &Fund, context: &Context<'_>, held: u64| {
            let mut draft = Draft::new(fund.view(context), MemberId::ZERO);
            draft.at_desk(id, |desk| {
                desk.group_buy.header.held = Fen::new(held);
                Ok(())
            })?;
            Plan::of(draft, Overlay::new(&fund.proposals), Cause::Refund)
        };
        let same = plan(&fund, &context, 5).expect("may do that");
        fund.carry_out(&mut context, same);
        assert!(fund.agenda.is_empty(), "nothing has moved");
        let less = plan(&fund, &context, 0).expect("may do that");
        fund.carry_out(&mut context, less);
        let again = fund.agenda.next().map(|deadline| deadline.kind);
        assert_eq!(again, Some(DeadlineKind::Close(id)));
        assert_eq!(fund.agenda, fund.agenda_anew());
    }

    #[test]
    fn what_is_agreed_on_later_moves_no_deadline_of_before() {
        let mut fund = fund();
        let at = TimestampMs::new(1_000);
        let standing = GroupBuy::failed_holding("t", at, 5);
        let due = standing.due(&fund.terms);
        let mut shorter = fund.policy().clone();
        shorter.unclaimed_after = DurationMs::new(1);
        shorter.proposal_lapses_after = DurationMs::new(1);
        let movement = Movement::Cancel { group_buy: standing.id() };
        let matter = |epoch| Matter::open(movement.clone(), MemberId::ZERO, at, epoch);
        let id = TransactionId::default();
        let lapses = (&id, &matter(0)).due(&fund.terms);

        fund.terms = fund.terms.then(shorter);
        assert_eq!(fund.terms.epoch(), 1);
        assert_eq!(standing.due(&fund.terms), due);
        assert_eq!((&id, &matter(0)).due(&fund.terms), lapses);
        let soon = (&id, &matter(1)).due(&fund.terms).map(|deadline| deadline.at);
        assert_eq!(soon, Some(at.after(DurationMs::new(1))));
    }
}
