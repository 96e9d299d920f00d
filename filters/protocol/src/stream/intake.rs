//! Finds out what an upstream really answers a streaming request with.
//!
//! The content type is no proof: some upstreams answer JSON labelled as a stream,
//! some label a stream as JSON, and what stands between may answer HTML. The first
//! byte that is not white space tells them apart, and what is neither is framed as the
//! dialect has it.

use crate::framing::{Event, Framing, event_stream, json_sequence};
use crate::sse;
use crate::stream::{MAX_EVENT_BYTES, StreamFault};

pub(crate) enum Intake {
    /// Only white space (or a byte order mark) so far.
    Unknown(Framing, Vec<u8>),
    Sse(sse::Parser),
    EventStream(event_stream::Parser),
    JsonSequence(json_sequence::Parser),
    Json(Vec<u8>),
    Html,
    /// After a fault: whatever comes is passed over.
    Broken,
}

/// What had come when the upstream ended.
pub(crate) enum Rest {
    Events,
    Json(Vec<u8>),
    Html,
    Nothing,
}

pub(crate) type OnEvent<'f> = dyn FnMut(&Event<'_>) -> Result<(), StreamFault> + 'f;

// === impl Intake ===

impl Intake {
    /// `framing` is what the upstream's dialect expects.
    pub(crate) fn new(framing: Framing) -> Self {
        Self::Unknown(framing, Vec::new())
    }

    pub(crate) fn push(
        &mut self,
        chunk: &[u8],
        on_event: &mut OnEvent<'_>,
    ) -> Result<(), StreamFault> {
        let taken = self.take(chunk, on_event);
        if taken.is_err() {
            *self = Self::Broken;
        }
        taken
    }

    fn take(&mut self, chunk: &[u8], on_event: &mut OnEvent<'_>) -> Result<(), StreamFault> {
        match self {
            Self::Unknown(framing, held) => {
                if held.len() + chunk.len() > MAX_EVENT_BYTES {
                    return Err(StreamFault::EventTooLarge);
                }
                held.extend_from_slice(chunk);
                let (framing, held) = (*framing, std::mem::take(held));
                *self = Self::recognise(framing, &held);
                match self {
                    Self::Unknown(_, empty) => {
                        *empty = held;
                        Ok(())
                    }
                    _ => self.take(&held, on_event),
                }
            }
            Self::Sse(parser) => parser.push(chunk, on_event),
            Self::EventStream(parser) => parser.push(chunk, on_event),
            Self::JsonSequence(parser) => parser.push(chunk, on_event),
            Self::Json(body) => {
                if body.len() + chunk.len() > MAX_EVENT_BYTES {
                    return Err(StreamFault::EventTooLarge);
                }
                body.extend_from_slice(chunk);
                Ok(())
            }
            Self::Html | Self::Broken => Ok(()),
        }
    }

    pub(crate) fn finish(&mut self, on_event: &mut OnEvent<'_>) -> Result<Rest, StreamFault> {
        match self {
            Self::Unknown(..) => Ok(Rest::Nothing),
            Self::Sse(parser) => parser.finish(on_event).map(|()| Rest::Events),
            Self::JsonSequence(parser) => parser.finish(on_event).map(|()| Rest::Events),
            Self::Json(body) => Ok(Rest::Json(std::mem::take(body))),
            Self::Html => Ok(Rest::Html),
            Self::EventStream(_) | Self::Broken => Ok(Rest::Events),
        }
    }

    pub(super) fn is_html(&self) -> bool {
        matches!(self, Self::Html)
    }

    fn recognise(framing: Framing, bytes: &[u8]) -> Self {
        let insignificant = b" \t\r\n\xEF\xBB\xBF";
        let Some(start) = bytes.iter().position(|byte| !insignificant.contains(byte)) else {
            return Self::Unknown(framing, Vec::new());
        };
        let bytes = bytes.get(start..).unwrap_or_default();
        if framing.begins(bytes) {
            return match framing {
                Framing::EventStream => Self::EventStream(event_stream::Parser::new(false)),
                Framing::ChunkedEventStream => Self::EventStream(event_stream::Parser::new(true)),
                _ => Self::JsonSequence(json_sequence::Parser::default()),
            };
        }
        match bytes.first() {
            Some(b'{' | b'[') => Self::Json(Vec::new()),
            Some(b'<') => Self::Html,
            _ => Self::Sse(sse::Parser::new(MAX_EVENT_BYTES)),
        }
    }
}

impl From<sse::TooLarge> for StreamFault {
    fn from(_: sse::TooLarge) -> Self {
        Self::EventTooLarge
    }
}
