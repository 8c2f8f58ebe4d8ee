//! Relay lists 接龙: the text that households write one below the other in a chat, read as orders.
//!
//! The reader is strict where it costs money: everything in an entry must be understood, or a question is
//! asked and nothing of that household is sent. Prices are those of the filing, and a list that names
//! another is asked about. Answers are remembered on this computer; names and rooms stay there too.
//!
//! `text` makes plain lines of what was pasted, `list` finds offers and entries in them, `token` cuts an
//! entry into words, `reading` gives the words a meaning and collects questions, `plan` compares that with
//! the ledger. All of these are pure; `import` asks, shows and sends.

mod door;
mod import;
mod list;
mod memory;
mod number;
mod plan;
mod question;
mod reading;
mod show;
#[cfg(test)]
mod tests;
mod text;
mod token;

pub(crate) use import::{AliasCommand, RelayOptions, aliases, import};
