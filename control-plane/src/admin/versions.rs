//! Two people who change the same thing: the second is told what the first has changed.
//!
//! What can be read and changed at one path is answered with an `ETag`. A request that sends it back in `If-Match` (RFC 9110 §13.1.1) is done only if
//! nobody else has changed the thing meanwhile; else it gets 409, which names the fields that are
//! others now. Without `If-Match`, the last one wins as ever.
//!
//! The tag is a few bits of the hash of every field, so that nothing has to be remembered to say
//! which of them changed. Between the comparison and the write nothing can slip in: the write is
//! given up if anything at all was written since, by this control plane or another, and then it is
//! compared again.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{MatchedPath, Request, State as Extract};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{ETAG, IF_MATCH};
use http::{HeaderMap, HeaderValue, Method, request};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tonic::codegen::Service;

use super::{ApiError, MAX_BODY_BYTES};
use crate::store::{Store, unless_written_since};

/// Where one thing can be read and changed.
pub(super) const PATHS: [&str; 12] = [
    "/channel/{id}",
    "/group/{group}",
    "/group/{group}/model_config/{*model}",
    "/tokens/{id}",
    "/token/{group}/{id}",
    "/self/tokens/{id}",
    "/keys/{id}",
    "/model_config/{*model}",
    "/user/{id}",
    "/option/{name}",
    "/balance_services/{id}",
    "/ip_blacklist/{id}",
];

/// Fields that change by themselves, or that nobody can set.
const NOT_SET_BY_ANYBODY: [&str; 11] = [
    "id",
    "key",
    "created_at",
    "updated_at",
    "accessed_at",
    "last_login_at",
    "last_test_error_at",
    "channel_tests",
    "balance",
    "period_last_update_time",
    "period_last_update_amount",
];

/// Others wrote so often that the request never got between them.
const TRIES: usize = 10;

/// Hexadecimal digits of each field's hash.
const DIGITS: usize = 4;

/// What the comparison needs.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) store: Store,
    /// The routes themselves, to read what a request is about to change.
    pub(super) routes: Router,
}

/// Marks an answer whose write was given up because something was written since.
#[derive(Debug, Clone, Copy)]
pub(super) struct WrittenSince;

/// Gives tags, and holds those who send one back to it.
pub(super) async fn hold(Extract(held): Extract<Held>, request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>();
    let matched = matched.map(|path| path.as_str().strip_prefix("/api").unwrap_or(path.as_str()));
    if !matched.is_some_and(|path| PATHS.contains(&path)) {
        return next.run(request).await;
    }
    let answer = match sent_back(request.headers()) {
        Ok(Some(tag)) if !request.method().is_safe() => {
            match changed_since(&held, request, next, &tag).await {
                Ok(answer) => answer,
                Err(error) => error.into_response(),
            }
        }
        Ok(_) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    tagged(answer).await
}

/// Does the request if nothing has changed.
async fn changed_since(
    held: &Held,
    request: Request,
    next: Next,
    tag: &str,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY_BYTES)
        .await
        .map_err(|_| ApiError::TooLarge)?;
    for _ in 0..TRIES {
        let revision = held.store.revision().await?;
        let now = match held.routes.clone().call(reading(&parts)).await {
            Ok(now) => now,
            Err(never) => match never {},
        };
        if !now.status().is_success() {
            return Ok(now);
        }
        let (_, fields) = opened(now).await;
        let changed = changed(tag, &fields.unwrap_or_default());
        if !changed.is_empty() {
            let text = format!(
                "somebody else has changed it meanwhile: {}",
                changed.join(", ")
            );
            return Err(ApiError::Conflict(text));
        }
        let request = Request::from_parts(parts.clone(), Body::from(body.clone()));
        let answer = unless_written_since(revision, next.clone().run(request)).await;
        if answer.extensions().get::<WrittenSince>().is_none() {
            return Ok(answer);
        }
    }
    Err(ApiError::Conflict(
        "others are changing too much; try again".into(),
    ))
}

fn reading(parts: &request::Parts) -> Request {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = parts.uri.clone();
    request
}

/// The tag of `If-Match`; `*` is none, because the thing is there or it is 404 anyway.
fn sent_back(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get(IF_MATCH) else {
        return Ok(None);
    };
    let rule = || ApiError::field("If-Match", "must be the ETag of an answer");
    let text = value.to_str().map_err(|_| rule())?.trim();
    if text == "*" {
        return Ok(None);
    }
    let tag = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    tag.map(|tag| Some(tag.to_owned())).ok_or_else(rule)
}

/// An answer with the tag of what it shows.
async fn tagged(answer: Response) -> Response {
    if !answer.status().is_success() {
        return answer;
    }
    let (mut answer, fields) = opened(answer).await;
    let tag = fields.map(|fields| format!("\"{}\"", tag(&fields)));
    if let Some(tag) = tag.and_then(|tag| HeaderValue::from_str(&tag).ok()) {
        answer.headers_mut().insert(ETAG, tag);
    }
    answer
}

/// The answer as it was, and the fields of the thing that it shows.
async fn opened(answer: Response) -> (Response, Option<Map<String, Value>>) {
    let (parts, body) = answer.into_parts();
    // Our own answers, made whole in memory.
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let envelope: Option<Value> = serde_json::from_slice(&body).ok();
    let fields = match envelope {
        Some(Value::Object(mut envelope)) => match envelope.remove("data") {
            Some(Value::Object(fields)) => Some(fields),
            _ => None,
        },
        _ => None,
    };
    (Response::from_parts(parts, Body::from(body)), fields)
}

/// The fields that people set, each with a part of its hash, in the order of their names.
fn hashes(fields: &Map<String, Value>) -> impl Iterator<Item = (&str, String)> {
    let is_set = |name: &str| {
        let counts = name.starts_with("used_") || name.ends_with("_count");
        !counts && !name.starts_with("period_used_") && !NOT_SET_BY_ANYBODY.contains(&name)
    };
    fields.iter().filter_map(move |(name, value)| {
        let hash = hex::encode(Sha256::digest(format!("{name}={value}")));
        is_set(name).then(|| (name.as_str(), hash.chars().take(DIGITS).collect()))
    })
}

fn tag(fields: &Map<String, Value>) -> String {
    hashes(fields).map(|(_, hash)| hash).collect()
}

/// The fields that are others than when the tag was given.
fn changed(tag: &str, now: &Map<String, Value>) -> Vec<String> {
    let now: Vec<_> = hashes(now).collect();
    if tag.len() != now.len() * DIGITS {
        return vec!["this is not its ETag, or the gateway was updated; read it again".into()];
    }
    let before = |at: usize| tag.get(at * DIGITS..(at + 1) * DIGITS);
    let fields = now.iter().enumerate();
    fields
        .filter(|(at, (_, hash))| before(*at) != Some(hash))
        .map(|(_, (name, _))| (*name).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tag_tells_which_fields_changed_and_counters_are_none() {
        let fields = |value: Value| value.as_object().unwrap().clone();
        let before =
            fields(json!({"name": "a", "models": ["m"], "used_amount": 1, "request_count": 2}));
        let tag = tag(&before);
        assert_eq!(tag.len(), 2 * DIGITS);
        for (now, expected) in [
            (
                json!({"name": "a", "models": ["m"], "used_amount": 9, "request_count": 9}),
                &[][..],
            ),
            (json!({"name": "b", "models": ["m"]}), &["name"]),
            (json!({"name": "b", "models": []}), &["models", "name"]),
        ] {
            assert_eq!(changed(&tag, &fields(now)), expected);
        }
        assert_eq!(changed("é", &before).len(), 1);
    }
}
