//! Responses that the control plane keeps: what a caller asks about one, and the history of a
//! request that continues one. Both are asked for by a call of their own while the request is held:
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

use prost::Message;
use tollgate_config::responses::{self, Answer, Call, History, InputItems, answer, call};
use tollgate_host::{Host, Level};
use tollgate_protocol::conversation::{Continuation, continuation, continued, own_items};
use tollgate_protocol::{Body, Dialect, ErrorInfo, ErrorKind, Limits};

use super::control;
use super::counting::Counting;
use super::plan::Gathered;
use crate::call::{Endpoint, StoredPart};
use crate::memory::Hold;
use crate::operation::Operation;
use crate::refusal;
use crate::stream::{Keep, Stream};

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
    Plan(Gathered),
    /// Answer with the count.
    Count(Counting),
    /// Answer with it.
    Show,
    /// That it exists is all that matters.
    Cancel,
    /// See what the budgets have now.
    Afford,
}

/// Asks what the request's head asks for.
pub(super) fn ask(host: &dyn Host, stream: &Stream) -> Result<Asked, ErrorInfo> {
    let Endpoint::Stored { id, part } = &stream.call.endpoint else {
        return Err(not_found(""));
    };
    let stores = stream.active.as_ref().map(|a| a.config.stores_responses);
    if stores != Some(true) || !responses::is_ours(id) {
        return Err(not_found(id));
    }
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
        StoredPart::Cancel => (call::Kind::Show(responses::Nothing {}), Then::Cancel),
        StoredPart::InputItems => (
            call::Kind::InputItems(page(&stream.call.query)?),
            Then::Show,
        ),
    };
    let call = begin(host, stream, id, kind)?;
    Ok(Asked { call, then })
}

/// Asks for the history of a request that continues one of our own responses; gives the request
/// back when there is nothing to ask. What else the request says of being kept is noted.
pub(super) fn ask_history(
    host: &dyn Host,
    stream: &mut Stream,
    gathered: Gathered,
) -> Result<Result<Asked, Gathered>, ErrorInfo> {
    let generates = match &stream.call.endpoint {
        Endpoint::Generate(Dialect::OpenaiResponses) => true,
        // A conversation is counted whole.
        Endpoint::Operation(Operation::Count {
            dialect: Dialect::OpenaiResponses,
            ..
        }) => false,
        _ => return Ok(Err(gathered)),
    };
    let Continuation {
        previous_response_id,
        store,
    } = continuation(&gathered.body)?;
    let active = stream.active.clone().ok_or_else(refusal::not_ready)?;
    let previous = previous_response_id.filter(|id| responses::is_ours(id));
    if generates && store && active.config.stores_responses {
        keep(host, stream, &gathered.body);
    }
    let Some(previous) = previous else {
        return Ok(Err(gathered));
    };
    if !active.config.stores_responses {
        return Err(no_previous(&previous));
    }
    let size = u64::try_from(gathered.size).unwrap_or(u64::MAX);
    let history = History {
        max_bytes: active.config.max_body_bytes.saturating_sub(size),
    };
    let call = begin(host, stream, &previous, call::Kind::History(history))?;
    stream.continues = Some(previous);
    Ok(Ok(Asked {
        call,
        then: Then::Plan(gathered),
    }))
}

/// Keeps the request's own items until its answer is whole.
fn keep(host: &dyn Host, stream: &mut Stream, body: &Body) {
    let input = own_items(body);
    if input.len() > responses::STORED_BYTES_MAX {
        host.log(
            Level::Warn,
            "a response is not kept: its input is too large",
        );
        return;
    }
    // Without room the answer says that it was not kept.
    stream.keep = Hold::take(input.len()).map(|hold| Keep {
        input,
        response: None,
        hold,
    });
}

/// The request with its history in front.
pub(super) fn with_history(
    stream: &Stream,
    gathered: Gathered,
    answer: answer::Kind,
) -> Result<Gathered, ErrorInfo> {
    let Gathered {
        body,
        mut hold,
        size,
        ..
    } = gathered;
    let previous = stream.continues.as_deref().unwrap_or_default();
    let active = stream.active.as_ref().ok_or_else(refusal::not_ready)?;
    let max = active.config.max_body_bytes;
    let history = match answer {
        answer::Kind::Json(history) => history,
        answer::Kind::TooLong(_) => return Err(too_long(max)),
        answer::Kind::NotFound(_) | answer::Kind::NoSuchItem(_) => {
            return Err(no_previous(previous));
        }
    };
    // It, and both together.
    if !hold.grow(history.len().saturating_mul(3).saturating_add(size)) {
        return Err(refusal::no_room());
    }
    let joined = continued(&body, &history).ok_or_else(away)?;
    drop((body, history));
    let size = joined.len();
    let limits = Limits::request(usize::try_from(max).unwrap_or(usize::MAX));
    if size > limits.max_bytes {
        return Err(too_long(max));
    }
    let body = Body::parse(joined, &limits)?;
    hold.shrink_to(size.saturating_mul(2));
    Ok(Gathered {
        body,
        hold,
        size,
        is_continued: true,
    })
}

/// What the caller gets who asked about a response.
pub(super) fn shown(
    stream: &Stream,
    then: &Then,
    answer: answer::Kind,
) -> Result<String, ErrorInfo> {
    let Endpoint::Stored { id, .. } = &stream.call.endpoint else {
        return Err(not_found(""));
    };
    match answer {
        answer::Kind::Json(_) if matches!(then, Then::Cancel) => Err(ErrorInfo::new(
            ErrorKind::InvalidRequest,
            "Cannot cancel a synchronous response.",
        )),
        answer::Kind::Json(json) => Ok(json),
        answer::Kind::NoSuchItem(_) => Err(ErrorInfo::new(
            ErrorKind::InvalidRequest,
            "'after' is not the id of an input item of this response.",
        )
        .with_param("after")),
        answer::Kind::NotFound(_) | answer::Kind::TooLong(_) => Err(not_found(id)),
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

/// OpenAI answers this one with 400.
fn no_previous(id: &str) -> ErrorInfo {
    let message = format!("Previous response with id '{}' not found.", short(id));
    ErrorInfo::new(ErrorKind::InvalidRequest, message)
        .with_param("previous_response_id")
        .with_code("previous_response_not_found")
}

fn too_long(max_bytes: u64) -> ErrorInfo {
    let message = format!(
        "The conversation that 'previous_response_id' continues is too long: with it, the request \
         may have {max_bytes} bytes, and it may have {} responses.",
        responses::CONVERSATION_RESPONSES_MAX
    );
    ErrorInfo::new(ErrorKind::RequestTooLarge, message)
        .with_param("previous_response_id")
        .with_code("request_too_large")
}

fn away() -> ErrorInfo {
    ErrorInfo::new(
        ErrorKind::Overloaded,
        "Stored responses cannot be reached at the moment; try again.",
    )
}

#[cfg(test)]
mod tests;
