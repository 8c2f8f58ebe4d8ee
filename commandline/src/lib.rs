//! The command lines of `tuan` and `tuand` in Chinese: their help, and the mistakes in them.
//!
//! English help stands in the doc comments of the commands, and the parser's own English stays as it
//! says it. Each program has a table of its [`Words`] with the Chinese of every text beside it, and a
//! test that asks [`Words::gaps`]: whoever adds a command or an argument adds a row.
#![warn(missing_docs)]

mod help;
mod mistake;
mod wrap;

pub use help::{Words, columns};
pub use mistake::Mistake;
pub use wrap::{longest_number, wrap};
