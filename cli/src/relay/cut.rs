//! Cuts an entry into words, so that as little as possible is unknown; people put no blanks between them.

use super::{
    number::{self, Amount},
    text::PHONE,
    token::{Kind, Token, Vocabulary},
};

impl Vocabulary {
    /// Cuts a text into tokens.
    pub(super) fn tokens(&self, text: &[char]) -> Vec<Token> {
        let text = joined_weights(text);
        let mut tokens = Vec::new();
        let mut begin = 0;
        for end in 0..=text.len() {
            let c = text.get(end).copied().unwrap_or(' ');
            if !matches!(c, ' ' | ',' | '。' | PHONE) {
                continue;
            }
            if end > begin {
                self.run(text.get(begin..end).unwrap_or_default(), &mut tokens);
            }
            if matches!(c, ',' | '。') {
                tokens.push(Token::Separator);
            }
            begin = end + 1;
        }
        tokens
    }

    /// Cuts a run without blanks so that as little as possible is unknown, in as few words as possible.
    fn run(&self, run: &[char], tokens: &mut Vec<Token>) {
        let after_number = matches!(tokens.last(), Some(Token::Amount(Amount::Count { unit, .. })) if unit.is_empty());
        // Cost of the rest, and the word to begin it with, from each position.
        type Best = ((usize, usize), Option<(Cut, usize)>);
        let mut best: Vec<Best> = vec![((0, 0), None); run.len() + 1];
        let good_ends: Vec<bool> = self.ends_of_goods(run);
        for i in (0..run.len()).rev() {
            let rest = |end: usize| best.get(end).map_or((usize::MAX / 2, 0), |(cost, _)| *cost);
            let (unknown, words) = rest(i + 1);
            let mut choice: Best = ((unknown + 1, words + 1), Some((Cut::Unknown, i + 1)));
            for (cut, end) in self.cuts_at(run, i, &good_ends, after_number) {
                let (unknown, words) = rest(end);
                let cost = (unknown, words + 1);
                if cost < choice.0 {
                    choice = (cost, Some((cut, end)));
                }
            }
            if let Some(slot) = best.get_mut(i) {
                *slot = choice;
            }
        }
        let mut cuts = Vec::new();
        let mut i = 0;
        while let Some((_, Some((cut, end)))) = best.get(i) {
            cuts.push((cut.clone(), i, *end));
            i = *end;
        }
        merge(run, cuts, tokens);
    }

    fn ends_of_goods(&self, run: &[char]) -> Vec<bool> {
        let mut ends = vec![false; run.len() + 1];
        for i in 0..run.len() {
            for (_, kind, end) in self.words_at(run, i) {
                if *kind == Kind::Good
                    && let Some(slot) = ends.get_mut(end)
                {
                    *slot = true;
                }
            }
        }
        ends
    }

    fn cuts_at(
        &self,
        run: &[char],
        i: usize,
        good_ends: &[bool],
        after_number: bool,
    ) -> Vec<(Cut, usize)> {
        let mut cuts: Vec<(Cut, usize)> = self
            .words_at(run, i)
            .map(|(word, kind, end)| (Cut::Word(word, kind.clone()), end))
            .collect();
        let c = run.get(i).copied().unwrap_or(' ');
        let before = i.checked_sub(1).and_then(|i| run.get(i)).copied();
        let next_digit = run.get(i + 1).is_some_and(|c| number::number_at(&[*c], 0).is_some());
        let symbol = match c {
            '×' => Some(Token::Times),
            'X' if before.is_some_and(|c| c.is_ascii_digit()) => Some(Token::Times),
            'X' if next_digit
                && (good_ends.get(i) == Some(&true)
                    || !before.is_some_and(|c| c.is_ascii_alphabetic())) =>
            {
                Some(Token::Times)
            }
            '+' => Some(Token::Plus),
            '-' => Some(Token::Minus),
            '/' => Some(Token::Slash),
            _ => None,
        };
        cuts.extend(symbol.map(|token| (Cut::Token(token), i + 1)));
        // Digits after letters are part of a name, except after a good's letter.
        let after_letter = before.is_some_and(|c| c.is_ascii_alphabetic() && c != 'X');
        let good_before = good_ends.get(i).copied().unwrap_or(false);
        if before.is_some_and(|c| c.is_ascii_digit() || c == '.') && c.is_ascii_digit() {
            return cuts;
        }
        if c.is_ascii_digit() && after_letter && !good_before {
            return cuts;
        }
        if let Some((fen, end)) = money_at(run, i) {
            cuts.push((Cut::Token(Token::Money(fen)), end));
        }
        let known = self.words_at(run, i).any(|(_, kind, _)| *kind == Kind::Good);
        if let Some(end) = when_or_where(run, i).filter(|_| !known && !good_before) {
            let text = run.get(i..end).unwrap_or_default().iter().collect();
            cuts.push((Cut::Token(Token::Remark(text)), end));
        }
        let amounts = [
            number::measure_at(run, i),
            number::fraction_at(run, i),
            number::and_a_half_at(run, i),
        ];
        let amounts = amounts.into_iter().flatten();
        cuts.extend(amounts.map(|(amount, end)| (Cut::Token(Token::Amount(amount)), end)));
        if let Some((thousandths, end)) = number::number_at(run, i) {
            let alone = i == 0 && end == run.len();
            let after = before.is_some_and(|c| matches!(c, '×' | '+' | '各')) || good_before;
            let ends = run.get(end).is_none_or(|c| matches!(c, '+' | '×'));
            // 两, 半 and ½ without a unit may be anything.
            let safe = !matches!(c, '两' | '半' | '½' | '¼' | '¾');
            if c.is_ascii_digit() || (safe && (alone || (after && ends))) {
                let unit = String::new();
                cuts.push((Cut::Token(Token::Amount(Amount::Count { thousandths, unit })), end));
            }
        }
        // A unit that a blank parts from its number.
        if i == 0 && after_number {
            if let Some((unit, end)) = number::count_unit_at(run, 0) {
                cuts.push((Cut::Unit(unit.to_owned()), end));
            }
            if let Some((grams, end)) = number::weight_unit_at(run, 0) {
                cuts.push((Cut::WeightUnit(grams), end));
            }
        }
        cuts
    }
}

/// `2 斤 3 两` without the blanks, which would make two weights of it.
fn joined_weights(text: &[char]) -> Vec<char> {
    let is_liang = |i: usize| {
        let rest = |i: usize| {
            number::count_unit_at(text, i).is_none()
                && number::weight_unit_at(text, i).is_none()
                && number::number_at(text, i).is_none()
        };
        text.get(i) == Some(&'两') && rest(i + 1)
    };
    let skip = |i: usize| i + usize::from(text.get(i) == Some(&' '));
    let mut joined: Vec<char> = Vec::with_capacity(text.len());
    let mut i = 0;
    while let Some(c) = text.get(i).copied() {
        let jin = joined.last() == Some(&'斤') && joined.len() > 1;
        let tail = if jin { number::number_at(text, skip(i)) } else { None };
        if let Some((_, end)) = tail.filter(|(_, end)| is_liang(skip(*end))) {
            joined.extend(text.get(skip(i)..end).unwrap_or_default());
            joined.push('两');
            i = skip(end) + 1;
            continue;
        }
        let number = joined.last().is_some_and(|c| number::number_at(&[*c], 0).is_some());
        let before_jin = c == ' ' && number && text.get(i + 1) == Some(&'斤');
        if !before_jin {
            joined.push(c);
        }
        i += 1;
    }
    joined
}

/// The end of a time, a floor or a date: 晚上8点到家, 3楼, 12号晚上, 11月23日.
fn when_or_where(run: &[char], begin: usize) -> Option<usize> {
    const AFTER: [&str; 24] = [
        "晚上", "早上", "上午", "下午", "中午", "傍晚", "以后", "之后", "之前", "左右", "到家",
        "回家", "在家", "点半", "钟", "后", "前", "送到", "送", "到", "拿", "取", "再", "过",
    ];
    let number = |i: usize| {
        let (thousandths, end) = number::number_at(run, i)?;
        let digit = run.get(i).is_some_and(char::is_ascii_digit);
        // 多一点 is no time.
        (thousandths.is_multiple_of(1_000) && (digit || thousandths > 1_000)).then_some(end)
    };
    let at = |i: usize| run.get(i).copied();
    let tail = |mut i: usize| {
        let from = i;
        while let Some(word) = AFTER
            .iter()
            .find(|word| word.chars().enumerate().all(|(offset, c)| at(i + offset) == Some(c)))
        {
            i += word.chars().count();
        }
        (i, i > from)
    };
    let after = number(begin)?;
    match at(after)? {
        '点' => {
            let minutes = number(after + 1).filter(|end| {
                matches!(at(*end), Some('分')) && number::count_unit_at(run, *end).is_none()
            });
            let half =
                at(after + 1) == Some('半') && number::count_unit_at(run, after + 2).is_none();
            let end = minutes.map_or(after + 1 + usize::from(half), |end| end + 1);
            Some(tail(end).0)
        }
        '楼' => Some(after + 1).filter(|end| number(*end).is_none()),
        '月' => {
            let day = number(after + 1).filter(|end| matches!(at(*end), Some('日' | '号')));
            day.map(|end| tail(end + 1).0)
        }
        '号' | '日' => Some(tail(after + 1)).filter(|(_, more)| *more).map(|(end, _)| end),
        _ => None,
    }
}

/// A word that a run is cut at.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Cut {
    Word(String, Kind),
    Token(Token),
    Unit(String),
    WeightUnit(u64),
    Unknown,
}

/// `¥12`, `12元`, `9块9`, `20块钱`. 块 alone may be a piece of tofu.
fn money_at(chars: &[char], begin: usize) -> Option<(u64, usize)> {
    let sign = chars.get(begin) == Some(&'¥');
    let (thousandths, end) = number::number_at(chars, begin + usize::from(sign))?;
    let fen = thousandths / 10;
    if !thousandths.is_multiple_of(10) {
        return None;
    }
    match (chars.get(end), chars.get(end + 1)) {
        (Some('元'), _) => Some((fen, end + 1)),
        (Some('块'), Some('钱')) => Some((fen, end + 2)),
        (Some('块'), Some(digit))
            if digit.is_ascii_digit() && !chars.get(end + 2).is_some_and(char::is_ascii_digit) =>
        {
            Some((fen + u64::from(digit.to_digit(10)?) * 10, end + 2))
        }
        _ if sign => Some((fen, end)),
        _ => None,
    }
}

/// Joins what belongs to an unknown word. A good beside unknown characters is part of another word:
/// 土豆 in 土豆丝 is no potato.
fn merge(run: &[char], cuts: Vec<(Cut, usize, usize)>, tokens: &mut Vec<Token>) {
    let absorbs = |cut: &Cut| match cut {
        Cut::Unknown | Cut::Word(_, Kind::Good | Kind::Noise | Kind::Keyword(Token::And)) => true,
        // Single characters that begin many names.
        Cut::Word(word, Kind::Keyword(Token::Add | Token::Each | Token::Total)) => {
            word.chars().count() == 1
        }
        _ => false,
    };
    let mut i = 0;
    while let Some((cut, ..)) = cuts.get(i) {
        let length =
            cuts.get(i..).unwrap_or_default().iter().take_while(|(cut, ..)| absorbs(cut)).count();
        let group = cuts.get(i..i + length).unwrap_or_default();
        if group.iter().any(|(cut, ..)| *cut == Cut::Unknown) {
            let noise = |(cut, ..): &&(Cut, usize, usize)| {
                matches!(cut, Cut::Word(_, Kind::Noise | Kind::Keyword(Token::And)))
            };
            let before = group.iter().take_while(noise).count();
            let after = group.iter().rev().take_while(noise).count();
            let inner = group.get(before..length - after).unwrap_or_default();
            if let (Some((_, begin, _)), Some((.., end))) = (inner.first(), inner.last()) {
                let word = run.get(*begin..*end).unwrap_or_default().iter().collect();
                tokens.push(Token::Unknown(word));
            }
            i += length;
            continue;
        }
        push(cut, tokens);
        i += 1;
    }
}

fn push(cut: &Cut, tokens: &mut Vec<Token>) {
    let bare = |tokens: &[Token]| match tokens.last() {
        Some(Token::Amount(Amount::Count { thousandths, unit })) if unit.is_empty() => {
            Some(*thousandths)
        }
        _ => None,
    };
    let token = match cut {
        Cut::Word(word, kind) => kind.token(word),
        Cut::Token(token) => Some(token.clone()),
        Cut::Unit(unit) => Some(match bare(tokens) {
            Some(thousandths) => {
                tokens.pop();
                Token::Amount(Amount::Count { thousandths, unit: unit.clone() })
            }
            None => Token::Unknown(unit.clone()),
        }),
        Cut::WeightUnit(grams) => {
            let whole = |thousandths: &u64| (thousandths * grams).is_multiple_of(1_000);
            Some(match bare(tokens).filter(whole) {
                Some(thousandths) => {
                    tokens.pop();
                    Token::Amount(Amount::Grams(thousandths * grams / 1_000))
                }
                None => Token::Unknown(format!("{grams}g")),
            })
        }
        Cut::Unknown => None,
    };
    tokens.extend(token);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<Token> {
        let mut vocabulary = Vocabulary::new();
        for word in ["土豆", "鸡蛋", "五花肉", "A", "EGG"] {
            vocabulary.good(word);
        }
        vocabulary.household("王姐");
        vocabulary.tokens(&super::super::text::line(text).text.chars().collect::<Vec<_>>())
    }

    fn good(word: &str) -> Token {
        Token::Good(word.into())
    }

    fn count(thousandths: u64, unit: &str) -> Token {
        Token::Amount(Amount::Count { thousandths, unit: unit.into() })
    }

    #[test]
    fn words_need_no_blanks_between_them() {
        assert_eq!(
            tokens("我要土豆5斤两份鸡蛋1盒谢谢"),
            [
                good("土豆"),
                Token::Amount(Amount::Grams(2_500)),
                count(2_000, "份"),
                good("鸡蛋"),
                count(1_000, "盒")
            ]
        );
        assert_eq!(tokens("五花肉二斤"), [good("五花肉"), Token::Amount(Amount::Grams(1_000))]);
        assert_eq!(
            tokens("A2 egg×3"),
            [good("A"), count(2_000, ""), good("EGG"), Token::Times, count(3_000, "")]
        );
        assert_eq!(
            tokens("王姐土豆俩"),
            [Token::Household("王姐".into()), good("土豆"), count(2_000, "")]
        );
        assert_eq!(tokens("土豆 2 份"), [good("土豆"), count(2_000, "份")]);
    }

    #[test]
    fn a_good_within_another_word_is_not_that_good() {
        assert_eq!(tokens("土豆丝2份"), [Token::Unknown("土豆丝".into()), count(2_000, "份")]);
        assert_eq!(tokens("黑土豆2份"), [Token::Unknown("黑土豆".into()), count(2_000, "份")]);
        assert_eq!(tokens("不要土豆"), [Token::Cancel, good("土豆")]);
        assert_eq!(tokens("三黄鸡1只"), [Token::Unknown("三黄鸡".into()), count(1_000, "只")]);
    }
}
