//! What a node keeps on disk, and under which keys.
//!
//! One column holds one kind of record. Everything that a decided block changes goes into one atomic
//! batch ([`ChainStore::decided`]), so that a crash leaves the chain before or after the block, never
//! between. Numbers in keys are big-endian, so that their order is that of the bytes.

use crate::store::{Change, Store, StoreError};
use genesis::Genesis;
use ledger_core::{
    block::{BLOCK_ENTRIES_MAX, Block, CertifiedBlock, Entry, EntryBytes},
    codec::{DecodeError, List, decode, encode},
    consensus::QuorumCertificate,
    crypto::{BlockHash, Digest, TransactionId},
    fund::{PermanentId, PermanentRecord, Reads},
    ledger::{self, DamagedState, Executed, State, StoredHead},
    merkle::{NodeAt, inclusion_proof},
    receipt::{CertifiedHeader, Receipt},
    types::{GroupBuyId, Height, LogIndex},
};
use std::{cell::RefCell, collections::BTreeSet, ops::ControlFlow, sync::Arc};

/// Numbers of the columns.
mod column {
    /// The stored head under the empty key.
    pub(super) const HEAD: u8 = 0;
    /// Tables of the state.
    pub(super) const STATE: u8 = 1;
    /// Blocks by height and hash; those that were not decided go when another one is.
    pub(super) const BODIES: u8 = 2;
    /// Nodes of the log by level and index.
    pub(super) const LOG: u8 = 3;
    /// Place of each transaction in the log, by id.
    pub(super) const TRANSACTIONS: u8 = 4;
    /// Identifiers that are used once.
    pub(super) const PERMANENT: u8 = 5;
    /// Height of each block that has entries, by the index of its first entry.
    pub(super) const FIRST_ENTRIES: u8 = 6;
    /// Place of the closing of each closed group buy in the log.
    pub(super) const CLOSED: u8 = 7;
    /// Certificates of decided blocks by height.
    pub(super) const CERTIFICATES: u8 = 8;
}

/// Why the chain on disk cannot be used.
///
/// Blame: the operator, or the disk.
#[derive(Debug, thiserror::Error)]
pub enum ChainStoreError {
    /// The disk.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state.
    #[error(transparent)]
    State(#[from] DamagedState),
    /// A record cannot be read.
    #[error("a stored record is malformed")]
    Record(#[from] DecodeError),
    /// Something that must be there is missing.
    #[error("the store lacks {0}")]
    Missing(String),
}

/// A chain in a store.
#[derive(Clone)]
pub struct ChainStore {
    store: Arc<dyn Store>,
}

impl std::fmt::Debug for ChainStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChainStore")
    }
}

fn put(column: u8, key: Vec<u8>, value: Vec<u8>) -> Change {
    Change::Put { column, key, value }
}

fn height_key(height: Height) -> Vec<u8> {
    height.get().to_be_bytes().to_vec()
}

fn body_key(height: Height, hash: &BlockHash) -> Vec<u8> {
    [&height.get().to_be_bytes()[..], hash.as_bytes()].concat()
}

fn node_key(at: NodeAt) -> Vec<u8> {
    [&[at.level][..], &at.index.to_be_bytes()].concat()
}

impl ChainStore {
    /// Opens the chain in `store`, or founds it there.
    ///
    /// # Errors
    /// [`ChainStoreError`] if what is stored cannot be read or does not add up.
    pub fn open(
        store: Arc<dyn Store>,
        genesis: &Genesis,
    ) -> Result<(Self, State), ChainStoreError> {
        let chain = Self { store };
        let Some(head) = chain.store.get(column::HEAD, &[])? else {
            let (mut state, writes) = genesis.initial_state();
            let mut changes = state_changes(writes);
            changes.push(put(column::HEAD, Vec::new(), encode(&state.stored_head())));
            chain.store.apply(changes)?;
            return Ok((chain, state));
        };
        let head: StoredHead = decode(&head)?;
        let mut records = Vec::new();
        chain.store.scan(column::STATE, &[], &[], &mut |key, value| {
            records.push((key.to_vec(), value.to_vec()));
            ControlFlow::Continue(())
        })?;
        let validators = genesis.validators.clone();
        let state = ledger::load(genesis.chain, head, genesis.policy.clone(), validators, records)?;
        Ok((chain, state))
    }

    /// The store below.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// For one execution on the state after the last block.
    #[must_use]
    pub fn reading(&self) -> Reading<'_> {
        Reading { chain: self, failure: RefCell::default() }
    }

    /// All that a decided block changes; takes the writes out of it. `durable` are the blocks of this
    /// height whose bodies are in the store: they are not written again, or go.
    #[must_use]
    pub fn decided(
        executed: &mut Executed,
        certificate: &QuorumCertificate,
        durable: &BTreeSet<BlockHash>,
    ) -> Vec<Change> {
        let mut changes = state_changes(std::mem::take(&mut executed.writes));
        changes.push(put(column::HEAD, Vec::new(), encode(&executed.state.stored_head())));
        if !durable.contains(&executed.hash) {
            changes.push(Self::body(executed));
        }
        for other in durable.iter().filter(|hash| **hash != executed.hash) {
            let key = body_key(executed.header.height, other);
            changes.push(Change::Delete { column: column::BODIES, key });
        }
        let height = height_key(executed.header.height);
        changes.push(put(column::CERTIFICATES, height.clone(), encode(certificate)));
        for node in &executed.log_nodes {
            changes.push(put(column::LOG, node_key(node.at), node.hash.as_bytes().to_vec()));
        }
        for (id, record) in &executed.permanent {
            changes.push(put(column::PERMANENT, encode(id), encode(record)));
        }
        let first = executed.first_index.get();
        if !executed.entries.is_empty() {
            changes.push(put(column::FIRST_ENTRIES, first.to_be_bytes().to_vec(), height));
        }
        for (index, entry) in (first..).zip(&executed.entries) {
            if let Some(id) = entry.transaction {
                let index = index.to_be_bytes().to_vec();
                changes.push(put(column::TRANSACTIONS, id.as_bytes().to_vec(), index));
            }
            if let Some(id) = closed_by(entry.transaction.is_none(), &entry.bytes) {
                let index = index.to_be_bytes().to_vec();
                changes.push(put(column::CLOSED, id.as_bytes().to_vec(), index));
            }
        }
        changes
    }

    /// The body of a block that may be decided, to be durable before it is precommitted.
    #[must_use]
    pub fn body(executed: &Executed) -> Change {
        let key = body_key(executed.header.height, &executed.hash);
        put(column::BODIES, key, encode(&executed.block()))
    }

    /// Bodies that were made durable at a height.
    ///
    /// # Errors
    /// [`ChainStoreError`].
    pub fn bodies(&self, height: Height) -> Result<Vec<Block>, ChainStoreError> {
        let mut blocks = Vec::new();
        self.store.scan(column::BODIES, &height_key(height), &[], &mut |_, value| {
            blocks.push(value.to_vec());
            ControlFlow::Continue(())
        })?;
        Ok(blocks.iter().map(|bytes| decode(bytes)).collect::<Result<_, _>>()?)
    }

    /// The bytes of a certified block.
    ///
    /// # Errors
    /// [`ChainStoreError`].
    pub fn block_bytes(&self, height: Height) -> Result<Option<Vec<u8>>, ChainStoreError> {
        let certificate = self.store.get(column::CERTIFICATES, &height_key(height))?;
        let Some(certificate_bytes) = certificate else { return Ok(None) };
        let certificate: QuorumCertificate = decode(&certificate_bytes)?;
        let key = body_key(height, &certificate.block);
        let body = self.store.get(column::BODIES, &key)?;
        // A certified block is its two parts, one after the other.
        let mut bytes = body.ok_or_else(|| ChainStoreError::Missing(format!("block {height}")))?;
        bytes.extend_from_slice(&certificate_bytes);
        Ok(Some(bytes))
    }

    /// A certified block.
    ///
    /// # Errors
    /// [`ChainStoreError`].
    pub fn block(&self, height: Height) -> Result<Option<CertifiedBlock>, ChainStoreError> {
        Ok(self.block_bytes(height)?.map(|bytes| decode(&bytes)).transpose()?)
    }

    /// Where a transaction stands in the log.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn transaction(&self, id: &TransactionId) -> Result<Option<LogIndex>, StoreError> {
        place(self.store.get(column::TRANSACTIONS, id.as_bytes())?)
    }

    /// Where the closing of a group buy stands in the log.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn closing(&self, id: &GroupBuyId) -> Result<Option<LogIndex>, StoreError> {
        place(self.store.get(column::CLOSED, id.as_bytes())?)
    }

    /// Closed group buys in the order of their names, after `after`, and where their closing stands.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn closings(
        &self,
        after: Option<&GroupBuyId>,
        limit: usize,
    ) -> Result<Vec<(GroupBuyId, LogIndex)>, StoreError> {
        let from = after.map_or(&[][..], |id| &id.as_bytes()[..]);
        let mut closings = Vec::new();
        self.store.scan(column::CLOSED, &[], from, &mut |key, value| {
            let text = std::str::from_utf8(key).ok().map(|text| text.trim_end_matches('\0'));
            let id = text.and_then(|text| text.parse().ok());
            if let (Some(id), Some(index)) = (id, log_index(value))
                && Some(&id) != after
            {
                closings.push((id, index));
            }
            if closings.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(closings)
    }

    /// What the entries of the log say from an index on, at most `limit` of them.
    ///
    /// # Errors
    /// [`ChainStoreError`].
    pub fn entries(
        &self,
        from: LogIndex,
        limit: usize,
    ) -> Result<Vec<(LogIndex, Entry)>, ChainStoreError> {
        let mut entries = Vec::new();
        let mut next = from.get();
        while entries.len() < limit
            && let Some((height, first)) = self.block_of(LogIndex::new(next))?
        {
            let missing = || ChainStoreError::Missing(format!("block {height}"));
            let block = self.block(height)?.ok_or_else(missing)?.block;
            let skipped = usize::try_from(next - first.get()).unwrap_or(usize::MAX);
            let wanted = block.entries.iter().skip(skipped).take(limit - entries.len());
            let before = entries.len();
            for entry in wanted {
                entries.push((LogIndex::new(next), entry.decode()?));
                next += 1;
            }
            if entries.len() == before {
                break;
            }
        }
        Ok(entries)
    }

    /// An entry, its block, and its place in the block.
    ///
    /// # Errors
    /// [`ChainStoreError`].
    pub fn entry(
        &self,
        index: LogIndex,
    ) -> Result<Option<(CertifiedBlock, EntryBytes)>, ChainStoreError> {
        let Some((height, first)) = self.block_of(index)? else { return Ok(None) };
        let Some(block) = self.block(height)? else {
            return Err(ChainStoreError::Missing(format!("block {height}")));
        };
        let position = usize::try_from(index.get() - first.get()).unwrap_or(usize::MAX);
        let entry = block.block.entries.get(position).cloned();
        Ok(entry.map(|entry| (block, entry)))
    }

    /// The block that an entry is in, and the place of that block's first entry.
    ///
    /// # Errors
    /// [`ChainStoreError`].
    pub fn block_of(&self, index: LogIndex) -> Result<Option<(Height, LogIndex)>, ChainStoreError> {
        // A block has at most BLOCK_ENTRIES_MAX entries, and most have few: look near by first.
        let mut found = None;
        for reach in [32, 1_024, BLOCK_ENTRIES_MAX as u64] {
            let from = index.get().saturating_sub(reach);
            self.store.scan(
                column::FIRST_ENTRIES,
                &[],
                &from.to_be_bytes(),
                &mut |key, value| {
                    let (Some(first), Some(height)) = (log_index(key), log_index(value)) else {
                        return ControlFlow::Break(());
                    };
                    if first > index {
                        return ControlFlow::Break(());
                    }
                    found = Some((Height::new(height.get()), first));
                    ControlFlow::Continue(())
                },
            )?;
            if found.is_some() {
                break;
            }
        }
        Ok(found)
    }

    /// The stored head: the last block, the size of the log, the root of the state.
    ///
    /// # Errors
    /// [`ChainStoreError`].
    pub fn head(&self) -> Result<StoredHead, ChainStoreError> {
        let head = self.store.get(column::HEAD, &[])?;
        let head = head.ok_or_else(|| ChainStoreError::Missing("its head".to_owned()))?;
        Ok(decode(&head)?)
    }

    /// The receipt of an entry, against the header of the block it is in.
    ///
    /// # Errors
    /// [`ChainStoreError`].
    pub fn receipt(&self, index: LogIndex) -> Result<Option<Receipt>, ChainStoreError> {
        let Some((decided, entry)) = self.entry(index)? else { return Ok(None) };
        let CertifiedBlock { block, certificate } = decided;
        let node = |at| -> Result<Digest, ChainStoreError> {
            let bytes = self.store.get(column::LOG, &node_key(at))?;
            let hash = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
            hash.map(Digest::new).ok_or_else(|| ChainStoreError::Missing(format!("node {at:?}")))
        };
        let path = inclusion_proof(node, index.get(), block.header.log_size)?;
        let path = List::new(path).unwrap_or_default();
        let block = CertifiedHeader { header: block.header, certificate };
        Ok(Some(Receipt { entry, index, path, block, changes: List::default() }))
    }
}

fn state_changes(writes: Vec<ledger_core::merkle::StateWrite>) -> Vec<Change> {
    let column = column::STATE;
    let change = |write: ledger_core::merkle::StateWrite| match write.value {
        Some(value) => Change::Put { column, key: write.key, value },
        None => Change::Delete { column, key: write.key },
    };
    writes.into_iter().map(change).collect()
}

/// The place in the log that was read, if there is one.
fn place(value: Option<Vec<u8>>) -> Result<Option<LogIndex>, StoreError> {
    let malformed = || StoreError::Corrupt { detail: "a place in the log is malformed".to_owned() };
    value.map(|bytes| log_index(&bytes).ok_or_else(malformed)).transpose()
}

fn log_index(bytes: &[u8]) -> Option<LogIndex> {
    Some(LogIndex::new(u64::from_be_bytes(bytes.try_into().ok()?)))
}

/// The group buy that a system entry closed.
fn closed_by(is_system: bool, entry: &EntryBytes) -> Option<GroupBuyId> {
    if !is_system {
        return None;
    }
    match entry.decode().ok()? {
        Entry::System(system) => system.seal.map(|seal| seal.group_buy),
        Entry::Transaction(_) | Entry::Evidence(_) => None,
    }
}

/// The history on disk as one execution reads it.
///
/// Execution cannot stop in the middle, so a disk that fails or lies is remembered and answers "nothing".
/// [`Reading::outcome`] then throws away what came of it.
#[derive(Debug)]
pub struct Reading<'a> {
    chain: &'a ChainStore,
    failure: RefCell<Option<ChainStoreError>>,
}

impl Reading<'_> {
    /// What was executed, if everything that was asked could be answered.
    ///
    /// # Errors
    /// [`ChainStoreError`]: the first question that could not.
    pub fn outcome<T>(self, executed: T) -> Result<T, ChainStoreError> {
        self.failure.into_inner().map_or(Ok(executed), Err)
    }

    fn answer<T>(&self, read: Result<Option<T>, ChainStoreError>) -> Option<T> {
        read.unwrap_or_else(|error| {
            self.failure.borrow_mut().get_or_insert(error);
            None
        })
    }
}

impl Reads for Reading<'_> {
    fn permanent(&self, id: &PermanentId) -> Option<PermanentRecord> {
        let read = || -> Result<Option<PermanentRecord>, ChainStoreError> {
            let value = self.chain.store.get(column::PERMANENT, &encode(id))?;
            Ok(value.map(|bytes| decode(&bytes)).transpose()?)
        };
        self.answer(read())
    }

    fn transaction(&self, id: &TransactionId) -> Option<LogIndex> {
        self.answer(self.chain.transaction(id).map_err(ChainStoreError::from))
    }
}
