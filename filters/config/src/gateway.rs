//! The gateway role's configuration: which channels exist and which models they serve.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use tollgate_protocol::embeddings::Shape;
use tollgate_protocol::neutral::Effort;
use tollgate_protocol::{Dialect, Quirk, Thinking};

use crate::ceiling::Ceiling;
use crate::detail::Details;
use crate::named;
use crate::names::of_model;

/// Further attempts of one call at the most: more make no request better.
pub const RETRIES_MAX: u32 = 8;

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
    /// Whether translated responses are kept for callers of the Responses API.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stores_responses: bool,
    /// Every model call is refused, for maintenance.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
    /// Further attempts for models that do not say, [`RETRIES_MAX`] at most; absent: as many as there
    /// are channels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_times: Option<u32>,
    /// Which bodies the log wants of models that do not say; absent: of no model any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
    /// And of a group's calls of a model, where that differs from what holds for others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own_details: Vec<OwnDetails>,
    /// Callers that are refused, whatever they show.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub banned: Vec<Banned>,
    pub channels: Vec<Channel>,
    /// Limits and names of models; a model that no channel lists is not served.
    pub models: Vec<Model>,
}

/// Which bodies the log wants of a group's calls of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnDetails {
    pub group: String,
    /// In any case.
    pub model: String,
    pub details: Details,
}

/// Addresses that nothing is done for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Banned {
    /// An address or a CIDR block.
    pub block: String,
    /// Unix milliseconds; 0: for ever.
    #[serde(default, skip_serializing_if = "is_default")]
    pub until_unix_ms: i64,
}

/// One upstream: where it is, what it speaks, what it serves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// What it speaks besides, at other paths: a caller who speaks one of these needs no
    /// translation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Also>,
    /// Path below `base_path` instead of the dialect's own, such as
    /// `/deployments/{model}/chat/completions`, where `{model}` is the model that is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Query that every request has, without the question mark; may be empty. Never a secret.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// In what it differs from its dialect.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "named")]
    pub quirks: Vec<Quirk>,
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
    /// Models for which it comes after all others, because it failed with them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub banned: Vec<String>,
}

/// A further dialect of an upstream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Also {
    /// As [`Channel::dialect`].
    pub dialect: String,
    /// As [`Channel::base_path`].
    pub base_path: String,
}

/// What the gateway must know of a model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// What a prompt may have, for those whose bytes do not tell; 0: nobody said.
    #[serde(default, skip_serializing_if = "is_default")]
    pub max_input_tokens: u32,
    /// Further attempts after the first failed. `None`: as many as there are other channels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_times: Option<u32>,
    /// How long each channel may take until its answer begins to be passed on, in seconds: of calls
    /// that ask for no stream, and of those that do. 0: as long as the route allows.
    #[serde(default, skip_serializing_if = "is_default")]
    pub request_timeout_s: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub stream_timeout_s: u32,
    /// How it is told to think.
    #[serde(default, skip_serializing_if = "is_default", with = "named::one")]
    pub thinking: Thinking,
    /// The effort levels that it knows; empty: all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "named")]
    pub efforts: Vec<Effort>,
    /// It rejects `temperature`, `top_p` and `top_k`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub drops_sampling: bool,
    /// It takes `temperature` or `top_p`, not both.
    #[serde(default, skip_serializing_if = "is_default")]
    pub one_of_sampling: bool,
    /// Whether it sees images; `None`: nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vision: Option<bool>,
    /// What each group may ask of it: requests and tokens per minute, requests under way at the same
    /// time; 0 is without limit.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rpm: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub tpm: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub max_concurrency: u64,
    /// Which bodies the log wants, where that differs from the others'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
    /// The most that a call of it costs, see [`Model::ceiling`]. Fields of their own, because a type
    /// that is read takes room in the filter.
    #[serde(default, skip_serializing_if = "is_default")]
    pub request_nano_usd: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub input_nano_usd: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub output_nano_usd: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub search_nano_usd: u64,
}

/// Why a configuration was refused. Envoy then NACKs it and keeps the last good one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidConfig(pub String);

// === impl GatewayConfig ===

impl GatewayConfig {
    /// What the log wants of a group's calls of a model, if that is the group's own.
    #[must_use]
    pub fn own_details(&self, group: &str, model: &str) -> Option<Details> {
        let mut own = self.own_details.iter();
        let is = |own: &&OwnDetails| own.group == group && own.model.eq_ignore_ascii_case(model);
        own.find(is).map(|own| own.details)
    }

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
            let also = || channel.also.iter();
            let mut paths = also().map(|it| &it.base_path).chain([&channel.base_path]);
            if !paths.all(|path| path.is_empty() || path.starts_with('/')) {
                return refuse("base_path must start with '/'");
            }
            let endpoint = channel.endpoint.as_deref();
            if endpoint.is_some_and(|path| !path.starts_with('/') || path.contains('?')) {
                return refuse("endpoint must start with '/' and hold no '?'");
            }
            let mut dialects = also().map(|it| &it.dialect).chain([&channel.dialect]);
            if !dialects.all(|dialect| dialect.parse::<Dialect>().is_ok()) {
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

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Channel {
    /// The provider's name for a model that callers know as `model`, in any case: what the mapping
    /// says, else the channel's own spelling.
    #[must_use]
    pub fn upstream_model<'a>(&'a self, model: &'a str) -> &'a str {
        let mapped = self.model_mapping.get(model).or_else(|| {
            let mut mapped = self.model_mapping.iter();
            let found = mapped.find(|(name, _)| name.eq_ignore_ascii_case(model));
            found.map(|(_, sent)| sent)
        });
        let listed = || of_model(&self.models, model, String::as_str);
        mapped.or_else(listed).map_or(model, String::as_str)
    }
}

// === impl Model ===

impl Model {
    #[must_use]
    pub fn ceiling(&self) -> Ceiling {
        Ceiling {
            request: self.request_nano_usd,
            input: self.input_nano_usd,
            output: self.output_nano_usd,
            search: self.search_nano_usd,
        }
    }
}

// === impl InvalidConfig ===

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidConfig {}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(channel: &str, model: &str) -> Result<GatewayConfig, String> {
        let text = format!(
            r#"{{"max_body_bytes":1,"max_response_bytes":1,
                "channels":[{{"id":1,"name":"c","cluster":"c","dialect":"openai-chat","scheme":"http",
                    "authority":"a","base_path":"","models":[],"sets":[],"priority":1{channel}}}],
                "models":[{{"model":"m"{model}}}]}}"#
        );
        let config: GatewayConfig = serde_json::from_str(&text).map_err(|e| e.to_string())?;
        config.validate().map_err(|e| e.to_string())?;
        Ok(config)
    }

    #[test]
    fn what_it_does_not_say_is_not_so() {
        let config = config("", "").unwrap();
        assert!(config.channels[0].quirks.is_empty());
        assert_eq!(
            (config.models[0].vision, config.models[0].efforts.len()),
            (None, 0)
        );
    }

    #[test]
    fn a_provider_is_sent_the_name_that_its_channel_has() {
        let models = ["GPT-5", "Alias", "Both", "both"];
        let mapping = [("ALIAS", "Sent-1"), ("both", "lower"), ("Both", "upper")];
        let mapping = mapping.map(|(name, sent)| (name.to_owned(), sent.to_owned()));
        let channel = Channel {
            models: models.map(str::to_owned).into(),
            model_mapping: mapping.into(),
            ..Channel::default()
        };
        for (asked, sent) in [
            ("gpt-5", "GPT-5"),
            ("GPT-5", "GPT-5"),
            ("alias", "Sent-1"),
            ("Alias", "Sent-1"),
            ("both", "lower"),
            ("Both", "upper"),
            ("other", "other"),
        ] {
            assert_eq!(channel.upstream_model(asked), sent, "{asked}");
        }
    }

    #[test]
    fn facts_travel_by_name() {
        let channel = r#","quirks":["no-developer-role"],"query":"a=b","endpoint":"/x/{model}","also":[{"dialect":"anthropic","base_path":"/v1"}]"#;
        let model = r#","thinking":"adaptive","efforts":["low","max"],"drops_sampling":true,"vision":false"#;
        let read = config(channel, model).unwrap();
        assert_eq!(read.channels[0].quirks, [Quirk::NoDeveloperRole]);
        assert_eq!(read.models[0].thinking, Thinking::Adaptive);
        assert_eq!(read.models[0].efforts, [Effort::Low, Effort::Max]);
        let again = serde_json::from_str(&serde_json::to_string(&read).unwrap());
        assert_eq!(read, again.unwrap());
    }

    #[test]
    fn an_unknown_name_refuses_the_configuration() {
        for (channel, model, why) in [
            (r#","quirks":["odd"]"#, "", "unknown quirk"),
            (
                r#","also":[{"dialect":"odd","base_path":""}]"#,
                "",
                "unknown dialect",
            ),
            (
                r#","also":[{"dialect":"anthropic","base_path":"v1"}]"#,
                "",
                "base_path must",
            ),
            (r#","endpoint":"x""#, "", "endpoint must"),
            ("", r#","thinking":"deep""#, "unknown kind of thinking"),
            ("", r#","efforts":["odd"]"#, "unknown effort"),
        ] {
            let error = config(channel, model).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
