//! The envelope of every answer, and the one place that turns errors into it.

use std::borrow::Cow;

use axum::Json;
use axum::http::header::{CACHE_CONTROL, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::value::RawValue;
use tollgate_policy::price::NanoUsd;
use tracing::error;

use super::versions::{Secrets, WrittenSince};
use crate::secrets::SecretTag;
use crate::store;

/// A handler's result: an envelope with `T`, or with nothing.
pub(super) type Reply<T = ()> = Result<Answer<T>, ApiError>;

/// What is done, in the envelope.
pub(super) struct Answer<T> {
    data: Option<T>,
    note: String,
    /// Nobody may keep it on the way.
    unkept: bool,
    /// See [`Secrets`].
    secrets: Vec<(&'static str, SecretTag)>,
}

/// What a handler answers when it succeeds, as the OpenAPI document says it.
pub(super) trait Described {
    /// Content types with the schemas of what they hold.
    fn contents(schemas: &mut SchemaGenerator) -> Vec<(&'static str, Schema)>;
}

/// Why a request is not done. Its text is what the administrator reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiError {
    /// Names the field and the rule that it breaks.
    Invalid(String),
    /// Nobody is known by what was sent, or nothing was.
    Unauthorized,
    /// A password or a session that does not let anybody in.
    SignIn(String),
    /// Who is asking may not do that.
    Forbidden(String),
    /// `seconds` until it makes sense to try again.
    TooMany {
        text: String,
        seconds: i64,
    },
    NotFound(String),
    MethodNotAllowed,
    Conflict(String),
    /// Something was written since the request was compared; see [`super::versions`].
    WrittenSince,
    TooLarge,
    /// Something that it takes is not there; the text says what.
    NotNow(String),
    /// The database is away.
    Unavailable,
    /// Our own mistake; the log says more than the answer.
    Internal,
}

#[derive(Serialize)]
struct Envelope<'a, T> {
    success: bool,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<T>,
}

/// `{"success":true,"message":"","data":…}`
pub(super) fn data<T>(data: T) -> Reply<T> {
    data_with_note(data, "")
}

/// The same with something that the administrator should know.
pub(super) fn data_with_note<T>(data: T, note: &str) -> Reply<T> {
    Ok(Answer {
        data: Some(data),
        note: note.to_owned(),
        unkept: false,
        secrets: Vec::new(),
    })
}

/// Done, and there is nothing to show.
pub(super) fn done() -> Reply {
    Ok(Answer {
        data: None,
        note: String::new(),
        unkept: false,
        secrets: Vec::new(),
    })
}

/// Done, and there is something that the administrator should know, or nothing.
pub(super) fn done_with_note(note: String) -> Reply {
    Ok(Answer { note, ..done()? })
}

/// USD as a JSON number with every digit, which a float would not keep.
pub(super) struct Usd(pub(super) NanoUsd);

impl Serialize for Usd {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A decimal number is valid JSON.
        RawValue::from_string(self.0.to_string())
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

impl JsonSchema for Usd {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Usd".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "description": "USD, with every digit" })
    }
}

// === impl Answer ===

impl<T> Answer<T> {
    /// The same with something that whoever asks should know.
    pub(super) fn noted(self, note: &str) -> Self {
        Self {
            note: note.to_owned(),
            ..self
        }
    }

    /// The same for nobody to keep on the way.
    pub(super) fn unkept(self) -> Self {
        Self {
            unkept: true,
            ..self
        }
    }

    /// The same, with what its `ETag` covers and it does not show.
    pub(super) fn with_secrets<const N: usize>(self, of: [(&'static str, SecretTag); N]) -> Self {
        Self {
            secrets: of.to_vec(),
            ..self
        }
    }
}

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        let envelope = Envelope {
            success: true,
            message: &self.note,
            data: self.data,
        };
        let mut response = Json(envelope).into_response();
        if self.unkept {
            let no_store = HeaderValue::from_static("no-store");
            response.headers_mut().insert(CACHE_CONTROL, no_store);
        }
        if !self.secrets.is_empty() {
            response.extensions_mut().insert(Secrets(self.secrets));
        }
        response
    }
}

impl<T: JsonSchema> Described for Answer<T> {
    fn contents(schemas: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
        let data = schemas.subschema_for::<T>();
        let envelope = if data
            .as_object()
            .is_some_and(|data| data.get("type") == Some(&"null".into()))
        {
            json_schema!({ "$ref": "#/components/schemas/Done" })
        } else {
            json_schema!({
                "type": "object",
                "properties": {
                    "success": { "const": true },
                    "message": { "type": "string", "description": "Something to know, or empty" },
                    "data": data,
                },
                "required": ["success", "message", "data"],
            })
        };
        vec![("application/json", envelope)]
    }
}

// === impl ApiError ===

impl ApiError {
    pub(super) fn field(name: &str, rule: impl std::fmt::Display) -> Self {
        Self::Invalid(format!("{name} {rule}"))
    }

    pub(super) fn no_such_path() -> Self {
        Self::NotFound("there is nothing at this path".into())
    }

    /// The same of a field that stands inside another.
    pub(super) fn below(self, path: &str) -> Self {
        match self {
            Self::Invalid(text) => Self::Invalid(format!("{path}{text}")),
            other => other,
        }
    }

    fn parts(&self) -> (StatusCode, &str) {
        match self {
            Self::Invalid(text) => (StatusCode::BAD_REQUEST, text),
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "the admin key or access token is missing, wrong or no longer good; send it as \
                 `Authorization: Bearer <it>`",
            ),
            Self::SignIn(text) => (StatusCode::UNAUTHORIZED, text),
            Self::Forbidden(text) => (StatusCode::FORBIDDEN, text),
            Self::TooMany { text, .. } => (StatusCode::TOO_MANY_REQUESTS, text),
            Self::NotFound(text) => (StatusCode::NOT_FOUND, text),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "this path does not know the method",
            ),
            Self::Conflict(text) => (StatusCode::CONFLICT, text),
            Self::WrittenSince => (
                StatusCode::CONFLICT,
                "something else was changed at the same time; try again",
            ),
            Self::NotNow(text) => (StatusCode::SERVICE_UNAVAILABLE, text),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body is larger than 2 MiB",
            ),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "the database is not available; model calls go on, try this again later",
            ),
            Self::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal error; the server's log says more",
            ),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, message) = self.parts();
        let envelope = Envelope::<()> {
            success: false,
            message,
            data: None,
        };
        let mut response = (status, Json(envelope)).into_response();
        match self {
            Self::WrittenSince => {
                response.extensions_mut().insert(WrittenSince);
            }
            Self::TooMany { seconds, .. } => {
                response.headers_mut().insert(RETRY_AFTER, seconds.into());
            }
            _ => {}
        }
        response
    }
}

impl From<store::Error> for ApiError {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::NotFound(_) => Self::NotFound(error.to_string()),
            store::Error::Conflict(text) => Self::Conflict(text),
            store::Error::WrittenSince => Self::WrittenSince,
            store::Error::LogsUnavailable => Self::NotNow(
                "the log database is not available; calls go on, and their log rows wait for it"
                    .to_owned(),
            ),
            store::Error::Unavailable(_) => {
                error!(%error, "admin request failed");
                Self::Unavailable
            }
            _ => {
                error!(%error, "admin request failed");
                Self::Internal
            }
        }
    }
}
