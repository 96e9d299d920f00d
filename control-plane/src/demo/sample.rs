//! A value that a JSON schema describes, the same one every time.

use serde_json::{Map, Value, json};

/// Schemas may refer to themselves.
const MAX_DEPTH: usize = 8;

pub(super) fn sample(schema: &Value) -> Value {
    at_depth(schema, 0)
}

fn at_depth(schema: &Value, depth: usize) -> Value {
    if depth >= MAX_DEPTH {
        return Value::Null;
    }
    let first = |key: &str| schema.get(key).and_then(|list| list.get(0));
    if let Some(fixed) = schema
        .get("const")
        .or_else(|| first("enum"))
        .or_else(|| schema.get("default"))
    {
        return fixed.clone();
    }
    if let Some(variant) = first("anyOf").or_else(|| first("oneOf")) {
        return at_depth(variant, depth + 1);
    }
    let kind = schema
        .get("type")
        .and_then(|kind| kind.as_str().or_else(|| kind.get(0)?.as_str()));
    match kind {
        Some("string") => json!("demo"),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        Some("boolean") => json!(true),
        Some("null") => Value::Null,
        Some("array") => {
            let item = schema.get("items").map(|items| at_depth(items, depth + 1));
            Value::Array(item.into_iter().collect())
        }
        _ => {
            let properties = schema.get("properties").and_then(Value::as_object);
            let fields = properties.into_iter().flatten();
            let sampled: Map<_, _> = fields
                .map(|(name, schema)| (name.clone(), at_depth(schema, depth + 1)))
                .collect();
            Value::Object(sampled)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_what_the_schema_says() {
        let check = |schema: Value, expected: Value| assert_eq!(sample(&schema), expected);
        check(json!({}), json!({}));
        check(json!({"type": ["string", "null"]}), json!("demo"));
        check(json!({"enum": ["b", "a"]}), json!("b"));
        check(
            json!({"type": "object", "properties": {
                "city": {"type": "string"}, "days": {"type": "integer", "minimum": 3},
                "tags": {"type": "array", "items": {"type": "boolean"}}
            }}),
            json!({"city": "demo", "days": 3, "tags": [true]}),
        );
    }
}
