//! Members and channels by name.

use crate::exit::Failure;
use genesis::Genesis;
use ledger_core::{
    api::MemberView,
    fund::{ChannelId, Policy, Role},
    types::MemberId,
};

/// What members are called, in the order of their ids.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names(Vec<(String, Role)>);

impl Names {
    /// As the founding document has them.
    pub(crate) fn of_genesis(genesis: &Genesis) -> Self {
        Self(genesis.members.iter().map(|m| (m.name.to_string(), m.role)).collect())
    }

    /// As a node has them.
    pub(crate) fn of_members(members: &[MemberView]) -> Self {
        Self(members.iter().map(|m| (m.name.clone(), m.role)).collect())
    }

    /// A member's name, or its id if nobody knows it.
    pub(crate) fn name(&self, id: MemberId) -> String {
        self.0
            .get(usize::from(id.get()))
            .map_or_else(|| format!("member {id}"), |(name, _)| name.clone())
    }

    /// The member of this name.
    ///
    /// # Errors
    /// A usage [`Failure`] that lists the names there are.
    pub(crate) fn id(&self, name: &str) -> Result<MemberId, Failure> {
        let found = (0u16..).zip(&self.0).find(|(_, (known, _))| known == name);
        found.map(|(id, _)| MemberId::new(id)).ok_or_else(|| {
            let known: Vec<_> = self.0.iter().map(|(name, _)| name.as_str()).collect();
            Failure::usage(format!("{name:?} is no member"))
                .help(format!("the members are: {}", known.join(", ")))
        })
    }

    /// The first member with a role.
    pub(crate) fn first(&self, role: Role) -> Option<MemberId> {
        let found = (0u16..).zip(&self.0).find(|(_, (_, known))| *known == role);
        found.map(|(id, _)| MemberId::new(id))
    }
}

/// A channel's name, or its number if the policy does not know it.
pub(crate) fn channel_name(policy: &Policy, id: ChannelId) -> String {
    let channel = policy.channels.get(usize::from(id));
    channel.map_or_else(|| format!("channel {id}"), |channel| channel.name.to_string())
}
