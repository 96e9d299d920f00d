//! Path segments and query parameters.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use serde_json::json;
use url::form_urlencoded;

use super::ApiError;
use super::heard::{Heard, Listener};
use crate::domain::{Order, Page};

/// Segments of the path, decoded.
pub(super) struct Segments(HashMap<String, String>);

/// Parameters of the query. Unknown ones are ignored, empty ones count as absent, and none may be
/// there twice: of two values, the one that is meant is anybody's guess.
pub(super) struct Params {
    given: HashMap<String, String>,
    heard: Heard,
}

/// Where the OpenAPI document says what a number and a flag are here; see [`shapes`].
const NUMBER: &str = "#/components/schemas/QueryNumber";
const FLAG: &str = "#/components/schemas/QueryFlag";

/// What the readers below take.
#[cfg(test)]
pub(super) fn shapes() -> [(&'static str, serde_json::Value); 2] {
    let number = json!({ "type": "integer", "format": "int64" });
    let number = json!({ "anyOf": [number, { "const": "" }], "description": "Empty: not given" });
    let flags = ["false", "true", "0", "1", ""];
    [
        ("QueryNumber", number),
        ("QueryFlag", json!({ "enum": flags })),
    ]
}

// === impl Segments ===

impl<S: Send + Sync> FromRequestParts<S> for Segments {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let segments = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::Invalid("the path is not UTF-8".into()))?;
        if segments
            .iter()
            .any(|(_, value)| value.chars().any(char::is_control))
        {
            return Err(ApiError::Invalid(
                "the path contains control characters".into(),
            ));
        }
        Ok(Self(
            segments
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        ))
    }
}

impl Segments {
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }

    /// The same with a value that the path does not have, or instead of it.
    pub(super) fn with(mut self, name: &str, value: String) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    pub(super) fn id(&self) -> Result<i64, ApiError> {
        self.number("id")
    }

    /// A type of channel.
    pub(super) fn kind(&self) -> Result<i64, ApiError> {
        self.number("type")
    }

    fn number(&self, name: &str) -> Result<i64, ApiError> {
        self.text(name)
            .parse()
            .map_err(|_| ApiError::field(name, "in the path must be a number"))
    }
}

// === impl Params ===

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self {
            heard: Listener::of(&parts.extensions).query,
            ..Self::of(query)?
        })
    }
}

impl Params {
    pub(super) fn of(query: &str) -> Result<Self, ApiError> {
        let mut given = HashMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if given
                .insert(name.clone().into_owned(), value.into_owned())
                .is_some()
            {
                // Bounded, because it comes from outside.
                let name: String = name.chars().take(64).collect();
                return Err(ApiError::field(&name, "is in the query twice"));
            }
        }
        Ok(Self {
            given,
            heard: Heard::default(),
        })
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.heard.field(name).is(|| json!({ "type": "string" }));
        // PostgreSQL does not take NUL in text, and nothing that is stored has one.
        self.given(name).map(|value| value.replace('\0', " "))
    }

    /// One of these texts.
    pub(super) fn one_of<'a>(
        &self,
        name: &str,
        texts: &[&'a str],
    ) -> Result<Option<&'a str>, ApiError> {
        // Empty counts as absent.
        self.heard.field(name).one_of(&[texts, &[""]].concat());
        let Some(given) = self.given(name) else {
            return Ok(None);
        };
        let known = texts.iter().find(|text| **text == given);
        let rule = || ApiError::field(name, format!("must be one of {}", texts.join(", ")));
        known.map(|text| Some(*text)).ok_or_else(rule)
    }

    pub(super) fn int(&self, name: &str) -> Result<Option<i64>, ApiError> {
        self.heard.field(name).is(|| json!({ "$ref": NUMBER }));
        self.given(name)
            .map(str::parse)
            .transpose()
            .map_err(|_| ApiError::field(name, "must be a whole number"))
    }

    /// A number that AI Proxy reads as "any" when it is 0.
    pub(super) fn nonzero(&self, name: &str) -> Result<Option<i64>, ApiError> {
        Ok(self.int(name)?.filter(|number| *number != 0))
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        self.heard.field(name).is(|| json!({ "$ref": FLAG }));
        match self.given(name).unwrap_or_default() {
            "" | "0" | "false" => Ok(false),
            "1" | "true" => Ok(true),
            _ => Err(ApiError::field(name, "must be true or false")),
        }
    }

    /// `page` or `p` from 1, `per_page` up to [`Page::MAX_SIZE`], and `order` as `<column>` or
    /// `<column>-asc`; the first of `columns` is the default, descending like every other.
    pub(super) fn page(&self, columns: &[&'static str]) -> Result<Page, ApiError> {
        let (page, p) = (self.int("page")?, self.int("p")?);
        let number = page.or(p).unwrap_or(1);
        let size = match self.int("per_page")? {
            Some(size) if size > 0 => size.min(Page::MAX_SIZE),
            _ => Page::DEFAULT_SIZE,
        };
        Ok(Page {
            number: number.clamp(1, Page::MAX_NUMBER),
            size,
            order: self.order(columns)?,
        })
    }

    /// Unless it is empty.
    fn given(&self, name: &str) -> Option<&str> {
        let value = self.given.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    fn order(&self, columns: &[&'static str]) -> Result<Order, ApiError> {
        self.heard.field("order").is(|| {
            let orders = columns.iter().flat_map(|column| {
                [
                    (*column).to_owned(),
                    format!("{column}-asc"),
                    format!("{column}-desc"),
                ]
            });
            let orders = orders.chain([String::new()]);
            json!({ "type": "string", "enum": orders.collect::<Vec<_>>() })
        });
        let text = self.text("order").unwrap_or_default();
        let (name, direction) = text.split_once('-').unwrap_or((&text, "desc"));
        let known = columns
            .iter()
            .find(|column| name.is_empty() || **column == name);
        match (known, direction) {
            (Some(column), "desc" | "asc") => Ok(Order {
                column,
                descending: direction == "desc",
            }),
            _ => {
                let rule = format!("must be one of {}, with -asc or -desc", columns.join(", "));
                Err(ApiError::field("order", rule))
            }
        }
    }
}
