//! The task that owns the swarm: carries out commands, reports events, dials again.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    io,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use libp2p::{
    Multiaddr, PeerId, Swarm, TransportError,
    bytes::Bytes,
    core::transport::ListenerId,
    futures::StreamExt,
    gossipsub::{self, MessageAcceptance},
    identity::Keypair,
    metrics::Registry,
    multiaddr::Protocol,
    ping,
    swarm::{ConnectionId, SwarmEvent, dial_opts::DialOpts},
};
use prometheus_client::metrics::counter::Counter;
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    COMMANDS_MAX, Channel, GOSSIP_BYTES_MAX, GossipId, NetworkCommand, NetworkConfig, NetworkError,
    NetworkEvent, NetworkEvents, NetworkHandle, PeerEntry, PeerKey, Topic,
    gossip::Topics,
    peers::{Peer, Peers},
    queue::EventQueue,
    streams::StreamEvent,
    swarm::{self, Behaviour, BehaviourEvent},
};

/// How often due dials are looked for: a fraction of the shortest pause between two.
const TICK: Duration = Duration::from_millis(50);
/// Commands carried out before the swarm is looked at again, which costs more than a command.
const COMMANDS_IN_A_ROW_MAX: usize = 64;
/// How often the topics of peers are looked at.
const GOSSIP_CHECK: Duration = Duration::from_secs(1);
/// How long the system may take to open a listening socket.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(10);
/// Reports of addresses kept for a full queue; a machine has a handful.
const LISTENING_OWED_MAX: usize = 64;
const PROTOCOL_ID_CHARS_MAX: usize = 64;

/// Starts the network and returns once it listens on every address.
///
/// It runs until `shutdown` is cancelled, or the events or all command senders are dropped. Must be
/// called within a tokio runtime.
///
/// # Errors
/// [`NetworkError::ListenFailed`] if an address cannot be listened on, such as when its port is in
/// use; the other variants for a configuration that cannot work.
pub async fn spawn(
    config: NetworkConfig,
    shutdown: CancellationToken,
) -> Result<(NetworkHandle, NetworkEvents), NetworkError> {
    let NetworkConfig { secret_key, listen, protocol_id, peers } = config;
    let valid = (1..=PROTOCOL_ID_CHARS_MAX).contains(&protocol_id.len())
        && protocol_id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !valid {
        return Err(NetworkError::InvalidProtocolId { protocol_id });
    }
    let keypair = Keypair::ed25519_from_bytes(secret_key)
        .map_err(|error| NetworkError::Setup { detail: error.to_string() })?;
    let topics = Topics::new(&protocol_id);
    let mut metrics = Registry::default();
    let swarm = swarm::build(&keypair, &protocol_id, &topics, &mut metrics)?;
    let dropped = Counter::default();
    let help = "Payloads of other nodes that this node had no room for";
    metrics.register("tuan_network_payloads_dropped", help, dropped.clone());
    let (queue, events) = EventQueue::new();
    let mut driver = Driver {
        peers: Peers::new(*swarm.local_peer_id()),
        swarm,
        topics,
        queue,
        dropped,
        listening_owed: VecDeque::new(),
        gossip_checked: Instant::now(),
    };
    driver.set_peers(peers)?;
    let listening = driver.listen(listen).await?;
    let (commands, command_receiver) = mpsc::channel(COMMANDS_MAX);
    let task = tokio::spawn(driver.run(command_receiver, shutdown));
    Ok((NetworkHandle { commands, listening, task, metrics }, events))
}

struct Driver {
    swarm: Swarm<Behaviour>,
    topics: Topics,
    peers: Peers,
    queue: EventQueue,
    dropped: Counter,
    listening_owed: VecDeque<Multiaddr>,
    gossip_checked: Instant,
}

impl Driver {
    async fn run(
        mut self,
        mut commands: mpsc::Receiver<NetworkCommand>,
        shutdown: CancellationToken,
    ) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = self.queue.closed() => break,
                command = commands.recv() => match command {
                    Some(command) => {
                        self.on_command(command);
                        for _ in 0..COMMANDS_IN_A_ROW_MAX {
                            let Ok(command) = commands.try_recv() else { break };
                            self.on_command(command);
                        }
                    }
                    None => break,
                },
                event = self.swarm.select_next_some() => self.on_swarm_event(event),
                _ = ticks.tick() => self.on_tick(Instant::now()),
            }
        }
    }

    // --- listening ---

    /// Opens every listening socket and waits until each has reported its first address.
    async fn listen(&mut self, addresses: Vec<Multiaddr>) -> Result<Vec<Multiaddr>, NetworkError> {
        let mut waiting = HashMap::new();
        for address in addresses {
            let listener = refuse_used_port(&address)
                .and_then(|()| self.swarm.listen_on(address.clone()).map_err(into_io))
                .map_err(|source| NetworkError::ListenFailed {
                    address: address.clone(),
                    source,
                })?;
            waiting.insert(listener, address);
        }
        let mut listening = Vec::new();
        let first_reports = async {
            while !waiting.is_empty() {
                let event = self.swarm.select_next_some().await;
                listening.extend(first_report(&event, &mut waiting)?);
                self.on_swarm_event(event);
            }
            Ok(())
        };
        let in_time = timeout(LISTEN_TIMEOUT, first_reports).await;
        match (in_time, waiting.into_values().next()) {
            (Ok(result), _) => result.map(|()| listening),
            (Err(_), Some(address)) => {
                let source = io::ErrorKind::TimedOut.into();
                Err(NetworkError::ListenFailed { address, source })
            }
            (Err(_), None) => Ok(listening),
        }
    }

    // --- commands ---

    fn on_command(&mut self, command: NetworkCommand) {
        match command {
            NetworkCommand::Send { to, channel, payload } => self.send(to, channel, payload),
            NetworkCommand::Gossip { topic, payload } => self.gossip(topic, payload),
            NetworkCommand::GossipVerdict { id, accept } => self.judge(&id, accept),
            NetworkCommand::SetPeers(peers) => {
                if let Err(error) = self.set_peers(peers) {
                    tracing::error!(%error, "the list of peers is refused, the old one stays");
                }
            }
        }
    }

    fn send(&mut self, to: PeerKey, channel: Channel, payload: Bytes) {
        let limit = channel.payload_bytes_max();
        if payload.len() > limit {
            tracing::error!(?channel, bytes = payload.len(), limit, "payload too long to be sent");
            return self.report_send_failed(to, channel);
        }
        let streams = &self.swarm.behaviour().streams;
        let sent = self
            .peers
            .find_mut(&to)
            .filter(|(_, peer)| peer.listed)
            .is_some_and(|(id, _)| streams.send(&id, channel, payload).is_ok());
        if !sent {
            self.report_send_failed(to, channel);
        }
    }

    fn report_send_failed(&self, to: PeerKey, channel: Channel) {
        if self.queue.offer(NetworkEvent::SendFailed { to, channel }).is_err() {
            tracing::debug!(?channel, "event queue full, a failed send goes unreported");
        }
    }

    fn gossip(&mut self, topic: Topic, payload: Vec<u8>) {
        let bytes = payload.len();
        if bytes > GOSSIP_BYTES_MAX {
            tracing::error!(?topic, bytes, limit = GOSSIP_BYTES_MAX, "payload too long for gossip");
            return;
        }
        let topic_hash = self.topics.hash(topic);
        if let Err(error) = self.swarm.behaviour_mut().gossip.publish(topic_hash, payload) {
            tracing::debug!(?topic, bytes, %error, "not gossiped");
        }
    }

    fn judge(&mut self, id: &GossipId, accept: bool) {
        let verdict = if accept { MessageAcceptance::Accept } else { MessageAcceptance::Ignore };
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        if !gossip.report_message_validation_result(&id.message, &id.passed_on_by, verdict) {
            tracing::debug!("verdict on a gossip message that is no longer kept");
        }
    }

    fn set_peers(&mut self, entries: Vec<PeerEntry>) -> Result<(), NetworkError> {
        let changed = self.peers.set(entries, Instant::now())?;
        let allowed = &mut self.swarm.behaviour_mut().allowed;
        for id in changed.added {
            allowed.allow_peer(id);
        }
        for id in changed.removed {
            allowed.disallow_peer(id);
        }
        Ok(())
    }

    // --- events of the swarm ---

    fn on_swarm_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        let now = Instant::now();
        match event {
            SwarmEvent::Behaviour(event) => self.on_behaviour_event(event),
            SwarmEvent::NewListenAddr { address, .. } => {
                tracing::info!(%address, "listening");
                if self.listening_owed.len() < LISTENING_OWED_MAX {
                    self.listening_owed.push_back(address);
                }
                self.report_listening();
            }
            SwarmEvent::ListenerClosed { addresses, reason, .. } => {
                tracing::error!(?addresses, ?reason, "no longer listening");
            }
            SwarmEvent::ListenerError { error, .. } => {
                tracing::warn!(%error, "a connection could not be accepted");
            }
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                tracing::debug!(%peer_id, ?endpoint, "connection opened");
                if let Some(peer) = self.peers.get_mut(&peer_id) {
                    peer.connection_opened(connection_id, now);
                    report(peer, &self.queue);
                }
            }
            SwarmEvent::ConnectionClosed { peer_id, num_established, cause, .. } => {
                tracing::debug!(%peer_id, ?cause, "connection closed");
                if num_established == 0
                    && let Some(peer) = self.peers.get_mut(&peer_id)
                {
                    peer.all_connections_closed(now, jitter());
                    report(peer, &self.queue);
                    self.peers.forget_unlisted();
                }
            }
            SwarmEvent::OutgoingConnectionError { peer_id, connection_id, error } => {
                tracing::debug!(?peer_id, %error, "dialing failed");
                if let Some(peer) = peer_id.and_then(|id| self.peers.get_mut(&id)) {
                    peer.dial_failed(connection_id, now, jitter());
                }
            }
            SwarmEvent::IncomingConnectionError { peer_id, send_back_addr, error, .. } => {
                tracing::debug!(?peer_id, %send_back_addr, %error, "connection refused");
            }
            // Addresses of peers come from the registry, and the rest is news to nobody.
            _ => {}
        }
    }

    fn on_behaviour_event(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Allowed(never) | BehaviourEvent::Limits(never) => match never {},
            BehaviourEvent::Ping(ping::Event { peer, connection, result }) => {
                self.on_ping(peer, connection, result);
            }
            BehaviourEvent::Identify(event) => tracing::trace!(?event, "identify"),
            BehaviourEvent::Gossip(gossipsub::Event::Message {
                propagation_source,
                message_id,
                message,
            }) => {
                let id = GossipId { message: message_id, passed_on_by: propagation_source };
                self.on_gossip(id, message);
            }
            BehaviourEvent::Gossip(event) => tracing::trace!(?event, "gossip"),
            BehaviourEvent::Streams(event) => self.on_stream_event(event),
        }
    }

    /// libp2p reports a failure only from the second in a row on, so every report closes.
    fn on_ping(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        result: Result<Duration, ping::Failure>,
    ) {
        match result {
            Ok(round_trip) => tracing::trace!(%peer, ?round_trip, "ping"),
            Err(ping::Failure::Unsupported) => {
                tracing::warn!(%peer, "the peer does not answer pings, a dead link is found late");
            }
            Err(error) => {
                tracing::debug!(%peer, %error, "closing a connection that does not answer");
                self.swarm.close_connection(connection);
            }
        }
    }

    fn on_stream_event(&mut self, event: StreamEvent) {
        match event {
            StreamEvent::Received { from, channel, payload } => {
                self.on_payload(from, channel, payload);
            }
            StreamEvent::SendFailed { to, channel } => {
                if let Some(to) = self.peers.get_mut(&to).map(|peer| peer.key) {
                    self.report_send_failed(to, channel);
                }
            }
        }
    }

    fn on_payload(&mut self, from: PeerId, channel: Channel, payload: Vec<u8>) {
        let Some(peer) = self.peers.get_mut(&from) else { return };
        report(peer, &self.queue);
        if !peer.reports.told_connected {
            return;
        }
        let bytes = payload.len();
        let event = NetworkEvent::Received { from: peer.key, channel, payload };
        if self.queue.offer_payload(event, bytes, &peer.share).is_err() {
            tracing::debug!(%from, ?channel, bytes, "event queue full, a payload is dropped");
            self.dropped.inc();
        }
    }

    /// Hands a message up for its verdict, or gives the verdict itself if that is not possible:
    /// gossipsub keeps a message until it has one.
    fn on_gossip(&mut self, id: GossipId, message: gossipsub::Message) {
        let queued = self.topics.find(&message.topic).and_then(|topic| {
            let peer = self.peers.get_mut(&id.passed_on_by)?;
            report(peer, &self.queue);
            peer.reports.told_connected.then_some(())?;
            let bytes = message.data.len();
            let payload = message.data;
            let event = NetworkEvent::GossipReceived { id: id.clone(), topic, payload };
            self.queue.offer_payload(event, bytes, &peer.share).ok()
        });
        if queued.is_none() {
            tracing::debug!("a gossip message is dropped");
            self.judge(&id, false);
        }
    }

    // --- time ---

    fn on_tick(&mut self, now: Instant) {
        self.report_listening();
        for (id, peer) in self.peers.iter_mut() {
            report(peer, &self.queue);
            if peer.dial_is_due(now) {
                dial(&mut self.swarm, *id, peer, now);
            }
        }
        self.peers.forget_unlisted();
        if now - self.gossip_checked >= GOSSIP_CHECK {
            self.gossip_checked = now;
            self.reset_peers_with_broken_gossip(now);
        }
    }

    fn reset_peers_with_broken_gossip(&mut self, now: Instant) {
        let following_all: HashSet<PeerId> = self
            .swarm
            .behaviour()
            .gossip
            .all_peers()
            .filter(|(_, topics)| topics.len() == Topic::ALL.len())
            .map(|(id, _)| *id)
            .collect();
        for (id, peer) in self.peers.iter_mut() {
            if peer.gossip_is_broken(following_all.contains(id), now) {
                tracing::warn!(peer = %id, "gossip does not know the peer's topics, reconnecting");
                // It is connected, or the watch would not have called it broken.
                let _ = self.swarm.disconnect_peer_id(*id);
            }
        }
    }

    fn report_listening(&mut self) {
        while let Some(address) = self.listening_owed.front() {
            if self.queue.offer(NetworkEvent::Listening(address.clone())).is_err() {
                return;
            }
            self.listening_owed.pop_front();
        }
    }
}

/// Tells the layer above what it does not yet know of the peer's connection, as far as there is
/// room. These reports are never dropped: what does not fit is told later.
fn report(peer: &mut Peer, queue: &EventQueue) {
    let (key, reports) = (peer.key, &mut peer.reports);
    if reports.owes_disconnected && queue.offer(NetworkEvent::Disconnected(key)).is_ok() {
        reports.owes_disconnected = false;
        reports.told_connected = false;
    }
    let news = reports.connected && !reports.told_connected;
    if news && queue.offer(NetworkEvent::Connected(key)).is_ok() {
        reports.told_connected = true;
    }
}

fn dial(swarm: &mut Swarm<Behaviour>, id: PeerId, peer: &mut Peer, now: Instant) {
    // Not from the listening port: the old connection from there may still be in the peer's
    // system, and the new one would be taken for it.
    let options =
        DialOpts::peer_id(id).addresses(peer.addresses.clone()).allocate_new_port().build();
    let connection = options.connection_id();
    peer.dial_started(connection);
    if let Err(error) = swarm.dial(options) {
        tracing::debug!(peer = %id, %error, "dialing failed");
        peer.dial_failed(connection, now, jitter());
    }
}

/// Spreads the dials of many nodes; without randomness they just come together.
fn jitter() -> u32 {
    getrandom::u32().unwrap_or_default()
}

/// libp2p listens with `SO_REUSEPORT`, which lets two nodes of one user share a port in silence. A
/// plain socket tells whether anybody listens there already.
fn refuse_used_port(address: &Multiaddr) -> io::Result<()> {
    let mut parts = address.iter();
    let ip = match parts.next() {
        Some(Protocol::Ip4(ip)) => ip.into(),
        Some(Protocol::Ip6(ip)) => ip.into(),
        _ => return Ok(()),
    };
    match parts.next() {
        Some(Protocol::Tcp(port)) if port != 0 => {
            TcpListener::bind(SocketAddr::new(ip, port)).map(drop)
        }
        _ => Ok(()),
    }
}

fn into_io(error: TransportError<io::Error>) -> io::Error {
    match error {
        TransportError::Other(error) => error,
        TransportError::MultiaddrNotSupported(_) => {
            io::Error::new(io::ErrorKind::Unsupported, "not an address of the form /ip4/…/tcp/…")
        }
    }
}

/// The address of a listener that is still waited for, or why it cannot listen.
fn first_report(
    event: &SwarmEvent<BehaviourEvent>,
    waiting: &mut HashMap<ListenerId, Multiaddr>,
) -> Result<Option<Multiaddr>, NetworkError> {
    match event {
        SwarmEvent::NewListenAddr { listener_id, address } => {
            waiting.remove(listener_id);
            Ok(Some(address.clone()))
        }
        SwarmEvent::ListenerClosed { listener_id, reason, .. } => {
            let source = match reason {
                Err(error) => io::Error::new(error.kind(), error.to_string()),
                Ok(()) => io::ErrorKind::NotConnected.into(),
            };
            waiting
                .remove(listener_id)
                .map_or(Ok(None), |address| Err(NetworkError::ListenFailed { address, source }))
        }
        _ => Ok(None),
    }
}
