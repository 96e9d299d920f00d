//! What a response repeats of its request.
//!
//! A response that is shown again later, or read by somebody who did not make the request, tells by
//! it how it came about. The provider's own responses repeat the values verbatim, and so do these.

use std::sync::Arc;

use crate::json::{Json, JsonWriter, object_bytes};

/// The members, and what is said where the request does not set them.
const MEMBERS: [(&str, &str); 16] = [
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("max_tool_calls", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("prompt_cache_key", "null"),
    ("reasoning", "null"),
    ("safety_identifier", "null"),
    ("temperature", "null"),
    ("text", r#"{"format":{"type":"text"}}"#),
    ("tool_choice", r#""auto""#),
    ("tools", "[]"),
    ("top_logprobs", "0"),
    ("top_p", "null"),
    ("truncation", r#""disabled""#),
    ("user", "null"),
];

/// What is repeated three times in a stream must not be large; a longer value is left out, as if it
/// had not been set.
pub const BYTES_MAX: usize = 256 << 10;

/// What a response to this request repeats: an object of the members that the request sets.
pub(crate) fn of_request(request: Json<'_>) -> Option<Arc<str>> {
    let mut left = BYTES_MAX;
    let object = object_bytes(|w| {
        let values = request.members(MEMBERS.map(|(key, _)| key));
        for ((key, _), value) in MEMBERS.iter().zip(values) {
            let value = value.and_then(Json::non_null).map(Json::raw);
            if let Some(value) = value.filter(|value| value.len() <= left) {
                left -= value.len();
                w.field_raw(key, value);
            }
        }
    });
    String::from_utf8(object).ok().map(Arc::from)
}

/// Writes all members; `echo` is what [`of_request`] made.
pub(super) fn members(echo: Option<&str>, w: &mut JsonWriter<'_>) {
    let echo = Json::trusted(echo.unwrap_or("{}"));
    let values = echo.members(MEMBERS.map(|(key, _)| key));
    for ((key, unset), value) in MEMBERS.iter().zip(values) {
        w.field_raw(key, value.map_or(unset, Json::raw));
    }
}
