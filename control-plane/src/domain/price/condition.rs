//! Conditions under AI Proxy's names, as they are stored and shown.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_policy::price::{Condition, Range};

/// What is not set is left out. Times are Unix seconds, as AI Proxy has them here and nowhere else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ConditionFields {
    #[serde(skip_serializing_if = "is_open")]
    pub input_token_min: u64,
    #[serde(skip_serializing_if = "is_open")]
    pub input_token_max: u64,
    #[serde(skip_serializing_if = "is_open")]
    pub output_token_min: u64,
    #[serde(skip_serializing_if = "is_open")]
    pub output_token_max: u64,
    #[serde(skip_serializing_if = "is_open")]
    pub start_time: u64,
    #[serde(skip_serializing_if = "is_open")]
    pub end_time: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resolution: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub quality: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub service_tier: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_media: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_video: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_audio: Option<bool>,
}

impl From<&Condition> for ConditionFields {
    fn from(condition: &Condition) -> Self {
        Self {
            input_token_min: condition.input_tokens.min,
            input_token_max: condition.input_tokens.max,
            output_token_min: condition.output_tokens.min,
            output_token_max: condition.output_tokens.max,
            start_time: condition.time.min,
            end_time: condition.time.max,
            resolution: condition.resolution.clone(),
            quality: condition.quality.clone(),
            service_tier: condition.service_tier.clone(),
            input_media: condition.input_media,
            input_video: condition.input_video,
            output_audio: condition.output_audio,
        }
    }
}

impl From<ConditionFields> for Condition {
    fn from(fields: ConditionFields) -> Self {
        let range = |min, max| Range { min, max };
        Self {
            input_tokens: range(fields.input_token_min, fields.input_token_max),
            output_tokens: range(fields.output_token_min, fields.output_token_max),
            time: range(fields.start_time, fields.end_time),
            resolution: fields.resolution,
            quality: fields.quality,
            service_tier: fields.service_tier,
            input_media: fields.input_media,
            input_video: fields.input_video,
            output_audio: fields.output_audio,
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_open(bound: &u64) -> bool {
    *bound == 0
}
