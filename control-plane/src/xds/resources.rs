//! Builds the Envoy resources from a [`Topology`]. Pure: the same topology is the same bytes.
//!
//! Anything that holds a protobuf map is written so that the map has at most one entry, or is
//! encoded in order (`ordered`), because the version of a resource is a hash of its bytes.

mod cluster;
mod listener;
mod ordered;
mod pb;
mod route;
mod secret;
mod signature;
mod tunnel;
pub mod wasm;

use std::net::SocketAddr;
use std::path::PathBuf;

pub use cluster::AUTHORITIES;
pub use listener::CALLERS;
pub use route::SILENCE_S;
use tollgate_config::GatewayConfig;

use super::{Kind, Resource, Snapshot};
use crate::secrets::Secret;

/// All that gateways should know, in the words of this project.
#[derive(Debug, Clone)]
pub struct Topology {
    pub settings: Settings,
    pub gateway: GatewayConfig,
    /// Of every channel in `gateway`, and for a while of those that left it: requests under way
    /// may still have them on their list.
    pub upstreams: Vec<Upstream>,
}

/// What is the same for all gateways and does not change while the control plane runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where gateways accept callers.
    pub listen: SocketAddr,
    /// Loopback port, in each gateway's machine, of the listener that always answers 503.
    pub unavailable_port: u16,
    /// Where each gateway's machine has the filter.
    pub wasm: PathBuf,
    /// Above it the gateway filter answers 413.
    pub max_body_bytes: u64,
    /// Whether translated responses are kept for callers.
    pub stores_responses: bool,
}

/// Where the calls of one channel go.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Its cluster's name. It changes with everything below but keys, so that requests under
    /// way keep the old address and a new key never travels to an old address.
    pub cluster: String,
    pub host: String,
    pub port: u16,
    pub tls: Option<Tls>,
    /// Through which it is reached.
    pub proxy: Option<Proxy>,
    pub credential: Option<Credential>,
    pub signing: Option<Signing>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tls {
    pub verify: bool,
}

/// A proxy of one channel that makes tunnels (CONNECT).
#[derive(Debug, Clone)]
pub struct Proxy {
    /// Name of all that it takes: a listener, a cluster, a secret. It changes as the name of the
    /// channel's cluster does.
    pub name: String,
    pub host: String,
    pub port: u16,
    /// It is itself reached over TLS.
    pub https: bool,
    /// What it is told in `proxy-authorization`.
    pub authorization: Option<Secret>,
}

/// A key and the header that carries it.
#[derive(Debug, Clone)]
pub struct Credential {
    /// Name of the SDS secret.
    pub secret: String,
    pub header: String,
    pub prefix: String,
    pub key: Secret,
}

/// Access keys with which Envoy signs every call, for AWS's Bedrock.
#[derive(Debug, Clone)]
pub struct Signing {
    pub region: String,
    pub access_key_id: Secret,
    pub secret_access_key: Secret,
    pub session_token: Option<Secret>,
}

// === impl Topology ===

impl Topology {
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let settings = &self.settings;
        let clusters = self.upstreams.iter().map(|upstream| {
            let secret = upstream.credential.as_ref().map(|it| it.secret.clone());
            let cluster = Resource::new(&cluster::cluster(upstream, settings)).with_secret(secret);
            (Kind::Cluster, upstream.cluster.clone(), cluster)
        });
        let credentials = self
            .upstreams
            .iter()
            .filter_map(|it| it.credential.as_ref());
        let secrets = credentials.map(|credential| {
            let secret = Resource::new(&secret::secret(&credential.secret, &credential.key));
            (Kind::Secret, credential.secret.clone(), secret)
        });
        let listeners = listener::listeners(settings).map(|listener| {
            let resource = Resource::new(&listener);
            (Kind::Listener, listener.name, resource)
        });
        let tunnels = self.upstreams.iter().flat_map(tunnel);
        let names = self
            .upstreams
            .iter()
            .map(|upstream| upstream.cluster.as_str());
        let routes = route::routes(names, settings);
        let filter = wasm::gateway(&settings.wasm, &self.gateway);
        let single = [
            (Kind::Route, routes.name.clone(), Resource::new(&routes)),
            (Kind::Extension, filter.name.clone(), Resource::new(&filter)),
        ];
        clusters
            .chain(secrets)
            .chain(listeners)
            .chain(tunnels)
            .chain(single)
            .collect()
    }
}

/// All that a channel's proxy takes.
fn tunnel(upstream: &Upstream) -> Vec<(Kind, String, Resource)> {
    let Some(proxy) = &upstream.proxy else {
        return Vec::new();
    };
    let authorization = proxy.authorization.as_ref();
    let name = || proxy.name.clone();
    let listener = Resource::new(&tunnel::listener(proxy, upstream));
    let listener = listener.with_secret(authorization.map(|_| name()));
    let cluster = Resource::new(&tunnel::cluster(proxy));
    let secret = authorization.map(|it| Resource::new(&secret::secret(&proxy.name, it)));
    let mut all = vec![
        (Kind::Listener, name(), listener),
        (Kind::Cluster, name(), cluster),
    ];
    all.extend(secret.map(|secret| (Kind::Secret, name(), secret)));
    all
}

/// In the place of the listener for callers, for a gateway that is to have none.
#[must_use]
pub fn closed(settings: &Settings) -> (String, Resource) {
    let listener = listener::closed(settings);
    let resource = Resource::new(&listener);
    (listener.name, resource)
}

#[cfg(test)]
mod tests;
