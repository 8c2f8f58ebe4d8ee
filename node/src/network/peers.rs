//! Who may connect, and when to dial whom.

use std::{collections::HashMap, time::Duration};

use libp2p::{
    Multiaddr, PeerId,
    identity::{PublicKey, ed25519},
    swarm::ConnectionId,
};
use tokio::time::Instant;

use super::{NetworkError, PeerEntry, PeerKey, queue::Share};

/// The longest list of peers: 31 validators, and the nodes of members that follow.
pub const PEERS_MAX: usize = 256;

/// Addresses tried for one peer.
const ADDRESSES_MAX: usize = 16;
/// The pause before dialing again, doubled with each failure.
const REDIAL_MIN: Duration = Duration::from_millis(200);
const REDIAL_MAX: Duration = Duration::from_secs(10);
/// How much later the peer with the greater id dials: usually it finds itself connected by then.
const REDIAL_SECOND: Duration = Duration::from_secs(1);
/// A connection that lived longer was a success; a shorter one counts as a failed attempt, because
/// a peer that does not have us in its list accepts and closes at once.
const STABLE: Duration = Duration::from_secs(10);
/// How long a connected peer may go without telling its topics; doubled each time it did not help.
const GOSSIP_SILENCE_MIN: Duration = Duration::from_secs(10);
const GOSSIP_SILENCE_MAX: Duration = Duration::from_secs(300);

const _: () = assert!(REDIAL_MIN.as_millis() < REDIAL_MAX.as_millis());

/// What is known of one peer.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) key: PeerKey,
    pub(super) addresses: Vec<Multiaddr>,
    /// Whether it is in the list now; one that is not is forgotten once it is disconnected.
    pub(super) listed: bool,
    /// Its part of the event queue.
    pub(super) share: Share,
    pub(super) reports: Reports,
    dial: Dial,
    gossip: GossipWatch,
}

/// What the layer above has been told about the connection, and what it still has to be told.
#[derive(Debug, Default)]
pub(super) struct Reports {
    pub(super) connected: bool,
    pub(super) told_connected: bool,
    pub(super) owes_disconnected: bool,
}

#[derive(Debug)]
struct Dial {
    /// Whether its id is greater than ours, so that we dial first.
    first: bool,
    under_way: Option<ConnectionId>,
    failures: u32,
    due: Instant,
    connected_since: Option<Instant>,
}

/// Looks for rust-libp2p issue 5097: a peer that restarts while we still hold its old connection
/// hears of none of our topics, and neither side notices.
#[derive(Debug)]
struct GossipWatch {
    silent_since: Option<Instant>,
    patience: Duration,
}

impl Peer {
    fn new(key: PeerKey, id: PeerId, own_id: PeerId, now: Instant) -> Self {
        let dial = Dial {
            first: own_id < id,
            under_way: None,
            failures: 0,
            due: now,
            connected_since: None,
        };
        let mut peer = Self {
            key,
            addresses: Vec::new(),
            listed: false,
            share: Share::default(),
            reports: Reports::default(),
            dial,
            gossip: GossipWatch { silent_since: None, patience: GOSSIP_SILENCE_MIN },
        };
        if !peer.dial.first {
            peer.dial.due = now + REDIAL_SECOND;
        }
        peer
    }

    /// Whether to dial now.
    pub(super) fn dial_is_due(&self, now: Instant) -> bool {
        let idle = !self.reports.connected && self.dial.under_way.is_none();
        self.listed && idle && !self.addresses.is_empty() && self.dial.due <= now
    }

    pub(super) fn dial_started(&mut self, connection: ConnectionId) {
        self.dial.under_way = Some(connection);
    }

    /// A dial failed, whichever; `jitter` is random.
    pub(super) fn dial_failed(&mut self, connection: ConnectionId, now: Instant, jitter: u32) {
        if self.dial.under_way == Some(connection) {
            self.dial.under_way = None;
            self.dial.failures = self.dial.failures.saturating_add(1);
            self.schedule(now, jitter);
        }
    }

    /// A connection stands, dialed by either side.
    pub(super) fn connection_opened(&mut self, connection: ConnectionId, now: Instant) {
        if self.dial.under_way == Some(connection) {
            self.dial.under_way = None;
        }
        if !self.reports.connected {
            self.reports.connected = true;
            self.dial.connected_since = Some(now);
            self.gossip.silent_since = None;
        }
    }

    /// The last connection is gone; `jitter` is random.
    pub(super) fn all_connections_closed(&mut self, now: Instant, jitter: u32) {
        self.reports.connected = false;
        self.reports.owes_disconnected |= self.reports.told_connected;
        let lived = self.dial.connected_since.take().map_or(Duration::ZERO, |since| now - since);
        self.dial.failures = if lived >= STABLE { 0 } else { self.dial.failures.saturating_add(1) };
        self.gossip.silent_since = None;
        self.schedule(now, jitter);
    }

    fn schedule(&mut self, now: Instant, jitter: u32) {
        let lag = if self.dial.first { Duration::ZERO } else { REDIAL_SECOND };
        self.dial.due = now + redial_pause(self.dial.failures, jitter) + lag;
    }

    /// Whether the peer should be disconnected because gossip does not know its topics.
    pub(super) fn gossip_is_broken(&mut self, knows_topics: bool, now: Instant) -> bool {
        if knows_topics || !self.reports.connected {
            self.gossip.silent_since = None;
            if knows_topics {
                self.gossip.patience = GOSSIP_SILENCE_MIN;
            }
            return false;
        }
        let since = *self.gossip.silent_since.get_or_insert(now);
        let broken = now - since >= self.gossip.patience;
        if broken {
            self.gossip.silent_since = None;
            self.gossip.patience = (2 * self.gossip.patience).min(GOSSIP_SILENCE_MAX);
        }
        broken
    }
}

/// Between half and all of a pause that doubles with each failure, within the two limits.
fn redial_pause(failures: u32, jitter: u32) -> Duration {
    let pause = 2_u32
        .checked_pow(failures)
        .and_then(|factor| REDIAL_MIN.checked_mul(factor))
        .map_or(REDIAL_MAX, |pause| pause.min(REDIAL_MAX));
    let part = pause.mul_f64(0.5 + 0.5 * f64::from(jitter) / f64::from(u32::MAX));
    part.max(REDIAL_MIN)
}

/// The peers, by libp2p's name for them and by ours.
#[derive(Debug)]
pub(super) struct Peers {
    own_id: PeerId,
    by_id: HashMap<PeerId, Peer>,
    ids: HashMap<PeerKey, PeerId>,
}

/// How a new list differs from the one before.
#[derive(Debug, Default)]
pub(super) struct PeersChanged {
    pub(super) added: Vec<PeerId>,
    pub(super) removed: Vec<PeerId>,
}

impl Peers {
    pub(super) fn new(own_id: PeerId) -> Self {
        Self { own_id, by_id: HashMap::new(), ids: HashMap::new() }
    }

    /// Replaces the list, all or nothing. Our own key in it is passed over.
    pub(super) fn set(
        &mut self,
        entries: Vec<PeerEntry>,
        now: Instant,
    ) -> Result<PeersChanged, NetworkError> {
        if entries.len() > PEERS_MAX {
            return Err(NetworkError::TooManyPeers { count: entries.len() });
        }
        let entries: Vec<(PeerId, PeerEntry)> = entries
            .into_iter()
            .map(|entry| Ok((peer_id(&entry.public_key)?, entry)))
            .collect::<Result<_, NetworkError>>()?;
        let before: Vec<PeerId> =
            self.by_id.iter().filter(|(_, peer)| peer.listed).map(|(id, _)| *id).collect();
        self.by_id.values_mut().for_each(|peer| peer.listed = false);
        for (id, mut entry) in entries.into_iter().filter(|(id, _)| *id != self.own_id) {
            let key = entry.public_key;
            let own_id = self.own_id;
            let peer = self.by_id.entry(id).or_insert_with(|| Peer::new(key, id, own_id, now));
            entry.addresses.truncate(ADDRESSES_MAX);
            peer.addresses = entry.addresses;
            peer.listed = true;
            self.ids.insert(key, id);
        }
        let listed = |id: &PeerId| self.by_id.get(id).is_some_and(|peer| peer.listed);
        let removed = before.iter().copied().filter(|id| !listed(id)).collect();
        let added = self.by_id.keys().copied().filter(|id| listed(id) && !before.contains(id));
        let changed = PeersChanged { added: added.collect(), removed };
        self.forget_unlisted();
        Ok(changed)
    }

    /// Forgets peers that are neither listed, nor connected, nor owed a report.
    pub(super) fn forget_unlisted(&mut self) {
        self.by_id.retain(|_, peer| {
            peer.listed || peer.reports.connected || peer.reports.owes_disconnected
        });
        let by_id = &self.by_id;
        self.ids.retain(|_, id| by_id.contains_key(id));
    }

    pub(super) fn get_mut(&mut self, id: &PeerId) -> Option<&mut Peer> {
        self.by_id.get_mut(id)
    }

    pub(super) fn find_mut(&mut self, key: &PeerKey) -> Option<(PeerId, &mut Peer)> {
        let id = *self.ids.get(key)?;
        self.by_id.get_mut(&id).map(|peer| (id, peer))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&PeerId, &mut Peer)> {
        self.by_id.iter_mut()
    }
}

fn peer_id(key: &PeerKey) -> Result<PeerId, NetworkError> {
    ed25519::PublicKey::try_from_bytes(key)
        .map(|public| PublicKey::from(public).to_peer_id())
        .map_err(|_| NetworkError::InvalidPeerKey { public_key: *key })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use libp2p::identity::Keypair;

    use super::*;

    fn key(seed: u8) -> PeerKey {
        let pair = Keypair::ed25519_from_bytes([seed; 32]).unwrap();
        pair.public().try_into_ed25519().unwrap().to_bytes()
    }

    fn entry(seed: u8) -> PeerEntry {
        let addresses = vec!["/ip4/127.0.0.1/tcp/7400".parse().unwrap()];
        PeerEntry { public_key: key(seed), addresses }
    }

    fn id(seed: u8) -> PeerId {
        peer_id(&key(seed)).unwrap()
    }

    /// Our own peers, listing every other seed of 1 and 2.
    fn pair(own: u8, now: Instant) -> Peers {
        let mut peers = Peers::new(id(own));
        peers.set(vec![entry(1), entry(2)], now).unwrap();
        peers
    }

    #[test]
    fn pauses_double_up_to_the_limit_with_jitter_between_half_and_all() {
        let pauses = |jitter| [0, 1, 2, 3, 5, 6, 40, u32::MAX].map(|n| redial_pause(n, jitter));
        let longest = [200, 400, 800, 1_600, 6_400, 10_000, 10_000, 10_000];
        let shortest = [200, 200, 400, 800, 3_200, 5_000, 5_000, 5_000];
        assert_eq!(pauses(u32::MAX), longest.map(Duration::from_millis));
        assert_eq!(pauses(0), shortest.map(Duration::from_millis));
    }

    #[test]
    fn the_lower_id_dials_at_once_and_the_other_a_second_later() {
        let now = Instant::now();
        let (low, high) = if id(1) < id(2) { (1, 2) } else { (2, 1) };
        let mut lower = pair(low, now);
        assert!(lower.get_mut(&id(high)).unwrap().dial_is_due(now));
        let mut higher = pair(high, now);
        let peer = higher.get_mut(&id(low)).unwrap();
        assert!(!peer.dial_is_due(now));
        assert!(peer.dial_is_due(now + REDIAL_SECOND));
    }

    #[test]
    fn a_peer_is_dialed_only_when_idle_and_later_after_each_failure() {
        let now = Instant::now() + REDIAL_SECOND;
        let mut peers = pair(1, now - REDIAL_SECOND);
        let peer = peers.get_mut(&id(2)).unwrap();
        let (one, two) = (ConnectionId::new_unchecked(1), ConnectionId::new_unchecked(2));
        assert!(peer.dial_is_due(now));
        peer.dial_started(one);
        assert!(!peer.dial_is_due(now));
        peer.dial_failed(two, now, u32::MAX);
        assert!(!peer.dial_is_due(now + REDIAL_MAX), "another dial's failure says nothing");
        peer.dial_failed(one, now, u32::MAX);
        assert!(!peer.dial_is_due(now + REDIAL_MIN));
        assert!(peer.dial_is_due(now + REDIAL_SECOND + 2 * REDIAL_MIN));
        peer.connection_opened(two, now);
        assert!(!peer.dial_is_due(now + REDIAL_MAX));
        peer.all_connections_closed(now, u32::MAX);
        assert!(!peer.dial_is_due(now + 3 * REDIAL_MIN), "a short connection is a failure");
        peer.connection_opened(two, now);
        peer.all_connections_closed(now + STABLE, u32::MAX);
        assert!(peer.dial_is_due(now + STABLE + REDIAL_SECOND + REDIAL_MIN));
    }

    #[test]
    fn a_peer_whose_topics_stay_unknown_is_broken_ever_more_rarely() {
        let mut now = Instant::now();
        let mut peers = pair(1, now);
        let peer = peers.get_mut(&id(2)).unwrap();
        assert!(!peer.gossip_is_broken(false, now), "not connected");
        peer.connection_opened(ConnectionId::new_unchecked(1), now);
        let mut next = |peer: &mut Peer| {
            let start = now;
            while !peer.gossip_is_broken(false, now) {
                now += Duration::from_secs(1);
            }
            (now - start).as_secs()
        };
        assert_eq!([0; 7].map(|_| next(peer)), [10, 20, 40, 80, 160, 300, 300]);
        assert!(!peer.gossip_is_broken(true, now));
        assert!(!peer.gossip_is_broken(false, now));
        assert!(peer.gossip_is_broken(false, now + GOSSIP_SILENCE_MIN));
    }

    #[test]
    fn a_new_list_says_who_came_and_went_and_keeps_who_is_still_connected() {
        let now = Instant::now();
        let mut peers = Peers::new(id(9));
        let changed = peers.set(vec![entry(1), entry(2), entry(9)], now).unwrap();
        assert_eq!((changed.added.len(), changed.removed.len()), (2, 0), "never ourselves");
        peers.get_mut(&id(1)).unwrap().connection_opened(ConnectionId::new_unchecked(1), now);
        let changed = peers.set(vec![entry(3), entry(3)], now).unwrap();
        assert_eq!((changed.added, changed.removed.len()), (vec![id(3)], 2));
        assert!(peers.find_mut(&key(2)).is_none());
        assert!(!peers.find_mut(&key(1)).unwrap().1.dial_is_due(now + REDIAL_MAX));
        peers.get_mut(&id(1)).unwrap().all_connections_closed(now, 0);
        peers.forget_unlisted();
        assert!(peers.find_mut(&key(1)).is_none());
    }

    #[test]
    fn a_list_that_is_too_long_or_has_a_bad_key_changes_nothing() {
        let now = Instant::now();
        let mut peers = pair(9, now);
        let long = vec![entry(3); PEERS_MAX + 1];
        assert!(matches!(peers.set(long, now), Err(NetworkError::TooManyPeers { .. })));
        // Not the encoding of any point of the curve.
        let bad = PeerEntry { public_key: [2; 32], addresses: vec![] };
        let refused = peers.set(vec![entry(3), bad], now);
        assert!(matches!(refused, Err(NetworkError::InvalidPeerKey { .. })));
        assert!(peers.find_mut(&key(1)).is_some_and(|(_, peer)| peer.listed));
        assert!(peers.find_mut(&key(3)).is_none());
    }
}
