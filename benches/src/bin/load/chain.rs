//! Reading the chain afterwards: what was decided when, and whether all nodes say the same.

use crate::http::Connection;
use anyhow::{Context as _, Result, bail, ensure};
use ledger_core::{
    api::{GroupBuySummary, Status},
    audit::RecordReader,
    block::CertifiedBlock,
    codec::decode_within,
    crypto::TransactionId,
    fund::Action,
    transaction::ReceivedTransaction,
    types::{Height, TimestampMs},
};
use std::{collections::BTreeSet, net::SocketAddr, time::Duration};
use tokio::time::{Instant, sleep};

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// A decided block, as far as it matters here.
pub(crate) struct DecidedBlock {
    pub(crate) time: TimestampMs,
    pub(crate) entries: u64,
    pub(crate) transactions: u64,
    pub(crate) order_lines: u64,
    pub(crate) bytes: u64,
}

/// The chain from some height on.
pub(crate) struct Chain {
    pub(crate) blocks: Vec<DecidedBlock>,
    pub(crate) ids: BTreeSet<TransactionId>,
    /// Lines of orders that are no changes of others.
    pub(crate) new_order_lines: u64,
}

/// Waits until no transaction waits anywhere and all nodes stand at one block.
pub(crate) async fn settled(nodes: &[SocketAddr], patience: Duration) -> Result<Vec<Status>> {
    let end = Instant::now() + patience;
    let mut connections = Vec::new();
    for node in nodes {
        connections.push(Connection::open(*node).await?);
    }
    loop {
        let mut statuses: Vec<Status> = Vec::new();
        for connection in &mut connections {
            statuses.push(connection.get("/v1/status").await?);
        }
        let first = &statuses[0];
        if statuses.iter().all(|status| status.mempool == 0 && status.height == first.height) {
            for status in &statuses {
                let same = (status.tip, status.state_root) == (first.tip, first.state_root);
                ensure!(same, "nodes {} and {} have different chains", first.node, status.node);
            }
            return Ok(statuses);
        }
        if Instant::now() > end {
            let heights: Vec<_> = statuses.iter().map(|s| (s.height, s.mempool)).collect();
            bail!("the nodes have not come to rest: heights and mempools {heights:?}");
        }
        sleep(PAUSE).await;
    }
}

impl Chain {
    /// Reads the blocks from `first` to `last`.
    pub(crate) async fn read(node: SocketAddr, first: Height, last: Height) -> Result<Self> {
        let mut connection = Connection::open(node).await?;
        let mut chain = Self { blocks: Vec::new(), ids: BTreeSet::new(), new_order_lines: 0 };
        let mut height = first;
        while height <= last {
            let page = connection.get_bytes(&format!("/v1/archive?from={height}")).await?;
            ensure!(page.status == 200 && !page.body.is_empty(), "no archive from {height} on");
            for record in RecordReader::new(&page.body[..]) {
                chain.add(&record?).with_context(|| format!("in block {height}"))?;
                height = height.next();
            }
        }
        Ok(chain)
    }

    fn add(&mut self, record: &[u8]) -> Result<()> {
        let max = ledger_core::block::CERTIFIED_BLOCK_BYTES_MAX;
        let block: CertifiedBlock = decode_within(record, max)?;
        let header = &block.block.header;
        let mut decided = DecidedBlock {
            time: header.time,
            entries: block.block.entries.len() as u64,
            transactions: 0,
            order_lines: 0,
            bytes: record.len() as u64,
        };
        for entry in &block.block.entries {
            let Some(transaction) = ReceivedTransaction::of_entry(entry).transpose()? else {
                continue;
            };
            decided.transactions += 1;
            if let Action::Order { orders, .. } = &transaction.transaction().action {
                for order in orders {
                    let lines = order.lines.len() as u64;
                    decided.order_lines += lines;
                    self.new_order_lines += if order.replaces.is_none() { lines } else { 0 };
                }
            }
            self.ids.insert(transaction.id());
        }
        self.blocks.push(decided);
        Ok(())
    }
}

/// Order lines in the books of all group buys.
pub(crate) async fn booked_lines(node: SocketAddr) -> Result<u64> {
    let mut connection = Connection::open(node).await?;
    let group_buys: Vec<GroupBuySummary> = connection.get("/v1/group-buys").await?;
    Ok(group_buys.iter().map(|group_buy| u64::from(group_buy.lines)).sum())
}
