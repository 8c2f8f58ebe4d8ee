//! Transactions that wait for a block: bounded, and fair between authors.
//!
//! Source: docs/protocol.md P23.

use ledger_core::{
    crypto::{EntryHash, TransactionId},
    refusal::Refusal,
    transaction::VerifiedTransaction,
    types::{MemberId, TimestampMs},
};
use std::collections::{BTreeMap, BTreeSet};

/// Most bytes of waiting transactions.
pub const MEMPOOL_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most bytes of one author's waiting transactions: nobody can fill the pool alone.
const AUTHOR_BYTES_MAX: usize = MEMPOOL_BYTES_MAX / 4;
/// Most waiting transactions.
const TRANSACTIONS_MAX: usize = 200_000;
/// What to tell a client when there is no room.
const RETRY_AFTER_MS: u64 = 500;

/// Transactions that wait, each author's in the order in which they came.
#[derive(Debug, Default)]
pub struct Mempool {
    transactions: BTreeMap<EntryHash, (u64, VerifiedTransaction)>,
    /// Numbers transactions in the order in which they came.
    next: u64,
    by_id: BTreeMap<TransactionId, EntryHash>,
    by_author: BTreeMap<MemberId, Queue>,
    by_expiry: BTreeSet<(TimestampMs, EntryHash)>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: BTreeMap<u64, EntryHash>,
    bytes: usize,
}

impl Mempool {
    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.transactions.len()
    }

    /// How many bytes they have; at most [`MEMPOOL_BYTES_MAX`].
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether none wait.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.transactions.is_empty()
    }

    /// Whether the author has others waiting, on which a new one may build.
    #[must_use]
    pub fn has_author(&self, author: MemberId) -> bool {
        self.by_author.contains_key(&author)
    }

    /// The transaction with this entry hash.
    #[must_use]
    pub fn get(&self, entry: &EntryHash) -> Option<&VerifiedTransaction> {
        self.transactions.get(entry).map(|(_, transaction)| transaction)
    }

    /// Whether a transaction of this id waits.
    #[must_use]
    pub fn contains_id(&self, id: &TransactionId) -> bool {
        self.by_id.contains_key(id)
    }

    /// The entry hash under which a transaction waits.
    #[must_use]
    pub fn entry_of(&self, id: &TransactionId) -> Option<EntryHash> {
        self.by_id.get(id).copied()
    }

    /// The number that the next transaction gets; those that came before have smaller ones.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.next
    }

    /// Whether a transaction waits that came before the one with this number.
    #[must_use]
    pub fn came_before(&self, entry: &EntryHash, number: u64) -> bool {
        self.transactions.get(entry).is_some_and(|(own, _)| *own < number)
    }

    /// Whether nothing of the same author waits before it.
    #[must_use]
    pub fn is_first_of_author(&self, transaction: &VerifiedTransaction) -> bool {
        let queue = self.by_author.get(&transaction.transaction().author);
        let first = queue.and_then(|queue| queue.waiting.first_key_value());
        first.is_some_and(|(_, entry)| *entry == transaction.entry())
    }

    /// Takes a transaction in. Returns whether it is new.
    ///
    /// # Errors
    /// [`Refusal::MempoolFull`].
    pub fn insert(&mut self, transaction: VerifiedTransaction) -> Result<bool, Refusal> {
        let entry = transaction.entry();
        let id = transaction.id();
        // Another signature over the same body is the same word of the same author.
        if self.transactions.contains_key(&entry) || self.by_id.contains_key(&id) {
            return Ok(false);
        }
        let body = transaction.transaction();
        let bytes = transaction.bytes().len();
        let author_bytes = self.by_author.get(&body.author).map_or(0, |queue| queue.bytes);
        if self.bytes + bytes > MEMPOOL_BYTES_MAX
            || author_bytes + bytes > AUTHOR_BYTES_MAX
            || self.transactions.len() >= TRANSACTIONS_MAX
        {
            return Err(Refusal::MempoolFull { retry_after_ms: RETRY_AFTER_MS });
        }
        let queue = self.by_author.entry(body.author).or_default();
        queue.waiting.insert(self.next, entry);
        queue.bytes += bytes;
        self.bytes += bytes;
        self.by_expiry.insert((body.expires, entry));
        self.by_id.insert(id, entry);
        self.transactions.insert(entry, (self.next, transaction));
        self.next += 1;
        Ok(true)
    }

    /// Takes a transaction out.
    pub fn remove(&mut self, entry: &EntryHash) -> Option<VerifiedTransaction> {
        let (number, transaction) = self.transactions.remove(entry)?;
        let body = transaction.transaction();
        let bytes = transaction.bytes().len();
        self.bytes -= bytes;
        self.by_expiry.remove(&(body.expires, *entry));
        self.by_id.remove(&transaction.id());
        if let Some(queue) = self.by_author.get_mut(&body.author) {
            queue.bytes -= bytes;
            queue.waiting.remove(&number);
            if queue.waiting.is_empty() {
                self.by_author.remove(&body.author);
            }
        }
        Some(transaction)
    }

    /// Takes out what has expired at block time `now`.
    pub fn take_expired(&mut self, now: TimestampMs) -> Vec<VerifiedTransaction> {
        let expired: Vec<_> = self
            .by_expiry
            .iter()
            .take_while(|(expires, _)| *expires <= now)
            .map(|(_, entry)| *entry)
            .collect();
        expired.iter().filter_map(|entry| self.remove(entry)).collect()
    }

    /// Up to `limit` transactions, one of each author in turn, each author's in order.
    #[must_use]
    pub fn pick(&self, limit: usize) -> Vec<VerifiedTransaction> {
        let mut queues: Vec<_> =
            self.by_author.values().map(|queue| queue.waiting.values()).collect();
        let mut picked = Vec::with_capacity(limit.min(self.len()));
        while picked.len() < limit && !queues.is_empty() {
            queues.retain_mut(|queue| {
                let next = queue.next().and_then(|entry| self.transactions.get(entry));
                if let Some((_, transaction)) = next.filter(|_| picked.len() < limit) {
                    picked.push(transaction.clone());
                }
                next.is_some()
            });
        }
        picked
    }
}
