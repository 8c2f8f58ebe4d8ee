//! Many transaction signatures at once.

use super::{
    digest::Domain,
    key::{PublicKey, Signature},
};
use chacha20::{ChaCha20Rng, rand_core::SeedableRng as _};

/// One signature to verify.
#[derive(Debug, Clone)]
pub struct BatchItem {
    /// Who should have signed.
    pub key: PublicKey,
    /// The bytes that were signed, domain tag and chain included.
    pub message: Vec<u8>,
    /// The signature.
    pub signature: Signature,
}

/// Below this size single verifications find the bad ones as fast as further halving.
const BISECT_UNTIL: usize = 4;

/// Verifies signatures by ZIP-215; the answer for each item is that of
/// [`PublicKey::verify_zip215`] alone.
///
/// `entropy` should be fresh random bytes: the batch coefficients come from it and from everything in
/// the batch, since a sender who could predict them could make two bad signatures cancel. The answer
/// does not depend on it otherwise. A failing batch is halved until the bad items stand alone.
#[must_use]
pub fn verify_batch(items: &[BatchItem], entropy: &[u8; 32]) -> Vec<bool> {
    let mut valid = vec![true; items.len()];
    bisect(items, entropy, &mut valid);
    valid
}

fn bisect(items: &[BatchItem], entropy: &[u8; 32], valid: &mut [bool]) {
    if items.len() <= BISECT_UNTIL {
        for (item, valid) in items.iter().zip(valid) {
            *valid = item.key.verify_zip215(&item.message, &item.signature);
        }
    } else if !all_valid(items, entropy) {
        let half = items.len() / 2;
        let (left, right) = valid.split_at_mut(half);
        bisect(&items[..half], entropy, left);
        bisect(&items[half..], entropy, right);
    }
}

fn all_valid(items: &[BatchItem], entropy: &[u8; 32]) -> bool {
    use sha2::Digest as _;
    let mut seed = Domain::Batch.hasher();
    seed.update(entropy);
    let mut verifier = ed25519_zebra::batch::Verifier::new();
    for item in items {
        seed.update(item.key.as_bytes());
        seed.update(item.signature.as_bytes());
        seed.update((item.message.len() as u64).to_le_bytes());
        seed.update(&item.message);
        verifier.queue((item.key.to_zebra(), item.signature.to_zebra(), item.message.as_slice()));
    }
    verifier.verify(ChaCha20Rng::from_seed(seed.finalize().into())).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{ChainId, SecretKey};

    #[test]
    fn a_batch_answers_for_each_item_as_the_item_alone() {
        let chain = ChainId::new([3; 32]);
        let items: Vec<_> = (0..64u8)
            .map(|i| {
                let key = SecretKey::from_seed(&[i % 5; 32]);
                let signed = if i % 13 == 0 { [0xee; 1] } else { [i; 1] };
                BatchItem {
                    key: key.public_key(),
                    message: Domain::Transaction.signing_bytes(chain.as_bytes(), &[i]),
                    signature: key.sign(Domain::Transaction, &chain, &signed),
                }
            })
            .collect();
        let alone: Vec<_> =
            items.iter().map(|i| i.key.verify_zip215(&i.message, &i.signature)).collect();
        assert_eq!(alone.iter().filter(|valid| !**valid).count(), 5);
        assert_eq!(verify_batch(&items, &[0; 32]), alone);
        assert_eq!(verify_batch(&items, &[1; 32]), alone);
        assert_eq!(verify_batch(&items[..3], &[1; 32]), alone[..3]);
    }
}
