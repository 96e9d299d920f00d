//! Messages with maps, encoded in the order of their keys: the matcher tree, and routes.
//!
//! `envoy-types` has a `HashMap` there, whose order differs between two encodings of the same
//! content, and with it would the version. The field numbers are those of
//! `xds/type/matcher/v3/matcher.proto`, `envoy/config/route/v3/route.proto` and
//! `route_components.proto`, as far as they are used here.

use std::collections::BTreeMap;

use envoy_types::pb::envoy::config::route::v3 as route;
use envoy_types::pb::google::protobuf::{Any, BoolValue, UInt64Value};
use envoy_types::pb::xds::core::v3::TypedExtensionConfig;
use prost::Message;

/// `envoy.config.route.v3.RouteConfiguration`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RouteConfiguration {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(message, repeated, tag = "2")]
    pub(super) virtual_hosts: Vec<VirtualHost>,
    #[prost(message, optional, tag = "7")]
    pub(super) validate_clusters: Option<BoolValue>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct VirtualHost {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, repeated, tag = "2")]
    pub(super) domains: Vec<String>,
    #[prost(message, repeated, tag = "3")]
    pub(super) routes: Vec<Route>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Route {
    #[prost(message, optional, tag = "1")]
    pub(super) r#match: Option<route::RouteMatch>,
    /// One of `action`.
    #[prost(message, optional, tag = "2")]
    pub(super) route: Option<route::RouteAction>,
    #[prost(btree_map = "string, message", tag = "13")]
    pub(super) typed_per_filter_config: BTreeMap<String, Any>,
    #[prost(message, optional, tag = "20")]
    pub(super) request_body_buffer_limit: Option<UInt64Value>,
}

/// `xds.type.matcher.v3.Matcher` with a tree.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Matcher {
    #[prost(message, optional, tag = "2")]
    pub(super) matcher_tree: Option<MatcherTree>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct MatcherTree {
    #[prost(message, optional, tag = "1")]
    pub(super) input: Option<TypedExtensionConfig>,
    #[prost(message, optional, tag = "2")]
    pub(super) exact_match_map: Option<MatchMap>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct MatchMap {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(super) map: BTreeMap<String, OnMatch>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct OnMatch {
    #[prost(message, optional, tag = "2")]
    pub(super) action: Option<TypedExtensionConfig>,
}

/// `envoy.extensions.router.cluster_specifiers.matcher.v3.MatcherClusterSpecifier`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct MatcherClusterSpecifier {
    #[prost(message, optional, tag = "1")]
    pub(super) cluster_matcher: Option<Matcher>,
}

impl prost::Name for MatcherClusterSpecifier {
    const NAME: &'static str = "MatcherClusterSpecifier";
    const PACKAGE: &'static str = "envoy.extensions.router.cluster_specifiers.matcher.v3";

    fn full_name() -> String {
        format!("{}.{}", Self::PACKAGE, Self::NAME)
    }

    fn type_url() -> String {
        format!("type.googleapis.com/{}", Self::full_name())
    }
}

impl prost::Name for RouteConfiguration {
    const NAME: &'static str = "RouteConfiguration";
    const PACKAGE: &'static str = "envoy.config.route.v3";

    fn full_name() -> String {
        format!("{}.{}", Self::PACKAGE, Self::NAME)
    }

    fn type_url() -> String {
        format!("type.googleapis.com/{}", Self::full_name())
    }
}

#[cfg(test)]
mod tests {
    use envoy_types::pb::envoy::extensions::router::cluster_specifiers::matcher::v3 as generated;

    use super::*;

    #[test]
    fn routes_are_those_of_the_generated_type() {
        let ours = RouteConfiguration {
            name: "routes".into(),
            virtual_hosts: vec![VirtualHost {
                name: "host".into(),
                domains: vec!["*".into()],
                routes: vec![Route {
                    r#match: Some(route::RouteMatch::default()),
                    route: Some(route::RouteAction::default()),
                    typed_per_filter_config: [("filter".into(), Any::default())].into(),
                    request_body_buffer_limit: Some(UInt64Value { value: 1 }),
                }],
            }],
            validate_clusters: Some(BoolValue { value: true }),
        };
        let bytes = ours.encode_to_vec();
        let theirs = route::RouteConfiguration::decode(bytes.as_slice()).expect("decodes");
        assert_eq!(theirs.encode_to_vec(), bytes);
        let route = &theirs.virtual_hosts[0].routes[0];
        assert!(route.action.is_some() && route.request_body_buffer_limit.is_some());
        assert!(route.typed_per_filter_config.contains_key("filter"));
    }

    #[test]
    fn the_wire_format_is_that_of_the_generated_type() {
        let extension = TypedExtensionConfig {
            name: "x".into(),
            typed_config: None,
        };
        let on_match = OnMatch {
            action: Some(extension.clone()),
        };
        let ours = MatcherClusterSpecifier {
            cluster_matcher: Some(Matcher {
                matcher_tree: Some(MatcherTree {
                    input: Some(extension),
                    exact_match_map: Some(MatchMap {
                        map: [("a".into(), on_match)].into(),
                    }),
                }),
            }),
        };
        let bytes = ours.encode_to_vec();
        let theirs = generated::MatcherClusterSpecifier::decode(bytes.as_slice()).expect("decodes");
        assert_eq!(theirs.encode_to_vec(), bytes);
    }
}
