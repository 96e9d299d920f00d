//! Responses and conversations that the control plane keeps: what a caller asks about one, and the
//! [`history`] of a request that continues one. Both are asked for by a call of their own while the
//! request is held:
//!
//! ```text
//!                       ┌─history──► planned with it in front, and on
//! asked ──call──► ended ┼─JSON─────► answered
//!            │          └─nothing──► refused: no such response, or 503
//!            └─the caller leaves: the call is dropped
//! ```
//!
//! Whose response it may be is what the token says, and never what the caller sends. An id of another
//! tenant is answered like one that never was.

pub(super) mod background;
pub(super) mod history;

use prost::Message;
use tollgate_config::responses::{self, Answer, Call, InputItems, answer, call};
use tollgate_host::Host;
use tollgate_protocol::json::{Json, Limits, object_bytes};
use tollgate_protocol::{ErrorInfo, ErrorKind};

use super::control;
use super::counting::Counting;
use super::plan::gather;
use crate::call::{Endpoint, StoredPart};
use crate::refusal;
use crate::stream::Stream;

/// How long the control plane may take; it waits by itself for what is on its way to it, for a
/// part of that.
pub(super) const TIMEOUT_MS: u32 = 5_000;

/// Items of one page, by the API reference.
const ITEMS_DEFAULT: u32 = 20;
const ITEMS_MAX: u32 = 100;

/// A call under way, and what is to be done with its answer.
pub(super) struct Asked {
    pub(super) call: u32,
    pub(super) then: Then,
}

pub(super) enum Then {
    Plan(history::Continuing),
    /// Answer with the count.
    Count(Counting),
    /// Answer with it.
    Show,
    /// See whether it is over a limit.
    Admit,
    /// See what the budgets have now.
    Afford,
}

impl Then {
    /// What is done after a call.
    pub(super) fn after(self, call: u32) -> Asked {
        Asked { call, then: self }
    }
}

/// Asks what the request asks for: by its head, or with a body of that size.
pub(super) fn ask(host: &dyn Host, stream: &Stream, size: usize) -> Result<Asked, ErrorInfo> {
    let stores = stream.active.as_ref().map(|a| a.config.stores_responses);
    let stores = stores == Some(true);
    let (id, part) = match &stream.call.endpoint {
        Endpoint::Stored { id, part } if stores && responses::is_ours(id) => (id, part),
        Endpoint::Stored { id, .. } => return Err(not_found(id)),
        Endpoint::Conversations { path, .. } if stores => {
            if size > responses::STORED_BYTES_MAX {
                let max = u64::try_from(responses::STORED_BYTES_MAX).unwrap_or(u64::MAX);
                return Err(refusal::too_large(max));
            }
            let mut gathered = None;
            if size > 0 {
                let gathered = gathered.insert(gather(host, stream, size)?);
                // What is asked, and the message with it.
                if !gathered.hold.grow(size.saturating_mul(2)) {
                    return Err(refusal::no_room());
                }
            }
            let body = gathered.as_ref().map_or("", |it| it.body.as_str());
            let asked = object_bytes(|w| {
                w.field_str("method", &stream.call.method);
                w.field_str("path", path);
                w.field_str("query", &stream.call.query);
                w.field_str("body", body);
                w.field_str("request_id", &stream.id);
            });
            let asked = String::from_utf8(asked).unwrap_or_default();
            let call = begin(host, stream, "", call::Kind::Conversations(asked))?;
            return Ok(Then::Show.after(call));
        }
        _ => {
            return Err(refusal::unknown_path(
                &stream.call.method,
                &stream.call.path,
            ));
        }
    };
    let deletes = stream.call.method == "DELETE";
    let (kind, then) = match part {
        StoredPart::Whole if deletes => (call::Kind::Delete(responses::Nothing {}), Then::Show),
        StoredPart::Whole => {
            if parameter(&stream.call.query, "stream") == Some("true") {
                return Err(ErrorInfo::new(
                    ErrorKind::InvalidRequest,
                    "Responses are not streamed again here; ask without 'stream'.",
                )
                .with_param("stream"));
            }
            (call::Kind::Show(responses::Nothing {}), Then::Show)
        }
        StoredPart::Cancel => (call::Kind::Cancel(responses::Nothing {}), Then::Show),
        StoredPart::InputItems => (
            call::Kind::InputItems(page(&stream.call.query)?),
            Then::Show,
        ),
    };
    begin(host, stream, id, kind).map(|call| then.after(call))
}

/// What the caller gets who asked about a response.
pub(super) fn shown(stream: &Stream, answer: answer::Kind) -> Result<String, ErrorInfo> {
    let id = match &stream.call.endpoint {
        Endpoint::Stored { id, .. } => id,
        _ => "",
    };
    match answer {
        answer::Kind::Refused(refused) => Err(self::refused(&refused)),
        answer::Kind::Json(json) => Ok(json),
        answer::Kind::NoSuchItem(_) => Err(ErrorInfo::new(
            ErrorKind::InvalidRequest,
            "'after' is not the id of an input item of this response.",
        )
        .with_param("after")),
        answer::Kind::NotFound(_) | answer::Kind::TooLong(_) | answer::Kind::Context(_) => {
            Err(not_found(id))
        }
    }
}

/// What the control plane says that the caller gets: a [`responses::Refused`].
fn refused(json: &str) -> ErrorInfo {
    let Ok(refused) = Json::parse_text(json, &Limits::response()) else {
        return away();
    };
    let [status, message, param, code] = refused.members(["status", "message", "param", "code"]);
    let text = |value: Option<Json<'_>>| {
        let text = value.and_then(Json::as_str).unwrap_or_default();
        text.into_owned()
    };
    let kind = match status.and_then(Json::as_u64) {
        Some(404) => ErrorKind::NotFound,
        Some(413) => ErrorKind::RequestTooLarge,
        Some(429) => ErrorKind::RateLimited,
        Some(503) => ErrorKind::Overloaded,
        _ => ErrorKind::InvalidRequest,
    };
    let mut error = ErrorInfo::new(kind, text(message));
    error.param = Some(text(param)).filter(|param| !param.is_empty());
    match text(code) {
        code if code.is_empty() => error,
        code => error.with_code(code),
    }
}

/// What a call that has ended brought; an error when it brought nothing.
pub(super) fn answered(message: Option<Vec<u8>>) -> Result<answer::Kind, ErrorInfo> {
    let answer = message.and_then(|message| Answer::decode(message.as_slice()).ok());
    answer.and_then(|answer| answer.kind).ok_or_else(away)
}

fn begin(host: &dyn Host, stream: &Stream, id: &str, kind: call::Kind) -> Result<u32, ErrorInfo> {
    let token = stream.token.as_ref().ok_or_else(refusal::no_token)?;
    let message = Call {
        group: token.group.clone(),
        id: id.to_owned(),
        kind: Some(kind),
    };
    let service = (responses::SERVICE, responses::METHOD);
    let call = control::call(host, service, &message.encode_to_vec(), TIMEOUT_MS);
    call.ok_or_else(away)
}

fn page(query: &str) -> Result<InputItems, ErrorInfo> {
    let invalid = |name: &'static str, rule: &str| {
        ErrorInfo::new(
            ErrorKind::InvalidRequest,
            format!("'{name}' must be {rule}."),
        )
        .with_param(name)
    };
    let limit = match parameter(query, "limit") {
        None => ITEMS_DEFAULT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=ITEMS_MAX).contains(limit))
            .ok_or_else(|| invalid("limit", "a number from 1 to 100"))?,
    };
    let descending = match parameter(query, "order") {
        // By the API reference.
        None | Some("desc") => true,
        Some("asc") => false,
        Some(_) => return Err(invalid("order", "'asc' or 'desc'")),
    };
    let after = parameter(query, "after").unwrap_or_default().to_owned();
    Ok(InputItems {
        after,
        limit,
        descending,
    })
}

/// A parameter of a query. Nothing that is looked for here needs escapes.
fn parameter<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// An id as it may be shown: what the caller wrote may be anything.
fn short(id: &str) -> String {
    id.chars().take(100).collect()
}

fn not_found(id: &str) -> ErrorInfo {
    let message = format!("Response with id '{}' not found.", short(id));
    ErrorInfo::new(ErrorKind::NotFound, message)
}

fn away() -> ErrorInfo {
    ErrorInfo::new(
        ErrorKind::Overloaded,
        "What is kept cannot be reached at the moment; try again.",
    )
}

#[cfg(test)]
mod tests;
