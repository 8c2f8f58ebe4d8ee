//! What stands beside an order in an entry: names, remarks, and words that may change it.
//!
//! A word is taken for a name only where names stand, and never if it may say how much, or whether at all.

use super::{
    number,
    question::Trouble,
    token::{Token, Vocabulary},
};
use crate::lang::say;

/// The words of an entry that order something, and those beside them.
pub(super) struct Sorted {
    /// Goods, amounts, keywords.
    pub(super) ordering: Vec<Token>,
    /// Words that stand where names stand.
    pub(super) names: Vec<String>,
    /// Words that are known to order nothing.
    pub(super) remarks: Vec<String>,
}

/// Sorts the words of an entry. A word that may be a good stays among those that order.
///
/// # Errors
/// A word that may change the order, to be asked about.
pub(super) fn sorted(tokens: &[Token], only_good: bool) -> Result<Sorted, Trouble> {
    let door = tokens.iter().position(|token| matches!(token, Token::Door | Token::Household(_)));
    // An entry that says nothing else may name a good.
    let says_more = tokens.iter().any(|token| {
        !matches!(
            token,
            Token::Unknown(_)
                | Token::Door
                | Token::Household(_)
                | Token::Remark(_)
                | Token::Separator
        )
    });
    let mut sorted = Sorted { ordering: Vec::new(), names: Vec::new(), remarks: Vec::new() };
    for (index, token) in tokens.iter().enumerate() {
        match token {
            Token::Door | Token::Household(_) => {}
            Token::Remark(text) => sorted.remarks.push(text.clone()),
            Token::Unknown(word) => {
                // 苹果四五斤, 土豆两三斤: a number that is not certain.
                let range = matches!(tokens.get(index + 1), Some(Token::Amount(_)))
                    && word
                        .chars()
                        .next_back()
                        .is_some_and(|c| !c.is_ascii() && number::number_at(&[c], 0).is_some());
                if let Some(reason) = no_plain_order(word) {
                    return Err(reason.into());
                }
                if range || changes_meaning(word) {
                    return Err(say!("what does {word} mean here?", "“{word}”是什么意思？").into());
                }
                let before_door = door.is_some_and(|door| index < door);
                let like_good = looks_like_good(tokens, index) || (!says_more && !before_door);
                let named = || sorted.ordering.iter().any(|t| matches!(t, Token::Good(_)));
                if like_good && (!only_good || named()) {
                    sorted.ordering.push(Token::Good(word.clone()));
                } else if !before_door || like_good {
                    // 阳光妈妈 3-201: a name before the door needs no question.
                    sorted.names.push(word.clone());
                }
            }
            other => sorted.ordering.push(other.clone()),
        }
    }
    Ok(sorted)
}

/// Whether a word ends like a question.
pub(super) fn asks(word: &str) -> bool {
    word.ends_with(['吗', '么', '呢'])
}

/// Why a word makes an entry no plain order of its own, if it does.
fn no_plain_order(word: &str) -> Option<String> {
    if word.starts_with(['帮', '替', '代']) {
        return Some(say!(
            "part of it may be for another household: write one entry for each",
            "好像有一部分是替别人订的：请每户写一条"
        ));
    }
    if asks(word) {
        return Some(say!(
            "it only asks something; write what is wanted, or leave it out",
            "这条是在提问，没写要多少：请写清楚，或者不算"
        ));
    }
    word.contains('第').then(|| {
        say!(
            "it speaks of another entry: write out all that this household wants",
            "提到了别的条目：请把这一户要的全部写清楚"
        )
    })
}

/// Takes out brackets that only remark, and the marks of the others; the text, and the remarks.
pub(super) fn without_remarks(
    source: &str,
    vocabulary: &Vocabulary,
    has_door: impl Fn(&[char]) -> bool,
) -> (Vec<char>, Vec<String>) {
    let mut plain: Vec<char> = source.chars().collect();
    let mut remarks = Vec::new();
    // Innermost first; each pass removes a pair.
    while let Some(end) = plain.iter().position(|c| *c == ')') {
        let Some(begin) = plain.get(..end).unwrap_or_default().iter().rposition(|c| *c == '(')
        else {
            plain.splice(end..=end, [' ']);
            continue;
        };
        let content: Vec<char> = plain.get(begin + 1..end).unwrap_or_default().to_vec();
        if vocabulary.is_remark(&content) && !has_door(&content) {
            let text: String = content.iter().collect();
            if !text.trim().is_empty() {
                remarks.push(text.trim().to_owned());
            }
            plain.splice(begin..=end, [' ']);
        } else {
            plain.splice(end..=end, [' ']);
            plain.splice(begin..=begin, [' ']);
        }
    }
    (plain.into_iter().map(|c| if c == '(' { ' ' } else { c }).collect(), remarks)
}

/// Whether an unknown word stands where a good stands: beside an amount.
fn looks_like_good(tokens: &[Token], index: usize) -> bool {
    let rest = tokens.get(index + 1..).unwrap_or_default();
    let amount = |token: &Token| {
        matches!(
            token,
            Token::Amount(_) | Token::Times | Token::Plus | Token::Each | Token::Money(_)
        )
    };
    if rest.first().is_some_and(amount) {
        return true;
    }
    // 香菜 土豆各1份
    let names = |token: &&Token| {
        matches!(token, Token::Good(_) | Token::Unknown(_) | Token::Separator | Token::And)
    };
    let after_names = rest.iter().find(|token| !names(token));
    if after_names == Some(&Token::Each) {
        return true;
    }
    // 2份香菜: an amount that no good before it takes.
    let before: Vec<&Token> = tokens.get(..index).unwrap_or_default().iter().rev().collect();
    let first = tokens.iter().find(|token| {
        !matches!(token, Token::Door | Token::Household(_) | Token::Separator | Token::Remark(_))
    });
    let amount_first = matches!(first, Some(Token::Amount(_)));
    match before.as_slice() {
        [Token::Amount(_), ..] if amount_first => true,
        [
            Token::Amount(_),
            Token::Good(_)
            | Token::Unknown(_)
            | Token::Times
            | Token::Each
            | Token::Amount(_)
            | Token::Change,
            ..,
        ] => false,
        [Token::Amount(_), ..] => true,
        [
            Token::Cancel
            | Token::Change
            | Token::ChangeAll
            | Token::Add
            | Token::And
            | Token::Slash
            | Token::Minus,
            ..,
        ] => true,
        _ => false,
    }
}

/// Marks that people set to take an order back.
pub(super) const WITHDRAWING: [&str; 8] =
    ["X", "XX", "已取货", "取货", "已取", "已退款", "退款", "划掉"];

/// Words that say how much, that it is not certain, or that it is about something else: never names.
pub(super) fn changes_meaning(word: &str) -> bool {
    const WORDS: [&str; 22] = [
        "月", "千", "百", "万", "半", "两", "大约", "大概", "约", "多", "少", "减", "几", "至",
        "到", "号", "OR", "AND", "X", "也", "都", "不",
    ];
    const PARTS: [&str; 42] = [
        "原来",
        "本来",
        "刚才",
        "现在",
        "或",
        "还是",
        "双份",
        "翻倍",
        "加倍",
        "各加",
        "各",
        "再加",
        "不够",
        "多一点",
        "多点",
        "少一点",
        "少点",
        "少来",
        "多来",
        "要不",
        "算了",
        "都行",
        "都可以",
        "如果",
        "要是",
        "的话",
        "也要",
        "也行",
        "以上",
        "以下",
        "以内",
        "左右",
        "最多",
        "最少",
        "至少",
        "不少于",
        "删",
        "退",
        "取货",
        "取消",
        "补一下",
        "上次",
    ];
    let chars: Vec<char> = word.chars().collect();
    let unit = number::count_unit_at(&chars, 0).is_some_and(|(_, end)| end == chars.len());
    let weight = number::weight_unit_at(&chars, 0).is_some_and(|(_, end)| end == chars.len());
    let number = number::number_at(&chars, 0).is_some_and(|(_, end)| end == chars.len());
    unit || weight
        || number
        || word.starts_with(['号', '.'])
        || word.ends_with('也')
        || (0..chars.len()).any(|i| number::measure_at(&chars, i).is_some())
        || WORDS.contains(&word)
        || WITHDRAWING.contains(&word)
        || PARTS.iter().any(|part| word.contains(part))
}
