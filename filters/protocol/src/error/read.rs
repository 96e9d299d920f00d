//! Reading what upstreams say went wrong.
//!
//! Providers copy each other's error bodies freely, so the shape is read in one
//! place for all dialects; only the meaning of types and codes is the dialect's.

use std::borrow::Cow;

use crate::dialect::{Dialect, codec};
use crate::error::{ErrorInfo, ErrorKind, redact};
use crate::json::{Json, Kind, Limits};

/// What an error body tells, wherever it keeps it.
#[derive(Default)]
struct Told {
    message: String,
    kind: String,
    code: String,
    param: Option<String>,
    /// Why, in a word, from the details of a `google.rpc.Status`.
    reason: Option<String>,
    retry_after_s: Option<u64>,
}

pub(crate) fn read_error(dialect: Dialect, status: u16, body: &[u8]) -> ErrorInfo {
    let told = Json::parse(body, &Limits::response()).map_or_else(|_| Told::default(), told);
    let kind = classify(dialect, status, &told);
    match kind {
        // Whatever the provider says about credentials is about the gateway's.
        ErrorKind::Authentication | ErrorKind::PermissionDenied => {
            ErrorInfo::upstream("The upstream provider refused the gateway's credentials.")
        }
        // It would name the model as the upstream knows it.
        ErrorKind::NotFound => ErrorInfo::new(
            kind,
            "The upstream provider does not know the requested model or resource.",
        )
        .with_code("model_not_found"),
        _ => {
            let mut error = ErrorInfo::new(kind, message(kind, &told));
            error.retry_after_s = told.retry_after_s;
            error.param = told.param.map(|param| redact(&param));
            error.code = safe_code(kind, told.code);
            error
        }
    }
}

pub(crate) fn words(body: &[u8]) -> Option<String> {
    let told = told(Json::parse(body, &Limits::response()).ok()?);
    (!told.message.is_empty()).then(|| redact(&told.message))
}

/// Reads `{"error": {message, type, code|status, param}}`, `{"error": "…"}`,
/// `{"message", "type", "code"}` and `{"detail": "…"}`.
fn told(body: Json<'_>) -> Told {
    // Gemini puts the error of a stream that was to be an array into one.
    let body = match body.kind() {
        Kind::Array => body.items().next().unwrap_or(body),
        _ => body,
    };
    let inner = body.get("error").and_then(Json::non_null).unwrap_or(body);
    let text = |key: &str| {
        let value = inner.get(key).and_then(Json::non_null)?;
        // Codes may be numbers.
        Some(
            value
                .as_str()
                .unwrap_or_else(|| value.raw().into())
                .into_owned(),
        )
    };
    let plain = inner.as_str().map(Cow::into_owned);
    let message = plain.or_else(|| text("message")).or_else(|| text("detail"));
    Told {
        message: message.unwrap_or_default(),
        kind: ["type", "status", "__type"]
            .into_iter()
            .find_map(text)
            .unwrap_or_default(),
        code: text("code").unwrap_or_default(),
        param: text("param"),
        reason: details(inner, "ErrorInfo", "reason").map(Cow::into_owned),
        retry_after_s: details(inner, "RetryInfo", "retryDelay").and_then(|delay| seconds(&delay)),
    }
}

/// A member of one of the details that `google.rpc` defines.
fn details<'a>(error: Json<'a>, kind: &str, key: &str) -> Option<Cow<'a, str>> {
    let mut details = error.get("details")?.items();
    let detail = details.find(|detail| {
        let name = detail.get("@type").and_then(Json::as_str);
        name.is_some_and(|name| name.rsplit('.').next() == Some(kind))
    });
    detail?.get(key)?.as_str()
}

/// A duration as protocol buffers write it, `34.07s`, rounded up.
fn seconds(delay: &str) -> Option<u64> {
    let (whole, fraction) = match delay.strip_suffix('s')?.split_once('.') {
        Some((whole, fraction)) => (whole, fraction),
        None => (delay.strip_suffix('s')?, ""),
    };
    let more = fraction.bytes().any(|digit| digit != b'0');
    whole.parse::<u64>().ok()?.checked_add(u64::from(more))
}

fn classify(dialect: Dialect, status: u16, told: &Told) -> ErrorKind {
    if says_context_length(told) {
        return ErrorKind::ContextLength;
    }
    if says_no_credit(status, told) {
        return ErrorKind::InsufficientQuota;
    }
    if says_content_policy(dialect, told) {
        return ErrorKind::ContentPolicy;
    }
    // A 200 that holds an error may still tell the status that it should have had.
    let status = match told.code.parse() {
        Ok(code @ 400..=599) if status < 400 => code,
        _ => status,
    };
    by_status(status)
        .or_else(|| {
            let code = told.reason.as_ref().unwrap_or(&told.code);
            codec(dialect).error_kind(&told.kind, code)
        })
        .unwrap_or(match status {
            400 | 422 if !told.message.is_empty() => ErrorKind::InvalidRequest,
            _ => ErrorKind::Upstream,
        })
}

/// What a status says whatever the body says.
fn by_status(status: u16) -> Option<ErrorKind> {
    Some(match status {
        401 => ErrorKind::Authentication,
        402 => ErrorKind::InsufficientQuota,
        403 => ErrorKind::PermissionDenied,
        404 => ErrorKind::NotFound,
        408 | 504 => ErrorKind::Timeout,
        413 => ErrorKind::RequestTooLarge,
        429 => ErrorKind::RateLimited,
        503 | 529 => ErrorKind::Overloaded,
        _ => return None,
    })
}

fn says_context_length(told: &Told) -> bool {
    const WORDS: [&str; 7] = [
        "maximum context length",
        "context length exceeded",
        "prompt is too long",
        "exceed context limit",
        "context window",
        "input is too long",
        "exceeds the maximum number of tokens",
    ];
    let message = told.message.to_ascii_lowercase();
    told.code == "context_length_exceeded" || WORDS.iter().any(|words| message.contains(words))
}

/// OpenRouter answers 403 to content, as others do to credentials.
fn says_content_policy(dialect: Dialect, told: &Told) -> bool {
    let code = told.reason.as_ref().unwrap_or(&told.code);
    let message = told.message.to_ascii_lowercase();
    codec(dialect).error_kind(&told.kind, code) == Some(ErrorKind::ContentPolicy)
        || message.contains("requires moderation") && message.contains("flagged")
}

fn says_no_credit(status: u16, told: &Told) -> bool {
    let message = told.message.to_ascii_lowercase();
    told.code == "insufficient_quota"
        || told.kind == "insufficient_quota"
        || told.kind == "billing_error"
        || matches!(status, 400 | 402 | 403 | 429)
            && ["credit balance", "insufficient balance"]
                .iter()
                .any(|words| message.contains(words))
}

fn message(kind: ErrorKind, told: &Told) -> Cow<'static, str> {
    let fallback = match kind {
        ErrorKind::RateLimited => {
            "The upstream provider limits the rate of requests; try again later."
        }
        ErrorKind::InsufficientQuota => "The upstream account has no credit left.",
        ErrorKind::Overloaded => "The upstream provider is overloaded; try again later.",
        ErrorKind::Timeout => "The upstream provider did not answer in time.",
        ErrorKind::ContextLength => "The request exceeds the model's maximum context length.",
        _ => "The upstream provider failed without saying why.",
    };
    match (kind, told.message.trim()) {
        // Quota messages are about the operator's account.
        (ErrorKind::InsufficientQuota, _) | (_, "") => fallback.into(),
        (_, message) => redact(message).into(),
    }
}

/// Codes are short words; anything else might be a sentence or a secret.
fn safe_code(kind: ErrorKind, code: String) -> Option<Cow<'static, str>> {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit();
    let is_word = (2..=64).contains(&code.len()) && code.bytes().all(word);
    let is_number = code.bytes().all(|byte| byte.is_ascii_digit());
    match kind {
        ErrorKind::InvalidRequest | ErrorKind::ContentPolicy if is_word && !is_number => {
            Some(code.into())
        }
        _ => None,
    }
}
