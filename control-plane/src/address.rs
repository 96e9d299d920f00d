//! Addresses as people type them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// `host:port`, where host is a name, an address, or an IPv6 address in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// Without brackets.
    pub host: String,
    pub port: u16,
}

/// A place to listen: `:3000` or `3000` for every address, or `127.0.0.1:3000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen(pub SocketAddr);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    #[error("write it as host:port")]
    HostPort,
    #[error("write it as :port or address:port")]
    Listen,
}

impl FromStr for HostPort {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let (host, port) = text.rsplit_once(':').ok_or(InvalidAddress::HostPort)?;
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let port = port.parse().map_err(|_| InvalidAddress::HostPort)?;
        if host.is_empty() || host.contains(['/', ' ', '[', ']']) {
            return Err(InvalidAddress::HostPort);
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl From<SocketAddr> for HostPort {
    fn from(address: SocketAddr) -> Self {
        Self {
            host: address.ip().to_string(),
            port: address.port(),
        }
    }
}

impl FromStr for Listen {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let text = text.trim();
        if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse() {
            return Ok(Self((Ipv4Addr::UNSPECIFIED, port).into()));
        }
        text.parse().map(Self).map_err(|_| InvalidAddress::Listen)
    }
}

impl Listen {
    /// As somebody on this machine reaches it.
    #[must_use]
    pub fn local_url(self) -> String {
        let ip = match self.0.ip() {
            ip if ip.is_unspecified() || ip == IpAddr::V4(Ipv4Addr::LOCALHOST) => {
                "localhost".into()
            }
            IpAddr::V6(ip) => format!("[{ip}]"),
            IpAddr::V4(ip) => ip.to_string(),
        };
        format!("http://{ip}:{}", self.0.port())
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports() {
        let check = |text: &str, expected: Option<(&str, u16)>| {
            let seen = text.parse::<HostPort>().ok();
            assert_eq!(
                seen.as_ref().map(|it| (it.host.as_str(), it.port)),
                expected,
                "{text}"
            );
        };
        check("control.example:18000", Some(("control.example", 18000)));
        check("[::1]:1", Some(("::1", 1)));
        check("http://a:1", None);
        check("a", None);
        check(":1", None);
        check("a:x", None);
    }

    #[test]
    fn places_to_listen() {
        let check = |text: &str, expected: Option<&str>, url: &str| {
            let seen = text.parse::<Listen>().ok();
            assert_eq!(seen.map(|it| it.to_string()).as_deref(), expected, "{text}");
            assert_eq!(
                seen.map(Listen::local_url).unwrap_or_default(),
                url,
                "{text}"
            );
        };
        check(":3000", Some("0.0.0.0:3000"), "http://localhost:3000");
        check("3000", Some("0.0.0.0:3000"), "http://localhost:3000");
        check("127.0.0.1:80", Some("127.0.0.1:80"), "http://localhost:80");
        check("[::1]:80", Some("[::1]:80"), "http://[::1]:80");
        check("localhost", None, "");
        check("", None, "");
    }
}
