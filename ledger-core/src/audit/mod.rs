//! Checking a whole chain from its genesis alone.
//!
//! An auditor believes nothing: each block's certificate, every signature and every entry is checked,
//! and each block is executed again by [`execute`](crate::ledger::execute), so that every rule of the
//! money is applied a second time. Sums over all balances are taken by a second way at the end.
//!
//! Memory holds the state and the transactions that have not expired, but no blocks; identifiers that are
//! used once are kept where the caller says ([`UsedOnce`]).

mod archive;
mod auditor;

pub use archive::{
    ARCHIVE_FILE_BYTES_MAX, Manifest, ManifestError, RecordError, RecordReader, archive_file_name,
    record,
};
pub use auditor::{
    Auditor, Checkpoint, Finding, RecordFault, Report, UsedOnce, Verdict, read_records,
};
