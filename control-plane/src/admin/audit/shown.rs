//! What the audit log keeps of a body. Numbers and flags are kept; a text only where its field is
//! one that never holds a secret, because somebody may add a field tomorrow that does.

use serde_json::{Map, Value, json};

/// Fields whose texts are kept.
const PLAIN: [&str; 23] = [
    "available_sets",
    "email",
    "group",
    "groups",
    "id",
    "ids",
    "input_price",
    "model",
    "model_mapping",
    "models",
    "name",
    "output_price",
    "owner",
    "period_type",
    "price",
    "quota",
    "role",
    "sets",
    "status",
    "subnets",
    "type",
    "user",
    "username",
];

const REDACTED: &str = "[redacted]";
/// Of one text or name, in characters.
const LONGEST: usize = 256;
/// Of all, in bytes of JSON.
const MOST: usize = 8 * 1024;

/// The fields of a body, secrets left out; `null` for what is no JSON.
pub(super) fn fields(body: &[u8]) -> Value {
    let value = match serde_json::from_slice(body) {
        // Lists of bare names are lists of what is to be removed or shown.
        Ok(Value::Array(items)) => Value::Array(
            items
                .into_iter()
                .map(|item| match item {
                    Value::String(name) => Value::String(short(&name)),
                    other => shown(other, false),
                })
                .collect(),
        ),
        Ok(value) => shown(value, false),
        Err(_) => Value::Null,
    };
    if value.to_string().len() > MOST {
        return json!({ "too_large_to_keep": names(&value) });
    }
    value
}

fn shown(value: Value, plain: bool) -> Value {
    match value {
        Value::String(text) if plain || text.is_empty() => Value::String(short(&text)),
        Value::String(_) => REDACTED.into(),
        Value::Array(items) => items.into_iter().map(|item| shown(item, plain)).collect(),
        Value::Object(fields) => {
            let field = |(name, value): (String, Value)| {
                let named = PLAIN.contains(&name.as_str()) && !holds_objects(&value);
                let plain = plain || named;
                (short(&name), shown(value, plain))
            };
            Value::Object(fields.into_iter().map(field).collect::<Map<_, _>>())
        }
        other => other,
    }
}

/// What a name promises of texts, it does not promise of all that stands below it.
fn holds_objects(value: &Value) -> bool {
    let items = value.as_array();
    items.is_some_and(|items| items.iter().any(Value::is_object))
}

/// The names of an object, or how many things there are.
fn names(value: &Value) -> Value {
    const MANY: usize = 100;
    match value {
        Value::Object(fields) => fields.keys().take(MANY).map(|name| json!(name)).collect(),
        Value::Array(items) => json!(items.len()),
        _ => Value::Null,
    }
}

fn short(text: &str) -> String {
    text.chars()
        .take(LONGEST)
        .map(|letter| if letter == '\0' { ' ' } else { letter })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_texts_are_kept() {
        for (body, expected) in [
            (
                json!({"name": "n", "key": "sk-canary"}),
                json!({"name": "n", "key": REDACTED}),
            ),
            (
                json!({"password": "canary", "role": "user"}),
                json!({"password": REDACTED, "role": "user"}),
            ),
            (json!({"password": ""}), json!({"password": ""})),
            (
                json!({"models": ["a", "b"], "priority": 3, "on": true}),
                json!({"models": ["a", "b"], "priority": 3, "on": true}),
            ),
            (
                json!({"configs": {"region": "x", "n": 1}}),
                json!({"configs": {"region": REDACTED, "n": 1}}),
            ),
            (
                json!({"model_mapping": {"a": "b"}}),
                json!({"model_mapping": {"a": "b"}}),
            ),
            (
                json!([{"name": "n", "key": "canary"}]),
                json!([{"name": "n", "key": REDACTED}]),
            ),
            (
                json!({"groups": [{"id": "g", "tokens": [{"name": "t", "key": "canary"}]}]}),
                json!({"groups": [{"id": "g", "tokens": [{"name": "t", "key": REDACTED}]}]}),
            ),
            (json!([1, 2]), json!([1, 2])),
            (json!(["g"]), json!(["g"])),
            (json!("canary"), json!(REDACTED)),
        ] {
            assert_eq!(fields(body.to_string().as_bytes()), expected, "{body}");
        }
        for body in ["", "{", "\u{1}"] {
            assert_eq!(fields(body.as_bytes()), Value::Null, "{body}");
        }
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let long = json!({"name": "é".repeat(1000)});
        let kept = fields(long.to_string().as_bytes());
        assert_eq!(kept["name"].as_str().unwrap().chars().count(), LONGEST);

        let many: Vec<_> = (0..1000).map(|at| json!(format!("model-{at}"))).collect();
        let kept = fields(json!({"models": many, "type": 1}).to_string().as_bytes());
        assert_eq!(kept, json!({"too_large_to_keep": ["models", "type"]}));
        let kept = fields(json!(many).to_string().as_bytes());
        assert_eq!(kept, json!({"too_large_to_keep": 1000}));
    }
}
