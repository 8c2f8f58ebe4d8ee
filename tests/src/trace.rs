//! The fingerprint of a run: a hash over everything that happened, in order.

use crate::clock::Micros;
use sha2::{Digest as _, Sha256};

/// Hashes events as they happen.
#[derive(Debug, Default)]
pub struct Trace {
    hasher: Sha256,
    events: u64,
}

impl Trace {
    /// Takes one event in.
    pub fn note(&mut self, at: Micros, what: &str, machine: usize, bytes: &[u8]) {
        self.events += 1;
        self.hasher.update(at.to_le_bytes());
        self.hasher.update([u8::try_from(what.len()).unwrap_or(u8::MAX)]);
        self.hasher.update(what.as_bytes());
        self.hasher.update((machine as u64).to_le_bytes());
        self.hasher.update((bytes.len() as u64).to_le_bytes());
        self.hasher.update(bytes);
    }

    /// How many events there were.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The hash so far.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        self.hasher.clone().finalize().into()
    }
}
