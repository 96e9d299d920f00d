//! What a model config holds beside its price, its facts and its limits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Under AI Proxy's names. A field that is not set has its default, which asks for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ModelSettings {
    /// Tests of all models leave it out.
    pub exclude_from_tests: bool,
    pub timeout_config: Timeouts,
    /// Bodies are kept with every log row, not only with errors.
    pub force_save_detail: bool,
    /// 0: any number.
    pub max_image_generation_count: i64,
    pub max_video_generation_seconds: i64,
    pub max_video_generation_count: i64,
    /// Empty: any.
    pub allowed_resolutions: Vec<String>,
    /// Bytes of a body that are kept; 0: as for all models; below 0: none.
    pub request_body_storage_max_size: i64,
    pub response_body_storage_max_size: i64,
    /// Summaries count its tiers apart.
    pub summary_service_tier: bool,
    /// Summaries count Claude's long prompts apart.
    pub summary_claude_long_context: bool,
    /// Sizes in pixels are not taken for their class when a conditional price is looked for.
    pub disable_resolution_fuzzy_match: bool,
}

/// Seconds until an answer begins to be passed on, for each channel that is tried: one that is no stream
/// when all of it is there, a stream with its first piece. 0: as for all models, 15 minutes, which is also
/// the most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Timeouts {
    pub request_timeout: i64,
    pub stream_request_timeout: i64,
}
