//! The commitment to the books after a block that touched some records of a group buy with many.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ledger_core::{
    codec::List,
    crypto::Digest,
    fund::{Cover, Order, OrderLine},
    merkle::Table,
    types::{HouseholdTag, OrderNo, Quantity},
};
use std::hint::black_box;

/// Orders of a full group buy.
const RECORDS: u32 = 4_000;

fn name(number: u32) -> OrderNo {
    format!("o{number}").parse().expect("a short name")
}

fn order(number: u32, version: u32) -> Order {
    let line =
        OrderLine { offer: 0, quantity: Quantity::new(1 + version), allocated: Quantity::ZERO };
    let mut tag = [1; 16];
    tag[..4].copy_from_slice(&number.to_le_bytes());
    Order {
        household: HouseholdTag::new(tag),
        version,
        delivery_code: Some(Digest::default()),
        lines: List::new(vec![line, line]).expect("two lines"),
        cover: Cover::Open,
    }
}

fn state_root(criterion: &mut Criterion) {
    let mut orders: Table<OrderNo, Order> = Table::default();
    for number in 0..RECORDS {
        orders.insert(name(number), order(number, 1));
    }
    let before = orders.commit(&[0], &mut Vec::new());
    let mut group = criterion.benchmark_group("state_root");
    for touched in [1, 100, 1_000] {
        group.throughput(Throughput::Elements(touched.into()));
        group.bench_function(format!("records={RECORDS}/touched={touched}"), |bencher| {
            let change = || {
                let mut orders = orders.clone();
                for i in 0..touched {
                    let number = i * (RECORDS / touched);
                    orders.insert(name(number), order(number, 2));
                }
                orders
            };
            let commit = |mut orders: Table<OrderNo, Order>| {
                let mut writes = Vec::new();
                let root = orders.commit(&[0], &mut writes);
                assert_ne!(black_box(root), before);
                assert!(writes.len() >= touched as usize);
                orders
            };
            bencher.iter_batched(change, commit, BatchSize::SmallInput);
        });
    }
    group.finish();
}

criterion_group!(benches, state_root);
criterion_main!(benches);
