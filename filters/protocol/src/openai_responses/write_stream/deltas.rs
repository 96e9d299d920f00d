//! What is inside an item as it grows: the parts of a message, the summary of
//! reasoning, the arguments of a call.

use super::Writer;
use crate::neutral::CallKind;
use crate::openai_responses::output::{Item, Kind, Part, call_names};
use crate::openai_responses::reasoning;
use crate::reply::unshown;
use crate::stream::StreamFault;

// === impl Writer: messages ===

impl Writer {
    pub(super) fn text(&mut self, refusal: bool, text: &str, out: &mut Vec<u8>) {
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
    pub(super) fn part(&mut self, refusal: bool, out: &mut Vec<u8>) -> (usize, usize) {
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

    /// The number of the part that is open in a message, and whether it is a refusal.
    fn open_part(&self, index: usize) -> Option<(usize, bool)> {
        let item = self.items.get(index).filter(|item| !item.done)?;
        let Kind::Message(parts) = &item.kind else {
            return None;
        };
        let last = parts.last().filter(|part| !part.done)?;
        Some((parts.len() - 1, last.refusal))
    }

    pub(super) fn close_part(&mut self, index: usize, out: &mut Vec<u8>) {
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
}

// === impl Writer: pictures ===

impl Writer {
    /// Comes whole; the caller is told the steps that it would have taken.
    pub(super) fn media(&mut self, media_type: &str, data: &str, out: &mut Vec<u8>) {
        let Some(picture) = Kind::picture(media_type, data) else {
            self.close_part(self.current, out);
            self.text(false, &unshown(media_type), out);
            return self.close_part(self.current, out);
        };
        self.close_current(out);
        let index = self.open(picture, out);
        for step in ["in_progress", "generating", "completed"] {
            let name = format!("response.image_generation_call.{step}");
            self.item_event(&name, index, out, |_, _| {});
        }
        self.close(index, out);
    }
}

// === impl Writer: reasoning ===

impl Writer {
    pub(super) fn thinking(&mut self, text: &str, out: &mut Vec<u8>) {
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
    pub(super) fn prove(&mut self, proof: String, out: &mut Vec<u8>) {
        let index = self.reasoning(out);
        if let Some(Kind::Reasoning { encrypted, .. }) =
            self.items.get_mut(index).map(|item| &mut item.kind)
        {
            *encrypted = Some(proof);
        }
        self.close(index, out);
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

    pub(super) fn close_summary(&mut self, index: usize, out: &mut Vec<u8>) {
        if self
            .items
            .get(index)
            .is_none_or(|item| item.summary().is_empty())
        {
            return;
        }
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
}

// === impl Writer: calls ===

impl Writer {
    pub(super) fn arguments(
        &mut self,
        call: u32,
        json: &str,
        out: &mut Vec<u8>,
    ) -> Result<(), StreamFault> {
        let wanted = |item: &Item| {
            !item.done && matches!(item.kind, Kind::Call { call: known, .. } if known == call)
        };
        match self.items.iter().rposition(wanted) {
            _ if json.is_empty() => {}
            Some(index) => self.arguments_of(index, json, out),
            None if json.trim().is_empty() => {}
            None => return Err(StreamFault::LateArguments),
        }
        Ok(())
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

    pub(super) fn close_arguments(&mut self, index: usize, out: &mut Vec<u8>) {
        let Some(Kind::Call {
            kind, arguments, ..
        }) = self.items.get(index).map(|item| &item.kind)
        else {
            return;
        };
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
