//! The queue of events: bounded in number, in bytes, and in bytes for each peer.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::mpsc;

use super::{Channel, GOSSIP_BYTES_MAX, NetworkEvent};

/// Payloads waiting in the queue, in all.
const QUEUED_BYTES_MAX: usize = 64 * MIB;
/// Payloads of one peer: a quarter, so that it takes four that flood to crowd out the rest.
const QUEUED_BYTES_OF_PEER_MAX: usize = QUEUED_BYTES_MAX / 4;
/// What even an empty payload is charged. Limits their number too: 256 of one peer.
const CHARGE_BYTES_MIN: usize = 64 * 1024;
/// All payloads, and as many events without one.
const QUEUED_EVENTS_MAX: usize = 2 * QUEUED_BYTES_MAX / CHARGE_BYTES_MIN;

const MIB: usize = 1024 * 1024;

const _: () = assert!(Channel::Sync.payload_bytes_max() <= QUEUED_BYTES_OF_PEER_MAX);
const _: () = assert!(GOSSIP_BYTES_MAX <= QUEUED_BYTES_OF_PEER_MAX);

/// Bytes that payloads of one peer take in the queue.
pub(super) type Share = Arc<AtomicUsize>;

/// Where the node takes events from.
#[derive(Debug)]
pub struct NetworkEvents {
    receiver: mpsc::Receiver<Queued>,
}

impl NetworkEvents {
    /// Waits for the next event; `None` once the network has stopped and all events are taken.
    ///
    /// Cancel safe: no event is lost when the future is dropped.
    pub async fn recv(&mut self) -> Option<NetworkEvent> {
        self.receiver.recv().await.map(|queued| queued.event)
    }

    /// The next event, if there is one already.
    pub fn try_recv(&mut self) -> Option<NetworkEvent> {
        self.receiver.try_recv().ok().map(|queued| queued.event)
    }
}

/// Where the driver puts events. There is only one, which makes check and charge one step.
#[derive(Debug)]
pub(super) struct EventQueue {
    sender: mpsc::Sender<Queued>,
    total: Share,
}

/// The event did not fit.
#[derive(Debug)]
pub(super) struct QueueFull;

impl EventQueue {
    pub(super) fn new() -> (Self, NetworkEvents) {
        let (sender, receiver) = mpsc::channel(QUEUED_EVENTS_MAX);
        (Self { sender, total: Share::default() }, NetworkEvents { receiver })
    }

    /// Adds an event without a payload.
    pub(super) fn offer(&self, event: NetworkEvent) -> Result<(), QueueFull> {
        self.sender.try_send(Queued { event, _charge: None }).map_err(|_| QueueFull)
    }

    /// Adds a payload of `bytes` from the peer that `share` belongs to.
    pub(super) fn offer_payload(
        &self,
        event: NetworkEvent,
        bytes: usize,
        share: &Share,
    ) -> Result<(), QueueFull> {
        let bytes = bytes.max(CHARGE_BYTES_MIN);
        let fits = |used: &Share, limit| used.load(Ordering::Acquire) + bytes <= limit;
        if !fits(&self.total, QUEUED_BYTES_MAX) || !fits(share, QUEUED_BYTES_OF_PEER_MAX) {
            return Err(QueueFull);
        }
        let charge = Charge::new(bytes, [self.total.clone(), share.clone()]);
        self.sender.try_send(Queued { event, _charge: Some(charge) }).map_err(|_| QueueFull)
    }

    /// Waits until nobody takes events any more.
    pub(super) async fn closed(&self) {
        self.sender.closed().await;
    }
}

#[derive(Debug)]
struct Queued {
    event: NetworkEvent,
    /// Dropped, and so given back, when the event is taken.
    _charge: Option<Charge>,
}

#[derive(Debug)]
struct Charge {
    bytes: usize,
    shares: [Share; 2],
}

impl Charge {
    fn new(bytes: usize, shares: [Share; 2]) -> Self {
        for share in &shares {
            share.fetch_add(bytes, Ordering::AcqRel);
        }
        Self { bytes, shares }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        for share in &self.shares {
            share.fetch_sub(self.bytes, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn payload(from: u8, bytes: usize) -> NetworkEvent {
        let payload = vec![0; bytes];
        NetworkEvent::Received { from: [from; 32], channel: Channel::Sync, payload }
    }

    fn fill(queue: &EventQueue, from: u8, bytes: usize, share: &Share) -> usize {
        (0..).take_while(|_| queue.offer_payload(payload(from, 0), bytes, share).is_ok()).count()
    }

    #[test]
    fn one_peer_can_fill_a_quarter_and_four_the_whole() {
        let (queue, mut events) = EventQueue::new();
        let shares: [Share; 5] = Default::default();
        for share in &shares[..4] {
            assert_eq!(fill(&queue, 1, MIB, share), 16);
        }
        assert_eq!(fill(&queue, 5, MIB, &shares[4]), 0);
        assert!(events.try_recv().is_some());
        assert_eq!(fill(&queue, 5, MIB, &shares[4]), 1, "what is taken makes room");
        while events.try_recv().is_some() {}
        assert!(shares.iter().all(|share| share.load(Ordering::Acquire) == 0));
        assert_eq!(queue.total.load(Ordering::Acquire), 0);
    }

    #[test]
    fn tiny_payloads_are_limited_in_number_and_leave_room_for_other_events() {
        let (queue, _events) = EventQueue::new();
        let shares: [Share; 4] = Default::default();
        assert!(shares.iter().all(|share| fill(&queue, 1, 1, share) == 256));
        let others = (0..).take_while(|_| queue.offer(NetworkEvent::Connected([0; 32])).is_ok());
        assert_eq!(others.count(), QUEUED_EVENTS_MAX - 4 * 256);
    }

    #[tokio::test]
    async fn a_closed_queue_refuses_and_gives_its_charges_back() {
        let (queue, events) = EventQueue::new();
        let share = Share::default();
        drop(events);
        queue.closed().await;
        queue.offer_payload(payload(1, 1), 1, &share).unwrap_err();
        assert_eq!(share.load(Ordering::Acquire), 0);
    }
}
