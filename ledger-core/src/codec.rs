//! Canonical bytes: bincode behind two functions. Only this module and hand-written `Encode`s name it.
//!
//! Everything that is hashed, signed or stored goes through [`encode`] and [`decode`]. The layout is
//! fixed-width little-endian (docs/wire-format.md section 1) and a value has exactly one encoding:
//! [`decode`] refuses trailing bytes and anything that does not re-encode to itself. Collections are
//! [`List`]s with a named bound, checked before memory is taken for them.
//!
//! Source: DESIGN D7; docs/decisions/0001-canonical-bytes.md.

pub use bincode::{BorrowDecode, Decode, Encode};
use bincode::{
    config::{Configuration, Fixint, Limit, LittleEndian},
    enc::write::Writer,
};
pub(crate) use bincode::{
    de::{BorrowDecoder, Decoder},
    enc::Encoder,
    error::{DecodeError as BincodeDecodeError, EncodeError},
};

/// Largest encoding that [`decode`] looks at: four times the largest block.
pub const ENCODED_BYTES_MAX: usize = 8 * 1024 * 1024;

/// bincode counts the memory that containers ask for, which is more than their bytes on the wire.
const DECODE_MEMORY_MAX: usize = 16 * ENCODED_BYTES_MAX;

type Layout = Configuration<LittleEndian, Fixint, Limit<DECODE_MEMORY_MAX>>;

fn layout() -> Layout {
    bincode::config::legacy().with_limit::<DECODE_MEMORY_MAX>()
}

/// Why bytes are not the canonical encoding of a value.
///
/// Blame: whoever sent the bytes.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
pub enum DecodeError {
    /// The input is longer than any value may be.
    #[error("{bytes} bytes exceed the limit of {max}")]
    TooLong {
        /// Length of the input.
        bytes: usize,
        /// The limit that applies to this kind of value.
        max: usize,
    },
    /// The input ends early, or holds a value that the type does not have.
    #[error("malformed: {0}")]
    Malformed(String),
    /// Bytes are left over after the value.
    #[error("{0} bytes follow the value")]
    TrailingBytes(usize),
    /// The value has another encoding, which is the only one allowed.
    #[error("the encoding is not canonical")]
    NotCanonical,
}

/// The canonical bytes of `value`.
///
/// # Panics
/// Never for the types of this crate: encoding into memory cannot fail for them.
#[must_use]
pub fn encode<T: Encode>(value: &T) -> Vec<u8> {
    let mut bytes = Bytes(Vec::with_capacity(FIRST_BYTES));
    bincode::encode_into_writer(value, &mut bytes, bincode::config::legacy())
        .expect("the types of this crate encode without error");
    bytes.0
}

/// Room that [`encode`] takes at first: most records and transactions fit, and nothing is measured before.
const FIRST_BYTES: usize = 256;

struct Bytes(Vec<u8>);

impl Writer for Bytes {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

/// Fails at the first byte that differs from what is expected.
struct Same<'a>(&'a [u8]);

impl Writer for Same<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        match self.0.strip_prefix(bytes) {
            Some(rest) => {
                self.0 = rest;
                Ok(())
            }
            None => Err(EncodeError::UnexpectedEnd),
        }
    }
}

fn encodes_to<T: Encode>(value: &T, bytes: &[u8]) -> bool {
    let mut same = Same(bytes);
    let encoded = bincode::encode_into_writer(value, &mut same, bincode::config::legacy());
    encoded.is_ok() && same.0.is_empty()
}

/// Reads the one value whose canonical encoding is `bytes`.
///
/// # Errors
/// [`DecodeError`] if `bytes` is not exactly the canonical encoding of a `T`.
pub fn decode<T: Decode<()> + Encode>(bytes: &[u8]) -> Result<T, DecodeError> {
    decode_within(bytes, ENCODED_BYTES_MAX)
}

/// As [`decode`], with a limit of its own for this kind of value.
///
/// # Errors
/// [`DecodeError`] if `bytes` is longer than `max_bytes` or not canonical.
pub fn decode_within<T: Decode<()> + Encode>(
    bytes: &[u8],
    max_bytes: usize,
) -> Result<T, DecodeError> {
    if bytes.len() > max_bytes {
        return Err(DecodeError::TooLong { bytes: bytes.len(), max: max_bytes });
    }
    let (value, used): (T, usize) = bincode::decode_from_slice(bytes, layout())
        .map_err(|error| DecodeError::Malformed(error.to_string()))?;
    if used != bytes.len() {
        return Err(DecodeError::TrailingBytes(bytes.len() - used));
    }
    if !encodes_to(&value, bytes) {
        return Err(DecodeError::NotCanonical);
    }
    Ok(value)
}

/// A byte that is always the same: it says of which kind the rest is, and refuses to be read as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Always<const BYTE: u8>;

impl<const BYTE: u8> Encode for Always<BYTE> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        BYTE.encode(encoder)
    }
}

impl<C, const BYTE: u8> Decode<C> for Always<BYTE> {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, BincodeDecodeError> {
        match u8::decode(decoder)? {
            byte if byte == BYTE => Ok(Self),
            other => Err(BincodeDecodeError::OtherString(format!(
                "kind {other} where only {BYTE} is known"
            ))),
        }
    }
}

impl<'de, C, const BYTE: u8> BorrowDecode<'de, C> for Always<BYTE> {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(
        decoder: &mut D,
    ) -> Result<Self, BincodeDecodeError> {
        Self::decode(decoder)
    }
}

/// Makes newtypes over bytes whose encoding begins with a byte that is always the same.
macro_rules! led_by {
    ($byte:expr, $($name:ident($bytes:literal)),*) => {$(
        impl $crate::codec::Encode for $name {
            fn encode<E: $crate::codec::Encoder>(
                &self,
                encoder: &mut E,
            ) -> Result<(), $crate::codec::EncodeError> {
                ($crate::codec::Always::<{ $byte }>, self.0).encode(encoder)
            }
        }

        impl<C> $crate::codec::Decode<C> for $name {
            fn decode<D: $crate::codec::Decoder<Context = C>>(
                decoder: &mut D,
            ) -> Result<Self, $crate::codec::BincodeDecodeError> {
                let (_, bytes) =
                    <($crate::codec::Always<{ $byte }>, [u8; $bytes])>::decode(decoder)?;
                Ok(Self(bytes))
            }
        }

        impl<'de, C> $crate::codec::BorrowDecode<'de, C> for $name {
            fn borrow_decode<D: $crate::codec::BorrowDecoder<'de, Context = C>>(
                decoder: &mut D,
            ) -> Result<Self, $crate::codec::BincodeDecodeError> {
                <Self as $crate::codec::Decode<C>>::decode(decoder)
            }
        }
    )*};
}
pub(crate) use led_by;

/// A sequence of at most `MAX` elements; on the wire a `u64` count and the elements.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct List<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> List<T, MAX> {
    /// The bound.
    pub const MAX: usize = MAX;

    /// Takes the elements, or gives them back when there are more than `MAX`.
    ///
    /// # Errors
    /// The vector itself, if it is too long.
    pub fn new(elements: Vec<T>) -> Result<Self, Vec<T>> {
        if elements.len() > MAX { Err(elements) } else { Ok(Self(elements)) }
    }

    /// The elements.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MAX: usize> std::ops::Deref for List<T, MAX> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'a, T, const MAX: usize> IntoIterator for &'a List<T, MAX> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: Encode, const MAX: usize> Encode for List<T, MAX> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        (self.0.len() as u64).encode(encoder)?;
        self.0.iter().try_for_each(|element| element.encode(encoder))
    }
}

impl<C, T: Decode<C>, const MAX: usize> Decode<C> for List<T, MAX> {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, BincodeDecodeError> {
        let count = u64::decode(decoder)?;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if count > MAX {
            return Err(BincodeDecodeError::OtherString(format!(
                "a list of {count} where at most {MAX} are allowed"
            )));
        }
        // An element takes at least a byte, but the count may lie: grow as elements really arrive.
        let mut elements = Vec::with_capacity(count.min(64));
        for _ in 0..count {
            elements.push(T::decode(decoder)?);
        }
        Ok(Self(elements))
    }
}

impl<'de, C, T: Decode<C>, const MAX: usize> BorrowDecode<'de, C> for List<T, MAX> {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(
        decoder: &mut D,
    ) -> Result<Self, BincodeDecodeError> {
        Self::decode(decoder)
    }
}

impl<T: serde::Serialize, const MAX: usize> serde::Serialize for List<T, MAX> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: serde::Deserialize<'de>, const MAX: usize> serde::Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::deserialize(deserializer)?)
            .map_err(|list| serde::de::Error::invalid_length(list.len(), &"a shorter list"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_the_one_encoding_are_refused() {
        let value: List<u16, 3> = List::new(vec![1, 2, 3]).expect("three fit");
        let bytes = encode(&value);
        assert_eq!(decode::<List<u16, 3>>(&bytes), Ok(value));
        assert!(matches!(
            decode::<List<u16, 3>>(&bytes[..bytes.len() - 1]),
            Err(DecodeError::Malformed(_))
        ));
        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(decode::<List<u16, 3>>(&longer), Err(DecodeError::TrailingBytes(1)));
        assert!(matches!(decode::<List<u16, 2>>(&bytes), Err(DecodeError::Malformed(_))));
        assert_eq!(
            decode_within::<List<u16, 3>>(&bytes, 4),
            Err(DecodeError::TooLong { bytes: 14, max: 4 })
        );
    }

    #[test]
    fn a_kind_that_is_not_known_is_refused() {
        assert_eq!(encode(&(Always::<7>, 1u16)), [7, 1, 0]);
        assert_eq!(decode(&[7, 1, 0]), Ok((Always::<7>, 1u16)));
        let other = decode::<(Always<7>, u16)>(&[8, 1, 0]);
        assert!(matches!(other, Err(DecodeError::Malformed(detail)) if detail.contains("kind 8")));
    }

    #[test]
    fn a_length_that_lies_takes_no_memory() {
        let mut bytes = u64::MAX.to_le_bytes().to_vec();
        bytes.push(7);
        assert!(matches!(decode::<List<u64, 1000>>(&bytes), Err(DecodeError::Malformed(_))));
        assert!(matches!(decode::<String>(&bytes), Err(DecodeError::Malformed(_))));
    }
}
