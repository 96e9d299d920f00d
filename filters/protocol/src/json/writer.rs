//! Writing JSON straight into a byte buffer, commas included.

use super::push_escaped;

/// Appends JSON to a buffer. Nesting goes through closures, so that every
/// bracket that was opened is closed:
///
/// ```ignore
/// writer.object(|w| {
///     w.field_str("model", "m");
///     w.field_array("stop", |w| w.string("\n"));
/// });
/// ```
pub struct JsonWriter<'o> {
    out: &'o mut Vec<u8>,
    /// Whether the next value or key needs a comma before it.
    comma: bool,
}

impl<'o> JsonWriter<'o> {
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, comma: false }
    }

    pub fn object(&mut self, members: impl FnOnce(&mut JsonWriter<'_>)) {
        self.nest(b'{', b'}', members);
    }

    pub fn array(&mut self, elements: impl FnOnce(&mut JsonWriter<'_>)) {
        self.nest(b'[', b']', elements);
    }

    pub fn string(&mut self, text: &str) {
        self.strings(&[text]);
    }

    /// One string made of several parts, without joining them first.
    pub fn strings(&mut self, parts: &[&str]) {
        self.separate();
        self.out.push(b'"');
        for part in parts {
            push_escaped(part, self.out);
        }
        self.out.push(b'"');
    }

    /// A value that is JSON already, byte for byte.
    pub fn raw(&mut self, json: &str) {
        self.separate();
        self.out.extend_from_slice(json.as_bytes());
    }

    pub fn number(&mut self, number: u64) {
        self.raw(&number.to_string());
    }

    pub fn key(&mut self, key: &str) {
        self.string(key);
        self.out.push(b':');
        self.comma = false;
    }

    pub fn field_str(&mut self, key: &str, text: &str) {
        self.key(key);
        self.string(text);
    }

    pub fn field_u64(&mut self, key: &str, number: u64) {
        self.key(key);
        self.number(number);
    }

    pub fn field_bool(&mut self, key: &str, flag: bool) {
        self.field_raw(key, if flag { "true" } else { "false" });
    }

    pub fn field_null(&mut self, key: &str) {
        self.field_raw(key, "null");
    }

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

    fn nest(&mut self, open: u8, close: u8, inside: impl FnOnce(&mut JsonWriter<'_>)) {
        self.separate();
        self.out.push(open);
        inside(&mut JsonWriter::new(self.out));
        self.out.push(close);
    }

    fn separate(&mut self) {
        if self.comma {
            self.out.push(b',');
        }
        self.comma = true;
    }
}

/// The bytes of one JSON object.
pub(crate) fn object_bytes(members: impl FnOnce(&mut JsonWriter<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    JsonWriter::new(&mut out).object(members);
    out
}
