//! What a list leaves open, in words for the leader, with answers to choose from.

use super::{
    door::Doors,
    lines::cost,
    memory::{Fact, NOTHING, needs_price},
    number::{self, Amount},
    text,
};
use crate::{
    lang::{say, word},
    offer::yuan,
};
use ledger_core::{
    fund::{Filing, Offer, OfferIndex},
    types::{ItemCode, Unit},
};
use serde::Serialize;

/// Most entries that a question names.
const PLACES_MAX: usize = 3;
/// Most answers to choose from; others can be typed.
const CHOICES_MAX: usize = 9;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case", tag = "about")]
pub(super) enum Subject {
    /// Which good a word means.
    Good { word: String },
    /// Which good entries mean that name none.
    ListGood,
    /// Whether it is known that the list names another price than the filing.
    Price { word: String, list: String, filing: String },
    /// How much one of a unit is.
    Portion { word: String, unit: String },
    /// How many pieces of the filing are what the list sells as one.
    Pack { word: String, pack: String, filing: String },
    /// Whether these words are names or remarks.
    Words { words: Vec<String> },
    /// Whether what stands below the line that closes the list counts.
    Late,
    /// Who that is.
    Household { written: String },
    /// What an entry means.
    Entry { written: String, reason: String },
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Question {
    #[serde(flatten)]
    pub(super) subject: Subject,
    /// Rows of the list that wait for the answer.
    pub(super) rows: Vec<u64>,
    #[serde(skip)]
    pub(super) choices: Vec<Choice>,
    /// The entries in those rows; for words, an entry for each.
    #[serde(skip)]
    pub(super) places: Vec<Place>,
}

/// An entry that a question is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) row: u64,
    pub(super) number: Option<u32>,
    pub(super) written: String,
    /// What answers about it are kept under.
    pub(super) key: String,
    /// The word in it that is asked about, among several.
    pub(super) word: Option<String>,
}

impl Place {
    /// `第 10 条 2-203 苹果1斤`; the line of the text if the entry has no number.
    pub(super) fn text(&self) -> String {
        let written = text::shortened(&self.written);
        match (self.number, self.row) {
            (Some(number), _) => say!("entry {number} {written}", "第 {number} 条 {written}"),
            (None, row) => say!("line {row} {written}", "第 {row} 行 {written}"),
        }
    }
}

/// An answer to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) text: String,
    pub(super) fact: Fact,
}

/// What an entry may mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meaning {
    /// In words: what would be booked.
    pub(super) text: String,
    /// The entry, written so that it means nothing else.
    pub(super) reading: String,
}

/// Why something is not understood.
#[derive(Debug)]
pub(super) enum Trouble {
    /// An answer is needed that holds for other entries, too.
    Ask(Box<Question>),
    /// The entry is not clear, for this reason; what it may mean, as far as that is known.
    Unclear { reason: String, meanings: Vec<Meaning> },
    /// How much of one good is not clear, for this reason; how much of its offer it may be.
    HowMuch { reason: String, offer: OfferIndex, quantities: Vec<u64> },
    /// The entry stands below the line that closes the list; such entries are asked about together.
    Late,
    /// Words stand where names stand; such words are asked about together.
    Names(Vec<String>),
}

impl From<Question> for Trouble {
    fn from(question: Question) -> Self {
        Self::Ask(Box::new(question))
    }
}

impl From<String> for Trouble {
    fn from(reason: String) -> Self {
        Self::Unclear { reason, meanings: Vec::new() }
    }
}

impl Question {
    /// A question about a subject that knows its own answers.
    pub(super) fn new(subject: Subject, choices: Vec<Choice>) -> Self {
        let mut question = Self { subject, rows: Vec::new(), choices, places: Vec::new() };
        question.choices.truncate(CHOICES_MAX);
        question
    }

    /// The question in words.
    pub(super) fn text(&self) -> String {
        match &self.subject {
            Subject::Good { word } => say!("which good is {word}?", "“{word}”是哪个商品？"),
            Subject::ListGood => {
                say!("which good do entries mean that name none?", "没写品名的接龙指哪个商品？")
            }
            Subject::Price { word, list, filing } => say!(
                "the list says {word} {list}, the filing says {filing}; the filing counts: go on with it?",
                "接龙里{word}写的是 {list}，备案价是 {filing}；以备案价为准，继续吗？"
            ),
            Subject::Portion { word, unit } if unit.is_empty() => {
                say!(
                    "{word}: what is a bare number, such as 2, counted in?",
                    "{word}：只写数字（如 2）时按什么算？"
                )
            }
            Subject::Portion { word, unit } => {
                say!("how much {word} is 1 {unit}?", "{word}的 1{unit}是多少？")
            }
            Subject::Pack { word, pack, filing } => {
                let pack = pack_text(pack);
                say!(
                    "the list sells {word} by {pack}, the filing by the piece ({filing}): how many pieces is that?",
                    "接龙里{word}是{pack}，备案按件算（{filing}）：一份{pack}是几件？"
                )
            }
            Subject::Words { words } => {
                let list = words.join(word!(", ", "、"));
                say!(
                    "are these only names or remarks, which change no order: {list}?",
                    "这些只是称呼或备注、不影响订单吗：{list}？"
                )
            }
            Subject::Late => {
                say!(
                    "below the line that closes the list: does it count?",
                    "写在截单之后：还算吗？"
                )
            }
            Subject::Household { written } => {
                say!("which household is {written}?", "“{written}”是哪一户？")
            }
            Subject::Entry { reason, .. } => reason.clone(),
        }
    }

    /// The entries it is about: the first of them, or each word with its own.
    pub(super) fn about(&self) -> Vec<String> {
        let most = if matches!(self.subject, Subject::Words { .. } | Subject::Late) {
            usize::MAX
        } else {
            PLACES_MAX
        };
        let texts = self.places.iter().take(most).map(|place| match &place.word {
            Some(word) => {
                let place = place.text();
                say!("{word}: {place}", "{word}：{place}")
            }
            None => place.text(),
        });
        let mut texts: Vec<String> = texts.collect();
        let more = self.places.len().saturating_sub(texts.len());
        if more > 0 {
            texts.push(say!("and {more} more", "等，另有 {more} 条"));
        }
        texts
    }

    /// What may be typed beside the numbers of the choices, if anything.
    pub(super) fn typed(&self) -> Option<&'static str> {
        match &self.subject {
            Subject::Good { .. } | Subject::ListGood => {
                Some(word!("an item code of the filing", "备案中的商品编码"))
            }
            Subject::Portion { .. } => {
                Some(word!("an amount, like 5斤, 300g or 2 pieces", "数量，如 5斤、300g、2件"))
            }
            Subject::Pack { .. } => Some(word!("a number of pieces, like 5", "件数，如 5")),
            Subject::Household { .. } => {
                Some(word!("a household of the directory", "住户册中的户号"))
            }
            Subject::Entry { .. } => Some(word!("the entry, written clearly", "重新写清楚的一条")),
            Subject::Price { .. } | Subject::Words { .. } | Subject::Late => None,
        }
    }

    /// The fact that a typed answer states.
    pub(super) fn read(&self, typed: &str, filing: &Filing, doors: &Doors) -> Option<Fact> {
        match &self.subject {
            Subject::Good { word } => {
                let (item, price) = typed_offer(typed, filing)?;
                Some(Fact::Good { word: word.clone(), item: Some((item, price)) })
            }
            Subject::ListGood => {
                let (item, price) = typed_offer(typed, filing)?;
                Some(Fact::ListGood(code_of(item, price.as_deref())))
            }
            Subject::Portion { word, unit } => {
                let amount = portion_text(typed)?;
                Some(Fact::Portion { word: word.clone(), unit: unit.clone(), amount })
            }
            Subject::Pack { word, pack, .. } => {
                let amount = portion_text(typed).filter(|amount| !amount.ends_with('g'))?;
                Some(Fact::Portion { word: word.clone(), unit: pack.clone(), amount })
            }
            Subject::Household { written } => {
                let number = doors.find(typed)?;
                Some(Fact::Household { written: written.clone(), number })
            }
            Subject::Entry { written, .. } => {
                let reading = text::line(typed).text;
                let known = !reading.is_empty();
                known.then(|| Fact::Entry { written: written.clone(), reading })
            }
            Subject::Price { .. } | Subject::Words { .. } | Subject::Late => None,
        }
    }
}

/// `5斤装` for the pack that is kept as `2500克装`.
fn pack_text(pack: &str) -> String {
    let grams = pack.strip_suffix("克装").and_then(|grams| grams.parse::<u64>().ok());
    let Some(grams) = grams else { return pack.to_owned() };
    let kg = kilograms(grams);
    match grams.is_multiple_of(500) {
        true => {
            let jin = grams / 500;
            say!("{kg} kg", "{jin}斤装")
        }
        false => say!("{kg} kg", "{grams}克装"),
    }
}

/// Grams as kilograms, like the ledger's own.
pub(super) fn kilograms(grams: u64) -> String {
    format!("{}.{:03}", grams / 1_000, grams % 1_000)
}

/// An offer as `--alias` names it.
pub(super) fn code_of(item: ItemCode, price: Option<&str>) -> String {
    price.map_or_else(|| item.to_string(), |price| format!("{item}@{price}"))
}

/// `ITEM` or `ITEM@PRICE`, if exactly one offer is that.
pub(super) fn typed_offer(typed: &str, filing: &Filing) -> Option<(ItemCode, Option<String>)> {
    let (item, price) = match typed.trim().split_once('@') {
        Some((item, price)) => (item, Some(price)),
        None => (typed.trim(), None),
    };
    let item: ItemCode = item.parse().ok()?;
    super::memory::offer_of(filing, item, price)?;
    Some((item, price.map(str::to_owned)))
}

/// A portion as it is kept: kilograms after `g`, or pieces.
pub(super) fn portion_text(typed: &str) -> Option<String> {
    let chars: Vec<char> = text::line(typed).text.chars().filter(|c| *c != ' ').collect();
    let whole = match number::measure_at(&chars, 0) {
        Some((amount, end)) if end == chars.len() => amount,
        Some(_) => return None,
        None => {
            let (thousandths, end) = number::number_at(&chars, 0)?;
            (end == chars.len()).then(|| Amount::Count { thousandths, unit: String::new() })?
        }
    };
    match whole {
        Amount::Grams(grams) if grams > 0 => Some(format!("{grams}g")),
        Amount::Count { thousandths, .. }
            if thousandths > 0 && thousandths.is_multiple_of(1_000) =>
        {
            Some((thousandths / 1_000).to_string())
        }
        Amount::Grams(_) | Amount::Count { .. } => None,
    }
}

/// An offer as people compare it: code, price, unit.
pub(super) fn offer_text(offer: &Offer) -> String {
    let price = yuan(offer.price);
    let per = match offer.unit {
        Unit::Weight => word!("kg", "公斤"),
        Unit::Piece => word!("piece", "件"),
    };
    format!("{} {price}/{per}", offer.item)
}

/// Choices among the offers, those `likely` first.
pub(super) fn offer_choices(
    filing: &Filing,
    likely: impl Fn(OfferIndex) -> bool,
    fact: impl Fn(ItemCode, Option<String>) -> Fact,
) -> Vec<Choice> {
    let mut offers: Vec<_> = (0u16..).zip(&filing.offers).collect();
    offers.sort_by_key(|(index, _)| !likely(*index));
    let choices = offers.into_iter().take(CHOICES_MAX - 1).map(|(_, offer)| {
        let price = needs_price(filing, offer.item).then(|| yuan(offer.price));
        Choice { text: offer_text(offer), fact: fact(offer.item, price) }
    });
    choices.collect()
}

/// The choice that a word orders nothing.
pub(super) fn no_good(word: &str) -> Choice {
    let text = word!("no good: a name or a remark", "不是商品：是称呼或备注").to_owned();
    Choice { text, fact: Fact::Good { word: word.to_owned(), item: None } }
}

/// The choice to leave an entry out.
pub(super) fn leave_out(written: &str) -> Choice {
    let text = word!("leave this entry out", "这条不算").to_owned();
    Choice { text, fact: Fact::Entry { written: written.to_owned(), reading: NOTHING.into() } }
}

/// Choices for how much one of a unit is.
pub(super) fn portion_choices(
    word: &str,
    unit: &str,
    offer: &Offer,
    pack: Option<u64>,
) -> Vec<Choice> {
    let fact =
        |amount: String| Fact::Portion { word: word.to_owned(), unit: unit.to_owned(), amount };
    let grams = |grams: u64| {
        let kg = kilograms(grams);
        let text = match grams {
            500 => say!("1 jin ({kg} kg)", "1斤（{kg} 公斤）"),
            _ => say!("{kg} kg", "{kg} 公斤"),
        };
        Choice { text, fact: fact(format!("{grams}g")) }
    };
    match offer.unit {
        Unit::Piece => vec![pieces_choice(word, unit, offer, 1)],
        Unit::Weight => {
            let mut sizes: Vec<u64> = pack.into_iter().chain([500, 1_000]).collect();
            sizes.dedup();
            sizes.into_iter().map(grams).collect()
        }
    }
}

/// The choice that one of a unit is so many pieces of the filing.
pub(super) fn pieces_choice(word: &str, unit: &str, offer: &Offer, count: u64) -> Choice {
    let total = cost(offer, count).to_yuan();
    let text = match count {
        1 => say!("1 piece, for {total}", "1 件，{total} 元"),
        _ => say!("{count} pieces, for {total}", "{count} 件，{total} 元"),
    };
    let (word, unit, amount) = (word.to_owned(), unit.to_owned(), count.to_string());
    Choice { text, fact: Fact::Portion { word, unit, amount } }
}
