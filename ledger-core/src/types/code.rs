//! Short names that people or other systems give to things.

use crate::codec::{BorrowDecode, Decode, Encode};
use bincode::{
    de::{BorrowDecoder, Decoder},
    enc::Encoder,
    error,
};
use std::{fmt, str::FromStr};

/// A name of 1 to `N` ASCII letters, digits, `.`, `_` or `-`; on the wire `N` bytes, filled up with zeros.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code<const N: usize>([u8; N]);

/// Chosen by the leader, unique in the chain for ever.
pub type GroupBuyId = Code<16>;
/// Name of a good in the catalogue.
pub type ItemCode = Code<16>;
/// Unique in its group buy.
pub type OrderNo = Code<16>;
/// Number that a payment channel gave to a payment or payout; unique in the chain for ever.
pub type PaymentNo = Code<32>;

/// The text is no [`Code`].
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
#[error("{text:?} is not 1 to {max} of the characters A-Z a-z 0-9 . _ -")]
pub struct CodeError {
    text: String,
    max: usize,
}

impl<const N: usize> Code<N> {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|b| *b == 0).unwrap_or(N);
        std::str::from_utf8(&self.0[..length]).unwrap_or_default()
    }

    /// The name filled up with zeros, as on the wire.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; N] {
        &self.0
    }

    fn is_valid(bytes: &[u8; N]) -> bool {
        let length = bytes.iter().position(|b| *b == 0).unwrap_or(N);
        let (name, fill) = bytes.split_at(length);
        let allowed = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        length > 0 && name.iter().all(allowed) && fill.iter().all(|b| *b == 0)
    }
}

impl<const N: usize> FromStr for Code<N> {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        let refused = || CodeError { text: text.chars().take(80).collect(), max: N };
        let mut bytes = [0; N];
        bytes.get_mut(..text.len()).ok_or_else(refused)?.copy_from_slice(text.as_bytes());
        let code = Self(bytes);
        let whole = code.as_str().len() == text.len();
        if whole && Self::is_valid(&bytes) { Ok(code) } else { Err(refused()) }
    }
}

impl<const N: usize> fmt::Display for Code<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl<const N: usize> fmt::Debug for Code<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<const N: usize> Encode for Code<N> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), error::EncodeError> {
        self.0.encode(encoder)
    }
}

impl<C, const N: usize> Decode<C> for Code<N> {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, error::DecodeError> {
        let bytes = <[u8; N]>::decode(decoder)?;
        if Self::is_valid(&bytes) {
            Ok(Self(bytes))
        } else {
            Err(error::DecodeError::OtherString("not a code".to_owned()))
        }
    }
}

impl<'de, C, const N: usize> BorrowDecode<'de, C> for Code<N> {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(
        decoder: &mut D,
    ) -> Result<Self, error::DecodeError> {
        Self::decode(decoder)
    }
}

impl<const N: usize> serde::Serialize for Code<N> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de, const N: usize> serde::Deserialize<'de> for Code<N> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;

    #[test]
    fn a_code_has_one_spelling() {
        let code: Code<4> = "a-1".parse().expect("a code");
        assert_eq!(codec::encode(&code), b"a-1\0");
        assert_eq!(codec::decode::<Code<4>>(b"a-1\0"), Ok(code));
        for bad in [&b"\0\0\0\0"[..], b"a\0b\0", b"a b\0", b"a\xffb\0"] {
            assert!(codec::decode::<Code<4>>(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "abcde", "菜", "a\0"] {
            assert!(bad.parse::<Code<4>>().is_err(), "{bad:?}");
        }
    }
}
