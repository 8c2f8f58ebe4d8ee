//! How often each kind of act was accepted, and refused under which number.

use super::{
    compare::{Outcome, refusal_name},
    known::{KNOWN, Known},
    step::all_kinds,
};
use ledger_core::refusal::Refusal;
use std::{collections::BTreeMap, fmt};

/// Refusals that are said elsewhere: by the node, by the machinery, or only after very many acts.
const SAID_ELSEWHERE: [u16; 6] = [100, 104, 110, 111, 800, 801];

/// Counts of acts, by kind and answer.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    accepted: BTreeMap<String, u64>,
    refused: BTreeMap<String, BTreeMap<u16, u64>>,
    /// By position among the known differences.
    known: BTreeMap<usize, u64>,
    /// All acts.
    pub acts: u64,
    /// Deadlines that fell due.
    pub deadlines: u64,
}

impl Tally {
    pub(super) fn count(&mut self, outcome: &Outcome) {
        self.acts += 1;
        self.deadlines += outcome.due as u64;
        if let Some(known) = outcome.known {
            *self.known.entry(known).or_default() += 1;
        }
        match outcome.verdict {
            Ok(()) => *self.accepted.entry(outcome.kind.clone()).or_default() += 1,
            Err(number) => {
                let numbers = self.refused.entry(outcome.kind.clone()).or_default();
                *numbers.entry(number).or_default() += 1;
            }
        }
    }

    /// Adds what others counted.
    pub fn add(&mut self, other: &Self) {
        self.acts += other.acts;
        self.deadlines += other.deadlines;
        for (known, count) in &other.known {
            *self.known.entry(*known).or_default() += count;
        }
        for (kind, count) in &other.accepted {
            *self.accepted.entry(kind.clone()).or_default() += count;
        }
        for (kind, numbers) in &other.refused {
            let own = self.refused.entry(kind.clone()).or_default();
            for (number, count) in numbers {
                *own.entry(*number).or_default() += count;
            }
        }
    }

    /// Kinds of acts that were never accepted.
    #[must_use]
    pub fn never_accepted(&self) -> Vec<String> {
        let mut kinds = all_kinds();
        kinds.retain(|kind| !self.accepted.contains_key(kind));
        kinds
    }

    /// Refusals that were never given, though the rules of the money give them.
    #[must_use]
    pub fn never_refused(&self) -> Vec<u16> {
        let given = |number: u16| self.refused.values().any(|by| by.contains_key(&number));
        let numbers = Refusal::ALL.iter().map(|(number, _)| *number);
        numbers.filter(|number| !SAID_ELSEWHERE.contains(number) && !given(*number)).collect()
    }

    /// Known differences that were not met, so that they may be none any more.
    #[must_use]
    pub fn never_met(&self) -> Vec<&'static Known> {
        let not_met = KNOWN.iter().enumerate().filter(|(at, _)| !self.known.contains_key(at));
        not_met.map(|(_, known)| known).collect()
    }

    /// How many acts were accepted.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted.values().sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} acts, {} accepted, {} deadlines",
            self.acts,
            self.accepted(),
            self.deadlines
        )?;
        let mut kinds: Vec<&String> = self.accepted.keys().chain(self.refused.keys()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        for kind in kinds {
            let accepted = self.accepted.get(kind).copied().unwrap_or(0);
            write!(f, "{kind:34} {accepted:>9} accepted")?;
            for (number, count) in self.refused.get(kind).into_iter().flatten() {
                write!(f, "  {number}×{count}")?;
            }
            writeln!(f)?;
        }
        for (known, count) in KNOWN
            .iter()
            .enumerate()
            .filter_map(|(at, known)| self.known.get(&at).map(|count| (known, count)))
        {
            writeln!(f, "known to differ, {count} times: {}", known.why)?;
        }
        for kind in self.never_accepted() {
            writeln!(f, "never accepted: {kind}")?;
        }
        for number in self.never_refused() {
            writeln!(f, "never refused under: {}", refusal_name(number))?;
        }
        Ok(())
    }
}
