//! What an entry comes to beside what its household wrote before: the same again, more, or instead.
//! Where the words do not say which, the leader chooses among the sums that would be booked.

use super::{
    goods::Goods,
    intent::{Mode, Want},
    lines::{self, Lines, entry_text},
    question::{Meaning, Trouble},
    reading::Wanted,
};
use crate::lang::say;
use ledger_core::fund::Filing;

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
        let meaning = Meaning {
            text: say!("all that it wants: {all}", "一共就要：{all}"),
            reading: format!("{number} {}", entry_text(lines, filing)),
        };
        let reason =
            say!("it adds to something that is not in the list", "说是“再加”，但接龙里没有前一条");
        return Err(Trouble::Unclear { reason, meanings: vec![meaning] });
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
    let meaning = |text: String, lines: &Lines| {
        let word = Mode::ReplacesAll.word();
        Meaning { text, reading: format!("{number} {word}{}", entry_text(lines, filing)) }
    };
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

/// Makes sure that no good has two amounts in one entry: that may be a sum or a correction.
///
/// # Errors
/// Both meanings, or what has to be asked about a good first.
pub(super) fn each_good_once(
    number: &str,
    before: &Wanted,
    mode: Mode,
    wants: &[Want],
    goods: &Goods<'_>,
) -> Result<(), Trouble> {
    let standing = before.good.as_ref();
    let mut last = Lines::new();
    for want in wants {
        last.extend(goods.lines(std::slice::from_ref(want), standing)?);
    }
    if last.len() == wants.len() {
        return Ok(());
    }
    let all = goods.lines(wants, standing)?;
    let (all_text, last_text) = (lines::text(&all, goods.filing), lines::text(&last, goods.filing));
    let meaning = |text: String, lines: &Lines| {
        let word = mode.word();
        Meaning { text, reading: format!("{number} {word}{}", entry_text(lines, goods.filing)) }
    };
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
