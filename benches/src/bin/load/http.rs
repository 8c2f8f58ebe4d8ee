//! As much HTTP/1.1 as the nodes' API needs, so that the load costs little beside what it measures.

use anyhow::{Context as _, Result, bail, ensure};
use machine_token::Folders;
use serde::de::DeserializeOwned;
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Longest head of an answer.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Longest body: a page of the archive, or the list of a thousand group buys.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A connection that is kept open.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// The header by which the node knows a user of its machine.
    authorization: String,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// A request, but for what every request on a connection shows.
pub(crate) struct Request {
    /// First line and headers.
    head: String,
    body: Box<[u8]>,
}

impl Request {
    /// Hands in a transaction.
    pub(crate) fn submission(transaction: &[u8], wait_ms: u64) -> Self {
        let length = transaction.len();
        let head = format!(
            "POST /v1/transactions?wait_ms={wait_ms} HTTP/1.1\r\nhost: localhost\r\n\
             content-type: application/octet-stream\r\ncontent-length: {length}\r\n"
        );
        Self { head, body: transaction.into() }
    }

    fn get(path: &str) -> Self {
        let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n");
        Self { head, body: Box::default() }
    }
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await;
        let stream = stream.with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        let tokens = Folders::of(|name| std::env::var(name).ok()).tokens(address);
        let token =
            tokens.first().with_context(|| format!("{address} has left no machine token"))?;
        let authorization = format!("authorization: Bearer {token}\r\n\r\n");
        Ok(Self { stream, buffer: Vec::new(), authorization })
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn exchange(&mut self, request: &Request) -> Result<Answer> {
        self.buffer.clear();
        for part in [request.head.as_bytes(), self.authorization.as_bytes(), &request.body] {
            self.buffer.extend_from_slice(part);
        }
        self.stream.write_all(&self.buffer).await?;
        self.buffer.clear();
        let (end, status, length) = loop {
            if let Some(head) = parse_head(&self.buffer)? {
                break head;
            }
            ensure!(self.buffer.len() <= HEAD_BYTES_MAX, "the head of an answer is too long");
            self.more().await?;
        };
        while self.buffer.len() < end + length {
            self.more().await?;
        }
        ensure!(self.buffer.len() == end + length, "more bytes than were announced");
        Ok(Answer { status, body: self.buffer[end..].to_vec() })
    }

    pub(crate) async fn get_bytes(&mut self, path: &str) -> Result<Answer> {
        self.exchange(&Request::get(path)).await
    }

    /// Asks for something that must be there.
    pub(crate) async fn get<T: DeserializeOwned>(&mut self, path: &str) -> Result<T> {
        let answer = self.get_bytes(path).await?;
        if answer.status != 200 {
            bail!("GET {path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        serde_json::from_slice(&answer.body).with_context(|| format!("in the answer to {path}"))
    }

    async fn more(&mut self) -> Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            bail!("the node has closed the connection");
        }
        Ok(())
    }
}

/// Where the head ends, the status, and the length of the body.
fn parse_head(bytes: &[u8]) -> Result<Option<(usize, u16, usize)>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..end]).context("the head of an answer is no text")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    match (status, length) {
        (Some(status), Some(length)) if length <= BODY_BYTES_MAX => {
            Ok(Some((end + 4, status, length)))
        }
        _ => bail!("an answer that this client cannot read: {head:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_once_they_are_whole() {
        let head = b"HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(parse_head(&head[..40]).expect("no mistake yet"), None);
        assert_eq!(parse_head(head).expect("readable"), Some((head.len() - 5, 202, 5)));
        assert!(parse_head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
