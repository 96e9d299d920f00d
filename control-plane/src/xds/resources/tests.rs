//! What the resources say, and that stock Envoy takes them.

use std::path::Path;
use std::process::Command;

use envoy_types::pb::envoy::config::bootstrap::v3 as bootstrap;
use envoy_types::pb::envoy::config::cluster::v3 as cluster_pb;
use envoy_types::pb::envoy::config::core::v3 as core;
use envoy_types::pb::envoy::config::listener::v3 as listener_pb;
use envoy_types::pb::envoy::extensions::bootstrap::internal_listener::v3::InternalListener;
use envoy_types::pb::envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;
use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3 as tls;
use prost::Message;

use super::*;

const CANARY: &str = "sk-canary-key";

/// The smallest module that Envoy takes for a filter: a memory, the ABI's version, an allocator.
const EMPTY_FILTER: &[u8] = b"\0asm\x01\0\0\0\x01\x09\x02\x60\0\0\x60\x01\x7f\x01\x7f\x03\x03\x02\0\x01\
    \x05\x03\x01\0\x01\x07\x4d\x04\x06memory\x02\0\x17proxy_abi_version_0_2_1\0\0\x0b_initialize\0\0\
    \x18proxy_on_memory_allocate\0\x01\x0a\x0a\x02\x02\0\x0b\x05\0\x41\x80\x08\x0b";

fn topology() -> Topology {
    let upstream = |name: &str, host: &str, tls, keyed: bool| Upstream {
        cluster: name.into(),
        host: host.into(),
        port: 443,
        tls,
        proxy: None,
        credential: keyed.then(|| Credential {
            secret: format!("{name}-key"),
            header: "authorization".into(),
            prefix: "Bearer ".into(),
            key: Secret::new(CANARY),
        }),
        signing: None,
    };
    Topology {
        settings: Settings {
            listen: ([0, 0, 0, 0], 3000).into(),
            unavailable_port: 18009,
            wasm: "/nowhere/gateway.wasm".into(),
            max_body_bytes: 32 << 20,
            stores_responses: true,
        },
        gateway: GatewayConfig {
            max_body_bytes: 32 << 20,
            stores_responses: true,
            closed: false,
            retry_times: None,
            own_details: Vec::new(),
            banned: Vec::new(),
            details: None,
            max_response_bytes: 32 << 20,
            channels: Vec::new(),
            models: Vec::new(),
        },
        upstreams: vec![
            upstream(
                "channel-1",
                "api.example.com",
                Some(Tls { verify: true }),
                true,
            ),
            upstream("channel-2", "127.0.0.1", None, false),
            upstream("channel-3", "[::1]", Some(Tls { verify: true }), true),
            upstream(
                "channel-4",
                "self-signed.example",
                Some(Tls { verify: false }),
                true,
            ),
            proxied(upstream(
                "channel-5",
                "far.example",
                Some(Tls { verify: true }),
                true,
            )),
        ],
    }
}

fn proxied(upstream: Upstream) -> Upstream {
    let proxy = Proxy {
        name: format!("{}-proxy", upstream.cluster),
        host: "[::1]".into(),
        port: 3128,
        https: true,
        authorization: Some(Secret::new(CANARY)),
    };
    Upstream {
        proxy: Some(proxy),
        ..upstream
    }
}

#[test]
fn the_same_topology_is_the_same_bytes() {
    let one = topology().snapshot();
    for _ in 0..20 {
        assert_eq!(topology().snapshot(), one);
    }
}

#[test]
fn a_key_is_in_its_secret_and_nowhere_else() {
    let snapshot = topology().snapshot();
    for kind in Kind::ALL {
        for (name, resource) in snapshot.resources(kind) {
            let found = resource
                .body
                .value
                .windows(CANARY.len())
                .any(|w| w == CANARY.as_bytes());
            assert_eq!(found, kind == Kind::Secret, "{kind:?} {name}");
        }
    }
    assert!(!format!("{snapshot:?} {:?}", topology()).contains(CANARY));
}

/// Envoy has no secret service for them.
#[test]
fn access_keys_are_in_their_cluster_and_nowhere_else() {
    let mut topology = topology();
    topology.upstreams = vec![Upstream {
        credential: None,
        signing: Some(signing()),
        ..topology.upstreams.remove(0)
    }];
    let snapshot = topology.snapshot();
    for kind in Kind::ALL {
        for (name, resource) in snapshot.resources(kind) {
            let value = resource.body.value.as_ref() as &[u8];
            let found = value.windows(CANARY.len()).any(|w| w == CANARY.as_bytes());
            assert_eq!(found, kind == Kind::Cluster, "{kind:?} {name}");
        }
    }
    assert!(!format!("{snapshot:?} {topology:?}").contains(CANARY));
}

fn signing() -> Signing {
    Signing {
        region: "us-east-1".into(),
        access_key_id: Secret::new("AKIAEXAMPLE"),
        secret_access_key: Secret::new(CANARY),
        session_token: Some(Secret::new(CANARY)),
    }
}

#[test]
fn a_rotated_key_changes_only_its_secret() {
    let mut rotated = topology();
    rotated.upstreams[0].credential.as_mut().expect("keyed").key = Secret::new("other");
    let (old, new) = (topology().snapshot(), rotated.snapshot());
    for kind in Kind::ALL {
        assert_eq!(
            old.version(kind) == new.version(kind),
            kind != Kind::Secret,
            "{kind:?}"
        );
    }
}

/// All of a proxy, and what refers to what.
#[test]
fn what_is_behind_a_proxy_is_reached_by_its_name() {
    let snapshot = topology().snapshot();
    let name = "channel-5-proxy";
    let listener = snapshot.resource(Kind::Listener, name).expect("published");
    assert_eq!(listener.secret.as_deref(), Some(name));
    assert!(snapshot.resource(Kind::Secret, name).is_some());
    let listener = listener_pb::Listener::decode(&*listener.body.value).unwrap();
    let filter = &listener.filter_chains[0].filters[0];
    let Some(listener_pb::filter::ConfigType::TypedConfig(any)) = &filter.config_type else {
        panic!("a filter with its configuration");
    };
    let tunnel = TcpProxy::decode(&*any.value).unwrap().tunneling_config;
    assert_eq!(tunnel.unwrap().hostname, "far.example:443");

    let cluster = |name: &str| {
        let cluster = snapshot.resource(Kind::Cluster, name).expect("published");
        cluster_pb::Cluster::decode(&*cluster.body.value).unwrap()
    };
    let places = |cluster: &cluster_pb::Cluster| {
        let places = cluster.load_assignment.clone().unwrap().endpoints;
        let text = |place| format!("{place:?}");
        places.into_iter().map(text).collect::<Vec<_>>()
    };
    let channel = cluster("channel-5");
    let [first, second] = &places(&channel)[..] else {
        panic!("the provider, and the place that answers 503");
    };
    assert!(
        first.contains(&format!("ServerListenerName({name:?})")),
        "{first}"
    );
    assert!(second.contains("18009"), "{second}");
    assert!(format!("{channel:?}").contains("transport_sockets.tls"));
    let proxy = cluster(name);
    assert!(places(&proxy)[0].contains("\"::1\""), "{proxy:?}");
    assert!(format!("{proxy:?}").contains("transport_sockets.tls"));
    // Nobody can be sent to the proxy itself.
    let routes = snapshot.resources(Kind::Route).next().unwrap().1;
    let routes = String::from_utf8_lossy(&routes.body.value);
    assert!(routes.contains("channel-5") && !routes.contains(name));
}

/// As static resources, where Envoy checks them without a control plane.
#[test]
fn envoy_accepts_the_resources() {
    let Some(envoy) = crate::run::envoy_for_tests() else {
        eprintln!("SKIPPED: no Envoy on this machine; `make setup` installs one");
        return;
    };
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut topology = topology();
    topology.settings.wasm = dir.path().join("empty.wasm");
    // Envoy 1.40 crashes when it validates a static cluster whose secret comes by ADS; that
    // clusters with keys work is for the end-to-end tests to show.
    topology
        .upstreams
        .iter_mut()
        .for_each(|upstream| upstream.credential = None);
    let mut proxies = topology
        .upstreams
        .iter_mut()
        .filter_map(|it| it.proxy.as_mut());
    // Likewise.
    proxies
        .by_ref()
        .for_each(|proxy| proxy.authorization = None);
    topology.upstreams[0].signing = Some(signing());
    std::fs::write(&topology.settings.wasm, EMPTY_FILTER).expect("written");
    let snapshot = topology.snapshot();
    let mut listeners: Vec<listener_pb::Listener> = decoded(&snapshot, Kind::Listener);
    let instead = snapshot.with_instead(Kind::Listener, CALLERS, closed(&topology.settings));
    assert_eq!(instead.resource(Kind::Listener, CALLERS), None);
    let closed = decoded::<listener_pb::Listener>(&instead, Kind::Listener);
    listeners.extend(closed.into_iter().filter(|it| it.bind_to_port.is_some()));
    assert_eq!(listeners.len(), 4);
    let authorities = tls::Secret {
        name: cluster::AUTHORITIES.into(),
        r#type: Some(tls::secret::Type::ValidationContext(
            tls::CertificateValidationContext {
                trusted_ca: Some(pb::inline_string(include_str!("testdata/authority.pem"))),
                ..Default::default()
            },
        )),
    };
    let internal = pb::extension(
        "envoy.bootstrap.internal_listener",
        InternalListener::default(),
    );
    let bootstrap = bootstrap::Bootstrap {
        bootstrap_extensions: vec![internal],
        node: Some(core::Node {
            id: "test".into(),
            cluster: "test".into(),
            ..Default::default()
        }),
        static_resources: Some(bootstrap::bootstrap::StaticResources {
            clusters: decoded(&snapshot, Kind::Cluster),
            listeners,
            secrets: vec![authorities],
        }),
        // Routes and extensions come from somewhere.
        dynamic_resources: Some(bootstrap::bootstrap::DynamicResources {
            ads_config: Some(core::ApiConfigSource {
                api_type: core::api_config_source::ApiType::DeltaGrpc.into(),
                transport_api_version: core::ApiVersion::V3.into(),
                grpc_services: vec![core::GrpcService {
                    target_specifier: Some(core::grpc_service::TargetSpecifier::EnvoyGrpc(
                        core::grpc_service::EnvoyGrpc {
                            cluster_name: "channel-2".into(),
                            ..Default::default()
                        },
                    )),
                    ..Default::default()
                }],
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    };
    let file = dir.path().join("bootstrap.pb");
    std::fs::write(&file, bootstrap.encode_to_vec()).expect("written");
    validate(&envoy, &file);
}

fn decoded<M: Message + Default>(snapshot: &Snapshot, kind: Kind) -> Vec<M> {
    let decode = |resource: &crate::xds::snapshot::Resource| M::decode(&*resource.body.value);
    snapshot
        .resources(kind)
        .map(|(_, resource)| decode(resource).unwrap())
        .collect()
}

fn validate(envoy: &Path, file: &Path) {
    let output = Command::new(envoy)
        .args(["--mode", "validate", "-l", "warn", "-c"])
        .arg(file)
        .output()
        .expect("envoy runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
