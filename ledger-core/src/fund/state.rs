//! The state of the fund, and the one door to each group buy.

use super::{
    account::AccountId,
    group_buy::GroupBuy,
    lifecycle::{Deadline, deadline_of},
    member::{Member, Policy, Role},
    movement::PendingMovement,
};
use crate::{
    accounting::{Account, AccountName as _, Totals},
    crypto::TransactionId,
    merkle::Table,
    refusal::{Party, Refusal},
    types::{Fen, GroupBuyId, MemberId, PaymentNo},
};
use imbl::OrdSet;
use std::sync::Arc;

/// Most group buys that are open at once.
pub(super) const GROUP_BUYS_MAX: u32 = 1_000;

/// Everything that execution needs in memory about the money.
#[derive(Debug, Clone)]
pub struct Fund {
    /// What the members agreed on.
    pub policy: Arc<Policy>,
    /// The registry.
    pub members: Table<MemberId, Member>,
    /// Accounts of the chain.
    pub accounts: Table<AccountId, Account>,
    /// Group buys that are not closed.
    pub group_buys: Table<GroupBuyId, Arc<GroupBuy>>,
    /// Numbers of payments that are recorded and not yet confirmed.
    pub recorded: Table<PaymentNo, GroupBuyId>,
    /// Movements that wait for an approval.
    pub proposals: Table<TransactionId, PendingMovement>,
    /// Sums over all balances.
    pub totals: Totals,
    /// What falls due when; derived from the tables.
    pub deadlines: OrdSet<Deadline>,
}

crate::merkle::record_by_encoding!(GroupBuyId);

impl Fund {
    /// A fund without money.
    #[must_use]
    pub fn new(policy: Policy, members: Table<MemberId, Member>) -> Self {
        Self {
            policy: Arc::new(policy),
            members,
            accounts: Table::default(),
            group_buys: Table::default(),
            recorded: Table::default(),
            proposals: Table::default(),
            totals: Totals::default(),
            deadlines: OrdSet::new(),
        }
    }

    /// A member of the registry.
    pub(super) fn member(&self, id: MemberId) -> Result<&Member, Refusal> {
        self.members.get(&id).ok_or(Refusal::UnknownAuthor { author: id })
    }

    pub(super) fn require_role(
        &self,
        author: MemberId,
        roles: &[Role],
        needed: Party,
    ) -> Result<Role, Refusal> {
        let role = self.member(author)?.role;
        if roles.contains(&role) { Ok(role) } else { Err(Refusal::WrongRole { needed }) }
    }

    /// The balance of an account of the chain.
    #[must_use]
    pub fn balance(&self, account: &AccountId) -> Fen {
        self.accounts.get(account).map_or(Fen::ZERO, |held| held.balance(account.side()))
    }

    /// The deadlines as the tables give them, for loading.
    #[must_use]
    pub fn all_deadlines(&self) -> OrdSet<Deadline> {
        let group_buys = self
            .group_buys
            .iter()
            .filter_map(|(_, open)| deadline_of(&open.filing, &open.header, &self.policy));
        let proposals = self.proposals.iter().map(|(id, pending)| self.lapse_of(id, pending));
        group_buys.chain(proposals).collect()
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
