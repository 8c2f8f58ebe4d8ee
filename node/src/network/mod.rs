//! The network, behind two channels: commands go in, events come out.
//!
//! One libp2p swarm (TCP, Noise, Yamux) carries two kinds of traffic. Point-to-point payloads
//! are frames on a long-lived stream for each [`Channel`] and direction, so that a vote never queues
//! behind a body; gossip carries announcements of blocks to following nodes. Everything is opaque
//! bytes here: this module knows nothing of blocks or votes, and no libp2p type but
//! [`Multiaddr`] leaves it. Peers are named by their transport key ([`PeerKey`]).
//!
//! What it promises:
//!
//! - Only peers of the configured list can stay connected; the list can change at any time.
//! - [`NetworkEvent::Received`] and [`NetworkEvent::GossipReceived`] carry what a listed peer sent,
//!   within the size limit of its channel. Between [`NetworkEvent::Connected`] and
//!   [`NetworkEvent::Disconnected`] of a peer, and only there, payloads from it arrive.
//! - Lost connections are dialed again, for ever, with backoff and jitter.
//! - Everything is bounded: commands, events in number and in bytes (for each peer as well, so that
//!   one cannot crowd out the others), payloads that wait for a connection (for each channel of it,
//!   in number and in bytes), sizes, streams, connections, peers.
//!
//! What it does not promise: delivery and order. Nothing is acknowledged. What waits for a
//! connection is lost with it, and when its queue is full, the receiver drops the payload without a
//! word. The layer above resends regularly, whatever was sent before.
//!
//! ```text
//!   NetworkCommand --> driver --> swarm: allow list, limits, ping, identify,
//!   NetworkEvent  <-- (1 task) <--         gossip, streams (4 out, 4 in)
//! ```

mod channel;
mod driver;
mod gossip;
mod interface;
mod peers;
mod queue;
mod streams;
mod swarm;

pub use channel::Channel;
pub use driver::spawn;
pub use gossip::{GOSSIP_BYTES_MAX, GossipId, Topic};
pub use interface::{
    COMMANDS_MAX, NetworkCommand, NetworkConfig, NetworkError, NetworkEvent, NetworkHandle,
    PeerEntry, PeerKey,
};
pub use libp2p::{Multiaddr, bytes::Bytes};
pub use peers::PEERS_MAX;
pub use queue::NetworkEvents;
