//! A stream of one dialect, rewritten in another, event by event.

use crate::answer;
use crate::custom::Fitter;
use crate::dialect::{Dialect, caller, codec};
use crate::error::ErrorInfo;
use crate::framing::Event;
use crate::neutral::{StreamEvent, Usage};
use crate::reply::Reply;
use crate::stream::intake::{Intake, Rest};
use crate::stream::progress::{Progress, html_answer};
use crate::stream::{
    Outcome, Status, StreamFault, StreamReader, StreamWriter, empty_answer, interrupted,
};

/// Rewrites an upstream's answer to a streaming request for the caller.
///
/// ```text
/// Undecided ──first event──► Answer ──Finish, End──────────► Complete
///     │                        ├──upstream gone────────────► Interrupted
///     └──error event, HTML,    └──error event, fail()──────► Failed
///        empty ──► Error (Failed)
/// ```
///
/// Where the upstream answers whole JSON instead, the caller still gets a legal
/// stream at `finish`. Memory: one event or JSON answer (up to
/// [`super::MAX_EVENT_BYTES`]), a few bytes for every choice and tool call, and for
/// an Anthropic caller up to 1 MiB of tool arguments that arrive out of order; for a
/// Responses caller, whose stream ends by repeating it, the answer so far.
pub struct Translator {
    from: Dialect,
    intake: Intake,
    codec: Codecs,
}

struct Codecs {
    reader: Box<dyn StreamReader>,
    fitter: Fitter,
    writer: Box<dyn StreamWriter>,
    progress: Progress,
}

// === impl Translator ===

impl Translator {
    /// From the upstream's dialect to the caller's.
    pub fn new(from: Dialect, to: Dialect, reply: Reply) -> Self {
        Self {
            from,
            intake: Intake::new(codec(from).framing()),
            codec: Codecs {
                reader: codec(from).stream_reader(),
                fitter: Fitter::new(reply.aliases.clone(), caller(to).knows_custom_calls()),
                writer: caller(to).stream_writer(reply),
                progress: Progress::new(),
            },
        }
    }

    /// Takes the upstream's next bytes and appends what they mean to `out`. After
    /// a fault, or once [`Translator::outcome`] is final, nothing more is written.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), StreamFault> {
        let codec = &mut self.codec;
        self.intake
            .push(chunk, &mut |event| codec.read(event, out))?;
        if self.intake.is_html() && codec.progress.is_running() {
            codec.progress.note_error(&html_answer());
        }
        Ok(())
    }

    /// The upstream has ended. Writes what is missing for a legal end: the end of
    /// success only where the answer is known to be whole.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Outcome {
        let codec = &mut self.codec;
        match self.intake.finish(&mut |event| codec.read(event, out)) {
            Ok(Rest::Json(body)) => codec.replay(self.from, body, out),
            Ok(Rest::Html) => codec.end_early(&html_answer(), out),
            Ok(Rest::Events | Rest::Nothing) => {}
            Err(fault) => codec.end_early(&fault.into(), out),
        }
        codec.finish(out);
        self.outcome()
    }

    /// Ends the stream with an error of the gateway's making, if it still runs.
    pub fn fail(&mut self, error: &ErrorInfo, out: &mut Vec<u8>) {
        self.codec.end_early(error, out);
    }

    pub fn status(&self) -> &Status {
        &self.codec.progress.status
    }

    pub fn outcome(&self) -> Outcome {
        self.codec.progress.outcome
    }

    /// What has been reported so far; the last report of a stream counts.
    pub fn usage(&self) -> Usage {
        self.codec.progress.usage
    }

    /// Whether any text, thinking or tool call has come: the first token.
    pub fn first_output_seen(&self) -> bool {
        self.codec.progress.first_output_seen
    }

    /// Bytes of text, thinking and tool arguments that have come so far: what there is to
    /// estimate from when an upstream never reports usage.
    pub fn output_bytes(&self) -> u64 {
        self.codec.progress.output_bytes
    }

    /// From now on the words that come (text, thinking, calls) are kept until they are taken, which
    /// must be after each push.
    pub fn keep_words(&mut self) {
        self.codec.progress.words.get_or_insert_default();
    }

    /// The words that have come since they were last taken.
    pub fn take_words(&mut self) -> String {
        self.codec
            .progress
            .words
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }
}

// === impl Codecs ===

impl Codecs {
    fn read(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), StreamFault> {
        let Self {
            reader,
            fitter,
            writer,
            progress,
        } = self;
        let mut fault = Ok(());
        let mut take = |event: StreamEvent<'_>| {
            if fault.is_ok() {
                fault = self::take(writer.as_mut(), progress, &event, out);
            }
        };
        reader.read(event, &mut |event| fitter.fit(event, &mut take));
        fault?;
        if is_keep_alive(event) && progress.is_running() && progress.is_answer() {
            writer.keep_alive(out);
        }
        Ok(())
    }

    /// A whole JSON answer where a stream was expected.
    fn replay(&mut self, from: Dialect, body: Vec<u8>, out: &mut Vec<u8>) {
        match answer::read(from, body) {
            Ok(response) => {
                let Self {
                    fitter,
                    writer,
                    progress,
                    ..
                } = self;
                let mut fault = Ok(());
                let mut take = |event: StreamEvent<'_>| {
                    if fault.is_ok() {
                        fault = self::take(writer.as_mut(), progress, &event, out);
                    }
                };
                response.replay(&mut |event| fitter.fit(event, &mut take));
                if let Err(fault) = fault {
                    self.end_early(&fault.into(), out);
                }
            }
            Err(error) => self.end_early(&error, out),
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if !self.progress.is_running() {
            return;
        }
        if !self.progress.is_answer() {
            self.progress.note_error(&empty_answer());
        } else if self.progress.all_choices_finished() {
            self.writer.end(out);
            self.progress.outcome = Outcome::Complete;
        } else {
            self.writer.fail(&interrupted(), out);
            self.progress.outcome = Outcome::Interrupted;
        }
    }

    fn end_early(&mut self, error: &ErrorInfo, out: &mut Vec<u8>) {
        if self.progress.is_running() {
            if self.progress.is_answer() {
                self.writer.fail(error, out);
            }
            self.progress.note_error(error);
        }
    }
}

/// Whether an event says nothing but that the upstream is still there: a comment, or
/// what Anthropic and OpenAI call such an event. Callers with read time-outs need it too.
fn is_keep_alive(event: &Event<'_>) -> bool {
    event.data.is_none() && event.terminated || matches!(event.name, "ping" | "keepalive")
}

/// One neutral event: noted, then written.
fn take(
    writer: &mut dyn StreamWriter,
    progress: &mut Progress,
    event: &StreamEvent<'_>,
    out: &mut Vec<u8>,
) -> Result<(), StreamFault> {
    if !progress.is_running() {
        return Ok(());
    }
    let answering = progress.is_answer();
    progress.note(event);
    match event {
        StreamEvent::End if progress.is_answer() => writer.end(out),
        StreamEvent::Error(error) if answering => writer.fail(error, out),
        StreamEvent::End | StreamEvent::Error(_) => {}
        _ => writer.write(event, out)?,
    }
    Ok(())
}
