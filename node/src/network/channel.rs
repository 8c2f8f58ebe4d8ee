//! The point-to-point protocols: a length, a payload, and one byte back.
//!
//! ```text
//!   request   length (4 bytes, big-endian), payload
//!   response  0x06, once the payload is in the receiver's event queue; nothing if it is dropped
//! ```

use std::{io, time::Duration};

use libp2p::{
    StreamProtocol,
    bytes::Bytes,
    futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    request_response::{self, ProtocolSupport},
};

/// An unacknowledged request is given up after this time; measured from when its stream is open.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// The ASCII control character ACK. The byte is needed: an empty answer looks like a dropped one.
const ACKNOWLEDGEMENT: [u8; 1] = [0x06];
/// Memory taken on the mere promise of a payload; it grows only as bytes arrive.
const READ_BYTES_INITIAL: usize = 64 * KIB;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// A protocol of its own for each kind of payload, so that small and urgent ones do not wait for
/// large ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// Proposals, votes, and what each side has and lacks.
    Consensus,
    /// Parts of blocks that a validator lacks.
    Bodies,
    /// Decided blocks for nodes that are behind.
    Sync,
    /// Batches of pending transactions.
    Transactions,
}

impl Channel {
    /// All channels.
    pub const ALL: [Self; 4] = [Self::Consensus, Self::Bodies, Self::Sync, Self::Transactions];

    /// The largest payload.
    #[must_use]
    pub const fn payload_bytes_max(self) -> usize {
        match self {
            Self::Consensus => 512 * KIB,
            Self::Bodies => 3 * MIB,
            Self::Sync => 9 * MIB,
            Self::Transactions => MIB,
        }
    }

    /// Requests to one peer that may be without an answer; more are refused, because one that is on
    /// its way cannot be called back. Many small ones for consensus, few large ones for sync.
    #[must_use]
    pub const fn requests_max(self) -> usize {
        match self {
            Self::Consensus => 64,
            Self::Bodies => 4,
            Self::Sync => 2,
            Self::Transactions => 8,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Consensus => "consensus",
            Self::Bodies => "bodies",
            Self::Sync => "sync",
            Self::Transactions => "transactions",
        }
    }
}

/// The libp2p behaviour of one channel.
pub(super) type ChannelBehaviour = request_response::Behaviour<PayloadCodec>;

/// The behaviour of a channel on one chain, or `None` if the chain's id makes no protocol name.
pub(super) fn behaviour(channel: Channel, protocol_id: &str) -> Option<ChannelBehaviour> {
    let name = format!("/tuanzhang/{protocol_id}/{}/1", channel.name());
    let protocol = StreamProtocol::try_from_owned(name).ok()?;
    let codec = PayloadCodec { payload_bytes_max: channel.payload_bytes_max() };
    let config = request_response::Config::default()
        .with_request_timeout(REQUEST_TIMEOUT)
        // Counts both directions of a connection.
        .with_max_concurrent_streams(2 * channel.requests_max());
    Some(ChannelBehaviour::with_codec(codec, [(protocol, ProtocolSupport::Full)], config))
}

/// Reads and writes the payloads of one channel.
#[derive(Clone, Debug)]
pub(super) struct PayloadCodec {
    payload_bytes_max: usize,
}

impl request_response::Codec for PayloadCodec {
    type Protocol = StreamProtocol;
    type Request = Bytes;
    type Response = ();

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Bytes>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut prefix = [0; 4];
        io.read_exact(&mut prefix).await?;
        let length = u32::from_be_bytes(prefix) as usize;
        if length > self.payload_bytes_max {
            return Err(too_long(length, self.payload_bytes_max));
        }
        let mut payload = Vec::with_capacity(length.min(READ_BYTES_INITIAL));
        io.take(length as u64).read_to_end(&mut payload).await?;
        if payload.len() < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(payload.into())
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<()>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut answer = [0];
        io.read_exact(&mut answer).await?;
        if answer == ACKNOWLEDGEMENT { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        payload: Bytes,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let length = u32::try_from(payload.len())
            .ok()
            .filter(|_| payload.len() <= self.payload_bytes_max)
            .ok_or_else(|| too_long(payload.len(), self.payload_bytes_max))?;
        io.write_all(&length.to_be_bytes()).await?;
        io.write_all(&payload).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, (): ()) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&ACKNOWLEDGEMENT).await
    }
}

fn too_long(length: usize, limit: usize) -> io::Error {
    let sentence = format!("a payload of {length} bytes is longer than {limit}");
    io::Error::new(io::ErrorKind::InvalidData, sentence)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use libp2p::{futures::io::Cursor, request_response::Codec};

    use super::*;

    fn protocol() -> StreamProtocol {
        StreamProtocol::new("/test")
    }

    async fn read(limit: usize, wire: &[u8]) -> io::Result<Bytes> {
        let mut codec = PayloadCodec { payload_bytes_max: limit };
        codec.read_request(&protocol(), &mut Cursor::new(wire)).await
    }

    #[tokio::test]
    async fn what_is_written_is_read_up_to_the_limit() {
        for length in [0, 1, 999, 1_000] {
            let mut codec = PayloadCodec { payload_bytes_max: 1_000 };
            let payload = Bytes::from(vec![7; length]);
            let mut wire = Cursor::new(Vec::new());
            codec.write_request(&protocol(), &mut wire, payload.clone()).await.unwrap();
            assert_eq!(read(1_000, wire.get_ref()).await.unwrap(), payload);
        }
    }

    #[tokio::test]
    async fn longer_payloads_are_refused_on_both_sides() {
        let mut codec = PayloadCodec { payload_bytes_max: 10 };
        let mut wire = Cursor::new(Vec::new());
        let written = codec.write_request(&protocol(), &mut wire, vec![7; 11].into()).await;
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert!(wire.get_ref().is_empty(), "nothing of it may be sent");
        // The announced length alone is enough to be refused.
        for length in [11, u32::MAX] {
            let error = read(10, &length.to_be_bytes()).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }

    #[tokio::test]
    async fn a_payload_cut_short_is_an_error() {
        let wire = [0, 0, 0, 3, 7, 7, 7];
        assert_eq!(read(10, &wire).await.unwrap(), vec![7; 3]);
        for length in 0..wire.len() {
            let error = read(10, &wire[..length]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "after {length} bytes");
        }
    }

    #[tokio::test]
    async fn only_the_acknowledgement_acknowledges() {
        let mut codec = PayloadCodec { payload_bytes_max: 10 };
        let mut wire = Cursor::new(Vec::new());
        codec.write_response(&protocol(), &mut wire, ()).await.unwrap();
        codec.read_response(&protocol(), &mut Cursor::new(wire.get_ref())).await.unwrap();
        for wire in [&[][..], &[0]] {
            codec.read_response(&protocol(), &mut Cursor::new(wire)).await.unwrap_err();
        }
    }
}
