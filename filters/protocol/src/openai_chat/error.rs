//! The error shape of both of OpenAI's dialects: `{"error": {"message", "type", "param", "code"}}`.

use crate::error::{ErrorInfo, ErrorKind};
use crate::json::{JsonWriter, object_bytes};

pub(crate) fn kind(kind: &str, code: &str) -> Option<ErrorKind> {
    Some(match (kind, code) {
        (_, "context_length_exceeded") => ErrorKind::ContextLength,
        (_, "insufficient_quota") | ("insufficient_quota", _) => ErrorKind::InsufficientQuota,
        (_, "invalid_api_key") | ("authentication_error", _) => ErrorKind::Authentication,
        (_, "model_not_found") | ("not_found_error", _) => ErrorKind::NotFound,
        (_, "rate_limit_exceeded") | ("rate_limit_error", _) => ErrorKind::RateLimited,
        (_, "content_filter" | "content_policy_violation") => ErrorKind::ContentPolicy,
        ("permission_error", _) => ErrorKind::PermissionDenied,
        (_, "overloaded") | ("overloaded_error", _) => ErrorKind::Overloaded,
        ("invalid_request_error", _) => ErrorKind::InvalidRequest,
        _ => return None,
    })
}

pub(crate) fn write(error: &ErrorInfo) -> (u16, Vec<u8>) {
    let body = object_bytes(|w| w.field_object("error", |w| members(w, error)));
    (error.status, body)
}

/// The inside of the `error` object.
pub(crate) fn members(w: &mut JsonWriter<'_>, error: &ErrorInfo) {
    let (kind, code) = type_and_code(error.kind);
    w.field_str("message", &error.message);
    w.field_str("type", kind);
    match &error.param {
        Some(param) => w.field_str("param", param),
        None => w.field_null("param"),
    }
    match error.code.as_deref().or(code) {
        Some(code) => w.field_str("code", code),
        None => w.field_null("code"),
    }
}

/// The code alone, where a place has no room for the rest; never empty.
pub(crate) fn code(error: &ErrorInfo) -> &str {
    let (kind, code) = type_and_code(error.kind);
    error.code.as_deref().or(code).unwrap_or(kind)
}

/// As OpenAI's own API says it; clients match on the code.
fn type_and_code(kind: ErrorKind) -> (&'static str, Option<&'static str>) {
    const INVALID: &str = "invalid_request_error";
    const SERVER: &str = "server_error";
    match kind {
        ErrorKind::InvalidRequest | ErrorKind::MethodNotAllowed => (INVALID, None),
        ErrorKind::ContextLength => (INVALID, Some("context_length_exceeded")),
        ErrorKind::ContentPolicy => (INVALID, Some("content_policy_violation")),
        ErrorKind::Authentication => (INVALID, Some("invalid_api_key")),
        ErrorKind::InsufficientQuota => ("insufficient_quota", Some("insufficient_quota")),
        ErrorKind::PermissionDenied => ("permission_error", Some("permission_denied")),
        ErrorKind::NotFound => (INVALID, None),
        ErrorKind::RequestTooLarge => (INVALID, Some("request_too_large")),
        ErrorKind::UnsupportedMediaType => (INVALID, Some("unsupported_media_type")),
        ErrorKind::RateLimited => ("rate_limit_error", Some("rate_limit_exceeded")),
        ErrorKind::Internal => (SERVER, None),
        ErrorKind::Upstream => (SERVER, Some("upstream_error")),
        ErrorKind::Overloaded => (SERVER, Some("overloaded")),
        ErrorKind::Timeout => (SERVER, Some("timeout")),
    }
}
