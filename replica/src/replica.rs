//! The machine: events and the time in, actions out.
//!
//! One height at a time. A decided block is applied when it is durable, and only then the next height
//! begins. What must be durable before it is visible leaves as [`Action::Persist`] and is released by
//! [`Event::Persisted`] (docs/protocol.md P20).

mod admission;
mod agreement;
mod decisions;
mod exchange;

use crate::{
    chain_store::ChainStore,
    early::{Early, Played},
    event::{Action, Config, Event, JobId, Outcome, RequestId, Start, Write},
    journal::{Job, Journal},
    mempool::Mempool,
    message::{BLOCKS_BYTES_MAX, BLOCKS_MAX, Decided, PUSH_MAX, PeerMessage, TransactionBytes},
    node::{NodeId, NodeInfo},
    peers::{Peer, Peers},
    proposal::{Lacks, Proposals, judge_fresh},
    recent::Recent,
    sync::Sync,
    waiting_room::{Checked, Source, WaitingRoom},
};
use ledger_core::{
    block::{BLOCK_BYTES_MAX, BLOCK_TRANSACTIONS_MAX, BlockOutline, CertifiedBlock, evidence_hash},
    codec::{List, decode, encode},
    consensus::{
        self, Effects, Evidence, GuardError, GuardRecord, Input, Message, Permit,
        QuorumCertificate, Recovery, Step, Timeout, TimeoutPolicy, ToSign, ValidationRequest,
        Validity, VerifiedMessage, VoteKind,
    },
    crypto::{BlockHash, ChainId, EntryHash, PublicKey, SecretKey, TransactionId},
    ledger::{Executed, Proposed, State},
    refusal::Refusal,
    transaction::{ReceivedTransaction, TRANSACTION_VERSION, VerifiedTransaction},
    types::{DurationMs, Height, LogIndex, Round, TimestampMs, ValidatorIndex, VotingPower},
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How often a node tells its peers what it has while a height is being decided.
const VIEW_INTERVAL_AWAKE: DurationMs = DurationMs::new(250);
/// How often while there is nothing to decide.
const VIEW_INTERVAL_WAITING: DurationMs = DurationMs::new(2_000);
/// How often something that did not come is asked for again.
const RETRY_INTERVAL: DurationMs = DurationMs::new(200);
/// How long something that a proposal needs may be on its way before it is asked for.
const FETCH_GRACE: DurationMs = DurationMs::new(20);
/// Most evidence kept for coming blocks.
const EVIDENCE_MAX: usize = 64;

impl Standing {
    /// How many rounds ended without a decision since `before`.
    #[must_use]
    pub fn rounds_after(&self, before: &Self) -> u64 {
        if self.height != before.height {
            return 0;
        }
        u64::from(self.round.get().saturating_sub(before.round.get()))
    }
}

/// Where consensus is, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    height: Height,
    round: Round,
    step: Step,
    /// Since when the height is being decided.
    pub height_since: TimestampMs,
    /// Since when there is a reason to decide it; nothing while it waits for one.
    pub awake_since: Option<TimestampMs>,
    /// Since when its round is in its step.
    pub step_since: TimestampMs,
}

/// What the ledger holds against a validator: that it signed twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Equivocation {
    /// Who did.
    pub validator: ValidatorIndex,
    /// How often it was proven.
    pub times: u64,
    /// The last height at which it signed twice.
    pub height: Height,
    /// The height of the block that says so.
    entered: Height,
    /// The time of that block; nothing if the block cannot be read.
    pub at: Option<TimestampMs>,
}

/// One node of the chain.
pub struct Replica {
    chain: ChainId,
    key: Option<SecretKey>,
    timeouts: TimeoutPolicy,
    entropy: [u8; 32],

    store: ChainStore,
    state: State,
    consensus: Option<consensus::State>,
    recovery: Option<Recovery>,
    /// The vote guard is lost: what was signed at this height nobody here remembers.
    forgotten: Option<Height>,
    proposals: Proposals,
    /// The round that a block was asked for while there was no reason for one.
    build_wanted: Option<Round>,
    evidence: Vec<Evidence>,
    sync: Sync,

    peers: Peers,
    standing: Standing,
    /// What the ledger says of validators that signed twice, by validator.
    equivocations: Vec<Equivocation>,
    /// When this node last saw its own key sign what it does not remember.
    signed_elsewhere: Option<TimestampMs>,
    /// The last blocks, for those who lag by a few.
    recent: Recent,
    early: Early,
    /// Since when consensus is in its round.
    round_since: TimestampMs,
    timers: BTreeSet<(TimestampMs, Timeout)>,
    next_view: TimestampMs,
    next_retry: TimestampMs,

    waiting_room: WaitingRoom,
    journal: Journal,
    inputs: VecDeque<Input>,
    actions: Vec<Action>,
    now: TimestampMs,
}

impl Replica {
    /// Starts where the disk says that the node stopped.
    ///
    /// # Errors
    /// [`GuardError`] if the guard cannot be believed: the node must not run then.
    ///
    /// # Panics
    /// If the configuration names a node or key that genesis does not have.
    pub fn new(
        config: Config,
        start: Start,
        now: TimestampMs,
    ) -> Result<(Self, Vec<Action>), GuardError> {
        let Config { genesis, me, key, entropy } = config;
        let set = start.state.validators().clone();
        let validator_of = |member| {
            let position = set.validators().iter().position(|v| v.member == member)?;
            u16::try_from(position).ok().map(ValidatorIndex::new)
        };
        let nodes: Vec<_> = genesis
            .nodes
            .iter()
            .map(|node| NodeInfo { name: node.name.clone(), validator: validator_of(node.member) })
            .collect();
        let node_count = nodes.len();
        let my_index = nodes[me].validator.filter(|_| key.is_some());
        let height = start.state.tip().height.next();
        let (consensus, effects) = consensus::State::restore(
            &genesis.chain,
            height,
            (*set).clone(),
            my_index,
            start.guard.as_ref(),
        )?;
        let recovery = my_index.map(|index| {
            let position = start.guard.as_ref().map(GuardRecord::position);
            Recovery::new(genesis.chain, (*set).clone(), index, position)
        });
        // Peers remember only votes that they saw, so without a guard nothing more is signed at the
        // height that was being decided.
        let lost = start.guard.is_none() && !start.nothing_signed;
        let lost = lost && start.state.tip().height > Height::ZERO;
        let forgotten = lost.then_some(height);
        let mut proposals = Proposals::default();
        for block in start.chain.bodies(height).unwrap_or_default() {
            proposals.restore(&start.state, &block, &entropy);
        }
        let mut recent = Recent::default();
        let tip = start.state.tip().height;
        if let Ok(Some(CertifiedBlock { block, certificate })) = start.chain.block(tip) {
            recent.restore(&block, certificate, now, node_count);
        }
        let standing = Standing {
            height,
            round: consensus.round(),
            step: consensus.step(),
            height_since: now,
            awake_since: (!consensus.is_waiting()).then_some(now),
            step_since: now,
        };
        let mut replica = Self {
            chain: genesis.chain,
            key,
            timeouts: genesis.timeouts,
            entropy,
            store: start.chain,
            state: start.state,
            consensus: Some(consensus),
            recovery,
            forgotten,
            proposals,
            build_wanted: None,
            evidence: Vec::new(),
            sync: Sync::new(node_count),
            recent,
            peers: Peers::new(me, nodes, now),
            standing,
            equivocations: Vec::new(),
            signed_elsewhere: None,
            early: Early::default(),
            round_since: now,
            timers: BTreeSet::new(),
            next_view: now,
            next_retry: now,
            waiting_room: WaitingRoom::new(now),
            journal: Journal::default(),
            inputs: VecDeque::new(),
            actions: Vec::new(),
            now,
        };
        replica.note_equivocations();
        replica.carry_out(effects);
        replica.check_permit();
        replica.settle();
        let actions = std::mem::take(&mut replica.actions);
        Ok((replica, actions))
    }

    /// Takes one event in and says what to do, in this order.
    pub fn handle(&mut self, event: Event, now: TimestampMs) -> Vec<Action> {
        self.now = self.now.max(now);
        match event {
            Event::Tick => {}
            Event::Submit { request, bytes } => self.submit(request, bytes),
            Event::Connected(node) => {
                self.peers.set_connected(node, true, self.now);
                self.next_view = self.now;
                self.next_retry = self.now;
            }
            Event::Disconnected(node) => {
                self.peers.set_connected(node, false, self.now);
                self.sync.disconnected(node);
            }
            Event::Received { from, bytes } => self.receive(from, &bytes),
            Event::Announced(height) => self.hear_of(height),
            Event::SignaturesChecked(valid) => self.signatures_checked(&valid),
            Event::Persisted(job) => self.persisted(job),
        }
        self.fire_timers();
        self.settle();
        self.note_standing();
        std::mem::take(&mut self.actions)
    }

    fn note_standing(&mut self) {
        let (height, round, step) = {
            let consensus = self.consensus();
            (consensus.height(), consensus.round(), consensus.step())
        };
        let before = &mut self.standing;
        if before.height != height {
            before.height_since = self.now;
            before.awake_since = None;
        }
        before.awake_since = match step {
            Step::Waiting => None,
            _ => before.awake_since.or(Some(self.now)),
        };
        if (before.height, before.round, before.step) != (height, round, step) {
            (before.height, before.round, before.step) = (height, round, step);
            before.step_since = self.now;
        }
    }

    /// When [`Event::Tick`] is due, at the latest.
    #[must_use]
    pub fn wake_at(&self) -> TimestampMs {
        let timer = self.timers.first().map(|(at, _)| *at);
        let view = Some(self.next_view);
        let retry = self.wants_retry().then_some(self.next_retry);
        let room = self.waiting_room.wake_at();
        let waiting = self.consensus().is_waiting();
        let deadline = self.state.next_deadline().filter(|_| waiting);
        let heartbeat = waiting.then(|| self.heartbeat_at());
        let sync = self.sync.wake_at(self.now);
        let recent = self.recent.wake_at();
        [timer, view, retry, room, sync, recent, deadline, heartbeat]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(self.next_view)
            // Whatever is due already was looked at in this very moment.
            .max(TimestampMs::new(self.now.get() + 1))
    }

    /// The state after the last applied block.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The chain on disk.
    #[must_use]
    pub fn chain_store(&self) -> &ChainStore {
        &self.store
    }

    /// Consensus at the height being decided.
    ///
    /// # Panics
    /// Never: the state is only away while an input is being applied.
    #[must_use]
    pub fn consensus(&self) -> &consensus::State {
        self.consensus.as_ref().expect("consensus is put back after every step")
    }

    /// Transactions that wait.
    #[must_use]
    pub fn mempool(&self) -> &Mempool {
        self.waiting_room.mempool()
    }

    /// The nodes of the chain.
    #[must_use]
    pub fn nodes(&self) -> &[NodeInfo] {
        self.peers.nodes()
    }

    /// Whether a node is connected, and the height it last said it decides.
    #[must_use]
    pub fn peer(&self, node: NodeId) -> (bool, Option<Height>) {
        let peer = self.peers.get(node);
        (peer.connected, peer.height)
    }

    /// All that is known of a node.
    #[must_use]
    pub fn peer_facts(&self, node: NodeId) -> &Peer {
        self.peers.get(node)
    }

    /// Since when consensus stands where it stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Reads from the ledger who signed twice, after a block that may say more about it.
    fn note_equivocations(&mut self) {
        let known: u64 = self.equivocations.iter().map(|known| known.times).sum();
        if self.state.convictions().count() as u64 == known {
            return;
        }
        let mut found: BTreeMap<ValidatorIndex, Equivocation> = BTreeMap::new();
        for (key, entered) in self.state.convictions() {
            let (validator, height) = (key.validator, key.height);
            let new = Equivocation { validator, times: 0, height, entered, at: None };
            let one = found.entry(validator).or_insert(new);
            one.times += 1;
            one.height = one.height.max(height);
            one.entered = one.entered.max(entered);
        }
        let tip = *self.state.tip();
        for one in found.values_mut() {
            let known = self
                .equivocations
                .iter()
                .find(|known| (known.validator, known.entered) == (one.validator, one.entered));
            one.at = match known {
                _ if one.entered == tip.height => Some(tip.time),
                Some(known) => known.at,
                None => {
                    let block = self.store.block(one.entered).ok().flatten();
                    block.map(|decided| decided.block.header.time)
                }
            };
        }
        self.equivocations = found.into_values().collect();
    }

    /// Validators that signed twice, by the ledger.
    #[must_use]
    pub fn equivocations(&self) -> &[Equivocation] {
        &self.equivocations
    }

    /// When this node last saw its own key sign what it does not remember, since its start.
    #[must_use]
    pub fn signed_elsewhere(&self) -> Option<TimestampMs> {
        self.signed_elsewhere
    }

    /// The newest height that is known to be decided: of this node's last block, or by a certificate of a
    /// later one that has verified here.
    #[must_use]
    pub fn certified_height(&self) -> Height {
        self.sync.certified().max(self.state.tip().height)
    }

    /// Whether this node still asks the others what it signed before its start.
    #[must_use]
    pub fn is_recovering(&self) -> bool {
        self.recovery.is_some()
    }

    /// How far this clock is ahead of the median of the peers', as far as they are heard.
    #[must_use]
    pub fn clock_offset_ms(&self) -> Option<i64> {
        self.peers.clock_offset_ms()
    }

    /// Members whose message is missing: for the current step, or for recovery after a start.
    #[must_use]
    pub fn waiting_for(&self) -> Vec<String> {
        let lacking: Vec<_> = match &self.recovery {
            Some(recovery) => recovery.unanswered().collect(),
            None => self.consensus().waiting_for(),
        };
        lacking.into_iter().map(|index| self.peers.name_of_validator(index)).collect()
    }
}
