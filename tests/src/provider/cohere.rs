//! Cohere's second chat API as the vendor writes it.

use serde_json::{Value, json};

use super::answer::{Answer, Told, Tool, pieces};
use super::asked::Asked;
use super::server::Piece;
use crate::dialect::{Dialect, array, string};

const PLAN: &str = "I will look at the weather.";

pub(super) fn whole(answer: &Answer, asked: &Asked) -> Value {
    let tools = wanted(answer, &asked.body);
    let mut message = json!({"role": "assistant"});
    let mut content = Vec::new();
    if let Some((thinking, _)) = thoughts(answer, asked) {
        content.push(json!({"type": "thinking", "thinking": thinking}));
    }
    if tools.is_empty() {
        content.push(json!({"type": "text", "text": answer.text}));
    } else {
        message["tool_plan"] = json!(PLAN);
        message["tool_calls"] = tools
            .iter()
            .map(|tool| call(tool, &tool.arguments.to_string()))
            .collect();
    }
    if !content.is_empty() {
        message["content"] = content.into();
    }
    json!({
        "id": "scripted", "message": message, "finish_reason": stop(answer, tools),
        "usage": usage(&answer.usage),
    })
}

pub(super) fn stream(answer: &Answer, asked: &Asked) -> Vec<Piece> {
    let tools = wanted(answer, &asked.body);
    let start = json!({"message": {"role": "assistant", "content": [], "tool_plan": "",
        "tool_calls": [], "citations": []}});
    let mut out = vec![event(
        "message-start",
        json!({"id": "scripted", "delta": start}),
    )];
    let mut index = 0;
    let mut content = |kind: &str, text: &str| {
        let delta =
            |content: Value| json!({"index": index, "delta": {"message": {"content": content}}});
        out.push(event(
            "content-start",
            delta(json!({"type": kind, kind: ""})),
        ));
        for piece in pieces(text, answer.chunks) {
            out.push(event("content-delta", delta(json!({kind: piece}))));
        }
        out.push(event("content-end", json!({"index": index})));
        index += 1;
    };
    if let Some((thinking, _)) = thoughts(answer, asked) {
        content("thinking", thinking);
    }
    if tools.is_empty() {
        content("text", &answer.text);
    } else {
        for piece in pieces(PLAN, answer.chunks) {
            let delta = json!({"delta": {"message": {"tool_plan": piece}}});
            out.push(event("tool-plan-delta", delta));
        }
    }
    for (index, tool) in tools.iter().enumerate() {
        let delta =
            |call: Value| json!({"index": index, "delta": {"message": {"tool_calls": call}}});
        out.push(event("tool-call-start", delta(call(tool, ""))));
        for piece in pieces(&tool.arguments.to_string(), answer.chunks) {
            let more = json!({"function": {"arguments": piece}});
            out.push(event("tool-call-delta", delta(more)));
        }
        out.push(event("tool-call-end", json!({"index": index})));
    }
    let end = json!({"finish_reason": stop(answer, tools), "usage": usage(&answer.usage)});
    let told = super::wire::tellable(Dialect::Cohere, answer.usage);
    out.push(event("message-end", json!({"id": "scripted", "delta": end})).tells(told));
    out
}

pub(super) fn error(message: &str) -> Value {
    json!({"id": "scripted", "message": message})
}

pub(super) fn error_event() -> String {
    let delta = json!({"finish_reason": "ERROR", "error": "internal server error"});
    let end = json!({"type": "message-end", "id": "scripted", "delta": delta});
    format!("event: message-end\ndata: {end}\n\n")
}

pub(super) fn refusal(asked: &Asked) -> Option<String> {
    let messages = array(&asked.body["messages"]);
    let mut known = Vec::new();
    for message in messages {
        let role = string(&message["role"]);
        if !["user", "assistant", "system", "tool"].contains(&role.as_str()) {
            return Some(format!("invalid request: unknown role '{role}'"));
        }
        let calls = array(&message["tool_calls"]).iter();
        known.extend(calls.map(|call| string(&call["id"])));
        if role == "tool" && !known.contains(&string(&message["tool_call_id"])) {
            return Some("invalid request: tool call id not found in previous tool calls".into());
        }
    }
    messages
        .is_empty()
        .then(|| "invalid request: list of messages must not be empty".into())
}

fn event(kind: &str, mut data: Value) -> Piece {
    data["type"] = json!(kind);
    Piece::new(format!("event: {kind}\ndata: {data}\n\n"))
}

fn call(tool: &Tool, arguments: &str) -> Value {
    let function = json!({"name": tool.name, "arguments": arguments});
    json!({"id": tool.id, "type": "function", "function": function})
}

/// Its reasoning models think unless they are told not to.
fn thoughts<'a>(answer: &'a Answer, asked: &Asked) -> Option<&'a (String, String)> {
    let off = asked.body["thinking"]["type"] == "disabled";
    answer.thinking.as_ref().filter(|_| !off)
}

fn wanted<'a>(answer: &'a Answer, body: &Value) -> &'a [Tool] {
    let has_results = array(&body["messages"]).iter().any(|m| m["role"] == "tool");
    if has_results { &[] } else { &answer.tools }
}

fn stop(answer: &Answer, tools: &[Tool]) -> &'static str {
    answer.stop_reason.unwrap_or(if tools.is_empty() {
        "COMPLETE"
    } else {
        "TOOL_CALL"
    })
}

/// `tokens` is what the model read; `billed_units` leaves out what Cohere adds itself.
fn usage(told: &Told) -> Value {
    json!({
        "billed_units": {"input_tokens": told.gross_input(), "output_tokens": told.output},
        "tokens": {"input_tokens": told.gross_input(), "output_tokens": told.output},
        "cached_tokens": told.cache_read,
    })
}
