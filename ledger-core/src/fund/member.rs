//! Members, roles, relations and policy (rules G1, G2).

use crate::{
    codec::{Decode, Encode, List},
    crypto::PublicKey,
    merkle::record_by_encoding,
    types::{Code, DurationMs, Fen, MemberId},
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

/// A way in which money arrives and leaves, and who keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Channel {
    /// Its name, for example `wechat`, `alipay`, `bank`, `cash`.
    pub name: Code<16>,
    /// The organisation that holds the money and says what happened.
    pub custodian: MemberId,
}

/// Position of a channel in the policy.
pub type ChannelId = u8;

/// Durations and thresholds that the members agreed on.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Policy {
    /// The ways of paying.
    pub channels: List<Channel, 16>,
    /// From goods received to automatic delivery.
    pub auto_delivery_after: DurationMs,
    /// How long one signature on a goods note waits for the other.
    pub goods_note_wait: DurationMs,
    /// From the end of a group buy until what could not be paid out becomes unclaimed.
    pub unclaimed_after: DurationMs,
    /// How long a proposal waits for its approval.
    pub proposal_lapses_after: DurationMs,
    /// The longest life of a transaction.
    pub transaction_life_max: DurationMs,
    /// A block is made after this time even if nothing happens.
    pub heartbeat: DurationMs,
    /// How far a fresh block's time may lie ahead of a validator's clock.
    pub block_time_ahead_max: DurationMs,
    /// How far behind, in round 0.
    pub block_time_behind_max: DurationMs,
    /// Largest amount of one payment.
    pub payment_max: Fen,
}

record_by_encoding!(Member, Policy);
