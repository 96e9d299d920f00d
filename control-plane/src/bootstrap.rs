//! The bootstrap of an Envoy: who it is, where its control plane is, and the meter.
//!
//! Everything else comes over xDS. The result is JSON, because Envoy's YAML reads `y` and `no` as
//! booleans; it holds the node token if there is one, so whoever writes it to a file keeps that
//! file private.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde_json::{Value, json};
use tollgate_config::{RoleConfig, names};

use crate::address::{HostPort, InvalidAddress};
use crate::gateways::NODE_HEADER;
use crate::secrets::Secret;
use crate::xds::resources::{AUTHORITIES, wasm};

/// What a bootstrap says.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    /// Unique among the gateways of one control plane.
    pub node: String,
    /// xDS and meter.
    pub control: HostPort,
    /// Admin API and console.
    pub admin_api: HostPort,
    pub tls: Option<ClientTls>,
    pub node_token: Option<Secret>,
    /// The filter, at the same path as the control plane was told: one VM serves all roles only if
    /// they agree to the byte.
    pub wasm: PathBuf,
    pub envoy_admin: EnvoyAdmin,
    /// Certificate authorities that providers' certificates are checked with.
    pub authorities: PathBuf,
    /// Above 95 % of it Envoy gives memory back, above 98 % it refuses requests.
    pub max_heap_bytes: u64,
}

/// mTLS towards the control plane.
#[derive(Debug, Clone)]
pub struct ClientTls {
    pub authority: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Where Envoy's own admin interface is. It can end the process and shows the bootstrap with the
/// node token, so it is for its keeper only.
#[derive(Debug, Clone)]
pub enum EnvoyAdmin {
    Socket(PathBuf),
    Tcp(HostPort),
}

pub const DEFAULT_MAX_HEAP_BYTES: u64 = 4 << 30;

/// More callers than that are not accepted.
const MAX_CONNECTIONS: u32 = 50_000;

/// Where systems keep the certificate authorities that they trust.
const AUTHORITY_FILES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// This machine's certificate authorities.
#[must_use]
pub fn system_authorities() -> Option<PathBuf> {
    AUTHORITY_FILES
        .iter()
        .map(PathBuf::from)
        .find(|path| path.is_file())
}

impl Bootstrap {
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "node": { "id": self.node, "cluster": "tollgate" },
            "admin": { "address": self.envoy_admin.json() },
            "dynamic_resources": {
                "ads_config": {
                    "api_type": "DELTA_GRPC",
                    "transport_api_version": "V3",
                    "set_node_on_first_message_only": true,
                    "grpc_services": [{
                        "envoy_grpc": { "cluster_name": names::CONTROL_CLUSTER },
                        "initial_metadata": self.credentials(),
                    }],
                },
                "cds_config": { "ads": {}, "resource_api_version": "V3" },
                "lds_config": { "ads": {}, "resource_api_version": "V3" },
            },
            "static_resources": {
                "clusters": [self.control_cluster(), self.admin_cluster()],
                "secrets": [{
                    "name": AUTHORITIES,
                    "validation_context": { "trusted_ca": file(&self.authorities) },
                }],
            },
            "bootstrap_extensions": [self.meter(), internal_listeners()],
            "overload_manager": self.overload_manager(),
        })
    }

    fn credentials(&self) -> Value {
        let token = self.node_token.iter();
        token
            .map(|token| {
                json!({ "key": "authorization", "value": format!("Bearer {}", token.expose()) })
            })
            .collect()
    }

    fn control_cluster(&self) -> Value {
        let http2 = json!({
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                // Both streams live as long as Envoy; a dead peer must be noticed without traffic.
                "explicit_http_config": { "http2_protocol_options": {
                    "connection_keepalive": { "interval": "20s", "timeout": "10s" },
                }},
            },
        });
        let tls = self.tls.as_ref().map(|tls| tls.json(&self.control.host));
        let more = [
            ("typed_extension_protocol_options", Some(http2)),
            ("transport_socket", tls),
        ];
        cluster(names::CONTROL_CLUSTER, &self.control, more)
    }

    /// What is forwarded to it says through which gateway it came.
    fn admin_cluster(&self) -> Value {
        let filter = |name: &str, config: Value| json!({ "name": name, "typed_config": config });
        let node = json!({ "append": {
            // A percent sign would begin a format.
            "header": { "key": NODE_HEADER, "value": self.node.replace('%', "%%") },
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        }});
        let name_itself = filter(
            "envoy.filters.http.header_mutation",
            json!({
                "@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
                "mutations": { "request_mutations": [node] },
            }),
        );
        let codec = filter(
            "envoy.filters.http.upstream_codec",
            json!({ "@type": "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec" }),
        );
        let http1 = json!({
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": { "http_protocol_options": {} },
                "http_filters": [name_itself, codec],
            },
        });
        let more = [("typed_extension_protocol_options", Some(http1))];
        cluster(names::ADMIN_CLUSTER, &self.admin_api, more)
    }

    fn meter(&self) -> Value {
        let role = RoleConfig::Meter {
            node: self.node.clone(),
            node_token: self
                .node_token
                .as_ref()
                .map(|token| token.expose().to_owned()),
        };
        json!({
            "name": "envoy.bootstrap.wasm",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.wasm.v3.WasmService",
                "singleton": true,
                "config": {
                    "name": "meter",
                    "root_id": names::ROOT_ID,
                    "failure_policy": "FAIL_RELOAD",
                    "configuration": {
                        "@type": "type.googleapis.com/google.protobuf.StringValue",
                        "value": wasm::role_json(&role),
                    },
                    "vm_config": {
                        "vm_id": names::VM_ID,
                        "runtime": wasm::RUNTIME,
                        "code": { "local": file(&self.wasm) },
                    },
                },
            },
        })
    }

    fn overload_manager(&self) -> Value {
        let heap = |action: &str, threshold: f64| {
            json!({
                "name": format!("envoy.overload_actions.{action}"),
                "triggers": [{
                    "name": "envoy.resource_monitors.fixed_heap",
                    "threshold": { "value": threshold },
                }],
            })
        };
        json!({
            "refresh_interval": "0.25s",
            "resource_monitors": [
                {
                    "name": "envoy.resource_monitors.fixed_heap",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
                        "max_heap_size_bytes": self.max_heap_bytes.to_string(),
                    },
                },
                {
                    "name": "envoy.resource_monitors.global_downstream_max_connections",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                        "max_active_downstream_connections": MAX_CONNECTIONS.to_string(),
                    },
                },
            ],
            "actions": [heap("shrink_heap", 0.95), heap("stop_accepting_requests", 0.98)],
        })
    }
}

impl EnvoyAdmin {
    /// A socket that only Envoy's user can open, on whatever machine that is.
    pub(crate) fn default_of(node: &str) -> Self {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let node: String = node
            .chars()
            .map(|c| if plain(c) { c } else { '-' })
            // A socket's path must be short.
            .take(64)
            .collect();
        Self::Socket(format!("/tmp/tollgate-{node}.sock").into())
    }

    fn json(&self) -> Value {
        match self {
            Self::Socket(path) => json!({ "pipe": { "path": path, "mode": 0o600 } }),
            Self::Tcp(address) => socket_address(address),
        }
    }
}

impl FromStr for EnvoyAdmin {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        if text.starts_with('/') {
            return Ok(Self::Socket(text.into()));
        }
        text.parse().map(Self::Tcp)
    }
}

impl ClientTls {
    fn json(&self, server: &str) -> Value {
        let is_address = server.parse::<std::net::IpAddr>().is_ok();
        let kind = if is_address { "IP_ADDRESS" } else { "DNS" };
        json!({
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                "sni": if is_address { "" } else { server },
                "common_tls_context": {
                    "alpn_protocols": ["h2"],
                    "tls_certificates": [{
                        "certificate_chain": file(&self.certificate),
                        "private_key": file(&self.key),
                    }],
                    "validation_context": {
                        "trusted_ca": file(&self.authority),
                        "match_typed_subject_alt_names": [
                            { "san_type": kind, "matcher": { "exact": server } },
                        ],
                    },
                },
            },
        })
    }
}

/// Without it Envoy refuses what leads to providers through proxies (`xds::resources`).
fn internal_listeners() -> Value {
    json!({
        "name": "envoy.bootstrap.internal_listener",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener",
        },
    })
}

fn cluster<const N: usize>(
    name: &str,
    address: &HostPort,
    more: [(&str, Option<Value>); N],
) -> Value {
    let endpoint = json!({ "endpoint": { "address": socket_address(address) } });
    let mut cluster = json!({
        "name": name,
        "type": "STRICT_DNS",
        "dns_lookup_family": "V4_PREFERRED",
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{ "lb_endpoints": [endpoint] }],
        },
    });
    if let Some(cluster) = cluster.as_object_mut() {
        let more = more.into_iter();
        cluster.extend(more.filter_map(|(key, value)| Some((key.to_owned(), value?))));
    }
    cluster
}

fn socket_address(address: &HostPort) -> Value {
    json!({ "socket_address": { "address": address.host, "port_value": address.port } })
}

fn file(path: &Path) -> Value {
    json!({ "filename": path })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn bootstrap() -> Bootstrap {
        Bootstrap {
            node: "n".into(),
            control: "127.0.0.1:1".parse().unwrap(),
            admin_api: "admin.example:2".parse().unwrap(),
            tls: None,
            node_token: Some(Secret::new("canary")),
            wasm: "/x.wasm".into(),
            envoy_admin: EnvoyAdmin::Socket("/tmp/x".into()),
            authorities: "/ca.pem".into(),
            max_heap_bytes: DEFAULT_MAX_HEAP_BYTES,
        }
    }

    #[test]
    fn the_meter_shares_its_vm_with_the_other_roles() {
        let json = bootstrap().json();
        let vm = json
            .pointer("/bootstrap_extensions/0/typed_config/config/vm_config")
            .unwrap();
        let expected = json!({ "vm_id": names::VM_ID, "runtime": wasm::RUNTIME,
            "code": { "local": { "filename": "/x.wasm" } } });
        assert_eq!(*vm, expected);
    }

    #[test]
    fn envoy_accepts_it() {
        let Some(envoy) = crate::run::envoy_for_tests() else {
            eprintln!("SKIPPED: no Envoy on this machine; `make setup` installs one");
            return;
        };
        let dir = tempfile::tempdir().unwrap();
        let certificate = dir.path().join("ca.pem");
        std::fs::write(
            &certificate,
            include_str!("xds/resources/testdata/authority.pem"),
        )
        .unwrap();
        let bootstrap = Bootstrap {
            authorities: certificate,
            envoy_admin: EnvoyAdmin::Tcp("127.0.0.1:0".parse().unwrap()),
            ..bootstrap()
        };
        let mut json = bootstrap.json();
        // The meter's code is for the end-to-end tests.
        let extensions = json.pointer_mut("/bootstrap_extensions").unwrap();
        extensions.as_array_mut().unwrap().remove(0);
        let file = dir.path().join("bootstrap.json");
        std::fs::write(&file, json.to_string()).unwrap();
        let output = Command::new(envoy)
            .args(["--mode", "validate", "-l", "warn", "-c"])
            .arg(&file)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
