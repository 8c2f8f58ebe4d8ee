//! One signed transaction on its way to a receipt that verifies.
//!
//! The bytes go to the node that answered last; to the next when it is silent, in trouble, full, lies,
//! dies, forgets, or does not decide in time. The same bytes have the same id, so sending twice changes
//! nothing. `Decided` is a claim of a node until a receipt from any node proves it.

use crate::{
    client::{Client, HandedIn, Place, detail},
    exit::Failure,
    lang::{say, word},
    output::{Progress, plain},
    refusal::is_for_good,
};
use ledger_core::{
    api::{EntryView, Problem},
    fund::Action,
    transaction::ReceivedTransaction,
    types::{Height, LogIndex},
};
use serde::{Deserialize, Serialize};
use std::{
    thread,
    time::{Duration, Instant},
};

/// How long a node may take to get a transaction of full length on a bad line and answer.
const HAND_IN_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a node may take to say where a transaction stands, or how it is.
const ASK_TIMEOUT: Duration = Duration::from_secs(10);
/// How long nodes may take that are asked for certainty's sake.
const LOOK_TIMEOUT: Duration = Duration::from_secs(3);
/// No question is cut shorter than this because patience ends.
const TIMEOUT_MIN: Duration = Duration::from_secs(1);
/// After this time without a decision the transaction goes to the next node as well, which may know that it
/// can enter no more.
const RESEND_AFTER: Duration = Duration::from_secs(5);
/// First and longest pause between two questions whether a transaction is decided.
const POLL_PAUSES: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(250)];
/// Pause after a round in which no node took it.
const ROUND_PAUSE: Duration = Duration::from_millis(500);

/// The refusal of bytes that are in the ledger.
const IN_LEDGER: u16 = 107;

/// Whether a receipt proves this transaction at this place, and by which block.
pub(super) type Proves<'a> =
    dyn Fn(&EntryView, LogIndex, &ReceivedTransaction) -> Result<Height, Failure> + 'a;

/// A transaction to send.
pub(super) struct Errand<'a> {
    pub(super) client: &'a Client,
    pub(super) transaction: &'a ReceivedTransaction,
    /// No node can have the bytes yet.
    pub(super) reached_nobody: bool,
    /// How long to wait for the decision; `None` does not wait.
    pub(super) patience: Option<Duration>,
    pub(super) proves: &'a Proves<'a>,
}

/// A proven place in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proof {
    pub(super) height: Height,
    pub(super) log_index: LogIndex,
    /// The receipt as text.
    pub(super) receipt: String,
}

/// Why it is not known what became of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reason {
    /// What a node or the system said.
    Said(String),
    /// A node has it, and it is in no block.
    NoBlockYet,
    /// It is said to be this entry, and none gives the receipt.
    NoReceipt(LogIndex),
}

impl Reason {
    /// The reason in the user's language, as far as it is ours.
    fn text(&self) -> String {
        match self {
            Self::Said(text) => plain(text),
            Self::NoBlockYet => word!(
                "a node has it, and no block yet (`tuan status --explain` may say why)",
                "有节点已收到，尚未进入区块（可用 tuan status --explain 查看原因）"
            )
            .to_owned(),
            Self::NoReceipt(log_index) => say!(
                "a node says that it is entry {log_index}, and none gives the receipt",
                "有节点称其为条目 {log_index}，但没有节点给出回执"
            ),
        }
    }
}

/// Several reasons in one line.
pub(super) fn reasons_text(reasons: &[Reason]) -> String {
    reasons.iter().map(Reason::text).collect::<Vec<_>>().join(word!("; ", "；"))
}

/// What came of sending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sent {
    /// In the ledger, with a receipt that verified.
    Proven(Proof),
    /// Taken in by a node; nobody waited.
    Taken,
    /// A node refuses it.
    Refused {
        problem: Box<Problem>,
        /// It cannot enter the ledger by way of another node.
        is_final: bool,
    },
    /// A node that answers wants to know who asks, and no other takes it.
    Locked {
        /// No node can have the bytes.
        reached_nobody: bool,
    },
    /// Not known to be in the ledger.
    Unknown {
        /// What was heard from each node.
        reasons: Vec<Reason>,
        /// No connection came about.
        unreachable: bool,
        /// No node can have the bytes.
        reached_nobody: bool,
    },
}

/// Where an expired transaction is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whereabouts {
    /// In the ledger.
    Proven(Proof),
    /// No node that answers knows it.
    Absent {
        /// Every node answers, and says that block time is past the expiry.
        past_everywhere: bool,
    },
    /// That is not known.
    Unclear(Vec<Reason>),
}

/// One round of asking nodes to take it.
enum Round {
    Taken(usize),
    Proven(Proof),
    Refused(usize, Box<Problem>),
    Nobody { full: bool, locked: bool },
}

impl Errand<'_> {
    /// Sends it and waits for the decision as long as patience lasts.
    pub(super) fn run(&self) -> Sent {
        let deadline = Instant::now() + self.patience.unwrap_or_default();
        let waiting = || say!("waiting until the ledger has decided", "等待账本作出决定");
        let _progress = self.patience.map(|_| Progress::start(waiting()));
        let mut spread = !self.reached_nobody;
        let mut answered = false;
        let mut turn = 0;
        loop {
            let mut reasons = Vec::new();
            let mut arrived = false;
            let round = self.round(turn, deadline, &mut arrived, &mut reasons);
            spread |= arrived;
            answered |= arrived;
            let followed = match round {
                Round::Proven(proof) => return Sent::Proven(proof),
                Round::Taken(_) if self.patience.is_none() => return Sent::Taken,
                Round::Taken(node) => self.follow(node, deadline, &mut reasons),
                Round::Refused(node, problem) => {
                    let is_settled = problem.already_done
                        || is_for_good(&problem, |order| self.replaced_version(order));
                    match self.look(node, spread, is_settled, &problem) {
                        Some(Place::Pending) if self.patience.is_none() => return Sent::Taken,
                        Some(Place::Pending) => {
                            spread = true;
                            // The preferred node is now the one that has it.
                            let node = self.client.in_order().next().unwrap_or(node);
                            self.follow(node, deadline, &mut reasons)
                        }
                        Some(Place::Decided { log_index, .. }) => {
                            self.proof(node, log_index, &mut reasons)
                        }
                        _ if problem.refusal == Some(IN_LEDGER) => {
                            // Nobody shows it yet; without a receipt that is a word like any other.
                            spread = true;
                            reasons.push(Reason::Said(detail(&problem)));
                            None
                        }
                        _ => {
                            let is_final = !spread || is_settled;
                            return Sent::Refused { problem, is_final };
                        }
                    }
                }
                Round::Nobody { full, locked } => {
                    answered |= full;
                    if !answered && locked {
                        return Sent::Locked { reached_nobody: !spread };
                    }
                    if !answered {
                        let (unreachable, reached_nobody) = (true, !spread);
                        return Sent::Unknown { reasons, unreachable, reached_nobody };
                    }
                    None
                }
            };
            if let Some(proof) = followed {
                return Sent::Proven(proof);
            }
            if Instant::now() + ROUND_PAUSE >= deadline {
                let (unreachable, reached_nobody) = (false, !spread);
                return Sent::Unknown { reasons, unreachable, reached_nobody };
            }
            thread::sleep(ROUND_PAUSE);
            turn += 1;
        }
    }

    /// Offers it to each node in turn until one answers; notes whether a node may have it now.
    fn round(
        &self,
        turn: usize,
        deadline: Instant,
        arrived: &mut bool,
        reasons: &mut Vec<Reason>,
    ) -> Round {
        let (id, bytes) = (self.transaction.id(), self.transaction.bytes());
        let count = self.client.count();
        let (mut full, mut locked) = (false, false);
        for node in self.client.in_order().cycle().skip(turn % count).take(count) {
            let timeout = within(HAND_IN_TIMEOUT, deadline);
            match self.client.hand_in(node, &id, bytes, timeout) {
                HandedIn::Decided { log_index, .. } => {
                    *arrived = true;
                    if let Some(proof) = self.proof(node, log_index, reasons) {
                        return Round::Proven(proof);
                    }
                }
                HandedIn::Taken => {
                    *arrived = true;
                    self.client.prefer(node);
                    return Round::Taken(node);
                }
                HandedIn::Refused(problem) => {
                    self.client.prefer(node);
                    return Round::Refused(node, problem);
                }
                HandedIn::Full(reason) => {
                    full = true;
                    reasons.push(Reason::Said(reason));
                }
                HandedIn::Locked => {
                    locked = true;
                    reasons.push(Reason::Said(self.client.locked().message().to_owned()));
                }
                HandedIn::NotSent(reason) => reasons.push(Reason::Said(reason)),
                HandedIn::Unclear(reason) => {
                    *arrived = true;
                    reasons.push(Reason::Said(reason));
                }
            }
        }
        Round::Nobody { full, locked }
    }

    /// Asks the node that took it until it is decided; `None` when another should be tried.
    fn follow(&self, node: usize, deadline: Instant, reasons: &mut Vec<Reason>) -> Option<Proof> {
        let resend_at = deadline.min(Instant::now() + RESEND_AFTER);
        let [mut pause, pause_max] = POLL_PAUSES;
        let mut forgotten = false;
        while Instant::now() < resend_at {
            thread::sleep(pause);
            pause = pause_max.min(pause * 2);
            let timeout = within(ASK_TIMEOUT, deadline);
            match self.client.place_at(node, &self.transaction.id(), timeout) {
                Place::Decided { log_index, .. } => return self.proof(node, log_index, reasons),
                Place::Pending => forgotten = false,
                // Between its block and its being findable, a node may know it in neither place.
                Place::Unknown if !forgotten => forgotten = true,
                Place::Unknown => return None,
                Place::Silent(reason) => {
                    reasons.push(Reason::Said(reason));
                    return None;
                }
            }
        }
        reasons.push(Reason::NoBlockYet);
        None
    }

    /// Whether another node has what one node refuses; the one that has it is preferred from then on.
    ///
    /// Where it is settled that it will not enter, one in whose pool it still lies is not waited for.
    fn look(
        &self,
        refused_by: usize,
        spread: bool,
        is_settled: bool,
        problem: &Problem,
    ) -> Option<Place> {
        // These very bytes are in the ledger: whoever says so can show it.
        let spread = spread || problem.refusal == Some(IN_LEDGER);
        if is_settled && !spread {
            return None;
        }
        let id = self.transaction.id();
        let mut pending = None;
        for node in self.client.in_order().filter(|node| *node != refused_by || spread) {
            match self.client.place_at(node, &id, LOOK_TIMEOUT) {
                place @ Place::Decided { .. } => return Some(place),
                Place::Pending if !is_settled => pending = Some(node),
                Place::Pending | Place::Unknown | Place::Silent(_) => {}
            }
        }
        pending.map(|node| {
            self.client.prefer(node);
            Place::Pending
        })
    }

    /// The version of an order that this transaction changes, if it changes that order.
    fn replaced_version(&self, order: &str) -> Option<u32> {
        match &self.transaction.transaction().action {
            Action::Order { orders, .. } => {
                orders.iter().find(|request| request.order.as_str() == order)?.replaces
            }
            _ => None,
        }
    }

    /// The first receipt that verifies, asking first the node that says it is decided.
    fn proof(&self, node: usize, log_index: LogIndex, reasons: &mut Vec<Reason>) -> Option<Proof> {
        let others = self.client.in_order().filter(|other| *other != node);
        for node in std::iter::once(node).chain(others) {
            match self.client.entry_at(node, log_index, ASK_TIMEOUT) {
                Ok(Some(view)) => match (self.proves)(&view, log_index, self.transaction) {
                    Ok(height) => {
                        // This node has the block: what is asked next is asked of it.
                        self.client.prefer(node);
                        return Some(Proof { height, log_index, receipt: view.receipt });
                    }
                    Err(failure) => reasons.push(Reason::Said(in_one_line(&failure))),
                },
                Ok(None) => {}
                Err(reason) => reasons.push(Reason::Said(reason)),
            }
        }
        if reasons.is_empty() {
            reasons.push(Reason::NoReceipt(log_index));
        }
        None
    }

    /// Asks every node for an id that has expired. The clock is asked first: what a node does not have
    /// when its last block is past the expiry, it will never have.
    pub(super) fn whereabouts(&self) -> Whereabouts {
        let body = self.transaction.transaction();
        let (mut absent, mut past) = (0, 0);
        let mut reasons = Vec::new();
        for node in self.client.in_order() {
            let time = match self.client.status_at(node, ASK_TIMEOUT) {
                Ok(status) if status.chain == body.chain => status.time,
                Ok(status) => {
                    let node = status.node;
                    let other = say!("{node} is of another chain", "{node} 属于另一条链");
                    reasons.push(Reason::Said(other));
                    continue;
                }
                Err(reason) => {
                    reasons.push(Reason::Said(reason));
                    continue;
                }
            };
            match self.client.place_at(node, &self.transaction.id(), ASK_TIMEOUT) {
                Place::Unknown => {
                    absent += 1;
                    past += usize::from(time >= body.expires);
                }
                Place::Decided { log_index, .. } => {
                    if let Some(proof) = self.proof(node, log_index, &mut reasons) {
                        return Whereabouts::Proven(proof);
                    }
                }
                Place::Pending => return Whereabouts::Unclear(vec![Reason::NoBlockYet]),
                Place::Silent(reason) => reasons.push(Reason::Said(reason)),
            }
        }
        if absent == 0 {
            return Whereabouts::Unclear(reasons);
        }
        Whereabouts::Absent { past_everywhere: past == self.client.count() }
    }
}

/// A limit that does not outlast patience by much.
fn within(limit: Duration, deadline: Instant) -> Duration {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { limit } else { limit.min(left.max(TIMEOUT_MIN)) }
}

/// A failure as a part of a longer sentence.
pub(crate) fn in_one_line(failure: &Failure) -> String {
    let text = failure.to_string();
    let text = text.strip_prefix(word!("error: ", "错误：")).unwrap_or(&text);
    text.replace(word!("\nhelp: ", "\n提示："), word!("; ", "；"))
}
