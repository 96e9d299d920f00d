//! JSON that is checked once and then walked lazily, without a tree.
//!
//! [`Json::parse`] makes one pass over the bytes and proves them to be a single
//! JSON text (RFC 8259) within [`Limits`]. After that a [`Json`] is only a slice
//! of the text: members are found by skipping over their neighbours, and what
//! nobody asks for is never decoded. Slices can be copied verbatim, so numbers,
//! key order and escapes of schemas and tool arguments survive a translation.
//!
//! Where a key stands twice in an object the last one counts, as in JavaScript
//! and Python; whoever decides about money or access should refuse such bodies.
//!
//! A crate of its own so that it can be compiled for speed, and the dialects, which
//! are many and look at little, for size.

mod block;
mod end;
mod limits;
mod marks;
mod string;
mod text;
mod validate;
mod walk;
mod word;
mod writer;

use std::borrow::Cow;

use self::marks::Marker;

pub use self::end::ObjectEnd;
pub use self::limits::{InvalidJson, Limits, MAX_DEPTH};
pub use self::marks::Marks;
pub use self::string::{decode, hex4, is_json_object, push_escaped};
pub use self::text::{Raw, Text};
pub use self::validate::Notes;
pub use self::walk::{Entries, Items};
pub use self::writer::{JsonWriter, Piece, object_bytes, object_bytes_within};

use self::string::chars;

/// One JSON value inside a text that has been validated; costs three words.
#[derive(Clone, Copy, Debug)]
pub struct Json<'a> {
    raw: &'a str,
    /// Of the text that it is a part of, if there are any.
    marks: Option<&'a Marks>,
}

/// What a JSON value is, told by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

// === impl Json ===

impl<'a> Json<'a> {
    /// Validates `bytes` as one JSON text, surrounded by white space at most.
    pub fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self, InvalidJson> {
        let text = std::str::from_utf8(bytes).map_err(|error| InvalidJson {
            at: error.valid_up_to(),
            reason: "is not valid UTF-8",
        })?;
        Self::parse_text(text, limits)
    }

    /// As [`Json::parse`], for what is known to be UTF-8.
    pub fn parse_text(text: &'a str, limits: &Limits) -> Result<Self, InvalidJson> {
        validate::validate(text, limits, None)?;
        Ok(Self::trusted(text))
    }

    /// As [`Json::parse_text`], for what will be walked often: with what was noticed on
    /// the way.
    pub fn parse_noting(text: &'a str, limits: &Limits) -> Result<(Self, Notes), InvalidJson> {
        let marker = Marker::new(text.as_bytes());
        let notes = validate::validate(text, limits, marker)?;
        Ok((Self::trusted(text), notes))
    }

    /// A view of text that was validated before.
    pub fn trusted(text: &'a str) -> Self {
        Self {
            raw: text.trim_matches([' ', '\t', '\n', '\r']),
            marks: None,
        }
    }

    /// As [`Json::trusted`], for the text whose marks these are, at its old address.
    pub fn marked(text: &'a str, marks: &'a Marks) -> Self {
        Self {
            marks: Some(marks),
            ..Self::trusted(text)
        }
    }

    /// The value's text, exactly as it was written.
    pub fn raw(self) -> &'a str {
        self.raw
    }

    pub fn kind(self) -> Kind {
        match self.raw.as_bytes().first() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'n') | None => Kind::Null,
            Some(_) => Kind::Number,
        }
    }

    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// The value, or nothing where it is `null`: most APIs mean the same by both.
    pub fn non_null(self) -> Option<Self> {
        (!self.is_null()).then_some(self)
    }

    /// The member `key` of an object, `null` included; nothing on other kinds.
    pub fn get(self, key: &str) -> Option<Self> {
        let [found] = self.members([key]);
        found
    }

    /// Several members at once, found in one walk over the object.
    pub fn members<const N: usize>(self, keys: [&str; N]) -> [Option<Self>; N] {
        let mut found = [None; N];
        self.find(&keys, &mut found);
        found
    }

    /// Puts the member of each key into its slot.
    #[inline(never)]
    fn find(self, keys: &[&str], found: &mut [Option<Self>]) {
        let mut entries = self.entries();
        while let Some((key, value)) = entries.next_raw() {
            let Some(key) = key.string_body().map(decode) else {
                continue;
            };
            let slot = keys.iter().position(|name| *name == key);
            if let Some(slot) = slot.and_then(|slot| found.get_mut(slot)) {
                *slot = Some(value);
            }
        }
    }

    /// The members of an object in order; empty on other kinds.
    pub fn entries(self) -> Entries<'a> {
        Entries::new(self)
    }

    /// The elements of an array in order; empty on other kinds.
    pub fn items(self) -> Items<'a> {
        Items::new(self)
    }

    /// The decoded string, borrowed where it holds no escape. A lone surrogate,
    /// where [`Limits`] let one through, becomes U+FFFD.
    pub fn as_str(self) -> Option<Cow<'a, str>> {
        self.string_body().map(decode)
    }

    pub fn as_bool(self) -> Option<bool> {
        match self.raw {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// A count: a whole number from 0 up; `12.0` and `1e3` are whole as well.
    pub fn as_u64(self) -> Option<u64> {
        if self.kind() != Kind::Number {
            return None;
        }
        if let Ok(whole) = self.raw.parse() {
            return Some(whole);
        }
        let float: f64 = self.raw.parse().ok()?;
        let fits = (0.0..=9_007_199_254_740_992.0).contains(&float) && float.fract() == 0.0;
        fits.then_some(float as u64)
    }

    /// Between the quotes of a string, still escaped.
    pub fn string_body(self) -> Option<&'a str> {
        self.raw.strip_prefix('"')?.strip_suffix('"')
    }
}
