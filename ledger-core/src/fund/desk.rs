//! Where bookings are made: the books, and one group buy opened for change.

use super::{
    Transfer,
    account::AccountId,
    group_buy::{GroupBuy, Phase},
    member::{Channel, ChannelId, Member, Policy},
    permanent::{PermanentId, PermanentRecord, Reads},
};
use crate::{
    accounting::{Account, AccountName as _, PostError, Side, Totals},
    crypto::{BlockHash, TransactionId},
    merkle::Table,
    refusal::Refusal,
    types::{Fen, GroupBuyId, MemberId, PaymentNo, TimestampMs},
};
use imbl::OrdMap;

/// Most units of work (lines and accounts touched) in one block.
pub const WORK_MAX: u32 = 20_000;

/// What surrounds the execution of a block, and what it leaves behind for the disk.
pub struct Context<'a> {
    /// Time of the block.
    pub now: TimestampMs,
    /// Hash of the parent block: nobody can steer ties by it.
    pub parent: BlockHash,
    /// Who says it; meaningless while a deadline runs.
    pub author: MemberId,
    /// Id of the transaction; meaningless while a deadline runs.
    pub transaction: TransactionId,
    /// Lines and accounts touched in this block.
    pub work: u32,
    /// Bookings of the current entry.
    pub transfers: Vec<Transfer>,
    /// Identifiers that this block uses up.
    pub permanent: OrdMap<PermanentId, PermanentRecord>,
    /// Where the work of the current action ends.
    work_end: u32,
    reads: &'a dyn Reads,
}

impl<'a> Context<'a> {
    /// The context of a block at `now`, child of `parent`.
    #[must_use]
    pub fn new(now: TimestampMs, parent: BlockHash, reads: &'a dyn Reads) -> Self {
        Self {
            now,
            parent,
            author: MemberId::ZERO,
            transaction: TransactionId::default(),
            work: 0,
            transfers: Vec::new(),
            permanent: OrdMap::new(),
            work_end: WORK_MAX,
            reads,
        }
    }

    /// What is known about an identifier, this block included.
    #[must_use]
    pub fn permanent(&self, id: &PermanentId) -> Option<PermanentRecord> {
        self.permanent.get(id).cloned().or_else(|| self.reads.permanent(id))
    }

    /// The history on disk.
    #[must_use]
    pub fn reads(&self) -> &'a dyn Reads {
        self.reads
    }

    /// Counts a deadline, which is work even if it touches nothing.
    pub(crate) fn charge_deadline(&mut self) {
        self.charge(1);
    }

    /// Begins an action, which has its own share of work whatever else the block has done.
    pub(super) fn begin_action(&mut self) {
        self.work_end = self.work.saturating_add(WORK_MAX);
    }

    /// Stops a long batch as soon as it is more work than any block allows.
    pub(super) fn require_work_left(&self) -> Result<(), Refusal> {
        if self.work > self.work_end { Err(Refusal::TooMuchWork { max: WORK_MAX }) } else { Ok(()) }
    }

    /// Counts work.
    pub(super) fn charge(&mut self, units: usize) {
        self.work = self.work.saturating_add(u32::try_from(units).unwrap_or(u32::MAX));
    }
}

/// The accounts of the chain, and the totals over all.
pub(super) struct Books<'a> {
    pub(super) chain: &'a mut Table<AccountId, Account>,
    pub(super) totals: &'a mut Totals,
}

impl Books<'_> {
    /// Books a transfer between accounts of the chain.
    pub(super) fn book(
        &mut self,
        context: &mut Context<'_>,
        debit: AccountId,
        credit: AccountId,
        amount: Fen,
    ) -> Result<(), Refusal> {
        assert!(!debit.of_group_buy() && !credit.of_group_buy(), "a group buy books at its desk");
        self.post(None, debit, Side::Debit, amount)?;
        self.post(None, credit, Side::Credit, amount)?;
        context.charge(2);
        context.transfers.push(Transfer { debit, credit, amount });
        Ok(())
    }

    fn post(
        &mut self,
        group_buy: Option<&mut GroupBuy>,
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
pub(super) struct Desk<'a, 'c> {
    pub(super) group_buy: &'a mut GroupBuy,
    pub(super) books: Books<'a>,
    pub(super) members: &'a Table<MemberId, Member>,
    pub(super) policy: &'a Policy,
    pub(super) recorded: &'a mut Table<PaymentNo, GroupBuyId>,
    pub(super) context: &'a mut Context<'c>,
}

impl Desk<'_, '_> {
    /// Books a transfer; nothing is booked for an amount of zero.
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
        self.context.charge(1);
        self.context.transfers.push(Transfer { debit, credit, amount });
        Ok(())
    }

    pub(super) fn enter(&mut self, phase: Phase) {
        self.group_buy.header.phase = phase;
        self.group_buy.header.since = self.context.now;
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
        if self.context.author == leader { Ok(()) } else { Err(Refusal::NotTheLeader { leader }) }
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
