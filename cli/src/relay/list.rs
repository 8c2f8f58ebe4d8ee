//! Which lines offer something, which are entries of households, and which are talk.

use super::{
    door::Doors,
    number::{self, Amount},
    text::Line,
};
use std::collections::BTreeMap;

/// Most entries of a list; a chat group has 500 members.
pub(super) const ENTRIES_MAX: usize = 3_000;
/// Most goods in the heading of a list; as many as a filing has.
const OFFERED_MAX: usize = 512;

/// A list, before it is known what the words mean.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Relay {
    /// What its heading offers.
    pub(super) offered: Vec<Offered>,
    /// What households wrote.
    pub(super) entries: Vec<Entry>,
    /// Lines that are neither, after the heading.
    pub(super) talk: Vec<Talk>,
    /// Lines above the entries that are not plainly an offer with its price.
    pub(super) heading: Vec<Talk>,
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

/// What somebody wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) row: u64,
    pub(super) number: Option<u32>,
    /// Lines after the first are joined by commas.
    pub(super) text: String,
    /// What is crossed out.
    pub(super) struck: String,
    /// As it was pasted, without phone numbers.
    pub(super) original: String,
}

/// A line that orders nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Talk {
    pub(super) row: u64,
    pub(super) text: String,
    /// It has a door, or so much of something: somebody may have ordered with it.
    pub(super) perhaps_order: bool,
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
            let yuan = ledger_core::types::Fen::new(price.fen).to_yuan();
            match price.per {
                Per::Grams(grams) => format!("{yuan}/{grams}g"),
                Per::Portion | Per::Other => yuan,
            }
        });
        texts.collect::<Vec<_>>().join(" ")
    }
}

/// What is known before a list is read.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) doors: &'a Doors,
    /// Whether a text begins with a household's known name.
    pub(super) begins_household: &'a dyn Fn(&str) -> bool,
    /// Whether a text is a word for a good, and nothing else.
    pub(super) is_good: &'a dyn Fn(&str) -> bool,
    /// Whether a word for a good stands anywhere in a text.
    pub(super) names_good: &'a dyn Fn(&str) -> bool,
}

impl Known<'_> {
    fn has_door(&self, line: &Line) -> bool {
        let of = |text: &str| !self.doors.places(&text.chars().collect::<Vec<_>>()).is_empty();
        of(&line.text) || of(&line.struck)
    }

    fn starts(&self, text: &str) -> bool {
        let places = self.doors.places(&text.chars().collect::<Vec<_>>());
        places.first().is_some_and(|place| place.begin == 0) || (self.begins_household)(text)
    }

    /// A door with a quantity or a good is somebody's order, wherever it stands.
    fn is_order(&self, line: &Line) -> bool {
        let all = format!("{} {}", line.text, line.struck);
        self.has_door(line)
            && !is_example(&line.text)
            && (has_quantity(&all) || (self.names_good)(&all))
    }
}

/// Finds offers and entries.
pub(super) fn split(lines: &[Line], known: Known<'_>) -> Relay {
    let first = first_entry(lines, known);
    let mut relay = Relay::default();
    for line in lines.get(..first).unwrap_or_default() {
        let offers = if is_talk(&line.text) { Vec::new() } else { offers_of(line) };
        let read = !offers.is_empty()
            && offers
                .iter()
                .all(|good| !good.prices.is_empty() || (known.is_good)(&good.key(&offers)));
        let asks = !is_example(&line.text)
            && (known.has_door(line) || (has_quantity(&line.text) && !has_price(&line.text)));
        let title = line.text.is_empty() || (line.text.starts_with('#') && !asks);
        if !read && !title {
            let perhaps_order = asks;
            relay.heading.push(Talk { row: line.row, text: line.original.clone(), perhaps_order });
        }
        relay.offered.extend(offers);
    }
    relay.offered.truncate(OFFERED_MAX);
    let words = words_of(&relay.offered);
    let orders = |text: &str| {
        let offered = |word: &String| word.chars().count() > 1 && text.contains(word.as_str());
        has_quantity(text) || (known.names_good)(text) || words.keys().any(offered)
    };
    let rest = lines.get(first..).unwrap_or_default();
    let numbered = rest.iter().any(|line| line.number.is_some());
    let mut after_blank = false;
    for line in rest {
        let is_blank = line.number.is_none() && line.text.is_empty() && line.struck.is_empty();
        if is_blank {
            after_blank = true;
            continue;
        }
        let counted = without_stop(line, &relay, known);
        let line = counted.as_ref().unwrap_or(line);
        let begins = line.number.is_some() || known.starts(&line.text);
        let has_door = known.has_door(line);
        let title = line.text.starts_with("#接龙") && !has_door;
        let chat = !begins && is_talk(&line.text) && !orders(&line.text);
        if title || is_example(&line.text) || chat {
            relay.talk.push(talk(line, has_door));
        } else if begins {
            // A number alone or with a name, then the door on the next line, is one entry.
            let begun = |last: &&mut Entry| {
                line.number.is_none()
                    && !after_blank
                    && last.struck.is_empty()
                    && is_name_only(&last.text)
            };
            match relay.entries.last_mut().filter(begun) {
                Some(last) => continue_entry(last, line),
                None => relay.entries.push(entry(line)),
            }
        } else if let Some(last) = relay.entries.last_mut().filter(|last| {
            // Somebody else's order is no more of the entry above.
            let another = has_door && has_quantity(&line.text) && has_quantity(&last.text);
            numbered && !after_blank && !another
        }) {
            continue_entry(last, line);
        } else if has_door
            || orders(&line.text)
            || line.text.chars().any(|c| number::number_at(&[c], 0).is_some())
        {
            relay.entries.push(entry(line));
        } else {
            relay.talk.push(talk(line, has_door));
        }
        after_blank = false;
    }
    relay
}

fn talk(line: &Line, has_door: bool) -> Talk {
    let perhaps_order = !is_example(&line.text) && (has_door || has_quantity(&line.text));
    Talk { row: line.row, text: line.original.clone(), perhaps_order }
}

fn entry(line: &Line) -> Entry {
    let Line { row, number, text, struck, original } = line.clone();
    Entry { row, number, text, struck, original }
}

fn continue_entry(entry: &mut Entry, line: &Line) {
    join(&mut entry.text, &line.text, " , ");
    join(&mut entry.struck, &line.struck, " , ");
    join(&mut entry.original, &line.original, " / ");
}

/// `6 3-201`: a number without a stop, before a door or as the next in the list.
fn without_stop(line: &Line, relay: &Relay, known: Known<'_>) -> Option<Line> {
    let digits = line.text.bytes().take_while(u8::is_ascii_digit).count();
    if line.number.is_some() || !(1..=3).contains(&digits) || known.starts(&line.text) {
        return None;
    }
    let (number, rest) = line.text.split_at(digits);
    let (number, rest) = (number.parse::<u32>().ok()?, rest.strip_prefix(' ')?);
    let next = match relay.entries.last() {
        Some(last) => last.number.map(|number| number + 1),
        None => Some(1),
    };
    let counted = Line { number: Some(number), text: rest.to_owned(), ..line.clone() };
    let fits = known.starts(rest) || (next == Some(number) && known.is_order(&counted));
    let original = line.original.trim_start();
    let original = original.trim_start_matches(|c: char| c.is_numeric()).trim_start().to_owned();
    fits.then_some(Line { original, ..counted })
}

/// Whether so much of something is written: `2斤`, `一盒`.
fn has_quantity(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    (0..chars.len()).any(|i| number::measure_at(&chars, i).is_some())
}

fn is_name_only(text: &str) -> bool {
    !text.contains([' ', ',']) && !text.chars().any(|c| number::number_at(&[c], 0).is_some())
}

fn join(text: &mut String, more: &str, between: &str) {
    if !text.is_empty() && !more.is_empty() {
        text.push_str(between);
    }
    text.push_str(more);
}

/// Where the heading ends. Goods may be numbered as entries are: those have prices, or their numbers
/// begin anew with the entries.
fn first_entry(lines: &[Line], known: Known<'_>) -> usize {
    let numbered = |line: &Line| line.number.is_some() && !is_example(&line.text);
    let order = lines.iter().position(|line| known.is_order(line)).unwrap_or(lines.len());
    let Some(first) = lines.iter().position(numbered) else {
        let starts = |line: &Line| known.starts(&line.text) && !is_example(&line.text);
        return lines.iter().position(starts).unwrap_or(lines.len()).min(order);
    };
    let again = lines
        .iter()
        .enumerate()
        .skip(first + 1)
        .find(|(_, line)| numbered(line) && line.number == Some(1))
        .map(|(index, _)| index);
    // Rows with so much of something and no price are what somebody ordered, in a batch of its own,
    // unless they name a good that is known.
    let is_offer = |line: &Line| {
        let offers = || offers_of(line);
        let good = || {
            // 鸡蛋30枚/盒 says what is in a box.
            let contents = |good: &Offered| good.contents.is_some() && line.text.contains('/');
            offers().iter().all(|good| (known.is_good)(&good.name) || contents(good))
        };
        !known.has_door(line) && (has_price(&line.text) || !has_quantity(&line.text) || good())
    };
    let heading = |from: usize, to: usize| {
        let rows = lines.get(from..to).unwrap_or_default();
        rows.iter().filter(|line| numbered(line)).all(is_offer)
    };
    if let Some(again) = again.filter(|again| heading(first, *again)) {
        return again.min(order);
    }
    let is_entry = |line: &Line| numbered(line) && (known.has_door(line) || !has_price(&line.text));
    lines.iter().position(is_entry).unwrap_or(lines.len()).min(order)
}

fn is_example(text: &str) -> bool {
    ["例", "示例", "(例", "格式", "接龙格式", "(格式", "样例", "模板"]
        .iter()
        .any(|word| text.starts_with(word))
}

/// Sentences to everybody.
fn is_talk(text: &str) -> bool {
    const WORDS: [&str; 31] = [
        "截止", "截单", "接龙", "自提", "提货", "到货", "付款", "转账", "收款", "群主", "大家",
        "各位", "请", "通知", "公告", "注意", "说明", "满", "运费", "配送", "包邮", "今天", "明天",
        "今晚", "明晚", "下午", "上午", "开团", "结束", "欢迎", "收单",
    ];
    is_example(text) || text.starts_with('#') || WORDS.iter().any(|word| text.contains(word))
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

fn has_price(text: &str) -> bool {
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
fn offers_of(line: &Line) -> Vec<Offered> {
    let (label, rest) = label_of(line);
    let mut offers: Vec<Offered> = Vec::new();
    for part in rest.split(',') {
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
    const BEFORE: [&str; 12] = [
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
    const AFTER: [&str; 22] = [
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
