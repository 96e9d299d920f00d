//! Where a request comes from.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::request::Parts;

/// The caller's address, or an empty text.
///
/// Envoy writes who is connected to it at the end of `x-forwarded-for`, whatever stood there; the
/// control plane's own port is for gateways only, so that the end of it is Envoy's. Without one,
/// it is who is connected here.
#[must_use]
pub fn caller(parts: &Parts) -> String {
    let forwarded = parts.headers.get_all("x-forwarded-for").iter().next_back();
    let last = forwarded
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.rsplit(',').next())
        .and_then(|address| address.trim().parse::<IpAddr>().ok());
    let connected = || {
        let info = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        info.map(|ConnectInfo(address)| address.ip())
    };
    last.or_else(connected)
        .map(|address| address.to_canonical().to_string())
        .unwrap_or_default()
}

/// What one customer of an internet provider has: an IPv4 address, or 64 bits of an IPv6 address.
#[must_use]
pub fn network(address: &str) -> String {
    match address.parse() {
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).to_string()
        }
        Ok(address) => address.to_string(),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    #[test]
    fn the_last_hop_counts() {
        for (headers, expected) in [
            (&["10.0.0.1"][..], "10.0.0.1"),
            (&["1.1.1.1, 10.0.0.1"], "10.0.0.1"),
            (&["1.1.1.1", "2001:db8::1"], "2001:db8::1"),
            (&["::ffff:10.0.0.1"], "10.0.0.1"),
            (&["10.0.0.1, nonsense"], "192.0.2.7"),
            (&[""], "192.0.2.7"),
            (&[], "192.0.2.7"),
        ] {
            let mut request = Request::new(());
            for header in headers {
                let value = header.parse().unwrap();
                request.headers_mut().append("x-forwarded-for", value);
            }
            let connected: SocketAddr = "192.0.2.7:5000".parse().unwrap();
            request.extensions_mut().insert(ConnectInfo(connected));
            let (parts, ()) = request.into_parts();
            assert_eq!(caller(&parts), expected, "{headers:?}");
        }
        let (parts, ()) = Request::new(()).into_parts();
        assert_eq!(caller(&parts), "");
    }

    #[test]
    fn a_network_is_what_one_customer_has() {
        for (address, expected) in [
            ("10.0.0.1", "10.0.0.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("", ""),
            ("nonsense", ""),
        ] {
            assert_eq!(network(address), expected);
        }
    }
}
