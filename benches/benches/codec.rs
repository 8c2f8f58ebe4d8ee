//! Reading and writing canonical bytes: what a node does with each transaction that arrives.

use benches::{ledger::Ledger, orders::Mix};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ledger_core::{codec::encode, transaction::ReceivedTransaction};
use std::hint::black_box;

fn codec(criterion: &mut Criterion) {
    for (name, mix, lines) in [("single", Mix::SINGLE, 1), ("batch", Mix::BATCH, 1_000)] {
        let (mut ledger, _) = Ledger::open(1, mix, 1).expect("opens");
        let transaction = ledger.transactions(1).expect("valid").remove(0);
        let bytes = transaction.bytes().to_vec();
        let mut group = criterion.benchmark_group("codec");
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(format!("decode/{name}/lines={lines}"), |bencher| {
            bencher.iter(|| {
                let read = ReceivedTransaction::decode(black_box(&bytes));
                assert!(read.is_ok_and(|read| read.id() == transaction.id()));
            });
        });
        group.bench_function(format!("encode/{name}/lines={lines}"), |bencher| {
            bencher.iter(|| assert_eq!(encode(black_box(transaction.signed())).len(), bytes.len()));
        });
        group.finish();
    }
}

criterion_group!(benches, codec);
criterion_main!(benches);
