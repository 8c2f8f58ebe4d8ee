//! What falls due: one index over all records. Knows time only (rule G5).

use crate::{
    codec::{Decode, Encode},
    crypto::TransactionId,
    types::{GroupBuyId, TimestampMs},
};
use imbl::OrdSet;
use serde::{Deserialize, Serialize};

/// What a deadline does.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum DeadlineKind {
    /// Still filed at the cut-off: rejected.
    CutOff(GroupBuyId),
    /// Formed or failed (G30).
    ConfirmBy(GroupBuyId),
    /// Whoever has not confirmed has its goods by now (G35).
    AutoDelivery(GroupBuyId),
    /// What could not be paid out becomes unclaimed (G39).
    Unclaimed(GroupBuyId),
    /// Every account is zero: sealed and closed (G40).
    Close(GroupBuyId),
    /// Nobody approved it (G2).
    ProposalLapses(TransactionId),
}

/// Something that falls due; ordered by time, kind and id.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
pub struct Deadline {
    /// From this block time on; zero is at once.
    pub at: TimestampMs,
    /// What happens.
    pub kind: DeadlineKind,
}

/// A record with a next moment: never more than one.
pub(super) trait Due<Terms> {
    /// When something has to happen to it, by the terms that it stands under.
    fn due(&self, terms: &Terms) -> Option<Deadline>;
}

/// All deadlines, in the order in which they fall due.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Agenda(OrdSet<Deadline>);

impl Agenda {
    /// What falls due next.
    #[must_use]
    pub fn next(&self) -> Option<&Deadline> {
        self.0.get_min()
    }

    /// How many records have a next moment.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing falls due.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn contains(&self, deadline: &Deadline) -> bool {
        self.0.contains(deadline)
    }

    /// A record had one moment and has another.
    pub(super) fn replace(&mut self, before: Option<Deadline>, after: Option<Deadline>) {
        if before == after {
            return;
        }
        if let Some(before) = before {
            self.0.remove(&before);
        }
        self.0.extend(after);
    }
}

impl FromIterator<Deadline> for Agenda {
    fn from_iter<T: IntoIterator<Item = Deadline>>(deadlines: T) -> Self {
        Self(deadlines.into_iter().collect())
    }
}
