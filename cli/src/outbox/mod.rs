//! The outbox: what was signed here and is not proven to be in the ledger.
//!
//! A transaction is written down durably *before* it is sent, and is taken out only when
//! (a) a receipt has verified against genesis and is kept ([`crate::receipts`]), (b) it was refused for
//! good, or (c) the user drops it. So a process may be killed at any point: what it had signed is still
//! there, and what it had sent is sent again as the same bytes, which have the same id and enter once.
//!
//! # When a refusal is final
//!
//! A node that refuses a transaction on its first sending has not taken it in, and nobody else has it:
//! final, told at once. If the bytes may have reached a node before (an earlier run, a node that took
//! them and then dropped them, a connection that broke), another proposer may still put them into a
//! block, although this node refuses. Such a transaction stays until it is decided or has expired; only
//! then is it known what to do. "The ledger says so already" is final always, and so is what rules it out for
//! good ([`crate::refusal::is_for_good`]): a number that stands in the ledger with other content, an order
//! that was changed since. (A custodian who refuses that other record frees its number; whoever wants the
//! first one then enters it again.) Before any of this is said,
//! the other nodes are asked whether they have it. The one fact needed for this rule, whether the bytes
//! may be anywhere, is assumed by default, and denied in the note beside an entry only when every
//! connection of the last try failed before anything was sent.
//!
//! # When it is signed again
//!
//! What says an expired transaction must get a new signature, a new expiry and so a new id. It is signed
//! again when the nodes have been asked for the old id and none that answers knows it. For nearly all
//! actions this is safe even if a node lies: order numbers, payment numbers and phases make the ledger
//! refuse a repetition. The few that carry no number of their own ([`words::may_repeat`]) are
//! signed again only when *every* named node answers that block time is past the old expiry and that the
//! old id is not in the ledger. What provably reached nobody is signed again without asking. A proposal
//! signed again is another proposal with another id, unless the same movement waits already.
//!
//! # The same command again
//!
//! An action that waits in the outbox is not signed a second time: typing the command again resumes it,
//! and if it was settled a moment ago, as a left-over of this very command, that is the command's answer.
//! A time that the user left open is no difference ([`words::same_but_for_time`]).
//! Every command that can sign sends what is left before it reads anything ([`settle`]): an order then
//! stands before its change is made, and orders that got in are not planned again. That takes at most
//! `LEFT_OVERS_PATIENCE`, ends at the first silence, signs nothing and needs no key.
//!
//! Source: DESIGN D5, D13.

mod command;
mod send;
mod settle;
mod store;
#[cfg(test)]
mod tests;
pub(crate) mod words;

pub(crate) use command::{OutboxCommand, run};
pub(crate) use send::in_one_line;
pub(crate) use settle::SettledNow;
