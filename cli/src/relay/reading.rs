//! A list that was read: what each entry means, what households want in the end, and what is not clear.

use super::{intent::Mode, lines::Lines, question::Question};
use std::collections::BTreeMap;

/// A list that was read.
#[derive(Debug, Clone, Default)]
pub(super) struct Reading {
    /// Every entry, in the order of the list.
    pub(super) entries: Vec<ReadEntry>,
    /// What households want in the end.
    pub(super) households: BTreeMap<String, Wanted>,
    /// What is not clear, each thing once.
    pub(super) questions: Vec<Question>,
    /// Lines that order nothing.
    pub(super) talk: Vec<(u64, String)>,
    /// Lines above the entries that were taken for the heading and say more, or less, than an offer.
    pub(super) heading: Vec<(u64, String)>,
    /// Rows among both that have a door or so much of something.
    pub(super) perhaps_orders: Vec<u64>,
    /// Entries beyond [`ENTRIES_MAX`](super::list::ENTRIES_MAX).
    pub(super) too_many: usize,
}

/// What a household wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) lines: Lines,
    /// Rows of its entries.
    pub(super) rows: Vec<u64>,
    /// An entry of it waits for an answer: nothing is sent for it.
    pub(super) open: bool,
    /// What its entries said so far, to know a repetition.
    pub(super) said: Vec<(Mode, Lines)>,
    /// The word for the one good of its first entry.
    pub(super) good: Option<String>,
}

/// An entry that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReadEntry {
    pub(super) row: u64,
    pub(super) number: Option<u32>,
    pub(super) written: String,
    pub(super) household: Option<String>,
    pub(super) result: Understood,
    /// What was written beside the order.
    pub(super) remarks: Vec<String>,
    /// An earlier answer said what it means.
    pub(super) remembered: bool,
    /// What answers about it are kept under.
    pub(super) key: String,
}

/// What an entry means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Understood {
    /// These goods, beside or in place of what the household had in the list.
    Order(Mode, Lines),
    /// The household wants nothing any more.
    Cancelled,
    /// The same as an earlier entry of the household.
    Doubled,
    /// It was crossed out and another entry of the household counts.
    CrossedOut,
    /// It orders nothing: the number alone, or left out by the leader.
    Nothing,
    /// Waits for an answer; why.
    Asked(String),
}
