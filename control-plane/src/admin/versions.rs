//! Two people who change the same thing: the second is told what the first has changed.
//!
//! What can be read and changed at one path is answered with an `ETag`. A request that sends it back
//! in `If-Match` (RFC 9110 §13.1.1), there or at a path for a part of it, is done only if nobody else
//! has changed the thing meanwhile; else it gets 409, which names the fields that are others now.
//! Secrets count, though nobody sees them. Without `If-Match`, the last one wins as ever; where
//! nothing has an `ETag`, it is refused rather than ignored.
//!
//! The tag is a few bits of the hash of every field, so that nothing has to be remembered to say
//! which of them changed. Between the comparison and the write nothing can slip in: the write is
//! given up if anything at all was written since, by this control plane or another, and then it is
//! compared again.

mod tags;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{MatchedPath, Request, State as Extract};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{ETAG, IF_MATCH};
use http::{HeaderMap, HeaderValue, request};
use serde_json::{Map, Value};
use tonic::codegen::Service;

use self::tags::{changed, tag};
use super::principal::Principal;
use super::{ApiError, MAX_BODY_BYTES};
use crate::secrets::SecretTag;
use crate::store::{Store, unless_written_since};

/// Where one thing can be read and changed.
pub(super) const PATHS: [&str; 14] = [
    "/channel/{id}",
    "/group/{group}",
    "/group/{group}/model_config/{*model}",
    "/tokens/{id}",
    "/token/{group}/{id}",
    "/self",
    "/self/tokens/{id}",
    "/keys/{id}",
    "/model_config/{*model}",
    "/user/{id}",
    "/option/{name}",
    "/balance_services/{id}",
    "/redemption_codes/{id}",
    "/ip_blacklist/{id}",
];

/// What stands after such a path where a part of the thing is changed, and the whole is shown.
pub(super) const PARTS: [&str; 5] = ["/status", "/name", "/rotate", "/rpm_ratio", "/tpm_ratio"];

/// Others wrote so often that the request never got between them.
const TRIES: usize = 10;

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

/// With an answer: the secrets of what it shows, each with the field that changes it.
#[derive(Debug, Clone)]
pub(super) struct Secrets(pub(super) Vec<(&'static str, SecretTag)>);

/// Where what a route changes can be read: there, or one step above. `None`: it has no tag.
pub(super) fn thing(route: &str) -> Option<Thing> {
    if PATHS.contains(&route) {
        return Some(Thing::Here);
    }
    let above = PARTS.iter().find_map(|part| route.strip_suffix(part))?;
    PATHS.contains(&above).then_some(Thing::Above)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thing {
    Here,
    Above,
}

/// Gives tags, and holds those who send one back to it.
pub(super) async fn hold(Extract(held): Extract<Held>, request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>();
    let matched = matched.map(|path| path.as_str().strip_prefix("/api").unwrap_or(path.as_str()));
    let Some(route) = matched else {
        return next.run(request).await;
    };
    let Some(thing) = thing(route) else {
        let wants = !request.method().is_safe() && request.headers().contains_key(IF_MATCH);
        return match wants && !matches!(sent_back(request.headers()), Ok(None)) {
            true => no_tag().into_response(),
            false => next.run(request).await,
        };
    };
    let answer = match sent_back(request.headers()) {
        Ok(Some(tag)) if !request.method().is_safe() => {
            match changed_since(&held, request, next, (thing, &tag)).await {
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
    (thing, tag): (Thing, &str),
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY_BYTES)
        .await
        .map_err(|_| ApiError::TooLarge)?;
    for _ in 0..TRIES {
        let revision = held.store.revision().await?;
        let now = match held.routes.clone().call(reading(&parts, thing)).await {
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

/// Asks for the thing as who wants to change it.
fn reading(parts: &request::Parts, thing: Thing) -> Request {
    let mut request = Request::new(Body::empty());
    let path = parts.uri.path();
    let path = match thing {
        Thing::Here => path,
        Thing::Above => path.rsplit_once('/').map_or(path, |(above, _)| above),
    };
    // A part of a path is one as well.
    *request.uri_mut() = path.parse().unwrap_or_default();
    if let Some(who) = parts.extensions.get::<Principal>() {
        request.extensions_mut().insert(who.clone());
    }
    request
}

fn no_tag() -> ApiError {
    ApiError::field(
        "If-Match",
        "cannot be kept to here, because nothing at this path has an ETag; nothing was done",
    )
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
    let mut fields = match envelope {
        Some(Value::Object(mut envelope)) => match envelope.remove("data") {
            Some(Value::Object(fields)) => Some(fields),
            _ => None,
        },
        _ => None,
    };
    if let (Some(fields), Some(Secrets(secrets))) = (&mut fields, parts.extensions.get()) {
        // In the place of what an answer shows of them, which is little or, once, all.
        let secrets = secrets.iter();
        fields.extend(secrets.map(|(field, tag)| ((*field).to_owned(), tag.to_hex().into())));
    }
    (Response::from_parts(parts, Body::from(body)), fields)
}
