//! The gateway role's configuration: which channels exist and which models they serve.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use tollgate_protocol::embeddings::Shape;

/// Everything the gateway role needs to route a request. Published whole by ECDS.
///
/// Maps are ordered, so that the same content is always the same bytes and the version, a hash of
/// them, does not flap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GatewayConfig {
    /// Largest request body in bytes; above it the caller gets 413.
    pub max_body_bytes: u64,
    /// Largest response body in bytes that is held whole (answers that are not streams).
    pub max_response_bytes: u64,
    pub channels: Vec<Channel>,
    /// Limits and names of models; a model that no channel lists is not served.
    pub models: Vec<Model>,
}

/// One upstream: where it is, what it speaks, what it serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    pub id: i64,
    pub name: String,
    /// Name of its cluster in CDS.
    pub cluster: String,
    /// `openai-chat`, `anthropic`, … (`tollgate_protocol::Dialect`).
    pub dialect: String,
    /// How it is asked for vectors (`tollgate_protocol::embeddings::Shape`), where its dialect
    /// does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embeddings: Option<String>,
    /// `http` or `https`, as `:scheme` of the upstream request.
    pub scheme: String,
    /// `:authority` of the upstream, with the port when it is not the scheme's default.
    pub authority: String,
    /// Path of the base URL without a trailing slash, such as `/v1`; may be empty.
    pub base_path: String,
    /// Request headers that this provider always gets. Never a secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Models that the channel serves, by the name that callers use.
    pub models: Vec<String>,
    /// Callers' model name → the provider's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub model_mapping: BTreeMap<String, String>,
    /// Sets that the channel belongs to; a token sees the sets of its group.
    pub sets: Vec<String>,
    /// Share of the traffic among channels that can serve a request; higher gets more.
    pub priority: i32,
}

/// What the gateway must know of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    pub model: String,
    /// Shown as `owned_by` in model lists.
    #[serde(default)]
    pub owner: String,
    /// Unix seconds; shown as `created` in model lists.
    #[serde(default)]
    pub created_unix_s: i64,
    /// Fills `max_tokens` where the upstream's dialect requires it and the caller's does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u32>,
    /// Further attempts after the first failed. `None`: as many as there are other channels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_times: Option<u32>,
}

/// Why a configuration was refused. Envoy then NACKs it and keeps the last good one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidConfig(pub String);

// === impl GatewayConfig ===

impl GatewayConfig {
    /// Checks what serde cannot.
    ///
    /// # Errors
    /// Names the first channel that breaks a rule.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        let mut ids = HashSet::new();
        for channel in &self.channels {
            let refuse = |why: &str| Err(InvalidConfig(format!("channel {}: {why}", channel.id)));
            if !ids.insert(channel.id) {
                return refuse("the id stands twice");
            }
            if !matches!(channel.scheme.as_str(), "http" | "https") {
                return refuse("scheme must be http or https");
            }
            if channel.cluster.is_empty() || channel.authority.is_empty() {
                return refuse("cluster and authority must not be empty");
            }
            if !channel.base_path.is_empty() && !channel.base_path.starts_with('/') {
                return refuse("base_path must start with '/'");
            }
            if channel
                .dialect
                .parse::<tollgate_protocol::Dialect>()
                .is_err()
            {
                return refuse("unknown dialect");
            }
            let shape = channel.embeddings.as_ref();
            if shape.is_some_and(|shape| shape.parse::<Shape>().is_err()) {
                return refuse("unknown shape of embeddings");
            }
        }
        Ok(())
    }
}

impl Channel {
    /// The provider's name for a model that callers know as `model`.
    #[must_use]
    pub fn upstream_model<'a>(&'a self, model: &'a str) -> &'a str {
        self.model_mapping.get(model).map_or(model, String::as_str)
    }
}

// === impl InvalidConfig ===

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidConfig {}
