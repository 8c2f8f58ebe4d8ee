//! How much of each offer: what a household takes, added up, priced by the filing, and put in words.

use super::memory::needs_price;
use crate::{
    lang::{say, word},
    offer::yuan,
};
use ledger_core::{
    fund::{Filing, Offer, OfferIndex},
    types::{Fen, Quantity, Unit},
};
use std::collections::BTreeMap;

/// Largest quantity of a line: what a ledger line holds.
const QUANTITY_MAX: u64 = u32::MAX as u64;

/// How much of each offer: grams or pieces.
pub(super) type Lines = BTreeMap<OfferIndex, u64>;

/// A line, if the ledger can hold it and it costs something.
///
/// # Errors
/// The reason, in words.
pub(super) fn line(index: OfferIndex, offer: &Offer, quantity: u64) -> Result<Lines, String> {
    if cost(offer, quantity) == Fen::ZERO {
        return Err(out_of_bounds());
    }
    Ok(Lines::from([(index, quantity)]))
}

/// Both together.
///
/// # Errors
/// The reason, in words, if a ledger line cannot hold it.
pub(super) fn sum(a: &Lines, b: &Lines) -> Result<Lines, String> {
    let mut sum = a.clone();
    for (offer, quantity) in b {
        let all = sum.entry(*offer).or_default();
        *all = all.saturating_add(*quantity);
        if *all > QUANTITY_MAX {
            return Err(out_of_bounds());
        }
    }
    Ok(sum)
}

fn out_of_bounds() -> String {
    say!("the quantity is zero or too large", "数量为零或过大")
}

/// What a quantity costs by the filing; nothing, if no ledger line holds so much.
pub(super) fn cost(offer: &Offer, quantity: u64) -> Fen {
    u32::try_from(quantity).map_or(Fen::ZERO, |quantity| offer.total(Quantity::new(quantity)))
}

/// What lines cost by the filing.
pub(super) fn total_of(lines: &Lines, filing: &Filing) -> Fen {
    offers_of(lines, filing)
        .map(|(offer, quantity)| cost(offer, quantity))
        .fold(Fen::ZERO, Fen::saturating_add)
}

/// The offers of lines, each with how much of it.
pub(super) fn offers_of<'a>(
    lines: &'a Lines,
    filing: &'a Filing,
) -> impl Iterator<Item = (&'a Offer, u64)> {
    lines
        .iter()
        .filter_map(|(index, quantity)| Some((filing.offers.get(usize::from(*index))?, *quantity)))
}

/// A quantity as the ledger writes it: kilograms or pieces.
pub(super) fn quantity_text(offer: &Offer, quantity: u64) -> String {
    Quantity::new(u32::try_from(quantity).unwrap_or(u32::MAX)).to_text(offer.unit)
}

/// Lines in words: `cabbage 2.500 kg, egg 1`.
pub(super) fn text(lines: &Lines, filing: &Filing) -> String {
    let texts = offers_of(lines, filing).map(|(offer, quantity)| {
        let unit = match offer.unit {
            Unit::Weight => word!(" kg", " 公斤"),
            Unit::Piece => word!("", " 件"),
        };
        let price = match needs_price(filing, offer.item) {
            true => format!("@{}", yuan(offer.price)),
            false => String::new(),
        };
        format!("{}{price} {}{unit}", offer.item, quantity_text(offer, quantity))
    });
    texts.collect::<Vec<_>>().join(word!(", ", "，"))
}

/// Lines as an entry that reads as nothing else.
pub(super) fn entry_text(lines: &Lines, filing: &Filing) -> String {
    let texts = lines.iter().map(|(offer, quantity)| {
        let unit = match filing.offers.get(usize::from(*offer)).map(|offer| offer.unit) {
            Some(Unit::Weight) => "克",
            Some(Unit::Piece) | None => "PCS",
        };
        format!("{} {quantity}{unit}", offer_word(*offer))
    });
    texts.collect::<Vec<_>>().join(" , ")
}

/// The word that means an offer by its place in the filing, in entries that `tuan` writes itself.
pub(super) fn offer_word(offer: OfferIndex) -> String {
    format!("OFFER{offer}号")
}
