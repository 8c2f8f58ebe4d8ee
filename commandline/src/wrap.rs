//! Texts cut for a terminal.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Cuts a text into lines of so many columns, at blanks or between Chinese characters; a longer word is
/// cut within, but never a number: that would be another one to whoever reads it.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        let mut taken = 0;
        // Lengths of the line up to where it may be cut: the last such place, and the one before.
        let (mut cut, mut earlier) = (0, 0);
        for c in paragraph.chars() {
            let c_width = c.width().unwrap_or_default();
            if "，。；：、？！）”》…".contains(c) {
                // Such a mark never begins a line.
                if cut == line.len() {
                    cut = earlier;
                }
            } else if c_width == 2 {
                (earlier, cut) = (cut, line.len());
            }
            if taken + c_width > width && !line.is_empty() && c != ' ' {
                let at = if cut == 0 { before_number(&line, c) } else { cut };
                if at > 0 {
                    let rest = line.split_off(at);
                    lines.push(line.trim_end().to_owned());
                    line = rest;
                    taken = line.width();
                    (earlier, cut) = (0, 0);
                }
            }
            line.push(c);
            taken += c_width;
            if c == ' ' || (c_width == 2 && !"（“《".contains(c)) {
                (earlier, cut) = (cut, line.len());
            }
        }
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// Longest run of digits that is a number; what is longer is a hash, and may be cut.
const NUMBER_CHARS_MAX: usize = 32;

/// Where a word that goes on with this character is cut: at its end, or before the number there.
fn before_number(word: &str, next: char) -> usize {
    let before = word.trim_end_matches(is_of_number).len();
    if is_of_number(next) && word.len() - before < NUMBER_CHARS_MAX { before } else { word.len() }
}

/// What numbers, amounts, dates and times are made of.
fn is_of_number(c: char) -> bool {
    c.is_ascii_digit() || ".,:-+%¥".contains(c)
}

/// Columns of the longest number in a text.
#[must_use]
pub fn longest_number(text: &str) -> usize {
    let runs =
        text.split(|c| !is_of_number(c)).filter(|run| run.contains(|c: char| c.is_ascii_digit()));
    runs.map(str::width).filter(|width| *width <= NUMBER_CHARS_MAX).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_where_a_reader_would() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("付款已确认，请稍候", 10), ["付款已确", "认，请稍候"]);
        assert_eq!(wrap("默认 http；再", 9), ["默认", "http；再"]);
        assert_eq!(wrap("abcdefgh", 5), ["abcde", "fgh"]);
        assert_eq!(wrap("", 5), [""]);
        assert_eq!(wrap("一\n二", 5), ["一", "二"]);
        assert_eq!(wrap("宽宽", 1), ["宽", "宽"]);
        // No number is cut, however little room there is.
        assert_eq!(wrap("1234567.89", 5), ["1234567.89"]);
        assert_eq!(wrap("ab¥1234567.89 c", 5), ["ab", "¥1234567.89", "c"]);
        assert_eq!(wrap("付1234567.89元", 6), ["付", "1234567.89", "元"]);
    }
}
