//! What an entry comes to beside what its household wrote before: the same again, more, or instead.
//! Where the words do not say which, the leader chooses among the sums that would be booked.

use super::{
    goods::Goods,
    intent::{Mode, Want},
    lines::{self, Lines, entry_text, total_of},
    question::{Meaning, Trouble},
    reading::Wanted,
};
use crate::lang::say;
use ledger_core::fund::{Filing, OfferIndex};

/// What a household wants after an entry; none, if the entry says nothing new.
///
/// # Errors
/// The meanings that the entry may have.
pub(super) fn joined(
    number: &str,
    before: &Wanted,
    mode: Mode,
    lines: &Lines,
    filing: &Filing,
) -> Result<Option<Lines>, Trouble> {
    let text = |lines: &Lines| lines::text(lines, filing);
    if before.said.is_empty() {
        if mode != Mode::Adds {
            return Ok(Some(lines.clone()));
        }
        let all = text(lines);
        let text = say!("all that it wants: {all}", "一共就要：{all}");
        let only = meaning(text, number, Mode::Fresh, lines, filing);
        let reason =
            say!("it adds to something that is not in the list", "说是“再加”，但接龙里没有前一条");
        return Err(Trouble::Unclear { reason, meanings: vec![only] });
    }
    let repeated = before.said.contains(&(mode, lines.clone()));
    match mode {
        Mode::Fresh if repeated || before.lines == *lines => return Ok(None),
        Mode::Adds if !repeated => return Ok(Some(lines::sum(&before.lines, lines)?)),
        Mode::ReplacesAll => return Ok(Some(lines.clone())),
        Mode::Replaces if before.lines.keys().all(|offer| lines.contains_key(offer)) => {
            return Ok(Some(lines.clone()));
        }
        Mode::Fresh | Mode::Joins | Mode::Adds | Mode::Replaces => {}
    }
    let meaning = |text, lines: &Lines| meaning(text, number, Mode::ReplacesAll, lines, filing);
    let (beside, beside_text) = match mode {
        Mode::Replaces => {
            let mut some = before.lines.clone();
            some.extend(lines.clone());
            let all = text(&some);
            (some, say!("only this changes: together {all}", "只改这一样：合计 {all}"))
        }
        _ => {
            let sum = lines::sum(&before.lines, lines)?;
            let all = text(&sum);
            (sum, say!("in addition: together {all}", "另外再加：合计 {all}"))
        }
    };
    let only = text(lines);
    let instead = say!("instead: only {only}", "改成这些：只要 {only}");
    Err(Trouble::Unclear {
        reason: say!(
            "{number} stands in the list before: is this more, or instead?",
            "{number} 前面已接过龙：是另加，还是改成这些？"
        ),
        meanings: vec![meaning(beside_text, &beside), meaning(instead, lines)],
    })
}

/// 楼上+1: the same as above, or something else?
pub(super) fn like_above(number: &str, above: &Lines, filing: &Filing) -> Trouble {
    let text = with_price(above, filing);
    let text = say!("the same as above: {text}", "和上一条一样：{text}");
    Trouble::Unclear {
        reason: say!("does it want just what stands above?", "是要和上一条完全一样的吗？"),
        meanings: vec![meaning(text, number, Mode::Fresh, above, filing)],
    }
}

/// 鸡蛋不要了: only these offers, or everything?
pub(super) fn without(
    number: &str,
    before: &Lines,
    offers: &[OfferIndex],
    filing: &Filing,
) -> Trouble {
    let mut rest = before.clone();
    rest.retain(|offer, _| !offers.contains(offer));
    if rest.len() == before.len() {
        return withdraws_something_else(number).into();
    }
    let mut meanings = Vec::new();
    if !rest.is_empty() {
        let text = with_price(&rest, filing);
        let text = say!("only that; there stays {text}", "只取消这些，保留 {text}");
        meanings.push(meaning(text, number, Mode::ReplacesAll, &rest, filing));
    }
    let text = say!("everything is withdrawn", "全部取消");
    meanings.push(Meaning { text, reading: format!("{number} 取消") });
    let reason = say!("what is withdrawn, and what stays?", "取消哪些、保留哪些？");
    Trouble::Unclear { reason, meanings }
}

/// That a withdrawal does not fit what stands in the list.
pub(super) fn withdraws_something_else(number: &str) -> String {
    say!(
        "it withdraws something else than {number} has in the list",
        "要取消的与 {number} 在接龙里的不一致"
    )
}

fn with_price(lines: &Lines, filing: &Filing) -> String {
    let (text, yuan) = (lines::text(lines, filing), total_of(lines, filing).to_yuan());
    say!("{text}: {yuan} yuan", "{text}：{yuan} 元")
}

/// The line of each want. Where one of them is not clear, the leader chooses among what would be booked.
///
/// # Errors
/// The meanings that the entry may have, or what has to be asked about a good first.
pub(super) fn parts(
    number: &str,
    mode: Mode,
    wants: &[Want],
    standing: Option<&String>,
    goods: &Goods<'_>,
) -> Result<Vec<Lines>, Trouble> {
    let (mut parts, mut unclear) = (Vec::new(), Vec::new());
    for want in wants {
        match goods.wanted(want, standing) {
            Ok(part) => parts.push(part),
            Err(Trouble::HowMuch { reason, offer, quantities }) => {
                unclear.push((reason, offer, quantities));
            }
            Err(trouble) => return Err(trouble),
        }
    }
    let mut unclear = unclear.into_iter();
    let Some((reason, offer, quantities)) = unclear.next() else { return Ok(parts) };
    if unclear.next().is_some() {
        return Err(reason.into());
    }
    let clear = total(&parts)?;
    let meanings = quantities.into_iter().filter_map(|quantity| {
        let all = lines::sum(&clear, &Lines::from([(offer, quantity)])).ok()?;
        let text = with_price(&all, goods.filing);
        Some(meaning(text, number, mode, &all, goods.filing))
    });
    Err(Trouble::Unclear { reason, meanings: meanings.collect() })
}

/// What parts of an entry come to. A good with two amounts may be a sum or a correction.
///
/// # Errors
/// Both meanings.
pub(super) fn each_good_once(
    number: &str,
    mode: Mode,
    parts: &[Lines],
    filing: &Filing,
) -> Result<Lines, Trouble> {
    let all = total(parts)?;
    if all.len() == parts.len() {
        return Ok(all);
    }
    let last: Lines = parts.iter().flatten().map(|(offer, quantity)| (*offer, *quantity)).collect();
    let (all_text, last_text) = (lines::text(&all, filing), lines::text(&last, filing));
    let meaning = |text, lines: &Lines| meaning(text, number, mode, lines, filing);
    Err(Trouble::Unclear {
        reason: say!(
            "a good stands twice: the sum, or a correction?",
            "同一商品写了两次：是加在一起，还是改了？"
        ),
        meanings: vec![
            meaning(say!("together: {all_text}", "加在一起：{all_text}"), &all),
            meaning(say!("the last counts: {last_text}", "以后写的为准：{last_text}"), &last),
        ],
    })
}

fn total(parts: &[Lines]) -> Result<Lines, String> {
    parts.iter().try_fold(Lines::new(), |all, part| lines::sum(&all, part))
}

/// That a household's entry says just these lines, in this mode.
fn meaning(text: String, number: &str, mode: Mode, lines: &Lines, filing: &Filing) -> Meaning {
    Meaning { text, reading: format!("{number} {}{}", mode.word(), entry_text(lines, filing)) }
}
