//! Which offers of the filing an entry means, and whether the list names the price that is filed.

use super::{
    heading::{self, Offered, Per},
    intent::{Portion, Want},
    lines::{self, Lines, offer_word},
    memory::{Fact, GoodAlias, ListMemory, Memory, offer_of},
    portion::{Variant, choose},
    question::{self, Choice, Question, Subject, Trouble},
};
use crate::lang::say;
use ledger_core::{
    fund::{Filing, Offer, OfferIndex},
    types::{ItemCode, Unit},
};
use std::collections::{BTreeMap, BTreeSet};

/// Most pieces of the filing in what a list sells as one; more is no pack, but another price.
const PIECES_MAX: u64 = 50;

/// The offers of a filing, by the words that a list and earlier answers have for them.
pub(super) struct Goods<'a> {
    pub(super) filing: &'a Filing,
    memory: &'a Memory,
    offered: &'a [Offered],
    /// What was answered about this list.
    answers: &'a ListMemory,
    /// Words for goods of the heading.
    names: BTreeMap<String, Vec<usize>>,
    /// Words that mean an offer whatever the heading says.
    codes: BTreeMap<String, OfferIndex>,
}

impl<'a> Goods<'a> {
    pub(super) fn new(
        offered: &'a [Offered],
        filing: &'a Filing,
        memory: &'a Memory,
        answers: &'a ListMemory,
    ) -> Self {
        Self {
            filing,
            memory,
            offered,
            answers,
            names: heading::words_of(offered),
            codes: code_words(filing),
        }
    }

    /// Words for goods that the heading and the filing give.
    pub(super) fn words(&self) -> impl Iterator<Item = &String> {
        self.names.keys().chain(self.codes.keys())
    }

    /// Whether an entry need not name its good.
    pub(super) fn only_one(&self) -> bool {
        self.offered.len() <= 1 && (self.filing.offers.len() == 1 || self.answers.good.is_some())
    }

    /// The lines that wants come to; those without a good mean `standing`, or the list's only one.
    ///
    /// # Errors
    /// What has to be asked.
    pub(super) fn lines(
        &self,
        wants: &[Want],
        standing: Option<&String>,
    ) -> Result<Lines, Trouble> {
        wants.iter().try_fold(Lines::new(), |all, want| {
            Ok(lines::sum(&all, &self.wanted(want, standing)?)?)
        })
    }

    /// The line of one want.
    ///
    /// # Errors
    /// What has to be asked.
    pub(super) fn wanted(&self, want: &Want, standing: Option<&String>) -> Result<Lines, Trouble> {
        let good = want.good.as_ref().or(standing);
        self.line(good.map(String::as_str), &want.portion)
    }

    /// So much of everything that the list offers, if that is everything that the filing offers.
    ///
    /// # Errors
    /// What has to be asked.
    pub(super) fn each_of_all(&self, portion: &Portion) -> Result<Lines, Trouble> {
        let mut all = Lines::new();
        for offered in self.offered {
            let key = offered.key(self.offered);
            let variants = self.variants(&offered.name)?;
            let variant = variants.into_iter().find(|variant| variant.key == key);
            let variant = variant.ok_or_else(|| say!("which of everything?", "“每样”指哪些？"))?;
            all = lines::sum(&all, &self.line_of(&variant, portion)?)?;
        }
        if all.is_empty() || all.len() != self.filing.offers.len() {
            return Err(say!(
                "\"one of each\": the list does not offer just what the filing offers",
                "“每样”：接龙里的商品与备案的不完全相同"
            )
            .into());
        }
        Ok(all)
    }

    /// One offer and how much of it.
    ///
    /// # Errors
    /// What has to be asked.
    pub(super) fn line(&self, good: Option<&str>, portion: &Portion) -> Result<Lines, Trouble> {
        let variants = match good {
            Some(word) => self.variants(word)?,
            None => self.list_good()?,
        };
        self.line_of(&choose(variants, portion)?, portion)
    }

    fn line_of(&self, variant: &Variant<'_>, portion: &Portion) -> Result<Lines, Trouble> {
        if let Some(offered) = variant.offered {
            self.check_price(offered, variant)?;
        }
        Ok(lines::line(variant.offer, variant.filed, variant.quantity(portion)?)?)
    }

    /// The offers that a word may mean, in whatever size.
    ///
    /// # Errors
    /// What has to be asked.
    pub(super) fn offers(&self, word: &str) -> Result<Vec<OfferIndex>, Trouble> {
        Ok(self.variants(word)?.iter().map(|variant| variant.offer).collect())
    }

    /// What to ask about a word that may mean a good.
    pub(super) fn question(&self, word: &str) -> Question {
        self.question_of(word, None)
    }

    fn question_of(&self, word: &str, offered: Option<&Offered>) -> Question {
        let fact = |item, price| Fact::Good { word: word.to_owned(), item: Some((item, price)) };
        let mut choices = question::offer_choices(self.filing, self.likely(offered), fact);
        if offered.is_none() {
            choices.push(question::no_good(word));
        }
        Question::new(Subject::Good { word: word.to_owned() }, choices)
    }

    /// Whether the heading names an offer's price for a good.
    fn likely(&self, offered: Option<&Offered>) -> impl Fn(OfferIndex) -> bool {
        move |index| {
            let filed = self.filing.offers.get(usize::from(index));
            offered.zip(filed).is_some_and(|(offered, filed)| {
                !offered.prices.is_empty() && prices_agree(offered, filed, 1)
            })
        }
    }

    /// The offers that a word may mean: one, or one good in several sizes.
    fn variants(&self, word: &str) -> Result<Vec<Variant<'a>>, Trouble> {
        if let Some(offer) = self.codes.get(word) {
            let found = self.variant(*offer, None, word.to_owned());
            return Ok(found.into_iter().collect());
        }
        let Some(indexes) = self.names.get(word) else {
            let offer = self.meant(word).ok_or_else(|| self.question(word))?;
            // The heading may say in which pack that good comes.
            let found = self.variant(offer, self.offered_as(offer), word.to_owned());
            return Ok(found.into_iter().collect());
        };
        let mut variants = Vec::new();
        for offered in indexes.iter().filter_map(|index| self.offered.get(*index)) {
            let key = offered.key(self.offered);
            let word = Some(word).filter(|_| indexes.len() == 1);
            let offer = self.meant_by(&key, word);
            let offer = offer.ok_or_else(|| self.question_of(&key, Some(offered)))?;
            variants.extend(self.variant(offer, Some(offered), key));
        }
        Ok(variants)
    }

    fn variant(
        &self,
        offer: OfferIndex,
        offered: Option<&'a Offered>,
        key: String,
    ) -> Option<Variant<'a>> {
        let filed = self.filing.offers.get(usize::from(offer))?;
        let told = self.memory.goods.get(&key).map(|alias| &alias.portions);
        Some(Variant { offer, filed, offered, key, told })
    }

    /// The offer that a word means by an earlier answer.
    fn meant(&self, word: &str) -> Option<OfferIndex> {
        self.filed(self.memory.goods.get(word)?)
    }

    /// As [`Self::meant`]; where nothing is known about the first word, the second counts.
    fn meant_by(&self, key: &str, word: Option<&str>) -> Option<OfferIndex> {
        let goods = &self.memory.goods;
        self.filed(goods.get(key).or_else(|| goods.get(word?))?)
    }

    fn filed(&self, alias: &GoodAlias) -> Option<OfferIndex> {
        offer_of(self.filing, alias.item?, alias.price.as_deref())
    }

    /// The one good of the heading that is this offer.
    fn offered_as(&self, offer: OfferIndex) -> Option<&'a Offered> {
        let is_it = |offered: &&Offered| self.meant(&offered.key(self.offered)) == Some(offer);
        let mut same = self.offered.iter().filter(is_it);
        match (same.next(), same.next()) {
            (Some(one), None) => Some(one),
            _ => None,
        }
    }

    /// The good of entries that name none.
    fn list_good(&self) -> Result<Vec<Variant<'a>>, Trouble> {
        if let Some(code) = &self.answers.good {
            let (item, price) =
                code.split_once('@').map_or((code.as_str(), None), |(i, p)| (i, Some(p)));
            let offer = item.parse().ok().and_then(|item| offer_of(self.filing, item, price));
            let variant = offer.and_then(|offer| {
                let only = match self.offered {
                    [one] => Some(one),
                    _ => None,
                };
                let offered = self.offered_as(offer).or(only);
                let key = offered.map(|offered| offered.key(self.offered));
                self.variant(offer, offered, key.unwrap_or_else(|| item.to_owned()))
            });
            if let Some(variant) = variant {
                return Ok(vec![variant]);
            }
        }
        match (self.offered, self.filing.offers.len()) {
            ([offered], 1) => self.variants(&offered.name),
            ([], 1) => self.variants(&offer_word(0)),
            ([] | [_], _) => {
                let fact = |item: ItemCode, price: Option<String>| {
                    Fact::ListGood(question::code_of(item, price.as_deref()))
                };
                let likely = self.likely(self.offered.first());
                let choices = question::offer_choices(self.filing, likely, fact);
                Err(Question::new(Subject::ListGood, choices).into())
            }
            _ => Err(say!("it does not say which good", "没写是哪个商品").into()),
        }
    }

    /// Neither a price of the list that the filing does not have, nor a pack of which nobody knows whether
    /// it is what the filing counts, is ever taken for granted.
    fn check_price(&self, offered: &Offered, variant: &Variant<'_>) -> Result<(), Trouble> {
        let Variant { filed, key, .. } = variant;
        let (word, filing) = (key.clone(), question::offer_text(filed));
        let each = variant.pieces_each();
        let packed = offered.pack.is_some() || offered.contents.is_some();
        // A price that is the filing's says that the pack is, too.
        if packed && filed.unit == Unit::Piece && offered.prices.is_empty() && each.is_none() {
            let pack = variant.pack_name();
            let one = question::pieces_choice(key, &pack, filed, 1);
            return Err(Question::new(Subject::Pack { word, pack, filing }, vec![one]).into());
        }
        let list = offered.prices_text();
        let seen = format!("{word} {list}");
        let is_seen = each.is_none() && self.answers.prices_seen.contains(&seen);
        if prices_agree(offered, filed, each.unwrap_or(1)) || is_seen {
            return Ok(());
        }
        let yes = Choice {
            text: say!("yes, the filing counts", "是，以备案价为准"),
            fact: Fact::PriceSeen(seen),
        };
        let mut choices = vec![yes.clone()];
        // 5斤装 at 9.90 where one jin is filed at 1.98: five pieces of the filing are one of the list.
        let several = (2..=PIECES_MAX).find(|count| prices_agree(offered, filed, *count));
        if let Some(several) = several.filter(|_| filed.unit == Unit::Piece) {
            let pack = variant.pack_name();
            choices = [several, 1].map(|n| question::pieces_choice(key, &pack, filed, n)).into();
            choices.iter_mut().for_each(|choice| {
                let text = &choice.text;
                choice.text = say!("one of the list is {text}", "接龙里的一份是 {text}");
            });
            if let Some(one) = choices.last_mut() {
                one.fact = yes.fact;
            }
        }
        Err(Question::new(Subject::Price { word, list, filing }, choices).into())
    }
}

/// The code of an offer as it is written in an entry, and the words of entries that `tuan` writes.
fn code_words(filing: &Filing) -> BTreeMap<String, OfferIndex> {
    let mut words = BTreeMap::new();
    let mut twice = BTreeSet::new();
    for (index, offer) in (0u16..).zip(&filing.offers) {
        let code = offer.item.as_str().chars().filter(char::is_ascii_alphanumeric);
        let code = code.collect::<String>().to_ascii_uppercase();
        let usable =
            code.len() >= 3 && code.chars().all(|c| c.is_ascii_alphabetic()) && code != "PCS";
        if usable && words.insert(code.clone(), index).is_some() {
            twice.insert(code);
        }
    }
    words.retain(|code, _| !twice.contains(code));
    words.extend((0u16..).zip(&filing.offers).map(|(index, _)| (offer_word(index), index)));
    words
}

/// Whether every price of the heading is the filing's, if one of the list is so many pieces of the filing.
fn prices_agree(offered: &Offered, filed: &Offer, pieces: u64) -> bool {
    let filed_fen = u64::from(filed.price.get());
    let scaled =
        |fen: u64, grams: u64, each: u64| fen.checked_mul(each) == filed_fen.checked_mul(grams);
    offered.prices.iter().all(|price| match (price.per, filed.unit, offered.pack) {
        (Per::Grams(grams), Unit::Weight, _) => scaled(price.fen, grams, 1_000),
        // Sold by the pack: the price of the weight in it.
        (Per::Grams(grams), Unit::Piece, pack) => {
            scaled(price.fen, grams.saturating_mul(pieces), pack.unwrap_or(grams))
        }
        (Per::Portion, Unit::Piece, _) => scaled(price.fen, pieces, 1),
        (Per::Portion, Unit::Weight, Some(pack)) => scaled(price.fen, pack, 1_000),
        (Per::Portion, Unit::Weight, None) | (Per::Other, ..) => false,
    })
}
