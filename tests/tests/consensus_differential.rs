//! Our core beside Malachite's, input by input: both must vote and decide alike.
//!
//! We are validator 3 of four. What the others do is drawn at random, within what both cores treat
//! alike: the height is awake (P2 is ours alone), a proposal is known before any vote for its block
//! in that round (we lock and decide without it, P3 and P8), nobody votes twice (P19), no round is far ahead,
//! and an invalid block is prevoted only as often as f allows.

use arc_malachitebft_core_driver::{Driver, Input as TheirInput, Output, ThresholdParams};
use arc_malachitebft_core_types as theirs;
use ledger_core::{
    consensus::{
        Input, Proposal, State, Timeout, TimeoutKind, Unsigned, Validator, ValidatorSet, Validity,
        VerifiedMessage, Vote, VoteKind, step,
    },
    crypto::{BlockHash, ChainId, SecretKey},
    types::{Height, MemberId, Round, ValidatorIndex, VotingPower},
};
use proptest::prelude::*;
use std::{collections::BTreeMap, fmt};
use theirs::NilOrVal;

const CHAIN: ChainId = ChainId::new([7; 32]);
/// Validator r proposes in round r of this height.
const HEIGHT: Height = Height::new(4);
const ME: u16 = 3;
/// Block 3 is the one that we build; block 2 is invalid.
const BUILT: u8 = 3;
const INVALID: u8 = 2;
const ROUNDS: u32 = 5;

// ---- Malachite's view of our types ----

#[derive(Clone, Debug)]
struct Theirs;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Index(u16);
impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl theirs::Address for Index {}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct At(u64);
impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl theirs::Height for At {
    const ZERO: Self = Self(0);
    const INITIAL: Self = Self(1);
    fn increment_by(&self, n: u64) -> Self {
        Self(self.0 + n)
    }
    fn decrement_by(&self, n: u64) -> Option<Self> {
        self.0.checked_sub(n).map(Self)
    }
    fn as_u64(&self) -> u64 {
        self.0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Block(u8);
impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl theirs::Value for Block {
    type Id = Block;
    fn id(&self) -> Block {
        *self
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part;
impl theirs::ProposalPart<Theirs> for Part {
    fn is_first(&self) -> bool {
        true
    }
    fn is_last(&self) -> bool {
        true
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct TheirProposal {
    round: theirs::Round,
    block: Block,
    valid_round: theirs::Round,
    proposer: Index,
}
impl theirs::Proposal<Theirs> for TheirProposal {
    fn height(&self) -> At {
        At(HEIGHT.get())
    }
    fn round(&self) -> theirs::Round {
        self.round
    }
    fn value(&self) -> &Block {
        &self.block
    }
    fn take_value(self) -> Block {
        self.block
    }
    fn pol_round(&self) -> theirs::Round {
        self.valid_round
    }
    fn validator_address(&self) -> &Index {
        &self.proposer
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct TheirVote {
    round: theirs::Round,
    kind: theirs::VoteType,
    block: NilOrVal<Block>,
    validator: Index,
}
impl theirs::Vote<Theirs> for TheirVote {
    fn height(&self) -> At {
        At(HEIGHT.get())
    }
    fn round(&self) -> theirs::Round {
        self.round
    }
    fn value(&self) -> &NilOrVal<Block> {
        &self.block
    }
    fn take_value(self) -> NilOrVal<Block> {
        self.block
    }
    fn vote_type(&self) -> theirs::VoteType {
        self.kind
    }
    fn validator_address(&self) -> &Index {
        &self.validator
    }
    fn extension(&self) -> Option<&theirs::SignedExtension<Theirs>> {
        None
    }
    fn take_extension(&mut self) -> Option<theirs::SignedExtension<Theirs>> {
        None
    }
    fn extend(self, _: theirs::SignedExtension<Theirs>) -> Self {
        self
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct TheirValidator(Index);
impl theirs::Validator<Theirs> for TheirValidator {
    fn address(&self) -> &Index {
        &self.0
    }
    fn public_key(&self) -> &() {
        &()
    }
    fn voting_power(&self) -> u64 {
        1
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct TheirSet(Vec<TheirValidator>);
impl theirs::ValidatorSet<Theirs> for TheirSet {
    fn count(&self) -> usize {
        self.0.len()
    }
    fn total_voting_power(&self) -> u64 {
        self.0.len() as u64
    }
    fn get_by_address(&self, index: &Index) -> Option<&TheirValidator> {
        self.0.get(usize::from(index.0))
    }
    fn get_by_index(&self, index: usize) -> Option<&TheirValidator> {
        self.0.get(index)
    }
}

/// Signatures are checked before either core.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Unchecked;
impl theirs::SigningScheme for Unchecked {
    type DecodingError = String;
    type Signature = ();
    type PublicKey = ();
    type PrivateKey = ();
    fn decode_signature(_: &[u8]) -> Result<(), String> {
        Ok(())
    }
    fn encode_signature((): &()) -> Vec<u8> {
        Vec::new()
    }
    fn decode_public_key(_: &[u8]) -> Result<(), String> {
        Ok(())
    }
    fn encode_public_key((): &()) -> Vec<u8> {
        Vec::new()
    }
}

impl theirs::Context for Theirs {
    type Address = Index;
    type Height = At;
    type ProposalPart = Part;
    type Proposal = TheirProposal;
    type Validator = TheirValidator;
    type ValidatorSet = TheirSet;
    type Timeouts = theirs::LinearTimeouts;
    type Value = Block;
    type Vote = TheirVote;
    type Extension = ();
    type SigningScheme = Unchecked;

    fn select_proposer<'a>(
        &self,
        set: &'a TheirSet,
        _: At,
        round: theirs::Round,
    ) -> &'a TheirValidator {
        &set.0[(round.as_u32().expect("a round") % 4) as usize]
    }

    fn new_proposal(
        &self,
        _: At,
        round: theirs::Round,
        block: Block,
        valid_round: theirs::Round,
        proposer: Index,
    ) -> TheirProposal {
        TheirProposal { round, block, valid_round, proposer }
    }

    fn new_prevote(
        &self,
        _: At,
        round: theirs::Round,
        block: NilOrVal<Block>,
        validator: Index,
    ) -> TheirVote {
        TheirVote { round, kind: theirs::VoteType::Prevote, block, validator }
    }

    fn new_precommit(
        &self,
        _: At,
        round: theirs::Round,
        block: NilOrVal<Block>,
        validator: Index,
    ) -> TheirVote {
        TheirVote { round, kind: theirs::VoteType::Precommit, block, validator }
    }
}

// ---- the two cores, each with a shell that answers at once ----

/// What a core says, in words that both share.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    Proposal { round: u32, block: u8, valid_round: Option<u32> },
    Vote { round: u32, kind: VoteKind, block: Option<u8> },
    Decision { block: u8 },
}

trait Core {
    fn proposal(&mut self, round: u32, block: u8, valid_round: Option<u32>, by: u16);
    fn vote(&mut self, round: u32, kind: VoteKind, block: Option<u8>, by: u16);
    fn timeout(&mut self, round: u32, kind: TimeoutKind);
    fn round(&self) -> u32;
}

fn hash(block: u8) -> BlockHash {
    BlockHash::new([block; 32])
}

fn number(block: BlockHash) -> u8 {
    block.as_bytes()[0]
}

fn key(index: u16) -> SecretKey {
    SecretKey::from_seed(&[index as u8 + 1; 32])
}

fn validators() -> ValidatorSet {
    let validator = |index| Validator {
        member: MemberId::new(index),
        key: key(index).public_key(),
        power: VotingPower::new(1),
    };
    ValidatorSet::new((0..4).map(validator).collect()).expect("a valid set")
}

struct Ours {
    state: State,
    said: Vec<Said>,
}

impl Ours {
    fn new() -> Self {
        let state = State::new(HEIGHT, validators(), Some(ValidatorIndex::new(ME)));
        let mut ours = Self { state, said: Vec::new() };
        ours.feed(Input::SigningAllowed { barred_through: None });
        ours.feed(Input::Wake);
        ours
    }

    fn feed(&mut self, input: Input) {
        let (state, effects) = step(self.state.clone(), input);
        self.state = state;
        let mut answers = Vec::new();
        if let Some(to_sign) = effects.sign {
            let signed = to_sign.sign(&key(ME), &CHAIN, &validators()).expect("our key");
            for message in signed.persisted() {
                self.said.push(match message {
                    VerifiedMessage::Proposal(proposal) => Said::Proposal {
                        round: proposal.round.get(),
                        block: number(proposal.block),
                        valid_round: proposal.valid_round.map(Round::get),
                    },
                    VerifiedMessage::Vote(vote) => Said::Vote {
                        round: vote.round.get(),
                        kind: vote.kind,
                        block: vote.block.map(number),
                    },
                });
                answers.push(message.into());
            }
        }
        if let Some(certificate) = effects.decide {
            assert_eq!(certificate.verify(&CHAIN, &validators()), Ok(()));
            self.said.push(Said::Decision { block: number(certificate.block) });
        }
        if let Some(round) = effects.build {
            answers.push(Input::BlockBuilt { height: HEIGHT, round, block: hash(BUILT) });
        }
        for request in effects.validate {
            let is_invalid = request.block == hash(INVALID);
            let validity = if is_invalid { Validity::Invalid } else { Validity::Valid };
            answers.push(Input::BlockValidated { request, validity });
        }
        for answer in answers {
            self.feed(answer);
        }
    }

    fn hear(&mut self, message: Unsigned, by: u16) {
        let verified = message.sign(&key(by), &CHAIN, &validators()).expect("their key");
        self.feed(verified.into());
    }
}

impl Core for Ours {
    fn proposal(&mut self, round: u32, block: u8, valid_round: Option<u32>, by: u16) {
        let message = Proposal {
            height: HEIGHT,
            round: Round::new(round),
            block: hash(block),
            valid_round: valid_round.map(Round::new),
            proposer: ValidatorIndex::new(by),
        };
        self.hear(Unsigned::Proposal(message), by);
    }

    fn vote(&mut self, round: u32, kind: VoteKind, block: Option<u8>, by: u16) {
        let validator = ValidatorIndex::new(by);
        let (round, block) = (Round::new(round), block.map(hash));
        self.hear(Unsigned::Vote(Vote { height: HEIGHT, round, kind, block, validator }), by);
    }

    fn timeout(&mut self, round: u32, kind: TimeoutKind) {
        let timeout = Timeout { height: HEIGHT, round: Round::new(round), kind };
        self.feed(Input::TimeoutElapsed(timeout));
    }

    fn round(&self) -> u32 {
        self.state.round().get()
    }
}

struct Malachite {
    driver: Driver<Theirs>,
    said: Vec<Said>,
}

fn to_block(block: &NilOrVal<Block>) -> Option<u8> {
    match block {
        NilOrVal::Nil => None,
        NilOrVal::Val(block) => Some(block.0),
    }
}

fn raw(round: theirs::Round) -> u32 {
    round.as_u32().expect("a round")
}

impl Malachite {
    fn new() -> Self {
        let set = TheirSet((0..4).map(|index| TheirValidator(Index(index))).collect());
        let height = At(HEIGHT.get());
        let driver = Driver::new(Theirs, height, set, Index(ME), ThresholdParams::default());
        let mut malachite = Self { driver, said: Vec::new() };
        malachite.feed(TheirInput::NewRound(height, theirs::Round::ZERO, Index(0)));
        malachite
    }

    fn feed(&mut self, input: TheirInput<Theirs>) {
        let outputs = self.driver.process(input).expect("well-formed input");
        for output in outputs {
            let answer = match output {
                Output::NewRound(height, round) => {
                    TheirInput::NewRound(height, round, Index((raw(round) % 4) as u16))
                }
                Output::Propose(proposal) => {
                    self.said.push(Said::Proposal {
                        round: raw(proposal.round),
                        block: proposal.block.0,
                        valid_round: proposal.valid_round.as_u32(),
                    });
                    TheirInput::Proposal(
                        theirs::SignedProposal::new(proposal, ()),
                        theirs::Validity::Valid,
                    )
                }
                Output::Vote(vote) => {
                    let kind = match vote.kind {
                        theirs::VoteType::Prevote => VoteKind::Prevote,
                        theirs::VoteType::Precommit => VoteKind::Precommit,
                    };
                    let block = to_block(&vote.block);
                    self.said.push(Said::Vote { round: raw(vote.round), kind, block });
                    TheirInput::Vote(theirs::SignedVote::new(vote, ()))
                }
                Output::Decide(_, proposal) => {
                    self.said.push(Said::Decision { block: proposal.block.0 });
                    continue;
                }
                Output::ScheduleTimeout(_) => continue,
                Output::GetValue(_, round, _) => TheirInput::ProposeValue(round, Block(BUILT)),
            };
            self.feed(answer);
        }
    }
}

impl Core for Malachite {
    fn proposal(&mut self, round: u32, block: u8, valid_round: Option<u32>, by: u16) {
        let proposal = TheirProposal {
            round: theirs::Round::new(round),
            block: Block(block),
            valid_round: valid_round.map_or(theirs::Round::Nil, theirs::Round::new),
            proposer: Index(by),
        };
        let validity = theirs::Validity::from_bool(block != INVALID);
        self.feed(TheirInput::Proposal(theirs::SignedProposal::new(proposal, ()), validity));
    }

    fn vote(&mut self, round: u32, kind: VoteKind, block: Option<u8>, by: u16) {
        let vote = TheirVote {
            round: theirs::Round::new(round),
            kind: match kind {
                VoteKind::Prevote => theirs::VoteType::Prevote,
                VoteKind::Precommit => theirs::VoteType::Precommit,
            },
            block: block.map_or(NilOrVal::Nil, |block| NilOrVal::Val(Block(block))),
            validator: Index(by),
        };
        self.feed(TheirInput::Vote(theirs::SignedVote::new(vote, ())));
    }

    fn timeout(&mut self, round: u32, kind: TimeoutKind) {
        let round = theirs::Round::new(round);
        self.feed(TheirInput::TimeoutElapsed(match kind {
            TimeoutKind::Propose => theirs::Timeout::propose(round),
            TimeoutKind::Prevote => theirs::Timeout::prevote(round),
            TimeoutKind::Precommit => theirs::Timeout::precommit(round),
        }));
    }

    fn round(&self) -> u32 {
        raw(self.driver.round())
    }
}

// ---- what the others do ----

#[derive(Clone, Debug)]
enum Draw {
    Proposal { ahead: u32, block: u8, valid_round: Option<u32> },
    Vote { ahead: i64, kind: VoteKind, for_block: bool, by: u16 },
    Timeout { kind: TimeoutKind },
}

fn draw() -> impl Strategy<Value = Draw> {
    let kind = prop::sample::select(vec![VoteKind::Prevote, VoteKind::Precommit]);
    let timer = prop::sample::select(vec![
        TimeoutKind::Propose,
        TimeoutKind::Prevote,
        TimeoutKind::Precommit,
    ]);
    let ahead = prop::sample::select(vec![-1, 0, 0, 0, 0, 0, 0, 1]);
    prop_oneof![
        3 => (0..2u32, 0..3u8, prop::option::of(0..3u32))
            .prop_map(|(ahead, block, valid_round)| Draw::Proposal { ahead, block, valid_round }),
        9 => (ahead, kind, prop::bool::weighted(0.7), 0..3u16)
            .prop_map(|(ahead, kind, for_block, by)| Draw::Vote { ahead, kind, for_block, by }),
        2 => timer.prop_map(|kind| Draw::Timeout { kind }),
    ]
}

/// Keeps what the others do within what both cores treat alike.
#[derive(Default)]
struct Others {
    proposed: BTreeMap<u32, u8>,
    votes: BTreeMap<(u32, VoteKind, u16), Option<u8>>,
}

impl Others {
    fn act(&mut self, draw: &Draw, now: u32, core: &mut [&mut dyn Core]) {
        match *draw {
            Draw::Proposal { ahead, block, valid_round } => {
                let round = now + ahead;
                let by = (round % 4) as u16;
                let valid_round = valid_round.filter(|valid_round| *valid_round < round);
                if by == ME || self.proposed.contains_key(&round) {
                    return;
                }
                self.proposed.insert(round, block);
                core.iter_mut().for_each(|core| core.proposal(round, block, valid_round, by));
            }
            Draw::Vote { ahead, kind, for_block, by } => {
                let Ok(round) = u32::try_from(i64::from(now) + ahead) else { return };
                let block = self.proposed.get(&round).copied().filter(|_| for_block);
                if for_block && block.is_none() || self.votes.contains_key(&(round, kind, by)) {
                    return;
                }
                let same = |vote: &(&(u32, VoteKind, u16), &Option<u8>)| {
                    (vote.0.0, vote.0.1, *vote.1) == (round, kind, Some(INVALID))
                };
                if block == Some(INVALID) && self.votes.iter().any(|vote| same(&vote)) {
                    return;
                }
                self.votes.insert((round, kind, by), block);
                core.iter_mut().for_each(|core| core.vote(round, kind, block, by));
            }
            Draw::Timeout { kind } => core.iter_mut().for_each(|core| core.timeout(now, kind)),
        }
    }
}

#[derive(Debug, Default)]
struct Seen {
    decisions: u32,
    repeated: u32,
    nil: u32,
    rounds: u32,
}

fn run(draws: &[Draw], seen: &mut Seen) -> Result<(), TestCaseError> {
    let (mut ours, mut malachite) = (Ours::new(), Malachite::new());
    let mut others = Others::default();
    for draw in draws {
        let now = ours.round();
        if now >= ROUNDS {
            break;
        }
        others.act(draw, now, &mut [&mut ours, &mut malachite]);
        prop_assert_eq!(&ours.said, &malachite.said, "after {:?}", draw);
        prop_assert_eq!(ours.round(), malachite.round(), "after {:?}", draw);
        for said in &ours.said {
            if let Said::Proposal { round, block, .. } = said {
                others.proposed.insert(*round, *block);
            }
        }
        if matches!(ours.said.last(), Some(Said::Decision { .. })) {
            break;
        }
    }
    for said in &ours.said {
        match said {
            Said::Decision { .. } => seen.decisions += 1,
            Said::Proposal { valid_round: Some(_), .. } => seen.repeated += 1,
            Said::Vote { block: None, .. } => seen.nil += 1,
            Said::Proposal { .. } | Said::Vote { .. } => {}
        }
    }
    seen.rounds += ours.round();
    Ok(())
}

#[test]
fn both_cores_vote_and_decide_alike() {
    let config = ProptestConfig { cases: 4000, failure_persistence: None, ..Default::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let seen = std::cell::RefCell::new(Seen::default());
    let result = runner
        .run(&prop::collection::vec(draw(), 20..150), |draws| run(&draws, &mut seen.borrow_mut()));
    let seen = seen.into_inner();
    assert!(result.is_ok(), "{}", result.err().map(|e| e.to_string()).unwrap_or_default());
    // The runs reached what they are for.
    assert!(seen.decisions > 1000 && seen.nil > 1000, "{seen:?}");
    assert!(seen.repeated > 50 && seen.rounds > 1000, "{seen:?}");
}
