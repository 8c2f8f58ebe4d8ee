//! The nodes of a chain, by their position in the founding document.

use ledger_core::types::ValidatorIndex;

/// Position of a node in the genesis document.
pub type NodeId = usize;

/// A node of the chain.
#[derive(Debug, Clone)]
pub struct NodeInfo {
    /// Whose it is.
    pub name: String,
    /// Its place among the validators, if it has one.
    pub validator: Option<ValidatorIndex>,
}
