//! Digests, keys and signatures.
//!
//! Every digest and signature carries a [`Domain`], so that bytes made for one purpose never pass for
//! another. Transactions are verified by the ZIP-215 rules, alone or in batches with the same answer;
//! votes and checkpoints by RFC 8032 with the strict checks that any library makes.
//!
//! Source: DESIGN D6, D7; docs/wire-format.md section 2.

mod batch;
mod digest;
mod key;

pub use batch::{BatchItem, verify_batch};
pub use digest::{BlockHash, ChainId, Digest, Domain, EntryHash, FoundingId, TransactionId};
pub use key::{
    KeyError, KeyFileError, KeyPurpose, PublicKey, SecretKey, Signature, decrypt_key_file,
    encrypt_key_file, plain_key_file, read_plain_key_file,
};
