//! The matcher tree's map, encoded in the order of its keys.
//!
//! `envoy-types` has a `HashMap` there, whose order differs between two encodings of the same
//! content, and with it would the version. The field numbers are those of
//! `xds/type/matcher/v3/matcher.proto`.

use std::collections::BTreeMap;

use envoy_types::pb::xds::core::v3::TypedExtensionConfig;
use prost::Message;

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

#[cfg(test)]
mod tests {
    use envoy_types::pb::envoy::extensions::router::cluster_specifiers::matcher::v3 as generated;

    use super::*;

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
