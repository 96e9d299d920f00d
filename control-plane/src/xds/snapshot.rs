//! What every gateway should have, at one moment: named resources with versions, by kind.

use std::collections::BTreeMap;

use envoy_types::pb::google::protobuf::Any;
use prost::{Message, Name};
use sha2::{Digest, Sha256};

/// The xDS resource types that are served. Declared in the order in which additions travel: what
/// is referred to comes before what refers to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Secret,
    Cluster,
    Listener,
    Route,
    /// ECDS: the gateway filter's plugin configuration.
    Extension,
}

/// An immutable set of resources.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot(BTreeMap<Kind, Resources>);

#[derive(Debug, Clone, Default, PartialEq)]
struct Resources {
    /// Of all of them together.
    version: String,
    by_name: BTreeMap<String, Resource>,
}

/// An encoded resource. Its version is a hash of its bytes, so that the same content has the same
/// version in every control plane and after every restart.
#[derive(Clone, PartialEq)]
pub struct Resource {
    pub version: String,
    pub body: Any,
    /// Name of the secret that a cluster or a listener is of no use without.
    pub secret: Option<String>,
}

/// The version of a kind of which there is nothing: a version all the same, which can be
/// acknowledged.
const NOTHING: &str = "nothing";

// === impl Kind ===

impl Kind {
    pub const ALL: [Self; 5] = [
        Self::Secret,
        Self::Cluster,
        Self::Listener,
        Self::Route,
        Self::Extension,
    ];

    #[must_use]
    pub fn type_url(self) -> &'static str {
        match self {
            Self::Secret => "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
            Self::Cluster => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            Self::Listener => "type.googleapis.com/envoy.config.listener.v3.Listener",
            Self::Route => "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
            Self::Extension => "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
        }
    }

    #[must_use]
    pub fn from_type_url(url: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.type_url() == url)
    }

    /// As operators see it in `/api/gateways`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Secret => "secrets",
            Self::Cluster => "clusters",
            Self::Listener => "listeners",
            Self::Route => "routes",
            Self::Extension => "extensions",
        }
    }
}

// === impl Snapshot ===

impl Snapshot {
    #[must_use]
    pub fn resource(&self, kind: Kind, name: &str) -> Option<&Resource> {
        self.0.get(&kind)?.by_name.get(name)
    }

    pub fn resources(&self, kind: Kind) -> impl Iterator<Item = (&str, &Resource)> {
        let resources = self.0.get(&kind).map(|resources| &resources.by_name);
        resources
            .into_iter()
            .flatten()
            .map(|(name, resource)| (name.as_str(), resource))
    }

    /// The same with another resource in the place of one.
    #[must_use]
    pub fn with_instead(&self, kind: Kind, name: &str, other: (String, Resource)) -> Self {
        let kept = self.0.iter().flat_map(|(kind, resources)| {
            let named = resources.by_name.iter();
            named.map(|(name, resource)| (*kind, name.clone(), resource.clone()))
        });
        kept.filter(|(of, named, _)| (*of, named.as_str()) != (kind, name))
            .chain([(kind, other.0, other.1)])
            .collect()
    }

    /// Version of all resources of a kind together.
    #[must_use]
    pub fn version(&self, kind: Kind) -> &str {
        self.0
            .get(&kind)
            .map_or(NOTHING, |resources| &resources.version)
    }
}

impl FromIterator<(Kind, String, Resource)> for Snapshot {
    fn from_iter<I: IntoIterator<Item = (Kind, String, Resource)>>(resources: I) -> Self {
        let mut kinds: BTreeMap<Kind, Resources> = BTreeMap::new();
        for (kind, name, resource) in resources {
            kinds
                .entry(kind)
                .or_default()
                .by_name
                .insert(name, resource);
        }
        for resources in kinds.values_mut() {
            resources.version = hash(resources.by_name.iter().flat_map(|(name, resource)| {
                [name.as_bytes(), b"\0", resource.version.as_bytes(), b"\0"]
            }));
        }
        Self(kinds)
    }
}

// === impl Resource ===

impl Resource {
    pub fn new<M: Message + Name>(message: &M) -> Self {
        let value = message.encode_to_vec();
        Self {
            version: hash([value.as_slice()]),
            body: Any {
                type_url: M::type_url(),
                value,
            },
            secret: None,
        }
    }

    #[must_use]
    pub fn with_secret(self, name: Option<String>) -> Self {
        Self {
            secret: name,
            ..self
        }
    }
}

/// Without the body, which may be a secret.
impl std::fmt::Debug for Resource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resource")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

fn hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hex::encode(hasher.finalize().get(..8).unwrap_or_default())
}
