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

mod item;
mod texts;

use litemap::LiteMap;
use std::borrow::Cow;

use self::item::{Item, Kind};
use self::texts::{Family, part_text, text_event};
use crate::answer;
use crate::dialect::Dialect;
use crate::error::{self, ErrorInfo};
use crate::json::{Json, Limits};
use crate::neutral::StreamEvent;
use crate::openai_responses::read_response::stop_reason;
use crate::openai_responses::usage;
use crate::sse;
use crate::stream::StreamReader;

type Emit<'e> = dyn FnMut(StreamEvent<'_>) + 'e;

/// There is one choice in this dialect.
const CHOICE: u32 = 0;
/// Items beyond these are ignored: something is kept of each.
const MAX_ITEMS: usize = 4_096;

#[derive(Default)]
pub(super) struct Reader {
    model: String,
    started: bool,
    /// By their `output_index`.
    items: LiteMap<u64, Item>,
    /// For events that do not say where they belong.
    last: u64,
    calls_seen: bool,
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
