//! A log row: one request, whatever happened to it.

mod amounts;
mod mode;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_config::meter::Outcome;
use tollgate_policy::price::NanoUsd;

use super::BookedPrice;
pub use amounts::MAX_CALL_AMOUNT;

/// It is written as JSON where it waits for its database; what has no name there has its default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Log {
    #[serde(skip)]
    pub id: i64,
    /// Made at the gateway; the caller saw it too.
    pub request_id: String,
    /// The Envoy that served it.
    pub node: String,
    pub request_at_ms: i64,
    /// When it was booked.
    pub created_at_ms: i64,
    pub duration_ms: i64,
    pub ttfb_ms: Option<i64>,
    /// 0 when the caller could not be identified.
    pub token_id: i64,
    pub token_name: String,
    pub group: String,
    pub model: String,
    pub method: String,
    pub path: String,
    pub dialect: String,
    pub stream: bool,
    /// HTTP status the caller got; 0 when it left before one was sent.
    pub code: i64,
    /// A name of [`outcome_name`].
    pub outcome: String,
    /// Error text as the caller saw it; empty on success.
    pub content: String,
    pub ip: String,
    pub user: String,
    /// The channel of the last attempt; 0 when none was made.
    pub channel_id: i64,
    pub attempts: Vec<AttemptRecord>,
    pub tokens: TokenCounts,
    pub circumstances: Circumstances,
    pub upstream_id: String,
    pub losses: Vec<String>,
    /// The price in force when the request began; `None`: the model had none, and the call cost
    /// nothing.
    #[serde(with = "booked_price")]
    pub price: Option<BookedPrice>,
    #[serde(with = "nano_usd")]
    pub amount: NanoUsd,
    /// Booked with it, and not kept in it.
    #[serde(skip)]
    pub draw: Draw,
}

/// What a call drew from its gateway's leases of budgets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draw {
    pub leases: Vec<i64>,
    /// From each of them.
    pub amount: NanoUsd,
    /// The day on which the call began; see [`crate::domain::day`].
    pub day: i64,
}

/// One try at one channel, as it is stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttemptRecord {
    pub channel_id: i64,
    pub model: String,
    pub status: u32,
    pub started_ms: i64,
    pub headers_ms: Option<i64>,
    pub error: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenCounts {
    /// Gross: cache reads and writes are part of it.
    pub input: i64,
    pub output: i64,
    pub cached: i64,
    pub cache_creation: i64,
    pub reasoning: i64,
    /// Counted by the gateway because the upstream did not tell.
    pub estimated: bool,
    /// Part of `cache_creation`; the rest lives five minutes.
    pub cache_creation_1h: i64,
    /// Part of `input`, like the next two.
    pub image_input: i64,
    pub audio_input: i64,
    pub video_input: i64,
    /// Part of `output`, like the next one.
    pub image_output: i64,
    pub audio_output: i64,
    /// How often the provider ran tools of its own.
    pub web_searches: i64,
    pub web_fetches: i64,
    pub code_runs: i64,
    pub file_searches: i64,
}

/// What a price may depend on beside the counts. Empty or absent where nobody knows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Circumstances {
    /// As what the call was served, such as `flex`.
    pub service_tier: String,
    /// Of what was made, in the caller's words.
    pub resolution: String,
    /// The same in the provider's words.
    pub native_resolution: String,
    pub quality: String,
    /// Images, sound or films were among the input.
    pub input_media: Option<bool>,
    pub input_video: Option<bool>,
    /// The answer speaks.
    pub output_audio: Option<bool>,
}

mod booked_price {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    use super::BookedPrice;

    pub(super) fn serialize<S: Serializer>(
        price: &Option<BookedPrice>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        price
            .as_ref()
            .map(BookedPrice::to_json)
            .serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<BookedPrice>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        let price = text.map(|text| BookedPrice::from_json(&text));
        price.transpose().map_err(de::Error::custom)
    }
}

mod nano_usd {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::NanoUsd;

    pub(super) fn serialize<S: Serializer>(
        amount: &NanoUsd,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(amount.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<NanoUsd, D::Error> {
        i64::deserialize(deserializer).map(NanoUsd)
    }
}

/// How a request ended, as it is stored and shown.
#[must_use]
pub fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Unspecified => "unspecified",
        Outcome::Success => "success",
        Outcome::Refused => "refused",
        Outcome::Failed => "failed",
        Outcome::Interrupted => "interrupted",
        Outcome::ClientGone => "client_gone",
    }
}
