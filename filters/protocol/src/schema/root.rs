//! The root of a tool's schema.
//!
//! Anthropic, Bedrock and OpenAI take an object there and nothing else: one that says its type, and
//! has no alternatives ("input_schema does not support oneOf, allOf, or anyOf at the top level",
//! "schema must have type 'object' and not have 'oneOf'/'anyOf'/'allOf'/'enum'/'not' at the top
//! level"). One such tool among many fails every request that lists it.

use std::borrow::Cow;

use super::refs::{reference, resolve};
use super::{has_any, is_of_type};
use crate::function::NO_PARAMETERS;
use crate::json::{Json, JsonWriter, Kind};
use crate::problem::Losses;
use crate::text::Raw;

/// What may not stand at the root.
const NOT_THERE: [&str; 6] = ["anyOf", "oneOf", "allOf", "enum", "not", "$ref"];
/// How many alternatives are looked at, with how many properties, and how deep they stand in each other.
const MAX_PARTS: usize = 64;
const MAX_PROPERTIES: usize = 1_024;
const MAX_DEPTH: usize = 8;

/// The schema of a tool's arguments with an object as its root. Alternatives become properties that
/// may be left out: arguments keep their shape, and what the alternatives demanded of each other is lost.
///
/// `listed`: without properties it has to say that there are none ("object schema missing properties").
pub(crate) fn parameters<'s>(
    schema: Option<&'s Raw>,
    listed: bool,
    losses: &mut Losses,
) -> Cow<'s, str> {
    let Some(raw) = schema else {
        return NO_PARAMETERS.into();
    };
    let root = raw.json();
    if root.kind() != Kind::Object {
        // `true`, which takes anything.
        return NO_PARAMETERS.into();
    }
    let [kind, properties] = root.members(["type", "properties"]);
    if kind.is_some() && !is_of_type(root, "object") {
        // No arguments can be of it: for the upstream to say.
        return raw.as_str().into();
    }
    let has_alternatives = has_any(root, &NOT_THERE);
    let is_plain = kind.is_some_and(|kind| kind.kind() == Kind::String);
    if is_plain && (properties.is_some() || !listed) && !has_alternatives {
        return raw.as_str().into();
    }
    if has_alternatives {
        let reason = "the upstream takes no alternatives at the root of a schema: all of them became properties";
        losses.note("tools.parameters", reason);
    }
    let mut merged = Merged::default();
    merged.add(root, root, true, 0);
    let mut out = Vec::new();
    JsonWriter::new(&mut out).object(|w| merged.write(root, w));
    String::from_utf8(out).unwrap_or_default().into()
}

/// What an object may and must have, by all of its alternatives.
#[derive(Default)]
struct Merged<'s> {
    parts: usize,
    /// In the order in which they were met, each with its different schemas.
    properties: Vec<(Cow<'s, str>, Vec<&'s str>)>,
    required: Vec<&'s str>,
}

// === impl Merged ===

impl<'s> Merged<'s> {
    /// `always`: whether every object is of this schema, and not only some.
    fn add(&mut self, schema: Json<'s>, root: Json<'s>, always: bool, depth: usize) {
        self.parts += 1;
        if self.parts > MAX_PARTS || depth > MAX_DEPTH {
            return;
        }
        let [properties, required, all, any, one] =
            schema.members(["properties", "required", "allOf", "anyOf", "oneOf"]);
        for (name, schema) in properties.map(Json::entries).into_iter().flatten() {
            let is_full = self.properties.len() >= MAX_PROPERTIES;
            // Those of the root itself are all different.
            let known = match depth {
                0 => None,
                _ => self.properties.iter_mut().find(|(known, _)| *known == name),
            };
            match known {
                Some((_, known)) if known.contains(&schema.raw()) => {}
                Some((_, known)) => known.push(schema.raw()),
                None if depth > 0 && is_full => {}
                None => self.properties.push((name, vec![schema.raw()])),
            }
        }
        for name in required
            .filter(|_| always)
            .map(Json::items)
            .into_iter()
            .flatten()
        {
            if depth == 0 || !self.required.contains(&name.raw()) {
                self.required.push(name.raw());
            }
        }
        if let Some(target) = reference(schema).and_then(|path| resolve(root, &path)) {
            self.add(target, root, always, depth + 1);
        }
        for (parts, always) in [(all, always), (any, false), (one, false)] {
            for part in parts.map(Json::items).into_iter().flatten() {
                self.add(part, root, always, depth + 1);
            }
        }
    }

    fn write(&self, root: Json<'_>, w: &mut JsonWriter<'_>) {
        w.field_str("type", "object");
        w.field_object("properties", |w| {
            for (name, schemas) in &self.properties {
                w.key(name);
                match schemas.as_slice() {
                    [only] => w.raw(only),
                    several => w.object(|w| {
                        w.field_array("anyOf", |w| several.iter().for_each(|one| w.raw(one)));
                    }),
                }
            }
        });
        if !self.required.is_empty() {
            w.field_array("required", |w| {
                self.required.iter().for_each(|name| w.raw(name));
            });
        }
        let mine = ["type", "properties", "required"];
        for (key, value) in root.entries() {
            if !mine.contains(&&*key) && !NOT_THERE.contains(&&*key) {
                w.field_raw(&key, value.raw());
            }
        }
    }
}
