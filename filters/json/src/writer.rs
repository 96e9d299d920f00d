//! Writing JSON straight into a byte buffer, commas included.

use super::push_escaped;
use crate::text::Text;

/// Appends JSON to a buffer. Nesting goes through closures, so that every
/// bracket that was opened is closed:
///
/// ```ignore
/// writer.object(|w| {
///     w.field_str("model", "m");
///     w.field_array("stop", |w| w.string("\n"));
/// });
/// ```
///
/// Dialects call it hundreds of times, so nothing of it is inlined: a call is smaller.
pub struct JsonWriter<'o> {
    out: &'o mut Vec<u8>,
    /// Whether the next value or key needs a comma before it.
    comma: bool,
}

/// A part of a string that is written.
#[derive(Clone, Copy, Debug)]
pub enum Piece<'t> {
    /// To be escaped.
    Plain(&'t str),
    /// As it stands between the quotes of a valid string; copied.
    Quoted(&'t str),
}

// === impl Piece ===

impl<'t> Piece<'t> {
    /// The piece as it is kept, escaped or not.
    pub fn as_str(self) -> &'t str {
        match self {
            Self::Plain(text) | Self::Quoted(text) => text,
        }
    }

    fn push(self, out: &mut Vec<u8>) {
        match self {
            Self::Plain(text) => push_escaped(text, out),
            Self::Quoted(json) => out.extend_from_slice(json.as_bytes()),
        }
    }
}

impl<'t> From<&'t str> for Piece<'t> {
    fn from(text: &'t str) -> Self {
        Self::Plain(text)
    }
}

impl<'t> From<&'t Text> for Piece<'t> {
    fn from(text: &'t Text) -> Self {
        text.piece()
    }
}

// === impl JsonWriter ===

impl<'o> JsonWriter<'o> {
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, comma: false }
    }

    pub fn object(&mut self, members: impl FnOnce(&mut JsonWriter<'_>)) {
        self.begin(b'{');
        members(self);
        self.end(b'}');
    }

    pub fn array(&mut self, elements: impl FnOnce(&mut JsonWriter<'_>)) {
        self.begin(b'[');
        elements(self);
        self.end(b']');
    }

    #[inline(never)]
    pub fn string(&mut self, text: &str) {
        self.begin(b'"');
        push_escaped(text, self.out);
        self.end(b'"');
    }

    /// As [`JsonWriter::string`]; what is still escaped is copied as it is.
    #[inline(never)]
    pub fn text(&mut self, text: &Text) {
        self.pieces(&[text.piece()]);
    }

    /// One string made of several parts, without joining them first.
    #[inline(never)]
    pub fn strings(&mut self, parts: &[&str]) {
        self.begin(b'"');
        for part in parts {
            push_escaped(part, self.out);
        }
        self.end(b'"');
    }

    /// As [`JsonWriter::strings`], of parts that may be escaped already.
    #[inline(never)]
    pub fn pieces(&mut self, pieces: &[Piece<'_>]) {
        self.begin(b'"');
        for piece in pieces {
            piece.push(self.out);
        }
        self.end(b'"');
    }

    /// One string made of several texts with `joint` between them.
    #[inline(never)]
    pub fn joined(&mut self, texts: &[&Text], joint: &str) {
        self.begin(b'"');
        for (index, text) in texts.iter().enumerate() {
            if index > 0 {
                push_escaped(joint, self.out);
            }
            text.piece().push(self.out);
        }
        self.end(b'"');
    }

    /// A value that is JSON already, byte for byte.
    #[inline(never)]
    pub fn raw(&mut self, json: &str) {
        if self.comma {
            self.out.push(b',');
        }
        self.comma = true;
        self.out.extend_from_slice(json.as_bytes());
    }

    #[inline(never)]
    pub fn number(&mut self, number: u64) {
        self.raw(&number.to_string());
    }

    #[inline(never)]
    pub fn key(&mut self, key: &str) {
        self.begin(b'"');
        push_escaped(key, self.out);
        self.out.extend_from_slice(b"\":");
    }

    #[inline(never)]
    pub fn field_str(&mut self, key: &str, text: &str) {
        self.key(key);
        self.string(text);
    }

    #[inline(never)]
    pub fn field_text(&mut self, key: &str, text: &Text) {
        self.key(key);
        self.text(text);
    }

    #[inline(never)]
    pub fn field_u64(&mut self, key: &str, number: u64) {
        self.key(key);
        self.number(number);
    }

    #[inline(never)]
    pub fn field_bool(&mut self, key: &str, flag: bool) {
        self.field_raw(key, if flag { "true" } else { "false" });
    }

    #[inline(never)]
    pub fn field_null(&mut self, key: &str) {
        self.field_raw(key, "null");
    }

    #[inline(never)]
    pub fn field_raw(&mut self, key: &str, json: &str) {
        self.key(key);
        self.raw(json);
    }

    pub fn field_object(&mut self, key: &str, members: impl FnOnce(&mut JsonWriter<'_>)) {
        self.key(key);
        self.object(members);
    }

    pub fn field_array(&mut self, key: &str, elements: impl FnOnce(&mut JsonWriter<'_>)) {
        self.key(key);
        self.array(elements);
    }

    #[inline(never)]
    fn begin(&mut self, bracket: u8) {
        if self.comma {
            self.out.push(b',');
        }
        self.out.push(bracket);
        self.comma = false;
    }

    #[inline(never)]
    fn end(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.comma = true;
    }
}

/// The bytes of one JSON object.
pub fn object_bytes(members: impl FnOnce(&mut JsonWriter<'_>)) -> Vec<u8> {
    object_bytes_within(0, members)
}

/// The same, which will be about this long: a buffer that has room for it need not grow, and what
/// was written is not copied again.
pub fn object_bytes_within(capacity: usize, members: impl FnOnce(&mut JsonWriter<'_>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(capacity);
    JsonWriter::new(&mut out).object(members);
    out
}
