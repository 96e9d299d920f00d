//! An Anthropic answer into the neutral form.

use crate::anthropic::{read_messages, usage};
use crate::body::Body;
use crate::error::ErrorInfo;
use crate::json::Json;
use crate::neutral::{Block, Choice, Content, Response, StopReason};
use crate::path::Path;
use crate::read::Read;
use crate::text::Text;

pub(super) fn read(body: &Body) -> Result<Response, ErrorInfo> {
    let read = Read::new(body);
    let json = read.body();
    let text = |key| json.get(key).and_then(Json::as_str);
    let content = json.get("content").map(|content| {
        read_messages::content(read, content, &Path::Top("content"))
            .map_err(|_| ErrorInfo::upstream("The upstream's answer could not be read."))
    });
    let content = content.transpose()?.unwrap_or_default();
    let is_call = |block: &Block| matches!(block.content, Content::ToolCall(_));
    let choice = Choice {
        stop: stop_reason(text("stop_reason").as_deref(), content.iter().any(is_call)),
        content,
        stop_sequence: text("stop_sequence").map(|stop| Text::from(&*stop)),
    };
    Ok(Response {
        model: Text::from(&*text("model").unwrap_or_default()),
        choices: vec![choice],
        usage: usage::of_answer(json),
    })
}

/// Calls make the end a `ToolUse` even where an imitator says that the turn has ended,
/// because the caller has to run them.
pub(super) fn stop_reason(name: Option<&str>, calls: bool) -> StopReason {
    match name {
        Some("stop_sequence") => StopReason::StopSequence,
        Some("max_tokens") => StopReason::MaxTokens,
        Some("model_context_window_exceeded") => StopReason::ContextWindow,
        Some("tool_use") => StopReason::ToolUse,
        Some("refusal") => StopReason::Refusal,
        Some("pause_turn") => StopReason::Pause,
        _ if calls => StopReason::ToolUse,
        _ => StopReason::EndOfTurn,
    }
}

pub(super) fn stop_name(stop: StopReason) -> &'static str {
    match stop {
        StopReason::EndOfTurn => "end_turn",
        StopReason::StopSequence => "stop_sequence",
        StopReason::MaxTokens => "max_tokens",
        StopReason::ContextWindow => "model_context_window_exceeded",
        StopReason::ToolUse => "tool_use",
        StopReason::Refusal => "refusal",
        StopReason::Pause => "pause_turn",
    }
}
