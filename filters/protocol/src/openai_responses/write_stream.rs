//! Neutral events as Responses stream events.
//!
//! ```text
//! stream    = created in_progress *item ( completed / incomplete / failed )
//! item      = output_item.added *inside output_item.done
//! message   = content_part.added *delta text.done content_part.done         ; each part
//! picture   = in_progress generating completed
//! reasoning = reasoning_summary_part.added *delta text.done part.done
//! call      = *arguments.delta arguments.done
//! error     = error                  ; where the stream has not begun
//! ```
//!
//! `sequence_number` counts the events from 0. Calls stay open until a block or the
//! answer ends: several may be open at once, told apart by their `output_index`. The
//! last event repeats the whole output, so it is kept until then.

mod deltas;
mod items;

use crate::error::ErrorInfo;
use crate::json::JsonWriter;
use crate::neutral::{StopReason, StreamEvent, Usage};
use crate::openai_chat::error;
use crate::openai_responses::output::{self, Item, Status};
use crate::openai_responses::reasoning;
use crate::openai_responses::write_response::begun_call;
use crate::reply::Reply;
use crate::stream::{MAX_EVENT_BYTES, StreamFault, StreamWriter};

pub(super) struct Writer {
    reply: Reply,
    sequence: u64,
    items: Vec<Item>,
    /// The item that was written to last.
    current: usize,
    /// What the last event will have to repeat, in bytes.
    kept: usize,
    started: bool,
    finish: Option<StopReason>,
    usage: Usage,
}

// === impl Writer ===

impl Writer {
    pub(super) fn new(reply: Reply) -> Self {
        Self {
            reply,
            sequence: 0,
            items: Vec::new(),
            current: 0,
            kept: 0,
            started: false,
            finish: None,
            usage: Usage::default(),
        }
    }
}

impl StreamWriter for Writer {
    fn write(&mut self, event: &StreamEvent<'_>, out: &mut Vec<u8>) -> Result<(), StreamFault> {
        let more = match event {
            StreamEvent::Text { text, .. }
            | StreamEvent::Refusal { text, .. }
            | StreamEvent::Thinking { text, .. }
            | StreamEvent::Signature {
                signature: text, ..
            }
            | StreamEvent::RedactedThinking { data: text, .. }
            | StreamEvent::Arguments { json: text, .. } => text.len(),
            StreamEvent::ToolCall { id, name, .. } => id.len() + name.len(),
            StreamEvent::Media {
                media_type, data, ..
            } => media_type.len() + data.len(),
            _ => 0,
        };
        self.kept = self.kept.saturating_add(more);
        if self.kept > MAX_EVENT_BYTES {
            return Err(StreamFault::EventTooLarge);
        }
        match event {
            StreamEvent::Start { .. } => self.start(out),
            StreamEvent::Usage(usage) => self.usage.update(usage),
            StreamEvent::Text { choice: 0, text } => self.text(false, text, out),
            StreamEvent::Refusal { choice: 0, text } => self.text(true, text, out),
            StreamEvent::Thinking { choice: 0, text } => self.thinking(text, out),
            StreamEvent::Signature {
                choice: 0,
                by,
                signature,
            } => self.prove(reasoning::shown(*by, signature), out),
            StreamEvent::RedactedThinking { choice: 0, data } => {
                self.close_current(out);
                self.prove(reasoning::shown_redacted(data), out);
            }
            StreamEvent::ToolCall {
                choice: 0,
                call,
                id,
                name,
                kind,
            } => {
                self.close_current(out);
                let call = begun_call(*call, *kind, id, name, &self.reply);
                self.open(call, out);
            }
            StreamEvent::Arguments {
                choice: 0,
                call,
                json,
            } => self.arguments(*call, json, out)?,
            StreamEvent::Media {
                choice: 0,
                media_type,
                data,
            } => self.media(media_type, data, out),
            StreamEvent::BlockEnd { choice: 0 } => self.block_end(out),
            StreamEvent::Finish {
                choice: 0, stop, ..
            } => {
                self.finish = Some(*stop);
            }
            // Other choices: this dialect has one.
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.start(out);
        if self.items.is_empty() {
            // An answer without content is a message without text.
            self.part(false, out);
        }
        self.close_all(out);
        let stop = self.finish.unwrap_or_default();
        let name = match stop {
            StopReason::MaxTokens | StopReason::ContextWindow | StopReason::Refusal => {
                "response.incomplete"
            }
            _ => "response.completed",
        };
        self.response_event(name, Status::Ended(stop), out);
    }

    fn fail(&mut self, error: &ErrorInfo, out: &mut Vec<u8>) {
        let code = error::code(error);
        if self.started {
            let status = Status::Failed(code, &error.message);
            return self.response_event("response.failed", status, out);
        }
        self.event("error", out, |_, w| {
            w.field_str("code", code);
            w.field_str("message", &error.message);
            match &error.param {
                Some(param) => w.field_str("param", param),
                None => w.field_null("param"),
            }
        });
    }
}

// === impl Writer: events ===

impl Writer {
    fn start(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.started, true) {
            self.response_event("response.created", Status::InProgress, out);
            self.response_event("response.in_progress", Status::InProgress, out);
        }
    }

    fn response_event(&mut self, name: &str, status: Status<'_>, out: &mut Vec<u8>) {
        self.event(name, out, |writer, w| {
            let used = Some(&writer.usage).filter(|usage| !usage.is_empty());
            let used = used.filter(|_| !matches!(status, Status::InProgress));
            w.field_object("response", |w| {
                output::response(&writer.reply, status, &writer.items, used, w);
            });
        });
    }

    /// An event about an item, or about what is inside it.
    fn item_event(
        &mut self,
        name: &str,
        index: usize,
        out: &mut Vec<u8>,
        members: impl FnOnce(&Item, &mut JsonWriter<'_>),
    ) {
        self.event(name, out, |writer, w| {
            if let Some(item) = writer.items.get(index) {
                if !name.starts_with("response.output_item.") {
                    w.field_str("item_id", &item.id);
                }
                w.field_u64("output_index", index as u64);
                members(item, w);
            }
        });
    }

    /// One event, whose data begins with its own name and number.
    fn event(
        &mut self,
        name: &str,
        out: &mut Vec<u8>,
        members: impl FnOnce(&Self, &mut JsonWriter<'_>),
    ) {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\ndata: ");
        JsonWriter::new(out).object(|w| {
            w.field_str("type", name);
            w.field_u64("sequence_number", self.sequence);
            members(self, w);
        });
        out.extend_from_slice(b"\n\n");
        self.sequence += 1;
    }
}
