//! Members, roles, relations (rules G1, G2).

use crate::{
    codec::{Decode, Encode, List},
    crypto::PublicKey,
    merkle::{Table, record_by_encoding},
    refusal::{Party, Refusal},
    types::{Code, MemberId},
};
use serde::{Deserialize, Serialize};

/// What a member is to the community.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// 物业: holds custody of the money.
    Property,
    /// 居委会: approves filings, decides claims.
    Committee,
    /// 供应商.
    Supplier,
    /// 团长.
    Leader,
    /// 审计.
    Auditor,
}

impl Role {
    /// Whether a member of this role is an organisation, which can run a validator.
    #[must_use]
    pub const fn is_organisation(self) -> bool {
        !matches!(self, Self::Leader)
    }

    /// The role as it is written in files and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Property => "property",
            Self::Committee => "committee",
            Self::Supplier => "supplier",
            Self::Leader => "leader",
            Self::Auditor => "auditor",
        }
    }
}

/// A party with an admitted key.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Member {
    /// What people call it; unique.
    pub name: Code<32>,
    /// Its one role.
    pub role: Role,
    /// The key that signs its transactions.
    pub key: PublicKey,
    /// Members it is related to; the relation holds both ways.
    pub related: List<MemberId, 64>,
    /// How often its validator was proven to equivocate.
    pub equivocations: u32,
}

record_by_encoding!(Member);

/// All members, as a rule asks for them.
#[derive(Clone, Copy)]
pub(in crate::fund) struct Registry<'a>(pub(in crate::fund) &'a Table<MemberId, Member>);

impl<'a> Registry<'a> {
    pub(in crate::fund) fn get(self, id: MemberId) -> Option<&'a Member> {
        self.0.get(&id)
    }

    /// A member that exists.
    pub(in crate::fund) fn member(self, id: MemberId) -> Result<&'a Member, Refusal> {
        self.get(id).ok_or(Refusal::UnknownAuthor { author: id })
    }

    pub(in crate::fund) fn role(self, id: MemberId) -> Option<Role> {
        self.get(id).map(|member| member.role)
    }

    pub(in crate::fund) fn require_role(
        self,
        author: MemberId,
        role: Role,
        needed: Party,
    ) -> Result<(), Refusal> {
        if self.member(author)?.role == role { Ok(()) } else { Err(Refusal::WrongRole { needed }) }
    }

    /// Whether either member declares a relation to the other.
    pub(in crate::fund) fn are_related(self, one: MemberId, other: MemberId) -> bool {
        let names = |a, b| self.get(a).is_some_and(|member| member.related.contains(&b));
        names(one, other) || names(other, one)
    }
}
