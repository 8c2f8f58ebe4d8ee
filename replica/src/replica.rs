//! The machine: events and the time in, actions out.
//!
//! One height at a time. A decided block is applied when it is durable, and only then the next height
//! begins. What must be durable before it is visible leaves as [`Action::Persist`] and is released by
//! [`Event::Persisted`] (docs/protocol.md P20).
//!
//! ```text
//!                ┌────────────────────────── Replica ──────────────────────────┐
//!  Event, now ──▶│ waiting_room   agreement   sync   early   recent   journal  │──▶ Actions
//!                └─────────────────── peers, store, state ─────────────────────┘
//! ```
//!
//! What a node knows is in components; none reaches into another, and all return what is to be done. The
//! files below this one lead from one to the next: `admission` transactions, `deciding` agreement and blocks,
//! `catching_up` decisions of others, `exchange` messages in and out.

mod admission;
mod catching_up;
mod deciding;
mod exchange;

use crate::{
    agreement::{Agreement, Restored},
    chain_store::{ChainStore, ChainStoreError},
    early::Early,
    equivocations::{Equivocation, Equivocations},
    event::{Action, Config, Event, Start, StartError},
    journal::Journal,
    mempool::Mempool,
    node::{NodeId, NodeInfo},
    now::{Now, SteadyMs},
    peers::{Peer, Peers},
    recent::Recent,
    standing::Standing,
    sync::Sync,
    waiting_room::WaitingRoom,
};
use ledger_core::{
    block::CertifiedBlock,
    consensus::{self, Ignored},
    ledger::State,
    types::{DurationMs, Height, TimestampMs, ValidatorIndex},
};
use std::collections::BTreeMap;

/// How often a node tells its peers what it has while a height is being decided.
const VIEW_INTERVAL_AWAKE: DurationMs = DurationMs::new(250);
/// How often while there is nothing to decide.
const VIEW_INTERVAL_WAITING: DurationMs = DurationMs::new(2_000);
/// How often something that did not come is asked for again.
const RETRY_INTERVAL: DurationMs = DurationMs::new(200);
/// How long something that a proposal needs may be on its way before it is asked for.
const FETCH_GRACE: DurationMs = DurationMs::new(20);

/// One node of the chain.
pub struct Replica {
    entropy: [u8; 32],
    store: ChainStore,
    /// After the last block that is durable and applied.
    state: State,
    agreement: Agreement,
    waiting_room: WaitingRoom,
    peers: Peers,
    /// What came for heights that have not begun.
    early: Early,
    sync: Sync,
    /// The last blocks, for those who lag by a few.
    recent: Recent,
    journal: Journal,
    equivocations: Equivocations,
    next_view: SteadyMs,
    next_retry: SteadyMs,
    /// What this event has led to so far.
    actions: Vec<Action>,
    /// Whether the disk has failed: nothing is taken in any more.
    stopped: bool,
    /// The latest that each clock has shown.
    now: Now,
}

impl Replica {
    /// Starts where the disk says that the node stopped.
    ///
    /// # Errors
    /// [`StartError`] if the guard cannot be believed or the disk cannot be read: the node must not run then.
    ///
    /// # Panics
    /// If the configuration names a node or key that genesis does not have.
    pub fn new(config: Config, start: Start, now: Now) -> Result<(Self, Vec<Action>), StartError> {
        let Config { genesis, me, key, entropy } = config;
        let Start { chain: store, state, guard, nothing_signed } = start;
        let validator_of = |member| {
            let mut validators = state.validators().validators().iter();
            let position = validators.position(|v| v.member == member)?;
            u16::try_from(position).ok().map(ValidatorIndex::new)
        };
        let nodes: Vec<_> = genesis
            .nodes
            .iter()
            .map(|node| NodeInfo { name: node.name.clone(), validator: validator_of(node.member) })
            .collect();
        let tip = state.tip().height;
        let bodies = store.bodies(tip.next())?;
        let restored = Restored {
            chain: genesis.chain,
            state: &state,
            me: nodes[me].validator.filter(|_| key.is_some()),
            key,
            timeouts: genesis.timeouts,
            guard: guard.as_ref(),
            nothing_signed,
            bodies: &bodies,
            entropy: &entropy,
        };
        let (agreement, wishes) = Agreement::restore(restored, now)?;
        let mut recent = Recent::default();
        if let Some(CertifiedBlock { block, certificate }) = store.block(tip)? {
            recent.restore(&block, certificate, now.steady, nodes.len());
        }
        let mut replica = Self {
            entropy,
            store,
            state,
            agreement,
            waiting_room: WaitingRoom::new(now.steady),
            early: Early::default(),
            sync: Sync::new(nodes.len()),
            peers: Peers::new(me, nodes, now.wall),
            recent,
            journal: Journal::default(),
            equivocations: Equivocations::default(),
            next_view: now.steady,
            next_retry: now.steady,
            actions: Vec::new(),
            stopped: false,
            now,
        };
        replica.note_equivocations()?;
        replica.carry_out(wishes);
        replica.settle()?;
        let actions = std::mem::take(&mut replica.actions);
        Ok((replica, actions))
    }

    /// Takes one event in and says what to do, in this order. A clock that goes back stands still here until it has
    /// caught up.
    pub fn handle(&mut self, event: Event, now: Now) -> Vec<Action> {
        if self.stopped {
            return Vec::new();
        }
        self.now = now.not_before(self.now);
        if let Err(error) = self.take(event) {
            self.stopped = true;
            self.actions.push(Action::DiskFailed(error));
        }
        self.agreement.note_standing(self.now.wall);
        std::mem::take(&mut self.actions)
    }

    fn take(&mut self, event: Event) -> Result<(), ChainStoreError> {
        match event {
            Event::Tick => {}
            Event::Submit { request, bytes } => self.submit(request, &bytes)?,
            Event::Connected(node) => {
                self.peers.set_connected(node, true, self.now.wall);
                self.next_view = self.now.steady;
                self.next_retry = self.now.steady;
            }
            Event::Disconnected(node) => {
                self.peers.set_connected(node, false, self.now.wall);
                self.sync.disconnected(node);
            }
            Event::Received { from, bytes } => self.receive(from, &bytes)?,
            Event::Announced(height) => self.hear_of(height),
            Event::SignaturesChecked(valid) => self.signatures_checked(&valid)?,
            Event::Persisted(job) => self.persisted(job)?,
        }
        self.agreement.fire_timers(self.now.steady);
        self.settle()
    }

    /// Does everything that can be done now.
    fn settle(&mut self) -> Result<(), ChainStoreError> {
        loop {
            self.check_signatures();
            self.push_transactions();
            self.wake_if_there_is_reason();
            self.build_if_there_is_reason()?;
            self.judge_wanted()?;
            self.finish_certified()?;
            match self.agreement.step(&self.state, self.now) {
                Some(wishes) => self.carry_out(wishes),
                None => break,
            }
        }
        self.exchange();
        Ok(())
    }

    /// When [`Event::Tick`] is due, at the latest, on the steady clock.
    #[must_use]
    pub fn wake_at(&self) -> SteadyMs {
        let timer = self.agreement.wake_at();
        let view = Some(self.next_view);
        let retry = self.agreement.lacks_something().then_some(self.next_retry);
        let room = self.waiting_room.wake_at();
        let waiting = self.consensus().is_waiting();
        let deadline = self.state.next_deadline().filter(|_| waiting).map(|at| self.now.when(at));
        let heartbeat = waiting.then(|| self.now.when(self.heartbeat_at()));
        let sync = self.sync.wake_at(self.now.steady);
        let recent = self.recent.wake_at();
        [timer, view, retry, room, sync, recent, deadline, heartbeat]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(self.next_view)
            // Whatever is due already was looked at in this very moment.
            .max(self.now.steady.after(DurationMs::new(1)))
    }

    // ---- what there is to look at

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
    #[must_use]
    pub fn consensus(&self) -> &consensus::State {
        self.agreement.consensus()
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
        self.agreement.standing()
    }

    /// Validators that signed twice, by the ledger.
    #[must_use]
    pub fn equivocations(&self) -> &[Equivocation] {
        self.equivocations.all()
    }

    /// When this node last saw its own key sign what it does not remember, since its start.
    #[must_use]
    pub fn signed_elsewhere(&self) -> Option<TimestampMs> {
        self.agreement.signed_elsewhere()
    }

    /// How many messages, timers and answers changed nothing since the start, by the reason.
    #[must_use]
    pub fn ignored(&self) -> &BTreeMap<Ignored, u64> {
        self.agreement.ignored()
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
        self.agreement.unanswered().is_some()
    }

    /// How far this clock is ahead of the median of the peers', as far as they are heard.
    #[must_use]
    pub fn clock_offset_ms(&self) -> Option<i64> {
        self.peers.clock_offset_ms()
    }

    /// Members whose message is missing: for the current step, or for recovery after a start.
    #[must_use]
    pub fn waiting_for(&self) -> Vec<String> {
        let lacking = self.agreement.waiting_for();
        lacking.into_iter().map(|index| self.peers.name_of_validator(index)).collect()
    }
}
