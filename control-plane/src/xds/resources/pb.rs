//! Short forms for protobuf's longer ones.

use envoy_types::pb::envoy::config::core::v3 as core;
use envoy_types::pb::envoy::config::endpoint::v3 as endpoint;
use envoy_types::pb::google::protobuf::{
    Any, BoolValue, Duration, StringValue, UInt32Value, UInt64Value,
};
use envoy_types::util::pack_any;
use prost::{Message, Name};

#[expect(
    clippy::unnecessary_wraps,
    reason = "protobuf's message fields are options"
)]
pub(super) fn seconds(seconds: i64) -> Option<Duration> {
    Some(Duration { seconds, nanos: 0 })
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "protobuf's message fields are options"
)]
pub(super) fn uint32(value: u32) -> Option<UInt32Value> {
    Some(UInt32Value { value })
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "protobuf's message fields are options"
)]
pub(super) fn uint64(value: u64) -> Option<UInt64Value> {
    Some(UInt64Value { value })
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "protobuf's message fields are options"
)]
pub(super) fn boolean(value: bool) -> Option<BoolValue> {
    Some(BoolValue { value })
}

pub(super) fn string_any(value: String) -> Any {
    pack_any(StringValue { value })
}

/// A named extension. Envoy finds it by the type of its configuration; the name is for people.
pub(super) fn extension<M: Message + Name>(name: &str, config: M) -> core::TypedExtensionConfig {
    core::TypedExtensionConfig {
        name: name.into(),
        typed_config: Some(pack_any(config)),
    }
}

pub(super) fn transport_socket<M: Message + Name>(name: &str, config: M) -> core::TransportSocket {
    core::TransportSocket {
        name: name.into(),
        config_type: Some(core::transport_socket::ConfigType::TypedConfig(pack_any(
            config,
        ))),
    }
}

/// From the stream that everything comes from. A resource that does not come holds its user back
/// for `patience_s`, not for ever.
pub(super) fn ads(patience_s: i64) -> core::ConfigSource {
    core::ConfigSource {
        resource_api_version: core::ApiVersion::V3.into(),
        initial_fetch_timeout: seconds(patience_s),
        config_source_specifier: Some(core::config_source::ConfigSourceSpecifier::Ads(
            core::AggregatedConfigSource::default(),
        )),
        ..Default::default()
    }
}

pub(super) fn address(host: &str, port: u16) -> core::Address {
    core::Address {
        address: Some(core::address::Address::SocketAddress(core::SocketAddress {
            address: host.into(),
            port_specifier: Some(core::socket_address::PortSpecifier::PortValue(port.into())),
            // "::" stands for all addresses, not only those of IPv6.
            ipv4_compat: host == "::",
            ..Default::default()
        })),
    }
}

pub(super) fn endpoint(address: core::Address) -> endpoint::LbEndpoint {
    endpoint::LbEndpoint {
        host_identifier: Some(endpoint::lb_endpoint::HostIdentifier::Endpoint(
            endpoint::Endpoint {
                address: Some(address),
                ..Default::default()
            },
        )),
        ..Default::default()
    }
}

pub(super) fn inline_string(text: &str) -> core::DataSource {
    core::DataSource {
        specifier: Some(core::data_source::Specifier::InlineString(text.into())),
        ..Default::default()
    }
}
