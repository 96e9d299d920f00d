//! One item while it is told: what of it was passed on, and what is news.

use litemap::LiteMap;
use std::borrow::Cow;

use super::texts::{Family, part_text};
use super::{CHOICE, Emit};
use crate::json::Json;
use crate::neutral::{CallKind, StreamEvent};
use crate::openai_responses::read_input::qualified;
use crate::openai_responses::read_response::picture;
use crate::openai_responses::reasoning::{BETWEEN_PARTS, Proof, proof};

/// Parts beyond these are ignored: something is kept of each.
const MAX_PARTS: usize = 1_024;

#[derive(Default)]
pub(super) struct Item {
    pub(super) kind: Kind,
    /// Bytes of each part that have been passed on; arguments are part 0.
    parts: LiteMap<(Family, u64), usize>,
    announced: bool,
    pub(super) done: bool,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    #[default]
    Unknown,
    Message,
    Reasoning,
    Call(CallKind),
    Picture,
    /// What only this dialect knows, such as the provider's own tools.
    Foreign,
}

// === impl Item ===

impl Item {
    /// Tells of a call as soon as its name is known.
    pub(super) fn announce(&mut self, index: u64, json: Json<'_>, emit: &mut Emit<'_>) {
        let Kind::Call(kind) = self.kind else {
            return;
        };
        let text = |key: &str| json.get(key).and_then(Json::as_str).unwrap_or_default();
        let (name, namespace) = (text("name"), text("namespace"));
        if name.is_empty() || std::mem::replace(&mut self.announced, true) {
            return;
        }
        let name = match namespace.is_empty() {
            true => name,
            false => qualified(&namespace, &name).as_str().to_owned().into(),
        };
        emit(StreamEvent::ToolCall {
            choice: CHOICE,
            call: number(index),
            id: text("call_id"),
            name,
            kind,
        });
    }

    pub(super) fn say(
        &mut self,
        index: u64,
        family: Family,
        part: u64,
        text: Cow<'_, str>,
        emit: &mut Emit<'_>,
    ) {
        let key = (family, part);
        let is_new = !self.parts.contains_key(&key);
        if is_new && self.parts.len() >= MAX_PARTS || self.is_repetition(family) {
            return;
        }
        if family == Family::Arguments && !self.announced {
            // They come again with the item, and so does the name.
            return;
        }
        let thinking = matches!(family, Family::Summary | Family::Reasoning);
        if thinking && is_new && !self.parts.is_empty() {
            emit(StreamEvent::Thinking {
                choice: CHOICE,
                text: BETWEEN_PARTS.into(),
            });
        }
        let told = self.parts.entry(key).or_default();
        *told = told.saturating_add(text.len());
        let choice = CHOICE;
        emit(match family {
            Family::Text => StreamEvent::Text { choice, text },
            Family::Refusal => StreamEvent::Refusal { choice, text },
            Family::Summary | Family::Reasoning => StreamEvent::Thinking { choice, text },
            Family::Arguments => StreamEvent::Arguments {
                choice,
                call: number(index),
                json: text,
            },
        });
    }

    pub(super) fn say_rest(
        &mut self,
        index: u64,
        family: Family,
        part: u64,
        whole: &str,
        emit: &mut Emit<'_>,
    ) {
        let told = self.parts.get(&(family, part)).copied().unwrap_or(0);
        if let Some(rest) = whole.get(told..).filter(|rest| !rest.is_empty()) {
            self.say(index, family, part, rest.into(), emit);
        }
    }

    /// Reasoning and its summary are one text; what came first is it.
    fn is_repetition(&self, family: Family) -> bool {
        let other = match family {
            Family::Summary => Family::Reasoning,
            Family::Reasoning => Family::Summary,
            _ => return false,
        };
        self.parts.keys().any(|(known, _)| *known == other)
    }

    /// Whatever the finished item holds that was not told before.
    pub(super) fn rest(&mut self, index: u64, json: Json<'_>, emit: &mut Emit<'_>) {
        match self.kind {
            Kind::Message => self.rest_of_parts(index, json, "content", emit),
            Kind::Reasoning => {
                self.rest_of_parts(index, json, "summary", emit);
                self.rest_of_parts(index, json, "content", emit);
                prove(json, emit);
            }
            Kind::Call(kind) => {
                let key = match kind {
                    CallKind::Function => "arguments",
                    CallKind::Custom => "input",
                };
                let arguments = json.get(key).and_then(Json::as_str).unwrap_or_default();
                self.say_rest(index, Family::Arguments, 0, &arguments, emit);
            }
            Kind::Picture => {
                if let Some((media_type, data)) = picture(json) {
                    emit(StreamEvent::Media {
                        choice: CHOICE,
                        media_type: media_type.into(),
                        data,
                    });
                }
            }
            Kind::Unknown | Kind::Foreign => {}
        }
    }

    fn rest_of_parts(&mut self, index: u64, json: Json<'_>, key: &str, emit: &mut Emit<'_>) {
        let parts = json.get(key).map(Json::items).into_iter().flatten();
        for (part, inside) in (0..).zip(parts) {
            if let Some((family, text)) = part_text(inside) {
                self.say_rest(index, family, part, &text, emit);
            }
        }
    }
}

fn prove(item: Json<'_>, emit: &mut Emit<'_>) {
    let text = |key: &str| item.get(key).and_then(Json::as_str).unwrap_or_default();
    let encrypted = text("encrypted_content").into_owned();
    match proof(&text("id"), encrypted.into()) {
        Some(Proof::Signature(signature)) => emit(StreamEvent::Signature {
            choice: CHOICE,
            by: signature.by,
            signature: signature.data.as_str().into(),
        }),
        Some(Proof::Redacted(data)) => emit(StreamEvent::RedactedThinking {
            choice: CHOICE,
            data: data.as_str().into(),
        }),
        None => {}
    }
}

// === impl Kind ===

impl Kind {
    pub(super) fn of(item: Json<'_>) -> Self {
        match item.get("type").and_then(Json::as_str).as_deref() {
            Some("message") => Self::Message,
            Some("reasoning") => Self::Reasoning,
            Some("function_call") => Self::Call(CallKind::Function),
            Some("image_generation_call") => Self::Picture,
            Some("custom_tool_call") => Self::Call(CallKind::Custom),
            _ => Self::Foreign,
        }
    }
}

fn number(index: u64) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
