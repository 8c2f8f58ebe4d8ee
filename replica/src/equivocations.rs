//! What the ledger holds against validators: that they signed twice.

use ledger_core::{
    ledger::State,
    types::{Height, TimestampMs, ValidatorIndex},
};
use std::collections::BTreeMap;

/// What the ledger holds against a validator: that it signed twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Equivocation {
    /// Who did.
    pub validator: ValidatorIndex,
    /// How often it was proven.
    pub times: u64,
    /// The last height at which it signed twice.
    pub height: Height,
    /// The height of the block that says so.
    entered: Height,
    /// The time of that block; nothing if the block is not here.
    pub at: Option<TimestampMs>,
}

/// All of them, by validator: a summary of the state, made anew when the state has more to say.
#[derive(Debug, Default)]
pub(crate) struct Equivocations(Vec<Equivocation>);

impl Equivocations {
    /// One for each validator that has signed twice.
    pub(crate) fn all(&self) -> &[Equivocation] {
        &self.0
    }

    /// Looks at the state after a block that may say more. `time_of` gives the time of an earlier block.
    ///
    /// # Errors
    /// What `time_of` could not say.
    pub(crate) fn note<E>(
        &mut self,
        state: &State,
        time_of: impl Fn(Height) -> Result<Option<TimestampMs>, E>,
    ) -> Result<(), E> {
        let known: u64 = self.0.iter().map(|known| known.times).sum();
        if state.convictions().count() as u64 == known {
            return Ok(());
        }
        let mut found: BTreeMap<ValidatorIndex, Equivocation> = BTreeMap::new();
        for (key, entered) in state.convictions() {
            let (validator, height) = (key.validator, key.height);
            let new = Equivocation { validator, times: 0, height, entered, at: None };
            let one = found.entry(validator).or_insert(new);
            one.times += 1;
            one.height = one.height.max(height);
            one.entered = one.entered.max(entered);
        }
        let tip = state.tip();
        for one in found.values_mut() {
            let mut known = self.0.iter();
            let same = |known: &&Equivocation| {
                (known.validator, known.entered) == (one.validator, one.entered)
            };
            one.at = match known.find(same) {
                _ if one.entered == tip.height => Some(tip.time),
                Some(known) => known.at,
                None => time_of(one.entered)?,
            };
        }
        self.0 = found.into_values().collect();
        Ok(())
    }
}
