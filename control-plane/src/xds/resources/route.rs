//! One route for all model traffic, one for everything else and for what callers ask about their
//! budgets.

use envoy_types::pb::envoy::config::route::v3 as route;
use envoy_types::pb::envoy::extensions::matching::common_inputs::network::v3::FilterStateInput;
use envoy_types::pb::envoy::extensions::router::cluster_specifiers::matcher::v3::ClusterAction;
use envoy_types::pb::xds::core::v3::TypedExtensionConfig;
use envoy_types::util::pack_any;
use prost::{Message, Name};
use tollgate_config::names;

use super::{Settings, ordered, pb};

/// Name of the route configuration and of its one virtual host.
pub(super) const NAME: &str = "tollgate";

/// What callers put before the names of endpoints: OpenAI, Anthropic and others, Gemini, Cohere,
/// OpenAI at Azure.
const MODEL_PATHS: [&str; 4] = ["/v1", "/v1beta", "/v2", "/openai"];

/// What a token's owner asks the control plane, below a path of callers.
const BILLING_PATH: &str = "/v1/dashboard/billing";

/// Statuses after which another channel may do better: the fault is the channel's (its key, its
/// quota, its load), not the request's. Never 400, 413, 422 or 451.
const RETRIABLE_STATUSES: [u32; 8] = [401, 402, 403, 404, 408, 409, 425, 429];

/// None, unless the filter says so for a request (`x-envoy-max-retries`): as many as there are
/// channels left.
const RETRIES: u32 = 0;

/// Longest silence of an upstream, before or within an answer: reasoning models think for minutes.
pub const SILENCE_S: i64 = 900;

/// Room above the limits on what is held of a request and of its answer, so that the filter is the
/// one who refuses, in the caller's own dialect. Envoy reads in pieces of up to 1 MiB.
const HEADROOM_BYTES: u64 = 4 * 1024 * 1024;

pub(super) fn routes<'a>(
    clusters: impl Iterator<Item = &'a str>,
    settings: &Settings,
) -> route::RouteConfiguration {
    let model_action = route::RouteAction {
        cluster_specifier: Some(
            route::route_action::ClusterSpecifier::InlineClusterSpecifierPlugin(by_filter_state(
                clusters,
            )),
        ),
        // No limit to a whole answer, only to its silences.
        timeout: pb::seconds(0),
        idle_timeout: pb::seconds(SILENCE_S),
        retry_policy: Some(retry_policy()),
        // Not to be served, but refused by the filter in words that clients know: by Envoy's own
        // 403 they do not learn that they should ask without it.
        upgrade_configs: vec![route::route_action::UpgradeConfig {
            upgrade_type: "websocket".into(),
            enabled: pb::boolean(true),
            connect_config: None,
        }],
        ..Default::default()
    };
    let model_route = |prefix: &str| route::Route {
        request_body_buffer_limit: pb::uint64(settings.max_body_bytes + HEADROOM_BYTES),
        ..to(
            route::route_match::PathSpecifier::PathSeparatedPrefix(prefix.into()),
            model_action.clone(),
        )
    };
    let admin_action = route::RouteAction {
        cluster_specifier: Some(route::route_action::ClusterSpecifier::Cluster(
            names::ADMIN_CLUSTER.into(),
        )),
        timeout: pb::seconds(0),
        idle_timeout: pb::seconds(SILENCE_S),
        ..Default::default()
    };
    let admin_route = route::Route {
        typed_per_filter_config: [(names::GATEWAY_FILTER.to_owned(), disabled())].into(),
        ..to(
            route::route_match::PathSpecifier::Prefix("/".into()),
            admin_action,
        )
    };
    let billing_route = route::Route {
        r#match: Some(route::RouteMatch {
            path_specifier: Some(route::route_match::PathSpecifier::PathSeparatedPrefix(
                BILLING_PATH.into(),
            )),
            ..Default::default()
        }),
        ..admin_route.clone()
    };
    let host = route::VirtualHost {
        name: NAME.into(),
        domains: vec!["*".into()],
        routes: std::iter::once(billing_route)
            .chain(MODEL_PATHS.map(model_route))
            .chain([admin_route])
            .collect(),
        ..Default::default()
    };
    route::RouteConfiguration {
        name: NAME.into(),
        virtual_hosts: vec![host],
        // Channels come and go by CDS; a route that names one a moment early is no error.
        validate_clusters: pb::boolean(false),
        ..Default::default()
    }
}

fn to(path: route::route_match::PathSpecifier, action: route::RouteAction) -> route::Route {
    route::Route {
        r#match: Some(route::RouteMatch {
            path_specifier: Some(path),
            ..Default::default()
        }),
        action: Some(route::route::Action::Route(action)),
        ..Default::default()
    }
}

fn retry_policy() -> route::RetryPolicy {
    route::RetryPolicy {
        retry_on: "5xx,reset,connect-failure,refused-stream,retriable-status-codes".into(),
        num_retries: pb::uint32(RETRIES),
        retriable_status_codes: RETRIABLE_STATUSES.to_vec(),
        per_try_idle_timeout: pb::seconds(SILENCE_S),
        // Another channel is another service, so there is little to wait for.
        retry_back_off: Some(route::retry_policy::RetryBackOff {
            base_interval: Some(millis(5)),
            max_interval: Some(millis(50)),
        }),
        // Evaluates the cluster specifier again: this is what moves on to the next channel.
        refresh_cluster_on_retry: true,
        ..Default::default()
    }
}

fn millis(millis: i32) -> envoy_types::pb::google::protobuf::Duration {
    envoy_types::pb::google::protobuf::Duration {
        seconds: 0,
        nanos: millis * 1_000_000,
    }
}

/// Stands in the list of clusters so that it is never empty, which Envoy would refuse. There is no
/// such cluster: whoever named it would get Envoy's 503.
const NO_CLUSTER: &str = "none";

/// The cluster whose name the filter state holds.
fn by_filter_state<'a>(clusters: impl Iterator<Item = &'a str>) -> route::ClusterSpecifierPlugin {
    let input = FilterStateInput {
        key: names::CLUSTER_STATE.into(),
        ..Default::default()
    };
    let map = clusters.chain([NO_CLUSTER]).map(|cluster| {
        let action = ClusterAction {
            cluster: cluster.into(),
        };
        let on_match = ordered::OnMatch {
            action: Some(xds_extension("cluster", action)),
        };
        (cluster.to_owned(), on_match)
    });
    let specifier = ordered::MatcherClusterSpecifier {
        cluster_matcher: Some(ordered::Matcher {
            matcher_tree: Some(ordered::MatcherTree {
                input: Some(xds_extension("filter_state", input)),
                exact_match_map: Some(ordered::MatchMap { map: map.collect() }),
            }),
        }),
    };
    route::ClusterSpecifierPlugin {
        extension: Some(pb::extension(
            "envoy.router.cluster_specifier_plugin.matcher",
            specifier,
        )),
        is_optional: false,
    }
}

fn xds_extension<M: Message + Name>(name: &str, config: M) -> TypedExtensionConfig {
    TypedExtensionConfig {
        name: name.into(),
        typed_config: Some(pack_any(config)),
    }
}

fn disabled() -> envoy_types::pb::google::protobuf::Any {
    pack_any(route::FilterConfig {
        disabled: true,
        ..Default::default()
    })
}
