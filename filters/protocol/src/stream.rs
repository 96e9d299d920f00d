//! Streams: events in one dialect and its framing, pushed in as they come, out as the
//! server-sent events of the caller's dialect (or the same).
//!
//! [`Translator`] rewrites a stream into another dialect, [`Observer`] watches one
//! that is passed on as it is. Neither ever holds more than one event, bounded by
//! [`MAX_EVENT_BYTES`], and what their documentation adds to it.

pub(crate) mod intake;
mod observer;
mod progress;
mod translator;

use crate::error::{ErrorInfo, ErrorKind};
use crate::framing::Event;
use crate::neutral::StreamEvent;

pub use self::observer::{Observer, ObserverOptions};
pub use self::translator::Translator;

/// The longest event, and the longest JSON answer to a streaming request, that is
/// accepted from an upstream. Large because some providers stream whole images.
pub const MAX_EVENT_BYTES: usize = 16 << 20;

/// What the first bytes of an upstream's answer turned out to be. Until it is
/// decided, nothing of what `push` wrote may be forwarded; when it is an error,
/// none of it at all.
#[derive(Clone, Debug, PartialEq)]
pub enum Status {
    Undecided,
    Answer,
    /// An error in disguise: a 200 whose body says that it failed.
    Error(ErrorInfo),
}

/// How a stream ended, or that it has not yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Running,
    /// With its dialect's own end.
    Complete,
    /// The upstream went away in the middle; the caller was told.
    Interrupted,
    /// The upstream, or the gateway, reported an error; the caller was told.
    Failed(ErrorKind),
}

/// The stream cannot go on. The caller of `push` should answer with `fail`.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamFault {
    /// One event is longer than [`MAX_EVENT_BYTES`].
    EventTooLarge,
    /// A message of an event stream whose checksum, lengths or headers are wrong.
    Malformed,
    /// Arguments of tool calls that interleave exceed what may be kept back.
    TooMuchHeldBack,
    /// Arguments of a tool call that has ended, which the caller could not be told any more.
    LateArguments,
}

/// Turns the events of one upstream dialect into neutral ones.
pub(crate) trait StreamReader {
    /// Reads one event. What cannot be read becomes [`StreamEvent::Error`].
    fn read(&mut self, event: &Event<'_>, emit: &mut dyn FnMut(StreamEvent<'_>));
}

/// Turns neutral events into the caller's dialect.
pub(crate) trait StreamWriter {
    fn write(&mut self, event: &StreamEvent<'_>, out: &mut Vec<u8>) -> Result<(), StreamFault>;

    /// What tells the caller, in the middle of a stream, that it is still alive.
    /// Written where the upstream says so itself: in stock Envoy a filter can add to an answer
    /// only while some of it passes, so it cannot speak up when the upstream is silent.
    fn keep_alive(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b": keep-alive\n\n");
    }

    /// The legal end of a successful stream. Not after `fail`.
    fn end(&mut self, out: &mut Vec<u8>);

    /// The legal end of a failed stream.
    fn fail(&mut self, error: &ErrorInfo, out: &mut Vec<u8>);
}

// === impl StreamFault ===

impl From<StreamFault> for ErrorInfo {
    fn from(fault: StreamFault) -> Self {
        ErrorInfo::upstream(match fault {
            StreamFault::EventTooLarge => "The upstream sent an event that is too large.",
            StreamFault::Malformed => "The upstream sent an event that could not be read.",
            StreamFault::TooMuchHeldBack => "The upstream mixed too many tool calls.",
            StreamFault::LateArguments => "The upstream went on with a tool call that had ended.",
        })
    }
}

pub(crate) fn interrupted() -> ErrorInfo {
    ErrorInfo::upstream("The upstream closed the stream before the answer was complete.")
}

pub(crate) fn empty_answer() -> ErrorInfo {
    ErrorInfo::upstream("The upstream's answer was empty.")
}
