//! Messages in and out, recovery after a start, and the regular exchange that no acknowledgement stops
//!: what was lost is brought again.

use super::*;

impl Replica {
    pub(super) fn send(&mut self, to: NodeId, message: &PeerMessage) {
        self.actions.extend(self.peers.send(to, message));
    }

    pub(super) fn send_to_validators(&mut self, message: &PeerMessage) {
        self.actions.extend(self.peers.send_to_validators(message));
    }

    pub(super) fn alarm(&mut self, text: String) {
        self.actions.push(Action::Alarm(text));
    }

    pub(super) fn receive(&mut self, from: NodeId, bytes: &[u8]) {
        let message: PeerMessage = match decode(bytes) {
            Ok(message) => message,
            Err(error) => {
                return self.blame(from, &format!("sent a message that cannot be read: {error}"));
            }
        };
        self.peers.heard(from, self.now);
        match message {
            PeerMessage::Consensus(message) => self.take_consensus(from, message),
            PeerMessage::View { view, clock } => self.take_view(from, &view, clock),
            PeerMessage::Outline(outline) => self.take_outline(from, *outline),
            PeerMessage::GetOutline { height, block } => {
                if height == self.consensus().height()
                    && let Some(outline) = self.proposals.outline(&block).cloned()
                {
                    self.send(from, &PeerMessage::Outline(Box::new(outline)));
                }
            }
            PeerMessage::Transactions(list) => self.take_transactions(from, list),
            PeerMessage::GetTransactions(entries) => self.give_transactions(from, &entries),
            PeerMessage::GetBlocks { first, last } => self.give_blocks(from, first, last),
            PeerMessage::Blocks { first, tip, blocks } => {
                self.take_blocks(from, first, tip.as_deref(), blocks.into_vec());
            }
            PeerMessage::Decided(decided) => self.take_decided(from, *decided),
            PeerMessage::RecoveryQuestion => {
                let index = self.peers.validator(from);
                let latest = index.and_then(|index| self.consensus().latest_from(index));
                self.send(from, &PeerMessage::RecoveryAnswer(latest));
            }
            PeerMessage::RecoveryAnswer(latest) => self.take_recovery_answer(from, latest),
        }
    }

    pub(super) fn take_consensus(&mut self, from: NodeId, message: Message) {
        let height = self.consensus().height();
        if message.height() > height {
            // It has decided what this node decides; its next view may come much later.
            self.peers.is_at_least_at(from, message.height());
        }
        if let Message::Vote(signed) = &message
            && signed.message.kind == VoteKind::Precommit
            && signed.message.block.is_some()
            && self.peers.validator(from) == Some(signed.message.validator)
        {
            self.peers.precommitted(from, signed.message.height);
        }
        if message.height() > height {
            self.sync.fall_behind(self.now);
        }
        if message.height() != height {
            if Early::is_early(message.height(), height) {
                self.early.keep_message(self.now, message);
            }
            return;
        }
        if let Ok(verified) = message.verify(&self.chain, self.state.validators()) {
            self.take_verified(verified, self.now);
        }
    }

    /// A message of the current height that came at this moment.
    pub(super) fn take_verified(&mut self, message: VerifiedMessage, at: TimestampMs) {
        if let VerifiedMessage::Proposal(proposal) = &message
            && proposal.proposer
                == self.state.validators().proposer(proposal.height, proposal.round)
        {
            self.proposals.note_proposed(proposal.block, at);
        }
        self.inputs.push_back(message.into());
    }

    pub(super) fn take_view(&mut self, from: NodeId, view: &consensus::View, clock: TimestampMs) {
        self.peers.shows_clock(from, self.now, clock);
        self.peers.is_at(from, view.height);
        let height = self.consensus().height();
        if view.height > height {
            return self.sync.fall_behind(self.now);
        }
        if view.height < height {
            return self.pass_on_to(from, view.height);
        }
        let missing = self.consensus().missing_for(view);
        for message in missing {
            self.send(from, &PeerMessage::Consensus(message));
        }
        if view.step != Step::Waiting
            && let Some(validator) = self.peers.validator(from)
        {
            self.inputs.push_back(Input::PeerAwake { height, validator });
        }
    }

    /// An announcement: a node that takes no part in the rounds learns of a block by it.
    pub(super) fn hear_of(&mut self, height: Height) {
        if height >= self.next_height() && self.consensus().me().is_none() {
            self.sync.hear_of(height, self.now);
        }
    }

    pub(super) fn take_outline(&mut self, from: NodeId, outline: BlockOutline) {
        let tip = self.state.tip();
        let (next, height) = (tip.height.next(), outline.header.height);
        if Early::is_early(height, next) {
            return self.early.keep_outline(from, outline);
        }
        let fits = height == next
            && outline.header.parent == tip.hash
            && evidence_hash(&outline.evidence) == outline.header.evidence;
        if fits && self.proposals.outline(&outline.header.hash()).is_none() {
            self.proposals.add_outline(outline, self.now);
        }
    }

    pub(super) fn give_transactions(&mut self, to: NodeId, entries: &[EntryHash]) {
        let (mempool, proposals) = (self.waiting_room.mempool(), &self.proposals);
        let known = |entry: &EntryHash| mempool.get(entry).or_else(|| proposals.fetched(entry));
        let waiting = entries.iter().filter_map(known).map(|transaction| transaction.bytes());
        // What has been decided meanwhile waits no more.
        let decided = entries.iter().copied().filter(|entry| known(entry).is_none()).collect();
        let mut left = BLOCK_BYTES_MAX;
        let fits = |transaction: &&[u8]| {
            let room = left.checked_sub(transaction.len());
            left = room.unwrap_or(left);
            room.is_some()
        };
        let found = waiting.chain(self.recent.transactions(&decided)).take_while(fits);
        for message in PeerMessage::transactions(found) {
            self.send(to, &message);
        }
    }

    pub(super) fn take_recovery_answer(&mut self, from: NodeId, latest: Option<Message>) {
        let (Some(recovery), Some(index)) = (&mut self.recovery, self.peers.validator(from)) else {
            return;
        };
        if let Err(error) = recovery.on_answer(index, latest.as_ref()) {
            return self.blame(from, &format!("answered recovery wrongly: {error}"));
        }
        self.check_permit();
    }

    pub(super) fn check_permit(&mut self) {
        let Some(recovery) = &self.recovery else { return };
        let barred_through = match recovery.permit() {
            Permit::Collecting { .. } => return,
            Permit::Allowed => self.forgotten,
            Permit::BarredThrough(height) => {
                let text = "peers have seen newer votes of ours than the guard remembers: \
                            signing is barred until the chain is past them";
                self.actions.push(Action::Alarm(format!("{text} (height {height})")));
                Some(height).max(self.forgotten)
            }
        };
        self.recovery = None;
        self.inputs.push_back(Input::SigningAllowed { barred_through });
    }

    pub(super) fn wants_retry(&self) -> bool {
        self.recovery.is_some()
            || !self.proposals.wanted.is_empty()
            || self.proposals.certificate().is_some()
    }

    pub(super) fn exchange(&mut self) {
        if self.now >= self.next_view {
            let interval = if self.consensus().is_waiting() {
                VIEW_INTERVAL_WAITING
            } else {
                VIEW_INTERVAL_AWAKE
            };
            self.next_view = self.now.after(interval);
            self.send_view();
        }
        if self.wants_retry() && self.now >= self.next_retry {
            self.next_retry = self.now.after(RETRY_INTERVAL);
            self.ask_again();
        }
        self.pass_on_decisions();
        self.catch_up();
        for message in self.waiting_room.push_again(self.now) {
            self.send_to_validators(&message);
        }
    }

    /// Tells every node what this one has; following nodes learn of new blocks by it.
    pub(super) fn send_view(&mut self) {
        let view = self.consensus().view();
        let message = PeerMessage::View { view, clock: self.now };
        self.actions.extend(self.peers.send_to(&message, |_| true));
    }

    pub(super) fn ask_again(&mut self) {
        if let Some(recovery) = &self.recovery {
            let silent: BTreeSet<_> = recovery.unanswered().collect();
            let questions = self.peers.send_to(&PeerMessage::RecoveryQuestion, |node| {
                node.validator.is_some_and(|index| silent.contains(&index))
            });
            self.actions.extend(questions);
        }
        let height = self.consensus().height();
        let wanted =
            if self.journal.is_storing() { Vec::new() } else { self.proposals.wanted.clone() };
        for request in wanted {
            let block = request.block;
            let Err(lacks) = self.judge(&request) else { continue };
            match lacks {
                Lacks::Outline => {
                    self.send_to_validators(&PeerMessage::GetOutline { height, block });
                }
                Lacks::Transactions => {
                    let lacking = self.proposals.lacking(&block);
                    let absent = lacking.filter(|entry| !self.waiting_room.is_verifying(entry));
                    let absent: Vec<_> = absent.copied().collect();
                    if let Some(node) = self.one_to_ask(&request)
                        && !absent.is_empty()
                    {
                        let entries = List::new(absent).unwrap_or_default();
                        self.send(node, &PeerMessage::GetTransactions(entries));
                    }
                }
            }
        }
        self.ask_for_certified_body();
    }

    /// One connected validator that should have the bodies of a block: its proposer first, and another
    /// one each time.
    fn one_to_ask(&self, request: &ValidationRequest) -> Option<NodeId> {
        let proposer = self.state.validators().proposer(self.consensus().height(), request.round);
        let mut candidates: Vec<_> = self.peers.connected_validators().collect();
        candidates.sort_by_key(|node| self.peers.validator(*node) != Some(proposer));
        let arrived = self.proposals.arrived(&request.block, self.now);
        let waited = self.now.get().saturating_sub(arrived.get()) / RETRY_INTERVAL.get();
        let turn = usize::try_from(waited).unwrap_or(0);
        candidates.get(turn % candidates.len().max(1)).copied()
    }
}
