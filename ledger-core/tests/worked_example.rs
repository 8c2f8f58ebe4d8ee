//! The worked example of docs/fund-rules.md, to the fen: ten boxes paid, nine arrive, everybody is
//! paid, and nothing is left.

mod support;

use ledger_core::{
    codec::encode,
    crypto::{Digest, Domain},
    fund::{AccountId, FeePart, HouseholdTotals, Movement, PayTo, Phase, Seal, seal_leaf},
    types::Fen,
};
use support::*;

#[test]
fn ten_boxes_are_paid_nine_arrive_and_not_a_fen_is_left() {
    let mut community = Community::new();
    let filing = filing("tangerines");
    let buy = community.opens(&filing);

    // 1. H1 takes 2 boxes, H2 3, H3 5; they pay 210.00.
    community.households_order(buy, &[(1, 0, 2), (2, 0, 3), (3, 0, 5)]);
    assert_eq!(community.custody(), yuan("210.00"));
    assert_eq!(community.escrow(buy, 1), yuan("42.00"));
    assert_eq!(community.escrow(buy, 2), yuan("63.00"));
    assert_eq!(community.escrow(buy, 3), yuan("105.00"));

    community.wait_until(CONFIRM_BY);
    assert_eq!(community.phase(buy), Phase::Formed);
    assert_eq!(
        community.buy(buy).header.stage.purchase().map(|purchase| purchase.total),
        Some(yuan("210.00"))
    );
    community.purchases(buy);

    // 2. Nine arrive, so H3 gets four, and its fifth back with all fees.
    community.receives(buy, &[(0, 9)]);
    assert_eq!(community.held(buy, AccountId::Payable), yuan("145.80"));
    assert_eq!(community.held(buy, AccountId::Retention), yuan("16.20"));
    let short: Vec<_> = (1..=3).map(|who| community.refund_of(buy, who)).collect();
    assert_eq!(short, [Fen::ZERO, Fen::ZERO, yuan("21.00")]);

    // 3. Delivered: what is left in escrow are the fees.
    let escrow: Vec<_> = (1..=3).map(|who| community.escrow(buy, who)).collect();
    assert_eq!(escrow, [yuan("6.00"), yuan("9.00"), yuan("12.00")]);
    community.does(LEADER, Community::codes(buy, &[1, 2, 3]));
    assert_eq!(community.phase(buy), Phase::Delivered);
    assert!((1..=3).all(|who| community.escrow(buy, who) == Fen::ZERO));
    assert_eq!(community.buy(buy).fee(FeePart::Leader), yuan("9.00"));
    assert_eq!(community.buy(buy).fee(FeePart::Delivery), yuan("13.50"));
    assert_eq!(community.buy(buy).fee(FeePart::Property), yuan("4.50"));

    // 5. Settled: supplier 162.00, leader 9.00, property 4.50, delivery 13.50, refund 21.00.
    community.wait(AFTER_SALE);
    community.settles(buy);
    assert_eq!(community.phase(buy), Phase::Settled);
    assert_eq!(community.held(buy, AccountId::Payable), yuan("162.00"));
    assert_eq!(community.held(buy, AccountId::Retention), Fen::ZERO);

    // 6. The channel kept 0.6 %, which the property company's share bears as filed.
    let fee = payout(WECHAT, "fee-1", yuan("1.26"));
    let bill = Digest::default();
    community.moves(PROPERTY, COMMITTEE, &Movement::ChannelFee { fee, bill });
    assert_eq!(community.balance(AccountId::ChannelFee(WECHAT)), yuan("1.26"));
    let bear = Movement::BearChannelFee { group_buy: buy, channel: WECHAT, amount: yuan("1.26") };
    community.moves(PROPERTY, COMMITTEE, &bear);
    assert_eq!(community.balance(AccountId::ChannelFee(WECHAT)), Fen::ZERO);
    assert_eq!(community.custody(), yuan("208.74"));

    for (to, number, amount) in [
        (PayTo::Supplier, "out-goods", "162.00"),
        (PayTo::Fee(0), "out-leader", "9.00"),
        (PayTo::Fee(1), "out-property", "3.24"),
        (PayTo::Fee(2), "out-delivery", "13.50"),
    ] {
        let movement = Community::pay_out(buy, to, number, yuan(amount));
        community.moves(PROPERTY, COMMITTEE, &movement);
    }
    assert!(!community.is_closed(buy), "21.00 are still owed to H3");
    let back = refund(household(3), "wx-tangerines-3", yuan("21.00"), "back-3");
    community.moves(PROPERTY, COMMITTEE, &Community::refunds(buy, vec![back]));
    assert_eq!(community.custody(), Fen::ZERO);

    // With the next block it closes, and the seal says what each household paid and got back.
    community.wait(1);
    assert!(community.is_closed(buy));
    assert_eq!(community.state.fund().totals.debit_balances, Fen::ZERO);
    assert!(community.disk.keys().all(|key| key[0] != 2), "nothing of it is left in the tables");
    let leaf = |who: u8, paid, refunded| {
        let totals = HouseholdTotals { paid: yuan(paid), refunded: yuan(refunded) };
        (seal_leaf(&household(who), &totals), totals)
    };
    let (h1, h2) = (leaf(1, "42.00", "0.00"), leaf(2, "63.00", "0.00"));
    let h3 = leaf(3, "105.00", "21.00");
    let first = HouseholdTotals { paid: yuan("105.00"), refunded: Fen::ZERO };
    let first = (Domain::Seal.digest(&[&encode(&(h1, h2))]), first);
    let seal = Seal {
        group_buy: buy,
        phase: Phase::Settled,
        filing: filing.digest(),
        totals: HouseholdTotals { paid: yuan("210.00"), refunded: yuan("21.00") },
        households: Domain::Seal.digest(&[&encode(&(first, h3))]),
    };
    assert_eq!(community.seal_of(buy), seal.digest());
}
