//! A founded chain and its blocks, as validators decide them.

use genesis::{
    ChannelSection, ConsensusSection, Document, FORMAT, Genesis, MemberSection, PolicySection,
    TransportSection, ValidatorSection, founding_id,
};
use ledger_core::{
    audit::{Auditor, Checkpoint, Verdict},
    block::CertifiedBlock,
    codec::{Always, List, encode},
    consensus::{Evidence, QuorumCertificate, Verified, Vote, VoteKind},
    crypto::{Digest, KeyPurpose, SecretKey, TransactionId},
    fund::{Action, Context, PermanentId, PermanentRecord, Posting, Reads, Role},
    ledger::{OnRefusal, Proposed, State, execute},
    merkle::{NodeAt, StateWrite, inclusion_proof},
    receipt::{CertifiedHeader, Receipt},
    transaction::{TRANSACTION_VERSION, Transaction, VerifiedTransaction},
    types::{LogIndex, MemberId, Round, TimestampMs, ValidatorIndex},
};
use std::collections::BTreeMap;

/// When the chain is founded: 2026-01-01.
pub(crate) const CREATED_MS: u64 = 1_767_225_600_000;
pub(crate) const HOUR_MS: u64 = 3_600_000;

pub(crate) fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

/// The voting key of a validator: of the members, the first four have one.
pub(crate) fn voting_key(index: ValidatorIndex) -> SecretKey {
    key(u8::try_from(index.get()).unwrap() + 101)
}

fn founding() -> Genesis {
    let name = "vectors-1".parse().unwrap();
    let founding = founding_id(&name, TimestampMs::new(CREATED_MS));
    let member = |seed: u8, name: &str, role: Role, power: Option<u64>, related: &[&str]| {
        let prove =
            |seed: u8, purpose| (key(seed).public_key(), key(seed).prove(&founding, name, purpose));
        let (own, proof) = prove(seed, KeyPurpose::Member);
        let validator = power.map(|power| {
            let (key, proof) = prove(seed + 100, KeyPurpose::Validator);
            ValidatorSection { key, proof, power }
        });
        let transport = power.map(|_| {
            let (key, proof) = prove(seed + 200, KeyPurpose::Transport);
            let addresses = vec![format!("/ip4/127.0.0.1/tcp/700{seed}")];
            TransportSection { key, proof, addresses }
        });
        let name = name.parse().unwrap();
        let related = related.iter().map(|name| (*name).to_owned()).collect();
        MemberSection { name, role, key: own, proof, related, validator, transport }
    };
    let channel = |name: &str, custodian: &str| ChannelSection {
        name: name.parse().unwrap(),
        custodian: custodian.to_owned(),
    };
    Genesis::from_document(Document {
        format: FORMAT,
        name,
        created_ms: CREATED_MS,
        policy: PolicySection::default(),
        consensus: ConsensusSection::default(),
        channels: vec![
            channel("wechat", "property"),
            channel("bank", "property"),
            channel("cash", "committee"),
        ],
        members: vec![
            member(1, "property", Role::Property, Some(2), &[]),
            member(2, "committee", Role::Committee, Some(1), &[]),
            member(3, "supplier-a", Role::Supplier, Some(1), &[]),
            member(4, "supplier-b", Role::Supplier, Some(1), &["leader-wang", "leader-li"]),
            member(5, "leader-li", Role::Leader, None, &[]),
            member(6, "leader-wang", Role::Leader, None, &[]),
            member(7, "auditor", Role::Auditor, None, &[]),
        ],
    })
    .unwrap()
}

#[derive(Default)]
struct History {
    permanent: BTreeMap<PermanentId, PermanentRecord>,
    transactions: BTreeMap<TransactionId, LogIndex>,
}

impl Reads for History {
    fn permanent(&self, id: &PermanentId) -> Option<PermanentRecord> {
        self.permanent.get(id).cloned()
    }
    fn transaction(&self, id: &TransactionId) -> Option<LogIndex> {
        self.transactions.get(id).copied()
    }
}

/// In which rounds a block is proposed and decided, and by whom.
pub(crate) struct Agreement {
    pub(crate) proposed_in: Round,
    pub(crate) decided_in: Round,
    pub(crate) signers: Vec<u16>,
}

impl Default for Agreement {
    /// In the first round, by all.
    fn default() -> Self {
        Self { proposed_in: Round::ZERO, decided_in: Round::ZERO, signers: (0..4).collect() }
    }
}

/// A chain with all that a node keeps of it.
pub(crate) struct Chain {
    pub(crate) genesis: Genesis,
    pub(crate) state: State,
    pub(crate) blocks: Vec<CertifiedBlock>,
    /// What each block booked, entry by entry.
    pub(crate) postings: Vec<Vec<Posting>>,
    /// How much work each block is, entry by entry.
    pub(crate) work: Vec<Vec<u32>>,
    /// The stored tables, by path.
    pub(crate) disk: BTreeMap<Vec<u8>, Vec<u8>>,
    history: History,
    nodes: BTreeMap<NodeAt, Digest>,
    said: Vec<VerifiedTransaction>,
    evidence: Vec<Evidence>,
    nonce: u64,
    /// Time of the next block, in milliseconds after the founding.
    at_ms: u64,
}

impl Chain {
    pub(crate) fn new() -> Self {
        let genesis = founding();
        let (state, writes) = genesis.initial_state();
        let mut chain = Self {
            genesis,
            state,
            blocks: Vec::new(),
            postings: Vec::new(),
            work: Vec::new(),
            disk: BTreeMap::new(),
            history: History::default(),
            nodes: BTreeMap::new(),
            said: Vec::new(),
            evidence: Vec::new(),
            nonce: 0,
            at_ms: 0,
        };
        chain.store(writes);
        chain
    }

    fn store(&mut self, writes: Vec<StateWrite>) {
        for StateWrite { key, value } in writes {
            match value {
                Some(value) => self.disk.insert(key, value),
                None => self.disk.remove(&key),
            };
        }
    }

    pub(crate) fn sign(&mut self, author: u16, action: Action) -> VerifiedTransaction {
        self.nonce += 1;
        let transaction = Transaction {
            version: TRANSACTION_VERSION,
            chain: self.genesis.chain,
            author: MemberId::new(author),
            expires: TimestampMs::new(CREATED_MS + self.at_ms + HOUR_MS),
            nonce: self.nonce,
            action,
        };
        let key = key(u8::try_from(author).unwrap() + 1);
        transaction.sign(&key).verify(&key.public_key()).unwrap()
    }

    /// Begins the next block, so many milliseconds after the founding.
    pub(crate) fn next_at(&mut self, ms: u64) {
        self.at_ms = ms;
    }

    /// Something for the next block.
    pub(crate) fn says(&mut self, author: u16, action: Action) -> TransactionId {
        let transaction = self.sign(author, action);
        let id = transaction.id();
        self.said.push(transaction);
        id
    }

    /// An equivocation for the next block.
    pub(crate) fn convicts(&mut self, evidence: Evidence) {
        self.evidence.push(evidence);
    }

    /// Decides a block of what was said.
    pub(crate) fn decide(&mut self) {
        self.decide_as(&Agreement::default());
    }

    pub(crate) fn decide_as(&mut self, agreement: &Agreement) {
        let height = self.state.tip().height.next();
        let set = self.state.validators().clone();
        let round = agreement.proposed_in;
        let time = TimestampMs::new(CREATED_MS + self.at_ms);
        let proposed = Proposed::new(time, set.proposer(height, round), round);
        let (said, evidence) = (std::mem::take(&mut self.said), std::mem::take(&mut self.evidence));
        let work = self.work_of(time, evidence.len(), &said);
        self.work.push(work);
        let state = self.state.clone();
        let judged = OnRefusal::Fail;
        let executed = execute(state, &self.history, proposed, &evidence, &said, judged).unwrap();
        assert_eq!(executed.stuck, [], "every deadline can be carried out");
        let round = agreement.decided_in;
        let signatures = agreement.signers.iter().copied().map(ValidatorIndex::new).map(|index| {
            let (kind, block) = (VoteKind::Precommit, Some(executed.hash));
            let vote = Vote { height, round, kind, block, validator: index };
            let key = voting_key(index);
            let signed = Verified::sign(vote, &key, &self.genesis.chain, &set).unwrap();
            (index, signed.signed().signature)
        });
        let signatures = List::new(signatures.collect()).unwrap();
        let certificate =
            QuorumCertificate { kind: Always, height, round, block: executed.hash, signatures };
        for node in &executed.log_nodes {
            self.nodes.insert(node.at, node.hash);
        }
        for (entry, index) in executed.entries.iter().zip(executed.first_index.get()..) {
            if let Some(id) = entry.transaction {
                self.history.transactions.insert(id, LogIndex::new(index));
            }
        }
        let postings = executed.entries.iter().flat_map(|entry| entry.postings.clone()).collect();
        self.postings.push(postings);
        self.blocks.push(CertifiedBlock { block: executed.block(), certificate });
        self.history.permanent.extend(executed.permanent);
        self.store(executed.writes);
        self.state = executed.state;
    }

    /// The work of the entries of a block: deadlines, evidence, transactions.
    fn work_of(
        &self,
        time: TimestampMs,
        evidence: usize,
        said: &[VerifiedTransaction],
    ) -> Vec<u32> {
        let mut fund = self.state.fund().clone();
        let mut context = Context::new(time, self.state.tip().hash, &self.history);
        let mut work = Vec::new();
        while let Some(deadline) = fund.agenda.next().copied().filter(|next| next.at <= time) {
            let plan = fund.plan_deadline(&context, deadline).unwrap();
            work.push(plan.work);
            fund.carry_out(&mut context, plan);
        }
        work.extend(std::iter::repeat_n(0, evidence));
        for transaction in said {
            let Transaction { author, action, .. } = transaction.transaction();
            let plan = fund.plan(&context, *author, transaction.id(), action).unwrap();
            work.push(plan.work);
            fund.carry_out(&mut context, plan);
        }
        work
    }

    pub(crate) fn records(&self) -> Vec<Vec<u8>> {
        self.blocks.iter().map(encode).collect()
    }

    pub(crate) fn receipt(&self, index: u64) -> Receipt {
        let decided = self.blocks.iter().find(|b| b.block.header.log_size > index).unwrap();
        let size = decided.block.header.log_size;
        let first = size - decided.block.entries.len() as u64;
        let entry = decided.block.entries[usize::try_from(index - first).unwrap()].clone();
        let node = |at| Ok::<_, std::convert::Infallible>(self.nodes[&at]);
        let Ok(path) = inclusion_proof(node, index, size);
        let block = CertifiedHeader {
            header: decided.block.header.clone(),
            certificate: decided.certificate.clone(),
        };
        let (path, changes) = (List::new(path).unwrap(), List::default());
        Receipt { entry, index: LogIndex::new(index), path, block, changes }
    }

    pub(crate) fn audit(&self, records: &[Vec<u8>], checkpoint: Option<Checkpoint>) -> Verdict {
        let (state, _) = self.genesis.initial_state();
        let mut auditor = Auditor::new(state, [7; 32], checkpoint);
        for record in records {
            auditor.take_record(record);
        }
        auditor.finish().verdict
    }
}
