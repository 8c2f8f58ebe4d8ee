//! How much of a good, and what it costs.

use super::Fen;
use crate::codec::{Decode, Encode};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a quantity of an offer counts.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Quantities are grams, prices are fen for a kilogram.
    Weight,
    /// Quantities are pieces, prices are fen for a piece.
    Piece,
}

/// Prices by weight are for so many grams.
const GRAMS_OF_PRICE: u64 = 1_000;

/// Grams or pieces, as the [`Unit`] of the offer says.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Default,
    Encode,
    Decode,
    Serialize,
    Deserialize,
)]
#[serde(transparent)]
pub struct Quantity(u32);

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Wraps grams or pieces.
    #[must_use]
    pub const fn new(raw: u32) -> Self {
        Self(raw)
    }

    /// Grams or pieces.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Reads kilograms with up to three decimals, or whole pieces.
    #[must_use]
    pub fn parse(text: &str, unit: Unit) -> Option<Self> {
        let decimals = match unit {
            Unit::Weight => 3,
            Unit::Piece => 0,
        };
        super::parse_decimal(text, decimals)?.try_into().ok().map(Self)
    }

    /// The quantity as people write it: kilograms, or pieces.
    #[must_use]
    pub fn to_text(self, unit: Unit) -> String {
        match unit {
            Unit::Weight => format!("{}.{:03}", self.0 / 1000, self.0 % 1000),
            Unit::Piece => self.0.to_string(),
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Fen for a kilogram or for a piece.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Default,
    Encode,
    Decode,
    Serialize,
    Deserialize,
)]
#[serde(transparent)]
pub struct UnitPrice(u32);

impl UnitPrice {
    /// Wraps fen for a kilogram or a piece.
    #[must_use]
    pub const fn new(fen: u32) -> Self {
        Self(fen)
    }

    /// Fen for a kilogram or a piece.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// What `quantity` costs, rounded half up to a fen.
    #[must_use]
    pub fn rounded_half_up(self, quantity: Quantity, unit: Unit) -> Fen {
        let cost = self.times(quantity);
        Fen::new(match unit {
            Unit::Weight => cost.saturating_add(GRAMS_OF_PRICE / 2) / GRAMS_OF_PRICE,
            Unit::Piece => cost,
        })
    }

    /// What `quantity` costs, rounded down to a fen.
    #[must_use]
    pub fn rounded_down(self, quantity: Quantity, unit: Unit) -> Fen {
        let cost = self.times(quantity);
        Fen::new(match unit {
            Unit::Weight => cost / GRAMS_OF_PRICE,
            Unit::Piece => cost,
        })
    }

    /// Both factors are below 2^32, so that the product fits.
    fn times(self, quantity: Quantity) -> u64 {
        u64::from(self.0).saturating_mul(u64::from(quantity.get()))
    }
}
