//! Driving consensus: inputs and effects, building and judging blocks, deciding and applying them.

use super::*;

impl Replica {
    pub(super) fn fire_timers(&mut self) {
        while let Some((at, timeout)) = self.timers.first().copied() {
            if at > self.now {
                break;
            }
            self.timers.pop_first();
            self.inputs.push_back(Input::TimeoutElapsed(timeout));
        }
    }

    /// Does everything that can be done now.
    pub(super) fn settle(&mut self) {
        loop {
            self.check_signatures();
            self.push_transactions();
            self.wake_if_there_is_reason();
            self.build_if_there_is_reason();
            self.judge_wanted();
            self.finish_certified();
            match self.inputs.pop_front() {
                Some(input) => self.step(input),
                None => break,
            }
        }
        self.exchange();
    }

    pub(super) fn step(&mut self, input: Input) {
        let state = self.consensus.take().expect("consensus is put back after every step");
        let before = (state.height(), state.round(), state.step());
        let (state, effects) = consensus::step(state, input);
        let woken = before.2 == Step::Waiting && state.step() != Step::Waiting;
        if woken || before.0 != state.height() || before.1 != state.round() {
            self.round_since = self.now;
        }
        self.consensus = Some(state);
        self.carry_out(effects);
    }

    pub(super) fn carry_out(&mut self, effects: Effects) {
        let Effects {
            sign,
            resend,
            schedule,
            build,
            validate,
            decide,
            evidence,
            alarms,
            ignored: _,
        } = effects;
        if let Some(message) = resend {
            self.broadcast(&message);
        }
        if let Some(to_sign) = sign {
            self.sign(to_sign);
        }
        for timeout in schedule {
            self.timers.insert((self.now.after(self.timeouts.duration(&timeout)), timeout));
        }
        if build.is_some() {
            self.build_wanted = build;
        }
        if !validate.is_empty() {
            self.next_retry = self.now.after(FETCH_GRACE);
        }
        self.proposals.wanted.extend(validate);
        for found in evidence {
            if self.evidence.len() < EVIDENCE_MAX {
                self.evidence.push(found);
            }
        }
        for alarm in alarms {
            if let consensus::Alarm::SignedElsewhere(_) = alarm {
                self.signed_elsewhere = Some(self.now);
            }
            self.alarm(alarm.to_string());
        }
        if let Some(certificate) = decide {
            self.decide(&certificate);
        }
    }

    /// Signs, and holds the messages back until guard and bodies are durable (P20).
    pub(super) fn sign(&mut self, to_sign: ToSign) {
        let Some(key) = &self.key else { return };
        let valid_block = to_sign.valid_block();
        let to_persist = match to_sign.sign(key, &self.chain, self.state.validators()) {
            Ok(to_persist) => to_persist,
            Err(error) => return self.alarm(format!("cannot sign: {error}")),
        };
        let mut bodies = Vec::new();
        let mut changes = Vec::new();
        if let Some(block) = valid_block.filter(|block| !self.proposals.durable.contains(block))
            && let Some(executed) = self.proposals.executed(&block)
        {
            changes.push(ChainStore::body(executed));
            bodies.push(block);
        }
        let mut writes = Vec::new();
        if !changes.is_empty() {
            writes.push(Write::Store(changes));
        }
        writes.push(Write::Guard(encode(to_persist.record())));
        self.persist(writes, Job::Release(Box::new(to_persist), bodies));
    }

    pub(super) fn persist(&mut self, writes: Vec<Write>, then: Job) {
        let action = self.journal.begin(writes, then);
        self.actions.push(action);
    }

    pub(super) fn persisted(&mut self, job: JobId) {
        match self.journal.finish(job) {
            Job::Release(to_persist, bodies) => {
                self.proposals.durable.extend(bodies);
                for message in to_persist.persisted() {
                    self.broadcast(&message);
                    self.inputs.push_back(message.into());
                }
            }
            Job::Decided(executed, certificate) => self.apply(*executed, certificate),
        }
    }

    pub(super) fn broadcast(&mut self, message: &VerifiedMessage) {
        if let VerifiedMessage::Proposal(proposal) = message
            && let Some(outline) = self.proposals.outline(&proposal.block).cloned()
        {
            let outline = PeerMessage::Outline(Box::new(outline));
            self.send_to_validators(&outline);
        }
        self.send_to_validators(&PeerMessage::Consensus(message.message()));
    }

    pub(super) fn block_time(&self) -> TimestampMs {
        let earliest = TimestampMs::new(self.state.tip().time.get().saturating_add(1));
        self.now.max(earliest)
    }

    pub(super) fn heartbeat_at(&self) -> TimestampMs {
        self.state.tip().time.after(self.state.fund().policy.heartbeat)
    }

    pub(super) fn wake_if_there_is_reason(&mut self) {
        let waiting = self.consensus().is_waiting() && self.journal.is_idle();
        if !waiting || self.inputs.iter().any(|input| matches!(input, Input::Wake)) {
            return;
        }
        let heartbeat = self.heartbeat_at() <= self.now;
        if self.has_work() || heartbeat {
            self.inputs.push_back(Input::Wake);
        }
    }

    /// Answers consensus when it asked for a block, at once or as soon as there is a reason for one.
    pub(super) fn build_if_there_is_reason(&mut self) {
        // The store may be a block ahead of the state until the replica hears that it is durable.
        if self.journal.is_storing() {
            return;
        }
        let (Some(round), Some(proposer)) = (self.build_wanted, self.consensus().me()) else {
            return;
        };
        if self.consensus().round() != round || self.consensus().step() != Step::Propose {
            self.build_wanted = None;
            return;
        }
        let heartbeat = self.block_time() >= self.heartbeat_at();
        if round == Round::ZERO && !heartbeat && !self.has_work() {
            return;
        }
        // All that waits at first, half after a failure, then none ("smaller batches" in docs/protocol.md).
        let limit = match self.proposals.built {
            0 => BLOCK_TRANSACTIONS_MAX,
            1 => self.mempool().len().min(BLOCK_TRANSACTIONS_MAX) / 2,
            _ => 0,
        };
        let height = self.consensus().height();
        let picked = self.mempool().pick(limit);
        let proposed = Proposed { time: self.block_time(), proposer, round };
        let built =
            self.proposals.build(&self.state, &self.store, proposed, &self.evidence, &picked);
        let Some((block, refused)) = built else { return };
        for (position, refusal) in refused {
            self.refuse(&picked[position], refusal);
        }
        let empty = self.proposals.executed(&block).is_none_or(|built| built.entries.is_empty());
        if round == Round::ZERO && empty && !heartbeat {
            return;
        }
        self.proposals.built += 1;
        self.build_wanted = None;
        self.inputs.push_back(Input::BlockBuilt { height, round, block });
    }

    /// Whether anything waits for a block.
    pub(super) fn has_work(&self) -> bool {
        let deadline = self.state.next_deadline().is_some_and(|at| at <= self.block_time());
        let evidence = self.evidence.iter().any(|found| self.state.accepts_evidence(found));
        !self.mempool().is_empty() || deadline || evidence
    }

    /// Judges what consensus waits for, as far as bodies are there.
    pub(super) fn judge_wanted(&mut self) {
        // A block judged against a state and a newer store is not judged: its own transactions are there.
        if self.journal.is_storing() {
            return;
        }
        let wanted = std::mem::take(&mut self.proposals.wanted);
        for request in wanted {
            match self.judge(&request) {
                Ok(validity) => {
                    self.inputs.push_back(Input::BlockValidated { request, validity });
                }
                Err(_) => self.proposals.wanted.push(request),
            }
        }
    }

    fn body_is_valid(&mut self, block: &BlockHash) -> Result<bool, Lacks> {
        let mempool = self.waiting_room.mempool();
        let waiting = |entry: &EntryHash| mempool.get(entry).cloned();
        self.proposals.body_is_valid(&self.state, &self.store, block, waiting)
    }

    pub(super) fn judge(&mut self, request: &ValidationRequest) -> Result<Validity, Lacks> {
        let block = &request.block;
        let valid = self.body_is_valid(block)?;
        let outline = self.proposals.outline(block).cloned();
        let (Some(outline), Some(executed)) = (outline, self.proposals.executed(block)) else {
            if !valid {
                self.alarm(format!("proposed block {block} is not valid"));
            }
            return Ok(Validity::Invalid);
        };
        if !request.fresh {
            return Ok(Validity::Valid);
        }
        let entries = executed.entries.len();
        // By the moment the proposal came, or its round began here if that was later: a proposal sent ahead
        // must not keep a time that has long passed.
        let proposed = self.proposals.proposed(block, self.now).max(self.round_since);
        let validity = judge_fresh(&self.state, &outline, entries, request, proposed);
        if validity == Validity::Unfit {
            let time = outline.header.time;
            let text = format!(
                "proposed block {block} is unfit: block time {time}, our clock {}; check clocks",
                self.now
            );
            self.alarm(text);
        }
        Ok(validity)
    }

    pub(super) fn decide(&mut self, certificate: &QuorumCertificate) {
        if self.journal.is_storing() {
            // Block sync was first: the block of this very height is on its way to the disk.
            return;
        }
        let executed = self.proposals.take(&certificate.block);
        let executed = executed.expect("consensus decides only what was judged valid");
        self.store_decided(executed, certificate);
    }

    pub(crate) fn store_decided(
        &mut self,
        mut executed: Executed,
        certificate: &QuorumCertificate,
    ) {
        let changes = ChainStore::decided(&mut executed, certificate, &self.proposals.durable);
        let then = Job::Decided(Box::new(executed), certificate.clone());
        self.persist(vec![Write::Store(changes)], then);
    }

    /// Decides what a certificate of this height proves, as soon as the body is here (C2).
    pub(super) fn finish_certified(&mut self) {
        if self.journal.is_storing() {
            return;
        }
        let mempool = self.waiting_room.mempool();
        let waiting = |entry: &EntryHash| mempool.get(entry).cloned();
        let (body, liars) = self.proposals.certified_body(&self.state, &self.store, waiting);
        for node in liars {
            self.blame(node, "passed on another list than that of the block that was decided");
        }
        if let Some((executed, certificate)) = body {
            self.store_decided(executed, &certificate);
        }
    }

    /// The block is durable: the next height begins.
    pub(super) fn apply(&mut self, executed: Executed, certificate: QuorumCertificate) {
        let height = executed.header.height;
        assert_eq!(
            height,
            self.state.tip().height.next(),
            "one block of a height is stored at a time"
        );
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
        self.recent.add(header, entries, certificate, self.now, self.peers.nodes().len());
        self.state = executed.state;
        self.note_equivocations();
        self.proposals = Proposals::default();
        self.build_wanted = None;
        self.timers.clear();
        self.evidence.retain(|found| self.state.accepts_evidence(found));
        let now = self.state.tip().time;
        self.actions.extend(self.waiting_room.expire(now));
        self.recheck_requests();
        let validators = (**self.state.validators()).clone();
        let me = self.consensus().me();
        self.inputs.push_back(Input::HeightStarted { height: height.next(), validators, me });
        let Played { messages, outlines, decided } = self.early.play(height.next());
        for (at, message) in messages {
            if let Ok(verified) = message.verify(&self.chain, self.state.validators()) {
                self.take_verified(verified, at);
            }
        }
        for (from, outline) in outlines {
            self.take_outline(from, outline);
        }
        for (from, decided) in decided {
            self.take_decided(from, decided);
        }
        self.next_view = self.now.after(VIEW_INTERVAL_AWAKE);
        self.sync.applied();
        self.replay_next();
        if self.peers.is_anybody_beyond(self.next_height()) {
            self.sync.fall_behind(self.now);
        }
    }

    /// What clients wait for here and can no longer come true is answered.
    pub(super) fn recheck_requests(&mut self) {
        let now = self.block_time();
        for id in self.waiting_room.due_for_recheck() {
            if let Some(transaction) = self.waiting_room.first_of_author(&id)
                && let Err(refusal) = self.state.check(&transaction, now, &self.store)
            {
                self.refuse(&transaction, refusal);
            }
        }
    }
}
