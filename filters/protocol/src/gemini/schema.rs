//! The OpenAPI subset that `parameters` and `responseSchema` are written in, as JSON
//! Schema: types in lower case, `nullable` as a type of its own, counts as numbers.
//!
//! <https://ai.google.dev/api/caching#Schema>

use crate::gemini::fields::named;
use crate::json::{Json, JsonWriter, Kind};
use crate::text::Raw;

/// JSON Schema of an OpenAPI schema. What is JSON Schema already stays as it means.
pub(super) fn to_json_schema(schema: Json<'_>) -> Option<Raw> {
    let mut out = Vec::new();
    write(schema, &mut JsonWriter::new(&mut out));
    Raw::parse(std::str::from_utf8(&out).ok()?)
}

/// The depth is limited by the parser that admitted the text.
fn write(schema: Json<'_>, w: &mut JsonWriter<'_>) {
    if schema.kind() != Kind::Object {
        return w.raw(schema.raw());
    }
    let nullable = schema
        .entries()
        .any(|(key, value)| key == "nullable" && value.as_bool() == Some(true));
    w.object(|w| {
        for (key, value) in schema.entries() {
            match &*key {
                "nullable" => {}
                "type" => kind(value, nullable, w),
                "properties" => w.field_object(&key, |w| {
                    for (name, property) in value.entries() {
                        w.key(&name);
                        write(property, w);
                    }
                }),
                "items" => {
                    w.key(&key);
                    write(value, w);
                }
                "enum" if nullable => w.field_array(&key, |w| {
                    value.items().for_each(|item| w.raw(item.raw()));
                    w.raw("null");
                }),
                key if named(key, "anyOf") => w.field_array("anyOf", |w| {
                    value.items().for_each(|item| write(item, w));
                }),
                key if named(key, "propertyOrdering") => {}
                key if COUNTS.iter().any(|count| named(key, count)) => count(key, value, w),
                key => w.field_raw(key, value.raw()),
            }
        }
    });
}

/// 64-bit integers are strings in the JSON form of protocol buffers.
const COUNTS: [&str; 6] = [
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "minProperties",
    "maxProperties",
];

fn count(key: &str, value: Json<'_>, w: &mut JsonWriter<'_>) {
    let name = COUNTS.iter().find(|count| named(key, count));
    let name = name.copied().unwrap_or(key);
    match value.as_str().and_then(|digits| digits.parse().ok()) {
        Some(number) => w.field_u64(name, number),
        None => w.field_raw(name, value.raw()),
    }
}

fn kind(value: Json<'_>, nullable: bool, w: &mut JsonWriter<'_>) {
    let Some(name) = value.as_str() else {
        return w.field_raw("type", value.raw());
    };
    let name = name.to_ascii_lowercase();
    if name == "type_unspecified" {
        return;
    }
    match nullable {
        true => w.field_array("type", |w| {
            w.string(&name);
            w.string("null");
        }),
        false => w.field_str("type", &name),
    }
}
