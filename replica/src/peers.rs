//! The other nodes: who they are, who is connected, and what each has said of itself.
//!
//! Promises: nothing is addressed to this node itself or to one without a connection. Believes nobody: a
//! height here is the word of its sender and decides only who is worth telling or asking (docs/protocol.md C4).
//! Sends nothing itself; messages leave as actions.

use crate::{
    event::Action,
    message::PeerMessage,
    node::{NodeId, NodeInfo},
    sync::Candidate,
};
use ledger_core::{
    codec::encode,
    types::{Height, TimestampMs, ValidatorIndex},
};
use std::sync::Arc;

/// What is known of another node.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Whether there is a connection.
    pub connected: bool,
    /// Since when there is one, or none.
    pub since: TimestampMs,
    /// When it last said something.
    pub heard: Option<TimestampMs>,
    /// The height it last said it decides. Its word only.
    pub height: Option<Height>,
    /// The highest height at which its precommit has come from it.
    pub precommitted: Height,
    /// How far our clock is ahead of its.
    pub clock_offset_ms: Option<i64>,
}

/// All nodes of the chain, this one among them.
#[derive(Debug)]
pub(crate) struct Peers {
    me: NodeId,
    nodes: Vec<NodeInfo>,
    peers: Vec<Peer>,
}

impl Peers {
    /// Nobody is connected yet.
    pub(crate) fn new(me: NodeId, nodes: Vec<NodeInfo>, now: TimestampMs) -> Self {
        let peer = Peer {
            connected: false,
            since: now,
            heard: None,
            height: None,
            precommitted: Height::ZERO,
            clock_offset_ms: None,
        };
        let peers = vec![peer; nodes.len()];
        Self { me, nodes, peers }
    }

    // ---- who they are

    /// The nodes of the chain.
    pub(crate) fn nodes(&self) -> &[NodeInfo] {
        &self.nodes
    }

    /// Whose a node is.
    pub(crate) fn name(&self, node: NodeId) -> &str {
        &self.nodes[node].name
    }

    /// A node's place among the validators, if it has one.
    pub(crate) fn validator(&self, node: NodeId) -> Option<ValidatorIndex> {
        self.nodes[node].validator
    }

    /// Whose a validator is.
    pub(crate) fn name_of_validator(&self, index: ValidatorIndex) -> String {
        let node = self.nodes.iter().find(|node| node.validator == Some(index));
        node.map_or_else(|| format!("validator {index}"), |node| node.name.clone())
    }

    /// Whether there are nodes that only follow.
    pub(crate) fn are_followers_there(&self) -> bool {
        self.nodes.iter().any(|node| node.validator.is_none())
    }

    // ---- what is heard of them

    /// All that is known of a node.
    pub(crate) fn get(&self, node: NodeId) -> &Peer {
        &self.peers[node]
    }

    /// A connection stands, or is gone.
    pub(crate) fn set_connected(&mut self, node: NodeId, connected: bool, now: TimestampMs) {
        let peer = &mut self.peers[node];
        if peer.connected != connected {
            peer.connected = connected;
            peer.since = now;
        }
        if !connected {
            peer.clock_offset_ms = None;
        }
    }

    /// A node has said something.
    pub(crate) fn heard(&mut self, node: NodeId, now: TimestampMs) {
        self.peers[node].heard = Some(now);
    }

    /// A node says which height it decides.
    pub(crate) fn set_height(&mut self, node: NodeId, height: Height) {
        self.peers[node].height = Some(height);
    }

    /// A node has said something that only one at this height, or beyond it, says.
    pub(crate) fn raise_height(&mut self, node: NodeId, height: Height) {
        let peer = &mut self.peers[node];
        peer.height = peer.height.max(Some(height));
    }

    /// A node's own precommit for a block has come from it.
    pub(crate) fn precommitted(&mut self, node: NodeId, height: Height) {
        let peer = &mut self.peers[node];
        peer.precommitted = peer.precommitted.max(height);
    }

    /// A node has said what its clock shows.
    pub(crate) fn shows_clock(&mut self, node: NodeId, ours: TimestampMs, theirs: TimestampMs) {
        let ours = i64::try_from(ours.get()).unwrap_or(i64::MAX);
        let theirs = i64::try_from(theirs.get()).unwrap_or(i64::MAX);
        self.peers[node].clock_offset_ms = Some(ours.saturating_sub(theirs));
    }

    /// How far this clock is ahead of the median of the others', as far as they are heard.
    pub(crate) fn clock_offset_ms(&self) -> Option<i64> {
        let mut offsets: Vec<_> = self.peers.iter().filter_map(|p| p.clock_offset_ms).collect();
        offsets.sort_unstable();
        offsets.get(offsets.len() / 2).copied()
    }

    // ---- who is worth telling or asking

    /// Connected validators other than this node.
    pub(crate) fn connected_validators(&self) -> impl Iterator<Item = NodeId> {
        (0..self.nodes.len()).filter(|node| self.hears(*node) && self.validator(*node).is_some())
    }

    /// Whether a node has decided a height, as far as it has let us know.
    pub(crate) fn has_decided(&self, node: NodeId, height: Height) -> bool {
        let peer = &self.peers[node];
        peer.precommitted >= height || peer.height.is_some_and(|at| at > height)
    }

    /// Connected validators that say they are beyond a height.
    pub(crate) fn validators_beyond(&self, height: Height) -> Vec<NodeId> {
        let beyond = |node: &NodeId| self.peers[*node].height.is_some_and(|at| at > height);
        self.connected_validators().filter(beyond).collect()
    }

    /// Whether a connected node says that it has the block of this height.
    pub(crate) fn is_anybody_beyond(&self, height: Height) -> bool {
        let beyond = |peer: &Peer| peer.connected && peer.height.is_some_and(|at| at > height);
        self.peers.iter().any(beyond)
    }

    /// Who says to have blocks, and the last of them, for a node that lacks those from `next` on. `announced` is
    /// what some validator is said to have decided.
    pub(crate) fn candidates(&self, next: Height, announced: Height) -> Vec<Candidate> {
        let candidate = |node: NodeId| {
            let said = self.peers[node].height;
            let said = said.map_or(Height::ZERO, |at| at.saturating_sub(Height::new(1)));
            let announced = self.validator(node).map_or(Height::ZERO, |_| announced);
            self.hears(node).then(|| Candidate { node, last: said.max(announced) })
        };
        let mut all: Vec<_> = (0..self.nodes.len()).filter_map(candidate).collect();
        // Of validators only some may lie; others are asked where no validator has anything.
        let votes = |one: &Candidate| self.validator(one.node).is_some();
        if all.iter().any(|one| votes(one) && one.last >= next) {
            all.retain(votes);
        }
        all
    }

    // ---- what is sent to them

    /// To one node, if it is connected.
    pub(crate) fn send(&self, to: NodeId, message: &PeerMessage) -> Option<Action> {
        let bytes = || encode(message).into();
        self.hears(to).then(|| Action::Send { to, road: message.road(), bytes: bytes() })
    }

    /// To every connected node that `receives` it.
    pub(crate) fn send_to(
        &self,
        message: &PeerMessage,
        receives: impl Fn(&NodeInfo) -> bool,
    ) -> Vec<Action> {
        let road = message.road();
        let bytes: Arc<[u8]> = encode(message).into();
        (0..self.nodes.len())
            .filter(|to| self.hears(*to) && receives(&self.nodes[*to]))
            .map(|to| Action::Send { to, road, bytes: bytes.clone() })
            .collect()
    }

    /// To every connected validator.
    pub(crate) fn send_to_validators(&self, message: &PeerMessage) -> Vec<Action> {
        self.send_to(message, |node| node.validator.is_some())
    }

    fn hears(&self, node: NodeId) -> bool {
        node != self.me && self.peers[node].connected
    }
}
