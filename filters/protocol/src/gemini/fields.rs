//! Names of members, and what this dialect's own fields mean elsewhere.
//!
//! The API is defined in protocol buffers, whose JSON form takes every name in camel
//! case and as it stands in the definition, with underscores. Clients send both, in
//! one body.

use std::borrow::Cow;

use crate::dialect::Without;
use crate::json::{Json, Kind};
use crate::neutral::Extra;

/// Whether `key` is `camel` in either spelling.
pub(super) fn named(key: &str, camel: &str) -> bool {
    let mut wanted = camel.chars();
    let mut raised = false;
    for char in key.chars() {
        if char == '_' && !raised {
            raised = true;
            continue;
        }
        let char = match std::mem::take(&mut raised) {
            true => char.to_ascii_uppercase(),
            false => char,
        };
        if wanted.next() != Some(char) {
            return false;
        }
    }
    wanted.next().is_none()
}

/// The member of that name, if it is there and not null.
pub(super) fn member<'a>(object: Json<'a>, camel: &str) -> Option<Json<'a>> {
    object
        .entries()
        .filter(|(key, value)| !value.is_null() && named(key, camel))
        .map(|(_, value)| value)
        .last()
}

pub(super) fn text<'a>(object: Json<'a>, camel: &str) -> Option<Cow<'a, str>> {
    member(object, camel)?.as_str()
}

/// The elements of an array; of one that should be an array and is a single object,
/// that object.
pub(super) fn elements(json: Json<'_>) -> Option<Vec<Json<'_>>> {
    match json.kind() {
        Kind::Array => Some(json.items().collect()),
        Kind::Object => Some(vec![json]),
        _ => None,
    }
}

pub(super) fn without(extra: &Extra) -> Without {
    let value = extra.value.json();
    match extra.key.as_str() {
        "generationConfig.responseModalities" if asks_for_more_than_text(value) => {
            Without::Unsupported("This model answers with text only.")
        }
        "generationConfig.responseMimeType" => {
            Without::Unsupported("This model answers with text or JSON only.")
        }
        key if named(key, "cachedContent") => {
            Without::Unsupported("Cached content belongs to the provider that keeps it.")
        }
        key if named(key, "safetySettings") => {
            Without::Loss("the upstream has safety settings of its own")
        }
        _ => Without::Loss("the upstream's dialect has no such parameter"),
    }
}

pub(super) fn asks_for_more_than_text(modalities: Json<'_>) -> bool {
    modalities.items().any(|modality| {
        let modality = modality.as_str().unwrap_or_default();
        !modality.eq_ignore_ascii_case("text")
    })
}
