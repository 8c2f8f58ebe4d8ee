//! The most expensive blocks that the bounds allow, each beside as many single orders: proposals, which are
//! rehearsed; proposals that lapse together; transactions that a proposer refuses; a goods note of 4,000
//! households.

#[path = "../../ledger-core/tests/support/mod.rs"]
mod support;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ledger_core::{
    fund::{Action, GROUP_BUY_LINES_MAX, Movement, PaymentRecord, Share},
    ledger::{Executed, OnRefusal, Proposed, State, execute},
    transaction::VerifiedTransaction,
    types::{DurationMs, HouseholdTag, Round, TimestampMs, ValidatorIndex},
};
use std::hint::black_box;
use support::*;

/// Transactions in a block: what one organisation may propose at once.
const COUNT: usize = 1_000;

/// A block, ready to be executed.
struct Block {
    before: State,
    history: History,
    time: TimestampMs,
    transactions: Vec<VerifiedTransaction>,
    on_refusal: OnRefusal,
}

impl Block {
    fn of(community: Community, transactions: Vec<VerifiedTransaction>) -> Self {
        Self {
            time: community.now.after(DurationMs::new(10)),
            before: community.state,
            history: community.history,
            transactions,
            on_refusal: OnRefusal::Fail,
        }
    }

    fn execute(&self) -> Executed {
        let proposed = Proposed::new(self.time, ValidatorIndex::ZERO, Round::ZERO);
        let (before, transactions) = (self.before.clone(), black_box(&self.transactions));
        execute(before, &self.history, proposed, &[], transactions, self.on_refusal)
            .expect("a valid block")
    }
}

fn community() -> Community {
    let mut community = Community::new();
    // The state need not be loaded anew after each block.
    community.reload = false;
    community
}

fn tag(number: u32) -> HouseholdTag {
    let mut bytes = [7; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    HouseholdTag::new(bytes)
}

fn numbers() -> std::ops::Range<u32> {
    0..u32::try_from(COUNT).expect("is small")
}

fn single_orders() -> Block {
    let mut community = community();
    let buy = community.opens(&filing("t"));
    let orders = numbers().map(|i| {
        let action = community.order_action(buy, vec![order(&format!("o{i}"), tag(i), &[(0, 3)])]);
        community.says(LEADER, action)
    });
    let orders = orders.collect();
    Block::of(community, orders)
}

fn gift(number: u32) -> Action {
    let receipt = receipt(WECHAT, &format!("gift-{number}"), yuan("1.00"));
    Action::Propose(Movement::GiveReserve { purpose: name("elders"), receipt })
}

fn proposals() -> Block {
    let mut community = community();
    let proposals = numbers().map(|i| community.says(PROPERTY, gift(i))).collect();
    Block::of(community, proposals)
}

fn lapses() -> Block {
    let mut community = community();
    let proposals: Vec<_> = numbers().map(|i| community.says(PROPERTY, gift(i))).collect();
    assert!(community.block(&proposals).is_empty(), "every proposal is taken in");
    let mut block = Block::of(community, Vec::new());
    block.time = block.time.after(DurationMs::new(PROPOSAL_WAIT));
    block
}

fn refusals() -> Block {
    let mut community = community();
    let buy = community.opens(&filing("t"));
    // Every second one names an offer that is not there.
    let orders = numbers().map(|i| {
        let offer = if i % 2 == 0 { 0 } else { 9 };
        let orders = vec![order(&format!("o{i}"), tag(i), &[(offer, 3)])];
        let action = community.order_action(buy, orders);
        community.says(LEADER, action)
    });
    let orders = orders.collect();
    let mut block = Block::of(community, orders);
    block.on_refusal = OnRefusal::LeaveOut;
    block
}

/// 4,000 households that have paid, and the second signature of the note of their goods.
fn goods_note() -> Block {
    let mut community = community();
    let buy = community.opens(&filing("t"));
    let households: Vec<u32> = (0..GROUP_BUY_LINES_MAX).collect();
    for batch in households.chunks(1_000) {
        let orders = batch.iter().map(|i| order(&format!("o{i}"), tag(*i), &[(0, 3)])).collect();
        community.orders(buy, orders);
    }
    for (i, batch) in households.chunks(200).enumerate() {
        let share = |i: &u32| Share { household: tag(*i), amount: yuan("63.00") };
        let record = PaymentRecord {
            number: name(&format!("wx-{i}")),
            channel: WECHAT,
            paid_at: second(1),
            shares: list(batch.iter().map(share).collect()),
        };
        community.records(buy, &record);
        community.does(PROPERTY, Community::confirm(buy, &record));
    }
    community.wait_until(CONFIRM_BY);
    community.purchases(buy);
    let accepted = [(0, 2 * u64::from(GROUP_BUY_LINES_MAX))];
    community.does(LEADER, Action::SignGoodsNote(note(buy, &accepted)));
    let second = community.says(FARM, Action::SignGoodsNote(note(buy, &accepted)));
    Block::of(community, vec![second])
}

fn worst_block(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("worst_block");
    group.sample_size(20);
    let households = GROUP_BUY_LINES_MAX as usize;
    for (name, block, units, entries) in [
        ("single_orders=1000", single_orders(), COUNT, COUNT),
        ("proposals=1000", proposals(), COUNT, COUNT),
        ("lapses=1000", lapses(), COUNT, COUNT),
        ("refusals=500/of=1000", refusals(), COUNT, COUNT / 2),
        ("note/households=4000", goods_note(), households, 1),
    ] {
        group.throughput(Throughput::Elements(units as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let executed = block.execute();
                assert_eq!(executed.entries.len(), entries);
                executed
            });
        });
    }
    group.finish();
}

criterion_group!(benches, worst_block);
criterion_main!(benches);
