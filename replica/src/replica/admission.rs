//! Transactions from clients and peers: checked, taken into the waiting room, passed on, answered.

use super::Replica;
use crate::{
    chain_store::ChainStoreError,
    event::{Action, Outcome, RequestId},
    message::{PUSH_MAX, TransactionBytes},
    node::NodeId,
    waiting_room::{Checked, Source},
};
use ledger_core::{
    codec::List,
    crypto::{PublicKey, TransactionId},
    ledger::State,
    refusal::Refusal,
    transaction::{ReceivedTransaction, TRANSACTION_VERSION, VerifiedTransaction},
    types::LogIndex,
};

impl Replica {
    /// A client hands in a transaction.
    pub(super) fn submit(
        &mut self,
        request: RequestId,
        bytes: &[u8],
    ) -> Result<(), ChainStoreError> {
        let transaction = match ReceivedTransaction::decode(bytes) {
            Ok(transaction) => transaction,
            Err(error) => {
                let refusal = Refusal::Malformed { detail: error.to_string() };
                self.answer(request, Outcome::Refused(refusal));
                return Ok(());
            }
        };
        let id = transaction.id();
        if let Some(log_index) = self.store.transaction(&id)? {
            return self.answer_decided(request, id, log_index);
        }
        let form = check_form(&self.state, &transaction);
        if let Err(refusal) = form.and_then(|_| self.waiting_room.has_room_for_client()) {
            self.answer(request, Outcome::Refused(refusal));
            return Ok(());
        }
        self.queue(transaction, Source::Client(request))
    }

    /// A node passes transactions on, or gives those that were asked for.
    pub(super) fn take_transactions(
        &mut self,
        from: NodeId,
        list: List<TransactionBytes, PUSH_MAX>,
    ) -> Result<(), ChainStoreError> {
        for TransactionBytes(bytes) in list.into_vec() {
            let Ok(transaction) = ReceivedTransaction::decode(&bytes) else {
                // Honest nodes pass on only what they have verified.
                self.blame(from, "sent a malformed transaction");
                return Ok(());
            };
            let entry = transaction.entry();
            let known = self.waiting_room.is_verifying(&entry)
                || self.mempool().get(&entry).is_some()
                || self.agreement.transaction(&entry).is_some();
            if known || self.waiting_room.is_full() {
                continue;
            }
            if check_form(&self.state, &transaction).is_ok() {
                self.queue(transaction, Source::Peer)?;
            }
        }
        Ok(())
    }

    fn queue(
        &mut self,
        transaction: ReceivedTransaction,
        source: Source,
    ) -> Result<(), ChainStoreError> {
        match self.waiting_room.queue(transaction, source, self.now.steady) {
            Some(known) => self.admit(known, source),
            None => Ok(()),
        }
    }

    /// Sends the next batch of signatures to be checked, if it is time for that.
    pub(super) fn check_signatures(&mut self) {
        let state = &self.state;
        // Keys never leave the registry, so the author that was found is still there.
        let key_of = |transaction: &ReceivedTransaction| {
            check_form(state, transaction).unwrap_or(PublicKey::new([0; 32]))
        };
        let hurry = self.agreement.is_judging();
        self.actions.extend(self.waiting_room.next_batch(self.now.steady, hurry, key_of));
    }

    /// The answer to a batch of signatures.
    pub(super) fn signatures_checked(&mut self, valid: &[bool]) -> Result<(), ChainStoreError> {
        for checked in self.waiting_room.checked(valid) {
            match checked {
                Checked::Good(transaction, source) => self.admit(transaction, source)?,
                Checked::Forged(_, Source::Client(request)) => {
                    self.answer(request, Outcome::Refused(Refusal::BadSignature {}));
                }
                Checked::Forged(transaction, Source::Peer) => {
                    self.agreement.add_forged(&transaction);
                }
            }
        }
        Ok(())
    }

    fn admit(
        &mut self,
        transaction: VerifiedTransaction,
        source: Source,
    ) -> Result<(), ChainStoreError> {
        self.agreement.add_transaction(&transaction);
        let id = transaction.id();
        let body = transaction.transaction();
        let request = match source {
            Source::Peer => {
                if self.store.transaction(&id)?.is_none() && body.expires > self.state.tip().time {
                    self.waiting_room.insert_of_peer(transaction);
                }
                return Ok(());
            }
            Source::Client(request) => request,
        };
        if let Some(log_index) = self.store.transaction(&id)? {
            return self.answer_decided(request, id, log_index);
        }
        // What builds on others of the same author that still wait cannot be judged alone.
        let judged = !self.journal.is_storing()
            && !self.mempool().has_author(body.author)
            && !self.mempool().contains_id(&id);
        if judged && let Err(refusal) = self.check(&transaction)? {
            self.answer(request, Outcome::Refused(refusal));
            return Ok(());
        }
        let outcome = self.waiting_room.insert_of_client(transaction, request);
        self.answer(request, outcome);
        Ok(())
    }

    /// Whether a transaction could enter a block that is built now.
    fn check(
        &self,
        transaction: &VerifiedTransaction,
    ) -> Result<Result<(), Refusal>, ChainStoreError> {
        let reads = self.store.reading();
        let verdict = self.state.check(transaction, self.block_time(), &reads);
        reads.outcome(verdict)
    }

    /// Passes new transactions on to the validators, in batches.
    pub(super) fn push_transactions(&mut self) {
        for message in self.waiting_room.push() {
            self.send_to_validators(&message);
        }
    }

    /// What clients wait for here and can no longer come true is answered.
    pub(super) fn recheck_requests(&mut self) -> Result<(), ChainStoreError> {
        for id in self.waiting_room.due_for_recheck() {
            if let Some(transaction) = self.waiting_room.first_of_author(&id)
                && let Err(refusal) = self.check(&transaction)?
            {
                self.actions.extend(self.waiting_room.refuse(&transaction, refusal));
            }
        }
        Ok(())
    }

    fn answer(&mut self, request: RequestId, outcome: Outcome) {
        self.actions.push(Action::Answer { request, outcome });
    }

    fn answer_decided(
        &mut self,
        request: RequestId,
        id: TransactionId,
        log_index: LogIndex,
    ) -> Result<(), ChainStoreError> {
        let missing = || ChainStoreError::Missing(format!("the block of entry {log_index}"));
        let (height, _) = self.store.block_of(log_index)?.ok_or_else(missing)?;
        self.answer(request, Outcome::Decided { id, height, log_index });
        Ok(())
    }
}

/// What can be said without the signature and without executing it; the key that must have signed it.
fn check_form(state: &State, transaction: &ReceivedTransaction) -> Result<PublicKey, Refusal> {
    let body = transaction.transaction();
    if body.version != TRANSACTION_VERSION {
        return Err(Refusal::WrongVersion { version: body.version });
    }
    if body.chain != *state.chain() {
        return Err(Refusal::WrongChain {});
    }
    let member = state.fund().members.get(&body.author);
    member.map(|member| member.key).ok_or(Refusal::UnknownAuthor { author: body.author })
}
