//! An ordered key-value store, deliberately dumb.
//!
//! It knows columns, keys and values as bytes, and nothing of blocks, funds or votes. Two
//! implementations pass one contract suite: [`MemoryStore`] for tests and the simulator's disk, and
//! RocksDB for a node. What a restarted node must not forget about its own votes is not kept
//! here but in the vote guard, so that an old copy of the store cannot make it vote twice.
//!
//! Invariants, for every implementation:
//!
//! - [`Store::apply`] is all or nothing, and durable before it returns. Changes of one batch take
//!   effect in their order: a later one wins, and a `DeletePrefix` removes what stood before it in
//!   the same batch.
//! - Keys are ordered by their bytes, and at most [`KEY_BYTES_MAX`] long.
//! - A damaged record is an error, never an absent or a different value.

mod error;
mod memory;

use std::ops::ControlFlow;

pub use error::StoreError;
pub use memory::MemoryStore;

/// Number of columns. One column holds one kind of record; their meaning belongs to the caller.
pub const COLUMN_COUNT: u8 = 16;

/// The longest key. A bound makes "after every key" expressible as a key, which deleting the prefix
/// `0xff…` needs, and keeps index blocks small.
pub const KEY_BYTES_MAX: usize = 256;

/// One change of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Sets the value of a key.
    Put {
        /// Column, below [`COLUMN_COUNT`].
        column: u8,
        /// At most [`KEY_BYTES_MAX`] bytes.
        key: Vec<u8>,
        /// Any bytes.
        value: Vec<u8>,
    },
    /// Removes a key; removing an absent one is no error.
    Delete {
        /// Column, below [`COLUMN_COUNT`].
        column: u8,
        /// At most [`KEY_BYTES_MAX`] bytes.
        key: Vec<u8>,
    },
    /// Removes every key that starts with the prefix; the empty prefix empties the column.
    DeletePrefix {
        /// Column, below [`COLUMN_COUNT`].
        column: u8,
        /// At most [`KEY_BYTES_MAX`] bytes.
        prefix: Vec<u8>,
    },
}

/// What a node needs of a disk.
///
/// Every method refuses an unknown column ([`StoreError::UnknownColumn`]) and too long a key
/// ([`StoreError::KeyTooLong`]), reports damage as [`StoreError::Corrupt`], and anything else the
/// operating system says as [`StoreError::Io`].
pub trait Store: Send + Sync {
    /// The value of a key.
    ///
    /// # Errors
    /// As listed at [`Store`].
    fn get(&self, column: u8, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// The values of many keys, in the order of the keys.
    ///
    /// # Errors
    /// As listed at [`Store`]; one unreadable value fails the whole call.
    fn get_many(&self, column: u8, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, StoreError>;

    /// Visits the entries whose key starts with `prefix` and is not below `from`, in ascending
    /// order of bytes, until `visit` breaks. An empty `from` begins at the first.
    ///
    /// The visit sees the store as it was when the scan began. `visit` must not call the store: the
    /// memory implementation holds its lock meanwhile.
    ///
    /// # Errors
    /// As listed at [`Store`]. Entries visited before an error are good, but not all there are.
    fn scan(
        &self,
        column: u8,
        prefix: &[u8],
        from: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError>;

    /// The entry with the greatest key that starts with `prefix`.
    ///
    /// # Errors
    /// As listed at [`Store`].
    fn last(&self, column: u8, prefix: &[u8]) -> Result<Option<Entry>, StoreError>;

    /// Applies all changes atomically, in order, and durably before it returns.
    ///
    /// # Errors
    /// As listed at [`Store`], and [`StoreError::Full`]. A batch refused for a column or a key
    /// changed nothing. After an error of the disk the outcome is unknown: the node should stop and
    /// find out by opening the store again.
    fn apply(&self, changes: Vec<Change>) -> Result<(), StoreError>;
}

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// Sees a key and its value, and says whether to go on.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// Refuses columns and keys that no store takes.
///
/// # Errors
/// [`StoreError::UnknownColumn`] or [`StoreError::KeyTooLong`].
pub fn check(column: u8, key: &[u8]) -> Result<(), StoreError> {
    if column >= COLUMN_COUNT {
        return Err(StoreError::UnknownColumn { column });
    }
    if key.len() > KEY_BYTES_MAX {
        return Err(StoreError::KeyTooLong { bytes: key.len() });
    }
    Ok(())
}

/// Refuses a batch before any of it is applied.
///
/// # Errors
/// As [`check`].
pub fn check_all(changes: &[Change]) -> Result<(), StoreError> {
    changes.iter().try_for_each(|change| match change {
        Change::Put { column, key, .. } | Change::Delete { column, key } => check(*column, key),
        Change::DeletePrefix { column, prefix } => check(*column, prefix),
    })
}

/// The least byte string above every permitted key that starts with `prefix`.
pub fn after_prefix(prefix: &[u8]) -> Vec<u8> {
    let significant = prefix.iter().rposition(|&byte| byte != u8::MAX);
    match significant {
        Some(index) => {
            let mut bound = prefix.get(..=index).unwrap_or_default().to_vec();
            if let Some(byte) = bound.last_mut() {
                *byte += 1;
            }
            bound
        }
        // Nothing of the same length is greater: only a string longer than any key is.
        None => vec![u8::MAX; KEY_BYTES_MAX + 1],
    }
}
