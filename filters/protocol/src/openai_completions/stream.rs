//! Streams, read and written.
//!
//! ```text
//! stream = *chunk finish-chunk [usage-chunk] done      ; per choice one finish
//! chunk  = {choices: [{text, index, logprobs, finish_reason}]}
//! error  = data: {"error": …}     ; instead of everything from there on
//! ```

use litemap::LiteMap;

use crate::answer::error_in;
use crate::dialect::Dialect;
use crate::error::ErrorInfo;
use crate::json::{Json, JsonWriter, Limits};
use crate::neutral::{StopReason, StreamEvent, Usage};
use crate::openai_chat::read_response::{failure, stop_reason};
use crate::openai_chat::{error, usage};
use crate::openai_completions::answer::{finish_reason, head};
use crate::reply::Reply;
use crate::sse;
use crate::stream::{StreamFault, StreamReader, StreamWriter};

pub(super) const DONE: &[u8] = b"data: [DONE]\n\n";

/// Choices beyond these are ignored: something is kept of each.
const MAX_CHOICES: usize = 128;

/// Whether each choice has finished.
#[derive(Default)]
pub(super) struct Reader {
    started: bool,
    finished: LiteMap<u32, bool>,
}

pub(super) struct Writer {
    reply: Reply,
    /// Why each choice stopped, as told last.
    stops: LiteMap<u32, Option<StopReason>>,
    usage: Usage,
}

// === impl Reader ===

impl StreamReader for Reader {
    fn read(&mut self, event: &sse::Event<'_>, emit: &mut dyn FnMut(StreamEvent<'_>)) {
        let Some(data) = event.data.as_deref().map(str::trim) else {
            return;
        };
        if data == "[DONE]" {
            return emit(StreamEvent::End);
        }
        let Ok(chunk) = Json::parse_text(data, &Limits::response()) else {
            // An unfinished rest at the end of the stream is a cut, not an error.
            if event.terminated && !data.is_empty() {
                let message = "The upstream sent an event that could not be read.";
                emit(StreamEvent::Error(ErrorInfo::upstream(message)));
            }
            return;
        };
        if let Some(error) = error_in(Dialect::OpenaiCompletions, chunk) {
            return emit(StreamEvent::Error(error));
        }
        let choices = chunk.get("choices").map(Json::items).into_iter().flatten();
        for (position, choice) in (0_u64..).zip(choices) {
            if let Some(error) = failure(choice) {
                return emit(StreamEvent::Error(error));
            }
            self.start(chunk, emit);
            let index = choice.get("index").and_then(Json::as_u64);
            if let Ok(index) = u32::try_from(index.unwrap_or(position)) {
                self.choice(index, choice, emit);
            }
        }
        if let Some(usage) = usage::of_answer(chunk) {
            self.start(chunk, emit);
            emit(StreamEvent::Usage(usage));
        }
    }
}

impl Reader {
    fn start(&mut self, chunk: Json<'_>, emit: &mut dyn FnMut(StreamEvent<'_>)) {
        if !std::mem::replace(&mut self.started, true) {
            let model = chunk.get("model").and_then(Json::as_str);
            emit(StreamEvent::Start {
                model: model.unwrap_or_default(),
            });
        }
    }

    fn choice(&mut self, choice: u32, json: Json<'_>, emit: &mut dyn FnMut(StreamEvent<'_>)) {
        if self.finished.len() >= MAX_CHOICES && !self.finished.contains_key(&choice) {
            return;
        }
        let finished = self.finished.entry(choice).or_default();
        if *finished {
            return;
        }
        let [text, reason] = json.members(["text", "finish_reason"]);
        if let Some(text) = text.and_then(Json::as_str).filter(|text| !text.is_empty()) {
            emit(StreamEvent::Text { choice, text });
        }
        let reason = reason.and_then(Json::as_str);
        if let Some(reason) = reason.filter(|reason| !reason.is_empty()) {
            *finished = true;
            emit(StreamEvent::Finish {
                choice,
                stop: stop_reason(Some(&reason), false),
                stop_sequence: None,
            });
        }
    }
}

// === impl Writer ===

impl Writer {
    pub(super) fn new(reply: Reply) -> Self {
        Self {
            reply,
            stops: LiteMap::new(),
            usage: Usage::default(),
        }
    }

    fn event(&self, out: &mut Vec<u8>, members: impl FnOnce(&mut JsonWriter<'_>)) {
        out.extend_from_slice(b"data: ");
        JsonWriter::new(out).object(|w| {
            head(&self.reply, w);
            members(w);
        });
        out.extend_from_slice(b"\n\n");
    }

    fn chunk(&self, choice: u32, text: &str, stop: Option<StopReason>, out: &mut Vec<u8>) {
        self.event(out, |w| {
            w.field_array("choices", |w| {
                w.object(|w| {
                    w.field_str("text", text);
                    w.field_u64("index", u64::from(choice));
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
}

impl StreamWriter for Writer {
    fn write(&mut self, event: &StreamEvent<'_>, out: &mut Vec<u8>) -> Result<(), StreamFault> {
        match event {
            StreamEvent::Start { .. } => {
                self.stops.entry(0).or_default();
            }
            StreamEvent::Usage(usage) => self.usage.update(usage),
            StreamEvent::Text { choice, text } | StreamEvent::Refusal { choice, text } => {
                self.stops.entry(*choice).or_default();
                if !text.is_empty() {
                    self.chunk(*choice, text, None, out);
                }
            }
            StreamEvent::Finish { choice, stop, .. } => {
                *self.stops.entry(*choice).or_default() = Some(*stop);
            }
            // Thinking and calls have no place here.
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.stops.entry(0).or_default();
        for (choice, stop) in &self.stops {
            self.chunk(*choice, "", Some(stop.unwrap_or_default()), out);
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
