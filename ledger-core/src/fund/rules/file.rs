//! A group buy is filed, and opened or rejected (rules G20, G21).

use crate::{
    codec::{Decode, Encode},
    crypto::Digest,
    fund::{
        draft::{Desk, Draft},
        group_buy::{APPROVALS_MAX, Filing, GroupBuy, Phase, Stage},
        numbers::PermanentId,
        parties::{Registry, Role, mandate::Mandate},
    },
    refusal::{FilingFault, Refusal},
    types::{MemberId, TimestampMs},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, sync::Arc};

/// Most group buys that are open at once.
const GROUP_BUYS_MAX: u32 = 1_000;

/// A member's word on a filing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FilingDecision {
    /// Property or committee: it may open.
    Approve,
    /// Property or committee: it may not, for a reason of a published list.
    Reject(u16),
    /// The supplier: the quotes are mine.
    Accept,
}

/// A leader files a group buy (G20).
pub(in crate::fund) fn file(draft: &mut Draft<'_>, filing: &Filing) -> Result<(), Refusal> {
    let (id, digest, author) = (filing.group_buy, filing.digest(), draft.act.author);
    draft.act.charge(1 + filing.offers.len());
    if let Some(open) = draft.view.group_buys.get(&id) {
        let same = open.header.filing() == digest && open.header.leader() == author;
        return Err(if same { Refusal::FilingExists {} } else { Refusal::GroupBuyExists {} });
    }
    if draft.numbers.get(&PermanentId::GroupBuy(id)).is_some() {
        return Err(Refusal::GroupBuyExists {});
    }
    if draft.view.group_buys.len() >= GROUP_BUYS_MAX as usize {
        return Err(Refusal::TooManyGroupBuys { max: GROUP_BUYS_MAX });
    }
    check(filing, draft.view.registry, author, draft.act.now)?;
    let terms = draft.view.terms.epoch();
    let group_buy = GroupBuy::filed(filing.clone(), author, draft.act.now, terms);
    draft.files = Some(Box::new(group_buy));
    Ok(())
}

/// Checks what a filing says in itself and against the registry (G20).
fn check(
    filing: &Filing,
    registry: Registry<'_>,
    leader: MemberId,
    now: TimestampMs,
) -> Result<(), Refusal> {
    let bad = |detail| Err(Refusal::BadFiling { detail });
    if registry.role(filing.supplier) != Some(Role::Supplier) {
        return bad(FilingFault::NoSupplier);
    }
    if registry.role(filing.property) != Some(Role::Property) {
        return bad(FilingFault::NoProperty);
    }
    if registry.role(filing.delivery).is_none() || registry.role(filing.packing).is_none() {
        return bad(FilingFault::UnknownPayee);
    }
    if filing.offers.is_empty() {
        return bad(FilingFault::NoOffers);
    }
    let mut seen = BTreeSet::new();
    for offer in &filing.offers {
        if offer.price.get() == 0 {
            return bad(FilingFault::NoPrice);
        }
        if offer.split.sum() != u64::from(offer.price.get()) {
            return bad(FilingFault::PartsDiffer);
        }
        if offer.split.goods != offer.quote.min(offer.price) {
            return bad(FilingFault::GoodsDiffer);
        }
        if !seen.insert((offer.item, offer.price)) {
            return bad(FilingFault::OfferedTwice);
        }
    }
    if !(now < filing.cut_off
        && filing.cut_off <= filing.confirm_by
        && filing.confirm_by < filing.deliver_by)
    {
        return bad(FilingFault::DeadlinesDisordered);
    }
    if filing.retention_basis_points > 10_000 {
        return bad(FilingFault::RetainsTooMuch);
    }
    let related = registry.are_related(leader, filing.supplier);
    if related && !filing.relation_declared {
        return Err(Refusal::UndeclaredRelation { supplier: filing.supplier });
    }
    Ok(())
}

/// A word on a filing; with the last that is missing it opens (G21).
pub(in crate::fund) fn decide(
    desk: &mut Desk<'_, '_>,
    filing: &Digest,
    decision: FilingDecision,
) -> Result<(), Refusal> {
    let author = desk.act.author;
    let leader = desk.group_buy.header.leader();
    let supplier = desk.group_buy.filing.supplier;
    let mandate = Mandate::filing(leader, supplier);
    // A second property company may say yes as well: others' words are not looked at.
    let asked = [leader];
    match decision {
        FilingDecision::Accept => {
            Mandate::acceptance(leader, supplier).may_agree(desk.registry, &asked, author)?;
        }
        FilingDecision::Approve => {
            Mandate::approval(leader).may_agree(desk.registry, &asked, author)?;
        }
        FilingDecision::Reject(_) => mandate.is_missing(desk.registry, &asked, author)?,
    }
    desk.require_filing(filing)?;
    let filed = &desk.group_buy.header.filed;
    let approvals = filed.agreed.iter().filter(|member| **member != supplier).count();
    let again = match decision {
        FilingDecision::Accept => filed.agreed.contains(&author),
        FilingDecision::Approve => filed.agreed.contains(&author) || approvals >= APPROVALS_MAX,
        FilingDecision::Reject(_) => false,
    };
    if again {
        return Err(Refusal::AlreadyApproved {});
    }
    desk.require_phase(Phase::Filed)?;
    desk.act.charge(1);
    if let FilingDecision::Reject(_) = decision {
        desk.enter(Stage::Rejected);
        return Ok(());
    }
    let filed = Arc::make_mut(&mut desk.group_buy.header.filed);
    filed.keep(author)?;
    if mandate.is_met(desk.registry, &filed.words()) {
        desk.enter(Stage::Open);
    }
    Ok(())
}
