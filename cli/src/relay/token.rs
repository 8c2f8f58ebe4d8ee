//! Cuts an entry into words: goods, amounts, keywords, and what nobody knows.

use super::{
    number::{self, Amount},
    text::PHONE,
};
use std::collections::BTreeMap;

/// Longest entry that is read; longer ones are asked about.
pub(super) const ENTRY_CHARS_MAX: usize = 600;
/// Longest word that is looked up.
const WORD_CHARS_MAX: usize = 24;

/// A word of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// The door that stood here.
    Door,
    /// A household's known name.
    Household(String),
    /// A word for a good.
    Good(String),
    Amount(Amount),
    /// An amount of money, in fen.
    Money(u64),
    Times,
    Plus,
    Minus,
    Slash,
    /// 各: of each good before it.
    Each,
    /// 每样: of every good there is.
    EachOfAll,
    /// 全要: everything, but how much?
    All,
    /// 同上.
    Same,
    Cancel,
    Change,
    /// 全部改成: nothing else stays.
    ChangeAll,
    Add,
    /// 一共: the total follows.
    Total,
    And,
    Separator,
    /// Known to order nothing.
    Remark(String),
    Unknown(String),
}

/// Words that are known, each with what it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Vocabulary(BTreeMap<String, Kind>);

/// What a known word is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Good,
    Household,
    Remark,
    /// Politeness, and words that every order has.
    Noise,
    /// A keyword, and the token that it is.
    Keyword(Token),
}

impl Kind {
    /// The token of a word; noise is none.
    fn token(&self, word: &str) -> Option<Token> {
        match self {
            Self::Good => Some(Token::Good(word.to_owned())),
            Self::Household => Some(Token::Household(word.to_owned())),
            Self::Remark => Some(Token::Remark(word.to_owned())),
            Self::Noise => None,
            Self::Keyword(token) => Some(token.clone()),
        }
    }
}

const KEYWORDS: [(Kind, &[&str]); 12] = [
    (Kind::Keyword(Token::Each), &["各", "各要", "各来", "各自"]),
    (
        Kind::Keyword(Token::EachOfAll),
        &["每样", "一样", "各样", "每种", "每款", "每个品种", "全部各", "所有各", "都各"],
    ),
    (Kind::Keyword(Token::All), &["全要", "都要", "全都要", "全部", "全部要", "全来"]),
    (
        Kind::Keyword(Token::Same),
        &[
            "同上",
            "同楼上",
            "跟楼上一样",
            "和楼上一样",
            "跟上面一样",
            "和上面一样",
            "与上面相同",
            "同上一样",
        ],
    ),
    (
        Kind::Keyword(Token::Cancel),
        &[
            "取消",
            "取消了",
            "已取消",
            "取消接龙",
            "取消订单",
            "不要",
            "不要了",
            "不订了",
            "不定了",
            "不团了",
            "不买了",
            "不接了",
            "退",
            "退了",
            "退掉",
            "退单",
            "退出",
            "撤",
            "撤了",
            "撤单",
            "撤销",
            "撤回",
            "作废",
            "删",
            "删除",
            "删掉",
            "删了",
            "去掉",
            "❌",
        ],
    ),
    (
        Kind::Keyword(Token::Change),
        &["改成", "改为", "改", "改到", "换成", "换", "更改为", "更正", "更正为", "变成", "修改为"],
    ),
    (Kind::Keyword(Token::ChangeAll), &["全部改成", "全改成", "全部换成"]),
    (
        Kind::Keyword(Token::Add),
        &["加", "再加", "另加", "追加", "加单", "加购", "再来", "再要", "多加", "增加", "补"],
    ),
    (Kind::Keyword(Token::Total), &["一共", "共", "总共", "合计", "总计", "共计"]),
    (Kind::Keyword(Token::And), &["和", "跟", "还有", "以及", "及", "与"]),
    (
        Kind::Remark,
        &[
            "送到门口",
            "放门口",
            "送上门",
            "送货上门",
            "自提",
            "放物业",
            "放门卫",
            "放保安室",
            "放快递柜",
            "已付",
            "已付款",
            "已转",
            "已转账",
            "已支付",
            "付了",
            "转了",
            "已付钱",
            "要大的",
            "要小的",
            "要新鲜的",
            "要熟的",
            "要生的",
            "要软的",
            "要硬的",
            "不要太熟",
            "不要太大",
            "不要太小",
            "切块",
            "不切",
            "杀好",
            "处理好",
            "晚点拿",
            "晚点取",
            "明天拿",
            "明天取",
            "谢谢团长",
            "辛苦团长",
            "麻烦团长",
            "谢谢群主",
            "团长辛苦了",
            "不急",
            "早上",
            "上午",
            "中午",
            "下午",
            "傍晚",
            "晚上",
            "今晚",
            "明晚",
            "今天",
            "明天",
            "后天",
        ],
    ),
    (
        Kind::Noise,
        &[
            "我",
            "我要",
            "我家",
            "我订",
            "要",
            "来",
            "订",
            "定",
            "拿",
            "买",
            "团",
            "接",
            "接龙",
            "报名",
            "预定",
            "预订",
            "下单",
            "购买",
            "谢谢",
            "感谢",
            "麻烦",
            "辛苦",
            "辛苦了",
            "了",
            "啦",
            "哦",
            "哈",
            "呀",
            "吧",
            "的",
            "备注",
            "地址",
            "房号",
            "门牌号",
            "门牌",
            "楼号",
            "数量",
            "团长",
            "群主",
            "嗯",
            "好",
            "好的",
            "你好",
            "您好",
            "亲",
            "给",
            "先",
            "电话",
            "手机",
            "手机号",
            "联系电话",
            "室",
        ],
    ),
];

impl Vocabulary {
    /// The keywords of relay lists.
    pub(super) fn new() -> Self {
        let words = KEYWORDS
            .iter()
            .flat_map(|(kind, words)| words.iter().map(|word| ((*word).to_owned(), kind.clone())));
        Self(words.collect())
    }

    /// Adds a word for a good. Keywords stay what they are.
    pub(super) fn good(&mut self, word: &str) {
        self.add(word, Kind::Good);
    }

    /// Adds a household's name.
    pub(super) fn household(&mut self, word: &str) {
        self.add(word, Kind::Household);
    }

    /// Adds a word that orders nothing.
    pub(super) fn remark(&mut self, word: &str) {
        self.add(word, Kind::Remark);
    }

    fn add(&mut self, word: &str, kind: Kind) {
        if !word.is_empty() {
            self.0.entry(word.to_owned()).or_insert(kind);
        }
    }

    /// Whether a text is a word for a good.
    pub(super) fn is_good(&self, word: &str) -> bool {
        self.0.get(word) == Some(&Kind::Good)
    }

    /// Whether a word for a good stands in a text.
    pub(super) fn names_good(&self, text: &str) -> bool {
        let chars: Vec<char> = text.chars().collect();
        (0..chars.len()).any(|i| self.words_at(&chars, i).any(|(_, kind, _)| *kind == Kind::Good))
    }

    /// Whether a text begins with a household's name.
    pub(super) fn begins_household(&self, text: &str) -> bool {
        let chars: Vec<char> = text.chars().take(WORD_CHARS_MAX).collect();
        self.words_at(&chars, 0).any(|(_, kind, _)| *kind == Kind::Household)
    }

    /// Known words that begin here, with where they end.
    fn words_at<'a>(
        &'a self,
        chars: &'a [char],
        begin: usize,
    ) -> impl Iterator<Item = (String, &'a Kind, usize)> + 'a {
        let longest = chars.len().min(begin + WORD_CHARS_MAX);
        (begin + 1..=longest).rev().filter_map(move |end| {
            let word: String = chars.get(begin..end)?.iter().collect();
            let kind = self.0.get(&word)?;
            whole_word(chars, begin, end, &word).then_some((word, kind, end))
        })
    }

    /// Whether brackets with this text only remark on something.
    pub(super) fn is_remark(&self, content: &[char]) -> bool {
        const ORDERING: [char; 11] =
            ['消', '退', '撤', '改', '换', '加', '废', '删', '各', '共', '❌'];
        let orders = content.iter().any(|c| ORDERING.contains(c))
            || content.windows(2).any(|two| two == ['不', '要']);
        let measures = (0..content.len()).any(|i| number::measure_at(content, i).is_some());
        let only_number =
            content.iter().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '+' | '-' | '.'));
        let known = (0..content.len()).any(|i| {
            self.words_at(content, i).any(|(_, kind, _)| {
                !matches!(kind, Kind::Noise | Kind::Remark | Kind::Keyword(Token::And))
            })
        });
        // 分两袋, 每袋5斤: how it is packed.
        let text: String = content.iter().collect();
        let packing = text.starts_with('分')
            || ["每袋", "每包", "每盒"].iter().any(|word| text.starts_with(word));
        !(orders || (measures && !packing) || known || (only_number && !content.is_empty()))
    }

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
        if let Some((amount, end)) = number::measure_at(run, i) {
            cuts.push((Cut::Token(Token::Amount(amount)), end));
        }
        if let Some((thousandths, end)) = number::number_at(run, i) {
            let alone = i == 0 && end == run.len();
            let after = before.is_some_and(|c| matches!(c, '×' | '+' | '各')) || good_before;
            let ends = run.get(end).is_none_or(|c| matches!(c, '+' | '×'));
            // 两 and 半 without a unit may be anything.
            let safe = !matches!(c, '两' | '半');
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

/// Words of letters do not begin or end within others; a letter of a good may have digits after it.
fn whole_word(chars: &[char], begin: usize, end: usize, word: &str) -> bool {
    let letter = |c: Option<&char>| c.is_some_and(char::is_ascii_alphabetic);
    let before = begin.checked_sub(1).and_then(|i| chars.get(i));
    let after = chars.get(end);
    let first_letter = word.starts_with(|c: char| c.is_ascii_alphanumeric());
    let last = word.chars().last();
    let joined_after = match last {
        Some(c) if c.is_ascii_alphabetic() => {
            letter(after)
                && !(after == Some(&'X') && chars.get(end + 1).is_some_and(char::is_ascii_digit))
        }
        Some(c) if c.is_ascii_digit() => after.is_some_and(|c| c.is_ascii_digit() || *c == '.'),
        _ => false,
    };
    let joined_before = first_letter && before.is_some_and(|c| c.is_ascii_alphanumeric());
    !joined_after && !joined_before
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

    #[test]
    fn a_remark_orders_nothing() {
        let mut vocabulary = Vocabulary::new();
        vocabulary.good("土豆");
        let is = |text: &str| vocabulary.is_remark(&text.chars().collect::<Vec<_>>());
        assert!(is("送到门口") && is("6点后送") && is("大一点") && is(""));
        for text in ["取消", "不要了", "改3份", "5斤", "土豆", "2", "共3份", "加1"] {
            assert!(!is(text), "{text}");
        }
    }
}
