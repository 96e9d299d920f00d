//! Request bodies: JSON objects, lists of them, lists of ids.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::response::IntoResponse;
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::ApiError;
use super::fields::Fields;
use super::rules;

/// A body that is held whole, up to the router's limit.
pub(super) struct Body(Bytes);

/// Things that one request may bring or name at most.
const MAX_ITEMS: usize = 1000;

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        Bytes::from_request(request, state)
            .await
            .map(Self)
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
        if self.0.trim_ascii().is_empty() {
            return Ok(Fields::default());
        }
        Fields::parse(&self.0)
    }

    pub(super) fn objects(&self) -> Result<Vec<Fields>, ApiError> {
        let items: Vec<Box<RawValue>> = self.list("a list of objects")?;
        items
            .iter()
            .map(|item| Fields::parse(item.get().as_bytes()))
            .collect()
    }

    pub(super) fn ids(&self) -> Result<Vec<i64>, ApiError> {
        self.list("a list of ids, such as [1, 2]")
    }

    pub(super) fn names(&self) -> Result<Vec<String>, ApiError> {
        let names: Vec<String> = self.list("a list of names, such as [\"a\", \"b\"]")?;
        for name in &names {
            rules::name("the list", name, rules::MAX_MODEL)?;
        }
        Ok(names)
    }

    fn list<T: DeserializeOwned>(&self, what: &str) -> Result<Vec<T>, ApiError> {
        let list: Vec<T> = serde_json::from_slice(&self.0)
            .map_err(|_| ApiError::Invalid(format!("the body must be {what}")))?;
        if list.len() > MAX_ITEMS {
            return Err(ApiError::Invalid(format!(
                "the list is longer than {MAX_ITEMS}"
            )));
        }
        Ok(list)
    }
}
