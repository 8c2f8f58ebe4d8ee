//! How much of an offer an amount means: grams or pieces by the unit of the filing, with the packs and
//! portions that the heading of the list and earlier answers say. What they leave open is asked.

use super::{
    heading::{Offered, Per},
    intent::Portion,
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
    /// What has to be asked, with the quantities that may be meant.
    pub(super) fn quantity(&self, portion: &Portion) -> Result<u64, Trouble> {
        match portion {
            Portion::One(amount) => self.single(amount),
            Portion::Times(Amount::Grams(grams), times) if self.pack() == Some(*grams) => {
                self.packs(*times)
            }
            Portion::Times(Amount::Grams(grams), times) => {
                self.single(&Amount::Grams(grams.saturating_mul(*times)))
            }
            Portion::Beside(Amount::Grams(grams), count @ Amount::Count { .. }) => {
                self.weight_and_count(*grams, count, false)
            }
            Portion::Beside(count @ Amount::Count { .. }, Amount::Grams(grams)) => {
                self.weight_and_count(*grams, count, true)
            }
            // 30枚装 2盒: what is in one, then how many.
            Portion::Beside(Amount::Count { thousandths, unit }, count)
                if self.contents().is_some_and(|(many, of)| {
                    many.saturating_mul(1_000) == *thousandths && of == unit
                }) =>
            {
                self.single(count)
            }
            // 2斤3斤: a correction, or both?
            Portion::Beside(first, last) => {
                let meant = self.single(first).ok().zip(self.single(last).ok());
                let meant = meant.map(|(first, last)| [last, first.saturating_add(last), first]);
                let reason = say!("two numbers of one good", "同一商品写了两个数量");
                Err(self.how_much(reason, meant.into_iter().flatten().collect()))
            }
            Portion::Times(..) => {
                Err(say!("two numbers of one good", "同一商品写了两个数量").into())
            }
        }
    }

    /// `5斤 2份`, `2份10斤`: the weight of one, or of all?
    fn weight_and_count(
        &self,
        grams: u64,
        count: &Amount,
        count_first: bool,
    ) -> Result<u64, Trouble> {
        let Amount::Count { thousandths, .. } = count else { return Ok(0) };
        let pieces = thousandths / 1_000;
        let is_whole = thousandths.is_multiple_of(1_000) && self.is_portion(count);
        let fits =
            |pack: u64| pack == grams || (count_first && pack.checked_mul(pieces) == Some(grams));
        if is_whole && self.pack().is_some_and(fits) {
            return self.packs(pieces);
        }
        let meant = match self.filed.unit {
            Unit::Weight => vec![grams.saturating_mul(pieces), grams],
            Unit::Piece if self.pack().is_some() => {
                self.weight(grams).ok().into_iter().chain(self.packs(pieces).ok()).collect()
            }
            Unit::Piece => Vec::new(),
        };
        let meant = if is_whole { meant } else { Vec::new() };
        Err(self.how_much(
            say!(
                "weight and number: is the weight one portion?",
                "又有重量又有份数：重量是一份的吗？"
            ),
            meant,
        ))
    }

    fn single(&self, amount: &Amount) -> Result<u64, Trouble> {
        let (thousandths, unit) = match amount {
            Amount::Grams(grams) => return self.weight(*grams),
            Amount::Count { thousandths, unit } => (*thousandths, unit.as_str()),
        };
        if unit == "PCS" && self.filed.unit == Unit::Piece {
            return self.times(thousandths, 1);
        }
        if let Some(told) = self.told.and_then(|told| told.get(unit)) {
            // What was said of another pack, perhaps weeks ago, is asked again.
            let stale = self.is_portion(amount)
                && told.strip_suffix('g').zip(self.pack()).is_some_and(|(told, pack)| {
                    self.filed.unit == Unit::Weight && told.parse() != Ok(pack)
                });
            let each = match (told.strip_suffix('g'), self.filed.unit) {
                _ if stale => 0,
                (Some(grams), _) => self.weight(grams.parse().unwrap_or(0))?,
                (None, Unit::Piece) => told.parse().unwrap_or(0),
                (None, Unit::Weight) => 0,
            };
            if each > 0 {
                return self.times(thousandths, each);
            }
            if stale {
                return Err(self.one_of(unit).into());
            }
        }
        let contents = self.contents().filter(|(many, _)| *many > 1);
        if unit.is_empty() {
            // 土豆10 of packs of 5 jin, 鸡蛋30 of boxes of 30: ten packs, or ten jin?
            let jin = thousandths / 2;
            let by_weight = self.pack().filter(|pack| *pack != 500 && jin.is_multiple_of(*pack));
            let by_contents = contents.map(|(many, _)| many.saturating_mul(1_000));
            let by_contents = by_contents.filter(|many| thousandths.is_multiple_of(*many));
            let fewer =
                by_weight.map(|pack| jin / pack).or(by_contents.map(|many| thousandths / many));
            if let Some(fewer) = fewer {
                let meant = [thousandths / 1_000, fewer].map(|count| self.packs(count).ok());
                return Err(self.how_much(
                    say!(
                        "a number alone: portions, or what is in them?",
                        "只写了数字：是份数，还是斤数（个数）？"
                    ),
                    meant.into_iter().flatten().collect(),
                ));
            }
        }
        if let Some((many, of)) =
            self.contents().filter(|(_, of)| of == unit && self.unit() != Some(of))
        {
            let all = many.saturating_mul(1_000);
            if *many > 0 && thousandths.is_multiple_of(all) {
                return self.packs(thousandths / all);
            }
            let reason = say!("it comes by {many} {of}", "是按 {many}{of} 卖的");
            return Err(self.how_much(reason, self.packs_around(thousandths, all)));
        }
        if self.is_portion(amount) {
            match (self.filed.unit, self.pack()) {
                (Unit::Weight, None) => {}
                _ if thousandths.is_multiple_of(1_000) => return self.packs(thousandths / 1_000),
                _ => return Err(self.part_of_a_piece(self.packs_around(thousandths, 1_000))),
            }
        }
        Err(self.one_of(unit).into())
    }

    /// So many times `each` grams or pieces. Half of a weight is a weight; half a piece is a question.
    fn times(&self, thousandths: u64, each: u64) -> Result<u64, Trouble> {
        let all = thousandths.saturating_mul(each);
        match self.filed.unit {
            _ if thousandths.is_multiple_of(1_000) => {
                Ok((thousandths / 1_000).saturating_mul(each))
            }
            Unit::Weight if self.pack().is_none() && all.is_multiple_of(1_000) => Ok(all / 1_000),
            Unit::Weight | Unit::Piece => {
                let around = [thousandths / 1_000, thousandths.div_ceil(1_000)];
                Err(self.part_of_a_piece(around.map(|n| n.saturating_mul(each)).to_vec()))
            }
        }
    }

    /// So many packs of the list, in grams or pieces of the filing.
    fn packs(&self, count: u64) -> Result<u64, Trouble> {
        match (self.filed.unit, self.pack()) {
            (Unit::Piece, _) => Ok(count.saturating_mul(self.pieces_each().unwrap_or(1))),
            (Unit::Weight, Some(pack)) if pack > 0 => Ok(pack.saturating_mul(count)),
            (Unit::Weight, _) => Err(say!("it is sold by weight", "是按重量卖的").into()),
        }
    }

    /// The whole numbers of packs below and above an amount.
    fn packs_around(&self, amount: u64, each: u64) -> Vec<u64> {
        let each = each.max(1);
        let counts = [amount / each, amount.div_ceil(each)];
        counts.into_iter().filter_map(|count| self.packs(count).ok()).collect()
    }

    fn weight(&self, grams: u64) -> Result<u64, Trouble> {
        match (self.filed.unit, self.pack()) {
            (Unit::Weight, None) => Ok(grams),
            (Unit::Weight, Some(pack)) if pack > 0 && grams.is_multiple_of(pack) => Ok(grams),
            (Unit::Piece, Some(pack)) if pack > 0 && grams.is_multiple_of(pack) => {
                self.packs(grams / pack)
            }
            (_, Some(pack)) => {
                let kg = question::kilograms(pack);
                let reason = say!("it comes in packs of {kg} kg", "是按每份 {kg} 公斤卖的");
                Err(self.how_much(reason, self.packs_around(grams, pack)))
            }
            (Unit::Piece, None) => {
                Err(say!("it is sold by the piece, not by weight", "是按件卖的，不按重量").into())
            }
        }
    }

    fn part_of_a_piece(&self, meant: Vec<u64>) -> Trouble {
        self.how_much(
            say!("only whole pieces can be ordered: how many?", "只能整份订：按几份算？"),
            meant,
        )
    }

    fn how_much(&self, reason: String, mut quantities: Vec<u64>) -> Trouble {
        quantities.retain(|quantity| *quantity > 0);
        quantities.dedup();
        Trouble::HowMuch { reason, offer: self.offer, quantities }
    }

    /// How much one of a unit is.
    fn one_of(&self, unit: &str) -> Question {
        let choices = question::portion_choices(&self.key, unit, self.filed, self.pack());
        let subject = Subject::Portion { word: self.key.clone(), unit: unit.to_owned() };
        Question::new(subject, choices)
    }

    /// What the heading counts it in.
    fn unit(&self) -> Option<&String> {
        self.offered?.unit.as_ref()
    }

    /// What the heading says is in one.
    fn contents(&self) -> Option<&(u64, String)> {
        self.offered?.contents.as_ref()
    }

    /// Grams in one pack, as the heading has it; one of 0 jin is none.
    fn pack(&self) -> Option<u64> {
        let offered = self.offered?;
        let sold_by_weight = || {
            offered.prices.iter().find_map(|price| match price.per {
                Per::Grams(grams) if self.filed.unit == Unit::Piece => Some(grams),
                _ => None,
            })
        };
        offered.pack.or_else(sold_by_weight).filter(|grams| *grams > 0)
    }

    /// Pieces of the filing in one pack of the list, if that was said.
    pub(super) fn pieces_each(&self) -> Option<u64> {
        let told = self.told?.get(&self.pack_name())?;
        told.parse().ok().filter(|_| self.filed.unit == Unit::Piece)
    }

    /// What the list sells as one, in words that are the same week by week.
    pub(super) fn pack_name(&self) -> String {
        match (self.offered.and_then(|offered| offered.pack), self.contents(), self.unit()) {
            (Some(grams), ..) => format!("{grams}克装"),
            (None, Some((many, of)), _) => format!("{many}{of}装"),
            (None, None, Some(unit)) => unit.clone(),
            (None, None, None) => "份".to_owned(),
        }
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
}
