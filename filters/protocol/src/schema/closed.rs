//! Schemas of answers as Anthropic and Bedrock take them: "for 'object' type, 'additionalProperties'
//! must be explicitly set to false", no limits on numbers and lengths, no schema that holds itself.
//!
//! <https://docs.claude.com/en/docs/build-with-claude/structured-outputs#json-schema-limitations>

use std::borrow::Cow;

use super::{inline, is_of_type, says_something};
use crate::extras::JSON_ONLY;
use crate::json::{Json, JsonWriter, Kind, Piece};
use crate::neutral::{Format, Request};
use crate::problem::Losses;

/// The `format`s of strings that are known there.
const FORMATS: [&str; 10] = [
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "uri",
    "ipv4",
    "ipv6",
    "uuid",
];

/// How an answer's form is asked for.
#[derive(Default)]
pub(crate) struct Answer<'r> {
    /// By this schema.
    pub(crate) schema: Option<Cow<'r, str>>,
    /// In these words, among the instructions.
    pub(crate) words: Option<Cow<'static, str>>,
}

/// The form that the caller wants the answer in; what is weaker than that is noted.
pub(crate) fn answer<'r>(request: &'r Request, losses: &mut Losses) -> Answer<'r> {
    let field = request.names().format;
    match &request.format {
        Some(Format::JsonSchema { schema, .. }) => match closed(schema.json()) {
            Some((closed, true)) => {
                losses.note(
                    field,
                    "objects take no other properties there, and limits stand in descriptions",
                );
                Answer {
                    schema: Some(closed.into()),
                    words: None,
                }
            }
            Some(_) => Answer {
                schema: Some(schema.as_str().into()),
                words: None,
            },
            None => {
                losses.note(
                    field,
                    "the upstream takes no such schema, so it is only asked for in words",
                );
                let schema = schema.as_str();
                Answer {
                    schema: None,
                    words: Some(format!("{JSON_ONLY} It fits this JSON Schema: {schema}").into()),
                }
            }
        },
        Some(Format::JsonObject) => {
            losses.note(field, "JSON mode is only asked for in words");
            Answer {
                schema: None,
                words: Some(JSON_ONLY.into()),
            }
        }
        Some(Format::Text) | None => Answer::default(),
    }
}

/// The schema, and whether it had to be changed; nothing where it would mean something else.
fn closed(root: Json<'_>) -> Option<(String, bool)> {
    let mut closing = Closing {
        changed: false,
        fits: inline::ends(root),
    };
    let mut out = Vec::new();
    closing.write(root, &mut JsonWriter::new(&mut out));
    let closed = String::from_utf8(out).ok()?;
    closing.fits.then_some((closed, closing.changed))
}

struct Closing {
    changed: bool,
    fits: bool,
}

// === impl Closing ===

impl Closing {
    fn write(&mut self, schema: Json<'_>, w: &mut JsonWriter<'_>) {
        self.fits &= says_something(schema);
        let [properties, additional, description, any] =
            schema.members(["properties", "additionalProperties", "description", "anyOf"]);
        let is_object = properties.is_some() || is_of_type(schema, "object");
        let is_closed = additional.and_then(Json::as_bool) == Some(false);
        if is_object && !is_closed {
            // Names that nobody knows beforehand cannot be closed away.
            let has_names = properties.is_some_and(|all| all.entries().next().is_some());
            self.fits &= has_names && additional.is_none_or(|more| more.as_bool().is_some());
            self.changed = true;
        }
        let mut moved = Vec::new();
        w.object(|w| {
            for (key, value) in schema.entries() {
                match &*key {
                    "properties" | "$defs" | "definitions" => w.field_object(&key, |w| {
                        for (name, schema) in value.entries() {
                            w.key(&name);
                            self.write(schema, w);
                        }
                    }),
                    "items" if value.kind() == Kind::Object => {
                        w.key(&key);
                        self.write(value, w);
                    }
                    "anyOf" | "allOf" => {
                        let mut all = value.items();
                        // Of these it takes no references.
                        self.fits &= key == "anyOf" || all.all(|one| one.get("$ref").is_none());
                        self.each(&key, value, w);
                    }
                    "oneOf" if any.is_none() => {
                        self.changed = true;
                        self.each("anyOf", value, w);
                    }
                    "type" | "enum" | "const" | "required" | "title" | "default" | "$ref" => {
                        w.field_raw(&key, value.raw());
                    }
                    "format" if is_known(value) => w.field_raw(&key, value.raw()),
                    "minItems" if matches!(value.as_u64(), Some(0 | 1)) => {
                        w.field_raw(&key, value.raw());
                    }
                    "additionalProperties" | "description" => {}
                    "$schema" | "$id" | "$comment" => self.changed = true,
                    "patternProperties" => self.fits = false,
                    _ => moved.push((key, value)),
                }
            }
            self.changed |= !moved.is_empty();
            self::description(description, &moved, w);
            if is_object {
                w.field_bool("additionalProperties", false);
            }
        });
    }

    fn each(&mut self, key: &str, schemas: Json<'_>, w: &mut JsonWriter<'_>) {
        w.field_array(key, |w| {
            schemas.items().for_each(|schema| self.write(schema, w))
        });
    }
}

fn is_known(format: Json<'_>) -> bool {
    let format = format.as_str();
    format.is_some_and(|format| FORMATS.contains(&&*format))
}

/// What the schema cannot say, the description does.
fn description(own: Option<Json<'_>>, moved: &[(Cow<'_, str>, Json<'_>)], w: &mut JsonWriter<'_>) {
    let own = own.and_then(Json::as_str);
    if moved.is_empty() && own.is_none() {
        return;
    }
    let mut told = own.map(Cow::into_owned).unwrap_or_default();
    for (index, (key, value)) in moved.iter().enumerate() {
        let before = match (index, told.is_empty()) {
            (0, true) => "{",
            (0, false) => "\n\n{",
            _ => ", ",
        };
        told.extend([before, key, ": ", value.raw()]);
    }
    if !moved.is_empty() {
        told.push('}');
    }
    w.key("description");
    w.pieces(&[Piece::Plain(&told)]);
}
