//! Decisions passed on, and blocks for those who lag: nobody who keeps something from a node, or talks much,
//! keeps it behind.
//!
//! Source: docs/protocol.md C1 to C4.

use super::Replica;
use crate::{
    agreement::Disbelief,
    chain_store::ChainStoreError,
    early::Early,
    message::{BLOCKS_BYTES_MAX, BLOCKS_MAX, Decided, PeerMessage},
    node::NodeId,
    sync::Range,
};
use ledger_core::{
    block::{BLOCK_TRANSACTIONS_MAX, CertifiedBlock, evidence_hash},
    codec::{List, decode},
    consensus::ValidatorSet,
    receipt::CertifiedHeader,
    replay::replay,
    types::{Height, VotingPower},
};

impl Replica {
    /// The height of the first block that this node lacks.
    pub(super) fn next_height(&self) -> Height {
        self.state.tip().height.next()
    }

    /// Passes on what was decided to each validator that has not said to have decided it too (C1).
    pub(super) fn pass_on_decisions(&mut self) {
        if self.recent.wake_at().is_none_or(|at| at > self.now.steady) {
            return;
        }
        let validators: Vec<_> = self.peers.connected_validators().collect();
        let has_it = |node, height| self.peers.has_decided(node, height);
        for (node, decided) in self.recent.pass_on(self.now.steady, &validators, has_it) {
            self.send(node, &PeerMessage::Decided(Box::new(decided)));
        }
    }

    /// A validator says that it still decides a height that is decided here.
    pub(super) fn pass_on_to(&mut self, node: NodeId, height: Height) {
        if self.peers.validator(node).is_some()
            && let Some(decided) = self.recent.answer_to(node, height, self.now.steady)
        {
            self.send(node, &PeerMessage::Decided(Box::new(decided)));
        }
    }

    /// Somebody says that a height is decided, with proof (C2).
    pub(super) fn take_decided(&mut self, from: NodeId, decided: Decided) {
        let height = decided.certificate.height;
        let header = &decided.outline.header;
        let whole = evidence_hash(&decided.outline.evidence) == header.evidence;
        if !whole || header.height != height || header.hash() != decided.certificate.block {
            return self.blame(from, "passed on a certificate and another block");
        }
        self.peers.raise_height(from, height.saturating_add(Height::new(1)));
        let next = self.next_height();
        if height < next || height == next && self.journal.is_storing() {
            return;
        }
        if height > next {
            if Early::is_early(height, next) {
                self.early.keep_decided(from, decided);
            }
            return self.sync.fall_behind(self.now.steady);
        }
        match self.agreement.take_decision(from, decided, &self.state, self.now.steady) {
            Ok(false) => {}
            Ok(true) => {
                self.sync.certify(height);
                // Its body is asked for at once if something of it is lacking.
                self.next_retry = self.now.steady;
            }
            Err(error @ Disbelief::ProvesNothing(_)) => self.blame(from, &error.to_string()),
            Err(error @ Disbelief::Conflict(..)) => self.alarm(error.to_string()),
        }
    }

    /// Asks more nodes than may be faulty for what is lacking of a block that is decided, others each time.
    pub(super) fn ask_for_certified_body(&mut self) {
        let Some((block, height, lacking)) = self.agreement.lacking_of_certified() else { return };
        let absent = lacking.into_iter().filter(|entry| !self.waiting_room.is_verifying(entry));
        let absent: Vec<_> = absent.take(BLOCK_TRANSACTIONS_MAX).collect();
        if absent.is_empty() || self.journal.is_storing() {
            return;
        }
        let message = PeerMessage::GetTransactions(List::new(absent).unwrap_or_default());
        let nodes = self.peers.validators_beyond(height);
        let count = more_than_faulty(self.state.validators()).min(nodes.len());
        let first = self.turn_for(&block).saturating_mul(count);
        for position in 0..count {
            self.send(nodes[first.wrapping_add(position) % nodes.len()], &message);
        }
    }

    /// Asks for blocks while this node is behind (C3).
    pub(super) fn catch_up(&mut self) {
        if !self.sync.is_behind(self.now.steady) {
            return;
        }
        let mut next = self.next_height();
        if self.journal.is_storing() {
            next = next.next();
        }
        let candidates = self.peers.candidates(self.next_height(), self.sync.announced());
        if candidates.iter().all(|one| one.last < next) {
            if !self.journal.is_storing() {
                self.sync.rest();
            }
            return;
        }
        let hurry = self.consensus().me().is_some();
        let parallel = more_than_faulty(self.state.validators());
        for (node, range) in self.sync.ask(self.now.steady, next, &candidates, parallel, hurry) {
            let Range { first, last } = range;
            self.send(node, &PeerMessage::GetBlocks { first, last });
        }
    }

    /// A peer asks for blocks. The answer says what this node has, so that it is one also without blocks.
    pub(super) fn give_blocks(
        &mut self,
        to: NodeId,
        first: Height,
        last: Height,
    ) -> Result<(), ChainStoreError> {
        let mut blocks = Vec::new();
        let mut bytes = 0;
        let last = last.min(self.state.tip().height);
        let mut height = first.max(Height::new(1));
        while height <= last && blocks.len() < BLOCKS_MAX {
            let Some(block) = self.store.block_bytes(height)? else { break };
            bytes += block.len();
            if bytes > BLOCKS_BYTES_MAX && !blocks.is_empty() {
                break;
            }
            blocks.push(block);
            height = height.next();
        }
        let tip = self.recent.last().map(|decided| {
            let header = decided.outline.header.clone();
            Box::new(CertifiedHeader { header, certificate: decided.certificate.clone() })
        });
        let blocks = List::new(blocks).unwrap_or_default();
        self.send(to, &PeerMessage::Blocks { first, tip, blocks });
        Ok(())
    }

    /// Blocks, or the word that there are none.
    pub(super) fn take_blocks(
        &mut self,
        from: NodeId,
        first: Height,
        tip: Option<&CertifiedHeader>,
        blocks: Vec<Vec<u8>>,
    ) -> Result<(), ChainStoreError> {
        let last = tip.map_or(Height::ZERO, |tip| tip.header.height);
        if !self.sync.take(self.now.steady, from, self.next_height(), (first, last), blocks) {
            return Ok(());
        }
        // What it says of itself now is newer than its last view.
        self.peers.set_height(from, last.saturating_add(Height::new(1)));
        if last > self.sync.certified()
            && let Some(tip) = tip
        {
            match tip.verify(self.state.chain(), self.state.validators()) {
                Ok(()) => self.sync.certify(last),
                Err(error) => {
                    self.sync.distrust(from, self.now.steady);
                    self.blame(from, &format!("shows a last block that nobody decided: {error}"));
                }
            }
        }
        self.replay_next()
    }

    /// Replays the next block that has come, once the one before it is durable.
    pub(super) fn replay_next(&mut self) -> Result<(), ChainStoreError> {
        if self.journal.is_storing() {
            return Ok(());
        }
        let Some((from, bytes)) = self.sync.pop(self.next_height()) else { return Ok(()) };
        let reads = self.store.reading();
        let replayed = match decode::<CertifiedBlock>(&bytes) {
            Ok(decided) => replay(&self.state, &reads, decided, &self.entropy)
                .map_err(|error| format!("served a block that does not follow: {error}")),
            Err(error) => Err(format!("served a block that cannot be read: {error}")),
        };
        // Nobody is blamed for what this node's own disk does not say.
        match reads.outcome(replayed)? {
            Ok((executed, certificate)) => {
                self.sync.trust(from);
                self.sync.certify(executed.header.height);
                self.store_decided(executed, &certificate);
            }
            Err(text) => {
                self.sync.distrust(from, self.now.steady);
                self.blame(from, &text);
            }
        }
        Ok(())
    }
}

/// So many nodes that one of them is honest, if all are validators.
fn more_than_faulty(validators: &ValidatorSet) -> usize {
    let mut powers: Vec<_> = validators.validators().iter().map(|v| v.power.get()).collect();
    powers.sort_unstable();
    let mut sum = 0;
    let few = powers.iter().take_while(|power| {
        sum += **power;
        !validators.exceeds_f(VotingPower::new(sum))
    });
    few.count() + 1
}
