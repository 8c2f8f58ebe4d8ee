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
        let form = check_form(&self.chain, &self.state, &transaction);
        if let Err(refusal) = form.and_then(|_| self.waiting_room.has_room_for_client()) {
            return self.answer(request, Outcome::Refused(refusal));
        }
        self.enqueue(transaction, Source::Client(request));
    }

    fn enqueue(&mut self, transaction: ReceivedTransaction, source: Source) {
        if let Some(known) = self.waiting_room.queue(transaction, source, self.now) {
            self.admit(known, source);
        }
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
            let known = self.waiting_room.is_verifying(&entry)
                || self.mempool().get(&entry).is_some()
                || self.proposals.fetched(&entry).is_some();
            if known || self.waiting_room.is_full() {
                continue;
            }
            if check_form(&self.chain, &self.state, &transaction).is_ok() {
                self.enqueue(transaction, Source::Peer);
            }
        }
    }

    /// Sends the next batch of signatures to be checked, if it is time for that.
    pub(super) fn check_signatures(&mut self) {
        let hurry = !self.proposals.wanted.is_empty();
        let (chain, state) = (&self.chain, &self.state);
        // Keys never leave the registry, so the author that was found is still there.
        let key_of = |transaction: &ReceivedTransaction| {
            check_form(chain, state, transaction).unwrap_or(PublicKey::new([0; 32]))
        };
        self.actions.extend(self.waiting_room.next_batch(self.now, hurry, key_of));
    }

    pub(super) fn signatures_checked(&mut self, valid: &[bool]) {
        for checked in self.waiting_room.checked(valid) {
            match checked {
                Checked::Good(transaction, source) => self.admit(transaction, source),
                Checked::Forged(_, Source::Client(request)) => {
                    self.answer(request, Outcome::Refused(Refusal::BadSignature {}));
                }
                Checked::Forged(transaction, Source::Peer) => {
                    self.proposals.add_forged(&transaction);
                }
            }
        }
    }

    pub(super) fn admit(&mut self, transaction: VerifiedTransaction, source: Source) {
        self.proposals.add_fetched(&transaction);
        let id = transaction.id();
        let author = transaction.transaction().author;
        let request = match source {
            Source::Peer => {
                if self.store.transaction(&id).is_ok_and(|place| place.is_none())
                    && self.is_live(&transaction)
                {
                    self.waiting_room.insert_of_peer(transaction);
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
            && !self.mempool().has_author(author)
            && !self.mempool().contains_id(&id);
        if judged
            && let Err(refusal) = self.state.check(&transaction, self.block_time(), &self.store)
        {
            return self.answer(request, Outcome::Refused(refusal));
        }
        let outcome = self.waiting_room.insert_of_client(transaction, request);
        self.answer(request, outcome);
    }

    pub(super) fn is_live(&self, transaction: &VerifiedTransaction) -> bool {
        transaction.transaction().expires > self.state.tip().time
    }

    pub(super) fn refuse(&mut self, transaction: &VerifiedTransaction, refusal: Refusal) {
        self.actions.extend(self.waiting_room.refuse(transaction, refusal));
    }

    /// Passes new transactions on to the validators, in batches.
    pub(super) fn push_transactions(&mut self) {
        for message in self.waiting_room.push() {
            self.send_to_validators(&message);
        }
    }
}

/// What can be said without the signature and without executing it; the key that must have signed it.
fn check_form(
    chain: &ChainId,
    state: &State,
    transaction: &ReceivedTransaction,
) -> Result<PublicKey, Refusal> {
    let body = transaction.transaction();
    if body.version != TRANSACTION_VERSION {
        return Err(Refusal::WrongVersion { version: body.version });
    }
    if body.chain != *chain {
        return Err(Refusal::WrongChain {});
    }
    let member = state.fund().members.get(&body.author);
    member.map(|member| member.key).ok_or(Refusal::UnknownAuthor { author: body.author })
}
