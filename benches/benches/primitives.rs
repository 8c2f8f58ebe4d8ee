//! What a block is made of: signatures, leaves of the log. `name/unit=count`; each checks its result.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ledger_core::{
    crypto::{BatchItem, ChainId, Domain, SecretKey, verify_batch},
    merkle::{Frontier, entry_hash},
};
use std::hint::black_box;

const SIGNATURES: u32 = 1_024;
const ENTRIES: u32 = 1_000;

fn items(signers: u32) -> Vec<BatchItem> {
    let chain = ChainId::new([1; 32]);
    (0..SIGNATURES)
        .map(|i| {
            let mut seed = [0; 32];
            seed[..4].copy_from_slice(&(i % signers).to_le_bytes());
            let key = SecretKey::from_seed(&seed);
            let text = i.to_le_bytes();
            BatchItem {
                key: key.public_key(),
                message: Domain::TransactionSignature.signing_bytes(chain.as_bytes(), &text),
                signature: key.sign(Domain::TransactionSignature, &chain, &text),
            }
        })
        .collect()
}

fn signatures(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("verify_batch");
    group.throughput(Throughput::Elements(SIGNATURES.into()));
    for signers in [16, SIGNATURES] {
        let items = items(signers);
        group.bench_function(format!("signatures={SIGNATURES}/signers={signers}"), |bencher| {
            bencher.iter(|| {
                let valid = verify_batch(black_box(&items), &[7; 32]);
                assert!(valid.iter().all(|valid| *valid));
            });
        });
    }
    group.finish();
}

fn log(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("log_append");
    group.throughput(Throughput::Elements(ENTRIES.into()));
    let leaves: Vec<_> = (0..ENTRIES).map(|i| entry_hash(&i.to_le_bytes())).collect();
    group.bench_function(format!("entries={ENTRIES}"), |bencher| {
        let append = |mut log: Frontier| {
            for leaf in &leaves {
                black_box(log.append(*leaf));
            }
            assert_eq!(log.size(), u64::from(ENTRIES));
            log.root()
        };
        bencher.iter_batched(Frontier::default, append, BatchSize::SmallInput);
    });
    group.finish();
}

criterion_group!(benches, signatures, log);
criterion_main!(benches);
