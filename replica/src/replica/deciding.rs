//! From agreement to the ledger: building and judging blocks, storing what is decided, applying it.

use super::{FETCH_GRACE, Replica, VIEW_INTERVAL_AWAKE};
use crate::{
    agreement::{Built, Ground, Wish},
    chain_store::{ChainStore, ChainStoreError},
    early::Played,
    event::{Action, JobId, Outcome, Write},
    journal::Job,
};
use ledger_core::{
    consensus::QuorumCertificate,
    ledger::{Executed, Proposed},
    types::{LogIndex, Round, TimestampMs},
};

impl Replica {
    /// Does what agreement wants, in order.
    pub(super) fn carry_out(&mut self, wishes: Vec<Wish>) {
        for wish in wishes {
            match wish {
                Wish::Tell(message) => self.send_to_validators(&message),
                Wish::Persist(writes, then) => self.persist(writes, then),
                Wish::Fetch => self.next_retry = self.now.steady.after(FETCH_GRACE),
                Wish::Alarm(text) => self.alarm(text),
                Wish::Decide(certificate) => self.decide(&certificate),
            }
        }
    }

    fn persist(&mut self, writes: Vec<Write>, then: Job) {
        let action = self.journal.begin(writes, then);
        self.actions.push(action);
    }

    /// Something is durable.
    pub(super) fn persisted(&mut self, job: JobId) -> Result<(), ChainStoreError> {
        match self.journal.finish(job) {
            Job::Release(to_persist, bodies) => {
                let wishes = self.agreement.release(*to_persist, bodies);
                self.carry_out(wishes);
                Ok(())
            }
            Job::Decided(executed, certificate) => self.apply(*executed, certificate),
        }
    }

    /// The time of a block that is built now.
    pub(super) fn block_time(&self) -> TimestampMs {
        let earliest = TimestampMs::new(self.state.tip().time.get().saturating_add(1));
        self.now.wall.max(earliest)
    }

    /// When there is a block though there is no other reason for one.
    pub(super) fn heartbeat_at(&self) -> TimestampMs {
        self.state.tip().time.after(self.state.fund().policy().heartbeat)
    }

    /// Whether anything waits for a block.
    fn has_work(&self) -> bool {
        let deadline = self.state.next_deadline().is_some_and(|at| at <= self.block_time());
        !self.mempool().is_empty() || deadline || self.agreement.has_evidence(&self.state)
    }

    /// Begins with round 0 when there is a reason for a block (P2).
    pub(super) fn wake_if_there_is_reason(&mut self) {
        if !self.consensus().is_waiting() || !self.journal.is_idle() {
            return;
        }
        if self.has_work() || self.heartbeat_at() <= self.now.wall {
            self.agreement.wake();
        }
    }

    /// Answers consensus when it asked for a block, at once or as soon as there is a reason for one.
    pub(super) fn build_if_there_is_reason(&mut self) -> Result<(), ChainStoreError> {
        // The store may be a block ahead of the state until the replica hears that it is durable.
        if self.journal.is_storing() {
            return Ok(());
        }
        let Some((round, proposer)) = self.agreement.wants_block() else { return Ok(()) };
        let heartbeat = self.block_time() >= self.heartbeat_at();
        if round == Round::ZERO && !heartbeat && !self.has_work() {
            return Ok(());
        }
        let picked = self.mempool().pick(self.agreement.batch_of(self.mempool().len()));
        let proposed = Proposed::new(self.block_time(), proposer, round);
        let reads = self.store.reading();
        let ground = Ground::of(&self.state, &reads, self.waiting_room.mempool());
        let built = self.agreement.build(ground, proposed, &picked);
        let Some(Built { block, refused, is_empty }) = reads.outcome(built)? else {
            return Ok(());
        };
        for (position, refusal) in refused {
            self.actions.extend(self.waiting_room.refuse(&picked[position], refusal));
        }
        if round == Round::ZERO && is_empty && !heartbeat {
            return Ok(());
        }
        self.agreement.propose(round, block);
        Ok(())
    }

    /// Judges what consensus waits for, as far as bodies are there.
    pub(super) fn judge_wanted(&mut self) -> Result<(), ChainStoreError> {
        // A block judged against a state and a newer store is not judged: its own transactions are there.
        if self.journal.is_storing() {
            return Ok(());
        }
        let reads = self.store.reading();
        let ground = Ground::of(&self.state, &reads, self.waiting_room.mempool());
        let alarms = self.agreement.judge_wanted(ground, self.now.wall);
        let alarms = reads.outcome(alarms)?;
        self.actions.extend(alarms.into_iter().map(Action::Alarm));
        Ok(())
    }

    fn decide(&mut self, certificate: &QuorumCertificate) {
        if self.journal.is_storing() {
            // Block sync was first: the block of this very height is on its way to the disk.
            return;
        }
        let executed = self.agreement.take_decided(&certificate.block);
        self.store_decided(executed, certificate);
    }

    /// Decides what a certificate of this height proves, as soon as the body is here (C2).
    pub(super) fn finish_certified(&mut self) -> Result<(), ChainStoreError> {
        if self.journal.is_storing() {
            return Ok(());
        }
        let reads = self.store.reading();
        let ground = Ground::of(&self.state, &reads, self.waiting_room.mempool());
        let found = self.agreement.certified_body(ground);
        let (body, liars) = reads.outcome(found)?;
        for node in liars {
            self.blame(node, "passed on another list than that of the block that was decided");
        }
        if let Some((executed, certificate)) = body {
            self.store_decided(executed, &certificate);
        }
        Ok(())
    }

    /// Makes a decided block durable; then it is applied.
    pub(super) fn store_decided(
        &mut self,
        mut executed: Executed,
        certificate: &QuorumCertificate,
    ) {
        let changes = ChainStore::decided(&mut executed, certificate, self.agreement.durable());
        let then = Job::Decided(Box::new(executed), certificate.clone());
        self.persist(vec![Write::Store(changes)], then);
    }

    /// The block is durable: the next height begins.
    fn apply(
        &mut self,
        executed: Executed,
        certificate: QuorumCertificate,
    ) -> Result<(), ChainStoreError> {
        let height = executed.header.height;
        assert_eq!(height, self.next_height(), "one block of a height is stored at a time");
        // First, so that whoever is told of the decision finds it when it asks.
        self.actions.push(Action::Applied {
            height,
            hash: executed.hash,
            entries: executed.entries.len(),
        });
        for (index, entry) in (executed.first_index.get()..).zip(&executed.entries) {
            if let Some(id) = entry.transaction {
                let log_index = LogIndex::new(index);
                let outcome = Outcome::Decided { id, height, log_index };
                self.actions.extend(self.waiting_room.decided(&id, &outcome));
            }
        }
        // Validators learn of a block by deciding it. One voice is enough for those that follow, and the
        // regular exchange of views tells them if it fails.
        if self.peers.are_followers_there()
            && self.consensus().me() == Some(executed.header.proposer)
        {
            self.actions.push(Action::Announce(height));
        }
        for (deadline, why) in &executed.stuck {
            self.alarm(format!(
                "a deadline could not be carried out, refusal {why}: {deadline:?}; its group buy is stuck, all \
                 others go on; please report it to the developers"
            ));
        }
        let (header, entries) = (executed.header, &executed.entries);
        self.recent.add(header, entries, certificate, self.now.steady, self.peers.nodes().len());
        self.state = executed.state;
        self.note_equivocations()?;
        self.agreement.begin_height(&self.state);
        self.actions.extend(self.waiting_room.expire(self.state.tip().time));
        self.recheck_requests()?;
        self.play_early();
        self.next_view = self.now.steady.after(VIEW_INTERVAL_AWAKE);
        self.sync.applied();
        self.replay_next()?;
        if self.peers.is_anybody_beyond(self.next_height()) {
            self.sync.fall_behind(self.now.steady);
        }
        Ok(())
    }

    /// Takes in what came for this height before it began.
    fn play_early(&mut self) {
        let Played { messages, outlines, decided } = self.early.play(self.next_height());
        for (at, message) in messages {
            if let Ok(verified) = message.verify(self.state.chain(), self.state.validators()) {
                self.agreement.take(verified, at, self.state.validators());
            }
        }
        for (from, outline) in outlines {
            self.take_outline(from, outline);
        }
        for (from, decided) in decided {
            self.take_decided(from, decided);
        }
    }

    /// Reads from the ledger who signed twice, after a block that may say more about it.
    pub(super) fn note_equivocations(&mut self) -> Result<(), ChainStoreError> {
        let store = &self.store;
        let time_of = |height| Ok(store.block(height)?.map(|decided| decided.block.header.time));
        self.equivocations.note(&self.state, time_of)
    }
}
