//! Building blocks and judging them, at the height being decided.

use crate::{node::NodeId, now::SteadyMs};
use ledger_core::{
    block::{BLOCK_EVIDENCE_MAX, Block, BlockOutline, Entry},
    codec::List,
    consensus::{Evidence, QuorumCertificate, ValidationRequest, Validity},
    crypto::{BlockHash, EntryHash},
    fund::Reads,
    ledger::{Executed, InvalidBlock, OnRefusal, Proposed, State, execute},
    refusal::Refusal,
    transaction::{ReceivedTransaction, VerifiedTransaction},
    types::{Round, TimestampMs},
};
use std::collections::{BTreeMap, BTreeSet};

/// Most outlines kept for one height: one for each round that is worth looking at.
const OUTLINES_MAX: usize = 64;

/// A block whose body is known and was executed.
#[derive(Debug, Clone)]
pub(crate) enum Candidate {
    /// Valid, with everything that deciding it needs.
    Valid(Box<Executed>),
    /// Never to be decided.
    Invalid,
}

/// The transactions of a block that is decided, as one node lists them.
#[derive(Debug)]
struct CertifiedList {
    from: NodeId,
    outline: BlockOutline,
    /// Those that are not here.
    lacking: BTreeSet<EntryHash>,
}

/// All that is known of blocks at the height being decided.
#[derive(Debug, Default)]
pub(crate) struct Proposals {
    outlines: BTreeMap<BlockHash, BlockOutline>,
    /// When an outline came.
    arrived: BTreeMap<BlockHash, SteadyMs>,
    /// When a proposal for a block came: a fresh block's time is judged against that.
    proposed: BTreeMap<BlockHash, TimestampMs>,
    /// Proves that a block of this height is decided, whatever this node has seen of its rounds.
    certificate: Option<QuorumCertificate>,
    /// What it may list, by who has said so.
    certified: Vec<CertifiedList>,
    /// Who has passed a decision on.
    decided_by: BTreeSet<NodeId>,
    candidates: BTreeMap<BlockHash, Candidate>,
    /// Transactions that an outline lists and this node lacks.
    lacking: BTreeMap<BlockHash, BTreeSet<EntryHash>>,
    /// Transactions that were missing and have come.
    fetched: BTreeMap<EntryHash, VerifiedTransaction>,
    /// Transactions that were fetched and whose signature is wrong: whoever lists one lies.
    forged: BTreeSet<EntryHash>,
    /// Judgements that consensus waits for.
    wanted: Vec<ValidationRequest>,
    /// Bodies that are durable.
    durable: BTreeSet<BlockHash>,
    /// How many blocks this node has proposed at this height.
    built: u32,
}

/// What keeps a block from being judged.
#[derive(Debug)]
pub(crate) enum Lacks {
    /// Its outline.
    Outline,
    /// Bodies of these transactions.
    Transactions(Vec<EntryHash>),
}

impl Proposals {
    pub(crate) fn outline(&self, block: &BlockHash) -> Option<&BlockOutline> {
        self.outlines.get(block)
    }

    pub(crate) fn executed(&self, block: &BlockHash) -> Option<&Executed> {
        match self.candidates.get(block) {
            Some(Candidate::Valid(executed)) => Some(executed),
            Some(Candidate::Invalid) | None => None,
        }
    }

    pub(crate) fn take(&mut self, block: &BlockHash) -> Option<Executed> {
        match self.candidates.remove(block) {
            Some(Candidate::Valid(executed)) => Some(*executed),
            Some(Candidate::Invalid) | None => None,
        }
    }

    /// Judgements that consensus waits for.
    pub(crate) fn wanted(&self) -> &[ValidationRequest] {
        &self.wanted
    }

    /// Consensus waits for these judgements too.
    pub(crate) fn want(&mut self, requests: impl IntoIterator<Item = ValidationRequest>) {
        self.wanted.extend(requests);
    }

    /// Takes the judgements that consensus waits for, to be made.
    pub(crate) fn take_wanted(&mut self) -> Vec<ValidationRequest> {
        std::mem::take(&mut self.wanted)
    }

    /// Bodies that are durable.
    pub(crate) fn durable(&self) -> &BTreeSet<BlockHash> {
        &self.durable
    }

    /// These bodies are durable.
    pub(crate) fn made_durable(&mut self, blocks: Vec<BlockHash>) {
        self.durable.extend(blocks);
    }

    /// How many blocks this node has proposed at this height.
    pub(crate) fn built(&self) -> u32 {
        self.built
    }

    /// This node proposes a block that it has built.
    pub(crate) fn note_built(&mut self) {
        self.built += 1;
    }

    /// What keeps a block from being judged; nothing if all is here.
    pub(crate) fn lacks(&self, block: &BlockHash) -> Option<Lacks> {
        let lacking: Vec<_> = self.lacking.get(block).into_iter().flatten().copied().collect();
        if !lacking.is_empty() {
            return Some(Lacks::Transactions(lacking));
        }
        (!self.outlines.contains_key(block)).then_some(Lacks::Outline)
    }

    /// Keeps an outline that consensus asked for or may ask for.
    pub(crate) fn add_outline(&mut self, outline: BlockOutline, now: SteadyMs) {
        let hash = outline.header.hash();
        let room = self.outlines.len() < OUTLINES_MAX
            || self.wanted.iter().any(|request| request.block == hash);
        if room {
            self.outlines.insert(hash, outline);
            self.arrived.entry(hash).or_insert(now);
        }
    }

    /// Whether a decision that this node passes on is looked at: the first one of each.
    pub(crate) fn takes_decision_of(&mut self, from: NodeId) -> bool {
        self.decided_by.insert(from)
    }

    /// Keeps what a certificate that has verified says, and the list of its block that came with it. The hash of
    /// a block does not cover the list, so each sender's is tried.
    pub(crate) fn certify(
        &mut self,
        certificate: QuorumCertificate,
        from: NodeId,
        outline: BlockOutline,
        now: SteadyMs,
    ) {
        self.arrived.entry(certificate.block).or_insert(now);
        self.certificate.get_or_insert(certificate);
        if self.certified.iter().all(|known| known.outline != outline) {
            self.certified.push(CertifiedList { from, outline, lacking: BTreeSet::new() });
        }
    }

    /// The certificate of this height, if one has come.
    pub(crate) fn certificate(&self) -> Option<&QuorumCertificate> {
        self.certificate.as_ref()
    }

    /// Transactions that the lists of a certified block name and that are not here.
    pub(crate) fn lacking_of_certified(&self) -> impl Iterator<Item = &EntryHash> {
        self.certified.iter().flat_map(|list| &list.lacking)
    }

    /// The body of the block that a certificate of this height names, once one of its lists is complete and
    /// right; and who has passed on a list that is wrong.
    pub(crate) fn certified_body(
        &mut self,
        state: &State,
        reads: &dyn Reads,
        waiting: impl Fn(&EntryHash) -> Option<VerifiedTransaction>,
    ) -> (Option<(Executed, QuorumCertificate)>, Vec<NodeId>) {
        let Some(certificate) = self.certificate.clone() else { return (None, Vec::new()) };
        if let Some(executed) = self.take(&certificate.block) {
            return (Some((executed, certificate)), Vec::new());
        }
        let mut liars = Vec::new();
        let mut body = None;
        let fetched = &self.fetched;
        self.certified.retain_mut(|list| {
            if body.is_some() || !list.lacking.is_empty() {
                return true;
            }
            let mut transactions = Vec::with_capacity(list.outline.transactions.len());
            for entry in &list.outline.transactions {
                match fetched.get(entry).cloned().or_else(|| waiting(entry)) {
                    Some(transaction) => transactions.push(transaction),
                    None => drop(list.lacking.insert(*entry)),
                }
            }
            if !list.lacking.is_empty() {
                return true;
            }
            body = executed_as(state, reads, &list.outline, &transactions);
            if body.is_none() {
                liars.push(list.from);
            }
            body.is_some()
        });
        (body.map(|executed| (executed, certificate)), liars)
    }

    /// A proposal for this block came at this moment.
    pub(crate) fn note_proposed(&mut self, block: BlockHash, at: TimestampMs) {
        if self.proposed.len() < OUTLINES_MAX {
            self.proposed.entry(block).or_insert(at);
        }
    }

    /// When a proposal for this block came; `now` if that was not noted, which judges strictest.
    pub(crate) fn proposed(&self, block: &BlockHash, now: TimestampMs) -> TimestampMs {
        self.proposed.get(block).copied().unwrap_or(now)
    }

    /// When the outline came, or `now` for one that this node made or kept over a restart.
    pub(crate) fn arrived(&self, block: &BlockHash, now: SteadyMs) -> SteadyMs {
        self.arrived.get(block).copied().unwrap_or(now)
    }

    /// Keeps a transaction that some outline lists.
    pub(crate) fn add_fetched(&mut self, transaction: &VerifiedTransaction) {
        let entry = transaction.entry();
        let mut listed = false;
        let certified = self.certified.iter_mut().map(|list| &mut list.lacking);
        for lacking in self.lacking.values_mut().chain(certified) {
            listed |= lacking.remove(&entry);
        }
        if listed {
            self.fetched.insert(entry, transaction.clone());
        }
    }

    /// Remembers that a transaction that some outline lists has a wrong signature.
    pub(crate) fn add_forged(&mut self, transaction: &ReceivedTransaction) {
        let entry = transaction.entry();
        let lists = |lacking: &BTreeSet<EntryHash>| lacking.contains(&entry);
        if self.lacking.values().any(lists) {
            self.forged.insert(entry);
            self.lacking.retain(|_, lacking| !lists(lacking));
        }
    }

    pub(crate) fn fetched(&self, entry: &EntryHash) -> Option<&VerifiedTransaction> {
        self.fetched.get(entry)
    }

    /// Builds a block and keeps it as a candidate; says what it left out.
    pub(crate) fn build(
        &mut self,
        state: &State,
        reads: &dyn Reads,
        proposed: Proposed,
        evidence: &[Evidence],
        transactions: &[VerifiedTransaction],
    ) -> Option<(BlockHash, Vec<(usize, Refusal)>)> {
        let mut evidence: Vec<_> = evidence
            .iter()
            .filter(|found| state.accepts_evidence(found))
            .take(BLOCK_EVIDENCE_MAX)
            .cloned()
            .collect();
        let mut executed = loop {
            match execute(
                state.clone(),
                reads,
                proposed.clone(),
                &evidence,
                transactions,
                OnRefusal::LeaveOut,
            ) {
                Ok(executed) => break executed,
                // New by itself, but not after what stands before it: too much against one validator.
                Err(InvalidBlock::Evidence { position }) if position < evidence.len() => {
                    evidence.remove(position);
                }
                Err(_) => return None,
            }
        };
        let transactions = executed.entries.iter().filter(|entry| entry.transaction.is_some());
        let listed = transactions.map(|entry| entry.hash).collect();
        let outline = BlockOutline {
            header: executed.header.clone(),
            evidence: List::new(evidence).ok()?,
            transactions: List::new(listed).ok()?,
        };
        let hash = executed.hash;
        let refused = std::mem::take(&mut executed.refused);
        self.outlines.insert(hash, outline);
        self.candidates.insert(hash, Candidate::Valid(Box::new(executed)));
        Some((hash, refused))
    }

    /// Whether the block's body is valid, once everything for that is there.
    pub(crate) fn body_is_valid(
        &mut self,
        state: &State,
        reads: &dyn Reads,
        block: &BlockHash,
        waiting: impl Fn(&EntryHash) -> Option<VerifiedTransaction>,
    ) -> Result<bool, Lacks> {
        match self.candidates.get(block) {
            Some(Candidate::Valid(_)) => return Ok(true),
            Some(Candidate::Invalid) => return Ok(false),
            None => {}
        }
        if let Some(lacks) = self.lacks(block) {
            return Err(lacks);
        }
        let outline = self.outlines.get(block).ok_or(Lacks::Outline)?;
        let mut transactions = Vec::with_capacity(outline.transactions.len());
        let mut missing = BTreeSet::new();
        let mut forged = false;
        for entry in &outline.transactions {
            forged |= self.forged.contains(entry);
            match self.fetched.get(entry).cloned().or_else(|| waiting(entry)) {
                Some(transaction) => transactions.push(transaction),
                None => {
                    missing.insert(*entry);
                }
            }
        }
        if !missing.is_empty() && !forged {
            let lacks = Lacks::Transactions(missing.iter().copied().collect());
            self.lacking.insert(*block, missing);
            return Err(lacks);
        }
        let executed =
            if forged { None } else { executed_as(state, reads, outline, &transactions) };
        let valid = executed.is_some();
        let candidate =
            executed.map_or(Candidate::Invalid, |executed| Candidate::Valid(Box::new(executed)));
        self.candidates.insert(*block, candidate);
        Ok(valid)
    }

    /// Puts bodies that were durable before a restart back, so that they can be proposed and decided.
    pub(crate) fn restore(&mut self, state: &State, block: &Block, entropy: &[u8; 32]) {
        if block.header.height != state.tip().height.next() {
            return;
        }
        let mut evidence = Vec::new();
        let mut transactions = Vec::new();
        for bytes in &block.entries {
            if let Some(transaction) = ReceivedTransaction::of_entry(bytes) {
                let Ok(transaction) = transaction else { return };
                transactions.push(transaction);
                continue;
            }
            match bytes.decode() {
                Ok(Entry::Evidence(found)) => evidence.push(found),
                Ok(Entry::System(_) | Entry::Transaction(_)) => {}
                Err(_) => return,
            }
        }
        let items: Option<Vec<_>> = transactions
            .iter()
            .map(|t| {
                let member = state.fund().members.get(&t.transaction().author)?;
                Some(t.batch_item(member.key))
            })
            .collect();
        let Some(items) = items else { return };
        let valid = ledger_core::crypto::verify_batch(&items, entropy);
        let listed = transactions.iter().map(ReceivedTransaction::entry).collect();
        for (transaction, valid) in transactions.into_iter().zip(valid) {
            if let Some(verified) = transaction.verified_in_batch(valid) {
                self.fetched.insert(verified.entry(), verified);
            }
        }
        if let (Ok(evidence), Ok(transactions)) = (List::new(evidence), List::new(listed)) {
            let header = block.header.clone();
            let hash = header.hash();
            self.outlines.insert(hash, BlockOutline { header, evidence, transactions });
            self.durable.insert(hash);
        }
    }
}

/// The block of an outline, if these transactions give its header.
fn executed_as(
    state: &State,
    reads: &dyn Reads,
    outline: &BlockOutline,
    transactions: &[VerifiedTransaction],
) -> Option<Executed> {
    let header = &outline.header;
    let proposed = Proposed::of(header)?;
    let evidence = &outline.evidence;
    execute(state.clone(), reads, proposed, evidence, transactions, OnRefusal::Fail)
        .ok()
        .filter(|executed| executed.check_header(header).is_ok())
}

/// Judges what only a fresh proposal is judged on: its time, its proposer, and its reason. Source: docs/protocol.md P22.
pub(crate) fn judge_fresh(
    state: &State,
    outline: &BlockOutline,
    entries: usize,
    request: &ValidationRequest,
    now: TimestampMs,
) -> Validity {
    let policy = state.fund().policy();
    let header = &outline.header;
    let parent = state.tip().time;
    let proposer = state.validators().proposer(header.height, request.round);
    if header.round != request.round || header.proposer != proposer {
        return Validity::Unfit;
    }
    // What a quorum has decided may have some that can be ignored; nobody votes for what it does not know.
    if !header.extensions.is_empty() {
        return Validity::Unfit;
    }
    let earliest_possible = TimestampMs::new(parent.get().saturating_add(1));
    let ahead = header.time > now.after(policy.block_time_ahead_max);
    if ahead && header.time != earliest_possible {
        return Validity::Unfit;
    }
    // The bound widens with the round, so that clocks that drifted apart still agree in the end.
    let widening = u64::from(request.round.get()).saturating_add(1);
    let behind_max = policy.block_time_behind_max.get().saturating_mul(widening);
    let behind = header.time.get().saturating_add(behind_max) < now.get();
    if behind {
        return Validity::Unfit;
    }
    let has_reason = entries > 0 || header.time >= parent.after(policy.heartbeat);
    if request.round == Round::ZERO && !has_reason {
        return Validity::Unfit;
    }
    Validity::Valid
}
