//! Finds out what an upstream really answers a streaming request with.
//!
//! The content type is no proof: some upstreams answer JSON labelled as a stream,
//! some label a stream as JSON, and what stands between may answer HTML. The first
//! byte that is not white space tells them apart.

use crate::sse;
use crate::stream::{MAX_EVENT_BYTES, StreamFault};

pub(super) enum Intake {
    /// Only white space (or a byte order mark) so far.
    Unknown(Vec<u8>),
    Events(sse::Parser),
    Json(Vec<u8>),
    Html,
    /// After a fault: whatever comes is passed over.
    Broken,
}

/// What had come when the upstream ended.
pub(super) enum Rest {
    Events,
    Json(Vec<u8>),
    Html,
    Nothing,
}

pub(super) type OnEvent<'f> = dyn FnMut(&sse::Event<'_>) -> Result<(), StreamFault> + 'f;

// === impl Intake ===

impl Intake {
    pub(super) fn new() -> Self {
        Self::Unknown(Vec::new())
    }

    pub(super) fn push(
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
            Self::Unknown(held) => {
                if held.len() + chunk.len() > MAX_EVENT_BYTES {
                    return Err(StreamFault::EventTooLarge);
                }
                held.extend_from_slice(chunk);
                let held = std::mem::take(held);
                *self = Self::recognise(&held);
                match self {
                    Self::Unknown(empty) => {
                        *empty = held;
                        Ok(())
                    }
                    _ => self.take(&held, on_event),
                }
            }
            Self::Events(parser) => parser.push(chunk, on_event),
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

    pub(super) fn finish(&mut self, on_event: &mut OnEvent<'_>) -> Result<Rest, StreamFault> {
        match self {
            Self::Unknown(_) => Ok(Rest::Nothing),
            Self::Events(parser) => {
                parser.finish(on_event)?;
                Ok(Rest::Events)
            }
            Self::Json(body) => Ok(Rest::Json(std::mem::take(body))),
            Self::Html => Ok(Rest::Html),
            Self::Broken => Ok(Rest::Events),
        }
    }

    pub(super) fn is_html(&self) -> bool {
        matches!(self, Self::Html)
    }

    fn recognise(bytes: &[u8]) -> Self {
        let insignificant = b" \t\r\n\xEF\xBB\xBF";
        match bytes.iter().find(|byte| !insignificant.contains(byte)) {
            None => Self::Unknown(Vec::new()),
            Some(b'{' | b'[') => Self::Json(Vec::new()),
            Some(b'<') => Self::Html,
            Some(_) => Self::Events(sse::Parser::new(MAX_EVENT_BYTES)),
        }
    }
}

impl From<sse::TooLarge> for StreamFault {
    fn from(_: sse::TooLarge) -> Self {
        Self::EventTooLarge
    }
}
