//! The network, behind two channels: commands go in, events come out.
//!
//! One libp2p swarm (TCP, Noise, Yamux) carries two kinds of traffic. Point-to-point payloads go
//! over one request-response protocol for each [`Channel`], so that a vote never queues behind a
//! body; gossip carries transactions and announcements of blocks to following nodes. Everything is
//! opaque bytes here: this module knows nothing of blocks or votes, and no libp2p type but
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
//!   one cannot crowd out the others), requests under way, sizes, connections, peers.
//!
//! What it does not promise: delivery and order. An acknowledgement means that the payload is in
//! the receiver's event queue, no more; payloads may arrive twice or in another order. When its
//! queue is full, the receiver drops the payload without acknowledging it. The layer above resends
//! regularly, whatever was acknowledged.
//!
//! ```text
//!   NetworkCommand --> driver --> swarm: allow list, limits, ping, identify,
//!   NetworkEvent  <-- (1 task) <--         gossip, consensus | bodies | sync | transactions
//! ```

mod channel;
mod driver;
mod gossip;
mod interface;
mod peers;
mod queue;
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
