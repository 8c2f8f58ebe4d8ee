//! `genesis.toml` as it is written. Says nothing about whether it makes sense.

use ledger_core::{
    crypto::{PublicKey, Signature},
    fund::Role,
    types::Code,
};
use serde::{Deserialize, Serialize};

/// The layout of the document that this code reads and writes.
pub const FORMAT: u16 = 1;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// [`FORMAT`].
    pub format: u16,
    /// The name of the community.
    pub name: Code<32>,
    /// When it was founded, in milliseconds since 1970-01-01 UTC: the time before the first block.
    pub created_ms: u64,
    /// Durations and limits.
    pub policy: PolicySection,
    /// How long consensus waits.
    pub consensus: ConsensusSection,
    /// The ways of paying.
    pub channels: Vec<ChannelSection>,
    /// The founding members; their order gives their ids.
    pub members: Vec<MemberSection>,
}

/// Durations in milliseconds and the largest payment in fen; see [`ledger_core::fund::Policy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySection {
    /// From goods received to automatic delivery.
    pub auto_delivery_after_ms: u64,
    /// How long one signature on a goods note waits for the other.
    pub goods_note_wait_ms: u64,
    /// From the end of a group buy until what could not be paid out becomes unclaimed.
    pub unclaimed_after_ms: u64,
    /// How long a proposal waits for its approval.
    pub proposal_lapses_after_ms: u64,
    /// The longest life of a transaction.
    pub transaction_life_max_ms: u64,
    /// A block is made after this time even if nothing happens.
    pub heartbeat_ms: u64,
    /// How far a fresh block's time may lie ahead of a validator's clock.
    pub block_time_ahead_max_ms: u64,
    /// How far behind, in round 0.
    pub block_time_behind_max_ms: u64,
    /// Largest amount of one payment.
    pub payment_max_fen: u64,
}

impl Default for PolicySection {
    /// What suits one community: 48 h to automatic delivery, 30 days to unclaimed, an hour's heartbeat.
    fn default() -> Self {
        const SECOND: u64 = 1_000;
        const HOUR: u64 = 3_600 * SECOND;
        const DAY: u64 = 24 * HOUR;
        Self {
            auto_delivery_after_ms: 2 * DAY,
            goods_note_wait_ms: DAY,
            unclaimed_after_ms: 30 * DAY,
            proposal_lapses_after_ms: 7 * DAY,
            transaction_life_max_ms: DAY,
            heartbeat_ms: HOUR,
            block_time_ahead_max_ms: 10 * SECOND,
            block_time_behind_max_ms: 15 * SECOND,
            payment_max_fen: 100_000_000,
        }
    }
}

/// Timers of consensus in milliseconds; see [`ledger_core::consensus::TimeoutPolicy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsensusSection {
    /// Wait for a proposal in round 0.
    pub propose_ms: u64,
    /// Added for each round.
    pub propose_delta_ms: u64,
    /// Wait for prevotes in round 0.
    pub prevote_ms: u64,
    /// Added for each round.
    pub prevote_delta_ms: u64,
    /// Wait for precommits in round 0.
    pub precommit_ms: u64,
    /// Added for each round.
    pub precommit_delta_ms: u64,
}

impl Default for ConsensusSection {
    /// What suits nodes on household lines of one city.
    fn default() -> Self {
        Self {
            propose_ms: 1_000,
            propose_delta_ms: 500,
            prevote_ms: 500,
            prevote_delta_ms: 250,
            precommit_ms: 500,
            precommit_delta_ms: 250,
        }
    }
}

/// A way of paying.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelSection {
    /// Its name, for example `wechat`.
    pub name: Code<16>,
    /// Name of the organisation that holds the money.
    pub custodian: String,
}

/// A founding member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberSection {
    /// What people call it.
    pub name: Code<32>,
    /// Its one role.
    pub role: Role,
    /// The key that signs its transactions.
    pub key: PublicKey,
    /// Proof of possession for [`KeyPurpose::Member`](ledger_core::crypto::KeyPurpose::Member).
    pub proof: Signature,
    /// Names of members it is related to.
    #[serde(default)]
    pub related: Vec<String>,
    /// Its vote in consensus, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validator: Option<ValidatorSection>,
    /// Its node, if it runs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<TransportSection>,
}

/// A vote in consensus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidatorSection {
    /// The key that signs proposals and votes.
    pub key: PublicKey,
    /// Proof of possession for [`KeyPurpose::Validator`](ledger_core::crypto::KeyPurpose::Validator).
    pub proof: Signature,
    /// Its weight.
    pub power: u64,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransportSection {
    /// The key that its connections prove.
    pub key: PublicKey,
    /// Proof of possession for [`KeyPurpose::Transport`](ledger_core::crypto::KeyPurpose::Transport).
    pub proof: Signature,
    /// Where it can be reached, as multiaddresses.
    #[serde(default)]
    pub addresses: Vec<String>,
}
