//! A channel: one provider account, with the models it serves.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tollgate_policy::price::NanoUsd;

use super::{BaseUrl, ChannelBalance, ChannelCare, ChannelCarePatch, ProxyUrl, Status};
use crate::secrets::{Secret, SecretTag};

/// The priority of a channel that names none, and what AI Proxy makes of 0.
pub const DEFAULT_PRIORITY: i32 = 10;

/// A channel as administrators see it: its key is not part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    pub id: i64,
    pub created_at_ms: i64,
    pub name: String,
    /// Provider id of the catalogue; `type` in the API.
    pub kind: i64,
    /// `None`: the provider's own.
    pub base_url: Option<BaseUrl>,
    /// Its credentials, if it has any, are not part of it.
    pub proxy: Option<ProxyUrl>,
    /// Last four characters of the key; empty for a short or missing one.
    pub key_hint: String,
    /// Another one once somebody wrote the key.
    pub key_tag: SecretTag,
    /// Another one once somebody wrote the proxy.
    pub proxy_tag: SecretTag,
    pub models: Vec<String>,
    pub model_mapping: BTreeMap<String, String>,
    /// Settings that only its type has, checked against the type when they were written.
    pub configs: Map<String, Value>,
    pub sets: Vec<String>,
    pub priority: i32,
    pub status: Status,
    pub skip_tls_verify: bool,
    pub care: ChannelCare,
    pub balance: ChannelBalance,
    pub used_amount: NanoUsd,
    /// Attempts made at it.
    pub request_count: i64,
    /// Those of them that were not the first of their request.
    pub retry_count: i64,
}

/// What a request wants a channel to be.
#[derive(Debug, Clone, Default)]
pub struct ChannelPatch {
    pub name: Option<String>,
    pub kind: Option<i64>,
    pub key: Option<Secret>,
    /// `Some(None)`: back to the provider's own.
    pub base_url: Option<Option<BaseUrl>>,
    /// `Some(None)`: none any more.
    pub proxy: Option<Option<ProxyUrl>>,
    pub models: Option<Vec<String>>,
    pub model_mapping: Option<BTreeMap<String, String>>,
    pub configs: Option<Map<String, Value>>,
    pub sets: Option<Vec<String>>,
    pub priority: Option<i32>,
    pub status: Option<Status>,
    pub skip_tls_verify: Option<bool>,
    pub care: ChannelCarePatch,
}

/// An enabled channel with everything that Envoy needs, its key included.
#[derive(Debug, Clone)]
pub struct PublishedChannel {
    pub id: i64,
    pub name: String,
    /// Provider id of the catalogue.
    pub kind: i64,
    /// `None`: the provider's own.
    pub base_url: Option<BaseUrl>,
    /// With its credentials.
    pub proxy: Option<ProxyUrl>,
    pub key: Secret,
    pub models: Vec<String>,
    pub model_mapping: BTreeMap<String, String>,
    /// Settings that only its type has, checked against the type when they were written.
    pub configs: Map<String, Value>,
    pub sets: Vec<String>,
    pub priority: i32,
    pub skip_tls_verify: bool,
}
