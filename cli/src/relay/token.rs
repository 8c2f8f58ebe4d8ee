//! Words of an entry, and those that are known: the keywords of relay lists, and what was learned for goods,
//! households and remarks.

use super::number::{self, Amount};
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
    /// 楼上: something about the entry above.
    Above,
    /// 照旧: as some other day.
    AsBefore,
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
pub(super) enum Kind {
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
    pub(super) fn token(&self, word: &str) -> Option<Token> {
        match self {
            Self::Good => Some(Token::Good(word.to_owned())),
            Self::Household => Some(Token::Household(word.to_owned())),
            Self::Remark => Some(Token::Remark(word.to_owned())),
            Self::Noise => None,
            Self::Keyword(token) => Some(token.clone()),
        }
    }
}

const KEYWORDS: [(Kind, &[&str]); 14] = [
    (Kind::Keyword(Token::Above), &["楼上", "楼上的", "上面", "上面的", "上一条", "上一位"]),
    (
        Kind::Keyword(Token::AsBefore),
        &[
            "照旧",
            "老样子",
            "老规矩",
            "还是老样子",
            "和以前一样",
            "跟以前一样",
            "还是昨天的",
            "和昨天一样",
            "跟昨天一样",
            "同昨天",
            "昨天的",
            "上次的",
            "和上次一样",
            "跟上次一样",
            "同上次",
        ],
    ),
    (Kind::Keyword(Token::Each), &["各", "各要", "各来", "各自"]),
    (
        Kind::Keyword(Token::EachOfAll),
        &["每样", "一样", "各样", "每种", "每款", "每个品种", "全部各", "所有各", "都各"],
    ),
    (
        Kind::Keyword(Token::All),
        &["全要", "都要", "全都要", "全部", "全部要", "全来", "所有", "所有都", "所有的"],
    ),
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
            "唔要",
            "唔要喇",
            "唔要了",
            "❌",
        ],
    ),
    (
        Kind::Keyword(Token::Change),
        &[
            "改成",
            "改为",
            "改",
            "改到",
            "换成",
            "换",
            "更改为",
            "更正",
            "更正为",
            "变成",
            "修改为",
            "不对",
            "错了",
            "写错了",
            "打错了",
            "说错了",
            "应该是",
        ],
    ),
    (Kind::Keyword(Token::ChangeAll), &["全部改成", "全改成", "全部换成"]),
    (
        Kind::Keyword(Token::Add),
        &["加", "再加", "另加", "追加", "加单", "加购", "再来", "再要", "多加", "增加", "补"],
    ),
    (Kind::Keyword(Token::Total), &["一共", "共", "总共", "合计", "总计", "共计"]),
    (Kind::Keyword(Token::And), &["和", "跟", "还有", "以及", "及", "与", "然后", "另外", "还要"]),
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
            "是",
            "对了",
            "那个",
            "来个",
            "也要",
            "我也要",
            "我也来",
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
    pub(super) fn words_at<'a>(
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

#[cfg(test)]
mod tests {
    use super::*;

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
