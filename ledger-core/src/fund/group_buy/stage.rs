//! Where a group buy stands, and every way from one state to another (rule G13).

use super::filing::Filing;
use crate::{
    codec::{Decode, Encode},
    crypto::Digest,
    fund::{
        agenda::{Deadline, DeadlineKind},
        cause::Cause,
        matter::{AGREED_MAX, Matter},
        terms::Terms,
    },
    types::{Fen, MemberId, TimestampMs},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Most members that a filing keeps the approvals of.
pub const APPROVALS_MAX: usize = 8;
// The supplier's word finds room beside them.
const _: () = assert!(APPROVALS_MAX < AGREED_MAX);

/// Where a group buy stands (docs/fund-rules.md has the diagram).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Phase {
    /// Filed, waiting for approvals.
    Filed,
    /// Approved and accepted: orders and payments come in.
    Open,
    /// Formed: enough came together, the purchase order stands.
    Formed,
    /// The supplier confirmed the purchase order.
    Ordered,
    /// Goods received and shared out.
    Received,
    /// Every household has its goods.
    Delivered,
    /// Payees may be paid.
    Settled,
    /// Not approved.
    Rejected,
    /// Too little came together.
    Failed,
    /// Given up by committee and property.
    Cancelled,
}

impl Phase {
    /// The phase as it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Filed => "FILED",
            Self::Open => "OPEN",
            Self::Formed => "FORMED",
            Self::Ordered => "ORDERED",
            Self::Received => "RECEIVED",
            Self::Delivered => "DELIVERED",
            Self::Settled => "SETTLED",
            Self::Rejected => "REJECTED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// The phase as people in China say it.
    #[must_use]
    pub const fn chinese(self) -> &'static str {
        match self {
            Self::Filed => "已报备",
            Self::Open => "开团中",
            Self::Formed => "已成团",
            Self::Ordered => "已下单",
            Self::Received => "已到货",
            Self::Delivered => "已交付",
            Self::Settled => "已结算",
            Self::Rejected => "已驳回",
            Self::Failed => "未成团",
            Self::Cancelled => "已取消",
        }
    }

    /// Whether nothing can happen any more but paying out what is owed.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Settled | Self::Rejected | Self::Failed | Self::Cancelled)
    }
}

/// What was bought: the covered lines, once a group buy has formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Purchase {
    /// Sum of the covered lines.
    pub total: Fen,
    /// Hash of the covered quantities.
    pub order: Digest,
}

/// A goods note, by its hash, that waits for its second signature.
pub type HalfSigned = Box<Matter<Digest>>;

/// A phase with what it needs.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Stage {
    /// [`Phase::Filed`].
    Filed,
    /// [`Phase::Open`].
    Open,
    /// [`Phase::Formed`].
    Formed(Purchase),
    /// [`Phase::Ordered`].
    Ordered {
        /// What was bought.
        purchase: Purchase,
        /// The hash of a goods note with one signature.
        note: Option<HalfSigned>,
    },
    /// [`Phase::Received`].
    Received {
        /// What was bought.
        purchase: Purchase,
        /// Households that still wait for their goods.
        left: u32,
        /// When the last household got its goods; when they arrived, before the first.
        last: TimestampMs,
    },
    /// [`Phase::Delivered`].
    Delivered {
        /// What was bought.
        purchase: Purchase,
        /// When the last household got its goods.
        last: TimestampMs,
    },
    /// [`Phase::Settled`].
    Settled {
        /// What was bought.
        purchase: Purchase,
        /// When the last household got its goods.
        last: TimestampMs,
    },
    /// [`Phase::Rejected`].
    Rejected,
    /// [`Phase::Failed`].
    Failed,
    /// [`Phase::Cancelled`], and what had been bought by then.
    Cancelled(Option<Purchase>),
}

impl Stage {
    /// The phase without what it needs.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        match self {
            Self::Filed => Phase::Filed,
            Self::Open => Phase::Open,
            Self::Formed(_) => Phase::Formed,
            Self::Ordered { .. } => Phase::Ordered,
            Self::Received { .. } => Phase::Received,
            Self::Delivered { .. } => Phase::Delivered,
            Self::Settled { .. } => Phase::Settled,
            Self::Rejected => Phase::Rejected,
            Self::Failed => Phase::Failed,
            Self::Cancelled(_) => Phase::Cancelled,
        }
    }

    /// What was bought, once it is known.
    #[must_use]
    pub const fn purchase(&self) -> Option<&Purchase> {
        match self {
            Self::Formed(purchase)
            | Self::Ordered { purchase, .. }
            | Self::Received { purchase, .. }
            | Self::Delivered { purchase, .. }
            | Self::Settled { purchase, .. } => Some(purchase),
            Self::Cancelled(purchase) => purchase.as_ref(),
            Self::Filed | Self::Open | Self::Rejected | Self::Failed => None,
        }
    }
}

/// What changes often about a group buy.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Header {
    /// The hash of the filing, its leader, whoever has agreed to it, and the terms that the group buy stands
    /// under. Kept for life: a word that is said twice is answered as said.
    pub filed: Arc<Matter<Digest>>,
    /// Where it stands.
    pub stage: Stage,
    /// Since when, in block time.
    pub since: TimestampMs,
    /// Lines on all orders.
    pub line_count: u32,
    /// Confirmed payments so far.
    pub paid: Fen,
    /// Sum of the balances of the accounts of this group buy.
    pub held: Fen,
    /// Why its next deadline could not be carried out, by the number of the refusal. Time does nothing more to
    /// the group buy until an act of a member moves its money or its state.
    pub stuck: Option<u16>,
}

impl Header {
    /// Who filed it.
    #[must_use]
    pub fn leader(&self) -> MemberId {
        self.filed.by
    }

    /// Hash of the filing.
    #[must_use]
    pub fn filing(&self) -> Digest {
        self.filed.act
    }

    /// Where it stands, without what that needs.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.stage.phase()
    }
}

/// Every way from one state of a group buy to another. `None` is before the filing and after the end.
const WAYS: &[(Option<Phase>, Cause, Option<Phase>)] = {
    use Cause as C;
    use Phase::{
        Cancelled, Delivered, Failed, Filed, Formed, Open, Ordered, Received, Rejected, Settled,
    };
    &[
        (None, C::File, Some(Filed)),
        (Some(Filed), C::Approve, Some(Open)),
        (Some(Filed), C::Reject, Some(Rejected)),
        (Some(Filed), C::CutOff, Some(Rejected)),
        (Some(Filed), C::Cancel, Some(Cancelled)),
        (Some(Open), C::ConfirmBy, Some(Formed)),
        (Some(Open), C::ConfirmBy, Some(Failed)),
        (Some(Open), C::Cancel, Some(Cancelled)),
        (Some(Formed), C::ConfirmPurchaseOrder, Some(Ordered)),
        (Some(Formed), C::Cancel, Some(Cancelled)),
        (Some(Ordered), C::SignGoodsNote, Some(Received)),
        (Some(Ordered), C::SignGoodsNote, Some(Delivered)),
        (Some(Ordered), C::DecideGoods, Some(Received)),
        (Some(Ordered), C::DecideGoods, Some(Delivered)),
        (Some(Ordered), C::Cancel, Some(Cancelled)),
        (Some(Received), C::Deliver, Some(Delivered)),
        (Some(Received), C::DeliverByEvidence, Some(Delivered)),
        (Some(Received), C::AutoDelivery, Some(Delivered)),
        (Some(Delivered), C::Settle, Some(Settled)),
        (Some(Rejected), C::Close, None),
        (Some(Failed), C::Close, None),
        (Some(Cancelled), C::Close, None),
        (Some(Settled), C::Close, None),
    ]
};

/// Whether a cause may bring a group buy from one state to another.
pub(in crate::fund) fn may_lead(cause: Cause, from: Option<Phase>, to: Option<Phase>) -> bool {
    from == to || WAYS.contains(&(from, cause, to))
}

impl Header {
    /// The next deadline of a group buy. There is never more than one.
    pub(in crate::fund) fn due(&self, filing: &Filing, terms: &Terms) -> Option<Deadline> {
        let id = filing.group_buy;
        if self.stuck.is_some() {
            return None;
        }
        let policy = terms.of(self.filed.terms);
        let (at, kind) = match self.phase() {
            Phase::Filed => (filing.cut_off, DeadlineKind::CutOff(id)),
            Phase::Open => (filing.confirm_by, DeadlineKind::ConfirmBy(id)),
            Phase::Received => {
                (self.since.after(policy.auto_delivery_after), DeadlineKind::AutoDelivery(id))
            }
            Phase::Formed | Phase::Ordered | Phase::Delivered => return None,
            Phase::Settled | Phase::Rejected | Phase::Failed | Phase::Cancelled => {
                if self.held == Fen::ZERO {
                    (TimestampMs::ZERO, DeadlineKind::Close(id))
                } else {
                    (self.since.after(policy.unclaimed_after), DeadlineKind::Unclaimed(id))
                }
            }
        };
        Some(Deadline { at, kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const PHASES: [Phase; 10] = [
        Phase::Filed,
        Phase::Open,
        Phase::Formed,
        Phase::Ordered,
        Phase::Received,
        Phase::Delivered,
        Phase::Settled,
        Phase::Rejected,
        Phase::Failed,
        Phase::Cancelled,
    ];

    /// Who has to speak for a cause; nobody for what time alone brings about.
    fn speakers(cause: Cause) -> &'static [&'static str] {
        match cause {
            Cause::CutOff | Cause::ConfirmBy | Cause::AutoDelivery | Cause::Close => &[],
            Cause::Approve => &["property", "committee", "supplier"],
            // Any one of the three is enough.
            Cause::Reject => &[],
            Cause::Cancel | Cause::DecideGoods | Cause::Settle => &["property", "committee"],
            Cause::ConfirmPurchaseOrder => &["supplier"],
            // Property can receive as well as the leader.
            Cause::SignGoodsNote => &["supplier"],
            Cause::Deliver => &["leader"],
            Cause::DeliverByEvidence => &["leader"],
            other => panic!("{other:?} leads nowhere"),
        }
    }

    /// States that wait for ever for one member, and for whom: known, until somebody can step in.
    const WAITS_FOR: [(Phase, &str); 2] =
        [(Phase::Delivered, "committee"), (Phase::Delivered, "property")];

    #[test]
    fn every_state_has_a_way_out_whoever_falls_silent() {
        let mut stuck = BTreeSet::new();
        for phase in PHASES {
            let ways: Vec<_> = WAYS.iter().filter(|(from, ..)| *from == Some(phase)).collect();
            assert!(!ways.is_empty(), "{phase:?} never ends");
            for silent in ["property", "committee", "supplier", "leader"] {
                if ways.iter().all(|(_, cause, _)| speakers(*cause).contains(&silent)) {
                    stuck.insert((phase, silent));
                }
            }
        }
        assert_eq!(stuck, BTreeSet::from(WAITS_FOR));
    }

    #[test]
    fn every_state_is_reached_and_no_way_stands_twice() {
        for phase in PHASES {
            assert!(WAYS.iter().any(|(.., to)| *to == Some(phase)), "nothing leads to {phase:?}");
        }
        for (i, way) in WAYS.iter().enumerate() {
            assert!(!WAYS[..i].contains(way), "{way:?}");
        }
    }

    #[test]
    fn what_is_no_way_leads_nowhere() {
        let (open, settled) = (Some(Phase::Open), Some(Phase::Settled));
        assert!(!may_lead(Cause::Settle, open, settled));
        assert!(may_lead(Cause::Order, open, open), "it stays where it is");
        assert!(may_lead(Cause::Close, settled, None));
    }
}
