//! How what arrived is shared out, and how much is held back.

use crate::types::Fen;
use std::cmp::Reverse;

/// Each line's part of what was accepted, by what each ordered: the proportional rule (G33).
///
/// Every line gets its share rounded down, and what is left goes one by one to the largest remainders; ties
/// go to the smaller `tie` of the position.
pub(in crate::fund) fn proportional<T: Ord>(
    ordered: &[u64],
    accepted: u64,
    tie: impl Fn(usize) -> T,
) -> Vec<u64> {
    let whole: u64 = ordered.iter().sum();
    if accepted >= whole {
        return ordered.to_vec();
    }
    let scaled = |quantity: u64| u128::from(quantity) * u128::from(accepted);
    let whole = u128::from(whole);
    let share = |quantity: &u64| u64::try_from(scaled(*quantity) / whole).unwrap_or(u64::MAX);
    let mut shares: Vec<u64> = ordered.iter().map(share).collect();
    let left = accepted - shares.iter().sum::<u64>();
    let mut order: Vec<usize> = (0..ordered.len()).collect();
    order.sort_by_cached_key(|i| (Reverse(scaled(ordered[*i]) % whole), tie(*i)));
    for i in order.into_iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
        shares[i] += 1;
    }
    shares
}

/// What is held back of the goods of a whole note, rounded down once (G50).
pub(in crate::fund) fn retention(goods: Fen, basis_points: u16) -> Fen {
    let retained = u128::from(goods.get()) * u128::from(basis_points) / 10_000;
    Fen::new(u64::try_from(retained).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_left_goes_to_the_largest_remainders_and_ties_to_the_smaller() {
        assert_eq!(proportional(&[2, 3, 5], 9, |i| i), [2, 3, 4]);
        assert_eq!(proportional(&[1, 1, 1], 2, |i| i), [1, 1, 0]);
        assert_eq!(proportional(&[1, 1, 1], 2, Reverse), [0, 1, 1]);
        assert_eq!(proportional(&[1, 2], 7, |i| i), [1, 2], "never more than was ordered");
        assert_eq!(retention(Fen::new(16_199), 1_000), Fen::new(1_619));
    }

    proptest! {
        #[test]
        fn shares_add_up_and_stay_within_what_was_ordered(
            ordered in prop::collection::vec(0u64..1_000_000, 1..50),
            part in 0u64..=100,
        ) {
            let whole: u64 = ordered.iter().sum();
            let accepted = whole * part / 100;
            let shares = proportional(&ordered, accepted, |i| i);
            prop_assert_eq!(shares.iter().sum::<u64>(), accepted);
            prop_assert!(shares.iter().zip(&ordered).all(|(share, ordered)| share <= ordered));
        }
    }
}
