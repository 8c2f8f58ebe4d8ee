//! Catching up: decided blocks from peers, for a node that was away or is new.
//!
//! Blocks come with their certificates and are replayed like an auditor would; who serves them is not
//! believed. While a node lacks blocks it takes part in no round of their heights.

use crate::{
    message::{BLOCKS_BYTES_MAX, BLOCKS_MAX, PeerMessage},
    replica::{NodeId, Replica},
};
use ledger_core::{
    block::CertifiedBlock,
    codec::{List, decode},
    replay::replay,
    types::{DurationMs, Height, TimestampMs},
};
use std::collections::{BTreeSet, VecDeque};

/// How long an answer may take before another node is asked too. It doubles with each that is silent: an
/// answer of some megabytes takes its time, and others on the way at once would only slow it down.
const ANSWER_WAIT: DurationMs = DurationMs::new(1_000);
/// How often that doubles at most.
const DOUBLINGS_MAX: usize = 4;

/// Where catching up stands.
#[derive(Debug, Default)]
pub(crate) struct Sync {
    /// From whom blocks were asked and have not come. A slow answer still counts after others were asked,
    /// or a long road would let none ever come in time.
    asked: BTreeSet<NodeId>,
    /// When another one is asked.
    retry_at: TimestampMs,
    /// Who answered last, and so is likely to answer again.
    served: Option<NodeId>,
    /// Blocks that have come and wait for the one before them to be durable.
    blocks: VecDeque<(NodeId, Vec<u8>)>,
}

impl Sync {
    pub(crate) fn is_waiting(&self) -> bool {
        !self.asked.is_empty()
    }
}

impl Replica {
    /// A peer says that it is ahead.
    pub(crate) fn ask_for_blocks(&mut self, from: NodeId) {
        let (sync, ..) = self.sync_parts();
        if sync.asked.is_empty() && sync.blocks.is_empty() {
            self.ask(from);
        }
    }

    fn ask(&mut self, from: NodeId) {
        let (now, height) = (self.now(), self.consensus().height());
        let (sync, ..) = self.sync_parts();
        let doublings = sync.asked.len().min(DOUBLINGS_MAX);
        sync.retry_at = now.after(DurationMs::new(ANSWER_WAIT.get() << doublings));
        sync.asked.insert(from);
        self.send_message(from, &PeerMessage::GetBlocks(height));
    }

    /// What was asked for has not come: ask somebody else too.
    pub(crate) fn retry_sync(&mut self) {
        let now = self.now();
        let (sync, ..) = self.sync_parts();
        if sync.asked.is_empty() || now < sync.retry_at {
            return;
        }
        sync.served = None;
        match self.connected_ahead() {
            Some(node) => self.ask(node),
            // Nobody is ahead any more; a view tells when somebody is.
            None => self.sync_parts().0.asked.clear(),
        }
    }

    /// A peer asks for blocks from a height on.
    pub(crate) fn give_blocks(&mut self, to: NodeId, from: Height) {
        let (_, state, store, _) = self.sync_parts();
        let tip = state.tip().height;
        let mut blocks = Vec::new();
        let mut bytes = 0;
        let mut height = from.max(Height::new(1));
        while height <= tip && blocks.len() < BLOCKS_MAX {
            let block = match store.block_bytes(height) {
                Ok(Some(block)) => block,
                Ok(None) => break,
                Err(error) => panic!("{error}"),
            };
            bytes += block.len();
            if bytes > BLOCKS_BYTES_MAX && !blocks.is_empty() {
                break;
            }
            blocks.push(block);
            height = height.next();
        }
        if !blocks.is_empty() {
            let blocks = List::new(blocks).unwrap_or_default();
            self.send_message(to, &PeerMessage::Blocks(blocks));
        }
    }

    /// Blocks that were asked for.
    pub(crate) fn take_blocks(&mut self, from: NodeId, blocks: List<Vec<u8>, BLOCKS_MAX>) {
        let (sync, ..) = self.sync_parts();
        if !sync.asked.contains(&from) {
            return;
        }
        sync.asked.clear();
        sync.served = Some(from);
        sync.blocks = blocks.into_vec().into_iter().map(|bytes| (from, bytes)).collect();
        self.continue_sync();
    }

    /// Replays the next block that has come, once the one before it is durable.
    pub(crate) fn continue_sync(&mut self) {
        if self.is_storing() {
            return;
        }
        let next = self.consensus_height_to_apply();
        let (sync, state, store, entropy) = self.sync_parts();
        while let Some((from, bytes)) = sync.blocks.pop_front() {
            let Ok(decided) = decode::<CertifiedBlock>(&bytes) else {
                sync.blocks.clear();
                return self.blame(from, "served a block that cannot be read");
            };
            if decided.block.header.height < next {
                continue;
            }
            match replay(state, store, decided, entropy) {
                Ok((executed, certificate)) => return self.store_decided(executed, &certificate),
                Err(error) => {
                    sync.blocks.clear();
                    let text = format!("served a block that does not follow: {error}");
                    return self.blame(from, &text);
                }
            }
        }
        match self.connected_ahead_of_tip() {
            Some(node) if self.sync_served() == Some(node) => self.ask_for_blocks(node),
            // What was said of the next height meanwhile may decide it here too.
            Some(_) => self.fall_behind(),
            None => self.sync_parts().0.served = None,
        }
    }

    fn sync_served(&self) -> Option<NodeId> {
        self.sync().served
    }

    fn consensus_height_to_apply(&self) -> Height {
        self.state().tip().height.next()
    }

    fn connected_ahead_of_tip(&self) -> Option<NodeId> {
        let next = self.consensus_height_to_apply();
        let is_ahead = |node: &NodeId| {
            let (connected, height) = self.peer(*node);
            connected && height.is_some_and(|at| at > next)
        };
        self.sync_served().filter(is_ahead).or_else(|| self.connected_ahead().filter(is_ahead))
    }
}
