//! The replica, event by event: what goes in and what comes out, as tables.
//!
//! One validator of four, property's, at its desk: it hears only what the table says, and its clocks show only what
//! the table says. What it says to everybody all the time (views) is left out.

#![allow(clippy::unwrap_used, reason = "a test stops where it is wrong")]

use ledger_core::{
    block::{BlockOutline, CertifiedBlock},
    codec::{Always, List, decode, encode},
    consensus::{
        Ignored, Message, Proposal, QuorumCertificate, Step, Verified, View, Vote, VoteKind,
    },
    crypto::{BlockHash, ChainId, verify_batch},
    fund::{Action as Act, PaymentRecord, Receipt},
    ledger::{Executed, OnRefusal, Proposed, State, execute},
    receipt::CertifiedHeader,
    transaction::{ReceivedTransaction, TRANSACTION_VERSION, Transaction, VerifiedTransaction},
    types::{DurationMs, Fen, Height, MemberId, Round, TimestampMs, ValidatorIndex},
};
use replica::{
    Action, Config, Decided, Event, MEMPOOL_BYTES_MAX, Now, Outcome, PeerMessage, Replica, Start,
    SteadyMs, TransactionBytes,
    chain_store::ChainStore,
    store::{Change, Entry, MemoryStore, Store, StoreError, Visit},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tests::community::{COMMITTEE, Community, Design, FARM, PROPERTY, START};

/// Long enough for any clock to be too far away.
const LONG: DurationMs = DurationMs::new(60_000);

// ---- the desk

/// A store that works until it is broken.
#[derive(Default)]
struct Brittle {
    store: MemoryStore,
    broken: AtomicBool,
}

impl Brittle {
    fn whole(&self) -> Result<&MemoryStore, StoreError> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(StoreError::Corrupt { detail: "a bad sector".to_owned() });
        }
        Ok(&self.store)
    }
}

impl Store for Brittle {
    fn get(&self, column: u8, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.whole()?.get(column, key)
    }

    fn get_many(&self, column: u8, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.whole()?.get_many(column, keys)
    }

    fn scan(
        &self,
        column: u8,
        prefix: &[u8],
        from: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError> {
        self.whole()?.scan(column, prefix, from, visit)
    }

    fn last(&self, column: u8, prefix: &[u8]) -> Result<Option<Entry>, StoreError> {
        self.whole()?.last(column, prefix)
    }

    fn apply(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        self.whole()?.apply(changes)
    }
}

/// A replica that hears only what the test tells it. Its disk and its processor answer when they are told to.
struct Desk {
    community: Community,
    replica: Replica,
    disk: Arc<Brittle>,
    now: Now,
    /// What the disk and the processor still owe.
    owed: Vec<Event>,
    requests: u64,
}

impl Desk {
    /// A moment after the founding, connected to the others, with leave to sign.
    fn open() -> Self {
        let mut design = Design::of(4);
        // Nothing but a transaction is a reason for a block here.
        design.policy.heartbeat_ms = 3_600_000;
        let community = Community::found(&design);
        let disk = Arc::new(Brittle::default());
        let (chain, state) = ChainStore::open(disk.clone(), &community.genesis).unwrap();
        let start = Start { chain, state, guard: None, nothing_signed: true };
        let key = community.voting_key(0).cloned();
        let config = Config { genesis: community.genesis.clone(), me: 0, key, entropy: [7; 32] };
        let now = Now { steady: SteadyMs::new(1_000), wall: START };
        let (replica, actions) = Replica::new(config, start, now).unwrap();
        assert_eq!(told(&actions), "");
        let mut desk = Self { community, replica, disk, now, owed: Vec::new(), requests: 0 };
        for node in 1..4 {
            desk.tell(Event::Connected(node));
        }
        for node in 1..4 {
            // Nobody has seen anything of this node: it may sign.
            desk.hear(node, &PeerMessage::RecoveryAnswer(None));
        }
        assert!(!desk.replica.is_recovering());
        desk
    }

    /// One event and what comes of it; what disk and processor owe is kept for [`Desk::settle`].
    fn tell(&mut self, event: Event) -> String {
        let actions = self.replica.handle(event, self.now);
        for action in &actions {
            match action {
                Action::CheckSignatures(items) => {
                    self.owed.push(Event::SignaturesChecked(verify_batch(items, &[3; 32])));
                }
                Action::Persist { job, writes } => {
                    for write in writes {
                        if let replica::Write::Store(changes) = write {
                            self.disk.apply(changes.clone()).unwrap();
                        }
                    }
                    self.owed.push(Event::Persisted(*job));
                }
                _ => {}
            }
        }
        told(&actions)
    }

    fn hear(&mut self, from: usize, message: &PeerMessage) -> String {
        self.tell(Event::Received { from, bytes: encode(message) })
    }

    /// A client hands in signed bytes.
    fn submit(&mut self, bytes: &[u8]) -> String {
        self.requests += 1;
        self.tell(Event::Submit { request: self.requests, bytes: bytes.to_vec() })
    }

    /// Disk and processor answer, until they owe nothing.
    fn settle(&mut self) -> String {
        let mut said = Vec::new();
        while !self.owed.is_empty() {
            let event = self.owed.remove(0);
            said.push(self.tell(event));
        }
        said.retain(|text| !text.is_empty());
        said.join("; ")
    }

    /// Both clocks go on.
    fn pass(&mut self, wait: DurationMs) -> String {
        self.now = Now { steady: self.now.steady.after(wait), wall: self.now.wall.after(wait) };
        self.tell(Event::Tick)
    }

    fn chain(&self) -> ChainId {
        self.community.genesis.chain
    }

    /// What a member says, well signed.
    fn sign(&self, author: MemberId, expires: TimestampMs, action: Act) -> ReceivedTransaction {
        let (version, chain, nonce) = (TRANSACTION_VERSION, self.chain(), 1);
        let body = Transaction { version, chain, author, expires, nonce, action };
        body.sign(self.community.key(author))
    }

    /// Property books money that came from somebody unknown, under this number.
    fn receipt(&self, number: &str) -> ReceivedTransaction {
        self.sign(PROPERTY, START.after(LONG), received(number))
    }

    fn vote(&self, node: usize, vote: Vote) -> PeerMessage {
        let key = self.community.voting_key(node).unwrap();
        let state = self.replica.state();
        let signed = Verified::sign(vote, key, state.chain(), state.validators()).unwrap();
        PeerMessage::Consensus(Message::Vote(signed.signed()))
    }

    /// Another validator prevotes nothing in a round of a height.
    fn prevote_nil(&self, node: usize, height: u64, round: u32) -> PeerMessage {
        let validator = ValidatorIndex::new(u16::try_from(node).unwrap());
        let (height, round) = (Height::new(height), Round::new(round));
        self.vote(node, Vote { height, round, kind: VoteKind::Prevote, block: None, validator })
    }

    /// The rightful proposer of a round proposes a block.
    fn proposal(&self, outline: &BlockOutline) -> PeerMessage {
        let (header, block) = (&outline.header, outline.header.hash());
        let (height, round, proposer) = (header.height, header.round, header.proposer);
        let proposal = Proposal { height, round, block, valid_round: None, proposer };
        let key = self.community.voting_key(usize::from(proposer.get())).unwrap();
        let state = self.replica.state();
        let signed = Verified::sign(proposal, key, state.chain(), state.validators()).unwrap();
        PeerMessage::Consensus(Message::Proposal(signed.signed()))
    }
}

fn received(number: &str) -> Act {
    Act::ReceiveUnidentified(Receipt {
        channel: 0,
        number: number.parse().unwrap(),
        amount: Fen::new(100),
        received_at: START,
    })
}

fn verified(transaction: ReceivedTransaction) -> VerifiedTransaction {
    transaction.verified_in_batch(true).unwrap()
}

fn pushed(transactions: &[&ReceivedTransaction]) -> PeerMessage {
    let bytes = transactions.iter().map(|one| TransactionBytes(one.bytes().to_vec())).collect();
    PeerMessage::Transactions(List::new(bytes).unwrap())
}

/// Actions as a line of text. Views are left out.
fn told(actions: &[Action]) -> String {
    let mut said: Vec<(String, Vec<String>)> = Vec::new();
    for action in actions {
        let (what, to) = match action {
            Action::Send { to, bytes, .. } => match decode::<PeerMessage>(bytes).unwrap() {
                PeerMessage::View { .. } => continue,
                message => (told_message(&message), Some(to.to_string())),
            },
            Action::CheckSignatures(items) => (format!("check {}", items.len()), None),
            Action::Persist { writes, .. } => (format!("persist {}", writes.len()), None),
            Action::Answer { request, outcome } => {
                let outcome = match outcome {
                    Outcome::Pending(_) => "pending".to_owned(),
                    Outcome::Decided { height, .. } => format!("decided at {height}"),
                    Outcome::Refused(refusal) => format!("refused, {}", refusal.name()),
                };
                (format!("answer {request}: {outcome}"), None)
            }
            Action::Announce(height) => (format!("announce {height}"), None),
            Action::Applied { height, .. } => (format!("applied {height}"), None),
            Action::Alarm(text) => {
                (format!("alarm: {}", text.split(": ").next().unwrap_or_default()), None)
            }
            Action::DiskFailed(error) => (format!("disk failed: {error}"), None),
        };
        match said.last_mut() {
            Some((last, receivers)) if *last == what && to.is_some() => receivers.extend(to),
            _ => said.push((what, to.into_iter().collect())),
        }
    }
    let line = |(what, to): (String, Vec<String>)| {
        if to.is_empty() { what } else { format!("to {}: {what}", to.join(" ")) }
    };
    said.into_iter().map(line).collect::<Vec<_>>().join("; ")
}

fn told_message(message: &PeerMessage) -> String {
    match message {
        PeerMessage::Consensus(Message::Proposal(_)) => "proposal".to_owned(),
        PeerMessage::Consensus(Message::Vote(vote)) => {
            let what = if vote.message.block.is_some() { "block" } else { "nil" };
            format!("{:?} {what}", vote.message.kind)
        }
        PeerMessage::Transactions(list) => format!("{} transactions", list.len()),
        PeerMessage::GetTransactions(list) => format!("get {} transactions", list.len()),
        PeerMessage::GetBlocks { first, last } => format!("get blocks {first}-{last}"),
        PeerMessage::Blocks { tip, blocks, .. } => {
            let tip = tip.as_ref().map_or(Height::ZERO, |tip| tip.header.height);
            format!("{} blocks of {tip}", blocks.len())
        }
        PeerMessage::Decided(decided) => format!("decision {}", decided.certificate.height),
        PeerMessage::GetOutline { .. } => "get outline".to_owned(),
        PeerMessage::Outline(outline) if outline.evidence.is_empty() => "outline".to_owned(),
        PeerMessage::Outline(outline) => format!("outline, {} evidence", outline.evidence.len()),
        PeerMessage::View { .. }
        | PeerMessage::RecoveryQuestion
        | PeerMessage::RecoveryAnswer(_) => format!("{message:?}"),
    }
}

// ---- a chain that the others have decided

/// Blocks as the others decide them.
struct Others {
    state: State,
    store: ChainStore,
    time: TimestampMs,
}

impl Others {
    fn of(desk: &Desk) -> Self {
        let store = Arc::new(MemoryStore::new());
        let (store, state) = ChainStore::open(store, &desk.community.genesis).unwrap();
        Self { state, store, time: START }
    }

    /// A block after the last one, decided by nobody yet.
    fn build(&self, time: TimestampMs, round: Round, of: &[VerifiedTransaction]) -> Executed {
        let height = self.state.tip().height.next();
        let proposer = self.state.validators().proposer(height, round);
        let proposed = Proposed::new(time, proposer, round);
        let (state, reads) = (self.state.clone(), self.store.reading());
        execute(state, &reads, proposed, &[], of, OnRefusal::Fail).unwrap()
    }

    /// Decides an empty block, by the precommits of these validators.
    fn decide(&mut self, desk: &Desk, signers: &[usize]) -> CertifiedBlock {
        self.time = self.time.after(DurationMs::new(1));
        let mut executed = self.build(self.time, Round::ZERO, &[]);
        let block = executed.block();
        let certificate = self.certify(desk, &executed, signers);
        let changes = ChainStore::decided(&mut executed, &certificate, &BTreeSet::new());
        self.store.store().apply(changes).unwrap();
        self.state = executed.state;
        CertifiedBlock { block, certificate }
    }

    fn certify(&self, desk: &Desk, executed: &Executed, signers: &[usize]) -> QuorumCertificate {
        let (height, round, block) = (executed.header.height, Round::ZERO, executed.hash);
        let signature = |node: &usize| {
            let validator = ValidatorIndex::new(u16::try_from(*node).unwrap());
            let kind = VoteKind::Precommit;
            let vote = Vote { height, round, kind, block: Some(block), validator };
            let key = desk.community.voting_key(*node).unwrap();
            let set = self.state.validators();
            (validator, Verified::sign(vote, key, &desk.chain(), set).unwrap().signed().signature)
        };
        let signatures = List::new(signers.iter().map(signature).collect()).unwrap();
        QuorumCertificate { kind: Always, height, round, block, signatures }
    }
}

const QUORUM: [usize; 3] = [1, 2, 3];

fn outline(executed: &Executed) -> BlockOutline {
    let listed = executed.entries.iter().filter(|entry| entry.transaction.is_some());
    BlockOutline {
        header: executed.header.clone(),
        evidence: List::default(),
        transactions: List::new(listed.map(|entry| entry.hash).collect()).unwrap(),
    }
}

fn decision(decided: &CertifiedBlock) -> PeerMessage {
    let outline = BlockOutline {
        header: decided.block.header.clone(),
        evidence: List::default(),
        transactions: List::default(),
    };
    let certificate = decided.certificate.clone();
    PeerMessage::Decided(Box::new(Decided { certificate, outline }))
}

fn answer(first: u64, tip: Option<&CertifiedBlock>, blocks: Vec<Vec<u8>>) -> PeerMessage {
    let tip = tip.map(|tip| {
        let (header, certificate) = (tip.block.header.clone(), tip.certificate.clone());
        Box::new(CertifiedHeader { header, certificate })
    });
    let (first, blocks) = (Height::new(first), List::new(blocks).unwrap());
    PeerMessage::Blocks { first, tip, blocks }
}

/// A view of a node that decides this height.
fn view(desk: &Desk, height: u64) -> PeerMessage {
    let view = View { height: Height::new(height), ..desk.replica.consensus().view() };
    PeerMessage::View { view, clock: desk.now.wall }
}

// ---- admission

#[test]
fn a_transaction_is_admitted_by_form_signature_and_what_the_ledger_says() {
    let desk = Desk::open();
    let soon = START.after(LONG);
    let good = desk.receipt("p-1");
    let mut forged = good.bytes().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let body = |change: fn(&mut Transaction)| {
        let mut body = good.transaction().clone();
        change(&mut body);
        body.sign(desk.community.key(PROPERTY)).bytes().to_vec()
    };
    let other_chain = body(|body| body.chain = ChainId::new([9; 32]));
    let rows: [(&str, Vec<u8>, &str, &str); 10] = [
        // what is handed in, the answer at once, the answer once its signature is checked
        ("good", good.bytes().to_vec(), "check 1", "answer 1: pending; to 1 2 3: 1 transactions"),
        ("forged", forged, "check 1", "answer 1: refused, BadSignature"),
        ("cut short", good.bytes()[1..].to_vec(), "answer 1: refused, Malformed", ""),
        ("nothing", Vec::new(), "answer 1: refused, Malformed", ""),
        ("of another chain", other_chain, "answer 1: refused, WrongChain", ""),
        (
            "of another version",
            body(|body| body.version += 1),
            "answer 1: refused, WrongVersion",
            "",
        ),
        (
            "of nobody",
            body(|body| body.author = MemberId::new(99)),
            "answer 1: refused, UnknownAuthor",
            "",
        ),
        (
            "expired",
            desk.sign(PROPERTY, START, received("p-1")).bytes().to_vec(),
            "check 1",
            "answer 1: refused, Expired",
        ),
        (
            "good for ever",
            desk.sign(PROPERTY, TimestampMs::new(u64::MAX), received("p-1")).bytes().to_vec(),
            "check 1",
            "answer 1: refused, ExpiresTooLate",
        ),
        (
            "not its business",
            desk.sign(FARM, soon, received("p-1")).bytes().to_vec(),
            "check 1",
            "answer 1: refused, NotTheCustodian",
        ),
    ];
    for (what, bytes, at_once, checked) in rows {
        let mut desk = Desk::open();
        assert_eq!(desk.submit(&bytes), at_once, "{what}");
        assert_eq!(desk.settle(), checked, "{what}");
    }
}

#[test]
fn the_same_transaction_again_is_the_same_word() {
    let mut desk = Desk::open();
    let one = desk.receipt("p-1");
    assert_eq!(desk.submit(one.bytes()), "check 1");
    assert_eq!(desk.settle(), "answer 1: pending; to 1 2 3: 1 transactions");
    // It waits: neither checked nor passed on again, and both clients will hear of it.
    assert_eq!(desk.submit(one.bytes()), "answer 2: pending");
    assert_eq!(desk.replica.mempool().len(), 1);
    // The same number with other content builds on what waits, so only a block can judge it.
    let other = desk.sign(PROPERTY, START.after(DurationMs::new(1)), received("p-1"));
    assert_eq!(desk.submit(other.bytes()), "check 1");
    assert_eq!(desk.settle(), "answer 3: pending; to 1 2 3: 1 transactions");
}

#[test]
fn what_a_peer_passes_on_is_checked_and_answered_to_nobody() {
    let desk = Desk::open();
    let good = desk.receipt("p-1");
    let expired = desk.sign(PROPERTY, START, received("p-1"));
    let late = desk.sign(FARM, START.after(LONG), received("p-1"));
    let mut bytes = good.bytes().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    let forged = ReceivedTransaction::decode(&bytes).unwrap();
    let junk = PeerMessage::Transactions(List::new(vec![TransactionBytes(vec![1])]).unwrap());
    let rows: [(&str, PeerMessage, &str, usize); 5] = [
        // what is passed on, what comes of it, how many wait then
        ("good", pushed(&[&good]), "check 1", 1),
        ("one of them forged", pushed(&[&good, &forged]), "check 2", 1),
        // Whether it is worth anything is for a block to say.
        ("not its author's business", pushed(&[&late]), "check 1", 1),
        ("expired before the last block", pushed(&[&expired]), "check 1", 1),
        ("junk", junk, "alarm: committee sent a malformed transaction", 0),
    ];
    for (what, message, at_once, waiting) in rows {
        let mut desk = Desk::open();
        assert_eq!(desk.hear(1, &message), at_once, "{what}");
        assert_eq!(desk.settle(), "", "{what}");
        assert_eq!(desk.replica.mempool().len(), waiting, "{what}");
    }
}

// ---- fairness between authors

#[test]
fn a_block_takes_one_of_each_author_in_turn() {
    let (p, c, f) = (PROPERTY, COMMITTEE, FARM);
    let rows: [(&[MemberId], usize, &[MemberId]); 4] = [
        // in the order in which they came, how many fit, who is taken
        (&[p, p, p, c, f], 3, &[p, c, f]),
        (&[p, p, p, c, f], 4, &[p, c, f, p]),
        (&[c, c, c, c, p], 9, &[p, c, c, c, c]),
        (&[f, p], 1, &[p]),
    ];
    for (came, fit, taken) in rows {
        let mut desk = Desk::open();
        let list: Vec<_> = came
            .iter()
            .zip(0..)
            .map(|(author, n)| desk.sign(*author, START.after(LONG), received(&format!("p-{n}"))))
            .collect();
        desk.hear(1, &pushed(&list.iter().collect::<Vec<_>>()));
        desk.settle();
        let picked = desk.replica.mempool().pick(fit);
        let authors: Vec<_> = picked.iter().map(|one| one.transaction().author).collect();
        assert_eq!(authors, taken, "{came:?}");
        // Each author's own in the order in which they came.
        let mut last = BTreeMap::new();
        for one in &picked {
            let place = list.iter().position(|known| known.entry() == one.entry());
            assert!(last.insert(one.transaction().author, place) < Some(place), "{came:?}");
        }
    }
}

#[test]
fn one_author_fills_a_quarter_of_the_pool_and_leaves_room_for_others() {
    let mut desk = Desk::open();
    // As large as honest ones get: their content is for a block to judge.
    let large = |desk: &Desk, author, n: u32| {
        let number = |k: u32| format!("p-{n}-{k}");
        let record = |k| PaymentRecord {
            number: number(k).parse().unwrap(),
            channel: 0,
            paid_at: START,
            shares: List::default(),
        };
        let payments = List::new((0..1_000).map(record).collect()).unwrap();
        let group_buy = "nowhere".parse().unwrap();
        desk.sign(author, START.after(LONG), Act::RecordPayments { group_buy, payments })
    };
    let (mut bytes, mut n) = (0, 0);
    loop {
        let one = large(&desk, PROPERTY, n);
        let before = desk.replica.mempool().len();
        desk.hear(1, &pushed(&[&one]));
        // What is signed is signed well; a signature of each need not be checked for that.
        desk.owed = vec![Event::SignaturesChecked(vec![true])];
        desk.settle();
        if desk.replica.mempool().len() == before {
            break;
        }
        (bytes, n) = (bytes + one.bytes().len(), n + 1);
    }
    assert!(bytes <= MEMPOOL_BYTES_MAX / 4 && bytes > MEMPOOL_BYTES_MAX / 5, "{bytes} of {n}");
    let rows = [
        // who hands one in more, and what it hears
        (PROPERTY, "answer 1: refused, MempoolFull"),
        (COMMITTEE, "answer 2: refused, GroupBuyUnknown"),
    ];
    for (author, answer) in rows {
        let one = large(&desk, author, n);
        desk.submit(one.bytes());
        assert_eq!(desk.settle(), answer);
    }
    desk.hear(1, &pushed(&[&large(&desk, FARM, n)]));
    desk.settle();
    assert_eq!(desk.replica.mempool().len() as u32, n + 1, "another author finds room");
}

// ---- judging a fresh proposal

/// Whether a node votes for a fresh block of this round whose time is so many milliseconds ahead of its clock when
/// the proposal comes.
fn is_voted_for(round: u32, ahead_ms: i64, numbers: &[&str]) -> bool {
    let mut desk = Desk::open();
    let transactions: Vec<_> = numbers.iter().map(|number| desk.receipt(number)).collect();
    let time = TimestampMs::new(START.get().checked_add_signed(ahead_ms).unwrap());
    let list: Vec<_> = transactions.iter().cloned().map(verified).collect();
    let executed = Others::of(&desk).build(time, Round::new(round), &list);
    assert_ne!(executed.header.proposer, ValidatorIndex::new(0), "another one proposes");
    desk.hear(1, &pushed(&transactions.iter().collect::<Vec<_>>()));
    desk.settle();
    if round > 0 {
        // More than one third are in that round: this node goes there.
        for node in [2, 3] {
            let vote = desk.prevote_nil(node, 1, round);
            desk.hear(node, &vote);
        }
    }
    desk.settle();
    desk.hear(1, &PeerMessage::Outline(Box::new(outline(&executed))));
    let proposal = desk.proposal(&outline(&executed));
    desk.hear(1, &proposal);
    let said = desk.settle();
    let voted = said.contains("to 1 2 3: Prevote block");
    assert_ne!(voted, said.contains("to 1 2 3: Prevote nil"), "{said}");
    voted
}

#[test]
fn a_fresh_block_is_judged_by_its_time_and_the_bound_behind_widens_with_the_round() {
    let rows = [
        // round, milliseconds ahead of our clock, whether it is voted for
        (0, 0, true),
        (0, 10_000, true),
        (0, 10_001, false),
        (0, -15_000, true),
        (0, -15_001, false),
        // One that is ahead gets no more room in later rounds; one that is behind gets more and more.
        (1, 10_001, false),
        (1, -15_001, true),
        (1, -30_000, true),
        (1, -30_001, false),
        (2, 10_001, false),
        (2, -45_000, true),
        (2, -45_001, false),
    ];
    for (round, ahead_ms, fits) in rows {
        assert_eq!(is_voted_for(round, ahead_ms, &["p-1"]), fits, "round {round}, {ahead_ms} ms");
    }
}

#[test]
fn an_empty_block_needs_a_reason_in_round_0_only() {
    let rows: [(u32, &[&str], bool); 3] =
        // round, what is in the block, whether it is voted for
        [(0, &["p-1"], true), (0, &[], false), (1, &[], true)];
    for (round, numbers, fits) in rows {
        assert_eq!(is_voted_for(round, 0, numbers), fits, "round {round}, {numbers:?}");
    }
}

// ---- evidence

#[test]
fn a_block_takes_bounded_evidence() {
    let rows = [
        // how often a validator is seen to sign twice, what this node proposes when its turn comes
        (0, "to 1 2 3: outline; to 1 2 3: proposal"),
        (1, "to 1 2 3: outline, 1 evidence; to 1 2 3: proposal"),
        (16, "to 1 2 3: outline, 16 evidence; to 1 2 3: proposal"),
        (30, "to 1 2 3: outline, 16 evidence; to 1 2 3: proposal"),
    ];
    for (times, said) in rows {
        let mut desk = Desk::open();
        let validator = ValidatorIndex::new(2);
        for n in 0..times {
            let kind = if n < 15 { VoteKind::Prevote } else { VoteKind::Precommit };
            let round = Round::new(n % 15);
            for block in [None, Some(BlockHash::new([1; 32]))] {
                let vote =
                    desk.vote(2, Vote { height: Height::new(1), round, kind, block, validator });
                desk.hear(2, &vote);
            }
        }
        // Two of four are in a round that this node proposes in.
        for node in [2, 3] {
            let vote = desk.prevote_nil(node, 1, 15);
            desk.hear(node, &vote);
        }
        let settled = desk.settle();
        assert!(settled.contains(said), "{times}: {settled}");
    }
}

// ---- catching up

#[test]
fn who_is_behind_waits_a_moment_and_then_asks_those_who_say_to_be_ahead() {
    let mut desk = Desk::open();
    let mut others = Others::of(&desk);
    let blocks: Vec<_> = (0..3).map(|_| others.decide(&desk, &QUORUM)).collect();
    let bytes: Vec<_> = blocks.iter().map(encode).collect();
    let ahead = view(&desk, 4);
    assert_eq!(desk.hear(1, &ahead), "");
    assert_eq!(desk.pass(DurationMs::new(59)), "", "what is passed on unasked may still come");
    assert_eq!(desk.pass(DurationMs::new(1)), "to 1: get blocks 1-2");
    let rows = [
        // what happens next, what comes of it
        (answer(1, Some(&blocks[2]), bytes[..2].to_vec()), "persist 1; to 1: get blocks 3-3"),
        (answer(3, Some(&blocks[2]), bytes[2..].to_vec()), ""),
    ];
    for (message, said) in rows {
        assert_eq!(desk.hear(1, &message), said);
    }
    assert_eq!(desk.replica.certified_height(), Height::new(3), "the last one is proven");
    assert_eq!(desk.settle(), "applied 1; persist 1; applied 2; persist 1; applied 3");
    // Nobody is ahead any more, so nobody is asked; who is not heard to have them is told instead.
    let said = desk.pass(LONG);
    assert_eq!(said, "to 2 3: decision 1; to 2 3: decision 2; to 2 3: decision 3");
}

#[test]
fn nobody_is_believed_about_blocks_without_proof() {
    let desk = Desk::open();
    let mut others = Others::of(&desk);
    let few = others.decide(&desk, &[1, 2]);
    let mut others = Others::of(&desk);
    let first = others.decide(&desk, &QUORUM);
    let second = others.decide(&desk, &QUORUM);
    let good = || vec![encode(&first)];
    let rows: [(&str, usize, PeerMessage, &str, u64); 8] = [
        // what is answered to "get blocks 1-1", by whom, what comes of it, up to where the chain is proven then
        ("the block", 1, answer(1, Some(&first), good()), "persist 1", 1),
        (
            "the block, and more is shown",
            1,
            answer(1, Some(&second), good()),
            "persist 1; to 1: get blocks 2-2",
            2,
        ),
        ("unasked", 2, answer(1, Some(&first), good()), "", 0),
        ("another range", 1, answer(2, Some(&first), good()), "", 0),
        ("that there is nothing", 1, answer(1, None, Vec::new()), "", 0),
        (
            "junk",
            1,
            answer(1, None, vec![vec![1, 2, 3]]),
            "alarm: committee served a block that cannot be read",
            0,
        ),
        (
            "a block that too few decided",
            1,
            answer(1, None, vec![encode(&few)]),
            "alarm: committee served a block that does not follow",
            0,
        ),
        (
            "a last block that too few decided",
            1,
            answer(1, Some(&few), Vec::new()),
            "alarm: committee shows a last block that nobody decided",
            0,
        ),
    ];
    for (what, from, message, said, proven) in rows {
        let mut desk = Desk::open();
        let ahead = view(&desk, 2);
        desk.hear(1, &ahead);
        assert_eq!(desk.pass(DurationMs::new(60)), "to 1: get blocks 1-1", "{what}");
        assert_eq!(desk.hear(from, &message), said, "{what}");
        assert_eq!(desk.replica.certified_height(), Height::new(proven), "{what}");
    }
}

#[test]
fn a_question_for_blocks_is_always_answered() {
    let mut desk = Desk::open();
    let mut others = Others::of(&desk);
    let first = others.decide(&desk, &QUORUM);
    let ask =
        |first, last| PeerMessage::GetBlocks { first: Height::new(first), last: Height::new(last) };
    assert_eq!(desk.hear(2, &ask(1, 64)), "to 2: 0 blocks of 0", "there is none yet");
    assert_eq!(desk.hear(1, &decision(&first)), "persist 1");
    assert_eq!(desk.settle(), "applied 1");
    let rows = [
        (1, 64, "to 2: 1 blocks of 1"),
        (0, 0, "to 2: 0 blocks of 1"),
        (2, 64, "to 2: 0 blocks of 1"),
        (u64::MAX, u64::MAX, "to 2: 0 blocks of 1"),
    ];
    for (first, last, said) in rows {
        assert_eq!(desk.hear(2, &ask(first, last)), said, "{first} to {last}");
    }
}

#[test]
fn a_decision_is_passed_on_to_validators_that_are_not_heard_to_have_it() {
    let mut desk = Desk::open();
    let mut others = Others::of(&desk);
    let first = others.decide(&desk, &QUORUM);
    // The first says itself that it is further.
    desk.hear(1, &decision(&first));
    assert_eq!(desk.settle(), "applied 1");
    assert_eq!(desk.pass(DurationMs::new(19)), "");
    assert_eq!(desk.pass(DurationMs::new(1)), "to 2 3: decision 1");
    // Who still says so is told again, once a second.
    let behind = view(&desk, 1);
    assert_eq!(desk.hear(2, &behind), "");
    assert_eq!(desk.pass(DurationMs::new(1_000)), "");
    assert_eq!(desk.hear(2, &behind), "to 2: decision 1");
    assert_eq!(desk.hear(2, &behind), "");
}

// ---- messages of coming heights

#[test]
fn votes_of_the_next_four_heights_are_kept_and_count_when_their_height_comes() {
    let rows: [(u64, &[usize], bool); 6] = [
        // the height of the votes, of whom, whether the height is awake when it comes (P2: more than one third)
        (2, &[], false),
        (2, &[2], false),
        (2, &[2, 3], true),
        (5, &[2, 3], true),
        (6, &[2, 3], false),
        // Two of one are not of two.
        (3, &[2, 2], false),
    ];
    for (height, voters, awake) in rows {
        let mut desk = Desk::open();
        let mut others = Others::of(&desk);
        for node in voters {
            let vote = desk.prevote_nil(*node, height, 0);
            assert_eq!(desk.hear(*node, &vote), "", "nothing comes of it yet");
        }
        for _ in 1..height {
            let decided = others.decide(&desk, &QUORUM);
            desk.hear(1, &decision(&decided));
            desk.settle();
        }
        assert_eq!(desk.replica.consensus().height(), Height::new(height));
        let step = desk.replica.consensus().step();
        assert_eq!(step != Step::Waiting, awake, "{height}, {voters:?}: {step:?}");
    }
}

#[test]
fn decisions_of_coming_heights_wait_for_their_turn() {
    let mut desk = Desk::open();
    let mut others = Others::of(&desk);
    let blocks: Vec<_> = (0..3).map(|_| others.decide(&desk, &QUORUM)).collect();
    assert_eq!(desk.hear(2, &decision(&blocks[2])), "");
    assert_eq!(desk.hear(3, &decision(&blocks[1])), "");
    assert_eq!(desk.hear(1, &decision(&blocks[0])), "persist 1");
    assert_eq!(desk.settle(), "applied 1; persist 1; applied 2; persist 1; applied 3");
}

#[test]
fn early_messages_take_bounded_room() {
    for (junk, awake) in [(510, true), (511, false)] {
        let mut desk = Desk::open();
        // A liar fills the room with votes of one height that comes.
        for round in 0..junk {
            let vote = desk.prevote_nil(1, 5, round);
            desk.hear(1, &vote);
        }
        for node in [2, 3] {
            let vote = desk.prevote_nil(node, 2, 0);
            desk.hear(node, &vote);
        }
        let decided = Others::of(&desk).decide(&desk, &QUORUM);
        desk.hear(2, &decision(&decided));
        desk.settle();
        let step = desk.replica.consensus().step();
        assert_eq!(step != Step::Waiting, awake, "{junk}");
    }
}

// ---- two clocks

#[test]
fn waits_are_measured_by_the_steady_clock_and_block_times_by_the_wall() {
    let minute = LONG;
    let hour = DurationMs::new(3_600_000);
    let rows = [
        // how far the steady clock goes on, the wall clock, and what comes of it: the propose timer ends or not
        (DurationMs::ZERO, hour, ""),
        (minute, DurationMs::ZERO, "persist 1"),
    ];
    for (steady, wall, said) in rows {
        let mut desk = Desk::open();
        let one = desk.receipt("p-1");
        desk.submit(one.bytes());
        desk.settle();
        assert_eq!(desk.replica.consensus().step(), Step::Propose);
        desk.now = Now { steady: desk.now.steady.after(steady), wall: desk.now.wall.after(wall) };
        let ticked = desk.tell(Event::Tick).replace("; to 1 2 3: 1 transactions", "");
        assert_eq!(ticked, said, "{steady:?}, {wall:?}");
    }
}

#[test]
fn the_heartbeat_is_told_by_the_wall_clock() {
    let hour = DurationMs::new(3_600_000);
    let rows = [
        // how far the steady clock goes on, the wall clock, and whether there is a reason for a block then
        (DurationMs::ZERO, hour, true),
        (hour, DurationMs::ZERO, false),
    ];
    for (steady, wall, awake) in rows {
        let mut desk = Desk::open();
        desk.now = Now { steady: desk.now.steady.after(steady), wall: desk.now.wall.after(wall) };
        desk.tell(Event::Tick);
        let step = desk.replica.consensus().step();
        assert_eq!(step != Step::Waiting, awake, "{steady:?}, {wall:?}");
    }
}

// ---- a disk that fails

#[test]
fn a_disk_that_fails_ends_everything_and_nobody_is_blamed() {
    let failed = "disk failed: the store is damaged: a bad sector";
    type Act = fn(&mut Desk) -> String;
    let rows: [(&str, Act); 7] = [
        ("a client hands something in", |desk| {
            let one = desk.receipt("p-2");
            desk.submit(one.bytes())
        }),
        ("a signature was right", |desk| {
            let one = desk.receipt("p-2");
            desk.hear(1, &pushed(&[&one]));
            desk.settle()
        }),
        ("a peer asks for blocks", |desk| {
            let (first, last) = (Height::new(1), Height::new(1));
            desk.hear(1, &PeerMessage::GetBlocks { first, last })
        }),
        ("a block is to be judged", |desk| {
            let mut others = Others::of(desk);
            others.decide(desk, &QUORUM);
            let one = verified(desk.receipt("p-1"));
            let executed = others.build(START.after(DurationMs::new(9)), Round::ZERO, &[one]);
            desk.hear(2, &PeerMessage::Outline(Box::new(outline(&executed))));
            let proposal = desk.proposal(&outline(&executed));
            desk.hear(2, &proposal)
        }),
        ("a block is to be built", |desk| {
            // More than one third are in a round that this node proposes in.
            let votes = [2, 3].map(|node| (node, desk.prevote_nil(node, 2, 2)));
            votes.map(|(node, vote)| desk.hear(node, &vote)).join("; ")
        }),
        ("a block that was served is to be executed", |desk| {
            let mut others = Others::of(desk);
            others.decide(desk, &QUORUM);
            let one = verified(desk.receipt("p-1"));
            let executed = others.build(START.after(DurationMs::new(9)), Round::ZERO, &[one]);
            let certificate = others.certify(desk, &executed, &QUORUM);
            let served = encode(&CertifiedBlock { block: executed.block(), certificate });
            let ahead = view(desk, 3);
            desk.hear(3, &ahead);
            assert_eq!(desk.pass(DurationMs::new(60)), "to 2: decision 1; to 3: get blocks 2-2");
            desk.hear(3, &answer(2, None, vec![served]))
        }),
        ("a decided block is to be executed", |desk| {
            let mut others = Others::of(desk);
            others.decide(desk, &QUORUM);
            let one = verified(desk.receipt("p-1"));
            let executed = others.build(START.after(DurationMs::new(9)), Round::ZERO, &[one]);
            let certificate = others.certify(desk, &executed, &QUORUM);
            let decided = Decided { certificate, outline: outline(&executed) };
            desk.hear(2, &PeerMessage::Decided(Box::new(decided)))
        }),
    ];
    for (what, act) in rows {
        let mut desk = Desk::open();
        let first = Others::of(&desk).decide(&desk, &QUORUM);
        desk.hear(1, &decision(&first));
        let waiting = desk.receipt("p-1");
        desk.hear(1, &pushed(&[&waiting]));
        desk.settle();
        desk.disk.broken.store(true, Ordering::Relaxed);
        let said = act(&mut desk);
        assert_eq!(said.split("; ").last(), Some(failed), "{what}: {said}");
        assert!(!said.contains("alarm"), "{what}: {said}");
        desk.owed.clear();
        assert_eq!(desk.submit(waiting.bytes()), "", "{what}: nothing comes after it");
        assert_eq!(desk.pass(LONG), "", "{what}");
    }
}

// ---- what is ignored

#[test]
fn what_consensus_ignores_is_counted_by_its_reason() {
    let mut desk = Desk::open();
    let one = desk.receipt("p-1");
    desk.hear(1, &pushed(&[&one]));
    desk.settle();
    let before = desk.replica.ignored().clone();
    let rows = [
        // a vote, and the reason for which it counts for nothing
        (desk.prevote_nil(2, 1, 0), None),
        (desk.prevote_nil(2, 1, 0), Some(Ignored::Duplicate)),
        (desk.prevote_nil(3, 1, 99), None),
        (desk.prevote_nil(3, 1, 98), Some(Ignored::RoundFarAhead)),
    ];
    let mut expected = before;
    for (vote, reason) in rows {
        desk.hear(2, &vote);
        if let Some(reason) = reason {
            *expected.entry(reason).or_default() += 1;
        }
        assert_eq!(desk.replica.ignored(), &expected, "{vote:?}");
    }
}
