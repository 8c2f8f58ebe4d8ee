//! Goods: the note that both sides sign, sharing out what arrived, delivery (rules G32–G35).

use super::{
    account::{AccountId, FeePart},
    draft::Desk,
    filing::{OFFERS_MAX, OfferIndex},
    group_buy::{BATCH_MAX, Cover, HalfSignedNote, Phase},
    member::Role,
};
use crate::{
    codec::{Decode, Encode, List, encode},
    crypto::{Digest, Domain},
    refusal::{Party, Refusal},
    types::{Fen, GroupBuyId, HouseholdTag, Quantity},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How much of each offer was accepted. Offers that are missing arrived not at all.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct GoodsNote {
    /// Which group buy.
    pub group_buy: GroupBuyId,
    /// Offer and accepted quantity, by ascending offer.
    pub accepted: List<(OfferIndex, u64), OFFERS_MAX>,
}

impl GoodsNote {
    /// The hash that both sides must agree on.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Domain::GoodsNote.digest(&[&encode(self)])
    }
}

/// A covered line: where it stands and what it ordered.
struct CoveredLine {
    slot: u32,
    position: usize,
    quantity: u64,
}

impl Desk<'_, '_> {
    /// Takes one signature; with the second the goods are received (G32).
    pub(super) fn sign_goods_note(&mut self, note: &GoodsNote) -> Result<(), Refusal> {
        let author = self.act.author;
        let supplier = self.group_buy.filing.supplier;
        let receives = |id| {
            id == self.group_buy.header.leader
                || self.members.get(&id).is_some_and(|member| member.role == Role::Property)
        };
        if author != supplier && !receives(author) {
            return Err(Refusal::WrongRole { needed: Party::Receiver });
        }
        self.require_phase(Phase::Ordered)?;
        self.check_note(note)?;
        self.act.charge(1 + note.accepted.len());
        let digest = note.digest();
        match &self.group_buy.header.note {
            Some(half) if half.by == author && half.note == digest => {
                Err(Refusal::NoteAlreadySigned {})
            }
            Some(half) if half.by != author && half.note == digest => {
                // One signature must be the supplier's, the other from whoever received.
                if (half.by == supplier) == (author == supplier) {
                    return Err(Refusal::WrongRole { needed: Party::OtherSideOfNote });
                }
                self.receive(note)
            }
            Some(half) if half.by != author => Err(Refusal::NoteDiffers {}),
            // Nobody signed yet, or the author counts again. Counting again does not put off the
            // day from which committee and property may decide.
            half => {
                let at = half.as_ref().map_or(self.act.now, |half| half.at);
                self.group_buy.header.note = Some(HalfSignedNote { by: author, at, note: digest });
                Ok(())
            }
        }
    }

    pub(super) fn check_note(&self, note: &GoodsNote) -> Result<(), Refusal> {
        if !note.accepted.windows(2).all(|pair| pair[0].0 < pair[1].0) {
            return Err(Refusal::BadGoodsNote {});
        }
        for (offer, accepted) in &note.accepted {
            let purchased = self.group_buy.offers.get(offer).map_or(0, |tally| tally.purchased);
            if *accepted > purchased {
                return Err(Refusal::AcceptedExceedsOrdered { offer: *offer });
            }
        }
        Ok(())
    }

    /// Shares out what was accepted and books it (G33, G34).
    pub(super) fn receive(&mut self, note: &GoodsNote) -> Result<(), Refusal> {
        self.allocate(note)?;
        let filing = self.group_buy.filing.clone();
        // What each household's goods cost, and what it gets back, goods and fees.
        let mut goods_total = Fen::ZERO;
        let mut by_household = Vec::new();
        for (tag, household) in self.group_buy.households.iter() {
            let (mut goods, mut short, mut waits) = (Fen::ZERO, Fen::ZERO, false);
            for order in household.orders.iter().filter_map(|s| self.group_buy.orders.slot(*s)) {
                if order.cover != Cover::Covered {
                    continue;
                }
                for line in &order.lines {
                    let Some(offer) = filing.offers.get(usize::from(line.offer)) else { continue };
                    let money = offer.money(line.allocated);
                    let back = offer.total(line.quantity).saturating_sub(money.total);
                    goods = goods.saturating_add(money.goods);
                    short = short.saturating_add(back);
                    waits |= line.allocated > Quantity::ZERO;
                }
            }
            goods_total = goods_total.saturating_add(goods);
            by_household.push((*tag, goods, short, waits));
        }
        // Rounded down once for the whole note (G50); the first goods fill it.
        let basis_points = u128::from(filing.retention_basis_points);
        let retention = u128::from(goods_total.get()) * basis_points / 10_000;
        let mut retention_left = Fen::new(u64::try_from(retention).unwrap_or(u64::MAX));
        let mut deliveries_left = 0u32;
        for (tag, goods, short, waits) in by_household {
            let retained = goods.min(retention_left);
            retention_left = retention_left.saturating_sub(retained);
            let escrow = AccountId::Escrow(tag);
            self.book(escrow, AccountId::Retention, retained)?;
            self.book(escrow, AccountId::Payable, goods.saturating_sub(retained))?;
            self.book(escrow, AccountId::Refund(tag), short)?;
            deliveries_left += u32::from(waits);
        }
        self.group_buy.header.note = None;
        self.group_buy.header.deliveries_left = deliveries_left;
        self.group_buy.header.last_delivery = self.act.now;
        self.enter(if deliveries_left == 0 { Phase::Delivered } else { Phase::Received });
        Ok(())
    }

    /// Gives each covered line its part of what was accepted: the proportional rule (G33).
    fn allocate(&mut self, note: &GoodsNote) -> Result<(), Refusal> {
        let mut lines: BTreeMap<OfferIndex, Vec<CoveredLine>> = BTreeMap::new();
        for (slot, (_, order)) in (0u32..).zip(self.group_buy.orders.iter()) {
            if order.cover == Cover::Covered {
                for (position, line) in order.lines.iter().enumerate() {
                    let quantity = u64::from(line.quantity.get());
                    let covered = CoveredLine { slot, position, quantity };
                    lines.entry(line.offer).or_default().push(covered);
                }
            }
        }
        let accepted: BTreeMap<_, _> = note.accepted.iter().copied().collect();
        for (offer, lines) in lines {
            self.act.charge(lines.len());
            let accepted = accepted.get(&offer).copied().unwrap_or(0);
            for (line, share) in lines.iter().zip(self.shares(&lines, accepted)) {
                self.set_allocated(line, share)?;
            }
            if let Some(tally) = self.group_buy.offers.get_mut(&offer) {
                tally.accepted = accepted;
            }
        }
        Ok(())
    }

    /// Largest remainder: every line gets its share rounded down, and what is left goes one by one to
    /// the largest remainders; ties go to the smaller hash, which nobody can steer.
    fn shares(&self, lines: &[CoveredLine], accepted: u64) -> Vec<u64> {
        let ordered: u64 = lines.iter().map(|line| line.quantity).sum();
        if accepted >= ordered {
            return lines.iter().map(|line| line.quantity).collect();
        }
        let scaled = |line: &CoveredLine| u128::from(line.quantity) * u128::from(accepted);
        let whole = u128::from(ordered);
        let mut shares: Vec<u64> = lines
            .iter()
            .map(|line| u64::try_from(scaled(line) / whole).unwrap_or(u64::MAX))
            .collect();
        let left = accepted - shares.iter().sum::<u64>();
        let mut order: Vec<usize> = (0..lines.len()).collect();
        order.sort_by_cached_key(|i| {
            (std::cmp::Reverse(scaled(&lines[*i]) % whole), self.tie(&lines[*i]))
        });
        for i in order.into_iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
            shares[i] += 1;
        }
        shares
    }

    fn tie(&self, line: &CoveredLine) -> Digest {
        Domain::Tie.digest(&[
            self.act.parent.as_bytes(),
            self.group_buy.id().as_bytes(),
            &line.slot.to_le_bytes(),
            &(line.position as u64).to_le_bytes(),
        ])
    }

    fn set_allocated(&mut self, line: &CoveredLine, share: u64) -> Result<(), Refusal> {
        let Some(order) = self.group_buy.orders.slot_mut(line.slot) else { return Ok(()) };
        let mut lines = std::mem::take(&mut order.lines).into_vec();
        let share = u32::try_from(share).map_err(|_| Refusal::AmountTooLarge {})?;
        lines[line.position].allocated = Quantity::new(share);
        order.lines = List::new(lines).unwrap_or_default();
        Ok(())
    }

    /// Households show their codes (G35). Codes of households that have their goods are skipped.
    pub(super) fn deliver_by_code(
        &mut self,
        codes: &List<(HouseholdTag, [u8; 16]), BATCH_MAX>,
    ) -> Result<(), Refusal> {
        self.require_leader()?;
        self.require_phase(Phase::Received)?;
        let mut repeated = None;
        let mut changed = false;
        for (tag, code) in codes {
            let household = || tag.to_string();
            let Some(record) = self.group_buy.households.get(tag) else {
                return Err(Refusal::UnknownHousehold { household: household() });
            };
            self.act.charge(1 + record.orders.len());
            let hash = Domain::DeliveryCode.digest(&[tag.as_bytes(), code]);
            let orders = record.orders.iter().filter_map(|s| self.group_buy.orders.slot(*s));
            if !orders.into_iter().any(|order| order.delivery_code == Some(hash)) {
                return Err(Refusal::WrongDeliveryCode { household: household() });
            }
            if self.deliver(tag)? {
                changed = true;
            } else {
                repeated = Some(household());
            }
            self.act.require_work_left()?;
        }
        match (changed, repeated) {
            (true, _) => Ok(()),
            (false, Some(household)) => Err(Refusal::AlreadyDelivered { household }),
            (false, None) => Err(Refusal::NoOrders {}),
        }
    }

    /// The leader shows by evidence who has its goods (G35). Households that have them are skipped.
    pub(super) fn deliver_by_evidence(
        &mut self,
        households: &List<HouseholdTag, BATCH_MAX>,
    ) -> Result<(), Refusal> {
        self.require_phase(Phase::Received)?;
        let mut repeated = None;
        let mut changed = false;
        for tag in households {
            if self.deliver(tag)? {
                changed = true;
            } else {
                repeated = Some(tag.to_string());
            }
        }
        match (changed, repeated) {
            (true, _) => Ok(()),
            (false, Some(household)) => Err(Refusal::AlreadyDelivered { household }),
            (false, None) => Err(Refusal::NoOrders {}),
        }
    }

    /// Hands over to one household: its fees are earned (G35). Says whether it still waited.
    pub(super) fn deliver(&mut self, tag: &HouseholdTag) -> Result<bool, Refusal> {
        let filing = self.group_buy.filing.clone();
        let Some(household) = self.group_buy.households.get(tag) else {
            return Err(Refusal::UnknownHousehold { household: tag.to_string() });
        };
        if household.delivered_at.is_some() {
            return Ok(false);
        }
        let mut fees = [Fen::ZERO; 4];
        let mut waits = false;
        let mut work = 1;
        for order in household.orders.iter().filter_map(|s| self.group_buy.orders.slot(*s)) {
            work += order.lines.len();
            for line in order.lines.iter().filter(|line| line.allocated > Quantity::ZERO) {
                let Some(offer) = filing.offers.get(usize::from(line.offer)) else { continue };
                waits = true;
                for (sum, fee) in fees.iter_mut().zip(offer.money(line.allocated).fees) {
                    *sum = sum.saturating_add(fee);
                }
            }
        }
        self.act.charge(work);
        if !waits {
            return Ok(false);
        }
        for (part, fee) in FeePart::ALL.into_iter().zip(fees) {
            self.book(AccountId::Escrow(*tag), AccountId::Fee(part), fee)?;
        }
        let now = self.act.now;
        if let Some(household) = self.group_buy.households.get_mut(tag) {
            household.delivered_at = Some(now);
        }
        let header = &mut self.group_buy.header;
        header.deliveries_left = header.deliveries_left.saturating_sub(1);
        header.last_delivery = now;
        if header.deliveries_left == 0 {
            self.enter(Phase::Delivered);
        }
        Ok(true)
    }

    /// Automatic delivery to every household that still waits (G35).
    pub(super) fn deliver_the_rest(&mut self) -> Result<(), Refusal> {
        let waiting: Vec<_> = self
            .group_buy
            .households
            .iter()
            .filter(|(_, household)| household.delivered_at.is_none())
            .map(|(tag, _)| *tag)
            .collect();
        for tag in waiting {
            self.deliver(&tag)?;
        }
        Ok(())
    }
}
