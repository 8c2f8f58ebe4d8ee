//! Connections: how many there may be, how slow they may be, and how they end.
//!
//! What a client sends is read within a time, what it does not take is not kept for it, and no
//! connection outlives the node.

use super::settings::ClientSettings;
use axum::{Router, extract::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    task::JoinSet,
};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// Most connections over loopback, from users of this machine and from proxies on it.
const LOCAL_CONNECTIONS_MAX: usize = 1_024;
/// Most other connections: apart, so that those over loopback find room.
const REMOTE_CONNECTIONS_MAX: usize = 512;
/// Longest head of a request.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// How long open requests may take after the node was told to stop.
const STOP_PATIENCE: Duration = Duration::from_secs(2);
/// Pause after the system refused a connection, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// To send the head of its next request.
    pub(super) head: Duration,
    /// To take anything at all of what is being sent to it.
    pub(super) taking: Duration,
}

const PATIENCE: Patience =
    Patience { head: Duration::from_secs(30), taking: Duration::from_secs(30) };

/// The address at the other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Connected(pub(super) IpAddr);

/// Serves until `shutdown`, and then for a moment what is under way.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    settings: &ClientSettings,
    shutdown: CancellationToken,
) {
    let doors = Doors::new(settings);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let peer = peer.ip().to_canonical();
                    // One too many is closed at once: there may be no room even for an answer.
                    let Some(place) = doors.enter(peer) else { continue };
                    let _ = stream.set_nodelay(true);
                    let connection = converse(stream, peer, router.clone(), PATIENCE, shutdown.clone());
                    connections.spawn(async move {
                        connection.await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!("the API cannot take a connection: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
    drop(listener);
    // A client that holds its connection open must not hold the node up.
    let _ = tokio::time::timeout(STOP_PATIENCE, async {
        while connections.join_next().await.is_some() {}
    })
    .await;
}

/// Answers the requests of one connection.
pub(super) async fn converse(
    stream: impl AsyncRead + AsyncWrite + Send + 'static,
    peer: IpAddr,
    router: Router,
    patience: Patience,
    shutdown: CancellationToken,
) {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(patience.taking));
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Connected(peer));
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience.head)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, "a connection ended: {error}");
    }
}

/// How many connections there are, and from where.
struct Doors {
    of_one_max: usize,
    proxies: Vec<IpAddr>,
    count: Arc<Mutex<Count>>,
}

#[derive(Default)]
struct Count {
    local: usize,
    remote: usize,
    of: HashMap<IpAddr, usize>,
}

/// A connection's place; it is free again when this is dropped.
struct Place {
    peer: IpAddr,
    count: Arc<Mutex<Count>>,
}

impl Doors {
    fn new(settings: &ClientSettings) -> Self {
        Self {
            of_one_max: settings.connections,
            proxies: settings.trusted_proxies.clone(),
            count: Arc::default(),
        }
    }

    fn enter(&self, peer: IpAddr) -> Option<Place> {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        if peer.is_loopback() {
            if count.local >= LOCAL_CONNECTIONS_MAX {
                return None;
            }
            count.local = count.local.saturating_add(1);
        } else {
            let of_one = count.of.get(&peer).copied().unwrap_or_default();
            let crowd = of_one >= self.of_one_max && !self.proxies.contains(&peer);
            if crowd || count.remote >= REMOTE_CONNECTIONS_MAX {
                return None;
            }
            count.remote = count.remote.saturating_add(1);
            count.of.insert(peer, of_one.saturating_add(1));
        }
        Some(Place { peer, count: self.count.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        if self.peer.is_loopback() {
            count.local = count.local.saturating_sub(1);
            return;
        }
        count.remote = count.remote.saturating_sub(1);
        if let Some(of_one) = count.of.get_mut(&self.peer) {
            *of_one = of_one.saturating_sub(1);
            if *of_one == 0 {
                count.of.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    const FAR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));
    const SHORT: Patience =
        Patience { head: Duration::from_millis(50), taking: Duration::from_millis(50) };

    #[test]
    fn one_client_cannot_take_every_connection_and_those_from_here_have_their_own() {
        let doors = Doors::new(&ClientSettings { connections: 2, ..ClientSettings::default() });
        let first = doors.enter(FAR).unwrap();
        let _second = doors.enter(FAR).unwrap();
        assert!(doors.enter(FAR).is_none());
        drop(first);
        assert!(doors.enter(FAR).is_some());
        let others: Vec<_> = (0..=u16::MAX)
            .map_while(|n| {
                let [a, b] = n.to_be_bytes();
                doors.enter(IpAddr::from([198, 51, a, b]))
            })
            .collect();
        assert_eq!(others.len(), REMOTE_CONNECTIONS_MAX - 1);
        assert!(doors.enter(IpAddr::from([127, 0, 0, 1])).is_some());
        drop(others);
        assert_eq!(doors.count.lock().unwrap().of.len(), 1);
    }

    /// The connection must end by itself: the test hangs if it does not.
    async fn converse_with(request: &[u8], reads: bool, patience: Patience) -> Vec<u8> {
        let (mut client, server) = tokio::io::duplex(1_024);
        let long = Router::new().route("/", get(async || vec![b'x'; 1_000_000]));
        let server = converse(server, FAR, long, patience, CancellationToken::new());
        let server = tokio::spawn(server);
        client.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        if reads {
            client.read_to_end(&mut answer).await.unwrap();
        }
        server.await.unwrap();
        answer
    }

    #[tokio::test]
    async fn a_client_that_does_not_finish_its_request_is_cut_off() {
        let answer = converse_with(b"GET / HTTP/1.1\r\nhost: a\r\nx: y", true, SHORT).await;
        let answer = String::from_utf8(answer).unwrap();
        assert!(!answer.contains("200 OK"), "{answer}");
    }

    #[tokio::test]
    async fn a_client_that_does_not_take_its_answer_is_cut_off() {
        converse_with(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", false, SHORT).await;
    }

    #[tokio::test]
    async fn a_client_that_asks_and_reads_gets_all_of_it() {
        let request = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        assert!(converse_with(request, true, PATIENCE).await.len() > 1_000_000);
    }
}
