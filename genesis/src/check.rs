//! From a document to a chain: every check, in a fixed order.

use crate::{
    address::{ADDRESS_BYTES_MAX, Address},
    document::{
        ChannelSection, ConsensusSection, Document, FORMAT, MemberSection, PolicySection,
        TransportSection, ValidatorSection,
    },
    error::GenesisError,
};
use ledger_core::{
    codec::{List, encode},
    consensus::{TimeoutPolicy, Validator, ValidatorSet},
    crypto::{ChainId, Domain, FoundingId, KeyPurpose, PublicKey, Signature},
    fund::{Channel, Member, Policy, Role},
    ledger::State,
    merkle::StateWrite,
    types::{Code, DurationMs, Fen, MemberId, TimestampMs, VotingPower},
};
use std::collections::{BTreeMap, BTreeSet};

/// Longest text of a document: a thousand members take half a megabyte.
pub const DOCUMENT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most founding members.
pub const MEMBERS_MAX: usize = 1_000;
/// Most addresses of one node.
pub const ADDRESSES_MAX: usize = 8;
/// Longest duration: ten years. More is a mistake of units.
pub const DURATION_MAX: DurationMs = DurationMs::new(10 * 366 * 24 * 3_600_000);
/// Longest life of a transaction: ids that may still come again are kept for as long.
pub const TRANSACTION_LIFE_MAX: DurationMs = DurationMs::new(24 * 3_600_000);
/// Most channels of a policy.
const CHANNELS_MAX: usize = 16;

/// A node of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeEntry {
    /// Whose node.
    pub member: MemberId,
    /// The member's name.
    pub name: String,
    /// The key that its connections prove.
    pub transport: PublicKey,
    /// Where it can be reached, as multiaddresses.
    pub addresses: Vec<String>,
}

/// A checked founding document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Genesis {
    /// The name of the community.
    pub name: Code<32>,
    /// When it was founded.
    pub created: TimestampMs,
    /// What names the chain.
    pub chain: ChainId,
    /// What keys were proven for.
    pub founding: FoundingId,
    /// The founding members; positions are their ids.
    pub members: Vec<Member>,
    /// Who decides the first block, in the order of the members.
    pub validators: ValidatorSet,
    /// Who runs a node.
    pub nodes: Vec<NodeEntry>,
    /// What the members agreed on.
    pub policy: Policy,
    /// How long consensus waits.
    pub timeouts: TimeoutPolicy,
    document: Document,
}

/// What keys are proven for before the chain exists: the hash of its name and founding time.
#[must_use]
pub fn founding_id(name: &Code<32>, created: TimestampMs) -> FoundingId {
    let content = encode(&(name.as_str().to_owned(), created));
    FoundingId::new(*Domain::Founding.digest(&[&content]).as_bytes())
}

impl Genesis {
    /// Reads and checks a `genesis.toml`.
    ///
    /// # Errors
    /// [`GenesisError`] for the first thing that is wrong.
    pub fn parse(text: &str) -> Result<Self, GenesisError> {
        if text.len() > DOCUMENT_BYTES_MAX {
            return Err(GenesisError::TooLong { bytes: text.len(), max: DOCUMENT_BYTES_MAX });
        }
        let document: Document = toml::from_str(text).map_err(|error| GenesisError::Form {
            detail: error.to_string().trim_end().to_owned(),
        })?;
        Self::from_document(document)
    }

    /// Checks a document.
    ///
    /// # Errors
    /// [`GenesisError`] for the first thing that is wrong: form, then members and keys, roles, channels,
    /// validators.
    pub fn from_document(document: Document) -> Result<Self, GenesisError> {
        if document.format != FORMAT {
            let format = document.format;
            return Err(GenesisError::UnknownFormat { format, known: FORMAT });
        }
        let created = TimestampMs::new(document.created_ms);
        let timeouts = timeouts(document.created_ms, &document.consensus)?;
        check_durations(&document.policy)?;

        let founding = founding_id(&document.name, created);
        let ids = ids_of(document.members.iter().map(|section| &section.name))?;
        check_keys(&document.members, &founding)?;
        let members = members(&document.members, &ids)?;
        check_roles(&members)?;
        let policy = policy(&document.channels, &document.policy, &ids, &members)?;
        let validators = validators(&document.members)?;
        let nodes = nodes(&document.members)?;
        let chain = chain_id(&document, &members, &policy, &timeouts);
        Ok(Self {
            name: document.name,
            created,
            chain,
            founding,
            members,
            validators,
            nodes,
            policy,
            timeouts,
            document,
        })
    }

    /// The document as it is written to a file.
    #[must_use]
    pub fn to_toml(&self) -> String {
        // Tables of strings and integers always serialise.
        toml::to_string(&self.document).unwrap_or_default()
    }

    /// What was checked.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The state before the first block, and what a fresh store needs of it.
    #[must_use]
    pub fn initial_state(&self) -> (State, Vec<StateWrite>) {
        State::genesis(
            self.chain,
            self.created,
            self.validators.clone(),
            self.members.clone(),
            self.policy.clone(),
        )
    }

    /// The id of the founding member with this name.
    #[must_use]
    pub fn member_id(&self, name: &str) -> Option<MemberId> {
        (0u16..)
            .zip(&self.members)
            .find(|(_, m)| m.name.as_str() == name)
            .map(|(id, _)| MemberId::new(id))
    }

    /// A founding member.
    #[must_use]
    pub fn member(&self, id: MemberId) -> Option<&Member> {
        self.members.get(usize::from(id.get()))
    }

    /// The founding member whose transactions this key signs.
    #[must_use]
    pub fn member_of_key(&self, key: &PublicKey) -> Option<MemberId> {
        (0u16..).zip(&self.members).find(|(_, m)| m.key == *key).map(|(id, _)| MemberId::new(id))
    }
}

fn in_range(field: &'static str, value: u64, max: u64) -> Result<(), GenesisError> {
    if (1..=max).contains(&value) {
        Ok(())
    } else {
        Err(GenesisError::OutOfRange { field, value, max })
    }
}

pub(crate) fn timeouts(
    created_ms: u64,
    section: &ConsensusSection,
) -> Result<TimeoutPolicy, GenesisError> {
    in_range("created_ms", created_ms, i64::MAX.unsigned_abs())?;
    let ConsensusSection {
        propose_ms,
        propose_delta_ms,
        prevote_ms,
        prevote_delta_ms,
        precommit_ms,
        precommit_delta_ms,
    } = *section;
    // The additions are what makes some round long enough, so they may not be zero either.
    for (field, value) in [
        ("consensus.propose_ms", propose_ms),
        ("consensus.propose_delta_ms", propose_delta_ms),
        ("consensus.prevote_ms", prevote_ms),
        ("consensus.prevote_delta_ms", prevote_delta_ms),
        ("consensus.precommit_ms", precommit_ms),
        ("consensus.precommit_delta_ms", precommit_delta_ms),
    ] {
        in_range(field, value, DURATION_MAX.get())?;
    }
    Ok(TimeoutPolicy {
        propose: DurationMs::new(propose_ms),
        propose_delta: DurationMs::new(propose_delta_ms),
        prevote: DurationMs::new(prevote_ms),
        prevote_delta: DurationMs::new(prevote_delta_ms),
        precommit: DurationMs::new(precommit_ms),
        precommit_delta: DurationMs::new(precommit_delta_ms),
    })
}

pub(crate) fn check_durations(section: &PolicySection) -> Result<(), GenesisError> {
    let max = DURATION_MAX.get();
    for (field, value, max) in [
        ("policy.auto_delivery_after_ms", section.auto_delivery_after_ms, max),
        ("policy.goods_note_wait_ms", section.goods_note_wait_ms, max),
        ("policy.unclaimed_after_ms", section.unclaimed_after_ms, max),
        ("policy.proposal_lapses_after_ms", section.proposal_lapses_after_ms, max),
        (
            "policy.transaction_life_max_ms",
            section.transaction_life_max_ms,
            TRANSACTION_LIFE_MAX.get(),
        ),
        ("policy.heartbeat_ms", section.heartbeat_ms, max),
        ("policy.block_time_ahead_max_ms", section.block_time_ahead_max_ms, max),
        ("policy.block_time_behind_max_ms", section.block_time_behind_max_ms, max),
        ("policy.payment_max_fen", section.payment_max_fen, i64::MAX.unsigned_abs()),
    ] {
        in_range(field, value, max)?;
    }
    Ok(())
}

/// Ids by name.
pub(crate) type Ids = BTreeMap<String, MemberId>;

pub(crate) fn ids_of<'a>(
    names: impl ExactSizeIterator<Item = &'a Code<32>>,
) -> Result<Ids, GenesisError> {
    if names.len() > MEMBERS_MAX {
        return Err(GenesisError::TooManyMembers { count: names.len(), max: MEMBERS_MAX });
    }
    let mut ids = Ids::new();
    for (id, name) in (0u16..).zip(names) {
        let name = name.to_string();
        if ids.insert(name.clone(), MemberId::new(id)).is_some() {
            return Err(GenesisError::NameTwice { name });
        }
    }
    Ok(ids)
}

fn id_of(ids: &Ids, name: &str, by: impl FnOnce() -> String) -> Result<MemberId, GenesisError> {
    ids.get(name)
        .copied()
        .ok_or_else(|| GenesisError::UnknownMember { by: by(), name: name.to_owned() })
}

/// Every key is admissible, proven for its member and purpose, and stands once over all purposes.
fn check_keys(sections: &[MemberSection], founding: &FoundingId) -> Result<(), GenesisError> {
    let mut seen = BTreeSet::new();
    for section in sections {
        let member = section.name.as_str();
        let validator = section.validator.as_ref().map(|v| (KeyPurpose::Validator, v.key, v.proof));
        let transport = section.transport.as_ref().map(|t| (KeyPurpose::Transport, t.key, t.proof));
        let own = (KeyPurpose::Member, section.key, section.proof);
        for (purpose, key, proof) in [Some(own), validator, transport].into_iter().flatten() {
            if !seen.insert(key) {
                return Err(GenesisError::KeyTwice { member: member.to_owned(), key });
            }
            key.check_admissible(founding, member, purpose, &proof).map_err(|source| {
                GenesisError::Key { member: member.to_owned(), purpose, source }
            })?;
        }
    }
    Ok(())
}

fn members(sections: &[MemberSection], ids: &Ids) -> Result<Vec<Member>, GenesisError> {
    (0u16..).map(MemberId::new).zip(sections).map(|(id, s)| member(id, s, ids)).collect()
}

fn member(id: MemberId, section: &MemberSection, ids: &Ids) -> Result<Member, GenesisError> {
    Ok(Member {
        name: section.name,
        role: section.role,
        key: section.key,
        related: related(id, &section.name, &section.related, ids)?,
        equivocations: 0,
    })
}

/// The ids of those a member is related to: each once, and not itself.
pub(crate) fn related<const MAX: usize>(
    id: MemberId,
    member: &Code<32>,
    names: &[String],
    ids: &Ids,
) -> Result<List<MemberId, MAX>, GenesisError> {
    let mut related = Vec::with_capacity(names.len());
    let bad =
        |other: &str| GenesisError::BadRelation { member: member.to_string(), other: other.into() };
    for name in names {
        let other = id_of(ids, name, || member.to_string())?;
        if other == id || related.contains(&other) {
            return Err(bad(name));
        }
        related.push(other);
    }
    List::new(related).map_err(|_| bad(names.last().map_or("", String::as_str)))
}

pub(crate) fn check_roles(members: &[Member]) -> Result<(), GenesisError> {
    for role in [Role::Property, Role::Committee, Role::Supplier, Role::Leader] {
        if !members.iter().any(|member| member.role == role) {
            return Err(GenesisError::RoleMissing { role });
        }
    }
    let mut properties = members.iter().filter(|member| member.role == Role::Property);
    match (properties.next(), properties.next()) {
        (Some(first), Some(second)) => Err(GenesisError::SecondProperty {
            first: first.name.to_string(),
            second: second.name.to_string(),
        }),
        _ => Ok(()),
    }
}

pub(crate) fn policy(
    sections: &[ChannelSection],
    section: &PolicySection,
    ids: &Ids,
    members: &[Member],
) -> Result<Policy, GenesisError> {
    if sections.is_empty() {
        return Err(GenesisError::NoChannels);
    }
    let mut names = BTreeSet::new();
    let mut channels = Vec::with_capacity(sections.len());
    for named in sections {
        let channel = named.name.to_string();
        let custodian = id_of(ids, &named.custodian, || format!("channel {channel}"))?;
        let role = members.get(usize::from(custodian.get())).map(|member| member.role);
        if !names.insert(named.name) {
            return Err(GenesisError::ChannelTwice { name: channel });
        }
        if !role.is_some_and(Role::is_organisation) {
            let member = named.custodian.clone();
            return Err(GenesisError::CustodianIsNoOrganisation { channel, member });
        }
        channels.push(Channel { name: named.name, custodian });
    }
    let channels = List::new(channels)
        .map_err(|list| GenesisError::TooManyChannels { count: list.len(), max: CHANNELS_MAX })?;
    Ok(Policy {
        channels,
        auto_delivery_after: DurationMs::new(section.auto_delivery_after_ms),
        goods_note_wait: DurationMs::new(section.goods_note_wait_ms),
        unclaimed_after: DurationMs::new(section.unclaimed_after_ms),
        proposal_lapses_after: DurationMs::new(section.proposal_lapses_after_ms),
        transaction_life_max: DurationMs::new(section.transaction_life_max_ms),
        heartbeat: DurationMs::new(section.heartbeat_ms),
        block_time_ahead_max: DurationMs::new(section.block_time_ahead_max_ms),
        block_time_behind_max: DurationMs::new(section.block_time_behind_max_ms),
        payment_max: Fen::new(section.payment_max_fen),
    })
}

fn validators(sections: &[MemberSection]) -> Result<ValidatorSet, GenesisError> {
    let mut validators = Vec::new();
    for (id, section) in (0u16..).map(MemberId::new).zip(sections) {
        let Some(ValidatorSection { key, power, .. }) = section.validator else { continue };
        let member = || section.name.to_string();
        if !section.role.is_organisation() {
            return Err(GenesisError::ValidatorIsNoOrganisation { member: member() });
        }
        if section.transport.is_none() {
            return Err(GenesisError::ValidatorWithoutNode { member: member() });
        }
        validators.push(Validator { member: id, key, power: VotingPower::new(power) });
    }
    Ok(ValidatorSet::new(validators)?)
}

fn nodes(sections: &[MemberSection]) -> Result<Vec<NodeEntry>, GenesisError> {
    let mut nodes = Vec::new();
    for (id, section) in (0u16..).map(MemberId::new).zip(sections) {
        let Some(TransportSection { key, addresses, .. }) = &section.transport else { continue };
        let name = section.name.to_string();
        for (position, address) in addresses.iter().enumerate() {
            // One address has one spelling, so that a contribution can be compared with the document.
            let known = Address::advertised(address).is_ok_and(|a| a.to_string() == *address);
            if !known || position >= ADDRESSES_MAX {
                let address = address.chars().take(ADDRESS_BYTES_MAX).collect();
                return Err(GenesisError::BadAddress { member: name, address });
            }
        }
        nodes.push(NodeEntry { member: id, name, transport: *key, addresses: addresses.clone() });
    }
    Ok(nodes)
}

/// Key, proof and weight of a validator, as they are hashed.
type ValidatorContent = (PublicKey, Signature, VotingPower);
/// Key, proof and addresses of a node, as they are hashed.
type TransportContent = (PublicKey, Signature, Vec<String>);
/// A member, as it is hashed.
type MemberContent = (Member, Signature, Option<ValidatorContent>, Option<TransportContent>);

/// Hash of everything that the document says, in this order: format, name, time, policy with its
/// channels, timeouts, members.
fn chain_id(
    document: &Document,
    members: &[Member],
    policy: &Policy,
    timeouts: &TimeoutPolicy,
) -> ChainId {
    let members: Vec<MemberContent> = members
        .iter()
        .zip(&document.members)
        .map(|(member, section)| {
            let validator = section.validator.as_ref();
            let validator = validator.map(|v| (v.key, v.proof, VotingPower::new(v.power)));
            let transport = section.transport.as_ref();
            let transport = transport.map(|t| (t.key, t.proof, t.addresses.clone()));
            (member.clone(), section.proof, validator, transport)
        })
        .collect();
    let created = TimestampMs::new(document.created_ms);
    let content =
        encode(&(document.format, document.name, created, policy.clone(), *timeouts, members));
    ChainId::new(*Domain::Genesis.digest(&[&content]).as_bytes())
}
