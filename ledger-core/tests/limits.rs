//! The largest group buy that the bounds allow goes through every step.

#![allow(clippy::unwrap_used, reason = "a test stops where it is wrong")]

mod support;

use ledger_core::{
    fund::{AccountId, FeePart, GROUP_BUY_LINES_MAX, Movement, PaymentRecord, Phase, Share},
    transaction::TRANSACTION_BYTES_MAX,
    types::{Fen, GroupBuyId, HouseholdTag},
};
use support::*;

fn tag(number: u32) -> HouseholdTag {
    let mut bytes = [7; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    HouseholdTag::new(bytes)
}

/// 4,000 households with one line of three boxes each, all paid.
fn full() -> (Community, GroupBuyId) {
    let mut community = Community::new();
    community.reload = false;
    let buy = community.opens(&filing("t"));
    let households: Vec<u32> = (0..GROUP_BUY_LINES_MAX).collect();
    for batch in households.chunks(1000) {
        let orders = batch.iter().map(|i| order(&format!("o{i}"), tag(*i), &[(0, 3)])).collect();
        let action = community.order_action(buy, orders);
        let signed = community.says(LEADER, action);
        assert!(signed.bytes().len() <= TRANSACTION_BYTES_MAX, "a batch of 1,000 orders fits");
        assert!(community.block(&[signed]).is_empty());
    }
    let share = |i: &u32| Share { household: tag(*i), amount: yuan("63.00") };
    for (i, batch) in households.chunks(200).enumerate() {
        let record = PaymentRecord {
            number: name(&format!("wx-{i}")),
            channel: WECHAT,
            paid_at: second(1),
            shares: list(batch.iter().map(share).collect()),
        };
        community.records(buy, &record);
        community.does(PROPERTY, Community::confirm(buy, &record));
    }
    (community, buy)
}

#[test]
fn a_full_group_buy_that_fell_short_everywhere_goes_through_every_step() {
    let (mut community, buy) = full();
    assert_eq!(community.custody(), yuan("252000.00"));
    community.wait_until(CONFIRM_BY);
    assert_eq!(community.phase(buy), Phase::Formed);
    community.purchases(buy);
    // Every household gets two of three boxes: the goods note books for each of them.
    community.receives(buy, &[(0, 8000)]);
    assert_eq!(community.phase(buy), Phase::Received);
    assert_eq!(community.waiting_households(buy), GROUP_BUY_LINES_MAX);
    community.wait(AUTO_DELIVERY);
    assert_eq!(community.phase(buy), Phase::Delivered);
    assert_eq!(community.buy(buy).fee(FeePart::Leader), yuan("8000.00"));
    community.wait(AFTER_SALE);
    community.settles(buy);
    community.wait(UNCLAIMED);
    assert!(community.is_closed(buy));
    assert_eq!(community.custody(), yuan("252000.00"));
    assert!(community.disk.keys().all(|key| key[0] != 2));
}

#[test]
fn a_full_group_buy_can_be_cancelled() {
    let (mut community, buy) = full();
    community.moves(PROPERTY, COMMITTEE, &Movement::Cancel { group_buy: buy });
    assert_eq!(community.phase(buy), Phase::Cancelled);
    assert_eq!(community.held(buy, AccountId::Refund(tag(3999))), yuan("63.00"));
    community.restart();
}

#[test]
fn a_full_group_buy_can_fail_and_the_block_after_goes_on() {
    let (mut community, buy) = full();
    let mut dear = filing("dear");
    dear.minimum.amount = Fen::new(u64::MAX);
    let other = community.opens(&dear);
    community.households_order(other, &[(1, 0, 1)]);
    // Both fall due together; what does not fit into the first block is done in the next.
    community.wait_until(CONFIRM_BY);
    assert_eq!(community.phase(buy), Phase::Formed);
    assert_eq!(community.phase(other), Phase::Failed);
}

#[test]
fn counting_what_a_household_takes_elsewhere_is_work() {
    let mut community = Community::new();
    community.reload = false;
    let mut filing = filing("t");
    let mut offer = tangerines();
    offer.cap = Some(1_000_000);
    filing.offers = list(vec![offer]);
    let buy = community.opens(&filing);
    for batch in 0..10 {
        let orders =
            (0..100).map(|i| order(&format!("o{batch}-{i}"), household(1), &[(0, 1)])).collect();
        let action = community.order_action(buy, orders);
        let signed = community.says(LEADER, action);
        // A batch is refused as soon as it has looked at more lines than a block allows.
        let refused = community.block(&[signed]);
        if let Some((_, refusal)) = refused.first() {
            assert_eq!(refusal.number(), 109);
            assert!(batch > 0, "a hundred orders of one household in one batch are no trouble");
            return;
        }
    }
    panic!("a thousand orders of one household never became too much work");
}

#[test]
fn a_leader_s_batch_of_a_thousand_lines_fits_into_a_transaction() {
    let mut community = Community::new();
    let buy = community.opens(&filing("t"));
    let action = community.order_action(buy, vec![order("o1", household(1), &vec![(0, 1); 1000])]);
    let signed = community.says(LEADER, action);
    assert!(signed.bytes().len() <= TRANSACTION_BYTES_MAX);
    assert!(community.block(&[signed]).is_empty());
}
