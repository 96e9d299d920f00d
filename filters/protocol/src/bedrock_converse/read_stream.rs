//! ConverseStream's events into neutral ones.
//!
//! ```text
//! messageStart *( [ contentBlockStart ] *contentBlockDelta contentBlockStop )
//! messageStop metadata                    ; an exception anywhere
//! ```
//!
//! `contentBlockStart` comes for tool calls only. Usage is in `metadata`, after the
//! reason to stop; a stream that lacks it is whole all the same.

use litemap::LiteMap;
use std::borrow::Cow;

use super::read_response::{is_hosted, note, redacted, stop_reason, stop_sequence};
use super::usage;
use crate::base64;
use crate::dialect::Dialect;
use crate::error::{self, ErrorInfo};
use crate::framing::Event;
use crate::json::{Json, Limits};
use crate::neutral::{CallKind, StreamEvent};
use crate::stream::{MAX_EVENT_BYTES, StreamReader};

type Emit<'e> = dyn FnMut(StreamEvent<'_>) + 'e;

/// Blocks that are open at once; in a legal stream it is one.
const MAX_FOREIGN: usize = 1_024;

/// There is one choice in this dialect.
const CHOICE: u32 = 0;

#[derive(Default)]
pub(super) struct Reader {
    started: bool,
    /// Whether there is anything but thinking.
    said: bool,
    called: bool,
    /// Redacted thinking of the open block, which comes in pieces.
    redacted: Vec<u8>,
    /// Indexes of open blocks that nobody else understands.
    foreign: LiteMap<u32, ()>,
}

impl StreamReader for Reader {
    fn read(&mut self, event: &Event<'_>, emit: &mut Emit<'_>) {
        let Some(data) = event.data.as_deref().map(str::trim) else {
            return;
        };
        let Ok(json) = Json::parse_text(data, &Limits::response()) else {
            if event.terminated && !data.is_empty() {
                let message = "The upstream sent an event that could not be read.";
                emit(StreamEvent::Error(ErrorInfo::upstream(message)));
            }
            return;
        };
        if event.name == "error" {
            let error = error::read_error(Dialect::BedrockConverse, 200, data.as_bytes());
            return emit(StreamEvent::Error(error));
        }
        if !self.started && KNOWN.contains(&event.name) {
            self.started = true;
            emit(StreamEvent::Start { model: "".into() });
        }
        match event.name {
            "contentBlockStart" => self.block_start(json, emit),
            "contentBlockDelta" => self.block_delta(json, emit),
            "contentBlockStop" => self.block_stop(json, emit),
            "messageStop" => {
                let reason = json.get("stopReason").and_then(Json::as_str);
                let note = reason.as_deref().and_then(note);
                if let Some(note) = note.filter(|_| !self.said) {
                    emit(StreamEvent::Text {
                        choice: CHOICE,
                        text: note.into(),
                    });
                }
                emit(StreamEvent::Finish {
                    choice: CHOICE,
                    stop: stop_reason(reason.as_deref(), self.called),
                    stop_sequence: stop_sequence(json),
                });
            }
            "metadata" => {
                if let Some(usage) = usage::of_holder(json) {
                    emit(StreamEvent::Usage(usage));
                }
                emit(StreamEvent::End);
            }
            // `messageStart`, and whatever is added later.
            _ => {}
        }
    }
}

/// What an answer is made of.
const KNOWN: [&str; 6] = [
    "messageStart",
    "contentBlockStart",
    "contentBlockDelta",
    "contentBlockStop",
    "messageStop",
    "metadata",
];

impl Reader {
    fn block_start(&mut self, json: Json<'_>, emit: &mut Emit<'_>) {
        let (start, call) = (json.get("start"), index(json));
        match start.and_then(|start| start.get("toolUse")) {
            Some(tool) if !is_hosted(tool) => {
                (self.said, self.called) = (true, true);
                let text = |key| tool.get(key).and_then(Json::as_str).unwrap_or_default();
                emit(StreamEvent::ToolCall {
                    choice: CHOICE,
                    call,
                    id: text("toolUseId"),
                    name: text("name"),
                    kind: CallKind::Function,
                });
            }
            _ if self.foreign.len() < MAX_FOREIGN => {
                self.foreign.insert(call, ());
            }
            _ => {}
        }
    }

    fn block_delta(&mut self, json: Json<'_>, emit: &mut Emit<'_>) {
        let (Some(delta), call) = (json.get("delta"), index(json)) else {
            return;
        };
        if self.foreign.contains_key(&call) {
            return;
        }
        let [text, tool, reasoning] = delta.members(["text", "toolUse", "reasoningContent"]);
        let choice = CHOICE;
        if let Some(text) = some(text) {
            self.said = true;
            emit(StreamEvent::Text { choice, text });
        }
        if let Some(json) = some(tool.and_then(|tool| tool.get("input"))) {
            emit(StreamEvent::Arguments { choice, call, json });
        }
        let Some(reasoning) = reasoning else {
            return;
        };
        let [text, signature, sealed] = reasoning.members(["text", "signature", "redactedContent"]);
        if let Some(text) = some(text) {
            emit(StreamEvent::Thinking { choice, text });
        }
        if let Some(signature) = some(signature) {
            emit(StreamEvent::Signature {
                choice,
                // As in whole answers.
                by: Dialect::Anthropic,
                signature,
            });
        }
        if let Some(bytes) = some(sealed).and_then(|sealed| base64::decode(&sealed))
            && self.redacted.len() + bytes.len() <= MAX_EVENT_BYTES
        {
            self.redacted.extend(bytes);
        }
    }

    fn block_stop(&mut self, json: Json<'_>, emit: &mut Emit<'_>) {
        if self.foreign.remove(&index(json)).is_some() {
            return;
        }
        let sealed = std::mem::take(&mut self.redacted);
        if let Some(data) = redacted(&sealed).filter(|data| !data.is_empty()) {
            emit(StreamEvent::RedactedThinking {
                choice: CHOICE,
                data: data.into(),
            });
        }
        emit(StreamEvent::BlockEnd { choice: CHOICE });
    }
}

/// The string, unless it is empty.
fn some(json: Option<Json<'_>>) -> Option<Cow<'_, str>> {
    json.and_then(Json::as_str).filter(|text| !text.is_empty())
}

fn index(json: Json<'_>) -> u32 {
    let index = json.get("contentBlockIndex").and_then(Json::as_u64);
    u32::try_from(index.unwrap_or(0)).unwrap_or(u32::MAX)
}
