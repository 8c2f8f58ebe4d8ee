//! What the node counts, for Prometheus. docs/api.md lists the names.

use ledger_core::{api::Status, consensus::Ignored};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
};

/// The answers of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    status: u16,
}

/// What consensus ignored for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct IgnoredFor {
    reason: &'static str,
    blame: &'static str,
}

/// The counters, shared by everything that counts.
#[derive(Clone)]
pub(crate) struct Metrics {
    registry: Arc<Mutex<Registry>>,
    height: Gauge,
    peers_connected: Gauge,
    mempool_transactions: Gauge,
    mempool_bytes: Gauge,
    clock_offset_ms: Gauge,
    blocks: Counter,
    entries: Counter,
    rounds_failed: Counter,
    ignored: Family<IgnoredFor, Counter>,
    store_batch: Histogram,
    answers: Family<Answered, Counter>,
    event_streams: Gauge,
}

impl Metrics {
    /// Adds the node's own to a registry that has those of the network.
    pub(crate) fn new(mut registry: Registry) -> Self {
        let metrics = Self {
            registry: Arc::default(),
            height: Gauge::default(),
            peers_connected: Gauge::default(),
            mempool_transactions: Gauge::default(),
            mempool_bytes: Gauge::default(),
            clock_offset_ms: Gauge::default(),
            blocks: Counter::default(),
            entries: Counter::default(),
            rounds_failed: Counter::default(),
            ignored: Family::default(),
            // From half a millisecond to four seconds.
            store_batch: Histogram::new(exponential_buckets(0.000_5, 2.0, 14)),
            answers: Family::default(),
            event_streams: Gauge::default(),
        };
        let ours = registry.sub_registry_with_prefix("tuan");
        ours.register("height", "Last decided height", metrics.height.clone());
        ours.register("peers_connected", "Nodes connected", metrics.peers_connected.clone());
        let waiting = metrics.mempool_transactions.clone();
        ours.register("mempool_transactions", "Transactions that wait for a block", waiting);
        let bytes = metrics.mempool_bytes.clone();
        ours.register_with_unit("mempool", "Their size", Unit::Bytes, bytes);
        let offset = metrics.clock_offset_ms.clone();
        ours.register("clock_offset_ms", "How far the clock is ahead of the median", offset);
        ours.register("blocks", "Blocks applied since the start", metrics.blocks.clone());
        ours.register("entries", "Entries applied since the start", metrics.entries.clone());
        let failed = metrics.rounds_failed.clone();
        ours.register("rounds_failed", "Rounds that ended without a decision", failed);
        let help = "Messages, timers and answers that changed nothing in consensus, by the reason";
        ours.register("consensus_ignored", help, metrics.ignored.clone());
        let batch = metrics.store_batch.clone();
        let help = "Time to make a batch durable in the store";
        ours.register_with_unit("store_batch", help, Unit::Seconds, batch);
        ours.register("api_answers", "Answers of the API by status", metrics.answers.clone());
        ours.register("event_streams", "Open event streams", metrics.event_streams.clone());
        *metrics.registry.lock().unwrap_or_else(PoisonError::into_inner) = registry;
        metrics
    }

    /// A block was applied.
    pub(crate) fn applied(&self, entries: usize) {
        self.blocks.inc();
        self.entries.inc_by(entries as u64);
    }

    /// Rounds ended without a decision.
    pub(crate) fn rounds_failed(&self, count: u64) {
        self.rounds_failed.inc_by(count);
    }

    /// How much consensus has ignored for each reason since the start.
    pub(crate) fn ignored(&self, counts: &BTreeMap<Ignored, u64>) {
        for (why, count) in counts {
            let labels = IgnoredFor { reason: why.name(), blame: why.blame().name() };
            self.ignored.get_or_create(&labels).inner().store(*count, Ordering::Relaxed);
        }
    }

    /// Where the disk notes its times.
    pub(crate) fn store_batch(&self) -> Histogram {
        self.store_batch.clone()
    }

    /// The API has answered.
    pub(crate) fn answered(&self, status: u16) {
        self.answers.get_or_create(&Answered { status }).inc();
    }

    /// An event stream opens (+1) or ends (-1).
    pub(crate) fn event_streams(&self, change: i64) {
        self.event_streams.inc_by(change);
    }

    /// Everything as text, with what `status` says of this moment.
    pub(crate) fn text(&self, status: &Status) -> Result<String, fmt::Error> {
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.height.set(number(status.height.get()));
        let connected = status.peers.iter().filter(|peer| peer.connected).count();
        self.peers_connected.set(number(connected as u64));
        self.mempool_transactions.set(number(status.mempool));
        self.mempool_bytes.set(number(status.mempool_bytes.used));
        self.clock_offset_ms.set(status.clock_offset_ms.unwrap_or_default());
        let mut text = String::new();
        encode(&mut text, &self.registry.lock().unwrap_or_else(PoisonError::into_inner))?;
        Ok(text)
    }
}
