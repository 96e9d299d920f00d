//! A Converse answer into the neutral form.

use super::{formats, usage};
use crate::base64;
use crate::body::Body;
use crate::dialect::Dialect;
use crate::error::ErrorInfo;
use crate::json::Json;
use crate::neutral::{
    Block, CallKind, Choice, Content, Image, Response, Signature, Source, StopReason, ToolCall,
};
use crate::text::Text;

pub(super) fn read(body: &Body) -> Result<Response, ErrorInfo> {
    let json = body.json();
    let message = json.get("output").and_then(|output| output.get("message"));
    let content = message.and_then(|message| message.get("content"));
    let blocks = content.map(Json::items).into_iter().flatten();
    let reason = json.get("stopReason").and_then(Json::as_str);
    let mut content: Vec<Block> = blocks.filter_map(|json| block(body, json)).collect();
    let is_thought = |block: &Block| {
        matches!(
            block.content,
            Content::Thinking { .. } | Content::RedactedThinking { .. }
        )
    };
    if content.iter().all(is_thought)
        && let Some(note) = reason.as_deref().and_then(note)
    {
        content.push(Block::text(note));
    }
    let calls = content
        .iter()
        .any(|block| matches!(block.content, Content::ToolCall(_)));
    let choice = Choice {
        stop: stop_reason(reason.as_deref(), calls),
        content,
        stop_sequence: stop_sequence(json).as_deref().map(Text::from),
    };
    Ok(Response {
        // The model is in the path of the request and nowhere else.
        model: Text::default(),
        choices: vec![choice],
        usage: usage::of_holder(json),
    })
}

/// A block is an object with one member, which says what it is. Nothing for what
/// nobody else understands, such as the provider's own tools.
fn block(body: &Body, json: Json<'_>) -> Option<Block> {
    let (kind, inner) = json.entries().next()?;
    let text = |json: Json<'_>, key| json.get(key).and_then(|json| body.text(json));
    let content = match &*kind {
        "text" => Content::Text(body.text(inner)?),
        "citationsContent" => Content::Text(cited(inner).into()),
        "reasoningContent" => match inner.get("reasoningText") {
            Some(told) => Content::Thinking {
                text: text(told, "text").unwrap_or_default(),
                signature: text(told, "signature")
                    .filter(|signature| !signature.is_empty())
                    .map(signature),
            },
            None => {
                let sealed = inner.get("redactedContent")?.as_str()?;
                let data = redacted(&base64::decode(&sealed)?)?;
                Content::RedactedThinking { data: data.into() }
            }
        },
        "toolUse" if !is_hosted(inner) => Content::ToolCall(ToolCall {
            id: text(inner, "toolUseId").unwrap_or_default(),
            name: text(inner, "name").unwrap_or_default(),
            arguments: match inner.get("input").and_then(Json::non_null) {
                Some(input) => body.raw(input).into_text(),
                None => Text::default(),
            },
            kind: CallKind::Function,
        }),
        "image" => Content::Image(Image {
            source: Source::Base64 {
                media_type: Text::from_static(formats::media_type_of_image(
                    &inner.get("format")?.as_str()?,
                )),
                data: text(inner.get("source")?, "bytes")?,
            },
        }),
        _ => return None,
    };
    Some(Block::new(content))
}

/// The text of a block that says where it has it from.
fn cited(block: Json<'_>) -> String {
    let pieces = block.get("content").map(Json::items).into_iter().flatten();
    pieces
        .filter_map(|piece| piece.get("text")?.as_str())
        .collect()
}

/// Whether the provider runs the tool itself; its result is in the text that follows.
pub(super) fn is_hosted(tool_use: Json<'_>) -> bool {
    let kind = tool_use.get("type").and_then(Json::as_str);
    kind.as_deref() == Some("server_tool_use")
}

/// Models that sign their thinking here are Anthropic's, and sign as they do
/// everywhere: what one platform signed, the others read.
fn signature(data: Text) -> Signature {
    Signature {
        by: Dialect::Anthropic,
        data,
    }
}

/// Converse wraps what Anthropic's own API gives as text once more in base64.
pub(super) fn redacted(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

/// Calls make the end a `ToolUse` whatever the model says.
pub(super) fn stop_reason(name: Option<&str>, calls: bool) -> StopReason {
    match name {
        Some("tool_use") => StopReason::ToolUse,
        Some("max_tokens") => StopReason::MaxTokens,
        Some("stop_sequence") => StopReason::StopSequence,
        Some("model_context_window_exceeded") => StopReason::ContextWindow,
        Some("guardrail_intervened" | "content_filtered") => StopReason::Refusal,
        _ if calls => StopReason::ToolUse,
        _ => StopReason::EndOfTurn,
    }
}

/// What is said where the model tried to answer or to call something and failed, so that
/// an answer without content does not pass for a success.
pub(super) fn note(reason: &str) -> Option<String> {
    matches!(reason, "malformed_model_output" | "malformed_tool_use")
        .then(|| format!("The model ended its answer early: {reason}."))
}

/// Told by models that were asked to (`additionalModelResponseFieldPaths`).
pub(super) fn stop_sequence(holder: Json<'_>) -> Option<std::borrow::Cow<'_, str>> {
    let fields = holder.get("additionalModelResponseFields")?;
    fields.get("stop_sequence")?.as_str()
}
