//! What leads to a provider through a proxy: an internal listener that turns every connection of the
//! channel's cluster into a CONNECT request, and a cluster for the proxy.
//!
//! The channel's cluster connects to the listener instead of the provider; all else of it stays, its
//! TLS included, which is end to end with the provider. The provider's name goes to the proxy as it
//! is and is resolved there. A proxy that is away or refuses is a connection that failed, after which
//! the next channel is tried. (One that takes a request and never answers it costs what a provider
//! costs that does so: the time for connecting where there is TLS, a long silence where there is none.)

use envoy_types::pb::envoy::config::cluster::v3 as cluster;
use envoy_types::pb::envoy::config::core::v3 as core;
use envoy_types::pb::envoy::config::endpoint::v3 as endpoint;
use envoy_types::pb::envoy::config::listener::v3 as listener;
use envoy_types::pb::envoy::extensions::filters::network::tcp_proxy::v3 as tcp;
use envoy_types::pb::envoy::extensions::formatter::generic_secret::v3::GenericSecret;
use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3 as tls;
use envoy_types::util::pack_any;

use super::cluster::{Peer, dns_cluster, encrypted};
use super::{Proxy, Tls, Upstream, pb, secret};

/// The header that carries the credentials (RFC 9110, section 11.7.1).
const HEADER: &str = "proxy-authorization";

/// What the secret is called where it stands in the header's format.
const CREDENTIALS: &str = "credentials";

impl Proxy {
    /// Where a channel's cluster connects to.
    pub(super) fn address(&self) -> core::Address {
        let internal = core::EnvoyInternalAddress {
            endpoint_id: String::new(),
            address_name_specifier: Some(
                core::envoy_internal_address::AddressNameSpecifier::ServerListenerName(
                    self.name.clone(),
                ),
            ),
        };
        core::Address {
            address: Some(core::address::Address::EnvoyInternalAddress(internal)),
        }
    }

    fn peer(&self) -> Peer<'_> {
        Peer { host: &self.host }
    }
}

pub(super) fn listener(proxy: &Proxy, upstream: &Upstream) -> listener::Listener {
    let authorization = proxy.authorization.as_ref();
    let tunnel = tcp::tcp_proxy::TunnelingConfig {
        // No host name has a percent sign, which would begin a format.
        hostname: format!("{}:{}", upstream.host, upstream.port),
        headers_to_add: authorization.map(|_| header()).into_iter().collect(),
        formatters: authorization
            .map(|_| pb::extension("envoy.formatter.generic_secret", secrets(proxy)))
            .into_iter()
            .collect(),
        ..Default::default()
    };
    let filter = tcp::TcpProxy {
        stat_prefix: proxy.name.clone(),
        cluster_specifier: Some(tcp::tcp_proxy::ClusterSpecifier::Cluster(
            proxy.name.clone(),
        )),
        tunneling_config: Some(tunnel),
        ..Default::default()
    };
    let filter = listener::Filter {
        name: "envoy.filters.network.tcp_proxy".into(),
        config_type: Some(listener::filter::ConfigType::TypedConfig(pack_any(filter))),
    };
    listener::Listener {
        name: proxy.name.clone(),
        listener_specifier: Some(listener::listener::ListenerSpecifier::InternalListener(
            listener::listener::InternalListenerConfig {},
        )),
        filter_chains: vec![listener::FilterChain {
            filters: vec![filter],
            ..Default::default()
        }],
        // Callers are counted where they come in.
        ignore_global_conn_limit: true,
        ..Default::default()
    }
}

/// The value is a format, so that the secret is not part of what Envoy shows of its configuration.
fn header() -> core::HeaderValueOption {
    core::HeaderValueOption {
        header: Some(core::HeaderValue {
            key: HEADER.into(),
            value: format!("%SECRET({CREDENTIALS})%"),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn secrets(proxy: &Proxy) -> GenericSecret {
    let config = tls::SdsSecretConfig {
        name: proxy.name.clone(),
        sds_config: Some(pb::ads(secret::PATIENCE_S)),
    };
    GenericSecret {
        secret_configs: [(CREDENTIALS.to_owned(), config)].into(),
    }
}

pub(super) fn cluster(proxy: &Proxy) -> cluster::Cluster {
    let place = endpoint::LocalityLbEndpoints {
        lb_endpoints: vec![pb::endpoint(pb::address(
            proxy.peer().bare_host(),
            proxy.port,
        ))],
        ..Default::default()
    };
    let verified = Tls { verify: true };
    cluster::Cluster {
        transport_socket: proxy.https.then(|| encrypted(proxy.peer(), verified)),
        ..dns_cluster(&proxy.name, vec![place])
    }
}
