//! Who takes part in a life: members of every role, some of them related, and the channels they keep.

use crate::rng::Rng;
use ledger_core::{
    codec::List,
    consensus::{Validator, ValidatorSet},
    crypto::{ChainId, SecretKey},
    fund::{Channel, Member, Policy, Role},
    ledger::State,
    types::{DurationMs, Fen, HouseholdTag, MemberId, TimestampMs, VotingPower},
};

/// When the chain of every life is founded.
pub(super) const FOUNDED: TimestampMs = TimestampMs::new(1_767_225_600_000);
/// How many households there are in each group buy.
pub(super) const HOUSEHOLDS: u8 = 6;

pub(super) const SECOND: u64 = 1_000;
pub(super) const MINUTE: u64 = 60 * SECOND;
pub(super) const HOUR: u64 = 60 * MINUTE;
pub(super) const DAY: u64 = 24 * HOUR;

/// Name, role, and the members that it says it is related to.
const MEMBERS: [(&str, Role, &[u16]); 11] = [
    ("property", Role::Property, &[]),
    ("committee", Role::Committee, &[]),
    ("farm", Role::Supplier, &[]),
    ("bakery", Role::Supplier, &[]),
    ("auditor", Role::Auditor, &[]),
    ("leader-li", Role::Leader, &[]),
    ("leader-wang", Role::Leader, &[FARM.get()]),
    ("second-property", Role::Property, &[]),
    ("second-committee", Role::Committee, &[0]),
    ("leader-zhao", Role::Leader, &[]),
    // The relation is declared by the organisation alone.
    ("dairy", Role::Supplier, &[1, 9]),
];

/// The supplier that a leader is related to.
pub(super) const FARM: MemberId = MemberId::new(2);

/// A founded community.
#[derive(Debug, Clone)]
pub struct Cast {
    pub(super) chain: ChainId,
    pub(super) members: Vec<Member>,
    pub(super) policy: Policy,
    /// What the model is told that the policy says.
    pub(super) printed: Policy,
    validators: ValidatorSet,
}

fn member_id(position: usize) -> MemberId {
    MemberId::new(u16::try_from(position).expect("few members"))
}

impl Cast {
    /// The community of a life: always the same members, with a policy of its own.
    ///
    /// # Panics
    /// Never: the members are few and their names short.
    #[must_use]
    pub fn found(rng: &mut Rng) -> Self {
        // The fourth channel's custodian may be anybody, even somebody who is paid.
        let fourth = [7, 4, 2, 8][rng.index(4)];
        Self::with(rng.chance(700), fourth, ChainId::new(rng.bytes()))
    }

    /// A community with the usual policy.
    #[must_use]
    pub fn usual() -> Self {
        Self::with(true, 7, ChainId::new([1; 32]))
    }

    fn with(usual: bool, fourth: u16, chain: ChainId) -> Self {
        let key = |position: usize| {
            let position = u8::try_from(position).expect("few members");
            SecretKey::from_seed(&[position; 32]).public_key()
        };
        let members = MEMBERS.iter().enumerate().map(|(position, (name, role, related))| Member {
            name: name.parse().expect("a name"),
            role: *role,
            key: key(position),
            related: List::new(related.iter().copied().map(MemberId::new).collect())
                .expect("few relations"),
            equivocations: 0,
        });
        let channel = |name: &str, custodian| Channel {
            name: name.parse().expect("a name"),
            custodian: MemberId::new(custodian),
        };
        let channels = vec![
            channel("wechat", 0),
            channel("alipay", 0),
            channel("cash", 1),
            channel("bank", fourth),
        ];
        let policy = Policy {
            channels: List::new(channels).expect("few channels"),
            auto_delivery_after: DurationMs::new(if usual { 2 * DAY } else { 3 * HOUR }),
            goods_note_wait: DurationMs::new(if usual { DAY } else { 2 * HOUR }),
            unclaimed_after: DurationMs::new(if usual { 30 * DAY } else { 5 * DAY }),
            proposal_lapses_after: DurationMs::new(if usual { 7 * DAY } else { 6 * HOUR }),
            transaction_life_max: DurationMs::new(DAY),
            heartbeat: DurationMs::new(HOUR),
            block_time_ahead_max: DurationMs::new(10 * SECOND),
            block_time_behind_max: DurationMs::new(15 * SECOND),
            payment_max: Fen::new(if usual { 100_000_000 } else { 20_000 }),
        };
        let validator = |position| Validator {
            member: member_id(position),
            key: key(100 + position),
            power: VotingPower::new(1),
        };
        Self {
            chain,
            members: members.collect(),
            printed: policy.clone(),
            policy,
            validators: ValidatorSet::new((0..4).map(validator).collect()).expect("four"),
        }
    }

    /// Tells the model that what is not claimed waits a millisecond longer.
    pub(super) fn misprint(&mut self) {
        let longer = self.policy.unclaimed_after.saturating_add(DurationMs::new(1));
        self.printed.unclaimed_after = longer;
    }

    /// The real books before the first block.
    pub(super) fn state(&self) -> State {
        let (validators, members) = (self.validators.clone(), self.members.clone());
        State::genesis(self.chain, FOUNDED, validators, members, self.policy.clone()).0
    }

    pub(super) fn with_role(&self, role: Role) -> Vec<MemberId> {
        let positions = self.members.iter().enumerate();
        let found = positions.filter(|(_, member)| member.role == role);
        found.map(|(position, _)| member_id(position)).collect()
    }

    pub(super) fn organisations(&self) -> Vec<MemberId> {
        let positions = self.members.iter().enumerate();
        let found = positions.filter(|(_, member)| member.role != Role::Leader);
        found.map(|(position, _)| member_id(position)).collect()
    }

    /// What people call a member.
    pub(super) fn name(&self, member: MemberId) -> String {
        match self.members.get(usize::from(member.get())) {
            Some(found) => found.name.to_string(),
            None => format!("stranger {member}"),
        }
    }

    pub(super) fn channel_name(&self, channel: u8) -> String {
        match self.policy.channels.get(usize::from(channel)) {
            Some(found) => found.name.to_string(),
            None => format!("channel {channel}"),
        }
    }
}

/// A household: the same names in every group buy, so that nothing may hang on the name alone.
pub(super) fn household(number: u8) -> HouseholdTag {
    HouseholdTag::new([number; 16])
}

/// The code that a household shows when it takes its goods.
pub(super) fn delivery_code(household: HouseholdTag) -> [u8; 16] {
    household.as_bytes().map(|byte| byte ^ 0x55)
}
