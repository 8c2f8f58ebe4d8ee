//! The streams of every connection: for each channel one that we write, and one that the peer does.
//!
//! The streams live in the handler of their connection, and are read and written by its task; they
//! end with it. Ours is opened when the first payload is sent, and stays. A payload for a peer goes
//! to an [`Outbox`] that the handler empties; nothing wakes but the task of that connection.
//!
//! An alternative was `libp2p-stream`: its streams do not say which connection they belong to, a
//! stream that arrives together with another may be dropped, and it dials on its own.

use std::{
    array,
    collections::{HashMap, VecDeque},
    convert::Infallible,
    fmt::Display,
    future::{Ready, ready},
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use libp2p::{
    InboundUpgrade, Multiaddr, PeerId, Stream, StreamProtocol,
    bytes::Bytes,
    core::{Endpoint, UpgradeInfo, transport::PortUse, upgrade::ReadyUpgrade},
    swarm::{
        ConnectionClosed, ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent,
        ConnectionId, FromSwarm, NetworkBehaviour, SubstreamProtocol, THandlerInEvent, ToSwarm,
        behaviour::ConnectionEstablished,
        handler::{
            ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
        },
    },
};

use super::{
    Channel,
    channel::{FrameReader, FrameWriter},
};

/// How long nothing is sent on a channel whose stream has failed, so that a peer that refuses it
/// is not asked all the time.
const REOPEN_PAUSE: Duration = Duration::from_millis(200);

/// The streams that a handler holds: ours, and those of the peer.
pub(super) const STREAMS_OF_CONNECTION_MAX: usize = 2 * Channel::ALL.len();

/// What happened on a stream.
#[derive(Debug)]
pub(super) enum StreamEvent {
    /// A payload from the peer, within the limit of its channel.
    Received { from: PeerId, channel: Channel, payload: Vec<u8> },
    /// Our stream failed; what waited for it is lost.
    SendFailed { to: PeerId, channel: Channel },
}

/// The payload cannot be sent: no connection, a full queue, or a stream that has just failed.
#[derive(Debug)]
pub(super) struct NotSent;

/// The libp2p behaviour of all channels.
#[derive(Debug)]
pub(super) struct Behaviour {
    offer: Offer,
    /// The connections of each peer, the newest last. They are limited by the swarm.
    connections: HashMap<PeerId, Vec<(ConnectionId, Arc<Outbox>)>>,
    /// Of the connection that is being established, until it is.
    made: Option<(ConnectionId, Arc<Outbox>)>,
    /// The swarm takes each before it brings the next.
    events: VecDeque<StreamEvent>,
}

impl Behaviour {
    /// `None` if the chain's id makes no protocol names.
    pub(super) fn new(protocol_id: &str) -> Option<Self> {
        let [a, b, c, d] = Channel::ALL.map(|channel| {
            channel.protocol(protocol_id).map(|protocol| Name { channel, protocol })
        });
        Some(Self {
            offer: Offer([a?, b?, c?, d?]),
            connections: HashMap::new(),
            made: None,
            events: VecDeque::new(),
        })
    }

    /// Queues a payload on the newest connection: an older one may be dead already.
    pub(super) fn send(
        &self,
        to: &PeerId,
        channel: Channel,
        payload: Bytes,
    ) -> Result<(), NotSent> {
        let (_, outbox) = self.connections.get(to).and_then(|all| all.last()).ok_or(NotSent)?;
        outbox.push(channel, payload)
    }

    fn handler(&mut self, connection: ConnectionId) -> Handler {
        let outbox = Arc::<Outbox>::default();
        self.made = Some((connection, outbox.clone()));
        Handler::new(self.offer.clone(), outbox)
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = StreamEvent;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<Handler, ConnectionDenied> {
        Ok(self.handler(connection))
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<Handler, ConnectionDenied> {
        Ok(self.handler(connection))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(ConnectionEstablished {
                peer_id,
                connection_id,
                ..
            }) => {
                let made = self.made.take().filter(|(id, _)| *id == connection_id);
                self.connections.entry(peer_id).or_default().extend(made);
            }
            FromSwarm::ConnectionClosed(ConnectionClosed { peer_id, connection_id, .. }) => {
                if let Some(connections) = self.connections.get_mut(&peer_id) {
                    connections.retain(|(id, _)| *id != connection_id);
                    if connections.is_empty() {
                        self.connections.remove(&peer_id);
                    }
                }
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, _: ConnectionId, event: HandlerEvent) {
        self.events.push_back(match event {
            HandlerEvent::Received { channel, payload } => {
                StreamEvent::Received { from: peer, channel, payload }
            }
            HandlerEvent::SendFailed { channel } => StreamEvent::SendFailed { to: peer, channel },
        });
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<StreamEvent, THandlerInEvent<Self>>> {
        self.events
            .pop_front()
            .map_or(Poll::Pending, |event| Poll::Ready(ToSwarm::GenerateEvent(event)))
    }
}

/// Payloads that wait for one connection: put in by the driver, taken out by the connection's task.
#[derive(Debug, Default)]
struct Outbox {
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    queues: [Queue; Channel::ALL.len()],
    /// Of the connection's task.
    waker: Option<Waker>,
}

#[derive(Debug, Default)]
struct Queue {
    payloads: VecDeque<Bytes>,
    bytes: usize,
    refused_until: Option<Instant>,
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // No step leaves the queues half changed.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, channel: Channel, payload: Bytes) -> Result<(), NotSent> {
        let waker = {
            let mut waiting = self.lock();
            let queue = &mut waiting.queues[channel as usize];
            if queue.refused_until.is_some_and(|until| Instant::now() < until)
                || queue.payloads.len() >= channel.queued_max()
                || queue.bytes + payload.len() > channel.queued_bytes_max()
            {
                return Err(NotSent);
            }
            queue.refused_until = None;
            queue.bytes += payload.len();
            queue.payloads.push_back(payload);
            waiting.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    fn pop(&self, channel: Channel) -> Option<Bytes> {
        let queue = &mut self.lock().queues[channel as usize];
        let payload = queue.payloads.pop_front()?;
        queue.bytes -= payload.len();
        Some(payload)
    }

    /// Registers who wants to know of new payloads, and tells which channels have some already.
    fn look(&self, context: &Context<'_>) -> [bool; Channel::ALL.len()] {
        let mut waiting = self.lock();
        match &mut waiting.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        array::from_fn(|channel| !waiting.queues[channel].payloads.is_empty())
    }

    /// Drops what waits for a stream that has failed, and refuses more for a while.
    fn refuse(&self, channel: Channel) {
        let queue =
            Queue { refused_until: Some(Instant::now() + REOPEN_PAUSE), ..Queue::default() };
        self.lock().queues[channel as usize] = queue;
    }
}

/// What the handler of one connection reports.
#[derive(Debug)]
pub(super) enum HandlerEvent {
    Received { channel: Channel, payload: Vec<u8> },
    SendFailed { channel: Channel },
}

/// The streams of one connection.
#[derive(Debug)]
pub(super) struct Handler {
    offer: Offer,
    outbox: Arc<Outbox>,
    outgoing: [Outgoing; Channel::ALL.len()],
    /// The newest stream of the peer for each channel.
    incoming: [Option<(Stream, FrameReader)>; Channel::ALL.len()],
    /// Failures to be reported.
    failed: [bool; Channel::ALL.len()],
}

#[derive(Debug, Default)]
enum Outgoing {
    #[default]
    Closed,
    Opening,
    Open(Box<(Stream, FrameWriter)>),
}

type HandlerPoll =
    Poll<ConnectionHandlerEvent<ReadyUpgrade<StreamProtocol>, Channel, HandlerEvent>>;

impl Handler {
    fn new(offer: Offer, outbox: Arc<Outbox>) -> Self {
        let (outgoing, incoming, failed) = Default::default();
        Self { offer, outbox, outgoing, incoming, failed }
    }

    fn outgoing_failed(&mut self, channel: Channel, error: &impl Display) {
        tracing::debug!(?channel, %error, "sending failed");
        self.outgoing[channel as usize] = Outgoing::Closed;
        self.outbox.refuse(channel);
        self.failed[channel as usize] = true;
    }

    fn poll_outgoing(&mut self, context: &mut Context<'_>) -> HandlerPoll {
        let has_payloads = self.outbox.look(context);
        for channel in Channel::ALL {
            match &mut self.outgoing[channel as usize] {
                closed @ Outgoing::Closed if has_payloads[channel as usize] => {
                    *closed = Outgoing::Opening;
                    let Name { protocol, .. } = &self.offer.0[channel as usize];
                    let upgrade = ReadyUpgrade::new(protocol.clone());
                    let protocol = SubstreamProtocol::new(upgrade, channel);
                    return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest {
                        protocol,
                    });
                }
                Outgoing::Closed | Outgoing::Opening => {}
                Outgoing::Open(open) => {
                    let (stream, writer) = &mut **open;
                    let next = || self.outbox.pop(channel);
                    if let Poll::Ready(Err(error)) = writer.poll_write(context, stream, next) {
                        self.outgoing_failed(channel, &error);
                    }
                }
            }
            if std::mem::take(&mut self.failed[channel as usize]) {
                let event = HandlerEvent::SendFailed { channel };
                return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(event));
            }
        }
        Poll::Pending
    }

    fn poll_incoming(&mut self, context: &mut Context<'_>) -> HandlerPoll {
        for channel in Channel::ALL {
            let incoming = &mut self.incoming[channel as usize];
            let Some((stream, reader)) = incoming else { continue };
            match reader.poll_payload(context, stream) {
                Poll::Ready(Ok(payload)) => {
                    let event = HandlerEvent::Received { channel, payload };
                    return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(event));
                }
                Poll::Ready(Err(error)) => {
                    if error.kind() != io::ErrorKind::UnexpectedEof {
                        tracing::debug!(?channel, %error, "receiving failed");
                    }
                    *incoming = None;
                }
                Poll::Pending => {}
            }
        }
        Poll::Pending
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Infallible;
    type ToBehaviour = HandlerEvent;
    type InboundProtocol = Offer;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Channel;

    fn listen_protocol(&self) -> SubstreamProtocol<Offer> {
        SubstreamProtocol::new(self.offer.clone(), ())
    }

    fn on_behaviour_event(&mut self, never: Infallible) {
        match never {}
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Offer, ReadyUpgrade<StreamProtocol>, (), Channel>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: (channel, stream),
                ..
            }) => {
                self.incoming[channel as usize] = Some((stream, FrameReader::new(channel)));
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol: stream,
                info: channel,
            }) => {
                self.outgoing[channel as usize] =
                    Outgoing::Open(Box::new((stream, FrameWriter::default())));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info: channel, error }) => {
                self.outgoing_failed(channel, &error);
            }
            _ => {}
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> HandlerPoll {
        match self.poll_outgoing(context) {
            Poll::Pending => self.poll_incoming(context),
            ready => ready,
        }
    }
}

/// The protocols that a peer may open streams for.
#[derive(Clone, Debug)]
pub(super) struct Offer([Name; Channel::ALL.len()]);

/// The protocol of a channel.
#[derive(Clone, Debug)]
pub(super) struct Name {
    channel: Channel,
    protocol: StreamProtocol,
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        self.protocol.as_ref()
    }
}

impl UpgradeInfo for Offer {
    type Info = Name;
    type InfoIter = array::IntoIter<Name, { Channel::ALL.len() }>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.clone().into_iter()
    }
}

impl InboundUpgrade<Stream> for Offer {
    type Output = (Channel, Stream);
    type Error = Infallible;
    type Future = Ready<Result<(Channel, Stream), Infallible>>;

    fn upgrade_inbound(self, stream: Stream, name: Name) -> Self::Future {
        ready(Ok((name.channel, stream)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn fill(outbox: &Outbox, channel: Channel, bytes: usize) -> usize {
        let payload = Bytes::from(vec![0; bytes]);
        (0..).take_while(|_| outbox.push(channel, payload.clone()).is_ok()).count()
    }

    #[test]
    fn a_queue_is_bounded_in_number_and_in_bytes_and_leaves_the_others_alone() {
        let outbox = Outbox::default();
        for channel in Channel::ALL {
            assert_eq!(fill(&outbox, channel, 0), channel.queued_max());
            while outbox.pop(channel).is_some() {}
            let largest = channel.payload_bytes_max();
            let count = channel.queued_bytes_max() / largest;
            assert_eq!(fill(&outbox, channel, largest), count.min(channel.queued_max()));
            assert_eq!(outbox.pop(channel).unwrap().len(), largest);
            assert_eq!(fill(&outbox, channel, largest), 1, "what is taken makes room");
        }
    }

    #[test]
    fn a_failed_stream_takes_its_queue_along_and_refuses_for_a_moment() {
        let outbox = Outbox::default();
        outbox.push(Channel::Bodies, Bytes::from_static(b"lost")).unwrap();
        outbox.push(Channel::Sync, Bytes::from_static(b"kept")).unwrap();
        outbox.refuse(Channel::Bodies);
        assert_eq!(outbox.pop(Channel::Bodies), None);
        outbox.push(Channel::Bodies, Bytes::new()).unwrap_err();
        outbox.lock().queues[Channel::Bodies as usize].refused_until = Some(Instant::now());
        outbox.push(Channel::Bodies, Bytes::from_static(b"again")).unwrap();
        assert_eq!(outbox.pop(Channel::Bodies).unwrap(), "again");
        assert_eq!(outbox.pop(Channel::Sync).unwrap(), "kept");
    }
}
