//! What a leader files: offers, the split of each price, deadlines (rules G20, G50, G51).

use super::{
    account::FeePart,
    member::{Member, Role},
};
use crate::{
    codec::{Decode, Encode, List, encode},
    crypto::{Digest, Domain},
    merkle::Table,
    refusal::{FilingFault, Refusal},
    types::{
        BusinessDate, DurationMs, Fen, GroupBuyId, ItemCode, MemberId, Quantity, TimestampMs, Unit,
        UnitPrice,
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

    fn sum(&self) -> u64 {
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

/// A line's money: the price and where it goes. `goods + fees == total` always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LineMoney {
    /// What the household pays.
    pub total: Fen,
    /// What the supplier gets.
    pub goods: Fen,
    /// What the payees get, in the order of [`FeePart::ALL`].
    pub fees: [Fen; 4],
}

impl Offer {
    /// What `quantity` costs, rounded half up (rule G50).
    #[must_use]
    pub fn total(&self, quantity: Quantity) -> Fen {
        self.price.rounded_half_up(quantity, self.unit)
    }

    /// The parts of a line: each fee rounded down, the goods take what is left (rule G50).
    ///
    /// # Panics
    /// Never: the floors of the parts add up to at most the rounded whole.
    #[must_use]
    pub fn money(&self, quantity: Quantity) -> LineMoney {
        let total = self.total(quantity);
        let fees = FeePart::ALL.map(|part| self.split.fee(part).rounded_down(quantity, self.unit));
        let goods = Fen::sum(fees)
            .and_then(|fees| total.checked_sub(fees))
            .expect("rounded-down parts stay within the rounded whole");
        LineMoney { total, goods, fees }
    }
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

    /// Checks what the filing says in itself and against the registry (rule G20).
    pub(super) fn check(
        &self,
        members: &Table<MemberId, Member>,
        leader: MemberId,
        now: TimestampMs,
    ) -> Result<(), Refusal> {
        let bad = |detail| Err(Refusal::BadFiling { detail });
        let role = |id: &MemberId| members.get(id).map(|member| member.role);
        if role(&self.supplier) != Some(Role::Supplier) {
            return bad(FilingFault::NoSupplier);
        }
        if role(&self.property) != Some(Role::Property) {
            return bad(FilingFault::NoProperty);
        }
        if role(&self.delivery).is_none() || role(&self.packing).is_none() {
            return bad(FilingFault::UnknownPayee);
        }
        if self.offers.is_empty() {
            return bad(FilingFault::NoOffers);
        }
        let mut seen = std::collections::BTreeSet::new();
        for offer in &self.offers {
            if offer.price.get() == 0 {
                return bad(FilingFault::NoPrice);
            }
            if offer.split.sum() != u64::from(offer.price.get()) {
                return bad(FilingFault::PartsDiffer);
            }
            if offer.split.goods != offer.quote.min(offer.price) {
                return bad(FilingFault::GoodsDiffer);
            }
            if !seen.insert((offer.item, offer.price)) {
                return bad(FilingFault::OfferedTwice);
            }
        }
        if !(now < self.cut_off
            && self.cut_off <= self.confirm_by
            && self.confirm_by < self.deliver_by)
        {
            return bad(FilingFault::DeadlinesDisordered);
        }
        if self.retention_basis_points > 10_000 {
            return bad(FilingFault::RetainsTooMuch);
        }
        let related = members.get(&leader).is_some_and(|m| m.related.contains(&self.supplier))
            || members.get(&self.supplier).is_some_and(|m| m.related.contains(&leader));
        if related && !self.relation_declared {
            return Err(Refusal::UndeclaredRelation { supplier: self.supplier });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_parts_of_a_line_always_add_up(parts in prop::array::uniform5(0u32..1_000_000), quantity: u32, weight: bool) {
            let [goods, leader, property, delivery, packing] = parts.map(UnitPrice::new);
            let price = UnitPrice::new(parts.iter().sum());
            let unit = if weight { Unit::Weight } else { Unit::Piece };
            let item = "x".parse().expect("a code");
            let split = Split { goods, leader, property, delivery, packing };
            let offer = Offer { item, unit, price, quote: goods, split, stock: None, cap: None };
            let money = offer.money(Quantity::new(quantity));
            prop_assert_eq!(Fen::sum(money.fees).and_then(|f| f.checked_add(money.goods)), Some(money.total));
        }
    }
}
