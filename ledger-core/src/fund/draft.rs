//! What a rule looks at, and what it writes down: the fund as it is, and the changes of one act.
//!
//! A rule gets a [`Draft`], reads it as if it were the fund, books, and changes records. Nothing of that
//! reaches the fund: a draft becomes a [`Plan`](super::Plan), which one place carries out, or it is dropped.
//! What waits for words is not in it: a rule knows what it does, not who has to agree.

use super::{
    agenda::{Deadline, Due},
    cause::Cause,
    chart::{self, AccountId, Posting},
    group_buy::{
        self, Filing, GroupBuy, Header, Household, OfferIndex, OfferTally, Order, Payment, Phase,
        Seal, Stage,
    },
    numbers::{Numbers, PermanentId, PermanentRecord, Reads},
    parties::Registry,
    terms::{Policy, Terms},
};
use crate::{
    accounting::{Account, AccountName as _, PostError, Side, Totals},
    crypto::{BlockHash, Digest},
    merkle::{Overlay, Table},
    refusal::Refusal,
    types::{Fen, GroupBuyId, HouseholdTag, MemberId, OrderNo, PaymentNo, TimestampMs},
};
use std::{collections::BTreeMap, sync::Arc};

/// Most units of work (lines and accounts touched) in one block.
pub const WORK_MAX: u32 = 20_000;

/// The fund as it is before an act, and the block that the act is in.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) terms: &'a Terms,
    pub(super) registry: Registry<'a>,
    pub(super) accounts: &'a Table<AccountId, Account>,
    pub(super) group_buys: &'a Table<GroupBuyId, Arc<GroupBuy>>,
    pub(super) recorded: &'a Table<PaymentNo, GroupBuyId>,
    pub(super) totals: Totals,
    /// Time of the block.
    pub(super) now: TimestampMs,
    /// Hash of the parent block: nobody can steer ties by it.
    pub(super) parent: BlockHash,
    /// The history on disk.
    pub(super) reads: &'a dyn Reads,
    /// Identifiers that the block has used up so far.
    pub(super) used: &'a BTreeMap<PermanentId, PermanentRecord>,
}

/// Who acts, and what the act comes to besides records.
pub(super) struct Act {
    /// Time of the block.
    pub(super) now: TimestampMs,
    /// Hash of the parent block.
    pub(super) parent: BlockHash,
    /// Who says it; meaningless while a deadline runs.
    pub(super) author: MemberId,
    /// Lines and accounts touched.
    pub(super) work: u32,
    pub(super) postings: Vec<Posting>,
}

impl Act {
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
    pub(super) slot: u32,
    /// Where it stood before the act.
    pub(super) phase_before: Phase,
    pub(super) header: Header,
    pub(super) filing: &'a Arc<Filing>,
    pub(super) orders: Overlay<'a, OrderNo, Order>,
    pub(super) households: Overlay<'a, HouseholdTag, Household>,
    pub(super) payments: Overlay<'a, PaymentNo, Payment>,
    pub(super) accounts: Overlay<'a, AccountId, Account>,
    pub(super) offers: Overlay<'a, OfferIndex, OfferTally>,
}

impl<'a> OpenGroupBuy<'a> {
    fn new(slot: u32, group_buy: &'a GroupBuy) -> Self {
        Self {
            slot,
            phase_before: group_buy.header.phase(),
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
}

impl Due<Terms> for OpenGroupBuy<'_> {
    fn due(&self, terms: &Terms) -> Option<Deadline> {
        self.header.due(self.filing, terms)
    }
}

/// The fund, and what one act is to change about it.
pub(super) struct Draft<'a> {
    /// The fund as it is.
    pub(super) view: View<'a>,
    pub(super) act: Act,
    pub(super) numbers: Numbers<'a>,
    /// The group buy that the act is about, once something has looked at it.
    pub(super) group_buy: Option<OpenGroupBuy<'a>>,
    /// A group buy that is new.
    pub(super) files: Option<Box<GroupBuy>>,
    /// A group buy that ends, and what remains of it.
    pub(super) closes: Option<Box<Seal>>,
    pub(super) accounts: Overlay<'a, AccountId, Account>,
    pub(super) totals: Totals,
}

impl<'a> Draft<'a> {
    /// Nothing is to change yet.
    pub(super) fn new(view: View<'a>, author: MemberId) -> Self {
        let View { now, parent, reads, used, recorded, .. } = view;
        Self {
            view,
            act: Act { now, parent, author, work: 0, postings: Vec::new() },
            numbers: Numbers::new(reads, used, Overlay::new(recorded)),
            group_buy: None,
            files: None,
            closes: None,
            accounts: Overlay::new(view.accounts),
            totals: view.totals,
        }
    }

    /// Holds what it comes to against the tables of flows and ways (G13).
    ///
    /// # Errors
    /// [`Refusal::RuleBroken`]: the rule that wrote it is wrong.
    pub(super) fn check(&self, cause: Cause) -> Result<(), Refusal> {
        let phase = |id| self.view.group_buys.get(&id).map(|open| open.header.phase());
        let mut ways = [
            self.group_buy
                .as_ref()
                .map(|open| (Some(open.phase_before), Some(open.header.phase()))),
            self.files.as_ref().map(|filed| (phase(filed.id()), Some(filed.header.phase()))),
            self.closes.as_ref().map(|seal| (phase(seal.group_buy), None)),
        ]
        .into_iter()
        .flatten();
        let allowed = chart::may_book(cause, &self.act.postings)
            && ways.all(|(from, to)| group_buy::may_lead(cause, from, to));
        if allowed { Ok(()) } else { Err(Refusal::RuleBroken {}) }
    }

    /// What the members agreed on, as it is today.
    pub(super) fn policy(&self) -> &'a Policy {
        self.view.terms.today()
    }

    /// A group buy that has not ended, as it is before the act.
    pub(super) fn standing(&self, id: GroupBuyId) -> Result<&'a GroupBuy, Refusal> {
        match self.view.group_buys.get(&id) {
            Some(group_buy) => Ok(group_buy),
            None => Err(self.no_group_buy(id)),
        }
    }

    fn no_group_buy(&self, id: GroupBuyId) -> Refusal {
        match self.numbers.get(&PermanentId::GroupBuy(id)) {
            Some(_) => Refusal::GroupBuyClosed {},
            None => Refusal::GroupBuyUnknown {},
        }
    }

    /// Lets `work` look at the group buy of the act and change it.
    pub(super) fn at_desk<T>(
        &mut self,
        id: GroupBuyId,
        work: impl FnOnce(&mut Desk<'_, 'a>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        if self.group_buy.is_none() {
            let table = self.view.group_buys;
            let slot = table.slot_of(&id);
            let found = slot.and_then(|slot| Some((slot, table.slot(slot)?)));
            let (slot, group_buy) = found.ok_or_else(|| self.no_group_buy(id))?;
            self.group_buy = Some(OpenGroupBuy::new(slot, group_buy));
        }
        let group_buy = self.group_buy.as_mut().expect("opened above");
        assert_eq!(group_buy.id(), id, "an act is about one group buy");
        let mut desk = Desk {
            group_buy,
            books: Books { chain: &mut self.accounts, totals: &mut self.totals },
            registry: self.view.registry,
            policy: self.view.terms.today(),
            terms: self.view.terms,
            numbers: &mut self.numbers,
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
        books.book(None, &mut self.act, Posting { debit, credit, amount })?;
        // Two records, where a desk has one in common with what it books next.
        self.act.charge(1);
        Ok(())
    }
}

/// The accounts of the chain, and the totals over all.
struct Books<'d, 'a> {
    chain: &'d mut Overlay<'a, AccountId, Account>,
    totals: &'d mut Totals,
}

impl<'a> Books<'_, 'a> {
    fn book(
        &mut self,
        mut group_buy: Option<&mut OpenGroupBuy<'a>>,
        act: &mut Act,
        posting: Posting,
    ) -> Result<(), Refusal> {
        let Posting { debit, credit, amount } = posting;
        self.post(group_buy.as_deref_mut(), debit, Side::Debit, amount)?;
        self.post(group_buy, credit, Side::Credit, amount)?;
        act.charge(1);
        act.postings.push(posting);
        Ok(())
    }

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
    pub(super) registry: Registry<'a>,
    /// Who holds a channel, and how much may be moved, today.
    pub(super) policy: &'a Policy,
    terms: &'a Terms,
    pub(super) numbers: &'d mut Numbers<'a>,
    pub(super) act: &'d mut Act,
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
        self.books.book(Some(self.group_buy), self.act, Posting { debit, credit, amount })
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

    /// The windows that the group buy stands under.
    pub(super) fn windows(&self) -> &Policy {
        self.terms.of(self.group_buy.header.filed.terms)
    }

    pub(super) fn enter(&mut self, stage: Stage) {
        self.group_buy.header.stage = stage;
        self.group_buy.header.since = self.act.now;
        self.group_buy.header.stuck = None;
    }

    pub(super) fn require_phase(&self, phase: Phase) -> Result<(), Refusal> {
        let now = self.group_buy.header.phase();
        if now == phase { Ok(()) } else { Err(wrong_phase(now, phase)) }
    }

    pub(super) fn require_leader(&self) -> Result<(), Refusal> {
        let leader = self.group_buy.header.leader();
        if self.act.author == leader { Ok(()) } else { Err(Refusal::NotTheLeader { leader }) }
    }

    pub(super) fn require_filing(&self, filing: &Digest) -> Result<(), Refusal> {
        if self.group_buy.header.filing() == *filing {
            Ok(())
        } else {
            Err(Refusal::FilingDiffers {})
        }
    }
}

/// A group buy stands elsewhere than an act needs it.
pub(super) fn wrong_phase(phase: Phase, needed: Phase) -> Refusal {
    Refusal::WrongPhase { phase, needed: vec![needed] }
}
