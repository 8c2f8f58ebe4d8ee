//! What goes in and out of the network, in types of our own.

use std::{fmt, io};

use libp2p::{Multiaddr, bytes::Bytes};
use prometheus_client::registry::Registry;
use tokio::{sync::mpsc, task::JoinHandle};

use super::{Channel, GossipId, Topic};

/// The Ed25519 public key of a peer's transport, as the registry of the chain has it.
pub type PeerKey = [u8; 32];

/// Commands waiting to be carried out; a sender waits when there are more.
pub const COMMANDS_MAX: usize = 256;

/// What a node must know to take part.
#[derive(Clone)]
pub struct NetworkConfig {
    /// Seed of the Ed25519 transport key; not the key that signs votes.
    pub secret_key: [u8; 32],
    /// Where to listen, such as `/ip4/0.0.0.0/tcp/7400`; port 0 lets the system choose.
    pub listen: Vec<Multiaddr>,
    /// The first 16 hex digits of the chain id: part of the name of every protocol and topic, so
    /// that nodes of different chains do not understand each other.
    pub protocol_id: String,
    /// Who may connect, and whom to dial.
    pub peers: Vec<PeerEntry>,
}

impl fmt::Debug for NetworkConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("NetworkConfig")
            .field("listen", &self.listen)
            .field("protocol_id", &self.protocol_id)
            .field("peers", &self.peers.len())
            .finish_non_exhaustive()
    }
}

/// A peer that may connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerEntry {
    /// Its transport key.
    pub public_key: PeerKey,
    /// Where it can be dialed; empty if only it dials us.
    pub addresses: Vec<Multiaddr>,
}

/// What the node can ask of the network.
#[derive(Debug)]
pub enum NetworkCommand {
    /// Sends a payload to one peer, once. What fails on this side is reported as
    /// [`NetworkEvent::SendFailed`]; what is lost with the connection, and what the receiver has no
    /// room for, is not.
    Send {
        /// The receiver.
        to: PeerKey,
        /// Which protocol carries it; also decides how large it may be.
        channel: Channel,
        /// Any bytes; cheap to clone for many receivers.
        payload: Bytes,
    },
    /// Publishes a payload to everybody who follows a topic. Best effort: nothing is resent, and
    /// the same payload published again within a minute is not sent at all.
    Gossip {
        /// The topic.
        topic: Topic,
        /// At most [`super::GOSSIP_BYTES_MAX`] bytes.
        payload: Vec<u8>,
    },
    /// Decides over a payload received by gossip. Until it comes, the payload is not passed on.
    GossipVerdict {
        /// From [`NetworkEvent::GossipReceived`].
        id: GossipId,
        /// Whether to pass it on to other peers.
        accept: bool,
    },
    /// Replaces the list of peers. Connections to peers no longer in it are closed.
    SetPeers(Vec<PeerEntry>),
}

/// What the network reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkEvent {
    /// The node listens on this address.
    Listening(Multiaddr),
    /// There is a connection to this peer now.
    Connected(PeerKey),
    /// There is no connection to this peer any more; it is being dialed again.
    Disconnected(PeerKey),
    /// A payload from a peer, on one of the point-to-point channels.
    Received {
        /// The sender, authenticated by its transport key.
        from: PeerKey,
        /// The protocol it came by.
        channel: Channel,
        /// Not checked for anything but its size.
        payload: Vec<u8>,
    },
    /// A payload from a topic. Every one must be answered with [`NetworkCommand::GossipVerdict`].
    GossipReceived {
        /// To be named in the verdict.
        id: GossipId,
        /// The topic.
        topic: Topic,
        /// Not checked for anything but its size. Who wrote it is unknown.
        payload: Vec<u8>,
    },
    /// A payload was refused, because it is too long, the peer is not connected, or too much waits
    /// for it already; or the stream of the channel failed, with all that waited for it. These
    /// reports are dropped when the queue of events is full.
    SendFailed {
        /// The intended receiver.
        to: PeerKey,
        /// The channel it was sent on.
        channel: Channel,
    },
}

/// The node's end of a running network.
#[derive(Debug)]
pub struct NetworkHandle {
    /// Where commands go. When every sender is dropped, the network stops.
    pub commands: mpsc::Sender<NetworkCommand>,
    /// The addresses the node listens on.
    pub listening: Vec<Multiaddr>,
    /// Ends when the network has stopped and its port is free again.
    pub task: JoinHandle<()>,
    /// What the network counts: bytes in both directions, and payloads it had no room for.
    pub metrics: Registry,
}

/// Why the network cannot start. The operator has to act: the causes are in the configuration or
/// on the machine.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The address cannot be listened on: most often the port is in use by another program.
    #[error("cannot listen on {address}")]
    ListenFailed {
        /// The address from the configuration.
        address: Multiaddr,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },

    /// The protocol id would not make valid protocol names.
    #[error("the protocol id {protocol_id:?} is not 1 to 64 letters and digits")]
    InvalidProtocolId {
        /// What was configured.
        protocol_id: String,
    },

    /// A key in the list of peers is no Ed25519 public key.
    #[error("{} is not an Ed25519 public key", hex::encode(public_key))]
    InvalidPeerKey {
        /// The offending key.
        public_key: PeerKey,
    },

    /// The list of peers is too long.
    #[error("{count} peers are more than {}", super::PEERS_MAX)]
    TooManyPeers {
        /// Length of the list.
        count: usize,
    },

    /// The network library refused to be set up.
    #[error("cannot set up the network: {detail}")]
    Setup {
        /// What the library said.
        detail: String,
    },
}
