//! A body that was validated once and can then be read many times.

use std::sync::Arc;

use crate::json::{Json, Limits, Notes};
use crate::problem::InvalidRequest;
use crate::text::{Raw, Text};

/// A JSON object, validated, owned, and shared by everything read from it: a
/// neutral request keeps ranges of its body, not copies. Cloning is cheap.
///
/// Memory: the bytes, and up to a sixth as much for the marks that let it be read
/// without passing over large values again and again.
#[derive(Clone, Debug)]
pub struct Body {
    text: Arc<String>,
    notes: Arc<Notes>,
}

impl Body {
    /// Takes over the bytes of a body without copying them. What is not a JSON
    /// object within `limits` is an [`InvalidRequest`] that says where it fails.
    pub fn parse(bytes: Vec<u8>, limits: &Limits) -> Result<Self, InvalidRequest> {
        let text = String::from_utf8(bytes)
            .map_err(|_| InvalidRequest::new("", "The request body is not valid UTF-8."))?;
        let (json, notes) = Json::parse_noting(&text, limits).map_err(|invalid| {
            let crate::json::InvalidJson { at, reason } = invalid;
            let message = format!("The request body is not valid JSON: it {reason} (byte {at}).");
            InvalidRequest::new("", message)
        })?;
        if json.kind() != crate::json::Kind::Object {
            return Err(InvalidRequest::new(
                "",
                "The request body must be a JSON object.",
            ));
        }
        Ok(Self {
            text: Arc::new(text),
            notes: Arc::new(notes),
        })
    }

    pub fn json(&self) -> Json<'_> {
        Json::marked(&self.text, &self.notes.marks)
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The string `json`, as a range of this body.
    pub(crate) fn text(&self, json: Json<'_>) -> Option<Text> {
        // Half of a surrogate pair can be read, as U+FFFD, but not passed on.
        match self.notes.lone_surrogates {
            true => json.as_str().map(|text| text.into_owned().into()),
            false => Some(Text::quoted(&self.text, json.string_body()?)),
        }
    }

    /// The value `json` verbatim, as a range of this body.
    pub(crate) fn raw(&self, json: Json<'_>) -> Raw {
        Raw::trusted(Text::within(&self.text, json.raw()))
    }
}
