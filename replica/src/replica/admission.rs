//! Transactions from clients and peers: checked, taken into the mempool, passed on, answered.

use super::*;

impl Replica {
    pub(super) fn submit(&mut self, request: RequestId, bytes: Vec<u8>) {
        let transaction = match ReceivedTransaction::decode(&bytes) {
            Ok(transaction) => transaction,
            Err(error) => {
                let refusal = Refusal::Malformed { detail: error.to_string() };
                return self.answer(request, Outcome::Refused(refusal));
            }
        };
        let id = transaction.id();
        match self.store.transaction(&id) {
            Ok(Some(log_index)) => return self.answer_decided(request, id, log_index),
            Ok(None) => {}
            Err(error) => panic!("{error}"),
        }
        if let Err(refusal) = self.check_form(&transaction) {
            return self.answer(request, Outcome::Refused(refusal));
        }
        if self.unverified.len() >= UNVERIFIED_MAX || self.request_count >= REQUESTS_MAX {
            let refusal = Refusal::MempoolFull { retry_after_ms: RETRY_INTERVAL.get() };
            return self.answer(request, Outcome::Refused(refusal));
        }
        self.enqueue(transaction, Source::Client(request));
    }

    fn enqueue(&mut self, transaction: ReceivedTransaction, source: Source) {
        if let Some(known) = self.mempool.get(&transaction.entry()).cloned() {
            // The very same bytes were verified before.
            return self.admit(known, source);
        }
        self.verifying.insert(transaction.entry());
        if self.unverified.is_empty() {
            self.check_at = self.now.after(CHECK_DELAY);
        }
        self.unverified.push_back((transaction, source));
    }

    /// What can be said without the signature and without executing it.
    pub(super) fn check_form(
        &self,
        transaction: &ReceivedTransaction,
    ) -> Result<PublicKey, Refusal> {
        let body = transaction.transaction();
        if body.version != TRANSACTION_VERSION {
            return Err(Refusal::WrongVersion { version: body.version });
        }
        if body.chain != self.chain {
            return Err(Refusal::WrongChain {});
        }
        let member = self.state.fund().members.get(&body.author);
        member.map(|member| member.key).ok_or(Refusal::UnknownAuthor { author: body.author })
    }

    pub(super) fn answer(&mut self, request: RequestId, outcome: Outcome) {
        self.actions.push(Action::Answer { request, outcome });
    }

    pub(super) fn answer_decided(
        &mut self,
        request: RequestId,
        id: TransactionId,
        log_index: LogIndex,
    ) {
        match self.store.block_of(log_index) {
            Ok(found) => {
                let height = found.map_or(Height::ZERO, |(height, _)| height);
                self.answer(request, Outcome::Decided { id, height, log_index });
            }
            Err(error) => panic!("{error}"),
        }
    }

    pub(super) fn take_transactions(
        &mut self,
        from: NodeId,
        list: List<TransactionBytes, PUSH_MAX>,
    ) {
        for TransactionBytes(bytes) in list.into_vec() {
            let Ok(transaction) = ReceivedTransaction::decode(&bytes) else {
                // Honest nodes pass on only what they have verified.
                self.blame(from, "sent a malformed transaction");
                return;
            };
            let entry = transaction.entry();
            let known = self.verifying.contains(&entry)
                || self.mempool.get(&entry).is_some()
                || self.proposals.fetched(&entry).is_some();
            if known || self.unverified.len() >= UNVERIFIED_MAX {
                continue;
            }
            if self.check_form(&transaction).is_ok() {
                self.enqueue(transaction, Source::Peer);
            }
        }
    }

    /// Whether new transactions may wait a little, so that their signatures make a larger and cheaper batch:
    /// there is more than the next block takes, and no proposal lacks any.
    pub(super) fn checks_later(&self) -> bool {
        self.mempool.len() >= PROPOSE_MAX
            && self.unverified.len() < BATCH_MAX / 2
            && self.proposals.wanted.is_empty()
    }

    /// Sends the next batch of signatures to be checked, if none is out.
    pub(super) fn check_signatures(&mut self) {
        let none_out = self.checking.is_none() && !self.unverified.is_empty();
        if !none_out || self.checks_later() && self.now < self.check_at {
            return;
        }
        let count = self.unverified.len().min(BATCH_MAX);
        let batch: Vec<_> = self.unverified.drain(..count).collect();
        let mut items = Vec::with_capacity(batch.len());
        for (transaction, _) in &batch {
            // Keys never leave the registry, so the author that was found is still there.
            let key = self.check_form(transaction).unwrap_or(PublicKey::new([0; 32]));
            items.push(transaction.batch_item(key));
        }
        self.checking = Some(batch);
        self.actions.push(Action::CheckSignatures(items));
    }

    pub(super) fn signatures_checked(&mut self, valid: &[bool]) {
        let batch = self.checking.take().unwrap_or_default();
        assert_eq!(batch.len(), valid.len(), "one answer for each signature of the batch");
        for ((transaction, source), valid) in batch.into_iter().zip(valid) {
            self.verifying.remove(&transaction.entry());
            let forged = transaction.clone();
            match (transaction.verified_in_batch(*valid), source) {
                (Some(transaction), source) => self.admit(transaction, source),
                (None, Source::Client(request)) => {
                    self.answer(request, Outcome::Refused(Refusal::BadSignature {}));
                }
                (None, Source::Peer) => self.proposals.add_forged(&forged),
            }
        }
    }

    pub(super) fn admit(&mut self, transaction: VerifiedTransaction, source: Source) {
        self.proposals.add_fetched(&transaction);
        let id = transaction.id();
        let author = transaction.transaction().author;
        let entry = transaction.entry();
        let request = match source {
            Source::Peer => {
                if self.store.transaction(&id).is_ok_and(|place| place.is_none())
                    && self.is_live(&transaction)
                {
                    // A full pool is no loss here: the node that took it in pushes again.
                    let _ = self.mempool.insert(transaction);
                }
                return;
            }
            Source::Client(request) => request,
        };
        if let Ok(Some(log_index)) = self.store.transaction(&id) {
            return self.answer_decided(request, id, log_index);
        }
        // What builds on others of the same author that still wait cannot be judged alone.
        let judged = !self.journal.is_storing()
            && !self.mempool.has_author(author)
            && !self.mempool.contains_id(&id);
        if judged
            && let Err(refusal) = self.state.check(&transaction, self.block_time(), &self.store)
        {
            return self.answer(request, Outcome::Refused(refusal));
        }
        match self.mempool.insert(transaction) {
            Err(refusal) => self.answer(request, Outcome::Refused(refusal)),
            Ok(new) => {
                if new {
                    self.to_push.push(entry);
                }
                self.requests.entry(id).or_default().push(request);
                self.request_count += 1;
                self.answer(request, Outcome::Pending(id));
            }
        }
    }

    pub(super) fn is_live(&self, transaction: &VerifiedTransaction) -> bool {
        transaction.transaction().expires > self.state.tip().time
    }

    pub(super) fn close_requests(&mut self, id: &TransactionId, outcome: &Outcome) {
        let waiting = self.requests.remove(id).unwrap_or_default();
        self.request_count -= waiting.len();
        for request in waiting {
            self.answer(request, outcome.clone());
        }
    }

    pub(super) fn refuse(&mut self, transaction: &VerifiedTransaction, refusal: Refusal) {
        self.mempool.remove(&transaction.entry());
        self.close_requests(&transaction.id(), &Outcome::Refused(refusal));
    }

    /// Passes new transactions on to the validators, in batches.
    pub(super) fn push_transactions(&mut self) {
        let entries = std::mem::take(&mut self.to_push);
        let waiting = entries.iter().filter_map(|entry| self.mempool.get(entry));
        let messages = in_batches(waiting.map(|transaction| transaction.bytes()));
        for message in messages {
            self.send_to_validators(&message);
        }
    }
}

/// Transactions as messages of bounded size.
pub(super) fn in_batches<'a>(transactions: impl Iterator<Item = &'a [u8]>) -> Vec<PeerMessage> {
    let mut batches = vec![Vec::new()];
    let mut bytes = 0;
    for transaction in transactions {
        let full = batches.last().is_some_and(|batch: &Vec<_>| batch.len() == PUSH_MAX);
        if full || bytes + transaction.len() > PUSH_BYTES_MAX {
            batches.push(Vec::new());
            bytes = 0;
        }
        bytes += transaction.len();
        if let Some(batch) = batches.last_mut() {
            batch.push(TransactionBytes(transaction.to_vec()));
        }
    }
    let batches = batches.into_iter().filter(|batch| !batch.is_empty());
    batches.map(|batch| PeerMessage::Transactions(List::new(batch).unwrap_or_default())).collect()
}
