//! The real ledger, one transaction a block.

use super::cast::Cast;
use ledger_core::{
    block::Entry,
    codec::encode,
    crypto::{ChainId, Signature, TransactionId},
    fund::{Action, Deadline, PermanentId, PermanentRecord, Posting, Reads, Seal},
    ledger::{Executed, OnRefusal, Proposed, State, execute},
    refusal::Refusal,
    transaction::{ReceivedTransaction, Transaction, VerifiedTransaction},
    types::{LogIndex, MemberId, Round, TimestampMs, ValidatorIndex},
};
use std::collections::BTreeMap;

/// What a real node keeps beside the state.
#[derive(Debug, Default)]
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

/// The real code with all that it keeps.
#[derive(Debug)]
pub(super) struct Real {
    pub(super) state: State,
    history: History,
}

/// What a block did.
#[derive(Debug)]
pub(super) struct Block {
    /// What fell due, in the order in which it happened.
    pub(super) due: Vec<(Deadline, Vec<Posting>, Option<Seal>)>,
    /// The transaction's bookings, or why it is not in the block.
    pub(super) answer: Result<Vec<Posting>, Refusal>,
    /// What a node would have said before the block, without what fell due in it.
    pub(super) said_before: Result<(), Refusal>,
    /// Whether the block's sums agree with a count from the accounts.
    pub(super) conserved: bool,
}

/// A transaction without its signature.
pub(super) struct Letter {
    pub(super) version: u16,
    pub(super) chain: ChainId,
    pub(super) author: MemberId,
    pub(super) expires: TimestampMs,
    pub(super) nonce: u64,
}

/// Puts an action into a transaction. Whether a signature is good is asked before the rules of the money
/// are, and tested elsewhere, so this one is of zeros and declared to be good.
pub(super) fn transaction(letter: &Letter, action: Action) -> VerifiedTransaction {
    let transaction = Transaction {
        version: letter.version,
        chain: letter.chain,
        author: letter.author,
        expires: letter.expires,
        nonce: letter.nonce,
        action,
    };
    let bytes = [encode(&transaction), encode(&Signature::new([0; 64]))].concat();
    let received = ReceivedTransaction::decode(&bytes).expect("canonical and not too long");
    received.verified_in_batch(true).expect("declared to be good")
}

impl Real {
    pub(super) fn new(cast: &Cast) -> Self {
        Self { state: cast.state(), history: History::default() }
    }

    /// Decides a block of one transaction, or of none if that is refused.
    pub(super) fn decide(&mut self, time: TimestampMs, said: &VerifiedTransaction) -> Block {
        let proposed = Proposed::new(time, ValidatorIndex::new(0), Round::ZERO);
        let said = std::slice::from_ref(said);
        let said_before = self.state.check(&said[0], time, &self.history);
        let state = self.state.clone();
        let executed = execute(state, &self.history, proposed, &[], said, OnRefusal::LeaveOut);
        let executed = executed.expect("time goes on, and what is refused is left out");
        self.take_in(executed, said_before)
    }

    fn take_in(&mut self, executed: Executed, said_before: Result<(), Refusal>) -> Block {
        assert_eq!(executed.stuck, [], "every deadline can be carried out");
        let (due, answer) = (Vec::new(), Ok(Vec::new()));
        let mut block = Block { due, answer, said_before, conserved: false };
        for entry in &executed.entries {
            match entry.bytes.decode().expect("the ledger reads what it wrote") {
                Entry::System(system) => {
                    block.due.push((system.deadline, entry.postings.clone(), system.seal));
                }
                Entry::Transaction(_) => block.answer = Ok(entry.postings.clone()),
                Entry::Evidence(_) => unreachable!("none was given"),
            }
        }
        for (_, refusal) in executed.refused {
            block.answer = Err(refusal);
        }
        self.history.permanent.extend(executed.permanent);
        for (index, entry) in (executed.first_index.get()..).zip(&executed.entries) {
            if let Some(id) = entry.transaction {
                self.history.transactions.insert(id, LogIndex::new(index));
            }
        }
        self.state = executed.state;
        let fund = self.state.fund();
        block.conserved = fund.totals.conserved();
        block
    }

    /// Whether the sums that are kept are those of a count from the accounts.
    pub(super) fn sums_are_true(&self) -> bool {
        let fund = self.state.fund();
        fund.recompute_totals() == Some(fund.totals)
    }
}
