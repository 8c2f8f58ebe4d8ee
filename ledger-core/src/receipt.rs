//! Receipts: proof that an entry is in the ledger, for anyone who has the genesis document.
//!
//! Source: DESIGN D8, D13; docs/wire-format.md section 9.

use crate::{
    block::{Entry, EntryBytes, FORMAT_VERSION, Header},
    codec::{Decode, DecodeError, Encode, List, decode, encode},
    consensus::{CertificateError, QuorumCertificate, ValidatorSet},
    crypto::{ChainId, Digest},
    merkle::verify_inclusion,
    types::LogIndex,
};

/// What a receipt begins with when it is written as text.
const TEXT_PREFIX: &str = "tuanzhang-receipt-1:";
/// Most changes of the validator set that a receipt carries.
const CHANGES_MAX: usize = 256;

/// A header and the precommits that decided it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CertifiedHeader {
    /// The header.
    pub header: Header,
    /// Its certificate.
    pub certificate: QuorumCertificate,
}

/// One short text that proves one entry.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Receipt {
    /// The entry.
    pub entry: EntryBytes,
    /// Where it stands in the log.
    pub index: LogIndex,
    /// Its audit path, leaf upwards.
    pub path: List<Digest, 64>,
    /// The block whose log root it leads to.
    pub block: CertifiedHeader,
    /// The next validator set after each block in which it changed since genesis.
    pub changes: List<(CertifiedHeader, ValidatorSet), CHANGES_MAX>,
}

/// Why a receipt proves nothing.
///
/// Blame: the node that gave it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Not a receipt.
    #[error("the receipt is malformed")]
    Malformed(#[from] DecodeError),
    /// The text is not a receipt.
    #[error("the text does not begin with {TEXT_PREFIX} or is not hexadecimal")]
    NotAReceipt,
    /// The header is of another chain or format.
    #[error("the receipt is of another chain or format")]
    OtherChain,
    /// The header has a commitment that this version does not know and must not ignore.
    #[error("the header has an extension that needs a newer version of this program")]
    NewerRules,
    /// The header names another validator set than the one that follows from genesis.
    #[error("the header was decided by other validators than those that follow from genesis")]
    OtherValidators,
    /// The certificate does not decide the header.
    #[error("the certificate does not decide the header")]
    Certificate(#[from] CertificateError),
    /// The certificate is for another block.
    #[error("the certificate is for another block")]
    OtherBlock,
    /// The path does not lead from the entry to the root.
    #[error("the entry is not in the log of the header")]
    NotInLog,
}

impl CertifiedHeader {
    /// Checks that these validators of this chain decided the header.
    ///
    /// # Errors
    /// [`ReceiptError`].
    pub fn verify(&self, chain: &ChainId, set: &ValidatorSet) -> Result<(), ReceiptError> {
        let header = &self.header;
        if header.chain != *chain || header.format != FORMAT_VERSION {
            return Err(ReceiptError::OtherChain);
        }
        if !header.extensions.may_be_ignored() {
            return Err(ReceiptError::NewerRules);
        }
        if header.validators != set.hash() {
            return Err(ReceiptError::OtherValidators);
        }
        let certificate = &self.certificate;
        if certificate.block != header.hash() || certificate.height != header.height {
            return Err(ReceiptError::OtherBlock);
        }
        Ok(certificate.verify(chain, set)?)
    }
}

impl Receipt {
    /// Checks the receipt against the founding validators and returns the entry that it proves.
    ///
    /// # Errors
    /// [`ReceiptError`].
    pub fn verify(&self, chain: &ChainId, founders: &ValidatorSet) -> Result<Entry, ReceiptError> {
        let mut set = founders;
        for (change, next) in &self.changes {
            change.verify(chain, set)?;
            if change.header.next_validators != next.hash() {
                return Err(ReceiptError::OtherValidators);
            }
            set = next;
        }
        self.block.verify(chain, set)?;
        let header = &self.block.header;
        let index = self.index.get();
        if !verify_inclusion(
            self.entry.as_bytes(),
            index,
            header.log_size,
            &header.log_root,
            &self.path,
        ) {
            return Err(ReceiptError::NotInLog);
        }
        Ok(self.entry.decode()?)
    }

    /// The receipt as a text to keep or send.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{TEXT_PREFIX}{}", hex::encode(encode(self)))
    }

    /// Reads a text.
    ///
    /// # Errors
    /// [`ReceiptError::NotAReceipt`] or [`ReceiptError::Malformed`].
    pub fn from_text(text: &str) -> Result<Self, ReceiptError> {
        let hex = text.trim().strip_prefix(TEXT_PREFIX).ok_or(ReceiptError::NotAReceipt)?;
        let bytes = hex::decode(hex).map_err(|_| ReceiptError::NotAReceipt)?;
        Ok(decode(&bytes)?)
    }
}
