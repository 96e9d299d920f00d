//! Hosts that an operator names, although they are not public.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use url::Url;

use super::{CallError, is_public};
use crate::domain::block;

/// Names, addresses and CIDR blocks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts {
    names: Vec<String>,
    blocks: Vec<(IpAddr, u32)>,
}

impl Hosts {
    /// The same URL, and nothing else can be reached by it: its host is an address that is public or
    /// one of these, or a name that is one of these. `port` is for a URL without one.
    ///
    /// # Errors
    /// When the host has no such address.
    pub async fn pinned(&self, url: &Url, port: u16) -> Result<Url, CallError> {
        let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
        if self.names.contains(&host) {
            return Ok(url.clone());
        }
        let port = url.port().unwrap_or(port);
        let bare = host.trim_matches(['[', ']']);
        let found = tokio::net::lookup_host((bare, port)).await;
        let found = found.map_err(|error| CallError::Io(host.clone(), error))?;
        let may = |address: &SocketAddr| is_public(address.ip()) || self.have(address.ip());
        let mut url = url.clone();
        // What the name stands for by now may not be what it stands for in a moment.
        let pinned = found.into_iter().find(may);
        let pinned = pinned.filter(|address| url.set_ip_host(address.ip()).is_ok());
        pinned
            .map(|_| url)
            .ok_or_else(|| CallError::NotPublic(host))
    }

    fn have(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.blocks.iter().any(|(base, prefix)| {
            let same = format!("{address}/{prefix}");
            base.is_ipv4() == address.is_ipv4()
                && block(&same) == block(&format!("{base}/{prefix}"))
        })
    }
}

impl FromStr for Hosts {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut hosts = Self::default();
        for entry in text.split(',').map(str::trim).filter(|it| !it.is_empty()) {
            match block(entry) {
                Some(canonical) => {
                    let (base, prefix) = canonical.split_once('/').unwrap_or((&canonical, ""));
                    let base: IpAddr = base.parse().map_err(|_| RULE)?;
                    let whole = if base.is_ipv4() { 32 } else { 128 };
                    hosts.blocks.push((base, prefix.parse().unwrap_or(whole)));
                }
                None => {
                    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
                    if !entry.bytes().all(plain) {
                        return Err(RULE);
                    }
                    hosts.names.push(entry.to_ascii_lowercase());
                }
            }
        }
        Ok(hosts)
    }
}

const RULE: &str = "must be names, addresses or CIDR blocks with commas between them";

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_neither_public_nor_named_is_not_reached() {
        let hosts: Hosts = "localhost, 10.0.0.0/8,fd00::7".parse().unwrap();
        for (url, reached) in [
            // The name was named, so it is asked for again when it is called.
            ("postgres://u:p@localhost/d", Some("localhost")),
            ("postgres://u:p@LOCALHOST/d", Some("localhost")),
            ("mysql://u:p@10.1.2.3:3307/d", Some("10.1.2.3")),
            ("mysql://u:p@1.1.1.1/d", Some("1.1.1.1")),
            ("mysql://u:p@[fd00::7]/d", Some("[fd00::7]")),
            ("mysql://u:p@[fd00::8]/d", None),
            ("mysql://u:p@127.0.0.1/d", None),
            ("mysql://u:p@2130706433/d", None),
            ("mysql://u:p@169.254.169.254/d", None),
            ("mysql://u:p@[::ffff:127.0.0.1]/d", None),
            ("mysql://u:p@[::ffff:10.1.1.1]/d", Some("[::ffff:a01:101]")),
        ] {
            let found = hosts.pinned(&Url::parse(url).unwrap(), 1).await;
            let host = found.as_ref().ok().and_then(|url| url.host_str());
            let host = host.map(str::to_ascii_lowercase);
            assert_eq!(host.as_deref(), reached, "{url}: {found:?}");
        }
        assert!("a b".parse::<Hosts>().is_err());
        assert!("10.0.0.0/33".parse::<Hosts>().is_err());
    }
}
