//! The messages of one round, one vote for each validator and kind.

use super::{
    message::{VerifiedProposal, VerifiedVote, VoteKind},
    validator::{ValidatorSet, ValidatorSignature},
    view::ValidatorBits,
};
use crate::{
    crypto::BlockHash,
    types::{ValidatorIndex, VotingPower},
};
use std::collections::BTreeMap;

/// Whether the fresh proposal of a round may be prevoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Fitness {
    #[default]
    Unasked,
    Asked,
    Fit,
    Unfit,
}

/// What is known of one round.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct RoundLog {
    /// The first proposal of the rightful proposer.
    pub(super) proposal: Option<VerifiedProposal>,
    /// Whether that proposal, if fresh, may be prevoted.
    pub(super) fitness: Fitness,
    pub(super) prevotes: Votes,
    pub(super) precommits: Votes,
    /// P8 has fired in this round.
    pub(super) polka_seen: bool,
    /// P10 has fired in this round.
    pub(super) prevote_timer: bool,
    /// P11 has fired in this round.
    pub(super) precommit_timer: bool,
}

impl RoundLog {
    pub(super) fn votes(&self, kind: VoteKind) -> &Votes {
        match kind {
            VoteKind::Prevote => &self.prevotes,
            VoteKind::Precommit => &self.precommits,
        }
    }

    pub(super) fn votes_mut(&mut self, kind: VoteKind) -> &mut Votes {
        match kind {
            VoteKind::Prevote => &mut self.prevotes,
            VoteKind::Precommit => &mut self.precommits,
        }
    }

    /// The power of everybody who voted in this round.
    pub(super) fn voters_power(&self, set: &ValidatorSet) -> VotingPower {
        set.power_of(
            set.indices().filter(|v| self.prevotes.get(*v).or(self.precommits.get(*v)).is_some()),
        )
    }
}

/// What became of a vote.
pub(super) enum Added {
    New,
    Duplicate,
    /// The validator has voted otherwise; this is that other vote.
    Conflicting(VerifiedVote),
}

/// The votes of one kind in one round.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Votes {
    first: BTreeMap<ValidatorIndex, VerifiedVote>,
    /// Second votes of equivocators, kept only where a proposal needs them to show its valid round (P19).
    second: BTreeMap<(BlockHash, ValidatorIndex), VerifiedVote>,
}

impl Votes {
    /// Counts a vote; a second one of the same validator counts only for a `wanted` block.
    pub(super) fn add(&mut self, vote: VerifiedVote, wanted: bool) -> Added {
        let Some(&first) = self.first.get(&vote.validator) else {
            self.first.insert(vote.validator, vote);
            return Added::New;
        };
        if first.block == vote.block {
            return Added::Duplicate;
        }
        if let (true, Some(block)) = (wanted, vote.block) {
            self.second.entry((block, vote.validator)).or_insert(vote);
        }
        Added::Conflicting(first)
    }

    pub(super) fn get(&self, validator: ValidatorIndex) -> Option<&VerifiedVote> {
        self.first.get(&validator)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &VerifiedVote> {
        self.first.values()
    }

    pub(super) fn voters(&self) -> ValidatorBits {
        self.first.keys().copied().collect()
    }

    /// Every vote for `block`, in order of validators.
    pub(super) fn votes_for(
        &self,
        block: Option<BlockHash>,
    ) -> BTreeMap<ValidatorIndex, VerifiedVote> {
        let second = self.second.values().filter(|vote| vote.block == block);
        let first = self.first.values().filter(|vote| vote.block == block);
        second.chain(first).map(|vote| (vote.validator, *vote)).collect()
    }

    pub(super) fn signatures_for(&self, block: BlockHash) -> Vec<ValidatorSignature> {
        let votes = self.votes_for(Some(block));
        votes.into_iter().map(|(validator, vote)| (validator, vote.signed().signature)).collect()
    }

    pub(super) fn has_quorum_for(&self, block: Option<BlockHash>, set: &ValidatorSet) -> bool {
        // A validator's second vote is for another block than its first, so nobody counts twice.
        let all = self.first.values().chain(self.second.values());
        let voters = all.filter(|vote| vote.block == block).map(|vote| vote.validator);
        set.is_quorum(set.power_of(voters))
    }

    pub(super) fn has_quorum_of_any(&self, set: &ValidatorSet) -> bool {
        set.is_quorum(set.power_of(self.first.keys().copied()))
    }

    /// The block that a quorum voted for. Two such blocks need more than f equivocators; the lesser wins.
    pub(super) fn quorum_block(&self, set: &ValidatorSet) -> Option<BlockHash> {
        if !self.has_quorum_of_any(set) {
            return None; // the usual case, made cheap
        }
        let mut blocks: Vec<_> = self.first.values().filter_map(|vote| vote.block).collect();
        blocks.extend(self.second.keys().map(|(block, _)| *block));
        blocks.sort_unstable();
        blocks.dedup();
        blocks.into_iter().find(|block| self.has_quorum_for(Some(*block), set))
    }
}
