//! Reading the members of a request with errors that name them.

use crate::body::Body;
use crate::json::{Json, Kind};
use crate::neutral::Extra;
use crate::path::Path;
use crate::problem::InvalidRequest;
use crate::text::{Raw, Text};

/// Reads values out of one body.
#[derive(Clone, Copy)]
pub(crate) struct Read<'b> {
    body: &'b Body,
}

type Result<T> = std::result::Result<T, InvalidRequest>;

impl<'b> Read<'b> {
    pub(crate) fn new(body: &'b Body) -> Self {
        Self { body }
    }

    pub(crate) fn body(self) -> Json<'b> {
        self.body.json()
    }

    pub(crate) fn text(self, json: Json<'_>, at: &Path<'_>) -> Result<Text> {
        self.body
            .text(json)
            .ok_or_else(|| InvalidRequest::must_be(at.to_string(), "a string"))
    }

    /// The member `key`, which must be a string.
    pub(crate) fn text_of(self, object: Json<'_>, key: &str, at: &Path<'_>) -> Result<Text> {
        let at = at.key(key);
        let value = object.get(key).ok_or_else(|| missing(&at))?;
        self.text(value, &at)
    }

    /// The member `key`, if it is there and not null.
    pub(crate) fn optional_text(
        self,
        object: Json<'_>,
        key: &str,
        at: &Path<'_>,
    ) -> Result<Option<Text>> {
        let value = object.get(key).and_then(Json::non_null);
        value
            .map(|value| self.text(value, &at.key(key)))
            .transpose()
    }

    pub(crate) fn raw(self, json: Json<'_>) -> Raw {
        self.body.raw(json)
    }

    pub(crate) fn number(self, json: Json<'_>, at: &Path<'_>) -> Result<Raw> {
        match json.kind() {
            Kind::Number => Ok(self.raw(json)),
            _ => Err(InvalidRequest::must_be(at.to_string(), "a number")),
        }
    }

    pub(crate) fn extra(self, key: &str, value: Json<'_>) -> Extra {
        Extra::new(key, self.raw(value))
    }

    pub(crate) fn mirrored(self, key: &str, value: Json<'_>) -> Extra {
        Extra::mirrored(key, self.raw(value))
    }
}

pub(crate) fn count(json: Json<'_>, at: &Path<'_>) -> Result<u64> {
    json.as_u64()
        .ok_or_else(|| InvalidRequest::must_be(at.to_string(), "a whole number, not negative"))
}

pub(crate) fn flag(json: Json<'_>, at: &Path<'_>) -> Result<bool> {
    json.as_bool()
        .ok_or_else(|| InvalidRequest::must_be(at.to_string(), "a boolean"))
}

pub(crate) fn array<'a>(json: Json<'a>, at: &Path<'_>) -> Result<impl Iterator<Item = Json<'a>>> {
    match json.kind() {
        Kind::Array => Ok(json.items()),
        _ => Err(InvalidRequest::must_be(at.to_string(), "an array")),
    }
}

pub(crate) fn object<'a>(json: Json<'a>, at: &Path<'_>) -> Result<Json<'a>> {
    match json.kind() {
        Kind::Object => Ok(json),
        _ => Err(InvalidRequest::must_be(at.to_string(), "an object")),
    }
}

pub(crate) fn missing(at: &Path<'_>) -> InvalidRequest {
    let field = at.to_string();
    let message = format!("'{field}' is required.");
    InvalidRequest::new(field, message)
}
