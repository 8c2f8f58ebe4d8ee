//! What one member contributes: its keys with proofs, its node, its relations, signed as a whole.

use crate::{
    Text,
    address::{Address, AddressError},
    check::{ADDRESSES_MAX, DOCUMENT_BYTES_MAX},
    document::TransportSection,
    error::{GenesisError, key_error_zh, purpose_zh},
    invitation::{Invitation, Invited},
    text,
};
use ledger_core::{
    codec::encode,
    crypto::{FoundingId, KeyError, KeyPurpose, PublicKey, SecretKey, Signature},
    types::Code,
};
use serde::{Deserialize, Serialize};

/// The layout of a contribution that this code reads and writes.
const FORMAT: u16 = 1;
/// The layout of a node card that this code reads and writes.
pub const NODE_CARD_FORMAT: u16 = 1;

/// A key with the proof that its owner wants it admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySection {
    /// The key.
    pub key: PublicKey,
    /// Proof of possession.
    pub proof: Signature,
}

/// What a member needs to know of its node: `node-card.toml`, which `tuand init` writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeCard {
    /// [`NODE_CARD_FORMAT`]; marks the file as a node card.
    pub node_card: u16,
    /// The member whose node it is.
    pub name: Code<32>,
    /// What its keys are proven for.
    pub founding: FoundingId,
    /// The key that votes.
    pub validator: KeySection,
    /// The key of its connections, and where it is reached.
    pub transport: TransportSection,
}

/// A member's contribution to the founding of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contribution {
    /// The layout; marks the file as a contribution.
    pub contribution: u16,
    /// The member.
    pub name: Code<32>,
    /// The key that will sign its transactions.
    pub key: PublicKey,
    /// Proof of possession for [`KeyPurpose::Member`].
    pub proof: Signature,
    /// Names of all members to whom it is related: those of the invitation and those it adds.
    pub related: Vec<String>,
    /// Signature by `key` over all the rest.
    pub signature: Signature,
    /// The key that votes, if it was invited with votes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validator: Option<KeySection>,
    /// Its node, if it runs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<TransportSection>,
    /// What it says yes to.
    pub invitation: Invitation,
}

/// Why a contribution, or what is to go into one, does not count.
///
/// Blame: its sender, or whoever carried it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContributionError {
    /// The file has another form, or its invitation is not good.
    #[error(transparent)]
    Document(#[from] GenesisError),
    /// The invitation does not name the member.
    #[error("{name} is not invited")]
    NotInvited {
        /// Who.
        name: String,
    },
    /// It was changed after it was signed, or its signer has another key.
    #[error("the signature of {name} does not fit what the file says: it was changed, or forged")]
    BadSignature {
        /// Whose.
        name: String,
    },
    /// A key is not admissible, or its proof does not verify for this name, member and purpose.
    #[error("the {purpose:?} key of {name} is not admitted: {source}")]
    Key {
        /// Whose.
        name: String,
        /// What it is for.
        purpose: KeyPurpose,
        /// Why.
        source: KeyError,
    },
    /// It would vote and brings no node.
    #[error("{name} is invited with votes and brings no node")]
    NoNode {
        /// Who.
        name: String,
    },
    /// It brings a voting key, but was invited without votes.
    #[error("{name} brings a voting key and is invited without votes")]
    NoVotes {
        /// Who.
        name: String,
    },
    /// A relation to itself, to nobody, twice, or fewer than the invitation names.
    #[error("the relations of {name} name {other} wrongly, or leave it out")]
    BadRelation {
        /// Whose.
        name: String,
        /// The one in question.
        other: String,
    },
    /// An address that others cannot use.
    #[error("address of {name}: {source}")]
    Address {
        /// Whose.
        name: String,
        /// Why.
        source: AddressError,
    },
    /// None, or more than [`ADDRESSES_MAX`], or one that is not written as it should be.
    #[error("{name} has no address, too many, or one in another spelling")]
    Addresses {
        /// Whose.
        name: String,
    },
    /// The node card is of another member.
    #[error("the node card is of {card}, not of {name}")]
    ForeignNode {
        /// Of whom it is.
        card: String,
        /// Of whom it should be.
        name: String,
    },
    /// The node was made from another invitation.
    #[error("the node of {name} was made for another chain or founding time")]
    OtherFounding {
        /// Whose.
        name: String,
    },
}

impl ContributionError {
    /// What is wrong.
    #[must_use]
    pub fn text(&self) -> Text {
        let zh = match self {
            Self::Document(error) => return error.text(),
            Self::NotInvited { name } => format!("邀请文件中没有 {name}"),
            Self::BadSignature { name } => {
                format!("{name} 的签名与文件内容不符：文件被改动过，或是伪造的")
            }
            Self::Key { name, purpose, source } => {
                format!("{name} 的{}不能用：{}", purpose_zh(*purpose), key_error_zh(source))
            }
            Self::NoNode { name } => format!("{name} 受邀投票，却没有提供节点"),
            Self::NoVotes { name } => format!("{name} 受邀时没有票数，却提供了投票密钥"),
            Self::BadRelation { name, other } => {
                format!("{name} 的关联关系里，{other} 写得不对或被漏掉")
            }
            Self::Address { name, source } => format!("{name} 的地址：{}", source.text().zh),
            Self::Addresses { name } => format!("{name} 没有地址、地址过多或写法不规范"),
            Self::ForeignNode { card, name } => format!("这张节点名片是 {card} 的，不是 {name} 的"),
            Self::OtherFounding { name } => {
                format!("{name} 的节点是为另一条链或另一个创世时间建立的")
            }
        };
        Text { en: self.to_string(), zh }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Text {
        match self {
            Self::Document(error) => error.help(),
            Self::NotInvited { .. } => text!(
                "write the name as the invitation has it, or ask the founder for an invitation that names it",
                "名称要与邀请文件一致；或请发起人重发一份包含该成员的邀请"
            ),
            Self::BadSignature { .. } => text!(
                "ask the member, by telephone, to send its contribution again",
                "请电话联系该成员，请其重新发送加入文件"
            ),
            Self::Key { .. } | Self::OtherFounding { .. } => text!(
                "make the node and the contribution again from this invitation, with `tuand init` and `tuan genesis join`",
                "请用这份邀请重新执行 `tuand init` 和 `tuan genesis join`"
            ),
            Self::NoNode { .. } => text!(
                "make a node with `tuand init --invitation` and name its node-card.toml with --node-card",
                "先用 `tuand init --invitation` 建立节点，再用 --node-card 指明它的 node-card.toml"
            ),
            Self::NoVotes { .. } => {
                text!("make it again with `tuan genesis join`", "请重新执行 `tuan genesis join`")
            }
            Self::BadRelation { .. } => text!(
                "name each related member once, as the invitation has it, with --related",
                "用 --related 写明每个关联成员，名称与邀请文件一致，每个一次"
            ),
            Self::Address { source, .. } => source.help(),
            Self::Addresses { .. } => text!(
                "make the node again with `tuand init --address`",
                "请用 `tuand init --address` 重新建立节点"
            ),
            Self::ForeignNode { .. } => {
                text!("name your own node's card", "请指明自己节点的名片文件")
            }
        }
    }
}

impl NodeCard {
    /// Introduces a node; its keys are proven here.
    #[must_use]
    pub fn new(
        founding: &FoundingId,
        name: Code<32>,
        validator: &SecretKey,
        transport: &SecretKey,
        addresses: &[Address],
    ) -> Self {
        let prove = |key: &SecretKey, purpose| key.prove(founding, name.as_str(), purpose);
        Self {
            node_card: NODE_CARD_FORMAT,
            name,
            founding: *founding,
            validator: KeySection {
                key: validator.public_key(),
                proof: prove(validator, KeyPurpose::Validator),
            },
            transport: TransportSection {
                key: transport.public_key(),
                proof: prove(transport, KeyPurpose::Transport),
                addresses: addresses.iter().map(Address::to_string).collect(),
            },
        }
    }

    /// Reads a node card.
    ///
    /// # Errors
    /// [`GenesisError`] if the text is none.
    pub fn parse(text: &str) -> Result<Self, GenesisError> {
        let card: Self = read(text)?;
        match card.node_card {
            NODE_CARD_FORMAT => Ok(card),
            format => Err(GenesisError::UnknownFormat { format, known: NODE_CARD_FORMAT }),
        }
    }

    /// The card as it is written to a file.
    #[must_use]
    pub fn to_toml(&self) -> String {
        // Tables of strings and integers always serialise.
        toml::to_string(self).unwrap_or_default()
    }
}

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, GenesisError> {
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(GenesisError::TooLong { bytes: text.len(), max: DOCUMENT_BYTES_MAX });
    }
    toml::from_str(text)
        .map_err(|error| GenesisError::Form { detail: error.to_string().trim_end().to_owned() })
}

impl Contribution {
    /// Checks what a member can have confused before it signs: its name, and the card of its node.
    ///
    /// # Errors
    /// [`ContributionError`] if name or card do not belong to the invitation.
    pub fn check_before<'a>(
        invitation: &'a Invitation,
        name: Code<32>,
        node: Option<&NodeCard>,
    ) -> Result<&'a Invited, ContributionError> {
        let invited = invitation.invited(name.as_str());
        let invited =
            invited.ok_or_else(|| ContributionError::NotInvited { name: name.to_string() })?;
        match node {
            None if invited.votes > 0 => Err(ContributionError::NoNode { name: name.to_string() }),
            Some(card) if card.name != name => {
                let (card, name) = (card.name.to_string(), name.to_string());
                Err(ContributionError::ForeignNode { card, name })
            }
            Some(card) if card.founding != invitation.founding() => {
                Err(ContributionError::OtherFounding { name: name.to_string() })
            }
            None | Some(_) => Ok(invited),
        }
    }

    /// Says yes to an invitation: the relations that it names and `also_related`, and a node where
    /// there is one.
    ///
    /// # Errors
    /// [`ContributionError`] if it would not count.
    pub fn sign(
        invitation: Invitation,
        name: Code<32>,
        key: &SecretKey,
        also_related: &[String],
        node: Option<&NodeCard>,
    ) -> Result<Self, ContributionError> {
        let founding = invitation.founding();
        let invited = Self::check_before(&invitation, name, node)?;
        let mut related = invited.related.clone();
        related.extend(also_related.iter().filter(|n| !invited.related.contains(n)).cloned());
        let mut contribution = Self {
            contribution: FORMAT,
            name,
            key: key.public_key(),
            proof: key.prove(&founding, name.as_str(), KeyPurpose::Member),
            related,
            signature: Signature::new([0; 64]),
            validator: node.filter(|_| invited.votes > 0).map(|card| card.validator),
            transport: node.map(|card| card.transport.clone()),
            invitation,
        };
        let content = contribution.content()?;
        contribution.signature = key.sign_contribution(&founding, &content);
        contribution.verify()?;
        Ok(contribution)
    }

    /// Reads a contribution; [`Self::verify`] says whether it counts.
    ///
    /// # Errors
    /// [`GenesisError`] if the text is none.
    pub fn parse(text: &str) -> Result<Self, GenesisError> {
        let contribution: Self = read(text)?;
        match contribution.contribution {
            FORMAT => Ok(contribution),
            format => Err(GenesisError::UnknownFormat { format, known: FORMAT }),
        }
    }

    /// The contribution as it is written to a file.
    #[must_use]
    pub fn to_toml(&self) -> String {
        // Tables of strings and integers always serialise.
        toml::to_string(self).unwrap_or_default()
    }

    /// Checks everything that can be checked without the other contributions.
    ///
    /// # Errors
    /// [`ContributionError`] for the first thing that is wrong: the invitation, the signature, the keys,
    /// the votes, the relations, the addresses.
    pub fn verify(&self) -> Result<(), ContributionError> {
        let name = || self.name.to_string();
        let content = self.content()?;
        let invited = self.invitation.invited(self.name.as_str());
        let invited = invited.ok_or_else(|| ContributionError::NotInvited { name: name() })?;
        let founding = self.invitation.founding();
        if !self.key.verify_contribution(&founding, &content, &self.signature) {
            return Err(ContributionError::BadSignature { name: name() });
        }
        let validator = self.validator.map(|v| (KeyPurpose::Validator, v.key, v.proof));
        let transport = self.transport.as_ref();
        let transport = transport.map(|t| (KeyPurpose::Transport, t.key, t.proof));
        let own = (KeyPurpose::Member, self.key, self.proof);
        for (purpose, key, proof) in [Some(own), validator, transport].into_iter().flatten() {
            key.check_admissible(&founding, self.name.as_str(), purpose, &proof)
                .map_err(|source| ContributionError::Key { name: name(), purpose, source })?;
        }
        match (invited.votes, &self.validator, &self.transport) {
            (0, Some(_), _) => return Err(ContributionError::NoVotes { name: name() }),
            (1.., None, _) | (1.., _, None) => {
                return Err(ContributionError::NoNode { name: name() });
            }
            (0, None, _) | (1.., Some(_), Some(_)) => (),
        }
        self.check_relations(&invited.related)?;
        self.check_addresses()
    }

    fn check_relations(&self, invited: &[String]) -> Result<(), ContributionError> {
        let bad = |other: &String| {
            let (name, other) = (self.name.to_string(), other.clone());
            Err(ContributionError::BadRelation { name, other })
        };
        for (position, other) in self.related.iter().enumerate() {
            let known = self.invitation.invited(other).is_some();
            let before = self.related.iter().take(position);
            if !known || other == self.name.as_str() || before.into_iter().any(|b| b == other) {
                return bad(other);
            }
        }
        match invited.iter().find(|other| !self.related.contains(other)) {
            Some(left_out) => bad(left_out),
            None => Ok(()),
        }
    }

    fn check_addresses(&self) -> Result<(), ContributionError> {
        let Some(transport) = &self.transport else { return Ok(()) };
        let name = || self.name.to_string();
        for text in &transport.addresses {
            let address = Address::advertised(text)
                .map_err(|source| ContributionError::Address { name: name(), source })?;
            if address.to_string() != *text {
                return Err(ContributionError::Addresses { name: name() });
            }
        }
        if transport.addresses.is_empty() || transport.addresses.len() > ADDRESSES_MAX {
            return Err(ContributionError::Addresses { name: name() });
        }
        Ok(())
    }

    /// The bytes that are signed: the invitation and everything else but the signature.
    fn content(&self) -> Result<Vec<u8>, GenesisError> {
        let validator = self.validator.map(|v| (v.key, v.proof));
        let transport = self.transport.as_ref();
        let transport = transport.map(|t| (t.key, t.proof, t.addresses.clone()));
        let member = (
            self.contribution,
            self.name,
            self.key,
            self.proof,
            self.related.clone(),
            validator,
            transport,
        );
        Ok(encode(&(self.invitation.content()?, member)))
    }
}
