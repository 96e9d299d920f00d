//! Cohere's stream events into neutral ones.
//!
//! ```text
//! message-start *tool-plan-delta *( tool-call-start *tool-call-delta tool-call-end )
//! *( content-start *content-delta content-end ) message-end   ; citations anywhere
//! ```

use std::borrow::Cow;

use super::read_response::{failure, stop_reason};
use super::usage;
use crate::dialect::Dialect;
use crate::error::{self, ErrorInfo};
use crate::framing::Event;
use crate::json::{Json, Limits};
use crate::neutral::{CallKind, StreamEvent};
use crate::stream::StreamReader;

type Emit<'e> = dyn FnMut(StreamEvent<'_>) + 'e;

/// There is one choice in this dialect.
const CHOICE: u32 = 0;

#[derive(Default)]
pub(super) struct Reader {
    started: bool,
}

impl StreamReader for Reader {
    fn read(&mut self, event: &Event<'_>, emit: &mut Emit<'_>) {
        let Some(data) = event.data.as_deref().map(str::trim) else {
            return;
        };
        if data == "[DONE]" {
            return;
        }
        let Ok(json) = Json::parse_text(data, &Limits::response()) else {
            // An unfinished rest at the end of the stream is a cut, not an error.
            if event.terminated && !data.is_empty() {
                let message = "The upstream sent an event that could not be read.";
                emit(StreamEvent::Error(ErrorInfo::upstream(message)));
            }
            return;
        };
        let [kind, delta, index] = json.members(["type", "delta", "index"]);
        let kind = kind.and_then(Json::as_str);
        let Some(kind) = kind
            .as_deref()
            .or(Some(event.name))
            .filter(|kind| is_known(kind))
        else {
            let is_error = event.name == "error" || json.get("message").is_some();
            if is_error || json.get("error").is_some() {
                let error = error::read_error(Dialect::Cohere, 200, data.as_bytes());
                emit(StreamEvent::Error(error));
            }
            // Citations, and whatever is added later.
            return;
        };
        // A stream that begins with its failure is an error, and no answer.
        let failed = kind == "message-end" && delta.and_then(failed).is_some();
        if !self.started && !failed {
            self.started = true;
            emit(StreamEvent::Start { model: "".into() });
        }
        let index = index.and_then(Json::as_u64).unwrap_or(0);
        let call = u32::try_from(index).unwrap_or(u32::MAX);
        let message = delta.and_then(|delta| delta.get("message"));
        let member = |key| message.and_then(|message| message.get(key));
        match kind {
            "content-start" | "content-delta" => content(member("content"), emit),
            "tool-plan-delta" => {
                if let Some(text) = some(member("tool_plan")) {
                    let choice = CHOICE;
                    emit(StreamEvent::Text { choice, text });
                }
            }
            "tool-call-start" => {
                let told = first(member("tool_calls"));
                let function = told.and_then(|told| told.get("function"));
                let text =
                    |json: Option<Json<'_>>| json.and_then(Json::as_str).map(Cow::into_owned);
                let id = text(told.and_then(|told| told.get("id"))).unwrap_or_default();
                let name = text(function.and_then(|told| told.get("name"))).unwrap_or_default();
                emit(StreamEvent::ToolCall {
                    choice: CHOICE,
                    call,
                    id: id.into(),
                    name: name.into(),
                    kind: CallKind::Function,
                });
                arguments(call, function, emit);
            }
            "tool-call-delta" => {
                let told = first(member("tool_calls"));
                arguments(call, told.and_then(|told| told.get("function")), emit);
            }
            "content-end" | "tool-call-end" => emit(StreamEvent::BlockEnd { choice: CHOICE }),
            "message-end" => end(delta, emit),
            _ => {}
        }
    }
}

fn is_known(kind: &str) -> bool {
    ["message-", "content-", "tool-"]
        .iter()
        .any(|known| kind.starts_with(known))
}

fn content(content: Option<Json<'_>>, emit: &mut Emit<'_>) {
    let choice = CHOICE;
    let Some(content) = content else {
        return;
    };
    if let Some(text) = some(content.get("text")) {
        emit(StreamEvent::Text { choice, text });
    }
    if let Some(text) = some(content.get("thinking")) {
        emit(StreamEvent::Thinking { choice, text });
    }
}

fn arguments(call: u32, function: Option<Json<'_>>, emit: &mut Emit<'_>) {
    if let Some(json) = some(function.and_then(|function| function.get("arguments"))) {
        let choice = CHOICE;
        emit(StreamEvent::Arguments { choice, call, json });
    }
}

fn end(delta: Option<Json<'_>>, emit: &mut Emit<'_>) {
    if let Some(usage) = delta.and_then(usage::of_holder) {
        emit(StreamEvent::Usage(usage));
    }
    if let Some(error) = delta.and_then(failed) {
        return emit(StreamEvent::Error(error));
    }
    let reason = delta.and_then(|delta| delta.get("finish_reason")?.as_str());
    emit(StreamEvent::Finish {
        choice: CHOICE,
        stop: stop_reason(reason.as_deref()),
        stop_sequence: None,
    });
    emit(StreamEvent::End);
}

fn failed(delta: Json<'_>) -> Option<ErrorInfo> {
    let reason = delta.get("finish_reason").and_then(Json::as_str);
    failure(reason.as_deref(), delta.get("error"))
}

/// One call, or the first of a list of them.
fn first(calls: Option<Json<'_>>) -> Option<Json<'_>> {
    let calls = calls?;
    calls.items().next().or(Some(calls))
}

/// The string, unless it is empty.
fn some(json: Option<Json<'_>>) -> Option<Cow<'_, str>> {
    json.and_then(Json::as_str).filter(|text| !text.is_empty())
}
