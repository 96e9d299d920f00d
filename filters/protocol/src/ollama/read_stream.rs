//! The objects of Ollama's stream into neutral events.
//!
//! ```text
//! *{message, done: false} {message, done: true, done_reason, counts}   ; or {error}
//! ```
//!
//! Calls come whole, several in one object or one in each of several.

use std::borrow::Cow;

use super::read_answer::{arguments, stop_reason, usage};
use crate::answer;
use crate::dialect::Dialect;
use crate::error::ErrorInfo;
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
    calls: u32,
}

impl StreamReader for Reader {
    fn read(&mut self, event: &Event<'_>, emit: &mut Emit<'_>) {
        let Some(data) = event.data.as_deref().map(str::trim) else {
            return;
        };
        let Ok(json) = Json::parse_text(data, &Limits::response()) else {
            // An unfinished rest at the end of the stream is a cut, not an error.
            if event.terminated && !data.is_empty() {
                let message = "The upstream sent an event that could not be read.";
                emit(StreamEvent::Error(ErrorInfo::upstream(message)));
            }
            return;
        };
        if let Some(error) = answer::error_in(Dialect::Ollama, json) {
            return emit(StreamEvent::Error(error));
        }
        let [model, message, done, reason] =
            json.members(["model", "message", "done", "done_reason"]);
        if message.is_none() && done.is_none() {
            return;
        }
        if !self.started {
            self.started = true;
            let model = model.and_then(Json::as_str).unwrap_or_default();
            emit(StreamEvent::Start { model });
        }
        if let Some(message) = message {
            self.message(message, emit);
        }
        if done.and_then(Json::as_bool) == Some(true) {
            let reason = reason.and_then(Json::as_str);
            emit(StreamEvent::Finish {
                choice: CHOICE,
                stop: stop_reason(reason.as_deref(), self.calls > 0),
                stop_sequence: None,
            });
            if let Some(usage) = usage(json) {
                emit(StreamEvent::Usage(usage));
            }
            emit(StreamEvent::End);
        }
    }
}

impl Reader {
    fn message(&mut self, message: Json<'_>, emit: &mut Emit<'_>) {
        let choice = CHOICE;
        let [content, thinking, calls] = message.members(["content", "thinking", "tool_calls"]);
        if let Some(text) = some(thinking) {
            emit(StreamEvent::Thinking { choice, text });
        }
        if let Some(text) = some(content) {
            emit(StreamEvent::Text { choice, text });
        }
        for told in calls.map(Json::items).into_iter().flatten() {
            let [id, function] = told.members(["id", "function"]);
            let name = function.and_then(|function| function.get("name"));
            let call = self.calls;
            self.calls = self.calls.saturating_add(1);
            emit(StreamEvent::ToolCall {
                choice,
                call,
                // Older versions give none.
                id: some(id).unwrap_or_default(),
                name: some(name).unwrap_or_default(),
                kind: CallKind::Function,
            });
            if let Some(json) = arguments(function) {
                let json = json.raw().into();
                emit(StreamEvent::Arguments { choice, call, json });
            }
            emit(StreamEvent::BlockEnd { choice });
        }
    }
}

/// The string, unless it is empty.
fn some(json: Option<Json<'_>>) -> Option<Cow<'_, str>> {
    json.and_then(Json::as_str).filter(|text| !text.is_empty())
}
