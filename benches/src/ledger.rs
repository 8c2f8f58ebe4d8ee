//! A chain without nodes: blocks are executed and certified here, one after the other.

use crate::{
    community::{NodePlace, found, secret_key},
    orders::{Mix, Plan},
};
use anyhow::{Result, ensure};
use genesis::Genesis;
use ledger_core::{
    block::CertifiedBlock,
    codec::{Always, List, encode},
    consensus::{QuorumCertificate, SignatureError, VerifiedVote, Vote, VoteKind},
    crypto::{KeyPurpose, TransactionId},
    fund::{PermanentId, PermanentRecord, Reads},
    ledger::{Executed, OnRefusal, Proposed, State, execute},
    transaction::{ReceivedTransaction, VerifiedTransaction},
    types::{DurationMs, LogIndex, Round, TimestampMs, ValidatorIndex},
};

/// Validators of the chain: their signatures are in every certificate.
const VALIDATORS: usize = 4;
const FOUNDED: TimestampMs = TimestampMs::new(1_767_225_600_000);
/// Time between two blocks.
const BLOCK_INTERVAL: DurationMs = DurationMs::new(100);
/// How long a transaction lives, as in the load on a cluster.
const LIFE: DurationMs = DurationMs::new(120_000);

/// A chain on which nothing is ever said twice, so that no history needs to be kept for execution.
#[derive(Debug)]
pub struct Ledger {
    /// What it was founded with.
    pub genesis: Genesis,
    /// The books after the last block.
    pub state: State,
    /// The work.
    pub plan: Plan,
    next: usize,
}

/// Transactions of a plan never repeat each other, and they use no identifiers up.
struct NothingBefore;

impl Reads for NothingBefore {
    fn permanent(&self, _: &PermanentId) -> Option<PermanentRecord> {
        None
    }

    fn transaction(&self, _: &TransactionId) -> Option<LogIndex> {
        None
    }
}

impl Ledger {
    /// Founds a chain with so many leaders and opens the group buys for so many transactions. Returns
    /// the blocks that opened them, too.
    ///
    /// # Errors
    /// More leaders or transactions than a chain can take.
    pub fn open(
        signers: usize,
        mix: Mix,
        transactions: usize,
    ) -> Result<(Self, Vec<CertifiedBlock>)> {
        let place = |node: usize| NodePlace {
            listen: format!("/ip4/127.0.0.1/tcp/{}", 7_000 + node),
            api: format!("127.0.0.1:{}", 7_100 + node),
        };
        let places: Vec<_> = (0..VALIDATORS).map(place).collect();
        let genesis = found(&places, signers, FOUNDED)?;
        let plan = Plan::new(&genesis, mix, transactions)?;
        let (state, _) = genesis.initial_state();
        let mut ledger = Self { genesis, state, plan, next: 0 };
        let (filings, decisions) = ledger.plan.opening(FOUNDED.after(LIFE));
        let mut blocks = Vec::new();
        for step in [filings, decisions] {
            for transactions in step.chunks(1_000) {
                let transactions = ledger.verified(transactions)?;
                blocks.push(ledger.decide(&transactions)?);
            }
        }
        Ok((ledger, blocks))
    }

    /// The next transactions of the plan, signed and verified.
    ///
    /// # Errors
    /// A signature does not verify: our bug.
    pub fn transactions(&mut self, count: usize) -> Result<Vec<VerifiedTransaction>> {
        let expires = self.state.tip().time.after(LIFE);
        let numbers = self.next..self.next + count;
        self.next += count;
        let transactions: Vec<_> =
            numbers.map(|number| self.plan.transaction(number, expires)).collect();
        self.verified(&transactions)
    }

    /// Executes a block of these transactions; the chain stays as it is.
    ///
    /// # Errors
    /// One of them is refused.
    pub fn execute(&self, transactions: &[VerifiedTransaction]) -> Result<Executed> {
        let proposed = Proposed::new(
            self.state.tip().time.after(BLOCK_INTERVAL),
            ValidatorIndex::new(0),
            Round::ZERO,
        );
        Ok(execute(
            self.state.clone(),
            &NothingBefore,
            proposed,
            &[],
            transactions,
            OnRefusal::Fail,
        )?)
    }

    /// Decides a block of these transactions.
    ///
    /// # Errors
    /// One of them is refused, or they do not fit into one block.
    pub fn decide(&mut self, transactions: &[VerifiedTransaction]) -> Result<CertifiedBlock> {
        let executed = self.execute(transactions)?;
        let (entries, given) = (executed.entries.len(), transactions.len());
        ensure!(entries == given, "{entries} of {given} transactions fit into a block");
        let block =
            CertifiedBlock { block: executed.block(), certificate: self.certificate(&executed)? };
        self.state = executed.state;
        Ok(block)
    }

    /// Decides blocks of `size` transactions and returns them as records of an archive.
    ///
    /// # Errors
    /// As [`Self::decide`].
    pub fn records(&mut self, blocks: usize, size: usize) -> Result<Vec<Vec<u8>>> {
        let mut records = Vec::with_capacity(blocks);
        for _ in 0..blocks {
            let transactions = self.transactions(size)?;
            records.push(encode(&self.decide(&transactions)?));
        }
        Ok(records)
    }

    fn certificate(&self, executed: &Executed) -> Result<QuorumCertificate, SignatureError> {
        let (height, round) = (executed.header.height, executed.header.round);
        let (kind, block) = (VoteKind::Precommit, executed.hash);
        let sign = |position: usize| {
            let validator = ValidatorIndex::new(u16::try_from(position).unwrap_or(u16::MAX));
            let vote = Vote { height, round, kind, block: Some(block), validator };
            let key = secret_key(KeyPurpose::Validator, position);
            let (chain, set) = (&self.genesis.chain, &self.genesis.validators);
            Ok((validator, VerifiedVote::sign(vote, &key, chain, set)?.signed().signature))
        };
        // Three of four are a quorum.
        let signatures: Vec<_> =
            (0..VALIDATORS - 1).map(sign).collect::<Result<_, SignatureError>>()?;
        let signatures = List::new(signatures).unwrap_or_default();
        Ok(QuorumCertificate { kind: Always, height, round, block, signatures })
    }

    fn verified(&self, transactions: &[ReceivedTransaction]) -> Result<Vec<VerifiedTransaction>> {
        let verify = |transaction: &ReceivedTransaction| {
            let author = usize::from(transaction.transaction().author.get());
            transaction.clone().verify(&self.genesis.members[author].key)
        };
        let verified: Option<Vec<_>> = transactions.iter().map(verify).collect();
        verified.ok_or_else(|| anyhow::anyhow!("a signature of the plan does not verify"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_core::audit::{Auditor, Verdict};

    fn audited(mix: Mix, blocks: usize, size: usize) -> u64 {
        let (mut ledger, opening) = Ledger::open(16, mix, blocks * size).expect("opens");
        let mut auditor = Auditor::new(ledger.genesis.initial_state().0, [7; 32], None);
        for block in &opening {
            auditor.take_record(&encode(block));
        }
        for record in ledger.records(blocks, size).expect("the blocks are valid") {
            auditor.take_record(&record);
        }
        let report = auditor.finish();
        assert_eq!(report.verdict, Verdict::Intact, "{:?}", report.findings);
        report.entries
    }

    #[test]
    fn the_auditor_finds_the_measured_chains_intact() {
        assert_eq!(audited(Mix::SINGLE, 2, 50), 16 * 4 + 100);
        assert_eq!(audited(Mix::BATCH, 2, 8), 16 * 4 + 16);
        let changes = Mix { repeats_after: Some(40), ..Mix::CHANGES };
        assert_eq!(audited(changes, 3, 40), 16 * 4 + 120);
    }
}
