//! `{"type": "error", "error": {"type", "message"}, "request_id"}`.

use std::borrow::Cow;

use crate::error::{ErrorInfo, ErrorKind};
use crate::json::{JsonWriter, object_bytes};

pub(super) fn kind(kind: &str, _code: &str) -> Option<ErrorKind> {
    Some(match kind {
        "invalid_request_error" => ErrorKind::InvalidRequest,
        "authentication_error" => ErrorKind::Authentication,
        "billing_error" => ErrorKind::InsufficientQuota,
        "permission_error" => ErrorKind::PermissionDenied,
        "not_found_error" => ErrorKind::NotFound,
        "request_too_large" => ErrorKind::RequestTooLarge,
        "rate_limit_error" => ErrorKind::RateLimited,
        "timeout_error" => ErrorKind::Timeout,
        "overloaded_error" => ErrorKind::Overloaded,
        "api_error" => ErrorKind::Upstream,
        _ => return None,
    })
}

pub(super) fn write(error: &ErrorInfo) -> (u16, Vec<u8>) {
    let status = match error.kind {
        ErrorKind::Overloaded => 529,
        ErrorKind::InsufficientQuota => 402,
        _ => error.status,
    };
    (status, object_bytes(|w| members(w, error)))
}

/// The members of the whole error object, which is also the data of a stream's
/// `error` event.
pub(super) fn members(w: &mut JsonWriter<'_>, error: &ErrorInfo) {
    w.field_str("type", "error");
    w.field_object("error", |w| {
        w.field_str("type", name(error.kind));
        w.field_str("message", &message(error));
    });
    if let Some(id) = &error.request_id {
        w.field_str("request_id", id);
    }
}

fn name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidRequest
        | ErrorKind::ContextLength
        | ErrorKind::ContentPolicy
        | ErrorKind::MethodNotAllowed
        | ErrorKind::UnsupportedMediaType => "invalid_request_error",
        ErrorKind::Authentication => "authentication_error",
        ErrorKind::InsufficientQuota => "billing_error",
        ErrorKind::PermissionDenied => "permission_error",
        ErrorKind::NotFound => "not_found_error",
        ErrorKind::RequestTooLarge => "request_too_large",
        ErrorKind::RateLimited => "rate_limit_error",
        ErrorKind::Internal | ErrorKind::Upstream => "api_error",
        ErrorKind::Overloaded => "overloaded_error",
        ErrorKind::Timeout => "timeout_error",
    }
}

/// There is no code for a full context in this dialect: clients match these words.
fn message(error: &ErrorInfo) -> Cow<'_, str> {
    let words = "prompt is too long";
    if error.kind == ErrorKind::ContextLength && !error.message.contains(words) {
        return format!("{words}: {}", error.message).into();
    }
    error.message.as_ref().into()
}
