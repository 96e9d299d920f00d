//! `chat.completion.chunk` events into neutral ones.
//!
//! ```text
//! Fresh ──chunk──► Running ──finish_reason of a choice──► Running ──[DONE]──► End
//! ```

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::answer;
use crate::dialect::Dialect;
use crate::error::{self, ErrorInfo};
use crate::json::{Json, Kind, Limits};
use crate::neutral::StreamEvent;
use crate::openai_chat::read_response::stop_reason;
use crate::openai_chat::{thinking, usage};
use crate::sse;
use crate::stream::StreamReader;

type Emit<'e> = dyn FnMut(StreamEvent<'_>) + 'e;

/// More choices or calls than this are ignored: what is known of each is kept.
const MAX_CHOICES: usize = 128;
const MAX_CALLS: usize = 1_024;

#[derive(Default)]
pub(super) struct Reader {
    started: bool,
    choices: BTreeMap<u32, ChoiceState>,
}

#[derive(Default)]
struct ChoiceState {
    calls: Vec<Call>,
    finished: bool,
}

/// One tool call as the upstream names it.
struct Call {
    index: Option<u64>,
    id: String,
    /// Arguments that came before the name did; nothing once the call is known.
    unnamed: Option<String>,
}

// === impl Reader ===

impl StreamReader for Reader {
    fn read(&mut self, event: &sse::Event<'_>, emit: &mut Emit<'_>) {
        let Some(data) = event.data.as_deref().map(str::trim) else {
            return;
        };
        if data == "[DONE]" {
            return emit(StreamEvent::End);
        }
        let Ok(chunk) = Json::parse_text(data, &Limits::response()) else {
            // An unfinished rest at the end of the stream is a cut, not an error.
            if event.terminated && !data.is_empty() {
                emit(StreamEvent::Error(unreadable()));
            }
            return;
        };
        if let Some(error) = answer::error_in(Dialect::OpenaiChat, chunk) {
            if let Some(usage) = usage::of_answer(chunk).filter(|_| self.started) {
                emit(StreamEvent::Usage(usage));
            }
            return emit(StreamEvent::Error(error));
        }
        if event.name == "error" {
            let error = error::read_error(Dialect::OpenaiChat, 200, data.as_bytes());
            return emit(StreamEvent::Error(error));
        }
        self.chunk(chunk, emit);
    }
}

impl Reader {
    fn chunk(&mut self, chunk: Json<'_>, emit: &mut Emit<'_>) {
        let choices = chunk.get("choices").map(Json::items).into_iter().flatten();
        // Azure sends a first chunk without choices, about the prompt's filter only.
        for (position, choice) in (0_u64..).zip(choices) {
            self.start(chunk, emit);
            let index = choice
                .get("index")
                .and_then(Json::as_u64)
                .unwrap_or(position);
            let Ok(index) = u32::try_from(index) else {
                continue;
            };
            if self.choices.len() < MAX_CHOICES || self.choices.contains_key(&index) {
                self.choices
                    .entry(index)
                    .or_default()
                    .read(index, choice, emit);
            }
        }
        if let Some(usage) = usage::of_answer(chunk) {
            self.start(chunk, emit);
            emit(StreamEvent::Usage(usage));
        }
    }

    fn start(&mut self, chunk: Json<'_>, emit: &mut Emit<'_>) {
        if !self.started {
            self.started = true;
            let model = chunk
                .get("model")
                .and_then(Json::as_str)
                .unwrap_or_default();
            emit(StreamEvent::Start { model });
        }
    }
}

// === impl ChoiceState ===

impl ChoiceState {
    fn read(&mut self, choice: u32, json: Json<'_>, emit: &mut Emit<'_>) {
        if self.finished {
            // Some providers repeat the last chunk to carry the usage.
            return;
        }
        if let Some(delta) = json.get("delta").or_else(|| json.get("message")) {
            self.delta(choice, delta, emit);
        }
        let reason = json.get("finish_reason").and_then(Json::as_str);
        if let Some(reason) = reason.filter(|reason| !reason.is_empty()) {
            self.finished = true;
            emit(StreamEvent::Finish {
                choice,
                stop: stop_reason(Some(&reason), !self.calls.is_empty()),
                stop_sequence: None,
            });
        }
    }

    fn delta(&mut self, choice: u32, delta: Json<'_>, emit: &mut Emit<'_>) {
        self::thoughts(choice, delta, emit);
        if let Some(content) = delta.get("content") {
            self::content(choice, content, emit);
        }
        if let Some(text) = non_empty(delta.get("refusal")) {
            emit(StreamEvent::Refusal { choice, text });
        }
        let calls = delta.get("tool_calls").map(Json::items);
        for call in calls.into_iter().flatten() {
            self.tool_call(choice, call, emit);
        }
    }

    /// A call is new when its id is; without an id, when its index is. Ids and names
    /// may be repeated in every chunk, be empty in later ones, and every call may
    /// claim to be number 0.
    fn tool_call(&mut self, choice: u32, json: Json<'_>, emit: &mut Emit<'_>) {
        let index = json.get("index").and_then(Json::as_u64);
        let id = json.get("id").and_then(Json::as_str).unwrap_or_default();
        let function = json.get("function");
        let name = non_empty(function.and_then(|function| function.get("name")));
        let arguments = function.and_then(|function| function.get("arguments"));

        let known = match (&*id, index) {
            ("", Some(_)) => self.calls.iter().rposition(|call| call.index == index),
            // Neither id nor index: a name begins a call, anything else continues one.
            ("", None) if name.is_some() => None,
            ("", None) => self.calls.len().checked_sub(1),
            (id, _) => self
                .calls
                .iter()
                .rposition(|call| call.id == id || call.id.is_empty() && call.index == index),
        };
        let position = known.unwrap_or_else(|| {
            self.calls.push(Call {
                index,
                id: id.clone().into_owned(),
                unnamed: Some(String::new()),
            });
            self.calls.len() - 1
        });
        let Ok(number) = u32::try_from(position) else {
            return;
        };
        let Some(call) = self
            .calls
            .get_mut(position)
            .filter(|_| position < MAX_CALLS)
        else {
            self.calls.truncate(MAX_CALLS);
            return;
        };
        if let Some(name) = name
            && let Some(early) = call.unnamed.take()
        {
            emit(StreamEvent::ToolCall {
                choice,
                call: number,
                id: call.id.as_str().into(),
                name,
            });
            if !early.is_empty() {
                emit(StreamEvent::Arguments {
                    choice,
                    call: number,
                    json: early.into(),
                });
            }
        }
        if let Some(json) = fragment(arguments) {
            match &mut call.unnamed {
                Some(early) => early.push_str(&json),
                None => emit(StreamEvent::Arguments {
                    choice,
                    call: number,
                    json,
                }),
            }
        }
    }
}

/// Blocks that can be replayed count, else whatever text there is.
fn thoughts(choice: u32, delta: Json<'_>, emit: &mut Emit<'_>) {
    let blocks = delta
        .get("thinking_blocks")
        .filter(|blocks| blocks.items().next().is_some());
    let Some(blocks) = blocks else {
        if let Some(text) = thinking::text_of(delta).filter(|text| !text.is_empty()) {
            let text = text.into();
            emit(StreamEvent::Thinking { choice, text });
        }
        return;
    };
    for block in blocks.items() {
        if let Some(text) = non_empty(block.get("thinking")) {
            emit(StreamEvent::Thinking { choice, text });
        }
        if let Some(signature) = non_empty(block.get("signature")) {
            emit(StreamEvent::Signature { choice, signature });
        }
        if let Some(data) = non_empty(block.get("data")) {
            emit(StreamEvent::RedactedThinking { choice, data });
        }
    }
}

/// A string, or Mistral's array of parts.
fn content(choice: u32, content: Json<'_>, emit: &mut Emit<'_>) {
    if let Some(text) = non_empty(Some(content)) {
        return emit(StreamEvent::Text { choice, text });
    }
    for part in content.items() {
        if let Some(text) = non_empty(part.get("text")) {
            emit(StreamEvent::Text { choice, text });
        }
        let text = thinking::mistral_text(part);
        if !text.is_empty() {
            let text = text.into();
            emit(StreamEvent::Thinking { choice, text });
        }
    }
}

/// Arguments: a fragment of JSON as a string, or, from some, a whole object.
fn fragment(arguments: Option<Json<'_>>) -> Option<Cow<'_, str>> {
    let arguments = arguments?;
    match arguments.kind() {
        Kind::Object => Some(arguments.raw().into()),
        _ => non_empty(Some(arguments)),
    }
}

fn non_empty(json: Option<Json<'_>>) -> Option<Cow<'_, str>> {
    json?.as_str().filter(|text| !text.is_empty())
}

fn unreadable() -> ErrorInfo {
    ErrorInfo::upstream("The upstream sent an event that could not be read.")
}
