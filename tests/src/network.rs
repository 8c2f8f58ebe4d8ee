//! False network: links between machines, with latency, loss, duplicates and cuts.
//!
//! Messages of one connection may overtake each other, as streams of the real one do. A road that is
//! full drops what comes, and a connection that breaks takes what is under way with it.

use crate::{
    clock::{MILLISECOND, Micros},
    rng::Rng,
};
use replica::Road;
use std::collections::BTreeMap;

/// Most messages under way on one road of one direction of a link.
const ROAD_MESSAGES_MAX: u32 = 512;

/// What the network is like.
#[derive(Debug, Clone, Copy)]
pub struct NetworkProfile {
    /// Least time on the way.
    pub latency_min: Micros,
    /// Most time on the way, but for the delayed.
    pub latency_max: Micros,
    /// Messages lost, of a thousand.
    pub loss_permille: u64,
    /// Messages that come twice, of a thousand.
    pub duplicate_permille: u64,
    /// Messages that are delayed, of a thousand.
    pub delay_permille: u64,
    /// Longest delay.
    pub delay_max: Micros,
    /// Bytes that a road carries in a millisecond.
    pub bytes_per_ms: u64,
}

impl NetworkProfile {
    /// A good network.
    #[must_use]
    pub const fn calm() -> Self {
        Self {
            latency_min: MILLISECOND,
            latency_max: 10 * MILLISECOND,
            loss_permille: 0,
            duplicate_permille: 0,
            delay_permille: 0,
            delay_max: 0,
            bytes_per_ms: 4_000,
        }
    }
}

#[derive(Debug, Default)]
struct Lane {
    under_way: u32,
    free_at: Micros,
}

#[derive(Debug, Default)]
struct Link {
    connected: bool,
    blocked: bool,
    epoch: u32,
}

/// All links.
#[derive(Debug)]
pub struct Network {
    /// What it is like now.
    pub profile: NetworkProfile,
    links: BTreeMap<(usize, usize), Link>,
    lanes: BTreeMap<(usize, usize, Road), Lane>,
    rng: Rng,
}

impl Network {
    /// A network without connections.
    #[must_use]
    pub fn new(profile: NetworkProfile, rng: Rng) -> Self {
        Self { profile, links: BTreeMap::new(), lanes: BTreeMap::new(), rng }
    }

    fn link(&mut self, a: usize, b: usize) -> &mut Link {
        self.links.entry((a.min(b), a.max(b))).or_default()
    }

    /// Whether a connection stands.
    #[must_use]
    pub fn is_connected(&self, a: usize, b: usize) -> bool {
        self.links.get(&(a.min(b), a.max(b))).is_some_and(|link| link.connected)
    }

    /// Whether nothing gets through.
    #[must_use]
    pub fn is_blocked(&self, a: usize, b: usize) -> bool {
        self.links.get(&(a.min(b), a.max(b))).is_some_and(|link| link.blocked)
    }

    /// Makes or breaks a connection. Returns whether that changed anything.
    pub fn set_connected(&mut self, a: usize, b: usize, connected: bool) -> bool {
        let link = self.link(a, b);
        let changed = link.connected != connected;
        link.connected = connected;
        link.epoch += u32::from(changed);
        changed
    }

    /// Lets nothing through, or lets it through again.
    pub fn set_blocked(&mut self, a: usize, b: usize, blocked: bool) {
        self.link(a, b).blocked = blocked;
    }

    /// Sends something: when it arrives (never, once, or twice), and on which connection.
    pub fn send(
        &mut self,
        from: usize,
        to: usize,
        road: Road,
        bytes: usize,
        now: Micros,
    ) -> (u32, Vec<Micros>) {
        let profile = self.profile;
        let link = self.link(from, to);
        let (epoch, lost) = (link.epoch, !link.connected || link.blocked);
        let lane = self.lanes.entry((from, to, road)).or_default();
        if lost || lane.under_way >= ROAD_MESSAGES_MAX || self.rng.chance(profile.loss_permille) {
            return (epoch, Vec::new());
        }
        let carry = bytes as u64 * MILLISECOND / profile.bytes_per_ms.max(1);
        lane.free_at = lane.free_at.max(now) + carry;
        let sent_at = lane.free_at;
        let copies = 1 + u32::from(self.rng.chance(profile.duplicate_permille));
        lane.under_way += copies;
        let arrivals = (0..copies)
            .map(|_| {
                let delay = if self.rng.chance(profile.delay_permille) {
                    self.rng.below(profile.delay_max)
                } else {
                    0
                };
                sent_at + delay + self.rng.between(profile.latency_min, profile.latency_max)
            })
            .collect();
        (epoch, arrivals)
    }

    /// Something arrives; says whether its connection still stands.
    pub fn arrives(&mut self, from: usize, to: usize, road: Road, epoch: u32) -> bool {
        if let Some(lane) = self.lanes.get_mut(&(from, to, road)) {
            lane.under_way = lane.under_way.saturating_sub(1);
        }
        let link = self.link(from, to);
        link.connected && !link.blocked && link.epoch == epoch
    }
}
