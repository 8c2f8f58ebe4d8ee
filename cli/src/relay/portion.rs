//! How much of an offer an amount means: grams or pieces by the unit of the filing, with the packs and
//! portions that the heading of the list and earlier answers say. What they leave open is asked.

use super::{
    intent::Portion,
    list::{Offered, Per},
    number::Amount,
    question::{self, Question, Subject, Trouble},
};
use crate::lang::say;
use ledger_core::{
    fund::{Offer, OfferIndex},
    types::Unit,
};
use std::collections::BTreeMap;

/// An offer that a word means, as the heading of the list has it.
pub(super) struct Variant<'a> {
    pub(super) offer: OfferIndex,
    pub(super) filed: &'a Offer,
    pub(super) offered: Option<&'a Offered>,
    /// The word that answers about it are kept under.
    pub(super) key: String,
    /// How much one of a unit is, as it was answered.
    pub(super) told: Option<&'a BTreeMap<String, String>>,
}

/// The size that an amount means, where a good comes in several.
///
/// # Errors
/// That it fits none, or several, in words.
pub(super) fn choose<'a>(
    mut variants: Vec<Variant<'a>>,
    portion: &Portion,
) -> Result<Variant<'a>, String> {
    if variants.len() > 1 {
        let (Portion::One(first) | Portion::Beside(first, _) | Portion::Times(first, _)) = portion;
        variants.retain(|variant| match first {
            Amount::Grams(grams) => {
                variant.offered.and_then(|offered| offered.pack) == Some(*grams)
            }
            Amount::Count { unit, .. } => !unit.is_empty() && variant.unit() == Some(unit),
        });
    }
    match (variants.pop(), variants.pop()) {
        (Some(one), None) => Ok(one),
        _ => Err(say!("it comes in several sizes: which?", "有几种规格：要哪一种？")),
    }
}

impl Variant<'_> {
    /// Grams or pieces.
    ///
    /// # Errors
    /// What has to be asked.
    pub(super) fn quantity(&self, portion: &Portion) -> Result<u64, Trouble> {
        let pack = self.pack();
        match portion {
            Portion::One(amount) => self.single(amount),
            Portion::Times(Amount::Grams(grams), times) => match pack {
                Some(pack) if pack == *grams => self.packs(pack, *times),
                _ => self.single(&Amount::Grams(grams.saturating_mul(*times))),
            },
            Portion::Beside(Amount::Grams(grams), count @ Amount::Count { thousandths, .. })
            | Portion::Beside(count @ Amount::Count { thousandths, .. }, Amount::Grams(grams)) => {
                let pieces = thousandths / 1_000;
                let same = pack.is_some_and(|pack| {
                    let whole = matches!(portion, Portion::Beside(Amount::Count { .. }, _))
                        && pack.checked_mul(pieces) == Some(*grams);
                    pack == *grams || whole
                });
                let known = pack.filter(|_| {
                    same && thousandths.is_multiple_of(1_000) && self.is_portion(count)
                });
                let unclear = || {
                    say!(
                        "weight and number: is the weight one portion?",
                        "又有重量又有份数：重量是一份的吗？"
                    )
                };
                self.packs(known.ok_or_else(unclear)?, pieces)
            }
            // 30枚装 2盒: what is in one, then how many.
            Portion::Beside(Amount::Count { thousandths, unit }, count)
                if self.contents().is_some_and(|(many, of)| {
                    many.saturating_mul(1_000) == *thousandths && of == unit
                }) =>
            {
                self.single(count)
            }
            Portion::Beside(..) | Portion::Times(..) => {
                Err(say!("two numbers of one good", "同一商品写了两个数量").into())
            }
        }
    }

    fn single(&self, amount: &Amount) -> Result<u64, Trouble> {
        let (thousandths, unit) = match amount {
            Amount::Grams(grams) => return self.weight(*grams),
            Amount::Count { thousandths, unit } => (*thousandths, unit.as_str()),
        };
        let whole = || match thousandths.is_multiple_of(1_000) {
            true => Ok(thousandths / 1_000),
            false => Err(Trouble::from(say!("part of a piece", "不是整份"))),
        };
        if unit == "PCS" && self.filed.unit == Unit::Piece {
            return whole();
        }
        if let Some(told) = self.told.and_then(|told| told.get(unit)) {
            let each = match (told.strip_suffix('g'), self.filed.unit) {
                (Some(grams), _) => self.weight(grams.parse().unwrap_or(0))?,
                (None, Unit::Piece) => told.parse().unwrap_or(0),
                (None, Unit::Weight) => 0,
            };
            if each > 0 {
                return Ok(whole()?.saturating_mul(each));
            }
        }
        let pack = self.pack();
        // 土豆10 of packs of 5 jin, 鸡蛋30 of boxes of 30: ten packs, or ten jin?
        let by_weight =
            pack.is_some_and(|pack| pack != 500 && (thousandths / 2).is_multiple_of(pack));
        let by_contents = self.contents().is_some_and(|(many, _)| {
            *many > 1 && thousandths.is_multiple_of(many.saturating_mul(1_000))
        });
        if unit.is_empty() && (by_weight || by_contents) {
            return Err(say!(
                "a number alone: portions, or what is in them?",
                "只写了数字：是份数，还是斤数（个数）？"
            )
            .into());
        }
        if let Some((many, of)) =
            self.contents().filter(|(_, of)| of == unit && self.unit() != Some(of))
        {
            let count = whole()?;
            return match *many > 0 && count.is_multiple_of(*many) {
                true => self.packs(pack.unwrap_or(0), count / many),
                false => Err(say!("it comes by {many} {of}", "是按 {many}{of} 卖的").into()),
            };
        }
        if self.is_portion(amount) {
            match (self.filed.unit, pack) {
                (Unit::Piece, _) => return whole(),
                (Unit::Weight, Some(pack)) => return self.packs(pack, whole()?),
                (Unit::Weight, None) => {}
            }
        }
        let choices = question::portion_choices(&self.key, unit, self.filed, pack);
        let subject = Subject::Portion { word: self.key.clone(), unit: unit.to_owned() };
        Err(Question::new(subject, choices).into())
    }

    /// What the heading counts it in.
    fn unit(&self) -> Option<&String> {
        self.offered?.unit.as_ref()
    }

    /// What the heading says is in one.
    fn contents(&self) -> Option<&(u64, String)> {
        self.offered?.contents.as_ref()
    }

    /// Grams in one pack, as the heading has it.
    fn pack(&self) -> Option<u64> {
        let offered = self.offered?;
        let sold_by_weight = || {
            offered.prices.iter().find_map(|price| match price.per {
                Per::Grams(grams) if self.filed.unit == Unit::Piece => Some(grams),
                _ => None,
            })
        };
        offered.pack.or_else(sold_by_weight)
    }

    /// Whether an amount counts what the price of the filing is for, or the packs of the heading.
    fn is_portion(&self, amount: &Amount) -> bool {
        let Amount::Count { unit, .. } = amount else { return false };
        let by_weight = self.offered.is_some_and(|offered| {
            offered.pack.is_none()
                && offered.prices.iter().any(|price| matches!(price.per, Per::Grams(_)))
        });
        self.unit() == Some(unit) || (!by_weight && (unit.is_empty() || unit == "份"))
    }

    /// So many packs.
    fn packs(&self, pack: u64, count: u64) -> Result<u64, Trouble> {
        match self.filed.unit {
            Unit::Piece => Ok(count),
            Unit::Weight if pack > 0 => Ok(pack.saturating_mul(count)),
            Unit::Weight => Err(say!("it is sold by weight", "是按重量卖的").into()),
        }
    }

    fn weight(&self, grams: u64) -> Result<u64, Trouble> {
        match (self.filed.unit, self.pack()) {
            (Unit::Weight, None) => Ok(grams),
            (unit, Some(pack)) if pack > 0 && grams.is_multiple_of(pack) => match unit {
                Unit::Weight => Ok(grams),
                Unit::Piece => Ok(grams / pack),
            },
            (_, Some(pack)) => {
                let kg = format!("{}.{:03}", pack / 1_000, pack % 1_000);
                Err(say!("it comes in packs of {kg} kg", "是按每份 {kg} 公斤卖的").into())
            }
            (Unit::Piece, None) => {
                Err(say!("it is sold by the piece, not by weight", "是按件卖的，不按重量").into())
            }
        }
    }
}
