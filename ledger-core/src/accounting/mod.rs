//! Double entry: accounts with limits, and postings that debit one and credit another.
//!
//! Knows nothing of group buying. An account is named by a type that implements [`AccountName`]; its
//! balance never leaves its normal side (rule G11). Both running totals of an account only grow, so
//! history stays visible.

use crate::{
    codec::{Decode, Encode},
    types::Fen,
};
use serde::{Deserialize, Serialize};

/// The side on which an account's balance stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// What the fund has: custody, advances, receivables, fees and differences.
    Debit,
    /// What the fund owes.
    Credit,
}

/// What an account is called.
pub trait AccountName: Clone + std::fmt::Debug {
    /// The side on which its balance stands.
    fn side(&self) -> Side;
}

/// The running totals of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode, Serialize, Deserialize)]
pub struct Account {
    /// Everything ever debited.
    pub debits: Fen,
    /// Everything ever credited.
    pub credits: Fen,
}

/// One debit and one credit of equal amount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting<A> {
    /// The account debited.
    pub debit: A,
    /// The account credited.
    pub credit: A,
    /// How much.
    pub amount: Fen,
}

/// Why a posting cannot be booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// The balance would leave its normal side.
    #[error("the account holds {balance} fen, the posting needs {amount}")]
    Insufficient {
        /// What the account holds.
        balance: Fen,
        /// What the posting would take.
        amount: Fen,
    },
    /// A running total would pass 2^64 fen.
    #[error("the running total of the account would overflow")]
    Overflow,
}

impl Account {
    /// What the account holds on its normal side, or `None` if it stands on the other one: damage.
    #[must_use]
    pub fn checked_balance(&self, side: Side) -> Option<Fen> {
        match side {
            Side::Debit => self.debits.checked_sub(self.credits),
            Side::Credit => self.credits.checked_sub(self.debits),
        }
    }

    /// What the account holds on its normal side.
    ///
    /// # Panics
    /// If it stands on the other one. No posting brings it there, and no state is loaded that has such an
    /// account; to go on with a zero in its place would hide a loss.
    #[must_use]
    pub fn balance(&self, side: Side) -> Fen {
        self.checked_balance(side).expect("postings and loading keep a balance on its side")
    }

    /// Books one side of a posting.
    ///
    /// # Errors
    /// [`PostError`] if the account's limit or the range of its totals would be crossed.
    pub fn post(&mut self, normal: Side, side: Side, amount: Fen) -> Result<(), PostError> {
        let balance = self.balance(normal);
        if side != normal && amount > balance {
            return Err(PostError::Insufficient { balance, amount });
        }
        let total = match side {
            Side::Debit => &mut self.debits,
            Side::Credit => &mut self.credits,
        };
        *total = total.checked_add(amount).ok_or(PostError::Overflow)?;
        Ok(())
    }
}

/// Sums over all balances, kept with each posting (rule G12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode, Serialize, Deserialize)]
pub struct Totals {
    /// What the fund has.
    pub debit_balances: Fen,
    /// What the fund owes.
    pub credit_balances: Fen,
}

impl Totals {
    /// Takes the change of one account's balance into the sums.
    ///
    /// # Errors
    /// [`PostError::Overflow`] past 2^64 fen.
    pub fn replace(&mut self, side: Side, before: Fen, after: Fen) -> Result<(), PostError> {
        let sum = match side {
            Side::Debit => &mut self.debit_balances,
            Side::Credit => &mut self.credit_balances,
        };
        *sum = sum
            .checked_sub(before)
            .and_then(|rest| rest.checked_add(after))
            .ok_or(PostError::Overflow)?;
        Ok(())
    }

    /// Whether what the fund has equals what it owes.
    #[must_use]
    pub fn conserved(&self) -> bool {
        self.debit_balances == self.credit_balances
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balance_never_leaves_its_side() {
        let mut account = Account::default();
        let (ten, three) = (Fen::new(10), Fen::new(3));
        assert_eq!(account.post(Side::Credit, Side::Credit, ten), Ok(()));
        assert_eq!(account.post(Side::Credit, Side::Debit, three), Ok(()));
        assert_eq!(account.balance(Side::Credit), Fen::new(7));
        assert_eq!(
            account.post(Side::Credit, Side::Debit, Fen::new(8)),
            Err(PostError::Insufficient { balance: Fen::new(7), amount: Fen::new(8) })
        );
        assert_eq!(
            account.post(Side::Credit, Side::Credit, Fen::new(u64::MAX)),
            Err(PostError::Overflow)
        );
        assert_eq!(account, Account { debits: three, credits: ten });
        assert_eq!(account.checked_balance(Side::Debit), None, "never a zero instead");
    }
}
