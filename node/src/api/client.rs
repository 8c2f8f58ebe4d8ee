//! Who asks.
//!
//! A request is *local* if it comes over loopback, names this machine as its one host (so that a web page
//! cannot pass by giving its own name the loopback address), carries no header that proxies add, and shows the
//! machine token, which only users of this machine can read ([`machine_token`]). The first three keep a token that
//! got out from being used elsewhere; the last one tells users from a proxy, which may pass on everything as its own.
//! Whatever else comes over loopback is from elsewhere.

use super::settings::ClientSettings;
use axum::http::{HeaderMap, header};
use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// What proxies, balancers and delivery networks add to what they pass on.
const PROXY_HEADERS: [&str; 21] = [
    "ali-cdn-real-ip",
    "cdn-src-ip",
    "client-ip",
    "do-connecting-ip",
    "eo-connecting-ip",
    "forwarded",
    "incap-client-ip",
    "proxy-client-ip",
    "remote-addr",
    "true-client-ip",
    "via",
    "wl-proxy-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-host",
    "x-nf-client-connection-ip",
    "x-proxyuser-ip",
    "x-real-ip",
    "x-real-port",
    "x-remote-addr",
    "x-remote-ip",
];
/// The beginnings of further ones: of whole families, and of what single vendors add.
const PROXY_PREFIXES: [&str; 15] = [
    "akamai-",
    "cdn-",
    "cf-",
    "fastly-",
    "fly-",
    "x-akamai-",
    "x-amz",
    "x-appengine-",
    "x-arr-",
    "x-azure-",
    "x-bfe-",
    "x-envoy-",
    "x-forwarded",
    "x-original-",
    "x-vercel-",
];

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

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Client {
    pub(super) name: ClientName,
    /// A user of this machine.
    pub(super) local: bool,
}

/// Where a request comes from, as far as the connection and the headers tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) address: ClientName,
    /// Over loopback, by a name of this machine, and as far as is told passed on by nobody. It is local if it also
    /// shows the machine token.
    pub(super) near: bool,
}

impl Source {
    pub(super) fn of(peer: IpAddr, headers: &HeaderMap, settings: &ClientSettings) -> Self {
        let mut address = peer;
        if settings.trusted_proxies.contains(&peer) {
            // The last address is the one that the proxy itself has seen; those before it anybody may write.
            let lines = headers.get_all(X_FORWARDED_FOR).iter();
            let last = lines.filter_map(|line| line.to_str().ok()).next_back();
            let last = last.and_then(|line| line.rsplit(',').next());
            address = last.and_then(|text| address_in(text.trim())).unwrap_or(peer);
        }
        let near = peer.is_loopback() && names_this_machine(headers) && !was_passed_on(headers);
        Self { address: ClientName::of_address(address), near }
    }
}

fn was_passed_on(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| {
        let name = name.as_str();
        PROXY_HEADERS.contains(&name) || PROXY_PREFIXES.iter().any(|start| name.starts_with(start))
    })
}

/// Whether a browser says that a page of somebody else asks. It says so itself, and a page cannot change it;
/// programs that are no browsers say nothing.
pub(super) fn asks_for_a_foreign_page(headers: &HeaderMap) -> bool {
    let hosts: Vec<_> = headers.get_all(header::HOST).iter().collect();
    let is_own = |origin: &[u8]| {
        // TLS, if there is any, ends at a proxy.
        let host = origin.strip_prefix(b"http://").or_else(|| origin.strip_prefix(b"https://"));
        matches!(hosts.as_slice(), [one] if host == Some(one.as_bytes()))
    };
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let mut sites = headers.get_all("sec-fetch-site").iter();
    origins.any(|origin| !is_own(origin.as_bytes()))
        || sites.any(|site| !matches!(site.as_bytes(), b"same-origin" | b"none"))
}

fn address_in(text: &str) -> Option<IpAddr> {
    let address = text.parse().ok().or_else(|| text.parse().ok().map(|at: SocketAddr| at.ip()));
    address.map(|address| address.to_canonical())
}

fn names_this_machine(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    // With two of them, whoever stands in between may have gone by the other.
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Ok(host) = host.to_str() else { return false };
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

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn two(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn asks(peer: &str, pairs: &[(&'static str, &str)], proxies: &[&str]) -> Source {
        let settings = ClientSettings {
            trusted_proxies: proxies.iter().map(|proxy| proxy.parse().unwrap()).collect(),
            ..ClientSettings::default()
        };
        Source::of(peer.parse().unwrap(), &headers(pairs), &settings)
    }

    fn address(text: &str) -> ClientName {
        ClientName::Address(text.parse().unwrap())
    }

    #[test]
    fn only_what_nobody_passed_on_and_names_this_machine_is_near() {
        for host in ["127.0.0.1:7101", "localhost", "LocalHost:1", "[::1]:7101", "[::1]"] {
            assert!(asks("127.0.0.1", &[("host", host)], &[]).near, "{host}");
        }
        for host in ["evil.example", "evil.example:7101", "127.0.0.1.evil.example", "", "10.0.0.1"]
        {
            assert!(!asks("127.0.0.1", &[("host", host)], &[]).near, "{host}");
        }
        assert!(!asks("127.0.0.1", &[], &[]).near);
        assert!(!asks("192.0.2.7", &[("host", "localhost")], &[]).near);
        let hosts = two(&[("host", "localhost"), ("host", "localhost")]);
        let here = IpAddr::from([127, 0, 0, 1]);
        assert!(!Source::of(here, &hosts, &ClientSettings::default()).near);
        let with = |header| asks("127.0.0.1", &[("host", "localhost"), (header, "::1")], &[]);
        for header in ["accept", "user-agent", "x-request-id", "x-requested-with", "content-type"] {
            assert!(with(header).near, "{header}");
        }
        for header in [
            "forwarded",
            "via",
            "x-forwarded",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-real-ip",
            "x-original-forwarded-for",
            "x-envoy-external-address",
            "x-amzn-trace-id",
            "cf-connecting-ip",
            "cf-ray",
            "true-client-ip",
            "x-client-ip",
            "x-cluster-client-ip",
            "fastly-client-ip",
            "ali-cdn-real-ip",
        ] {
            assert!(!with(header).near, "{header}");
        }
    }

    #[test]
    fn who_a_proxy_speaks_for_is_believed_only_of_a_trusted_one() {
        let passed_on = [("host", "localhost"), ("x-forwarded-for", "203.0.113.1, 198.51.100.2")];
        let asked = asks("127.0.0.1", &passed_on, &[]);
        assert_eq!(asked, Source { address: address("127.0.0.1"), near: false });
        let asked = asks("127.0.0.1", &passed_on, &["127.0.0.1"]);
        assert_eq!(asked, Source { address: address("198.51.100.2"), near: false });
        let asked = asks("127.0.0.1", &[("x-forwarded-for", "nonsense")], &["127.0.0.1"]);
        assert_eq!(asked, Source { address: address("127.0.0.1"), near: false });
        // Users of the proxy's machine ask beside it.
        assert!(asks("127.0.0.1", &[("host", "127.0.0.1:7101")], &["127.0.0.1"]).near);
    }

    #[test]
    fn a_page_is_foreign_unless_it_came_from_where_it_asks() {
        let foreign = |pairs: &[(&'static str, &str)]| asks_for_a_foreign_page(&two(pairs));
        let host = ("host", "ledger.example.cn");
        for own in ["http://ledger.example.cn", "https://ledger.example.cn"] {
            assert!(!foreign(&[host, ("origin", own)]), "{own}");
        }
        for other in [
            "https://evil.example",
            "null",
            "",
            "https://ledger.example.cn:444",
            "https://ledger.example.cn.evil.example",
            "ledger.example.cn",
            "ftp://ledger.example.cn",
        ] {
            assert!(foreign(&[host, ("origin", other)]), "{other}");
        }
        let own = ("origin", "https://ledger.example.cn");
        assert!(foreign(&[own]));
        assert!(foreign(&[host, host, own]));
        assert!(foreign(&[host, own, ("origin", "https://evil.example")]));
        for (site, is_foreign) in [
            ("none", false),
            ("same-origin", false),
            ("same-site", true),
            ("cross-site", true),
            ("", true),
        ] {
            assert_eq!(foreign(&[host, ("sec-fetch-site", site)]), is_foreign, "{site}");
        }
        assert!(!foreign(&[host]), "programs say nothing");
    }

    #[test]
    fn addresses_of_one_household_are_one_client() {
        let one = ClientName::of_address("2001:db8:1:2:3:4:5:6".parse().unwrap());
        assert_eq!(one, ClientName::of_address("2001:db8:1:2:ffff::1".parse().unwrap()));
        assert_ne!(one, ClientName::of_address("2001:db8:1:3::1".parse().unwrap()));
    }
}
