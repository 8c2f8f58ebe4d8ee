//! What a quantity of an offer costs, and where the price goes (rule G50).

use crate::{
    fund::{chart::FeePart, group_buy::Offer},
    types::{Fen, Quantity},
};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fund::group_buy::Split,
        types::{Unit, UnitPrice},
    };
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
