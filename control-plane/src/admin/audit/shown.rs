//! What the audit log keeps of a body. Numbers and flags are kept; a text only where its field is
//! one that never holds a secret, because somebody may add a field tomorrow that does.

use serde_json::{Map, Value, json};

/// Fields whose texts are kept.
const PLAIN: [&str; 28] = [
    "address",
    "available_sets",
    "base_url",
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
    "note",
    "output_price",
    "owner",
    "period_type",
    "price",
    "quota",
    "reason",
    "request_id",
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

/// Routes whose bodies hold no secret: what operators set is for every reader to see.
const PLAIN_ROUTES: &str = "/api/option";

/// The fields of a body, secrets left out; `null` for what is no JSON.
pub(super) fn fields(route: &str, body: &[u8]) -> Value {
    let plain = route.starts_with(PLAIN_ROUTES);
    let value = match serde_json::from_slice(body) {
        // Lists of bare names are lists of what is to be removed or shown.
        Ok(Value::Array(items)) => Value::Array(
            items
                .into_iter()
                .map(|item| match item {
                    Value::String(name) => Value::String(short(&name)),
                    other => shown(other, plain),
                })
                .collect(),
        ),
        Ok(value) => shown(value, plain),
        Err(_) => Value::Null,
    };
    if value.to_string().len() > MOST {
        return json!({ "too_large_to_keep": names(&value) });
    }
    value
}

fn shown(value: Value, plain: bool) -> Value {
    match value {
        Value::String(text) if plain && !is_pasted(&text) || text.is_empty() => {
            Value::String(short(&text))
        }
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

/// A URL with a password or a key in it, which is refused, but written down before.
fn is_pasted(text: &str) -> bool {
    text.contains("://") && text.contains(['@', '?'])
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
            (
                json!({"base_url": "https://a.example/v1"}),
                json!({"base_url": "https://a.example/v1"}),
            ),
            (
                json!({"base_url": "https://u:canary@a.example"}),
                json!({"base_url": REDACTED}),
            ),
            (
                json!({"base_url": "https://a.example?key=canary"}),
                json!({"base_url": REDACTED}),
            ),
            (json!([1, 2]), json!([1, 2])),
            (json!(["g"]), json!(["g"])),
            (json!("canary"), json!(REDACTED)),
        ] {
            let kept = fields("/api/channel", body.to_string().as_bytes());
            assert_eq!(kept, expected, "{body}");
        }
        let option = json!({"key": "RegistrationEnabled", "value": "true"});
        assert_eq!(
            fields("/api/option/", option.to_string().as_bytes()),
            option
        );
        for body in ["", "{", "\u{1}"] {
            assert_eq!(
                fields("/api/channel", body.as_bytes()),
                Value::Null,
                "{body}"
            );
        }
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let long = json!({"name": "é".repeat(1000)});
        let kept = fields("/api/group", long.to_string().as_bytes());
        assert_eq!(kept["name"].as_str().unwrap().chars().count(), LONGEST);

        let many: Vec<_> = (0..1000).map(|at| json!(format!("model-{at}"))).collect();
        let kept = fields(
            "/api/group",
            json!({"models": many, "type": 1}).to_string().as_bytes(),
        );
        assert_eq!(kept, json!({"too_large_to_keep": ["models", "type"]}));
        let kept = fields("/api/group", json!(many).to_string().as_bytes());
        assert_eq!(kept, json!({"too_large_to_keep": 1000}));
    }
}
