//! What was understood, as a table that a leader can check at a glance.

use super::{
    intent::Mode,
    lines::{self, Lines, cost, offers_of, quantity_text, total_of},
    plan::{Change, Kind, Plan},
    question::{Subject, offer_text},
    reading::{ReadEntry, Reading, Understood},
    text::shortened,
};
use crate::{
    lang::{say, word},
    offer::yuan,
    output,
};
use ledger_core::{fund::Filing, types::Fen};
use serde::Serialize;
use std::collections::BTreeSet;

/// The table of entries and what they come to, for a terminal so wide.
pub(super) fn entries(reading: &Reading, filing: &Filing, width: Option<usize>) -> String {
    let rows = reading.entries.iter().map(|entry| {
        let amount = match &entry.result {
            Understood::Order(_, lines) => total_of(lines, filing).to_yuan(),
            _ => String::new(),
        };
        vec![
            entry.number.map_or_else(String::new, |number| number.to_string()),
            entry.household.clone().unwrap_or_default(),
            shortened(&entry.written),
            meaning(entry, filing),
            amount,
        ]
    });
    let headings = [
        word!("NO", "序号"),
        word!("HOUSEHOLD", "户号"),
        word!("WRITTEN", "原文"),
        word!("UNDERSTOOD", "理解为"),
        word!("YUAN", "金额"),
    ];
    let table = output::table_within(width, &headings, rows);
    let mut parts = Vec::new();
    parts.extend(reading.heading.iter().map(|(row, line)| {
        let line = shortened(line);
        say!("line {row} was taken for the heading: {line}", "第 {row} 行当作标题：{line}")
    }));
    parts.extend(reading.talk.iter().map(|(row, talk)| {
        let talk = shortened(talk);
        say!("line {row} orders nothing: {talk}", "第 {row} 行不是接龙：{talk}")
    }));
    if reading.too_many > 0 {
        let count = reading.too_many;
        parts.push(say!(
            "{count} entries beyond the limit are not read",
            "超出上限的 {count} 条未读取"
        ));
    }
    parts.push(understood(reading, filing));
    format!("{table}\n{}", folded(parts, width))
}

/// Lines that fit the terminal.
fn folded(texts: Vec<String>, width: Option<usize>) -> String {
    let fold = |text: String| match width {
        Some(width) => output::wrap(&text, width),
        None => vec![text],
    };
    texts.into_iter().flat_map(fold).collect::<Vec<_>>().join("\n")
}

/// How many households are understood, what they come to, and how many entries are open.
fn understood(reading: &Reading, filing: &Filing) -> String {
    let clear =
        reading.households.values().filter(|wanted| !wanted.open && !wanted.lines.is_empty());
    let totals: Vec<_> = clear.map(|wanted| total_of(&wanted.lines, filing)).collect();
    let (count, total) = (totals.len(), totals.into_iter().fold(Fen::ZERO, Fen::saturating_add));
    let total = total.to_yuan();
    let text = say!(
        "{count} households understood, {total} yuan by the filing",
        "看懂 {count} 户，按备案价合计 {total} 元"
    );
    let asked = |entry: &&ReadEntry| matches!(entry.result, Understood::Asked(_));
    match reading.entries.iter().filter(asked).count() {
        0 => text,
        open => say!("{text}; {open} entries are not clear", "{text}；{open} 条没看懂"),
    }
}

fn meaning(entry: &ReadEntry, filing: &Filing) -> String {
    let mut text = match &entry.result {
        Understood::Order(mode, lines) => {
            let lines = lines::text(lines, filing);
            match mode {
                Mode::Fresh | Mode::Joins => lines,
                Mode::Adds => say!("in addition: {lines}", "另加：{lines}"),
                Mode::Replaces | Mode::ReplacesAll => say!("instead: {lines}", "改成：{lines}"),
            }
        }
        Understood::Cancelled => word!("withdrawn", "取消").to_owned(),
        Understood::Doubled => word!("the same again: ignored", "重复：不计").to_owned(),
        Understood::CrossedOut => word!("crossed out: ignored", "已划掉：不计").to_owned(),
        Understood::Nothing => word!("nothing", "无内容").to_owned(),
        Understood::Asked(why) => format!("? {why}"),
    };
    if entry.remembered {
        text.push_str(word!(" [as answered]", "［按上次回答］"));
    }
    if !entry.remarks.is_empty() {
        text.push_str(&format!(" ({})", entry.remarks.join("; ")));
    }
    text
}

/// The questions, as a list for those who cannot be asked.
pub(super) fn questions(reading: &Reading, filing: &Filing, width: Option<usize>) -> String {
    let mut goods = false;
    let texts = reading.questions.iter().map(|question| {
        let text = question.text();
        let about = question.about().join(word!("; ", "；"));
        // The offers are the same for every word: they stand below, once.
        let is_good = matches!(question.subject, Subject::Good { .. } | Subject::ListGood);
        goods |= is_good;
        let choices = match is_good {
            true => String::new(),
            false => {
                let choices: Vec<&str> =
                    question.choices.iter().map(|choice| choice.text.as_str()).collect();
                let choices = choices.join(" | ");
                say!(" [{choices}]", "［{choices}］")
            }
        };
        say!("? {about}: {text}{choices}", "？{about}：{text}{choices}")
    });
    let mut texts: Vec<String> = texts.collect();
    if goods {
        let offers: Vec<String> = filing.offers.iter().map(offer_text).collect();
        let offers = offers.join(" | ");
        texts.push(say!("offers of the filing: {offers}", "备案中的商品：{offers}"));
    }
    folded(texts, width)
}

/// What would change in the ledger, a row for each household.
pub(super) fn changes(plan: &Plan, filing: &Filing, width: Option<usize>) -> String {
    let changed = plan.changes.iter().chain(&plan.missing);
    let rows: Vec<Vec<String>> = changed
        .filter(|change| change.kind != Kind::Unchanged)
        .map(|change| change_row(change, filing))
        .collect();
    let title = word!("Changes in the ledger:", "账本的变动：");
    let headings = [
        word!("CHANGE", "变动"),
        word!("HOUSEHOLD", "户号"),
        word!("GOODS", "商品"),
        word!("YUAN", "金额"),
    ];
    let table = match rows.is_empty() {
        true => format!("{title}{}", word!(" none", "没有")),
        false => format!("{title}\n{}", output::table_within(width, &headings, rows)),
    };
    let mut parts = Vec::new();
    if !plan.missing.is_empty() {
        parts.push(say!(
            "orders that are not in the list any more are withdrawn only if you say so",
            "接龙里没有了的订单，您同意后才会取消"
        ));
    }
    let unchanged = plan.changes.iter().filter(|change| change.kind == Kind::Unchanged).count();
    parts.push(say!("{unchanged} orders stand so already", "{unchanged} 个订单与账本一致"));
    parts.extend(plan.elsewhere.iter().map(|(household, order)| {
        say!(
            "note: {household} also has order {order}, which is not of this list",
            "注意：{household} 另有订单 {order}，不是这份接龙的"
        )
    }));
    if plan.unplaced > 0 {
        let count = plan.unplaced;
        parts.push(say!(
            "note: {count} entries have no household yet, so orders that are not in the list stay",
            "注意：有 {count} 条还不知是哪一户，因此接龙里没有的订单先保留"
        ));
    }
    if !plan.unread.is_empty() {
        let rows: Vec<String> = plan.unread.iter().take(8).map(u64::to_string).collect();
        let rows = rows.join(", ");
        parts.push(say!(
            "note: line {rows} may be somebody's order and was not read as one, so orders that are not in the list stay",
            "注意：第 {rows} 行像是有人接龙但没有读进去，因此接龙里没有的订单先保留"
        ));
    }
    format!("{table}\n{}", folded(parts, width))
}

/// `修改  3-201  apple 2.500 公斤 → 4.000 公斤  24.75 → 39.60`. Goods that stay are not repeated.
fn change_row(change: &Change, filing: &Filing) -> Vec<String> {
    let Change { household, kind, before, after, .. } = change;
    let (old, new) = (total_of(before, filing).to_yuan(), total_of(after, filing).to_yuan());
    let (was, is) = (lines::text(before, filing), lines::text(after, filing));
    let from_to = format!("{old} → {new}");
    let (name, goods, yuan) = match kind {
        Kind::New => (word!("new", "新增"), is, new),
        Kind::Changed => (word!("change", "修改"), differences(before, after, filing), from_to),
        Kind::Withdrawn => (word!("withdraw", "取消"), was, from_to),
        Kind::Missing => (word!("not in the list any more", "接龙里没有了"), was, from_to),
        Kind::Unchanged => (word!("unchanged", "不变"), is, new),
    };
    vec![name.to_owned(), household.clone(), goods, yuan]
}

/// The goods of which there is more or less than before.
fn differences(before: &Lines, after: &Lines, filing: &Filing) -> String {
    let offers: BTreeSet<_> = before.keys().chain(after.keys()).copied().collect();
    let differ = offers.into_iter().filter(|offer| before.get(offer) != after.get(offer));
    let one = |offer, lines: &Lines| match lines.get(&offer) {
        Some(quantity) => lines::text(&Lines::from([(offer, *quantity)]), filing),
        None => word!("none", "无").to_owned(),
    };
    let texts = differ.map(|offer| format!("{} → {}", one(offer, before), one(offer, after)));
    texts.collect::<Vec<_>>().join(word!(", ", "，"))
}

/// An entry for machines.
#[derive(Debug, Serialize)]
pub(super) struct EntryAnswer<'a> {
    row: u64,
    number: Option<u32>,
    written: &'a str,
    household: Option<&'a str>,
    understood: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    lines: Vec<LineAnswer>,
}

/// A line for machines.
#[derive(Debug, Serialize)]
pub(super) struct LineAnswer {
    item: String,
    price: String,
    quantity: String,
    total: String,
}

/// Lines for machines.
pub(super) fn line_answers(lines: &Lines, filing: &Filing) -> Vec<LineAnswer> {
    let answers = offers_of(lines, filing).map(|(offer, quantity)| LineAnswer {
        item: offer.item.to_string(),
        price: yuan(offer.price),
        quantity: quantity_text(offer, quantity),
        total: cost(offer, quantity).to_yuan(),
    });
    answers.collect()
}

/// The entries for machines.
pub(super) fn entry_answers<'a>(reading: &'a Reading, filing: &Filing) -> Vec<EntryAnswer<'a>> {
    let answers = reading.entries.iter().map(|entry| {
        let none = Lines::new();
        let (lines, reason) = match &entry.result {
            Understood::Order(_, lines) => (lines, None),
            Understood::Asked(why) => (&none, Some(why.as_str())),
            _ => (&none, None),
        };
        EntryAnswer {
            row: entry.row,
            number: entry.number,
            written: &entry.written,
            household: entry.household.as_deref(),
            understood: name_of(&entry.result),
            reason,
            lines: line_answers(lines, filing),
        }
    });
    answers.collect()
}

fn name_of(result: &Understood) -> &'static str {
    match result {
        Understood::Order(Mode::Fresh | Mode::Joins, _) => "order",
        Understood::Order(Mode::Adds, _) => "addition",
        Understood::Order(Mode::Replaces | Mode::ReplacesAll, _) => "replacement",
        Understood::Cancelled => "withdrawn",
        Understood::Doubled => "repeated",
        Understood::CrossedOut => "crossed_out",
        Understood::Nothing => "nothing",
        Understood::Asked(_) => "unclear",
    }
}
