//! Movements need the word of several: one proposes, others agree, and only then money moves (rule G2).
//!
//! What is proposed is tried beside the draft first, so that a proposal that could not be carried out is
//! refused at once.

use super::{
    act::Movement,
    agenda::{Deadline, DeadlineKind, Due},
    cause::Cause,
    draft::Draft,
    matter::Matter,
    rows,
    terms::Terms,
};
use crate::{
    crypto::{Digest, TransactionId},
    merkle::{Overlay, record_by_encoding},
    refusal::Refusal,
};

/// Most proposals that wait at once.
const PROPOSALS_MAX: u32 = 4_096;
/// Most proposals of one organisation, and of one leader, so that nobody keeps the others out.
const PROPOSALS_OF_ORGANISATION_MAX: u32 = PROPOSALS_MAX / 4;
const PROPOSALS_OF_LEADER_MAX: u32 = PROPOSALS_MAX / 16;

record_by_encoding!(Matter<Movement>);

/// Proposals, and what is to change about them.
pub(super) type Proposals<'a> = Overlay<'a, TransactionId, Matter<Movement>>;

/// A proposal by its id, as it stands in the books.
impl Due<Terms> for (&TransactionId, &Matter<Movement>) {
    fn due(&self, terms: &Terms) -> Option<Deadline> {
        let (id, matter) = self;
        let at = matter.opened.after(terms.of(matter.terms).proposal_lapses_after);
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
    let (now, terms) = (draft.act.now, draft.view.terms.epoch());
    proposals.insert(transaction, Matter::open(movement.clone(), author, now, terms));
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
    let own = proposals.iter().filter(|(_, matter)| matter.by == author).count();
    if own >= max as usize { Err(Refusal::TooManyProposals { max }) } else { Ok(()) }
}

/// Agrees to a proposal, which is carried out as soon as no word is missing.
pub(super) fn approve(
    draft: &mut Draft<'_>,
    proposals: &mut Proposals<'_>,
    proposal: &TransactionId,
    movement: &Digest,
) -> Result<Cause, Refusal> {
    let waiting = waiting(proposals, proposal, movement)?;
    let author = draft.act.author;
    if author == waiting.by {
        return Err(Refusal::SubmitterMayNotApprove {});
    }
    let mut matter = waiting.clone();
    let row = rows::movement(&waiting.act);
    let met = matter.agree(&(row.mandate)(draft)?, draft.view.registry, author)?;
    if (row.pays)(draft)? == Some(author) {
        return Err(Refusal::PaidByIt { member: author });
    }
    draft.act.charge(1);
    if !met {
        drop(row);
        proposals.insert(*proposal, matter);
        return Ok(Cause::Propose);
    }
    (row.rule)(draft)?;
    let cause = row.cause;
    drop(row);
    proposals.remove(proposal);
    Ok(cause)
}

/// Whoever could agree, and whoever proposed, can end a proposal.
pub(super) fn reject(
    draft: &mut Draft<'_>,
    proposals: &mut Proposals<'_>,
    proposal: &TransactionId,
    movement: &Digest,
) -> Result<Cause, Refusal> {
    let matter = waiting(proposals, proposal, movement)?;
    let author = draft.act.author;
    if author != matter.by {
        let mandate = (rows::movement(&matter.act).mandate)(draft)?;
        mandate.is_missing(draft.view.registry, &[matter.by], author)?;
    }
    draft.act.charge(1);
    proposals.remove(proposal);
    Ok(Cause::RejectProposal)
}

fn waiting<'p>(
    proposals: &'p Proposals<'_>,
    id: &TransactionId,
    movement: &Digest,
) -> Result<&'p Matter<Movement>, Refusal> {
    let matter = proposals.get(id).ok_or(Refusal::ProposalUnknown {})?;
    if matter.act.digest() == *movement { Ok(matter) } else { Err(Refusal::ProposalDiffers {}) }
}
