//! A generateContent answer into the neutral form.

use crate::body::Body;
use crate::error::ErrorInfo;
use crate::gemini::fields::{elements, member, text};
use crate::gemini::{read_parts, usage};
use crate::json::{Json, Kind};
use crate::neutral::{Block, Choice, Content, Response, StopReason};
use crate::path::Path;
use crate::read::Read;

/// An answer has candidates, or says why it has none.
pub(super) fn is_answer(answer: Json<'_>) -> bool {
    let is = |key, kind| member(answer, key).is_some_and(|value| value.kind() == kind);
    is("candidates", Kind::Array)
        || is("promptFeedback", Kind::Object)
        || is("usageMetadata", Kind::Object)
}

pub(super) fn read(body: &Body) -> Result<Response, ErrorInfo> {
    let read = Read::new(body);
    let json = read.body();
    let candidates = member(json, "candidates").and_then(elements);
    let at = Path::Top("candidates");
    let mut choices = Vec::new();
    for (index, candidate) in candidates.unwrap_or_default().into_iter().enumerate() {
        let content = match member(candidate, "content") {
            Some(content) => read_parts::content(read, content, &at.index(index))
                .map_err(|_| ErrorInfo::upstream("The upstream's answer could not be read."))?,
            None => Vec::new(),
        };
        choices.push(choice(candidate, content));
    }
    if choices.is_empty() {
        choices.push(match blocked(json) {
            Some(reason) => Choice {
                content: vec![Block::new(Content::Refusal(reason.into()))],
                stop: StopReason::Refusal,
                stop_sequence: None,
            },
            None => Choice::default(),
        });
    }
    Ok(Response {
        model: text(json, "modelVersion")
            .unwrap_or_default()
            .into_owned()
            .into(),
        choices,
        usage: usage::of_answer(json),
    })
}

fn choice(candidate: Json<'_>, mut content: Vec<Block>) -> Choice {
    let called = |block: &Block| matches!(block.content, Content::ToolCall(_));
    let said = |block: &Block| match &block.content {
        Content::Text(text) => !text.is_empty(),
        Content::Image(_) | Content::Audio(_) | Content::Video(_) => true,
        _ => called(block),
    };
    let reason = text(candidate, "finishReason").unwrap_or_default();
    if !content.iter().any(said)
        && let Some(note) = note(&reason, candidate)
    {
        content.push(Block::text(note));
    }
    Choice {
        stop: stop_reason(&reason, content.iter().any(called)),
        content,
        stop_sequence: None,
    }
}

/// Why a prompt was not answered at all.
pub(super) fn blocked(answer: Json<'_>) -> Option<String> {
    let reason = text(member(answer, "promptFeedback")?, "blockReason")?;
    Some(format!("The provider blocked the prompt: {reason}."))
}

/// Calls make the end a `ToolUse` whatever the provider says, because the caller has
/// to run them. Unknown reasons are plain ends.
pub(super) fn stop_reason(name: &str, calls: bool) -> StopReason {
    match name {
        "MAX_TOKENS" => StopReason::MaxTokens,
        "SAFETY"
        | "RECITATION"
        | "LANGUAGE"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "MODEL_ARMOR"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION" => StopReason::Refusal,
        _ if calls => StopReason::ToolUse,
        _ => StopReason::EndOfTurn,
    }
}

/// What is said where the model tried to call something and failed, so that an answer
/// without content does not pass for a success.
pub(super) fn note(reason: &str, candidate: Json<'_>) -> Option<String> {
    const FAILED: [&str; 5] = [
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
        "MALFORMED_RESPONSE",
    ];
    if !FAILED.contains(&reason) {
        return None;
    }
    let told = text(candidate, "finishMessage").filter(|told| !told.is_empty());
    Some(match told {
        Some(told) => told.into_owned(),
        None => format!("The model ended its answer early: {reason}."),
    })
}

pub(super) fn finish_reason(stop: StopReason) -> &'static str {
    match stop {
        StopReason::EndOfTurn
        | StopReason::StopSequence
        | StopReason::ToolUse
        | StopReason::Pause => "STOP",
        StopReason::MaxTokens | StopReason::ContextWindow => "MAX_TOKENS",
        StopReason::Refusal => "SAFETY",
    }
}
