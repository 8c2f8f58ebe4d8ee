//! The log of all entries: appending to it, proving from it, checking proofs.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ledger_core::{
    crypto::Digest,
    merkle::{
        Frontier, NodeAt, consistency_proof, entry_hash, inclusion_proof, verify_consistency,
        verify_inclusion,
    },
};
use std::{collections::BTreeMap, convert::Infallible, hint::black_box};

const APPENDED: u32 = 1_000;
/// Size of the log that proofs are made from: no power of two, so that paths are as uneven as they get.
const SIZE: u64 = 1_000_003;

/// A log and its stored nodes.
fn grown() -> (Frontier, BTreeMap<NodeAt, Digest>) {
    let mut log = Frontier::default();
    let mut nodes = BTreeMap::new();
    for i in 0..SIZE {
        nodes.extend(
            log.append(entry_hash(&i.to_le_bytes())).iter().map(|node| (node.at, node.hash)),
        );
    }
    (log, nodes)
}

fn append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("log/append");
    group.throughput(Throughput::Elements(APPENDED.into()));
    let leaves: Vec<_> = (0..APPENDED).map(|i| entry_hash(&i.to_le_bytes())).collect();
    group.bench_function(format!("entries={APPENDED}"), |bencher| {
        let append = |mut log: Frontier| {
            for leaf in &leaves {
                black_box(log.append(*leaf));
            }
            assert_eq!(log.size(), u64::from(APPENDED));
            log.root()
        };
        bencher.iter_batched(Frontier::default, append, BatchSize::SmallInput);
    });
    group.finish();
}

fn proofs(criterion: &mut Criterion) {
    let (log, nodes) = grown();
    let node = |at: NodeAt| Ok::<_, Infallible>(nodes[&at]);
    let root = log.root();
    let (index, old_size) = (SIZE / 3, SIZE / 2 + 7);
    let entry = index.to_le_bytes();
    let mut old = Frontier::default();
    for i in 0..old_size {
        old.append(entry_hash(&i.to_le_bytes()));
    }
    let old_root = old.root();

    let mut group = criterion.benchmark_group("log/proof");
    group.bench_function(format!("inclusion/size={SIZE}"), |bencher| {
        bencher.iter(|| inclusion_proof(node, black_box(index), SIZE));
    });
    group.bench_function(format!("consistency/size={SIZE}"), |bencher| {
        bencher.iter(|| consistency_proof(node, black_box(old_size), SIZE));
    });
    group.finish();

    let Ok(path) = inclusion_proof(node, index, SIZE);
    let Ok(steps) = consistency_proof(node, old_size, SIZE);
    let mut group = criterion.benchmark_group("log/verify");
    group.bench_function(format!("inclusion/size={SIZE}"), |bencher| {
        bencher.iter(|| assert!(verify_inclusion(black_box(&entry), index, SIZE, &root, &path)));
    });
    group.bench_function(format!("consistency/size={SIZE}"), |bencher| {
        let (old, new) = ((old_size, &old_root), (SIZE, &root));
        bencher.iter(|| assert!(verify_consistency(black_box(old), new, &steps)));
    });
    group.finish();
}

criterion_group!(benches, append, proofs);
criterion_main!(benches);
