//! Catching up: which decided blocks are asked of whom, and what has come.
//!
//! Knows heights, nodes and the time, and believes nobody. Several nodes are asked at once, for different
//! ranges; every second the slowest of them is replaced, and nobody is asked again before all others were.
//! So whoever keeps silent, answers without a block, or hands out one at a time holds nobody up for longer
//! than its turn. A height counts as decided when a certificate proves it; what a peer says of itself only
//! decides whether it is worth asking. Also says when to ask at all: a moment after somebody was heard to be
//! ahead, until nobody is.
//!
//! Source: docs/protocol.md C1 to C4.

use crate::{message::BLOCKS_MAX, node::NodeId, now::SteadyMs};
use ledger_core::types::{DurationMs, Height};
use std::collections::BTreeMap;

/// How long this node may be behind before it asks for blocks. What the others pass on unasked comes first.
const BEHIND_GRACE: DurationMs = DurationMs::new(60);
/// How often the slowest of those who are asked is replaced.
const REVIEW_INTERVAL: DurationMs = DurationMs::new(1_000);
/// How long a range is left to the one who was asked for it before somebody else is asked too.
const PATIENCE: DurationMs = DurationMs::new(200);
/// How long a node that owes an answer is left alone. Its answer counts whenever it comes, and asking
/// again would only fill a road that is slow.
const OWED_MAX: DurationMs = DurationMs::new(4_000);
/// How often the pause after an answer of no use doubles.
const STRIKES_MAX: u32 = 5;
/// How many heights beyond the next one blocks are kept for.
const WINDOW: u64 = 256;
/// Bytes of blocks that wait for the one before them; beyond it only the next ones are asked for.
const WAITING_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Heights that are asked for, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) first: Height,
    pub(crate) last: Height,
}

impl Range {
    fn contains(&self, height: Height) -> bool {
        (self.first..=self.last).contains(&height)
    }
}

/// A node that says it has blocks, and the last of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) node: NodeId,
    pub(crate) last: Height,
}

/// One node as somebody who hands out blocks.
#[derive(Debug, Clone, Copy, Default)]
struct Source {
    /// Whether it is one of those who are asked now.
    chosen: bool,
    asked_at: Option<SteadyMs>,
    /// What it was asked for and has not answered.
    owes: Option<Range>,
    /// Blocks that it brought since the last review.
    brought: usize,
    /// How often in a row it answered with nothing of use, and until when it is not asked for that.
    strikes: u32,
    out_until: Option<SteadyMs>,
}

impl Source {
    fn is_free(&self, now: SteadyMs) -> bool {
        self.out_until.is_none_or(|until| until <= now)
            && (self.owes.is_none() || self.asked_at.is_none_or(|at| at.after(OWED_MAX) <= now))
    }

    /// Its answer was of no use: it is asked again only after a while, each time a longer one, also where there
    /// is nobody else.
    fn strike(&mut self, now: SteadyMs) {
        let pause = DurationMs::new(REVIEW_INTERVAL.get() << self.strikes.min(STRIKES_MAX));
        self.strikes = self.strikes.saturating_add(1);
        self.out_until = Some(now.after(pause));
        self.chosen = false;
    }
}

/// Where catching up stands.
#[derive(Debug)]
pub(crate) struct Sync {
    sources: Vec<Source>,
    /// Blocks that wait for the one before them, and who brought them.
    waiting: BTreeMap<Height, (NodeId, Vec<u8>)>,
    waiting_bytes: usize,
    /// The newest height that a certificate proves.
    certified: Height,
    review_at: SteadyMs,
    /// Since when blocks are asked for, or when that begins unless the height is decided by then.
    behind: Option<SteadyMs>,
    /// The newest height that was announced, as far as nobody has denied it.
    announced: Height,
}

impl Sync {
    pub(crate) fn new(node_count: usize) -> Self {
        Self {
            sources: vec![Source::default(); node_count],
            waiting: BTreeMap::new(),
            waiting_bytes: 0,
            certified: Height::ZERO,
            review_at: SteadyMs::ZERO,
            behind: None,
            announced: Height::ZERO,
        }
    }

    /// The newest height that is known to be decided, by a certificate that verified.
    pub(crate) fn certified(&self) -> Height {
        self.certified
    }

    /// A certificate for this height has verified.
    pub(crate) fn certify(&mut self, height: Height) {
        self.certified = self.certified.max(height);
    }

    /// Somebody is ahead: if what is on its way does not help in a moment, blocks are asked for.
    pub(crate) fn fall_behind(&mut self, now: SteadyMs) {
        self.behind = self.behind.or(Some(now.after(BEHIND_GRACE)));
    }

    /// Some validator is said to have decided a height, of which nothing else will come unasked.
    pub(crate) fn hear_of(&mut self, height: Height, now: SteadyMs) {
        self.announced = height;
        self.behind = Some(now);
    }

    /// The newest height that was announced, as far as nobody has denied it.
    pub(crate) fn announced(&self) -> Height {
        self.announced
    }

    /// Whether blocks are to be asked for now.
    pub(crate) fn is_behind(&self, now: SteadyMs) -> bool {
        self.behind.is_some_and(|at| at <= now)
    }

    /// A block was applied: unless more is on its way, nothing says any more that others are lacking.
    pub(crate) fn applied(&mut self) {
        self.behind = self.behind.filter(|_| self.is_busy());
    }

    /// Whether anybody is asked, or anything that came waits.
    fn is_busy(&self) -> bool {
        !self.waiting.is_empty() || self.sources.iter().any(|source| source.chosen)
    }

    /// When [`Sync::ask`] may have something new to say; never while nobody is known to be ahead.
    pub(crate) fn wake_at(&self, now: SteadyMs) -> Option<SteadyMs> {
        let behind = self.behind?;
        let asked = self.sources.iter().filter_map(|source| source.asked_at);
        let asked = asked.flat_map(|at| [at.after(PATIENCE), at.after(OWED_MAX)]);
        let out = self.sources.iter().filter_map(|source| source.out_until);
        let all = asked.chain(out).chain(self.is_busy().then_some(self.review_at));
        let all = all.chain([behind]);
        all.filter(|at| *at > now).min()
    }

    /// Says what to ask of whom, `parallel` nodes at most, for a node that lacks the blocks from `next` on.
    /// `hurry` asks several at once also for what no certificate proves to be there.
    pub(crate) fn ask(
        &mut self,
        now: SteadyMs,
        next: Height,
        candidates: &[Candidate],
        parallel: usize,
        hurry: bool,
    ) -> Vec<(NodeId, Range)> {
        let mut useful: Vec<_> =
            candidates.iter().filter(|one| one.last >= next).copied().collect();
        for (node, source) in self.sources.iter_mut().enumerate() {
            source.chosen &= useful.iter().any(|one| one.node == node);
        }
        self.review(now, &useful, parallel);
        self.choose(now, &useful, parallel);
        // What comes next is asked of who was not asked for longest.
        useful.sort_by_key(|one| self.sources[one.node].asked_at);
        let mut requests = Vec::new();
        for Candidate { node, last } in useful {
            let source = &self.sources[node];
            if !source.chosen || !source.is_free(now) {
                continue;
            }
            if let Some(range) = self.range_for(node, now, next, last, parallel, hurry) {
                let source = &mut self.sources[node];
                (source.owes, source.asked_at) = (Some(range), Some(now));
                requests.push((node, range));
            }
        }
        requests
    }

    /// Replaces the one who brought least since the last time, if there is somebody else.
    fn review(&mut self, now: SteadyMs, useful: &[Candidate], parallel: usize) {
        if now < self.review_at {
            return;
        }
        self.review_at = now.after(REVIEW_INTERVAL);
        let chosen = || useful.iter().filter(|one| self.sources[one.node].chosen);
        let others = useful.iter().any(|one| {
            let source = &self.sources[one.node];
            !source.chosen && source.is_free(now)
        });
        // Whoever was asked only a moment ago could not answer yet.
        let slowest = chosen()
            .filter(|one| self.sources[one.node].asked_at.is_some_and(|at| at < now))
            .min_by_key(|one| self.sources[one.node].brought)
            .filter(|_| others && chosen().count() >= parallel.min(useful.len()));
        if let Some(slowest) = slowest {
            self.sources[slowest.node].chosen = false;
        }
        self.sources.iter_mut().for_each(|source| source.brought = 0);
    }

    /// Chooses those who were not asked for the longest time.
    fn choose(&mut self, now: SteadyMs, useful: &[Candidate], parallel: usize) {
        let count = self.sources.iter().filter(|source| source.chosen).count();
        if count == 0 {
            self.review_at = now.after(REVIEW_INTERVAL);
        }
        let mut rest: Vec<_> = useful
            .iter()
            .map(|one| one.node)
            .filter(|node| !self.sources[*node].chosen && self.sources[*node].is_free(now))
            .collect();
        rest.sort_by_key(|node| self.sources[*node].asked_at);
        for node in rest.into_iter().take(parallel.saturating_sub(count)) {
            self.sources[node].chosen = true;
        }
    }

    /// The lowest blocks that nobody else was just asked for.
    fn range_for(
        &self,
        node: NodeId,
        now: SteadyMs,
        next: Height,
        last: Height,
        parallel: usize,
        hurry: bool,
    ) -> Option<Range> {
        let last = last.get().min(next.get().saturating_add(WINDOW - 1));
        let in_hand = |height| {
            let of_another = |(other, source): (NodeId, &Source)| {
                let patient = source.asked_at.is_some_and(|at| at.after(PATIENCE) > now);
                let shared = hurry && height > self.certified;
                let asked = source.owes.is_some_and(|range| range.contains(height));
                other != node && source.chosen && asked && patient && !shared
            };
            self.waiting.contains_key(&height) || self.sources.iter().enumerate().any(of_another)
        };
        let heights = || (next.get()..=last).map(Height::new);
        let first = heights().find(|height| !in_hand(*height))?;
        if first > next && self.waiting_bytes >= WAITING_BYTES_MAX {
            return None;
        }
        // Everybody gets a share of what is lacking.
        let lacking = last.saturating_sub(next.get()).saturating_add(1);
        let share = lacking.div_ceil(parallel.max(1) as u64).clamp(1, BLOCKS_MAX as u64);
        let run = heights().skip_while(|height| *height < first);
        let run = run.take(usize::try_from(share).unwrap_or(BLOCKS_MAX));
        let end = run.take_while(|height| !in_hand(*height)).last()?;
        Some(Range { first, last: end })
    }

    /// Takes in what a node answers that says to have blocks up to `last`. Says whether it was asked for.
    pub(crate) fn take(
        &mut self,
        now: SteadyMs,
        from: NodeId,
        next: Height,
        (first, last): (Height, Height),
        blocks: Vec<Vec<u8>>,
    ) -> bool {
        let source = &mut self.sources[from];
        let Some(owed) = source.owes.filter(|owed| owed.first == first) else { return false };
        source.owes = None;
        if last < self.announced {
            // Newer than the announcement, and from a node that would know.
            self.announced = Height::ZERO;
        }
        if blocks.is_empty() && last >= first {
            // It says that it has what it does not give.
            source.strike(now);
        }
        let heights = (owed.first.get()..=owed.last.get()).map(Height::new);
        for (height, bytes) in heights.zip(blocks) {
            if height >= next && !self.waiting.contains_key(&height) {
                source.brought += 1;
                self.waiting_bytes += bytes.len();
                self.waiting.insert(height, (from, bytes));
            }
        }
        true
    }

    /// The next block, if it has come, and who brought it.
    pub(crate) fn pop(&mut self, next: Height) -> Option<(NodeId, Vec<u8>)> {
        while let Some(entry) = self.waiting.first_entry() {
            if *entry.key() > next {
                return None;
            }
            let (height, (from, bytes)) = entry.remove_entry();
            self.waiting_bytes -= bytes.len();
            if height == next {
                return Some((from, bytes));
            }
        }
        None
    }

    /// A node has handed out something wrong: nothing of it is used, and others are asked.
    pub(crate) fn distrust(&mut self, node: NodeId, now: SteadyMs) {
        self.waiting.retain(|_, (from, _)| *from != node);
        self.waiting_bytes = self.waiting.values().map(|(_, bytes)| bytes.len()).sum();
        self.sources[node].strike(now);
    }

    /// A block that a node has handed out was right.
    pub(crate) fn trust(&mut self, node: NodeId) {
        self.sources[node].strikes = 0;
    }

    /// The connection to a node is gone, and with it what was under way.
    pub(crate) fn disconnected(&mut self, node: NodeId) {
        let source = &mut self.sources[node];
        (source.chosen, source.owes) = (false, None);
    }

    /// Nothing is lacking any more: nobody is asked until somebody is ahead again.
    pub(crate) fn rest(&mut self) {
        self.sources.iter_mut().for_each(|source| source.chosen = false);
        self.waiting.clear();
        self.waiting_bytes = 0;
        self.behind = None;
    }
}

#[cfg(test)]
mod tests;
