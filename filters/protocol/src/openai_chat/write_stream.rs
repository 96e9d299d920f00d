//! Neutral events as `chat.completion.chunk` events.
//!
//! ```text
//! stream = role-chunk *delta-chunk 1*finish-chunk [usage-chunk] done
//! error  = data: {"error": …}     ; instead of everything from there on
//! ```
//!
//! Every chunk bears the same id, time and model. Between the role chunk and the
//! finish chunk, a tool call begins with a chunk that holds its index, id, type,
//! name and empty arguments; later ones hold index and arguments only.

use litemap::Entry;
use litemap::LiteMap;

use crate::dialect::Dialect;
use crate::error::ErrorInfo;
use crate::json::JsonWriter;
use crate::neutral::{CallKind, StopReason, StreamEvent, Usage, shown_signature};
use crate::openai_chat::read_response::finish_reason;
use crate::openai_chat::thinking::Placement;
use crate::openai_chat::write_response::{call_id, id, media};
use crate::openai_chat::{error, usage};
use crate::reply::Reply;
use crate::stream::{StreamFault, StreamWriter};

pub(super) const DONE: &[u8] = b"data: [DONE]\n\n";

pub(super) struct Writer {
    reply: Reply,
    id: String,
    choices: LiteMap<u32, ChoiceState>,
    usage: Usage,
}

#[derive(Default)]
struct ChoiceState {
    /// The upstream's numbers of the calls; the position is the index told.
    calls: Vec<(u32, CallKind)>,
    /// The calls that have no arguments yet. Arguments must be JSON in the end.
    bare: Vec<u32>,
    place: Placement,
    /// Whether more thinking would continue the last block.
    thinking_open: bool,
    /// Why it stopped, as told last: some upstreams tell it before the end, or in every chunk.
    stop: Option<StopReason>,
}

/// The head of a fragment of thinking.
struct ThinkingBlock {
    index: u64,
    position: Option<u64>,
}

// === impl Writer ===

impl Writer {
    pub(super) fn new(reply: Reply) -> Self {
        Self {
            id: id(&reply),
            reply,
            choices: LiteMap::new(),
            usage: Usage::default(),
        }
    }

    /// One chunk with one choice in it.
    fn chunk(
        &self,
        choice: u32,
        stop: Option<StopReason>,
        out: &mut Vec<u8>,
        delta: impl FnOnce(&mut JsonWriter<'_>),
    ) {
        self.event(out, |w| {
            w.field_array("choices", |w| {
                w.object(|w| {
                    w.field_u64("index", u64::from(choice));
                    w.field_object("delta", delta);
                    w.field_null("logprobs");
                    match stop {
                        Some(stop) => w.field_str("finish_reason", finish_reason(stop)),
                        None => w.field_null("finish_reason"),
                    }
                });
            });
            if self.reply.include_usage {
                w.field_null("usage");
            }
        });
    }

    fn event(&self, out: &mut Vec<u8>, members: impl FnOnce(&mut JsonWriter<'_>)) {
        out.extend_from_slice(b"data: ");
        JsonWriter::new(out).object(|w| {
            w.field_str("id", &self.id);
            w.field_str("object", "chat.completion.chunk");
            w.field_u64("created", self.reply.created_unix_s);
            w.field_str("model", &self.reply.model);
            members(w);
        });
        out.extend_from_slice(b"\n\n");
    }

    /// Opens a choice with its role, once.
    fn open(&mut self, choice: u32, out: &mut Vec<u8>) {
        if let Entry::Vacant(vacant) = self.choices.entry(choice) {
            vacant.insert(ChoiceState::default());
            self.chunk(choice, None, out, |w| {
                w.field_str("role", "assistant");
                w.field_str("content", "");
            });
        }
    }

    fn state(&mut self, choice: u32) -> &mut ChoiceState {
        self.choices.entry(choice).or_default()
    }

    /// Whatever is neither an argument nor another call ends the calls before it.
    fn settle(&mut self, choice: u32, out: &mut Vec<u8>) {
        for call in std::mem::take(&mut self.state(choice).bare) {
            self.arguments(choice, call, "{}", out);
        }
    }

    fn field(&mut self, choice: u32, key: &str, text: &str, out: &mut Vec<u8>) {
        self.settle(choice, out);
        self.end_thinking(choice);
        self.state(choice).place.text();
        self.chunk(choice, None, out, |w| w.field_str(key, text));
    }

    /// The text for people, and the same again in a form that can be replayed.
    fn thinking(&mut self, choice: u32, text: &str, out: &mut Vec<u8>) {
        self.settle(choice, out);
        let block = self.begin_thinking(choice);
        self.chunk(choice, None, out, |w| {
            w.field_str("reasoning_content", text);
            w.field_array("thinking_blocks", |w| {
                w.object(|w| block.members("thinking", "thinking", text, w));
            });
        });
    }

    /// What ends a thinking block, or is a whole one: a signature, redacted data.
    fn thinking_end(&mut self, choice: u32, kind: &str, key: &str, text: &str, out: &mut Vec<u8>) {
        self.settle(choice, out);
        let block = self.begin_thinking(choice);
        self.chunk(choice, None, out, |w| {
            w.field_array("thinking_blocks", |w| {
                w.object(|w| block.members(kind, key, text, w));
            });
        });
        self.end_thinking(choice);
    }

    fn begin_thinking(&mut self, choice: u32) -> ThinkingBlock {
        let state = self.state(choice);
        let goes_on = std::mem::replace(&mut state.thinking_open, true);
        let (index, position) = state.place.current();
        ThinkingBlock {
            index,
            // Told once: SDKs that join fragments would add numbers up.
            position: position.filter(|_| !goes_on),
        }
    }

    fn end_thinking(&mut self, choice: u32) {
        let state = self.state(choice);
        if std::mem::take(&mut state.thinking_open) {
            state.place.end_thinking();
        }
    }

    fn tool_call(
        &mut self,
        choice: u32,
        call: u32,
        kind: CallKind,
        [id, name]: [&str; 2],
        out: &mut Vec<u8>,
    ) {
        self.end_thinking(choice);
        let state = self.state(choice);
        state.place.call();
        state.calls.push((call, kind));
        if kind == CallKind::Function {
            state.bare.push(call);
        }
        let index = state.calls.len() as u64 - 1;
        let id = call_id(id, &self.reply, call);
        let name = self.reply.aliases.original(name);
        self.chunk(choice, None, out, |w| {
            w.field_array("tool_calls", |w| {
                w.object(|w| {
                    w.field_u64("index", index);
                    w.field_str("id", &id);
                    let (kind, arguments) = member_names(kind);
                    w.field_str("type", kind);
                    w.field_object(kind, |w| {
                        w.field_str("name", name);
                        w.field_str(arguments, "");
                    });
                });
            });
        });
    }

    fn arguments(&mut self, choice: u32, call: u32, json: &str, out: &mut Vec<u8>) {
        if json.is_empty() {
            return;
        }
        let state = self.state(choice);
        state.bare.retain(|bare| *bare != call);
        let indexes = (0..).zip(&state.calls);
        let known = indexes.filter(|(_, (known, _))| *known == call).last();
        let Some((index, &(_, kind))) = known else {
            return;
        };
        self.chunk(choice, None, out, |w| {
            w.field_array("tool_calls", |w| {
                w.object(|w| {
                    w.field_u64("index", index);
                    let (kind, arguments) = member_names(kind);
                    w.field_object(kind, |w| w.field_str(arguments, json));
                });
            });
        });
    }
}

impl ThinkingBlock {
    fn members(&self, kind: &str, key: &str, text: &str, w: &mut JsonWriter<'_>) {
        w.field_u64("index", self.index);
        w.field_str("type", kind);
        w.field_str(key, text);
        if let Some(position) = self.position {
            w.field_u64("position", position);
        }
    }
}

/// What a call's object is called, and its arguments in it.
fn member_names(kind: CallKind) -> (&'static str, &'static str) {
    match kind {
        CallKind::Function => ("function", "arguments"),
        CallKind::Custom => ("custom", "input"),
    }
}

impl StreamWriter for Writer {
    fn write(&mut self, event: &StreamEvent<'_>, out: &mut Vec<u8>) -> Result<(), StreamFault> {
        match event {
            StreamEvent::Start { .. } => self.open(0, out),
            StreamEvent::Usage(usage) => self.usage.update(usage),
            StreamEvent::Text { choice, text } => {
                self.open(*choice, out);
                self.field(*choice, "content", text, out);
            }
            StreamEvent::Refusal { choice, text } => {
                self.open(*choice, out);
                self.field(*choice, "refusal", text, out);
            }
            StreamEvent::Thinking { choice, text } => {
                self.open(*choice, out);
                self.thinking(*choice, text, out);
            }
            StreamEvent::Signature {
                choice,
                by,
                signature,
            } => {
                self.open(*choice, out);
                let signature = shown_signature(*by, signature, Dialect::Anthropic);
                self.thinking_end(*choice, "thinking", "signature", &signature, out);
            }
            StreamEvent::RedactedThinking { choice, data } => {
                self.open(*choice, out);
                self.end_thinking(*choice);
                self.thinking_end(*choice, "redacted_thinking", "data", data, out);
            }
            StreamEvent::ToolCall {
                choice,
                call,
                id,
                name,
                kind,
            } => {
                self.open(*choice, out);
                self.tool_call(*choice, *call, *kind, [id, name], out);
            }
            StreamEvent::Arguments { choice, call, json } => {
                self.arguments(*choice, *call, json, out);
            }
            StreamEvent::Media {
                choice,
                media_type,
                data,
            } => {
                self.open(*choice, out);
                self.settle(*choice, out);
                self.end_thinking(*choice);
                self.chunk(*choice, None, out, |w| media(media_type, data, w));
            }
            StreamEvent::BlockEnd { choice } => {
                self.settle(*choice, out);
                self.end_thinking(*choice);
            }
            StreamEvent::Finish { choice, stop, .. } => {
                self.open(*choice, out);
                self.settle(*choice, out);
                self.state(*choice).stop = Some(*stop);
            }
            StreamEvent::End | StreamEvent::Error(_) => {}
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.open(0, out);
        let choices: Vec<u32> = self.choices.keys().copied().collect();
        for choice in choices {
            self.settle(choice, out);
            let state = self.state(choice);
            let stop = match state.stop {
                Some(stop) => stop,
                None if state.calls.is_empty() => StopReason::EndOfTurn,
                None => StopReason::ToolUse,
            };
            self.chunk(choice, Some(stop), out, |_| {});
        }
        if self.reply.include_usage {
            self.event(out, |w| {
                w.field_array("choices", |_| {});
                w.field_object("usage", |w| usage::members(&self.usage, w));
            });
        }
        out.extend_from_slice(DONE);
    }

    fn fail(&mut self, error: &ErrorInfo, out: &mut Vec<u8>) {
        out.extend_from_slice(b"data: ");
        JsonWriter::new(out).object(|w| w.field_object("error", |w| error::members(w, error)));
        out.extend_from_slice(b"\n\n");
    }
}
