//! Executing a block: rules, books, log and state root; what every node does with each block.

use benches::{ledger::Ledger, orders::Mix};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

fn execute(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("execute");
    // A block of single orders by many leaders and by the few of one community; a block of batches.
    for (name, signers, mix, transactions) in [
        ("orders=1000/signers=500", 500, Mix::SINGLE, 1_000),
        ("orders=1000/signers=16", 16, Mix::SINGLE, 1_000),
        ("batches=8/lines=8000", 16, Mix::BATCH, 8),
    ] {
        // The books are half full, as they are in the middle of a day.
        let before = 2 * transactions;
        let (mut ledger, _) = Ledger::open(signers, mix, before + transactions).expect("opens");
        ledger.records(2, transactions).expect("valid");
        let block = ledger.transactions(transactions).expect("valid");
        group.throughput(Throughput::Elements((transactions * mix.order_lines()) as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let executed = ledger.execute(black_box(&block)).expect("valid");
                assert_eq!(executed.entries.len(), transactions);
                executed
            });
        });
    }
    group.finish();
}

criterion_group!(benches, execute);
criterion_main!(benches);
