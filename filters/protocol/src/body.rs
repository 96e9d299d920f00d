//! A body that was validated once and can then be read many times.

use std::sync::Arc;

use crate::json::{Json, Limits};
use crate::problem::InvalidRequest;
use crate::text::{Raw, Text};

/// A JSON object, validated, owned, and shared by everything read from it: a
/// neutral request keeps ranges of its body, not copies. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Body {
    text: Arc<String>,
}

impl Body {
    /// Takes over the bytes of a body without copying them. What is not a JSON
    /// object within `limits` is an [`InvalidRequest`] that says where it fails.
    pub fn parse(bytes: Vec<u8>, limits: &Limits) -> Result<Self, InvalidRequest> {
        let text = String::from_utf8(bytes)
            .map_err(|_| InvalidRequest::new("", "The request body is not valid UTF-8."))?;
        let json = Json::parse_text(&text, limits).map_err(|invalid| {
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
        })
    }

    pub fn json(&self) -> Json<'_> {
        Json::trusted(&self.text)
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The decoded string `json`, as a range of this body unless it has escapes.
    pub(crate) fn text(&self, json: Json<'_>) -> Option<Text> {
        match json.as_str()? {
            std::borrow::Cow::Borrowed(plain) => Some(Text::within(&self.text, plain)),
            std::borrow::Cow::Owned(decoded) => Some(decoded.into()),
        }
    }

    /// The value `json` verbatim, as a range of this body.
    pub(crate) fn raw(&self, json: Json<'_>) -> Raw {
        Raw::trusted(Text::within(&self.text, json.raw()))
    }
}
