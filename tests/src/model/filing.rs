//! Filing a group buy and deciding on it (G20, G21).

use super::{
    Model, hash_of,
    refusals::{
        ALREADY_APPROVED, Answer, BAD_FILING, FILING_DIFFERS, FILING_EXISTS, GROUP_BUY_EXISTS,
        RELATED, SUBMITTER_MAY_NOT_APPROVE, TOO_MANY_GROUP_BUYS, UNDECLARED_RELATION, WRONG_ROLE,
    },
    world::GroupBuy,
};
use ledger_core::{
    crypto::Digest,
    fund::{Filing, FilingDecision, Offer, Phase, Role},
    types::{GroupBuyId, MemberId, TimestampMs},
};

/// G6: group buys open at once.
const GROUP_BUYS_MAX: usize = 1_000;
/// Everything, in basis points.
const WHOLE: u16 = 10_000;

impl Model {
    /// G20.
    pub(super) fn file(&mut self, author: MemberId, filing: &Filing) -> Answer<()> {
        self.has_role(author, &[Role::Leader])?;
        if self.related(author, filing.supplier) && !filing.relation_declared {
            return Err(UNDECLARED_RELATION);
        }
        let filing_hash = hash_of("filing", filing);
        // G4: the name of a group buy is unique in the chain for ever.
        if self.world.closed.contains(&filing.group_buy) {
            return Err(GROUP_BUY_EXISTS);
        }
        if let Ok(standing) = self.group_buy(filing.group_buy) {
            let very_same = standing.filing_hash == filing_hash && standing.leader == author;
            return Err(if very_same { FILING_EXISTS } else { GROUP_BUY_EXISTS });
        }
        if self.world.group_buys.len() >= GROUP_BUYS_MAX {
            return Err(TOO_MANY_GROUP_BUYS);
        }
        if !self.is_in_order(filing) {
            return Err(BAD_FILING);
        }
        self.world.group_buys.push(GroupBuy {
            filing: filing.clone(),
            filing_hash,
            leader: author,
            phase: Phase::Filed,
            since: self.world.now,
            approvals: Vec::new(),
            accepted: false,
            orders: Vec::new(),
            payments: Vec::new(),
            note: None,
            delivered: Vec::new(),
            last_delivery: TimestampMs::ZERO,
        });
        Ok(())
    }

    /// G20: whether a filing contradicts neither itself nor the registry.
    fn is_in_order(&self, filing: &Filing) -> bool {
        let offered_twice = |(position, offer): (usize, &Offer)| {
            let mut before = filing.offers[..position].iter();
            before.any(|other| other.item == offer.item && other.price == offer.price)
        };
        self.role(filing.supplier) == Some(Role::Supplier)
            && self.role(filing.property) == Some(Role::Property)
            && self.role(filing.delivery).is_some()
            && self.role(filing.packing).is_some()
            && !filing.offers.is_empty()
            && filing.offers.iter().all(is_priced_in_order)
            && !filing.offers.iter().enumerate().any(offered_twice)
            && self.world.now < filing.cut_off
            && filing.cut_off <= filing.confirm_by
            && filing.confirm_by < filing.deliver_by
            && filing.retention_basis_points <= WHOLE
    }

    /// G21.
    pub(super) fn decide_filing(
        &mut self,
        author: MemberId,
        id: GroupBuyId,
        filing: Digest,
        decision: FilingDecision,
    ) -> Answer<()> {
        let standing = self.group_buy(id)?;
        let supplier = standing.filing.supplier;
        // G21: the leader decides nothing.
        if author == standing.leader {
            return Err(SUBMITTER_MAY_NOT_APPROVE);
        }
        match decision {
            FilingDecision::Approve => {
                self.has_role(author, &[Role::Property, Role::Committee])?;
                if self.related(author, standing.leader) {
                    return Err(RELATED);
                }
                if standing.approvals.contains(&author) {
                    return Err(ALREADY_APPROVED);
                }
            }
            FilingDecision::Accept => {
                if author != supplier {
                    return Err(WRONG_ROLE);
                }
                if standing.accepted {
                    return Err(ALREADY_APPROVED);
                }
            }
            FilingDecision::Reject(_) => {
                if author != supplier {
                    self.has_role(author, &[Role::Property, Role::Committee])?;
                }
            }
        }
        self.in_phase(id, &[Phase::Filed])?;
        self.names_filing(id, filing)?;
        let group_buy = self.group_buy_mut(id);
        match decision {
            FilingDecision::Approve => group_buy.approvals.push(author),
            FilingDecision::Accept => group_buy.accepted = true,
            FilingDecision::Reject(_) => {
                self.enter_phase(id, Phase::Rejected);
                return Ok(());
            }
        }
        let standing = self.group_buy(id)?;
        let approved_by = |role| standing.approvals.iter().any(|by| self.role(*by) == Some(role));
        if approved_by(Role::Property) && approved_by(Role::Committee) && standing.accepted {
            self.enter_phase(id, Phase::Open);
        }
        Ok(())
    }

    /// State: what is said is said about this very filing.
    pub(super) fn names_filing(&self, id: GroupBuyId, filing: Digest) -> Answer<()> {
        if self.group_buy(id)?.filing_hash == filing { Ok(()) } else { Err(FILING_DIFFERS) }
    }
}

/// G20: the parts add up to the price; the goods part is the quote, or the price where that is less.
fn is_priced_in_order(offer: &Offer) -> bool {
    let split = &offer.split;
    let parts = [split.goods, split.leader, split.property, split.delivery, split.packing];
    let sum: u64 = parts.iter().map(|part| u64::from(part.get())).sum();
    offer.price.get() > 0
        && sum == u64::from(offer.price.get())
        && split.goods == offer.quote.min(offer.price)
}
