//! Errors of the gateway's own, in the caller's dialect.

use tollgate_host::{Host, Level};
use tollgate_policy::auth::Denied;
use tollgate_policy::routing::NoRoute;
use tollgate_protocol::{Dialect, ErrorInfo, ErrorKind};

use crate::gateway::limits;
use crate::stream::Stream;

/// Answers the caller with an error; no upstream is called.
pub(crate) fn refuse(host: &dyn Host, stream: &mut Stream, error: ErrorInfo) {
    let dialect = stream.call.dialect();
    let error = error.with_request_id(stream.id.clone());
    let (mut status, body) = stream.call.write_error(&error);
    let mut headers = answer_headers(dialect, &stream.id);
    headers.push(("content-type", "application/json"));
    if error.kind == ErrorKind::InsufficientQuota {
        // In every dialect; and the vendors' SDKs would try a 429 again, which helps nobody here.
        status = error.status;
        headers.push(("x-should-retry", "false"));
    }
    if error.kind == ErrorKind::MethodNotAllowed {
        headers.push(("allow", stream.call.endpoint.methods().unwrap_or_default()));
    }
    headers.extend(limits::shown(stream));
    let wait = error.retry_after_s.map(|seconds| seconds.to_string());
    headers.extend(wait.as_deref().map(|seconds| ("retry-after", seconds)));
    if let Err(error) = host.reply(status, &headers, &body) {
        host.log(Level::Warn, &format!("refusal not sent: {error}"));
    }
    stream.answer_begins(status);
    stream.refused = stream.attempts.is_empty();
    stream.error = Some(error);
}

/// Headers of every answer: the request id under the name that the caller's SDK reads.
pub(crate) fn answer_headers(dialect: Dialect, id: &str) -> Vec<(&'static str, &str)> {
    let mut headers = vec![("x-request-id", id)];
    if dialect == Dialect::Anthropic {
        headers.push(("request-id", id));
    }
    headers
}

pub(crate) fn not_ready() -> ErrorInfo {
    ErrorInfo::new(
        ErrorKind::Overloaded,
        "The gateway is starting; try again in a moment.",
    )
}

pub(crate) fn closed() -> ErrorInfo {
    ErrorInfo::new(
        ErrorKind::Overloaded,
        "The gateway is closed for maintenance; try again later.",
    )
}

pub(crate) fn no_token() -> ErrorInfo {
    ErrorInfo::new(
        ErrorKind::Authentication,
        "No API key was given. Send it as 'Authorization: Bearer <key>' or 'x-api-key: <key>'.",
    )
    .with_code("invalid_api_key")
}

pub(crate) fn unknown_token() -> ErrorInfo {
    ErrorInfo::new(ErrorKind::Authentication, "The API key is not valid.")
        .with_code("invalid_api_key")
}

pub(crate) fn denied(denied: Denied) -> ErrorInfo {
    match denied {
        Denied::TokenDisabled => {
            ErrorInfo::new(ErrorKind::Authentication, "The API key is disabled.")
                .with_code("invalid_api_key")
        }
        Denied::GroupDisabled => ErrorInfo::new(
            ErrorKind::PermissionDenied,
            "The group that this API key belongs to is disabled.",
        ),
        Denied::TokenExpired => {
            ErrorInfo::new(ErrorKind::Authentication, "The API key has expired.")
                .with_code("invalid_api_key")
        }
        Denied::AddressNotAllowed => ErrorInfo::new(
            ErrorKind::PermissionDenied,
            "This API key may not be used from your address.",
        ),
    }
}

pub(crate) fn banned() -> ErrorInfo {
    ErrorInfo::new(
        ErrorKind::PermissionDenied,
        "Your address is on the black-list of this gateway.",
    )
}

pub(crate) fn out_of_credit() -> ErrorInfo {
    ErrorInfo::new(
        ErrorKind::InsufficientQuota,
        "There is no credit left; recharge to go on.",
    )
    .with_code("insufficient_quota")
}

pub(crate) fn no_route(no_route: NoRoute, model: &str) -> ErrorInfo {
    // What the caller wrote may be anything; a part of it is enough to recognise it.
    let shown: String = model.chars().take(100).collect();
    match no_route {
        NoRoute::UnknownModel => ErrorInfo::new(
            ErrorKind::NotFound,
            format!("The model '{shown}' does not exist or you do not have access to it."),
        ),
        NoRoute::ModelNotAllowed => ErrorInfo::new(
            ErrorKind::PermissionDenied,
            format!("This API key may not use the model '{shown}'."),
        ),
    }
    .with_param("model")
    .with_code("model_not_found")
}

pub(crate) fn unknown_path(method: &str, path: &str) -> ErrorInfo {
    let shown: String = path.chars().take(100).collect();
    ErrorInfo::new(
        ErrorKind::NotFound,
        format!("There is no {method} {shown} here."),
    )
    .with_code("unknown_url")
}

pub(crate) fn wrong_method(allowed: &str) -> ErrorInfo {
    ErrorInfo::new(
        ErrorKind::MethodNotAllowed,
        format!("This endpoint only takes {allowed}."),
    )
    .with_code("method_not_supported")
}

/// 426 is what clients of the Responses WebSocket take as "use HTTP then".
pub(crate) fn no_upgrade() -> ErrorInfo {
    let message = "This endpoint does not take WebSockets; send the request by POST.";
    ErrorInfo {
        status: 426,
        ..ErrorInfo::new(ErrorKind::MethodNotAllowed, message)
    }
    .with_code("upgrade_not_supported")
}

pub(crate) fn too_large(max_bytes: u64) -> ErrorInfo {
    ErrorInfo::new(
        ErrorKind::RequestTooLarge,
        format!("The request body is larger than {max_bytes} bytes."),
    )
    .with_code("request_too_large")
}

pub(crate) fn no_room() -> ErrorInfo {
    ErrorInfo::new(
        ErrorKind::Overloaded,
        "Too many large requests are under way; try again in a moment.",
    )
}

pub(crate) fn too_slow() -> ErrorInfo {
    let mut error = ErrorInfo::new(
        ErrorKind::InvalidRequest,
        "The request did not arrive in time.",
    );
    error.status = 408;
    error
}

pub(crate) fn wrong_content_type() -> ErrorInfo {
    ErrorInfo::new(
        ErrorKind::InvalidRequest,
        "The content type must be application/json.",
    )
    .with_code("invalid_content_type")
}

pub(crate) fn wrong_content_encoding() -> ErrorInfo {
    ErrorInfo::new(
        ErrorKind::InvalidRequest,
        "The content-encoding of a request may be gzip, br or zstd.",
    )
    .with_code("invalid_content_encoding")
}

pub(crate) fn header_is_no_text(name: &str) -> ErrorInfo {
    let shown: String = name.chars().take(100).collect();
    ErrorInfo::new(
        ErrorKind::InvalidRequest,
        format!("The value of the header '{shown}' is not UTF-8."),
    )
    .with_code("invalid_header")
}

pub(crate) fn no_body() -> ErrorInfo {
    ErrorInfo::new(ErrorKind::InvalidRequest, "The request has no body.")
}
