//! The store on a real disk.
//!
//! [`Store`] says what a node needs of a disk; [`RocksStore`] gives it with
//! RocksDB. The contract suite in `tests.rs` runs on it and on the memory store alike.

mod rocks;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;

pub use replica::store::{
    COLUMN_COUNT, Change, Entry, KEY_BYTES_MAX, MemoryStore, Store, StoreError, Visit,
};
use replica::store::{after_prefix, check, check_all};
pub use rocks::{CACHE_BYTES, RocksStore, STORE_FORMAT};
