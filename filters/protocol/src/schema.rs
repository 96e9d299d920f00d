//! JSON Schemas as upstreams of other dialects take them.
//!
//! A schema goes on as the caller wrote it wherever the upstream takes it so; each module here is one
//! thing that some upstream refuses. The depth of a schema is limited by the parser that admitted it.

mod closed;
mod inline;
mod refs;
mod root;
mod strict;

pub(crate) use self::closed::{Answer, answer};
pub(crate) use self::inline::inlined;
pub(crate) use self::root::parameters;
pub(crate) use self::strict::{is_strict, strict_for};

use crate::json::Json;

/// Whether the type of a schema is this one, or this one among others.
fn is_of_type(schema: Json<'_>, name: &str) -> bool {
    let kind = schema.get("type");
    let is = |kind: Json<'_>| kind.as_str().as_deref() == Some(name);
    kind.is_some_and(|kind| is(kind) || kind.items().any(is))
}

/// Whether a schema says what it is about; one that does not takes anything.
fn says_something(schema: Json<'_>) -> bool {
    let words = ["type", "$ref", "anyOf", "oneOf", "allOf", "enum", "const"];
    has_any(schema, &words)
}

/// Whether one of these words is in a schema.
fn has_any(schema: Json<'_>, words: &[&str]) -> bool {
    schema.entries().any(|(key, _)| words.contains(&&*key))
}
