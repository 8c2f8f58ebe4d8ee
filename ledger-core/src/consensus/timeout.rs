//! How long a round waits for whom.

use crate::{
    codec::{Decode, Encode},
    types::{DurationMs, Height, Round},
};
use serde::{Deserialize, Serialize};

/// What a round waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimeoutKind {
    /// A proposal that can be judged.
    Propose,
    /// Prevotes for the same block, after more than two thirds have prevoted anything.
    Prevote,
    /// Precommits for the same block, after more than two thirds have precommitted anything.
    Precommit,
}

/// One timer. It is never cancelled: when it no longer matters, its end is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timeout {
    /// The height that waits.
    pub height: Height,
    /// The round that waits.
    pub round: Round,
    /// What it waits for.
    pub kind: TimeoutKind,
}

/// How long timers run: a base for round 0 and what each further round adds, back to the base at every
/// height. The additions make some round long enough once messages arrive again within a bounded time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TimeoutPolicy {
    /// Wait for a proposal in round 0.
    pub propose: DurationMs,
    /// Added to `propose` for each round.
    pub propose_delta: DurationMs,
    /// Wait for prevotes in round 0.
    pub prevote: DurationMs,
    /// Added to `prevote` for each round.
    pub prevote_delta: DurationMs,
    /// Wait for precommits in round 0.
    pub precommit: DurationMs,
    /// Added to `precommit` for each round.
    pub precommit_delta: DurationMs,
}

impl TimeoutPolicy {
    /// How long `timeout` runs.
    #[must_use]
    pub fn duration(&self, timeout: &Timeout) -> DurationMs {
        let (base, delta) = match timeout.kind {
            TimeoutKind::Propose => (self.propose, self.propose_delta),
            TimeoutKind::Prevote => (self.prevote, self.prevote_delta),
            TimeoutKind::Precommit => (self.precommit, self.precommit_delta),
        };
        let added = delta.get().saturating_mul(u64::from(timeout.round.get()));
        base.saturating_add(DurationMs::new(added))
    }
}
