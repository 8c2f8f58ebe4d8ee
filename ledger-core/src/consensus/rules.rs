//! The numbered rules of docs/protocol.md, in its order.

use super::{
    evidence::Evidence,
    message::{
        Position, Proposal, Unsigned, VerifiedMessage, VerifiedProposal, VerifiedVote, Vote,
        VoteKind,
    },
    round_log::{Added, Fitness},
    state::{
        Alarm, Body, Effects, Ignored, Input, ROUNDS_AHEAD_MAX, State, Step, ValidationRequest,
        Validity, is_own,
    },
    timeout::{Timeout, TimeoutKind},
    validator::ValidatorSet,
};
use crate::{
    crypto::BlockHash,
    types::{Height, Round, ValidatorIndex},
};

impl State {
    /// Takes in one input, then applies rules until none applies.
    pub(super) fn apply(&mut self, input: Input) -> Effects {
        let mut effects = Effects::default();
        let taken = match input {
            Input::HeightStarted { height, validators, me } => {
                self.start_height(height, validators, me)
            } // P1
            Input::Wake => self.wake(&mut effects), // P2
            Input::PeerAwake { height, validator } => self.note_awake(height, validator), // P2
            Input::BlockBuilt { height, round, block } => {
                self.propose_built(height, round, block, &mut effects) // P5
            }
            Input::TimeoutElapsed(timeout) => self.time_is_up(timeout, &mut effects), // P12 to P14
            Input::BlockValidated { request, validity } => self.judge(request, validity), // P15
            Input::Proposal(proposal) => self.take_proposal(proposal, &mut effects),  // P17 to P19
            Input::Vote(vote) => self.take_vote(vote, &mut effects),                  // P17 to P19
            Input::SigningAllowed { barred_through } => {
                self.allow_signing(barred_through, &mut effects); // P21
                Ok(())
            }
        };
        match taken {
            Ok(()) => self.settle(&mut effects),
            Err(reason) => effects.ignored = Some(reason),
        }
        effects
    }

    /// Applies rules until none applies, then completes what must be durable.
    pub(super) fn settle(&mut self, effects: &mut Effects) {
        while self.apply_one_rule(effects) {}
        self.ask_for_validity(effects); // P15
        self.raise_alarms(effects); // P16
        if let Some(to_sign) = &mut effects.sign {
            to_sign.locked = self.locked;
            to_sign.valid = self.polka();
        }
    }

    /// Whether a rule applied. Every rule moves the round or the step forward or sets a flag, so this
    /// ends.
    fn apply_one_rule(&mut self, effects: &mut Effects) -> bool {
        match self.step {
            Step::Waiting => self.wake_with_others(effects), // P2
            Step::Decided => false,
            Step::Propose | Step::Prevote | Step::Precommit => {
                self.decide(effects) // P3
                    || self.skip_rounds(effects) // P4
                    || self.judge_fresh_proposal(effects) // P6
                    || self.judge_repeated_proposal(effects) // P7
                    || self.lock(effects) // P8
                    || self.precommit_nil(effects) // P9
                    || self.time_prevotes(effects) // P10
                    || self.time_precommits(effects) // P11
            }
        }
    }

    /// P1: a height begins waiting. What was signed and what bars signing outlives the height before.
    fn start_height(
        &mut self,
        height: Height,
        validators: ValidatorSet,
        me: Option<ValidatorIndex>,
    ) -> Result<(), Ignored> {
        if height <= self.height {
            return Err(Ignored::OtherHeight);
        }
        *self = Self {
            last_signed: self.last_signed,
            signing_allowed: self.signing_allowed,
            barred_through: self.barred_through,
            ..Self::new(height, validators, me)
        };
        Ok(())
    }

    /// P2: a reason for a block begins round 0.
    fn wake(&mut self, effects: &mut Effects) -> Result<(), Ignored> {
        if self.step != Step::Waiting {
            return Err(Ignored::AlreadyAwake);
        }
        self.start_round(Round::ZERO, effects);
        Ok(())
    }

    /// P2: a peer is awake.
    fn note_awake(&mut self, height: Height, validator: ValidatorIndex) -> Result<(), Ignored> {
        if height != self.height {
            return Err(Ignored::OtherHeight);
        }
        if self.validators.get(validator).is_none() {
            return Err(Ignored::UnknownValidator);
        }
        if self.step != Step::Waiting {
            return Err(Ignored::AlreadyAwake);
        }
        if self.awake.insert(validator) { Ok(()) } else { Err(Ignored::Duplicate) }
    }

    /// P2: a rightful proposal, or more than one third awake, begins round 0.
    fn wake_with_others(&mut self, effects: &mut Effects) -> bool {
        let voted = |index: &ValidatorIndex| {
            self.far_votes.contains_key(index)
                || self
                    .rounds
                    .values()
                    .any(|log| log.prevotes.get(*index).or(log.precommits.get(*index)).is_some())
        };
        let awake = self.validators.indices().filter(|i| self.awake.contains(i) || voted(i));
        let proposed = self.rounds.values().any(|log| log.proposal.is_some());
        if !proposed && !self.validators.exceeds_f(self.validators.power_of(awake)) {
            return false;
        }
        self.start_round(Round::ZERO, effects);
        true
    }

    /// P3 (paper L49): more than two thirds precommitted a valid block in any round.
    fn decide(&mut self, effects: &mut Effects) -> bool {
        let Some((round, block)) =
            self.precommitted().find(|(_, block)| self.body(block) == Some(Body::Valid))
        else {
            return false;
        };
        self.decided = self.certificate(round, block);
        self.step = Step::Decided;
        self.withheld.clear();
        effects.decide = self.decided.clone();
        true
    }

    /// P4 (paper L55): more than one third voted in a later round.
    fn skip_rounds(&mut self, effects: &mut Effects) -> bool {
        let near = self
            .rounds
            .iter()
            .rev()
            .take_while(|(round, _)| **round > self.round)
            .find(|(_, log)| self.validators.exceeds_f(log.voters_power(&self.validators)))
            .map(|(round, _)| *round);
        let Some(round) = self.far_round().or(near) else { return false };
        self.start_round(round, effects);
        true
    }

    /// P4, beyond what is kept: the highest round that more than one third have reached.
    fn far_round(&self) -> Option<Round> {
        let reached = |round| self.far_votes.values().filter(move |vote| vote.round >= round);
        self.far_votes
            .values()
            .map(|vote| vote.round)
            .filter(|round| *round > self.round)
            .filter(|round| {
                let power = self.validators.power_of(reached(*round).map(|vote| vote.validator));
                self.validators.exceeds_f(power)
            })
            .max()
    }

    /// P5 (paper L11): a round begins; its proposer proposes the valid block, or has one built.
    ///
    /// The proposer too is timed: it may find no reason for a block.
    fn start_round(&mut self, round: Round, effects: &mut Effects) {
        self.round = round;
        self.step = Step::Propose;
        self.building = false;
        self.withheld.clear();
        self.adopt_far_votes();
        effects.schedule.push(self.timeout(TimeoutKind::Propose));
        effects.build = None;
        if self.me != Some(self.validators.proposer(self.height, round)) {
            return;
        }
        match self.valid {
            Some((valid_round, block)) => self.propose(block, Some(valid_round), effects),
            None => {
                self.building = true;
                effects.build = Some(round);
            }
        }
    }

    /// P5: the block that was asked for is there.
    fn propose_built(
        &mut self,
        height: Height,
        round: Round,
        block: BlockHash,
        effects: &mut Effects,
    ) -> Result<(), Ignored> {
        if height != self.height {
            return Err(Ignored::OtherHeight);
        }
        if round != self.round {
            return Err(Ignored::OtherRound);
        }
        if self.step != Step::Propose {
            return Err(Ignored::OtherStep);
        }
        if !std::mem::take(&mut self.building) {
            return Err(Ignored::NotAsked);
        }
        self.bodies.insert(block, Body::Valid);
        self.rounds.entry(round).or_default().fitness = Fitness::Fit;
        self.propose(block, None, effects);
        Ok(())
    }

    /// P6 (paper L22): a fresh proposal gets a prevote if it is fit and nothing else is locked.
    fn judge_fresh_proposal(&mut self, effects: &mut Effects) -> bool {
        let Some(log) = self.rounds.get(&self.round) else { return false };
        let Some(Proposal { block, valid_round: None, .. }) = log.proposal.as_deref().copied()
        else {
            return false;
        };
        if self.step != Step::Propose {
            return false;
        }
        let locked_elsewhere = self.locked.is_some_and(|(_, locked)| locked != block);
        let vote = match (log.fitness, self.body(&block)) {
            _ if locked_elsewhere => None,
            (_, Some(Body::Invalid)) | (Fitness::Unfit, _) => None,
            (Fitness::Fit, _) => Some(block),
            (Fitness::Unasked | Fitness::Asked, _) => return false,
        };
        self.vote(VoteKind::Prevote, vote, effects);
        true
    }

    /// P7 (paper L28): a repeated proposal gets a prevote if more than two thirds prevoted it in its
    /// valid round, the body is valid, and the lock is not more recent.
    fn judge_repeated_proposal(&mut self, effects: &mut Effects) -> bool {
        let Some(proposal) = self.proposal(self.round) else { return false };
        let Proposal { block, valid_round: Some(valid_round), .. } = **proposal else {
            return false;
        };
        if self.step != Step::Propose || !self.has_polka(valid_round, block) {
            return false;
        }
        let unlocks = |(round, locked): (Round, BlockHash)| round <= valid_round || locked == block;
        let vote = match self.body(&block) {
            _ if !self.locked.is_none_or(unlocks) => None,
            Some(Body::Valid) => Some(block),
            Some(Body::Invalid) => None,
            Some(Body::Asked) | None => return false,
        };
        self.vote(VoteKind::Prevote, vote, effects);
        true
    }

    /// P8 (paper L36): more than two thirds prevoted a valid block; lock and precommit it, or only
    /// remember it as valid when this round's precommit is cast.
    fn lock(&mut self, effects: &mut Effects) -> bool {
        let Some(log) = self.rounds.get_mut(&self.round) else { return false };
        if self.step == Step::Propose || log.polka_seen {
            return false;
        }
        let Some(block) = log.prevotes.quorum_block(&self.validators) else { return false };
        if self.bodies.get(&block) != Some(&Body::Valid) {
            return false;
        }
        log.polka_seen = true;
        self.valid = Some((self.round, block));
        if self.step == Step::Prevote {
            self.locked = Some((self.round, block));
            self.vote(VoteKind::Precommit, Some(block), effects);
        }
        true
    }

    /// P9 (paper L44): more than two thirds prevoted nil.
    fn precommit_nil(&mut self, effects: &mut Effects) -> bool {
        let Some(log) = self.rounds.get(&self.round) else { return false };
        if self.step != Step::Prevote || !log.prevotes.has_quorum_for(None, &self.validators) {
            return false;
        }
        self.vote(VoteKind::Precommit, None, effects);
        true
    }

    /// P10 (paper L34): more than two thirds prevoted, but not alike.
    fn time_prevotes(&mut self, effects: &mut Effects) -> bool {
        let Some(log) = self.rounds.get_mut(&self.round) else { return false };
        if self.step != Step::Prevote
            || log.prevote_timer
            || !log.prevotes.has_quorum_of_any(&self.validators)
        {
            return false;
        }
        log.prevote_timer = true;
        effects.schedule.push(self.timeout(TimeoutKind::Prevote));
        true
    }

    /// P11 (paper L47): more than two thirds precommitted, but not alike.
    fn time_precommits(&mut self, effects: &mut Effects) -> bool {
        let Some(log) = self.rounds.get_mut(&self.round) else { return false };
        if log.precommit_timer || !log.precommits.has_quorum_of_any(&self.validators) {
            return false;
        }
        log.precommit_timer = true;
        effects.schedule.push(self.timeout(TimeoutKind::Precommit));
        true
    }

    /// P12 to P14: a timer has run out.
    fn time_is_up(&mut self, timeout: Timeout, effects: &mut Effects) -> Result<(), Ignored> {
        if timeout.height != self.height {
            return Err(Ignored::OtherHeight);
        }
        if timeout.round != self.round {
            return Err(Ignored::OtherRound);
        }
        match (timeout.kind, self.step) {
            (_, Step::Decided) => return Err(Ignored::AlreadyDecided),
            // P12 (paper L57)
            (TimeoutKind::Propose, Step::Propose) => self.vote(VoteKind::Prevote, None, effects),
            // P13 (paper L61)
            (TimeoutKind::Prevote, Step::Prevote) => self.vote(VoteKind::Precommit, None, effects),
            // P14 (paper L65)
            (TimeoutKind::Precommit, Step::Propose | Step::Prevote | Step::Precommit) => {
                self.start_round(self.round.next(), effects);
            }
            (TimeoutKind::Propose, Step::Waiting | Step::Prevote | Step::Precommit)
            | (TimeoutKind::Prevote, Step::Waiting | Step::Propose | Step::Precommit)
            | (TimeoutKind::Precommit, Step::Waiting) => return Err(Ignored::OtherStep),
        }
        Ok(())
    }

    /// P15: the caller has judged a block.
    fn judge(&mut self, request: ValidationRequest, validity: Validity) -> Result<(), Ignored> {
        let ValidationRequest { height, round, block, fresh } = request;
        if height != self.height {
            return Err(Ignored::OtherHeight);
        }
        let Some(body) = self.bodies.get_mut(&block) else { return Err(Ignored::NotAsked) };
        // The body of a block has one judgement; only whether it is fit is asked again.
        let body_is_new = *body == Body::Asked;
        if body_is_new {
            *body = match validity {
                Validity::Valid | Validity::Unfit => Body::Valid,
                Validity::Invalid => Body::Invalid,
            };
        }
        let asked = self.rounds.get_mut(&round).filter(|log| {
            let proposed = log.proposal.as_ref().map(|proposal| proposal.block);
            fresh && log.fitness == Fitness::Asked && proposed == Some(block)
        });
        match asked {
            Some(log) => {
                log.fitness = match validity {
                    Validity::Valid => Fitness::Fit,
                    Validity::Unfit | Validity::Invalid => Fitness::Unfit,
                };
                Ok(())
            }
            None if body_is_new => Ok(()),
            None => Err(Ignored::Duplicate),
        }
    }

    /// P15: asks about the proposal of this round, and about every block that a quorum voted for.
    fn ask_for_validity(&mut self, effects: &mut Effects) {
        if matches!(self.step, Step::Waiting | Step::Decided) {
            return;
        }
        let (height, round) = (self.height, self.round);
        if let Some(log) = self.rounds.get_mut(&round)
            && let Some(Proposal { block, valid_round, .. }) = log.proposal.as_deref().copied()
        {
            let fresh = valid_round.is_none();
            let is_unasked = if fresh {
                self.step == Step::Propose && log.fitness == Fitness::Unasked
            } else {
                !self.bodies.contains_key(&block)
            };
            if is_unasked {
                log.fitness = Fitness::Asked;
                self.bodies.entry(block).or_insert(Body::Asked);
                effects.validate.push(ValidationRequest { height, round, block, fresh });
            }
        }
        let prevotes = self.rounds.get(&round).map(|log| &log.prevotes);
        let prevoted = prevotes.and_then(|votes| votes.quorum_block(&self.validators));
        let wanted: Vec<_> =
            prevoted.map(|block| (round, block)).into_iter().chain(self.precommitted()).collect();
        for (round, block) in wanted {
            self.bodies.entry(block).or_insert_with(|| {
                effects.validate.push(ValidationRequest { height, round, block, fresh: false });
                Body::Asked
            });
        }
    }

    /// P16: reports what cannot happen while at most f are faulty and all execute alike.
    fn raise_alarms(&mut self, effects: &mut Effects) {
        let mut quorums = Vec::new();
        for (round, log) in &self.rounds {
            for kind in [VoteKind::Prevote, VoteKind::Precommit] {
                if let Some(block) = log.votes(kind).quorum_block(&self.validators) {
                    quorums.push((*round, kind, block));
                }
            }
        }
        for (round, kind, block) in quorums {
            let decided = self.decided.as_ref().map(|certificate| certificate.block);
            let conflicts = kind == VoteKind::Precommit && decided.is_some_and(|d| d != block);
            let is_invalid = self.body(&block) == Some(Body::Invalid);
            if (conflicts || is_invalid) && self.alarmed.insert((round, kind)) {
                effects.alarms.push(match self.certificate(round, block) {
                    Some(certificate) if conflicts => Alarm::ConflictingDecision(certificate),
                    _ => Alarm::QuorumForInvalidBlock { round, kind, block },
                });
            }
        }
    }

    /// P17 to P19: keeps the first rightful proposal of a round.
    fn take_proposal(
        &mut self,
        proposal: VerifiedProposal,
        effects: &mut Effects,
    ) -> Result<(), Ignored> {
        if proposal.height != self.height {
            return Err(Ignored::OtherHeight);
        }
        if proposal.proposer != self.validators.proposer(self.height, proposal.round) {
            return Err(Ignored::NotProposer);
        }
        if proposal.valid_round >= Some(proposal.round) {
            return Err(Ignored::ValidRoundNotEarlier);
        }
        self.watch_own_key(VerifiedMessage::Proposal(proposal), effects);
        if self.is_far(proposal.round) {
            return Err(Ignored::RoundFarAhead);
        }
        let slot = &mut self.rounds.entry(proposal.round).or_default().proposal;
        let Some(kept) = *slot else {
            *slot = Some(proposal);
            return Ok(());
        };
        if *kept == *proposal {
            return Err(Ignored::Duplicate);
        }
        let evidence = Evidence::proposals(kept.signed(), proposal.signed());
        Err(self.convict(evidence, effects))
    }

    /// P17 to P19: counts the first vote of a validator for each round and kind.
    fn take_vote(&mut self, vote: VerifiedVote, effects: &mut Effects) -> Result<(), Ignored> {
        if vote.height != self.height {
            return Err(Ignored::OtherHeight);
        }
        self.watch_own_key(VerifiedMessage::Vote(vote), effects);
        if self.is_far(vote.round) {
            let kept = self.far_votes.entry(vote.validator).or_insert(vote);
            if *kept != vote && kept.round >= vote.round {
                return Err(Ignored::RoundFarAhead);
            }
            *kept = vote;
            return Ok(());
        }
        let wanted = vote.kind == VoteKind::Prevote && self.is_wanted(vote.round, vote.block);
        match self.rounds.entry(vote.round).or_default().votes_mut(vote.kind).add(vote, wanted) {
            Added::New => Ok(()),
            Added::Duplicate => Err(Ignored::Duplicate),
            Added::Conflicting(first) => {
                let evidence = Evidence::votes(first.signed(), vote.signed());
                let ignored = self.convict(evidence, effects);
                if wanted { Ok(()) } else { Err(ignored) }
            }
        }
    }

    /// P17: hands out one piece of evidence for each position of a validator.
    fn convict(&mut self, evidence: Evidence, effects: &mut Effects) -> Ignored {
        if self.convicted.insert(evidence.key()) {
            effects.evidence.push(evidence);
        }
        Ignored::Equivocation
    }

    /// P18: our key has signed what this process has not; nothing more is signed at this height.
    fn watch_own_key(&mut self, message: VerifiedMessage, effects: &mut Effects) {
        let position = message.message().position();
        if is_own(self.me, &message) && Some(position) > self.last_signed {
            self.last_signed = Some(position);
            self.barred_through = self.barred_through.max(Some(self.height));
            effects.alarms.push(Alarm::SignedElsewhere(message));
        }
    }

    /// P19: whether messages of this round are too far ahead to be kept.
    fn is_far(&self, round: Round) -> bool {
        round > self.round.saturating_add(Round::new(ROUNDS_AHEAD_MAX))
    }

    /// P19: whether a kept proposal rests on prevotes for this block in this round.
    fn is_wanted(&self, round: Round, block: Option<BlockHash>) -> bool {
        self.rounds
            .values()
            .filter_map(|log| log.proposal.as_ref())
            .any(|proposal| proposal.valid_round == Some(round) && Some(proposal.block) == block)
    }

    /// P19: far votes that the new round brings within reach become ordinary ones.
    fn adopt_far_votes(&mut self) {
        let reach = self.round.saturating_add(Round::new(ROUNDS_AHEAD_MAX));
        let near: Vec<_> =
            self.far_votes.values().filter(|vote| vote.round <= reach).copied().collect();
        for vote in near {
            self.far_votes.remove(&vote.validator);
            self.rounds.entry(vote.round).or_default().votes_mut(vote.kind).add(vote, false);
        }
    }

    /// P21: recovery has ended; what it held back of this round is signed, or never will be.
    fn allow_signing(&mut self, barred_through: Option<Height>, effects: &mut Effects) {
        self.signing_allowed = true;
        self.barred_through = self.barred_through.max(barred_through);
        for message in std::mem::take(&mut self.withheld) {
            self.sign(message, effects);
        }
    }

    fn propose(&mut self, block: BlockHash, valid_round: Option<Round>, effects: &mut Effects) {
        let Some(proposer) = self.me else { return };
        let (height, round) = (self.height, self.round);
        self.sign(
            Unsigned::Proposal(Proposal { height, round, block, valid_round, proposer }),
            effects,
        );
    }

    /// Votes, and moves to the step after the vote.
    fn vote(&mut self, kind: VoteKind, block: Option<BlockHash>, effects: &mut Effects) {
        self.step = match kind {
            VoteKind::Prevote => Step::Prevote,
            VoteKind::Precommit => Step::Precommit,
        };
        self.building = false;
        let Some(validator) = self.me else { return };
        let (height, round) = (self.height, self.round);
        self.sign(Unsigned::Vote(Vote { height, round, kind, block, validator }), effects);
    }

    /// The one gate before the key (P18, P20, P21): only at rising positions, and only when allowed.
    fn sign(&mut self, message: Unsigned, effects: &mut Effects) {
        let position: Position = message.position();
        if self.is_barred() || Some(position) <= self.last_signed {
            return;
        }
        if !self.signing_allowed {
            self.withheld.push(message);
            return;
        }
        self.last_signed = Some(position);
        effects.sign.get_or_insert_default().messages.push(message);
    }

    fn timeout(&self, kind: TimeoutKind) -> Timeout {
        Timeout { height: self.height, round: self.round, kind }
    }

    fn body(&self, block: &BlockHash) -> Option<Body> {
        self.bodies.get(block).copied()
    }

    /// Whether more than two thirds prevoted `block` in `round`.
    pub(super) fn has_polka(&self, round: Round, block: BlockHash) -> bool {
        let log = self.rounds.get(&round);
        log.is_some_and(|log| log.prevotes.has_quorum_for(Some(block), &self.validators))
    }

    /// Rounds and blocks with a quorum of precommits.
    fn precommitted(&self) -> impl Iterator<Item = (Round, BlockHash)> + '_ {
        self.rounds.iter().filter_map(|(round, log)| {
            log.precommits.quorum_block(&self.validators).map(|block| (*round, block))
        })
    }
}
