//! What was understood, as a table that a leader can check at a glance.

use super::{
    plan::{Change, Kind, Plan},
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

fn shortened(text: &str) -> String {
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
pub(super) fn questions(reading: &Reading) -> String {
    let texts = reading.questions.iter().map(|question| {
        let rows: Vec<String> = question.rows.iter().take(8).map(u64::to_string).collect();
        let rows = rows.join(",");
        let text = question.text();
        let choices: Vec<String> =
            question.choices.iter().map(|choice| choice.text.clone()).collect();
        let choices = choices.join(" | ");
        say!("? line {rows}: {text} [{choices}]", "？第 {rows} 行：{text}［{choices}］")
    });
    texts.collect::<Vec<_>>().join("\n")
}

/// What would change in the ledger.
pub(super) fn changes(plan: &Plan, filing: &Filing) -> String {
    let rows = plan
        .changes
        .iter()
        .chain(&plan.missing)
        .filter(|change| change.kind != Kind::Unchanged)
        .map(|change| {
            let Change { household, order, kind, before, after, .. } = change;
            let what = match kind {
                Kind::New => word!("new", "新增"),
                Kind::Changed => word!("change", "修改"),
                Kind::Withdrawn => word!("withdraw", "取消"),
                Kind::Missing => word!("not in the list", "接龙里没有了"),
                Kind::Unchanged => "",
            };
            let total = total_of(after, filing).to_yuan();
            vec![
                household.clone(),
                order.to_string(),
                what.to_owned(),
                lines_text(before, filing),
                lines_text(after, filing),
                total,
            ]
        });
    let headings = [
        word!("HOUSEHOLD", "户号"),
        word!("ORDER", "订单"),
        word!("WHAT", "变动"),
        word!("LEDGER", "账本"),
        word!("LIST", "接龙"),
        word!("YUAN", "金额"),
    ];
    let mut text = output::table(&headings, rows);
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
    text
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
