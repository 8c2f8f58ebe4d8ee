//! Where consensus is, and since when: for whoever looks at a node.

use ledger_core::{
    consensus::{State, Step},
    types::{Height, Round, TimestampMs},
};

/// Where consensus is, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    height: Height,
    round: Round,
    step: Step,
    /// Since when the height is being decided.
    pub height_since: TimestampMs,
    /// Since when there is a reason to decide it; nothing while it waits for one.
    pub awake_since: Option<TimestampMs>,
    /// Since when its round is in its step.
    pub step_since: TimestampMs,
}

impl Standing {
    /// Of a node that starts now.
    pub(crate) fn new(consensus: &State, now: TimestampMs) -> Self {
        Self {
            height: consensus.height(),
            round: consensus.round(),
            step: consensus.step(),
            height_since: now,
            awake_since: (!consensus.is_waiting()).then_some(now),
            step_since: now,
        }
    }

    /// Notes where consensus is now.
    pub(crate) fn note(&mut self, consensus: &State, now: TimestampMs) {
        let (height, round, step) = (consensus.height(), consensus.round(), consensus.step());
        if self.height != height {
            self.height_since = now;
            self.awake_since = None;
        }
        self.awake_since = match step {
            Step::Waiting => None,
            _ => self.awake_since.or(Some(now)),
        };
        if (self.height, self.round, self.step) != (height, round, step) {
            (self.height, self.round, self.step) = (height, round, step);
            self.step_since = now;
        }
    }

    /// How many rounds ended without a decision since `before`.
    #[must_use]
    pub fn rounds_after(&self, before: &Self) -> u64 {
        if self.height != before.height {
            return 0;
        }
        u64::from(self.round.get().saturating_sub(before.round.get()))
    }
}
