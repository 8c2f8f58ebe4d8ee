//! `tuan genesis`: how organisations found a chain together, and the document that comes of it.
//!
//! The founder invites, each member joins, the founder collects and seals, everybody checks. Files travel
//! by any messenger; no private key ever does. Nobody has to believe the founder: see
//! docs/decisions/0006-founding-ceremony.md.

mod check;
mod collect;
mod command;
mod document;
mod invite;
mod join;
mod settings;
mod show;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use command::{GenesisCommand, run};
pub(crate) use document::load;
pub(crate) use invite::{INVITE_EXAMPLE, INVITE_EXAMPLE_ZH};
