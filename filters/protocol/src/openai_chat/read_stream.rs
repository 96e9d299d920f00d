//! `chat.completion.chunk` events into neutral ones.
//!
//! ```text
//! Fresh ──chunk──► Running ──finish_reason of a choice──► Running ──[DONE]──► End
//! ```

use litemap::LiteMap;

use crate::answer;
use crate::dialect::Dialect;
use crate::error::{self, ErrorInfo};
use crate::json::{Json, Limits};
use crate::neutral::{Signature, StreamEvent};
use crate::openai_chat::calls::{Calls, google_signature, non_empty};
use crate::openai_chat::details::{self, Details};
use crate::openai_chat::read_response::{Picture, failure, pictures, stop_reason};
use crate::openai_chat::{thinking, usage};
use crate::sse;
use crate::stream::StreamReader;

type Emit<'e> = dyn FnMut(StreamEvent<'_>) + 'e;

/// Choices beyond these are ignored: something is kept of each.
const MAX_CHOICES: usize = 128;

#[derive(Default)]
pub(super) struct Reader {
    started: bool,
    choices: LiteMap<u32, ChoiceState>,
}

#[derive(Default)]
struct ChoiceState {
    calls: Calls,
    /// The last thing was thinking.
    thinking: bool,
    details: Details,
    finished: bool,
}

// === impl Reader ===

impl StreamReader for Reader {
    fn read(&mut self, event: &sse::Event<'_>, emit: &mut Emit<'_>) {
        let Some(data) = event.data.as_deref().map(str::trim) else {
            return;
        };
        if data == "[DONE]" {
            return emit(StreamEvent::End);
        }
        let Ok(chunk) = Json::parse_text(data, &Limits::response()) else {
            // An unfinished rest at the end of the stream is a cut, not an error.
            if event.terminated && !data.is_empty() {
                emit(StreamEvent::Error(unreadable()));
            }
            return;
        };
        if let Some(error) = answer::error_in(Dialect::OpenaiChat, chunk) {
            if let Some(usage) = usage::of_answer(chunk).filter(|_| self.started) {
                emit(StreamEvent::Usage(usage));
            }
            return emit(StreamEvent::Error(error));
        }
        if event.name == "error" {
            let error = error::read_error(Dialect::OpenaiChat, 200, data.as_bytes());
            return emit(StreamEvent::Error(error));
        }
        self.chunk(chunk, emit);
    }
}

impl Reader {
    fn chunk(&mut self, chunk: Json<'_>, emit: &mut Emit<'_>) {
        let [choices, usage, groq, tier] =
            chunk.members(["choices", "usage", "x_groq", "service_tier"]);
        let choices = choices.map(Json::items).into_iter().flatten();
        if !self.started
            && let Some(error) = choices.clone().find_map(failure)
        {
            // Nothing was said: another channel may do better.
            return emit(StreamEvent::Error(error));
        }
        // Azure sends a first chunk without choices, about the prompt's filter only.
        for (position, choice) in (0_u64..).zip(choices) {
            self.start(chunk, emit);
            let index = choice.get("index").and_then(Json::as_u64);
            let index = index.unwrap_or(position);
            let Ok(index) = u32::try_from(index) else {
                continue;
            };
            if self.choices.len() < MAX_CHOICES || self.choices.contains_key(&index) {
                self.choices
                    .entry(index)
                    .or_default()
                    .read(index, choice, emit);
            }
        }
        if let Some(usage) = usage::of_members([usage, groq, tier]) {
            self.start(chunk, emit);
            emit(StreamEvent::Usage(usage));
        }
    }

    fn start(&mut self, chunk: Json<'_>, emit: &mut Emit<'_>) {
        if !self.started {
            self.started = true;
            let model = chunk
                .get("model")
                .and_then(Json::as_str)
                .unwrap_or_default();
            emit(StreamEvent::Start { model });
        }
    }
}

// === impl ChoiceState ===

impl ChoiceState {
    fn read(&mut self, choice: u32, json: Json<'_>, emit: &mut Emit<'_>) {
        if self.finished {
            // Some providers repeat the last chunk to carry the usage.
            return;
        }
        let [delta, message, reason] = json.members(["delta", "message", "finish_reason"]);
        if let Some(delta) = delta.or(message) {
            self.delta(choice, delta, emit);
        }
        if let Some(error) = failure(json) {
            return emit(StreamEvent::Error(error));
        }
        let reason = reason.and_then(Json::as_str);
        if let Some(reason) = reason.filter(|reason| !reason.is_empty()) {
            self.finished = true;
            self.prove(choice, emit);
            emit(StreamEvent::Finish {
                choice,
                stop: stop_reason(Some(&reason), !self.calls.is_empty()),
                stop_sequence: None,
            });
        }
    }

    fn delta(&mut self, choice: u32, delta: Json<'_>, emit: &mut Emit<'_>) {
        let [content, refusal, calls] = delta.members(["content", "refusal", "tool_calls"]);
        self.thoughts(choice, delta, emit);
        let content = content.filter(|content| says_anything(*content));
        let calls = calls.map(Json::items).into_iter().flatten();
        let is_call = calls.clone().next().is_some();
        if content.is_some() || is_call {
            self.prove(choice, emit);
        }
        if let Some(content) = content {
            self.thinking = false;
            self::content(choice, content, emit);
        }
        if let Some(text) = non_empty(refusal) {
            self.thinking = false;
            emit(StreamEvent::Refusal { choice, text });
        }
        for picture in pictures(delta) {
            self.thinking = false;
            emit(match picture {
                Picture::Inline(media_type, data) => StreamEvent::Media {
                    choice,
                    media_type: media_type.into(),
                    data: data.into(),
                },
                Picture::Elsewhere(url) => StreamEvent::Text {
                    choice,
                    text: url.into(),
                },
            });
        }
        for call in calls {
            if std::mem::take(&mut self.thinking) && google_signature(call).is_some() {
                // It signs the call, and not the thinking before it.
                emit(StreamEvent::BlockEnd { choice });
            }
            self.calls.read(choice, call, emit);
        }
    }

    /// Blocks that can be replayed count, else whatever text there is.
    fn thoughts(&mut self, choice: u32, delta: Json<'_>, emit: &mut Emit<'_>) {
        let [blocks, content, reasoning, details] = delta.members(thinking::STREAMED);
        if let Some(blocks) = blocks.filter(|blocks| blocks.items().next().is_some()) {
            return self::blocks(choice, blocks, emit);
        }
        let details = details.and_then(Json::non_null);
        let text = non_empty(content).or_else(|| non_empty(reasoning));
        let text = text.or_else(|| details.map(|details| details::text_of(details).into()));
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.thinking = true;
            emit(StreamEvent::Thinking { choice, text });
        }
        if let Some(details) = details {
            self.details.add(details);
        }
    }

    /// The thinking has come to its end: what signs it, if that has come.
    fn prove(&mut self, choice: u32, emit: &mut Emit<'_>) {
        if let Some(signature) = self.details.take() {
            self.thinking = false;
            emit(StreamEvent::Signature {
                choice,
                by: Dialect::OpenaiChat,
                signature: signature.into(),
            });
        }
    }
}

/// An array says something if it has parts.
fn says_anything(content: Json<'_>) -> bool {
    non_empty(Some(content)).is_some() || content.items().next().is_some()
}

fn blocks(choice: u32, blocks: Json<'_>, emit: &mut Emit<'_>) {
    for block in blocks.items() {
        if let Some(text) = non_empty(block.get("thinking")) {
            emit(StreamEvent::Thinking { choice, text });
        }
        if let Some(signature) = non_empty(block.get("signature")) {
            let Signature { by, data } =
                Signature::read(Dialect::Anthropic, signature.as_ref().into());
            let signature = data.as_str().into();
            emit(StreamEvent::Signature {
                choice,
                by,
                signature,
            });
        }
        if let Some(data) = non_empty(block.get("data")) {
            emit(StreamEvent::RedactedThinking { choice, data });
        }
    }
}

/// A string, or Mistral's array of parts.
fn content(choice: u32, content: Json<'_>, emit: &mut Emit<'_>) {
    if let Some(text) = non_empty(Some(content)) {
        return emit(StreamEvent::Text { choice, text });
    }
    for part in content.items() {
        if let Some(text) = non_empty(part.get("text")) {
            emit(StreamEvent::Text { choice, text });
        }
        let text = thinking::mistral_text(part);
        if !text.is_empty() {
            let text = text.into();
            emit(StreamEvent::Thinking { choice, text });
        }
    }
}

fn unreadable() -> ErrorInfo {
    ErrorInfo::upstream("The upstream sent an event that could not be read.")
}
