//! The auditor: block after block, then a verdict.

use crate::{
    block::CertifiedBlock,
    codec::{decode_within, encode},
    consensus::CertificateError,
    crypto::{Digest, TransactionId},
    fund::{PermanentId, PermanentRecord, Reads},
    ledger::{Executed, InvalidBlock, State, Tip},
    receipt::{CertifiedHeader, Receipt, ReceiptError},
    replay::{KeyRing, ReadBlock, ReplayError, execute_read, read_blocks},
    types::{Height, LogIndex, MemberId, TimestampMs, ValidatorIndex},
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// What an audit comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Everything that is there is right, there is at least one block, and nothing is known to be missing.
    Intact,
    /// Something is missing; what is there is right.
    Incomplete,
    /// Something is wrong.
    Tampered,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Intact => "intact",
            Self::Incomplete => "incomplete",
            Self::Tampered => "tampered",
        })
    }
}

/// One thing that is wrong or missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// In which block, if that is known.
    pub height: Option<Height>,
    /// Which entry of the log, if it is one.
    pub entry: Option<LogIndex>,
    /// What of it.
    pub field: String,
    /// Which rule it breaks, in words.
    pub rule: String,
    /// Who answers for it, if that is provable.
    pub organisation: Option<String>,
}

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What it comes to.
    pub verdict: Verdict,
    /// The last height that was checked and is right.
    pub height: Height,
    /// Entries of the log up to there.
    pub entries: u64,
    /// Root of the state there.
    pub state_root: Digest,
    /// Whether a checkpoint showed that the end is not cut off.
    pub end_is_proven: bool,
    /// What is wrong or missing.
    pub findings: Vec<Finding>,
}

/// A certified header kept from elsewhere: the chain cannot be shorter than it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint(pub CertifiedHeader);

/// What a checkpoint begins with when it is written as text.
const CHECKPOINT_PREFIX: &str = "tuanzhang-checkpoint-1:";

impl Checkpoint {
    /// The checkpoint as a text to keep.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{CHECKPOINT_PREFIX}{}", hex::encode(encode(&self.0)))
    }

    /// Reads a checkpoint, or takes the one that every receipt contains.
    ///
    /// # Errors
    /// [`ReceiptError`] if the text is neither.
    pub fn from_text(text: &str) -> Result<Self, ReceiptError> {
        match text.trim().strip_prefix(CHECKPOINT_PREFIX) {
            None => Ok(Self(Receipt::from_text(text)?.block)),
            Some(hex) => {
                let bytes = hex::decode(hex).map_err(|_| ReceiptError::NotAReceipt)?;
                Ok(Self(crate::codec::decode(&bytes)?))
            }
        }
    }
}

/// Where an auditor keeps the identifiers that are used once in the life of a chain. They are the only thing
/// that grows with its length, so a tool for long chains keeps them on disk.
pub trait UsedOnce: fmt::Debug {
    /// What is known about an identifier.
    fn get(&self, id: &PermanentId) -> Option<PermanentRecord>;
    /// Takes in what one block used up.
    fn put(&mut self, records: &[(PermanentId, PermanentRecord)]);
}

/// In memory: for short chains and tests.
impl UsedOnce for BTreeMap<PermanentId, PermanentRecord> {
    fn get(&self, id: &PermanentId) -> Option<PermanentRecord> {
        Self::get(self, id).cloned()
    }

    fn put(&mut self, records: &[(PermanentId, PermanentRecord)]) {
        self.extend(records.iter().cloned());
    }
}

/// The identifiers that execution asks for, as far back as they matter.
#[derive(Debug)]
struct History {
    permanent: Box<dyn UsedOnce>,
    transactions: BTreeMap<TransactionId, LogIndex>,
    by_expiry: BTreeSet<(TimestampMs, TransactionId)>,
}

impl History {
    fn take(&mut self, executed: &Executed, read: &ReadBlock) {
        self.permanent.put(&executed.permanent);
        let expiries = read.expiries();
        let ids = executed.entries.iter().zip(executed.first_index.get()..);
        let ids = ids.filter_map(|(entry, index)| Some((entry.transaction?, index)));
        for ((id, index), expires) in ids.zip(expiries) {
            self.transactions.insert(id, LogIndex::new(index));
            self.by_expiry.insert((expires, id));
        }
        // An expired transaction is refused for that, whether it is known or not.
        while let Some((expires, id)) = self.by_expiry.first().copied() {
            if expires > executed.header.time {
                break;
            }
            self.by_expiry.pop_first();
            self.transactions.remove(&id);
        }
    }
}

impl Reads for History {
    fn permanent(&self, id: &PermanentId) -> Option<PermanentRecord> {
        self.permanent.get(id)
    }

    fn transaction(&self, id: &TransactionId) -> Option<LogIndex> {
        self.transactions.get(id).copied()
    }
}

/// Checks a chain block by block.
#[derive(Debug)]
pub struct Auditor {
    /// The state after the last block; nothing once a block was wrong, since executing it used the state.
    state: Option<State>,
    /// The last block that is right.
    tip: Tip,
    /// Entries up to there.
    entries: u64,
    keys: KeyRing,
    /// Names of the members, by id.
    names: Vec<String>,
    history: History,
    entropy: [u8; 32],
    checkpoint: Option<Checkpoint>,
    end_is_proven: bool,
    findings: Vec<(Verdict, Finding)>,
}

impl Auditor {
    /// Begins at genesis; `entropy` as for [`verify_batch`](crate::crypto::verify_batch).
    ///
    /// A checkpoint that its own validators did not sign is a finding at once.
    #[must_use]
    pub fn new(genesis: State, entropy: [u8; 32], checkpoint: Option<Checkpoint>) -> Self {
        let mut auditor = Self {
            tip: *genesis.tip(),
            entries: genesis.log().size(),
            keys: KeyRing::of(&genesis),
            names: genesis
                .fund()
                .members
                .iter()
                .map(|(_, member)| member.name.to_string())
                .collect(),
            state: Some(genesis),
            history: History {
                permanent: Box::new(BTreeMap::new()),
                transactions: BTreeMap::new(),
                by_expiry: BTreeSet::new(),
            },
            entropy,
            checkpoint: None,
            end_is_proven: false,
            findings: Vec::new(),
        };
        if let Some(Checkpoint(header)) = &checkpoint
            && let Err(error) = header.verify(auditor.keys.chain(), auditor.keys.validators())
        {
            auditor.find(Verdict::Tampered, None, None, "checkpoint", &error.to_string(), None);
        }
        auditor.checkpoint = checkpoint;
        auditor
    }

    /// Keeps identifiers that are used once somewhere else than in memory. `used` must be empty.
    #[must_use]
    pub fn keeping_in(mut self, used: Box<dyn UsedOnce>) -> Self {
        self.history.permanent = used;
        self
    }

    /// The keys for [`read_records`].
    #[must_use]
    pub fn keys(&self) -> &KeyRing {
        &self.keys
    }

    /// Whether something was found, so that going on makes no sense.
    #[must_use]
    pub fn has_findings(&self) -> bool {
        !self.findings.is_empty()
    }

    /// The last height that was checked and is right.
    #[must_use]
    pub fn height(&self) -> Height {
        self.tip.height
    }

    /// Reads and checks the next record, on this thread alone.
    pub fn take_record(&mut self, bytes: &[u8]) {
        let read = read_records(&self.keys, &[bytes.to_vec()], &self.entropy);
        for block in read {
            self.take(block);
        }
    }

    /// Executes the next block that [`read_records`] has read.
    pub fn take(&mut self, read: Result<ReadBlock, RecordFault>) {
        if self.has_findings() {
            return;
        }
        let next = self.tip.height.next();
        let read = match read {
            Ok(read) => read,
            Err(RecordFault::NotABlock(rule)) => {
                return self.find(Verdict::Tampered, Some(next), None, "record", &rule, None);
            }
            Err(RecordFault::Replay(error)) => return self.find_fault(next, &error),
        };
        let found = read.decided().block.header.height;
        if found > next {
            let rule = format!("block {next} is missing; block {found} follows");
            return self.find(Verdict::Incomplete, Some(next), None, "height", &rule, None);
        }
        let Some(state) = self.state.take() else { return };
        match execute_read(state, &self.history, &read) {
            Err(error) => self.find_fault(next, &error),
            Ok(executed) => {
                self.history.take(&executed, &read);
                self.compare_with_checkpoint(&executed);
                self.tip = *executed.state.tip();
                self.entries = executed.state.log().size();
                self.state = Some(executed.state);
            }
        }
    }

    fn compare_with_checkpoint(&mut self, executed: &Executed) {
        let Some(Checkpoint(header)) = &self.checkpoint else { return };
        if header.header.height != executed.header.height {
            return;
        }
        if header.header == executed.header {
            self.end_is_proven = true;
        } else {
            let height = Some(executed.header.height);
            let rule = "two blocks of one height were decided: the checkpoint names another one";
            self.find(Verdict::Tampered, height, None, "checkpoint", rule, None);
        }
    }

    /// Says that something outside the blocks is wrong or missing, for example a file.
    pub fn report_outside(&mut self, verdict: Verdict, field: &str, rule: &str) {
        let next = self.tip.height.next();
        self.find(verdict, Some(next), None, field, rule, None);
    }

    /// The verdict.
    #[must_use]
    pub fn finish(mut self) -> Report {
        let fund = self.state.as_ref().map(State::fund);
        if fund.is_some_and(|fund| fund.recompute_totals() != Some(fund.totals)) {
            let height = Some(self.height());
            let rule = "conservation (G12): the balances do not add up to the totals";
            self.find(Verdict::Tampered, height, None, "totals", rule, None);
        }
        let last = self.height();
        if let Some(Checkpoint(header)) = self.checkpoint.clone()
            && !self.has_findings()
            && header.header.height > last
        {
            let rule = format!("the checkpoint proves blocks up to {}", header.header.height);
            self.find(Verdict::Incomplete, Some(last.next()), None, "height", &rule, None);
        }
        // An empty folder is no proof of anything.
        if last == Height::ZERO && !self.has_findings() {
            let rule = "there is no block: nothing was verified";
            self.find(Verdict::Incomplete, Some(last.next()), None, "height", rule, None);
        }
        let verdict =
            self.findings.iter().map(|(verdict, _)| *verdict).max().unwrap_or(Verdict::Intact);
        Report {
            verdict,
            height: last,
            entries: self.entries,
            state_root: self.tip.state_root,
            end_is_proven: self.end_is_proven,
            findings: self.findings.into_iter().map(|(_, finding)| finding).collect(),
        }
    }

    fn find(
        &mut self,
        verdict: Verdict,
        height: Option<Height>,
        entry: Option<LogIndex>,
        field: &str,
        rule: &str,
        organisation: Option<String>,
    ) {
        let (field, rule) = (field.to_owned(), rule.to_owned());
        self.findings.push((verdict, Finding { height, entry, field, rule, organisation }));
    }

    fn find_fault(&mut self, height: Height, error: &ReplayError) {
        let at =
            |position: usize| Some(LogIndex::new(self.entries.saturating_add(position as u64)));
        let member = |id: &MemberId| self.names.get(usize::from(id.get())).cloned();
        let validator = |index: ValidatorIndex| {
            self.keys.validators().get(index).and_then(|v| member(&v.member))
        };
        let (entry, field, organisation) = match error {
            ReplayError::NotNext { .. } => (None, "height", None),
            ReplayError::OtherBlock => (None, "certificate", None),
            ReplayError::Certificate(error) => {
                let signer = match error {
                    CertificateError::Signature(
                        crate::consensus::SignatureError::BadSignature(index),
                    ) => validator(*index),
                    _ => None,
                };
                (None, "certificate", signer)
            }
            ReplayError::Malformed { position, .. } => (at(*position), "entry", None),
            ReplayError::UnknownAuthor { position, .. } => (at(*position), "author", None),
            ReplayError::Signature { position, author } => {
                (at(*position), "signature", member(author))
            }
            ReplayError::Invalid(error) => match error {
                InvalidBlock::Refused { position, .. } => (at(*position), "transaction", None),
                InvalidBlock::Evidence { position } => (at(*position), "evidence", None),
                InvalidBlock::EntryDiffers { position } => (at(*position), "entry", None),
                InvalidBlock::HeaderDiffers { field } => (None, *field, None),
                InvalidBlock::TimeNotAfterParent { .. } => (None, "time", None),
                InvalidBlock::TooLarge => (None, "size", None),
                InvalidBlock::NotConserved => (None, "totals", None),
            },
        };
        let mut rule = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            rule = format!("{rule}: {cause}");
            source = cause.source();
        }
        self.find(Verdict::Tampered, Some(height), entry, field, &rule, organisation);
    }
}

/// Why a record is no block that follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordFault {
    /// Its bytes are no certified block.
    NotABlock(String),
    /// Its certificate or signatures are wrong.
    Replay(ReplayError),
}

/// Decodes records and checks their signatures, without any state: an auditor does it on every core.
#[must_use]
pub fn read_records(
    keys: &KeyRing,
    records: &[Vec<u8>],
    entropy: &[u8; 32],
) -> Vec<Result<ReadBlock, RecordFault>> {
    let mut decoded = Vec::with_capacity(records.len());
    let mut fault = None;
    for record in records {
        match decode_within::<CertifiedBlock>(record, crate::block::CERTIFIED_BLOCK_BYTES_MAX) {
            Ok(block) => decoded.push(block),
            Err(error) => {
                fault = Some(RecordFault::NotABlock(error.to_string()));
                break;
            }
        }
    }
    let read = read_blocks(keys, decoded, entropy).into_iter();
    read.map(|block| block.map_err(RecordFault::Replay)).chain(fault.map(Err)).collect()
}
