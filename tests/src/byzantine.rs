//! Validators that lie, by name.
//!
//! Each wraps a real replica and changes what leaves it, so that everything else about it stays
//! plausible. A twin needs no wrapping: it is a second machine with the key of the first.

use crate::rng::Rng;
use ledger_core::{
    block::BlockOutline,
    codec::{List, decode, encode},
    consensus::{Message, Position, Proposal, Verified, Vote},
    crypto::{BlockHash, SecretKey},
    ledger::{OnRefusal, Proposed, execute},
    types::{Height, TimestampMs},
};
use replica::{PeerMessage, Replica};
use std::{collections::BTreeMap, sync::Arc};

/// How a machine behaves.
#[derive(Debug, Default)]
pub enum Actor {
    /// As written.
    #[default]
    Honest,
    /// Shows one half of its peers other votes and other proposals than the other half.
    Equivocator(Box<Equivocator>),
    /// Proposes without giving the bodies, answers no questions, and says that it is far ahead.
    Withholder,
    /// Shares its key with another machine that does not know of it.
    Twin,
}

impl Actor {
    /// Whether it does what is written.
    #[must_use]
    pub fn is_honest(&self) -> bool {
        matches!(self, Self::Honest)
    }

    /// What really goes out when the replica wants to send `bytes` to machine `to`.
    pub fn tamper(
        &mut self,
        replica: &Replica,
        to: usize,
        bytes: Arc<[u8]>,
        rng: &mut Rng,
    ) -> Vec<Arc<[u8]>> {
        match self {
            Self::Honest | Self::Twin => vec![bytes],
            Self::Equivocator(equivocator) => equivocator.tamper(replica, to, bytes, rng),
            Self::Withholder => withhold(bytes, rng),
        }
    }
}

fn withhold(bytes: Arc<[u8]>, rng: &mut Rng) -> Vec<Arc<[u8]>> {
    match decode::<PeerMessage>(&bytes) {
        Ok(PeerMessage::Outline(_) | PeerMessage::Transactions(_) | PeerMessage::Blocks(_))
            if rng.chance(800) =>
        {
            Vec::new()
        }
        Ok(PeerMessage::View { mut view, clock }) if rng.chance(300) => {
            view.height = Height::new(view.height.get() + 1_000);
            vec![encode(&PeerMessage::View { view, clock }).into()]
        }
        Ok(_) | Err(_) => vec![bytes],
    }
}

/// Signs two different things for one position.
#[derive(Debug)]
pub struct Equivocator {
    key: SecretKey,
    others: BTreeMap<Position, Option<Message>>,
    /// For each block that the replica proposed, another one.
    blocks: BTreeMap<BlockHash, Option<BlockOutline>>,
}

impl Equivocator {
    /// An equivocator that holds this voting key.
    #[must_use]
    pub fn new(key: SecretKey) -> Self {
        Self { key, others: BTreeMap::new(), blocks: BTreeMap::new() }
    }

    fn tamper(
        &mut self,
        replica: &Replica,
        to: usize,
        bytes: Arc<[u8]>,
        rng: &mut Rng,
    ) -> Vec<Arc<[u8]>> {
        let other: Option<Arc<[u8]>> = match decode::<PeerMessage>(&bytes) {
            Ok(PeerMessage::Outline(outline)) => self
                .other_block(replica, &outline)
                .map(|other| encode(&PeerMessage::Outline(Box::new(other))).into()),
            Ok(PeerMessage::Consensus(message)) => self
                .other_message(replica, &message, rng)
                .map(|other| encode(&PeerMessage::Consensus(other)).into()),
            Ok(_) | Err(_) => None,
        };
        match other {
            None => vec![bytes],
            Some(other) if rng.chance(200) => vec![bytes, other],
            Some(other) if to % 2 == 1 => vec![other],
            Some(_) => vec![bytes],
        }
    }

    /// Another block for one that we propose: without its last transaction, or a moment later.
    fn other_block(&mut self, replica: &Replica, outline: &BlockOutline) -> Option<BlockOutline> {
        let header = &outline.header;
        if Some(header.proposer) != replica.consensus().me()
            || header.parent != replica.state().tip().hash
        {
            return None;
        }
        let build = || {
            let known = |entry| replica.mempool().get(entry).cloned();
            let mut transactions: Vec<_> = outline.transactions.iter().filter_map(known).collect();
            transactions.pop();
            let proposed = Proposed {
                time: TimestampMs::new(header.time.get() + 1),
                proposer: header.proposer,
                round: header.round,
            };
            let state = replica.state();
            let reads = replica.chain_store();
            let executed =
                execute(state.clone(), reads, proposed, &[], &transactions, OnRefusal::Fail)
                    .ok()?;
            Some(BlockOutline {
                header: executed.header,
                evidence: List::default(),
                transactions: List::new(transactions.iter().map(|t| t.entry()).collect()).ok()?,
            })
        };
        self.blocks.entry(header.hash()).or_insert_with(build).clone()
    }

    fn other_message(
        &mut self,
        replica: &Replica,
        message: &Message,
        rng: &mut Rng,
    ) -> Option<Message> {
        if Some(message.signer()) != replica.consensus().me() {
            return None;
        }
        if let Some(other) = self.others.get(&message.position()) {
            return *other;
        }
        let chain = replica.state().chain();
        let set = replica.state().validators();
        let other = match message {
            Message::Proposal(signed) => {
                let proposal = signed.message;
                let block = self.blocks.get(&proposal.block).cloned().flatten();
                let block = block.map_or(BlockHash::new(rng.bytes()), |other| other.header.hash());
                let other = Proposal { block, ..proposal };
                Verified::sign(other, &self.key, chain, set)
                    .ok()
                    .map(|v| Message::Proposal(v.signed()))
            }
            Message::Vote(signed) => {
                let vote = signed.message;
                let other = match vote.block {
                    // Vote for both blocks of a proposal that was ours, or else against.
                    Some(block) => self
                        .blocks
                        .get(&block)
                        .and_then(|other| other.as_ref())
                        .filter(|_| rng.chance(500))
                        .map(|other| other.header.hash()),
                    None => replica.consensus().proposal(vote.round).map(|proposal| proposal.block),
                };
                (other != vote.block)
                    .then(|| {
                        Verified::sign(Vote { block: other, ..vote }, &self.key, chain, set).ok()
                    })
                    .flatten()
                    .map(|v| Message::Vote(v.signed()))
            }
        };
        self.others.insert(message.position(), other);
        other
    }
}
