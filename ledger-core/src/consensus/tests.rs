//! Stories of four validators with equal power, mostly at height 4, where validator r proposes in round r.

use super::*;
use crate::{
    codec::{self, Always, List},
    crypto::{BlockHash, ChainId, SecretKey},
    types::{DurationMs, Height, MemberId, Round, ValidatorIndex, VotingPower},
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const CHAIN: ChainId = ChainId::new([7; 32]);
const HEIGHT: Height = Height::new(4);
const A: BlockHash = BlockHash::new([0xaa; 32]);
const B: BlockHash = BlockHash::new([0xbb; 32]);
const C: BlockHash = BlockHash::new([0xcc; 32]);

fn key(index: u16) -> SecretKey {
    SecretKey::from_seed(&[index as u8 + 1; 32])
}

fn set_of(powers: &[u64]) -> ValidatorSet {
    let validator = |(index, power): (usize, &u64)| Validator {
        member: MemberId::new(index as u16),
        key: key(index as u16).public_key(),
        power: VotingPower::new(*power),
    };
    ValidatorSet::new(powers.iter().enumerate().map(validator).collect()).expect("a valid set")
}

fn four() -> ValidatorSet {
    set_of(&[1, 1, 1, 1])
}

fn index(index: u16) -> ValidatorIndex {
    ValidatorIndex::new(index)
}

fn round(round: u32) -> Round {
    Round::new(round)
}

fn proposal(r: u32, block: BlockHash, valid_round: Option<u32>) -> VerifiedProposal {
    let proposer = index((r % 4) as u16);
    let valid_round = valid_round.map(round);
    let message = Proposal { height: HEIGHT, round: round(r), block, valid_round, proposer };
    Verified::sign(message, &key(proposer.get()), &CHAIN, &four()).expect("our key")
}

fn vote(kind: VoteKind, r: u32, block: Option<BlockHash>, by: u16) -> VerifiedVote {
    let message = Vote { height: HEIGHT, round: round(r), kind, block, validator: index(by) };
    Verified::sign(message, &key(by), &CHAIN, &four()).expect("our key")
}

fn prevote(r: u32, block: Option<BlockHash>, by: u16) -> Input {
    Input::Vote(vote(VoteKind::Prevote, r, block, by))
}

fn precommit(r: u32, block: Option<BlockHash>, by: u16) -> Input {
    Input::Vote(vote(VoteKind::Precommit, r, block, by))
}

fn timeout(kind: TimeoutKind, r: u32) -> Timeout {
    Timeout { height: HEIGHT, round: round(r), kind }
}

fn request(r: u32, block: BlockHash, fresh: bool) -> ValidationRequest {
    ValidationRequest { height: HEIGHT, round: round(r), block, fresh }
}

/// A validator with a disk that never fails and a shell that answers nothing by itself.
#[derive(Clone)]
struct Node {
    me: u16,
    state: State,
    guard: Option<GuardRecord>,
    /// Every message it ever signed.
    signed: Vec<Message>,
}

impl Node {
    fn new(me: u16, set: ValidatorSet) -> Self {
        let state = State::new(HEIGHT, set, Some(index(me)));
        let mut node = Self { me, state, guard: None, signed: Vec::new() };
        let _ = node.feed(Input::SigningAllowed { barred_through: None });
        node
    }

    /// Validator 3, awake; it proposes only in round 3.
    fn awake() -> Self {
        let mut node = Self::new(3, four());
        let _ = node.feed(Input::Wake);
        node
    }

    /// One step; what is signed becomes durable but is not fed back.
    fn step_only(&mut self, input: Input) -> (Effects, Vec<VerifiedMessage>) {
        let (state, mut effects) = step(self.state.clone(), input);
        self.state = state;
        let Some(to_sign) = effects.sign.take() else { return (effects, Vec::new()) };
        let to_persist =
            to_sign.sign(&key(self.me), &CHAIN, self.state.validators()).expect("our key");
        let bytes = codec::encode(to_persist.record());
        assert!(bytes.len() <= GUARD_BYTES_MAX);
        self.guard = Some(codec::decode(&bytes).expect("canonical"));
        let messages = to_persist.persisted();
        self.signed.extend(messages.iter().map(VerifiedMessage::message));
        (effects, messages)
    }

    /// One step, then its own messages; the effects of all of them, and what was signed.
    fn feed(&mut self, input: Input) -> (Effects, Vec<Message>) {
        let (mut effects, mut queue) = self.step_only(input);
        let mut signed = Vec::new();
        while !queue.is_empty() {
            let own = queue.remove(0);
            signed.push(own.message());
            let (more, messages) = self.step_only(own.into());
            assert_eq!(more.ignored, None, "own messages count");
            queue.extend(messages);
            effects.schedule.extend(more.schedule);
            effects.validate.extend(more.validate);
            effects.evidence.extend(more.evidence);
            effects.alarms.extend(more.alarms);
            effects.build = effects.build.or(more.build);
            effects.decide = effects.decide.or(more.decide);
        }
        (effects, signed)
    }

    fn ignores(&mut self, input: Input) -> Ignored {
        let before = self.state.clone();
        let (effects, signed) = self.feed(input);
        assert_eq!(self.state, before, "an ignored input changes nothing");
        assert_eq!(signed, []);
        effects.ignored.expect("the input is ignored")
    }

    /// Feeds the input and expects exactly this vote.
    fn votes(&mut self, input: Input, kind: VoteKind, r: u32, block: Option<BlockHash>) {
        let (_, signed) = self.feed(input);
        assert_eq!(signed, [Message::Vote(vote(kind, r, block, self.me).signed())]);
    }

    fn stays_silent(&mut self, input: Input) -> Effects {
        let (effects, signed) = self.feed(input);
        assert_eq!(signed, []);
        effects
    }

    fn judges(&mut self, r: u32, block: BlockHash, fresh: bool, validity: Validity) -> Input {
        Input::BlockValidated { request: request(r, block, fresh), validity }
    }

    /// Feeds the input and expects no vote, whatever else it brings.
    fn hears(&mut self, input: Input) {
        let _ = self.stays_silent(input);
    }

    /// Round 0: everybody prevotes A and this node locks it.
    fn lock_a_in_round_0(&mut self) {
        let effects = self.stays_silent(Input::Proposal(proposal(0, A, None)));
        assert_eq!(effects.validate, [request(0, A, true)]);
        let valid = self.judges(0, A, true, Validity::Valid);
        self.votes(valid, VoteKind::Prevote, 0, Some(A));
        self.hears(prevote(0, Some(A), 0));
        self.votes(prevote(0, Some(A), 1), VoteKind::Precommit, 0, Some(A));
        assert_eq!(self.state.locked(), Some((round(0), A)));
    }

    /// Moves to round `r` because two others are there.
    fn skip_to(&mut self, r: u32) {
        let _ = self.feed(prevote(r, None, 1));
        let _ = self.feed(precommit(r, None, 2));
        assert_eq!(self.state.round(), round(r));
    }

    /// The machine stops and starts again from its disk.
    fn restart(&mut self) -> Effects {
        let (height, set) = (self.state.height(), self.state.validators().clone());
        let restored =
            State::restore(&CHAIN, height, set, Some(index(self.me)), self.guard.as_ref());
        let (state, effects) = restored.expect("a good guard");
        self.state = state;
        assert_eq!(effects.sign, None);
        effects
    }

    fn assert_never_equivocated(&self) {
        let mut positions: Vec<_> = self.signed.iter().map(Message::position).collect();
        let signed = positions.len();
        assert!(positions.is_sorted());
        positions.dedup();
        assert_eq!(positions.len(), signed, "{:?}", self.signed);
    }
}

#[test]
fn waiting_height_is_quiet() {
    let mut node = Node::new(3, four());
    assert!(node.state.is_waiting());
    for kind in [TimeoutKind::Propose, TimeoutKind::Prevote, TimeoutKind::Precommit] {
        assert_eq!(node.ignores(Input::TimeoutElapsed(timeout(kind, 0))), Ignored::OtherStep);
    }
    let effects = node.stays_silent(prevote(0, None, 0));
    assert_eq!(effects, Effects::default());
    assert!(node.state.is_waiting());
    assert_eq!(node.state.waiting_for(), []);
}

#[test]
fn a_reason_a_proposal_or_more_than_one_third_awake_begins_round_0() {
    let awake = |validator| Input::PeerAwake { height: HEIGHT, validator: index(validator) };
    let propose_timer = [timeout(TimeoutKind::Propose, 0)];

    let mut node = Node::new(3, four());
    assert_eq!(node.stays_silent(Input::Wake).schedule, propose_timer);
    assert_eq!(node.state.step(), Step::Propose);
    assert_eq!(node.ignores(Input::Wake), Ignored::AlreadyAwake);
    assert_eq!(node.ignores(awake(0)), Ignored::AlreadyAwake);

    let mut node = Node::new(3, four());
    assert_eq!(node.stays_silent(awake(0)), Effects::default());
    assert_eq!(node.ignores(awake(0)), Ignored::Duplicate);
    assert_eq!(node.ignores(awake(4)), Ignored::UnknownValidator);
    assert!(node.state.is_waiting(), "one may lie");
    assert_eq!(node.stays_silent(prevote(0, None, 1)).schedule, propose_timer);

    let mut node = Node::new(3, four());
    let effects = node.stays_silent(Input::Proposal(proposal(0, A, None)));
    assert_eq!(effects.schedule, propose_timer);
    assert_eq!(effects.validate, [request(0, A, true)]);
    assert_eq!(node.state.proposal(round(0)), Some(&proposal(0, A, None)));
}

#[test]
fn one_validator_alone_decides_what_it_builds() {
    let mut node = Node::new(0, set_of(&[5]));
    let effects = node.stays_silent(Input::Wake);
    assert_eq!(effects.build, Some(round(0)));
    let built = Input::BlockBuilt { height: HEIGHT, round: round(0), block: A };
    let (effects, signed) = node.feed(built.clone());
    let kinds: Vec<_> = signed.iter().map(|message| message.position().kind).collect();
    assert_eq!(kinds, [MessageKind::Proposal, MessageKind::Prevote, MessageKind::Precommit]);
    let certificate = effects.decide.expect("a decision");
    assert_eq!((certificate.height, certificate.block), (HEIGHT, A));
    assert_eq!(certificate.verify(&CHAIN, node.state.validators()), Ok(()));
    assert_eq!(node.state.decision(), Some(&certificate));
    assert_eq!(node.ignores(built), Ignored::OtherStep);
    let late = Input::TimeoutElapsed(timeout(TimeoutKind::Precommit, 0));
    assert_eq!(node.ignores(late), Ignored::AlreadyDecided);

    let next = Input::HeightStarted {
        height: HEIGHT.next(),
        validators: set_of(&[5]),
        me: Some(index(0)),
    };
    let _ = node.feed(next.clone());
    assert!(node.state.is_waiting());
    assert!(node.state.may_sign());
    assert_eq!(node.ignores(next), Ignored::OtherHeight);
}

#[test]
fn own_messages_count_only_once_they_are_fed_back() {
    let mut node = Node::awake();
    let _ = node.feed(Input::Proposal(proposal(0, A, None)));
    let valid = node.judges(0, A, true, Validity::Valid);
    let (_, own) = node.step_only(valid);
    let _ = node.step_only(prevote(0, Some(A), 0));
    let (_, none) = node.step_only(prevote(0, Some(A), 1));
    assert_eq!(none, [], "two others and an own prevote that is not durable are no quorum");
    let (_, precommits) = node.step_only(own[0].into());
    assert_eq!(precommits.len(), 1);
}

#[test]
fn proposal_waits_for_its_judgement_and_the_timer_runs() {
    let mut node = Node::awake();
    assert_eq!(node.state.waiting_for(), [index(0)]);
    node.hears(Input::Proposal(proposal(0, A, None)));
    assert_eq!(node.state.waiting_for(), []);
    assert_eq!(node.state.unjudged_blocks().collect::<Vec<_>>(), [A]);
    let time = Input::TimeoutElapsed(timeout(TimeoutKind::Propose, 0));
    node.votes(time, VoteKind::Prevote, 0, None);
    assert_eq!(node.state.waiting_for(), [index(0), index(1), index(2)]);
    let valid = node.judges(0, A, true, Validity::Valid);
    node.hears(valid.clone());
    assert_eq!(node.ignores(valid), Ignored::Duplicate);
    let other = node.judges(0, B, true, Validity::Valid);
    assert_eq!(node.ignores(other), Ignored::NotAsked);
}

#[test]
fn unfit_or_invalid_proposal_gets_a_nil_prevote() {
    for validity in [Validity::Unfit, Validity::Invalid] {
        let mut node = Node::awake();
        let _ = node.feed(Input::Proposal(proposal(0, A, None)));
        let judged = node.judges(0, A, true, validity);
        node.votes(judged, VoteKind::Prevote, 0, None);
    }
}

#[test]
fn block_that_was_unfit_when_fresh_is_accepted_when_repeated_with_its_polka() {
    let mut node = Node::awake();
    let _ = node.feed(Input::Proposal(proposal(0, A, None)));
    let judged = node.judges(0, A, true, Validity::Unfit);
    node.votes(judged, VoteKind::Prevote, 0, None);
    node.skip_to(1);
    node.hears(Input::Proposal(proposal(1, A, Some(0))));
    node.hears(prevote(0, Some(A), 0));
    node.hears(prevote(0, Some(A), 1));
    node.votes(prevote(0, Some(A), 2), VoteKind::Prevote, 1, Some(A));
}

#[test]
fn locked_validator_refuses_another_block() {
    let mut node = Node::awake();
    node.lock_a_in_round_0();
    node.skip_to(1);
    node.votes(Input::Proposal(proposal(1, B, None)), VoteKind::Prevote, 1, None);
    assert_eq!(node.state.locked(), Some((round(0), A)));
}

#[test]
fn locked_validator_accepts_its_own_block_again() {
    let mut node = Node::awake();
    node.lock_a_in_round_0();
    node.skip_to(1);
    let repeated = Input::Proposal(proposal(1, A, Some(0)));
    node.votes(repeated, VoteKind::Prevote, 1, Some(A));
}

#[test]
fn locked_validator_unlocks_for_a_newer_polka_and_not_for_an_older_one() {
    let mut node = Node::awake();
    node.lock_a_in_round_0();
    node.skip_to(2);
    for by in 0..3 {
        node.hears(prevote(1, Some(B), by));
    }
    let effects = node.stays_silent(Input::Proposal(proposal(2, B, Some(1))));
    assert_eq!(effects.validate, [request(2, B, false)]);
    let valid = node.judges(2, B, false, Validity::Valid);
    node.votes(valid, VoteKind::Prevote, 2, Some(B));
    let _ = node.feed(prevote(2, Some(B), 0));
    // 1 prevoted nil and 2 nothing; no quorum agrees, so time is up.
    let time = Input::TimeoutElapsed(timeout(TimeoutKind::Prevote, 2));
    node.votes(time, VoteKind::Precommit, 2, None);
    assert_eq!(node.state.locked(), Some((round(0), A)), "a prevote alone does not lock");

    // Locked in round 3, a polka of round 1 does not unlock.
    let _ = node.feed(precommit(2, None, 0));
    let _ = node.feed(precommit(2, None, 1));
    let effects =
        node.stays_silent(Input::TimeoutElapsed(timeout(TimeoutKind::Prevote, 9))).ignored;
    assert_eq!(effects, Some(Ignored::OtherRound));
    let (effects, signed) = node.feed(Input::TimeoutElapsed(timeout(TimeoutKind::Precommit, 2)));
    assert_eq!(effects.build, None, "it has a valid block");
    let again = proposal(3, A, Some(0)).signed();
    assert_eq!(signed[0], Message::Proposal(again), "and proposes it with its round");
    assert_eq!(signed[1], Message::Vote(vote(VoteKind::Prevote, 3, Some(A), 3).signed()));
    let _ = node.feed(prevote(3, Some(A), 0));
    node.votes(prevote(3, Some(A), 1), VoteKind::Precommit, 3, Some(A));
    assert_eq!(node.state.locked(), Some((round(3), A)));
    node.skip_to(4);
    let older = Input::Proposal(proposal(4, B, Some(1)));
    node.votes(older, VoteKind::Prevote, 4, None);
}

#[test]
fn polka_after_the_precommit_makes_a_block_valid_but_does_not_lock_it() {
    let mut node = Node::awake();
    let _ = node.feed(Input::Proposal(proposal(0, A, None)));
    let valid = node.judges(0, A, true, Validity::Valid);
    node.votes(valid, VoteKind::Prevote, 0, Some(A));
    let _ = node.feed(prevote(0, Some(A), 0));
    let (effects, _) = node.feed(prevote(0, None, 1));
    assert_eq!(effects.schedule, [timeout(TimeoutKind::Prevote, 0)]);
    let time = Input::TimeoutElapsed(timeout(TimeoutKind::Prevote, 0));
    node.votes(time, VoteKind::Precommit, 0, None);
    node.hears(prevote(0, Some(A), 2));
    assert_eq!((node.state.locked(), node.state.valid()), (None, Some((round(0), A))));
}

#[test]
fn quorum_of_nil_prevotes_gets_a_nil_precommit_at_once() {
    let mut node = Node::awake();
    let time = Input::TimeoutElapsed(timeout(TimeoutKind::Propose, 0));
    node.votes(time, VoteKind::Prevote, 0, None);
    node.hears(prevote(0, None, 0));
    node.votes(prevote(0, None, 1), VoteKind::Precommit, 0, None);
    node.hears(precommit(0, None, 0));
    let effects = node.stays_silent(precommit(0, None, 1));
    assert_eq!(effects.schedule, [timeout(TimeoutKind::Precommit, 0)]);
    let time = Input::TimeoutElapsed(timeout(TimeoutKind::Precommit, 0));
    assert_eq!(node.stays_silent(time).schedule, [timeout(TimeoutKind::Propose, 1)]);
}

#[test]
fn block_of_an_earlier_round_is_decided_late() {
    let mut node = Node::awake();
    node.lock_a_in_round_0();
    node.skip_to(5);
    node.hears(precommit(0, Some(A), 0));
    let effects = node.stays_silent(precommit(0, Some(A), 2));
    let certificate = effects.decide.expect("a decision");
    assert_eq!((certificate.round, certificate.block), (round(0), A));
    assert_eq!(certificate.verify(&CHAIN, &four()), Ok(()));
}

#[test]
fn block_that_only_others_voted_for_is_fetched_before_it_is_decided() {
    let mut node = Node::awake();
    node.hears(precommit(0, Some(A), 0));
    node.hears(precommit(0, Some(A), 1));
    let effects = node.stays_silent(precommit(0, Some(A), 2));
    assert_eq!(effects.decide, None);
    assert_eq!(effects.validate, [request(0, A, false)]);
    let valid = node.judges(0, A, false, Validity::Valid);
    assert!(node.stays_silent(valid).decide.is_some());
}

#[test]
fn more_than_one_third_ahead_pull_the_others_along() {
    let mut node = Node::awake();
    node.hears(prevote(7, None, 0));
    assert_eq!(node.state.round(), round(0), "one may lie");
    let effects = node.stays_silent(precommit(7, None, 2));
    assert_eq!(effects.schedule, [timeout(TimeoutKind::Propose, 7)]);
    assert_eq!(node.state.round(), round(7));
}

#[test]
fn one_vote_far_ahead_is_kept_for_each_validator() {
    let mut node = Node::awake();
    for r in 0..1000 {
        let _ = node.feed(prevote(100 + r, None, 0));
    }
    assert_eq!(node.ignores(prevote(1000, None, 0)), Ignored::RoundFarAhead);
    assert_eq!(node.ignores(Input::Proposal(proposal(100, A, None))), Ignored::RoundFarAhead);
    assert_eq!(node.state.far_votes.len(), 1);
    assert!(node.state.rounds.is_empty());
    node.hears(precommit(80, None, 1));
    assert_eq!(node.state.round(), round(80), "at least one honest validator has come that far");
    assert_eq!(node.state.far_votes.len(), 1);
    assert_eq!(
        node.state.latest_from(index(1)),
        Some(Message::Vote(vote(VoteKind::Precommit, 80, None, 1).signed()))
    );
}

#[test]
fn equivocation_is_handed_out_once_and_verifies() {
    let mut node = Node::awake();
    let _ = node.feed(prevote(0, Some(B), 0));
    let (effects, _) = node.feed(prevote(0, Some(A), 0));
    assert_eq!(effects.ignored, Some(Ignored::Equivocation));
    let [evidence] = effects.evidence[..] else { panic!("one piece of evidence") };
    assert_eq!(evidence.verify(&CHAIN, &four()), Ok(()));
    assert_eq!(evidence.offender(), index(0));
    let key = evidence.key();
    assert_eq!((key.height, key.round, key.kind), (HEIGHT, round(0), MessageKind::Prevote));
    assert_eq!(codec::decode::<Evidence>(&codec::encode(&evidence)), Ok(evidence));
    for block in [Some(A), Some(C), None] {
        assert_eq!(node.ignores(prevote(0, block, 0)), Ignored::Equivocation);
    }
    assert_eq!(node.ignores(prevote(0, Some(B), 0)), Ignored::Duplicate);

    let _ = node.feed(Input::Proposal(proposal(0, A, None)));
    assert_eq!(node.ignores(Input::Proposal(proposal(0, A, None))), Ignored::Duplicate);
    let (effects, _) = node.feed(Input::Proposal(proposal(0, B, None)));
    let [evidence] = effects.evidence[..] else { panic!("one piece of evidence") };
    assert_eq!(evidence.verify(&CHAIN, &four()), Ok(()));
    assert_eq!(evidence.key().kind, MessageKind::Proposal);
}

#[test]
fn pair_that_convicts_nobody_is_refused() {
    let a = vote(VoteKind::Prevote, 0, Some(A), 0).signed();
    let b = vote(VoteKind::Prevote, 0, Some(B), 0).signed();
    let other = vote(VoteKind::Precommit, 0, Some(B), 0).signed();
    let verify = |evidence: Evidence| evidence.verify(&CHAIN, &four());
    assert_eq!(verify(Evidence::votes(b, a)), Ok(()));
    assert_eq!(verify(Evidence::Votes(b, a)), Err(EvidenceError::NotAscending));
    assert_eq!(verify(Evidence::Votes(a, a)), Err(EvidenceError::NotAscending));
    assert_eq!(verify(Evidence::votes(a, other)), Err(EvidenceError::Unrelated));
    let forged = SignedVote { signature: a.signature, ..b };
    let bad = SignatureError::BadSignature(index(0));
    assert_eq!(verify(Evidence::votes(a, forged)), Err(EvidenceError::Signature(bad)));
}

#[test]
fn second_vote_counts_for_the_polka_that_a_proposal_rests_on() {
    // Validator 0 told us nil, and told those who now propose A again that it prevoted A.
    let mut node = Node::awake();
    for input in [prevote(0, None, 0), prevote(0, Some(A), 1), prevote(0, Some(A), 2)] {
        let _ = node.feed(input);
    }
    node.skip_to(1);
    let before = node.feed(prevote(0, Some(A), 0)).0.ignored;
    assert_eq!(before, Some(Ignored::Equivocation));
    let _ = node.feed(Input::Proposal(proposal(1, A, Some(0))));
    let valid = node.judges(1, A, false, Validity::Valid);
    node.hears(valid);

    let view = node.state.view();
    let have = [index(1), index(2)].into_iter().collect();
    assert_eq!(view.wanted, Some(Wanted { round: round(0), block: A, have }));
    let mut other = Node::new(1, four());
    for by in 0..3 {
        let _ = other.feed(prevote(0, Some(A), by));
    }
    let missing = other.state.missing_for(&view);
    let wanted = vote(VoteKind::Prevote, 0, Some(A), 0);
    assert_eq!(missing, [Message::Vote(wanted.signed())]);
    node.votes(Input::Vote(wanted), VoteKind::Prevote, 1, Some(A));
    assert_eq!(node.state.view().wanted, None);
}

#[test]
fn messages_out_of_place_are_ignored_for_a_reason() {
    let mut node = Node::awake();
    let elsewhere = Proposal { height: HEIGHT.next(), ..*proposal(0, A, None) };
    let elsewhere = Verified::sign(elsewhere, &key(0), &CHAIN, &four()).expect("our key");
    assert_eq!(node.ignores(Input::Proposal(elsewhere)), Ignored::OtherHeight);
    let message = Proposal { proposer: index(1), ..*proposal(0, A, None) };
    let usurper = Verified::sign(message, &key(1), &CHAIN, &four()).expect("our key");
    assert_eq!(node.ignores(Input::Proposal(usurper)), Ignored::NotProposer);
    let circular = Input::Proposal(proposal(1, A, Some(1)));
    assert_eq!(node.ignores(circular), Ignored::ValidRoundNotEarlier);
    let built = |r| Input::BlockBuilt { height: HEIGHT, round: round(r), block: A };
    assert_eq!(node.ignores(built(0)), Ignored::NotAsked);
    assert_eq!(node.ignores(built(1)), Ignored::OtherRound);
}

#[test]
fn signatures_are_checked_against_the_set() {
    let good = vote(VoteKind::Prevote, 0, Some(A), 2).signed();
    assert!(good.verify(&CHAIN, &four()).is_ok());
    let elsewhere = good.verify(&ChainId::new([8; 32]), &four());
    assert_eq!(elsewhere, Err(SignatureError::BadSignature(index(2))));
    let mut changed = good;
    changed.message.block = None;
    assert_eq!(changed.verify(&CHAIN, &four()), Err(SignatureError::BadSignature(index(2))));
    changed.message.validator = index(9);
    assert_eq!(changed.verify(&CHAIN, &four()), Err(SignatureError::UnknownValidator(index(9))));
    let stolen = Verified::sign(good.message, &key(1), &CHAIN, &four());
    assert_eq!(stolen, Err(SignatureError::NotOurKey(index(2))));
}

#[test]
fn certificate_needs_order_good_signatures_and_a_quorum() {
    let signature = |by| (index(by), vote(VoteKind::Precommit, 0, Some(A), by).signed().signature);
    let certificate = |signatures| QuorumCertificate {
        kind: Always,
        height: HEIGHT,
        round: round(0),
        block: A,
        signatures: List::new(signatures).expect("few"),
    };
    let verify = |signatures| certificate(signatures).verify(&CHAIN, &four());
    assert_eq!(verify((0..3).map(signature).collect()), Ok(()));
    let twice = vec![signature(0), signature(1), signature(1)];
    assert_eq!(verify(twice), Err(CertificateError::NotAscending(index(1))));
    let few = CertificateError::NoQuorum { power: VotingPower::new(2), total: VotingPower::new(4) };
    assert_eq!(verify((0..2).map(signature).collect()), Err(few));
    let mut spoilt: Vec<_> = (0..4).map(signature).collect();
    spoilt[3].1 = spoilt[0].1;
    let bad = CertificateError::Signature(SignatureError::BadSignature(index(3)));
    assert_eq!(verify(spoilt), Err(bad), "even beside a quorum of good ones");
    let good = certificate((0..3).map(signature).collect());
    assert_eq!(codec::decode::<QuorumCertificate>(&codec::encode(&good)), Ok(good));
}

#[test]
fn quorum_for_an_invalid_block_is_an_alarm_and_nothing_more() {
    let mut node = Node::awake();
    let _ = node.feed(Input::Proposal(proposal(0, A, None)));
    let invalid = node.judges(0, A, true, Validity::Invalid);
    node.votes(invalid, VoteKind::Prevote, 0, None);
    for by in 0..2 {
        node.hears(prevote(0, Some(A), by));
    }
    let alarm = |kind| Alarm::QuorumForInvalidBlock { round: round(0), kind, block: A };
    let effects = node.stays_silent(prevote(0, Some(A), 2));
    assert_eq!(effects.alarms, [alarm(VoteKind::Prevote)]);
    for by in 0..2 {
        assert_eq!(node.stays_silent(precommit(0, Some(A), by)).alarms, []);
    }
    let effects = node.stays_silent(precommit(0, Some(A), 2));
    assert_eq!(effects.alarms, [alarm(VoteKind::Precommit)]);
    assert_eq!((effects.decide, node.state.locked()), (None, None));
}

#[test]
fn second_decision_at_a_height_is_an_alarm() {
    let mut node = Node::awake();
    node.lock_a_in_round_0();
    let _ = node.feed(precommit(0, Some(A), 0));
    assert!(node.feed(precommit(0, Some(A), 1)).0.decide.is_some());
    let _ = node.feed(precommit(1, Some(B), 0));
    let _ = node.feed(precommit(1, Some(B), 1));
    let (effects, _) = node.feed(precommit(1, Some(B), 2));
    let [Alarm::ConflictingDecision(certificate)] = &effects.alarms[..] else {
        panic!("an alarm: {effects:?}")
    };
    assert_eq!(certificate.verify(&CHAIN, &four()), Ok(()));
    assert_eq!(effects.decide, None);
}

#[test]
fn message_signed_with_our_key_elsewhere_bars_this_height() {
    let mut node = Node::awake();
    let foreign = vote(VoteKind::Prevote, 2, Some(A), 3);
    let (effects, _) = node.feed(Input::Vote(foreign));
    assert_eq!(effects.alarms, [Alarm::SignedElsewhere(VerifiedMessage::Vote(foreign))]);
    assert!(!node.state.may_sign());
    assert_eq!(node.state.barred_through(), Some(HEIGHT));
    node.hears(Input::TimeoutElapsed(timeout(TimeoutKind::Propose, 0)));
    let validators = four();
    let me = Some(index(3));
    let _ = node.feed(Input::HeightStarted { height: HEIGHT.next(), validators, me });
    assert!(node.state.may_sign());
}

#[test]
fn what_recovery_holds_back_is_signed_when_it_ends() {
    let mut node = Node::new(3, four());
    let _ = node.restart();
    assert!(!node.state.may_sign());
    node.hears(Input::Wake);
    node.hears(Input::TimeoutElapsed(timeout(TimeoutKind::Propose, 0)));
    let allowed = Input::SigningAllowed { barred_through: None };
    let mut barred = node.clone();
    node.votes(allowed, VoteKind::Prevote, 0, None);

    let through = Input::SigningAllowed { barred_through: Some(HEIGHT) };
    barred.hears(through);
    barred.hears(prevote(0, None, 0));
    barred.hears(prevote(0, None, 1));
    barred.hears(prevote(0, None, 2));
    assert_eq!(barred.state.step(), Step::Precommit, "it follows without a voice");
}

#[test]
fn restarted_validator_says_the_same_again_and_keeps_its_lock() {
    let mut node = Node::awake();
    node.lock_a_in_round_0();
    let effects = node.restart();
    let last = vote(VoteKind::Precommit, 0, Some(A), 3);
    assert_eq!(effects.resend, Some(VerifiedMessage::Vote(last)));
    assert_eq!(effects.schedule, [timeout(TimeoutKind::Precommit, 0)]);
    assert_eq!((node.state.round(), node.state.step()), (round(0), Step::Precommit));
    assert_eq!(node.state.locked(), Some((round(0), A)));
    let _ = node.feed(Input::SigningAllowed { barred_through: None });
    for input in [Input::Wake, prevote(0, None, 2)] {
        let _ = node.feed(input);
    }
    node.skip_to(1);
    node.votes(Input::Proposal(proposal(1, B, None)), VoteKind::Prevote, 1, None);
    node.assert_never_equivocated();
}

#[test]
fn restarted_proposer_does_not_propose_another_block() {
    let mut node = Node::new(0, four());
    assert_eq!(node.stays_silent(Input::Wake).build, Some(round(0)));
    let built = |block| Input::BlockBuilt { height: HEIGHT, round: round(0), block };
    let (_, messages) = node.step_only(built(A));
    assert_eq!(messages.len(), 1);
    let effects = node.restart();
    assert_eq!(effects.resend, Some(VerifiedMessage::Proposal(proposal(0, A, None))));
    assert_eq!((effects.build, effects.validate), (None, vec![request(0, A, true)]));
    let _ = node.feed(Input::SigningAllowed { barred_through: None });
    assert_eq!(node.ignores(built(B)), Ignored::NotAsked);
    let valid = node.judges(0, A, true, Validity::Valid);
    node.votes(valid, VoteKind::Prevote, 0, Some(A));
}

#[test]
fn guard_of_another_height_bars_the_past_and_says_nothing_of_the_future() {
    let mut node = Node::awake();
    node.lock_a_in_round_0();
    let restore = |height| {
        let me = Some(index(3));
        State::restore(&CHAIN, Height::new(height), four(), me, node.guard.as_ref())
    };
    let (older, _) = restore(2).expect("a good guard");
    assert_eq!(older.barred_through(), Some(HEIGHT));
    let (newer, effects) = restore(5).expect("a good guard");
    assert_eq!((newer.barred_through(), newer.locked()), (None, None));
    assert_eq!(effects, Effects::default());
}

#[test]
fn guard_that_cannot_be_believed_is_refused() {
    let mut node = Node::awake();
    node.lock_a_in_round_0();
    let good = node.guard.expect("a record");
    let restore = |guard: &GuardRecord, me| {
        State::restore(&CHAIN, HEIGHT, four(), Some(index(me)), Some(guard)).err()
    };
    assert_eq!(restore(&good, 3), None);
    assert!(matches!(restore(&good, 2), Some(GuardError::LastNotOurs(_))));
    let newer = GuardRecord { version: 2, ..good.clone() };
    assert_eq!(restore(&newer, 3), Some(GuardError::UnknownVersion { found: 2 }));
    let found = ChainId::new([9; 32]);
    let foreign = GuardRecord { chain: found, ..good.clone() };
    assert_eq!(restore(&foreign, 3), Some(GuardError::OtherChain { found, expected: CHAIN }));
    let mut unproven = good;
    unproven.valid.as_mut().expect("a polka").block = B;
    assert!(matches!(restore(&unproven, 3), Some(GuardError::BadPolka(_))));
}

#[test]
fn largest_guard_record_keeps_its_bound() {
    let set = set_of(&[1; VALIDATORS_MAX]);
    let vote = Vote {
        height: HEIGHT,
        round: round(0),
        kind: VoteKind::Precommit,
        block: Some(A),
        validator: index(0),
    };
    let last = Verified::sign(vote, &key(0), &CHAIN, &set).expect("our key").signed();
    let signatures = set.indices().map(|index| (index, last.signature)).collect();
    let signatures = List::new(signatures).expect("as many as validators");
    let record = GuardRecord {
        version: GUARD_VERSION,
        chain: CHAIN,
        last: Message::Vote(last),
        locked: Some((round(0), A)),
        valid: Some(Polka { round: round(0), block: A, signatures }),
    };
    let bytes = codec::encode(&record).len();
    assert!((2000..=GUARD_BYTES_MAX).contains(&bytes), "{bytes}");
}

#[test]
fn chain_goes_on_after_every_node_lost_power_with_half_of_them_locked() {
    // 0, 1 and 2 prevoted A; 0 and 1 have seen that and are locked, 2 and 3 have not.
    let mut cluster = Cluster::new(4, 1);
    cluster.wake_all();
    cluster.input(0, Input::BlockBuilt { height: HEIGHT, round: round(0), block: A });
    cluster.network.clear();
    for node in 0..3 {
        cluster.input(node, Input::Proposal(proposal(0, A, None)));
        let valid =
            Input::BlockValidated { request: request(0, A, true), validity: Validity::Valid };
        cluster.input(node, valid);
    }
    cluster.input(3, Input::TimeoutElapsed(timeout(TimeoutKind::Propose, 0)));
    for node in 0..2 {
        for by in 0..3 {
            cluster.input(node, prevote(0, Some(A), by));
        }
        assert!(cluster.nodes[node].state.locked().is_some());
    }
    cluster.network.clear();
    for node in 0..4 {
        cluster.restart(node);
    }
    cluster.run_until_decided();
    assert!(cluster.decisions().iter().all(|block| *block == A), "locked by two, so nothing else");
}

#[test]
fn laggard_gets_what_it_lacks_and_decides() {
    let mut ahead = Node::awake();
    ahead.lock_a_in_round_0();
    let _ = ahead.feed(precommit(0, Some(A), 0));
    let _ = ahead.feed(precommit(0, Some(A), 1));
    assert_eq!(ahead.state.step(), Step::Decided);

    let mut late = Node::new(2, four());
    let _ = late.feed(precommit(0, Some(A), 1));
    let view: View = codec::decode(&codec::encode(&late.state.view())).expect("canonical");
    let missing = ahead.state.missing_for(&view);
    assert_eq!(missing.len(), 1 + 3 + 2);
    for message in missing {
        let _ = late.feed(message.verify(&CHAIN, &four()).expect("honest").into());
    }
    let valid = late.judges(0, A, true, Validity::Valid);
    assert!(late.feed(valid).0.decide.is_some());
    let nothing_more: Vec<_> = ahead.state.missing_for(&late.state.view());
    assert_eq!(nothing_more, []);
    let next = View { height: HEIGHT.next(), ..view };
    assert_eq!(ahead.state.missing_for(&next), []);
}

#[test]
fn timers_grow_with_the_round_and_start_again_at_every_height() {
    let ms = DurationMs::new;
    let policy = TimeoutPolicy {
        propose: ms(1000),
        propose_delta: ms(500),
        prevote: ms(300),
        prevote_delta: ms(200),
        precommit: ms(400),
        precommit_delta: ms(100),
    };
    let duration = |kind, r| policy.duration(&timeout(kind, r)).get();
    assert_eq!([0, 1, 4].map(|r| duration(TimeoutKind::Propose, r)), [1000, 1500, 3000]);
    assert_eq!([0, 1].map(|r| duration(TimeoutKind::Prevote, r)), [300, 500]);
    assert_eq!([0, 1].map(|r| duration(TimeoutKind::Precommit, r)), [400, 500]);
    let next = Timeout { height: HEIGHT.next(), ..timeout(TimeoutKind::Propose, 0) };
    assert_eq!(policy.duration(&next), ms(1000));
}

#[test]
fn validator_set_is_checked() {
    let make = |count: u16, power| {
        let validator = |index| Validator {
            member: MemberId::new(index),
            key: key(index).public_key(),
            power: VotingPower::new(power),
        };
        ValidatorSet::new((0..count).map(validator).collect())
    };
    assert_eq!(make(0, 1), Err(ValidatorSetError::Empty));
    assert_eq!(make(32, 1), Err(ValidatorSetError::TooMany { count: 32 }));
    for power in [0, 1001] {
        let out_of_range = ValidatorSetError::PowerOutOfRange {
            member: MemberId::ZERO,
            power: VotingPower::new(power),
        };
        assert_eq!(make(1, power), Err(out_of_range));
    }
    let one = make(1, 1).expect("valid").validators()[0];
    let twice = ValidatorSetError::KeyTwice { member: one.member, key: one.key };
    assert_eq!(ValidatorSet::new(vec![one, one]), Err(twice));

    let set = set_of(&[1, 2, 3]);
    let bytes = codec::encode(&set);
    assert_eq!(codec::decode::<ValidatorSet>(&bytes), Ok(set.clone()));
    assert_ne!(set.hash(), four().hash());
    assert_eq!(set.index_of_key(&key(2).public_key()), Some(index(2)));
    let power = VotingPower::new;
    assert!(!set.is_quorum(power(4)) && set.is_quorum(power(5)));
    assert!(!set.exceeds_f(power(2)) && set.exceeds_f(power(3)));
}

#[test]
fn turns_to_propose_are_in_proportion_to_power_and_reach_everybody() {
    let set = set_of(&[1, 2, 3, 10]);
    let turns = |height: u64, count: u32| {
        let mut turns = BTreeMap::new();
        for r in 0..count {
            *turns.entry(set.proposer(Height::new(height), round(r)).get()).or_insert(0) += 1;
        }
        turns
    };
    assert_eq!(turns(5, 16), BTreeMap::from([(0, 1), (1, 2), (2, 3), (3, 10)]));
    assert_eq!(set.proposer(Height::new(9), round(3)), set.proposer(Height::new(12), round(0)));
    assert_eq!(set_of(&[1000; 31]).proposer(Height::new(u64::MAX), round(u32::MAX)).get() / 31, 0);
}

#[test]
fn recovery_asks_a_quorum_and_bars_what_the_guard_has_forgotten() {
    let old = Position { height: Height::new(3), round: round(0), kind: MessageKind::Precommit };
    let begin = |guard| Recovery::new(CHAIN, four(), index(3), guard);
    let collecting = |missing| Permit::Collecting { missing: VotingPower::new(missing) };
    let seen = Message::Vote(vote(VoteKind::Prevote, 0, Some(A), 3).signed());

    let mut recovery = begin(None);
    assert_eq!(recovery.permit(), collecting(2));
    assert_eq!(recovery.on_answer(index(0), None), Ok(()));
    assert_eq!(recovery.on_answer(index(0), None), Ok(()));
    assert_eq!(recovery.permit(), collecting(1));
    assert_eq!(recovery.unanswered().collect::<Vec<_>>(), [index(1), index(2)]);
    assert_eq!(recovery.on_answer(index(1), None), Ok(()));
    assert_eq!(recovery.permit(), Permit::Allowed);

    let mut recovery = begin(Some(old));
    assert_eq!(recovery.on_answer(index(0), Some(&seen)), Ok(()));
    assert_eq!(recovery.permit(), collecting(1), "others may have seen more");
    assert_eq!(recovery.on_answer(index(1), None), Ok(()));
    assert_eq!(recovery.permit(), Permit::BarredThrough(HEIGHT));

    let mut recovery = begin(Some(seen.position()));
    for from in [0, 1] {
        assert_eq!(recovery.on_answer(index(from), Some(&seen)), Ok(()));
    }
    assert_eq!(recovery.permit(), Permit::Allowed, "the guard knows it");

    let not_another = |validator| Err(AnswerError::NotAnotherValidator(index(validator)));
    assert_eq!(recovery.on_answer(index(3), None), not_another(3));
    assert_eq!(recovery.on_answer(index(4), None), not_another(4));
    let theirs = Message::Vote(vote(VoteKind::Prevote, 0, Some(A), 2).signed());
    let refused = recovery.on_answer(index(2), Some(&theirs));
    assert_eq!(refused, Err(AnswerError::NotOurs(index(2))));
    assert_eq!(Recovery::new(CHAIN, set_of(&[1]), index(0), None).permit(), Permit::Allowed);
}

/// Four honest validators, a network that reorders and repeats, timers that run out at any time.
struct Cluster {
    nodes: Vec<Node>,
    network: Vec<(usize, Input)>,
    timers: Vec<(usize, Timeout)>,
    random: u64,
}

impl Cluster {
    fn new(count: u16, seed: u64) -> Self {
        let set = set_of(&vec![1; usize::from(count)]);
        Self {
            nodes: (0..count).map(|me| Node::new(me, set.clone())).collect(),
            network: Vec::new(),
            timers: Vec::new(),
            random: seed,
        }
    }

    fn draw(&mut self, below: usize) -> usize {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.random >> 33) as usize % below
    }

    fn wake_all(&mut self) {
        for node in 0..self.nodes.len() {
            self.input(node, Input::Wake);
        }
    }

    fn input(&mut self, node: usize, input: Input) {
        let (effects, signed) = self.nodes[node].feed(input);
        self.spread(&signed);
        self.carry_out(node, effects);
    }

    fn spread(&mut self, messages: &[Message]) {
        for message in messages {
            for to in 0..self.nodes.len() {
                let set = self.nodes[to].state.validators();
                let verified = message.verify(&CHAIN, set).expect("honest");
                self.network.push((to, verified.into()));
            }
        }
    }

    fn carry_out(&mut self, node: usize, effects: Effects) {
        assert_eq!((effects.alarms, effects.evidence), (vec![], vec![]));
        self.timers.extend(effects.schedule.into_iter().map(|timeout| (node, timeout)));
        if let Some(round) = effects.build {
            let block = BlockHash::new([16 * node as u8 + round.get() as u8; 32]);
            let built = Input::BlockBuilt { height: HEIGHT, round, block };
            self.network.push((node, built));
        }
        for request in effects.validate {
            let judged = Input::BlockValidated { request, validity: Validity::Valid };
            self.network.push((node, judged));
        }
    }

    fn restart(&mut self, node: usize) {
        self.timers.retain(|(of, _)| *of != node);
        let effects = self.nodes[node].restart();
        let resend: Vec<_> = effects.resend.iter().map(VerifiedMessage::message).collect();
        self.spread(&resend);
        self.carry_out(node, effects);
        self.input(node, Input::SigningAllowed { barred_through: None });
    }

    /// Each node tells one other what it has.
    fn exchange_views(&mut self) {
        for node in 0..self.nodes.len() {
            let peer = self.draw(self.nodes.len());
            let missing = self.nodes[peer].state.missing_for(&self.nodes[node].state.view());
            for message in missing {
                let set = self.nodes[node].state.validators();
                let verified = message.verify(&CHAIN, set).expect("honest");
                self.network.push((node, verified.into()));
            }
        }
    }

    fn run_until_decided(&mut self) {
        for _ in 0..20_000 {
            if self.nodes.iter().all(|node| node.state.decision().is_some()) {
                return;
            }
            if !self.network.is_empty() {
                let next = self.draw(self.network.len());
                let (to, input) = self.network.swap_remove(next);
                self.input(to, input);
            } else if !self.timers.is_empty() {
                let next = self.draw(self.timers.len());
                let (of, timeout) = self.timers.swap_remove(next);
                self.input(of, Input::TimeoutElapsed(timeout));
                self.exchange_views();
            } else {
                self.exchange_views();
            }
        }
        panic!("no decision");
    }

    fn decisions(&self) -> Vec<BlockHash> {
        let decided = self.nodes.iter().filter_map(|node| node.state.decision());
        decided.map(|certificate| certificate.block).collect()
    }
}

#[test]
fn four_validators_agree_whatever_the_order_of_messages() {
    for seed in 0..60 {
        let mut cluster = Cluster::new(4, seed);
        cluster.wake_all();
        for turn in 0..400 {
            // Messages get lost, timers run out early, nodes lose power.
            match cluster.draw(8) {
                0 if !cluster.timers.is_empty() => {
                    let next = cluster.draw(cluster.timers.len());
                    let (of, timeout) = cluster.timers.swap_remove(next);
                    cluster.input(of, Input::TimeoutElapsed(timeout));
                }
                1 if turn % 20 == 0 => {
                    let node = cluster.draw(4);
                    cluster.restart(node);
                }
                _ if !cluster.network.is_empty() => {
                    let next = cluster.draw(cluster.network.len());
                    let (to, input) = cluster.network.swap_remove(next);
                    let travels = matches!(input, Input::Proposal(_) | Input::Vote(_));
                    let is_lost = travels && cluster.draw(3) == 0;
                    if !is_lost {
                        cluster.input(to, input);
                    }
                }
                _ => cluster.exchange_views(),
            }
        }
        cluster.run_until_decided();
        let decisions: BTreeSet<_> = cluster.decisions().into_iter().collect();
        assert_eq!(decisions.len(), 1, "seed {seed}");
        cluster.nodes.iter().for_each(Node::assert_never_equivocated);
    }
}

fn any_input() -> impl Strategy<Value = Option<Input>> {
    let block = prop::sample::select(vec![A, B, C]);
    let maybe_block = prop::option::of(block.clone());
    let valid_round = prop::option::of(0..3u32);
    let kind = prop::sample::select(vec![VoteKind::Prevote, VoteKind::Precommit]);
    let timer = prop::sample::select(vec![
        TimeoutKind::Propose,
        TimeoutKind::Prevote,
        TimeoutKind::Precommit,
    ]);
    let validity = prop::sample::select(vec![
        Validity::Valid,
        Validity::Valid,
        Validity::Unfit,
        Validity::Invalid,
    ]);
    let round_range = prop_oneof![20 => 0..4u32, 1 => 15..40u32];
    prop_oneof![
        6 => (kind, round_range, maybe_block, 0..3u16)
            .prop_map(|(kind, r, block, by)| Some(Input::Vote(vote(kind, r, block, by)))),
        2 => (0..3u32, block.clone(), valid_round)
            .prop_map(|(r, block, valid)| Some(Input::Proposal(proposal(r, block, valid)))),
        2 => (0..4u32, block.clone(), any::<bool>(), validity).prop_map(|(r, block, fresh, validity)| {
            Some(Input::BlockValidated { request: request(r, block, fresh), validity })
        }),
        2 => (timer, 0..4u32).prop_map(|(kind, r)| Some(Input::TimeoutElapsed(timeout(kind, r)))),
        1 => (0..4u32, block).prop_map(|(r, block)| Some(Input::BlockBuilt {
            height: HEIGHT,
            round: round(r),
            block,
        })),
        1 => (0..5u16).prop_map(|validator| Some(Input::PeerAwake {
            height: HEIGHT,
            validator: index(validator),
        })),
        1 => Just(Some(Input::Wake)),
        // The machine loses power.
        1 => Just(None),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_others_do_makes_a_validator_panic_or_equivocate(
        inputs in prop::collection::vec(any_input(), 0..160),
    ) {
        let mut node = Node::new(3, four());
        let mut evidence = BTreeSet::new();
        for input in inputs {
            let effects = match input {
                Some(input) => node.feed(input).0,
                None => {
                    evidence.clear(); // what was known of others is gone
                    let effects = node.restart();
                    let _ = node.feed(Input::SigningAllowed { barred_through: None });
                    effects
                }
            };
            for found in effects.evidence {
                prop_assert!(found.offender() != index(3));
                prop_assert!(evidence.insert(found.key()), "evidence twice");
                prop_assert_eq!(found.verify(&CHAIN, &four()), Ok(()));
            }
            if let Some(certificate) = effects.decide {
                prop_assert_eq!(certificate.verify(&CHAIN, &four()), Ok(()));
            }
            let (locked, valid) = (node.state.locked(), node.state.valid());
            prop_assert!(locked.map(|(round, _)| round) <= valid.map(|(round, _)| round));
            prop_assert!(codec::encode(&node.state.view()).len() < 4096);
        }
        node.assert_never_equivocated();
    }
}
