//! The one pass that proves a text to be JSON (RFC 8259).
//!
//! Not recursive: the kinds of the open containers are bits of one `u128`, so
//! the depth limit is also the whole memory that a hostile nesting can take.

use super::block::{Block, Inside};
use super::marks::{Marker, Marks};
use super::{InvalidJson, Limits, MAX_DEPTH};

/// What the pass noticed that may be good to know later.
#[derive(Debug, Default)]
pub struct Notes {
    /// Some string holds half of a surrogate pair.
    pub lone_surrogates: bool,
    /// If they were asked for.
    pub marks: Marks,
}

pub(super) fn validate(
    text: &str,
    limits: &Limits,
    marker: Option<Marker>,
) -> Result<Notes, InvalidJson> {
    let mut validator = Validator {
        bytes: text.as_bytes(),
        at: 0,
        limits,
        lone_surrogates: false,
        marker,
    };
    if text.len() > limits.max_bytes {
        return Err(validator.fault("is too long"));
    }
    validator.document()?;
    Ok(Notes {
        lone_surrogates: validator.lone_surrogates,
        marks: validator.marker.map(Marker::finish).unwrap_or_default(),
    })
}

struct Validator<'a> {
    bytes: &'a [u8],
    at: usize,
    limits: &'a Limits,
    lone_surrogates: bool,
    marker: Option<Marker>,
}

impl Validator<'_> {
    fn document(&mut self) -> Result<(), InvalidJson> {
        let mut open = Containers::default();
        loop {
            // Here a value must start.
            self.skip_white();
            let closed = match self.peek() {
                Some(b'{') => {
                    self.open(&mut open, true)?;
                    if self.close(b'}') {
                        self.closed(&mut open);
                        true
                    } else {
                        self.key()?;
                        false
                    }
                }
                Some(b'[') => {
                    self.open(&mut open, false)?;
                    if self.close(b']') {
                        self.closed(&mut open);
                        true
                    } else {
                        false
                    }
                }
                _ => {
                    self.scalar()?;
                    true
                }
            };
            if closed && self.after_value(&mut open)? {
                return Ok(());
            }
        }
    }

    /// After a whole value: closes containers, or moves on to the next value.
    /// True at the end of the document.
    fn after_value(&mut self, open: &mut Containers) -> Result<bool, InvalidJson> {
        loop {
            self.skip_white();
            let Some(in_object) = open.innermost() else {
                return match self.peek() {
                    None => Ok(true),
                    Some(_) => Err(self.fault("goes on after its end")),
                };
            };
            match (self.peek(), in_object) {
                (Some(b','), true) => {
                    self.at += 1;
                    self.skip_white();
                    self.key()?;
                    return Ok(false);
                }
                (Some(b','), false) => {
                    self.at += 1;
                    return Ok(false);
                }
                (Some(b'}'), true) | (Some(b']'), false) => {
                    self.at += 1;
                    self.closed(open);
                }
                (None, _) => return Err(self.fault("ends too early")),
                (Some(_), true) => return Err(self.fault("lacks a comma or a closing brace")),
                (Some(_), false) => return Err(self.fault("lacks a comma or a closing bracket")),
            }
        }
    }

    fn open(&mut self, open: &mut Containers, object: bool) -> Result<(), InvalidJson> {
        if open.depth >= self.limits.max_depth.min(MAX_DEPTH) {
            return Err(self.fault("is nested too deeply"));
        }
        open.push(object);
        if let Some(marker) = &mut self.marker {
            marker.open(self.at);
        }
        self.at += 1;
        self.skip_white();
        Ok(())
    }

    fn closed(&mut self, open: &mut Containers) {
        open.pop();
        if let Some(marker) = &mut self.marker {
            marker.close(self.at);
        }
    }

    fn close(&mut self, bracket: u8) -> bool {
        let closes = self.peek() == Some(bracket);
        if closes {
            self.at += 1;
        }
        closes
    }

    fn key(&mut self) -> Result<(), InvalidJson> {
        if self.peek() != Some(b'"') {
            return Err(self.fault("lacks a key in an object"));
        }
        self.string()?;
        self.skip_white();
        if self.peek() != Some(b':') {
            return Err(self.fault("lacks a colon after a key"));
        }
        self.at += 1;
        Ok(())
    }

    fn scalar(&mut self) -> Result<(), InvalidJson> {
        match self.peek() {
            Some(b'"') => {
                let start = self.at;
                self.string()?;
                if let Some(marker) = &mut self.marker {
                    marker.string(start, self.at);
                }
                Ok(())
            }
            Some(b't') => self.literal(b"true"),
            Some(b'f') => self.literal(b"false"),
            Some(b'n') => self.literal(b"null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => Err(self.fault("holds something that is not a JSON value")),
            None => Err(self.fault("ends too early")),
        }
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), InvalidJson> {
        if !self.rest().starts_with(word) {
            return Err(self.fault("holds something that is not a JSON value"));
        }
        self.at += word.len();
        Ok(())
    }

    /// `number = [ "-" ] int [ frac ] [ exp ]` (RFC 8259, section 6).
    fn number(&mut self) -> Result<(), InvalidJson> {
        let start = self.at;
        self.close(b'-');
        if !self.close(b'0') {
            self.digits()?;
        }
        if self.close(b'.') {
            self.digits()?;
        }
        if self.close(b'e') || self.close(b'E') {
            let _sign = self.close(b'+') || self.close(b'-');
            self.digits()?;
        }
        if self.at - start > self.limits.max_number_chars {
            return Err(self.fault("holds a number that is too long"));
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), InvalidJson> {
        let count = self
            .rest()
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if count == 0 {
            return Err(self.fault("holds a malformed number"));
        }
        self.at += count;
        Ok(())
    }

    fn string(&mut self) -> Result<(), InvalidJson> {
        self.at += 1;
        loop {
            match Block::at_front_of(self.rest()).inside() {
                Inside::GoesOn(length) => self.at += length,
                Inside::Ends(length) => {
                    self.at += length + 1;
                    return Ok(());
                }
                Inside::Control(length) => {
                    self.at = self.bytes.len().min(self.at + length);
                    return Err(self.fault(match self.peek() {
                        None => "ends inside a string",
                        Some(_) => "holds a bare control character inside a string",
                    }));
                }
                Inside::Escape(length) => {
                    self.at += length;
                    // They come in crowds: text in another script, all `\uXXXX`.
                    while self.peek() == Some(b'\\') {
                        self.escape()?;
                    }
                }
            }
        }
    }

    fn escape(&mut self) -> Result<(), InvalidJson> {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                Ok(())
            }
            Some(b'u') => self.unicode_escape(),
            _ => Err(self.fault("holds an unknown escape")),
        }
    }

    fn unicode_escape(&mut self) -> Result<(), InvalidJson> {
        let unit = self.hex4()?;
        let lone = match unit {
            0xD800..=0xDBFF if self.rest().starts_with(b"\\u") => {
                let second_at = self.at;
                self.at += 1;
                let second = self.hex4()?;
                let paired = matches!(second, 0xDC00..=0xDFFF);
                if !paired {
                    // Not the other half: it is an escape of its own.
                    self.at = second_at;
                }
                !paired
            }
            0xD800..=0xDFFF => true,
            _ => false,
        };
        if lone && !self.limits.lone_surrogates {
            return Err(self.fault("holds half of a surrogate pair"));
        }
        self.lone_surrogates |= lone;
        Ok(())
    }

    /// Reads `uXXXX`.
    fn hex4(&mut self) -> Result<u16, InvalidJson> {
        let digits = self.bytes.get(self.at + 1..self.at + 5);
        let unit = digits
            .and_then(super::string::hex4)
            .ok_or_else(|| self.fault("holds a malformed \\u escape"))?;
        self.at += 5;
        Ok(unit)
    }

    fn skip_white(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn fault(&self, reason: &'static str) -> InvalidJson {
        InvalidJson {
            at: self.at,
            reason,
        }
    }
}

/// The open containers, innermost in the lowest bit: 1 object, 0 array.
#[derive(Default)]
struct Containers {
    objects: u128,
    depth: u32,
}

impl Containers {
    fn push(&mut self, object: bool) {
        self.objects = (self.objects << 1) | u128::from(object);
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.objects >>= 1;
        self.depth = self.depth.saturating_sub(1);
    }

    fn innermost(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.objects & 1 == 1)
    }
}
