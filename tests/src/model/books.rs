//! The books: a journal of postings and nothing else (G10 to G12).
//!
//! No balance is kept anywhere. Whoever asks for one gets the sum over all that was ever posted.

use super::refusals::{Answer, INSUFFICIENT_FUNDS};
use ledger_core::{
    fund::{AccountId, Beneficiary},
    types::GroupBuyId,
};
use std::fmt;

/// An account of the chain, or of one group buy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account {
    /// The group buy that it lives in.
    pub group_buy: Option<GroupBuyId>,
    /// Its name in the chart of accounts.
    pub id: AccountId,
}

impl Account {
    /// An account of the chain.
    #[must_use]
    pub const fn of_chain(id: AccountId) -> Self {
        Self { group_buy: None, id }
    }

    /// An account of a group buy.
    #[must_use]
    pub const fn of(group_buy: GroupBuyId, id: AccountId) -> Self {
        Self { group_buy: Some(group_buy), id }
    }

    /// G10: whether what stands there is something that the fund has, rather than owes.
    #[must_use]
    pub const fn is_debit(&self) -> bool {
        match self.id {
            AccountId::Custody(_)
            | AccountId::Receivable(_)
            | AccountId::ChannelFee(_)
            | AccountId::Difference(_)
            | AccountId::Advance => true,
            AccountId::Unidentified(_)
            | AccountId::Unclaimed(..)
            | AccountId::Reserve(_)
            | AccountId::Escrow(_)
            | AccountId::Refund(_)
            | AccountId::Payable
            | AccountId::Retention
            | AccountId::Fee(_)
            | AccountId::Disputed(_) => false,
        }
    }

    /// What kind of account it is, whoever's it may be.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self.id {
            AccountId::Custody(_) => "Custody",
            AccountId::Receivable(_) => "Receivable",
            AccountId::ChannelFee(_) => "ChannelFee",
            AccountId::Difference(_) => "Difference",
            AccountId::Advance => "Advance",
            AccountId::Unidentified(_) => "Unidentified",
            AccountId::Unclaimed(_, Beneficiary::Household(_)) => "Unclaimed/household",
            AccountId::Unclaimed(_, Beneficiary::Supplier(_)) => "Unclaimed/supplier",
            AccountId::Unclaimed(_, Beneficiary::Payee(_)) => "Unclaimed/payee",
            AccountId::Reserve(_) => "Reserve",
            AccountId::Escrow(_) => "Escrow",
            AccountId::Refund(_) => "Refund",
            AccountId::Payable => "Payable",
            AccountId::Retention => "Retention",
            AccountId::Fee(_) => "Fee",
            AccountId::Disputed(_) => "Disputed",
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.group_buy {
            Some(group_buy) => write!(f, "{group_buy}:{}", self.id),
            None => self.id.fmt(f),
        }
    }
}

/// One debit and one credit of the same amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    /// The account debited.
    pub debit: Account,
    /// The account credited.
    pub credit: Account,
    /// How many fen.
    pub amount: u64,
    /// Which act posted it.
    pub act_number: u64,
}

/// All postings, first to last.
#[derive(Debug, Clone, Default)]
pub(super) struct Journal {
    postings: Vec<Posting>,
}

impl Journal {
    pub(super) fn postings(&self) -> &[Posting] {
        &self.postings
    }

    pub(super) fn truncate(&mut self, length: usize) {
        self.postings.truncate(length);
    }

    /// What stands on an account: the sum over everything.
    pub(super) fn balance(&self, account: &Account) -> u64 {
        let mut debits = 0u64;
        let mut credits = 0u64;
        for posting in &self.postings {
            if posting.debit == *account {
                debits += posting.amount;
            }
            if posting.credit == *account {
                credits += posting.amount;
            }
        }
        let (up, down) = if account.is_debit() { (debits, credits) } else { (credits, debits) };
        up.checked_sub(down).expect("G11: no balance leaves its side")
    }

    /// Whether nothing stands on any account of a group buy.
    pub(super) fn is_empty(&self, group_buy: GroupBuyId) -> bool {
        let mut accounts: Vec<Account> = Vec::new();
        for posting in &self.postings {
            for account in [posting.debit, posting.credit] {
                if account.group_buy == Some(group_buy) && !accounts.contains(&account) {
                    accounts.push(account);
                }
            }
        }
        accounts.iter().all(|account| self.balance(account) == 0)
    }

    /// What was ever posted from one account to another.
    pub(super) fn posted(&self, debit: &Account, credit: &Account) -> u64 {
        self.postings
            .iter()
            .filter(|posting| posting.debit == *debit && posting.credit == *credit)
            .map(|posting| posting.amount)
            .sum()
    }

    /// G11: posts, or refuses what would take more from an account than it holds. Nothing is nothing.
    pub(super) fn post(
        &mut self,
        act_number: u64,
        debit: Account,
        credit: Account,
        amount: u64,
    ) -> Answer<()> {
        let lacks = (!debit.is_debit() && self.balance(&debit) < amount)
            || (credit.is_debit() && self.balance(&credit) < amount);
        if lacks {
            return Err(INSUFFICIENT_FUNDS);
        }
        if amount > 0 {
            self.postings.push(Posting { debit, credit, amount, act_number });
        }
        Ok(())
    }

    /// Each account that was ever posted to, with what stands there.
    pub(super) fn balances(&self) -> Vec<(Account, u64)> {
        let mut sums: Vec<(Account, u64, u64)> = Vec::new();
        let mut add = |account: Account, debit: u64, credit: u64| match sums
            .iter_mut()
            .find(|(known, ..)| *known == account)
        {
            Some((_, debits, credits)) => {
                *debits += debit;
                *credits += credit;
            }
            None => sums.push((account, debit, credit)),
        };
        for posting in &self.postings {
            add(posting.debit, posting.amount, 0);
            add(posting.credit, 0, posting.amount);
        }
        let mut balances = Vec::new();
        for (account, debits, credits) in sums {
            let (up, down) = if account.is_debit() { (debits, credits) } else { (credits, debits) };
            balances
                .push((account, up.checked_sub(down).expect("G11: no balance leaves its side")));
        }
        balances
    }
}
