//! One newtype for each thing that can be confused with another.
//!
//! They carry no behaviour beyond arithmetic, and know nothing of what uses them. Any value may have come
//! from a stranger, so none of their methods panics or wraps: each says in its name, or in its first
//! sentence, what it does at the end of the numbers.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, clippy::indexing_slicing))]

mod code;
mod quantity;

pub use code::{Code, CodeError, GroupBuyId, ItemCode, OrderNo, PaymentNo};
pub use quantity::{Quantity, Unit, UnitPrice};

use crate::codec::{Decode, Encode};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Writes a fixed-size byte type as lowercase hex in `Display`, `Debug`, `FromStr` and serde.
macro_rules! hex_text {
    ($name:ident, $bytes:literal) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({})", stringify!($name), hex::encode(&self.0[..6]))
            }
        }
        impl std::str::FromStr for $name {
            type Err = hex::FromHexError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let mut bytes = [0; $bytes];
                hex::decode_to_slice(text, &mut bytes)?;
                Ok(Self(bytes))
            }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use hex_text;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Encode, Decode, Serialize,
            Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name($inner);

        impl $name {
            /// The zero of this type.
            pub const ZERO: Self = Self(0);

            /// Wraps a raw number.
            #[must_use]
            pub const fn new(raw: $inner) -> Self {
                Self(raw)
            }

            /// The raw number.
            #[must_use]
            pub const fn get(self) -> $inner {
                self.0
            }

            /// The sum, or `None` past the largest value.
            #[must_use]
            pub fn checked_add(self, other: Self) -> Option<Self> {
                self.0.checked_add(other.0).map(Self)
            }

            /// The difference, or `None` below zero.
            #[must_use]
            pub fn checked_sub(self, other: Self) -> Option<Self> {
                self.0.checked_sub(other.0).map(Self)
            }

            /// The difference, or zero.
            #[must_use]
            pub fn saturating_sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }

            /// The sum, or the largest value.
            #[must_use]
            pub fn saturating_add(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// Position of a block in the chain; genesis is 0.
    Height(u64)
}
number! {
    /// One attempt to agree at a height, from 0.
    Round(u32)
}
number! {
    /// An amount of money in fen (1/100 yuan).
    Fen(u64)
}
number! {
    /// Milliseconds since 1970-01-01 UTC.
    TimestampMs(u64)
}
number! {
    /// A length of time in milliseconds.
    DurationMs(u64)
}
number! {
    /// Weight in consensus; a quorum is more than two thirds of all of it.
    VotingPower(u64)
}
number! {
    /// Position of a member in the registry.
    MemberId(u16)
}
number! {
    /// Position of a validator in the [validator set](crate::consensus::ValidatorSet).
    ValidatorIndex(u16)
}
number! {
    /// Position of an entry (transaction, system entry or evidence) in the log since genesis.
    LogIndex(u64)
}
number! {
    /// A calendar day as the decimal number `yyyymmdd`; it orders nothing and is never compared with block time.
    BusinessDate(u32)
}

impl Height {
    /// The height after this one; the last height is its own successor, so that a stranger who names it
    /// stops nobody.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The height after this one, or `None` after the last: for heights that somebody else has named.
    #[must_use]
    pub fn checked_next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }

    /// The heights from this one to `last`, both included; none if `last` is below.
    pub fn through(self, last: Self) -> impl Iterator<Item = Self> + use<> {
        (self.0..=last.0).map(Self)
    }
}

impl Round {
    /// The round after this one; the last round is its own successor.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl TimestampMs {
    /// The moment `duration` later, or the end of time.
    #[must_use]
    pub fn after(self, duration: DurationMs) -> Self {
        Self(self.0.saturating_add(duration.0))
    }

    /// The moment as a clock in China shows it, to the second: `2026-01-05 18:00:00`.
    ///
    /// Past the year 9999, which no clock shows, the milliseconds.
    #[must_use]
    #[expect(clippy::arithmetic_side_effects, reason = "no sum or product below comes near 2^64")]
    pub fn to_china_time(self) -> String {
        const DAY: u64 = 24 * 3_600;
        const AHEAD_OF_UTC: u64 = 8 * 3_600;
        /// From 0000-03-01, where the years of this calculation begin, to 1970-01-01.
        const DAYS_BEFORE_1970: u64 = 719_468;
        const DAYS_OF_400_YEARS: u64 = 146_097;
        let seconds = self.0 / 1_000 + AHEAD_OF_UTC;
        let (days, of_day) = (seconds / DAY + DAYS_BEFORE_1970, seconds % DAY);
        let (era, of_era) = (days / DAYS_OF_400_YEARS, days % DAYS_OF_400_YEARS);
        // Years begin in March, so that the leap day is the last of its year.
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        let year = era * 400 + year + next_year;
        if year > 9_999 {
            return format!("{self} ms");
        }
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    }
}

impl Fen {
    /// The amount as people write it: `12.50`.
    #[must_use]
    pub fn to_yuan(self) -> String {
        format!("{}.{:02}", self.0 / 100, self.0 % 100)
    }

    /// Reads an amount in yuan with at most two decimals and no sign.
    #[must_use]
    pub fn from_yuan(text: &str) -> Option<Self> {
        parse_decimal(text, 2).map(Self)
    }

    /// Adds up amounts; `None` if the sum does not fit.
    pub fn sum(amounts: impl IntoIterator<Item = Fen>) -> Option<Fen> {
        amounts.into_iter().try_fold(Fen::ZERO, Fen::checked_add)
    }
}

/// Reads a plain decimal number as an integer of its `decimals`-th decimal place.
///
/// Digits and at most one point: no sign, exponent, blank or thousands separator, so `1e300`, `-1`
/// and `NaN` are no numbers here.
#[must_use]
pub fn parse_decimal(text: &str, decimals: usize) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let (kept, rest) = fraction.split_at(fraction.len().min(decimals));
    if rest.bytes().any(|b| b != b'0') {
        return None;
    }
    format!("{whole}{kept:0<decimals$}").parse().ok()
}

/// A 16-byte pseudonym of a household within one group buy (FUND-RULES section 10).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct HouseholdTag([u8; 16]);

impl HouseholdTag {
    /// Wraps the bytes of a tag.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes of the tag.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

hex_text!(HouseholdTag, 16);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_as_clocks_in_china_show_them() {
        for (ms, text) in [
            (0, "1970-01-01 08:00:00"),
            (951_753_599_999, "2000-02-28 23:59:59"),
            (951_753_600_000, "2000-02-29 00:00:00"),
            (951_840_000_000, "2000-03-01 00:00:00"),
            (1_767_196_799_999, "2025-12-31 23:59:59"),
            (1_767_225_600_000, "2026-01-01 08:00:00"),
            (4_107_513_600_000, "2100-03-01 00:00:00"),
            (253_402_271_999_000, "9999-12-31 23:59:59"),
            (253_402_272_000_000, "253402272000000 ms"),
            (u64::MAX, "18446744073709551615 ms"),
        ] {
            assert_eq!(TimestampMs::new(ms).to_china_time(), text);
        }
    }

    #[test]
    fn arithmetic_ends_where_the_numbers_end() {
        let last = Height::new(u64::MAX);
        assert_eq!(Height::new(7).next(), Height::new(8));
        assert_eq!((last.next(), last.checked_next()), (last, None));
        assert_eq!(Height::new(7).checked_next(), Some(Height::new(8)));
        assert_eq!(Round::new(u32::MAX).next(), Round::new(u32::MAX));
        let through = |first, last: u64| -> Vec<u64> {
            Height::new(first).through(Height::new(last)).map(Height::get).collect()
        };
        assert_eq!(through(3, 5), [3, 4, 5]);
        assert_eq!(through(u64::MAX - 1, u64::MAX), [u64::MAX - 1, u64::MAX]);
        assert_eq!(through(2, 1), [0; 0]);
        let dear = UnitPrice::new(u32::MAX);
        let cost = dear.rounded_half_up(Quantity::new(u32::MAX), Unit::Weight);
        assert_eq!(cost, Fen::new(18_446_744_065_119_617));
        assert_eq!(TimestampMs::new(u64::MAX).after(DurationMs::new(1)).get(), u64::MAX);
    }

    #[test]
    fn amounts_are_read_exactly_or_not_at_all() {
        let read = |text| Fen::from_yuan(text).map(Fen::get);
        assert_eq!(read("12.5"), Some(1250));
        assert_eq!(read("12"), Some(1200));
        assert_eq!(read("0.010"), Some(1));
        for bad in ["", ".", "1.", ".5", "-1", "+1", "1e300", "NaN", "1,000", "0.001", " 1", "１"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(read("184467440737095516.16"), None);
        assert_eq!(Fen::new(5).to_yuan(), "0.05");
    }
}
