//! The machine: events and the time in, actions out.
//!
//! One height at a time. A decided block is applied when it is durable, and only then the next height
//! begins. What must be durable before it is visible leaves as [`Action::Persist`] and is released by
//! [`Event::Persisted`] (docs/protocol.md P20).

use crate::{
    chain_store::ChainStore,
    mempool::Mempool,
    message::{PUSH_BYTES_MAX, PUSH_MAX, PeerMessage, Road, TransactionBytes},
    proposal::{Lacks, Proposals, judge_fresh},
    store::Change,
    sync::Sync,
};
use genesis::Genesis;
use ledger_core::{
    block::BlockOutline,
    codec::{List, decode, encode},
    consensus::{
        self, Effects, Evidence, GuardError, GuardRecord, Input, Message, Permit,
        QuorumCertificate, Recovery, Step, Timeout, TimeoutPolicy, ToPersist, ToSign,
        ValidationRequest, Validity, VerifiedMessage,
    },
    crypto::{BatchItem, BlockHash, ChainId, EntryHash, PublicKey, SecretKey, TransactionId},
    ledger::{Executed, Proposed, State},
    refusal::Refusal,
    transaction::{ReceivedTransaction, TRANSACTION_VERSION, VerifiedTransaction},
    types::{DurationMs, Height, LogIndex, Round, TimestampMs, ValidatorIndex},
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How often a node tells its peers what it has while a height is being decided.
const VIEW_INTERVAL_AWAKE: DurationMs = DurationMs::new(250);
/// How often while there is nothing to decide.
const VIEW_INTERVAL_WAITING: DurationMs = DurationMs::new(2_000);
/// How often something that did not come is asked for again.
const RETRY_INTERVAL: DurationMs = DurationMs::new(200);
/// How often transactions submitted here are pushed again while they wait.
const PUSH_AGAIN_INTERVAL: DurationMs = DurationMs::new(2_000);
/// Most signatures in one batch.
const BATCH_MAX: usize = 1_024;
/// Most transactions that wait for a signature check.
const UNVERIFIED_MAX: usize = 50_000;
/// Most messages kept for the next height while a block is being stored.
const EARLY_MESSAGES_MAX: usize = 512;
/// Most evidence kept for coming blocks.
const EVIDENCE_MAX: usize = 64;
/// Most clients that wait for an answer.
const REQUESTS_MAX: usize = 20_000;
/// Transactions that a proposer takes into one block.
const PROPOSE_MAX: usize = ledger_core::block::BLOCK_TRANSACTIONS_MAX;

/// Position of a node in the genesis document.
pub type NodeId = usize;
/// Names a submission, so that its answer finds back.
pub type RequestId = u64;
/// Names something to make durable.
pub type JobId = u64;

/// A node of the chain.
#[derive(Debug, Clone)]
pub struct NodeInfo {
    /// Whose it is.
    pub name: String,
    /// Its place among the validators, if it has one.
    pub validator: Option<ValidatorIndex>,
}

/// What a replica is told at its start.
pub struct Config {
    /// The founding document.
    pub genesis: Genesis,
    /// Which of its nodes this is.
    pub me: NodeId,
    /// The key that votes; `None` for a node that only follows.
    pub key: Option<SecretKey>,
    /// Random bytes that nobody else knows.
    pub entropy: [u8; 32],
}

/// What can happen to a node.
#[derive(Debug)]
pub enum Event {
    /// Time has passed.
    Tick,
    /// A client hands in a transaction.
    Submit {
        /// To find back.
        request: RequestId,
        /// The signed bytes.
        bytes: Vec<u8>,
    },
    /// A connection to a node stands.
    Connected(NodeId),
    /// The last connection to a node is gone.
    Disconnected(NodeId),
    /// A node says something.
    Received {
        /// Which node.
        from: NodeId,
        /// The bytes of a [`PeerMessage`].
        bytes: Vec<u8>,
    },
    /// Somebody says that a height is decided. Only a hint: blocks are asked for and checked.
    Announced(Height),
    /// The answer to [`Action::CheckSignatures`].
    SignaturesChecked(Vec<bool>),
    /// [`Action::Persist`] is durable.
    Persisted(JobId),
}

/// Something to make durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Into the store, as one atomic batch.
    Store(Vec<Change>),
    /// Into the vote guard.
    Guard(Vec<u8>),
}

/// The answer to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Taken in; decided later.
    Pending(TransactionId),
    /// In the ledger.
    Decided {
        /// Which.
        id: TransactionId,
        /// Its block.
        height: Height,
        /// Its place in the log.
        log_index: LogIndex,
    },
    /// Not taken, or dropped later.
    Refused(Refusal),
}

/// What a node must do.
#[derive(Debug)]
pub enum Action {
    /// Send a message to a node. It may get lost.
    Send {
        /// To whom.
        to: NodeId,
        /// On which road.
        road: Road,
        /// The bytes of a [`PeerMessage`].
        bytes: std::sync::Arc<[u8]>,
    },
    /// Verify signatures, then [`Event::SignaturesChecked`]. Only one batch is out at a time.
    CheckSignatures(Vec<BatchItem>),
    /// Make durable, in order, then [`Event::Persisted`].
    Persist {
        /// To find back.
        job: JobId,
        /// What.
        writes: Vec<Write>,
    },
    /// Tell a client. A request gets [`Outcome::Pending`] first and a final outcome later, or only that.
    Answer {
        /// Which request.
        request: RequestId,
        /// What.
        outcome: Outcome,
    },
    /// A block is applied: announce it to every node, and tell whoever follows here.
    Applied {
        /// Its height.
        height: Height,
        /// Its name.
        hash: BlockHash,
        /// How many entries it has.
        entries: usize,
    },
    /// Tell the operator.
    Alarm(String),
}

/// What a replica starts from.
pub struct Start {
    /// The chain on disk.
    pub chain: ChainStore,
    /// The state on disk.
    pub state: State,
    /// The guard record on disk.
    pub guard: Option<GuardRecord>,
}

enum Job {
    Release(Box<ToPersist>, Vec<BlockHash>),
    Decided(Box<Executed>),
}

enum Source {
    Client(RequestId),
    Peer,
}

#[derive(Default)]
struct Peer {
    connected: bool,
    height: Option<Height>,
    clock_offset_ms: Option<i64>,
}

/// One node of the chain.
pub struct Replica {
    chain: ChainId,
    me: NodeId,
    key: Option<SecretKey>,
    nodes: Vec<NodeInfo>,
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
    mempool: Mempool,
    sync: Sync,

    peers: Vec<Peer>,
    early: Vec<Message>,
    timers: BTreeSet<(TimestampMs, Timeout)>,
    next_view: TimestampMs,
    next_retry: TimestampMs,
    next_push: TimestampMs,

    unverified: VecDeque<(ReceivedTransaction, Source)>,
    checking: Option<Vec<(ReceivedTransaction, Source)>>,
    /// Who waits for which transaction, and whether it was refused at first but may yet come true.
    requests: BTreeMap<TransactionId, Vec<RequestId>>,
    request_count: usize,
    to_push: Vec<EntryHash>,

    jobs: VecDeque<(JobId, Job)>,
    next_job: JobId,
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
        let lost = start.guard.is_none() && start.state.tip().height > Height::ZERO;
        let forgotten = lost.then_some(height);
        let mut proposals = Proposals::default();
        for block in start.chain.candidates().unwrap_or_default() {
            proposals.restore(&start.state, &block, &entropy);
        }
        let peers = nodes.iter().map(|_| Peer::default()).collect();
        let mut replica = Self {
            chain: genesis.chain,
            me,
            key,
            nodes,
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
            mempool: Mempool::default(),
            sync: Sync::default(),
            peers,
            early: Vec::new(),
            timers: BTreeSet::new(),
            next_view: now,
            next_retry: now,
            next_push: now,
            unverified: VecDeque::new(),
            checking: None,
            requests: BTreeMap::new(),
            request_count: 0,
            to_push: Vec::new(),
            jobs: VecDeque::new(),
            next_job: 0,
            inputs: VecDeque::new(),
            actions: Vec::new(),
            now,
        };
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
                self.peers[node].connected = true;
                self.next_view = self.now;
                self.next_retry = self.now;
            }
            Event::Disconnected(node) => {
                self.peers[node].connected = false;
                self.peers[node].clock_offset_ms = None;
            }
            Event::Received { from, bytes } => self.receive(from, &bytes),
            Event::Announced(height) => self.hear_of(height),
            Event::SignaturesChecked(valid) => self.signatures_checked(&valid),
            Event::Persisted(job) => self.persisted(job),
        }
        self.fire_timers();
        self.settle();
        std::mem::take(&mut self.actions)
    }

    /// When [`Event::Tick`] is due, at the latest.
    #[must_use]
    pub fn wake_at(&self) -> TimestampMs {
        let timer = self.timers.first().map(|(at, _)| *at);
        let view = Some(self.next_view);
        let retry = self.wants_retry().then_some(self.next_retry);
        let push = (!self.requests.is_empty()).then_some(self.next_push);
        let waiting = self.consensus().is_waiting();
        let deadline = self.state.next_deadline().filter(|_| waiting);
        let heartbeat = waiting.then(|| self.heartbeat_at());
        [timer, view, retry, push, deadline, heartbeat]
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
        &self.mempool
    }

    /// The nodes of the chain.
    #[must_use]
    pub fn nodes(&self) -> &[NodeInfo] {
        &self.nodes
    }

    /// Whether a node is connected, and the height it last said it decides.
    #[must_use]
    pub fn peer(&self, node: NodeId) -> (bool, Option<Height>) {
        (self.peers[node].connected, self.peers[node].height)
    }

    /// How far this clock is ahead of the median of the peers', as far as they are heard.
    #[must_use]
    pub fn clock_offset_ms(&self) -> Option<i64> {
        let mut offsets: Vec<_> = self.peers.iter().filter_map(|p| p.clock_offset_ms).collect();
        offsets.sort_unstable();
        offsets.get(offsets.len() / 2).copied()
    }

    /// Members whose message is missing: for the current step, or for recovery after a start.
    #[must_use]
    pub fn waiting_for(&self) -> Vec<String> {
        let lacking = match &self.recovery {
            Some(recovery) => recovery.unanswered().collect(),
            None => self.consensus().waiting_for(),
        };
        let name = |index: ValidatorIndex| {
            let node = self.nodes.iter().find(|node| node.validator == Some(index));
            node.map_or_else(|| format!("validator {index}"), |node| node.name.clone())
        };
        lacking.into_iter().map(name).collect()
    }

    // ---- transactions

    fn submit(&mut self, request: RequestId, bytes: Vec<u8>) {
        let transaction = match ReceivedTransaction::decode(bytes) {
            Ok(transaction) => transaction,
            Err(error) => {
                let refusal = Refusal::Malformed { detail: error.to_string() };
                return self.answer(request, Outcome::Refused(refusal));
            }
        };
        let id = transaction.id();
        match self.store.transaction(&id) {
            Ok(Some(log_index)) => return self.answer_decided(request, id, log_index),
            Ok(None) => {}
            Err(error) => panic!("{error}"),
        }
        if let Err(refusal) = self.check_form(&transaction) {
            return self.answer(request, Outcome::Refused(refusal));
        }
        if self.unverified.len() >= UNVERIFIED_MAX || self.request_count >= REQUESTS_MAX {
            let refusal = Refusal::MempoolFull { retry_after_ms: RETRY_INTERVAL.get() };
            return self.answer(request, Outcome::Refused(refusal));
        }
        self.unverified.push_back((transaction, Source::Client(request)));
    }

    /// What can be said without the signature and without executing it.
    fn check_form(&self, transaction: &ReceivedTransaction) -> Result<PublicKey, Refusal> {
        let body = transaction.transaction();
        if body.version != TRANSACTION_VERSION {
            return Err(Refusal::WrongVersion { version: body.version });
        }
        if body.chain != self.chain {
            return Err(Refusal::WrongChain {});
        }
        let member = self.state.fund().members.get(&body.author);
        member.map(|member| member.key).ok_or(Refusal::UnknownAuthor { author: body.author })
    }

    fn answer(&mut self, request: RequestId, outcome: Outcome) {
        self.actions.push(Action::Answer { request, outcome });
    }

    fn answer_decided(&mut self, request: RequestId, id: TransactionId, log_index: LogIndex) {
        match self.store.block_of(log_index) {
            Ok(found) => {
                let height = found.map_or(Height::ZERO, |(height, _)| height);
                self.answer(request, Outcome::Decided { id, height, log_index });
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn take_transactions(&mut self, from: NodeId, list: List<TransactionBytes, PUSH_MAX>) {
        for TransactionBytes(bytes) in list.into_vec() {
            let Ok(transaction) = ReceivedTransaction::decode(bytes) else {
                // Honest nodes pass on only what they have verified.
                self.alarm(format!("{} sent a malformed transaction", self.nodes[from].name));
                return;
            };
            let known = self.mempool.get(&transaction.entry()).is_some()
                || self.proposals.fetched(&transaction.entry()).is_some();
            if known || self.unverified.len() >= UNVERIFIED_MAX {
                continue;
            }
            if self.check_form(&transaction).is_ok() {
                self.unverified.push_back((transaction, Source::Peer));
            }
        }
    }

    /// Sends the next batch of signatures to be checked, if none is out.
    fn check_signatures(&mut self) {
        if self.checking.is_some() || self.unverified.is_empty() {
            return;
        }
        let count = self.unverified.len().min(BATCH_MAX);
        let batch: Vec<_> = self.unverified.drain(..count).collect();
        let mut items = Vec::with_capacity(batch.len());
        for (transaction, _) in &batch {
            // Keys never leave the registry, so the author that was found is still there.
            let key = self.check_form(transaction).unwrap_or(PublicKey::new([0; 32]));
            items.push(transaction.batch_item(key));
        }
        self.checking = Some(batch);
        self.actions.push(Action::CheckSignatures(items));
    }

    fn signatures_checked(&mut self, valid: &[bool]) {
        let batch = self.checking.take().unwrap_or_default();
        assert_eq!(batch.len(), valid.len(), "one answer for each signature of the batch");
        for ((transaction, source), valid) in batch.into_iter().zip(valid) {
            let forged = transaction.clone();
            match (transaction.verified_in_batch(*valid), source) {
                (Some(transaction), source) => self.admit(transaction, source),
                (None, Source::Client(request)) => {
                    self.answer(request, Outcome::Refused(Refusal::BadSignature {}));
                }
                (None, Source::Peer) => self.proposals.add_forged(&forged),
            }
        }
    }

    fn admit(&mut self, transaction: VerifiedTransaction, source: Source) {
        self.proposals.add_fetched(&transaction);
        let id = transaction.id();
        let author = transaction.transaction().author;
        let entry = transaction.entry();
        let request = match source {
            Source::Peer => {
                if self.store.transaction(&id).is_ok_and(|place| place.is_none())
                    && self.is_live(&transaction)
                {
                    // A full pool is no loss here: the node that took it in pushes again.
                    let _ = self.mempool.insert(transaction);
                }
                return;
            }
            Source::Client(request) => request,
        };
        if let Ok(Some(log_index)) = self.store.transaction(&id) {
            return self.answer_decided(request, id, log_index);
        }
        // What builds on others of the same author that still wait cannot be judged alone.
        let judged = !self.is_storing()
            && !self.mempool.has_author(author)
            && !self.mempool.contains_id(&id);
        if judged
            && let Err(refusal) = self.state.check(&transaction, self.block_time(), &self.store)
        {
            return self.answer(request, Outcome::Refused(refusal));
        }
        match self.mempool.insert(transaction) {
            Err(refusal) => self.answer(request, Outcome::Refused(refusal)),
            Ok(new) => {
                if new {
                    self.to_push.push(entry);
                }
                self.requests.entry(id).or_default().push(request);
                self.request_count += 1;
                self.answer(request, Outcome::Pending(id));
            }
        }
    }

    fn is_live(&self, transaction: &VerifiedTransaction) -> bool {
        transaction.transaction().expires > self.state.tip().time
    }

    fn close_requests(&mut self, id: &TransactionId, outcome: &Outcome) {
        let waiting = self.requests.remove(id).unwrap_or_default();
        self.request_count -= waiting.len();
        for request in waiting {
            self.answer(request, outcome.clone());
        }
    }

    fn refuse(&mut self, transaction: &VerifiedTransaction, refusal: Refusal) {
        self.mempool.remove(&transaction.entry());
        self.close_requests(&transaction.id(), &Outcome::Refused(refusal));
    }

    /// Passes new transactions on to the validators, in batches.
    fn push_transactions(&mut self) {
        let entries = std::mem::take(&mut self.to_push);
        let mut batch = Vec::new();
        let mut bytes = 0;
        let mut batches = Vec::new();
        for transaction in entries.iter().filter_map(|entry| self.mempool.get(entry)) {
            if bytes + transaction.bytes().len() > PUSH_BYTES_MAX || batch.len() == PUSH_MAX {
                batches.push(std::mem::take(&mut batch));
                bytes = 0;
            }
            bytes += transaction.bytes().len();
            batch.push(TransactionBytes(transaction.bytes().to_vec()));
        }
        batches.push(batch);
        for batch in batches.into_iter().filter(|batch| !batch.is_empty()) {
            let message = PeerMessage::Transactions(List::new(batch).unwrap_or_default());
            self.send_to_validators(&message);
        }
    }

    // ---- messages

    fn send(&mut self, to: NodeId, message: &PeerMessage) {
        if to != self.me && self.peers[to].connected {
            let bytes = encode(message).into();
            self.actions.push(Action::Send { to, road: message.road(), bytes });
        }
    }

    fn send_to(&mut self, message: &PeerMessage, receives: impl Fn(&NodeInfo) -> bool) {
        let bytes: std::sync::Arc<[u8]> = encode(message).into();
        for to in 0..self.nodes.len() {
            if to != self.me && self.peers[to].connected && receives(&self.nodes[to]) {
                let road = message.road();
                self.actions.push(Action::Send { to, road, bytes: bytes.clone() });
            }
        }
    }

    fn send_to_validators(&mut self, message: &PeerMessage) {
        self.send_to(message, |node| node.validator.is_some());
    }

    fn alarm(&mut self, text: String) {
        self.actions.push(Action::Alarm(text));
    }

    fn receive(&mut self, from: NodeId, bytes: &[u8]) {
        let message: PeerMessage = match decode(bytes) {
            Ok(message) => message,
            Err(error) => {
                let name = &self.nodes[from].name;
                let text = format!("{name} sent a message that cannot be read: {error}");
                return self.alarm(text);
            }
        };
        match message {
            PeerMessage::Consensus(message) => self.take_consensus(message),
            PeerMessage::View { view, clock } => self.take_view(from, &view, clock),
            PeerMessage::Outline(outline) => self.take_outline(*outline),
            PeerMessage::GetOutline { height, block } => {
                if height == self.consensus().height()
                    && let Some(outline) = self.proposals.outline(&block).cloned()
                {
                    self.send(from, &PeerMessage::Outline(Box::new(outline)));
                }
            }
            PeerMessage::Transactions(list) => self.take_transactions(from, list),
            PeerMessage::GetTransactions(entries) => self.give_transactions(from, &entries),
            PeerMessage::GetBlocks(height) => self.give_blocks(from, height),
            PeerMessage::Blocks(blocks) => self.take_blocks(from, blocks),
            PeerMessage::RecoveryQuestion => {
                let latest = self.nodes[from]
                    .validator
                    .and_then(|index| self.consensus().latest_from(index));
                self.send(from, &PeerMessage::RecoveryAnswer(latest));
            }
            PeerMessage::RecoveryAnswer(latest) => self.take_recovery_answer(from, latest),
        }
    }

    fn take_consensus(&mut self, message: Message) {
        let height = self.consensus().height();
        if message.height() == height.next() && self.early.len() < EARLY_MESSAGES_MAX {
            self.early.push(message);
        }
        if message.height() != height {
            return;
        }
        if let Ok(verified) = message.verify(&self.chain, self.state.validators()) {
            self.inputs.push_back(verified.into());
        }
    }

    fn take_view(&mut self, from: NodeId, view: &consensus::View, clock: TimestampMs) {
        let ours = i64::try_from(self.now.get()).unwrap_or(i64::MAX);
        let theirs = i64::try_from(clock.get()).unwrap_or(i64::MAX);
        self.peers[from].clock_offset_ms = Some(ours.saturating_sub(theirs));
        self.peers[from].height = Some(view.height);
        let height = self.consensus().height();
        if view.height > height {
            return self.ask_for_blocks(from);
        }
        if view.height < height {
            return;
        }
        let missing = self.consensus().missing_for(view);
        for message in missing {
            self.send(from, &PeerMessage::Consensus(message));
        }
        if view.step != Step::Waiting
            && let Some(validator) = self.nodes[from].validator
        {
            self.inputs.push_back(Input::PeerAwake { height, validator });
        }
    }

    /// An announcement: a node that takes no part in the rounds learns of a block by it.
    fn hear_of(&mut self, height: Height) {
        let connected = self.peers.iter().position(|peer| peer.connected);
        if height > self.consensus().height()
            && let Some(node) = self.connected_ahead().or(connected)
        {
            self.ask_for_blocks(node);
        } else if height == self.consensus().height()
            && self.consensus().me().is_none()
            && let Some(node) = connected
        {
            self.ask_for_blocks(node);
        }
    }

    fn take_outline(&mut self, outline: BlockOutline) {
        let state = &self.state;
        let fits = outline.header.height == state.tip().height.next()
            && outline.header.parent == state.tip().hash;
        if fits && self.proposals.outline(&outline.header.hash()).is_none() {
            self.proposals.add_outline(outline, self.now);
        }
    }

    fn give_transactions(&mut self, to: NodeId, entries: &[EntryHash]) {
        let mut batch = Vec::new();
        let mut bytes = 0;
        for entry in entries {
            let found = self.mempool.get(entry).or_else(|| self.proposals.fetched(entry));
            let Some(transaction) = found else { continue };
            bytes += transaction.bytes().len();
            if bytes > PUSH_BYTES_MAX || batch.len() == PUSH_MAX {
                // The rest is asked for again.
                break;
            }
            batch.push(TransactionBytes(transaction.bytes().to_vec()));
        }
        if !batch.is_empty() {
            let batch = List::new(batch).unwrap_or_default();
            self.send(to, &PeerMessage::Transactions(batch));
        }
    }

    // ---- recovery after a start

    fn take_recovery_answer(&mut self, from: NodeId, latest: Option<Message>) {
        let (Some(recovery), Some(index)) = (&mut self.recovery, self.nodes[from].validator) else {
            return;
        };
        if let Err(error) = recovery.on_answer(index, latest.as_ref()) {
            let text = format!("{} answered recovery wrongly: {error}", self.nodes[from].name);
            return self.alarm(text);
        }
        self.check_permit();
    }

    fn check_permit(&mut self) {
        let Some(recovery) = &self.recovery else { return };
        let barred_through = match recovery.permit() {
            Permit::Collecting { .. } => return,
            Permit::Allowed => self.forgotten,
            Permit::BarredThrough(height) => {
                let text = "peers have seen newer votes of ours than the guard remembers: \
                            signing is barred until the chain is past them";
                self.actions.push(Action::Alarm(format!("{text} (height {height})")));
                Some(height).max(self.forgotten)
            }
        };
        self.recovery = None;
        self.inputs.push_back(Input::SigningAllowed { barred_through });
    }

    // ---- consensus

    fn fire_timers(&mut self) {
        while let Some((at, timeout)) = self.timers.first().copied() {
            if at > self.now {
                break;
            }
            self.timers.pop_first();
            self.inputs.push_back(Input::TimeoutElapsed(timeout));
        }
    }

    /// Does everything that can be done now.
    fn settle(&mut self) {
        loop {
            self.check_signatures();
            self.push_transactions();
            self.wake_if_there_is_reason();
            self.build_if_there_is_reason();
            self.judge_wanted();
            match self.inputs.pop_front() {
                Some(input) => self.step(input),
                None => break,
            }
        }
        self.exchange();
    }

    fn step(&mut self, input: Input) {
        let state = self.consensus.take().expect("consensus is put back after every step");
        let (state, effects) = consensus::step(state, input);
        self.consensus = Some(state);
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Effects) {
        let Effects {
            sign,
            resend,
            schedule,
            build,
            validate,
            decide,
            evidence,
            alarms,
            ignored: _,
        } = effects;
        if let Some(message) = resend {
            self.broadcast(&message);
        }
        if let Some(to_sign) = sign {
            self.sign(to_sign);
        }
        for timeout in schedule {
            self.timers.insert((self.now.after(self.timeouts.duration(&timeout)), timeout));
        }
        if build.is_some() {
            self.build_wanted = build;
        }
        self.proposals.wanted.extend(validate);
        for found in evidence {
            if self.evidence.len() < EVIDENCE_MAX {
                self.evidence.push(found);
            }
        }
        for alarm in alarms {
            self.alarm(format!("{alarm:?}"));
        }
        if let Some(certificate) = decide {
            self.decide(&certificate);
        }
    }

    /// Signs, and holds the messages back until guard and bodies are durable (P20).
    fn sign(&mut self, to_sign: ToSign) {
        let Some(key) = &self.key else { return };
        let valid_block = to_sign.valid_block();
        let to_persist = match to_sign.sign(key, &self.chain, self.state.validators()) {
            Ok(to_persist) => to_persist,
            Err(error) => return self.alarm(format!("cannot sign: {error}")),
        };
        let mut bodies = Vec::new();
        let mut changes = Vec::new();
        if let Some(block) = valid_block.filter(|block| !self.proposals.durable.contains(block))
            && let Some(executed) = self.proposals.executed(&block)
        {
            changes.push(ChainStore::candidate(&block, &executed.block()));
            bodies.push(block);
        }
        let mut writes = Vec::new();
        if !changes.is_empty() {
            writes.push(Write::Store(changes));
        }
        writes.push(Write::Guard(encode(to_persist.record())));
        self.persist(writes, Job::Release(Box::new(to_persist), bodies));
    }

    fn persist(&mut self, writes: Vec<Write>, then: Job) {
        let job = self.next_job;
        self.next_job += 1;
        self.jobs.push_back((job, then));
        self.actions.push(Action::Persist { job, writes });
    }

    fn persisted(&mut self, job: JobId) {
        let (expected, then) = self.jobs.pop_front().expect("a job was under way");
        assert_eq!(job, expected, "jobs end in the order in which they began");
        match then {
            Job::Release(to_persist, bodies) => {
                self.proposals.durable.extend(bodies);
                for message in to_persist.persisted() {
                    self.broadcast(&message);
                    self.inputs.push_back(message.into());
                }
            }
            Job::Decided(executed) => self.apply(*executed),
        }
    }

    fn broadcast(&mut self, message: &VerifiedMessage) {
        if let VerifiedMessage::Proposal(proposal) = message
            && let Some(outline) = self.proposals.outline(&proposal.block).cloned()
        {
            let outline = PeerMessage::Outline(Box::new(outline));
            self.send_to_validators(&outline);
        }
        self.send_to_validators(&PeerMessage::Consensus(message.message()));
    }

    fn block_time(&self) -> TimestampMs {
        let earliest = TimestampMs::new(self.state.tip().time.get().saturating_add(1));
        self.now.max(earliest)
    }

    fn heartbeat_at(&self) -> TimestampMs {
        self.state.tip().time.after(self.state.fund().policy.heartbeat)
    }

    fn wake_if_there_is_reason(&mut self) {
        let waiting = self.consensus().is_waiting() && self.jobs.is_empty();
        if !waiting || self.inputs.iter().any(|input| matches!(input, Input::Wake)) {
            return;
        }
        let heartbeat = self.heartbeat_at() <= self.now;
        if self.has_work() || heartbeat {
            self.inputs.push_back(Input::Wake);
        }
    }

    /// Answers consensus when it asked for a block, at once or as soon as there is a reason for one.
    fn build_if_there_is_reason(&mut self) {
        // The store may be a block ahead of the state until the replica hears that it is durable.
        if self.is_storing() {
            return;
        }
        let (Some(round), Some(proposer)) = (self.build_wanted, self.consensus().me()) else {
            return;
        };
        if self.consensus().round() != round || self.consensus().step() != Step::Propose {
            self.build_wanted = None;
            return;
        }
        let heartbeat = self.block_time() >= self.heartbeat_at();
        if round == Round::ZERO && !heartbeat && !self.has_work() {
            return;
        }
        // All that waits at first, half after a failure, then none ("smaller batches" in docs/protocol.md).
        let limit = match self.proposals.built {
            0 => PROPOSE_MAX,
            1 => self.mempool.len().min(PROPOSE_MAX) / 2,
            _ => 0,
        };
        let height = self.consensus().height();
        let picked = self.mempool.pick(limit);
        let proposed = Proposed { time: self.block_time(), proposer, round };
        let built =
            self.proposals.build(&self.state, &self.store, proposed, &self.evidence, &picked);
        let Some(executed) = built else { return };
        for (position, refusal) in executed.refused.clone() {
            self.refuse(&picked[position], refusal);
        }
        if round == Round::ZERO && executed.entries.is_empty() && !heartbeat {
            return;
        }
        self.proposals.built += 1;
        self.build_wanted = None;
        self.inputs.push_back(Input::BlockBuilt { height, round, block: executed.hash });
    }

    /// Whether anything waits for a block.
    fn has_work(&self) -> bool {
        let deadline = self.state.next_deadline().is_some_and(|at| at <= self.block_time());
        let evidence = self.evidence.iter().any(|found| self.state.accepts_evidence(found));
        !self.mempool.is_empty() || deadline || evidence
    }

    /// Judges what consensus waits for, as far as bodies are there.
    fn judge_wanted(&mut self) {
        // A block judged against a state and a newer store is not judged: its own transactions are there.
        if self.is_storing() {
            return;
        }
        let wanted = std::mem::take(&mut self.proposals.wanted);
        for request in wanted {
            match self.judge(&request) {
                Ok(validity) => {
                    self.inputs.push_back(Input::BlockValidated { request, validity });
                }
                Err(_) => self.proposals.wanted.push(request),
            }
        }
    }

    fn judge(&mut self, request: &ValidationRequest) -> Result<Validity, Lacks> {
        let mempool = &self.mempool;
        let waiting = |entry: &EntryHash| mempool.get(entry).cloned();
        let block = &request.block;
        let valid = self.proposals.body_is_valid(&self.state, &self.store, block, waiting)?;
        let outline = self.proposals.outline(block).cloned();
        let (Some(outline), Some(executed)) = (outline, self.proposals.executed(block)) else {
            if !valid {
                self.alarm(format!("proposed block {block} is not valid"));
            }
            return Ok(Validity::Invalid);
        };
        if !request.fresh {
            return Ok(Validity::Valid);
        }
        let entries = executed.entries.len();
        let arrived = self.proposals.arrived(block, self.now);
        let validity = judge_fresh(&self.state, &outline, entries, request, arrived);
        if validity == Validity::Unfit {
            let time = outline.header.time;
            let text = format!(
                "proposed block {block} is unfit: block time {time}, our clock {}; check clocks",
                self.now
            );
            self.alarm(text);
        }
        Ok(validity)
    }

    fn decide(&mut self, certificate: &QuorumCertificate) {
        if self.is_storing() {
            // Block sync was first: the block of this very height is on its way to the disk.
            return;
        }
        let executed = self.proposals.take(&certificate.block);
        let executed = executed.expect("consensus decides only what was judged valid");
        self.store_decided(executed, certificate);
    }

    pub(crate) fn store_decided(&mut self, executed: Executed, certificate: &QuorumCertificate) {
        let changes = ChainStore::decided(&executed, certificate);
        self.persist(vec![Write::Store(changes)], Job::Decided(Box::new(executed)));
    }

    /// The block is durable: the next height begins.
    fn apply(&mut self, executed: Executed) {
        let height = executed.header.height;
        assert_eq!(
            height,
            self.state.tip().height.next(),
            "one block of a height is stored at a time"
        );
        for (index, entry) in (executed.first_index.get()..).zip(&executed.entries) {
            if let Some(id) = entry.transaction {
                let log_index = LogIndex::new(index);
                self.close_requests(&id, &Outcome::Decided { id, height, log_index });
                self.mempool_forget(&id);
            }
        }
        self.actions.push(Action::Applied {
            height,
            hash: executed.hash,
            entries: executed.entries.len(),
        });
        self.state = executed.state;
        self.proposals = Proposals::default();
        self.build_wanted = None;
        self.timers.clear();
        self.evidence.retain(|found| self.state.accepts_evidence(found));
        let now = self.state.tip().time;
        for transaction in self.mempool.take_expired(now) {
            let expires = transaction.transaction().expires;
            let outcome = Outcome::Refused(Refusal::Expired { expires, now });
            self.close_requests(&transaction.id(), &outcome);
        }
        self.recheck_requests();
        let validators = (**self.state.validators()).clone();
        let me = self.consensus().me();
        self.inputs.push_back(Input::HeightStarted { height: height.next(), validators, me });
        for message in std::mem::take(&mut self.early) {
            if let Ok(verified) = message.verify(&self.chain, self.state.validators()) {
                self.inputs.push_back(verified.into());
            }
        }
        self.next_view = self.now.after(VIEW_INTERVAL_AWAKE);
        self.continue_sync();
    }

    fn mempool_forget(&mut self, id: &TransactionId) {
        if let Some(entry) = self.mempool.entry_of(id) {
            self.mempool.remove(&entry);
        }
    }

    /// What clients wait for here and can no longer come true is answered, wherever it was dropped.
    fn recheck_requests(&mut self) {
        let waiting: Vec<_> = self
            .requests
            .keys()
            .filter_map(|id| self.mempool.entry_of(id))
            .filter_map(|entry| self.mempool.get(&entry).cloned())
            .take(RECHECK_MAX)
            .collect();
        let now = self.block_time();
        for transaction in waiting {
            let first = self.mempool.is_first_of_author(&transaction);
            if first && let Err(refusal) = self.state.check(&transaction, now, &self.store) {
                self.refuse(&transaction, refusal);
            }
        }
    }

    // ---- the regular exchange, which no acknowledgement stops (D10)

    fn wants_retry(&self) -> bool {
        self.recovery.is_some() || !self.proposals.wanted.is_empty() || self.sync.is_waiting()
    }

    fn exchange(&mut self) {
        if self.now >= self.next_view {
            let interval = if self.consensus().is_waiting() {
                VIEW_INTERVAL_WAITING
            } else {
                VIEW_INTERVAL_AWAKE
            };
            self.next_view = self.now.after(interval);
            self.send_view();
        }
        if self.wants_retry() && self.now >= self.next_retry {
            self.next_retry = self.now.after(RETRY_INTERVAL);
            self.ask_again();
        }
        if !self.requests.is_empty() && self.now >= self.next_push {
            self.next_push = self.now.after(PUSH_AGAIN_INTERVAL);
            let waiting: Vec<_> =
                self.requests.keys().filter_map(|id| self.mempool.entry_of(id)).collect();
            self.to_push.extend(waiting);
            self.push_transactions();
        }
    }

    /// Tells every node what this one has; following nodes learn of new blocks by it.
    fn send_view(&mut self) {
        let view = self.consensus().view();
        self.send_to(&PeerMessage::View { view, clock: self.now }, |_| true);
    }

    fn ask_again(&mut self) {
        if let Some(recovery) = &self.recovery {
            let silent: BTreeSet<_> = recovery.unanswered().collect();
            self.send_to(&PeerMessage::RecoveryQuestion, |node| {
                node.validator.is_some_and(|index| silent.contains(&index))
            });
        }
        let height = self.consensus().height();
        let wanted = if self.is_storing() { Vec::new() } else { self.proposals.wanted.clone() };
        for request in wanted {
            let block = request.block;
            let Err(lacks) = self.judge(&request) else { continue };
            let message = match lacks {
                Lacks::Outline => PeerMessage::GetOutline { height, block },
                Lacks::Transactions(entries) => {
                    PeerMessage::GetTransactions(List::new(entries).unwrap_or_default())
                }
            };
            self.send_to_validators(&message);
        }
        self.retry_sync();
    }

    // ---- what `sync` needs

    pub(crate) fn sync_parts(&mut self) -> (&mut Sync, &State, &ChainStore, &[u8; 32]) {
        (&mut self.sync, &self.state, &self.store, &self.entropy)
    }

    pub(crate) fn sync(&self) -> &Sync {
        &self.sync
    }

    pub(crate) fn now(&self) -> TimestampMs {
        self.now
    }

    pub(crate) fn is_storing(&self) -> bool {
        self.jobs.iter().any(|(_, job)| matches!(job, Job::Decided(_)))
    }

    pub(crate) fn send_message(&mut self, to: NodeId, message: &PeerMessage) {
        self.send(to, message);
    }

    pub(crate) fn blame(&mut self, node: NodeId, what: &str) {
        let text = format!("{} {what}", self.nodes[node].name);
        self.alarm(text);
    }

    pub(crate) fn connected_ahead(&self) -> Option<NodeId> {
        let height = self.consensus().height();
        let ahead = |peer: &Peer| peer.connected && peer.height.is_some_and(|at| at > height);
        let candidates: Vec<_> =
            (0..self.peers.len()).filter(|node| ahead(&self.peers[*node])).collect();
        // Another one each time, so that one that does not answer holds nothing up.
        let turn = usize::try_from(self.now.get() / RETRY_INTERVAL.get()).unwrap_or(0);
        candidates.get(turn % candidates.len().max(1)).copied()
    }
}

/// Most waiting requests that are looked at again after a block.
const RECHECK_MAX: usize = 256;
