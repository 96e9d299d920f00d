//! `application/vnd.amazon.eventstream` over arbitrary chunk cuts.
//!
//! All integers are big-endian; both checksums are CRC-32 as in gzip.
//!
//! ```text
//! message = total-length(4) headers-length(4) prelude-crc(4) *header *payload message-crc(4)
//! header  = name-length(1) name type(1) value
//! value   =                       ; types 0, 1: true, false
//!         / 1, 2, 4, 8, 8 or 16 bytes  ; types 2 to 5, 8, 9: integers, a time, a UUID
//!         / length(2) bytes            ; types 6, 7: bytes, a string
//! ```
//!
//! <https://smithy.io/2.0/aws/amazon-eventstream.html>

use std::borrow::Cow;

use super::Event;
use super::crc32::crc32;
use crate::base64;
use crate::error::aws;
use crate::json::{Json, JsonWriter, Limits, object_bytes};
use crate::stream::{MAX_EVENT_BYTES, StreamFault};

/// Splits a byte stream into messages. Holds at most one that is incomplete.
#[derive(Debug)]
pub(crate) struct Parser {
    /// Whether events are inside of chunks.
    chunked: bool,
    held: Vec<u8>,
}

/// The headers that say what a message is.
#[derive(Default)]
struct Headers<'a> {
    message_type: &'a str,
    event_type: &'a str,
    exception_type: &'a str,
    error_code: &'a str,
    error_message: &'a str,
}

const PRELUDE_BYTES: usize = 12;
const CRC_BYTES: usize = 4;
/// By the specification.
const HEADERS_BYTES_MAX: usize = 128 << 10;

// === impl Parser ===

impl Parser {
    pub(crate) fn new(chunked: bool) -> Self {
        Self {
            chunked,
            held: Vec::new(),
        }
    }

    /// Takes the next bytes and hands every event that they complete to `emit`. What
    /// is incomplete when the stream ends is dropped: it was cut.
    pub(crate) fn push(
        &mut self,
        chunk: &[u8],
        mut emit: impl FnMut(&Event<'_>) -> Result<(), StreamFault>,
    ) -> Result<(), StreamFault> {
        self.held.extend_from_slice(chunk);
        let mut done = 0;
        while let Some(message) = split(self.held.get(done..).unwrap_or_default())? {
            done += message.len();
            read(message, self.chunked, &mut emit)?;
        }
        self.held.drain(..done);
        Ok(())
    }
}

/// The message at the front, both checksums proven; nothing while it is incomplete.
fn split(bytes: &[u8]) -> Result<Option<&[u8]>, StreamFault> {
    let Some(prelude) = bytes.get(..PRELUDE_BYTES) else {
        return Ok(None);
    };
    let (lengths, crc) = prelude.split_at_checked(8).unwrap_or_default();
    if integer(crc) != Some(crc32(lengths)) {
        return Err(StreamFault::Malformed);
    }
    let total = length(bytes.get(..4));
    let headers = length(bytes.get(4..8));
    if total > MAX_EVENT_BYTES {
        return Err(StreamFault::EventTooLarge);
    }
    if headers > HEADERS_BYTES_MAX || total < PRELUDE_BYTES + headers + CRC_BYTES {
        return Err(StreamFault::Malformed);
    }
    let Some(message) = bytes.get(..total) else {
        return Ok(None);
    };
    let (checked, crc) = message
        .split_last_chunk::<CRC_BYTES>()
        .ok_or(StreamFault::Malformed)?;
    if u32::from_be_bytes(*crc) != crc32(checked) {
        return Err(StreamFault::Malformed);
    }
    Ok(Some(message))
}

fn integer(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

fn length(bytes: Option<&[u8]>) -> usize {
    let length = bytes.and_then(integer).unwrap_or(u32::MAX);
    usize::try_from(length).unwrap_or(usize::MAX)
}

/// One proven message as an event.
fn read(
    message: &[u8],
    chunked: bool,
    emit: &mut impl FnMut(&Event<'_>) -> Result<(), StreamFault>,
) -> Result<(), StreamFault> {
    let headers_end = PRELUDE_BYTES + length(message.get(4..8));
    let headers = message.get(PRELUDE_BYTES..headers_end).unwrap_or_default();
    let payload_end = message.len().saturating_sub(CRC_BYTES);
    let payload = message.get(headers_end..payload_end).unwrap_or_default();
    let headers = Headers::read(headers).ok_or(StreamFault::Malformed)?;
    let payload = String::from_utf8_lossy(payload);
    match headers.message_type {
        "exception" => emit(&failure(&exception(headers.exception_type, &payload))),
        "error" => emit(&failure(&object_bytes(|w| {
            error(headers.error_code, headers.error_message, None, w);
        }))),
        _ if chunked => chunk(&payload, emit),
        _ => emit(&Event {
            name: headers.event_type,
            data: Some(payload),
            raw: &[],
            terminated: true,
        }),
    }
}

/// `{"bytes": base64 of an event's JSON}`.
fn chunk(
    payload: &str,
    emit: &mut impl FnMut(&Event<'_>) -> Result<(), StreamFault>,
) -> Result<(), StreamFault> {
    let chunk = Json::parse_text(payload, &Limits::response());
    let chunk = chunk.map_err(|_| StreamFault::Malformed)?;
    let Some(bytes) = chunk.get("bytes") else {
        // Another kind of message, such as one that is added later.
        return Ok(());
    };
    let bytes = bytes.as_str().and_then(|bytes| base64::decode(&bytes));
    let data = bytes.ok_or(StreamFault::Malformed)?;
    let data = String::from_utf8_lossy(&data);
    let event = Json::parse_text(&data, &Limits::response()).ok();
    let name = event.and_then(|event| event.get("type")?.as_str());
    emit(&Event {
        name: name.as_deref().unwrap_or_default(),
        data: Some(Cow::Borrowed(&data)),
        raw: &[],
        terminated: true,
    })
}

/// An error as the dialects that stream server-sent events send it, so that every
/// reader understands it.
fn failure(data: &[u8]) -> Event<'_> {
    Event {
        name: "error",
        data: Some(String::from_utf8_lossy(data)),
        raw: &[],
        terminated: true,
    }
}

fn exception(kind: &str, payload: &str) -> Vec<u8> {
    let payload = Json::parse_text(payload, &Limits::response()).ok();
    let member = |key| payload.and_then(|payload| payload.get(key)?.non_null());
    let message = [member("message"), member("Message")];
    let message = message.into_iter().flatten().find_map(Json::as_str);
    let status = member("originalStatusCode").and_then(Json::as_u64);
    let status = status.or_else(|| aws::kind(kind).map(|kind| u64::from(kind.status())));
    object_bytes(|w| error(kind, &message.unwrap_or_default(), status, w))
}

fn error(kind: &str, message: &str, status: Option<u64>, w: &mut JsonWriter<'_>) {
    w.field_str("type", "error");
    w.field_object("error", |w| {
        w.field_str("type", kind);
        w.field_str("message", message);
        // Understood whatever dialect is inside: what the model behind the provider
        // answered with, or what the exception means.
        if let Some(status) = status {
            w.field_u64("code", status);
        }
    });
}

// === impl Headers ===

impl<'a> Headers<'a> {
    /// Nothing where they are not as the specification has them.
    fn read(mut bytes: &'a [u8]) -> Option<Self> {
        let mut headers = Self::default();
        while let Some((name_length, rest)) = bytes.split_first() {
            let (name, rest) = rest.split_at_checked(usize::from(*name_length))?;
            let (kind, rest) = rest.split_first()?;
            let (value_length, rest) = match kind {
                0 | 1 => (0, rest),
                2 => (1, rest),
                3 => (2, rest),
                4 => (4, rest),
                5 | 8 => (8, rest),
                6 | 7 => {
                    let (length, rest) = rest.split_first_chunk()?;
                    (usize::from(u16::from_be_bytes(*length)), rest)
                }
                9 => (16, rest),
                _ => return None,
            };
            let (value, rest) = rest.split_at_checked(value_length)?;
            let place = match name {
                b":message-type" => Some(&mut headers.message_type),
                b":event-type" => Some(&mut headers.event_type),
                b":exception-type" => Some(&mut headers.exception_type),
                b":error-code" => Some(&mut headers.error_code),
                b":error-message" => Some(&mut headers.error_message),
                _ => None,
            };
            if let Some(place) = place.filter(|_| *kind == 7) {
                *place = std::str::from_utf8(value).ok()?;
            }
            bytes = rest;
        }
        Some(headers)
    }
}
