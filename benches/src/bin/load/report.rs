//! What a measurement says.

use crate::{
    MixName, Options, Rate,
    chain::DecidedBlock,
    machine::{Machine, Usage},
    sender::{Fate, Sent},
};
use anyhow::Result;
use ledger_core::types::{DurationMs, TimestampMs};
use serde::Serialize;
use std::{collections::BTreeMap, time::Duration};

/// What was seen.
pub(crate) struct Measured {
    /// When the first transaction left.
    pub(crate) start: TimestampMs,
    /// In the measured time.
    pub(crate) usage: Usage,
    /// Of the largest node.
    pub(crate) memory_mib: Option<u64>,
    pub(crate) sent: Vec<Sent>,
    /// What one node's folder grew by.
    pub(crate) disk_bytes: u64,
    /// Everything that was decided since the group buys were opened.
    pub(crate) blocks: Vec<DecidedBlock>,
    pub(crate) faults: Vec<String>,
}

/// One JSON object; docs/performance.md explains each field.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    mix: &'static str,
    nodes: usize,
    signers: usize,
    /// Sent a second; nothing if as fast as the cluster took them.
    rate: Option<f64>,
    duration_s: u64,
    transactions_per_second: f64,
    order_lines_per_second: f64,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    latency_samples: usize,
    bound: f64,
    ratio: f64,
    verifications_per_second_per_core: f64,
    cpu_seconds: f64,
    load_cpu_seconds: f64,
    disk_bytes_per_entry: f64,
    disk_written_bytes_per_entry: Option<f64>,
    wire_bytes_per_entry: Option<f64>,
    transaction_bytes: usize,
    blocks: usize,
    transactions_per_block: f64,
    block_bytes: f64,
    memory_mib: Option<u64>,
    sent: usize,
    accepted: usize,
    refused: BTreeMap<u16, usize>,
    unknown: usize,
    late_p99_ms: f64,
    machine: Machine,
    /// Everything that is not as it must be; the run counts only if there is nothing here.
    pub(crate) faults: Vec<String>,
}

impl Report {
    pub(crate) fn new(
        options: &Options,
        machine: &Machine,
        verifications: f64,
        bound: f64,
        signers: usize,
        transaction_bytes: usize,
        measured: &Measured,
    ) -> Result<Self> {
        let ms = |duration: Duration| {
            DurationMs::new(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
        };
        let begin = measured.start.after(ms(options.warm_up()));
        let mut end = measured.start.after(ms(options.total()));
        let mut seconds = options.duration.max(1) as f64;
        if let (Some(_), Some(last)) = (options.transactions, measured.blocks.last()) {
            end = end.min(last.time.after(DurationMs::new(1)));
            seconds = (end.get().saturating_sub(begin.get()) as f64 / 1_000.0).max(0.001);
        }
        // A block counts by its time, which is when its proposer made it.
        let blocks: Vec<_> =
            measured.blocks.iter().filter(|block| (begin..end).contains(&block.time)).collect();
        let sum = |of: fn(&DecidedBlock) -> u64| blocks.iter().map(|block| of(block)).sum::<u64>();
        let transactions = sum(|block| block.transactions) as f64;
        let entries = sum(|block| block.entries) as f64;
        let all_entries: u64 = measured.blocks.iter().map(|block| block.entries).sum();
        let block_count = blocks.len().max(1) as f64;

        let in_time = |sent: &&Sent| sent.scheduled >= options.warm_up();
        let latencies = measured.sent.iter().filter(in_time).filter_map(|sent| sent.receipt_after);
        let latencies = sorted(latencies);
        let late = sorted(measured.sent.iter().filter(in_time).map(|sent| sent.late));
        let mut refused = BTreeMap::new();
        for sent in &measured.sent {
            if let Fate::Refused(number) = sent.fate {
                *refused.entry(number).or_default() += 1;
            }
        }
        let fate = |fate| measured.sent.iter().filter(|sent| sent.fate == fate).count();
        let usage = &measured.usage;
        let per_entry = |bytes: u64| bytes as f64 / entries.max(1.0);
        let nodes = options.pids.len();
        Ok(Self {
            mix: match options.mix {
                MixName::Single => "single",
                MixName::Batch => "batch",
                MixName::Changes => "changes",
            },
            nodes,
            signers,
            rate: match options.rate {
                Rate::Open(rate) => Some(rate),
                Rate::Max => None,
            },
            duration_s: options.duration,
            transactions_per_second: rounded(transactions / seconds, 10.0),
            order_lines_per_second: rounded(sum(|block| block.order_lines) as f64 / seconds, 10.0),
            p50_ms: quantile_ms(&latencies, 0.5),
            p99_ms: quantile_ms(&latencies, 0.99),
            latency_samples: latencies.len(),
            bound: rounded(bound, 10.0),
            ratio: rounded(transactions / seconds / bound, 10_000.0),
            verifications_per_second_per_core: rounded(verifications, 10.0),
            cpu_seconds: rounded(usage.cpu_seconds, 100.0),
            load_cpu_seconds: rounded(usage.load_cpu_seconds, 100.0),
            disk_bytes_per_entry: rounded(
                measured.disk_bytes as f64 / all_entries.max(1) as f64,
                10.0,
            ),
            disk_written_bytes_per_entry: usage
                .disk_written_bytes
                .map(|bytes| rounded(per_entry(bytes) / nodes as f64, 10.0)),
            wire_bytes_per_entry: usage.wire_bytes.map(|bytes| rounded(per_entry(bytes), 10.0)),
            transaction_bytes,
            blocks: blocks.len(),
            transactions_per_block: rounded(transactions / block_count, 10.0),
            block_bytes: rounded(sum(|block| block.bytes) as f64 / block_count, 1.0),
            memory_mib: measured.memory_mib,
            sent: measured.sent.len(),
            accepted: fate(Fate::Accepted),
            refused,
            unknown: fate(Fate::Unknown),
            late_p99_ms: quantile_ms(&late, 0.99).unwrap_or_default(),
            machine: machine.clone(),
            faults: measured.faults.clone(),
        })
    }

    /// The same for people.
    pub(crate) fn table(&self) -> String {
        let ms =
            |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.1} ms"));
        let bytes =
            |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.0}"));
        let rows = [
            (
                "load",
                match self.rate {
                    Some(rate) => format!("{rate} {} transactions a second", self.mix),
                    None => format!("{} transactions as fast as they are taken", self.mix),
                },
            ),
            (
                "cluster",
                format!(
                    "{} nodes, {} signers, {} cores",
                    self.nodes, self.signers, self.machine.cores
                ),
            ),
            (
                "committed",
                format!(
                    "{:.0} transactions/s, {:.0} order lines/s",
                    self.transactions_per_second, self.order_lines_per_second
                ),
            ),
            ("bound", format!("{:.0} transactions/s; ratio {:.3}", self.bound, self.ratio)),
            (
                "to verified receipt",
                format!(
                    "p50 {}, p99 {} ({} samples)",
                    ms(self.p50_ms),
                    ms(self.p99_ms),
                    self.latency_samples
                ),
            ),
            (
                "CPU of all nodes",
                format!(
                    "{:.1} s of {:.0} s; load generator {:.1} s",
                    self.cpu_seconds,
                    self.duration_s as f64 * self.machine.cores as f64,
                    self.load_cpu_seconds
                ),
            ),
            (
                "disk",
                format!(
                    "{:.0} B/entry kept, {} B/entry written, each node",
                    self.disk_bytes_per_entry,
                    bytes(self.disk_written_bytes_per_entry)
                ),
            ),
            ("wire", format!("{} B/entry, all nodes together", bytes(self.wire_bytes_per_entry))),
            (
                "blocks",
                format!("{}, {:.0} transactions each", self.blocks, self.transactions_per_block),
            ),
            ("memory", format!("{} MiB, the largest node", self.memory_mib.unwrap_or_default())),
            (
                "sent",
                format!(
                    "{}: accepted {}, refused {:?}, unknown {}; p99 late by {:.1} ms",
                    self.sent, self.accepted, self.refused, self.unknown, self.late_p99_ms
                ),
            ),
        ];
        rows.map(|(name, value)| format!("{name:<20} {value}")).join("\n")
    }
}

fn sorted(durations: impl Iterator<Item = Duration>) -> Vec<Duration> {
    let mut durations: Vec<_> = durations.collect();
    durations.sort_unstable();
    durations
}

fn quantile_ms(sorted: &[Duration], quantile: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = (last as f64 * quantile).round() as usize;
    sorted.get(place).map(|duration| rounded(duration.as_secs_f64() * 1_000.0, 100.0))
}

fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}
