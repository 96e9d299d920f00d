//! Where callers come in, and the little listener that always answers 503 (see `cluster`).

use envoy_types::pb::envoy::config::accesslog::v3 as accesslog;
use envoy_types::pb::envoy::config::accesslog::v3::comparison_filter::Op;
use envoy_types::pb::envoy::config::core::v3 as core;
use envoy_types::pb::envoy::config::listener::v3 as listener;
use envoy_types::pb::envoy::config::route::v3 as route;
use envoy_types::pb::envoy::extensions::access_loggers::filters::cel::v3::ExpressionFilter;
use envoy_types::pb::envoy::extensions::compression::brotli::decompressor::v3::Brotli;
use envoy_types::pb::envoy::extensions::compression::gzip::decompressor::v3::Gzip;
use envoy_types::pb::envoy::extensions::compression::zstd::decompressor::v3::Zstd;
use envoy_types::pb::envoy::extensions::filters::http::decompressor::v3::Decompressor;
use envoy_types::pb::envoy::extensions::filters::http::decompressor::v3::decompressor::{
    CommonDirectionConfig, RequestDirectionConfig, ResponseDirectionConfig,
};
use envoy_types::pb::envoy::extensions::filters::http::router::v3::Router;
use envoy_types::pb::envoy::extensions::filters::http::wasm::v3::Wasm;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3 as hcm;
use envoy_types::util::pack_any;
use prost::Name;
use tollgate_config::names;

use super::{Settings, pb, route as routes};

/// Idle time of a stream in either direction; above the route's, which is the one that decides.
const STREAM_IDLE_S: i64 = 960;

/// Name of the listener for callers, also in Envoy's statistics.
pub const CALLERS: &str = "tollgate";

pub(super) fn listeners(settings: &Settings) -> [listener::Listener; 2] {
    [callers(settings), unavailable(settings)]
}

fn callers(settings: &Settings) -> listener::Listener {
    let manager = hcm::HttpConnectionManager {
        route_specifier: Some(hcm::http_connection_manager::RouteSpecifier::Rds(
            hcm::Rds {
                config_source: Some(pb::ads(0)),
                route_config_name: routes::NAME.into(),
            },
        )),
        http_filters: decompressors()
            .into_iter()
            .chain([gateway(), router()])
            .collect(),
        // The caller is who is connected, not who a header says; and no caller is trusted to
        // steer Envoy by its `x-envoy-…` headers, those on this machine included.
        use_remote_address: pb::boolean(true),
        // The gateway filter makes the id, and the caller is told it.
        generate_request_id: pb::boolean(false),
        internal_address_config: Some(Default::default()),
        server_name: "tollgate".into(),
        normalize_path: pb::boolean(true),
        merge_slashes: true,
        path_with_escaped_slashes_action:
            hcm::http_connection_manager::PathWithEscapedSlashesAction::KeepUnchanged.into(),
        max_request_headers_kb: pb::uint32(60),
        request_headers_timeout: pb::seconds(30),
        // A caller may take this long to send its body.
        request_timeout: pb::seconds(300),
        stream_idle_timeout: pb::seconds(STREAM_IDLE_S),
        local_reply_config: Some(local_replies()),
        ..connection_manager(CALLERS)
    };
    let address = pb::address(&settings.listen.ip().to_string(), settings.listen.port());
    listener::Listener {
        // What alone is drained when the gateway is stopped.
        traffic_direction: core::TrafficDirection::Inbound.into(),
        ..on(address, manager)
    }
}

/// The same for nobody: it listens nowhere. While the other one is taken down, it keeps the gateway
/// filter alive, which has usage to tell of the calls that this cuts.
pub(super) fn closed(settings: &Settings) -> listener::Listener {
    listener::Listener {
        name: "tollgate-closed".into(),
        // It must differ from every other one's.
        address: Some(pb::address("127.0.0.1", 1)),
        bind_to_port: pb::boolean(false),
        ..callers(settings)
    }
}

/// What callers compress is read like everything else: before the gateway filter, which counts and
/// bounds what comes out. Answers are left alone.
fn decompressors() -> [hcm::HttpFilter; 3] {
    let off = core::RuntimeFeatureFlag {
        default_value: pb::boolean(false),
        // Never set; the field must not be empty.
        runtime_key: "tollgate.decompress_answers".into(),
    };
    let filter = |name: &str, library| {
        let common = CommonDirectionConfig {
            enabled: Some(off.clone()),
            ..Default::default()
        };
        let config = Decompressor {
            decompressor_library: Some(library),
            request_direction_config: Some(RequestDirectionConfig {
                advertise_accept_encoding: pb::boolean(false),
                ..Default::default()
            }),
            response_direction_config: Some(ResponseDirectionConfig {
                common_config: Some(common),
            }),
        };
        hcm::HttpFilter {
            name: format!("envoy.filters.http.decompressor.{name}"),
            config_type: Some(hcm::http_filter::ConfigType::TypedConfig(pack_any(config))),
            ..Default::default()
        }
    };
    [
        filter("gzip", pb::extension("gzip", Gzip::default())),
        filter("brotli", pb::extension("brotli", Brotli::default())),
        filter("zstd", pb::extension("zstd", Zstd::default())),
    ]
}

/// Its configuration comes by ECDS, without a default: until it is there the listener is not, so
/// that nothing ever passes unchecked.
fn gateway() -> hcm::HttpFilter {
    let source = core::ExtensionConfigSource {
        config_source: Some(pb::ads(0)),
        type_urls: vec![Wasm::type_url()],
        ..Default::default()
    };
    hcm::HttpFilter {
        name: names::GATEWAY_FILTER.into(),
        config_type: Some(hcm::http_filter::ConfigType::ConfigDiscovery(source)),
        ..Default::default()
    }
}

fn router() -> hcm::HttpFilter {
    let router = Router {
        suppress_envoy_headers: true,
        // Counters by status and cluster cost every call something; how calls end, and where, is in the
        // log.
        dynamic_stats: pb::boolean(false),
        ..Default::default()
    };
    hcm::HttpFilter {
        name: "envoy.filters.http.router".into(),
        config_type: Some(hcm::http_filter::ConfigType::TypedConfig(pack_any(router))),
        ..Default::default()
    }
}

/// What Envoy itself refuses, such as headers that are too large, is an error in OpenAI's shape.
///
/// The filter's own refusals are local replies too, already in the caller's dialect; they are left
/// alone. They are told apart by their empty response code details.
fn local_replies() -> hcm::LocalReplyConfig {
    let mapper = |op: Op, status: u32, kind: &str, message: &str| hcm::ResponseMapper {
        filter: Some(both(status_is(op, status), own_reply())),
        body_format_override: Some(core::SubstitutionFormatString {
            format: Some(core::substitution_format_string::Format::TextFormatSource(
                pb::inline_string(&format!(
                    "{{\"error\":{{\"message\":\"{message}\",\"type\":\"{kind}\",\
                         \"param\":null,\"code\":null}}}}\n"
                )),
            )),
            content_type: "application/json".into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let (caller, server) = ("invalid_request_error", "server_error");
    hcm::LocalReplyConfig {
        // The first that matches.
        mappers: vec![
            mapper(Op::Eq, 408, caller, "The request did not come in time."),
            mapper(Op::Eq, 413, caller, "The request is too large."),
            mapper(
                Op::Eq,
                431,
                caller,
                "The headers are too large or too many.",
            ),
            mapper(Op::Le, 499, caller, "The request is not valid HTTP."),
            mapper(Op::Ge, 500, server, "No upstream could be reached."),
        ],
        body_format: None,
    }
}

/// Asked in this order: an expression costs several microseconds, and floods of refused calls must
/// be cheap.
fn both(
    first: accesslog::AccessLogFilter,
    second: accesslog::AccessLogFilter,
) -> accesslog::AccessLogFilter {
    let filters = vec![first, second];
    accesslog::AccessLogFilter {
        filter_specifier: Some(accesslog::access_log_filter::FilterSpecifier::AndFilter(
            accesslog::AndFilter { filters },
        )),
    }
}

fn status_is(op: Op, status: u32) -> accesslog::AccessLogFilter {
    let value = core::RuntimeUInt32 {
        default_value: status,
        // Never set; the field must not be empty.
        runtime_key: "tollgate.local_reply_status".into(),
    };
    let filter = accesslog::StatusCodeFilter {
        comparison: Some(accesslog::ComparisonFilter {
            op: op.into(),
            value: Some(value),
        }),
    };
    accesslog::AccessLogFilter {
        filter_specifier: Some(
            accesslog::access_log_filter::FilterSpecifier::StatusCodeFilter(filter),
        ),
    }
}

fn own_reply() -> accesslog::AccessLogFilter {
    let filter = accesslog::ExtensionFilter {
        name: "envoy.access_loggers.extension_filters.cel".into(),
        config_type: Some(accesslog::extension_filter::ConfigType::TypedConfig(
            pack_any(ExpressionFilter {
                expression: "response.code_details != ''".into(),
                ..Default::default()
            }),
        )),
    };
    accesslog::AccessLogFilter {
        filter_specifier: Some(
            accesslog::access_log_filter::FilterSpecifier::ExtensionFilter(filter),
        ),
    }
}

fn unavailable(settings: &Settings) -> listener::Listener {
    let answer = route::Route {
        r#match: Some(route::RouteMatch {
            path_specifier: Some(route::route_match::PathSpecifier::Prefix("/".into())),
            ..Default::default()
        }),
        action: Some(route::route::Action::DirectResponse(
            route::DirectResponseAction {
                status: 503,
                ..Default::default()
            },
        )),
        ..Default::default()
    };
    let config = route::RouteConfiguration {
        name: "unavailable".into(),
        virtual_hosts: vec![route::VirtualHost {
            name: "unavailable".into(),
            domains: vec!["*".into()],
            routes: vec![answer],
            ..Default::default()
        }],
        ..Default::default()
    };
    let manager = hcm::HttpConnectionManager {
        route_specifier: Some(hcm::http_connection_manager::RouteSpecifier::RouteConfig(
            config,
        )),
        http_filters: vec![router()],
        ..connection_manager("unavailable")
    };
    on(pb::address("127.0.0.1", settings.unavailable_port), manager)
}

fn connection_manager(name: &str) -> hcm::HttpConnectionManager {
    hcm::HttpConnectionManager {
        stat_prefix: name.into(),
        ..Default::default()
    }
}

fn on(address: core::Address, manager: hcm::HttpConnectionManager) -> listener::Listener {
    let name = manager.stat_prefix.clone();
    let filter = listener::Filter {
        name: "envoy.filters.network.http_connection_manager".into(),
        config_type: Some(listener::filter::ConfigType::TypedConfig(pack_any(manager))),
    };
    listener::Listener {
        name,
        address: Some(address),
        filter_chains: vec![listener::FilterChain {
            filters: vec![filter],
            ..Default::default()
        }],
        // Bodies above it are read as they are needed; whoever may hold a whole one says so on
        // the route.
        per_connection_buffer_limit_bytes: pb::uint32(1024 * 1024),
        ..Default::default()
    }
}
