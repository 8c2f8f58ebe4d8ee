//! Gossip: announcements of blocks.
//!
//! Messages are anonymous and named by the hash of their content: what they carry is signed by its
//! author already, and a second signature by the publisher would only cost time. A message is
//! passed on only after the layer above has judged it.

use std::{collections::HashSet, time::Duration};

use libp2p::{
    PeerId,
    gossipsub::{
        self, ConfigBuilder, IdentTopic, MessageAuthenticity, MessageId, TopicHash, ValidationMode,
        WhitelistSubscriptionFilter,
    },
};
use sha2::{Digest, Sha256};

use super::NetworkError;

/// The largest payload of a topic; an announcement is a height.
pub const GOSSIP_BYTES_MAX: usize = 1024;

/// Room for the topic's name and the framing around a payload.
const ENVELOPE_BYTES: usize = 4 * 1024;
/// Names of messages offered in one heartbeat, 34 bytes each: about 7,000.
const CONTROL_BYTES_MAX: usize = 256 * 1024;
/// Messages waiting for one peer.
const QUEUE_MAX: usize = 64;
/// Made for 4 to 20 peers: with so few, everybody is nearly everybody's neighbour.
const MESH: usize = 4;
const MESH_LOW: usize = 2;
const MESH_HIGH: usize = 8;
const MESH_OUTBOUND_MIN: usize = 1;
const HEARTBEAT: Duration = Duration::from_secs(1);

const _: () = assert!(MESH_OUTBOUND_MIN <= MESH_LOW && MESH_LOW <= MESH && MESH <= MESH_HIGH);
const _: () = assert!(2 * MESH_OUTBOUND_MIN <= MESH);

/// What is gossiped about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// Announcements of decided blocks.
    Blocks,
}

impl Topic {
    /// All topics.
    pub const ALL: [Self; 1] = [Self::Blocks];

    const fn name(self) -> &'static str {
        match self {
            Self::Blocks => "blocks",
        }
    }
}

/// Names one received message, for the verdict on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GossipId {
    pub(super) message: MessageId,
    pub(super) passed_on_by: PeerId,
}

/// The libp2p behaviour of gossip.
pub(super) type GossipBehaviour =
    gossipsub::Behaviour<gossipsub::IdentityTransform, WhitelistSubscriptionFilter>;

/// The topics of one chain.
#[derive(Clone, Debug)]
pub(super) struct Topics {
    names: [IdentTopic; Topic::ALL.len()],
}

impl Topics {
    pub(super) fn new(protocol_id: &str) -> Self {
        let named =
            |topic: Topic| IdentTopic::new(format!("tuanzhang/{protocol_id}/{}/1", topic.name()));
        Self { names: Topic::ALL.map(named) }
    }

    pub(super) fn hash(&self, topic: Topic) -> TopicHash {
        self.names[topic as usize].hash()
    }

    pub(super) fn find(&self, hash: &TopicHash) -> Option<Topic> {
        Topic::ALL.into_iter().find(|topic| self.hash(*topic) == *hash)
    }
}

/// Gossip on one chain, subscribed to every topic.
pub(super) fn behaviour(
    protocol_id: &str,
    topics: &Topics,
) -> Result<GossipBehaviour, NetworkError> {
    let setup = |detail: String| NetworkError::Setup { detail };
    let config = ConfigBuilder::default()
        // One version alone: every poll of a connection compares the names of all protocols.
        .protocol_id(format!("/tuanzhang/{protocol_id}/gossip/4"), gossipsub::Version::V1_1)
        .validation_mode(ValidationMode::Anonymous)
        .validate_messages()
        .message_id_fn(|message| content_id(&message.topic, &message.data))
        .mesh_n(MESH)
        .mesh_n_low(MESH_LOW)
        .mesh_n_high(MESH_HIGH)
        .mesh_outbound_min(MESH_OUTBOUND_MIN)
        .flood_publish(true)
        .heartbeat_interval(HEARTBEAT)
        .max_transmit_size(GOSSIP_BYTES_MAX + ENVELOPE_BYTES)
        .max_control_message_size(CONTROL_BYTES_MAX)
        .connection_handler_queue_len(QUEUE_MAX)
        .build()
        .map_err(|error| setup(error.to_string()))?;
    let known: HashSet<TopicHash> = topics.names.iter().map(IdentTopic::hash).collect();
    let filter = WhitelistSubscriptionFilter(known);
    let mut gossip = GossipBehaviour::new_with_subscription_filter(
        MessageAuthenticity::Anonymous,
        config,
        filter,
    )
    .map_err(|error| setup(error.to_owned()))?;
    for topic in &topics.names {
        gossip.subscribe(topic).map_err(|error| setup(error.to_string()))?;
    }
    Ok(gossip)
}

/// The same content in two topics is two messages.
fn content_id(topic: &TopicHash, data: &[u8]) -> MessageId {
    let mut hash = Sha256::new();
    hash.update((topic.as_str().len() as u64).to_be_bytes());
    hash.update(topic.as_str());
    hash.update(data);
    MessageId::from(hash.finalize().to_vec())
}
