//! An auditor's way through a chain in memory: every signature, every rule, every root.
//!
//! Elements a second on one thread; compare with `signature_batch`, below which no audit can come.

use benches::{ledger::Ledger, orders::Mix};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ledger_core::{
    audit::{Auditor, Verdict, read_records},
    codec::encode,
};
use std::hint::black_box;

const BLOCKS: usize = 8;
const ORDERS: usize = 1_000;

fn audit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("audit");
    group.sample_size(10);
    for signers in [16, 500] {
        let (mut ledger, opening) =
            Ledger::open(signers, Mix::SINGLE, BLOCKS * ORDERS).expect("opens");
        let mut records: Vec<_> = opening.iter().map(encode).collect();
        records.extend(ledger.records(BLOCKS, ORDERS).expect("valid"));
        let entries = ledger.state.log().size();
        group.throughput(Throughput::Elements(entries));
        let (genesis, _) = ledger.genesis.initial_state();
        group.bench_function(format!("entries={entries}/signers={signers}"), |bencher| {
            bencher.iter(|| {
                let mut auditor = Auditor::new(genesis.clone(), [7; 32], None);
                for read in read_records(&auditor.keys().clone(), black_box(&records), &[7; 32]) {
                    auditor.take(read);
                }
                let report = auditor.finish();
                assert_eq!((report.verdict, report.entries), (Verdict::Intact, entries));
            });
        });
    }
    group.finish();
}

criterion_group!(benches, audit);
criterion_main!(benches);
