//! The point-to-point protocols: frames on one stream for each channel and direction.
//!
//! ```text
//!   stream   frame, frame, …       from the side that opened it; nothing comes back
//!   frame    length (4 bytes, big-endian), payload
//! ```

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use libp2p::{
    StreamProtocol,
    bytes::{Buf, Bytes},
    futures::{AsyncRead, AsyncWrite},
};

/// Memory taken on the mere promise of a payload; it grows only as bytes arrive.
const READ_BYTES_INITIAL: usize = 64 * KIB;
/// Small frames are written together up to this size, which is that of one Yamux frame.
const WRITE_BYTES: usize = 16 * KIB;
const PREFIX_BYTES: usize = 4;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// A stream of its own for each kind of payload, so that small and urgent ones do not wait for large
/// ones.
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

    /// Payloads to one peer that may wait for the connection; more are refused.
    #[must_use]
    pub const fn queued_max(self) -> usize {
        match self {
            Self::Consensus => 256,
            Self::Bodies => 8,
            Self::Sync => 2,
            Self::Transactions => 32,
        }
    }

    /// Bytes of the payloads to one peer that may wait for the connection.
    #[must_use]
    pub const fn queued_bytes_max(self) -> usize {
        match self {
            Self::Consensus | Self::Transactions => 4 * MIB,
            Self::Bodies => 12 * MIB,
            Self::Sync => 18 * MIB,
        }
    }

    /// The name of its protocol on one chain, or `None` if the chain's id makes none.
    pub(super) fn protocol(self, protocol_id: &str) -> Option<StreamProtocol> {
        let name = format!("/tuanzhang/{protocol_id}/{}/4", self.name());
        StreamProtocol::try_from_owned(name).ok()
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

const _: () = {
    let [a, b, c, d] = Channel::ALL;
    assert!(a.payload_bytes_max() <= a.queued_bytes_max());
    assert!(b.payload_bytes_max() <= b.queued_bytes_max());
    assert!(c.payload_bytes_max() <= c.queued_bytes_max());
    assert!(d.payload_bytes_max() <= d.queued_bytes_max());
};

/// Reads frames from a stream, whatever pieces they come in.
#[derive(Debug)]
pub(super) struct FrameReader {
    payload_bytes_max: usize,
    prefix: [u8; PREFIX_BYTES],
    /// Known once the prefix is complete.
    length: Option<usize>,
    payload: Vec<u8>,
    /// Bytes read: of the prefix, and then of the payload.
    filled: usize,
}

impl FrameReader {
    pub(super) fn new(channel: Channel) -> Self {
        Self::with_limit(channel.payload_bytes_max())
    }

    fn with_limit(payload_bytes_max: usize) -> Self {
        let (prefix, payload) = Default::default();
        Self { payload_bytes_max, prefix, length: None, payload, filled: 0 }
    }

    /// The next payload. After an error the stream cannot be used any more.
    pub(super) fn poll_payload(
        &mut self,
        context: &mut Context<'_>,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> Poll<io::Result<Vec<u8>>> {
        loop {
            let Some(length) = self.length else {
                let rest = &mut self.prefix[self.filled..];
                self.filled += ready!(poll_read(context, stream, rest))?;
                if self.filled == PREFIX_BYTES {
                    let length = u32::from_be_bytes(self.prefix) as usize;
                    if length > self.payload_bytes_max {
                        return Poll::Ready(Err(too_long(length, self.payload_bytes_max)));
                    }
                    self.length = Some(length);
                    self.filled = 0;
                }
                continue;
            };
            if self.filled == length {
                let payload = std::mem::take(&mut self.payload);
                *self = Self::with_limit(self.payload_bytes_max);
                return Poll::Ready(Ok(payload));
            }
            if self.filled == self.payload.len() {
                let size = (2 * self.filled).max(READ_BYTES_INITIAL).min(length);
                self.payload.resize(size, 0);
            }
            let rest = &mut self.payload[self.filled..];
            self.filled += ready!(poll_read(context, stream, rest))?;
        }
    }
}

fn poll_read(
    context: &mut Context<'_>,
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut [u8],
) -> Poll<io::Result<usize>> {
    match ready!(Pin::new(stream).poll_read(context, buffer))? {
        0 => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
        count => Poll::Ready(Ok(count)),
    }
}

/// Writes payloads to a stream as frames: small ones together, large ones without copying them.
#[derive(Debug, Default)]
pub(super) struct FrameWriter {
    /// Whole small frames, and at most the prefix of a large one, whose payload is `large`.
    small: Vec<u8>,
    written: usize,
    large: Bytes,
    flushed: bool,
}

impl FrameWriter {
    /// Writes everything that `next` gives; ready once all of it is flushed. Every payload must be
    /// within the limit of the channel. After an error the stream cannot be used any more.
    pub(super) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        stream: &mut (impl AsyncWrite + Unpin),
        mut next: impl FnMut() -> Option<Bytes>,
    ) -> Poll<io::Result<()>> {
        loop {
            while self.written < self.small.len() {
                let rest = &self.small[self.written..];
                self.written += ready!(poll_write(context, stream, rest))?;
            }
            while self.large.has_remaining() {
                let count = ready!(poll_write(context, stream, &self.large))?;
                self.large.advance(count);
            }
            self.large = Bytes::new();
            self.small.clear();
            self.written = 0;
            self.fill(&mut next)?;
            if self.small.is_empty() {
                break;
            }
            self.flushed = false;
        }
        if !self.flushed {
            ready!(Pin::new(stream).poll_flush(context))?;
            self.flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    fn fill(&mut self, next: &mut impl FnMut() -> Option<Bytes>) -> io::Result<()> {
        while self.small.len() < WRITE_BYTES && self.large.is_empty() {
            let Some(payload) = next() else { break };
            let length = u32::try_from(payload.len())
                .map_err(|_| too_long(payload.len(), u32::MAX as usize))?;
            self.small.extend(length.to_be_bytes());
            if self.small.len() + payload.len() <= WRITE_BYTES {
                self.small.extend_from_slice(&payload);
            } else {
                self.large = payload;
            }
        }
        Ok(())
    }
}

fn poll_write(
    context: &mut Context<'_>,
    stream: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
) -> Poll<io::Result<usize>> {
    match ready!(Pin::new(stream).poll_write(context, bytes))? {
        0 => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        count => Poll::Ready(Ok(count)),
    }
}

fn too_long(length: usize, limit: usize) -> io::Error {
    let sentence = format!("a payload of {length} bytes is longer than {limit}");
    io::Error::new(io::ErrorKind::InvalidData, sentence)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::{collections::VecDeque, future::poll_fn};

    use libp2p::futures::io::Cursor;

    use super::*;

    /// Takes and gives one byte at a time, and counts how often it was written to and flushed.
    #[derive(Default)]
    struct Trickle {
        wire: VecDeque<u8>,
        writes: Vec<usize>,
        flushes: usize,
        write_max: usize,
    }

    impl AsyncWrite for Trickle {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let count = bytes.len().min(self.write_max);
            self.wire.extend(&bytes[..count]);
            self.writes.push(count);
            Poll::Ready(Ok(count))
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.flushes += 1;
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncRead for Trickle {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            let byte = self.wire.pop_front();
            let count = usize::from(byte.is_some());
            buffer[..count].fill(byte.unwrap_or_default());
            Poll::Ready(Ok(count))
        }
    }

    async fn write(stream: &mut Trickle, payloads: &[Bytes]) {
        let mut writer = FrameWriter::default();
        let mut payloads = payloads.iter().cloned();
        poll_fn(|context| writer.poll_write(context, stream, || payloads.next())).await.unwrap();
    }

    async fn read(
        reader: &mut FrameReader,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> io::Result<Vec<u8>> {
        poll_fn(|context| reader.poll_payload(context, stream)).await
    }

    #[tokio::test]
    async fn what_is_written_is_read_in_order_whatever_the_pieces() {
        let lengths = [0, 1, 999, WRITE_BYTES, 0, 3 * READ_BYTES_INITIAL + 1, 5];
        let payloads: Vec<Bytes> = lengths.map(|length| vec![length as u8; length].into()).into();
        for write_max in [1, 7, usize::MAX] {
            let mut stream = Trickle { write_max, ..Trickle::default() };
            write(&mut stream, &payloads).await;
            let mut reader = FrameReader::with_limit(3 * READ_BYTES_INITIAL + 1);
            for payload in &payloads {
                assert_eq!(read(&mut reader, &mut stream).await.unwrap(), &payload[..]);
            }
            let end = read(&mut reader, &mut stream).await.unwrap_err();
            assert_eq!(end.kind(), io::ErrorKind::UnexpectedEof);
        }
    }

    #[tokio::test]
    async fn small_frames_travel_together_and_a_large_payload_is_not_copied() {
        let mut stream = Trickle { write_max: usize::MAX, ..Trickle::default() };
        let mut payloads = vec![Bytes::from(vec![1; 196]); 10];
        payloads.push(vec![2; WRITE_BYTES].into());
        write(&mut stream, &payloads).await;
        assert_eq!(stream.writes, [10 * 200 + PREFIX_BYTES, WRITE_BYTES]);
        assert_eq!(stream.flushes, 1);
    }

    #[tokio::test]
    async fn the_announced_length_alone_is_enough_to_be_refused() {
        for length in [11, u32::MAX] {
            let mut reader = FrameReader::with_limit(10);
            let error = read(&mut reader, &mut Cursor::new(length.to_be_bytes())).await;
            assert_eq!(error.unwrap_err().kind(), io::ErrorKind::InvalidData);
            assert_eq!(reader.payload.capacity(), 0);
        }
    }

    #[tokio::test]
    async fn a_promise_takes_little_memory() {
        let mut reader = FrameReader::with_limit(MIB);
        let wire = [&(MIB as u32).to_be_bytes()[..], &[7; 10]].concat();
        read(&mut reader, &mut Cursor::new(wire)).await.unwrap_err();
        assert!(reader.payload.capacity() <= 2 * READ_BYTES_INITIAL);
    }

    #[tokio::test]
    async fn a_payload_cut_short_is_an_error() {
        let wire = [0, 0, 0, 3, 7, 7, 7];
        let mut reader = FrameReader::with_limit(10);
        assert_eq!(read(&mut reader, &mut Cursor::new(wire)).await.unwrap(), vec![7; 3]);
        for length in 0..wire.len() {
            let mut reader = FrameReader::with_limit(10);
            let error = read(&mut reader, &mut Cursor::new(&wire[..length])).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "after {length} bytes");
        }
    }
}
