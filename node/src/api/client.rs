//! Who asks.
//!
//! A request is *local* if it comes over loopback, names this machine as its host (so that a web page
//! cannot pass by giving its own name the loopback address), and nobody passed it on. Whatever a proxy
//! passes on is from elsewhere, also where the proxy runs on this machine.

use super::settings::ClientSettings;
use axum::http::{HeaderMap, header};
use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// Under which name a client's requests are counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum ClientName {
    /// Its address; of IPv6 the half that a provider gives to one household.
    Address(IpAddr),
    /// The name of its access token.
    Token(Arc<str>),
}

impl ClientName {
    pub(super) fn of_address(address: IpAddr) -> Self {
        Self::Address(match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(long) => {
                let net = long.to_bits() & !u128::from(u64::MAX);
                IpAddr::V6(Ipv6Addr::from_bits(net))
            }
        })
    }
}

/// Who asks, as far as the connection and the headers tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Client {
    pub(super) name: ClientName,
    /// From this machine, and passed on by nobody.
    pub(super) local: bool,
}

impl Client {
    pub(super) fn of(peer: IpAddr, headers: &HeaderMap, settings: &ClientSettings) -> Self {
        let passed_on =
            headers.contains_key(X_FORWARDED_FOR) || headers.contains_key(header::FORWARDED);
        if settings.trusted_proxies.contains(&peer) {
            // The last address is the one that the proxy itself has seen; those before it anybody may write.
            let lines = headers.get_all(X_FORWARDED_FOR).iter();
            let last = lines.filter_map(|line| line.to_str().ok()).next_back();
            let last = last.and_then(|line| line.rsplit(',').next());
            let address = last.and_then(|text| address_in(text.trim())).unwrap_or(peer);
            return Self { name: ClientName::of_address(address), local: false };
        }
        let local = peer.is_loopback() && !passed_on && names_this_machine(headers);
        Self { name: ClientName::of_address(peer), local }
    }
}

fn address_in(text: &str) -> Option<IpAddr> {
    let address = text.parse().ok().or_else(|| text.parse().ok().map(|at: SocketAddr| at.ip()));
    address.map(|address| address.to_canonical())
}

fn names_this_machine(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else {
        return false;
    };
    let has_port = |(_, port): &(&str, &str)| port.bytes().all(|byte| byte.is_ascii_digit());
    let name = host.rsplit_once(':').filter(has_port).map_or(host, |(name, _)| name);
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn asks(peer: &str, headers: &[(&'static str, &str)], proxies: &[&str]) -> Client {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let settings = ClientSettings {
            trusted_proxies: proxies.iter().map(|proxy| proxy.parse().unwrap()).collect(),
            ..ClientSettings::default()
        };
        Client::of(peer.parse().unwrap(), &headers.collect(), &settings)
    }

    fn address(text: &str) -> ClientName {
        ClientName::Address(text.parse().unwrap())
    }

    #[test]
    fn only_what_nobody_passed_on_and_names_this_machine_is_local() {
        for host in ["127.0.0.1:7101", "localhost", "LocalHost:1", "[::1]:7101", "[::1]"] {
            assert!(asks("127.0.0.1", &[("host", host)], &[]).local, "{host}");
        }
        for host in ["evil.example", "evil.example:7101", "127.0.0.1.evil.example", "", "10.0.0.1"]
        {
            assert!(!asks("127.0.0.1", &[("host", host)], &[]).local, "{host}");
        }
        assert!(!asks("127.0.0.1", &[], &[]).local);
        assert!(!asks("192.0.2.7", &[("host", "localhost")], &[]).local);
        let proxied = |header| asks("127.0.0.1", &[("host", "localhost"), (header, "::1")], &[]);
        assert!(!proxied("x-forwarded-for").local);
        assert!(!proxied("forwarded").local);
    }

    #[test]
    fn who_a_proxy_speaks_for_is_believed_only_of_a_trusted_one() {
        let headers = [("host", "localhost"), ("x-forwarded-for", "203.0.113.1, 198.51.100.2")];
        let asked = asks("127.0.0.1", &headers, &[]);
        assert_eq!(asked, Client { name: address("127.0.0.1"), local: false });
        let asked = asks("127.0.0.1", &headers, &["127.0.0.1"]);
        assert_eq!(asked, Client { name: address("198.51.100.2"), local: false });
        let asked = asks("127.0.0.1", &[("x-forwarded-for", "nonsense")], &["127.0.0.1"]);
        assert_eq!(asked, Client { name: address("127.0.0.1"), local: false });
    }

    #[test]
    fn addresses_of_one_household_are_one_client() {
        let one = ClientName::of_address("2001:db8:1:2:3:4:5:6".parse().unwrap());
        assert_eq!(one, ClientName::of_address("2001:db8:1:2:ffff::1".parse().unwrap()));
        assert_ne!(one, ClientName::of_address("2001:db8:1:3::1".parse().unwrap()));
    }
}
