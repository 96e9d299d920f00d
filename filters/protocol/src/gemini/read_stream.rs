//! Chunks of a streamGenerateContent answer into neutral events.
//!
//! ```text
//! stream    = 1*chunk                   ; each a whole answer, but only the new parts
//! candidate = *parts [finishReason]     ; in its last chunk
//! error     = {"error": …}              ; instead of everything from there on
//! ```
//!
//! There is no closing event: the stream is whole when every candidate has finished.

use litemap::LiteMap;

use crate::dialect::Dialect;
use crate::error::{self, ErrorInfo};
use crate::gemini::fields::{elements, member, named, text};
use crate::gemini::read_response::{blocked, is_answer, note, stop_reason};
use crate::gemini::signature::{self, Proof};
use crate::gemini::usage::Told;
use crate::json::{Json, Limits};
use crate::neutral::{CallKind, StopReason, StreamEvent};
use crate::sse;
use crate::stream::StreamReader;

type Emit<'e> = dyn FnMut(StreamEvent<'_>) + 'e;

/// Candidates beyond these are ignored: something is kept of each.
const MAX_CHOICES: u32 = 64;

#[derive(Default)]
pub(super) struct Reader {
    started: bool,
    told: Told,
    choices: LiteMap<u32, State>,
}

/// What is known of a candidate.
#[derive(Default)]
struct State {
    calls: u32,
    /// The last thing was a thought, which a signature would be taken for that of.
    thinking: bool,
    said: bool,
}

impl StreamReader for Reader {
    fn read(&mut self, event: &sse::Event<'_>, emit: &mut Emit<'_>) {
        let Some(data) = event.data.as_deref().map(str::trim) else {
            return;
        };
        let Ok(json) = Json::parse_text(data, &Limits::response()) else {
            // An unfinished rest at the end of the stream is a cut, not an error.
            if event.terminated && !data.is_empty() && data != "[DONE]" {
                let message = "The upstream sent an event that could not be read.";
                emit(StreamEvent::Error(ErrorInfo::upstream(message)));
            }
            return;
        };
        if json.get("error").and_then(Json::non_null).is_some() {
            let error = error::read_error(Dialect::Gemini, 200, data.as_bytes());
            emit(StreamEvent::Error(error));
        } else if is_answer(json) {
            self.chunk(json, emit);
        }
    }
}

impl Reader {
    fn chunk(&mut self, json: Json<'_>, emit: &mut Emit<'_>) {
        if !std::mem::replace(&mut self.started, true) {
            emit(StreamEvent::Start {
                model: text(json, "modelVersion").unwrap_or_default(),
            });
        }
        self.told.update(json);
        if let Some(usage) = self.told.usage() {
            emit(StreamEvent::Usage(usage));
        }
        let candidates = member(json, "candidates").and_then(elements);
        for (position, candidate) in (0..).zip(candidates.unwrap_or_default()) {
            self.candidate(position, candidate, emit);
        }
        if let Some(reason) = blocked(json).filter(|_| self.choices.is_empty()) {
            self.choices.entry(0).or_default().said = true;
            emit(StreamEvent::Refusal {
                choice: 0,
                text: reason.into(),
            });
            emit(finish(0, StopReason::Refusal));
        }
    }

    fn candidate(&mut self, position: u32, json: Json<'_>, emit: &mut Emit<'_>) {
        let index = member(json, "index").and_then(Json::as_u64);
        let choice = index.map_or(position, |index| u32::try_from(index).unwrap_or(u32::MAX));
        if choice >= MAX_CHOICES {
            return;
        }
        let state = self.choices.entry(choice).or_default();
        let parts = member(json, "content").and_then(|content| member(content, "parts"));
        for part in parts.and_then(elements).unwrap_or_default() {
            state.part(choice, part, emit);
        }
        let Some(reason) = text(json, "finishReason") else {
            return;
        };
        if let Some(note) = note(&reason, json).filter(|_| !state.said) {
            emit(StreamEvent::Text {
                choice,
                text: note.into(),
            });
        }
        emit(finish(choice, stop_reason(&reason, state.calls > 0)));
    }
}

// === impl State ===

impl State {
    fn part(&mut self, choice: u32, part: Json<'_>, emit: &mut Emit<'_>) {
        let mut said = None;
        let (mut call, mut media, mut proof) = (None, None, None);
        let (mut is_thought, mut foreign) = (false, false);
        for (key, value) in part.entries().filter(|(_, value)| !value.is_null()) {
            let is = |name| named(&key, name);
            if is("text") {
                said = value.as_str();
            } else if is("thought") {
                is_thought = value.as_bool() == Some(true);
            } else if is("thoughtSignature") {
                proof = value.as_str().filter(|proof| !proof.is_empty());
            } else if is("functionCall") {
                call = Some(value);
            } else if is("inlineData") {
                media = Some(value);
            } else {
                // Traces of the provider's own tools, with what signs them.
                foreign |= !is("videoMetadata") && !is("mediaResolution");
            }
        }
        if foreign {
            return;
        }
        if is_thought {
            if let Some(text) = said.filter(|text| !text.is_empty()) {
                self.thinking = true;
                emit(StreamEvent::Thinking { choice, text });
            }
            return self.sign(choice, proof.as_deref(), true, emit);
        }
        self.sign(choice, proof.as_deref(), false, emit);
        if let Some(text) = said.filter(|text| !text.is_empty()) {
            self.begin();
            emit(StreamEvent::Text { choice, text });
        }
        if let Some(call) = call {
            self.begin();
            self.call(choice, call, emit);
        }
        if let Some(media) = media {
            self.begin();
            emit(StreamEvent::Media {
                choice,
                media_type: text(media, "mimeType").unwrap_or_default(),
                data: text(media, "data").unwrap_or_default(),
            });
        }
    }

    fn begin(&mut self) {
        self.thinking = false;
        self.said = true;
    }

    /// The signature of a thought before it, or of the part that comes next.
    fn sign(&mut self, choice: u32, proof: Option<&str>, of_thought: bool, emit: &mut Emit<'_>) {
        let Some(proof) = proof else {
            return;
        };
        if std::mem::take(&mut self.thinking) && !of_thought {
            emit(StreamEvent::BlockEnd { choice });
        }
        match signature::read(proof.into()) {
            Proof::Signature(signature) => emit(StreamEvent::Signature {
                choice,
                by: signature.by,
                signature: signature.data.as_str().into(),
            }),
            Proof::Redacted(data) => emit(StreamEvent::RedactedThinking {
                choice,
                data: data.as_str().into(),
            }),
        }
    }

    /// Calls come whole.
    fn call(&mut self, choice: u32, json: Json<'_>, emit: &mut Emit<'_>) {
        let call = self.calls;
        self.calls = self.calls.saturating_add(1);
        emit(StreamEvent::ToolCall {
            choice,
            call,
            id: text(json, "id").unwrap_or_default(),
            name: text(json, "name").unwrap_or_default(),
            kind: CallKind::Function,
        });
        emit(StreamEvent::Arguments {
            choice,
            call,
            json: member(json, "args").map_or("{}", Json::raw).into(),
        });
        emit(StreamEvent::BlockEnd { choice });
    }
}

fn finish(choice: u32, stop: StopReason) -> StreamEvent<'static> {
    StreamEvent::Finish {
        choice,
        stop,
        stop_sequence: None,
    }
}
