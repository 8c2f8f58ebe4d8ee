//! What a founding document means, in plain words.

use crate::{check::Genesis, document::MemberSection};
use ledger_core::{consensus::ValidatorSet, fund::Role, types::VotingPower};
use std::{collections::BTreeSet, fmt};

/// Most sets of validators that an explanation lists.
pub const STOPPING_SETS_LISTED_MAX: usize = 12;

/// What the validators tolerate, and what is unwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// How many validators may fail or lie, whichever they are.
    pub tolerated: usize,
    /// Smallest sets of validators that can stop the chain by silence: without any one of its members
    /// a set is too weak. At most [`STOPPING_SETS_LISTED_MAX`].
    pub stopping_sets: Vec<Vec<String>>,
    /// There are more such sets.
    pub more_stopping_sets: bool,
    /// What the set does and tolerates, sentence by sentence.
    pub sentences: Vec<String>,
    /// What works, but should be looked at again.
    pub warnings: Vec<String>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for sentence in &self.sentences {
            writeln!(f, "{sentence}")?;
        }
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        Ok(())
    }
}

/// A validator's name and power.
struct Voter {
    name: String,
    power: u64,
}

impl Genesis {
    /// Says in plain words what the validators tolerate, and warns of what is unwise.
    #[must_use]
    pub fn explain(&self) -> Explanation {
        let set = &self.validators;
        let mut voters: Vec<_> = set
            .validators()
            .iter()
            .map(|validator| Voter {
                name: self
                    .member(validator.member)
                    .map_or_else(String::new, |m| m.name.to_string()),
                power: validator.power.get(),
            })
            .collect();
        // Strongest first; the order of the document among equals.
        voters.sort_by_key(|voter| std::cmp::Reverse(voter.power));
        let tolerated = tolerated(set, &voters);
        let (stopping_sets, more_stopping_sets) = stopping_sets(set, &voters);
        let mut sentences = vec![self.first_sentence(&voters)];
        sentences.push(tolerance_sentence(tolerated, voters.len()));
        sentences.extend(stopping_sentences(&voters, &stopping_sets, more_stopping_sets));
        let warnings = self.warnings(&voters, tolerated);
        Explanation { tolerated, stopping_sets, more_stopping_sets, sentences, warnings }
    }

    fn first_sentence(&self, voters: &[Voter]) -> String {
        let equal = voters.windows(2).all(|pair| pair[0].power == pair[1].power);
        let named: Vec<_> = voters
            .iter()
            .map(|v| if equal { v.name.clone() } else { format!("{} ({})", v.name, v.power) })
            .collect();
        let weight = if equal { "with equal votes" } else { "with the votes in brackets" };
        match named.as_slice() {
            [only] => format!("{only} alone decides the blocks of {}.", self.name),
            _ => format!("{} decide the blocks of {} {weight}.", list(&named), self.name),
        }
    }

    fn warnings(&self, voters: &[Voter], tolerated: usize) -> Vec<String> {
        let mut warnings = Vec::new();
        let total = self.validators.total_power().get();
        if tolerated == 0 {
            warnings.push(
                "one validator that fails stops the chain; four with equal votes tolerate one"
                    .into(),
            );
        }
        for voter in voters.iter().filter(|_| voters.len() > 1) {
            if 3 * voter.power > 2 * total {
                warnings.push(format!("{} decides alone, whatever the others say", voter.name));
            } else if 3 * voter.power >= total && voters.len() >= 4 {
                warnings.push(format!("{} can stop the chain alone", voter.name));
            }
        }
        for role in [Role::Property, Role::Committee] {
            let votes =
                |section: &MemberSection| section.role == role && section.validator.is_some();
            if !self.document().members.iter().any(votes) {
                let role = role.name();
                warnings.push(format!("the {role} runs no validator and has to trust the others"));
            }
        }
        warnings.extend(self.related_warnings());
        let unreachable: Vec<_> = self
            .nodes
            .iter()
            .filter(|node| node.addresses.is_empty())
            .filter(|node| self.validators.validators().iter().any(|v| v.member == node.member))
            .map(|node| node.name.clone())
            .collect();
        if unreachable.len() > 1 {
            let names = list(&unreachable);
            warnings.push(format!(
                "{names} have no address: they cannot reach each other unless their operators pin one"
            ));
        }
        warnings
    }

    /// Validators that declare relations and together reach a third of the votes.
    fn related_warnings(&self) -> Vec<String> {
        let mut warned = BTreeSet::new();
        let mut warnings = Vec::new();
        for start in self.validators.validators() {
            let group = self.related_to(start.member.get());
            let inside: Vec<_> = self
                .validators
                .validators()
                .iter()
                .filter(|validator| group.contains(&validator.member.get()))
                .collect();
            let power: u64 = inside.iter().map(|validator| validator.power.get()).sum();
            if inside.len() > 1 && stops(&self.validators, power) && warned.insert(group) {
                let names: Vec<_> = inside
                    .iter()
                    .filter_map(|validator| self.member(validator.member))
                    .map(|member| member.name.to_string())
                    .collect();
                let names = list(&names);
                warnings.push(format!("{names} are related and together can stop the chain"));
            }
        }
        warnings
    }

    /// Everyone reached from a member by declared relations, itself among them.
    fn related_to(&self, start: u16) -> BTreeSet<u16> {
        let mut reached = BTreeSet::from([start]);
        let mut grown = true;
        while grown {
            grown = false;
            for (id, member) in (0u16..).zip(&self.members) {
                let names_one = member.related.iter().any(|other| reached.contains(&other.get()));
                if reached.contains(&id) {
                    let others: Vec<_> = member.related.iter().map(|other| other.get()).collect();
                    grown |= others.into_iter().filter(|other| reached.insert(*other)).count() > 0;
                } else if names_one {
                    grown |= reached.insert(id);
                }
            }
        }
        reached
    }
}

/// Whether the rest is no quorum without this power.
fn stops(set: &ValidatorSet, power: u64) -> bool {
    !set.is_quorum(VotingPower::new(set.total_power().get().saturating_sub(power)))
}

/// The largest number of validators of which any may fail or lie: even the strongest of them together
/// neither stop the others nor reach the third that two quorums share.
fn tolerated(set: &ValidatorSet, strongest_first: &[Voter]) -> usize {
    let mut power = 0;
    strongest_first
        .iter()
        .take_while(|voter| {
            power += voter.power;
            !stops(set, power)
        })
        .count()
}

/// Walks the validators from the strongest down. A set is taken as soon as it can stop the chain; as
/// the last one added is its weakest, no smaller part of it could.
fn stopping_sets(set: &ValidatorSet, strongest_first: &[Voter]) -> (Vec<Vec<String>>, bool) {
    let mut found: Vec<Vec<usize>> = Vec::new();
    let mut chosen = Vec::new();
    walk(set, strongest_first, 0, 0, &mut chosen, &mut found);
    let more = found.len() > STOPPING_SETS_LISTED_MAX;
    found.truncate(STOPPING_SETS_LISTED_MAX);
    found.sort_by_key(Vec::len);
    let name = |index: usize| strongest_first[index].name.clone();
    (found.into_iter().map(|set| set.into_iter().map(name).collect()).collect(), more)
}

fn walk(
    set: &ValidatorSet,
    voters: &[Voter],
    next: usize,
    power: u64,
    chosen: &mut Vec<usize>,
    found: &mut Vec<Vec<usize>>,
) {
    if found.len() > STOPPING_SETS_LISTED_MAX {
        return;
    }
    if stops(set, power) {
        found.push(chosen.clone());
        return;
    }
    let rest: u64 = voters[next..].iter().map(|voter| voter.power).sum();
    if !stops(set, power + rest) {
        return;
    }
    chosen.push(next);
    walk(set, voters, next + 1, power + voters[next].power, chosen, found);
    chosen.pop();
    walk(set, voters, next + 1, power, chosen, found);
}

fn tolerance_sentence(tolerated: usize, count: usize) -> String {
    match (tolerated, count) {
        (0, 1) => "It may not fail or lie.".into(),
        (0, _) => format!("None of the {count} may fail or lie."),
        (1, _) => format!("Any one of the {count} may fail or lie."),
        (some, _) => format!("Any {some} of the {count} may fail or lie."),
    }
}

fn stopping_sentences(voters: &[Voter], sets: &[Vec<String>], more: bool) -> Vec<String> {
    if voters.len() < 2 {
        return Vec::new();
    }
    let equal = voters.windows(2).all(|pair| pair[0].power == pair[1].power);
    if equal && let Some(size) = sets.first().map(Vec::len) {
        let together =
            if size == 1 { "Any one of them" } else { &format!("Any {size} of them together") };
        return vec![format!(
            "{together} can stop the chain by silence, but not change what is decided."
        )];
    }
    let mut sentences: Vec<_> = sets
        .iter()
        .map(|names| match names.as_slice() {
            [only] => format!("{only} alone can stop the chain."),
            _ => format!("{} together can stop the chain.", list(names)),
        })
        .collect();
    if more {
        sentences.push("So can other sets of theirs.".into());
    }
    sentences
}

/// `a`, `a and b`, `a, b and c`.
fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
