//! Goods: the note that both sides sign, and sharing out what arrived (rules G32–G34).

use crate::{
    codec::{Decode, Encode, List, encode},
    crypto::{Digest, Domain},
    fund::{
        arithmetic::sharing,
        chart::AccountId,
        draft::{Desk, wrong_phase},
        group_buy::{Cover, HalfSigned, OFFERS_MAX, OfferIndex, Phase, Purchase, Stage},
        matter::Matter,
        parties::mandate::Mandate,
    },
    refusal::Refusal,
    types::{Fen, GroupBuyId, Quantity},
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

/// Where a covered line stands.
struct Place {
    slot: u32,
    position: usize,
}

/// What was bought, and the note that has one signature.
fn ordered(desk: &Desk<'_, '_>) -> Result<(Purchase, Option<HalfSigned>), Refusal> {
    match &desk.group_buy.header.stage {
        Stage::Ordered { purchase, note } => Ok((*purchase, note.clone())),
        other => Err(wrong_phase(other.phase(), Phase::Ordered)),
    }
}

/// Takes one signature; with the second the goods are received (G32).
pub(in crate::fund) fn sign(desk: &mut Desk<'_, '_>, note: &GoodsNote) -> Result<(), Refusal> {
    let author = desk.act.author;
    let header = &desk.group_buy.header;
    let mandate = Mandate::goods_note(header.leader(), desk.group_buy.filing.supplier);
    mandate.may_ask(desk.registry, author)?;
    let (purchase, half) = ordered(desk)?;
    check(desk, note)?;
    desk.act.charge(1 + note.accepted.len());
    let digest = note.digest();
    // Counting again does not put off the day from which committee and property may decide.
    let opened = half.as_ref().map_or(desk.act.now, |half| half.opened);
    match half {
        Some(half) if half.by == author && half.act == digest => Err(Refusal::NoteAlreadySigned {}),
        Some(mut half) if half.by != author && half.act == digest => {
            if half.agree(&mandate, desk.registry, author)? {
                receive(desk, purchase, note)
            } else {
                Err(Refusal::RuleBroken {})
            }
        }
        Some(half) if half.by != author => Err(Refusal::NoteDiffers {}),
        // Nobody signed yet, or the author counts again.
        _ => {
            let terms = desk.group_buy.header.filed.terms;
            let note = Some(Box::new(Matter::open(digest, author, opened, terms)));
            // It stands where it stood.
            desk.group_buy.header.stage = Stage::Ordered { purchase, note };
            Ok(())
        }
    }
}

/// Property and committee say what arrived, once a second signature has been missing for long enough (G32).
pub(in crate::fund) fn decide(desk: &mut Desk<'_, '_>, note: &GoodsNote) -> Result<(), Refusal> {
    let (purchase, half) = ordered(desk)?;
    check(desk, note)?;
    let since = half.map_or(desk.group_buy.filing.deliver_by, |half| half.opened);
    let at = since.after(desk.windows().goods_note_wait);
    if desk.act.now < at {
        return Err(Refusal::TooEarly { at });
    }
    receive(desk, purchase, note)
}

fn check(desk: &Desk<'_, '_>, note: &GoodsNote) -> Result<(), Refusal> {
    if !note.accepted.windows(2).all(|pair| pair[0].0 < pair[1].0) {
        return Err(Refusal::BadGoodsNote {});
    }
    for (offer, accepted) in &note.accepted {
        let purchased = desk.group_buy.offers.get(offer).map_or(0, |tally| tally.purchased);
        if *accepted > purchased {
            return Err(Refusal::AcceptedExceedsOrdered { offer: *offer });
        }
    }
    Ok(())
}

/// Shares out what was accepted and books it (G33, G34).
fn receive(desk: &mut Desk<'_, '_>, purchase: Purchase, note: &GoodsNote) -> Result<(), Refusal> {
    allocate(desk, note)?;
    let filing = desk.group_buy.filing.clone();
    // What each household's goods cost, and what it gets back, goods and fees.
    let mut goods_total = Fen::ZERO;
    let mut by_household = Vec::new();
    for (tag, household) in desk.group_buy.households.iter() {
        let (mut goods, mut short, mut waits) = (Fen::ZERO, Fen::ZERO, false);
        for order in household.orders.iter().filter_map(|s| desk.group_buy.orders.slot(*s)) {
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
    let mut retention_left = sharing::retention(goods_total, filing.retention_basis_points);
    let mut left = 0u32;
    for (tag, goods, short, waits) in by_household {
        let retained = goods.min(retention_left);
        retention_left = retention_left.saturating_sub(retained);
        let escrow = AccountId::Escrow(tag);
        desk.book(escrow, AccountId::Retention, retained)?;
        desk.book(escrow, AccountId::Payable, goods.saturating_sub(retained))?;
        desk.book(escrow, AccountId::Refund(tag), short)?;
        left += u32::from(waits);
    }
    let last = desk.act.now;
    desk.enter(match left {
        0 => Stage::Delivered { purchase, last },
        left => Stage::Received { purchase, left, last },
    });
    Ok(())
}

/// Gives each covered line its part of what was accepted (G33).
fn allocate(desk: &mut Desk<'_, '_>, note: &GoodsNote) -> Result<(), Refusal> {
    let mut lines: BTreeMap<OfferIndex, (Vec<Place>, Vec<u64>)> = BTreeMap::new();
    for (slot, (_, order)) in (0u32..).zip(desk.group_buy.orders.iter()) {
        if order.cover == Cover::Covered {
            for (position, line) in order.lines.iter().enumerate() {
                let (places, ordered) = lines.entry(line.offer).or_default();
                places.push(Place { slot, position });
                ordered.push(u64::from(line.quantity.get()));
            }
        }
    }
    let accepted: BTreeMap<_, _> = note.accepted.iter().copied().collect();
    for (offer, (places, ordered)) in lines {
        desk.act.charge(places.len());
        let accepted = accepted.get(&offer).copied().unwrap_or(0);
        let shares = sharing::proportional(&ordered, accepted, |at| tie(desk, &places[at]));
        for (place, share) in places.iter().zip(shares) {
            set_allocated(desk, place, share)?;
        }
        if let Some(tally) = desk.group_buy.offers.get_mut(&offer) {
            tally.accepted = accepted;
        }
    }
    Ok(())
}

/// Nobody can steer it.
fn tie(desk: &Desk<'_, '_>, line: &Place) -> Digest {
    Domain::Tie.digest(&[
        desk.act.parent.as_bytes(),
        desk.group_buy.id().as_bytes(),
        &line.slot.to_le_bytes(),
        &(line.position as u64).to_le_bytes(),
    ])
}

fn set_allocated(desk: &mut Desk<'_, '_>, line: &Place, share: u64) -> Result<(), Refusal> {
    let Some(order) = desk.group_buy.orders.slot_mut(line.slot) else { return Ok(()) };
    let mut lines = std::mem::take(&mut order.lines).into_vec();
    let share = u32::try_from(share).map_err(|_| Refusal::AmountTooLarge {})?;
    lines[line.position].allocated = Quantity::new(share);
    order.lines = List::new(lines).unwrap_or_default();
    Ok(())
}
