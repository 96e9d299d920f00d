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
pub mod wasm;

use std::net::SocketAddr;
use std::path::PathBuf;

pub use cluster::AUTHORITIES;
use tollgate_config::GatewayConfig;

use super::{Kind, Snapshot};
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
}

/// Where the calls of one channel go.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Its cluster's name. It changes with everything below but the key, so that requests under
    /// way keep the old address and a new key never travels to an old address.
    pub cluster: String,
    pub host: String,
    pub port: u16,
    pub tls: Option<Tls>,
    pub credential: Option<Credential>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tls {
    pub verify: bool,
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

// === impl Topology ===

impl Topology {
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for upstream in &self.upstreams {
            let cluster = cluster::cluster(upstream, &self.settings);
            snapshot.insert(Kind::Cluster, upstream.cluster.clone(), &cluster);
            if let Some(credential) = &upstream.credential {
                let secret = secret::secret(credential);
                snapshot.insert(Kind::Secret, credential.secret.clone(), &secret);
            }
        }
        for listener in listener::listeners(&self.settings) {
            snapshot.insert(Kind::Listener, listener.name.clone(), &listener);
        }
        let clusters = self
            .upstreams
            .iter()
            .map(|upstream| upstream.cluster.as_str());
        let routes = route::routes(clusters, &self.settings);
        snapshot.insert(Kind::Route, routes.name.clone(), &routes);
        let filter = wasm::gateway(&self.settings.wasm, &self.gateway);
        snapshot.insert(Kind::Extension, filter.name.clone(), &filter);
        snapshot
    }
}

#[cfg(test)]
mod tests;
