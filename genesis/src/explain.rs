//! What a founding document means, in plain words.

use crate::{Text, check::Genesis, error::role_zh, text};
use ledger_core::{
    consensus::{Validator, ValidatorSet},
    fund::{Member, Policy, Role},
    types::{Code, MemberId, VotingPower},
};
use std::collections::BTreeSet;

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
    pub sentences: Vec<Text>,
    /// What works, but should be looked at again.
    pub warnings: Vec<Text>,
}

/// What an explanation rests on; an invitation has it before there are keys.
pub(crate) struct Outline<'a> {
    pub(crate) name: &'a Code<32>,
    pub(crate) members: &'a [Member],
    pub(crate) validators: &'a ValidatorSet,
    pub(crate) policy: &'a Policy,
    /// Names of validators whose node says no address.
    pub(crate) without_address: Vec<String>,
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
        let votes = |member| self.validators.validators().iter().any(|v| v.member == member);
        let silent = self.nodes.iter().filter(|node| node.addresses.is_empty());
        let without_address = silent.filter(|n| votes(n.member)).map(|n| n.name.clone()).collect();
        explain(&Outline {
            name: &self.name,
            members: &self.members,
            validators: &self.validators,
            policy: &self.policy,
            without_address,
        })
    }
}

pub(crate) fn explain(outline: &Outline<'_>) -> Explanation {
    let set = outline.validators;
    let voter = |v: &Validator| Voter { name: outline.name_of(v.member), power: v.power.get() };
    let mut voters: Vec<_> = set.validators().iter().map(voter).collect();
    // Strongest first; the order of the document among equals.
    voters.sort_by_key(|voter| std::cmp::Reverse(voter.power));
    let tolerated = tolerated(set, &voters);
    let (stopping_sets, more_stopping_sets) = stopping_sets(set, &voters);
    let mut sentences = vec![outline.first_sentence(&voters)];
    sentences.push(tolerance_sentence(tolerated, voters.len()));
    sentences.extend(stopping_sentences(&voters, &stopping_sets, more_stopping_sets));
    sentences.extend(outline.property_sentence(voters.len()));
    sentences.extend(outline.custody_sentences());
    sentences.extend(outline.relation_sentences());
    let warnings = outline.warnings(&voters, tolerated);
    Explanation { tolerated, stopping_sets, more_stopping_sets, sentences, warnings }
}

impl Outline<'_> {
    fn name_of(&self, id: MemberId) -> String {
        self.members.get(usize::from(id.get())).map_or_else(String::new, |m| m.name.to_string())
    }

    fn votes(&self, role: Role) -> Option<&Validator> {
        let has_role = |v: &&Validator| {
            self.members.get(usize::from(v.member.get())).is_some_and(|m| m.role == role)
        };
        self.validators.validators().iter().find(has_role)
    }

    fn first_sentence(&self, voters: &[Voter]) -> Text {
        let equal = voters.windows(2).all(|pair| pair[0].power == pair[1].power);
        let named: Vec<_> = voters
            .iter()
            .map(|v| if equal { v.name.clone() } else { format!("{} ({})", v.name, v.power) })
            .collect();
        let chain = self.name;
        match named.as_slice() {
            [only] => text!(
                "{only} alone decides the blocks of {chain}.",
                "{chain} 的区块由 {only} 一家决定。"
            ),
            _ => {
                let Text { en, zh } = list(&named);
                let (weight, weight_zh) = if equal {
                    ("with equal votes", "票数相等")
                } else {
                    ("with the votes in brackets", "票数见括号")
                };
                Text {
                    en: format!("{en} decide the blocks of {chain} {weight}."),
                    zh: format!("{chain} 的区块由 {zh} 共同决定，{weight_zh}。"),
                }
            }
        }
    }

    /// What happens when the node of the property company is down.
    fn property_sentence(&self, voters: usize) -> Option<Text> {
        let property = self.votes(Role::Property).filter(|_| voters > 1)?;
        let name = self.name_of(property.member);
        Some(if stops(self.validators, property.power.get()) {
            text!(
                "If the node of {name} is down, the chain stands still until it is back.",
                "{name} 的节点停机时，账本暂停，恢复后继续。"
            )
        } else {
            text!(
                "If the node of {name} is down, the others go on without it.",
                "{name} 的节点停机时，其余机构照常出块。"
            )
        })
    }

    /// Who holds the money, and what waits for whom.
    fn custody_sentences(&self) -> Vec<Text> {
        let mut custodians: Vec<MemberId> = Vec::new();
        for channel in &self.policy.channels {
            if !custodians.contains(&channel.custodian) {
                custodians.push(channel.custodian);
            }
        }
        let sentence = |custodian: MemberId| {
            let channels = self.policy.channels.iter().filter(|c| c.custodian == custodian);
            let Text { en, zh } = list(&channels.map(|c| c.name.to_string()).collect::<Vec<_>>());
            let name = self.name_of(custodian);
            text!(
                "{name} holds the money of {en}: payments there wait for its signature.",
                "{zh} 的款项由 {name} 保管：那里的收付款须经其签字，未签即等待。"
            )
        };
        custodians.into_iter().map(sentence).collect()
    }

    /// Who is related to whom: who may not approve what the other asks for.
    fn relation_sentences(&self) -> Vec<Text> {
        let related = self.members.iter().filter(|member| !member.related.is_empty());
        let sentence = |member: &Member| {
            let others: Vec<_> = member.related.iter().map(|id| self.name_of(*id)).collect();
            let (name, Text { en, zh }) = (member.name, list(&others));
            text!("{name} declares that it is related to {en}.", "{name} 声明与 {zh} 有关联关系。")
        };
        related.map(sentence).collect()
    }

    fn warnings(&self, voters: &[Voter], tolerated: usize) -> Vec<Text> {
        let mut warnings = Vec::new();
        let total = self.validators.total_power().get();
        if tolerated == 0 {
            warnings.push(text!(
                "one validator that fails stops the chain; four with equal votes tolerate one",
                "任何一家出故障账本就会停下；四家票数相等时可容一家"
            ));
        }
        for voter in voters.iter().filter(|_| voters.len() > 1) {
            let name = &voter.name;
            if 3 * voter.power > 2 * total {
                warnings.push(text!(
                    "{name} decides alone, whatever the others say",
                    "{name} 一家说了算，其余机构无法制约"
                ));
            } else if 3 * voter.power >= total && voters.len() >= 4 {
                warnings
                    .push(text!("{name} can stop the chain alone", "{name} 一家就能让账本停下"));
            }
        }
        for role in [Role::Property, Role::Committee] {
            if self.votes(role).is_none() {
                let (role, zh) = (role.name(), role_zh(role));
                warnings.push(text!(
                    "the {role} runs no validator and has to trust the others",
                    "{zh}不参与出块，只能相信其余机构"
                ));
            }
        }
        warnings.extend(self.related_warnings());
        if self.without_address.len() > 1 {
            let Text { en, zh } = list(&self.without_address);
            warnings.push(text!(
                "{en} have no address: they cannot reach each other",
                "{zh} 没有地址，彼此无法连接"
            ));
        }
        warnings
    }

    /// Validators that declare relations and together reach a third of the votes.
    fn related_warnings(&self) -> Vec<Text> {
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
            if inside.len() > 1 && stops(self.validators, power) && warned.insert(group) {
                let names: Vec<_> = inside.iter().map(|v| self.name_of(v.member)).collect();
                let Text { en, zh } = list(&names);
                warnings.push(text!(
                    "{en} are related and together can stop the chain",
                    "{zh} 有关联关系，联手就能让账本停下"
                ));
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
            for (id, member) in (0u16..).zip(self.members) {
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

fn tolerance_sentence(tolerated: usize, count: usize) -> Text {
    match (tolerated, count) {
        (0, 1) => text!("It may not fail or lie.", "它不能出故障，也不能作假。"),
        (0, _) => text!(
            "None of the {count} may fail or lie.",
            "这 {count} 家中任何一家都不能出故障或作假。"
        ),
        (1, _) => text!(
            "Any one of the {count} may fail or lie.",
            "这 {count} 家中任何一家出故障或作假，账本仍然正确并继续。"
        ),
        (some, _) => text!(
            "Any {some} of the {count} may fail or lie.",
            "这 {count} 家中任何 {some} 家出故障或作假，账本仍然正确并继续。"
        ),
    }
}

fn stopping_sentences(voters: &[Voter], sets: &[Vec<String>], more: bool) -> Vec<Text> {
    if voters.len() < 2 {
        return Vec::new();
    }
    let equal = voters.windows(2).all(|pair| pair[0].power == pair[1].power);
    if equal && let Some(size) = sets.first().map(Vec::len) {
        return vec![match size {
            1 => text!(
                "Any one of them can stop the chain by silence, but not change what is decided.",
                "任何一家不出声都能让账本停下，但改不了已定的账。"
            ),
            _ => text!(
                "Any {size} of them together can stop the chain by silence, but not change what is decided.",
                "任何 {size} 家一起不出声能让账本停下，但改不了已定的账。"
            ),
        }];
    }
    let sentence = |names: &Vec<String>| match names.as_slice() {
        [only] => text!("{only} alone can stop the chain.", "{only} 一家就能让账本停下。"),
        _ => {
            let Text { en, zh } = list(names);
            text!("{en} together can stop the chain.", "{zh} 联手能让账本停下。")
        }
    };
    let mut sentences: Vec<_> = sets.iter().map(sentence).collect();
    if more {
        sentences.push(text!("So can other sets of theirs.", "其他组合也可以。"));
    }
    sentences
}

/// `a`, `a and b`, `a, b and c`; `a、b、c`.
fn list(names: &[String]) -> Text {
    let en = match names {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    };
    Text { en, zh: names.join("、") }
}
