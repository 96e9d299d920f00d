//! What is different for one group with one model.

use serde::{Deserialize, Serialize};
use tollgate_policy::price::Tariff;

use super::{ModelSettings, Timeouts};

#[derive(Debug, Clone, PartialEq)]
pub struct GroupModelConfig {
    pub group: String,
    pub model: String,
    pub created_at_ms: i64,
    pub updated_at_ms: i64,
    /// Instead of the model's.
    pub price: Option<Tariff>,
    pub overrides: Overrides,
}

/// Each stands in for the same field of the model; what is not there does not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Overrides {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<LimitOverride>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_times: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_config: Option<Timeouts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub force_save_detail: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_image_generation_count: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_video_generation_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_video_generation_count: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_body_storage_max_size: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_body_storage_max_size: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary_service_tier: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary_claude_long_context: Option<bool>,
}

impl Overrides {
    /// Whether the log wants other bodies than of the model's other calls.
    #[must_use]
    pub fn has_details(&self) -> bool {
        self.force_save_detail.is_some()
            || self.request_body_storage_max_size.is_some()
            || self.response_body_storage_max_size.is_some()
    }

    /// A model's settings of that, with these in their places.
    #[must_use]
    pub fn details(&self, settings: &ModelSettings) -> ModelSettings {
        let of = settings;
        ModelSettings {
            force_save_detail: self.force_save_detail.unwrap_or(of.force_save_detail),
            request_body_storage_max_size: self
                .request_body_storage_max_size
                .unwrap_or(of.request_body_storage_max_size),
            response_body_storage_max_size: self
                .response_body_storage_max_size
                .unwrap_or(of.response_body_storage_max_size),
            ..ModelSettings::default()
        }
    }
}

/// Requests and tokens per minute; 0 is without limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LimitOverride {
    pub rpm: i64,
    pub tpm: i64,
}

/// What a group model config is to be, whole.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewGroupModel {
    pub model: String,
    pub price: Option<Tariff>,
    pub overrides: Overrides,
}
