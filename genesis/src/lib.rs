//! The founding of a chain: invitation, contributions, the sealed document; check, explain, hash.
//!
//! ```text
//! founder:     Invitation                       name, time, policy, who is asked, with how many votes
//! each member: Contribution  (signed)           its keys with proofs, its node's address, the invitation
//! founder:     Collection -> Genesis            exactly the invitation and the contributions
//! each member: Genesis::differences_from, Phrase   is mine in it, and do we all have the same one?
//! ```
//!
//! `genesis.toml` says who the members are, with which keys, who decides, and by which policy. Every
//! participant reads the same file and gets the same [`ChainId`](ledger_core::crypto::ChainId), which is the hash of the canonical
//! encoding of what the file says, never of its text: comments and blanks change nothing.
//!
//! A [`Genesis`] exists only checked: keys are admissible and proven, names and keys stand once, the
//! roles that the money needs are there, and the validators can decide. What works but is unwise is a
//! warning of [`Genesis::explain`]. This crate reads no file and knows no network.
//!
//! Source: DESIGN sections 1, 2; decisions D6, D8; docs/decisions/0006-founding-ceremony.md.

#![warn(missing_docs)]

mod address;
mod check;
mod collection;
mod compare;
mod contribution;
mod document;
mod error;
mod explain;
mod invitation;
mod phrase;
mod text;

pub use address::{ADDRESS_BYTES_MAX, Address, AddressError, Reach};
pub use check::{
    ADDRESSES_MAX, DOCUMENT_BYTES_MAX, DURATION_MAX, Genesis, MEMBERS_MAX, NodeEntry,
    TRANSACTION_LIFE_MAX, founding_id,
};
pub use collection::{Collection, Finding, Received, SealError};
pub use contribution::{Contribution, ContributionError, KeySection, NODE_CARD_FORMAT, NodeCard};
pub use document::{
    ChannelSection, ConsensusSection, Document, FORMAT, MemberSection, PolicySection,
    TransportSection, ValidatorSection,
};
pub use error::{GenesisError, role_zh};
pub use explain::{Explanation, STOPPING_SETS_LISTED_MAX};
pub use invitation::{Invitation, Invited};
pub use phrase::{PHRASE_DIGITS, Phrase};
pub use text::{Language, Text};

#[cfg(test)]
mod tests;
