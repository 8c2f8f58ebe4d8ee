//! Validators that lie, by name.
//!
//! Each wraps a real replica and changes what leaves it, so that everything else about it stays
//! plausible. A twin needs no wrapping: it is a second machine with the key of the first.

use crate::{
    clock::{MILLISECOND, Micros},
    rng::Rng,
};
use ledger_core::{
    block::{BlockOutline, CertifiedBlock},
    codec::{List, decode, encode},
    consensus::{Message, Position, Proposal, Verified, Vote},
    crypto::{BlockHash, EntryHash, SecretKey},
    ledger::{OnRefusal, Proposed, execute},
    receipt::CertifiedHeader,
    types::{Height, TimestampMs},
};
use replica::{PeerMessage, Replica, Road};
use std::{collections::BTreeMap, sync::Arc};

/// How long a [`Trickler`](Actor::Trickler) takes for a block: a little less than anybody's patience.
const TRICKLE: Micros = 900 * MILLISECOND;

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
    /// Says that it is far ahead and hands out nothing; proposes behind the back of one, and then falls silent.
    Obstructor(Box<Obstructor>),
    /// Hands out decided blocks one at a time, slowly; else does what is written.
    Trickler,
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
            Self::Obstructor(obstructor) => obstructor.tamper(replica, to, bytes),
            Self::Trickler => vec![trickle(bytes)],
        }
    }

    /// Takes in what machine `from` sends. What it answers by itself its replica does not hear.
    pub fn hears(&mut self, from: usize, bytes: &[u8]) -> Option<(Road, Arc<[u8]>)> {
        match self {
            Self::Obstructor(obstructor) => obstructor.hears(from, bytes),
            _ => None,
        }
    }

    /// How long it waits before it sends something on this road.
    #[must_use]
    pub fn dawdles(&self, road: Road) -> Micros {
        match (self, road) {
            (Self::Trickler, Road::Sync) => TRICKLE,
            _ => 0,
        }
    }
}

fn withhold(bytes: Arc<[u8]>, rng: &mut Rng) -> Vec<Arc<[u8]>> {
    match decode::<PeerMessage>(&bytes) {
        Ok(
            PeerMessage::Outline(_)
            | PeerMessage::Transactions(_)
            | PeerMessage::Blocks { .. }
            | PeerMessage::Decided(_),
        ) if rng.chance(800) => Vec::new(),
        Ok(PeerMessage::View { mut view, clock }) if rng.chance(300) => {
            view.height = Height::new(view.height.get() + 1_000);
            vec![encode(&PeerMessage::View { view, clock }).into()]
        }
        Ok(_) | Err(_) => vec![bytes],
    }
}

fn trickle(bytes: Arc<[u8]>) -> Arc<[u8]> {
    match decode::<PeerMessage>(&bytes) {
        Ok(PeerMessage::Blocks { first, tip, blocks }) => {
            let one = blocks.into_vec().into_iter().take(1).collect();
            let blocks = List::new(one).unwrap_or_default();
            encode(&PeerMessage::Blocks { first, tip, blocks }).into()
        }
        Ok(_) | Err(_) => bytes,
    }
}

/// The same header above another list.
fn falsified(outline: BlockOutline) -> BlockOutline {
    let mut listed = outline.transactions.into_vec();
    if outline.header.height.get().is_multiple_of(2) {
        listed.pop();
    } else {
        listed.push(EntryHash::new([9; 32]));
    }
    BlockOutline { transactions: List::new(listed).unwrap_or_default(), ..outline }
}

/// Keeps one machine behind, so that the chain lacks its vote.
#[derive(Debug)]
pub struct Obstructor {
    victim: usize,
    /// How far behind the victim must be before the others are left alone.
    lag: u64,
    /// The height that the victim really decides.
    victim_at: Option<Height>,
    /// The last view that it sent: it is far ahead.
    boast: Option<Arc<[u8]>>,
    has_proposed: bool,
    silent: bool,
    /// The last block that its replica knows.
    tip: Option<CertifiedHeader>,
    asked: u64,
}

impl Obstructor {
    /// A validator that works against this machine: from its own first proposal on it shows it nothing, and
    /// helps the others until it lags by so many heights. Then it falls silent.
    #[must_use]
    pub fn new(victim: usize, lag: u64) -> Self {
        Self {
            victim,
            lag,
            victim_at: None,
            boast: None,
            has_proposed: false,
            silent: false,
            tip: None,
            asked: 0,
        }
    }

    /// Whom it works against.
    #[must_use]
    pub fn victim(&self) -> usize {
        self.victim
    }

    /// Somebody tells it which height its victim decides: it knows more than a real one could.
    pub fn learn(&mut self, victim_at: Option<Height>) {
        self.victim_at = victim_at;
    }

    /// In turn: nothing; nothing with a last block that nobody decided; as many blocks as were asked for, all junk,
    /// and that last block.
    fn answer(&self, first: Height, last: Height) -> PeerMessage {
        let tip = self.tip.clone().map(|mut tip| {
            tip.header.height = tip.header.height.saturating_add(Height::new(1));
            Box::new(tip)
        });
        let count = last.saturating_sub(first).get().saturating_add(1).min(64);
        let junk = List::new((0..count).map(|_| vec![7; 40]).collect()).unwrap_or_default();
        match self.asked % 3 {
            0 => PeerMessage::Blocks { first, tip: None, blocks: List::default() },
            1 => PeerMessage::Blocks { first, tip, blocks: List::default() },
            _ => PeerMessage::Blocks { first, tip, blocks: junk },
        }
    }

    /// What it answers by itself to what machine `from` sends.
    pub fn hears(&mut self, from: usize, bytes: &[u8]) -> Option<(Road, Arc<[u8]>)> {
        match decode::<PeerMessage>(bytes) {
            // At once, so that it is asked again and nobody else is.
            Ok(PeerMessage::GetBlocks { first, last }) => {
                self.asked += 1;
                let answer = self.answer(first, last);
                Some((answer.road(), encode(&answer).into()))
            }
            // Whatever is asked, it was heard of last.
            Ok(PeerMessage::Consensus(_)) if from == self.victim => {
                self.boast.clone().map(|boast| (Road::Consensus, boast))
            }
            Ok(_) | Err(_) => None,
        }
    }

    /// Whether it has brought about what it wanted.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.silent
    }

    /// What really goes out when the replica wants to send `bytes` to machine `to`.
    pub fn tamper(&mut self, replica: &Replica, to: usize, bytes: Arc<[u8]>) -> Vec<Arc<[u8]>> {
        let height = replica.consensus().height();
        let lags = |at: Height| height.saturating_sub(at).get() >= self.lag;
        self.silent |= self.has_proposed && self.victim_at.is_some_and(lags);
        let known = self.tip.as_ref().map(|tip| tip.header.height);
        let decided = replica.state().tip().height;
        if known != Some(decided) {
            let block = replica.chain_store().block(decided).ok().flatten();
            self.tip = block.map(|CertifiedBlock { block, certificate }| CertifiedHeader {
                header: block.header,
                certificate,
            });
        }
        let message = decode::<PeerMessage>(&bytes);
        if let Ok(PeerMessage::Consensus(Message::Proposal(signed))) = &message
            && Some(signed.message.proposer) == replica.consensus().me()
        {
            self.has_proposed = true;
        }
        let behind_its_back = to == self.victim && self.has_proposed;
        match message {
            Ok(PeerMessage::View { mut view, clock }) => {
                view.height = view.height.saturating_add(Height::new(1_000));
                let boast: Arc<[u8]> = encode(&PeerMessage::View { view, clock }).into();
                self.boast = Some(boast.clone());
                vec![boast]
            }
            Ok(PeerMessage::GetBlocks { .. }) => vec![bytes],
            // The list is not covered by the hash of the block: one transaction less, or one that is not there.
            Ok(PeerMessage::Outline(outline)) if to == self.victim => {
                let own = Some(outline.header.proposer) == replica.consensus().me();
                let outline = if own { Box::new(falsified(*outline)) } else { outline };
                vec![encode(&PeerMessage::Outline(outline)).into()]
            }
            Ok(PeerMessage::Decided(mut decided)) => {
                decided.outline = falsified(decided.outline);
                vec![encode(&PeerMessage::Decided(decided)).into()]
            }
            Ok(_) | Err(_) if self.silent || behind_its_back => Vec::new(),
            Ok(_) | Err(_) => vec![bytes],
        }
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
            let proposed = Proposed::new(
                TimestampMs::new(header.time.get() + 1),
                header.proposer,
                header.round,
            );
            let state = replica.state();
            let reads = replica.chain_store().reading();
            let executed =
                execute(state.clone(), &reads, proposed, &[], &transactions, OnRefusal::Fail)
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
