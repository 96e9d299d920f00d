//! What vendors refuse of the schemas that they are given.

use serde_json::Value;

use crate::dialect::{array, string};

/// Anthropic, and Converse like it.
pub(super) fn claude_tool(at: usize, schema: &Value) -> Option<String> {
    let place = format!("tools.{at}.custom.input_schema");
    if ["oneOf", "allOf", "anyOf"]
        .iter()
        .any(|word| schema.get(*word).is_some())
    {
        return Some(format!(
            "{place}: input_schema does not support oneOf, allOf, or anyOf at the top level"
        ));
    }
    match schema["type"].as_str() {
        Some("object") => None,
        Some(_) => Some(format!("{place}.type: Input should be 'object'")),
        None => Some(format!("{place}.type: Field required")),
    }
}

/// <https://docs.claude.com/en/docs/build-with-claude/structured-outputs#json-schema-limitations>
pub(super) fn claude_answer(schema: &Value) -> Option<String> {
    const REFUSED: [&str; 12] = [
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "maxItems",
        "pattern",
        "patternProperties",
        "oneOf",
        "not",
    ];
    let place = "output_config.format.schema";
    let fields = schema.as_object()?;
    if schema["type"] == "object" && schema["additionalProperties"] != false {
        return Some(format!(
            "{place}: For 'object' type, 'additionalProperties' must be explicitly set to false"
        ));
    }
    if let Some(word) = REFUSED.iter().find(|word| fields.contains_key(**word)) {
        let kind = string(&schema["type"]);
        return Some(format!(
            "{place}: For '{kind}' type, property '{word}' is not supported"
        ));
    }
    inside(schema).find_map(claude_answer)
}

/// A function, or the schema of an answer (`name` is the vendor's word for it then).
pub(super) fn openai(name: &str, schema: &Value, strict: bool) -> Option<String> {
    let refuse = |why: &str| Some(format!("Invalid schema for {name}: {why}"));
    if schema.is_null() {
        return None;
    }
    let words = ["oneOf", "anyOf", "allOf", "enum", "not"];
    if schema["type"] != "object" || words.iter().any(|word| schema.get(*word).is_some()) {
        return refuse(
            "schema must have type 'object' and not have 'oneOf'/'anyOf'/'allOf'/'enum'/'not' at \
             the top level.",
        );
    }
    if schema.get("properties").is_none() {
        return refuse("In context=(), object schema missing properties.");
    }
    if strict {
        strictly(schema).and_then(|why| refuse(&why))
    } else {
        None
    }
}

fn strictly(schema: &Value) -> Option<String> {
    if let Some(properties) = schema["properties"].as_object() {
        let required = array(&schema["required"]);
        let left_out = |name: &&String| !required.iter().any(|one| one == name.as_str());
        if let Some(name) = properties.keys().find(left_out) {
            return Some(format!(
                "In context=(), 'required' is required to be supplied and to be an array \
                 including every key in properties. Missing '{name}'."
            ));
        }
    }
    if schema["type"] == "object" && schema["additionalProperties"] != false {
        return Some(
            "In context=(), 'additionalProperties' is required to be supplied and to be false."
                .into(),
        );
    }
    inside(schema).find_map(strictly)
}

/// The schemas in a schema.
fn inside(schema: &Value) -> impl Iterator<Item = &Value> {
    let named = ["properties", "$defs"].into_iter();
    let named = named.filter_map(|key| schema[key].as_object());
    let listed = ["anyOf", "allOf"]
        .into_iter()
        .flat_map(|key| array(&schema[key]));
    named
        .flat_map(|all| all.values())
        .chain(listed)
        .chain(schema.get("items"))
}
