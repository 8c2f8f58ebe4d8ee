//! Agreement on one block at each height: Tendermint as a pure state machine.
//!
//! [`step`] takes a [`State`] and an [`Input`] and gives the next state and the [`Effects`] that the
//! node must carry out. There is no clock, no randomness and no I/O in here, and a block is an opaque
//! hash: what is in it, whether it is valid and where its bytes come from is asked of the caller.
//! The rules are numbered in docs/protocol.md, which states the protocol, every deviation from the
//! paper, and why each one is safe and live. The code names those numbers.
//!
//! ```text
//!             wake                proposal judged         > 2/3 prevotes           > 2/3 precommits
//!  Waiting ────────▶ Propose ───────────────▶ Prevote ───────────────▶ Precommit ───────────────▶ Decided
//!                       ▲      or time is up            or time is up       │        (from any step
//!                       └───────────────── next round ◀────────────────────┘         and round)
//!                             time is up, or > 1/3 are ahead
//! ```
//!
//! Invariants:
//! - A validator signs at strictly rising [`Position`]s, across restarts too ([`GuardRecord`]).
//! - A signed message leaves [`ToPersist`] only when its guard record is durable, and counts only then.
//! - Only a block known to be valid here is locked or decided.
//! - Memory is bounded whatever one third of the validators sign.
//!
//! Source: arXiv:1807.04938, Algorithm 1; DESIGN D1 to D3; docs/protocol.md.

mod certificate;
mod evidence;
mod guard;
mod message;
mod recovery;
mod round_log;
mod rules;
mod state;
#[cfg(test)]
mod tests;
mod timeout;
mod validator;
mod view;

pub use certificate::{CertificateError, QuorumCertificate};
pub use evidence::{Evidence, EvidenceError, EvidenceKey};
pub use guard::{
    GUARD_BYTES_MAX, GUARD_VERSION, GuardError, GuardRecord, Polka, ToPersist, ToSign,
};
pub use message::{
    Message, MessageKind, Position, Proposal, SignatureError, Signed, SignedProposal, SignedVote,
    Statement, Unsigned, Verified, VerifiedMessage, VerifiedProposal, VerifiedVote, Vote, VoteKind,
};
pub use recovery::{AnswerError, Permit, Recovery};
pub use state::{
    Alarm, Blame, Effects, Ignored, Input, ROUNDS_AHEAD_MAX, State, Step, ValidationRequest,
    Validity, step,
};
pub use timeout::{Timeout, TimeoutKind, TimeoutPolicy};
pub use validator::{
    VALIDATORS_MAX, VOTING_POWER_MAX, Validator, ValidatorSet, ValidatorSetError,
    ValidatorSignature,
};
pub use view::{MISSING_MESSAGES_MAX, RoundView, VIEW_ROUNDS_MAX, ValidatorBits, View, Wanted};
