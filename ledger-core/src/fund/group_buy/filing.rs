//! What a leader files: offers, the split of each price, deadlines (rule G20).

use crate::{
    codec::{Decode, Encode, List, encode},
    crypto::{Digest, Domain},
    fund::chart::FeePart,
    types::{
        BusinessDate, DurationMs, Fen, GroupBuyId, ItemCode, MemberId, TimestampMs, Unit, UnitPrice,
    },
};
use serde::{Deserialize, Serialize};

/// Most offers in one filing.
pub const OFFERS_MAX: usize = 512;

/// Position of an offer in its filing.
pub type OfferIndex = u16;

/// The parts of a price, all for the same unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode, Serialize, Deserialize)]
pub struct Split {
    /// To the supplier.
    pub goods: UnitPrice,
    /// To the leader.
    pub leader: UnitPrice,
    /// To the property company.
    pub property: UnitPrice,
    /// For delivery.
    pub delivery: UnitPrice,
    /// For packing.
    pub packing: UnitPrice,
}

impl Split {
    /// The part of a payee.
    #[must_use]
    pub const fn fee(&self, part: FeePart) -> UnitPrice {
        match part {
            FeePart::Leader => self.leader,
            FeePart::Property => self.property,
            FeePart::Delivery => self.delivery,
            FeePart::Packing => self.packing,
        }
    }

    /// The whole price.
    pub(in crate::fund) fn sum(&self) -> u64 {
        FeePart::ALL
            .iter()
            .fold(u64::from(self.goods.get()), |sum, part| sum + u64::from(self.fee(*part).get()))
    }
}

/// A good at a price.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Offer {
    /// The good in the catalogue.
    pub item: ItemCode,
    /// Sold by weight or by piece.
    pub unit: Unit,
    /// What a household pays for a unit.
    pub price: UnitPrice,
    /// What the supplier asks for a unit.
    pub quote: UnitPrice,
    /// Where the price goes.
    pub split: Split,
    /// How much there is, if limited.
    pub stock: Option<u64>,
    /// How much one household may take, if limited.
    pub cap: Option<u64>,
}

/// How goods that fell short are shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShortRule {
    /// By what each line ordered; largest remainder (rule G33).
    Proportional,
}

/// What must come together by `confirm_by`. Zero asks for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode, Serialize, Deserialize)]
pub struct Minimum {
    /// Households with at least one covered order.
    pub households: u32,
    /// Sum of the covered orders.
    pub amount: Fen,
}

/// Everything that a group buy promises; frozen once it opens.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Filing {
    /// Its name, unique in the chain for ever.
    pub group_buy: GroupBuyId,
    /// The day it is for.
    pub business_date: BusinessDate,
    /// Who delivers.
    pub supplier: MemberId,
    /// Who is paid for delivery.
    pub delivery: MemberId,
    /// Who is paid for packing.
    pub packing: MemberId,
    /// Which property company is paid its share.
    pub property: MemberId,
    /// What is sold.
    pub offers: List<Offer, OFFERS_MAX>,
    /// Orders and payments end here.
    pub cut_off: TimestampMs,
    /// Confirmations end here; the group buy forms or fails.
    pub confirm_by: TimestampMs,
    /// Goods must have arrived.
    pub deliver_by: TimestampMs,
    /// What must come together.
    pub minimum: Minimum,
    /// How long after delivery claims are possible.
    pub after_sale_window: DurationMs,
    /// Held back from the supplier, in hundredths of a percent.
    pub retention_basis_points: u16,
    /// How short goods are shared.
    pub short_rule: ShortRule,
    /// The leader says that it is related to the supplier.
    pub relation_declared: bool,
}

impl Filing {
    /// The hash under which members approve the filing and orders refer to it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Domain::Filing.digest(&[&encode(self)])
    }

    /// The member whose fee `part` is.
    #[must_use]
    pub fn payee(&self, part: FeePart, leader: MemberId) -> MemberId {
        match part {
            FeePart::Leader => leader,
            FeePart::Property => self.property,
            FeePart::Delivery => self.delivery,
            FeePart::Packing => self.packing,
        }
    }
}
