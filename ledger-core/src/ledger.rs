//! The replicated state machine: a state and a block's transactions give the next state.
//!
//! The proposer runs it to build a block, every validator to judge one, every auditor to replay one:
//! the same function. It knows nothing of how the block was agreed on.

use crate::{
    block::{
        BLOCK_BYTES_MAX, BLOCK_EVIDENCE_MAX, BLOCK_TRANSACTIONS_MAX, Entry, EntryBytes, Extensions,
        FORMAT_VERSION, Header, RULES_VERSION, SystemEntry, evidence_hash,
    },
    codec::{Decode, Encode, List, encode},
    consensus::{Evidence, EvidenceKey, ValidatorSet},
    crypto::{BlockHash, ChainId, Digest, Domain, EntryHash, TransactionId},
    fund::{
        Context, Deadline, Fund, GroupBuy, Member, PermanentId, PermanentRecord, Plan, Policy,
        Posting, Reads, WORK_MAX, load_group_buy,
    },
    merkle::{
        Frontier, LogNode, StateWrite, StoredRecord, Table, entry_hash, record_by_encoding,
        split_slot,
    },
    refusal::Refusal,
    transaction::{TRANSACTION_VERSION, VerifiedTransaction},
    types::{Height, LogIndex, MemberId, Round, TimestampMs, ValidatorIndex},
};
use imbl::OrdMap;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Width of a bucket of live transaction ids.
const LIVE_BUCKET_MS: u64 = 60_000;
/// Most live transaction ids, of all authors and of one.
pub const LIVE_IDS_MAX: u64 = 4 << 20;
/// Most live transaction ids of one author.
pub const LIVE_IDS_PER_AUTHOR_MAX: u64 = LIVE_IDS_MAX / 4;
/// Convictions kept of one validator; further ones add nothing to what is known.
const CONVICTIONS_MAX: u32 = 16;

/// Ids of one author that expire in one minute.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
struct LiveBucket {
    ids: Frontier,
}

/// An equivocation that is on the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
struct Conviction(Height);

record_by_encoding!(LiveBucket, Conviction);

/// The last decided block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Tip {
    /// Its height.
    pub height: Height,
    /// Its hash.
    pub hash: BlockHash,
    /// Its time.
    pub time: TimestampMs,
    /// Its state root.
    pub state_root: Digest,
}

/// Everything that execution needs in memory. Copies share their parts.
#[derive(Debug, Clone)]
pub struct State {
    chain: ChainId,
    tip: Tip,
    validators: Arc<ValidatorSet>,
    fund: Fund,
    log: Frontier,
    permanent: Frontier,
    live: Table<(u64, MemberId), LiveBucket>,
    live_count: u64,
    live_by_author: OrdMap<MemberId, u64>,
    convictions: Table<EvidenceKey, Conviction>,
}

/// What the state root is the hash of, and what a stored state is loaded by.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct StateHead {
    /// Hash of the terms of each epoch.
    pub terms: Digest,
    /// Hash of the validator set.
    pub validators: Digest,
    /// Slots and commitment of the tables, in the order of their numbers.
    pub tables: [(u32, Digest); 7],
    /// The permanent identifiers, as an append-only log.
    pub permanent: Frontier,
    /// Sums over all balances.
    pub totals: crate::accounting::Totals,
}

/// What is stored beside the tables.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct StoredHead {
    /// What the root commits to.
    pub head: StateHead,
    /// The log.
    pub log: Frontier,
    /// The last block.
    pub tip: Tip,
}

/// Numbers of the tables, first byte of their storage paths.
mod table {
    pub(super) const MEMBERS: u8 = 0;
    pub(super) const ACCOUNTS: u8 = 1;
    pub(super) const GROUP_BUYS: u8 = 2;
    pub(super) const RECORDED: u8 = 3;
    pub(super) const PROPOSALS: u8 = 4;
    pub(super) const LIVE: u8 = 5;
    pub(super) const CONVICTIONS: u8 = 6;
}

/// What the header of a new block says that execution does not compute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposed {
    /// Block time.
    pub time: TimestampMs,
    /// Who proposes it first.
    pub proposer: ValidatorIndex,
    /// In which round.
    pub round: Round,
    /// Commitments that these rules do not know; of a decided block only.
    pub extensions: Extensions,
}

impl Proposed {
    /// A block that is proposed now.
    #[must_use]
    pub fn new(time: TimestampMs, proposer: ValidatorIndex, round: Round) -> Self {
        Self { time, proposer, round, extensions: Extensions::default() }
    }

    /// What a header says; `None` if it has an extension that these rules must not ignore.
    #[must_use]
    pub fn of(header: &Header) -> Option<Self> {
        let extensions = header.extensions.clone();
        extensions.may_be_ignored().then_some(Self {
            time: header.time,
            proposer: header.proposer,
            round: header.round,
            extensions,
        })
    }
}

/// What to do with a transaction that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnRefusal {
    /// Leave it out and go on: the proposer builds a block.
    LeaveOut,
    /// The block is invalid: a validator or auditor judges it.
    Fail,
}

/// Why a block is not valid.
///
/// Blame: its proposer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBlock {
    /// The time is not after the parent's.
    #[error("block time {time} is not after its parent's {parent}")]
    TimeNotAfterParent {
        /// Of the block.
        time: TimestampMs,
        /// Of the parent.
        parent: TimestampMs,
    },
    /// A transaction in it may not enter.
    #[error("transaction {position} is refused")]
    Refused {
        /// Which one.
        position: usize,
        /// Why.
        #[source]
        refusal: Refusal,
    },
    /// Evidence in it proves nothing new.
    #[error("evidence {position} proves nothing new")]
    Evidence {
        /// Which one.
        position: usize,
    },
    /// It is longer than allowed.
    #[error(
        "the block is longer than {BLOCK_BYTES_MAX} bytes or has more than {BLOCK_TRANSACTIONS_MAX} transactions"
    )]
    TooLarge,
    /// Money appeared or vanished.
    #[error("what the fund has and what it owes differ after the block")]
    NotConserved,
    /// Executing it gives another header.
    #[error("field {field} of the header differs from what execution gives")]
    HeaderDiffers {
        /// The first field that differs.
        field: &'static str,
    },
    /// An entry is not where or what execution derives.
    #[error("entry {position} is not what execution derives")]
    EntryDiffers {
        /// Which one.
        position: usize,
    },
}

/// One entry of an executed block.
#[derive(Debug, Clone)]
pub struct ExecutedEntry {
    /// Its canonical bytes.
    pub bytes: EntryBytes,
    /// Their leaf hash.
    pub hash: EntryHash,
    /// The id, if it is a transaction.
    pub transaction: Option<TransactionId>,
    /// What it booked.
    pub postings: Vec<Posting>,
}

/// Bytes of an entry in a block: its length and itself.
fn stored_bytes(bytes: &EntryBytes) -> usize {
    8 + bytes.as_bytes().len()
}

impl ExecutedEntry {
    /// An entry that is no transaction.
    fn derived(entry: &Entry, postings: Vec<Posting>) -> Self {
        let bytes = EntryBytes::new(encode(entry));
        let hash = entry_hash(bytes.as_bytes());
        Self { bytes, hash, transaction: None, postings }
    }

    fn stored_bytes(&self) -> usize {
        stored_bytes(&self.bytes)
    }
}

/// A block that has been executed: its header, and all that has to be stored if it is decided.
#[derive(Debug, Clone)]
pub struct Executed {
    /// The state after the block.
    pub state: State,
    /// The header that execution gives.
    pub header: Header,
    /// The name of the block.
    pub hash: BlockHash,
    /// The entries in the order of the log.
    pub entries: Vec<ExecutedEntry>,
    /// Position of the first entry in the log.
    pub first_index: LogIndex,
    /// Nodes of the log that the block completes.
    pub log_nodes: Vec<LogNode>,
    /// Changes to the stored tables.
    pub writes: Vec<StateWrite>,
    /// Identifiers that the block uses up.
    pub permanent: Vec<(PermanentId, PermanentRecord)>,
    /// What was left out, by position among the transactions given, if so asked.
    pub refused: Vec<(usize, Refusal)>,
    /// How many of the transactions given were looked at; the rest did not fit.
    pub considered: usize,
    /// Deadlines that could not be carried out, and the number of the refusal: mistakes of ours, to be told.
    pub stuck: Vec<(Deadline, u16)>,
}

impl State {
    /// The state before the first block, and what a fresh store needs of it.
    #[must_use]
    pub fn genesis(
        chain: ChainId,
        time: TimestampMs,
        validators: ValidatorSet,
        members: Vec<Member>,
        policy: Policy,
    ) -> (Self, Vec<StateWrite>) {
        let mut registry = Table::default();
        for (id, member) in (0u16..).map(MemberId::new).zip(members) {
            registry.insert(id, member);
        }
        let hash = BlockHash::new(*chain.as_bytes());
        let mut state = Self {
            chain,
            tip: Tip { height: Height::ZERO, hash, time, state_root: Digest::default() },
            validators: Arc::new(validators),
            fund: Fund::new(policy, registry),
            log: Frontier::default(),
            permanent: Frontier::default(),
            live: Table::default(),
            live_count: 0,
            live_by_author: OrdMap::new(),
            convictions: Table::default(),
        };
        let mut writes = Vec::new();
        state.tip.state_root = state.commit(&mut writes);
        (state, writes)
    }

    /// Which chain it is the state of.
    #[must_use]
    pub fn chain(&self) -> &ChainId {
        &self.chain
    }

    /// The last decided block.
    #[must_use]
    pub fn tip(&self) -> &Tip {
        &self.tip
    }

    /// Who decides the next block.
    #[must_use]
    pub fn validators(&self) -> &Arc<ValidatorSet> {
        &self.validators
    }

    /// The money.
    #[must_use]
    pub fn fund(&self) -> &Fund {
        &self.fund
    }

    /// The log of all entries.
    #[must_use]
    pub fn log(&self) -> &Frontier {
        &self.log
    }

    /// When the next deadline falls due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<TimestampMs> {
        self.fund.agenda.next().map(|deadline| deadline.at)
    }

    /// Whether an equivocation is new to the ledger and proven.
    #[must_use]
    pub fn accepts_evidence(&self, evidence: &Evidence) -> bool {
        let convicted = self
            .validators
            .get(evidence.offender())
            .and_then(|validator| self.fund.members.get(&validator.member))
            .is_some_and(|member| member.equivocations >= CONVICTIONS_MAX);
        !convicted
            && !self.convictions.contains(&evidence.key())
            && evidence.verify(&self.chain, &self.validators).is_ok()
    }

    /// The equivocations that are on the ledger, each with the height of the block that has it.
    pub fn convictions(&self) -> impl Iterator<Item = (&EvidenceKey, Height)> {
        self.convictions.iter().map(|(key, conviction)| (key, conviction.0))
    }

    fn head(&mut self, writes: &mut Vec<StateWrite>) -> StateHead {
        let fund = &mut self.fund;
        let tables = [
            (fund.members.slot_count(), fund.members.commit(&[table::MEMBERS], writes)),
            (fund.accounts.slot_count(), fund.accounts.commit(&[table::ACCOUNTS], writes)),
            (fund.group_buys.slot_count(), fund.group_buys.commit(&[table::GROUP_BUYS], writes)),
            (fund.recorded.slot_count(), fund.recorded.commit(&[table::RECORDED], writes)),
            (fund.proposals.slot_count(), fund.proposals.commit(&[table::PROPOSALS], writes)),
            (self.live.slot_count(), self.live.commit(&[table::LIVE], writes)),
            (self.convictions.slot_count(), self.convictions.commit(&[table::CONVICTIONS], writes)),
        ];
        StateHead {
            terms: fund.terms.digest(),
            validators: self.validators.hash(),
            tables,
            permanent: self.permanent.clone(),
            totals: fund.totals,
        }
    }

    fn commit(&mut self, writes: &mut Vec<StateWrite>) -> Digest {
        Domain::State.digest(&[&encode(&self.head(writes))])
    }

    /// What to store beside the tables, once they are committed.
    #[must_use]
    pub fn stored_head(&mut self) -> StoredHead {
        let head = self.head(&mut Vec::new());
        StoredHead { head, log: self.log.clone(), tip: self.tip }
    }

    fn check_transaction(
        &self,
        transaction: &VerifiedTransaction,
        now: TimestampMs,
    ) -> Result<(), Refusal> {
        let body = transaction.transaction();
        if body.version != TRANSACTION_VERSION {
            return Err(Refusal::WrongVersion { version: body.version });
        }
        if body.chain != self.chain {
            return Err(Refusal::WrongChain {});
        }
        if !self.fund.members.contains(&body.author) {
            return Err(Refusal::UnknownAuthor { author: body.author });
        }
        if body.expires <= now {
            return Err(Refusal::Expired { expires: body.expires, now });
        }
        let max = now.after(self.fund.policy().transaction_life_max);
        if body.expires > max {
            return Err(Refusal::ExpiresTooLate { max });
        }
        Ok(())
    }

    /// Whether a transaction could enter a block at `now`: what a node asks before it takes one in.
    ///
    /// # Errors
    /// The [`Refusal`] that its author gets.
    pub fn check(
        &self,
        transaction: &VerifiedTransaction,
        now: TimestampMs,
        reads: &dyn Reads,
    ) -> Result<(), Refusal> {
        self.plan(&Context::new(now, self.tip.hash, reads), transaction).map(drop)
    }

    /// What a transaction comes to in a block; changes nothing.
    fn plan(
        &self,
        context: &Context<'_>,
        transaction: &VerifiedTransaction,
    ) -> Result<Plan, Refusal> {
        self.check_transaction(transaction, context.now)?;
        let body = transaction.transaction();
        let id = transaction.id();
        if let Some(index) = context.reads().transaction(&id) {
            return Err(Refusal::AlreadyInLedger { log_index: index.get() });
        }
        let live = self.live_by_author.get(&body.author).copied().unwrap_or(0);
        if live >= LIVE_IDS_PER_AUTHOR_MAX || self.live_count >= LIVE_IDS_MAX {
            return Err(Refusal::TooManyLive { max: LIVE_IDS_PER_AUTHOR_MAX });
        }
        let plan = self.fund.plan(context, body.author, id, &body.action)?;
        if plan.work > WORK_MAX {
            return Err(Refusal::TooMuchWork { max: WORK_MAX });
        }
        Ok(plan)
    }

    /// Carries out what a transaction comes to, and remembers its id until it expires.
    fn carry_out(
        &mut self,
        context: &mut Context<'_>,
        transaction: &VerifiedTransaction,
        plan: Plan,
    ) -> Vec<Posting> {
        let postings = self.fund.carry_out(context, plan);
        let (body, id) = (transaction.transaction(), transaction.id());
        let bucket = (body.expires.get() / LIVE_BUCKET_MS, body.author);
        if !self.live.contains(&bucket) {
            self.live.insert(bucket, LiveBucket::default());
        }
        if let Some(bucket) = self.live.get_mut(&bucket) {
            bucket.ids.append(entry_hash(id.as_bytes()));
        }
        self.live_count += 1;
        *self.live_by_author.entry(body.author).or_insert(0) += 1;
        postings
    }

    /// Forgets the ids of transactions that have expired.
    fn drop_expired(&mut self, now: TimestampMs) {
        let expired: Vec<_> = self
            .live
            .range((0, MemberId::ZERO))
            .map(|(key, _)| *key)
            .take_while(|(bucket, _)| {
                bucket.saturating_add(1).saturating_mul(LIVE_BUCKET_MS) <= now.get()
            })
            .collect();
        for key in expired {
            if let Some(bucket) = self.live.remove(&key) {
                self.live_count -= bucket.ids.size();
                let left = self.live_by_author.get(&key.1).copied().unwrap_or(0);
                match left - bucket.ids.size() {
                    0 => self.live_by_author.remove(&key.1),
                    left => self.live_by_author.insert(key.1, left),
                };
            }
        }
    }

    fn convict(&mut self, evidence: &Evidence, height: Height) {
        self.convictions.insert(evidence.key(), Conviction(height));
        let member = self.validators.get(evidence.offender()).map(|validator| validator.member);
        if let Some(member) = member.and_then(|id| self.fund.members.get_mut(&id)) {
            member.equivocations += 1;
        }
    }
}

/// Executes a block on `state`: deadlines that are due, evidence, transactions. Whoever still needs the
/// state before it hands in a copy, which shares all that the block leaves as it is.
///
/// # Errors
/// [`InvalidBlock`] if the block may not be decided. With [`OnRefusal::LeaveOut`] only for a `time` that
/// is not after the parent's.
pub fn execute(
    state: State,
    reads: &dyn Reads,
    proposed: Proposed,
    evidence: &[Evidence],
    transactions: &[VerifiedTransaction],
    on_refusal: OnRefusal,
) -> Result<Executed, InvalidBlock> {
    let parent = state.tip;
    let time = proposed.time;
    if time <= parent.time {
        return Err(InvalidBlock::TimeNotAfterParent { time, parent: parent.time });
    }
    let judged = on_refusal == OnRefusal::Fail;
    if judged && transactions.len() > BLOCK_TRANSACTIONS_MAX || evidence.len() > BLOCK_EVIDENCE_MAX
    {
        return Err(InvalidBlock::TooLarge);
    }
    let mut next = state;
    let mut context = Context::new(time, parent.hash, reads);
    let mut entries = Vec::with_capacity(transactions.len());
    let mut bytes_left = BLOCK_BYTES_MAX - 4096;
    next.drop_expired(time);
    let mut stuck = Vec::new();
    let mut room =
        run_deadlines(&mut next, &mut context, &mut entries, &mut bytes_left, &mut stuck);

    for (position, evidence) in evidence.iter().enumerate() {
        if !next.accepts_evidence(evidence) {
            return Err(InvalidBlock::Evidence { position });
        }
        next.convict(evidence, parent.height.next());
        let entry = ExecutedEntry::derived(&Entry::Evidence(*evidence), Vec::new());
        bytes_left = bytes_left.saturating_sub(entry.stored_bytes());
        entries.push(entry);
    }

    let mut refused = Vec::new();
    let mut ids = BTreeSet::new();
    let mut considered = 0;
    let mut included = 0;
    for (position, transaction) in transactions.iter().enumerate() {
        let bytes = transaction.entry_bytes();
        let stored_bytes = stored_bytes(bytes);
        room &= included < BLOCK_TRANSACTIONS_MAX && stored_bytes <= bytes_left;
        if !room && !judged {
            break;
        }
        if !room {
            return Err(InvalidBlock::TooLarge);
        }
        let planned = if ids.contains(&transaction.id()) {
            Err(Refusal::AlreadyInLedger { log_index: next.log.size() })
        } else {
            next.plan(&context, transaction)
        };
        match planned {
            Ok(plan) if context.work.saturating_add(plan.work) > WORK_MAX => {
                if judged {
                    return Err(InvalidBlock::TooLarge);
                }
                // It fits into a block of its own, so it waits for the next one.
                break;
            }
            Ok(plan) => {
                let postings = next.carry_out(&mut context, transaction, plan);
                ids.insert(transaction.id());
                bytes_left -= stored_bytes;
                included += 1;
                entries.push(ExecutedEntry {
                    bytes: bytes.clone(),
                    hash: transaction.entry(),
                    transaction: Some(transaction.id()),
                    postings,
                });
            }
            Err(refusal) if judged => return Err(InvalidBlock::Refused { position, refusal }),
            Err(refusal) => refused.push((position, refusal)),
        }
        considered = position + 1;
    }
    if !next.fund.totals.conserved() {
        return Err(InvalidBlock::NotConserved);
    }
    let executed = seal_block(next, context, proposed, evidence, entries, refused, considered);
    Ok(Executed { stuck, ..executed })
}

/// Runs due deadlines in their order until one does not fit. Returns whether there is room for more.
fn run_deadlines(
    state: &mut State,
    context: &mut Context<'_>,
    entries: &mut Vec<ExecutedEntry>,
    bytes_left: &mut usize,
    stuck_deadlines: &mut Vec<(Deadline, u16)>,
) -> bool {
    while let Some(deadline) = state.fund.agenda.next().copied() {
        if deadline.at > context.now {
            return true;
        }
        let planned = state.fund.plan_deadline(context, deadline);
        // Alone in a block every deadline fits, whatever it touches.
        let work = planned.as_ref().map_or(1, |plan| plan.work);
        if context.work > 0 && context.work.saturating_add(work) > WORK_MAX {
            return false;
        }
        let (postings, seal, stuck) = match planned {
            Ok(plan) => {
                let seal = plan.closes.as_deref().cloned();
                (state.fund.carry_out(context, plan), seal, None)
            }
            Err(refusal) => {
                let why = refusal.number();
                state.fund.hold(deadline, why);
                context.work = context.work.saturating_add(work);
                stuck_deadlines.push((deadline, why));
                (Vec::new(), None, Some(why))
            }
        };
        let entry = Entry::System(SystemEntry { deadline, seal, stuck });
        let entry = ExecutedEntry::derived(&entry, postings);
        *bytes_left = bytes_left.saturating_sub(entry.stored_bytes());
        entries.push(entry);
    }
    true
}

fn seal_block(
    mut state: State,
    context: Context<'_>,
    proposed: Proposed,
    evidence: &[Evidence],
    entries: Vec<ExecutedEntry>,
    refused: Vec<(usize, Refusal)>,
    considered: usize,
) -> Executed {
    let parent = state.tip;
    let first_index = LogIndex::new(state.log.size());
    let log_nodes = entries.iter().flat_map(|entry| state.log.append(entry.hash)).collect();
    let permanent: Vec<_> = context.numbers.into_iter().collect();
    for record in &permanent {
        state.permanent.append(entry_hash(&encode(record)));
    }
    let mut writes = Vec::new();
    let state_root = state.commit(&mut writes);
    let validators = state.validators.hash();
    let header = Header {
        format: FORMAT_VERSION,
        rules: RULES_VERSION,
        chain: state.chain,
        height: parent.height.next(),
        time: proposed.time,
        proposer: proposed.proposer,
        round: proposed.round,
        parent: parent.hash,
        log_size: state.log.size(),
        log_root: state.log.root(),
        state_root,
        validators,
        next_validators: validators,
        evidence: evidence_hash(evidence),
        extensions: proposed.extensions,
    };
    let hash = header.hash();
    state.tip = Tip { height: header.height, hash, time: header.time, state_root };
    Executed {
        state,
        header,
        hash,
        entries,
        first_index,
        log_nodes,
        writes,
        permanent,
        refused,
        considered,
        stuck: Vec::new(),
    }
}

impl Executed {
    /// Compares with a header that somebody proposed.
    ///
    /// # Errors
    /// [`InvalidBlock::HeaderDiffers`] naming the first field that differs.
    pub fn check_header(&self, proposed: &Header) -> Result<(), InvalidBlock> {
        let ours = &self.header;
        let fields = [
            ("format", ours.format == proposed.format),
            ("rules", ours.rules == proposed.rules),
            ("chain", ours.chain == proposed.chain),
            ("height", ours.height == proposed.height),
            ("parent", ours.parent == proposed.parent),
            ("validators", ours.validators == proposed.validators),
            ("next_validators", ours.next_validators == proposed.next_validators),
            ("evidence", ours.evidence == proposed.evidence),
            ("log_size", ours.log_size == proposed.log_size),
            ("log_root", ours.log_root == proposed.log_root),
            ("state_root", ours.state_root == proposed.state_root),
            ("header", ours == proposed),
        ];
        match fields.into_iter().find(|(_, same)| !same) {
            None => Ok(()),
            Some((field, _)) => Err(InvalidBlock::HeaderDiffers { field }),
        }
    }

    /// The block as it is stored and archived.
    #[must_use]
    pub fn block(&self) -> crate::block::Block {
        let entries = self.entries.iter().map(|entry| entry.bytes.clone()).collect();
        crate::block::Block {
            header: self.header.clone(),
            entries: List::new(entries).expect("execution bounds the entries of a block"),
        }
    }
}

/// Why stored bytes are not a state.
///
/// Blame: the disk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stored state is damaged: {0}")]
pub struct DamagedState(&'static str);

impl From<&'static str> for DamagedState {
    fn from(detail: &'static str) -> Self {
        Self(detail)
    }
}

/// Puts a stored state together again.
///
/// `records` are all stored writes in ascending order of their keys.
///
/// # Errors
/// [`DamagedState`] if anything is missing, malformed, or does not give the stored root.
pub fn load(
    chain: ChainId,
    stored: StoredHead,
    policy: Policy,
    validators: ValidatorSet,
    records: impl IntoIterator<Item = StoredRecord>,
) -> Result<State, DamagedState> {
    let mut tables: BTreeMap<u8, Vec<StoredRecord>> = BTreeMap::new();
    for (key, value) in records {
        let (table, rest) = key.split_first().ok_or(DamagedState("an empty key"))?;
        tables.entry(*table).or_default().push((rest.to_vec(), value));
    }
    let mut take = |table: u8| tables.remove(&table).unwrap_or_default();
    let slots = |table: u8| stored.head.tables[usize::from(table)].0;
    let mut fund =
        Fund::new(policy, Table::from_stored(slots(table::MEMBERS), take(table::MEMBERS))?);
    fund.accounts = Table::from_stored(slots(table::ACCOUNTS), take(table::ACCOUNTS))?;
    fund.recorded = Table::from_stored(slots(table::RECORDED), take(table::RECORDED))?;
    fund.proposals = Table::from_stored(slots(table::PROPOSALS), take(table::PROPOSALS))?;
    fund.group_buys = load_group_buys(slots(table::GROUP_BUYS), take(table::GROUP_BUYS))?;
    fund.totals = stored.head.totals;
    fund.agenda = fund.agenda_anew();
    let live: Table<(u64, MemberId), LiveBucket> =
        Table::from_stored(slots(table::LIVE), take(table::LIVE))?;
    let mut live_by_author = OrdMap::new();
    for ((_, author), bucket) in live.iter() {
        // Damaged numbers are found out by the root below, and must get there.
        let live: &mut u64 = live_by_author.entry(*author).or_insert(0);
        *live = live.saturating_add(bucket.ids.size());
    }
    let mut state = State {
        chain,
        tip: stored.tip,
        validators: Arc::new(validators),
        log: stored.log,
        permanent: stored.head.permanent,
        live_count: live_by_author.values().fold(0, |sum, live| sum.saturating_add(*live)),
        live_by_author,
        live,
        convictions: Table::from_stored(slots(table::CONVICTIONS), take(table::CONVICTIONS))?,
        fund,
    };
    if state.commit(&mut Vec::new()) != state.tip.state_root {
        return Err(DamagedState("its root is not that of the last block"));
    }
    if state.fund.recompute_totals() != Some(state.fund.totals) {
        return Err(DamagedState("its balances do not add up to its totals"));
    }
    Ok(state)
}

fn load_group_buys(
    slots: u32,
    records: Vec<StoredRecord>,
) -> Result<Table<crate::types::GroupBuyId, Arc<GroupBuy>>, DamagedState> {
    let mut by_slot: BTreeMap<u32, Vec<StoredRecord>> = BTreeMap::new();
    for (path, value) in records {
        let (slot, rest) = split_slot(&path)?;
        if slot >= slots {
            return Err(DamagedState("a group buy outside the table"));
        }
        by_slot.entry(slot).or_default().push((rest.to_vec(), value));
    }
    let mut loaded = Vec::new();
    for (slot, records) in by_slot {
        let group_buy = load_group_buy(records)?;
        loaded.push((slot, group_buy.id(), Arc::new(group_buy)));
    }
    Ok(Table::load(slots, loaded))
}

/// A history in which nothing has happened.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmptyHistory;

impl Reads for EmptyHistory {
    fn permanent(&self, _: &PermanentId) -> Option<PermanentRecord> {
        None
    }
    fn transaction(&self, _: &TransactionId) -> Option<LogIndex> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        consensus::Validator,
        crypto::SecretKey,
        fund::{AccountId, Role},
        types::{DurationMs, Fen, HouseholdTag, Quantity, ValidatorIndex, VotingPower},
    };

    const AT: TimestampMs = TimestampMs::new(1_000_000);

    fn state() -> State {
        let key = SecretKey::from_seed(&[1; 32]).public_key();
        let member = |name: &str, role| Member {
            name: name.parse().expect("a name"),
            role,
            key,
            related: List::default(),
            equivocations: 0,
        };
        let members = vec![member("property", Role::Property), member("leader", Role::Leader)];
        let member = MemberId::ZERO;
        let validators = vec![Validator { member, key, power: VotingPower::new(1) }];
        let day = DurationMs::new(86_400_000);
        let policy = Policy {
            channels: List::default(),
            auto_delivery_after: day,
            goods_note_wait: day,
            unclaimed_after: DurationMs::new(1_000),
            proposal_lapses_after: day,
            transaction_life_max: day,
            heartbeat: day,
            block_time_ahead_max: day,
            block_time_behind_max: day,
            payment_max: Fen::new(1_000_000),
        };
        let validators = ValidatorSet::new(validators).expect("one validator");
        State::genesis(ChainId::new([7; 32]), AT, validators, members, policy).0
    }

    fn block(state: &State, ms: u64) -> Executed {
        let time = state.tip.time.after(DurationMs::new(ms));
        let proposed = Proposed::new(time, ValidatorIndex::ZERO, Round::ZERO);
        let judged = OnRefusal::Fail;
        execute(state.clone(), &EmptyHistory, proposed, &[], &[], judged).expect("a valid block")
    }

    #[test]
    fn a_decided_header_may_have_an_extension_that_can_be_ignored() {
        let built = block(&state(), 1);
        let with = |number| {
            let extensions = Extensions::new(vec![(number, Digest::new([9; 32]))]).expect("one");
            Header { extensions, ..built.header.clone() }
        };
        assert_eq!(Proposed::of(&with(3)), None, "an odd one has to be known");
        let decided = with(2);
        assert!(built.check_header(&decided).is_err(), "it is not what we would have proposed");
        let proposed = Proposed::of(&decided).expect("an even one can be ignored");
        let again = execute(state(), &EmptyHistory, proposed, &[], &[], OnRefusal::Fail);
        let again = again.expect("a valid block");
        assert_eq!((again.check_header(&decided), again.hash), (Ok(()), decided.hash()));
        assert_ne!(again.hash, built.hash);
    }

    fn said(executed: &Executed) -> Vec<SystemEntry> {
        let entries = executed.entries.iter().map(|entry| entry.bytes.decode().expect("canonical"));
        let system = |entry| match entry {
            Entry::System(entry) => entry,
            other => panic!("not a deadline: {other:?}"),
        };
        entries.map(system).collect()
    }

    #[test]
    fn a_deadline_that_cannot_be_carried_out_holds_one_group_buy_and_nothing_else() {
        let mut state = state();
        for (name, held) in [("wrong", 5), ("right", 0)] {
            let group_buy = GroupBuy::failed_holding(name, AT, held);
            state.fund.group_buys.insert(group_buy.id(), Arc::new(group_buy));
        }
        state.fund.agenda = state.fund.agenda_anew();
        // The sound one closes at once; the other one has five fen that no account has.
        let first = block(&state, 1);
        let [closed] = &said(&first)[..] else { panic!("one deadline: {:?}", said(&first)) };
        assert!(closed.seal.is_some() && closed.stuck.is_none());
        let second = block(&first.state, 2_000);
        let [stuck] = &said(&second)[..] else { panic!("one deadline: {:?}", said(&second)) };
        let differs = Refusal::TotalDiffers { expected: Fen::ZERO, given: Fen::new(5) };
        assert_eq!((stuck.stuck, &stuck.seal), (Some(differs.number()), &None));
        // It is not tried again, the next block is like any other, and the books are as they were.
        let third = block(&second.state, 2_000);
        assert_eq!((said(&third), third.state.next_deadline()), (Vec::new(), None));
        let (id, open) = third.state.fund.group_buys.iter().next().expect("it is still there");
        assert_eq!((id.to_string().as_str(), open.header.stuck), ("wrong", stuck.stuck));
        assert_eq!(third.state.fund.agenda_anew(), third.state.fund.agenda, "nor after loading");
        let quantity = Quantity::new(1);
        assert_eq!(open.filing.offers[0].total(quantity), Fen::new(100), "and can be read");
        let escrow = AccountId::Escrow(HouseholdTag::new([0; 16]));
        assert_eq!(open.balance(&escrow), Fen::ZERO);
    }
}
