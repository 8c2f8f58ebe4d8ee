//! What a line costs and where its price goes (G50, G51).

use ledger_core::{
    fund::{FeePart, Offer},
    types::Unit,
};

/// Basis points of the whole.
const WHOLE: u64 = 10_000;

/// For how many of the smallest quantity the price is: a kilogram's grams, or one piece.
fn priced(unit: Unit) -> u64 {
    match unit {
        Unit::Weight => 1_000,
        Unit::Piece => 1,
    }
}

/// G50: quantity × unit price, rounded half up to a fen.
pub(crate) fn line_price(offer: &Offer, quantity: u32) -> u64 {
    let whole = u64::from(quantity) * u64::from(offer.price.get());
    let (fen, rest) = (whole / priced(offer.unit), whole % priced(offer.unit));
    if rest * 2 >= priced(offer.unit) { fen + 1 } else { fen }
}

/// G50: one fee of a line, rounded down.
pub(crate) fn line_fee(offer: &Offer, quantity: u32, part: FeePart) -> u64 {
    let unit_price = match part {
        FeePart::Leader => offer.split.leader,
        FeePart::Property => offer.split.property,
        FeePart::Delivery => offer.split.delivery,
        FeePart::Packing => offer.split.packing,
    };
    u64::from(quantity) * u64::from(unit_price.get()) / priced(offer.unit)
}

/// G50: the goods part is what the fees leave of the line.
pub(crate) fn line_goods(offer: &Offer, quantity: u32) -> u64 {
    let fees: u64 = FeePart::ALL.iter().map(|part| line_fee(offer, quantity, *part)).sum();
    line_price(offer, quantity) - fees
}

/// G50: what is retained of the goods of one note, rounded down.
pub(crate) fn retained(goods: u64, basis_points: u16) -> u64 {
    let retained = u128::from(goods) * u128::from(basis_points) / u128::from(WHOLE);
    u64::try_from(retained).expect("no more than the goods")
}

/// G33: the proportional rule. Each line gets its share of what was accepted, rounded down; what is
/// left goes, one each, to the largest remainders, and of equal ones to the smaller tie-break.
pub(crate) fn share_out(ordered: &[u32], accepted: u64, tie_break: &[[u8; 32]]) -> Vec<u32> {
    let purchased: u64 = ordered.iter().map(|quantity| u64::from(*quantity)).sum();
    let whole = u128::from(purchased.max(1));
    let mut shares = Vec::new();
    let mut remainders = Vec::new();
    for quantity in ordered {
        let product = u128::from(*quantity) * u128::from(accepted);
        shares.push(u32::try_from(product / whole).expect("no more than was ordered"));
        remainders.push(product % whole);
    }
    let given: u64 = shares.iter().map(|share| u64::from(*share)).sum();
    let mut turn: Vec<usize> = (0..ordered.len()).collect();
    turn.sort_by_key(|line| (std::cmp::Reverse(remainders[*line]), tie_break[*line]));
    for line in
        turn.into_iter().take(usize::try_from(accepted - given).expect("less than the lines"))
    {
        shares[line] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_core::{fund::Split, types::UnitPrice};

    fn cabbage() -> Offer {
        let price = UnitPrice::new;
        Offer {
            item: "cabbage".parse().expect("a code"),
            unit: Unit::Weight,
            price: price(599),
            quote: price(471),
            split: Split {
                goods: price(471),
                leader: price(53),
                property: price(29),
                delivery: price(33),
                packing: price(13),
            },
            stock: None,
            cap: None,
        }
    }

    #[test]
    fn a_line_is_rounded_half_up_and_its_fees_down() {
        // 0.500 kg at 5.99 are 2.995, so 3.00; the leader's 0.265 are 0.26.
        assert_eq!(line_price(&cabbage(), 500), 300);
        assert_eq!(line_fee(&cabbage(), 500, FeePart::Leader), 26);
        assert_eq!(line_goods(&cabbage(), 500), 300 - 26 - 14 - 16 - 6);
        // 0.499 kg are 2.989, rounded to 2.99.
        assert_eq!(line_price(&cabbage(), 499), 299);
    }

    #[test]
    fn what_is_left_goes_to_the_largest_remainders() {
        let ties = [[2; 32], [1; 32], [0; 32]];
        // Nine of ten for 2, 3 and 5: 1.8, 2.7 and 4.5.
        assert_eq!(share_out(&[2, 3, 5], 9, &ties), [2, 3, 4]);
        // One of three for 1, 1 and 1: the smallest tie-break.
        assert_eq!(share_out(&[1, 1, 1], 1, &ties), [0, 0, 1]);
    }
}
