//! The founding document of a chain: parse, check, explain, hash.
//!
//! `genesis.toml` says who the members are, with which keys, who decides, and by which policy. Every
//! participant reads the same file and gets the same [`ChainId`](ledger_core::crypto::ChainId), which is the hash of the canonical
//! encoding of what the file says, never of its text: comments and blanks change nothing.
//!
//! A [`Genesis`] exists only checked: keys are admissible and proven, names and keys stand once, the
//! roles that the money needs are there, and the validators can decide. What works but is unwise is a
//! warning of [`Genesis::explain`]. This crate reads no file and knows no network.
//!
//! Source: DESIGN sections 1, 2; decisions D6, D8.

#![warn(missing_docs)]

mod check;
mod document;
mod error;
mod explain;

pub use check::{
    ADDRESS_BYTES_MAX, ADDRESSES_MAX, DOCUMENT_BYTES_MAX, DURATION_MAX, Genesis, MEMBERS_MAX,
    NodeEntry, TRANSACTION_LIFE_MAX, founding_id,
};
pub use document::{
    ChannelSection, ConsensusSection, Document, FORMAT, MemberSection, PolicySection,
    TransportSection, ValidatorSection,
};
pub use error::GenesisError;
pub use explain::{Explanation, STOPPING_SETS_LISTED_MAX};

#[cfg(test)]
mod tests;
