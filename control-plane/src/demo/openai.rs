//! OpenAI Chat Completions: its requests, answers, streams and errors.
//!
//! Shapes and order are those of the API reference of `POST /v1/chat/completions`; thoughts go
//! into `reasoning_content`, where DeepSeek and others put them.

use serde_json::{Map, Value, json};

use super::answer::{Answer, Ask, Call, Choice, Failure, Finish};
use super::events::{Step, data, script};

/// Answers do not depend on the clock.
pub(super) const CREATED: i64 = 1_767_225_600;

/// A request, and whether a stream is to end with usage.
pub(super) fn read(body: &[u8]) -> Result<(Ask, bool), Failure> {
    let request: Value = serde_json::from_slice(body)
        .map_err(|_| Failure::bad_request("We could not parse the JSON body of your request."))?;
    let model = request
        .get("model")
        .and_then(Value::as_str)
        .filter(|model| !model.is_empty());
    let model = model.ok_or_else(|| Failure::bad_request("you must provide a model parameter"))?;
    let messages = request
        .get("messages")
        .and_then(Value::as_array)
        .filter(|list| !list.is_empty());
    let messages =
        messages.ok_or_else(|| Failure::bad_request("Missing required parameter: 'messages'."))?;
    let last = messages.last().unwrap_or(&Value::Null);
    let parts = || {
        last.get("content")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let of_type =
        |part: &&Value, kind: &str| part.get("type").and_then(Value::as_str) == Some(kind);
    let text = match last.get("content") {
        Some(Value::String(text)) => text.clone(),
        _ => {
            let texts = parts().filter_map(|part| part.get("text").and_then(Value::as_str));
            texts.collect::<Vec<_>>().join(" ")
        }
    };
    let flag = |name: &str| request.get(name).and_then(Value::as_bool).unwrap_or(false);
    let ask = Ask {
        model: model.to_owned(),
        stream: flag("stream"),
        text,
        tool_result: last.get("role").and_then(Value::as_str) == Some("tool"),
        images: parts().filter(|part| of_type(part, "image_url")).count(),
        tools: tools(&request),
        choice: choice(request.get("tool_choice")),
        max_tokens: request
            .get("max_completion_tokens")
            .or_else(|| request.get("max_tokens"))
            .and_then(Value::as_u64),
        thinking: request
            .get("reasoning_effort")
            .is_some_and(Value::is_string),
        schema: schema(request.get("response_format")),
        bytes: messages
            .iter()
            .map(|message| message.to_string().len())
            .sum(),
    };
    let include_usage = request
        .pointer("/stream_options/include_usage")
        .and_then(Value::as_bool);
    Ok((ask, include_usage.unwrap_or(false)))
}

pub(super) fn whole(answer: &Answer) -> Value {
    let content = match (answer.text.concat(), answer.calls.is_empty()) {
        (text, false) if text.is_empty() => Value::Null,
        (text, _) => Value::String(text),
    };
    let mut message = Map::new();
    message.insert("role".into(), json!("assistant"));
    message.insert("content".into(), content);
    message.insert("refusal".into(), Value::Null);
    message.insert("annotations".into(), json!([]));
    if !answer.reasoning.is_empty() {
        message.insert("reasoning_content".into(), json!(answer.reasoning));
    }
    if !answer.calls.is_empty() {
        let calls = answer.calls.iter().map(|call| {
            json!({ "id": call_id(call), "type": "function",
                "function": { "name": call.name, "arguments": call.arguments.to_string() } })
        });
        message.insert("tool_calls".into(), calls.collect());
    }
    json!({
        "id": id(answer), "object": "chat.completion", "created": CREATED, "model": answer.model,
        "choices": [{ "index": 0, "message": message, "logprobs": null, "finish_reason": finish(answer) }],
        "usage": usage(answer), "service_tier": "default", "system_fingerprint": "fp_demo",
    })
}

pub(super) fn stream(answer: &Answer, include_usage: bool) -> Vec<Step> {
    let chunk = |choices: Value, usage: Value| {
        let mut chunk = json!({
            "id": id(answer), "object": "chat.completion.chunk", "created": CREATED,
            "model": answer.model, "service_tier": "default", "system_fingerprint": "fp_demo",
            "choices": choices,
        });
        if let (true, Some(chunk)) = (include_usage, chunk.as_object_mut()) {
            chunk.insert("usage".into(), usage);
        }
        data(&chunk)
    };
    let delta = |delta: Value, finish: Value| {
        let choice =
            json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }]);
        chunk(choice, Value::Null)
    };
    let piece = |content: Value| delta(content, Value::Null);
    let content = if answer.calls.is_empty() {
        json!("")
    } else {
        Value::Null
    };
    let beginning = vec![piece(
        json!({ "role": "assistant", "content": content, "refusal": null }),
    )];
    let mut pieces = Vec::new();
    for words in answer.reasoning.split_inclusive(' ') {
        pieces.push(piece(json!({ "reasoning_content": words })));
    }
    for text in &answer.text {
        pieces.push(piece(json!({ "content": text })));
    }
    for (index, call) in answer.calls.iter().enumerate() {
        let function = json!({ "name": call.name, "arguments": "" });
        pieces.push(piece(json!({ "tool_calls": [
            { "index": index, "id": call_id(call), "type": "function", "function": function }] })));
        let arguments = call.arguments.to_string();
        for part in arguments.split_inclusive([':', ',']) {
            let function = json!({ "arguments": part });
            pieces.push(piece(
                json!({ "tool_calls": [{ "index": index, "function": function }] }),
            ));
        }
    }
    let mut end = vec![delta(json!({}), json!(finish(answer)))];
    if include_usage {
        end.push(chunk(json!([]), usage(answer)));
    }
    end.push("data: [DONE]\n\n".into());
    let failure = Failure {
        status: 500,
        ..Failure::bad_request("The demo provider fails on request.")
    };
    script(answer, beginning, pieces, end, || data(&error(&failure)))
}

pub(super) fn error(failure: &Failure) -> Value {
    let kind = match failure.status {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    };
    json!({ "error": {
        "message": failure.message, "type": kind, "param": null, "code": failure.code } })
}

pub(super) fn models() -> Value {
    let model = json!({ "id": "demo", "object": "model", "created": CREATED, "owned_by": "demo" });
    json!({ "object": "list", "data": [model] })
}

fn tools(request: &Value) -> Vec<(String, Value)> {
    let tools = request
        .get("tools")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    tools
        .filter_map(|tool| {
            let function = tool.get("function")?;
            let schema = function.get("parameters").cloned().unwrap_or_default();
            Some((function.get("name")?.as_str()?.to_owned(), schema))
        })
        .collect()
}

fn choice(choice: Option<&Value>) -> Choice {
    match choice {
        Some(Value::String(choice)) if choice == "none" => Choice::None,
        Some(Value::String(choice)) if choice == "required" => Choice::Any,
        Some(choice) => match choice.pointer("/function/name").and_then(Value::as_str) {
            Some(name) => Choice::Named(name.to_owned()),
            None => Choice::Auto,
        },
        None => Choice::Auto,
    }
}

fn schema(format: Option<&Value>) -> Option<Value> {
    let format = format?;
    match format.get("type").and_then(Value::as_str) {
        Some("json_schema") => format.pointer("/json_schema/schema").cloned(),
        Some("json_object") => Some(json!({ "properties": { "answer": { "type": "string" } } })),
        _ => None,
    }
}

fn id(answer: &Answer) -> String {
    format!("chatcmpl-{}", answer.id)
}

fn call_id(call: &Call) -> String {
    format!("call_{}", call.id)
}

fn finish(answer: &Answer) -> &'static str {
    match answer.finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
        Finish::Tools => "tool_calls",
    }
}

fn usage(answer: &Answer) -> Value {
    let usage = answer.usage;
    json!({
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input.saturating_add(usage.output),
        "prompt_tokens_details": { "cached_tokens": usage.cached, "audio_tokens": 0 },
        "completion_tokens_details": { "reasoning_tokens": usage.reasoning, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0 },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::Behaviour;

    fn steps(text: &str, include_usage: bool) -> Vec<String> {
        let body = json!({ "model": "m", "stream": true, "stream_options": { "include_usage": include_usage },
            "messages": [{ "role": "user", "content": text }] });
        let (ask, include_usage) = read(body.to_string().as_bytes()).expect("a request");
        let answer = ask.answer(Behaviour::default()).expect("an answer");
        let show = |step| match step {
            Step::Now(event) | Step::Piece(event) => {
                let data = event
                    .strip_prefix("data: ")
                    .and_then(|e| e.strip_suffix("\n\n"))
                    .expect("framing");
                let Ok(json) = serde_json::from_str::<Value>(data) else {
                    return data.to_owned();
                };
                let choice = &json["choices"][0];
                if json["error"].is_object() {
                    "error".into()
                } else if choice.is_null() {
                    format!("usage {}", json["usage"]["total_tokens"])
                } else {
                    assert_eq!(json.get("usage").is_some(), include_usage);
                    format!("{} {}", choice["delta"], choice["finish_reason"])
                }
            }
            Step::Break => "break".into(),
        };
        stream(&answer, include_usage)
            .into_iter()
            .map(show)
            .collect()
    }

    #[test]
    fn streams_are_in_openais_order() {
        let first = r#"{"content":"","refusal":null,"role":"assistant"} null"#;
        assert_eq!(
            steps(
                "[demo text=ab chunks=2 input_tokens=3 output_tokens=4]",
                true
            ),
            [
                first,
                r#"{"content":"a"} null"#,
                r#"{"content":"b"} null"#,
                r#"{} "stop""#,
                "usage 7",
                "[DONE]"
            ],
        );
        let most = u64::MAX;
        assert_eq!(
            steps(
                &format!("[demo text=a input_tokens={most} output_tokens={most}]"),
                true
            )[3],
            "usage 20000000"
        );
        assert_eq!(
            steps("[demo text=a]", false),
            [first, r#"{"content":"a"} null"#, r#"{} "stop""#, "[DONE]"]
        );
        assert_eq!(
            steps("[demo text=abc chunks=3 cut=1]", false),
            [first, r#"{"content":"a"} null"#, "break"]
        );
        assert_eq!(
            steps("[demo text=abc chunks=3 fail_after=0]", false),
            [first, "error"]
        );
        assert_eq!(
            steps("[demo tool=f args={\"a\":1}]", false)
                .last()
                .map(String::as_str),
            Some("[DONE]")
        );
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for body in [
            "",
            "[]",
            "{}",
            r#"{"model":"m"}"#,
            r#"{"model":"m","messages":[]}"#,
        ] {
            assert_eq!(
                read(body.as_bytes()).map_err(|f| f.status),
                Err(400),
                "{body}"
            );
        }
    }
}
