//! Items of conversations, as OpenAI's API shows them.

use serde_json::value::RawValue;
use serde_json::{Value, json};

/// An item as the API shows it: with an id that no other has, and the contents of a message as a
/// list. What needs nothing of that stays as it is.
///
/// `own` is the end of an id that the item gets if it has none, or one that is `taken`.
pub(crate) fn named_item(
    raw: &RawValue,
    own: &str,
    taken: &dyn Fn(&str) -> bool,
) -> (String, Box<RawValue>) {
    let kept = |id: String| (id, raw.to_owned());
    let Ok(Value::Object(mut item)) = serde_json::from_str(raw.get()) else {
        return kept(own.to_owned());
    };
    let kind = item.get("type").and_then(Value::as_str);
    let kind = kind.unwrap_or("message").to_owned();
    let is_message = kind == "message";
    let given = item.get("id").and_then(Value::as_str).map(str::to_owned);
    let given = given.filter(|id| !id.is_empty() && !taken(id));
    let text = match item.get("content") {
        Some(Value::String(text)) if is_message => Some(text.clone()),
        _ => None,
    };
    let is_whole = item.contains_key("type") && (!is_message || item.contains_key("status"));
    let id = match given {
        Some(id) if is_whole && text.is_none() => return kept(id),
        Some(id) => id,
        None => format!("{}_{own}", prefix(&kind)),
    };
    item.insert("id".into(), id.clone().into());
    item.insert("type".into(), kind.into());
    if let Some(text) = text {
        let content = match item.get("role").and_then(Value::as_str) {
            Some("assistant") => {
                json!([{ "type": "output_text", "text": text, "annotations": [] }])
            }
            _ => json!([{ "type": "input_text", "text": text }]),
        };
        item.insert("content".into(), content);
    }
    if is_message {
        item.entry("status").or_insert_with(|| "completed".into());
    }
    match serde_json::value::to_raw_value(&item) {
        Ok(item) => (id, item),
        Err(_) => kept(id),
    }
}

/// What ids of such items begin with.
fn prefix(kind: &str) -> &str {
    match kind {
        "message" => "msg",
        "reasoning" => "rs",
        "function_call" => "fc",
        "function_call_output" => "fco",
        "custom_tool_call" => "ctc",
        "custom_tool_call_output" => "ctco",
        _ => "item",
    }
}
