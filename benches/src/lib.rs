//! Measurements: what a chain is founded with to be measured, and the work that it is given.
//!
//! `benches/` has one file for each operation (`cargo bench -p benches`); `src/bin/load` puts load on
//! a cluster of real nodes (`cargo xtask bench cluster`). docs/performance.md says what is measured and
//! what it means. Builds without RocksDB and libp2p.

#![warn(missing_docs)]

pub mod community;
pub mod ledger;
pub mod orders;
pub mod verification;
