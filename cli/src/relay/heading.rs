//! What the heading of a list offers: names, packs, units and prices, in the many ways that leaders write
//! them. What it does not explain is kept as a price, so that it is asked about.

use super::{
    number::{self, Amount},
    text::Line,
};
use ledger_core::types::Fen;
use std::collections::BTreeMap;

/// Most goods in the heading of a list; as many as a filing has.
pub(super) const OFFERED_MAX: usize = 512;

/// Words for how much a household may have.
const LIMITS: [&str; 5] = ["限购", "限量", "每户限", "每人限", "每户最多"];

/// Whether a line says how much a household may have.
pub(super) fn has_limit(text: &str) -> bool {
    LIMITS.iter().any(|limit| text.contains(limit))
}

/// A good as the heading has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Offered {
    pub(super) row: u64,
    /// Its name without blanks.
    pub(super) name: String,
    /// The words of its name.
    pub(super) words: Vec<String>,
    /// `A`, or `1号`: its number in the heading.
    pub(super) label: Option<String>,
    /// Grams in a pack.
    pub(super) pack: Option<u64>,
    /// What it is counted in.
    pub(super) unit: Option<String>,
    /// What is in one: 30 枚 in a 盒.
    pub(super) contents: Option<(u64, String)>,
    pub(super) prices: Vec<Price>,
}

/// A price in the heading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Price {
    pub(super) fen: u64,
    pub(super) per: Per,
}

/// What a price in the heading is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Per {
    /// So many grams.
    Grams(u64),
    /// A pack, a portion, or nothing said.
    Portion,
    /// Something that no filing can mean, such as three boxes at once.
    Other,
}

impl Offered {
    /// What answers about it are kept under: its name, with the pack where several have one name.
    pub(super) fn key(&self, all: &[Self]) -> String {
        let alone = all.iter().filter(|other| other.name == self.name).count() == 1;
        match (alone, self.pack, &self.contents) {
            (false, Some(grams), _) => format!("{}{}克", self.name, grams),
            (false, None, Some((count, unit))) => format!("{}{count}{unit}", self.name),
            _ => self.name.clone(),
        }
    }

    /// Its prices as they may be said: `3.98/500g`.
    pub(super) fn prices_text(&self) -> String {
        let texts = self.prices.iter().map(|price| {
            let yuan = Fen::new(price.fen).to_yuan();
            match price.per {
                Per::Grams(grams) => format!("{yuan}/{grams}g"),
                Per::Portion | Per::Other => yuan,
            }
        });
        texts.collect::<Vec<_>>().join(" ")
    }
}

/// What a piece of a heading is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Word(String),
    Measure(Amount),
    Number { thousandths: u64, decimal: bool },
    Money(u64),
    Slash,
    Unit(String),
    WeightUnit(u64),
}

/// Whether a line names a price.
pub(super) fn has_price(text: &str) -> bool {
    let pieces = pieces(&text.chars().collect::<Vec<_>>());
    let priced = |pair: &[(Piece, bool)]| {
        matches!(
            pair,
            [(Piece::Number { .. }, _), (Piece::Slash, _)]
                | [(Piece::Slash, _), (Piece::Number { .. }, _)]
        )
    };
    pieces
        .iter()
        .any(|(piece, _)| matches!(piece, Piece::Money(_) | Piece::Number { decimal: true, .. }))
        || pieces.windows(2).any(priced)
}

/// Cuts a part of a heading into pieces; whether each stands in brackets.
fn pieces(chars: &[char]) -> Vec<(Piece, bool)> {
    let mut pieces: Vec<(Piece, bool)> = Vec::new();
    let mut depth = 0usize;
    let mut word = String::new();
    let mut i = 0;
    while let Some(c) = chars.get(i).copied() {
        let last = pieces.last().map(|(piece, _)| piece).filter(|_| word.is_empty());
        let after_price = matches!(last, Some(Piece::Number { .. } | Piece::Money(_)));
        let found = piece_of_food(chars, i, after_price)
            .or_else(|| piece_at(chars, i, last == Some(&Piece::Slash)));
        let ends = found.is_some() || matches!(c, ' ' | '?' | '(' | ')' | '/' | '每' | '☎' | '。');
        if ends && !word.is_empty() {
            pieces.push((Piece::Word(std::mem::take(&mut word)), depth > 0));
        }
        match (found, c) {
            (Some((piece, end)), _) => {
                pieces.push((piece, depth > 0));
                i = end;
                continue;
            }
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, '/' | '每') => pieces.push((Piece::Slash, depth > 0)),
            (None, ' ' | '?' | '☎' | '。') => {}
            (None, c) => word.push(c),
        }
        i += 1;
    }
    if !word.is_empty() {
        pieces.push((Piece::Word(word), depth > 0));
    }
    pieces
}

/// `一块` beside a price is a piece of tofu: 3.5一块, 一块3.5.
fn piece_of_food(chars: &[char], i: usize, after_price: bool) -> Option<(Piece, usize)> {
    let end = i + 2;
    let one = matches!(chars.get(i), Some('一' | '1')) && chars.get(i + 1) == Some(&'块');
    let price_behind = || {
        let rest = chars.get(end..).unwrap_or_default();
        let decimal = rest.windows(2).any(|two| two[0].is_ascii_digit() && two[1] == '.');
        chars.get(i) == Some(&'一') && decimal
    };
    let money = chars.get(end) == Some(&'钱');
    let inside = i.checked_sub(1).and_then(|i| chars.get(i)).is_some_and(char::is_ascii_digit);
    let unit = || "块".to_owned();
    (one && !money && !(inside && chars.get(i) == Some(&'1')) && (after_price || price_behind()))
        .then(|| (Piece::Measure(Amount::Count { thousandths: 1_000, unit: unit() }), end))
}

fn piece_at(chars: &[char], i: usize, after_slash: bool) -> Option<(Piece, usize)> {
    let c = chars.get(i).copied()?;
    if after_slash && let Some((grams, end)) = number::weight_unit_at(chars, i) {
        return Some((Piece::WeightUnit(grams), end));
    }
    if after_slash && let Some((unit, end)) = number::count_unit_at(chars, i) {
        return Some((Piece::Unit(unit.to_owned()), end));
    }
    let inside_word =
        i.checked_sub(1).and_then(|i| chars.get(i)).is_some_and(char::is_ascii_alphabetic);
    if c == '¥' {
        let begin = if chars.get(i + 1) == Some(&' ') { i + 2 } else { i + 1 };
        let (thousandths, end) = number::number_at(chars, begin)?;
        return Some((Piece::Money(thousandths / 10), money_word(chars, end).unwrap_or(end)));
    }
    let (thousandths, end) = number::number_at(chars, i)?;
    if c.is_ascii_digit() && inside_word {
        return None;
    }
    if let Some(after) = money_word(chars, end) {
        // 9块9 is 9.90.
        let tenths = chars.get(after).and_then(|c| c.to_digit(10)).map(u64::from);
        let alone = !chars.get(after + 1).is_some_and(|c| c.is_ascii_digit() || *c == '.');
        return Some(match tenths.filter(|_| alone && chars.get(after - 1) == Some(&'块')) {
            Some(tenths) => (Piece::Money(thousandths / 10 + tenths * 10), after + 1),
            None => (Piece::Money(thousandths / 10), after),
        });
    }
    if chars.get(end) == Some(&'毛') {
        return Some((Piece::Money(thousandths / 100), end + 1));
    }
    if let Some((amount, end)) = number::measure_at(chars, i) {
        return Some((Piece::Measure(amount), end));
    }
    let decimal = chars.get(i..end).is_some_and(|part| part.contains(&'.'));
    c.is_ascii_digit().then_some((Piece::Number { thousandths, decimal }, end))
}

fn money_word(chars: &[char], end: usize) -> Option<usize> {
    match (chars.get(end)?, chars.get(end + 1)) {
        ('块', Some('钱')) => Some(end + 2),
        ('元' | '块', _) => Some(end + 1),
        _ => None,
    }
}

/// The goods that a line of the heading offers.
pub(super) fn offers_of(line: &Line) -> Vec<Offered> {
    let (label, rest) = label_of(line);
    let mut offers: Vec<Offered> = Vec::new();
    for part in rest.split(',').map(without_limit) {
        let chars: Vec<char> = part.chars().collect();
        for mut offered in goods_in(&pieces(&chars)).iter().map(|pieces| offered_of(pieces)) {
            if offered.name.is_empty() {
                // Another size of the good before.
                let Some(last) = offers.last() else { continue };
                offered.name.clone_from(&last.name);
                offered.words.clone_from(&last.words);
                if offered.pack.is_none() || offered.prices.is_empty() {
                    // Something more about that good: what cannot be read again must be seen.
                    if let Some(last) = offers.last_mut() {
                        last.prices.extend(offered.prices);
                        last.pack = last.pack.or(offered.pack);
                        last.unit = last.unit.take().or(offered.unit);
                        last.contents = last.contents.take().or(offered.contents);
                    }
                    continue;
                }
            }
            offered.row = line.row;
            let says_something = !offered.prices.is_empty()
                || offered.pack.is_some()
                || offered.unit.is_some()
                || offered.contents.is_some();
            if says_something || label.is_some() {
                offers.push(offered);
            }
        }
    }
    if let [only] = offers.as_mut_slice() {
        only.label = label;
    }
    offers
}

/// 限购2袋 is no good: how much a household may have is up to the filing.
fn without_limit(part: &str) -> &str {
    let begin = LIMITS.iter().filter_map(|limit| part.find(limit)).min();
    part.get(..begin.unwrap_or(part.len())).unwrap_or(part)
}

/// Goods with the prices that a line among the entries names for them: `更正：土豆价格 10.9元`. None, if it may
/// be an order as well.
pub(super) fn corrected_prices(
    line: &Line,
    is_good: impl Fn(&str) -> bool,
) -> Option<Vec<Offered>> {
    let says_so =
        ["改", "价", "调", "涨", "降", "更正"].iter().any(|word| line.text.contains(word));
    if !has_price(&line.text) || !says_so {
        return None;
    }
    let text = line.text.replace(',', " ");
    let offers = offers_of(&Line { text, ..line.clone() });
    let named = |offered: &Offered| !offered.prices.is_empty() && is_good(&offered.name);
    (!offers.is_empty() && offers.iter().all(named)).then_some(offers)
}

/// A word after a price begins the next good: 土豆 1.98/斤 西红柿 3.5/斤.
fn goods_in(pieces: &[(Piece, bool)]) -> Vec<Vec<(Piece, bool)>> {
    let mut goods: Vec<Vec<(Piece, bool)>> = vec![Vec::new()];
    let (mut named, mut priced) = (false, false);
    for (index, (piece, in_bracket)) in pieces.iter().enumerate() {
        let slash = matches!(pieces.get(index + 1), Some((Piece::Slash, _)));
        let word = matches!(piece, Piece::Word(word) if !in_bracket && !name_of(word).is_empty());
        if word && named && priced {
            goods.push(Vec::new());
            priced = false;
        }
        named |= word;
        priced |= matches!(piece, Piece::Money(_) | Piece::Number { decimal: true, .. })
            || (slash && matches!(piece, Piece::Number { .. }));
        if let Some(last) = goods.last_mut() {
            last.push((piece.clone(), *in_bracket));
        }
    }
    goods
}

/// `A.`, `1.` or `1号` before a good.
fn label_of(line: &Line) -> (Option<String>, String) {
    if let Some(number) = line.number {
        return (Some(format!("{number}号")), line.text.clone());
    }
    let chars: Vec<char> = line.text.chars().collect();
    let rest = |from: usize| chars.get(from..).unwrap_or_default().iter().collect::<String>();
    match chars.as_slice() {
        [letter, '.' | ',' | ' ' | ')', ..] if letter.is_ascii_uppercase() => {
            (Some(letter.to_string()), rest(2))
        }
        [letter, next, ..] if letter.is_ascii_uppercase() && !next.is_ascii() => {
            (Some(letter.to_string()), rest(1))
        }
        _ => match number::number_at(&chars, 0) {
            Some((thousandths, end))
                if thousandths.is_multiple_of(1_000)
                    && chars.get(end) == Some(&'号')
                    && chars.get(end + 1) != Some(&'楼') =>
            {
                (Some(format!("{}号", thousandths / 1_000)), rest(end + 1))
            }
            _ => (None, line.text.clone()),
        },
    }
}

fn offered_of(pieces: &[(Piece, bool)]) -> Offered {
    let mut offered = Offered::default();
    let mut whole_numbers = Vec::new();
    let mut in_brackets = Vec::new();
    let mut i = 0;
    while let Some((piece, in_bracket)) = pieces.get(i) {
        let next = |offset: usize| pieces.get(i + offset).map(|(piece, _)| piece);
        let slash = next(1) == Some(&Piece::Slash);
        let fen = match piece {
            Piece::Money(fen) => Some(*fen),
            Piece::Number { thousandths, .. } if slash => Some(thousandths / 10),
            Piece::Number { thousandths, decimal: true } => Some(thousandths / 10),
            _ => None,
        };
        match (piece, fen) {
            (_, Some(fen)) if slash => {
                offered.priced(fen, next(2));
                i += 3;
                continue;
            }
            (_, Some(fen)) => {
                // 3.98一斤: the weight after the price is what it is for.
                if let Some(Piece::Measure(Amount::Grams(grams @ (500 | 1_000)))) = next(1) {
                    offered.prices.push(Price { fen, per: Per::Grams(*grams) });
                    i += 2;
                    continue;
                }
                offered.prices.push(Price { fen, per: Per::Portion });
            }
            (Piece::Slash, None) => {
                // 每斤3.98
                if let (Some(unit @ (Piece::Unit(_) | Piece::WeightUnit(_))), Some(price)) =
                    (next(1), next(2))
                    && let Some(fen) = price_of(price)
                {
                    offered.priced(fen, Some(unit));
                    i += 3;
                    continue;
                }
            }
            (Piece::Measure(Amount::Grams(grams @ (500 | 1_000))), None)
                if !slash && next(1).is_some_and(|p| price_of(p).is_some()) =>
            {
                // 一斤3.98
                let fen = next(1).and_then(price_of).unwrap_or_default();
                offered.prices.push(Price { fen, per: Per::Grams(*grams) });
                i += 2;
                continue;
            }
            (Piece::Measure(Amount::Grams(grams)), None) => {
                if offered.pack.is_some_and(|known| known != *grams) {
                    offered.prices.push(Price { fen: 0, per: Per::Other });
                }
                offered.pack = offered.pack.or(Some(*grams));
            }
            (Piece::Measure(Amount::Count { thousandths: 1_000, unit }), None) => {
                offered.unit = offered.unit.take().or(Some(unit.clone()));
            }
            (Piece::Measure(Amount::Count { thousandths, unit }), None) => {
                if let Some(Piece::Unit(outer)) = next(2).filter(|_| slash) {
                    offered.unit = offered.unit.take().or(Some(outer.clone()));
                    i += 2;
                }
                if offered.contents.is_some() {
                    offered.prices.push(Price { fen: 0, per: Per::Other });
                }
                offered.contents =
                    offered.contents.take().or(Some((thousandths / 1_000, unit.clone())));
            }
            (Piece::Unit(unit), None) => offered.unit = offered.unit.take().or(Some(unit.clone())),
            (Piece::Number { thousandths, .. }, None) if !in_bracket => {
                whole_numbers.push(thousandths / 10)
            }
            (Piece::Word(word), None) => {
                let word = name_of(word);
                let words = if *in_bracket { &mut in_brackets } else { &mut offered.words };
                if !word.is_empty() {
                    words.push(word);
                }
            }
            _ => {}
        }
        i += 1;
    }
    // A whole number that nothing explains may be a price: a wrong one leads to a question.
    offered.prices.extend(whole_numbers.into_iter().map(|fen| Price { fen, per: Per::Portion }));
    // 【土豆】 is a name, the brackets in 西红柿（沙瓤） are not.
    if offered.words.is_empty() {
        offered.words = in_brackets;
    }
    offered.name = offered.words.concat();
    offered
}

fn price_of(piece: &Piece) -> Option<u64> {
    match piece {
        Piece::Money(fen) => Some(*fen),
        Piece::Number { thousandths, decimal: true } => Some(thousandths / 10),
        _ => None,
    }
}

impl Offered {
    /// Takes a price and what stands behind its slash.
    fn priced(&mut self, fen: u64, behind: Option<&Piece>) {
        let per = match behind {
            Some(Piece::WeightUnit(grams)) => Per::Grams(*grams),
            Some(Piece::Measure(Amount::Grams(grams @ (500 | 1_000)))) => Per::Grams(*grams),
            Some(Piece::Measure(Amount::Grams(grams))) => {
                self.pack = self.pack.or(Some(*grams));
                Per::Portion
            }
            Some(
                Piece::Unit(unit) | Piece::Measure(Amount::Count { thousandths: 1_000, unit }),
            ) => {
                self.unit = self.unit.take().or(Some(unit.clone()));
                Per::Portion
            }
            _ => Per::Other,
        };
        self.prices.push(Price { fen, per });
    }
}

/// A name without the words around it.
fn name_of(word: &str) -> String {
    const BEFORE: [&str; 14] = [
        "更正",
        "通知",
        "今日特价",
        "特价",
        "今日团",
        "今天团",
        "团购价",
        "原价",
        "现价",
        "单价",
        "价格",
        "拼团",
        "团",
        "规格",
    ];
    const AFTER: [&str; 34] = [
        "涨价",
        "降价",
        "今天",
        "今日",
        "现在",
        "改成",
        "改为",
        "涨到",
        "降到",
        "调到",
        "应该是",
        "更正为",
        "团购价",
        "原价",
        "现价",
        "特价",
        "单价",
        "价格",
        "规格",
        "左右",
        "只要",
        "仅",
        "啦",
        "了",
        "哦",
        "净重",
        "约",
        "起",
        "装",
        "包邮",
        "一份",
        "元",
        "价",
        "-",
    ];
    let mut word = word.trim_matches(['-', '+', '.', '#']);
    while let Some(rest) = BEFORE.iter().find_map(|before| word.strip_prefix(before)) {
        word = rest;
    }
    while let Some(rest) = AFTER.iter().find_map(|after| word.strip_suffix(after)) {
        word = rest;
    }
    word.to_owned()
}

/// Goods of the heading by every word that names exactly one name among them.
pub(super) fn words_of(offered: &[Offered]) -> BTreeMap<String, Vec<usize>> {
    let mut exact: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, good) in offered.iter().enumerate() {
        exact.entry(good.name.clone()).or_default().push(index);
        if let Some(label) = &good.label {
            exact.entry(label.clone()).or_default().push(index);
        }
    }
    // The end of a name, or a word of it, where no other good has it: 土豆 for 云南小土豆.
    let mut loose: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, good) in offered.iter().enumerate() {
        let mut parts: Vec<String> =
            good.words.iter().filter(|word| word.chars().count() > 1).cloned().collect();
        let chars: Vec<char> = good.name.chars().collect();
        parts.extend(
            (1..chars.len().saturating_sub(1))
                .filter_map(|from| Some(chars.get(from..)?.iter().collect())),
        );
        parts.sort();
        parts.dedup();
        for part in parts {
            loose.entry(part).or_default().push(index);
        }
    }
    for (part, indexes) in loose {
        let one_name = indexes.iter().all(|index| {
            offered.get(*index).map(|o| &o.name)
                == indexes.first().and_then(|i| offered.get(*i)).map(|o| &o.name)
        });
        let elsewhere = offered
            .iter()
            .enumerate()
            .any(|(index, good)| !indexes.contains(&index) && good.name.contains(&part));
        if one_name && !elsewhere && !exact.contains_key(&part) {
            exact.insert(part, indexes);
        }
    }
    exact.remove("");
    exact
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::text;

    fn offers(text: &str) -> Vec<Offered> {
        offers_of(&text::line(text))
    }

    #[test]
    fn a_heading_offers_goods_in_many_spellings() {
        let portion = |fen| vec![Price { fen, per: Per::Portion }];
        for (text, name, pack, unit, prices) in [
            ("土豆 3.98/斤", "土豆", None, None, vec![Price { fen: 398, per: Per::Grams(500) }]),
            ("土豆3.98一斤", "土豆", None, None, vec![Price { fen: 398, per: Per::Grams(500) }]),
            ("每斤3.98 土豆", "土豆", None, None, vec![Price { fen: 398, per: Per::Grams(500) }]),
            ("鸡蛋 12元/盒（30枚）", "鸡蛋", None, Some("盒"), portion(1_200)),
            ("A.苹果 5斤装 29.9", "苹果", Some(2_500), None, portion(2_990)),
            ("②【土豆】5斤/9.9元", "土豆", Some(2_500), None, portion(990)),
            ("🥔土豆9块9五斤", "土豆", Some(2_500), None, portion(990)),
            ("牛奶 12盒/箱 45元", "牛奶", None, Some("箱"), portion(4_500)),
            ("苹果¥29.9/箱", "苹果", None, Some("箱"), portion(2_990)),
            ("五花肉 一份2斤 39", "五花肉", Some(1_000), Some("份"), portion(3_900)),
            ("西红柿8.8/3斤", "西红柿", Some(1_500), None, portion(880)),
        ] {
            let all = offers(text);
            assert_eq!(all.len(), 1, "{text}: {all:?}");
            let got =
                (all[0].name.as_str(), all[0].pack, all[0].unit.as_deref(), all[0].prices.clone());
            assert_eq!(got, (name, pack, unit, prices), "{text}");
        }
        let two = offers("苹果5斤29.9，10斤55元");
        assert_eq!((two.len(), two[1].name.as_str(), two[1].pack), (2, "苹果", Some(5_000)));
        assert_eq!(two[1].key(&two), "苹果5000克");
    }

    #[test]
    fn a_short_name_means_a_good_only_if_no_other_has_it() {
        let goods =
            [offers("云南小土豆 5斤9.9"), offers("红富士苹果 5斤29"), offers("苹果醋 1瓶12元")]
                .concat();
        let words = words_of(&goods);
        assert_eq!(words.get("土豆"), Some(&vec![0]));
        assert_eq!(words.get("苹果"), None);
        assert_eq!(words.get("红富士苹果"), Some(&vec![1]));
    }
}
