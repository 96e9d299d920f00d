//! Neutral messages as the `messages` of a Chat Completions request.
//!
//! Tool results leave their user message and become `tool` messages right after the
//! calls. What such a message cannot hold (images) stays with the user, who speaks after
//! all of them.

use std::borrow::Cow;

use crate::after_calls::{self, Step};
use crate::custom;
use crate::dialect::Dialect;
use crate::extras;
use crate::gemini::BYPASS;
use crate::json::JsonWriter;
use crate::neutral::{Block, CallKind, Content, Extra, Message, Role, ToolCall, ToolResult};
use crate::openai_chat::context::Context;
use crate::openai_chat::write_parts::{PLACE, content};
use crate::openai_chat::write_tools::NAMES;
use crate::openai_chat::{details, thinking};
use crate::target::ThinkingWords;
use crate::text::Text;

pub(super) fn write(context: &mut Context<'_>, w: &mut JsonWriter<'_>) {
    let own = context.same_dialect();
    let steps = after_calls::steps(&context.request.messages, own, &mut context.losses);
    w.array(|w| {
        for step in steps {
            match step {
                Step::Result(message, block, result) => {
                    tool_result(context, message, block, result, w);
                }
                Step::Rest(message) => match message.role {
                    Role::System | Role::Developer => system(context, message, w),
                    Role::User => user(context, message, w),
                    Role::Assistant => assistant(context, message, w),
                },
            }
        }
    });
}

fn system(context: &mut Context<'_>, message: &Message, w: &mut JsonWriter<'_>) {
    let role = match message.role {
        Role::Developer if !context.target.no_developer_role => "developer",
        _ => "system",
    };
    let blocks = message.content.iter();
    let blocks: Vec<&Block> = blocks
        .filter(|block| !extras::is_billing_header(block))
        .collect();
    if blocks.len() < message.content.len() {
        let reason = "the client's billing header is not for this upstream";
        context.losses.note("system", reason);
        if blocks.is_empty() {
            return;
        }
    }
    w.object(|w| {
        w.field_str("role", role);
        w.key("content");
        content(context, &blocks, context.joint("\n\n"), w);
        context.extras(&message.extras, PLACE, w);
    });
}

fn user(context: &mut Context<'_>, message: &Message, w: &mut JsonWriter<'_>) {
    let mut rest: Vec<&Block> = Vec::new();
    let mut moved: Vec<&Block> = Vec::new();
    for block in &message.content {
        let Content::ToolResult(result) = &block.content else {
            rest.push(block);
            continue;
        };
        let blocks = result.content.iter();
        moved.extend(blocks.filter(|block| !context.fits_tool_message(block)));
    }
    if !moved.is_empty() {
        let reason = "images moved to the user message after it";
        context.losses.note("messages.content.tool_result", reason);
    }
    moved.extend(rest);
    if moved.is_empty() {
        return;
    }
    w.object(|w| {
        w.field_str("role", "user");
        w.key("content");
        content(context, &moved, None, w);
        context.extras(&message.extras, PLACE, w);
    });
}

fn tool_result(
    context: &mut Context<'_>,
    message: &Message,
    block: &Block,
    result: &ToolResult,
    w: &mut JsonWriter<'_>,
) {
    let blocks = result.content.iter();
    let blocks: Vec<&Block> = blocks
        .filter(|block| context.fits_tool_message(block))
        .collect();
    if result.is_error {
        let reason = "only the text says that the tool failed";
        context.losses.note("messages.content.is_error", reason);
    }
    w.object(|w| {
        w.field_str("role", "tool");
        w.field_str("tool_call_id", &context.call_id(&result.call_id));
        w.key("content");
        content(context, &blocks, context.joint("\n"), w);
        context.cache(block.cache, w);
        context.extras(&block.extras, PLACE, w);
        if context.same_dialect() {
            // There a tool message holds one result, so its fields are the result's.
            context.extras(&message.extras, PLACE, w);
        }
    });
}

fn assistant(context: &mut Context<'_>, message: &Message, w: &mut JsonWriter<'_>) {
    let mut said: Vec<&Block> = Vec::new();
    let mut calls: Vec<(&Block, Option<&str>)> = Vec::new();
    // Gemini's signature of the call that comes next.
    let mut proof: Option<&str> = None;
    let mut refusal: Vec<&Text> = Vec::new();
    for block in &message.content {
        match &block.content {
            Content::ToolCall(_) => calls.push((block, proof.take())),
            Content::Foreign { .. } if context.same_dialect() => calls.push((block, None)),
            Content::Foreign { kind, .. } => {
                let field = format!("{PLACE}.content.{}", kind.as_str());
                let reason = "the trace of a tool that only its own provider runs";
                context.losses.note(field, reason);
            }
            Content::Refusal(text) if !text.is_empty() => refusal.push(text),
            Content::Refusal(_) => {}
            Content::Thinking { signature, .. } => {
                let signature = signature.as_ref();
                proof = signature.and_then(|signature| signature.readable_by(Dialect::Gemini));
            }
            Content::RedactedThinking { .. } => {}
            _ => {
                proof = None;
                said.push(block);
            }
        }
    }
    let traces = message.content.iter();
    let only_traces = traces
        .filter(|block| matches!(block.content, Content::Foreign { .. }))
        .count()
        == message.content.len();
    if only_traces && !message.content.is_empty() && !context.same_dialect() {
        return;
    }
    w.object(|w| {
        w.field_str("role", "assistant");
        w.key("content");
        match said.is_empty() {
            true if calls.is_empty() && refusal.is_empty() => w.string(""),
            true => w.raw("null"),
            false if context.same_dialect() => content(context, &said, context.joint(""), w),
            // Blocks may part in the middle of a word, so they are joined as they are.
            false => content(context, &said, Some(""), w),
        }
        if !refusal.is_empty() {
            w.key("refusal");
            w.joined(&refusal, "");
        }
        if !calls.is_empty() {
            w.field_array("tool_calls", |w| {
                for (index, (block, proof)) in calls.iter().enumerate() {
                    // Only the first of parallel calls is signed.
                    let bypass = (index == 0).then_some(BYPASS);
                    let takes = context.target.google_signatures && !context.same_dialect();
                    let proof = proof.or(bypass).filter(|_| takes);
                    tool_call(context, block, proof, w);
                }
            });
        }
        earlier_thinking(context, message, w);
        let fields = fields(context, message);
        context.extras(&fields, PLACE, w);
    });
}

fn tool_call(
    context: &mut Context<'_>,
    block: &Block,
    proof: Option<&str>,
    w: &mut JsonWriter<'_>,
) {
    let call @ ToolCall { id, name, .. } = match &block.content {
        Content::ToolCall(call) => call,
        Content::Foreign { raw, .. } => return w.raw(raw.as_str()),
        _ => return,
    };
    w.object(|w| {
        w.field_str("id", &context.call_id(id));
        if call.kind == CallKind::Custom && context.takes_custom() {
            w.field_str("type", "custom");
            w.field_object("custom", |w| {
                w.field_str("name", &NAMES.fit(name));
                w.field_text("input", &call.arguments);
            });
            context.cache(block.cache, w);
            return context.extras(&block.extras, PLACE, w);
        }
        w.field_str("type", "function");
        w.field_object("function", |w| {
            w.field_str("name", &NAMES.fit(name));
            match call.kind {
                _ if call.arguments.is_empty() => w.field_str("arguments", "{}"),
                CallKind::Function => w.field_text("arguments", &call.arguments),
                CallKind::Custom => w.field_str("arguments", &custom::arguments(call)),
            }
        });
        if let Some(proof) = proof {
            w.field_object("extra_content", |w| {
                w.field_object("google", |w| w.field_str("thought_signature", proof));
            });
        }
        context.cache(block.cache, w);
        context.extras(&block.extras, PLACE, w);
    });
}

/// The fields of a message, without those that hold thinking which this upstream refuses.
fn fields<'r>(context: &mut Context<'_>, message: &'r Message) -> Cow<'r, [Extra]> {
    let extras = message.extras.as_slice();
    if !context.same_dialect() {
        return Cow::Borrowed(extras);
    }
    let mut blocks = extras
        .iter()
        .filter(|extra| extra.key == *"thinking_blocks");
    let blocks = blocks.next().map(|extra| extra.value.as_str());
    let refuses = |extra: &Extra| thinking::refuses(&extra.key, blocks, context.target);
    if !extras.iter().any(|extra| refuses(extra).is_some()) {
        return Cow::Borrowed(extras);
    }
    let mut kept = Vec::new();
    let mut losses = Vec::new();
    for extra in extras {
        match refuses(extra) {
            None => kept.push(extra.clone()),
            Some(reason) => losses.push((format!("{PLACE}.{}", extra.key.as_str()), reason)),
        }
    }
    for (field, reason) in losses {
        context.losses.note(field, reason);
    }
    Cow::Owned(kept)
}

/// Earlier thinking goes back only to upstreams that ask for it; in the caller's
/// own dialect it is among the message's fields.
fn earlier_thinking(context: &mut Context<'_>, message: &Message, w: &mut JsonWriter<'_>) {
    if context.same_dialect() {
        return;
    }
    let mut texts: Vec<&Text> = Vec::new();
    let mut signed: Vec<&str> = Vec::new();
    let mut missed = false;
    for block in &message.content {
        if let Content::Thinking { signature, .. } = &block.content {
            let signature = signature.as_ref();
            signed.extend(signature.and_then(|it| it.readable_by(Dialect::OpenaiChat)));
        }
        match &block.content {
            Content::Thinking { text, .. } if !text.is_empty() => {
                texts.push(text);
                missed |= context.request.misses(&block.content);
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
    if !signed.is_empty() && context.target.thinking_words == ThinkingWords::Object {
        w.field_array("reasoning_details", |w| {
            for carried in signed {
                details::write(carried, w);
            }
        });
    }
    match context.target.reasoning_field {
        _ if texts.is_empty() => {}
        Some(field) => {
            w.key(field);
            w.joined(&texts, "");
        }
        None if !missed => {}
        None => {
            let reason = "the upstream takes no earlier thinking";
            context.losses.note("messages.content.thinking", reason);
        }
    }
}
