//! Ollama's `/api/chat` as it writes it, and what it cannot parse.

use serde_json::{Value, json};

use super::answer::{Answer, Tool, pieces};
use super::asked::Asked;
use super::server::Piece;
use crate::dialect::{Dialect, array};

pub(super) fn whole(answer: &Answer, asked: &Asked) -> Value {
    let tools = wanted(answer, &asked.body);
    let mut message = json!({"role": "assistant", "content": ""});
    if let Some((thinking, _)) = thoughts(answer, asked) {
        message["thinking"] = json!(thinking);
    }
    if tools.is_empty() {
        message["content"] = json!(answer.text);
    } else {
        message["tool_calls"] = tools.iter().enumerate().map(call).collect();
    }
    done(answer, line(asked, message))
}

pub(super) fn stream(answer: &Answer, asked: &Asked) -> Vec<Piece> {
    let tools = wanted(answer, &asked.body);
    let mut messages = Vec::new();
    if let Some((thinking, _)) = thoughts(answer, asked) {
        for piece in pieces(thinking, answer.chunks) {
            messages.push(json!({"role": "assistant", "content": "", "thinking": piece}));
        }
    }
    if tools.is_empty() {
        for piece in pieces(&answer.text, answer.chunks) {
            messages.push(json!({"role": "assistant", "content": piece}));
        }
    }
    // A call comes whole.
    for tool in tools.iter().enumerate() {
        messages.push(json!({"role": "assistant", "content": "", "tool_calls": [call(tool)]}));
    }
    let piece = |line: Value| Piece::new(format!("{line}\n"));
    let mut out: Vec<Piece> = messages
        .into_iter()
        .map(|message| piece(line(asked, message)))
        .collect();
    let end = done(
        answer,
        line(asked, json!({"role": "assistant", "content": ""})),
    );
    out.push(piece(end).tells(super::wire::tellable(Dialect::Ollama, answer.usage)));
    out
}

pub(super) fn error(message: &str) -> Value {
    json!({"error": message})
}

pub(super) fn error_line() -> String {
    format!(
        "{}\n",
        error("an error was encountered while running the model")
    )
}

pub(super) fn refusal(asked: &Asked) -> Option<String> {
    for message in array(&asked.body["messages"]) {
        if !message["content"].is_string() && !message["content"].is_null() {
            return Some(
                "json: cannot unmarshal array into Go struct field ChatRequest.messages.content of \
                 type string"
                    .into(),
            );
        }
        for call in array(&message["tool_calls"]) {
            if !call["function"]["arguments"].is_object() {
                return Some(
                    "json: cannot unmarshal string into Go struct field \
                     ToolCallFunction.messages.tool_calls.function.arguments of type \
                     api.ToolCallFunctionArguments"
                        .into(),
                );
            }
        }
        for image in array(&message["images"]) {
            if image.as_str().is_none_or(|data| data.contains(':')) {
                return Some("illegal base64 data at input byte 5".into());
            }
        }
    }
    None
}

fn line(asked: &Asked, message: Value) -> Value {
    json!({"model": asked.model, "created_at": "2026-01-01T00:00:00.000000Z", "message": message,
        "done": false})
}

fn done(answer: &Answer, mut line: Value) -> Value {
    line["done"] = json!(true);
    line["done_reason"] = json!(answer.stop_reason.unwrap_or("stop"));
    line["total_duration"] = json!(5_000_000);
    line["prompt_eval_count"] = json!(answer.usage.gross_input());
    line["eval_count"] = json!(answer.usage.output);
    line
}

fn call((index, tool): (usize, &Tool)) -> Value {
    let function = json!({"index": index, "name": tool.name, "arguments": tool.arguments});
    json!({"id": tool.id, "function": function})
}

/// It thinks visibly when it is told to.
fn thoughts<'a>(answer: &'a Answer, asked: &Asked) -> Option<&'a (String, String)> {
    let think = &asked.body["think"];
    let on = *think == true || think.is_string();
    answer.thinking.as_ref().filter(|_| on)
}

fn wanted<'a>(answer: &'a Answer, body: &Value) -> &'a [Tool] {
    let has_results = array(&body["messages"]).iter().any(|m| m["role"] == "tool");
    if has_results { &[] } else { &answer.tools }
}
