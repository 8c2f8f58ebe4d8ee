//! Where a node can be reached, as people write it and as the founding document has it.

use crate::{Text, text};
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

/// Longest address.
pub const ADDRESS_BYTES_MAX: usize = 200;
/// Longest name of a host in the domain name system.
const HOST_BYTES_MAX: usize = 190;

/// An address of TCP: `/ip4/192.0.2.7/tcp/7001` or `/dns4/node.example/tcp/7001`.
///
/// People may also write `192.0.2.7:7001`, `[2001:db8::7]:7001` or `node.example:7001`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    host: Host,
    port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Ip(IpAddr),
    /// Protocol (`dns`, `dns4`, `dns6`) and name.
    Name(&'static str, String),
}

/// Why a text is no address that others could use.
///
/// Blame: the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It has another form.
    #[error("{text:?} is no address of a node")]
    Form {
        /// The beginning of the text.
        text: String,
    },
    /// It means "every address of this machine", and so none that others could call.
    #[error(
        "{text} is no address that others can reach: it stands for all addresses of one machine"
    )]
    Unspecified {
        /// The address.
        text: String,
    },
    /// No machine answers there: a multicast or broadcast address, or port 0.
    #[error("{text} is no address of a single machine with a port")]
    NotOneMachine {
        /// The address.
        text: String,
    },
}

impl AddressError {
    /// What happened.
    #[must_use]
    pub fn text(&self) -> Text {
        let zh = match self {
            Self::Form { text } => format!("{text:?} 不是节点地址"),
            Self::Unspecified { text } => {
                format!("{text} 表示“本机的所有地址”，别的机构无法用它连接")
            }
            Self::NotOneMachine { text } => format!("{text} 不是一台机器的地址和端口"),
        };
        Text { en: self.to_string(), zh }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Text {
        match self {
            Self::Form { .. } => text!(
                "write 203.0.113.7:7001, node.example.cn:7001, or /ip4/203.0.113.7/tcp/7001",
                "写成 203.0.113.7:7001、node.example.cn:7001 或 /ip4/203.0.113.7/tcp/7001"
            ),
            Self::Unspecified { .. } => text!(
                "say where the others reach this machine, with --address 203.0.113.7:7001 or --address node.example.cn:7001",
                "用 --address 203.0.113.7:7001 或 --address node.example.cn:7001 说明别的机构怎样连到这台机器"
            ),
            Self::NotOneMachine { .. } => {
                text!("name the address and the port of this machine", "写明这台机器的地址和端口")
            }
        }
    }
}

/// From where an address can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Only from the machine itself.
    SameMachine,
    /// Only from the same local network.
    LocalNetwork,
    /// From anywhere, as far as the address says.
    Anywhere,
}

impl Address {
    /// Reads an address on which a node may listen; it may stand for all addresses of the machine.
    ///
    /// # Errors
    /// [`AddressError::Form`], [`AddressError::NotOneMachine`].
    pub fn listen(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        let form = || AddressError::Form { text: text.chars().take(ADDRESS_BYTES_MAX).collect() };
        let address = parse(text).ok_or_else(form)?;
        let one = match &address.host {
            Host::Ip(IpAddr::V4(ip)) => !ip.is_multicast() && !ip.is_broadcast(),
            Host::Ip(IpAddr::V6(ip)) => !ip.is_multicast(),
            Host::Name(..) => true,
        };
        if !one || address.port == 0 {
            return Err(AddressError::NotOneMachine { text: text.to_owned() });
        }
        Ok(address)
    }

    /// Reads an address that others are to connect to.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn advertised(text: &str) -> Result<Self, AddressError> {
        let address = Self::listen(text)?;
        match address.host {
            Host::Ip(ip) if ip.is_unspecified() => {
                Err(AddressError::Unspecified { text: text.trim().to_owned() })
            }
            _ => Ok(address),
        }
    }

    /// Whether a node that listens on `listen` is found at this address, as far as the machine itself
    /// can tell; `own` says of an address whether it is this machine's.
    ///
    /// Behind a name, or a router with the machine's port, there may be anything.
    #[must_use]
    pub fn leads_to(&self, listen: &Self, own: impl Fn(IpAddr) -> bool) -> bool {
        if self.port != listen.port {
            return false;
        }
        match (&self.host, &listen.host) {
            (Host::Ip(called), Host::Ip(all)) if all.is_unspecified() => {
                called.is_ipv4() == all.is_ipv4() || !own(*called)
            }
            (Host::Ip(called), Host::Ip(one)) => called == one || !own(*called),
            (Host::Name(..), _) | (_, Host::Name(..)) => true,
        }
    }

    /// From where it can be reached, as far as the address says.
    #[must_use]
    pub fn reach(&self) -> Reach {
        match self.host {
            Host::Ip(ip) if ip.is_loopback() => Reach::SameMachine,
            Host::Ip(IpAddr::V4(ip)) if ip.is_private() || ip.is_link_local() => {
                Reach::LocalNetwork
            }
            Host::Ip(IpAddr::V6(ip)) if ip.is_unique_local() || ip.is_unicast_link_local() => {
                Reach::LocalNetwork
            }
            Host::Name(_, ref name) if name == "localhost" => Reach::SameMachine,
            Host::Ip(_) | Host::Name(..) => Reach::Anywhere,
        }
    }
}

impl fmt::Display for Address {
    /// The multiaddress.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port;
        match &self.host {
            Host::Ip(IpAddr::V4(ip)) => write!(f, "/ip4/{ip}/tcp/{port}"),
            Host::Ip(IpAddr::V6(ip)) => write!(f, "/ip6/{ip}/tcp/{port}"),
            Host::Name(protocol, name) => write!(f, "/{protocol}/{name}/tcp/{port}"),
        }
    }
}

fn parse(text: &str) -> Option<Address> {
    let Some(parts) = text.strip_prefix('/') else { return parse_as_people_write(text) };
    let mut parts = parts.split('/');
    let (protocol, host) = (parts.next()?, parts.next()?);
    let host = match protocol {
        "ip4" => Host::Ip(host.parse::<Ipv4Addr>().ok()?.into()),
        "ip6" => Host::Ip(host.parse::<Ipv6Addr>().ok()?.into()),
        "dns" => Host::Name("dns", name(host)?),
        "dns4" => Host::Name("dns4", name(host)?),
        "dns6" => Host::Name("dns6", name(host)?),
        _ => return None,
    };
    let (tcp, port) = (parts.next()?, number(parts.next()?)?);
    (tcp == "tcp" && parts.next().is_none()).then_some(Address { host, port })
}

fn parse_as_people_write(text: &str) -> Option<Address> {
    if let Ok(socket) = SocketAddr::from_str(text) {
        return Some(Address { host: Host::Ip(socket.ip()), port: socket.port() });
    }
    let (host, port) = text.rsplit_once(':')?;
    Some(Address { host: Host::Name("dns4", name(host)?), port: number(port)? })
}

/// A port without signs or leading zeros, so that one address has one spelling.
fn number(text: &str) -> Option<u16> {
    text.parse::<u16>().ok().filter(|port| port.to_string() == text)
}

/// A host name: labels of letters, digits and hyphens; four numbers with dots are a mistyped address.
fn name(text: &str) -> Option<String> {
    let label = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    let good = text.len() <= HOST_BYTES_MAX && text.split('.').all(label);
    let numeric = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    (good && !numeric).then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for (written, multiaddress) in [
            ("192.0.2.7:7001", "/ip4/192.0.2.7/tcp/7001"),
            ("[2001:db8::7]:7001", "/ip6/2001:db8::7/tcp/7001"),
            (" node.Example.cn:7001", "/dns4/node.example.cn/tcp/7001"),
            ("/ip4/192.0.2.7/tcp/7001", "/ip4/192.0.2.7/tcp/7001"),
            ("/dns/node.example/tcp/1", "/dns/node.example/tcp/1"),
        ] {
            let address = Address::advertised(written).expect(written);
            assert_eq!(address.to_string(), multiaddress);
            assert_eq!(Address::advertised(multiaddress), Ok(address));
        }
        for bad in [
            "",
            "7001",
            "192.0.2.7",
            "192.0.2:7001",
            "/ip4/192.0.2.7/udp/7001",
            "/ip4/192.0.2.7",
            "/ip4/192.0.2.7/tcp/7001/p2p/x",
            "/ip4/192.0.2.7/tcp/70010",
            "a b:7001",
            "节点:7001",
            "node.example:+7",
            "/dns4/-x/tcp/1",
            "http://node.example:7001",
        ] {
            assert!(matches!(Address::listen(bad), Err(AddressError::Form { .. })), "{bad}");
        }
    }

    #[test]
    fn what_nobody_can_connect_to_is_not_advertised() {
        for all in ["0.0.0.0:7001", "/ip6/::/tcp/7001"] {
            assert!(Address::listen(all).is_ok());
            let refused = Address::advertised(all).expect_err(all);
            assert!(matches!(refused, AddressError::Unspecified { .. }));
            assert!(refused.help().en.contains("--address"));
        }
        for none in ["192.0.2.7:0", "255.255.255.255:7001", "224.0.0.1:7001"] {
            let refused = Address::advertised(none);
            assert!(matches!(refused, Err(AddressError::NotOneMachine { .. })), "{none}");
        }
        let reach = |text| Address::advertised(text).expect(text).reach();
        assert_eq!(reach("127.0.0.1:7001"), Reach::SameMachine);
        assert_eq!(reach("192.168.1.5:7001"), Reach::LocalNetwork);
        assert_eq!(reach("node.example.cn:7001"), Reach::Anywhere);
    }

    #[test]
    fn a_node_is_found_where_port_and_address_fit_as_far_as_its_machine_can_tell() {
        let leads = |called: &str, listen: &str| {
            let own = |ip: IpAddr| ["192.168.1.5", "::1"].contains(&ip.to_string().as_str());
            let called = Address::advertised(called).expect(called);
            called.leads_to(&Address::listen(listen).expect(listen), own)
        };
        for (called, listen) in [
            ("192.168.1.5:7001", "192.168.1.5:7001"),
            ("192.168.1.5:7001", "0.0.0.0:7001"),
            ("node.example.cn:7001", "192.168.1.5:7001"),
            // The router's address.
            ("203.0.113.7:7001", "192.168.1.5:7001"),
            ("203.0.113.7:7001", "[::]:7001"),
        ] {
            assert!(leads(called, listen), "{called} {listen}");
        }
        for (called, listen) in [
            ("192.168.1.5:7001", "192.168.1.5:7011"),
            ("node.example.cn:7001", "0.0.0.0:7011"),
            ("192.168.1.5:7001", "127.0.0.1:7001"),
            ("192.168.1.5:7001", "[::]:7001"),
            ("[::1]:7001", "0.0.0.0:7001"),
        ] {
            assert!(!leads(called, listen), "{called} {listen}");
        }
    }
}
