//! An Ollama answer into the neutral form.

use crate::body::Body;
use crate::json::{Json, Kind};
use crate::neutral::{Block, CallKind, Choice, Content, Response, StopReason, ToolCall, Usage};
use crate::text::Text;

pub(super) fn read(body: &Body) -> Response {
    let json = body.json();
    let text = |json: Option<Json<'_>>| {
        let text = json.and_then(|json| body.text(json));
        text.filter(|text| !text.is_empty())
    };
    let message = json.get("message");
    let [content, thinking, calls] = message.map_or([None; 3], |message| {
        message.members(["content", "thinking", "tool_calls"])
    });
    let mut blocks = Vec::new();
    blocks.extend(text(thinking).map(|text| {
        Block::new(Content::Thinking {
            text,
            signature: None,
        })
    }));
    blocks.extend(text(content).map(Block::text));
    let calls = calls.map(Json::items).into_iter().flatten();
    let before = blocks.len();
    blocks.extend(calls.map(|call| {
        let [id, function] = call.members(["id", "function"]);
        let name = function.and_then(|function| function.get("name"));
        Block::new(Content::ToolCall(ToolCall {
            // Older versions give none.
            id: text(id).unwrap_or_default(),
            name: text(name).unwrap_or_default(),
            arguments: match arguments(function) {
                Some(json) => body.raw(json).into_text(),
                None => Text::default(),
            },
            kind: CallKind::Function,
        }))
    }));
    let has_calls = blocks.len() > before;
    let reason = json.get("done_reason").and_then(Json::as_str);
    let choice = Choice {
        content: blocks,
        stop: stop_reason(reason.as_deref(), has_calls),
        stop_sequence: None,
    };
    Response {
        model: text(json.get("model")).unwrap_or_default(),
        choices: vec![choice],
        usage: usage(json),
    }
}

/// The object itself, not a string that holds it.
pub(super) fn arguments(function: Option<Json<'_>>) -> Option<Json<'_>> {
    let arguments = function?.get("arguments")?;
    (arguments.kind() == Kind::Object).then_some(arguments)
}

/// Nothing before the end. A count that is zero is left out.
pub(super) fn usage(json: Json<'_>) -> Option<Usage> {
    let [input, output] = json.members(["prompt_eval_count", "eval_count"]);
    input.or(output)?;
    let count = |json: Option<Json<'_>>| json.map_or(Some(0), Json::as_u64);
    Some(Usage {
        input_tokens: count(input),
        output_tokens: count(output),
        ..Usage::default()
    })
}

/// Calls are no reason of their own here.
pub(super) fn stop_reason(name: Option<&str>, has_calls: bool) -> StopReason {
    match name {
        Some("length") => StopReason::MaxTokens,
        _ if has_calls => StopReason::ToolUse,
        _ => StopReason::EndOfTurn,
    }
}
