//! What a node has, told to peers so that they send what it lacks.
//!
//! Validators exchange a [`View`] regularly, whatever was acknowledged before, and answer with
//! [`State::missing_for`]. This is the gossip that the paper's liveness rests on.

use super::{
    message::{Message, VoteKind},
    round_log::RoundLog,
    state::{State, Step},
    validator::VALIDATORS_MAX,
};
use crate::{
    codec::{Decode, Encode, List},
    crypto::BlockHash,
    types::{Height, Round, ValidatorIndex},
};

/// Most rounds in a view: the current one, those ahead, and as many before.
pub const VIEW_ROUNDS_MAX: usize = 32;

/// Most messages in one answer to a view. The next exchange brings the rest.
pub const MISSING_MESSAGES_MAX: usize = 256;

const _: () = assert!(VALIDATORS_MAX <= u32::BITS as usize);
// An answer has room for the messages of two whole rounds, and those of the current round come first.
const _: () = assert!(MISSING_MESSAGES_MAX > 2 * (1 + 2 * VALIDATORS_MAX));

/// A set of validators, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
pub struct ValidatorBits(u32);

impl ValidatorBits {
    /// Whether the validator is in the set.
    #[must_use]
    pub fn contains(self, index: ValidatorIndex) -> bool {
        1u32.checked_shl(u32::from(index.get())).is_some_and(|bit| self.0 & bit != 0)
    }
}

impl FromIterator<ValidatorIndex> for ValidatorBits {
    fn from_iter<I: IntoIterator<Item = ValidatorIndex>>(indices: I) -> Self {
        let bit = |index: ValidatorIndex| 1u32.checked_shl(u32::from(index.get())).unwrap_or(0);
        Self(indices.into_iter().map(bit).fold(0, |bits, bit| bits | bit))
    }
}

/// What a node has of one round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct RoundView {
    /// The round.
    pub round: Round,
    /// Whether it has the proposal.
    pub proposal: bool,
    /// Whose prevotes it has.
    pub prevotes: ValidatorBits,
    /// Whose precommits it has.
    pub precommits: ValidatorBits,
}

/// Prevotes that a proposal rests on and that are not there yet (P7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Wanted {
    /// The valid round of the proposal.
    pub round: Round,
    /// Its block.
    pub block: BlockHash,
    /// Whose prevotes for that block the node has.
    pub have: ValidatorBits,
}

/// What a node has of the height it is at.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct View {
    /// The height.
    pub height: Height,
    /// The current round.
    pub round: Round,
    /// The current step; anything but [`Step::Waiting`] tells the peer that this node is awake.
    pub step: Step,
    /// The latest rounds of which it has anything, descending.
    pub rounds: List<RoundView, VIEW_ROUNDS_MAX>,
    /// What the proposal of the current round lacks.
    pub wanted: Option<Wanted>,
}

impl State {
    /// What this node has.
    #[must_use]
    pub fn view(&self) -> View {
        let latest = self.rounds.iter().rev().take(VIEW_ROUNDS_MAX);
        let rounds = latest.map(|(round, log)| RoundView {
            round: *round,
            proposal: log.proposal.is_some(),
            prevotes: log.prevotes.voters(),
            precommits: log.precommits.voters(),
        });
        View {
            height: self.height,
            round: self.round,
            step: self.step,
            rounds: List::new(rounds.collect()).unwrap_or_default(),
            wanted: self.wanted(),
        }
    }

    /// What the peer with this view lacks and this node has, at most [`MISSING_MESSAGES_MAX`]: what decides first,
    /// then what unlocks, then rounds from the latest down.
    ///
    /// Nothing if the peer is at another height; blocks with their certificates bring it here.
    #[must_use]
    pub fn missing_for(&self, view: &View) -> Vec<Message> {
        if view.height != self.height {
            return Vec::new();
        }
        let listed = |round: Round| view.rounds.iter().find(|listed| listed.round == round);
        // A full list leaves out older rounds, whether the peer has them or not.
        let oldest = view.rounds.last().map(|listed| listed.round);
        let is_left_out = |round| view.rounds.len() == VIEW_ROUNDS_MAX && Some(round) < oldest;
        let mut missing = Vec::new();
        let decided = self.decided.as_ref().map(|certificate| certificate.round);
        if let Some(log) = decided.and_then(|round| self.rounds.get(&round)) {
            missing.extend(lacking(log, decided.and_then(listed)));
        }
        if let Some(wanted) = &view.wanted
            && let Some(log) = self.rounds.get(&wanted.round)
        {
            let votes = log.prevotes.votes_for(Some(wanted.block)).into_values();
            let lacked = votes.filter(|vote| !wanted.have.contains(vote.validator));
            missing.extend(lacked.map(|vote| Message::Vote(vote.signed())));
        }
        for (round, log) in self.rounds.iter().rev() {
            if Some(*round) != decided && !is_left_out(*round) {
                missing.extend(lacking(log, listed(*round)));
            }
            if missing.len() >= MISSING_MESSAGES_MAX {
                break;
            }
        }
        missing.truncate(MISSING_MESSAGES_MAX);
        missing
    }

    fn wanted(&self) -> Option<Wanted> {
        let proposal = self.proposal(self.round)?;
        let (round, block) = (proposal.valid_round?, proposal.block);
        if self.has_polka(round, block) {
            return None;
        }
        let log = self.rounds.get(&round);
        let votes = log.map(|log| log.prevotes.votes_for(Some(block))).unwrap_or_default();
        Some(Wanted { round, block, have: votes.into_keys().collect() })
    }
}

/// The messages of a round that a peer's list does not name.
fn lacking<'a>(
    log: &'a RoundLog,
    listed: Option<&RoundView>,
) -> impl Iterator<Item = Message> + use<'a> {
    let listed = listed.copied();
    let proposal = log.proposal.iter().filter(move |_| !listed.is_some_and(|l| l.proposal));
    let votes = [VoteKind::Prevote, VoteKind::Precommit].into_iter().flat_map(move |kind| {
        let has = move |validator| {
            listed.is_some_and(|listed| match kind {
                VoteKind::Prevote => listed.prevotes.contains(validator),
                VoteKind::Precommit => listed.precommits.contains(validator),
            })
        };
        log.votes(kind).iter().filter(move |vote| !has(vote.validator))
    });
    let proposals = proposal.map(|proposal| Message::Proposal(proposal.signed()));
    proposals.chain(votes.map(|vote| Message::Vote(vote.signed())))
}
