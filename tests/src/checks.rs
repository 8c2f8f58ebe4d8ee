//! What must hold at every moment, whatever fails, and what must come true once nothing fails.

use crate::clock::Micros;
use ledger_core::{
    codec::{decode, encode},
    consensus::{Message, Position},
    crypto::{BlockHash, Digest, TransactionId},
    types::{Height, LogIndex, ValidatorIndex},
};
use replica::{Outcome, PeerMessage, Replica};
use std::collections::{BTreeMap, BTreeSet};

/// What a run is allowed to complain about.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tolerance {
    /// Some validator lies, so peers are blamed and blocks are invalid.
    pub liars: bool,
    /// Some clock is beyond the bounds of the policy, or a node stood still for long.
    pub clocks: bool,
    /// Some guard was lost, or some key is in use twice.
    pub guards: bool,
}

/// A block as the first honest node applied it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Applied {
    hash: BlockHash,
    state_root: Digest,
}

/// What has been seen so far.
#[derive(Debug, Default)]
pub struct Checks {
    tolerance: Tolerance,
    chain: Vec<Applied>,
    /// Transactions of the chain and their places in the log.
    ledger: BTreeMap<TransactionId, (Height, LogIndex)>,
    log_size: u64,
    promised: BTreeMap<TransactionId, (Height, LogIndex)>,
    signed: BTreeMap<(usize, Position), Vec<u8>>,
    /// Machines that may have forgotten what they signed; each counts as faulty.
    forgetful: BTreeSet<usize>,
    heights: BTreeMap<usize, Height>,
    /// What equivocators have shown to one honest node at the height that it was at.
    shown: BTreeMap<(usize, ValidatorIndex, Position), Message>,
    provable: u64,
    violation: Option<String>,
    alarms: Vec<(Micros, usize, String)>,
}

impl Checks {
    /// Nothing has been seen.
    #[must_use]
    pub fn new(tolerance: Tolerance) -> Self {
        Self { tolerance, ..Self::default() }
    }

    /// The first thing that must not happen and did.
    #[must_use]
    pub fn violation(&self) -> Option<&str> {
        self.violation.as_deref()
    }

    /// What operators were told.
    #[must_use]
    pub fn alarms(&self) -> &[(Micros, usize, String)] {
        &self.alarms
    }

    /// How many equivocations an honest node has seen both messages of.
    #[must_use]
    pub fn provable(&self) -> u64 {
        self.provable
    }

    /// How many transactions are in the ledger.
    #[must_use]
    pub fn transactions(&self) -> usize {
        self.ledger.len()
    }

    /// Whether a transaction is in the ledger.
    #[must_use]
    pub fn is_in_ledger(&self, id: &TransactionId) -> bool {
        self.ledger.contains_key(id)
    }

    /// From now on more is tolerated.
    pub fn tolerate(&mut self, change: impl FnOnce(&mut Tolerance)) {
        change(&mut self.tolerance);
    }

    /// This machine may have forgotten what it signed, and counts as faulty.
    pub fn excuse(&mut self, machine: usize) {
        self.forgetful.insert(machine);
    }

    /// Reports something that must not happen.
    pub fn violate(&mut self, text: String) {
        self.violation.get_or_insert(text);
    }

    /// A machine starts: from where it stopped, or earlier if its disk was exchanged.
    pub fn started(&mut self, machine: usize, replica: &Replica, disk_is_older: bool) {
        let height = replica.state().tip().height;
        if let Some(stopped) = self.heights.get(&machine).copied()
            && height < stopped
            && !disk_is_older
        {
            self.violate(format!("machine {machine} applied {stopped} and starts from {height}"));
        }
        self.heights.insert(machine, height);
        self.check_tip(machine, replica);
    }

    /// An honest machine has applied a block.
    pub fn applied(&mut self, machine: usize, replica: &Replica, height: Height, hash: BlockHash) {
        let before = self.heights.insert(machine, height);
        if before.map(Height::next) != Some(height) {
            self.violate(format!("machine {machine} applied {height} after {before:?}"));
        }
        let tip = replica.state().tip();
        if (tip.height, tip.hash) != (height, hash) {
            self.violate(format!("machine {machine} says {height} and is at {}", tip.height));
        }
        let next = Height::new(self.chain.len() as u64 + 1);
        if height == next {
            self.chain.push(Applied { hash: tip.hash, state_root: tip.state_root });
            self.read_block(machine, replica, height);
        }
        self.check_tip(machine, replica);
    }

    /// Two nodes at one height have the same block and the same state, and the books add up.
    fn check_tip(&mut self, machine: usize, replica: &Replica) {
        let state = replica.state();
        let tip = state.tip();
        if let Some(known) =
            tip.height.get().checked_sub(1).and_then(|h| self.chain.get(h as usize))
        {
            let ours = Applied { hash: tip.hash, state_root: tip.state_root };
            if *known != ours {
                let text = format!(
                    "two blocks at height {}: machine {machine} has {}, others {}",
                    tip.height, tip.hash, known.hash
                );
                self.violate(text);
            }
        }
        let totals = state.fund().totals;
        if !totals.conserved() || state.fund().recompute_totals() != Some(totals) {
            self.violate(format!("machine {machine} lost money at height {}", tip.height));
        }
    }

    /// Takes the transactions of a new block in: each once.
    fn read_block(&mut self, machine: usize, replica: &Replica, height: Height) {
        let block = match replica.chain_store().block(height) {
            Ok(Some(block)) => block,
            other => {
                return self.violate(format!("machine {machine} lacks block {height}: {other:?}"));
            }
        };
        for bytes in &block.block.entries {
            let index = LogIndex::new(self.log_size);
            self.log_size += 1;
            if let Some(received) = ledger_core::transaction::ReceivedTransaction::of_entry(bytes) {
                let Ok(transaction) = received else {
                    return self.violate(format!("block {height} holds an unreadable transaction"));
                };
                if self.ledger.insert(transaction.id(), (height, index)).is_some() {
                    self.violate(format!("transaction {} is decided twice", transaction.id()));
                }
            }
        }
        if block.block.header.log_size != self.log_size {
            self.violate(format!("the log at height {height} has another size"));
        }
    }

    /// An honest machine tells a client something.
    pub fn answered(&mut self, machine: usize, outcome: &Outcome) {
        let Outcome::Decided { id, height, log_index } = outcome else { return };
        let promise = (*height, *log_index);
        match self.ledger.get(id) {
            Some(place) if *place != promise => {
                let text =
                    format!("machine {machine} says {id} is at {promise:?}, it is at {place:?}");
                self.violate(text);
            }
            Some(_) | None => {
                self.promised.insert(*id, promise);
            }
        }
    }

    /// An honest machine sends something: what it signs, it signs once for each position.
    pub fn sent(&mut self, machine: usize, me: Option<ValidatorIndex>, bytes: &[u8]) {
        let Ok(PeerMessage::Consensus(message)) = decode::<PeerMessage>(bytes) else { return };
        if Some(message.signer()) != me {
            return;
        }
        let position = message.position();
        let bytes = encode(&message);
        let known = self.signed.entry((machine, position)).or_insert_with(|| bytes.clone());
        if *known != bytes && !self.forgetful.contains(&machine) {
            self.violate(format!("machine {machine} signed two messages at {position:?}"));
        }
    }

    /// An honest machine receives what an equivocator signed, at the height it is at.
    pub fn shown(&mut self, machine: usize, message: &Message) {
        let position = message.position();
        let known = self.shown.entry((machine, message.signer(), position)).or_insert(*message);
        self.provable += u64::from(known != message);
    }

    /// A machine forgets what it was shown.
    pub fn forgot(&mut self, machine: usize) {
        self.shown.retain(|(of, ..), _| *of != machine);
    }

    /// An honest machine raises an alarm.
    pub fn alarmed(&mut self, at: Micros, machine: usize, text: String) {
        let Tolerance { liars, clocks, guards } = self.tolerance;
        let expected = match text.as_str() {
            text if text.contains("conflicting decision") => false,
            text if text.contains("quorum for an invalid block") => false,
            text if text.contains("is unfit") => liars || clocks,
            text if text.contains("signed elsewhere") => guards,
            text if text.contains("signing is barred") => guards,
            _ => liars,
        };
        if !expected {
            self.violate(format!("machine {machine} raises an alarm: {text}"));
        }
        self.alarms.push((at, machine, text));
    }

    /// Every promise was kept.
    pub fn check_promises(&mut self) {
        for (id, promise) in std::mem::take(&mut self.promised) {
            if self.ledger.get(&id) != Some(&promise) {
                let found = self.ledger.get(&id).copied();
                self.violate(format!("{id} was promised at {promise:?}, found at {found:?}"));
            }
        }
    }

    /// The place of each transaction on this machine is that of the chain.
    pub fn check_index(&mut self, machine: usize, replica: &Replica) {
        let tip = replica.state().tip().height;
        let places: Vec<_> = self.ledger.iter().map(|(id, place)| (*id, *place)).collect();
        for (id, (height, index)) in places {
            if height > tip {
                continue;
            }
            let stored = replica.chain_store().transaction(&id).ok().flatten();
            let found = replica.chain_store().block_of(index).ok().flatten();
            if stored != Some(index) || found.map(|(height, _)| height) != Some(height) {
                self.violate(format!("machine {machine} does not find {id} at {index}"));
                return;
            }
        }
    }
}
