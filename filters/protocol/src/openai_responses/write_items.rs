//! Blocks that are items of their own beside the messages: tool calls, their results,
//! reasoning, and what only this dialect knows.

use crate::dialect::Dialect;
use crate::json::JsonWriter;
use crate::neutral::{Block, CallKind, Content, NAME_THERE, NAMESPACE, ToolCall, ToolResult};
use crate::openai_responses::context::{Context, PLACE};
use crate::openai_responses::reasoning;
use crate::openai_responses::write_parts::part;
use crate::openai_responses::write_tools::{IDS, NAMES};

/// What is an item by itself.
pub(super) fn alone(
    context: &mut Context<'_>,
    block: &Block,
    followed: bool,
    w: &mut JsonWriter<'_>,
) {
    match &block.content {
        Content::ToolCall(call) => w.object(|w| tool_call(context, block, call, w)),
        Content::Foreign { raw, .. } if context.same_dialect() => w.raw(raw.as_str()),
        Content::Foreign { kind, .. } => {
            let field = format!("{PLACE}.content.{}", kind.as_str());
            let reason = "the trace of a tool that only its own provider runs";
            context.losses.note(field, reason);
        }
        Content::Thinking { .. } | Content::RedactedThinking { .. } if context.same_dialect() => {
            w.object(|w| own_reasoning(context, block, w));
        }
        Content::Thinking { text, signature } => {
            let own = signature.as_ref();
            let own = own.and_then(|own| own.readable_by(Dialect::OpenaiResponses));
            match own {
                // The provider refuses reasoning that led to nothing.
                Some(data) if followed => w.object(|w| reasoning::write_signed(text, data, w)),
                _ if !context.request.misses(&block.content) => {}
                _ => context.losses.note(
                    "messages.thinking",
                    "only thinking that the provider signed itself can be sent back",
                ),
            }
        }
        Content::RedactedThinking { .. } => {
            let reason = "only its own provider can read it";
            context
                .losses
                .note("messages.content.redacted_thinking", reason);
        }
        _ => {}
    }
}

fn own_reasoning(context: &mut Context<'_>, block: &Block, w: &mut JsonWriter<'_>) {
    w.field_str("type", "reasoning");
    context.extras(block, w);
    match &block.content {
        Content::Thinking {
            signature: Some(signature),
            ..
        } => match signature.by {
            Dialect::OpenaiResponses => {
                let data = signature.data.as_str();
                let (_, encrypted) = data.split_once('.').unwrap_or(("", data));
                w.field_str("encrypted_content", encrypted);
            }
            by => w.field_str("encrypted_content", &reasoning::shown(by, &signature.data)),
        },
        Content::RedactedThinking { data } => {
            w.field_str("encrypted_content", &reasoning::shown_redacted(data));
        }
        _ => {}
    }
}

fn tool_call(context: &mut Context<'_>, block: &Block, call: &ToolCall, w: &mut JsonWriter<'_>) {
    let own = |key: &str| block.extras.iter().find(|extra| extra.key == *key);
    let (kind, key) = match call.kind {
        CallKind::Function => ("function_call", "arguments"),
        CallKind::Custom => ("custom_tool_call", "input"),
    };
    w.field_str("type", kind);
    w.field_str("call_id", &IDS.fit(&call.id));
    match own(NAME_THERE).filter(|_| own(NAMESPACE).is_some()) {
        Some(name) => w.field_raw("name", name.value.as_str()),
        None => w.field_str("name", &NAMES.fit(&call.name)),
    }
    match (call.kind, call.arguments.is_empty()) {
        (CallKind::Function, true) => w.field_str(key, "{}"),
        _ => w.field_text(key, &call.arguments),
    }
    context.extras(block, w);
}

pub(super) fn tool_result(
    context: &mut Context<'_>,
    block: &Block,
    result: &ToolResult,
    w: &mut JsonWriter<'_>,
) {
    if result.is_error {
        let reason = "only the text says that the tool failed";
        context.losses.note("messages.content.is_error", reason);
    }
    w.object(|w| {
        if !context.same_dialect() {
            let custom = context.custom.contains(result.call_id.as_str());
            w.field_str(
                "type",
                if custom {
                    "custom_tool_call_output"
                } else {
                    "function_call_output"
                },
            );
        }
        w.field_str("call_id", &IDS.fit(&result.call_id));
        w.key("output");
        match result.content.as_slice() {
            [] => w.string(""),
            [only] if only.extras.is_empty() => match &only.content {
                Content::Text(text) => w.text(text),
                _ => w.array(|w| part(context, "user", only, w)),
            },
            blocks => w.array(|w| {
                for block in blocks {
                    part(context, "user", block, w);
                }
            }),
        }
        context.extras(block, w);
    });
}
