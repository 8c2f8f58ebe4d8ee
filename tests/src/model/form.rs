//! Form: what is wrong with a transaction whatever it says (101 to 107).

use super::{
    Model,
    refusals::{
        ALREADY_IN_LEDGER, Answer, EXPIRED, EXPIRES_TOO_LATE, UNKNOWN_AUTHOR, WRONG_CHAIN,
        WRONG_VERSION,
    },
};
use ledger_core::{
    crypto::{ChainId, TransactionId},
    types::{MemberId, TimestampMs},
};

/// The version that is spoken (docs/wire-format.md section 4).
const VERSION: u16 = 1;

/// A transaction without what it does.
#[derive(Debug, Clone, Copy)]
pub struct Envelope {
    /// Its layout.
    pub version: u16,
    /// The chain that it is for.
    pub chain: ChainId,
    /// Who says it.
    pub author: MemberId,
    /// From this block time on it cannot enter the ledger.
    pub expires: TimestampMs,
    /// Its name.
    pub id: TransactionId,
}

impl Model {
    pub(super) fn form(&self, envelope: &Envelope) -> Answer<()> {
        let now = self.world.now;
        if envelope.version != VERSION {
            return Err(WRONG_VERSION);
        }
        if envelope.chain != self.chain {
            return Err(WRONG_CHAIN);
        }
        if usize::from(envelope.author.get()) >= self.world.members.len() {
            return Err(UNKNOWN_AUTHOR);
        }
        if now >= envelope.expires {
            return Err(EXPIRED);
        }
        if envelope.expires > now.after(self.world.policy.transaction_life_max) {
            return Err(EXPIRES_TOO_LATE);
        }
        if self.world.transactions.contains(&envelope.id) {
            return Err(ALREADY_IN_LEDGER);
        }
        Ok(())
    }
}
