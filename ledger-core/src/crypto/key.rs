//! Ed25519 keys: admission, signing, key files.

use super::digest::{ChainId, Domain, FoundingId};
use crate::{
    codec::{Decode, Encode, led_by},
    types::hex_text,
};
use ed25519_dalek::{
    Signer as _,
    pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _},
};
use zeroize::Zeroizing;

/// The algorithm of every key and signature today. Their encodings begin with its number, so that a reader without
/// the registry finds the end of a signature, and books outlive the algorithm: 2, 3 and 4 are kept for
/// ML-DSA-44, ML-DSA-65 and SM2.
///
/// Source: docs/wire-format.md section 2.
const ED25519: u8 = 1;

/// An Ed25519 public key as it stands in the registry. Holding one does not mean that it was admitted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublicKey([u8; 32]);

hex_text!(PublicKey, 32);

/// An Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signature([u8; 64]);

hex_text!(Signature, 64);
led_by!(ED25519, PublicKey(32), Signature(64));

/// What a key may sign. A key is proven for one purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum KeyPurpose {
    /// Transactions of a member.
    Member,
    /// Proposals, votes and checkpoints of a validator.
    Validator,
    /// The transport of a node.
    Transport,
}

/// Why a key is not admitted.
///
/// Blame: whoever registers the key.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
pub enum KeyError {
    /// The bytes are not the one encoding of a point on the curve.
    #[error("key {0} is not the canonical encoding of a curve point")]
    NotCanonical(PublicKey),
    /// The key has small order: anybody can make signatures for it.
    #[error("key {0} is weak")]
    Weak(PublicKey),
    /// The key has a torsion component: verifiers could disagree about its signatures.
    #[error("key {0} is not in the prime-order group")]
    Torsion(PublicKey),
    /// The signature that proves possession is wrong.
    #[error("the proof of possession of key {0} does not verify")]
    BadProof(PublicKey),
}

impl PublicKey {
    /// Wraps the 32 bytes of a key.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes of the key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Checks all that admission asks of a key and of the proof that its owner wants it.
    ///
    /// # Errors
    /// [`KeyError`], in the order of its variants.
    pub fn check_admissible(
        &self,
        founding: &FoundingId,
        member: &str,
        purpose: KeyPurpose,
        proof: &Signature,
    ) -> Result<(), KeyError> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(&self.0)
            .map_err(|_| KeyError::NotCanonical(*self))?;
        let point = key.to_edwards();
        if point.compress().to_bytes() != self.0 {
            return Err(KeyError::NotCanonical(*self));
        }
        if key.is_weak() {
            return Err(KeyError::Weak(*self));
        }
        if !point.is_torsion_free() {
            return Err(KeyError::Torsion(*self));
        }
        let message = proof_message(member, purpose, self);
        if !self
            .verify_strict(&Domain::KeyProof.signing_bytes(founding.as_bytes(), &message), proof)
        {
            return Err(KeyError::BadProof(*self));
        }
        Ok(())
    }

    /// Whether this key signed what its owner contributes to a founding.
    #[must_use]
    pub fn verify_contribution(
        &self,
        founding: &FoundingId,
        message: &[u8],
        signature: &Signature,
    ) -> bool {
        let bytes = Domain::Contribution.signing_bytes(founding.as_bytes(), message);
        self.verify_strict(&bytes, signature)
    }

    /// Verifies as any ordinary library does (RFC 8032, no weak keys, canonical encodings).
    #[must_use]
    pub fn verify_strict(&self, message: &[u8], signature: &Signature) -> bool {
        ed25519_dalek::VerifyingKey::from_bytes(&self.0).is_ok_and(|key| {
            let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
            key.verify_strict(message, &signature).is_ok()
        })
    }

    /// Verifies by ZIP-215, with the same answer as [`verify_batch`](super::verify_batch).
    #[must_use]
    pub fn verify_zip215(&self, message: &[u8], signature: &Signature) -> bool {
        ed25519_zebra::VerificationKey::try_from(self.0)
            .is_ok_and(|key| key.verify(&signature.to_zebra(), message).is_ok())
    }

    pub(super) fn to_zebra(self) -> ed25519_zebra::VerificationKeyBytes {
        self.0.into()
    }
}

impl Signature {
    /// Bytes of its encoding, with the number of the algorithm.
    pub const ENCODED_BYTES: usize = 65;

    /// Wraps the 64 bytes of a signature.
    #[must_use]
    pub const fn new(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The 64 bytes of the signature.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }

    pub(super) fn to_zebra(self) -> ed25519_zebra::Signature {
        self.0.into()
    }
}

/// What the owner of a key signs to have it admitted.
fn proof_message(member: &str, purpose: KeyPurpose, key: &PublicKey) -> Vec<u8> {
    crate::codec::encode(&(member.to_owned(), purpose, *key))
}

/// An Ed25519 private key; wiped from memory when dropped.
#[derive(Clone)]
pub struct SecretKey(ed25519_dalek::SigningKey);

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretKey(of {})", self.public_key())
    }
}

impl SecretKey {
    /// The key made from 32 random bytes.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The 32 bytes that the key was made from.
    #[must_use]
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs a message of this chain.
    #[must_use]
    pub fn sign(&self, domain: Domain, chain: &ChainId, message: &[u8]) -> Signature {
        self.sign_bytes(&domain.signing_bytes(chain.as_bytes(), message))
    }

    /// The proof that [`PublicKey::check_admissible`] asks for.
    #[must_use]
    pub fn prove(&self, founding: &FoundingId, member: &str, purpose: KeyPurpose) -> Signature {
        let message = proof_message(member, purpose, &self.public_key());
        self.sign_bytes(&Domain::KeyProof.signing_bytes(founding.as_bytes(), &message))
    }

    /// Signs what the key's owner contributes to a founding.
    #[must_use]
    pub fn sign_contribution(&self, founding: &FoundingId, message: &[u8]) -> Signature {
        self.sign_bytes(&Domain::Contribution.signing_bytes(founding.as_bytes(), message))
    }

    fn sign_bytes(&self, bytes: &[u8]) -> Signature {
        Signature(self.0.sign(bytes).to_bytes())
    }
}

/// Why a key file cannot be used.
///
/// Blame: the operator.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum KeyFileError {
    /// Not PKCS#8 PEM, or the passphrase is wrong.
    #[error("the key file cannot be decrypted: wrong passphrase, or not an Ed25519 PKCS#8 key")]
    Undecryptable,
    /// Not plain PKCS#8 PEM of an Ed25519 key.
    #[error("the key file is not a plain Ed25519 PKCS#8 key")]
    Unreadable,
    /// Encryption failed.
    #[error("the key cannot be encrypted: {0}")]
    Encrypt(String),
}

/// Writes a key as encrypted PKCS#8 v1 PEM (scrypt with N = 2^14, AES-256-CBC), which OpenSSL reads.
///
/// `salt` and `iv` must be random.
///
/// # Errors
/// [`KeyFileError::Encrypt`] if the library refuses the parameters.
pub fn encrypt_key_file(
    key: &SecretKey,
    passphrase: &[u8],
    salt: [u8; 16],
    iv: [u8; 16],
) -> Result<Zeroizing<String>, KeyFileError> {
    use pkcs8::pkcs5::{pbes2, scrypt};
    let failed = |error: &dyn std::fmt::Display| KeyFileError::Encrypt(error.to_string());
    let bytes =
        ed25519_dalek::pkcs8::KeypairBytes { secret_key: key.0.to_bytes(), public_key: None };
    let document = bytes.to_pkcs8_der().map_err(|e| failed(&e))?;
    let info = pkcs8::PrivateKeyInfoRef::try_from(document.as_bytes()).map_err(|e| failed(&e))?;
    let cost = scrypt::Params::new(14, 8, 1).map_err(|e| failed(&e))?;
    let parameters =
        pbes2::Parameters::generate_scrypt_aes256cbc(cost, &salt, iv).map_err(|e| failed(&e))?;
    let encrypted = info.encrypt_with_params(parameters, passphrase).map_err(|e| failed(&e))?;
    encrypted.to_pem("ENCRYPTED PRIVATE KEY", pkcs8::LineEnding::LF).map_err(|e| failed(&e))
}

/// Writes a key as plain PKCS#8 v1 PEM, for a node that starts unattended. The file must be readable by
/// its owner only.
///
/// # Errors
/// [`KeyFileError::Encrypt`] if the library refuses.
pub fn plain_key_file(key: &SecretKey) -> Result<Zeroizing<String>, KeyFileError> {
    let bytes =
        ed25519_dalek::pkcs8::KeypairBytes { secret_key: key.0.to_bytes(), public_key: None };
    bytes
        .to_pkcs8_pem(pkcs8::LineEnding::LF)
        .map_err(|error| KeyFileError::Encrypt(error.to_string()))
}

/// Reads a key file made by [`plain_key_file`] or `openssl genpkey -algorithm ed25519`.
///
/// # Errors
/// [`KeyFileError::Unreadable`].
pub fn read_plain_key_file(pem: &str) -> Result<SecretKey, KeyFileError> {
    ed25519_dalek::SigningKey::from_pkcs8_pem(pem)
        .map(SecretKey)
        .map_err(|_| KeyFileError::Unreadable)
}

/// Reads a key file made by [`encrypt_key_file`] or `openssl genpkey -algorithm ed25519 -aes256`.
///
/// # Errors
/// [`KeyFileError::Undecryptable`].
pub fn decrypt_key_file(pem: &str, passphrase: &[u8]) -> Result<SecretKey, KeyFileError> {
    ed25519_dalek::SigningKey::from_pkcs8_encrypted_pem(pem, passphrase)
        .map(SecretKey)
        .map_err(|_| KeyFileError::Undecryptable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_signatures_say_their_algorithm() {
        use crate::codec::{decode, encode};
        let key = SecretKey::from_seed(&[7; 32]);
        let public = key.public_key();
        let bytes = encode(&public);
        assert_eq!((bytes[0], bytes.len()), (1, 33));
        assert_eq!(decode(&bytes), Ok(public));
        let signature = key.sign_bytes(b"x");
        let signed = encode(&signature);
        assert_eq!((signed[0], signed.len()), (1, Signature::ENCODED_BYTES));
        // ML-DSA-44 has a number, and nobody who could verify it yet.
        let other = [&[2], &bytes[1..]].concat();
        assert!(decode::<PublicKey>(&other).is_err());
        assert!(decode::<Signature>(&[&[0], &signed[1..]].concat()).is_err());
    }

    #[test]
    fn only_proven_canonical_prime_order_keys_are_admitted() {
        let founding = FoundingId::new([1; 32]);
        let key = SecretKey::from_seed(&[7; 32]);
        let proof = key.prove(&founding, "property", KeyPurpose::Member);
        let public = key.public_key();
        let check = |key: PublicKey, member, purpose| {
            key.check_admissible(&founding, member, purpose, &proof)
        };
        assert_eq!(check(public, "property", KeyPurpose::Member), Ok(()));
        assert_eq!(check(public, "leader", KeyPurpose::Member), Err(KeyError::BadProof(public)));
        assert_eq!(
            check(public, "property", KeyPurpose::Validator),
            Err(KeyError::BadProof(public))
        );

        let mut identity = [0; 32];
        identity[0] = 1;
        let weak = PublicKey(identity);
        assert_eq!(check(weak, "property", KeyPurpose::Member), Err(KeyError::Weak(weak)));
        // y = p + 1 is another spelling of the identity.
        let mut spelled = [0xff; 32];
        spelled[0] = 0xee;
        spelled[31] = 0x7f;
        let odd = PublicKey(spelled);
        assert_eq!(check(odd, "property", KeyPurpose::Member), Err(KeyError::NotCanonical(odd)));
        // A good key plus a point of order eight.
        let eight = curve25519_dalek::constants::EIGHT_TORSION[1];
        let point = curve25519_dalek::edwards::CompressedEdwardsY(*public.as_bytes())
            .decompress()
            .expect("a point");
        let mixed = PublicKey((point + eight).compress().to_bytes());
        assert_eq!(check(mixed, "property", KeyPurpose::Member), Err(KeyError::Torsion(mixed)));
    }

    #[test]
    fn a_key_file_opens_with_its_passphrase_only() {
        let key = SecretKey::from_seed(&[9; 32]);
        let pem = encrypt_key_file(&key, b"open", [1; 16], [2; 16]).expect("encrypts");
        let back = decrypt_key_file(&pem, b"open").expect("decrypts");
        assert_eq!(back.public_key(), key.public_key());
        assert!(decrypt_key_file(&pem, b"shut").is_err());
        assert!(decrypt_key_file("nonsense", b"open").is_err());
    }
}
