//! Fields of a model config that are validated and kept: what has an effect is read by whoever
//! gives it that effect.

use serde_json::{Map, Value};

use super::ApiError;
use super::fields::Fields;
use crate::xds::resources::SILENCE_S;

/// Nothing has come to do these yet. Whoever makes one work takes it off this list; reading,
/// keeping and showing it is done.
const NOT_YET: [&str; 6] = [
    "max_image_generation_count",
    "max_video_generation_seconds",
    "max_video_generation_count",
    "allowed_resolutions",
    "summary_service_tier",
    "summary_claude_long_context",
];

/// Gateways take a longer silence of any upstream for its end.
const MAX_TIMEOUT: i64 = SILENCE_S;
const MAX_COUNT: i64 = 1_000_000;
/// Gateways send no more of a body.
const MAX_STORED: i64 = 64 << 10;
/// Longest name of a resolution.
const MAX_RESOLUTION: usize = 32;

/// Those that are there, under their names.
pub(super) fn read(fields: &mut Fields) -> Result<Map<String, Value>, ApiError> {
    fields.check_not_yet(&NOT_YET)?;
    let mut settings = Map::new();
    let mut keep = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            settings.insert(name.to_owned(), value);
        }
    };
    for name in [
        "exclude_from_tests",
        "force_save_detail",
        "summary_service_tier",
        "summary_claude_long_context",
        "disable_resolution_fuzzy_match",
    ] {
        keep(name, fields.flag(name)?.map(Value::from));
    }
    for name in [
        "max_image_generation_count",
        "max_video_generation_seconds",
        "max_video_generation_count",
    ] {
        keep(name, fields.int(name, 0, MAX_COUNT)?.map(Value::from));
    }
    for name in [
        "request_body_storage_max_size",
        "response_body_storage_max_size",
    ] {
        keep(name, stored_size(fields, name)?.map(Value::from));
    }
    let resolutions = fields.names("allowed_resolutions", MAX_RESOLUTION)?;
    keep("allowed_resolutions", resolutions.map(Value::from));
    keep("timeout_config", timeouts(fields)?.map(Value::from));
    Ok(settings)
}

/// Bytes of a body that are kept; below 0: none.
pub(super) fn stored_size(fields: &mut Fields, name: &str) -> Result<Option<i64>, ApiError> {
    fields.int(name, -1, MAX_STORED)
}

/// Seconds, under AI Proxy's names.
pub(super) fn timeouts(fields: &mut Fields) -> Result<Option<Map<String, Value>>, ApiError> {
    let Some(mut given) = fields.nested("timeout_config")? else {
        return Ok(None);
    };
    let mut timeouts = Map::new();
    for name in ["request_timeout", "stream_request_timeout"] {
        let seconds = given.int(name, 0, MAX_TIMEOUT);
        let seconds = seconds.map_err(|error| error.below("timeout_config."))?;
        timeouts.insert(name.to_owned(), seconds.unwrap_or(0).into());
    }
    given
        .finish()
        .map_err(|error| error.below("timeout_config."))?;
    Ok(Some(timeouts))
}
