//! One cluster per channel: its provider's address, and beside it a place that always answers 503.
//!
//! A cluster without a healthy host answers 503 without a retry, so a channel whose name does not
//! resolve would fail requests that others could serve. The second priority turns that into an
//! attempt that failed, after which the next channel is tried. (A TLS cluster fails there a step
//! earlier, in the handshake, because that place speaks none; a plain socket for it alone is not to
//! be had together with ALPN.) The first is the provider itself, or what leads there through a proxy
//! (`tunnel`).

use envoy_types::pb::envoy::config::cluster::v3 as cluster;
use envoy_types::pb::envoy::config::core::v3 as core;
use envoy_types::pb::envoy::config::endpoint::v3 as endpoint;
use envoy_types::pb::envoy::extensions::filters::http::upstream_codec::v3::UpstreamCodec;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3 as hcm;
use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3 as tls;
use envoy_types::pb::envoy::extensions::upstreams::http::v3 as http;
use envoy_types::pb::envoy::r#type::matcher::v3::{StringMatcher, string_matcher};
use envoy_types::util::pack_any;
use prost::{Message, Name};

use super::{Settings, Tls, Upstream, pb, secret, signature, wasm};

/// Name of the bootstrap's secret with the certificate authorities that this machine trusts: where
/// they are differs between machines.
pub const AUTHORITIES: &str = "tollgate-authorities";

const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// No limit worth the name: limits are per token and per model, and are the filter's business.
const PLENTY: u32 = 1_000_000;

pub(super) fn cluster(upstream: &Upstream, settings: &Settings) -> cluster::Cluster {
    let place = match &upstream.proxy {
        Some(proxy) => proxy.address(),
        None => pb::address(upstream.peer().bare_host(), upstream.port),
    };
    let unavailable = pb::address("127.0.0.1", settings.unavailable_port);
    let at = |priority, address| endpoint::LocalityLbEndpoints {
        priority,
        lb_endpoints: vec![pb::endpoint(address)],
        ..Default::default()
    };
    let places = vec![at(0, place), at(1, unavailable)];
    let common = match &upstream.proxy {
        Some(_) => static_cluster(&upstream.cluster, places),
        None => dns_cluster(&upstream.cluster, places),
    };
    cluster::Cluster {
        transport_socket: upstream.tls.map(|tls| encrypted(upstream.peer(), tls)),
        typed_extension_protocol_options: [(
            HTTP_OPTIONS.to_owned(),
            pack_any(http_options(upstream, settings)),
        )]
        .into(),
        ..common
    }
}

/// Of addresses that are no names. Behind the first one is another connection, to the proxy, and what
/// the proxy does before the provider is reached.
fn static_cluster(name: &str, places: Vec<endpoint::LocalityLbEndpoints>) -> cluster::Cluster {
    let kind = cluster::cluster::DiscoveryType::Static;
    cluster::Cluster {
        cluster_discovery_type: Some(cluster::cluster::ClusterDiscoveryType::Type(kind.into())),
        connect_timeout: pb::seconds(10),
        ..common(name, places)
    }
}

pub(super) fn dns_cluster(
    name: &str,
    places: Vec<endpoint::LocalityLbEndpoints>,
) -> cluster::Cluster {
    let dns = cluster::cluster::DiscoveryType::StrictDns;
    cluster::Cluster {
        cluster_discovery_type: Some(cluster::cluster::ClusterDiscoveryType::Type(dns.into())),
        dns_lookup_family: cluster::cluster::DnsLookupFamily::V4Preferred.into(),
        // A name that does not resolve must not hold back the start of everything else.
        wait_for_warm_on_init: pb::boolean(false),
        connect_timeout: pb::seconds(5),
        upstream_connection_options: Some(cluster::UpstreamConnectionOptions {
            tcp_keepalive: Some(core::TcpKeepalive {
                keepalive_time: pb::uint32(60),
                keepalive_interval: pb::uint32(15),
                keepalive_probes: pb::uint32(3),
            }),
            ..Default::default()
        }),
        ..common(name, places)
    }
}

fn common(name: &str, endpoints: Vec<endpoint::LocalityLbEndpoints>) -> cluster::Cluster {
    cluster::Cluster {
        name: name.into(),
        load_assignment: Some(endpoint::ClusterLoadAssignment {
            cluster_name: name.into(),
            endpoints,
            ..Default::default()
        }),
        circuit_breakers: Some(no_circuit_breakers()),
        ..Default::default()
    }
}

/// Ours, then the key, then the wire: what our filter writes is what the key is added to, and what
/// is signed.
fn http_options(upstream: &Upstream, settings: &Settings) -> http::HttpProtocolOptions {
    let mut http_filters = vec![filter("tollgate.upstream", wasm::upstream(&settings.wasm))];
    if let Some(credential) = &upstream.credential {
        http_filters.push(filter(
            "envoy.filters.http.credential_injector",
            secret::injector(credential),
        ));
    }
    if let Some(signing) = &upstream.signing {
        http_filters.push(filter(
            "envoy.filters.http.aws_request_signing",
            signature::signer(signing),
        ));
    }
    http_filters.push(filter(
        "envoy.filters.http.upstream_codec",
        UpstreamCodec {},
    ));
    http::HttpProtocolOptions {
        http_filters,
        upstream_protocol_options: Some(protocol(upstream)),
        ..Default::default()
    }
}

/// With TLS the two sides agree on HTTP/2 or 1.1; without, it is 1.1.
fn protocol(upstream: &Upstream) -> http::http_protocol_options::UpstreamProtocolOptions {
    use http::http_protocol_options as options;

    if upstream.tls.is_some() {
        return options::UpstreamProtocolOptions::AutoConfig(options::AutoHttpConfig {
            http_protocol_options: Some(core::Http1ProtocolOptions::default()),
            http2_protocol_options: Some(core::Http2ProtocolOptions::default()),
            ..Default::default()
        });
    }
    let http1 = core::Http1ProtocolOptions::default();
    options::UpstreamProtocolOptions::ExplicitHttpConfig(options::ExplicitHttpConfig {
        protocol_config: Some(
            options::explicit_http_config::ProtocolConfig::HttpProtocolOptions(http1),
        ),
    })
}

fn filter<M: Message + Name>(name: &str, config: M) -> hcm::HttpFilter {
    hcm::HttpFilter {
        name: name.into(),
        config_type: Some(hcm::http_filter::ConfigType::TypedConfig(pack_any(config))),
        ..Default::default()
    }
}

pub(super) fn encrypted(peer: Peer<'_>, tls: Tls) -> core::TransportSocket {
    let context = tls::UpstreamTlsContext {
        // An address is not a server name (RFC 6066, section 3).
        sni: if peer.is_address() {
            String::new()
        } else {
            peer.host.to_owned()
        },
        common_tls_context: Some(tls::CommonTlsContext {
            validation_context_type: tls.verify.then(|| verification(peer)),
            ..Default::default()
        }),
        ..Default::default()
    };
    pb::transport_socket("envoy.transport_sockets.tls", context)
}

/// Signed by an authority that the gateway's machine trusts, and for this very host.
fn verification(peer: Peer<'_>) -> tls::common_tls_context::ValidationContextType {
    let san_type = if peer.is_address() {
        tls::subject_alt_name_matcher::SanType::IpAddress
    } else {
        tls::subject_alt_name_matcher::SanType::Dns
    };
    let exact = string_matcher::MatchPattern::Exact(peer.bare_host().into());
    let name = tls::SubjectAltNameMatcher {
        san_type: san_type.into(),
        matcher: Some(StringMatcher {
            match_pattern: Some(exact),
            ..Default::default()
        }),
        ..Default::default()
    };
    let combined = tls::common_tls_context::CombinedCertificateValidationContext {
        default_validation_context: Some(tls::CertificateValidationContext {
            match_typed_subject_alt_names: vec![name],
            ..Default::default()
        }),
        validation_context_sds_secret_config: Some(tls::SdsSecretConfig {
            name: AUTHORITIES.into(),
            sds_config: None,
        }),
        ..Default::default()
    };
    tls::common_tls_context::ValidationContextType::CombinedValidationContext(combined)
}

/// Envoy's defaults (1,024 requests, 3 retries) are refusals that nobody asked for, and an
/// overflow is not retried.
fn no_circuit_breakers() -> cluster::CircuitBreakers {
    let thresholds = cluster::circuit_breakers::Thresholds {
        max_connections: pb::uint32(PLENTY),
        max_pending_requests: pb::uint32(PLENTY),
        max_requests: pb::uint32(PLENTY),
        max_retries: pb::uint32(PLENTY),
        ..Default::default()
    };
    cluster::CircuitBreakers {
        thresholds: vec![thresholds],
        ..Default::default()
    }
}

/// Who is at the other end, provider or proxy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer<'a> {
    pub(super) host: &'a str,
}

// === impl Upstream ===

impl Upstream {
    fn peer(&self) -> Peer<'_> {
        Peer { host: &self.host }
    }
}

// === impl Peer ===

impl Peer<'_> {
    /// Without the brackets around an IPv6 address.
    pub(super) fn bare_host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    fn is_address(&self) -> bool {
        self.bare_host().parse::<std::net::IpAddr>().is_ok()
    }
}
