//! Hash trees: the log of all entries (RFC 6962) and the tables of the state.

mod changes;
mod log;
mod overlay;
mod small_map;
mod table;

pub use changes::Changes;
pub use log::{
    Frontier, LogNode, NodeAt, consistency_proof, entry_hash, inclusion_proof, verify_consistency,
    verify_inclusion,
};
pub use overlay::Overlay;
pub use table::{Record, StateWrite, StoredRecord, Table, TableProof};
pub(crate) use table::{record_by_encoding, split_slot};
