//! Plain lines of a pasted text: one spelling for every digit and mark, nothing invisible, no phone numbers.

/// Largest list that is read: twenty times the longest that a chat group of 500 writes.
pub(super) const LIST_BYTES_MAX: usize = 256 * 1024;
/// Stands where a phone number stood.
pub(super) const PHONE: char = '\u{260e}';
/// Digits in a row that can only be a phone number or another number that is no quantity.
const PHONE_DIGITS_MIN: usize = 7;

/// Longest text of an entry that is shown.
const SHOWN_CHARS_MAX: usize = 40;

/// A line in plain characters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// Where it stands in the text, from 1.
    pub(super) row: u64,
    /// The number before an entry.
    pub(super) number: Option<u32>,
    /// What stands after the number and is not crossed out.
    pub(super) text: String,
    /// What is crossed out.
    pub(super) struck: String,
    /// As it was pasted, without its number and without phone numbers.
    pub(super) original: String,
}

/// As much of an entry as a table or a question has room for.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A character and whether it is crossed out.
type Marked = (char, bool);

/// Splits a text into plain lines.
pub(super) fn lines(text: &str) -> Vec<Line> {
    let text = text.replace("\r\n", "\n").replace(['\r', '\u{2028}', '\u{2029}'], "\n");
    (1..).zip(text.split('\n')).map(|(row, line)| plain_line(row, line)).collect()
}

/// A line of what somebody wrote again.
pub(super) fn line(text: &str) -> Line {
    let first = text.lines().next().unwrap_or_default();
    plain_line(0, first)
}

fn plain_line(row: u64, line: &str) -> Line {
    let mut chars = plain_chars(line);
    blank_dashes(&mut chars);
    mask_phones(&mut chars);
    let (number, begin) = list_number(&chars);
    let rest = chars.get(begin..).unwrap_or_default();
    let of = |struck: bool| {
        let text: String =
            rest.iter().map(|(c, is)| if *is == struck { *c } else { ' ' }).collect();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let (text, struck) = (of(false), of(true));
    let original = original(line, number, text.contains(PHONE) || struck.contains(PHONE));
    let original = original.unwrap_or_else(|| text.clone());
    Line { row, number, text, struck, original }
}

/// A line as it was pasted, without its number. None if a phone number in it cannot be taken out.
fn original(line: &str, number: Option<u32>, has_phone: bool) -> Option<String> {
    let shown = |c: &char| !c.is_control() && !is_invisible(*c);
    let mut chars: Vec<char> = line.trim().chars().filter(shown).collect();
    if has_phone {
        let plain =
            |c: &char| if c.is_numeric() || *c == '-' || *c == '－' { plain_char(*c) } else { *c };
        let mut marked: Vec<Marked> = chars.iter().map(|c| (plain(c), false)).collect();
        mask_phones(&mut marked);
        chars = marked.into_iter().map(|(c, _)| c).collect();
        if !chars.contains(&PHONE) {
            return None;
        }
    }
    let mut begin = 0;
    if let Some(number) = number {
        begin += usize::from(chars.first().is_some_and(|c| plain_char(*c) == '('));
        let circle = chars.get(begin).copied().and_then(circled) == Some(number);
        let digits = chars.iter().skip(begin);
        let digits = digits.take_while(|c| plain_char(**c).is_ascii_digit()).take(4).count();
        begin += if circle { 1 } else { digits };
        let stop = |c: &char| {
            matches!(c, '\u{fe0e}' | '\u{fe0f}' | '\u{20e3}')
                || c.is_whitespace()
                || matches!(plain_char(*c), '.' | ',' | ')')
        };
        begin += chars.iter().skip(begin).take_while(|c| stop(c)).count();
    }
    Some(chars.get(begin..).unwrap_or_default().iter().collect())
}

fn plain_chars(line: &str) -> Vec<Marked> {
    let source: Vec<char> = line.chars().collect();
    let mut chars: Vec<Marked> = Vec::with_capacity(source.len());
    // Crossed out by `~~`; an odd one at the end means nothing.
    let tildes = line.matches("~~").count();
    let mut toggles = tildes - tildes % 2;
    let mut struck = false;
    let mut i = 0;
    while let Some(c) = source.get(i).copied() {
        i += 1;
        match c {
            '~' if source.get(i) == Some(&'~') => {
                i += 1;
                if toggles > 0 {
                    toggles -= 1;
                    struck = !struck;
                }
                chars.push((' ', false));
            }
            // Overlays cross out the character before them.
            '\u{0335}'..='\u{0338}' => {
                if let Some(last) = chars.last_mut() {
                    last.1 = true;
                }
            }
            // A digit on a keycap at the beginning numbers the line.
            '\u{20e3}' => {
                let first = chars.iter().filter(|(c, _)| *c != ' ').count() == 1;
                if first {
                    chars.push(('.', struck));
                    chars.push((' ', struck));
                }
            }
            '\u{fe0e}' | '\u{fe0f}' => {}
            _ if is_invisible(c) => {}
            _ => {
                if is_food(c) && stands_for_a_good(&chars, source.get(i..).unwrap_or_default()) {
                    chars.push((c, struck));
                } else if let Some(number) = circled(c) {
                    let first = chars.iter().all(|(c, _)| *c == ' ');
                    let text = if first { format!("{number}. ") } else { format!(" {number}号") };
                    chars.extend(text.chars().map(|c| (c, struck)));
                } else {
                    chars.push((plain_char(c), struck));
                }
            }
        }
    }
    chars
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{00ad}' | '\u{fe00}'..='\u{fe0d}' | '\u{e0000}'..='\u{e007f}')
}

/// The number in a circle, in brackets or with a stop.
fn circled(c: char) -> Option<u32> {
    let (from, first) = match c {
        '\u{2460}'..='\u{2473}' => ('\u{2460}', 1),
        '\u{2474}'..='\u{2487}' => ('\u{2474}', 1),
        '\u{2488}'..='\u{249b}' => ('\u{2488}', 1),
        '\u{2776}'..='\u{277f}' => ('\u{2776}', 1),
        '\u{2780}'..='\u{2789}' => ('\u{2780}', 1),
        '\u{278a}'..='\u{2793}' => ('\u{278a}', 1),
        '\u{3220}'..='\u{3229}' => ('\u{3220}', 1),
        '\u{3280}'..='\u{3289}' => ('\u{3280}', 1),
        '\u{1f51f}' => return Some(10),
        _ => return None,
    };
    (u32::from(c)).checked_sub(u32::from(from)).map(|offset| offset + first)
}

/// One spelling of a character.
fn plain_char(c: char) -> char {
    let c = match c {
        '\u{ff01}'..='\u{ff5e}' => {
            // The full-width forms repeat ASCII in its order.
            char::from_u32(u32::from(c) - 0xff01 + 0x21).unwrap_or(' ')
        }
        c => c,
    };
    match c {
        '、' | ';' | '|' | '&' | '\u{ff64}' => ',',
        '。' | '\u{ff61}' => '。',
        '[' | '{' | '【' | '〔' | '「' | '『' | '〖' | '《' | '<' => '(',
        ']' | '}' | '】' | '〕' | '」' | '』' | '〗' | '》' | '>' => ')',
        '×' | '✖' | '✕' | '╳' | '*' | '⨯' => '×',
        '➕' | '﹢' => '+',
        '¥' | '￥' => '¥',
        '❌' | '❎' => '❌',
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe63}' | '\u{2500}' => '-',
        '!' | ':' | '~' | '=' | '"' | '\'' | '\\' | '^' | '_' | '`' | '…' | '“' | '”' | '‘'
        | '’' | '·' | '・' | '•' | '@' | '$' | '%' => ' ',
        c if c.is_control() || c.is_whitespace() || is_picture(c) => ' ',
        c if c.is_ascii_lowercase() => c.to_ascii_uppercase(),
        c => simplified(c),
    }
}

/// Pictures of what can be eaten.
fn is_food(c: char) -> bool {
    matches!(c, '\u{1f32d}'..='\u{1f37f}' | '\u{1f400}'..='\u{1f43c}' | '\u{1f950}'..='\u{1f96f}'
        | '\u{1f980}'..='\u{1f9cb}' | '\u{1fad0}'..='\u{1fadf}')
}

/// 🥔x2: a picture before a number stands for a good; beside a name, as in 土豆🥔2份, it is decoration.
fn stands_for_a_good(before: &[Marked], after: &[char]) -> bool {
    let last = before.iter().rev().map(|(c, _)| *c).find(|c| *c != ' ');
    let named = last.is_some_and(|c| !c.is_ascii() && c.is_alphabetic());
    let next = after.iter().find(|c| !matches!(c, ' ' | '\u{fe0e}' | '\u{fe0f}')).copied();
    let counts = next.map(plain_char).is_some_and(|c| {
        c.is_ascii_digit()
            || matches!(c, 'X' | '×' | '+' | '半')
            || "一二两三四五六七八九十".contains(c)
    });
    !named && counts
}

/// Emoji, arrows and dingbats.
fn is_picture(c: char) -> bool {
    matches!(c, '\u{2190}'..='\u{23ff}' | '\u{25a0}'..='\u{27bf}' | '\u{2900}'..='\u{2bff}'
        | '\u{1f000}'..='\u{1faff}' | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}')
}

/// Traditional characters of goods, units and doors, each before its simplified form.
const SIMPLIFIED: &str = "個个兩两號号樓楼棟栋單单雞鸡鴨鸭鵝鹅魚鱼蝦虾蘋苹麵面豬猪買买訂订龍龙團团長长蘿萝蔔卜黃黄紅红綠绿\
    蔥葱薑姜筍笋絲丝雙双條条隻只塊块錢钱謝谢門门樣样來来鮮鲜蓮莲棗枣橘橘柚柚醬酱鹽盐餅饼飯饭湯汤鹹咸紙纸捲卷\
    葉叶蔬蔬豐丰蠔蚝貝贝蟹蟹鱸鲈鯽鲫鱈鳕鰻鳗鮭鲑參参補补還还換换變变為为刪删銷销過过後后這这給给戶户單单罐罐\
    瓶瓶顆颗條条種种張张陳陈劉刘楊杨趙赵吳吴黃黄馬马鈴铃馮冯許许鄭郑羅罗鍾钟葉叶賴赖麼么東东廣广榴榴櫻樱\
    檸柠藍蓝橙橙蒜蒜韭韭貨货備备註注總总計计臺台";

fn simplified(c: char) -> char {
    let mut chars = SIMPLIFIED.chars();
    while let (Some(traditional), Some(simple)) = (chars.next(), chars.next()) {
        if traditional == c {
            return simple;
        }
    }
    c
}

/// A dash in a door is one; several are decoration.
fn blank_dashes(chars: &mut [Marked]) {
    let is_dash = |chars: &[Marked], i: usize| chars.get(i).is_some_and(|(c, _)| *c == '-');
    // - - - - - - between a quotation and its answer
    let only = chars.iter().all(|(c, _)| matches!(c, '-' | ' '));
    let runs: Vec<bool> = (0..chars.len())
        .map(|i| {
            let beside = is_dash(chars, i + 1) || (i > 0 && is_dash(chars, i - 1));
            is_dash(chars, i) && (only || beside)
        })
        .collect();
    for (slot, run) in chars.iter_mut().zip(runs) {
        if run {
            slot.0 = ' ';
        }
    }
}

/// Puts [`PHONE`] in place of phone numbers and of their last digits, so that they are neither read as
/// quantities nor kept.
fn mask_phones(chars: &mut Vec<Marked>) {
    let digit = |chars: &[Marked], i: usize| chars.get(i).is_some_and(|(c, _)| c.is_ascii_digit());
    let mut i = 0;
    while i < chars.len() {
        if !digit(chars, i) || (i > 0 && digit(chars, i - 1)) {
            i += 1;
            continue;
        }
        let mut end = i;
        while digit(chars, end) {
            end += 1;
        }
        let mut from = i;
        let length = end - i;
        let tail =
            i >= 2 && chars.get(i - 2..i).is_some_and(|two| two[0].0 == '尾' && two[1].0 == '号');
        if length >= PHONE_DIGITS_MIN || (tail && length == 4) {
            if tail {
                from = i - 2;
            }
            // An area code, or the country's.
            while from > 0 && matches!(chars.get(from - 1), Some(('-' | '+', _))) {
                let mut start = from - 1;
                while start > 0 && digit(chars, start - 1) {
                    start -= 1;
                }
                let area = chars.get(start).is_some_and(|(c, _)| *c == '0' || *c == '8');
                from = if area || start == from - 1 { start } else { break };
            }
        } else if let Some(grouped) = mobile_in_groups(chars, i) {
            end = grouped;
        } else {
            i = end;
            continue;
        }
        let struck = chars.get(i).is_some_and(|(_, struck)| *struck);
        chars.splice(from..end, [(' ', struck), (PHONE, struck), (' ', struck)]);
        i = from + 3;
    }
}

/// The end of a mobile number written like 138-1234-5678.
fn mobile_in_groups(chars: &[Marked], begin: usize) -> Option<usize> {
    let mut i = begin;
    let mut digits = String::new();
    for length in [3, 4, 4] {
        if length == 4 && matches!(chars.get(i), Some(('-' | ' ', _))) {
            i += 1;
        }
        for _ in 0..length {
            let c = chars.get(i).filter(|(c, _)| c.is_ascii_digit())?;
            digits.push(c.0);
            i += 1;
        }
    }
    let whole = !chars.get(i).is_some_and(|(c, _)| c.is_ascii_digit());
    let mobile = matches!(digits.as_bytes(), [b'1', b'3'..=b'9', ..]);
    (whole && mobile).then_some(i)
}

/// The number of an entry, and where its text begins.
fn list_number(chars: &[Marked]) -> (Option<u32>, usize) {
    let at = |i: usize| chars.get(i).map(|(c, _)| *c);
    let mut i = 0;
    while at(i) == Some(' ') {
        i += 1;
    }
    let begin = i;
    let bracket = at(i) == Some('(');
    i += usize::from(bracket);
    let first = i;
    let mut number = 0u32;
    while let Some(digit) = at(i).and_then(|c| c.to_digit(10)).filter(|_| i - first < 4) {
        number = number * 10 + digit;
        i += 1;
    }
    if i == first {
        return (None, begin);
    }
    while at(i) == Some(' ') && matches!(at(i + 1), Some('.' | ',' | ')')) {
        i += 1;
    }
    let stop = at(i);
    if bracket {
        return if stop == Some(')') { (Some(number), i + 1) } else { (None, begin) };
    }
    match stop {
        Some(',' | ')') => (Some(number), i + 1),
        Some('.') if !at(i + 1).is_some_and(|c| c.is_ascii_digit()) => (Some(number), i + 1),
        // `1.3-201` is entry 1 of door 3-201; `1.5` is a number.
        Some('.') => {
            let mut j = i + 1;
            while at(j).is_some_and(|c| c.is_ascii_digit()) {
                j += 1;
            }
            let door = matches!(at(j), Some('-' | '#' | '栋' | '幢' | '座' | '号' | '楼'));
            if door { (Some(number), i + 1) } else { (None, begin) }
        }
        _ => (None, begin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> (Option<u32>, String, String) {
        let Line { number, text, struck, .. } = line(text);
        (number, text, struck)
    }

    #[test]
    fn every_way_to_number_an_entry_is_seen() {
        for text in [
            "1. 3-201 2份",
            "1、3-201 2份",
            "①3-201 2份",
            "1️⃣3-201 ２份",
            "（1）3-201 2份",
            "1.3-201 2份",
            "1）3－201 2份",
        ] {
            assert_eq!(one(text), (Some(1), "3-201 2份".into(), String::new()), "{text}");
        }
        assert_eq!(one("1.5斤"), (None, "1.5斤".into(), String::new()));
        assert_eq!(one("3-201 2份").0, None);
    }

    #[test]
    fn what_is_crossed_out_stands_apart() {
        assert_eq!(one("3. ~~3-201 2份~~"), (Some(3), String::new(), "3-201 2份".into()));
        assert_eq!(one("3-201 ~~土豆~~鸡蛋"), (None, "3-201 鸡蛋".into(), "土豆".into()));
        assert_eq!(one("土\u{336}豆\u{336} 1"), (None, "1".into(), "土豆".into()));
    }

    #[test]
    fn phone_numbers_are_gone() {
        for phone in [
            "13812345678",
            "138-1234-5678",
            "138 1234 5678",
            "021-65432100",
            "+8613812345678",
            "尾号5678",
        ] {
            let pasted = format!("3. 3-201 土豆２份，{phone}");
            let (_, text, _) = one(&pasted);
            let original = line(&pasted).original;
            assert!(original.starts_with("3-201 土豆") && original.contains('，'), "{original}");
            assert!(!original.contains("5678") && !original.contains("6543"), "{original}");
            assert!(
                text.contains(PHONE) && !text.contains("5678") && !text.contains("654"),
                "{text}"
            );
        }
        assert_eq!(one("12-1-1203 2份").1, "12-1-1203 2份");
    }
}
