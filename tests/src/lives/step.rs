//! A life as a list of plain steps, which can be told, repeated and cut short.

use super::{movements, real::Letter};
use crate::model::{Model, hash_of};
use ledger_core::{
    crypto::{ChainId, Digest, TransactionId},
    fund::{Action, FilingDecision, Movement},
    transaction::{TRANSACTION_VERSION, VerifiedTransaction},
    types::{DurationMs, Fen, MemberId, TimestampMs},
};

/// How long a transaction lives here.
const LIFE: DurationMs = DurationMs::new(600_000);

/// One thing that somebody does.
#[derive(Debug, Clone)]
pub struct Step {
    /// What other steps call it.
    pub id: u32,
    /// How long after the step before, in milliseconds.
    pub after_ms: u64,
    /// Who does it.
    pub author: MemberId,
    /// What is said.
    pub action: Action,
    /// Which of the hashes and totals are those of the books.
    pub faith: Faith,
    /// The step that made the proposal spoken of.
    pub of: Option<u32>,
    /// What is odd about the transaction itself.
    pub form: Form,
}

/// Which of the hashes and totals that a step names are those of the books, as an honest client has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Faith {
    /// All.
    Good,
    /// The totals; hashes stand as given.
    Totals,
    /// None: they stand as given.
    Bad,
}

/// What may be odd about a transaction, whatever it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Nothing.
    Proper,
    /// A version that nobody speaks.
    OtherVersion,
    /// For another chain.
    OtherChain,
    /// Expired at this very moment.
    Expired,
    /// Lives a millisecond longer than allowed.
    TooLong,
    /// The transaction of an earlier step once more.
    Again(u32),
}

impl Step {
    /// The transaction without its signature. Times are rounded so that one that is handed in again
    /// shortly after is the same.
    pub(super) fn letter(&self, chain: ChainId, now: TimestampMs, life_max: DurationMs) -> Letter {
        let expires = match self.form {
            Form::Expired => now,
            Form::TooLong => now.after(life_max).after(DurationMs::new(1)),
            _ => now.after(LIFE),
        };
        Letter {
            version: TRANSACTION_VERSION + u16::from(self.form == Form::OtherVersion),
            chain: if self.form == Form::OtherChain { ChainId::new([7; 32]) } else { chain },
            author: self.author,
            expires,
            nonce: u64::from(self.id),
        }
    }

    /// What is said, with hashes, totals and names of proposals as the books have them now.
    pub(super) fn resolved(&self, model: &Model, steps: &Said) -> Action {
        let mut action = self.action.clone();
        let group_buy = action.group_buy().and_then(|id| model.group_buy(id).ok());
        match &mut action {
            Action::DecideFiling { filing, .. } | Action::Order { filing, .. } => {
                if let (Faith::Good, Some(group_buy)) = (self.faith, group_buy) {
                    *filing = group_buy.filing_hash;
                }
            }
            Action::ConfirmPayments { confirmations, .. } => {
                let confirmed = confirmations.iter().cloned().map(|mut confirmation| {
                    let known = group_buy.and_then(|found| found.payment(confirmation.number));
                    let known = known.and_then(|known| known.hash);
                    if let (Faith::Good, Some(known)) = (self.faith, known) {
                        confirmation.record = known;
                    }
                    confirmation
                });
                *confirmations = super::list(confirmed.collect());
            }
            Action::RefusePayment { number, record, .. } => {
                let known = group_buy.and_then(|found| found.payment(*number));
                let known = known.and_then(|known| known.hash);
                if let (Faith::Good, Some(known)) = (self.faith, known) {
                    *record = known;
                }
            }
            Action::ConfirmPurchaseOrder { total, purchase_order, .. } => {
                if let (Faith::Good | Faith::Totals, Some(group_buy)) = (self.faith, group_buy) {
                    *total = Fen::new(group_buy.purchase_total());
                    if self.faith == Faith::Good {
                        *purchase_order = group_buy.purchase_order_hash();
                    }
                }
            }
            Action::Approve { proposal, movement }
            | Action::RejectProposal { proposal, movement } => {
                if let Some(said) = self.of.and_then(|step| steps.find(step)) {
                    *proposal = said.transaction;
                    if self.faith == Faith::Good {
                        *movement = said.movement;
                    }
                }
            }
            Action::File(_)
            | Action::RecordPayments { .. }
            | Action::ReceiveUnidentified(_)
            | Action::SignGoodsNote(_)
            | Action::Deliver { .. }
            | Action::Propose(_) => {}
        }
        action
    }
}

/// What the steps so far were as transactions.
#[derive(Debug, Default)]
pub(super) struct Said {
    steps: Vec<SaidStep>,
}

#[derive(Debug, Clone)]
pub(super) struct SaidStep {
    step: u32,
    pub(super) transaction: TransactionId,
    /// Hash of the movement, if one was proposed.
    pub(super) movement: Digest,
    /// The transaction itself.
    pub(super) whole: VerifiedTransaction,
}

impl Said {
    pub(super) fn find(&self, step: u32) -> Option<&SaidStep> {
        self.steps.iter().find(|said| said.step == step)
    }

    pub(super) fn push(&mut self, step: u32, whole: VerifiedTransaction) {
        let movement = match &whole.transaction().action {
            Action::Propose(movement) => hash_of("payment", movement),
            _ => Digest::default(),
        };
        self.steps.push(SaidStep { step, transaction: whole.id(), movement, whole });
    }

    /// The step whose transaction has this name.
    pub(super) fn step_of(&self, transaction: TransactionId) -> Option<u32> {
        self.steps.iter().find(|said| said.transaction == transaction).map(|said| said.step)
    }
}

/// What an action is called where acts are counted.
#[must_use]
pub fn kind_of(action: &Action, movement: Option<&Movement>) -> String {
    let with = |verb: &str| match movement {
        Some(movement) => format!("{verb} {}", movements::name(movement)),
        None => format!("{verb} nothing known"),
    };
    match action {
        Action::File(_) => "File".to_owned(),
        Action::DecideFiling { decision, .. } => {
            format!("DecideFiling {}", decision_name(*decision))
        }
        Action::Order { .. } => "Order".to_owned(),
        Action::RecordPayments { .. } => "RecordPayments".to_owned(),
        Action::ConfirmPayments { .. } => "ConfirmPayments".to_owned(),
        Action::RefusePayment { .. } => "RefusePayment".to_owned(),
        Action::ReceiveUnidentified(_) => "ReceiveUnidentified".to_owned(),
        Action::ConfirmPurchaseOrder { .. } => "ConfirmPurchaseOrder".to_owned(),
        Action::SignGoodsNote(_) => "SignGoodsNote".to_owned(),
        Action::Deliver { .. } => "Deliver".to_owned(),
        Action::Propose(movement) => format!("Propose {}", movements::name(movement)),
        Action::Approve { .. } => with("Approve"),
        Action::RejectProposal { .. } => with("RejectProposal"),
    }
}

const fn decision_name(decision: FilingDecision) -> &'static str {
    match decision {
        FilingDecision::Approve => "Approve",
        FilingDecision::Reject(_) => "Reject",
        FilingDecision::Accept => "Accept",
    }
}

/// Every kind that there is, so that one sees which never happened.
pub(super) fn all_kinds() -> Vec<String> {
    const ACTS: [&str; 12] = [
        "File",
        "DecideFiling Approve",
        "DecideFiling Reject",
        "DecideFiling Accept",
        "Order",
        "RecordPayments",
        "ConfirmPayments",
        "RefusePayment",
        "ReceiveUnidentified",
        "ConfirmPurchaseOrder",
        "SignGoodsNote",
        "Deliver",
    ];
    let mut kinds: Vec<String> = ACTS.iter().map(|kind| (*kind).to_owned()).collect();
    for verb in ["Propose", "Approve", "RejectProposal"] {
        kinds.extend(movements::names().iter().map(|movement| format!("{verb} {movement}")));
    }
    kinds
}
