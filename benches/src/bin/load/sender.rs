//! Sending: each transaction at its time, over connections that are kept open.
//!
//! Every connection takes the next transaction of its node, waits for its time, sends it and reads the
//! answer. When all connections of a node wait for answers, transactions leave late; their latency
//! counts from the time at which they should have left.

use crate::http::{Connection, Request};
use anyhow::{Context as _, Result, ensure};
use genesis::Genesis;
use ledger_core::{
    api::{Problem, Submitted},
    crypto::TransactionId,
    receipt::Receipt,
    transaction::ReceivedTransaction,
    types::LogIndex,
};
use serde::Deserialize;
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};

/// How long a submission waits for its decision.
const DECISION_PATIENCE_MS: u64 = 60_000;
/// Pause before a node is asked again for a receipt that it does not have yet.
const RECEIPT_PAUSE: Duration = Duration::from_millis(1);
/// How often it is asked.
const RECEIPT_TRIES: usize = 1_000;

/// A signed transaction and when it is to be sent.
pub(crate) struct Prepared {
    pub(crate) id: TransactionId,
    request: Request,
    /// When, after the start; without a time, as soon as may be.
    pub(crate) offset: Option<Duration>,
    /// Whether its receipt is fetched and verified.
    pub(crate) is_sampled: bool,
}

impl Prepared {
    pub(crate) fn new(
        transaction: &ReceivedTransaction,
        offset: Option<Duration>,
        is_sampled: bool,
    ) -> Self {
        let wait_ms = if is_sampled { DECISION_PATIENCE_MS } else { 0 };
        let request = Request::submission(transaction.bytes(), wait_ms);
        Self { id: transaction.id(), request, offset, is_sampled }
    }
}

/// What became of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// A node took it in or had it decided.
    Accepted,
    /// A node refused it, with this number.
    Refused(u16),
    /// The connection broke; nobody knows.
    Unknown,
}

/// A transaction that was sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    /// Its number.
    pub(crate) number: usize,
    /// When it should have left, after the start.
    pub(crate) scheduled: Duration,
    /// How much later it left.
    pub(crate) late: Duration,
    pub(crate) fate: Fate,
    /// From when it should have left until its receipt was verified, if that was looked at.
    pub(crate) receipt_after: Option<Duration>,
}

/// What all connections share.
pub(crate) struct Work {
    pub(crate) genesis: Genesis,
    pub(crate) transactions: Vec<Prepared>,
    /// When sending begins.
    pub(crate) start: Instant,
    /// When it ends, at the latest.
    pub(crate) end: Instant,
    /// How many transactions may have left by now.
    pub(crate) permitted: watch::Receiver<usize>,
}

/// The transactions for one node, in the order in which they leave.
pub(crate) struct Lane {
    address: SocketAddr,
    numbers: Vec<usize>,
    next: AtomicUsize,
}

impl Lane {
    pub(crate) fn new(address: SocketAddr, numbers: Vec<usize>) -> Self {
        Self { address, numbers, next: AtomicUsize::new(0) }
    }

    fn take(&self) -> Option<usize> {
        self.numbers.get(self.next.fetch_add(1, Ordering::Relaxed)).copied()
    }
}

/// Sends what is left of a lane over one connection.
pub(crate) async fn send_over_one_connection(
    work: Arc<Work>,
    lane: Arc<Lane>,
) -> Result<Vec<Sent>> {
    let mut connection = Connection::open(lane.address).await?;
    let mut permitted = work.permitted.clone();
    let mut sent = Vec::new();
    while let Some(number) = lane.take() {
        let prepared = &work.transactions[number];
        permitted.wait_for(|permitted| number < *permitted).await?;
        if let Some(offset) = prepared.offset {
            sleep_until(work.start + offset).await;
        }
        let left = Instant::now();
        if left >= work.end && prepared.offset.is_none() {
            break;
        }
        let scheduled = prepared.offset.unwrap_or_else(|| left - work.start);
        let late = (left - work.start).saturating_sub(scheduled);
        let mut record = Sent { number, scheduled, late, fate: Fate::Unknown, receipt_after: None };
        match submit(&mut connection, prepared).await {
            Ok((fate, log_index)) => {
                record.fate = fate;
                if let (true, Some(log_index)) = (prepared.is_sampled, log_index) {
                    verify(&mut connection, &work.genesis, &prepared.id, log_index).await?;
                    record.receipt_after = Some((Instant::now() - work.start) - scheduled);
                }
            }
            Err(_) => connection = Connection::open(lane.address).await?,
        }
        sent.push(record);
    }
    Ok(sent)
}

async fn submit(
    connection: &mut Connection,
    prepared: &Prepared,
) -> Result<(Fate, Option<LogIndex>)> {
    let answer = connection.exchange(&prepared.request).await?;
    if matches!(answer.status, 200 | 202) {
        let submitted: Submitted = serde_json::from_slice(&answer.body)?;
        return Ok((Fate::Accepted, submitted.log_index));
    }
    let problem: Problem = serde_json::from_slice(&answer.body)?;
    Ok((Fate::Refused(problem.refusal.unwrap_or(problem.status)), None))
}

#[derive(Deserialize)]
struct Proof {
    receipt: String,
}

/// Fetches a receipt and believes it only once it is verified against the founding document.
async fn verify(
    connection: &mut Connection,
    genesis: &Genesis,
    id: &TransactionId,
    log_index: LogIndex,
) -> Result<()> {
    let path = format!("/v1/entries/{log_index}");
    let mut tries = 0;
    let receipt = loop {
        let answer = connection.get_bytes(&path).await?;
        tries += 1;
        if answer.status == 200 {
            let proof: Proof = serde_json::from_slice(&answer.body)?;
            break Receipt::from_text(&proof.receipt)?;
        }
        ensure!(tries < RECEIPT_TRIES, "there is no receipt for entry {log_index}");
        sleep(RECEIPT_PAUSE).await;
    };
    receipt.verify(&genesis.chain, &genesis.validators)?;
    let transaction = ReceivedTransaction::of_entry(&receipt.entry)
        .with_context(|| format!("entry {log_index} is no transaction"))??;
    ensure!(transaction.id() == *id, "the receipt of entry {log_index} is for another transaction");
    Ok(())
}
