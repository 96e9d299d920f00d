//! Neutral events as Anthropic's stream events.
//!
//! ```text
//! stream = message_start *block message_delta message_stop
//! block  = content_block_start *content_block_delta content_block_stop
//! error  = error                      ; instead of everything from there on
//! ```
//!
//! Blocks are numbered from 0 without gaps and never overlap. A turn never ends with
//! thinking, for clients take its last block for the answer: a signature that stands for
//! itself waits for the block that it signs, and one that none follows (Gemini signs the
//! end of its texts too) is dropped, unless there were calls, whose turn goes on.
//!
//! Upstreams may interleave the arguments of parallel calls; then the call that is open keeps
//! streaming, and the others are held back until its arguments are whole JSON.

use crate::anthropic::read_response::stop_name;
use crate::anthropic::write_response::{call_id, head};
use crate::anthropic::{error, usage};
use crate::dialect::Dialect;
use crate::error::ErrorInfo;
use crate::json::{JsonWriter, ObjectEnd};
use crate::neutral::{StopReason, StreamEvent, Usage, shown_signature};
use crate::reply::{Reply, unshown};
use crate::stream::{StreamFault, StreamWriter};

pub(super) const STOP: &[u8] = b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

/// The most bytes of arguments that are held back.
const MAX_HELD_BYTES: usize = 1 << 20;

pub(super) struct Writer {
    reply: Reply,
    started: bool,
    /// The index of the next block.
    next: u64,
    open: Open,
    /// The signature of the block that comes next.
    proof: Option<String>,
    held: Vec<HeldCall>,
    calls_seen: bool,
    finish: Option<(StopReason, Option<String>)>,
    usage: Usage,
}

/// The block that is being written.
enum Open {
    None,
    Text,
    Thinking,
    Call { call: u32, end: ObjectEnd },
}

/// A call that waits for the open one to end.
struct HeldCall {
    call: u32,
    id: String,
    name: String,
    arguments: String,
}

// === impl Writer ===

impl Writer {
    pub(super) fn new(reply: Reply) -> Self {
        Self {
            reply,
            started: false,
            next: 0,
            open: Open::None,
            proof: None,
            held: Vec::new(),
            calls_seen: false,
            finish: None,
            usage: Usage::default(),
        }
    }

    /// The input is not known yet, so it counts 0 here; `message_delta` tells it.
    fn start(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        event("message_start", out, |w| {
            w.field_object("message", |w| {
                head(&self.reply, w);
                w.field_array("content", |_| {});
                w.field_null("stop_reason");
                w.field_null("stop_sequence");
                w.field_object("usage", |w| usage::members(&Usage::default(), w));
            });
        });
    }

    fn open_block(
        &mut self,
        block: Open,
        out: &mut Vec<u8>,
        members: impl FnOnce(&mut JsonWriter<'_>),
    ) {
        self.start(out);
        self.close(out);
        self.prove(out);
        self.begin(block, out, members);
    }

    fn begin(&mut self, block: Open, out: &mut Vec<u8>, members: impl FnOnce(&mut JsonWriter<'_>)) {
        event("content_block_start", out, |w| {
            w.field_u64("index", self.next);
            w.field_object("content_block", members);
        });
        self.open = block;
    }

    fn delta(&self, kind: &str, key: &str, text: &str, out: &mut Vec<u8>) {
        event("content_block_delta", out, |w| {
            w.field_u64("index", self.next);
            w.field_object("delta", |w| {
                w.field_str("type", kind);
                w.field_str(key, text);
            });
        });
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if let Open::None = std::mem::replace(&mut self.open, Open::None) {
            return;
        }
        event("content_block_stop", out, |w| {
            w.field_u64("index", self.next)
        });
        self.next += 1;
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        self.release_all(out);
        if text.is_empty() {
            return;
        }
        if !matches!(self.open, Open::Text) {
            self.open_block(Open::Text, out, |w| {
                w.field_str("type", "text");
                w.field_str("text", "");
            });
        }
        self.delta("text_delta", "text", text, out);
    }

    fn thinking(&mut self, text: &str, out: &mut Vec<u8>) {
        self.release_all(out);
        if !matches!(self.open, Open::Thinking) {
            self.open_block(Open::Thinking, out, empty_thinking);
        }
        self.delta("thinking_delta", "thinking", text, out);
    }

    fn sign(&mut self, signature: &str, out: &mut Vec<u8>) {
        if matches!(self.open, Open::Thinking) {
            self.delta("signature_delta", "signature", signature, out);
            self.close(out);
            return;
        }
        self.release_all(out);
        self.close(out);
        self.prove(out);
        self.proof = Some(signature.to_owned());
    }

    /// Writes the signature that waits, as a block of its own.
    fn prove(&mut self, out: &mut Vec<u8>) {
        if let Some(proof) = self.proof.take() {
            self.begin(Open::Thinking, out, empty_thinking);
            self.delta("signature_delta", "signature", &proof, out);
            self.close(out);
        }
    }

    fn redacted(&mut self, data: &str, out: &mut Vec<u8>) {
        self.release_all(out);
        self.open_block(Open::Text, out, |w| {
            w.field_str("type", "redacted_thinking");
            w.field_str("data", data);
        });
        self.close(out);
    }

    fn tool_call(&mut self, call: u32, id: &str, name: &str, out: &mut Vec<u8>) {
        self.calls_seen = true;
        let waits = matches!(&self.open, Open::Call { end, .. } if !end.is_reached());
        if waits || !self.held.is_empty() {
            self.held.push(HeldCall {
                call,
                id: id.to_owned(),
                name: name.to_owned(),
                arguments: String::new(),
            });
        } else {
            self.open_call(call, id, name, out);
        }
    }

    fn open_call(&mut self, call: u32, id: &str, name: &str, out: &mut Vec<u8>) {
        let id = call_id(id, &self.reply, call);
        let name = self.reply.aliases.original(name).to_owned();
        let end = ObjectEnd::default();
        self.open_block(Open::Call { call, end }, out, |w| {
            w.field_str("type", "tool_use");
            w.field_str("id", &id);
            w.field_str("name", &name);
            w.field_object("input", |_| {});
        });
    }

    fn arguments(&mut self, wanted: u32, json: &str, out: &mut Vec<u8>) -> Result<(), StreamFault> {
        match &mut self.open {
            Open::Call { call, end } if *call == wanted => {
                end.read(json);
                let whole = end.is_reached();
                if !json.is_empty() {
                    self.delta("input_json_delta", "partial_json", json, out);
                }
                if whole {
                    self.release_next(out);
                }
                Ok(())
            }
            _ => self.hold(wanted, json),
        }
    }

    fn hold(&mut self, wanted: u32, json: &str) -> Result<(), StreamFault> {
        let held: usize = self.held.iter().map(|held| held.arguments.len()).sum();
        if held + json.len() > MAX_HELD_BYTES {
            return Err(StreamFault::TooMuchHeldBack);
        }
        match self.held.iter_mut().find(|held| held.call == wanted) {
            Some(held) => held.arguments.push_str(json),
            None if json.trim().is_empty() => {}
            None => return Err(StreamFault::LateArguments),
        }
        Ok(())
    }

    /// Opens the calls that waited, up to one whose arguments are not whole yet.
    fn release_next(&mut self, out: &mut Vec<u8>) {
        while !self.held.is_empty() {
            if matches!(&self.open, Open::Call { end, .. } if !end.is_reached()) {
                return;
            }
            self.release_one(out);
        }
    }

    /// Nothing more can come for the calls that waited: something else has begun.
    fn release_all(&mut self, out: &mut Vec<u8>) {
        while !self.held.is_empty() {
            self.release_one(out);
        }
    }

    fn release_one(&mut self, out: &mut Vec<u8>) {
        let held = self.held.remove(0);
        self.open_call(held.call, &held.id, &held.name, out);
        if let Open::Call { end, .. } = &mut self.open {
            end.read(&held.arguments);
        }
        if !held.arguments.is_empty() {
            self.delta("input_json_delta", "partial_json", &held.arguments, out);
        }
    }
}

impl StreamWriter for Writer {
    fn write(&mut self, event: &StreamEvent<'_>, out: &mut Vec<u8>) -> Result<(), StreamFault> {
        match event {
            StreamEvent::Start { .. } => self.start(out),
            StreamEvent::Usage(usage) => self.usage.update(usage),
            StreamEvent::Text { choice: 0, text } | StreamEvent::Refusal { choice: 0, text } => {
                self.text(text, out);
            }
            StreamEvent::Thinking { choice: 0, text } => {
                self.thinking(text, out);
            }
            StreamEvent::Signature {
                choice: 0,
                by,
                signature,
            } => {
                self.sign(&shown_signature(*by, signature, Dialect::Anthropic), out);
            }
            StreamEvent::RedactedThinking { choice: 0, data } => self.redacted(data, out),
            StreamEvent::ToolCall {
                choice: 0,
                call,
                id,
                name,
                ..
            } => self.tool_call(*call, id, name, out),
            StreamEvent::Arguments {
                choice: 0,
                call,
                json,
            } => self.arguments(*call, json, out)?,
            StreamEvent::Media {
                choice: 0,
                media_type,
                ..
            } => {
                self.release_all(out);
                self.close(out);
                self.text(&unshown(media_type), out);
                self.close(out);
            }
            StreamEvent::BlockEnd { choice: 0 } => {
                self.release_all(out);
                self.close(out);
            }
            StreamEvent::Finish {
                choice: 0,
                stop,
                stop_sequence,
            } => {
                let stop_sequence = stop_sequence.as_deref().map(str::to_owned);
                self.finish = Some((*stop, stop_sequence));
            }
            // Other choices: this dialect has one.
            _ => {}
        }
        Ok(())
    }

    fn keep_alive(&mut self, out: &mut Vec<u8>) {
        event("ping", out, |_| {});
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.start(out);
        self.release_all(out);
        self.close(out);
        if self.calls_seen {
            self.prove(out);
        }
        let fallback = match self.calls_seen {
            true => StopReason::ToolUse,
            false => StopReason::EndOfTurn,
        };
        let (stop, stop_sequence) = self.finish.take().unwrap_or((fallback, None));
        event("message_delta", out, |w| {
            w.field_object("delta", |w| {
                w.field_str("stop_reason", stop_name(stop));
                match &stop_sequence {
                    Some(stop_sequence) => w.field_str("stop_sequence", stop_sequence),
                    None => w.field_null("stop_sequence"),
                }
            });
            w.field_object("usage", |w| usage::members(&self.usage, w));
        });
        out.extend_from_slice(STOP);
    }

    fn fail(&mut self, error: &ErrorInfo, out: &mut Vec<u8>) {
        out.extend_from_slice(b"event: error\ndata: ");
        JsonWriter::new(out).object(|w| error::members(w, error));
        out.extend_from_slice(b"\n\n");
    }
}

fn empty_thinking(w: &mut JsonWriter<'_>) {
    w.field_str("type", "thinking");
    w.field_str("thinking", "");
    w.field_str("signature", "");
}

/// One event, whose data begins with its own name as the type.
fn event(name: &str, out: &mut Vec<u8>, members: impl FnOnce(&mut JsonWriter<'_>)) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    JsonWriter::new(out).object(|w| {
        w.field_str("type", name);
        members(w);
    });
    out.extend_from_slice(b"\n\n");
}
