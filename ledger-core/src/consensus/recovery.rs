//! May this validator sign, now that it has started?
//!
//! An old disk image holds an old guard, and a validator that trusts it votes twice. So after every
//! start it first asks the others for the latest message they have seen from it (P21). Answering needs no
//! permission and no signature, so that validators which all start together answer each other.
//!
//! What this cannot do: find a vote that nobody who answers has seen. The guard is what makes voting
//! safe; this is the net below it for operators who restore disks.

use super::{
    message::{Message, Position},
    validator::ValidatorSet,
};
use crate::{
    crypto::ChainId,
    types::{Height, ValidatorIndex, VotingPower},
};
use std::collections::BTreeSet;

/// Whether a validator that has started may sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// Answers are missing.
    Collecting {
        /// How much more power must answer.
        missing: VotingPower,
    },
    /// Nobody has seen anything newer than the guard.
    Allowed,
    /// The guard is older than what others have seen: no signature up to and including this height.
    BarredThrough(Height),
}

/// Why an answer does not count.
///
/// Blame: the peer that gave it.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum AnswerError {
    /// The answer is from no other validator.
    #[error("validator {0} is not another member of the set")]
    NotAnotherValidator(ValidatorIndex),
    /// The message in the answer was not signed by us.
    #[error("the message that validator {0} has shown is not signed by our key")]
    NotOurs(ValidatorIndex),
}

/// Collects the answers of the other validators after a start.
#[derive(Debug, Clone)]
pub struct Recovery {
    chain: ChainId,
    set: ValidatorSet,
    me: ValidatorIndex,
    guard: Option<Position>,
    answered: BTreeSet<ValidatorIndex>,
    newest: Option<Position>,
}

impl Recovery {
    /// Begins after a start; `guard` is the position of the last message in the guard record.
    #[must_use]
    pub fn new(
        chain: ChainId,
        set: ValidatorSet,
        me: ValidatorIndex,
        guard: Option<Position>,
    ) -> Self {
        Self { chain, set, me, guard, answered: BTreeSet::from([me]), newest: None }
    }

    /// Takes the answer of a peer, whom the transport has authenticated: the latest message it has
    /// seen from us, if any.
    ///
    /// # Errors
    /// [`AnswerError`] if the answer does not count.
    pub fn on_answer(
        &mut self,
        from: ValidatorIndex,
        latest: Option<&Message>,
    ) -> Result<(), AnswerError> {
        if from == self.me || self.set.get(from).is_none() {
            return Err(AnswerError::NotAnotherValidator(from));
        }
        if let Some(message) = latest {
            // The index may have been another one at that height; the key tells.
            let ours = self.set.get(self.me);
            if !ours.is_some_and(|me| message.is_signed_by(&me.key, &self.chain)) {
                return Err(AnswerError::NotOurs(from));
            }
            self.newest = self.newest.max(Some(message.position()));
        }
        self.answered.insert(from);
        Ok(())
    }

    /// Who has not answered yet.
    pub fn unanswered(&self) -> impl Iterator<Item = ValidatorIndex> + '_ {
        self.set.indices().filter(|index| !self.answered.contains(index))
    }

    /// What the answers allow so far. An answer after the quorum may still bar.
    #[must_use]
    pub fn permit(&self) -> Permit {
        let power = self.set.power_of(self.answered.iter().copied());
        match self.newest {
            _ if !self.set.is_quorum(power) => {
                // The least power that makes a quorum is two thirds, rounded down, and one more.
                let quorum = 2 * self.set.total_power().get() / 3 + 1;
                Permit::Collecting { missing: VotingPower::new(quorum).saturating_sub(power) }
            }
            Some(newest) if Some(newest) > self.guard => Permit::BarredThrough(newest.height),
            Some(_) | None => Permit::Allowed,
        }
    }
}
