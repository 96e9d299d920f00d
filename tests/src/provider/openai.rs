//! OpenAI Chat Completions as the vendor writes it.

use serde_json::{Value, json};

use super::answer::{Answer, Told, Tool, pieces};
use super::asked::Asked;
use super::schema;
use super::server::Piece;
use crate::dialect::{array, string};

pub(super) fn whole(answer: &Answer, asked: &Asked) -> Value {
    let tools = wanted(answer, &asked.body);
    let mut message =
        json!({"role": "assistant", "content": answer.text, "refusal": null, "annotations": []});
    if let Some((thinking, _)) = &answer.thinking {
        message["reasoning_content"] = json!(thinking);
    }
    if !tools.is_empty() {
        message["content"] = Value::Null;
        message["tool_calls"] = tools
            .iter()
            .map(|t| {
                let function = json!({"name": t.name, "arguments": t.arguments.to_string()});
                json!({"id": t.id, "type": "function", "function": function})
            })
            .collect();
    }
    let mut whole = json!({
        "id": "chatcmpl-scripted", "object": "chat.completion", "created": 1_763_600_000,
        "model": asked.model,
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": stop(answer, tools)}],
        "service_tier": "default", "system_fingerprint": "fp_scripted",
    });
    if !answer.is_silent {
        whole["usage"] = usage(&answer.usage);
    }
    whole
}

pub(super) fn stream(answer: &Answer, asked: &Asked) -> Vec<Piece> {
    let tools = wanted(answer, &asked.body);
    let asks_for_usage = asked.body["stream_options"]["include_usage"] == true;
    let with_usage = asks_for_usage && !answer.is_silent;
    let chunk = |choices: Value, usage: Value| {
        let mut chunk = json!({
            "id": "chatcmpl-scripted", "object": "chat.completion.chunk", "created": 1_763_600_000,
            "model": asked.model, "service_tier": "default", "system_fingerprint": "fp_scripted",
            "choices": choices,
        });
        if with_usage {
            chunk["usage"] = usage;
        }
        Piece::new(format!("data: {chunk}\n\n"))
    };
    let delta = |delta: Value, finish: Value| {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
        chunk(json!([choice]), Value::Null)
    };

    let mut out = vec![delta(
        json!({"role": "assistant", "content": "", "refusal": null}),
        Value::Null,
    )];
    if let Some((thinking, _)) = &answer.thinking {
        for piece in pieces(thinking, answer.chunks) {
            out.push(delta(json!({"reasoning_content": piece}), Value::Null));
        }
    }
    if tools.is_empty() {
        for piece in pieces(&answer.text, answer.chunks) {
            out.push(delta(json!({"content": piece}), Value::Null));
        }
    }
    for (index, tool) in tools.iter().enumerate() {
        let function = json!({"name": tool.name, "arguments": ""});
        let begin =
            json!({"index": index, "id": tool.id, "type": "function", "function": function});
        out.push(delta(json!({"tool_calls": [begin]}), Value::Null));
        for piece in pieces(&tool.arguments.to_string(), answer.chunks) {
            let more = json!({"index": index, "function": {"arguments": piece}});
            out.push(delta(json!({"tool_calls": [more]}), Value::Null));
        }
    }
    out.push(delta(json!({}), json!(stop(answer, tools))));
    if with_usage {
        out.push(chunk(json!([]), usage(&answer.usage)).tells(answer.usage));
    }
    out.push(Piece::new("data: [DONE]\n\n"));
    out
}

pub(super) fn refusal(asked: &Asked) -> Option<String> {
    let body = &asked.body;
    for tool in array(&body["tools"])
        .iter()
        .filter(|tool| tool["type"] == "function")
    {
        let function = &tool["function"];
        let name = format!("function '{}'", string(&function["name"]));
        let why = schema::openai(&name, &function["parameters"], function["strict"] == true);
        if why.is_some() {
            return why;
        }
    }
    let format = &body["response_format"]["json_schema"];
    let name = format!("response_format '{}'", string(&format["name"]));
    schema::openai(&name, &format["schema"], format["strict"] == true)
}

pub(super) fn error(status: u16, message: &str) -> Value {
    let (kind, code) = match status {
        400 => ("invalid_request_error", json!("invalid_value")),
        401 => ("invalid_request_error", json!("invalid_api_key")),
        429 => ("requests", json!("rate_limit_exceeded")),
        _ => ("server_error", Value::Null),
    };
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

pub(super) fn error_event() -> String {
    format!(
        "data: {}\n\n",
        error(
            500,
            "The server had an error while processing your request."
        )
    )
}

fn wanted<'a>(answer: &'a Answer, body: &Value) -> &'a [Tool] {
    let has_results = array(&body["messages"]).iter().any(|m| m["role"] == "tool");
    if has_results { &[] } else { &answer.tools }
}

fn stop(answer: &Answer, tools: &[Tool]) -> &'static str {
    answer.stop_reason.unwrap_or(if tools.is_empty() {
        "stop"
    } else {
        "tool_calls"
    })
}

/// `prompt_tokens` is gross: cached tokens are part of it.
pub(super) fn usage(told: &Told) -> Value {
    json!({
        "prompt_tokens": told.gross_input(), "completion_tokens": told.output,
        "total_tokens": told.gross_input() + told.output,
        "prompt_tokens_details": {"cached_tokens": told.cache_read, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": told.reasoning, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
        },
    })
}
