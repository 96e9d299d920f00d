//! The black-list: addresses that nothing is done for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    pub id: i64,
    pub created_at_ms: i64,
    /// A CIDR block as [`block`] writes it.
    pub address: String,
    pub reason: String,
    /// `None`: never.
    pub expires_at_ms: Option<i64>,
}

/// What a request wants a ban to be.
#[derive(Debug, Clone, Default)]
pub struct BanPatch {
    pub address: Option<String>,
    pub reason: Option<String>,
    /// `Some(None)`: never.
    pub expires_at_ms: Option<Option<i64>>,
}

/// An address or CIDR block (RFC 4632, RFC 4291 §2.3) in the one form in which it is kept: without
/// bits after the prefix, without the prefix of a single address, and as IPv4 if it is that written
/// as IPv6. `None` when it is none.
#[must_use]
pub fn block(text: &str) -> Option<String> {
    let (base, prefix) = match text.trim().split_once('/') {
        Some((base, prefix)) => (base, Some(prefix.parse::<u32>().ok()?)),
        None => (text.trim(), None),
    };
    let written: IpAddr = base.parse().ok()?;
    let address = written.to_canonical();
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        None => bits,
        Some(prefix) if written == address => prefix,
        Some(prefix) => prefix.checked_sub(96)?,
    };
    if prefix > bits {
        return None;
    }
    let after = bits - prefix;
    let base: IpAddr = match address {
        IpAddr::V4(it) => {
            let mask = u32::MAX.checked_shl(after).unwrap_or(0);
            Ipv4Addr::from_bits(it.to_bits() & mask).into()
        }
        IpAddr::V6(it) => {
            let mask = u128::MAX.checked_shl(after).unwrap_or(0);
            Ipv6Addr::from_bits(it.to_bits() & mask).into()
        }
    };
    Some(match after {
        0 => base.to_string(),
        _ => format!("{base}/{prefix}"),
    })
}

/// Whether an address is one, or in a block, that [`block`] wrote.
#[must_use]
pub fn is_within(address: &str, listed: &str) -> bool {
    let prefix = listed.split_once('/').map_or("", |(_, prefix)| prefix);
    let with_prefix = match (address.parse::<IpAddr>(), prefix) {
        (Err(_), _) => return false,
        (Ok(address), "") => address.to_canonical().to_string(),
        (Ok(address), prefix) => format!("{}/{prefix}", address.to_canonical()),
    };
    block(&with_prefix).as_deref() == Some(listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_within_blocks_of_its_kind() {
        for (address, listed, is) in [
            ("203.0.113.9", "203.0.113.9", true),
            ("203.0.113.9", "203.0.113.8", false),
            ("203.0.113.9", "203.0.113.0/24", true),
            ("::ffff:203.0.113.9", "203.0.113.0/24", true),
            ("203.0.114.9", "203.0.113.0/24", false),
            ("203.0.113.9", "0.0.0.0/0", true),
            ("203.0.113.9", "::/0", false),
            ("2001:db8::9", "2001:db8::/32", true),
            ("2001:db8::9", "0.0.0.0/0", false),
            ("2001:db9::9", "2001:db8::/32", false),
            ("", "0.0.0.0/0", false),
            ("example.com", "example.com", false),
        ] {
            assert_eq!(is_within(address, listed), is, "{address} in {listed}");
        }
    }

    #[test]
    fn a_block_has_one_form() {
        for (text, form) in [
            ("203.0.113.9", Some("203.0.113.9")),
            (" 203.0.113.9/32 ", Some("203.0.113.9")),
            ("203.0.113.9/24", Some("203.0.113.0/24")),
            ("203.0.113.9/0", Some("0.0.0.0/0")),
            ("::ffff:203.0.113.9", Some("203.0.113.9")),
            ("::ffff:203.0.113.9/120", Some("203.0.113.0/24")),
            ("2001:DB8::1/32", Some("2001:db8::/32")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("::1/0", Some("::/0")),
            ("::ffff:203.0.113.9/32", None),
            ("203.0.113.9/33", None),
            ("203.0.113/24", None),
            ("203.0.113.9/", None),
            ("2001:db8::/129", None),
            ("example.com", None),
            ("", None),
        ] {
            assert_eq!(block(text).as_deref(), form, "{text}");
        }
    }
}
