//! Request bodies: JSON objects, lists of them, lists of ids.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::response::IntoResponse;
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::json;
use serde_json::value::RawValue;

use super::ApiError;
use super::fields::Fields;
use super::heard::{Heard, Listener};
use super::rules;

/// A body that is held whole, up to the router's limit.
pub(super) struct Body {
    bytes: Bytes,
    heard: Heard,
}

/// Things that one request may bring or name at most.
const MAX_ITEMS: usize = 1000;

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let heard = Listener::of(request.extensions()).body;
        Bytes::from_request(request, state)
            .await
            .map(|bytes| Self { bytes, heard })
            .map_err(
                |error: BytesRejection| match error.into_response().status() {
                    StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge,
                    _ => ApiError::Invalid("the body ended early".into()),
                },
            )
    }
}

impl Body {
    /// An object; an empty body is an empty object.
    pub(super) fn object(&self) -> Result<Fields, ApiError> {
        let fields = match self.bytes.trim_ascii() {
            b"" => Fields::default(),
            json => Fields::parse(json)?,
        };
        Ok(fields.heard(self.heard.clone()))
    }

    pub(super) fn objects(&self) -> Result<Vec<Fields>, ApiError> {
        let heard = self.heard.list(MAX_ITEMS);
        let items: Vec<Box<RawValue>> = self.list("a list of objects")?;
        let fields = items.iter().map(|item| {
            let fields = Fields::parse(item.get().as_bytes())?;
            Ok(fields.heard(heard.clone()))
        });
        fields.collect()
    }

    pub(super) fn ids(&self) -> Result<Vec<i64>, ApiError> {
        let entries = self.heard.list(MAX_ITEMS);
        entries.is(|| json!({ "type": "integer", "format": "int64" }));
        self.list("a list of ids, such as [1, 2]")
    }

    pub(super) fn names(&self) -> Result<Vec<String>, ApiError> {
        let entries = self.heard.list(MAX_ITEMS);
        entries.is(|| json!({ "type": "string", "minLength": 1, "maxLength": rules::MAX_MODEL }));
        let names: Vec<String> = self.list("a list of names, such as [\"a\", \"b\"]")?;
        for name in &names {
            rules::name("the list", name, rules::MAX_MODEL)?;
        }
        Ok(names)
    }

    fn list<T: DeserializeOwned>(&self, what: &str) -> Result<Vec<T>, ApiError> {
        let list: Vec<T> = serde_json::from_slice(&self.bytes)
            .map_err(|_| ApiError::Invalid(format!("the body must be {what}")))?;
        if list.len() > MAX_ITEMS {
            return Err(ApiError::Invalid(format!(
                "the list is longer than {MAX_ITEMS}"
            )));
        }
        Ok(list)
    }
}
