//! Which lines offer something, which are entries of households, and which are talk.

use super::{
    door::Doors,
    heading::{OFFERED_MAX, Offered, corrected_prices, has_limit, has_price, offers_of, words_of},
    number,
    text::Line,
};
use std::collections::BTreeMap;

/// Most entries of a list; a chat group has 500 members.
pub(super) const ENTRIES_MAX: usize = 3_000;

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
    /// It stands below the line that closes the list.
    pub(super) is_late: bool,
}

impl Entry {
    /// Whether it is what somebody else wrote, quoted.
    pub(super) fn is_quote(&self) -> bool {
        self.number.is_none() && quotes(&self.original)
    }
}

/// Whether a line begins as chat programs quote.
fn quotes(original: &str) -> bool {
    original.starts_with(['「', '『'])
}

/// A line that orders nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Talk {
    pub(super) row: u64,
    pub(super) text: String,
    /// It has a door, or so much of something: somebody may have ordered with it.
    pub(super) perhaps_order: bool,
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
            && !has_limit(&line.text)
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
    let (mut after_blank, mut is_late) = (false, false);
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
        let is_quote = !begins && !has_door && quotes(&line.original);
        if !begins && !has_door && closes(&line.text) {
            is_late = true;
            relay.talk.push(talk(line, has_door));
            continue;
        }
        let is_good = |name: &str| words.contains_key(name) || (known.is_good)(name);
        let corrected = corrected_prices(line, is_good).filter(|_| !begins && !has_door);
        if let Some(corrected) = corrected {
            let (row, text) = (line.row, line.original.clone());
            relay.heading.push(Talk { row, text, perhaps_order: false });
            for offered in corrected {
                correct(&mut relay.offered, offered, &words);
            }
            continue;
        }
        let chat = !begins && is_talk(&line.text) && !orders(&line.text);
        if title || is_example(&line.text) || chat || is_quote {
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
                None => relay.entries.push(Entry { is_late, ..entry(line) }),
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
            relay.entries.push(Entry { is_late, ..entry(line) });
        } else {
            relay.talk.push(talk(line, has_door));
        }
        after_blank = false;
    }
    relay
}

/// Whether a line says that nobody may order any more.
fn closes(text: &str) -> bool {
    const WORDS: [&str; 13] = [
        "截单了",
        "截单啦",
        "已截单",
        "收单了",
        "收单啦",
        "已收单",
        "截止了",
        "截止啦",
        "已截止",
        "已结束",
        "结束了",
        "结束啦",
        "停止接龙",
    ];
    // 8点就截单了 is still to come.
    if text.contains('点') && !text.contains('已') {
        return false;
    }
    let alone = text.trim_matches(['-', ' ', '。', ',']);
    matches!(alone, "截单" | "截止" | "收单" | "结束" | "截团")
        || WORDS.iter().any(|word| text.contains(word))
}

/// Adds the prices of a correction to the goods that it names, so that they are compared with the filing.
fn correct(all: &mut Vec<Offered>, correction: Offered, words: &BTreeMap<String, Vec<usize>>) {
    let indexes = words.get(&correction.name);
    if indexes.is_none() && all.len() < OFFERED_MAX {
        all.push(correction);
        return;
    }
    for index in indexes.into_iter().flatten() {
        if let Some(offered) = all.get_mut(*index) {
            offered.prices.extend(&correction.prices);
        }
    }
}

fn talk(line: &Line, has_door: bool) -> Talk {
    let perhaps_order = !is_example(&line.text) && (has_door || has_quantity(&line.text));
    Talk { row: line.row, text: line.original.clone(), perhaps_order }
}

fn entry(line: &Line) -> Entry {
    let Line { row, number, text, struck, original } = line.clone();
    Entry { row, number, text, struck, original, is_late: false }
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
