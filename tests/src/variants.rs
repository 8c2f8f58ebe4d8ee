//! The names of all variants of an enum, as it is written in JSON: nobody keeps a list that could be short.

use serde::{
    Deserialize,
    de::{self, IntoDeserializer, value::StrDeserializer},
};
use std::fmt;

/// The names of all variants of `T`, in their order, whether a value of each was ever made or not.
///
/// # Panics
/// If `T` is no enum whose variants are read by their names.
#[must_use]
pub fn names_of<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let nothing: StrDeserializer<'_, Expected> = "".into_deserializer();
    match T::deserialize(nothing) {
        Err(Expected(names)) => names,
        Ok(_) => panic!("a variant without a name"),
    }
}

/// Which names would have been read.
#[derive(Debug)]
struct Expected(&'static [&'static str]);

impl de::Error for Expected {
    fn custom<T: fmt::Display>(other: T) -> Self {
        panic!("this is not read by a name: {other}")
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self(expected)
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected one of {:?}", self.0)
    }
}

impl std::error::Error for Expected {}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_core::fund::{Movement, Phase};

    #[test]
    fn variants_are_named_in_their_order() {
        assert_eq!(names_of::<Phase>().first(), Some(&"FILED"));
        assert_eq!(names_of::<Movement>().last(), Some(&"spend_reserve"));
    }
}
