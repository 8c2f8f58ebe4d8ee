//! What the founder has received so far: who is missing, what is wrong, and at last the document.

use crate::{
    Text,
    check::Genesis,
    compare::{Relations, differences},
    contribution::{Contribution, ContributionError},
    document::{Document, FORMAT, MemberSection, ValidatorSection},
    error::GenesisError,
    invitation::Invitation,
    text,
};
use ledger_core::types::Code;
use std::collections::BTreeMap;

/// A contribution and where it comes from.
#[derive(Debug, Clone)]
pub struct Received {
    /// The file or message, for people.
    pub from: String,
    /// What it says.
    pub contribution: Contribution,
}

/// What keeps a collection from being sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// A contribution does not count.
    Invalid {
        /// Where it comes from.
        from: String,
        /// Why.
        error: ContributionError,
    },
    /// A contribution says yes to something else.
    OtherInvitation {
        /// Where it comes from.
        from: String,
        /// Whose it is.
        member: Code<32>,
        /// What its invitation says otherwise than ours.
        differences: Vec<Text>,
    },
    /// One member has contributed twice, and not the same.
    Twice {
        /// Whose they are.
        member: Code<32>,
        /// Where the first comes from.
        first: String,
        /// Where the second comes from.
        second: String,
    },
    /// Two members show one key.
    KeyTwice {
        /// The first.
        first: Code<32>,
        /// The second.
        second: Code<32>,
    },
    /// Two nodes have one address.
    AddressTwice {
        /// The first.
        first: Code<32>,
        /// The second.
        second: Code<32>,
        /// The address.
        address: String,
    },
}

impl Finding {
    /// What is wrong.
    #[must_use]
    pub fn text(&self) -> Text {
        match self {
            Self::Invalid { from, error } => {
                let Text { en, zh } = error.text();
                Text { en: format!("{from}: {en}"), zh: format!("{from}：{zh}") }
            }
            Self::OtherInvitation { from, member, differences } => {
                let en: Vec<_> = differences.iter().map(|d| d.en.as_str()).collect();
                let zh: Vec<_> = differences.iter().map(|d| d.zh.as_str()).collect();
                Text {
                    en: format!(
                        "{from}: {member} has said yes to another invitation: {}",
                        en.join("; ")
                    ),
                    zh: format!("{from}：{member} 同意的是另一份邀请：{}", zh.join("；")),
                }
            }
            Self::Twice { member, first, second } => text!(
                "there are two different contributions of {member}: {first} and {second}",
                "{member} 有两份不同的加入文件：{first} 和 {second}"
            ),
            Self::KeyTwice { first, second } => {
                text!(
                    "{first} and {second} show the same key",
                    "{first} 和 {second} 用了同一个密钥"
                )
            }
            Self::AddressTwice { first, second, address } => text!(
                "the nodes of {first} and {second} have the same address {address}",
                "{first} 和 {second} 的节点地址相同：{address}"
            ),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Text {
        match self {
            Self::Invalid { error, .. } => error.help(),
            Self::OtherInvitation { .. } => text!(
                "send that member this invitation, and have it join again",
                "请把这份邀请发给该成员，请其重新加入"
            ),
            Self::Twice { .. } => text!(
                "ask the member by telephone which one is its own, and leave the other out; somebody may have forged one",
                "请打电话问该成员哪一份是它自己的，去掉另一份；可能有人伪造"
            ),
            Self::KeyTwice { .. } => text!(
                "each member makes keys of its own; one of them has to join again",
                "每个成员都要用自己的密钥；请其中一方重新加入"
            ),
            Self::AddressTwice { .. } => text!(
                "one of them has to make its node again with its own --address",
                "请其中一方用自己的 --address 重新建立节点"
            ),
        }
    }
}

/// Why a collection makes no founding document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Somebody is missing, or something is wrong.
    #[error("the collection is not complete and right")]
    NotReady,
    /// All are there, and still they found no chain.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
}

/// Contributions to one invitation.
#[derive(Debug, Clone)]
pub struct Collection {
    invitation: Invitation,
    standing: BTreeMap<Code<32>, Received>,
    findings: Vec<Finding>,
    /// The other invitations that good contributions say yes to.
    elsewhere: Vec<Invitation>,
}

impl Collection {
    /// Sorts what was received.
    #[must_use]
    pub fn new(invitation: Invitation, received: Vec<Received>) -> Self {
        let (standing, findings, elsewhere) = (BTreeMap::new(), Vec::new(), Vec::new());
        let mut collection = Self { invitation, standing, findings, elsewhere };
        for received in received {
            collection.take(received);
        }
        collection.find_what_stands_twice();
        collection
    }

    /// The one other invitation that everything received says yes to, if several members do: then it is
    /// not they who are wrong.
    #[must_use]
    pub fn agreed_elsewhere(&self) -> Option<&Invitation> {
        let (first, others) = self.elsewhere.split_first()?;
        let is_one = !others.is_empty() && others.iter().all(|other| other == first);
        let is_all = self.standing.is_empty() && self.findings.len() == self.elsewhere.len();
        (is_one && is_all).then_some(first)
    }

    fn take(&mut self, received: Received) {
        let Received { from, contribution } = &received;
        let (from, member) = (from.clone(), contribution.name);
        if let Err(error) = contribution.verify() {
            self.findings.push(Finding::Invalid { from, error });
            return;
        }
        let differences = differences(&self.invitation, &contribution.invitation, Relations::Same);
        if !differences.is_empty() {
            self.findings.push(Finding::OtherInvitation { from, member, differences });
            self.elsewhere.push(contribution.invitation.clone());
            return;
        }
        match self.standing.get(&member) {
            None => {
                self.standing.insert(member, received);
            }
            // The same file twice is a copy.
            Some(first) if first.contribution == *contribution => (),
            Some(first) => {
                let (first, second) = (first.from.clone(), from);
                self.findings.push(Finding::Twice { member, first, second });
            }
        }
    }

    fn find_what_stands_twice(&mut self) {
        let mut keys = BTreeMap::new();
        let mut addresses = BTreeMap::new();
        for (member, received) in &self.standing {
            let Contribution { key, validator, transport, .. } = &received.contribution;
            let transport_key = transport.as_ref().map(|t| t.key);
            for key in [Some(*key), validator.map(|v| v.key), transport_key].into_iter().flatten() {
                if let Some(first) = keys.insert(key, *member) {
                    self.findings.push(Finding::KeyTwice { first, second: *member });
                }
            }
            for address in transport.iter().flat_map(|transport| &transport.addresses) {
                if let Some(first) = addresses.insert(address.clone(), *member) {
                    let (second, address) = (*member, address.clone());
                    self.findings.push(Finding::AddressTwice { first, second, address });
                }
            }
        }
    }

    /// What is wrong.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// What was proposed.
    #[must_use]
    pub fn invitation(&self) -> &Invitation {
        &self.invitation
    }

    /// The contribution of a member that counts.
    #[must_use]
    pub fn of(&self, name: &Code<32>) -> Option<&Received> {
        self.standing.get(name)
    }

    /// Who was invited and has not contributed.
    #[must_use]
    pub fn missing(&self) -> Vec<Code<32>> {
        let names = self.invitation.members.iter().map(|invited| invited.name);
        names.filter(|name| !self.standing.contains_key(name)).collect()
    }

    /// The founding document: exactly what was proposed, and what each member has signed.
    ///
    /// # Errors
    /// [`SealError::NotReady`] while somebody is missing or something is wrong.
    pub fn seal(&self) -> Result<Genesis, SealError> {
        if !self.findings.is_empty() {
            return Err(SealError::NotReady);
        }
        let mut members = Vec::with_capacity(self.invitation.members.len());
        for invited in &self.invitation.members {
            let Received { contribution, .. } =
                self.standing.get(&invited.name).ok_or(SealError::NotReady)?;
            let validator = contribution.validator.map(|key| ValidatorSection {
                key: key.key,
                proof: key.proof,
                power: invited.votes,
            });
            members.push(MemberSection {
                name: invited.name,
                role: invited.role,
                key: contribution.key,
                proof: contribution.proof,
                related: contribution.related.clone(),
                validator,
                transport: contribution.transport.clone(),
            });
        }
        Ok(Genesis::from_document(Document {
            format: FORMAT,
            name: self.invitation.name,
            created_ms: self.invitation.created_ms,
            policy: self.invitation.policy,
            consensus: self.invitation.consensus,
            channels: self.invitation.channels.clone(),
            members,
        })?)
    }
}
