//! Says whether a Responses stream is legal.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::events;

/// What is known of an item that was added.
#[derive(Default)]
struct Item {
    id: Value,
    kind: String,
    /// Open part, and the text of it.
    part: Option<(u64, String)>,
    parts: u64,
    arguments: String,
    /// Whether what is inside was said to be whole.
    whole: bool,
    done: Option<Value>,
}

/// ```text
/// created in_progress ( item.added inside* item.done )* completed/incomplete
///   sequence_number 0.. without gaps, output_index 0.. without gaps, items may overlap
///   message   = ( part.added delta* text.done part.done )*
///   picture   = in_progress generating completed
///   reasoning = [ summary_part.added delta* text.done part.done ]
///   call      = delta* arguments.done
/// ```
/// Texts of `done` events are the deltas' sum, and the last event repeats all items.
pub(crate) fn check(stream: &str) -> Result<(), String> {
    let names: Vec<&str> = stream
        .lines()
        .filter_map(|line| line.strip_prefix("event: "))
        .collect();
    let events = events(stream);
    if names.len() != events.len() || stream.contains("[DONE]") {
        return Err("has events without a name, or [DONE]".into());
    }
    let mut items: BTreeMap<u64, Item> = BTreeMap::new();
    let last = events.len().saturating_sub(1);
    for (number, (name, event)) in names.iter().zip(&events).enumerate() {
        let fault = |what: &str| Err(format!("event {number}, {name}: {what}"));
        if event["type"] != *name || event["sequence_number"] != number {
            return fault("wrong type or number");
        }
        let begins = ["response.created", "response.in_progress"];
        if (number < 2) != begins.contains(name) || number < 2 && *name != begins[number] {
            return fault("not where it belongs");
        }
        if number < 2 {
            response(&event["response"], "in_progress")?;
            continue;
        }
        if number == last {
            return end(name, &event["response"], &items);
        }
        let index = event["output_index"].as_u64().ok_or("output_index")?;
        if *name == "response.output_item.added" {
            if index != items.len() as u64 {
                return fault("an index is left out");
            }
            let kind = event["item"]["type"].as_str().ok_or("type")?.to_owned();
            let item = Item {
                id: event["item"]["id"].clone(),
                kind,
                ..Item::default()
            };
            if !item.id.is_string() {
                return fault("no id");
            }
            items.insert(index, item);
            continue;
        }
        let item = items.get_mut(&index).ok_or("an unknown item")?;
        if item.done.is_some() {
            return fault("goes on after its end");
        }
        if *name == "response.output_item.done" {
            let whole = match item.kind.as_str() {
                "message" => item.part.is_none() && item.parts > 0,
                "reasoning" => item.part.is_none(),
                _ => item.whole,
            };
            if !whole || event["item"]["id"] != item.id {
                return fault("is not whole, or another");
            }
            item.done = Some(event["item"].clone());
            continue;
        }
        if event["item_id"] != item.id {
            return fault("another item's id");
        }
        if let Err(what) = inside(name, event, item) {
            return fault(&what);
        }
    }
    Err("does not end".into())
}

fn inside(name: &str, event: &Value, item: &mut Item) -> Result<(), String> {
    let text = |key: &str| event[key].as_str().ok_or(format!("no {key}"));
    let number = || {
        let number = event.get("content_index").or(event.get("summary_index"));
        number.and_then(Value::as_u64).ok_or("no number of a part")
    };
    let (kind, what) = match name.strip_prefix("response.").unwrap_or_default() {
        "content_part.added" => ("message", "added"),
        "output_text.delta" | "refusal.delta" => ("message", "delta"),
        "output_text.done" => ("message", "text"),
        "refusal.done" => ("message", "refusal"),
        "content_part.done" => ("message", "part"),
        "reasoning_summary_part.added" => ("reasoning", "added"),
        "reasoning_summary_text.delta" => ("reasoning", "delta"),
        "reasoning_summary_text.done" => ("reasoning", "text"),
        "reasoning_summary_part.done" => ("reasoning", "part"),
        "function_call_arguments.delta" => ("function_call", "more"),
        "function_call_arguments.done" => ("function_call", "arguments"),
        "custom_tool_call_input.delta" => ("custom_tool_call", "more"),
        "custom_tool_call_input.done" => ("custom_tool_call", "input"),
        "image_generation_call.in_progress" | "image_generation_call.generating" => {
            ("image_generation_call", "step")
        }
        "image_generation_call.completed" => ("image_generation_call", "drawn"),
        _ => return Err("unknown".into()),
    };
    if kind != item.kind {
        return Err(format!("in a {}", item.kind));
    }
    match what {
        "added" => {
            if item.part.is_some() || number()? != item.parts {
                return Err("a part within a part, or one left out".into());
            }
            item.part = Some((item.parts, String::new()));
            item.parts += 1;
            item.whole = false;
        }
        "step" if !item.whole => {}
        "drawn" if !item.whole => item.whole = true,
        "more" => {
            if item.whole {
                return Err("more after the whole".into());
            }
            item.arguments.push_str(text("delta")?);
        }
        "arguments" | "input" => {
            if text(what)? != item.arguments {
                return Err("the whole is not the sum of the deltas".into());
            }
            item.whole = true;
        }
        what => {
            let (known, said) = item.part.as_mut().ok_or("no open part")?;
            if number()? != *known {
                return Err("another part".into());
            }
            match what {
                "delta" if !item.whole => said.push_str(text("delta")?),
                "text" | "refusal" if text(what)? == said.as_str() => item.whole = true,
                "part" if item.whole => {
                    let part = &event["part"];
                    let same = part.get("text").or(part.get("refusal"));
                    if same.and_then(Value::as_str) != Some(said) {
                        return Err("the part is not the sum of the deltas".into());
                    }
                    item.part = None;
                }
                _ => return Err("out of order, or not the sum of the deltas".into()),
            }
        }
    }
    Ok(())
}

fn end(name: &str, last: &Value, items: &BTreeMap<u64, Item>) -> Result<(), String> {
    let status = last["status"].as_str().ok_or("status")?;
    if name != format!("response.{status}") || !["completed", "incomplete"].contains(&status) {
        return Err(format!("ends with {name}, {status}"));
    }
    response(last, status)?;
    let done: Option<Vec<Value>> = items.values().map(|item| item.done.clone()).collect();
    let done = done.ok_or("ends with an open item")?;
    let mut output = last["output"].clone();
    let mut done = Value::from(done);
    for list in [&mut output, &mut done] {
        for item in list.as_array_mut().unwrap() {
            // Why it ended is known for certain only at the end.
            item.as_object_mut().unwrap().remove("status");
        }
    }
    (output == done && done != json!([]))
        .then_some(())
        .ok_or("the output is not what was streamed".into())
}

/// The members that the SDKs demand of a response object.
fn response(response: &Value, status: &str) -> Result<(), String> {
    let sound = response["id"]
        .as_str()
        .is_some_and(|id| id.starts_with("resp_"))
        && response["object"] == "response"
        && response["created_at"].is_u64()
        && response["model"].is_string()
        && response["status"] == status
        && response["output"].is_array()
        && response["parallel_tool_calls"].is_boolean()
        && response["tool_choice"].is_string()
        && response["tools"].is_array()
        && (response["incomplete_details"].is_object() == (status == "incomplete"))
        && (status == "in_progress"
            || response["usage"].is_object()
            || response["usage"].is_null());
    sound
        .then_some(())
        .ok_or(format!("holds an unsound response: {response}"))
}
