//! Text that is cheap to keep: a range of the body that it came from where
//! possible, so that a megabyte of base64 is held once however often it is sent.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::json::{Json, Limits};

/// Immutable decoded text. Cloning never copies the characters.
#[derive(Clone)]
pub struct Text(Repr);

#[derive(Clone)]
enum Repr {
    Static(&'static str),
    Owned(Arc<str>),
    /// `start..end` lies inside `owner` and on character boundaries.
    Shared {
        owner: Arc<String>,
        start: usize,
        end: usize,
    },
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
    pub(crate) fn within(owner: &Arc<String>, part: &str) -> Self {
        let offset = (part.as_ptr() as usize).checked_sub(owner.as_ptr() as usize);
        let range = offset.map(|start| (start, start + part.len()));
        match range {
            // The comparison makes this right even for a foreign pointer; it costs
            // nothing for the range itself, whose address is the same.
            Some((start, end))
                if owner
                    .get(start..end)
                    .is_some_and(|own| own.as_ptr() == part.as_ptr()) =>
            {
                Self(Repr::Shared {
                    owner: Arc::clone(owner),
                    start,
                    end,
                })
            }
            _ => Self::from(part),
        }
    }

    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Static(text) => text,
            Repr::Owned(text) => text,
            Repr::Shared { owner, start, end } => owner.get(*start..*end).unwrap_or_default(),
        }
    }

    /// A part of this text without copying it; `part` must be a slice of it.
    pub(crate) fn slice(&self, part: &str) -> Self {
        match &self.0 {
            Repr::Shared { owner, .. } => Self::within(owner, part),
            _ => Self::from(part),
        }
    }

    pub(crate) fn is_blank(&self) -> bool {
        self.trim().is_empty()
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

// === impl Raw ===

impl Raw {
    pub(crate) fn trusted(json: Text) -> Self {
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

    pub(crate) fn into_text(self) -> Text {
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
