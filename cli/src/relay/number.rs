//! Numbers and measures as people write them: `2.5斤`, `一斤半`, `两份`, `俩`, `300g`.

/// How much, before it is known of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Amount {
    /// A weight.
    Grams(u64),
    /// Thousandths of a unit; no unit if only a number was written.
    Count { thousandths: u64, unit: String },
}

/// What things are counted in.
const COUNT_UNITS: [&str; 46] = [
    "份", "盒", "个", "箱", "袋", "包", "瓶", "罐", "桶", "条", "只", "颗", "棵", "把", "捆", "扎",
    "提", "板", "枚", "块", "件", "套", "组", "根", "头", "串", "支", "听", "卷", "筐", "篮", "盆",
    "朵", "片", "尾", "对", "双", "打", "排", "饼", "粒", "坛", "杯", "节", "束", "PCS",
];

/// A weight and its grams for one.
const WEIGHT_UNITS: [(&str, u64); 8] = [
    ("公斤", 1_000),
    ("千克", 1_000),
    ("KG", 1_000),
    ("市斤", 500),
    ("斤", 500),
    ("克", 1),
    ("G", 1),
    ("两", 50),
];

/// Longest number: as many digits as the grams of a ledger line. Phone numbers are gone before.
const DIGITS_MAX: usize = 10;

/// A number in thousandths, and where it ends.
pub(super) fn number_at(chars: &[char], begin: usize) -> Option<(u64, usize)> {
    let at = |i: usize| chars.get(i).copied();
    match at(begin)? {
        c if c.is_ascii_digit() => digits_at(chars, begin),
        '半' => Some((500, begin + 1)),
        c if vulgar(c).is_some() => Some((vulgar(c)?, begin + 1)),
        '俩' => Some((2_000, begin + 1)),
        '仨' => Some((3_000, begin + 1)),
        _ => chinese_at(chars, begin),
    }
}

/// The thousandths of ½ and the like.
fn vulgar(c: char) -> Option<u64> {
    match c {
        '½' => Some(500),
        '¼' => Some(250),
        '¾' => Some(750),
        _ => None,
    }
}

/// `1/2斤`: the half that people write. Others, like 2/3斤, may as well be two or three.
pub(super) fn fraction_at(chars: &[char], begin: usize) -> Option<(Amount, usize)> {
    let before = begin.checked_sub(1).and_then(|i| chars.get(i));
    if before.is_some_and(|c| c.is_ascii_digit() || matches!(c, '/' | '.' | '-')) {
        return None;
    }
    let end = starts(chars, begin, "1/2")?;
    if let Some((grams, end)) = weight_unit_at(chars, end) {
        return grams.is_multiple_of(2).then_some((Amount::Grams(grams / 2), end));
    }
    let (unit, end) = count_unit_at(chars, end)?;
    Some((Amount::Count { thousandths: 500, unit: unit.to_owned() }, end))
}

/// `一板半`, `1份半`, where nothing stands behind that may belong to 半.
pub(super) fn and_a_half_at(chars: &[char], begin: usize) -> Option<(Amount, usize)> {
    let (Amount::Count { thousandths, unit }, end) = measure_at(chars, begin)? else {
        return None;
    };
    let end = starts(chars, end, "半")?;
    let ends = chars.get(end).is_none_or(|c| c.is_ascii_digit() || *c == '+');
    let amount = Amount::Count { thousandths: thousandths + 500, unit };
    (ends && thousandths.is_multiple_of(1_000)).then_some((amount, end))
}

fn digits_at(chars: &[char], begin: usize) -> Option<(u64, usize)> {
    let digit = |i: usize| chars.get(i).and_then(|c| c.to_digit(10)).map(u64::from);
    let mut i = begin;
    let mut whole = 0u64;
    while let Some(value) = digit(i) {
        whole = whole * 10 + value;
        i += 1;
        if i - begin > DIGITS_MAX {
            return None;
        }
    }
    let mut thousandths = whole * 1_000;
    if let Some(part) = chars.get(i).copied().and_then(vulgar) {
        return Some((thousandths + part, i + 1));
    }
    if chars.get(i) == Some(&'.') && digit(i + 1).is_some() {
        i += 1;
        let mut place = 100;
        while let Some(value) = digit(i) {
            if place == 0 && value > 0 {
                return None;
            }
            thousandths += value * place;
            place /= 10;
            i += 1;
        }
    }
    Some((thousandths, i))
}

fn chinese_digit(c: char) -> Option<u64> {
    let values = [
        ('一', 1),
        ('二', 2),
        ('两', 2),
        ('三', 3),
        ('四', 4),
        ('五', 5),
        ('六', 6),
        ('七', 7),
        ('八', 8),
        ('九', 9),
        ('壹', 1),
        ('贰', 2),
        ('叁', 3),
        ('肆', 4),
        ('伍', 5),
        ('陆', 6),
        ('柒', 7),
        ('捌', 8),
        ('玖', 9),
    ];
    values.iter().find(|(digit, _)| *digit == c).map(|(_, value)| *value)
}

fn chinese_at(chars: &[char], begin: usize) -> Option<(u64, usize)> {
    let at = |i: usize| chars.get(i).copied();
    let digit = |i: usize| at(i).and_then(chinese_digit);
    let (tens, after) = match (digit(begin), at(begin), at(begin + 1)) {
        (Some(tens), _, Some('十')) => (tens, begin + 2),
        (None, Some('十'), _) => (1, begin + 1),
        (Some(value), _, _) => return Some((value * 1_000, begin + 1)),
        _ => return None,
    };
    match digit(after).filter(|_| at(after) != Some('两')) {
        Some(units) => Some(((tens * 10 + units) * 1_000, after + 1)),
        None => Some((tens * 10_000, after)),
    }
}

/// `一百`, `一百二十`, `廿`: numbers that only weights have, as 一百块 may be money.
fn hundreds_at(chars: &[char], begin: usize) -> Option<(u64, usize)> {
    if chars.get(begin) == Some(&'廿') {
        let units = chars.get(begin + 1).copied().filter(|c| *c != '两').and_then(chinese_digit);
        return Some((
            20_000 + units.unwrap_or(0) * 1_000,
            begin + 1 + usize::from(units.is_some()),
        ));
    }
    let hundreds = chars.get(begin).copied().and_then(chinese_digit)?;
    let after = starts(chars, begin + 1, "百")?;
    let tens = chars.get(after + 1) == Some(&'十');
    match chinese_at(chars, after).filter(|_| tens) {
        Some((rest, end)) => Some((hundreds * 100_000 + rest, end)),
        None => Some((hundreds * 100_000, after)),
    }
}

fn starts(chars: &[char], begin: usize, word: &str) -> Option<usize> {
    let mut i = begin;
    for c in word.chars() {
        if chars.get(i) != Some(&c) {
            return None;
        }
        i += 1;
    }
    Some(i)
}

/// What is counted in, and where the word ends.
pub(super) fn count_unit_at(chars: &[char], begin: usize) -> Option<(&'static str, usize)> {
    COUNT_UNITS.iter().find_map(|unit| starts(chars, begin, unit).map(|end| (*unit, end)))
}

/// The grams of a unit of weight, and where the word ends.
pub(super) fn weight_unit_at(chars: &[char], begin: usize) -> Option<(u64, usize)> {
    let letter = |i: usize| chars.get(i).is_some_and(char::is_ascii_alphabetic);
    WEIGHT_UNITS.iter().find_map(|(unit, grams)| {
        let end = starts(chars, begin, unit)?;
        // `G` in a longer word is no gram.
        let whole = !unit.is_ascii() || !letter(end);
        whole.then_some((*grams, end))
    })
}

/// A number with its unit, and where it ends: `2.5斤`, `一斤半`, `1斤2两`, `斤半`, `两份`, `5斤装`.
pub(super) fn measure_at(chars: &[char], begin: usize) -> Option<(Amount, usize)> {
    if let Some(end) = starts(chars, begin, "斤半") {
        return Some((Amount::Grams(750), end));
    }
    let hundreds =
        hundreds_at(chars, begin).filter(|(_, end)| weight_unit_at(chars, *end).is_some());
    let (thousandths, after) = hundreds.or_else(|| number_at(chars, begin))?;
    if let Some((grams_each, end)) = weight_unit_at(chars, after) {
        let milligrams = thousandths.checked_mul(grams_each)?;
        let (more, end) = weight_rest(chars, end, grams_each)?;
        let end = starts(chars, end, "装").unwrap_or(end);
        let whole = milligrams.is_multiple_of(1_000);
        return whole.then_some((Amount::Grams(milligrams / 1_000 + more), end));
    }
    let (unit, end) = count_unit_at(chars, after)?;
    // Half a box is a question, as part of the text that is left.
    let end = starts(chars, end, "装").unwrap_or(end);
    Some((Amount::Count { thousandths, unit: unit.to_owned() }, end))
}

/// What follows a weight: 半, or 两 after 斤.
fn weight_rest(chars: &[char], end: usize, grams_each: u64) -> Option<(u64, usize)> {
    let half = starts(chars, end, "半").filter(|after| weight_unit_at(chars, *after).is_none());
    if let Some(after) = half {
        // 半个, 半份 after a weight begin something new.
        return match count_unit_at(chars, after) {
            Some(_) => Some((0, end)),
            None => Some((grams_each / 2, after)),
        };
    }
    if grams_each == 500
        && let Some((tenths, after)) = number_at(chars, end)
        && let Some(after) = starts(chars, after, "两")
        && count_unit_at(chars, after).is_none()
        && weight_unit_at(chars, after).is_none()
    {
        return Some((tenths.checked_mul(50)? / 1_000, after));
    }
    Some((0, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(text: &str) -> Option<(Amount, usize)> {
        measure_at(&text.chars().collect::<Vec<_>>(), 0)
    }

    #[test]
    fn weights_are_whole_grams() {
        for (text, grams) in [
            ("5斤", 2_500),
            ("2斤半", 1_250),
            ("一斤半", 750),
            ("半斤", 250),
            ("斤半", 750),
            ("两斤", 1_000),
            ("三两", 150),
            ("二两", 100),
            ("1斤2两", 600),
            ("1.5KG", 1_500),
            ("300G", 300),
            ("十二斤", 6_000),
            ("2公斤", 2_000),
            ("二十斤", 10_000),
            ("贰斤", 1_000),
            ("廿斤", 10_000),
            ("一百斤", 50_000),
            ("五百克", 500),
            ("一百二十斤", 60_000),
        ] {
            assert_eq!(measure(text), Some((Amount::Grams(grams), text.chars().count())), "{text}");
        }
        assert_eq!(measure("0.3333斤"), None);
        assert_eq!(measure("99999999999斤"), None);
    }

    #[test]
    fn halves_are_read_in_every_spelling_and_other_fractions_are_not() {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        let half = |unit: &str, thousandths| Amount::Count { thousandths, unit: unit.into() };
        assert_eq!(measure("½斤"), Some((Amount::Grams(250), 2)));
        assert_eq!(measure("1½斤"), Some((Amount::Grams(750), 3)));
        assert_eq!(fraction_at(&chars("1/2斤"), 0), Some((Amount::Grams(250), 4)));
        assert_eq!(fraction_at(&chars("1/2盒"), 0), Some((half("盒", 500), 4)));
        assert_eq!(and_a_half_at(&chars("一板半"), 0), Some((half("板", 1_500), 3)));
        for text in ["2/3斤", "11/2斤", "1/2", "1/20斤"] {
            assert_eq!(fraction_at(&chars(text), 0), None, "{text}");
        }
        assert_eq!(fraction_at(&chars("3/1/2斤"), 2), None, "3/1 is a door");
        for text in ["1份半成品", "1份半斤", "半份半", "一斤半"] {
            assert_eq!(and_a_half_at(&chars(text), 0), None, "{text}");
        }
    }

    #[test]
    fn counts_know_two_from_a_weight() {
        for (text, thousandths, unit) in [
            ("两份", 2_000, "份"),
            ("12盒", 12_000, "盒"),
            ("半箱", 500, "箱"),
            ("十二个", 12_000, "个"),
        ] {
            let unit = unit.to_owned();
            assert_eq!(
                measure(text),
                Some((Amount::Count { thousandths, unit }, text.chars().count())),
                "{text}"
            );
        }
        assert_eq!(measure("五花肉"), None);
        assert_eq!(measure("百香果"), None);
        assert_eq!(measure("一百块"), None);
        // Five jin, then two portions: not 5 jin and 2 liang.
        assert_eq!(measure("5斤两份"), Some((Amount::Grams(2_500), 2)));
    }
}
