//! The last blocks that were decided here, kept to be passed on.
//!
//! A validator that lags by a block or a few gets certificate and outline without having to ask: whoever
//! keeps votes or proposals from it can then not keep it behind, and with it the chain. Each is passed on
//! once to each node, and again while that node's view says that it is still there.
//!
//! Source: docs/protocol.md C1.

use crate::{
    message::{Decided, EARLY_HEIGHTS_MAX},
    node::NodeId,
    now::SteadyMs,
};
use ledger_core::{
    block::{Block, BlockOutline, Entry, EntryBytes, Header, evidence_hash},
    codec::List,
    consensus::QuorumCertificate,
    crypto::EntryHash,
    ledger::ExecutedEntry,
    merkle::entry_hash,
    types::{DurationMs, Height},
};
use std::collections::{BTreeSet, VecDeque};

/// How long a validator may take to say that it has decided too, before the decision is passed on to it.
const GRACE: DurationMs = DurationMs::new(20);
/// When a decision is passed on to the same node again.
const AGAIN_AFTER: DurationMs = DurationMs::new(1_000);

/// One decided block.
#[derive(Debug)]
struct RecentBlock {
    decided: Decided,
    /// Its transactions, for whoever lacks some of them.
    transactions: Vec<(EntryHash, EntryBytes)>,
    /// When it is passed on to those who have not been heard of, until that is done.
    due: Option<SteadyMs>,
    at: SteadyMs,
    /// When each node was told.
    told: Vec<Option<SteadyMs>>,
}

/// The last blocks, oldest first: as many as a node keeps messages ahead of itself for.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    blocks: VecDeque<RecentBlock>,
}

impl Recent {
    /// A block has been decided and is durable. `node_count` is the number of nodes of the chain.
    pub(crate) fn add(
        &mut self,
        header: Header,
        entries: &[ExecutedEntry],
        certificate: QuorumCertificate,
        now: SteadyMs,
        node_count: usize,
    ) {
        let all = entries.iter().map(|e| (e.hash, e.bytes.clone(), e.transaction.is_some()));
        self.push(header, all, certificate, now, node_count);
        if let Some(block) = self.blocks.back_mut() {
            block.due = Some(now.after(GRACE));
        }
    }

    /// The last block of a chain that is taken up again: who lags may ask for it.
    pub(crate) fn restore(
        &mut self,
        block: &Block,
        certificate: QuorumCertificate,
        now: SteadyMs,
        node_count: usize,
    ) {
        let all = block.entries.iter().map(|bytes| {
            let is_transaction = bytes.signed_transaction().is_some();
            (entry_hash(bytes.as_bytes()), bytes.clone(), is_transaction)
        });
        self.push(block.header.clone(), all, certificate, now, node_count);
    }

    fn push(
        &mut self,
        header: Header,
        entries: impl Iterator<Item = (EntryHash, EntryBytes, bool)>,
        certificate: QuorumCertificate,
        now: SteadyMs,
        node_count: usize,
    ) {
        let has_evidence = header.evidence != evidence_hash(&[]);
        let mut evidence = Vec::new();
        let mut transactions = Vec::new();
        for (hash, bytes, is_transaction) in entries {
            if is_transaction {
                transactions.push((hash, bytes));
            } else if has_evidence && let Ok(Entry::Evidence(found)) = bytes.decode() {
                evidence.push(found);
            }
        }
        let listed = transactions.iter().map(|(hash, _)| *hash).collect();
        let (Ok(evidence), Ok(listed)) = (List::new(evidence), List::new(listed)) else { return };
        let outline = BlockOutline { header, evidence, transactions: listed };
        self.blocks.push_back(RecentBlock {
            decided: Decided { certificate, outline },
            transactions,
            due: None,
            at: now,
            told: vec![None; node_count],
        });
        if self.blocks.len() > EARLY_HEIGHTS_MAX {
            self.blocks.pop_front();
        }
    }

    /// The newest of them.
    pub(crate) fn last(&self) -> Option<&Decided> {
        self.blocks.back().map(|block| &block.decided)
    }

    /// When something is to be passed on.
    pub(crate) fn wake_at(&self) -> Option<SteadyMs> {
        self.blocks.iter().filter_map(|block| block.due).min()
    }

    /// What is to be passed on now, to every node of `nodes` that `has_it` does not say to have it.
    pub(crate) fn pass_on(
        &mut self,
        now: SteadyMs,
        nodes: &[NodeId],
        has_it: impl Fn(NodeId, Height) -> bool,
    ) -> Vec<(NodeId, Decided)> {
        let mut messages = Vec::new();
        for block in &mut self.blocks {
            if block.due.is_none_or(|due| due > now) {
                continue;
            }
            block.due = None;
            let height = block.decided.certificate.height;
            for node in nodes.iter().copied().filter(|node| !has_it(*node, height)) {
                block.told[node] = Some(now);
                messages.push((node, block.decided.clone()));
            }
        }
        messages
    }

    /// What a node is told that says it still decides `height`.
    pub(crate) fn answer_to(
        &mut self,
        node: NodeId,
        height: Height,
        now: SteadyMs,
    ) -> Option<Decided> {
        let mut blocks = self.blocks.iter_mut();
        let block = blocks.find(|block| block.decided.certificate.height == height)?;
        // What it said may be older than what was sent to it, or than its own decision.
        let since = block.told[node].map_or(block.at.after(GRACE), |told| told.after(AGAIN_AFTER));
        (since <= now).then(|| {
            block.told[node] = Some(now);
            block.decided.clone()
        })
    }

    /// The signed bytes of transactions of these blocks.
    pub(crate) fn transactions(&self, wanted: &BTreeSet<EntryHash>) -> impl Iterator<Item = &[u8]> {
        let all = self.blocks.iter().flat_map(|block| &block.transactions);
        all.filter(|(hash, _)| wanted.contains(hash))
            .filter_map(|(_, bytes)| bytes.signed_transaction())
    }
}
