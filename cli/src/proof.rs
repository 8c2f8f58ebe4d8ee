//! Believing proofs, not answers: a receipt counts once it verifies against genesis.
//!
//! Source: DESIGN D8, D13.

use crate::{
    exit::Failure,
    lang::{say, word},
};
use genesis::Genesis;
use ledger_core::{
    block::{Entry, EntryBytes},
    crypto::TransactionId,
    receipt::Receipt,
    transaction::ReceivedTransaction,
    types::{Height, LogIndex, MemberId, TimestampMs},
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
    /// The time of that block.
    pub(crate) time: TimestampMs,
    /// The members whose validators signed it.
    pub(crate) signed_by: Vec<MemberId>,
}

impl Proven {
    /// The id of the transaction, if the entry is one.
    pub(crate) fn transaction_id(&self) -> Option<TransactionId> {
        let transaction = ReceivedTransaction::of_entry(&self.bytes)?;
        transaction.ok().map(|transaction| transaction.id())
    }
}

/// Verifies the text of a receipt.
///
/// # Errors
/// A refused [`Failure`] that says what does not hold.
pub(crate) fn verify(genesis: &Genesis, text: &str) -> Result<Proven, Failure> {
    let wrong = |error: ledger_core::receipt::ReceiptError| {
        let cause = std::error::Error::source(&error).map_or(String::new(), |c| format!(": {c}"));
        Failure::refused(say!(
            "the receipt does not verify: {error}{cause}",
            "回执验证不通过：{error}{cause}"
        ))
        .help(word!(
            "check that --genesis is of the same chain; else ask another node for the receipt",
            "请检查 --genesis 是否属于同一条链；否则向另一节点索取回执"
        ))
    };
    let receipt = Receipt::from_text(text).map_err(wrong)?;
    let entry = receipt.verify(&genesis.chain, &genesis.validators).map_err(wrong)?;
    let header = &receipt.block.header;
    let (proven_at, time) = (header.height, header.time);
    let validators = receipt.changes.last().map_or(&genesis.validators, |(_, next)| next);
    let signers = receipt.block.certificate.signatures.iter();
    let signed_by = signers.filter_map(|(index, _)| Some(validators.get(*index)?.member)).collect();
    Ok(Proven { entry, bytes: receipt.entry, index: receipt.index, proven_at, time, signed_by })
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
        return Err(of_another_entry());
    }
    Ok(proven)
}

/// A node gave a receipt that proves something else.
pub(crate) fn of_another_entry() -> Failure {
    Failure::refused(word!("the receipt is of another entry", "回执属于另一条目")).help(word!(
        "the node is at fault; ask another with --node",
        "该节点有误；请用 --node 换一个节点"
    ))
}
