//! Taking in a decided block from somebody else: a node that was away, or an auditor.
//!
//! Nothing is believed: the certificate, every signature, every entry and every field of the header
//! are checked before the state after the block is handed out.

use crate::{
    block::{CertifiedBlock, Entry},
    codec::DecodeError,
    consensus::{CertificateError, Evidence, QuorumCertificate, ValidatorSet},
    crypto::{BatchItem, ChainId, PublicKey, verify_batch},
    fund::Reads,
    ledger::{Executed, InvalidBlock, OnRefusal, Proposed, State, execute},
    transaction::{ReceivedTransaction, VerifiedTransaction},
    types::{Height, MemberId, TimestampMs},
};
use std::sync::Arc;

/// Why a block that claims to be decided does not follow.
///
/// Blame: whoever handed it over, unless a certificate says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// It is not the next block.
    #[error("the block has height {found}, {expected} comes next")]
    NotNext {
        /// The height that comes next.
        expected: Height,
        /// Of the block.
        found: Height,
    },
    /// The certificate is for another block or height.
    #[error("the certificate is for another block")]
    OtherBlock,
    /// The certificate does not decide the block.
    #[error("the certificate does not decide the block")]
    Certificate(#[from] CertificateError),
    /// An entry is not canonical.
    #[error("entry {position} is malformed")]
    Malformed {
        /// Which one.
        position: usize,
        /// How.
        #[source]
        source: DecodeError,
    },
    /// A transaction names an author that is not in the registry.
    #[error("entry {position} names member {author}, who is not in the registry")]
    UnknownAuthor {
        /// Which one.
        position: usize,
        /// Who.
        author: MemberId,
    },
    /// A transaction's signature is wrong.
    #[error("the signature of entry {position} is not by member {author}")]
    Signature {
        /// Which one.
        position: usize,
        /// Who should have signed.
        author: MemberId,
    },
    /// Executing it gives something else.
    #[error("the block is not valid")]
    Invalid(#[from] InvalidBlock),
}

/// A block whose certificate and signatures were checked, still to be executed.
#[derive(Debug, Clone)]
pub struct ReadBlock {
    decided: CertifiedBlock,
    evidence: Vec<Evidence>,
    transactions: Vec<VerifiedTransaction>,
}

impl ReadBlock {
    /// The block and its certificate.
    #[must_use]
    pub fn decided(&self) -> &CertifiedBlock {
        &self.decided
    }

    /// When its transactions expire, in order.
    pub(crate) fn expiries(&self) -> impl Iterator<Item = TimestampMs> + '_ {
        self.transactions.iter().map(|transaction| transaction.transaction().expires)
    }
}

/// The keys by which signatures are checked: they do not change between blocks of one validator set.
#[derive(Debug, Clone)]
pub struct KeyRing {
    chain: ChainId,
    validators: Arc<ValidatorSet>,
    members: Vec<PublicKey>,
}

impl KeyRing {
    /// The keys in force after `state`.
    #[must_use]
    pub fn of(state: &State) -> Self {
        // Members are never removed, so a member's id is its position.
        let members = state.fund().members.iter().map(|(_, member)| member.key).collect();
        Self { chain: *state.chain(), validators: state.validators().clone(), members }
    }

    pub(crate) fn chain(&self) -> &ChainId {
        &self.chain
    }

    pub(crate) fn validators(&self) -> &ValidatorSet {
        &self.validators
    }
}

/// Checks `decided` as the block after `state` and executes it.
///
/// `entropy` makes the signature batches unpredictable ([`verify_batch`]).
///
/// # Errors
/// [`ReplayError`] naming the first thing that is wrong.
pub fn replay(
    state: &State,
    reads: &dyn Reads,
    decided: CertifiedBlock,
    entropy: &[u8; 32],
) -> Result<(Executed, QuorumCertificate), ReplayError> {
    let expected = state.tip().height.next();
    let found = decided.block.header.height;
    if found != expected {
        return Err(ReplayError::NotNext { expected, found });
    }
    let read = read_blocks(&KeyRing::of(state), vec![decided], entropy).pop();
    let read = read.expect("one answer for one block")?;
    let executed = execute_read(state.clone(), reads, &read)?;
    Ok((executed, read.decided.certificate))
}

/// Checks certificates and signatures of several blocks, all transactions in one batch. Needs no state,
/// so an auditor does it on every core.
#[must_use]
pub fn read_blocks(
    keys: &KeyRing,
    blocks: Vec<CertifiedBlock>,
    entropy: &[u8; 32],
) -> Vec<Result<ReadBlock, ReplayError>> {
    let mut items = Vec::new();
    let read: Vec<_> =
        blocks.into_iter().map(|decided| read_entries(keys, decided, &mut items)).collect();
    let mut valid = verify_batch(&items, entropy).into_iter();
    read.into_iter()
        .map(|entries| {
            let Entries { decided, evidence, received } = entries?;
            let mut transactions = Vec::with_capacity(received.len());
            let mut forged = None;
            for (position, transaction) in received {
                let author = transaction.transaction().author;
                match transaction.verified_in_batch(valid.next().unwrap_or(false)) {
                    Some(verified) => transactions.push(verified),
                    None => {
                        forged = forged.or(Some(ReplayError::Signature { position, author }));
                    }
                }
            }
            match forged {
                Some(error) => Err(error),
                None => Ok(ReadBlock { decided, evidence, transactions }),
            }
        })
        .collect()
}

/// Executes a block that was read as the block after `state`, in its place: what nobody else holds of it
/// is changed and not copied.
///
/// # Errors
/// [`ReplayError`] naming the first thing that is wrong.
pub fn execute_read(
    state: State,
    reads: &dyn Reads,
    read: &ReadBlock,
) -> Result<Executed, ReplayError> {
    let block = &read.decided.block;
    let header = &block.header;
    let expected = state.tip().height.next();
    if header.height != expected {
        return Err(ReplayError::NotNext { expected, found: header.height });
    }
    let proposed =
        Proposed::of(header).ok_or(InvalidBlock::HeaderDiffers { field: "extensions" })?;
    let (evidence, transactions) = (&read.evidence, &read.transactions);
    let executed = execute(state, reads, proposed, evidence, transactions, OnRefusal::Fail)?;
    let differs = executed
        .entries
        .iter()
        .zip(&block.entries)
        .position(|(ours, theirs)| ours.bytes != *theirs)
        .or_else(|| {
            let (ours, theirs) = (executed.entries.len(), block.entries.len());
            (ours != theirs).then_some(ours.min(theirs))
        });
    if let Some(position) = differs {
        return Err(InvalidBlock::EntryDiffers { position }.into());
    }
    executed.check_header(header)?;
    Ok(executed)
}

/// A block with its entries decoded, signatures still to be checked.
struct Entries {
    decided: CertifiedBlock,
    evidence: Vec<Evidence>,
    received: Vec<(usize, ReceivedTransaction)>,
}

/// Decodes the entries and adds the signatures of its transactions to `items`, if all is well so far.
fn read_entries(
    keys: &KeyRing,
    decided: CertifiedBlock,
    items: &mut Vec<BatchItem>,
) -> Result<Entries, ReplayError> {
    let CertifiedBlock { block, certificate } = &decided;
    if certificate.block != block.header.hash() || certificate.height != block.header.height {
        return Err(ReplayError::OtherBlock);
    }
    certificate.verify(&keys.chain, &keys.validators)?;
    let mut evidence = Vec::new();
    let mut received = Vec::new();
    let mut batch = Vec::new();
    for (position, bytes) in block.entries.iter().enumerate() {
        let malformed = |source| ReplayError::Malformed { position, source };
        if let Some(transaction) = ReceivedTransaction::of_entry(bytes) {
            let transaction = transaction.map_err(malformed)?;
            let author = transaction.transaction().author;
            let key = keys.members.get(usize::from(author.get()));
            let key = key.ok_or(ReplayError::UnknownAuthor { position, author })?;
            batch.push(transaction.batch_item(*key));
            received.push((position, transaction));
        } else {
            match bytes.decode().map_err(malformed)? {
                Entry::Evidence(found) => evidence.push(found),
                Entry::System(_) | Entry::Transaction(_) => {}
            }
        }
    }
    items.append(&mut batch);
    Ok(Entries { decided, evidence, received })
}
