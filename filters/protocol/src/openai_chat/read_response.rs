//! A Chat Completions answer into the neutral form.

use crate::body::Body;
use crate::error::ErrorInfo;
use crate::json::Json;
use crate::neutral::{Choice, Content, Response, StopReason};
use crate::openai_chat::{read_messages, usage};
use crate::path::Path;
use crate::read::Read;

pub(super) fn read(body: &Body) -> Result<Response, ErrorInfo> {
    let read = Read::new(body);
    let json = read.body();
    let at = Path::Top("choices");
    let choices = json.get("choices").map(Json::items).into_iter().flatten();
    let choices = choices.enumerate().map(|(index, choice)| {
        let message = choice.get("message").unwrap_or(choice);
        let message = read_messages::assistant(read, message, &at.index(index))
            .map_err(|_| ErrorInfo::upstream("The upstream's answer could not be read."))?;
        let calls = message
            .content
            .iter()
            .any(|block| matches!(block.content, Content::ToolCall(_)));
        let reason = choice.get("finish_reason").and_then(Json::as_str);
        Ok(Choice {
            content: message.content,
            stop: stop_reason(reason.as_deref(), calls),
            stop_sequence: None,
        })
    });
    let choices: Vec<Choice> = choices.collect::<Result<_, ErrorInfo>>()?;
    if choices.is_empty() {
        return Err(ErrorInfo::upstream(
            "The upstream's answer holds no choice.",
        ));
    }
    let model = json.get("model").and_then(Json::as_str).unwrap_or_default();
    Ok(Response {
        model: model.into_owned().into(),
        choices,
        usage: usage::of_answer(json),
    })
}

/// Unknown and missing reasons are plain ends; calls make the end a `ToolUse`
/// whatever the provider says, because the caller has to run them.
pub(super) fn stop_reason(name: Option<&str>, calls: bool) -> StopReason {
    match name {
        Some("length") => StopReason::MaxTokens,
        Some("content_filter") => StopReason::Refusal,
        Some("tool_calls" | "function_call") => StopReason::ToolUse,
        _ if calls => StopReason::ToolUse,
        _ => StopReason::EndOfTurn,
    }
}

pub(super) fn finish_reason(stop: StopReason) -> &'static str {
    match stop {
        StopReason::EndOfTurn | StopReason::StopSequence | StopReason::Pause => "stop",
        StopReason::MaxTokens | StopReason::ContextWindow => "length",
        StopReason::ToolUse => "tool_calls",
        StopReason::Refusal => "content_filter",
    }
}
