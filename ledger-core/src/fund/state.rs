//! The state of the fund.

use super::{
    act::Movement,
    agenda::{Agenda, Due as _},
    chart::AccountId,
    group_buy::GroupBuy,
    matter::Matter,
    parties::Member,
    terms::{Policy, Terms},
};
use crate::{
    accounting::{Account, AccountName as _, Totals},
    crypto::TransactionId,
    merkle::Table,
    types::{Fen, GroupBuyId, MemberId, PaymentNo},
};
use std::sync::Arc;

/// Everything that execution needs in memory about the money.
#[derive(Debug, Clone)]
pub struct Fund {
    /// What the members agreed on.
    pub terms: Terms,
    /// The registry.
    pub members: Table<MemberId, Member>,
    /// Accounts of the chain.
    pub accounts: Table<AccountId, Account>,
    /// Group buys that are not closed.
    pub group_buys: Table<GroupBuyId, Arc<GroupBuy>>,
    /// Numbers of payments that are recorded and not yet confirmed.
    pub recorded: Table<PaymentNo, GroupBuyId>,
    /// Movements that wait for an approval.
    pub proposals: Table<TransactionId, Matter<Movement>>,
    /// Sums over all balances.
    pub totals: Totals,
    /// What falls due when; derived from the tables.
    pub agenda: Agenda,
}

crate::merkle::record_by_encoding!(GroupBuyId);

impl Fund {
    /// A fund without money.
    #[must_use]
    pub fn new(policy: Policy, members: Table<MemberId, Member>) -> Self {
        Self {
            terms: Terms::founded(policy),
            members,
            accounts: Table::default(),
            group_buys: Table::default(),
            recorded: Table::default(),
            proposals: Table::default(),
            totals: Totals::default(),
            agenda: Agenda::default(),
        }
    }

    /// What the members agreed on, as it is today.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        self.terms.today()
    }

    /// The balance of an account of the chain.
    #[must_use]
    pub fn balance(&self, account: &AccountId) -> Fen {
        self.accounts.get(account).map_or(Fen::ZERO, |held| held.balance(account.side()))
    }

    /// The agenda as the tables give it, for loading.
    #[must_use]
    pub fn agenda_anew(&self) -> Agenda {
        let group_buys = self.group_buys.iter().filter_map(|(_, open)| open.due(&self.terms));
        group_buys.chain(self.proposals.iter().filter_map(|row| row.due(&self.terms))).collect()
    }

    /// Adds up every balance anew: the second way to the totals, for loading and auditing.
    #[must_use]
    pub fn recompute_totals(&self) -> Option<Totals> {
        let mut totals = Totals::default();
        let chain = self.accounts.iter();
        let group_buys =
            self.group_buys.iter().flat_map(|(_, group_buy)| group_buy.accounts.iter());
        for (name, account) in chain.chain(group_buys) {
            let side = name.side();
            totals.replace(side, Fen::ZERO, account.checked_balance(side)?).ok()?;
        }
        Some(totals)
    }
}
