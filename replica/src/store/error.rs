//! Why the store cannot do what was asked. Except for the caller's own mistakes, the operator is
//! the one who has to act.

use std::path::PathBuf;

use super::{COLUMN_COUNT, KEY_BYTES_MAX};

/// Why the store cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store was written for another chain. Blame: the operator's configuration.
    #[error(
        "the store at {path} belongs to chain {found}, but this node was started for chain {expected}"
    )]
    Foreign {
        /// Folder of the store.
        path: PathBuf,
        /// Identity this node was started with, in hex.
        expected: String,
        /// Identity in the store, in hex.
        found: String,
    },

    /// The store was written by a newer release. Blame: the operator; a newer program opens it.
    #[error(
        "the store at {path} has format {found}, but this program reads only up to format {supported}"
    )]
    NewerFormat {
        /// Folder of the store.
        path: PathBuf,
        /// Format found in the store.
        found: u32,
        /// Newest format this program knows.
        supported: u32,
    },

    /// The store was written by an older release. Blame: nobody; the chain is fetched anew.
    #[error(
        "the store at {path} has format {found}, which this program does not read any more; it writes format {supported}"
    )]
    OlderFormat {
        /// Folder of the store.
        path: PathBuf,
        /// Format found in the store.
        found: u32,
        /// The format that this program reads.
        supported: u32,
    },

    /// Another process, or this one, has the store open.
    #[error("the store at {path} is in use by another running node")]
    InUse {
        /// Folder of the store.
        path: PathBuf,
    },

    /// The disk is full; nothing can be written until there is room, and the node should stop.
    #[error("the disk of the store is full: {detail}")]
    Full {
        /// What the storage engine said.
        detail: String,
    },

    /// What was read is not what was written. Blame: the disk, or somebody who edited the files.
    #[error("the store is damaged: {detail}")]
    Corrupt {
        /// What the storage engine said.
        detail: String,
    },

    /// A column that does not exist. Our bug.
    #[error("column {column} does not exist, there are {COLUMN_COUNT}")]
    UnknownColumn {
        /// The column asked for.
        column: u8,
    },

    /// A key beyond the limit. Our bug: keys are made of identifiers of fixed size.
    #[error("a key of {bytes} bytes is longer than {KEY_BYTES_MAX}")]
    KeyTooLong {
        /// Length of the key.
        bytes: usize,
    },

    /// Any other failure of the operating system or the storage engine.
    #[error("the store cannot be read or written: {detail}")]
    Io {
        /// What the storage engine or the operating system said.
        detail: String,
    },
}
