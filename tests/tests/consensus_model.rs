//! Every interleaving of four validators, one of them Byzantine, on the real `step`.
//!
//! Validator 0 is Byzantine and proposes in round 0: it may show each of the others either of two
//! proposals and any of its votes, at any time. Honest messages arrive in any order, late or never, and
//! timers run out at any time once set. In every reachable state nobody honest decides otherwise
//! than another, and nobody honest has signed two messages for one position.
//!
//! Two reductions keep this finite in seconds. A validator has few local states and meets them again and
//! again, so each is stepped once for each input and then known by number; a state of the whole is three
//! numbers. And messages arrive in the least sets that make a rule apply: a vote that changes nothing yet may
//! as well arrive later, since the network may delay it.

use ledger_core::{
    consensus::{
        Effects, Ignored, Input, MessageKind, Position, Proposal, State, Step, Timeout,
        TimeoutKind, Unsigned, Validator, ValidatorSet, Validity, VerifiedMessage, Vote, VoteKind,
        step,
    },
    crypto::{BlockHash, ChainId, SecretKey},
    types::{Height, MemberId, Round, ValidatorIndex, VotingPower},
};
use stateright::{Checker, Model, Property};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Mutex,
};

const CHAIN: ChainId = ChainId::new([7; 32]);
/// Validator r proposes in round r of this height.
const HEIGHT: Height = Height::new(4);
const VALIDATORS: u16 = 4;
/// Proposed by the Byzantine validator in round 0.
const BYZANTINE_BLOCKS: [BlockHash; 2] = [BlockHash::new([0xaa; 32]), BlockHash::new([0xbb; 32])];
/// Built by the honest proposer of round 1.
const HONEST_BLOCK: BlockHash = BlockHash::new([0xcc; 32]);

/// Walks from the beginning to where nothing more can happen; some seconds.
const RANDOM_WALKS: u32 = 3_000;

/// Which messages: one bit for each number that [`Known`] has given.
type Messages = u64;

fn ones(messages: Messages) -> impl Iterator<Item = usize> {
    (0..64).filter(move |number| messages & (1 << number) != 0)
}

fn key(index: ValidatorIndex) -> SecretKey {
    SecretKey::from_seed(&[index.get() as u8 + 1; 32])
}

fn validators() -> ValidatorSet {
    let validator = |index| Validator {
        member: MemberId::new(index),
        key: key(ValidatorIndex::new(index)).public_key(),
        power: VotingPower::new(1),
    };
    ValidatorSet::new((0..VALIDATORS).map(validator).collect()).expect("a valid set")
}

/// An honest validator, the timers it has running, and all it has signed.
#[derive(Clone)]
struct Local {
    state: State,
    timers: BTreeSet<Timeout>,
    signed: Messages,
    positions: BTreeSet<Position>,
    equivocated: bool,
    decided: Option<BlockHash>,
}

impl Local {
    /// What a rule changes; the rest of a state is messages that have arrived.
    fn outcome(&self) -> impl PartialEq + use<> {
        let state = &self.state;
        let progress = (state.height(), state.round(), state.step());
        (progress, state.locked(), state.valid(), self.timers.clone(), self.signed, self.decided)
    }
}

/// What happens to one validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Event {
    Arrives { message: usize },
    TimeIsUp { round: u32, kind: u8 },
}

/// A validator, and its local state after something happened to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Move {
    node: usize,
    leads_to: usize,
}

const KINDS: [TimeoutKind; 3] =
    [TimeoutKind::Propose, TimeoutKind::Prevote, TimeoutKind::Precommit];

/// Messages and local states met so far, and where each event leads.
#[derive(Default)]
struct Known {
    messages: Vec<VerifiedMessage>,
    message_numbers: HashMap<String, usize>,
    locals: Vec<Local>,
    local_numbers: HashMap<String, usize>,
    leads_to: HashMap<(usize, Event), usize>,
    moves: HashMap<(usize, Messages), Vec<usize>>,
}

impl Known {
    fn message(&mut self, unsigned: Unsigned) -> usize {
        let next = self.messages.len();
        let number = *self.message_numbers.entry(format!("{unsigned:?}")).or_insert(next);
        if number == next {
            let signer = match unsigned {
                Unsigned::Proposal(proposal) => proposal.proposer,
                Unsigned::Vote(vote) => vote.validator,
            };
            let signed = unsigned.sign(&key(signer), &CHAIN, &validators());
            self.messages.push(signed.expect("the right key"));
            assert!(next < 64, "a bit for each message");
        }
        number
    }

    /// Numbers a local state by all of it that can still matter.
    fn local(&mut self, local: Local, last_round: u32) -> usize {
        let Local { state, timers, signed, decided, equivocated, .. } = &local;
        let me = state.me();
        let name = if decided.is_some() {
            format!("{me:?} {signed} {equivocated} {decided:?}")
        } else if state.round() == Round::new(last_round) && state.step() == Step::Precommit {
            // Only more precommits, of any round, can still matter.
            let precommits: Vec<_> = state
                .messages()
                .filter(|message| message.position().kind == MessageKind::Precommit)
                .collect();
            format!("{me:?} {signed} {equivocated} {precommits:?}")
        } else {
            format!("{state:?} {timers:?} {signed} {equivocated}")
        };
        let next = self.locals.len();
        let number = *self.local_numbers.entry(name).or_insert(next);
        if number == next {
            self.locals.push(local);
        }
        number
    }

    fn after(&mut self, local: usize, event: Event, last_round: u32) -> usize {
        if let Some(next) = self.leads_to.get(&(local, event)) {
            return *next;
        }
        let input = match event {
            Event::Arrives { message } => self.messages[message].into(),
            Event::TimeIsUp { round, kind } => Input::TimeoutElapsed(Timeout {
                height: HEIGHT,
                round: Round::new(round),
                kind: KINDS[usize::from(kind)],
            }),
        };
        let mut moved = self.locals[local].clone();
        let effects = self.feed(&mut moved, input);
        let (round, step) = (moved.state.round(), moved.state.step());
        moved.timers.retain(|timer| {
            let matters = match timer.kind {
                TimeoutKind::Propose => step == Step::Propose,
                TimeoutKind::Prevote => step == Step::Prevote,
                TimeoutKind::Precommit => step != Step::Decided && round < Round::new(last_round),
            };
            timer.round == round && matters
        });
        // A second vote of the Byzantine validator that does not count is evidence and nothing more.
        let is_evidence = effects.ignored == Some(Ignored::Equivocation);
        let next = if is_evidence { local } else { self.local(moved, last_round) };
        self.leads_to.insert((local, event), next);
        next
    }

    /// Where a local state can go when these messages are there to arrive.
    fn moves(&mut self, local: usize, there: Messages, last_round: u32) -> Vec<usize> {
        if let Some(moves) = self.moves.get(&(local, there)) {
            return moves.clone();
        }
        let mut found = BTreeSet::new();
        for timer in self.locals[local].timers.clone() {
            let kind = KINDS.iter().position(|kind| *kind == timer.kind).unwrap_or(0) as u8;
            let event = Event::TimeIsUp { round: timer.round.get(), kind };
            found.insert(self.after(local, event, last_round));
        }
        let mut groups: BTreeMap<Position, Vec<usize>> = BTreeMap::new();
        for message in ones(there) {
            let mut position = self.messages[message].message().position();
            if position.kind == MessageKind::Proposal {
                // At any other time it changes nothing: a block is had when votes ask for it.
                let state = &self.locals[local].state;
                if position.round == state.round() && state.step() == Step::Propose {
                    found.insert(self.after(local, Event::Arrives { message }, last_round));
                }
                continue;
            }
            groups.entry(position).or_default().push(message);
            if position.round > self.locals[local].state.round() {
                // For skipping ahead, prevotes and precommits count together.
                position.kind = MessageKind::Proposal;
                groups.entry(position).or_default().push(message);
            }
        }
        for group in groups.values() {
            self.least_sets(local, local, group, last_round, &mut found);
        }
        found.remove(&local);
        let moves: Vec<_> = found.into_iter().collect();
        self.moves.insert((local, there), moves.clone());
        moves
    }

    /// Lets messages of one group arrive, one after the other, until a rule applies.
    fn least_sets(
        &mut self,
        start: usize,
        local: usize,
        group: &[usize],
        last_round: u32,
        found: &mut BTreeSet<usize>,
    ) {
        for (index, message) in group.iter().enumerate() {
            let next = self.after(local, Event::Arrives { message: *message }, last_round);
            if next == local {
                continue;
            }
            if self.locals[start].outcome() == self.locals[next].outcome() {
                self.least_sets(start, next, &group[index + 1..], last_round, found);
            } else {
                found.insert(next);
            }
        }
    }

    /// One step, and then whatever the node answers to itself at once.
    fn feed(&mut self, local: &mut Local, input: Input) -> Effects {
        let (state, mut effects) = step(local.state.clone(), input);
        local.state = state;
        assert_eq!(effects.alarms, []);
        local.decided = local.state.decision().map(|certificate| certificate.block);
        local.timers.extend(effects.schedule.drain(..));
        let mut answers = Vec::new();
        for unsigned in effects.sign.take().iter().flat_map(|to_sign| to_sign.messages()) {
            let number = self.message(*unsigned);
            local.signed |= 1 << number;
            local.equivocated |= !local.positions.insert(unsigned.position());
            answers.push(self.messages[number].into());
        }
        if let Some(round) = effects.build {
            answers.push(Input::BlockBuilt { height: HEIGHT, round, block: HONEST_BLOCK });
        }
        for request in effects.validate.drain(..) {
            answers.push(Input::BlockValidated { request, validity: Validity::Valid });
        }
        for answer in answers {
            let _ = self.feed(local, answer);
        }
        effects
    }
}

/// The whole: some Byzantine validators, and the rounds after which we look no further.
struct Cluster {
    byzantine: BTreeSet<u16>,
    last_round: u32,
    byzantine_messages: Messages,
    known: Mutex<Known>,
}

impl Cluster {
    fn new(byzantine: impl IntoIterator<Item = u16>, last_round: u32) -> Self {
        let byzantine: BTreeSet<u16> = byzantine.into_iter().collect();
        let mut known = Known::default();
        let mut byzantine_messages = 0;
        for message in everything_said_by(&byzantine, last_round) {
            byzantine_messages |= 1 << known.message(message);
        }
        Self { byzantine, last_round, byzantine_messages, known: Mutex::new(known) }
    }
}

/// Everything that the Byzantine validators may ever say. Nil would only help the others.
fn everything_said_by(byzantine: &BTreeSet<u16>, last_round: u32) -> Vec<Unsigned> {
    let mut messages = Vec::new();
    for block in BYZANTINE_BLOCKS {
        messages.push(Unsigned::Proposal(Proposal {
            height: HEIGHT,
            round: Round::ZERO,
            block,
            valid_round: None,
            proposer: ValidatorIndex::ZERO,
        }));
        for (index, round) in byzantine.iter().flat_map(|v| (0..=last_round).map(|r| (*v, r))) {
            for kind in [VoteKind::Prevote, VoteKind::Precommit] {
                messages.push(Unsigned::Vote(Vote {
                    height: HEIGHT,
                    round: Round::new(round),
                    kind,
                    block: Some(block),
                    validator: ValidatorIndex::new(index),
                }));
            }
        }
    }
    messages
}

impl Model for Cluster {
    type State = Vec<usize>;
    type Action = Move;

    fn init_states(&self) -> Vec<Self::State> {
        let mut known = self.known.lock().expect("not poisoned");
        let honest = (0..VALIDATORS).filter(|index| !self.byzantine.contains(index));
        let locals = honest.map(|index| {
            let me = Some(ValidatorIndex::new(index));
            let state = State::new(HEIGHT, validators(), me);
            let mut local = Local {
                state,
                timers: BTreeSet::new(),
                signed: 0,
                positions: BTreeSet::new(),
                equivocated: false,
                decided: None,
            };
            let _ = known.feed(&mut local, Input::SigningAllowed { barred_through: None });
            let _ = known.feed(&mut local, Input::Wake);
            known.local(local, self.last_round)
        });
        vec![locals.collect()]
    }

    fn actions(&self, state: &Self::State, actions: &mut Vec<Self::Action>) {
        let mut known = self.known.lock().expect("not poisoned");
        let known = &mut *known;
        let sent = state
            .iter()
            .fold(self.byzantine_messages, |sent, local| sent | known.locals[*local].signed);
        for (node, local) in state.iter().enumerate() {
            let there = sent & !known.locals[*local].signed;
            let moves = known.moves(*local, there, self.last_round);
            actions.extend(moves.into_iter().map(|leads_to| Move { node, leads_to }));
        }
    }

    fn next_state(&self, state: &Self::State, action: Move) -> Option<Self::State> {
        let mut next = state.clone();
        next[action.node] = action.leads_to;
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("agreement", |cluster: &Self, state: &Vec<usize>| {
                let known = cluster.known.lock().expect("not poisoned");
                let mut decided = state.iter().filter_map(|local| known.locals[*local].decided);
                decided.next().is_none_or(|first| decided.all(|other| other == first))
            }),
            Property::always(
                "one message for each position",
                |cluster: &Self, state: &Vec<usize>| {
                    let known = cluster.known.lock().expect("not poisoned");
                    state.iter().all(|local| !known.locals[*local].equivocated)
                },
            ),
            Property::sometimes("all decide", |cluster: &Self, state: &Vec<usize>| {
                let known = cluster.known.lock().expect("not poisoned");
                state.iter().all(|local| known.locals[*local].decided.is_some())
            }),
        ]
    }
}

#[test]
fn one_round_is_safe_in_every_order() {
    let checker = Cluster::new([0], 0).checker().target_max_depth(30).spawn_bfs().join();
    checker.assert_properties();
    assert!(checker.max_depth() < 30, "every state was reached");
}

#[test]
fn beginning_of_two_rounds_is_safe_in_every_order() {
    let checker = Cluster::new([0], 1).checker().target_max_depth(9).spawn_bfs().join();
    checker.assert_properties();
}

#[test]
fn two_rounds_are_safe_in_many_random_orders() {
    let cluster = Cluster::new([0], 1);
    let safe: Vec<_> = cluster.properties().into_iter().take(2).collect();
    let (mut random, mut decided_late) = (1u64, 0);
    for walk in 0..RANDOM_WALKS {
        let mut state = cluster.init_states().remove(0);
        loop {
            let mut actions = Vec::new();
            cluster.actions(&state, &mut actions);
            if actions.is_empty() {
                break;
            }
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let action = actions.swap_remove((random >> 33) as usize % actions.len());
            state = cluster.next_state(&state, action).expect("every action leads on");
            for property in &safe {
                assert!((property.condition)(&cluster, &state), "{} in {walk}", property.name);
            }
        }
        let known = cluster.known.lock().expect("not poisoned");
        let mut decisions = state.iter().filter_map(|local| known.locals[*local].state.decision());
        decided_late += u32::from(decisions.any(|decision| decision.round > Round::ZERO));
    }
    assert!(decided_late > RANDOM_WALKS / 100, "{decided_late} walks decide in round 1");
}

#[test]
fn fork_is_found_when_two_are_byzantine() {
    let cluster = Cluster::new([0, 3], 0);
    let checker = cluster.checker().target_max_depth(30).spawn_bfs().join();
    assert!(checker.discovery("agreement").is_some(), "this model can tell");
}
