//! JSON objects one after the other over arbitrary chunk cuts: a line each, as in
//! newline-delimited JSON, or the elements of one array.
//!
//! ```text
//! sequence = *( object / garbage / separator ) / "[" *( object / separator ) "]"
//! separator = white-space / ","
//! garbage  = anything else, up to the end of its line
//! ```
//!
//! An object ends with its own bracket, so it may fill several lines, and no line
//! feed has to come before it is known to be whole. Garbage is an event as well: who
//! reads it says that it cannot be read.

use std::borrow::Cow;

use super::Event;
use crate::stream::{MAX_EVENT_BYTES, StreamFault};

/// Splits a byte stream into JSON objects. Holds at most one that is incomplete.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    held: Vec<u8>,
    /// How much of `held` was looked at.
    seen: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum State {
    /// Before an object.
    #[default]
    Between,
    /// Inside of this many brackets.
    Inside(u32),
    /// In a string inside of this many brackets.
    String(u32),
    /// After a backslash in such a string.
    Escape(u32),
    Garbage,
}

// === impl Parser ===

impl Parser {
    /// Takes the next bytes and hands every event that they complete to `emit`.
    pub(crate) fn push(
        &mut self,
        chunk: &[u8],
        mut emit: impl FnMut(&Event<'_>) -> Result<(), StreamFault>,
    ) -> Result<(), StreamFault> {
        self.held.extend_from_slice(chunk);
        let mut done = 0;
        while let Some(byte) = self.held.get(self.seen) {
            let was = self.state;
            self.state = was.after(*byte);
            self.seen += 1;
            if self.state != State::Between {
                continue;
            }
            if was != State::Between {
                let object = self.held.get(done..self.seen).unwrap_or_default();
                if object.len() > MAX_EVENT_BYTES {
                    return Err(StreamFault::EventTooLarge);
                }
                emit(&event(object, true))?;
            }
            done = self.seen;
        }
        self.held.drain(..done);
        self.seen -= done;
        if self.held.len() > MAX_EVENT_BYTES {
            return Err(StreamFault::EventTooLarge);
        }
        Ok(())
    }

    /// The end of the stream: hands over what is incomplete.
    pub(crate) fn finish(
        &mut self,
        emit: impl FnOnce(&Event<'_>) -> Result<(), StreamFault>,
    ) -> Result<(), StreamFault> {
        let held = std::mem::take(&mut self.held);
        let state = std::mem::take(&mut self.state);
        self.seen = 0;
        match state {
            State::Between => Ok(()),
            state => emit(&event(&held, state == State::Garbage)),
        }
    }
}

fn event(bytes: &[u8], terminated: bool) -> Event<'_> {
    Event {
        name: "",
        data: Some(match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text.trim()),
            Err(_) => String::from_utf8_lossy(bytes),
        }),
        raw: &[],
        terminated,
    }
}

// === impl State ===

impl State {
    fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Between, b'{') => Self::Inside(1),
            // The brackets of the array around all of it, and what stands between.
            (Self::Between, b'[' | b']' | b',' | b' ' | b'\t' | b'\r' | b'\n') => Self::Between,
            // A byte order mark.
            (Self::Between, 0xEF | 0xBB | 0xBF) => Self::Between,
            (Self::Between, _) => Self::Garbage,
            (Self::Garbage, b'\n') => Self::Between,
            (Self::Garbage, _) => Self::Garbage,
            (Self::Inside(depth), b'{' | b'[') => Self::Inside(depth.saturating_add(1)),
            (Self::Inside(..=1), b'}' | b']') => Self::Between,
            (Self::Inside(depth), b'}' | b']') => Self::Inside(depth - 1),
            (Self::Inside(depth), b'"') => Self::String(depth),
            (Self::Inside(depth), _) => Self::Inside(depth),
            (Self::String(depth), b'\\') => Self::Escape(depth),
            (Self::String(depth), b'"') => Self::Inside(depth),
            (Self::String(depth) | Self::Escape(depth), _) => Self::String(depth),
        }
    }
}
