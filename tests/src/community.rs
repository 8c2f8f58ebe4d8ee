//! Who takes part in a simulation: the founding document and everybody's keys.

use genesis::{
    ChannelSection, ConsensusSection, Document, FORMAT, Genesis, MemberSection, PolicySection,
    TransportSection, ValidatorSection, founding_id,
};
use ledger_core::{
    crypto::{KeyPurpose, SecretKey},
    fund::Role,
    types::{MemberId, TimestampMs},
};

/// When every simulated chain is founded.
const CREATED: TimestampMs = TimestampMs::new(1_767_225_600_000);
/// When a simulation begins: a little later, so that clocks that are slow are not before it.
pub const START: TimestampMs = TimestampMs::new(CREATED.get() + 60_000);
/// Organisations that can run a validator, in the order in which they get one.
const ORGANISATIONS: [(&str, Role); 7] = [
    ("property", Role::Property),
    ("committee", Role::Committee),
    ("farm", Role::Supplier),
    ("bakery", Role::Supplier),
    ("auditor", Role::Auditor),
    ("dairy", Role::Supplier),
    ("second-committee", Role::Committee),
];

/// 物业.
pub const PROPERTY: MemberId = MemberId::new(0);
/// 居委会.
pub const COMMITTEE: MemberId = MemberId::new(1);
/// 供应商.
pub const FARM: MemberId = MemberId::new(2);

/// What a community is founded with.
#[derive(Debug, Clone)]
pub struct Design {
    /// Voting power of each validator; four to seven of them.
    pub powers: Vec<u64>,
    /// How many nodes only follow.
    pub followers: usize,
    /// Durations and limits.
    pub policy: PolicySection,
    /// Timers.
    pub consensus: ConsensusSection,
}

impl Design {
    /// So many validators of equal power, deadlines in seconds, and a heartbeat after a minute.
    #[must_use]
    pub fn of(validators: usize) -> Self {
        Self {
            powers: vec![1; validators],
            followers: 0,
            policy: PolicySection {
                auto_delivery_after_ms: 5_000,
                goods_note_wait_ms: 5_000,
                unclaimed_after_ms: 600_000,
                proposal_lapses_after_ms: 10_000,
                transaction_life_max_ms: 600_000,
                heartbeat_ms: 60_000,
                ..PolicySection::default()
            },
            consensus: ConsensusSection::default(),
        }
    }
}

/// A founded community and all its secrets.
#[derive(Debug)]
pub struct Community {
    /// The founding document.
    pub genesis: Genesis,
    keys: Vec<SecretKey>,
    voting: Vec<Option<SecretKey>>,
    leaders: Vec<MemberId>,
}

fn secret(kind: u8, position: usize) -> SecretKey {
    let mut seed = [kind; 32];
    seed[0] = u8::try_from(position).unwrap_or(u8::MAX);
    SecretKey::from_seed(&seed)
}

impl Community {
    /// Founds it.
    ///
    /// # Panics
    /// If the design makes no sense.
    #[must_use]
    pub fn found(design: &Design) -> Self {
        let name = "orchard-1".parse().expect("a name");
        let founding = founding_id(&name, CREATED);
        let validators = design.powers.len();
        let mut cast: Vec<(String, Role, Option<u64>, bool)> = ORGANISATIONS
            .iter()
            .zip(&design.powers)
            .map(|((name, role), power)| ((*name).to_owned(), *role, Some(*power), true))
            .collect();
        assert_eq!(cast.len(), validators, "there are four to seven validators");
        cast.extend(
            (0..design.followers).map(|n| (format!("watcher-{n}"), Role::Auditor, None, true)),
        );
        cast.extend((0..2).map(|n| (format!("leader-{n}"), Role::Leader, None, false)));
        let mut keys = Vec::new();
        let mut voting = Vec::new();
        let mut leaders = Vec::new();
        let mut members = Vec::new();
        for (position, (name, role, power, runs_node)) in cast.into_iter().enumerate() {
            let own = secret(1, position);
            let vote = secret(2, position);
            let transport = secret(3, position);
            if role == Role::Leader {
                leaders.push(MemberId::new(u16::try_from(position).unwrap_or(u16::MAX)));
            }
            let proven = |key: &SecretKey, purpose| key.prove(&founding, &name, purpose);
            members.push(MemberSection {
                name: name.parse().expect("a name"),
                role,
                key: own.public_key(),
                proof: proven(&own, KeyPurpose::Member),
                related: Vec::new(),
                validator: power.map(|power| ValidatorSection {
                    key: vote.public_key(),
                    proof: proven(&vote, KeyPurpose::Validator),
                    power,
                }),
                transport: runs_node.then(|| TransportSection {
                    key: transport.public_key(),
                    proof: proven(&transport, KeyPurpose::Transport),
                    addresses: Vec::new(),
                }),
            });
            if runs_node {
                voting.push(power.map(|_| vote));
            }
            keys.push(own);
        }
        let document = Document {
            format: FORMAT,
            name,
            created_ms: CREATED.get(),
            policy: design.policy,
            consensus: design.consensus,
            channels: vec![ChannelSection {
                name: "wechat".parse().expect("a name"),
                custodian: "property".into(),
            }],
            members,
        };
        let genesis = Genesis::from_document(document).expect("a good document");
        Self { genesis, keys, voting, leaders }
    }

    /// The key of a member's transactions.
    #[must_use]
    pub fn key(&self, member: MemberId) -> &SecretKey {
        &self.keys[usize::from(member.get())]
    }

    /// The voting key of a node, if it votes.
    #[must_use]
    pub fn voting_key(&self, node: usize) -> Option<&SecretKey> {
        self.voting[node].as_ref()
    }

    /// The group leaders.
    #[must_use]
    pub fn leaders(&self) -> &[MemberId] {
        &self.leaders
    }
}
