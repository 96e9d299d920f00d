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

#[cfg(test)]
mod tests {
    use super::*;

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
