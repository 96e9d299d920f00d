//! `{"error": {"code", "message", "status", "details"}}`: an HTTP status and a
//! `google.rpc.Status` (<https://cloud.google.com/apis/design/errors>).

use crate::error::{ErrorInfo, ErrorKind};
use crate::json::{JsonWriter, object_bytes};

/// `kind` is the canonical status, `code` the reason that the details give, if any.
pub(super) fn kind(kind: &str, code: &str) -> Option<ErrorKind> {
    Some(match (kind, code) {
        // Told with 400, though it is about the gateway's key.
        (_, "API_KEY_INVALID" | "API_KEY_SERVICE_BLOCKED") => ErrorKind::Authentication,
        ("INVALID_ARGUMENT" | "OUT_OF_RANGE", _) => ErrorKind::InvalidRequest,
        // "User location is not supported": that of the gateway.
        ("FAILED_PRECONDITION", _) => ErrorKind::Upstream,
        ("UNAUTHENTICATED", _) => ErrorKind::Authentication,
        ("PERMISSION_DENIED", _) => ErrorKind::PermissionDenied,
        ("NOT_FOUND", _) => ErrorKind::NotFound,
        ("RESOURCE_EXHAUSTED", _) => ErrorKind::RateLimited,
        ("UNAVAILABLE", _) => ErrorKind::Overloaded,
        ("DEADLINE_EXCEEDED" | "CANCELLED", _) => ErrorKind::Timeout,
        ("INTERNAL" | "UNKNOWN" | "ABORTED" | "DATA_LOSS", _) => ErrorKind::Upstream,
        _ => return None,
    })
}

pub(super) fn write(error: &ErrorInfo) -> (u16, Vec<u8>) {
    (error.status, object_bytes(|w| members(w, error)))
}

/// The members of the whole error object, which is also an element of a stream.
pub(super) fn members(w: &mut JsonWriter<'_>, error: &ErrorInfo) {
    w.field_object("error", |w| {
        w.field_u64("code", u64::from(error.status));
        w.field_str("message", &error.message);
        w.field_str("status", name(error.kind));
        let has_details = error.param.is_some()
            || error.request_id.is_some()
            || error.retry_after_s.is_some()
            || error.kind == ErrorKind::InsufficientQuota;
        if has_details {
            w.field_array("details", |w| details(w, error));
        }
    });
}

fn details(w: &mut JsonWriter<'_>, error: &ErrorInfo) {
    // Nothing else tells it from a rate that was exceeded, where trying again helps.
    if error.kind == ErrorKind::InsufficientQuota {
        w.object(|w| {
            w.field_str("@type", "type.googleapis.com/google.rpc.ErrorInfo");
            w.field_str("reason", "insufficient_quota");
            w.field_str("domain", "tollgate");
        });
    }
    if let Some(param) = &error.param {
        w.object(|w| {
            w.field_str("@type", "type.googleapis.com/google.rpc.BadRequest");
            w.field_array("fieldViolations", |w| {
                w.object(|w| {
                    w.field_str("field", param);
                    w.field_str("description", &error.message);
                });
            });
        });
    }
    if let Some(seconds) = error.retry_after_s {
        w.object(|w| {
            w.field_str("@type", "type.googleapis.com/google.rpc.RetryInfo");
            w.field_str("retryDelay", &format!("{seconds}s"));
        });
    }
    if let Some(id) = &error.request_id {
        w.object(|w| {
            w.field_str("@type", "type.googleapis.com/google.rpc.RequestInfo");
            w.field_str("requestId", id);
        });
    }
}

fn name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidRequest
        | ErrorKind::ContextLength
        | ErrorKind::ContentPolicy
        | ErrorKind::RequestTooLarge
        | ErrorKind::UnsupportedMediaType => "INVALID_ARGUMENT",
        ErrorKind::Authentication => "UNAUTHENTICATED",
        ErrorKind::PermissionDenied => "PERMISSION_DENIED",
        ErrorKind::NotFound => "NOT_FOUND",
        ErrorKind::MethodNotAllowed => "UNIMPLEMENTED",
        ErrorKind::InsufficientQuota | ErrorKind::RateLimited => "RESOURCE_EXHAUSTED",
        ErrorKind::Internal => "INTERNAL",
        ErrorKind::Upstream | ErrorKind::Overloaded => "UNAVAILABLE",
        ErrorKind::Timeout => "DEADLINE_EXCEEDED",
    }
}
