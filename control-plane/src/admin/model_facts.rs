//! A model config's `config`: what is known of the model itself.

use serde_json::{Map, Value, json};
use tollgate_protocol::Thinking;
use tollgate_protocol::neutral::Effort;

use super::ApiError;
use super::fields::Fields;

/// What it may say: AI Proxy's names, an older one of them, and what the catalogue says beside these.
const FACTS: [&str; 12] = [
    "max_context_tokens",
    "max_input_tokens",
    "max_output_tokens",
    "vision",
    "tool_choice",
    "function_calling",
    "support_formats",
    "support_voices",
    "thinking",
    "efforts",
    "drops_sampling",
    "one_of_sampling",
];
const FLAGS: [&str; 3] = ["vision", "drops_sampling", "one_of_sampling"];
const MAX_BYTES: usize = 16 * 1024;

pub(super) fn read(fields: &mut Fields) -> Result<Option<Map<String, Value>>, ApiError> {
    fields.hears("config").is(schema);
    let Some(config) = fields.raw("config") else {
        return Ok(None);
    };
    let config: Map<String, Value> = serde_json::from_str(config.get())
        .map_err(|_| ApiError::field("config", "must be an object"))?;
    let text = serde_json::to_string(&config).unwrap_or_default();
    if text.len() > MAX_BYTES {
        return Err(ApiError::field("config", "is larger than 16 KiB"));
    }
    // A name with a mistake in it would set nothing, and nobody would hear of it.
    if let Some(name) = config.keys().find(|name| !FACTS.contains(&name.as_str())) {
        // Bounded, because it comes from outside.
        let name: String = name.chars().take(64).collect();
        let rule = format!(
            "is not known here; what can be said of a model is {}",
            FACTS.join(", ")
        );
        return Err(ApiError::field(&format!("config.{name}"), rule));
    }
    // It fills what an upstream requires, so it has to be a number that can be sent.
    let limit = config
        .get("max_output_tokens")
        .map(|limit| limit.as_u64().map(u32::try_from));
    if !matches!(limit, None | Some(Some(Ok(_)))) {
        let rule = format!("must be a whole number from 0 to {}", u32::MAX);
        return Err(ApiError::field("config.max_output_tokens", rule));
    }
    for flag in FLAGS {
        if config.get(flag).is_some_and(|value| !value.is_boolean()) {
            return Err(ApiError::field(
                &format!("config.{flag}"),
                "must be true or false",
            ));
        }
    }
    let thinking = config.get("thinking");
    if thinking.is_some_and(|name| name.as_str().and_then(Thinking::read).is_none()) {
        let rule = "must be default, never or adaptive";
        return Err(ApiError::field("config.thinking", rule));
    }
    let is_effort = |name: &Value| name.as_str().and_then(Effort::read).is_some();
    let all_efforts = |names: &Value| names.as_array().is_some_and(|n| n.iter().all(is_effort));
    if !config.get("efforts").is_none_or(all_efforts) {
        let known = Effort::ALL.map(Effort::as_str).join(", ");
        let rule = format!("must be a list of {known}");
        return Err(ApiError::field("config.efforts", rule));
    }
    Ok(Some(config))
}

fn schema() -> Value {
    let schema = |name: &&str| match *name {
        "max_output_tokens" => json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }),
        "thinking" => json!({ "enum": ["default", "never", "adaptive"] }),
        "efforts" => {
            let efforts = Effort::ALL.map(Effort::as_str);
            json!({ "type": "array", "items": { "enum": efforts } })
        }
        name if FLAGS.contains(&name) => json!({ "type": "boolean" }),
        _ => json!({}),
    };
    let facts: Map<_, _> = FACTS
        .iter()
        .map(|name| ((*name).to_owned(), schema(name)))
        .collect();
    json!({ "type": "object", "properties": facts, "additionalProperties": false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalogued;

    #[test]
    fn what_the_catalogue_says_can_be_sent_back() {
        for model in tollgate_catalog::builtin().models() {
            let said = catalogued(model).unwrap().config;
            let body = json!({ "config": said }).to_string();
            let mut fields = Fields::parse(body.as_bytes()).unwrap();
            let read = read(&mut fields);
            assert_eq!(read.ok().flatten(), said, "{}", model.id);
        }
    }
}
