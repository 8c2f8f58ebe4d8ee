//! The network as the node sees it: real nodes on loopback, commands in, events out.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/loopback.rs"]
mod loopback;

use std::{io::ErrorKind, net::SocketAddr, sync::Arc, time::Duration};

use libp2p::identity::Keypair;
use node::network::{
    Bytes, Channel, Multiaddr, NetworkCommand, NetworkConfig, NetworkError, NetworkEvent,
    NetworkEvents, NetworkHandle, PeerEntry, PeerKey, Topic, spawn,
};
use prometheus_client::encoding::text::encode;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

/// Far more than anything here takes, also on a busy machine; only a failing test waits so long.
const DEADLINE: Duration = Duration::from_secs(180);
/// How often something that may get lost is tried again.
const RETRY: Duration = Duration::from_millis(250);

/// How often a scene is set that time alone can spoil.
const ATTEMPTS: usize = 10;

/// How the line of the counter begins.
const DROPPED: &str = "tuan_network_payloads_dropped_total ";

const CHAIN: &str = "0123456789abcdef";

fn key_of(seed: u8) -> PeerKey {
    let pair = Keypair::ed25519_from_bytes([seed; 32]).unwrap();
    pair.public().try_into_ed25519().unwrap().to_bytes()
}

fn any_port() -> Multiaddr {
    format!("/ip4/{}/tcp/0", loopback::own_address()).parse().unwrap()
}

/// A peer that only dials us.
fn listed(seed: u8) -> PeerEntry {
    PeerEntry { public_key: key_of(seed), addresses: vec![] }
}

fn config(seed: u8, listen: Multiaddr, peers: Vec<PeerEntry>) -> NetworkConfig {
    NetworkConfig {
        secret_key: [seed; 32],
        listen: vec![listen],
        protocol_id: CHAIN.to_owned(),
        peers,
    }
}

struct Node {
    key: PeerKey,
    handle: NetworkHandle,
    events: NetworkEvents,
    shutdown: CancellationToken,
}

impl Node {
    async fn start(config: NetworkConfig) -> Self {
        let key = key_of(config.secret_key[0]);
        let shutdown = CancellationToken::new();
        let (handle, events) = spawn(config, shutdown.clone()).await.unwrap();
        Self { key, handle, events, shutdown }
    }

    async fn with_peers(seed: u8, peers: Vec<PeerEntry>) -> Self {
        Self::start(config(seed, any_port(), peers)).await
    }

    /// How another node lists this one, to dial it.
    fn entry(&self) -> PeerEntry {
        PeerEntry { public_key: self.key, addresses: self.handle.listening.clone() }
    }

    fn address(&self) -> Multiaddr {
        self.handle.listening[0].clone()
    }

    async fn stop(self) {
        self.shutdown.cancel();
        timeout(DEADLINE, self.handle.task).await.expect("the network should stop").unwrap();
    }

    async fn command(&self, command: NetworkCommand) {
        self.handle.commands.send(command).await.unwrap();
    }

    async fn send(&self, to: &Node, channel: Channel, payload: impl Into<Bytes>) {
        let payload = payload.into();
        self.command(NetworkCommand::Send { to: to.key, channel, payload }).await;
    }

    async fn gossip(&self, payload: &[u8]) {
        let payload = payload.to_vec();
        self.command(NetworkCommand::Gossip { topic: Topic::Blocks, payload }).await;
    }

    /// Takes events until one is wanted; those before it are dropped.
    async fn wait<T>(
        &mut self,
        what: &str,
        mut wanted: impl FnMut(NetworkEvent) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let event = timeout_at(deadline, self.events.recv())
                .await
                .unwrap_or_else(|_| panic!("waited in vain for {what}"))
                .expect("the network should run");
            if let Some(found) = wanted(event) {
                return found;
            }
        }
    }

    async fn wait_event(&mut self, wanted: NetworkEvent) {
        self.wait(&format!("{wanted:?}"), |event| (event == wanted).then_some(())).await;
    }

    async fn wait_connected(&mut self, to: &PeerKey) {
        self.wait_event(NetworkEvent::Connected(*to)).await;
    }

    async fn wait_received(&mut self) -> (PeerKey, Channel, Vec<u8>) {
        self.wait("a payload", |event| match event {
            NetworkEvent::Received { from, channel, payload } => Some((from, channel, payload)),
            _ => None,
        })
        .await
    }

    async fn wait_connected_in_any_order<const N: usize>(&mut self, to: [PeerKey; N]) {
        let mut missing = to.to_vec();
        while !missing.is_empty() {
            let connected = |event| match event {
                NetworkEvent::Connected(key) => Some(key),
                _ => None,
            };
            let key = self.wait("a connection", connected).await;
            missing.retain(|other| *other != key);
        }
    }

    /// Waits until so many payloads found no room in this node's queue.
    async fn wait_dropped(&self, count: u64) {
        let deadline = Instant::now() + DEADLINE;
        while self.dropped() < count {
            assert!(Instant::now() < deadline, "too few payloads were dropped");
            sleep(RETRY / 10).await;
        }
    }

    fn dropped(&self) -> u64 {
        let mut text = String::new();
        encode(&mut text, &self.handle.metrics).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(DROPPED));
        line.unwrap().trim().parse().unwrap()
    }

    async fn wait_send_failed(&mut self, to: &PeerKey, channel: Channel) {
        self.wait_event(NetworkEvent::SendFailed { to: *to, channel }).await;
    }

    /// Every event there is already.
    fn drain(&mut self) -> Vec<NetworkEvent> {
        std::iter::from_fn(|| self.events.try_recv()).collect()
    }
}

/// Two nodes that list each other; the second dials the first.
async fn two_connected() -> (Node, Node) {
    let mut a = Node::with_peers(1, vec![listed(2)]).await;
    let mut b = Node::with_peers(2, vec![a.entry()]).await;
    a.wait_connected(&b.key).await;
    b.wait_connected(&a.key).await;
    (a, b)
}

/// Publishes fresh payloads until one gets through: gossip needs a moment to learn who follows
/// what, and loses what is published before.
async fn gossip_gets_through(from: &Node, to: &mut Node, label: &str) {
    let deadline = Instant::now() + DEADLINE;
    for attempt in 0_u32.. {
        assert!(Instant::now() < deadline, "no gossip got through: {label}");
        from.gossip(format!("{label} {attempt}").as_bytes()).await;
        let received = timeout(RETRY, async {
            to.wait("gossip", |event| match event {
                NetworkEvent::GossipReceived { id, payload, .. }
                    if payload.starts_with(label.as_bytes()) =>
                {
                    Some(id)
                }
                _ => None,
            })
            .await
        });
        if let Ok(id) = received.await {
            to.command(NetworkCommand::GossipVerdict { id, accept: true }).await;
            return;
        }
    }
}

fn pattern(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|i| (i % 251) as u8 ^ seed).collect()
}

#[tokio::test]
async fn the_largest_payloads_arrive_on_every_channel_in_both_directions() {
    let (mut a, mut b) = two_connected().await;
    for channel in Channel::ALL {
        let there = pattern(channel.payload_bytes_max(), 1);
        let back = pattern(channel.payload_bytes_max(), 2);
        a.send(&b, channel, there.clone()).await;
        b.send(&a, channel, back.clone()).await;
        assert!(b.wait_received().await == (a.key, channel, there), "{channel:?}");
        assert!(a.wait_received().await == (b.key, channel, back), "{channel:?}");
        a.send(&b, channel, vec![]).await;
        assert_eq!(b.wait_received().await, (a.key, channel, vec![]));
    }
    let failed = |event: &NetworkEvent| matches!(event, NetworkEvent::SendFailed { .. });
    assert!(!a.drain().iter().any(failed) && !b.drain().iter().any(failed));
}

#[tokio::test]
async fn many_small_payloads_all_arrive_while_a_large_one_is_under_way() {
    let (mut a, mut b) = two_connected().await;
    a.send(&b, Channel::Sync, pattern(Channel::Sync.payload_bytes_max(), 3)).await;
    let count = 64;
    for n in 0..count {
        a.send(&b, Channel::Consensus, vec![n]).await;
    }
    let mut votes = Vec::new();
    let mut votes_before_sync = None;
    while votes.len() < count.into() || votes_before_sync.is_none() {
        match b.wait_received().await {
            (_, Channel::Consensus, payload) => votes.extend(payload),
            (_, channel, _) => {
                assert_eq!(channel, Channel::Sync);
                votes_before_sync = Some(votes.len());
            }
        }
    }
    assert_eq!(votes, (0..count).collect::<Vec<_>>(), "a stream keeps the order");
    assert!(votes_before_sync > Some(0), "the votes waited behind the large payload");
    assert_eq!(a.drain(), []);
}

#[tokio::test]
async fn a_payload_too_long_is_refused_and_the_next_one_arrives() {
    let (mut a, mut b) = two_connected().await;
    for channel in Channel::ALL {
        a.send(&b, channel, vec![0; channel.payload_bytes_max() + 1]).await;
        a.wait_send_failed(&b.key, channel).await;
        a.send(&b, channel, vec![7]).await;
        assert_eq!(b.wait_received().await, (a.key, channel, vec![7]));
    }
}

#[tokio::test]
async fn what_cannot_be_sent_is_reported() {
    let a = &mut Node::with_peers(1, vec![listed(2)]).await;
    for unreachable in [key_of(2), key_of(3), a.key] {
        let payload = Bytes::from_static(b"x");
        let channel = Channel::Consensus;
        a.command(NetworkCommand::Send { to: unreachable, channel, payload }).await;
        a.wait_send_failed(&unreachable, channel).await;
    }
}

#[tokio::test]
async fn a_receiver_that_does_not_keep_up_drops_until_it_has_room_again() {
    let (mut a, mut b) = two_connected().await;
    let large = Channel::Sync.payload_bytes_max();
    // Two of these are more than one peer may have in the queue, and B takes none out.
    a.send(&b, Channel::Sync, pattern(large, 1)).await;
    a.send(&b, Channel::Sync, pattern(large, 2)).await;
    b.wait_dropped(1).await;
    assert!(b.wait_received().await.2 == pattern(large, 1));
    a.send(&b, Channel::Sync, pattern(large, 3)).await;
    assert!(b.wait_received().await.2 == pattern(large, 3));
    assert_eq!(a.drain(), [], "the sender learns nothing of it");
}

#[tokio::test]
async fn a_peer_that_floods_does_not_crowd_out_the_others() {
    let mut b = Node::with_peers(2, vec![listed(1), listed(3)]).await;
    let mut flooder = Node::with_peers(1, vec![b.entry()]).await;
    let mut c = Node::with_peers(3, vec![b.entry()]).await;
    flooder.wait_connected(&b.key).await;
    c.wait_connected(&b.key).await;
    b.wait_connected_in_any_order([flooder.key, c.key]).await;
    for channel in [Channel::Consensus, Channel::Transactions].repeat(500) {
        flooder.send(&b, channel, vec![0]).await;
    }
    b.wait_dropped(1).await;
    c.send(&b, Channel::Consensus, vec![1]).await;
    while b.wait_received().await.0 != c.key {}
}

#[tokio::test]
async fn a_frozen_peer_is_owed_no_more_than_its_queue_and_delays_nobody_else() {
    let mut frozen = Node::with_peers(2, vec![listed(1)]).await;
    let proxy = Proxy::to(&frozen.address()).await;
    let through_proxy =
        PeerEntry { public_key: frozen.key, addresses: vec![proxy.address.clone()] };
    let mut c = Node::with_peers(3, vec![listed(1)]).await;
    let mut a = Node::with_peers(1, vec![through_proxy, c.entry()]).await;
    a.wait_connected_in_any_order([frozen.key, c.key]).await;
    frozen.wait_connected(&a.key).await;
    a.send(&frozen, Channel::Consensus, vec![1]).await;
    frozen.wait_received().await;
    proxy.dumb.notify_one();
    frozen.wait_event(NetworkEvent::Disconnected(a.key)).await;

    let channel = Channel::Consensus;
    let largest = Bytes::from(pattern(channel.payload_bytes_max(), 4));
    let fit = channel.queued_bytes_max() / largest.len();
    // One more is half written, and one for good measure.
    for _ in 0..2 * fit + 2 {
        a.send(&frozen, channel, largest.clone()).await;
    }
    for _ in 0..fit {
        a.wait_send_failed(&frozen.key, channel).await;
    }
    a.send(&c, channel, largest.clone()).await;
    assert!(c.wait_received().await.2 == largest);
}

#[tokio::test]
async fn only_listed_peers_can_connect_and_the_list_can_change() {
    let mut a = Node::with_peers(1, vec![listed(2)]).await;
    let mut stranger = Node::with_peers(3, vec![a.entry()]).await;
    // The stranger's handshake succeeds, and then A closes.
    stranger.wait_event(NetworkEvent::Disconnected(a.key)).await;
    let met = NetworkEvent::Connected(stranger.key);
    assert!(!a.drain().contains(&met), "A must not have taken the stranger for a peer");

    a.command(NetworkCommand::SetPeers(vec![listed(2), listed(3)])).await;
    a.wait_connected(&stranger.key).await;
    a.send(&stranger, Channel::Bodies, vec![1]).await;
    assert_eq!(stranger.wait_received().await, (a.key, Channel::Bodies, vec![1]));

    a.command(NetworkCommand::SetPeers(vec![listed(2)])).await;
    a.wait_event(NetworkEvent::Disconnected(stranger.key)).await;
    stranger.wait_event(NetworkEvent::Disconnected(a.key)).await;
    a.send(&stranger, Channel::Bodies, vec![2]).await;
    a.wait_send_failed(&stranger.key, Channel::Bodies).await;
}

#[tokio::test]
async fn nodes_of_different_chains_do_not_understand_each_other() {
    let mut a = Node::with_peers(1, vec![listed(2)]).await;
    let mut other_chain = config(2, any_port(), vec![a.entry()]);
    other_chain.protocol_id = "fedcba9876543210".to_owned();
    let mut b = Node::start(other_chain).await;
    b.wait_connected(&a.key).await;
    // The first fails with the stream, the second before another is tried.
    for _ in 0..2 {
        b.send(&a, Channel::Consensus, vec![1]).await;
        b.wait_send_failed(&a.key, Channel::Consensus).await;
    }
    let received = |event: &NetworkEvent| matches!(event, NetworkEvent::Received { .. });
    assert!(!a.drain().iter().any(received));
}

#[tokio::test]
async fn gossip_travels_over_a_third_node_only_with_its_approval() {
    let mut middle = Node::with_peers(2, vec![listed(1), listed(3)]).await;
    let mut a = Node::with_peers(1, vec![middle.entry()]).await;
    let mut c = Node::with_peers(3, vec![middle.entry()]).await;
    a.wait_connected(&middle.key).await;
    c.wait_connected(&middle.key).await;
    // Both links carry gossip before the test proper begins.
    gossip_gets_through(&middle, &mut c, "hello c").await;
    gossip_gets_through(&a, &mut middle, "hello middle").await;

    let deadline = Instant::now() + DEADLINE;
    let mut judged = 0_u32;
    let mut arrived = Vec::new();
    for attempt in 0_u32.. {
        assert!(Instant::now() < deadline, "nothing was passed on");
        a.gossip(format!("bad {attempt}").as_bytes()).await;
        a.gossip(format!("good {attempt}").as_bytes()).await;
        let _ = timeout(RETRY, async {
            loop {
                tokio::select! {
                    event = middle.events.recv() => {
                        if let Some(NetworkEvent::GossipReceived { id, payload, .. }) = event {
                            judged += 1;
                            let accept = !payload.starts_with(b"bad");
                            middle.command(NetworkCommand::GossipVerdict { id, accept }).await;
                        }
                    }
                    event = c.events.recv() => {
                        if let Some(NetworkEvent::GossipReceived { payload, .. }) = event {
                            arrived.push(String::from_utf8(payload).unwrap());
                        }
                    }
                }
            }
        })
        .await;
        if arrived.iter().filter(|text| text.starts_with("good")).count() >= 3 {
            break;
        }
    }
    assert!(judged >= 6);
    assert!(!arrived.iter().any(|text| text.starts_with("bad")), "{arrived:?}");
}

#[tokio::test]
async fn the_largest_gossip_arrives() {
    let (a, mut b) = two_connected().await;
    gossip_gets_through(&a, &mut b, "hello").await;
    let largest = pattern(node::network::GOSSIP_BYTES_MAX, 5);
    a.gossip(&largest).await;
    b.wait("the largest gossip", |event| match event {
        NetworkEvent::GossipReceived { payload, .. } => (payload == largest).then_some(()),
        _ => None,
    })
    .await;
}

#[tokio::test]
async fn a_node_that_restarts_on_its_port_is_dialed_again_and_hears_gossip_again() {
    let mut b = Node::with_peers(2, vec![listed(1)]).await;
    // Only A knows an address, so it is A who has to dial again.
    let mut a = Node::with_peers(1, vec![b.entry()]).await;
    a.wait_connected(&b.key).await;
    gossip_gets_through(&a, &mut b, "before").await;
    for restart in 0..2 {
        let address = b.address();
        b.stop().await;
        a.wait_event(NetworkEvent::Disconnected(key_of(2))).await;
        b = Node::start(config(2, address, vec![listed(1)])).await;
        a.wait_connected(&b.key).await;
        b.wait_connected(&a.key).await;
        a.send(&b, Channel::Consensus, vec![restart]).await;
        assert_eq!(b.wait_received().await, (a.key, Channel::Consensus, vec![restart]));
        gossip_gets_through(&a, &mut b, &format!("to the restarted {restart}")).await;
        gossip_gets_through(&b, &mut a, &format!("from the restarted {restart}")).await;
    }
}

fn socket_address(address: &Multiaddr) -> SocketAddr {
    let text = address.to_string();
    let text = text.strip_prefix("/ip4/").unwrap().replace("/tcp/", ":");
    text.parse().unwrap()
}

/// Forwards connections until told to go dumb; then it holds them open and forwards nothing, like
/// a router that lost its tables or a machine that lost its power.
struct Proxy {
    address: Multiaddr,
    dumb: Arc<Notify>,
}

impl Proxy {
    async fn to(target: &Multiaddr) -> Self {
        let target = socket_address(target);
        let listener = TcpListener::bind((loopback::own_address(), 0)).await.unwrap();
        let own = listener.local_addr().unwrap();
        let dumb = Arc::new(Notify::new());
        let told = dumb.clone();
        tokio::spawn(async move {
            let (mut inward, _) = listener.accept().await.unwrap();
            let mut outward = TcpStream::connect(target).await.unwrap();
            tokio::select! {
                _ = copy_bidirectional(&mut inward, &mut outward) => {}
                () = told.notified() => {}
            }
            // Whatever reached the target's side is cut off, the dialer's side learns nothing.
            drop((outward, listener));
            std::future::pending::<()>().await;
            drop(inward);
        });
        Self { address: format!("/ip4/{}/tcp/{}", own.ip(), own.port()).parse().unwrap(), dumb }
    }
}

/// rust-libp2p issue 5097: A still holds the dead connection when the restarted B connects, and so
/// does not tell it the topics again.
#[tokio::test]
async fn a_node_that_returns_before_its_dead_connection_is_noticed_hears_gossip_again() {
    // On a machine that stands still for seconds A notices first, and there is nothing to be seen.
    for _ in 0..ATTEMPTS {
        let mut b = Node::with_peers(2, vec![listed(1)]).await;
        let proxy = Proxy::to(&b.address()).await;
        let through_proxy = PeerEntry { public_key: b.key, addresses: vec![proxy.address.clone()] };
        let mut a = Node::with_peers(1, vec![through_proxy]).await;
        a.wait_connected(&b.key).await;
        gossip_gets_through(&a, &mut b, "before").await;

        a.drain();
        proxy.dumb.notify_one();
        b.stop().await;
        b = Node::with_peers(2, vec![a.entry()]).await;
        b.wait_connected(&a.key).await;
        if a.drain().contains(&NetworkEvent::Disconnected(b.key)) {
            continue;
        }
        // B's messages reach only those whose topics it knows.
        gossip_gets_through(&b, &mut a, "from the returned").await;
        gossip_gets_through(&a, &mut b, "to the returned").await;
        return;
    }
    panic!("the old connection never looked alive");
}

#[tokio::test]
async fn a_port_in_use_is_a_clear_error() {
    let running = Node::with_peers(1, vec![]).await;
    let other_program = TcpListener::bind((loopback::own_address(), 0)).await.unwrap();
    let other = other_program.local_addr().unwrap();
    let other = format!("/ip4/{}/tcp/{}", other.ip(), other.port()).parse().unwrap();
    for used in [running.address(), other] {
        let refused = spawn(config(2, used.clone(), vec![]), CancellationToken::new()).await;
        match refused {
            Err(NetworkError::ListenFailed { address, source }) => {
                assert_eq!((address, source.kind()), (used, ErrorKind::AddrInUse));
            }
            other => panic!("the port is taken, but: {other:?}"),
        }
    }
    let address = running.address();
    running.stop().await;
    Node::start(config(2, address, vec![])).await.stop().await;
}

#[tokio::test]
async fn a_configuration_that_cannot_work_is_refused() {
    let mut bad_chain = config(1, any_port(), vec![]);
    bad_chain.protocol_id = "not/a name".to_owned();
    let refused = spawn(bad_chain, CancellationToken::new()).await;
    assert!(matches!(refused, Err(NetworkError::InvalidProtocolId { .. })));
    let bad_address = config(1, "/ip4/127.0.0.1/udp/1".parse().unwrap(), vec![]);
    let refused = spawn(bad_address, CancellationToken::new()).await;
    assert!(matches!(refused, Err(NetworkError::ListenFailed { .. })));
    let bad_key = PeerEntry { public_key: [2; 32], addresses: vec![] };
    let refused = spawn(config(1, any_port(), vec![bad_key]), CancellationToken::new()).await;
    assert!(matches!(refused, Err(NetworkError::InvalidPeerKey { .. })));
}

#[tokio::test]
async fn the_network_stops_when_nobody_listens_to_it() {
    let node = Node::with_peers(1, vec![]).await;
    drop(node.events);
    timeout(DEADLINE, node.handle.task).await.expect("the network should stop").unwrap();
    let node = Node::with_peers(1, vec![]).await;
    drop(node.handle.commands);
    timeout(DEADLINE, node.handle.task).await.expect("the network should stop").unwrap();
}
