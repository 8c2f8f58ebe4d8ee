//! Many signatures at once, by the few leaders of a community and by as many signers as signatures.

use benches::verification::{BATCH, batch};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ledger_core::crypto::verify_batch;
use std::hint::black_box;

fn signature_batch(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("signature_batch");
    group.throughput(Throughput::Elements(BATCH as u64));
    for signers in [16, BATCH] {
        let items = batch(BATCH, signers);
        group.bench_function(format!("signatures={BATCH}/signers={signers}"), |bencher| {
            bencher.iter(|| {
                let valid = verify_batch(black_box(&items), &[7; 32]);
                assert!(valid.iter().all(|valid| *valid));
            });
        });
    }
    // One bad signature makes the batch fall apart into halves until it stands alone.
    let mut items = batch(BATCH, BATCH);
    items[BATCH / 3].message.push(0);
    group.bench_function(format!("signatures={BATCH}/signers={BATCH}/bad=1"), |bencher| {
        bencher.iter(|| {
            let valid = verify_batch(black_box(&items), &[7; 32]);
            assert_eq!(valid.iter().position(|valid| !*valid), Some(BATCH / 3));
        });
    });
    group.finish();
}

criterion_group!(benches, signature_batch);
criterion_main!(benches);
