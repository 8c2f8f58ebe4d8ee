//! The rules of Tuanzhang: what may enter the ledger, how its money moves, how its members agree.
//!
//! Pure: no clock, no randomness, no files, no network. The same input gives the same bytes on every
//! machine. ARCHITECTURE.md has the map.

#![warn(missing_docs)]

pub mod accounting;
pub mod api;
pub mod audit;
pub mod block;
pub mod codec;
pub mod consensus;
pub mod crypto;
pub mod fund;
pub mod ledger;
pub mod merkle;
pub mod receipt;
pub mod refusal;
pub mod replay;
pub mod transaction;
pub mod types;
