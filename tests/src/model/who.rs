//! Who may do something (G1, G2).

use super::{
    Model,
    refusals::{Answer, NOT_THE_CUSTODIAN, NOT_THE_LEADER, UNKNOWN_CHANNEL, WRONG_ROLE},
};
use ledger_core::{
    fund::{ChannelId, Role},
    types::{GroupBuyId, MemberId},
};

impl Model {
    /// The role of a registered member.
    pub(crate) fn role(&self, member: MemberId) -> Option<Role> {
        self.world.members.get(usize::from(member.get())).map(|found| found.role)
    }

    /// G1: a relation holds both ways, whoever declared it.
    pub(crate) fn related(&self, one: MemberId, other: MemberId) -> bool {
        let declares = |member: MemberId, of: MemberId| {
            let found = self.world.members.get(usize::from(member.get()));
            found.is_some_and(|found| found.related.contains(&of))
        };
        declares(one, other) || declares(other, one)
    }

    pub(super) fn has_role(&self, member: MemberId, roles: &[Role]) -> Answer<()> {
        let has = self.role(member).is_some_and(|role| roles.contains(&role));
        if has { Ok(()) } else { Err(WRONG_ROLE) }
    }

    /// G1: all but leaders are organisations.
    pub(super) fn is_organisation(&self, member: MemberId) -> Answer<()> {
        self.has_role(member, &[Role::Property, Role::Committee, Role::Supplier, Role::Auditor])
    }

    pub(super) fn is_leader_of(&self, member: MemberId, group_buy: GroupBuyId) -> Answer<()> {
        if self.group_buy(group_buy)?.leader == member { Ok(()) } else { Err(NOT_THE_LEADER) }
    }

    /// G10: the policy names the custodian of each channel.
    pub(crate) fn custodian(&self, channel: ChannelId) -> Answer<MemberId> {
        let found = self.world.policy.channels.get(usize::from(channel));
        found.map(|channel| channel.custodian).ok_or(UNKNOWN_CHANNEL)
    }

    pub(super) fn is_custodian(&self, member: MemberId, channel: ChannelId) -> Answer<()> {
        if self.custodian(channel)? == member { Ok(()) } else { Err(NOT_THE_CUSTODIAN) }
    }
}
