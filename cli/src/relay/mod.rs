//! Relay lists 接龙: the text that households write one below the other in a chat, read as orders.
//!
//! The reader is strict where it costs money: everything in an entry must be understood, or a question is
//! asked and nothing of that household is sent. Prices are those of the filing, and a list that names
//! another is asked about. Answers are remembered on this computer; names and rooms stay there too.
//!
//! From the paste to the ledger:
//!
//! ```text
//! text       plain lines of what was pasted
//! list       which lines are entries      heading  what the lines above them offer
//! token      words that are known             cut      the words of an entry (number, door)
//! household  whose it is              beside   names, remarks, what may change an order
//! intent     what it asks for         goods    which offers that means    portion  how much of them
//! money      sums that it names       merge    what the household wrote before
//! reader     all of this for each entry; a reading, with questions where anything is not clear
//! plan       what a reading changes in the ledger
//! console    asks the leader
//! import     shows (show), remembers (memory) and sends
//! ```
//!
//! Everything but `console`, `import` and the file of `memory` is pure. Names point upwards in this list only.

mod beside;
mod console;
mod cut;
mod door;
mod goods;
mod heading;
mod household;
mod import;
mod intent;
mod lines;
mod list;
mod memory;
mod merge;
mod money;
mod number;
mod plan;
mod portion;
mod question;
mod reader;
mod reading;
mod show;
#[cfg(test)]
mod tests;
mod text;
mod token;

pub(crate) use import::{AliasCommand, RelayOptions, aliases, import};
