//! The swarm: transport, limits, and the behaviours that run over it.

use std::time::Duration;

use libp2p::{
    Swarm, SwarmBuilder,
    allow_block_list::{self, AllowedPeers},
    connection_limits::{self, ConnectionLimits},
    dns::{ResolverConfig, ResolverOpts},
    identify,
    identity::{Keypair, PublicKey},
    metrics::Registry,
    noise, ping,
    swarm::NetworkBehaviour,
    tcp, yamux,
};

use super::{
    NetworkError, PEERS_MAX,
    gossip::{self, GossipBehaviour, Topics},
    streams::{self, STREAMS_OF_CONNECTION_MAX},
};

/// A node that restarts connects again before its old connection is noticed to be dead, and both
/// sides may dial at the same time: never fewer than 2.
const CONNECTIONS_OF_PEER_MAX: u32 = 3;
const CONNECTIONS_MAX: u32 = CONNECTIONS_OF_PEER_MAX * PEERS_MAX as u32;
/// Connections that have not yet proven who they are, which anybody can open.
const PENDING_INCOMING_MAX: u32 = 128;
/// Streams of one connection, with those of gossip, ping and identify.
const STREAMS_MAX: usize = 64;

const PING_INTERVAL: Duration = Duration::from_secs(5);
/// Generous, because a ping waits behind a block on a household uplink.
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections are kept as long as they work; pings find out.
const IDLE_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// Dialing, including the handshakes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// While streams are opened again, the old ones may still be on their way out.
const _: () = assert!(4 * STREAMS_OF_CONNECTION_MAX <= STREAMS_MAX);

/// Everything that runs over a connection.
///
/// The two that can refuse a connection come first: gossipsub would otherwise keep a peer in its
/// books that a later behaviour has refused.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    pub(super) allowed: allow_block_list::Behaviour<AllowedPeers>,
    limits: connection_limits::Behaviour,
    ping: ping::Behaviour,
    identify: identify::Behaviour,
    pub(super) gossip: GossipBehaviour,
    pub(super) streams: streams::Behaviour,
}

impl Behaviour {
    fn new(key: PublicKey, protocol_id: &str, topics: &Topics) -> Result<Self, NetworkError> {
        let streams = streams::Behaviour::new(protocol_id).ok_or_else(|| {
            NetworkError::InvalidProtocolId { protocol_id: protocol_id.to_owned() }
        })?;
        let limits = ConnectionLimits::default()
            .with_max_pending_incoming(Some(PENDING_INCOMING_MAX))
            .with_max_established(Some(CONNECTIONS_MAX))
            .with_max_established_per_peer(Some(CONNECTIONS_OF_PEER_MAX));
        let pings = ping::Config::new().with_interval(PING_INTERVAL).with_timeout(PING_TIMEOUT);
        // Addresses come from the registry, so those that a peer tells are not kept.
        let identity = identify::Config::new(format!("/tuanzhang/{protocol_id}/1"), key)
            .with_agent_version(concat!("tuanzhang/", env!("CARGO_PKG_VERSION")).to_owned())
            .with_cache_size(0);
        Ok(Self {
            allowed: allow_block_list::Behaviour::default(),
            limits: connection_limits::Behaviour::new(limits),
            ping: ping::Behaviour::new(pings),
            identify: identify::Behaviour::new(identity),
            gossip: gossip::behaviour(protocol_id, topics)?,
            streams,
        })
    }
}

/// A swarm that neither listens nor dials yet. Must be called within a tokio runtime.
pub(super) fn build(
    keypair: &Keypair,
    protocol_id: &str,
    topics: &Topics,
    metrics: &mut Registry,
) -> Result<Swarm<Behaviour>, NetworkError> {
    let setup = |detail: String| NetworkError::Setup { detail };
    let with_transport = || {
        SwarmBuilder::with_existing_identity(keypair.clone())
            .with_tokio()
            .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, multiplexer)
            .map_err(|error| setup(error.to_string()))
    };
    let behaviour = Behaviour::new(keypair.public(), protocol_id, topics)?;
    let config = |config: libp2p::swarm::Config| config.with_idle_connection_timeout(IDLE_TIMEOUT);
    // The two arms have transports of different types.
    let swarm = match with_transport()?.with_dns() {
        Ok(builder) => builder
            .with_bandwidth_metrics(metrics)
            .with_behaviour(|_| behaviour)
            .map_err(|never| match never {})?
            .with_swarm_config(config)
            .with_connection_timeout(CONNECT_TIMEOUT)
            .build(),
        Err(error) => {
            tracing::warn!(%error, "no name server is configured, only IP addresses can be dialed");
            with_transport()?
                .with_dns_config(ResolverConfig::default(), ResolverOpts::default())
                .with_bandwidth_metrics(metrics)
                .with_behaviour(|_| behaviour)
                .map_err(|never| match never {})?
                .with_swarm_config(config)
                .with_connection_timeout(CONNECT_TIMEOUT)
                .build()
        }
    };
    Ok(swarm)
}

fn multiplexer() -> yamux::Config {
    let mut config = yamux::Config::default();
    config.set_max_num_streams(STREAMS_MAX);
    config
}
