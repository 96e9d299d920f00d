//! Server-sent events over arbitrary chunk cuts.
//!
//! The grammar, from the WHATWG HTML standard, section 9.2.5:
//!
//! ```text
//! stream        = [ bom ] *event
//! event         = *( comment / field ) end-of-line
//! comment       = colon *any-char end-of-line
//! field         = 1*name-char [ colon [ space ] *any-char ] end-of-line
//! end-of-line   = ( cr lf / cr / lf )
//! ```
//!
//! Beside the meaning, every event carries its exact bytes, so that a stream can
//! be passed on untouched.

use std::borrow::Cow;

use memchr::memchr2;

pub use crate::framing::Event;

/// An event is longer than the parser may keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

/// Splits a byte stream into events. Holds at most one unfinished event.
#[derive(Debug)]
pub struct Parser {
    max_event_bytes: usize,
    /// The unfinished event.
    held: Vec<u8>,
    /// Where in `held` the line begins that is not complete yet.
    line: usize,
    at_start: bool,
}

// === impl Parser ===

impl Parser {
    pub fn new(max_event_bytes: usize) -> Self {
        Self {
            max_event_bytes,
            held: Vec::new(),
            line: 0,
            at_start: true,
        }
    }

    /// Takes the next bytes and hands every event that they complete to `emit`.
    /// An error of `emit` ends the call; the parser should not be used after it.
    pub fn push<E: From<TooLarge>>(
        &mut self,
        chunk: &[u8],
        mut emit: impl FnMut(&Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.held.extend_from_slice(chunk);
        let mut done = 0;
        while let Some(end) = self.event_end() {
            let raw = self.held.get(done..end).unwrap_or_default();
            if raw.len() > self.max_event_bytes {
                return Err(TooLarge.into());
            }
            emit(&event(raw, self.at_start, true))?;
            self.at_start = false;
            done = end;
        }
        self.held.drain(..done);
        self.line -= done;
        if self.held.len() > self.max_event_bytes {
            return Err(TooLarge.into());
        }
        Ok(())
    }

    /// The end of the stream: hands over what stood there without a blank line.
    pub fn finish<E>(&mut self, emit: impl FnOnce(&Event<'_>) -> Result<(), E>) -> Result<(), E> {
        let held = std::mem::take(&mut self.held);
        self.line = 0;
        if held.is_empty() {
            return Ok(());
        }
        // A carriage return may have waited for a line feed that never came.
        let terminated = held.ends_with(b"\r\r") || held.ends_with(b"\n\r");
        emit(&event(&held, self.at_start, terminated))
    }

    /// Moves over complete lines up to the next blank one; the offset after it.
    fn event_end(&mut self) -> Option<usize> {
        loop {
            let rest = self.held.get(self.line..)?;
            let length = memchr2(b'\n', b'\r', rest)?;
            let ending = match (rest.get(length), rest.get(length + 1)) {
                (Some(b'\n'), _) => 1,
                // Whether a line feed belongs to it is not known yet.
                (_, None) => return None,
                (_, Some(b'\n')) => 2,
                (_, Some(_)) => 1,
            };
            self.line += length + ending;
            if length == 0 {
                return Some(self.line);
            }
        }
    }
}

/// Reads the fields of one event out of its bytes.
fn event(raw: &[u8], first: bool, terminated: bool) -> Event<'_> {
    let bom: &[u8] = if first { b"\xEF\xBB\xBF" } else { b"" };
    let mut rest = raw.strip_prefix(bom).unwrap_or(raw);
    let mut name = "";
    let mut data: Option<Cow<'_, str>> = None;
    while !rest.is_empty() {
        let (line, after) = split_line(rest);
        rest = after;
        let (field, value) = split_field(line);
        match field {
            b"event" => name = std::str::from_utf8(value).unwrap_or_default(),
            b"data" => {
                let value = String::from_utf8_lossy(value);
                match &mut data {
                    None => data = Some(value),
                    Some(data) => {
                        let data = data.to_mut();
                        data.push('\n');
                        data.push_str(&value);
                    }
                }
            }
            // `id` and `retry` mean nothing here; a line that begins with a colon
            // is a comment; unknown fields are ignored, as the standard says.
            _ => {}
        }
    }
    Event {
        name,
        data,
        raw,
        terminated,
    }
}

fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let length = memchr2(b'\n', b'\r', bytes).unwrap_or(bytes.len());
    let (line, rest) = bytes.split_at_checked(length).unwrap_or((bytes, &[]));
    let ending = if rest.starts_with(b"\r\n") { 2 } else { 1 };
    (line, rest.get(ending..).unwrap_or_default())
}

fn split_field(line: &[u8]) -> (&[u8], &[u8]) {
    let Some(colon) = memchr::memchr(b':', line) else {
        return (line, b"");
    };
    let (field, value) = line.split_at_checked(colon).unwrap_or((line, b""));
    let value = value.get(1..).unwrap_or_default();
    (field, value.strip_prefix(b" ").unwrap_or(value))
}

/// Appends one event; an empty name writes none. Data of several lines becomes
/// several `data` fields.
pub fn write(name: &str, data: &str, out: &mut Vec<u8>) {
    if !name.is_empty() {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.push(b'\n');
    }
    for line in data.split('\n') {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
    out.push(b'\n');
}
