//! What was understood, as a table that a leader can check at a glance.

use super::{
    plan::{Change, Kind, Plan},
    question::{Subject, offer_text},
    reading::{Lines, Mode, ReadEntry, Reading, Understood, cost, total_of},
};
use crate::{
    lang::{say, word},
    order::yuan,
    output,
};
use ledger_core::{
    fund::Filing,
    types::{Quantity, Unit},
};
use serde::Serialize;
use std::collections::BTreeSet;

/// Longest text of an entry in the table.
const WRITTEN_CHARS_MAX: usize = 40;

/// Lines in words: `cabbage 2.500 kg, egg 1`.
pub(super) fn lines_text(lines: &Lines, filing: &Filing) -> String {
    let texts = lines.iter().filter_map(|(index, quantity)| {
        let offer = filing.offers.get(usize::from(*index))?;
        let quantity =
            Quantity::new(u32::try_from(*quantity).unwrap_or(u32::MAX)).to_text(offer.unit);
        let unit = match offer.unit {
            Unit::Weight => word!(" kg", " 公斤"),
            Unit::Piece => word!("", " 件"),
        };
        let price = match super::memory::needs_price(filing, offer.item) {
            true => format!("@{}", yuan(offer.price)),
            false => String::new(),
        };
        Some(format!("{}{price} {quantity}{unit}", offer.item))
    });
    texts.collect::<Vec<_>>().join(word!(", ", "，"))
}

/// The table of entries and what they come to.
pub(super) fn entries(reading: &Reading, filing: &Filing) -> String {
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
    let mut text = output::table(&headings, rows);
    for (row, line) in &reading.heading {
        let line = shortened(line);
        text.push_str(&say!(
            "\nline {row} was taken for the heading: {line}",
            "\n第 {row} 行当作标题：{line}"
        ));
    }
    for (row, talk) in &reading.talk {
        let talk = shortened(talk);
        text.push_str(&say!(
            "\nline {row} orders nothing: {talk}",
            "\n第 {row} 行不是接龙：{talk}"
        ));
    }
    if reading.too_many > 0 {
        let count = reading.too_many;
        text.push_str(&say!(
            "\n{count} entries beyond the limit are not read",
            "\n超出上限的 {count} 条未读取"
        ));
    }
    let (households, total) = understood(reading, filing);
    text.push_str(&say!(
        "\n{households} households understood, {total} yuan by the filing",
        "\n看懂 {households} 户，按备案价合计 {total} 元"
    ));
    let open =
        reading.entries.iter().filter(|entry| matches!(entry.result, Understood::Asked(_))).count();
    if open > 0 {
        text.push_str(&say!("; {open} entries are not clear", "；{open} 条没看懂"));
    }
    text
}

/// Households whose order is clear, and what they come to.
fn understood(reading: &Reading, filing: &Filing) -> (usize, String) {
    let clear =
        reading.households.values().filter(|wanted| !wanted.open && !wanted.lines.is_empty());
    let totals: Vec<_> = clear.map(|wanted| total_of(&wanted.lines, filing)).collect();
    let total =
        totals.iter().fold(ledger_core::types::Fen::ZERO, |sum, one| sum.saturating_add(*one));
    (totals.len(), total.to_yuan())
}

/// As much of a text as the table has room for.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(WRITTEN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn meaning(entry: &ReadEntry, filing: &Filing) -> String {
    let mut text = match &entry.result {
        Understood::Order(mode, lines) => {
            let lines = lines_text(lines, filing);
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
pub(super) fn questions(reading: &Reading, filing: &Filing) -> String {
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
    texts.join("\n")
}

/// What would change in the ledger, a line for each household.
pub(super) fn changes(plan: &Plan, filing: &Filing) -> String {
    let changed = plan.changes.iter().chain(&plan.missing);
    let lines: Vec<String> = changed
        .filter(|change| change.kind != Kind::Unchanged)
        .map(|change| change_text(change, filing))
        .collect();
    let mut text = word!("Changes in the ledger:", "账本的变动：").to_owned();
    match lines.is_empty() {
        true => text.push_str(word!(" none", "没有")),
        false => lines.iter().for_each(|line| {
            text.push('\n');
            text.push_str(line);
        }),
    }
    let unchanged = plan.changes.iter().filter(|change| change.kind == Kind::Unchanged).count();
    text.push_str(&say!("\n{unchanged} orders stand so already", "\n{unchanged} 个订单与账本一致"));
    for (household, order) in &plan.elsewhere {
        text.push_str(&say!(
            "\nnote: {household} also has order {order}, which is not of this list",
            "\n注意：{household} 另有订单 {order}，不是这份接龙的"
        ));
    }
    if plan.unplaced > 0 {
        let count = plan.unplaced;
        text.push_str(&say!(
            "\nnote: {count} entries have no household yet, so orders that are not in the list stay",
            "\n注意：有 {count} 条还不知是哪一户，因此接龙里没有的订单先保留"
        ));
    }
    if !plan.unread.is_empty() {
        let rows: Vec<String> = plan.unread.iter().take(8).map(u64::to_string).collect();
        let rows = rows.join(", ");
        text.push_str(&say!(
            "\nnote: line {rows} may be somebody's order and was not read as one, so orders that are not in the list stay",
            "\n注意：第 {rows} 行像是有人接龙但没有读进去，因此接龙里没有的订单先保留"
        ));
    }
    text
}

/// `修改 3-201：apple 2.500→4.000 公斤；39.60 元`. Goods that stay are not repeated.
fn change_text(change: &Change, filing: &Filing) -> String {
    let Change { household, kind, before, after, .. } = change;
    let (old, new) = (total_of(before, filing).to_yuan(), total_of(after, filing).to_yuan());
    let (was, is) = (lines_text(before, filing), lines_text(after, filing));
    match kind {
        Kind::New => {
            say!("new       {household}: {is}; {new} yuan", "新增 {household}：{is}；{new} 元")
        }
        Kind::Changed => {
            let offers: BTreeSet<_> = before.keys().chain(after.keys()).copied().collect();
            let differ = offers.into_iter().filter(|offer| before.get(offer) != after.get(offer));
            let one = |offer, lines: &Lines| match lines.get(&offer) {
                Some(quantity) => lines_text(&Lines::from([(offer, *quantity)]), filing),
                None => word!("none", "无").to_owned(),
            };
            let texts =
                differ.map(|offer| format!("{} → {}", one(offer, before), one(offer, after)));
            let texts = texts.collect::<Vec<_>>().join(word!(", ", "，"));
            say!(
                "change    {household}: {texts}; {old} → {new} yuan",
                "修改 {household}：{texts}；{old} → {new} 元"
            )
        }
        Kind::Withdrawn => {
            say!("withdraw  {household}: {was}; {old} yuan", "取消 {household}：{was}；{old} 元")
        }
        Kind::Missing => say!(
            "not in the list any more  {household}: {was}; {old} yuan would be lost",
            "接龙里没有了 {household}：账本里有 {was}；取消会少 {old} 元"
        ),
        Kind::Unchanged => String::new(),
    }
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
    let answers = lines.iter().filter_map(|(index, quantity)| {
        let offer = filing.offers.get(usize::from(*index))?;
        Some(LineAnswer {
            item: offer.item.to_string(),
            price: yuan(offer.price),
            quantity: Quantity::new(u32::try_from(*quantity).unwrap_or(u32::MAX))
                .to_text(offer.unit),
            total: cost(offer, *quantity).to_yuan(),
        })
    });
    answers.collect()
}

/// The entries for machines.
pub(super) fn entry_answers<'a>(reading: &'a Reading, filing: &Filing) -> Vec<EntryAnswer<'a>> {
    let answers = reading.entries.iter().map(|entry| {
        let none = Lines::new();
        let (understood, reason, lines) = match &entry.result {
            Understood::Order(Mode::Fresh | Mode::Joins, lines) => ("order", None, lines),
            Understood::Order(Mode::Adds, lines) => ("addition", None, lines),
            Understood::Order(Mode::Replaces | Mode::ReplacesAll, lines) => {
                ("replacement", None, lines)
            }
            Understood::Cancelled => ("withdrawn", None, &none),
            Understood::Doubled => ("repeated", None, &none),
            Understood::CrossedOut => ("crossed_out", None, &none),
            Understood::Nothing => ("nothing", None, &none),
            Understood::Asked(why) => ("unclear", Some(why.as_str()), &none),
        };
        EntryAnswer {
            row: entry.row,
            number: entry.number,
            written: &entry.written,
            household: entry.household.as_deref(),
            understood,
            reason,
            lines: line_answers(lines, filing),
        }
    });
    answers.collect()
}
