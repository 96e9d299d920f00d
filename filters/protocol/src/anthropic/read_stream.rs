//! Anthropic's stream events into neutral ones.
//!
//! ```text
//! message_start *( content_block_start *content_block_delta content_block_stop )
//! 1*message_delta message_stop            ; ping anywhere, error anywhere
//! ```

use litemap::LiteMap;

use crate::anthropic::read_response::stop_reason;
use crate::anthropic::usage::Told;
use crate::dialect::Dialect;
use crate::error::{self, ErrorInfo};
use crate::json::{Json, Limits};
use crate::neutral::{CallKind, StreamEvent};
use crate::sse;
use crate::stream::StreamReader;

type Emit<'e> = dyn FnMut(StreamEvent<'_>) + 'e;

/// Blocks that are open at once; in a legal stream it is one.
const MAX_FOREIGN: usize = 1_024;

/// There is one choice in this dialect.
const CHOICE: u32 = 0;

#[derive(Default)]
pub(super) struct Reader {
    told: Told,
    called: bool,
    /// Indexes of open blocks that nobody else understands, such as the provider's
    /// own tools: their deltas are passed over.
    foreign: LiteMap<u32, ()>,
}

impl StreamReader for Reader {
    fn read(&mut self, event: &sse::Event<'_>, emit: &mut Emit<'_>) {
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
        let kind = json.get("type").and_then(Json::as_str);
        match kind.as_deref().unwrap_or(event.name) {
            "message_start" => self.message_start(json, emit),
            "content_block_start" => self.block_start(json, emit),
            "content_block_delta" => self.block_delta(json, emit),
            "content_block_stop" => self.block_stop(json, emit),
            "message_delta" => self.message_delta(json, emit),
            "message_stop" => emit(StreamEvent::End),
            "error" => {
                let error = error::read_error(Dialect::Anthropic, 200, data.as_bytes());
                emit(StreamEvent::Error(error));
            }
            // `ping`, and whatever is added later.
            _ => {}
        }
    }
}

impl Reader {
    fn message_start(&mut self, json: Json<'_>, emit: &mut Emit<'_>) {
        let message = json.get("message");
        let model = message.and_then(|message| message.get("model")?.as_str());
        emit(StreamEvent::Start {
            model: model.unwrap_or_default(),
        });
        self.usage(message, emit);
    }

    fn message_delta(&mut self, json: Json<'_>, emit: &mut Emit<'_>) {
        self.usage(Some(json), emit);
        let text = |key| json.get("delta").and_then(|delta| delta.get(key)?.as_str());
        if let Some(reason) = text("stop_reason") {
            emit(StreamEvent::Finish {
                choice: CHOICE,
                stop: stop_reason(Some(&reason), self.called),
                stop_sequence: text("stop_sequence"),
            });
        }
    }

    fn usage(&mut self, holder: Option<Json<'_>>, emit: &mut Emit<'_>) {
        let usage = holder.and_then(|holder| holder.get("usage")?.non_null());
        if let Some(usage) = usage {
            self.told.update(usage);
            emit(StreamEvent::Usage(self.told.usage()));
        }
    }

    fn block_start(&mut self, json: Json<'_>, emit: &mut Emit<'_>) {
        let (Some(block), call) = (json.get("content_block"), index(json)) else {
            return;
        };
        let text = |key| block.get(key).and_then(Json::as_str).unwrap_or_default();
        match &*text("type") {
            "text" => some(text("text"), emit, |text| StreamEvent::Text {
                choice: CHOICE,
                text,
            }),
            "thinking" => some(text("thinking"), emit, |text| StreamEvent::Thinking {
                choice: CHOICE,
                text,
            }),
            "redacted_thinking" => emit(StreamEvent::RedactedThinking {
                choice: CHOICE,
                data: text("data"),
            }),
            "tool_use" => {
                self.called = true;
                emit(StreamEvent::ToolCall {
                    choice: CHOICE,
                    call,
                    id: text("id"),
                    name: text("name"),
                    kind: CallKind::Function,
                });
                // Usually empty here and told in deltas, but not by every imitator.
                let input = block
                    .get("input")
                    .filter(|input| input.entries().next().is_some());
                if let Some(input) = input {
                    emit(StreamEvent::Arguments {
                        choice: CHOICE,
                        call,
                        json: input.raw().into(),
                    });
                }
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
        let text = |key| delta.get(key).and_then(Json::as_str).unwrap_or_default();
        match &*text("type") {
            "text_delta" => some(text("text"), emit, |text| StreamEvent::Text {
                choice: CHOICE,
                text,
            }),
            "thinking_delta" => some(text("thinking"), emit, |text| StreamEvent::Thinking {
                choice: CHOICE,
                text,
            }),
            "signature_delta" => some(text("signature"), emit, |signature| {
                StreamEvent::Signature {
                    choice: CHOICE,
                    by: Dialect::Anthropic,
                    signature,
                }
            }),
            "input_json_delta" => some(text("partial_json"), emit, |json| StreamEvent::Arguments {
                choice: CHOICE,
                call,
                json,
            }),
            // `citations_delta`, and whatever is added later.
            _ => {}
        }
    }

    fn block_stop(&mut self, json: Json<'_>, emit: &mut Emit<'_>) {
        if self.foreign.remove(&index(json)).is_none() {
            emit(StreamEvent::BlockEnd { choice: CHOICE });
        }
    }
}

fn index(json: Json<'_>) -> u32 {
    let index = json.get("index").and_then(Json::as_u64).unwrap_or(0);
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// Emits what is made of the text, unless it is empty.
fn some<'a>(
    text: std::borrow::Cow<'a, str>,
    emit: &mut Emit<'_>,
    event: impl FnOnce(std::borrow::Cow<'a, str>) -> StreamEvent<'a>,
) {
    if !text.is_empty() {
        emit(event(text));
    }
}
