//! Neutral events as Responses stream events.
//!
//! ```text
//! stream    = created in_progress *item ( completed / incomplete / failed )
//! item      = output_item.added *inside output_item.done
//! message   = content_part.added *delta text.done content_part.done         ; each part
//! reasoning = reasoning_summary_part.added *delta text.done part.done
//! call      = *arguments.delta arguments.done
//! error     = error                  ; where the stream has not begun
//! ```
//!
//! `sequence_number` counts the events from 0. Calls stay open until a block or the
//! answer ends: several may be open at once, told apart by their `output_index`. The
//! last event repeats the whole output, so it is kept until then.

use crate::error::ErrorInfo;
use crate::json::JsonWriter;
use crate::neutral::{CallKind, StopReason, StreamEvent, Usage};
use crate::openai_chat::error;
use crate::openai_responses::output::{self, Item, Kind, Part, Status, call_names};
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

    fn response_event(&mut self, name: &str, status: Status<'_>, out: &mut Vec<u8>) {
        self.event(name, out, |writer, w| {
            let used = Some(&writer.usage).filter(|usage| !usage.is_empty());
            let used = used.filter(|_| !matches!(status, Status::InProgress));
            w.field_object("response", |w| {
                output::response(&writer.reply, status, &writer.items, used, w);
            });
        });
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.started, true) {
            self.response_event("response.created", Status::InProgress, out);
            self.response_event("response.in_progress", Status::InProgress, out);
        }
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

    fn open(&mut self, kind: Kind, out: &mut Vec<u8>) -> usize {
        self.start(out);
        let index = self.items.len();
        self.items.push(Item::new(kind, index, &self.reply));
        self.current = index;
        self.item_event("response.output_item.added", index, out, |item, w| {
            w.field_object("item", |w| item.members(false, w));
        });
        index
    }

    /// Ends whatever is open and not a call: those may go on beside anything.
    fn close_current(&mut self, out: &mut Vec<u8>) {
        let is_call = |item: &Item| matches!(item.kind, Kind::Call { .. });
        if self
            .items
            .get(self.current)
            .is_some_and(|item| !is_call(item))
        {
            self.close(self.current, out);
        }
    }

    fn close(&mut self, index: usize, out: &mut Vec<u8>) {
        let Some(item) = self.items.get(index).filter(|item| !item.done) else {
            return;
        };
        match &item.kind {
            Kind::Message(_) => self.close_part(index, out),
            Kind::Reasoning { summary, .. } if !summary.is_empty() => {
                self.item_event(
                    "response.reasoning_summary_text.done",
                    index,
                    out,
                    |item, w| {
                        w.field_u64("summary_index", 0);
                        w.field_str("text", item.summary());
                    },
                );
                self.item_event(
                    "response.reasoning_summary_part.done",
                    index,
                    out,
                    |item, w| {
                        w.field_u64("summary_index", 0);
                        w.field_object("part", |w| reasoning::summary_part(item.summary(), w));
                    },
                );
            }
            Kind::Reasoning { .. } => {}
            Kind::Call {
                kind, arguments, ..
            } => {
                let kind = *kind;
                if arguments.is_empty() && kind == CallKind::Function {
                    // Arguments must be JSON in the end.
                    self.arguments_of(index, "{}", out);
                }
                let name = match kind {
                    CallKind::Function => "response.function_call_arguments.done",
                    CallKind::Custom => "response.custom_tool_call_input.done",
                };
                self.item_event(name, index, out, |item, w| {
                    if let Kind::Call {
                        kind,
                        name,
                        arguments,
                        ..
                    } = &item.kind
                    {
                        let (_, key) = call_names(*kind);
                        if *kind == CallKind::Function {
                            w.field_str("name", name);
                        }
                        w.field_str(key, arguments);
                    }
                });
            }
        }
        if let Some(item) = self.items.get_mut(index) {
            item.done = true;
        }
        let cut = matches!(
            self.finish,
            Some(StopReason::MaxTokens | StopReason::ContextWindow)
        ) && index + 1 == self.items.len();
        self.item_event("response.output_item.done", index, out, |item, w| {
            w.field_object("item", |w| item.members(cut, w));
        });
    }

    fn close_part(&mut self, index: usize, out: &mut Vec<u8>) {
        let Some((number, refusal)) = self.open_part(index) else {
            return;
        };
        let (name, key) = match refusal {
            true => ("response.refusal.done", "refusal"),
            false => ("response.output_text.done", "text"),
        };
        self.item_event(name, index, out, |item, w| {
            w.field_u64("content_index", number as u64);
            if !refusal {
                w.field_array("logprobs", |_| {});
            }
            w.field_str(key, item.last_text());
        });
        self.item_event("response.content_part.done", index, out, |item, w| {
            w.field_u64("content_index", number as u64);
            if let Kind::Message(parts) = &item.kind
                && let Some(part) = parts.last()
            {
                w.field_object("part", |w| part.members(&part.text, w));
            }
        });
        if let Some(Kind::Message(parts)) = self.items.get_mut(index).map(|item| &mut item.kind)
            && let Some(part) = parts.last_mut()
        {
            part.done = true;
        }
    }

    /// The number of the part that is open in a message, and whether it is a refusal.
    fn open_part(&self, index: usize) -> Option<(usize, bool)> {
        let item = self.items.get(index).filter(|item| !item.done)?;
        let Kind::Message(parts) = &item.kind else {
            return None;
        };
        let last = parts.last().filter(|part| !part.done)?;
        Some((parts.len() - 1, last.refusal))
    }

    fn text(&mut self, refusal: bool, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        let (index, number) = self.part(refusal, out);
        if let Some(Kind::Message(parts)) = self.items.get_mut(index).map(|item| &mut item.kind)
            && let Some(part) = parts.last_mut()
        {
            part.text.push_str(text);
        }
        let name = match refusal {
            true => "response.refusal.delta",
            false => "response.output_text.delta",
        };
        self.item_event(name, index, out, |_, w| {
            w.field_u64("content_index", number as u64);
            w.field_str("delta", text);
            if !refusal {
                w.field_array("logprobs", |_| {});
            }
        });
    }

    /// The open part of this kind, opened if need be.
    fn part(&mut self, refusal: bool, out: &mut Vec<u8>) -> (usize, usize) {
        let in_message = self
            .items
            .get(self.current)
            .is_some_and(|item| !item.done && matches!(item.kind, Kind::Message(_)));
        let index = match in_message {
            true => self.current,
            false => {
                self.close_current(out);
                self.open(Kind::Message(Vec::new()), out)
            }
        };
        match self.open_part(index) {
            Some((number, same)) if same == refusal => return (index, number),
            _ => self.close_part(index, out),
        }
        let mut number = 0;
        if let Some(Kind::Message(parts)) = self.items.get_mut(index).map(|item| &mut item.kind) {
            number = parts.len();
            parts.push(Part::new(refusal));
        }
        self.item_event("response.content_part.added", index, out, |_, w| {
            w.field_u64("content_index", number as u64);
            w.field_object("part", |w| Part::new(refusal).members("", w));
        });
        (index, number)
    }

    /// The reasoning item that is open, or a new one.
    fn reasoning(&mut self, out: &mut Vec<u8>) -> usize {
        let open = self
            .items
            .get(self.current)
            .is_some_and(|item| !item.done && matches!(item.kind, Kind::Reasoning { .. }));
        if open {
            return self.current;
        }
        self.close_current(out);
        let kind = Kind::Reasoning {
            summary: String::new(),
            encrypted: None,
        };
        self.open(kind, out)
    }

    fn thinking(&mut self, text: &str, out: &mut Vec<u8>) {
        let index = self.reasoning(out);
        if text.is_empty() {
            return;
        }
        let mut is_first = false;
        if let Some(Kind::Reasoning { summary, .. }) =
            self.items.get_mut(index).map(|item| &mut item.kind)
        {
            is_first = summary.is_empty();
            summary.push_str(text);
        }
        if is_first {
            self.item_event(
                "response.reasoning_summary_part.added",
                index,
                out,
                |_, w| {
                    w.field_u64("summary_index", 0);
                    w.field_object("part", |w| reasoning::summary_part("", w));
                },
            );
        }
        self.item_event(
            "response.reasoning_summary_text.delta",
            index,
            out,
            |_, w| {
                w.field_u64("summary_index", 0);
                w.field_str("delta", text);
            },
        );
    }

    /// Proof ends a reasoning item.
    fn prove(&mut self, proof: String, out: &mut Vec<u8>) {
        let index = self.reasoning(out);
        if let Some(Kind::Reasoning { encrypted, .. }) =
            self.items.get_mut(index).map(|item| &mut item.kind)
        {
            *encrypted = Some(proof);
        }
        self.close(index, out);
    }

    fn arguments(&mut self, call: u32, json: &str, out: &mut Vec<u8>) {
        let wanted =
            |item: &Item| matches!(item.kind, Kind::Call { call: known, .. } if known == call);
        if let Some(index) = self.items.iter().rposition(wanted)
            && !json.is_empty()
        {
            self.arguments_of(index, json, out);
        }
    }

    fn arguments_of(&mut self, index: usize, json: &str, out: &mut Vec<u8>) {
        let Some(item) = self.items.get_mut(index).filter(|item| !item.done) else {
            return;
        };
        let Kind::Call {
            kind, arguments, ..
        } = &mut item.kind
        else {
            return;
        };
        arguments.push_str(json);
        let name = match kind {
            CallKind::Function => "response.function_call_arguments.delta",
            CallKind::Custom => "response.custom_tool_call_input.delta",
        };
        self.current = index;
        self.item_event(name, index, out, |_, w| w.field_str("delta", json));
    }

    fn block_end(&mut self, out: &mut Vec<u8>) {
        let index = self.current;
        match self.items.get(index).map(|item| &item.kind) {
            // More parts may come.
            Some(Kind::Message(_)) => self.close_part(index, out),
            Some(_) => self.close(index, out),
            None => {}
        }
    }

    fn close_all(&mut self, out: &mut Vec<u8>) {
        for index in 0..self.items.len() {
            self.close(index, out);
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
            } => self.arguments(*call, json, out),
            StreamEvent::BlockEnd { choice: 0 } => self.block_end(out),
            StreamEvent::Finish {
                choice: 0, stop, ..
            } => {
                self.finish.get_or_insert(*stop);
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

// === impl Item ===

impl Item {
    fn summary(&self) -> &str {
        match &self.kind {
            Kind::Reasoning { summary, .. } => summary,
            _ => "",
        }
    }

    fn last_text(&self) -> &str {
        match &self.kind {
            Kind::Message(parts) => parts.last().map_or("", |part| &part.text),
            _ => "",
        }
    }
}
