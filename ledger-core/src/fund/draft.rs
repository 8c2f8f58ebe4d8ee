//! What a rule looks at, and what it writes down: the fund as it is, and the changes of one act.
//!
//! A rule gets a [`Draft`], reads it as if it were the fund, books, and changes records. Nothing of that
//! reaches the fund: a draft becomes a [`Plan`](super::Plan), which one place carries out, or it is dropped.

use super::{
    Posting,
    account::AccountId,
    filing::Filing,
    flows::{Cause, Defect, check_flows, check_way},
    group_buy::{GroupBuy, Header, Household, OfferTally, Order, Payment, Phase},
    lifecycle::{Deadline, DeadlineKind, deadline_of},
    member::{Channel, ChannelId, Member, Policy},
    movement::PendingMovement,
    permanent::{PermanentId, PermanentRecord},
    plan::{Context, GroupBuyChanges, Plan, WORK_MAX},
    state::Fund,
};
use crate::{
    accounting::{Account, AccountName as _, PostError, Side, Totals},
    crypto::{BlockHash, TransactionId},
    merkle::{Overlay, Table},
    refusal::Refusal,
    types::{Fen, GroupBuyId, MemberId, OrderNo, PaymentNo, TimestampMs},
};
use std::{collections::BTreeMap, sync::Arc};

/// What surrounds one act or deadline, and what it comes to besides records.
pub(super) struct Act<'a> {
    /// Time of the block.
    pub(super) now: TimestampMs,
    /// Hash of the parent block: nobody can steer ties by it.
    pub(super) parent: BlockHash,
    /// Who says it; meaningless while a deadline runs.
    pub(super) author: MemberId,
    /// Id of the transaction; meaningless while a deadline runs.
    pub(super) transaction: TransactionId,
    /// Lines and accounts touched.
    pub(super) work: u32,
    postings: Vec<Posting>,
    numbers: BTreeMap<PermanentId, PermanentRecord>,
    block: &'a Context<'a>,
}

impl<'a> Act<'a> {
    pub(super) fn new(
        block: &'a Context<'a>,
        author: MemberId,
        transaction: TransactionId,
    ) -> Self {
        Self {
            now: block.now,
            parent: block.parent,
            author,
            transaction,
            work: 0,
            postings: Vec::new(),
            numbers: BTreeMap::new(),
            block,
        }
    }

    /// What is known about an identifier, this act included.
    pub(super) fn permanent(&self, id: &PermanentId) -> Option<PermanentRecord> {
        self.numbers.get(id).cloned().or_else(|| self.block.permanent(id))
    }

    /// Uses an identifier up.
    pub(super) fn use_up(&mut self, id: PermanentId, record: PermanentRecord) {
        self.numbers.insert(id, record);
    }

    /// Stops a long batch as soon as it is more work than any block allows.
    pub(super) fn require_work_left(&self) -> Result<(), Refusal> {
        if self.work > WORK_MAX { Err(Refusal::TooMuchWork { max: WORK_MAX }) } else { Ok(()) }
    }

    /// Counts work.
    pub(super) fn charge(&mut self, units: usize) {
        self.work = self.work.saturating_add(u32::try_from(units).unwrap_or(u32::MAX));
    }
}

/// One group buy, and what is to change about it.
pub(super) struct OpenGroupBuy<'a> {
    /// Where it stands in the table of group buys.
    slot: u32,
    /// Where it stood before the act.
    phase_before: Phase,
    pub(super) header: Header,
    pub(super) filing: &'a Arc<Filing>,
    pub(super) orders: Overlay<'a, OrderNo, Order>,
    pub(super) households: Overlay<'a, crate::types::HouseholdTag, Household>,
    pub(super) payments: Overlay<'a, PaymentNo, Payment>,
    pub(super) accounts: Overlay<'a, AccountId, Account>,
    pub(super) offers: Overlay<'a, super::filing::OfferIndex, OfferTally>,
}

impl<'a> OpenGroupBuy<'a> {
    fn new(slot: u32, group_buy: &'a GroupBuy) -> Self {
        Self {
            slot,
            phase_before: group_buy.header.phase,
            header: group_buy.header.clone(),
            filing: &group_buy.filing,
            orders: Overlay::new(&group_buy.orders),
            households: Overlay::new(&group_buy.households),
            payments: Overlay::new(&group_buy.payments),
            accounts: Overlay::new(&group_buy.accounts),
            offers: Overlay::new(&group_buy.offers),
        }
    }

    /// Its name.
    pub(super) fn id(&self) -> GroupBuyId {
        self.filing.group_buy
    }

    /// The balance of one of its accounts.
    pub(super) fn balance(&self, account: &AccountId) -> Fen {
        self.accounts.get(account).map_or(Fen::ZERO, |held| held.balance(account.side()))
    }

    fn into_changes(self) -> GroupBuyChanges {
        GroupBuyChanges {
            slot: self.slot,
            header: self.header,
            orders: self.orders.into_changes(),
            households: self.households.into_changes(),
            payments: self.payments.into_changes(),
            accounts: self.accounts.into_changes(),
            offers: self.offers.into_changes(),
        }
    }
}

/// The fund, and what one act is to change about it.
pub(super) struct Draft<'a> {
    /// The fund as it is.
    pub(super) fund: &'a Fund,
    /// What brings the changes about.
    pub(super) cause: Cause,
    pub(super) act: Act<'a>,
    /// The group buy that the act is about, once something has looked at it.
    group_buy: Option<OpenGroupBuy<'a>>,
    /// A group buy that is new.
    pub(super) files: Option<GroupBuy>,
    /// A group buy that ends, and what remains of it.
    pub(super) closes: Option<super::Seal>,
    pub(super) accounts: Overlay<'a, AccountId, Account>,
    pub(super) recorded: Overlay<'a, PaymentNo, GroupBuyId>,
    pub(super) proposals: Overlay<'a, TransactionId, PendingMovement>,
    totals: Totals,
}

impl<'a> Draft<'a> {
    pub(super) fn new(fund: &'a Fund, cause: Cause, act: Act<'a>) -> Self {
        Self {
            fund,
            cause,
            act,
            group_buy: None,
            files: None,
            closes: None,
            accounts: Overlay::new(&fund.accounts),
            recorded: Overlay::new(&fund.recorded),
            proposals: Overlay::new(&fund.proposals),
            totals: fund.totals,
        }
    }

    /// A second draft beside this one, to find out whether something could be carried out.
    pub(super) fn rehearsal(&self) -> Self {
        let Act { author, transaction, block, .. } = self.act;
        Self::new(self.fund, self.cause, Act::new(block, author, transaction))
    }

    /// Holds what it comes to against the two tables (G13).
    ///
    /// # Errors
    /// [`Refusal::RuleBroken`]: the rule that wrote it is wrong.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let broken = |_: Defect| Refusal::RuleBroken {};
        check_flows(self.cause, &self.act.postings).map_err(broken)?;
        let way = |before, after| check_way(self.cause, before, after).map_err(broken);
        let phase = |id| self.fund.group_buys.get(&id).map(|open| open.header.phase);
        if let Some(open) = &self.group_buy {
            way(Some(open.phase_before), Some(open.header.phase))?;
        }
        if let Some(filed) = &self.files {
            way(phase(filed.id()), Some(filed.header.phase))?;
        }
        if let Some(seal) = &self.closes {
            way(phase(seal.group_buy), None)?;
        }
        Ok(())
    }

    /// Whether a deadline would fall due again after this.
    pub(super) fn leaves(&self, deadline: Deadline) -> bool {
        match deadline.kind {
            DeadlineKind::ProposalLapses(id) => self.proposals.contains(&id),
            DeadlineKind::Close(_) => self.closes.is_none(),
            DeadlineKind::CutOff(_)
            | DeadlineKind::ConfirmBy(_)
            | DeadlineKind::AutoDelivery(_)
            | DeadlineKind::Unclaimed(_) => self.group_buy.as_ref().is_none_or(|open| {
                deadline_of(open.filing, &open.header, &self.fund.policy) == Some(deadline)
            }),
        }
    }

    /// All that it comes to.
    ///
    /// # Errors
    /// As [`Draft::check`].
    pub(super) fn into_plan(self) -> Result<Plan, Refusal> {
        self.check()?;
        Ok(Plan {
            postings: self.act.postings,
            work: self.act.work,
            numbers: self.act.numbers,
            group_buy: self.group_buy.map(OpenGroupBuy::into_changes),
            files: self.files,
            closes: self.closes,
            accounts: self.accounts.into_changes(),
            recorded: self.recorded.into_changes(),
            proposals: self.proposals.into_changes(),
            totals: self.totals,
        })
    }

    /// Lets `work` look at the group buy of the act and change it.
    pub(super) fn at_desk<T>(
        &mut self,
        id: GroupBuyId,
        work: impl FnOnce(&mut Desk<'_, 'a>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        if self.group_buy.is_none() {
            let table = &self.fund.group_buys;
            let slot = table.slot_of(&id);
            let found = slot.and_then(|slot| Some((slot, table.slot(slot)?)));
            let (slot, group_buy) = found.ok_or_else(|| no_group_buy(&self.act, id))?;
            self.group_buy = Some(OpenGroupBuy::new(slot, group_buy));
        }
        let group_buy = self.group_buy.as_mut().expect("opened above");
        assert_eq!(group_buy.id(), id, "an act is about one group buy");
        let mut desk = Desk {
            group_buy,
            books: Books { chain: &mut self.accounts, totals: &mut self.totals },
            members: &self.fund.members,
            policy: &self.fund.policy,
            recorded: &mut self.recorded,
            act: &mut self.act,
        };
        work(&mut desk)
    }

    /// Books between accounts of the chain.
    pub(super) fn book(
        &mut self,
        debit: AccountId,
        credit: AccountId,
        amount: Fen,
    ) -> Result<(), Refusal> {
        assert!(!debit.of_group_buy() && !credit.of_group_buy(), "a group buy books at its desk");
        let mut books = Books { chain: &mut self.accounts, totals: &mut self.totals };
        books.post(None, debit, Side::Debit, amount)?;
        books.post(None, credit, Side::Credit, amount)?;
        self.act.charge(2);
        self.act.postings.push(Posting { debit, credit, amount });
        Ok(())
    }
}

/// Why a group buy is not open.
pub(super) fn no_group_buy(act: &Act<'_>, id: GroupBuyId) -> Refusal {
    match act.permanent(&PermanentId::GroupBuy(id)) {
        Some(_) => Refusal::GroupBuyClosed {},
        None => Refusal::GroupBuyUnknown {},
    }
}

/// The accounts of the chain, and the totals over all.
struct Books<'d, 'a> {
    chain: &'d mut Overlay<'a, AccountId, Account>,
    totals: &'d mut Totals,
}

impl<'a> Books<'_, 'a> {
    fn post(
        &mut self,
        group_buy: Option<&mut OpenGroupBuy<'a>>,
        name: AccountId,
        side: Side,
        amount: Fen,
    ) -> Result<(), Refusal> {
        let normal = name.side();
        let (table, mut held) = match (name.of_group_buy(), group_buy) {
            (false, _) => (&mut *self.chain, None),
            (true, Some(group_buy)) => (&mut group_buy.accounts, Some(&mut group_buy.header.held)),
            (true, None) => unreachable!("checked by the callers"),
        };
        if !table.contains(&name) {
            table.insert(name, Account::default());
        }
        let account = table.get_mut(&name).expect("inserted above");
        let before = account.balance(normal);
        let refused = |error| match error {
            PostError::Insufficient { balance, amount } => {
                Refusal::InsufficientFunds { account: name.to_string(), balance, amount }
            }
            PostError::Overflow => Refusal::AmountTooLarge {},
        };
        account.post(normal, side, amount).map_err(refused)?;
        let after = account.balance(normal);
        if name.ends_at_zero() && after == Fen::ZERO {
            table.remove(&name);
        }
        if let Some(held) = held.as_mut() {
            **held = held
                .checked_sub(before)
                .and_then(|rest| rest.checked_add(after))
                .ok_or(Refusal::AmountTooLarge {})?;
        }
        self.totals.replace(normal, before, after).map_err(refused)
    }
}

/// One group buy opened for change, with everything its rules look at.
pub(super) struct Desk<'d, 'a> {
    pub(super) group_buy: &'d mut OpenGroupBuy<'a>,
    books: Books<'d, 'a>,
    pub(super) members: &'a Table<MemberId, Member>,
    pub(super) policy: &'a Policy,
    pub(super) recorded: &'d mut Overlay<'a, PaymentNo, GroupBuyId>,
    pub(super) act: &'d mut Act<'a>,
}

impl Desk<'_, '_> {
    /// Books a posting; nothing is booked for an amount of zero.
    ///
    /// It counts as one unit of work: where there are many, they share one of their two accounts, and
    /// 4,000 lines that all fell short still have to fit into a block.
    pub(super) fn book(
        &mut self,
        debit: AccountId,
        credit: AccountId,
        amount: Fen,
    ) -> Result<(), Refusal> {
        if amount == Fen::ZERO {
            return Ok(());
        }
        self.books.post(Some(self.group_buy), debit, Side::Debit, amount)?;
        self.books.post(Some(self.group_buy), credit, Side::Credit, amount)?;
        self.act.charge(1);
        self.act.postings.push(Posting { debit, credit, amount });
        Ok(())
    }

    pub(super) fn enter(&mut self, phase: Phase) {
        self.group_buy.header.phase = phase;
        self.group_buy.header.since = self.act.now;
        self.group_buy.header.stuck = None;
    }

    pub(super) fn require_phase(&self, phase: Phase) -> Result<(), Refusal> {
        let now = self.group_buy.header.phase;
        if now == phase {
            Ok(())
        } else {
            Err(Refusal::WrongPhase { phase: now, needed: vec![phase] })
        }
    }

    pub(super) fn require_leader(&self) -> Result<(), Refusal> {
        let leader = self.group_buy.header.leader;
        if self.act.author == leader { Ok(()) } else { Err(Refusal::NotTheLeader { leader }) }
    }

    pub(super) fn require_filing(&self, filing: &crate::crypto::Digest) -> Result<(), Refusal> {
        if self.group_buy.header.filing == *filing {
            Ok(())
        } else {
            Err(Refusal::FilingDiffers {})
        }
    }
}

impl Policy {
    pub(super) fn channel(&self, id: ChannelId) -> Result<&Channel, Refusal> {
        self.channels.get(usize::from(id)).ok_or(Refusal::UnknownChannel { channel: id })
    }

    pub(super) fn require_custodian(&self, id: ChannelId, author: MemberId) -> Result<(), Refusal> {
        let custodian = self.channel(id)?.custodian;
        if author == custodian { Ok(()) } else { Err(Refusal::NotTheCustodian { custodian }) }
    }
}
