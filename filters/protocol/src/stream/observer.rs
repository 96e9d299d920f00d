//! A stream that is passed on in its own dialect, watched for usage and errors.

use std::borrow::Cow;
use std::ops::Range;

use crate::answer;
use crate::dialect::{CallerCodec, Dialect, caller, codec};
use crate::error::{ErrorInfo, redact};
use crate::framing::Event;
use crate::gemini::Frames;
use crate::json::{Json, JsonWriter, Limits};
use crate::neutral::{StreamEvent, Usage};
use crate::peek;
use crate::reply::{Framing, Reply};
use crate::sse;
use crate::stream::intake::{Intake, Rest};
use crate::stream::progress::{Progress, html_answer};
use crate::stream::{Outcome, Status, StreamFault, StreamReader, empty_answer, interrupted};

/// Watches a stream that goes on as it is.
///
/// Whole events are forwarded byte for byte, so a caller never sees half of one;
/// the states are those of [`super::Translator`]. Memory: one event, up to
/// [`super::MAX_EVENT_BYTES`].
pub struct Observer {
    dialect: Dialect,
    options: ObserverOptions,
    intake: Intake,
    watch: Watch,
}

/// The edits that passing a stream on may need. All off by default.
#[derive(Clone, Debug, Default)]
pub struct ObserverOptions {
    /// Show this model name instead of the upstream's.
    pub model: Option<String>,
    /// Leave out the closing chunk that holds only usage: the gateway asked for
    /// it, the caller did not.
    pub drops_usage_chunk: bool,
    /// How the caller wants the stream cut; the upstream's is always one of events.
    pub framing: Framing,
}

struct Watch {
    reader: Box<dyn StreamReader>,
    progress: Progress,
    /// Nothing may follow any more: the end has come, or the gateway wrote one.
    closed: bool,
    /// Where the caller wants no events, what their data is put into.
    frames: Option<Frames>,
}

// === impl Observer ===

impl Observer {
    pub fn new(dialect: Dialect, options: ObserverOptions) -> Self {
        Self {
            dialect,
            intake: Intake::new(codec(dialect).framing()),
            watch: Watch {
                reader: codec(dialect).stream_reader(),
                progress: Progress::new(),
                closed: false,
                frames: (options.framing == Framing::Array).then(|| Frames::new(Framing::Array)),
            },
            options,
        }
    }

    /// Takes the upstream's next bytes and appends the events that they complete.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), StreamFault> {
        let (watch, options) = (&mut self.watch, &self.options);
        let codec = caller(self.dialect);
        self.intake.push(chunk, &mut |event| {
            watch.pass(codec, options, event, out);
            Ok(())
        })?;
        if self.intake.is_html() && watch.progress.is_running() {
            watch.progress.note_error(&html_answer());
        }
        Ok(())
    }

    /// The upstream has ended. A stream that is whole but lacks its last formality
    /// gets it; one that was cut gets a legal error end; whole JSON becomes a
    /// stream, the one case in which the gateway writes, and for which it needs `reply`.
    pub fn finish(&mut self, reply: Reply, out: &mut Vec<u8>) -> Outcome {
        let (watch, options) = (&mut self.watch, &self.options);
        let own = caller(self.dialect);
        let rest = self.intake.finish(&mut |event| {
            watch.pass(own, options, event, out);
            Ok(())
        });
        let progress = &mut self.watch.progress;
        if !progress.is_running() {
            watch_end(&mut self.watch.frames, out);
            return self.outcome();
        }
        match rest {
            Ok(Rest::Json(body)) => self.replay(body, reply, out),
            Ok(Rest::Html) => progress.note_error(&html_answer()),
            Ok(Rest::Events) if progress.is_answer() => {
                if progress.all_choices_finished() {
                    watch_end(&mut self.watch.frames, out);
                    out.extend_from_slice(own.stream_end());
                    progress.outcome = Outcome::Complete;
                } else {
                    fail(own, &mut self.watch.frames, reply, &interrupted(), out);
                    progress.outcome = Outcome::Interrupted;
                }
            }
            Ok(Rest::Events | Rest::Nothing) => progress.note_error(&empty_answer()),
            Err(fault) => self.fail(&fault.into(), out),
        }
        self.outcome()
    }

    /// Ends the stream with an error of the gateway's making, if it still runs.
    pub fn fail(&mut self, error: &ErrorInfo, out: &mut Vec<u8>) {
        self.watch.closed = true;
        let progress = &mut self.watch.progress;
        if progress.is_running() {
            if progress.is_answer() {
                let frames = &mut self.watch.frames;
                fail(caller(self.dialect), frames, Reply::default(), error, out);
            }
            progress.note_error(error);
        }
    }

    pub fn status(&self) -> &Status {
        &self.watch.progress.status
    }

    pub fn outcome(&self) -> Outcome {
        self.watch.progress.outcome
    }

    /// What has been reported so far; the last report of a stream counts.
    pub fn usage(&self) -> Usage {
        self.watch.progress.usage
    }

    /// Whether any text, thinking or tool call has come: the first token.
    pub fn first_output_seen(&self) -> bool {
        self.watch.progress.first_output_seen
    }

    /// Bytes of text, thinking and tool arguments that have come so far: what there is to
    /// estimate from when an upstream never reports usage.
    pub fn output_bytes(&self) -> u64 {
        self.watch.progress.output_bytes
    }

    /// From now on the words that come (text, thinking, calls) are kept until they are taken, which
    /// must be after each push.
    pub fn keep_words(&mut self) {
        self.watch.progress.words.get_or_insert_default();
    }

    /// The words that have come since they were last taken.
    pub fn take_words(&mut self) -> String {
        self.watch
            .progress
            .words
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    fn replay(&mut self, body: Vec<u8>, reply: Reply, out: &mut Vec<u8>) {
        let progress = &mut self.watch.progress;
        let response = match answer::read(self.dialect, body) {
            Ok(response) => response,
            Err(error) => return progress.note_error(&error),
        };
        let mut writer = caller(self.dialect).stream_writer(reply);
        response.replay(&mut |event| {
            progress.note(&event);
            match event {
                StreamEvent::End => writer.end(out),
                // A whole answer holds nothing that could be out of order.
                event => writer.write(&event, out).unwrap_or_default(),
            }
        });
    }
}

// === impl Watch ===

impl Watch {
    /// Takes note of an event and appends what of it goes to the caller.
    fn pass(
        &mut self,
        codec: &dyn CallerCodec,
        options: &ObserverOptions,
        event: &Event<'_>,
        out: &mut Vec<u8>,
    ) {
        if self.closed {
            return;
        }
        let running = self.progress.is_running();
        let mut fault = None;
        let progress = &mut self.progress;
        self.reader.read(event, &mut |event| {
            if let StreamEvent::Error(error) = &event {
                fault = Some(error.clone());
            }
            if progress.is_running() {
                progress.note(&event);
            }
        });
        self.closed = progress.outcome == Outcome::Complete;
        match fault {
            // An upstream's own words may name keys and hosts, or be no event that the caller
            // could read. Then the error is written anew, and nothing follows it.
            Some(error) if running && !may_be_read(event) => {
                self.closed = true;
                fail(codec, &mut self.frames, Reply::default(), &error, out);
            }
            _ => match &mut self.frames {
                Some(frames) => reframe(codec, options, event, frames, out),
                None => forward(codec, options, event, out),
            },
        }
    }
}

/// Whether an error event is one that the caller understands and may see.
fn may_be_read(event: &Event<'_>) -> bool {
    if event.raw.is_empty() {
        return false;
    }
    let data = event.data.as_deref().unwrap_or_default();
    let Ok(json) = Json::parse_text(data, &Limits::response()) else {
        return false;
    };
    let words = json.get("error").unwrap_or(json).raw();
    redact(words) == words
}

/// Ends a stream legally with an error, in the frames that it has.
fn fail(
    codec: &dyn CallerCodec,
    frames: &mut Option<Frames>,
    reply: Reply,
    error: &ErrorInfo,
    out: &mut Vec<u8>,
) {
    match frames {
        Some(frames) => {
            frames.push(&codec.write_error(error).1, out);
            frames.end(out);
        }
        None => codec.stream_writer(reply).fail(error, out),
    }
}

fn watch_end(frames: &mut Option<Frames>, out: &mut Vec<u8>) {
    if let Some(frames) = frames {
        frames.end(out);
    }
}

/// Appends the event's data in another frame; what keeps a connection alive has none.
fn reframe(
    codec: &dyn CallerCodec,
    options: &ObserverOptions,
    event: &sse::Event<'_>,
    frames: &mut Frames,
    out: &mut Vec<u8>,
) {
    let Some(data) = event.data.as_deref().map(str::trim) else {
        return;
    };
    let Ok(json) = Json::parse_text(data, &Limits::response()) else {
        // In an array it would make everything unreadable.
        return;
    };
    let name = options
        .model
        .as_deref()
        .and_then(|model| Some((model, answer::model_name(codec, json)?)));
    let edited = name.and_then(|(model, name)| {
        let span = span_in(data.as_bytes(), name.raw().as_bytes())?;
        let mut quoted = Vec::new();
        JsonWriter::new(&mut quoted).string(model);
        Some(peek::apply(data.as_bytes(), &[(span, quoted)]))
    });
    frames.push(edited.as_deref().unwrap_or(data.as_bytes()), out);
}

/// Appends the event's bytes, edited where the options ask for it.
fn forward(
    codec: &dyn CallerCodec,
    options: &ObserverOptions,
    event: &Event<'_>,
    out: &mut Vec<u8>,
) {
    let untouched = options.model.is_none() && !options.drops_usage_chunk;
    let json = event
        .data
        .as_deref()
        .filter(|_| !untouched)
        .and_then(|data| Json::parse_text(data, &Limits::response()).ok());
    let Some(json) = json else {
        return push_event(event, out);
    };
    if options.drops_usage_chunk && codec.is_usage_chunk(json) {
        return;
    }
    let model = options.model.as_deref();
    let edited = model.and_then(|model| edit(codec, model, event, json, out));
    if edited.is_none() {
        push_event(event, out);
    }
}

/// Appends the event with the model's name replaced; nothing where it holds none.
fn edit(
    codec: &dyn CallerCodec,
    model: &str,
    event: &Event<'_>,
    json: Json<'_>,
    out: &mut Vec<u8>,
) -> Option<()> {
    let name = answer::model_name(codec, json)?;
    let data = event.data.as_deref()?;
    let span = span_in(data.as_bytes(), name.raw().as_bytes())?;
    if let Some(Cow::Borrowed(line)) = &event.data
        && !event.raw.is_empty()
    {
        // One line of data is a piece of the raw event: only the name changes.
        let line_at = span_in(event.raw, line.as_bytes())?.start;
        let before = event.raw.get(..line_at + span.start)?;
        let after = event.raw.get(line_at + span.end..)?;
        out.extend_from_slice(before);
        JsonWriter::new(out).string(model);
        push_terminated(after, event.terminated, out);
        return Some(());
    }
    let mut quoted = Vec::new();
    JsonWriter::new(&mut quoted).string(model);
    let data = String::from_utf8(peek::apply(data.as_bytes(), &[(span, quoted)])).ok()?;
    sse::write(event.name, &data, out);
    Some(())
}

/// Where `part`, a slice of `whole`, lies in it.
fn span_in(whole: &[u8], part: &[u8]) -> Option<Range<usize>> {
    let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    let span = start..start + part.len();
    whole.get(span.clone()).map(|_| span)
}

/// An event of another framing becomes a server-sent one.
fn push_event(event: &Event<'_>, out: &mut Vec<u8>) {
    match &event.data {
        Some(data) if event.raw.is_empty() => sse::write(event.name, data, out),
        _ => push_terminated(event.raw, event.terminated, out),
    }
}

fn push_terminated(raw: &[u8], terminated: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(raw);
    if !terminated {
        out.extend_from_slice(b"\n\n");
    }
}
