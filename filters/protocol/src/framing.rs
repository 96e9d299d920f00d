//! How the bytes of a stream are cut into events, and the one kind of event that every
//! way of cutting ends in.

pub(crate) mod event_stream;
pub(crate) mod json_sequence;

mod crc32;

use std::borrow::Cow;

/// One event of a stream, or a block of comments between blank lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// What the framing calls it: the value of the last `event` field, the message's
    /// `:event-type`. Empty where it has no name.
    pub name: &'a str,
    /// The JSON of it: the `data` lines joined with line feeds, the payload. Nothing
    /// where there is none, as in comments that keep the connection alive.
    pub data: Option<Cow<'a, str>>,
    /// Every byte of a server-sent event, the blank line that ends it included; empty
    /// for an event of another framing, which cannot be passed on as it is.
    pub raw: &'a [u8],
    /// False for what stood at the end of the stream without its end: a rest that a
    /// cut has left, though some providers just end like that.
    pub terminated: bool,
}

/// What a dialect's providers frame their streams with. Whatever is expected, an
/// upstream may answer with server-sent events, plain JSON or HTML instead, and is
/// then understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Server-sent events: [`crate::sse`].
    Sse,
    /// Server-sent events, or one JSON array whose elements are the events.
    SseOrJsonArray,
    /// JSON objects one after the other, a line each.
    JsonLines,
    /// [`event_stream`], where every message is an event.
    EventStream,
    /// [`event_stream`], where the messages are chunks that hold the events of a
    /// model's own dialect, in base64.
    ChunkedEventStream,
}

// === impl Framing ===

impl Framing {
    /// Whether a body that begins like this holds events in this framing; nothing
    /// where that is a matter of the other framings.
    pub(crate) fn begins(self, body: &[u8]) -> bool {
        let first = body.trim_ascii_start().first();
        match self {
            Self::Sse => false,
            Self::SseOrJsonArray => first == Some(&b'['),
            Self::JsonLines => first == Some(&b'{'),
            // No message is so long that its length would begin with another byte.
            Self::EventStream | Self::ChunkedEventStream => {
                matches!(body.first(), Some(0 | 1))
            }
        }
    }
}

#[cfg(test)]
mod tests;
