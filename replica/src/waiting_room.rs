//! Where transactions wait: for the check of their signature, for a block, and for being passed on; and the
//! clients that wait for them.
//!
//! ```text
//!  queue ──▶ unverified ──next_batch──▶ being checked ──checked──▶ mempool ──▶ a block
//!                                                        insert      └──push──▶ validators
//! ```
//!
//! Promises: one batch of signatures is out at a time; nothing is checked twice while it waits; each client
//! that was told to wait gets one final answer when its transaction is decided, expires or is refused; what
//! waits is bounded everywhere. Does not judge: whether a transaction may enter is asked of the state by
//! whoever brings it here. What it says to clients and nodes leaves as values.

use crate::{
    event::{Action, Outcome, RequestId},
    mempool::Mempool,
    message::PeerMessage,
    now::SteadyMs,
};
use ledger_core::{
    block::BLOCK_TRANSACTIONS_MAX,
    crypto::{EntryHash, PublicKey, TransactionId},
    refusal::Refusal,
    transaction::{ReceivedTransaction, VerifiedTransaction},
    types::{DurationMs, TimestampMs},
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Bound,
};

/// How often transactions submitted here are pushed again while they wait.
const PUSH_AGAIN_INTERVAL: DurationMs = DurationMs::new(2_000);
/// Most transactions that are pushed again at once.
const PUSH_AGAIN_MAX: usize = 1_024;
/// Most signatures in one batch.
const BATCH_MAX: usize = 2_048;
/// How long signatures may wait for others while there is more than the next block takes.
const CHECK_DELAY: DurationMs = DurationMs::new(200);
/// Most transactions that wait for a signature check.
const UNVERIFIED_MAX: usize = 50_000;
/// Most clients that wait for an answer.
const REQUESTS_MAX: usize = 20_000;
/// When a client that found no room should come again.
const COME_AGAIN_AFTER: DurationMs = DurationMs::new(200);
/// Most waiting requests that are looked at again after a block.
const RECHECK_MAX: usize = 16;

/// Who has brought a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// A client that waits for an answer.
    Client(RequestId),
    /// Another node.
    Peer,
}

/// A transaction whose signature was checked, and who has brought it.
#[derive(Debug)]
pub(crate) enum Checked {
    /// Its author has signed it.
    Good(VerifiedTransaction, Source),
    /// Its author has not.
    Forged(ReceivedTransaction, Source),
}

/// Transactions that wait, and who waits for them.
#[derive(Debug)]
pub(crate) struct WaitingRoom {
    unverified: VecDeque<(ReceivedTransaction, Source)>,
    /// When the first of them has waited long enough.
    check_at: SteadyMs,
    checking: Option<Vec<(ReceivedTransaction, Source)>>,
    /// What is in one of these two, so that it is neither checked twice nor asked for.
    verifying: BTreeSet<EntryHash>,
    mempool: Mempool,
    /// Who waits for which transaction.
    requests: BTreeMap<TransactionId, Vec<RequestId>>,
    request_count: usize,
    /// The last one that was looked at again after a block.
    rechecked: TransactionId,
    to_push: Vec<EntryHash>,
    /// What came before this and still waits is pushed again.
    push_again_before: u64,
    next_push: SteadyMs,
}

impl WaitingRoom {
    /// An empty one.
    pub(crate) fn new(now: SteadyMs) -> Self {
        Self {
            unverified: VecDeque::new(),
            check_at: now,
            checking: None,
            verifying: BTreeSet::new(),
            mempool: Mempool::default(),
            requests: BTreeMap::new(),
            request_count: 0,
            rechecked: TransactionId::default(),
            to_push: Vec::new(),
            push_again_before: 0,
            next_push: now,
        }
    }

    /// When something here falls due.
    pub(crate) fn wake_at(&self) -> Option<SteadyMs> {
        let push = (!self.requests.is_empty()).then_some(self.next_push);
        let unverified = self.checking.is_none() && !self.unverified.is_empty();
        let check = unverified.then_some(self.check_at);
        [push, check].into_iter().flatten().min()
    }

    // ---- what waits for its signature to be checked

    /// Refuses a client for whom there is no room.
    ///
    /// # Errors
    /// [`Refusal::MempoolFull`].
    pub(crate) fn has_room_for_client(&self) -> Result<(), Refusal> {
        if self.is_full() || self.request_count >= REQUESTS_MAX {
            return Err(Refusal::MempoolFull { retry_after_ms: COME_AGAIN_AFTER.get() });
        }
        Ok(())
    }

    /// Whether no more unverified transactions are taken in.
    pub(crate) fn is_full(&self) -> bool {
        self.unverified.len() >= UNVERIFIED_MAX
    }

    /// Takes an unverified transaction in. Gives it back verified if the very same bytes were verified before.
    pub(crate) fn queue(
        &mut self,
        transaction: ReceivedTransaction,
        source: Source,
        now: SteadyMs,
    ) -> Option<VerifiedTransaction> {
        if let Some(known) = self.mempool.get(&transaction.entry()) {
            return Some(known.clone());
        }
        self.verifying.insert(transaction.entry());
        if self.unverified.is_empty() {
            self.check_at = now.after(CHECK_DELAY);
        }
        self.unverified.push_back((transaction, source));
        None
    }

    /// Whether its signature is being checked, or waits for that.
    pub(crate) fn is_verifying(&self, entry: &EntryHash) -> bool {
        self.verifying.contains(entry)
    }

    /// The next batch of signatures to be checked, if none is out. A batch may wait a little for others and so be
    /// cheaper while there is more than the next block takes, unless a proposal lacks something (`hurry`).
    pub(crate) fn next_batch(
        &mut self,
        now: SteadyMs,
        hurry: bool,
        key_of: impl Fn(&ReceivedTransaction) -> PublicKey,
    ) -> Option<Action> {
        let none_out = self.checking.is_none() && !self.unverified.is_empty();
        let later = self.mempool.len() >= BLOCK_TRANSACTIONS_MAX
            && self.unverified.len() < BATCH_MAX / 2
            && !hurry;
        if !none_out || later && now < self.check_at {
            return None;
        }
        let count = self.unverified.len().min(BATCH_MAX);
        let batch: Vec<_> = self.unverified.drain(..count).collect();
        let items =
            batch.iter().map(|(transaction, _)| transaction.batch_item(key_of(transaction)));
        let items = items.collect();
        self.checking = Some(batch);
        Some(Action::CheckSignatures(items))
    }

    /// The answer to the batch that was out.
    ///
    /// # Panics
    /// If it is not one answer for each signature: the shell's mistake.
    pub(crate) fn checked(&mut self, valid: &[bool]) -> Vec<Checked> {
        let batch = self.checking.take().unwrap_or_default();
        assert_eq!(batch.len(), valid.len(), "one answer for each signature of the batch");
        let mut checked = Vec::with_capacity(batch.len());
        for ((transaction, source), valid) in batch.into_iter().zip(valid) {
            self.verifying.remove(&transaction.entry());
            let received = transaction.clone();
            checked.push(match transaction.verified_in_batch(*valid) {
                Some(verified) => Checked::Good(verified, source),
                None => Checked::Forged(received, source),
            });
        }
        checked
    }

    // ---- what waits for a block

    /// Transactions that wait for a block.
    pub(crate) fn mempool(&self) -> &Mempool {
        &self.mempool
    }

    /// Takes in what another node has passed on. A full pool is no loss: the node that took it in pushes again.
    pub(crate) fn insert_of_peer(&mut self, transaction: VerifiedTransaction) {
        let _ = self.mempool.insert(transaction);
    }

    /// Takes in what a client has brought, to be passed on; says what to answer.
    pub(crate) fn insert_of_client(
        &mut self,
        transaction: VerifiedTransaction,
        request: RequestId,
    ) -> Outcome {
        let (id, entry) = (transaction.id(), transaction.entry());
        match self.mempool.insert(transaction) {
            Err(refusal) => Outcome::Refused(refusal),
            Ok(new) => {
                if new {
                    self.to_push.push(entry);
                }
                self.requests.entry(id).or_default().push(request);
                self.request_count += 1;
                Outcome::Pending(id)
            }
        }
    }

    /// A transaction is in the ledger: it waits no more, and whoever waited for it is told.
    pub(crate) fn decided(&mut self, id: &TransactionId, outcome: &Outcome) -> Vec<Action> {
        let answers = self.answer_all(id, outcome);
        if let Some(entry) = self.mempool.entry_of(id) {
            self.mempool.remove(&entry);
        }
        answers
    }

    /// A transaction cannot enter any more.
    pub(crate) fn refuse(
        &mut self,
        transaction: &VerifiedTransaction,
        refusal: Refusal,
    ) -> Vec<Action> {
        self.mempool.remove(&transaction.entry());
        self.answer_all(&transaction.id(), &Outcome::Refused(refusal))
    }

    /// Drops what has expired at block time `now`.
    pub(crate) fn expire(&mut self, now: TimestampMs) -> Vec<Action> {
        let mut answers = Vec::new();
        for transaction in self.mempool.take_expired(now) {
            let expires = transaction.transaction().expires;
            let outcome = Outcome::Refused(Refusal::Expired { expires, now });
            answers.extend(self.answer_all(&transaction.id(), &outcome));
        }
        answers
    }

    fn answer_all(&mut self, id: &TransactionId, outcome: &Outcome) -> Vec<Action> {
        let waiting = self.requests.remove(id).unwrap_or_default();
        self.request_count -= waiting.len();
        let answer = |request| Action::Answer { request, outcome: outcome.clone() };
        waiting.into_iter().map(answer).collect()
    }

    /// Transactions that clients wait for, to be judged again after a block: a few, others each time. So what can
    /// no longer come true is answered, wherever it was dropped.
    pub(crate) fn due_for_recheck(&mut self) -> Vec<TransactionId> {
        let (after, upto) = (Bound::Excluded(self.rechecked), Bound::Included(self.rechecked));
        let ahead = self.requests.range((after, Bound::Unbounded));
        let ids = ahead.chain(self.requests.range((Bound::Unbounded, upto))).map(|(id, _)| *id);
        let ids: Vec<_> = ids.take(RECHECK_MAX).collect();
        self.rechecked = ids.last().copied().unwrap_or_default();
        ids
    }

    /// A waiting transaction, if it can be judged alone: nothing of its author waits before it.
    pub(crate) fn first_of_author(&self, id: &TransactionId) -> Option<VerifiedTransaction> {
        let waiting = self.mempool.entry_of(id).and_then(|entry| self.mempool.get(&entry));
        waiting.filter(|transaction| self.mempool.is_first_of_author(transaction)).cloned()
    }

    // ---- what is passed on

    /// What was taken in since the last time, as messages to the validators.
    pub(crate) fn push(&mut self) -> Vec<PeerMessage> {
        let entries = std::mem::take(&mut self.to_push);
        let waiting = entries.iter().filter_map(|entry| self.mempool.get(entry));
        PeerMessage::transactions(waiting.map(|transaction| transaction.bytes()))
    }

    /// Has what clients have waited for long enough pushed again, if it is time for that.
    pub(crate) fn push_again(&mut self, now: SteadyMs) -> Vec<PeerMessage> {
        if self.requests.is_empty() || now < self.next_push {
            return Vec::new();
        }
        self.next_push = now.after(PUSH_AGAIN_INTERVAL);
        let long = |entry: &EntryHash| self.mempool.came_before(entry, self.push_again_before);
        let waiting = self.requests.keys().filter_map(|id| self.mempool.entry_of(id));
        let waiting: Vec<_> = waiting.filter(long).take(PUSH_AGAIN_MAX).collect();
        self.push_again_before = self.mempool.next_number();
        self.to_push.extend(waiting);
        self.push()
    }
}
