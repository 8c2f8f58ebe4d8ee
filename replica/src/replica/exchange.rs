//! Messages in and out, recovery after a start, and the regular exchange that no acknowledgement stops:
//! what was lost is brought again.

use super::{RETRY_INTERVAL, Replica, VIEW_INTERVAL_AWAKE, VIEW_INTERVAL_WAITING};
use crate::{
    chain_store::ChainStoreError, early::Early, event::Action, message::PeerMessage, node::NodeId,
    proposal::Lacks,
};
use ledger_core::{
    block::{BLOCK_BYTES_MAX, BlockOutline},
    codec::{List, decode},
    consensus::{Message, Step, ValidationRequest, View, VoteKind},
    crypto::{BlockHash, EntryHash},
    types::{Height, TimestampMs},
};

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

    /// Tells the operator what a node has done.
    pub(super) fn blame(&mut self, node: NodeId, what: &str) {
        let text = format!("{} {what}", self.peers.name(node));
        self.alarm(text);
    }

    // ---- messages in

    /// A node says something.
    pub(super) fn receive(&mut self, from: NodeId, bytes: &[u8]) -> Result<(), ChainStoreError> {
        let message: PeerMessage = match decode(bytes) {
            Ok(message) => message,
            Err(error) => {
                self.blame(from, &format!("sent a message that cannot be read: {error}"));
                return Ok(());
            }
        };
        self.peers.heard(from, self.now.wall);
        match message {
            PeerMessage::Consensus(message) => self.take_consensus(from, message),
            PeerMessage::View { view, clock } => self.take_view(from, &view, clock),
            PeerMessage::Outline(outline) => self.take_outline(from, *outline),
            PeerMessage::GetOutline { height, block } => self.give_outline(from, height, &block),
            PeerMessage::Transactions(list) => self.take_transactions(from, list)?,
            PeerMessage::GetTransactions(entries) => self.give_transactions(from, &entries),
            PeerMessage::GetBlocks { first, last } => self.give_blocks(from, first, last)?,
            PeerMessage::Blocks { first, tip, blocks } => {
                self.take_blocks(from, first, tip.as_deref(), blocks.into_vec())?;
            }
            PeerMessage::Decided(decided) => self.take_decided(from, *decided),
            PeerMessage::RecoveryQuestion => {
                let index = self.peers.validator(from);
                let latest = index.and_then(|index| self.consensus().latest_from(index));
                self.send(from, &PeerMessage::RecoveryAnswer(latest));
            }
            PeerMessage::RecoveryAnswer(latest) => self.take_recovery_answer(from, latest),
        }
        Ok(())
    }

    fn take_consensus(&mut self, from: NodeId, message: Message) {
        let current = self.agreement.height();
        if let Message::Vote(signed) = &message
            && signed.message.kind == VoteKind::Precommit
            && signed.message.block.is_some()
            && self.peers.validator(from) == Some(signed.message.validator)
        {
            self.peers.precommitted(from, signed.message.height);
        }
        let height = message.height();
        if height > current {
            // It has decided what this node decides; its next view may come much later.
            self.peers.raise_height(from, height);
            self.sync.fall_behind(self.now.steady);
        }
        if Early::is_early(height, current) {
            self.early.keep_message(self.now.wall, message);
        }
        if height != current {
            return;
        }
        if let Ok(verified) = message.verify(self.state.chain(), self.state.validators()) {
            self.agreement.take(verified, self.now.wall, self.state.validators());
        }
    }

    fn take_view(&mut self, from: NodeId, view: &View, clock: TimestampMs) {
        self.peers.shows_clock(from, self.now.wall, clock);
        self.peers.set_height(from, view.height);
        let height = self.agreement.height();
        if view.height > height {
            return self.sync.fall_behind(self.now.steady);
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
            self.agreement.peer_awake(validator);
        }
    }

    /// An announcement: a node that takes no part in the rounds learns of a block by it.
    pub(super) fn hear_of(&mut self, height: Height) {
        if height >= self.next_height() && self.consensus().me().is_none() {
            self.sync.hear_of(height, self.now.steady);
        }
    }

    pub(super) fn take_outline(&mut self, from: NodeId, outline: BlockOutline) {
        if Early::is_early(outline.header.height, self.next_height()) {
            return self.early.keep_outline(from, outline);
        }
        self.agreement.take_outline(outline, &self.state, self.now.steady);
    }

    fn take_recovery_answer(&mut self, from: NodeId, latest: Option<Message>) {
        let Some(index) = self.peers.validator(from) else { return };
        match self.agreement.take_answer(index, latest.as_ref()) {
            Ok(wish) => self.carry_out(wish.into_iter().collect()),
            Err(error) => self.blame(from, &format!("answered recovery wrongly: {error}")),
        }
    }

    // ---- answers

    fn give_outline(&mut self, to: NodeId, height: Height, block: &BlockHash) {
        if height == self.agreement.height()
            && let Some(outline) = self.agreement.outline(block).cloned()
        {
            self.send(to, &PeerMessage::Outline(Box::new(outline)));
        }
    }

    fn give_transactions(&mut self, to: NodeId, entries: &[EntryHash]) {
        let (mempool, agreement) = (self.waiting_room.mempool(), &self.agreement);
        let known = |entry: &EntryHash| mempool.get(entry).or_else(|| agreement.transaction(entry));
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

    // ---- the regular exchange

    /// Says and asks for what is due.
    pub(super) fn exchange(&mut self) {
        if self.now.steady >= self.next_view {
            let interval = if self.consensus().is_waiting() {
                VIEW_INTERVAL_WAITING
            } else {
                VIEW_INTERVAL_AWAKE
            };
            self.next_view = self.now.steady.after(interval);
            self.send_view();
        }
        if self.agreement.lacks_something() && self.now.steady >= self.next_retry {
            self.next_retry = self.now.steady.after(RETRY_INTERVAL);
            self.ask_again();
        }
        self.pass_on_decisions();
        self.catch_up();
        for message in self.waiting_room.push_again(self.now.steady) {
            self.send_to_validators(&message);
        }
    }

    /// Tells every node what this one has; following nodes learn of new blocks by it.
    fn send_view(&mut self) {
        let view = self.consensus().view();
        let message = PeerMessage::View { view, clock: self.now.wall };
        self.actions.extend(self.peers.send_to(&message, |_| true));
    }

    fn ask_again(&mut self) {
        if let Some(silent) = self.agreement.unanswered() {
            let questions = self.peers.send_to(&PeerMessage::RecoveryQuestion, |node| {
                node.validator.is_some_and(|index| silent.contains(&index))
            });
            self.actions.extend(questions);
        }
        if !self.journal.is_storing() {
            for (request, lacks) in self.agreement.lacking() {
                self.ask_for(&request, lacks);
            }
        }
        self.ask_for_certified_body();
    }

    /// Asks for what keeps a block from being judged.
    fn ask_for(&mut self, request: &ValidationRequest, lacks: Lacks) {
        let (height, block) = (self.agreement.height(), request.block);
        match lacks {
            Lacks::Outline => self.send_to_validators(&PeerMessage::GetOutline { height, block }),
            Lacks::Transactions(lacking) => {
                let absent = lacking.into_iter().filter(|e| !self.waiting_room.is_verifying(e));
                let absent: Vec<_> = absent.collect();
                if let Some(node) = self.one_to_ask(request)
                    && !absent.is_empty()
                {
                    let entries = List::new(absent).unwrap_or_default();
                    self.send(node, &PeerMessage::GetTransactions(entries));
                }
            }
        }
    }

    /// One connected validator that should have the bodies of a block: its proposer first, and another
    /// one each time.
    fn one_to_ask(&self, request: &ValidationRequest) -> Option<NodeId> {
        let proposer = self.state.validators().proposer(self.agreement.height(), request.round);
        let mut candidates: Vec<_> = self.peers.connected_validators().collect();
        candidates.sort_by_key(|node| self.peers.validator(*node) != Some(proposer));
        let turn = self.turn_for(&request.block);
        candidates.get(turn % candidates.len().max(1)).copied()
    }

    /// How often something of a block has been asked for in vain, so that others are asked each time.
    pub(super) fn turn_for(&self, block: &BlockHash) -> usize {
        let waited = self.agreement.lacking_for(block, self.now.steady);
        usize::try_from(waited.get() / RETRY_INTERVAL.get()).unwrap_or(0)
    }
}
