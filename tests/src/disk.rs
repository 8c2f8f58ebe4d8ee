//! False disks: what is durable, what is under way, and what a power failure makes of it.
//!
//! A batch into the store is all or nothing. The vote guard has two slots that are written in turn; a
//! torn write loses its slot and leaves the other.

use genesis::Genesis;
use ledger_core::{codec::decode, consensus::GuardRecord};
use replica::{
    JobId, Start, Write,
    chain_store::ChainStore,
    store::{COLUMN_COUNT, Change, MemoryStore, Store as _},
};
use std::{collections::VecDeque, ops::ControlFlow, sync::Arc};

/// What becomes of the write that was under way when the power failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tear {
    /// It never began.
    Lost,
    /// It was half done: a batch is undone when the store is opened, a slot of the guard is spoilt.
    Torn,
    /// It was done, and nobody was told.
    Unreported,
}

#[derive(Debug, Clone, Default)]
struct GuardFile {
    slots: [Option<(u64, Vec<u8>)>; 2],
    sequence: u64,
}

impl GuardFile {
    fn latest(&self) -> Option<&[u8]> {
        let written = self.slots.iter().flatten();
        written.max_by_key(|(sequence, _)| *sequence).map(|(_, bytes)| bytes.as_slice())
    }

    fn next_slot(&mut self) -> &mut Option<(u64, Vec<u8>)> {
        let newest = self.slots.iter().flatten().map(|(sequence, _)| *sequence).max();
        let older = usize::from(
            newest.is_some() && self.slots[0].as_ref().map(|(sequence, _)| *sequence) == newest,
        );
        &mut self.slots[older]
    }

    fn write(&mut self, bytes: Vec<u8>) {
        self.sequence += 1;
        let sequence = self.sequence;
        *self.next_slot() = Some((sequence, bytes));
    }

    fn tear(&mut self) {
        *self.next_slot() = None;
    }
}

/// A copy of a store, as an operator keeps one.
#[derive(Debug, Clone)]
pub struct Image(Vec<Change>);

/// The disk of one machine.
#[derive(Debug)]
pub struct Disk {
    store: Arc<MemoryStore>,
    guard: GuardFile,
    guard_lost: bool,
    under_way: VecDeque<(JobId, VecDeque<Write>)>,
}

impl Default for Disk {
    fn default() -> Self {
        Self {
            store: Arc::new(MemoryStore::new()),
            guard: GuardFile::default(),
            guard_lost: false,
            under_way: VecDeque::new(),
        }
    }
}

impl Disk {
    /// Takes a job. Returns whether the disk was idle, so that somebody has to start it.
    pub fn push(&mut self, job: JobId, writes: Vec<Write>) -> bool {
        let was_idle = self.under_way.is_empty();
        self.under_way.push_back((job, writes.into()));
        was_idle
    }

    /// Whether a job is under way.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.under_way.is_empty()
    }

    /// Completes the next write. Returns the job if that was its last.
    ///
    /// # Panics
    /// If the store refuses a batch: a bug of whoever made it.
    pub fn complete_write(&mut self) -> Option<JobId> {
        let (job, writes) = self.under_way.front_mut()?;
        let job = *job;
        match writes.pop_front() {
            Some(Write::Store(changes)) => {
                self.store.apply(changes).expect("the store takes what the replica writes");
            }
            Some(Write::Guard(bytes)) => self.guard.write(bytes),
            None => {}
        }
        let done = self.under_way.front().is_some_and(|(_, writes)| writes.is_empty());
        if done {
            self.under_way.pop_front();
        }
        done.then_some(job)
    }

    /// The power fails.
    pub fn lose_power(&mut self, tear: Tear) {
        match (tear, self.under_way.front().and_then(|(_, writes)| writes.front())) {
            (Tear::Unreported, Some(_)) => drop(self.complete_write()),
            (Tear::Torn, Some(Write::Guard(_))) => self.guard.tear(),
            (Tear::Torn, Some(Write::Store(_)) | None) | (Tear::Lost, _) | (_, None) => {}
        }
        self.under_way.clear();
    }

    /// Copies the store as it is now.
    #[must_use]
    pub fn image(&self) -> Image {
        let mut changes = Vec::new();
        for column in 0..COLUMN_COUNT {
            let visit = &mut |key: &[u8], value: &[u8]| {
                changes.push(Change::Put { column, key: key.to_vec(), value: value.to_vec() });
                ControlFlow::Continue(())
            };
            self.store.scan(column, &[], &[], visit).expect("every column can be read");
        }
        Image(changes)
    }

    /// Puts an old copy of the store back; the guard stays.
    ///
    /// # Panics
    /// Never: an image holds what a store has taken before.
    pub fn restore_store(&mut self, image: &Image) {
        self.store = Arc::new(MemoryStore::new());
        self.store.apply(image.0.clone()).expect("an image is a batch");
    }

    /// The guard file is gone; the store stays.
    pub fn lose_guard(&mut self) {
        self.guard = GuardFile::default();
        self.guard_lost = true;
    }

    /// Reads what is durable, as a node does at its start.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn open(&self, genesis: &Genesis) -> Result<Start, String> {
        let store = self.store.clone();
        let (chain, state) = ChainStore::open(store, genesis).map_err(|error| error.to_string())?;
        let guard = self.guard.latest().map(decode::<GuardRecord>).transpose();
        let guard = guard.map_err(|error| format!("guard: {error}"))?;
        Ok(Start { chain, state, guard, nothing_signed: !self.guard_lost })
    }
}
