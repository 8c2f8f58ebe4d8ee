//! What the operator can set about clients.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// `[clients]` in `node.toml`: what clients of the API may do that do not ask from this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClientSettings {
    /// Requests in a second, of each address and of each token.
    pub requests_per_second: u32,
    /// Requests at once after a rest.
    pub burst: u32,
    /// Connections of each address.
    pub connections: usize,
    /// Event streams of each address and of each token.
    pub streams: usize,
    /// Reverse proxies whose `X-Forwarded-For` is believed. Nobody's is by default.
    pub trusted_proxies: Vec<IpAddr>,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            requests_per_second: 20,
            burst: 100,
            connections: 32,
            streams: 4,
            trusted_proxies: Vec::new(),
        }
    }
}
