//! Text that is cheap to keep: a range of the body that it came from where
//! possible, so that a megabyte of base64 is held once however often it is sent.
//!
//! Strings stay as they stood in the body, escapes included, until somebody needs
//! to read them; what goes from one body to another is never decoded at all.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use crate::{Json, Limits, Piece, chars, decode};

/// Immutable text. Cloning never copies the characters. Where it still has its
/// escapes, dereferencing takes them out, once for all clones;
/// [`JsonWriter::text`](crate::JsonWriter::text) and the methods here do not.
#[derive(Clone)]
pub struct Text(Repr);

#[derive(Clone)]
enum Repr {
    Static(&'static str),
    Owned(Arc<str>),
    Shared(Range),
    /// As `Shared`, and known to hold nothing that JSON escapes.
    Plain(Range),
    Escaped(Arc<Escaped>),
}

/// `start..end` lies inside `owner` and on character boundaries.
#[derive(Clone)]
struct Range {
    owner: Arc<String>,
    start: usize,
    end: usize,
}

/// The inside of a JSON string without lone surrogates.
struct Escaped {
    json: Range,
    decoded: OnceLock<Box<str>>,
}

/// One valid JSON value kept as it was written: numbers, key order and escapes
/// reach the other side unchanged.
#[derive(Clone, PartialEq)]
pub struct Raw(Text);

// === impl Text ===

impl Text {
    pub const fn from_static(text: &'static str) -> Self {
        Self(Repr::Static(text))
    }

    /// `part` as a range of `owner` if it lies inside, else a copy.
    pub fn within(owner: &Arc<String>, part: &str) -> Self {
        match Range::within(owner, part) {
            Some(range) => Self(Repr::Shared(range)),
            None => Self::from(part),
        }
    }

    /// What `part`, the inside of a JSON string without lone surrogates, means; a
    /// range of `owner` if it lies inside, else a copy.
    pub fn quoted(owner: &Arc<String>, part: &str) -> Self {
        let escaped = memchr::memchr(b'\\', part.as_bytes()).is_some();
        match Range::within(owner, part) {
            Some(range) if !escaped => Self(Repr::Plain(range)),
            Some(json) => Self(Repr::Escaped(Arc::new(Escaped {
                json,
                decoded: OnceLock::new(),
            }))),
            None => decode(part).into_owned().into(),
        }
    }

    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Static(text) => text,
            Repr::Owned(text) => text,
            Repr::Shared(range) | Repr::Plain(range) => range.as_str(),
            Repr::Escaped(escaped) => escaped
                .decoded
                .get_or_init(|| decode(escaped.json.as_str()).into()),
        }
    }

    /// A part of this text without copying it; `part` must be a slice of it.
    pub fn slice(&self, part: &str) -> Self {
        let range = match &self.0 {
            Repr::Shared(range) => Range::within(&range.owner, part).map(Repr::Shared),
            Repr::Plain(range) => Range::within(&range.owner, part).map(Repr::Plain),
            _ => None,
        };
        range.map_or_else(|| Self::from(part), Self)
    }

    /// For writing: the text in the form in which it is kept.
    pub fn piece(&self) -> Piece<'_> {
        match &self.0 {
            Repr::Plain(range) => Piece::Quoted(range.as_str()),
            Repr::Escaped(escaped) => Piece::Quoted(escaped.json.as_str()),
            _ => Piece::Plain(self.as_str()),
        }
    }

    /// About the length in bytes: not less, and exact unless there are escapes.
    pub fn most_bytes(&self) -> usize {
        self.piece().as_str().len()
    }

    pub fn is_empty(&self) -> bool {
        self.piece().as_str().is_empty()
    }

    /// Whether it holds nothing but white space. Reads no further than that.
    pub fn is_blank(&self) -> bool {
        self.leading_chars().all(char::is_whitespace)
    }

    /// As [`str::starts_with`], but reads no further than `start`.
    pub fn begins_with(&self, start: &str) -> bool {
        let mut own = self.leading_chars();
        start.chars().all(|char| own.next() == Some(char))
    }

    fn leading_chars(&self) -> impl Iterator<Item = char> {
        let (plain, escaped) = match &self.0 {
            Repr::Escaped(escaped) => ("", escaped.json.as_str()),
            _ => (self.as_str(), ""),
        };
        plain.chars().chain(chars(escaped))
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Repr::Owned(text.into()))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Repr::Owned(text.into()))
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), formatter)
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::from_static("")
    }
}

// === impl Range ===

impl Range {
    fn within(owner: &Arc<String>, part: &str) -> Option<Self> {
        let start = (part.as_ptr() as usize).checked_sub(owner.as_ptr() as usize)?;
        let end = start.checked_add(part.len())?;
        // The comparison makes this right even for a foreign pointer; it costs
        // nothing for the range itself, whose address is the same.
        let own = owner.get(start..end)?;
        (own.as_ptr() == part.as_ptr()).then(|| Self {
            owner: Arc::clone(owner),
            start,
            end,
        })
    }

    fn as_str(&self) -> &str {
        self.owner.get(self.start..self.end).unwrap_or_default()
    }
}

// === impl Raw ===

impl Raw {
    pub fn trusted(json: Text) -> Self {
        Self(json)
    }

    /// Checks that `json` is one JSON value.
    pub fn parse(json: &str) -> Option<Self> {
        let value = Json::parse_text(json, &Limits::response()).ok()?;
        Some(Self(value.raw().into()))
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub fn into_text(self) -> Text {
        self.0
    }

    pub fn json(&self) -> Json<'_> {
        Json::trusted(self.as_str())
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
