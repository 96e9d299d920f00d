//! Schemas without references, for upstreams that read properties alone and drop the rest (Ollama).

use std::borrow::Cow;

use super::refs;
use crate::json::{Json, JsonWriter, Kind};
use crate::problem::Losses;

/// How long a schema may grow.
const MAX_BYTES: usize = 64 << 10;
/// How deep references stand in each other, and schemas in all.
const MAX_OPEN: usize = 16;
const MAX_DEPTH: usize = 256;

/// The schema with what its references stand for in their places. Where a schema holds itself, or too
/// much, the rest of it takes anything.
pub(crate) fn inlined<'s>(schema: Cow<'s, str>, losses: &mut Losses) -> Cow<'s, str> {
    if !schema.contains("\"$ref\"") {
        return schema;
    }
    let (inlined, is_whole) = inline(Json::trusted(&schema));
    if !is_whole {
        let reason =
            "a schema that holds itself was cut, because the upstream follows no references";
        losses.note("tools.parameters", reason);
    }
    String::from_utf8(inlined).map_or(schema, Cow::Owned)
}

/// Whether all references lead to schemas that do not hold themselves, nor too much.
pub(super) fn ends(schema: Json<'_>) -> bool {
    !schema.raw().contains("\"$ref\"") || inline(schema).1
}

/// The schema without references, and whether it is whole.
fn inline(root: Json<'_>) -> (Vec<u8>, bool) {
    let mut out = Vec::new();
    let mut inlining = Inlining {
        root,
        open: Vec::new(),
        depth: 0,
        left: MAX_BYTES,
        is_cut: false,
    };
    inlining.write(root, &mut JsonWriter::new(&mut out));
    (out, !inlining.is_cut)
}

struct Inlining<'a> {
    root: Json<'a>,
    open: Vec<Cow<'a, str>>,
    depth: usize,
    left: usize,
    is_cut: bool,
}

// === impl Inlining ===

impl<'a> Inlining<'a> {
    fn write(&mut self, schema: Json<'a>, w: &mut JsonWriter<'_>) {
        self.depth += 1;
        match schema.kind() {
            Kind::Array => w.array(|w| schema.items().for_each(|item| self.write(item, w))),
            Kind::Object => match refs::reference(schema) {
                Some(reference) => self.target(schema, reference, w),
                None => w.object(|w| self.members(schema, w)),
            },
            _ => {
                self.left = self.left.saturating_sub(schema.raw().len());
                w.raw(schema.raw());
            }
        }
        self.depth -= 1;
    }

    fn members(&mut self, schema: Json<'a>, w: &mut JsonWriter<'_>) {
        let defined = |key: &str| matches!(key, "$defs" | "definitions" | "$ref");
        for (key, value) in schema.entries().filter(|(key, _)| !defined(key)) {
            self.member(&key, value, w);
        }
    }

    fn member(&mut self, key: &str, value: Json<'a>, w: &mut JsonWriter<'_>) {
        self.left = self.left.saturating_sub(key.len());
        w.key(key);
        if key != "properties" {
            return self.write(value, w);
        }
        // Here a key is a name, whatever it is.
        w.object(|w| {
            for (name, schema) in value.entries() {
                self.left = self.left.saturating_sub(name.len());
                w.key(&name);
                self.write(schema, w);
            }
        });
    }

    /// What stands beside a reference goes before what it stands for.
    fn target(&mut self, schema: Json<'a>, reference: Cow<'a, str>, w: &mut JsonWriter<'_>) {
        let is_endless =
            self.open.contains(&reference) || self.open.len() >= MAX_OPEN || self.depth > MAX_DEPTH;
        let target = refs::resolve(self.root, &reference);
        let target = target.filter(|_| !is_endless && self.left > 0);
        self.is_cut |= target.is_none();
        self.open.push(reference);
        w.object(|w| {
            self.members(schema, w);
            let Some(target) = target else {
                return;
            };
            match refs::reference(target) {
                // One that only leads to another.
                Some(_) => w.field_array("allOf", |w| self.write(target, w)),
                None => {
                    for (key, value) in target.entries() {
                        if schema.get(&key).is_none() && !matches!(&*key, "$defs" | "definitions") {
                            self.member(&key, value, w);
                        }
                    }
                }
            }
        });
        self.open.pop();
    }
}
