//! Pure functions of records: what lines cost, where a price goes, how short goods are shared.

pub(super) mod cost;
pub(super) mod sharing;
mod split;

pub use self::split::LineMoney;
