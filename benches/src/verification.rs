//! How many signatures one core verifies in batches: what DESIGN section 5 bounds a cluster by.

use ledger_core::crypto::{BatchItem, ChainId, Domain, SecretKey, verify_batch};
use std::{
    fs,
    time::{Duration, Instant},
};

/// Signatures in a batch, as many as a node sends to be checked at once.
pub const BATCH: usize = 1_024;
/// Long enough to even out what the machine does beside it.
const MEASURED: Duration = Duration::from_secs(2);

/// A batch of valid signatures by so many signers in turn.
#[must_use]
pub fn batch(signatures: usize, signers: usize) -> Vec<BatchItem> {
    let chain = ChainId::new([1; 32]);
    let item = |i: usize| {
        let mut seed = [9; 32];
        seed[..8].copy_from_slice(&((i % signers.max(1)) as u64).to_le_bytes());
        let key = SecretKey::from_seed(&seed);
        // What is signed is an id, so 32 bytes.
        let id = Domain::Transaction.digest(&[&i.to_le_bytes()]);
        BatchItem {
            key: key.public_key(),
            message: Domain::TransactionSignature.signing_bytes(chain.as_bytes(), id.as_bytes()),
            signature: key.sign(Domain::TransactionSignature, &chain, id.as_bytes()),
        }
    };
    (0..signatures).map(item).collect()
}

/// Verifications a second on one core, in batches of [`BATCH`] by so many signers.
///
/// Counts the time for which this thread had a core, where the system tells it: what else runs on the
/// machine must not make the bound smaller and the ratio to it larger.
///
/// # Panics
/// If a good signature does not verify.
#[must_use]
pub fn per_second(signers: usize) -> f64 {
    let batch = batch(BATCH, signers);
    let (started, begun_on_core) = (Instant::now(), time_on_core());
    let mut verified = 0.0;
    while started.elapsed() < MEASURED {
        let valid = verify_batch(&batch, &[7; 32]);
        assert!(valid.iter().all(|valid| *valid), "good signatures verify");
        verified += BATCH as f64;
    }
    let elapsed = started.elapsed();
    let on_core = time_on_core().zip(begun_on_core).map(|(end, begin)| end.saturating_sub(begin));
    verified / on_core.filter(|time| !time.is_zero()).unwrap_or(elapsed).as_secs_f64()
}

/// For how long this thread has run, in Linux's own count.
fn time_on_core() -> Option<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(text.split_whitespace().next()?.parse().ok()?))
}
