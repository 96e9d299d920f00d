//! What readers asked for, as JSON Schemas.

use std::collections::BTreeSet;

use serde_json::Map;

use super::super::*;
use crate::admin::heard::{Heard, Shape};

/// Fields of an object that is worth a place of its own.
const LARGE: usize = 5;

/// The body of an operation; `name` is for what of it stands by itself.
pub(super) fn body(heard: &Heard, name: &str, hoisted: &mut Map<String, Value>) -> Option<Value> {
    let part = heard.part()?;
    let required = match &part.shape {
        Shape::Anything => return None,
        Shape::Fields { fields, .. } => fields
            .values()
            .any(|it| it.part().is_some_and(|it| it.required)),
        Shape::List { .. } | Shape::Plain(_) => true,
    };
    drop(part);
    let mut schema = schema(heard, false);
    hoist(&mut schema, name, hoisted);
    Some(json!({
        "required": required,
        "content": { "application/json": { "schema": schema } },
    }))
}

/// Puts large objects among the components, where each stands once.
fn hoist(schema: &mut Value, name: &str, into: &mut Map<String, Value>) {
    if let Some(entries) = schema.get_mut("items") {
        hoist(entries, name, into);
    }
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    for (name, property) in properties.iter_mut() {
        hoist(property, name, into);
    }
    if properties.len() < LARGE {
        return;
    }
    let plain = pascal(name);
    let names =
        std::iter::once(plain.clone()).chain((2..).map(|number| format!("{plain}{number}")));
    for name in names {
        let there = into.entry(name.clone()).or_insert_with(|| schema.clone());
        if there == schema {
            *schema = json!({ "$ref": format!("#/components/schemas/{name}") });
            return;
        }
    }
}

/// `POST group models` → `PostGroupModelsBody`.
fn pascal(name: &str) -> String {
    let words = name.split([' ', '_']).map(|word| {
        let (first, rest) = word.split_at(1);
        format!(
            "{}{}",
            first.to_ascii_uppercase(),
            rest.to_ascii_lowercase()
        )
    });
    format!("{}Body", words.collect::<String>())
}

/// What was heard as a JSON Schema.
pub(super) fn schema(heard: &Heard, or_null: bool) -> Value {
    let part = heard.part().unwrap();
    let mut schema = match &part.shape {
        Shape::Anything => json!({}),
        Shape::Plain(schema) => schema.clone(),
        Shape::List { entries, max } => json!({
            "type": "array", "items": schema(entries, false), "maxItems": max,
        }),
        Shape::Fields { fields, open } => {
            let required: BTreeSet<_> = fields
                .iter()
                .filter(|(_, field)| field.part().is_some_and(|it| it.required))
                .map(|(name, _)| name)
                .collect();
            let properties: Map<String, Value> = fields
                .iter()
                .map(|(name, field)| (name.clone(), schema(field, !required.contains(name))))
                .collect();
            let mut object = json!({
                "type": "object", "properties": properties, "additionalProperties": open,
            });
            if !required.is_empty() {
                object["required"] = json!(required);
            }
            object
        }
    };
    if or_null {
        if let Some(kind) = schema.get_mut("type") {
            match kind {
                Value::Array(kinds) => kinds.push("null".into()),
                kind => *kind = json!([kind.take(), "null"]),
            }
        }
        if let Some(Value::Array(texts)) = schema.get_mut("enum") {
            texts.push(Value::Null);
        }
    }
    schema
}
