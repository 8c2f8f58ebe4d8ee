//! Checking a whole chain from its genesis alone.
//!
//! An auditor believes nothing: each block's certificate, every signature and every entry is checked,
//! and each block is executed again by [`execute`](crate::ledger::execute), so that every rule of the
//! money is applied a second time. Sums over all balances are taken by a second way at the end.
//!
//! Memory holds the state and the identifiers that are used once, but no blocks.

mod archive;
mod auditor;

pub use archive::{
    ARCHIVE_FILE_BYTES_MAX, Manifest, ManifestError, RecordError, RecordReader, archive_file_name,
    record,
};
pub use auditor::{Auditor, Checkpoint, Finding, RecordFault, Report, Verdict, read_records};
