//! Movements need the word of several: one proposes, others agree, and only then money moves (rule G2).
//!
//! What is proposed is tried beside the draft first, so that a proposal that could not be carried out is
//! refused at once.

use super::{
    act::Movement,
    agenda::{Deadline, DeadlineKind, Due},
    cause::Cause,
    draft::Draft,
    rows,
    terms::Policy,
};
use crate::{
    codec::{Decode, Encode},
    crypto::{Digest, TransactionId},
    merkle::{Overlay, record_by_encoding},
    refusal::Refusal,
    types::{MemberId, TimestampMs},
};
use serde::{Deserialize, Serialize};

/// Most proposals that wait at once.
const PROPOSALS_MAX: u32 = 4_096;
/// Most proposals of one organisation, and of one leader, so that nobody keeps the others out.
const PROPOSALS_OF_ORGANISATION_MAX: u32 = PROPOSALS_MAX / 4;
const PROPOSALS_OF_LEADER_MAX: u32 = PROPOSALS_MAX / 16;

/// A movement that waits for its approval.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct PendingMovement {
    /// What is to be done.
    pub movement: Movement,
    /// Who proposed it.
    pub by: MemberId,
    /// When, in block time.
    pub at: TimestampMs,
}

record_by_encoding!(PendingMovement);

/// Proposals, and what is to change about them.
pub(super) type Proposals<'a> = Overlay<'a, TransactionId, PendingMovement>;

/// A proposal by its id, as it stands in the books.
impl Due<Policy> for (&TransactionId, &PendingMovement) {
    fn due(&self, policy: &Policy) -> Option<Deadline> {
        let (id, pending) = self;
        let at = pending.at.after(policy.proposal_lapses_after);
        Some(Deadline { at, kind: DeadlineKind::ProposalLapses(**id) })
    }
}

/// Takes a proposal in, if it could be carried out now.
pub(super) fn propose(
    draft: &mut Draft<'_>,
    proposals: &mut Proposals<'_>,
    transaction: TransactionId,
    movement: &Movement,
) -> Result<Cause, Refusal> {
    let row = rows::movement(movement);
    let author = draft.act.author;
    (row.mandate)(draft)?.may_ask(draft.view.registry, author)?;
    require_room(draft, proposals)?;
    // Whether it could be carried out is found out beside this draft; the work counts.
    let mut trial = Draft::new(draft.view, author);
    trial.act.charge(1);
    (row.rule)(&mut trial)?;
    trial.check(row.cause)?;
    draft.act.work = draft.act.work.saturating_add(trial.act.work);
    let pending = PendingMovement { movement: movement.clone(), by: author, at: draft.act.now };
    proposals.insert(transaction, pending);
    Ok(Cause::Propose)
}

fn require_room(draft: &Draft<'_>, proposals: &Proposals<'_>) -> Result<(), Refusal> {
    if proposals.len() >= PROPOSALS_MAX as usize {
        return Err(Refusal::TooManyProposals { max: PROPOSALS_MAX });
    }
    let author = draft.act.author;
    let max = if draft.view.registry.member(author)?.role.is_organisation() {
        PROPOSALS_OF_ORGANISATION_MAX
    } else {
        PROPOSALS_OF_LEADER_MAX
    };
    let own = proposals.iter().filter(|(_, pending)| pending.by == author).count();
    if own >= max as usize { Err(Refusal::TooManyProposals { max }) } else { Ok(()) }
}

/// Agrees to a proposal, which is then carried out.
pub(super) fn approve(
    draft: &mut Draft<'_>,
    proposals: &mut Proposals<'_>,
    proposal: &TransactionId,
    movement: &Digest,
) -> Result<Cause, Refusal> {
    let pending = waiting(proposals, proposal, movement)?;
    let author = draft.act.author;
    if author == pending.by {
        return Err(Refusal::SubmitterMayNotApprove {});
    }
    let row = rows::movement(&pending.movement);
    (row.mandate)(draft)?.may_agree(draft.view.registry, &[pending.by], author)?;
    if (row.pays)(draft)? == Some(author) {
        return Err(Refusal::PaidByIt { member: author });
    }
    proposals.remove(proposal);
    draft.act.charge(1);
    (row.rule)(draft)?;
    Ok(row.cause)
}

/// Whoever could agree, and whoever proposed, can end a proposal.
pub(super) fn reject(
    draft: &mut Draft<'_>,
    proposals: &mut Proposals<'_>,
    proposal: &TransactionId,
    movement: &Digest,
) -> Result<Cause, Refusal> {
    let pending = waiting(proposals, proposal, movement)?;
    let author = draft.act.author;
    if author != pending.by {
        let mandate = (rows::movement(&pending.movement).mandate)(draft)?;
        mandate.is_missing(draft.view.registry, &[pending.by], author)?;
    }
    draft.act.charge(1);
    proposals.remove(proposal);
    Ok(Cause::RejectProposal)
}

fn waiting(
    proposals: &Proposals<'_>,
    id: &TransactionId,
    movement: &Digest,
) -> Result<PendingMovement, Refusal> {
    let pending = proposals.get(id).ok_or(Refusal::ProposalUnknown {})?;
    if pending.movement.digest() == *movement {
        Ok(pending.clone())
    } else {
        Err(Refusal::ProposalDiffers {})
    }
}
