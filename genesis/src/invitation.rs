//! What the founder proposes before anybody has shown a key.
//!
//! An invitation is the founding document without keys: all that the members need to know before they
//! say yes. A contribution carries it whole and signs it, so that afterwards nothing in it can change.

use crate::{
    check::{self, DOCUMENT_BYTES_MAX, founding_id},
    document::{ChannelSection, ConsensusSection, Document, PolicySection},
    error::GenesisError,
    explain::{Explanation, Outline, explain},
};
use ledger_core::{
    codec::encode,
    consensus::{TimeoutPolicy, Validator, ValidatorSet},
    crypto::{FoundingId, PublicKey},
    fund::{Member, Policy, Role},
    types::{Code, MemberId, TimestampMs, VotingPower},
};
use serde::{Deserialize, Serialize};

/// The layout of an invitation that this code reads and writes.
const FORMAT: u16 = 1;

/// An invitation to found a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invitation {
    /// The layout; marks the file as an invitation.
    pub invitation: u16,
    /// The name of the community.
    pub name: Code<32>,
    /// When it is founded, in milliseconds since 1970-01-01 UTC.
    pub created_ms: u64,
    /// Durations and limits.
    pub policy: PolicySection,
    /// How long consensus waits.
    pub consensus: ConsensusSection,
    /// The ways of paying.
    pub channels: Vec<ChannelSection>,
    /// Who is asked; their order gives their ids.
    pub members: Vec<Invited>,
}

/// Somebody who is asked to found a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invited {
    /// What people call it.
    pub name: Code<32>,
    /// Its one role.
    pub role: Role,
    /// Its weight in consensus; 0 for who runs no node, or one that only follows.
    pub votes: u64,
    /// Names of members to whom it is related, as the founder knows; it may declare more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<String>,
}

/// What an invitation comes to; keys are stand-ins.
struct Plan {
    members: Vec<Member>,
    validators: ValidatorSet,
    policy: Policy,
    timeouts: TimeoutPolicy,
}

impl Invitation {
    /// Reads and checks an invitation.
    ///
    /// # Errors
    /// [`GenesisError`] for the first thing that is wrong.
    pub fn parse(text: &str) -> Result<Self, GenesisError> {
        if text.len() > DOCUMENT_BYTES_MAX {
            return Err(GenesisError::TooLong { bytes: text.len(), max: DOCUMENT_BYTES_MAX });
        }
        let invitation: Self = toml::from_str(text).map_err(|error| GenesisError::Form {
            detail: error.to_string().trim_end().to_owned(),
        })?;
        invitation.check()?;
        Ok(invitation)
    }

    /// An invitation to everything but keys that a document says.
    pub(crate) fn of_document(document: &Document) -> Self {
        let members = document.members.iter().map(|section| Invited {
            name: section.name,
            role: section.role,
            votes: section.validator.as_ref().map_or(0, |validator| validator.power),
            related: section.related.clone(),
        });
        Self {
            invitation: FORMAT,
            name: document.name,
            created_ms: document.created_ms,
            policy: document.policy,
            consensus: document.consensus,
            channels: document.channels.clone(),
            members: members.collect(),
        }
    }

    /// A new invitation.
    ///
    /// # Errors
    /// [`GenesisError`] for the first thing that is wrong.
    pub fn new(
        name: Code<32>,
        created: TimestampMs,
        policy: PolicySection,
        consensus: ConsensusSection,
        channels: Vec<ChannelSection>,
        members: Vec<Invited>,
    ) -> Result<Self, GenesisError> {
        let created_ms = created.get();
        let invitation =
            Self { invitation: FORMAT, name, created_ms, policy, consensus, channels, members };
        invitation.check()?;
        Ok(invitation)
    }

    /// Checks everything that can be wrong before there are keys.
    ///
    /// # Errors
    /// [`GenesisError`] for the first thing that is wrong, in the order in which a document is checked.
    pub fn check(&self) -> Result<(), GenesisError> {
        self.plan().map(|_| ())
    }

    /// When the chain is founded.
    #[must_use]
    pub fn created(&self) -> TimestampMs {
        TimestampMs::new(self.created_ms)
    }

    /// What keys are proven for.
    #[must_use]
    pub fn founding(&self) -> FoundingId {
        founding_id(&self.name, self.created())
    }

    /// Whom it asks under this name.
    #[must_use]
    pub fn invited(&self, name: &str) -> Option<&Invited> {
        self.members.iter().find(|invited| invited.name.as_str() == name)
    }

    /// The invitation as it is written to a file.
    #[must_use]
    pub fn to_toml(&self) -> String {
        // Tables of strings and integers always serialise.
        toml::to_string(self).unwrap_or_default()
    }

    /// Says in plain words what the proposed validators tolerate.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn explain(&self) -> Result<Explanation, GenesisError> {
        let Plan { members, validators, policy, .. } = self.plan()?;
        Ok(explain(&Outline {
            name: &self.name,
            members: &members,
            validators: &validators,
            policy: &policy,
            without_address: Vec::new(),
        }))
    }

    fn plan(&self) -> Result<Plan, GenesisError> {
        if self.invitation != FORMAT {
            let format = self.invitation;
            return Err(GenesisError::UnknownFormat { format, known: FORMAT });
        }
        let timeouts = check::timeouts(self.created_ms, &self.consensus)?;
        check::check_durations(&self.policy)?;
        let ids = check::ids_of(self.members.iter().map(|invited| &invited.name))?;
        let mut members = Vec::with_capacity(self.members.len());
        let mut validators = Vec::new();
        for (id, invited) in (0u16..).zip(&self.members) {
            let key = stand_in(id);
            let member = MemberId::new(id);
            members.push(Member {
                name: invited.name,
                role: invited.role,
                key,
                related: check::related(member, &invited.name, &invited.related, &ids)?,
                equivocations: 0,
            });
            if invited.votes > 0 {
                if !invited.role.is_organisation() {
                    let member = invited.name.to_string();
                    return Err(GenesisError::ValidatorIsNoOrganisation { member });
                }
                validators.push(Validator { member, key, power: VotingPower::new(invited.votes) });
            }
        }
        check::check_roles(&members)?;
        let policy = check::policy(&self.channels, &self.policy, &ids, &members)?;
        let validators = ValidatorSet::new(validators)?;
        Ok(Plan { members, validators, policy, timeouts })
    }

    /// The bytes that a contribution signs for its invitation.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub(crate) fn content(&self) -> Result<Vec<u8>, GenesisError> {
        let Plan { members, policy, timeouts, .. } = self.plan()?;
        let members: Vec<(Member, VotingPower)> = members
            .into_iter()
            .zip(&self.members)
            .map(|(member, invited)| {
                let no_key = PublicKey::new([0; 32]);
                (Member { key: no_key, ..member }, VotingPower::new(invited.votes))
            })
            .collect();
        Ok(encode(&(self.invitation, self.name, self.created(), policy, timeouts, members)))
    }
}

/// A key that differs from the others; nobody has shown one yet.
fn stand_in(id: u16) -> PublicKey {
    let mut bytes = [0; 32];
    bytes[..2].copy_from_slice(&id.to_le_bytes());
    PublicKey::new(bytes)
}
