//! Responses stream events into neutral ones.
//!
//! ```text
//! stream = response.created *( queued / in_progress ) *item end
//! item   = output_item.added *( part / deltas / … ) output_item.done   ; may interleave
//! end    = response.completed / response.incomplete / response.failed / error
//! ```
//!
//! Text is told up to four times: in deltas, and whole when a part, its item and the
//! response are done. Each counts as far as it is news, so that providers which leave
//! out some of it lose nothing, and nothing is said twice. An answer begins with its
//! first item, not with `response.created`, after which most errors come.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::answer;
use crate::dialect::Dialect;
use crate::error::{self, ErrorInfo};
use crate::json::{Json, Limits};
use crate::neutral::{CallKind, StreamEvent};
use crate::openai_responses::read_input::qualified;
use crate::openai_responses::read_response::stop_reason;
use crate::openai_responses::reasoning::{BETWEEN_PARTS, Proof, proof};
use crate::openai_responses::usage;
use crate::sse;
use crate::stream::StreamReader;

type Emit<'e> = dyn FnMut(StreamEvent<'_>) + 'e;

/// There is one choice in this dialect.
const CHOICE: u32 = 0;
/// Items and parts beyond these are ignored: something is kept of each.
const MAX_ITEMS: usize = 4_096;
const MAX_PARTS: usize = 1_024;

#[derive(Default)]
pub(super) struct Reader {
    model: String,
    started: bool,
    /// By their `output_index`.
    items: BTreeMap<u64, Item>,
    /// For events that do not say where they belong.
    last: u64,
    calls_seen: bool,
}

#[derive(Default)]
struct Item {
    kind: Kind,
    /// Bytes of each part that have been passed on; arguments are part 0.
    parts: BTreeMap<(Family, u64), usize>,
    announced: bool,
    done: bool,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[default]
    Unknown,
    Message,
    Reasoning,
    Call(CallKind),
    /// What only this dialect knows, such as the provider's own tools.
    Foreign,
}

/// Which of the texts of an item a part belongs to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Family {
    Text,
    Refusal,
    Summary,
    Reasoning,
    Arguments,
}

// === impl Reader ===

impl StreamReader for Reader {
    fn read(&mut self, event: &sse::Event<'_>, emit: &mut Emit<'_>) {
        let Some(data) = event.data.as_deref().map(str::trim) else {
            return;
        };
        if data == "[DONE]" {
            // Not of this dialect, but sent.
            return;
        }
        let Ok(json) = Json::parse_text(data, &Limits::response()) else {
            // An unfinished rest at the end of the stream is a cut, not an error.
            if event.terminated && !data.is_empty() {
                let message = "The upstream sent an event that could not be read.";
                emit(StreamEvent::Error(ErrorInfo::upstream(message)));
            }
            return;
        };
        if let Some(error) = answer::error_in(Dialect::OpenaiResponses, json) {
            return emit(StreamEvent::Error(error));
        }
        let kind = json.get("type").and_then(Json::as_str);
        self.event(kind.as_deref().unwrap_or(event.name), json, emit);
    }
}

impl Reader {
    fn event(&mut self, kind: &str, json: Json<'_>, emit: &mut Emit<'_>) {
        let text = |key: &str| json.get(key).and_then(Json::as_str).unwrap_or_default();
        let number = |key: &str| json.get(key).and_then(Json::as_u64);
        let part = number("content_index")
            .or(number("summary_index"))
            .unwrap_or(0);
        match kind {
            "response.created" | "response.in_progress" | "response.queued" => {
                self.note_model(json);
            }
            "response.output_item.added" => {
                let item = json.get("item").unwrap_or(json);
                self.added(self.index(json), item, emit);
            }
            "response.output_item.done" => {
                let item = json.get("item").unwrap_or(json);
                self.done(self.index(json), item, emit);
            }
            "response.content_part.done" | "response.reasoning_summary_part.done" => {
                self.part_done(json, part, emit);
            }
            "response.completed" | "response.incomplete" => self.end(json, emit),
            "response.failed" | "response.cancelled" | "error" => {
                if let Some(response) = json.get("response")
                    && let Some(usage) = usage::of_answer(response)
                    && self.started
                {
                    emit(StreamEvent::Usage(usage));
                }
                let holder = json.get("response").unwrap_or(json).raw();
                let error = error::read_error(Dialect::OpenaiResponses, 200, holder.as_bytes());
                emit(StreamEvent::Error(error));
            }
            kind => {
                let Some((family, whole)) = text_event(kind) else {
                    // `ping`, `keepalive`, progress of hosted tools, what is added later.
                    return;
                };
                let index = self.index(json);
                if whole {
                    let key = match family {
                        Family::Refusal => "refusal",
                        Family::Arguments if kind.contains("custom") => "input",
                        Family::Arguments => "arguments",
                        _ => "text",
                    };
                    self.whole(index, family, part, text(key), emit);
                } else {
                    self.delta(index, family, part, text("delta"), emit);
                }
            }
        }
    }

    fn note_model(&mut self, json: Json<'_>) {
        let response = json.get("response").unwrap_or(json);
        if let Some(model) = response.get("model").and_then(Json::as_str) {
            self.model = model.into_owned();
        }
    }

    fn start(&mut self, emit: &mut Emit<'_>) {
        if !std::mem::replace(&mut self.started, true) {
            let model = std::mem::take(&mut self.model).into();
            emit(StreamEvent::Start { model });
        }
    }

    fn index(&self, json: Json<'_>) -> u64 {
        let index = json.get("output_index").and_then(Json::as_u64);
        index.unwrap_or(self.last)
    }

    fn item(&mut self, index: u64) -> Option<&mut Item> {
        self.last = index;
        if self.items.len() >= MAX_ITEMS && !self.items.contains_key(&index) {
            return None;
        }
        Some(self.items.entry(index).or_default())
    }

    fn added(&mut self, index: u64, json: Json<'_>, emit: &mut Emit<'_>) {
        self.start(emit);
        let kind = Kind::of(json);
        self.calls_seen |= matches!(kind, Kind::Call(_));
        if let Some(item) = self.item(index) {
            item.kind = kind;
            item.announce(index, json, emit);
        }
    }

    fn delta(
        &mut self,
        index: u64,
        family: Family,
        part: u64,
        text: Cow<'_, str>,
        emit: &mut Emit<'_>,
    ) {
        self.start(emit);
        if let Some(item) = self.item(index)
            && !item.done
            && !text.is_empty()
        {
            item.say(index, family, part, text, emit);
        }
    }

    /// The whole text of a part: the rest of it, as far as it was not told in deltas.
    fn whole(
        &mut self,
        index: u64,
        family: Family,
        part: u64,
        text: Cow<'_, str>,
        emit: &mut Emit<'_>,
    ) {
        self.start(emit);
        if let Some(item) = self.item(index).filter(|item| !item.done) {
            item.say_rest(index, family, part, &text, emit);
        }
    }

    fn part_done(&mut self, json: Json<'_>, part: u64, emit: &mut Emit<'_>) {
        let index = self.index(json);
        let Some(inside) = json.get("part") else {
            return;
        };
        if let Some((family, text)) = part_text(inside) {
            self.whole(index, family, part, text, emit);
            if matches!(family, Family::Text | Family::Refusal) {
                emit(StreamEvent::BlockEnd { choice: CHOICE });
            }
        }
    }

    fn done(&mut self, index: u64, json: Json<'_>, emit: &mut Emit<'_>) {
        self.start(emit);
        let kind = Kind::of(json);
        self.calls_seen |= matches!(kind, Kind::Call(_));
        let others_open = self.items.iter().any(|(other, item)| {
            *other != index && !item.done && matches!(item.kind, Kind::Call(_))
        });
        let Some(item) = self.item(index).filter(|item| !item.done) else {
            return;
        };
        item.kind = kind;
        item.announce(index, json, emit);
        item.rest(index, json, emit);
        item.done = true;
        // Among open calls nobody could tell which of them it ends.
        if kind != Kind::Foreign && !others_open {
            emit(StreamEvent::BlockEnd { choice: CHOICE });
        }
    }

    fn end(&mut self, json: Json<'_>, emit: &mut Emit<'_>) {
        self.note_model(json);
        self.start(emit);
        let response = json.get("response").unwrap_or(json);
        let output = response.get("output").map(Json::items);
        for (index, item) in (0..).zip(output.into_iter().flatten()) {
            self.done(index, item, emit);
        }
        if let Some(usage) = usage::of_answer(response) {
            emit(StreamEvent::Usage(usage));
        }
        emit(StreamEvent::Finish {
            choice: CHOICE,
            stop: stop_reason(response, self.calls_seen),
            stop_sequence: None,
        });
        emit(StreamEvent::End);
    }
}

// === impl Item ===

impl Item {
    /// Tells of a call as soon as its name is known.
    fn announce(&mut self, index: u64, json: Json<'_>, emit: &mut Emit<'_>) {
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

    fn say(
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

    fn say_rest(
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
    fn rest(&mut self, index: u64, json: Json<'_>, emit: &mut Emit<'_>) {
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
    fn of(item: Json<'_>) -> Self {
        match item.get("type").and_then(Json::as_str).as_deref() {
            Some("message") => Self::Message,
            Some("reasoning") => Self::Reasoning,
            Some("function_call") => Self::Call(CallKind::Function),
            Some("custom_tool_call") => Self::Call(CallKind::Custom),
            _ => Self::Foreign,
        }
    }
}

/// What an event tells the text of, and whether it tells the whole.
fn text_event(kind: &str) -> Option<(Family, bool)> {
    Some(match kind {
        "response.output_text.delta" => (Family::Text, false),
        "response.output_text.done" => (Family::Text, true),
        "response.refusal.delta" => (Family::Refusal, false),
        "response.refusal.done" => (Family::Refusal, true),
        "response.reasoning_summary_text.delta" => (Family::Summary, false),
        "response.reasoning_summary_text.done" => (Family::Summary, true),
        "response.reasoning_text.delta" => (Family::Reasoning, false),
        "response.reasoning_text.done" => (Family::Reasoning, true),
        "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
            (Family::Arguments, false)
        }
        "response.function_call_arguments.done" | "response.custom_tool_call_input.done" => {
            (Family::Arguments, true)
        }
        _ => return None,
    })
}

fn part_text(part: Json<'_>) -> Option<(Family, Cow<'_, str>)> {
    let (family, key) = match &*part.get("type")?.as_str()? {
        "output_text" | "text" => (Family::Text, "text"),
        "refusal" => (Family::Refusal, "refusal"),
        "summary_text" => (Family::Summary, "text"),
        "reasoning_text" => (Family::Reasoning, "text"),
        _ => return None,
    };
    Some((family, part.get(key)?.as_str()?))
}

fn number(index: u64) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
