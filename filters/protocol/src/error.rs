//! Errors in neutral form: what happened, whose fault it is, what the caller reads.
//!
//! Every dialect writes them in its own shape ([`crate::write_error`]) and reads
//! its providers' shapes back ([`crate::read_error`]). What an upstream says about
//! credentials, hosts or keys never reaches a caller: see [`redact`].

pub(crate) mod aws;
mod read;
mod redact;

use std::borrow::Cow;

pub use self::redact::redact;

pub(crate) use self::read::{read_error, words};

/// What went wrong, independent of any dialect.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// 400: the caller must change the request.
    InvalidRequest,
    /// 400: the prompt and the answer do not fit the model's context window.
    ContextLength,
    /// 400: the provider's policy refuses the content.
    ContentPolicy,
    /// 401: no valid gateway token.
    Authentication,
    /// 402 or 429: out of credit; trying again does not help.
    InsufficientQuota,
    /// 403: the token may not do this.
    PermissionDenied,
    /// 404: no such model or route.
    NotFound,
    /// 405
    MethodNotAllowed,
    /// 413
    RequestTooLarge,
    /// 415
    UnsupportedMediaType,
    /// 429: later.
    RateLimited,
    /// 500: the gateway's own fault.
    Internal,
    /// 502: the upstream answered with garbage, or refuses the gateway itself.
    Upstream,
    /// 503 (529 in Anthropic's dialect): the upstream has no capacity now.
    Overloaded,
    /// 504: the upstream did not answer in time.
    Timeout,
}

/// One error, ready to be written in any dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorInfo {
    pub kind: ErrorKind,
    /// HTTP status in the neutral reading; a dialect may answer with its own for
    /// the same meaning (503 and 529).
    pub status: u16,
    /// A sentence that the caller may read: already redacted and bounded.
    pub message: Cow<'static, str>,
    /// The offending field, where one is known.
    pub param: Option<String>,
    /// A code that clients match on, kept where it is safe.
    pub code: Option<Cow<'static, str>>,
    /// When trying again may help, as the upstream says it, in seconds.
    pub retry_after_s: Option<u64>,
    /// The request's id at the gateway. An upstream's id is not kept.
    pub request_id: Option<String>,
}

// === impl ErrorKind ===

impl ErrorKind {
    /// The HTTP status of this kind.
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidRequest | Self::ContextLength | Self::ContentPolicy => 400,
            Self::Authentication => 401,
            Self::PermissionDenied => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::InsufficientQuota | Self::RateLimited => 429,
            Self::Internal => 500,
            Self::Upstream => 502,
            Self::Overloaded => 503,
            Self::Timeout => 504,
        }
    }

    /// Whether another channel might do better with the same request.
    pub const fn worth_another_channel(self) -> bool {
        match self {
            Self::InsufficientQuota
            | Self::NotFound
            | Self::RateLimited
            | Self::Internal
            | Self::Upstream
            | Self::Overloaded
            | Self::Timeout => true,
            Self::InvalidRequest
            | Self::ContextLength
            | Self::ContentPolicy
            | Self::Authentication
            | Self::PermissionDenied
            | Self::MethodNotAllowed
            | Self::RequestTooLarge
            | Self::UnsupportedMediaType => false,
        }
    }

    /// A short stable name for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::ContextLength => "context_length",
            Self::ContentPolicy => "content_policy",
            Self::Authentication => "authentication",
            Self::InsufficientQuota => "insufficient_quota",
            Self::PermissionDenied => "permission_denied",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::RequestTooLarge => "request_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::RateLimited => "rate_limited",
            Self::Internal => "internal",
            Self::Upstream => "upstream",
            Self::Overloaded => "overloaded",
            Self::Timeout => "timeout",
        }
    }
}

// === impl ErrorInfo ===

impl ErrorInfo {
    /// An error of the gateway's own making; `message` is trusted.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            status: kind.status(),
            message: message.into(),
            param: None,
            code: None,
            retry_after_s: None,
            request_id: None,
        }
    }

    /// Names the field at fault; an empty name is none.
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into()).filter(|param| !param.is_empty());
        self
    }

    pub fn with_code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.code = Some(code.into());
        self
    }

    pub fn with_request_id(mut self, id: impl Into<String>) -> Self {
        self.request_id = Some(id.into());
        self
    }

    pub(crate) fn upstream(message: &'static str) -> Self {
        Self::new(ErrorKind::Upstream, message)
    }
}
