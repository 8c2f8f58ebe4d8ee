//! One replica and what it says to a proposal, message by message: a block is judged by the clock at which its
//! proposal comes.

use ledger_core::{
    block::BlockOutline,
    codec::{List, decode, encode},
    consensus::{Message, Proposal, Verified, Vote, VoteKind},
    crypto::{BlockHash, verify_batch},
    ledger::{OnRefusal, Proposed, execute},
    transaction::{ReceivedTransaction, VerifiedTransaction},
    types::{DurationMs, Height, Round, TimestampMs, ValidatorIndex},
};
use replica::{
    Action, Config, Event, Now, PeerMessage, Replica, TransactionBytes, store::MemoryStore,
};
use std::{collections::VecDeque, sync::Arc};
use tests::{
    community::{Community, Design, START},
    disk::Disk,
    rng::Rng,
    workload::{WorkProfile, Workload},
};

const HEIGHT: Height = Height::new(1);
/// Longer than the clock of a proposer may be behind.
const LONG: DurationMs = DurationMs::new(60_000);
/// A disk and a road.
const SOON: DurationMs = DurationMs::new(5);

/// A validator that hears only what the test tells it, with a disk and a processor that answer at once.
struct Desk {
    community: Community,
    replica: Replica,
    now: TimestampMs,
    said: Vec<Message>,
    alarms: Vec<String>,
}

impl Desk {
    /// The first validator of four, a moment after the founding, connected to the others.
    fn open() -> Self {
        let mut design = Design::of(4);
        // Nothing but a transaction is a reason for a block here.
        design.policy.heartbeat_ms = 3_600_000;
        let community = Community::found(&design);
        let start = Disk::default().open(&community.genesis).expect("a fresh disk");
        let key = community.voting_key(0).cloned();
        let config = Config { genesis: community.genesis.clone(), me: 0, key, entropy: [7; 32] };
        let (replica, actions) =
            Replica::new(config, start, Now::of_one_clock(START)).expect("a fresh node");
        let mut desk =
            Self { community, replica, now: START, said: Vec::new(), alarms: Vec::new() };
        desk.carry_out(actions);
        for node in 1..4 {
            desk.tell(Event::Connected(node));
        }
        for node in 1..4 {
            // Nobody has seen anything of this node: it may sign.
            desk.hear(node, &PeerMessage::RecoveryAnswer(None));
        }
        desk
    }

    fn pass(&mut self, time: DurationMs) {
        self.now = self.now.after(time);
        self.tell(Event::Tick);
    }

    fn hear(&mut self, from: usize, message: &PeerMessage) {
        self.tell(Event::Received { from, bytes: encode(message) });
    }

    fn tell(&mut self, event: Event) {
        let actions = self.replica.handle(event, Now::of_one_clock(self.now));
        self.carry_out(actions);
    }

    fn carry_out(&mut self, actions: Vec<Action>) {
        let mut actions = VecDeque::from(actions);
        while let Some(action) = actions.pop_front() {
            let event = match action {
                Action::CheckSignatures(items) => {
                    Event::SignaturesChecked(verify_batch(&items, &[3; 32]))
                }
                Action::Persist { job, .. } => Event::Persisted(job),
                Action::Send { to: 1, bytes, .. } => {
                    if let Ok(PeerMessage::Consensus(message)) = decode(&bytes) {
                        self.said.push(message);
                    }
                    continue;
                }
                Action::Alarm(text) => {
                    self.alarms.push(text);
                    continue;
                }
                _ => continue,
            };
            actions.extend(self.replica.handle(event, Now::of_one_clock(self.now)));
        }
    }

    /// A leader files a group buy.
    fn transaction(&self) -> VerifiedTransaction {
        let profile = WorkProfile {
            filing_interval: 1,
            group_buys_max: 1,
            households: 1,
            nonsense_permille: 0,
        };
        let mut workload = Workload::new(profile, Rng::new(1, "judging"));
        let found = (0..100).find_map(|look| {
            workload.look(&self.community, self.replica.state(), look * 1_000).pop()
        });
        let bytes = found.expect("there is something to do").bytes;
        let received = ReceivedTransaction::decode(&bytes).expect("well formed");
        let author = received.transaction().author;
        let items = [received.batch_item(self.community.key(author).public_key())];
        received.verified_in_batch(verify_batch(&items, &[1; 32])[0]).expect("well signed")
    }

    /// The block that the rightful proposer of a round builds now.
    fn outline(&self, round: Round, transaction: &VerifiedTransaction) -> BlockOutline {
        let state = self.replica.state().clone();
        let proposer = state.validators().proposer(HEIGHT, round);
        assert_ne!(self.replica.consensus().me(), Some(proposer), "another one proposes");
        let proposed = Proposed::new(self.now, proposer, round);
        let listed = std::slice::from_ref(transaction);
        let (chain, _) = replica::chain_store::ChainStore::open(
            Arc::new(MemoryStore::new()),
            &self.community.genesis,
        )
        .expect("a fresh store");
        let executed = execute(state, &chain.reading(), proposed, &[], listed, OnRefusal::Fail);
        BlockOutline {
            header: executed.expect("a valid block").header,
            evidence: List::default(),
            transactions: List::new(vec![transaction.entry()]).expect("one"),
        }
    }

    fn propose(&mut self, outline: &BlockOutline) {
        let (header, block) = (&outline.header, outline.header.hash());
        let (round, proposer) = (header.round, header.proposer);
        let proposal = Proposal { height: HEIGHT, round, block, valid_round: None, proposer };
        let node = usize::from(proposer.get());
        let key = self.community.voting_key(node).expect("a validator").clone();
        let state = self.replica.state();
        let signed = Verified::sign(proposal, &key, state.chain(), state.validators());
        let signed = signed.expect("a validator's key").signed();
        self.hear(node, &PeerMessage::Consensus(Message::Proposal(signed)));
    }

    /// Another validator votes against everything in a round.
    fn vote_nil(&mut self, node: usize, round: Round) {
        let validator = ValidatorIndex::new(u16::try_from(node).expect("is small"));
        let kind = VoteKind::Prevote;
        let vote = Vote { height: HEIGHT, round, kind, block: None, validator };
        let key = self.community.voting_key(node).expect("a validator").clone();
        let state = self.replica.state();
        let signed = Verified::sign(vote, &key, state.chain(), state.validators());
        let signed = signed.expect("a validator's key").signed();
        self.hear(node, &PeerMessage::Consensus(Message::Vote(signed)));
    }

    fn give_body(&mut self, transaction: &VerifiedTransaction) {
        let bytes = TransactionBytes(transaction.bytes().to_vec());
        let list = List::new(vec![bytes]).expect("one");
        self.hear(2, &PeerMessage::Transactions(list));
    }

    /// What this node prevoted in a round, once it has.
    fn prevoted(&self, round: Round) -> Option<Option<BlockHash>> {
        self.said.iter().find_map(|message| match message {
            Message::Vote(signed)
                if (signed.message.kind, signed.message.round) == (VoteKind::Prevote, round) =>
            {
                Some(signed.message.block)
            }
            _ => None,
        })
    }
}

/// A round whose proposer is another node, from `first` on.
fn round_of_another(first: u32) -> Round {
    let desk = Desk::open();
    let validators = desk.replica.state().validators().clone();
    let others = |round: &Round| validators.proposer(HEIGHT, *round) != ValidatorIndex::new(0);
    (first..).map(Round::new).find(others).expect("all take turns")
}

#[test]
fn a_fresh_block_is_voted_for_also_when_its_body_takes_a_while() {
    let round = round_of_another(0);
    assert_eq!(round, Round::ZERO, "another one begins");
    let mut desk = Desk::open();
    let transaction = desk.transaction();
    let outline = desk.outline(round, &transaction);
    desk.pass(SOON);
    desk.propose(&outline);
    desk.hear(2, &PeerMessage::Outline(Box::new(outline.clone())));
    desk.pass(DurationMs::new(300));
    assert_eq!(desk.prevoted(round), None, "it lacks the body");
    desk.give_body(&transaction);
    assert_eq!(desk.prevoted(round), Some(Some(outline.header.hash())), "{:?}", desk.alarms);
}

#[test]
fn an_outline_sent_early_does_not_make_a_late_proposal_fresh() {
    let mut desk = Desk::open();
    let transaction = desk.transaction();
    let outline = desk.outline(Round::ZERO, &transaction);
    desk.hear(2, &PeerMessage::Outline(Box::new(outline.clone())));
    desk.pass(LONG);
    desk.propose(&outline);
    desk.give_body(&transaction);
    assert_eq!(desk.prevoted(Round::ZERO), Some(None));
    assert!(desk.alarms.iter().any(|text| text.contains("check clocks")), "{:?}", desk.alarms);
}

#[test]
fn a_proposal_sent_ahead_is_judged_when_its_round_begins() {
    let round = round_of_another(1);
    for (wait, fits) in [(SOON, true), (LONG, false)] {
        let mut desk = Desk::open();
        let transaction = desk.transaction();
        let outline = desk.outline(round, &transaction);
        desk.hear(2, &PeerMessage::Outline(Box::new(outline.clone())));
        desk.propose(&outline);
        desk.pass(wait);
        // Two of four are in that round: this node goes there.
        for node in [2, 3] {
            desk.vote_nil(node, round);
        }
        assert_eq!(desk.replica.consensus().round(), round);
        desk.give_body(&transaction);
        let block = Some(outline.header.hash()).filter(|_| fits);
        assert_eq!(desk.prevoted(round), Some(block), "{:?}", desk.alarms);
    }
}
