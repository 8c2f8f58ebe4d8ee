//! The digits that people compare by telephone before they trust a founding document.
//!
//! Source: docs/decisions/0006-founding-ceremony.md, where the arithmetic is.

use ledger_core::crypto::{ChainId, Domain};
use std::fmt;

/// Digits of a phrase.
pub const PHRASE_DIGITS: usize = 36;
/// How often the chain id is hashed. Whoever looks for two documents with one phrase pays this for each
/// try; whoever reads a phrase pays it once, a fraction of a second.
const ITERATIONS: u32 = 1 << 21;
const DIGITS_IN_GROUP: usize = 4;
const GROUPS_IN_ROW: usize = 3;
const _: () = assert!(PHRASE_DIGITS.is_multiple_of(DIGITS_IN_GROUP * GROUPS_IN_ROW));
const MODULUS: u128 = 10_u128.pow(36);

/// What a chain is recognised by when it is read aloud: three rows of three groups of four digits.
///
/// It follows from the chain id, and so from everything that the founding document says. It is long
/// enough that not even a founder who chooses keys and addresses at will finds two documents with one
/// phrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phrase(u128);

impl Phrase {
    /// The phrase of a chain.
    #[must_use]
    pub fn of(chain: &ChainId) -> Self {
        let mut digest = *chain.as_bytes();
        for _ in 0..ITERATIONS {
            digest = *Domain::Phrase.digest(&[&digest]).as_bytes();
        }
        let [first, ..] = digest.as_chunks::<16>().0 else { return Self(0) };
        Self(u128::from_be_bytes(*first) % MODULUS)
    }

    /// Reads what somebody else wrote down: the digits, however they are spaced, also as a Chinese
    /// keyboard writes them.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut digits = String::with_capacity(PHRASE_DIGITS);
        for c in text.chars() {
            match c {
                '0'..='9' => digits.push(c),
                // Their full-width forms, in the same order.
                '０'..='９' => {
                    digits.push(char::from_digit(u32::from(c) - u32::from('０'), 10)?);
                }
                '-' | '/' | '.' | ',' | '，' | '、' | '。' | '－' | '／' | '．' => {}
                c if c.is_whitespace() => {}
                _ => return None,
            }
            if digits.len() > PHRASE_DIGITS {
                return None;
            }
        }
        if digits.len() != PHRASE_DIGITS {
            return None;
        }
        digits.parse().ok().map(Self)
    }

    /// Its rows.
    #[must_use]
    pub fn rows(&self) -> Vec<String> {
        let digits = format!("{:036}", self.0);
        let groups: Vec<&str> = (0..PHRASE_DIGITS)
            .step_by(DIGITS_IN_GROUP)
            .filter_map(|start| digits.get(start..start + DIGITS_IN_GROUP))
            .collect();
        groups.chunks(GROUPS_IN_ROW).map(|row| row.join(" ")).collect()
    }
}

impl fmt::Display for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rows().join(" / "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_follows_from_the_chain_and_survives_being_written_down() {
        let phrase = Phrase::of(&ChainId::new([7; 32]));
        // Frozen: two versions of the program that disagree here could not found a chain together.
        assert_eq!(phrase.to_string(), "5396 3416 5940 / 5883 8869 0907 / 3516 0124 7330");
        assert_ne!(phrase, Phrase::of(&ChainId::new([8; 32])));
        let rows = phrase.rows();
        assert_eq!((rows.len(), rows[0].len()), (3, 14));
        for written in [phrase.to_string(), rows.join("\n"), rows.concat().replace(' ', "-")] {
            assert_eq!(Phrase::parse(&written), Some(phrase), "{written}");
        }
        let wide: String = phrase
            .to_string()
            .chars()
            .map(|c| match c {
                '0'..='9' => {
                    char::from_u32(u32::from(c) - 0x30 + 0xff10).expect("a full-width digit")
                }
                ' ' => '\u{3000}',
                _ => '，',
            })
            .collect();
        assert_eq!(Phrase::parse(&wide), Some(phrase), "{wide}");
        assert_eq!(Phrase::parse(&wide.replace('，', "、")), Some(phrase));
        let short = &phrase.to_string()[1..];
        for bad in ["", "1234", short, &phrase.to_string().replace('0', "o")] {
            assert_eq!(Phrase::parse(bad), None, "{bad}");
        }
        assert_eq!(Phrase(5).rows()[2], "0000 0000 0005");
    }
}
