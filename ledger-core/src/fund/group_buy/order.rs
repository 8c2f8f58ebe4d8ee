//! Records of orders and of the households that they are for.

use super::filing::OfferIndex;
use crate::{
    codec::{Decode, Encode, List},
    crypto::Digest,
    merkle::record_by_encoding,
    types::{Fen, HouseholdTag, Quantity, TimestampMs},
};
use serde::{Deserialize, Serialize};

/// Most lines in one order.
pub const ORDER_LINES_MAX: usize = 1_000;

/// What a line on an order says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct OrderLine {
    /// Which offer.
    pub offer: OfferIndex,
    /// How much was ordered.
    pub quantity: Quantity,
    /// How much arrived for this line, once goods were received.
    pub allocated: Quantity,
}

/// Whether an order is part of the purchase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cover {
    /// Not decided before `confirm_by`.
    Open,
    /// Paid in full: part of the purchase order.
    Covered,
    /// Not paid in full: dropped.
    Dropped,
}

/// What one household takes; withdrawn when it has no lines.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Order {
    /// Whose it is.
    pub household: HouseholdTag,
    /// Counts the changes, from 1.
    pub version: u32,
    /// Hash of the household's delivery code, if it has one.
    pub delivery_code: Option<Digest>,
    /// The lines.
    pub lines: List<OrderLine, ORDER_LINES_MAX>,
    /// Whether it is part of the purchase.
    pub cover: Cover,
}

/// What the ledger knows of a household in this group buy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode, Serialize, Deserialize)]
pub struct Household {
    /// Slots of its orders, in order of entry.
    pub orders: List<u32, 4_000>,
    /// Confirmed payments.
    pub paid: Fen,
    /// When it got its goods.
    pub delivered_at: Option<TimestampMs>,
}

/// How much of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode, Serialize, Deserialize)]
pub struct OfferTally {
    /// On orders (kept only for offers with limited stock until the purchase is formed).
    pub ordered: u64,
    /// On covered orders: the purchase order.
    pub purchased: u64,
    /// Accepted on the goods note.
    pub accepted: u64,
}

record_by_encoding!(Order, Household, OfferTally);
