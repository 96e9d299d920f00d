//! A Cohere answer into the neutral form.

use super::usage;
use crate::body::Body;
use crate::error::{ErrorInfo, ErrorKind};
use crate::json::Json;
use crate::neutral::{Block, CallKind, Choice, Content, Response, StopReason, ToolCall};
use crate::text::Text;

pub(super) fn read(body: &Body) -> Result<Response, ErrorInfo> {
    let json = body.json();
    let reason = json.get("finish_reason").and_then(Json::as_str);
    if let Some(error) = failure(reason.as_deref(), json.get("error")) {
        return Err(error);
    }
    let mut content = Vec::new();
    if let Some(message) = json.get("message") {
        let [parts, plan, calls] = message.members(["content", "tool_plan", "tool_calls"]);
        let parts = parts.map(Json::items).into_iter().flatten();
        content.extend(parts.filter_map(|part| self::part(body, part)));
        let plan = plan.and_then(|plan| body.text(plan));
        content.extend(plan.filter(|plan| !plan.is_empty()).map(Block::text));
        let calls = calls.map(Json::items).into_iter().flatten();
        content.extend(calls.map(|call| tool_call(body, call)));
    }
    let choice = Choice {
        content,
        stop: stop_reason(reason.as_deref()),
        stop_sequence: None,
    };
    Ok(Response {
        // The model is in the request and nowhere else.
        model: Text::default(),
        choices: vec![choice],
        usage: usage::of_holder(json),
    })
}

fn part(body: &Body, part: Json<'_>) -> Option<Block> {
    let text = |key| part.get(key).and_then(|json| body.text(json));
    Some(Block::new(match text("text") {
        Some(text) => Content::Text(text),
        None => Content::Thinking {
            text: text("thinking")?,
            signature: None,
        },
    }))
}

fn tool_call(body: &Body, call: Json<'_>) -> Block {
    let text = |json: Option<Json<'_>>, key| {
        let text = json.and_then(|json| body.text(json.get(key)?));
        text.unwrap_or_default()
    };
    let function = call.get("function");
    Block::new(Content::ToolCall(ToolCall {
        id: text(Some(call), "id"),
        name: text(function, "name"),
        arguments: text(function, "arguments"),
        kind: CallKind::Function,
    }))
}

pub(super) fn stop_reason(name: Option<&str>) -> StopReason {
    match name {
        Some("STOP_SEQUENCE") => StopReason::StopSequence,
        Some("MAX_TOKENS") => StopReason::MaxTokens,
        Some("TOOL_CALL") => StopReason::ToolUse,
        _ => StopReason::EndOfTurn,
    }
}

/// Reasons to finish that are errors.
/// What went wrong with an answer that ended so, in the provider's words where it has any.
pub(super) fn failure(name: Option<&str>, said: Option<Json<'_>>) -> Option<ErrorInfo> {
    let (kind, message) = match name {
        Some("ERROR") => (
            ErrorKind::Upstream,
            "The upstream provider failed without saying why.",
        ),
        Some("TIMEOUT") => (
            ErrorKind::Timeout,
            "The upstream provider did not answer in time.",
        ),
        _ => return None,
    };
    let said = said.and_then(Json::as_str).filter(|said| !said.is_empty());
    Some(match said {
        Some(said) => ErrorInfo::new(kind, said.into_owned()),
        None => ErrorInfo::new(kind, message),
    })
}
