//! What a request asks for.

use serde_json::{Value, json};

use crate::demo::answer::{Ask, Choice, Failure};

pub(in crate::demo) fn read(body: &[u8]) -> Result<Ask, Failure> {
    let request: Value = serde_json::from_slice(body)
        .map_err(|_| Failure::bad_request("We could not parse the JSON body of your request."))?;
    let field = |name: &str| request.get(name).filter(|value| !value.is_null());
    let model = field("model").and_then(Value::as_str).unwrap_or_default();
    if model.is_empty() {
        return Err(Failure::bad_request("you must provide a model parameter"));
    }
    if let Some(previous) = field("previous_response_id") {
        let message = format!("Previous response with id {previous} not found.");
        return Err(Failure::bad_request(message));
    }
    let input = field("input")
        .ok_or_else(|| Failure::bad_request("Missing required parameter: 'input'."))?;
    let last = input.as_array().map_or(Some(input), |items| items.last());
    let content = last.and_then(|item| item.get("content").or_else(|| item.get("output")));
    let parts = || content.and_then(Value::as_array).into_iter().flatten();
    let text = match (last, content) {
        (Some(Value::String(text)), _) | (_, Some(Value::String(text))) => text.clone(),
        _ => {
            let texts = parts().filter_map(|part| part.get("text")?.as_str());
            texts.collect::<Vec<_>>().join(" ")
        }
    };
    let of_type =
        |value: &Value, kind: &str| value.get("type").and_then(Value::as_str) == Some(kind);
    let effort = request.pointer("/reasoning/effort").and_then(Value::as_str);
    Ok(Ask {
        model: model.to_owned(),
        stream: field("stream").and_then(Value::as_bool).unwrap_or(false),
        text,
        tool_result: last.is_some_and(|item| of_type(item, "function_call_output")),
        images: parts().filter(|part| of_type(part, "input_image")).count(),
        tools: tools(&request),
        choice: choice(field("tool_choice")),
        max_tokens: field("max_output_tokens").and_then(Value::as_u64),
        thinking: effort.is_some_and(|effort| effort != "none"),
        schema: schema(request.pointer("/text/format")),
        bytes: input.to_string().len(),
    })
}

fn tools(request: &Value) -> Vec<(String, Value)> {
    let tools = request.get("tools").and_then(Value::as_array);
    let functions = tools.into_iter().flatten();
    functions
        .filter_map(|tool| {
            let schema = tool.get("parameters").cloned().unwrap_or_default();
            Some((tool.get("name")?.as_str()?.to_owned(), schema))
        })
        .collect()
}

fn choice(choice: Option<&Value>) -> Choice {
    match choice {
        Some(Value::String(choice)) if choice == "none" => Choice::None,
        Some(Value::String(choice)) if choice == "required" => Choice::Any,
        Some(choice) => match choice.get("name").and_then(Value::as_str) {
            Some(name) => Choice::Named(name.to_owned()),
            None => Choice::Auto,
        },
        None => Choice::Auto,
    }
}

fn schema(format: Option<&Value>) -> Option<Value> {
    match format?.get("type").and_then(Value::as_str) {
        Some("json_schema") => format?.get("schema").cloned(),
        Some("json_object") => Some(json!({ "properties": { "answer": { "type": "string" } } })),
        _ => None,
    }
}
