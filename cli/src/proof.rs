//! Believing proofs, not answers: a receipt counts once it verifies against genesis.
//!
//! Source: DESIGN D8, D13.

use crate::exit::Failure;
use genesis::Genesis;
use ledger_core::{
    block::{Entry, EntryBytes},
    receipt::Receipt,
    transaction::ReceivedTransaction,
    types::{Height, LogIndex},
};

/// What a verified receipt proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proven {
    /// The entry.
    pub(crate) entry: Entry,
    /// Its bytes, as they are in the log.
    pub(crate) bytes: EntryBytes,
    /// Its place in the log.
    pub(crate) index: LogIndex,
    /// The block whose log root the receipt leads to: that of the entry, or a later one.
    pub(crate) proven_at: Height,
}

/// Verifies the text of a receipt.
///
/// # Errors
/// A refused [`Failure`] that says what does not hold.
pub(crate) fn verify(genesis: &Genesis, text: &str) -> Result<Proven, Failure> {
    let wrong = |error: ledger_core::receipt::ReceiptError| {
        let cause = std::error::Error::source(&error).map_or(String::new(), |c| format!(": {c}"));
        Failure::refused(format!("the receipt does not verify: {error}{cause}")).help(
            "check that --genesis is of the same chain; else ask another node for the receipt",
        )
    };
    let receipt = Receipt::from_text(text).map_err(wrong)?;
    let entry = receipt.verify(&genesis.chain, &genesis.validators).map_err(wrong)?;
    Ok(Proven {
        entry,
        bytes: receipt.entry,
        index: receipt.index,
        proven_at: receipt.block.header.height,
    })
}

/// Verifies that a receipt is of this transaction, at this place.
///
/// # Errors
/// A refused [`Failure`].
pub(crate) fn verify_of(
    genesis: &Genesis,
    text: &str,
    transaction: &ReceivedTransaction,
    index: LogIndex,
) -> Result<Proven, Failure> {
    let proven = verify(genesis, text)?;
    if proven.bytes != *transaction.entry_bytes() || proven.index != index {
        return Err(Failure::refused("the receipt is of another entry")
            .help("the node is at fault; ask another with --node"));
    }
    Ok(proven)
}
